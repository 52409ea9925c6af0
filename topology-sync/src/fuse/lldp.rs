//! LLDP and CDP: who hears whom.

use twin::NodeKind;

use super::claim::{Body, Claim, End, Finding};
use super::device::Device;
use super::directory::{Directory, Match};
use super::resolve::Resolved;
use crate::observation::{Chassis, LldpNeighbor, Source};

/// Every neighbour whose sender is known, or who is beyond the boundary, as a claim; the others as findings.
pub(super) fn claims(directory: &Directory, device: &Device, out: &mut Resolved) {
    past(directory, device, out);
    for heard in &device.heard {
        let neighbor = &heard.what;
        ask(directory, neighbor, out);
        let (from, how) = match directory.sender(neighbor) {
            Match::Found((node, port), how) => {
                out.about.insert(node);
                match directory.device(node) {
                    Some(peer) => (peer.end(port), how),
                    None => continue,
                }
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
        let to = device.end(device.cable_port(&neighbor.on));
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
        out.claims.push(Claim { from, to, source: heard.source, at: heard.at, how, body });
    }
}

/// Whom it heard and does not any more, of those who are still there.
fn past(directory: &Directory, device: &Device, out: &mut Resolved) {
    for said in &device.past {
        ask(directory, &said.what, out);
        if let Match::Found((node, port), _) = directory.sender(&said.what)
            && let Some(peer) = directory.device(node)
        {
            out.about.insert(node);
            out.past.push((peer.end(port), device.end(device.cable_port(&said.what.on)), said.at));
        }
    }
}

fn ask(directory: &Directory, neighbor: &LldpNeighbor, out: &mut Resolved) {
    let keys = super::directory::asked(neighbor);
    // Of several candidates the tables of all decide.
    out.about.extend(keys.iter().flat_map(|k| directory.owners(k)));
    out.ask(keys);
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
