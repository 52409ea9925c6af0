//! Planned cables against what is seen in an area.
//!
//! An inventory never brings a cable up. Where something is seen at a port it is believed, and a difference is a finding;
//! where both ends were asked and nothing shows the cable that is one too. Only a cable of which one end at least was not
//! asked enters the twin, as planned.

use std::collections::{BTreeMap, BTreeSet};

use super::claim::{Body, Finding, PortId};
use super::ground::Ground;
use super::inventory::is_asked;
use super::medium::Media;

/// What is seen next to the ports of an area.
pub(super) type Seen = BTreeMap<PortId, BTreeSet<PortId>>;

/// Takes the planned cables of an area into its media.
pub(super) fn join(ground: &Ground, ports: &[PortId], seen: &Seen, media: &mut Media) {
    let observed = media.cables.clone();
    for &port in ports {
        for placed in ground.claims_of(port) {
            if placed.claim.body == Body::Planned && placed.ends.0 == port {
                compare(ground, placed.ends, seen, media);
            }
        }
    }
    for (a, b) in observed {
        let is_wired = |port: PortId| ground.inventory.is_wired(ground.ports[port].node);
        if is_wired(a) && is_wired(b) && plans(ground, a).is_empty() && plans(ground, b).is_empty() {
            let why = format!("it is cabled to {}, which is in no inventory", ground.name(b));
            media.findings.push(finding(ground, "inventory-missing-cable", a, why));
        }
    }
}

/// The far ends of the cables that are planned at a port.
pub(super) fn plans(ground: &Ground, port: PortId) -> BTreeSet<PortId> {
    let planned = ground.claims_of(port).filter(|c| c.claim.body == Body::Planned);
    planned.map(|c| if c.ends.0 == port { c.ends.1 } else { c.ends.0 }).collect()
}

fn compare(ground: &Ground, (a, b): (PortId, PortId), seen: &Seen, media: &mut Media) {
    let nobody = BTreeSet::new();
    let peers = |port: PortId| seen.get(&port).unwrap_or(&nobody);
    let ends = if ground.order(a, b).is_le() { (a, b) } else { (b, a) };
    if peers(a).contains(&b) || peers(b).contains(&a) || media.cables.contains(&ends) {
        return;
    }
    let was_asked = |port: PortId| ground.device_of(port).is_some_and(|d| is_asked(d));
    let mut is_seen = false;
    for (near, far) in [(a, b), (b, a)] {
        let there = peers(near);
        is_seen |= !there.is_empty();
        // A neighbour whose port nothing names may be on the planned one.
        let may_be =
            |peer: &PortId| !ground.is_own(*peer) && ground.ports[*peer].node == ground.ports[far].node;
        if !there.is_empty() && was_asked(near) && !there.iter().any(may_be) {
            let mut names: Vec<_> = there.iter().map(|p| ground.name(*p)).collect();
            names.sort();
            let why = format!("an inventory has {} there, seen is {}", ground.name(far), names.join(", "));
            media.findings.push(finding(ground, "inventory-other-neighbour", near, why));
        }
    }
    match (is_seen, was_asked(a) && was_asked(b)) {
        (true, _) => {}
        (false, true) => {
            let dark =
                [a, b].iter().any(|p| ground.interface(*p).is_some_and(|i| i.link.carrier == Some(false)));
            let dark = if dark { "; the line is down" } else { "" };
            let why = format!("an inventory has a cable to {}, which nothing shows{dark}", ground.name(b));
            media.findings.push(finding(ground, "inventory-cable-not-seen", a, why));
        }
        (false, false) => {
            media.cables.push(ends);
            media.externals.extend([a, b].into_iter().filter(|p| !ground.is_own(*p)));
        }
    }
}

fn finding(ground: &Ground, code: &str, port: PortId, why: String) -> Finding {
    let of = &ground.ports[port];
    Finding::new(code, ground.node_name(of.node), &of.name, why)
}
