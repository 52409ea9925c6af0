//! LLDP and CDP: who hears whom.

use twin::NodeKind;

use super::claim::{Body, Claim, End, Finding, NodeId};
use super::device::Device;
use super::directory::{Asked, Directory, Match};
use super::resolve::Resolved;
use crate::observation::{Chassis, LldpNeighbor, Source};

/// Every neighbour whose sender is known, or who is beyond the boundary, as a claim; the others as findings.
pub(super) fn claims(directory: &Directory, node: NodeId, device: &Device, out: &mut Resolved) {
    for heard in &device.heard {
        let neighbor = &heard.what;
        let asked = Asked::of(neighbor);
        // Of several candidates the tables of all decide.
        out.about.extend(asked.keys().flat_map(|k| directory.owners(k)));
        out.ask(asked.keys());
        let (from, how) = match directory.sender(&asked) {
            Match::Found((peer, port), how) => {
                out.about.push(peer);
                (End::known(peer, port), how.into_owned())
            }
            Match::Unknown(why) => (external(neighbor), why),
            Match::Ambiguous(why) => {
                out.findings.push(Finding::new("ambiguous-neighbour", &device.name, &neighbor.on, why));
                continue;
            }
            Match::NoPort(why) => {
                out.unmatched(&device.name, &neighbor.on, &why);
                continue;
            }
        };
        let to = End::known(node, device.cable_port(&neighbor.on));
        if from == to {
            out.unmatched(&device.name, &neighbor.on, "it hears its own frames");
            continue;
        }
        let body = Body::Heard {
            chassis: neighbor.chassis.id.clone(),
            name: neighbor.chassis.name.clone(),
            role: role(&neighbor.chassis),
            bridge: neighbor.chassis.bridge,
            named: neighbor.port.kind == "ifname" || heard.source == Source::Cdp,
        };
        out.claim(Claim { from, to, source: heard.source, at: heard.at, how, body });
    }
}

fn external(heard: &LldpNeighbor) -> End {
    let id = &heard.chassis.id;
    End::external(&id.kind, &id.value, &heard.port.value)
}

fn role(chassis: &Chassis) -> NodeKind {
    match (chassis.router, chassis.bridge) {
        (true, _) => NodeKind::Router,
        (false, true) => NodeKind::Switch,
        (false, false) => NodeKind::Host,
    }
}
