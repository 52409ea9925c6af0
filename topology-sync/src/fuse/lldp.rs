//! LLDP and CDP: who hears whom.

use super::claim::{Body, Claim, End, Finding, NodeId};
use super::device::Device;
use super::directory::{Directory, Match};
use super::resolve::Resolved;
use crate::observation::LldpNeighbor;

/// Every neighbour whose sender is known, or who is beyond the boundary, as a claim; the others as findings.
pub(super) fn claims(directory: &Directory, node: NodeId, device: &Device, out: &mut Resolved) {
    past(directory, node, device, out);
    for heard in &device.heard {
        let neighbor = &heard.what;
        let (from, how) = match directory.sender(neighbor, &mut out.looked) {
            Match::Found((peer, port), how) => (End::known(peer, port.clone()), how.into_owned()),
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
        let to = End::known(node, device.own_name(device.cable_port(&neighbor.on)));
        if from == to {
            out.unmatched(&device.name, &neighbor.on, "it hears its own frames");
            continue;
        }
        let body = Body::Heard(neighbor.clone());
        out.claim(Claim { from, to, source: heard.source, at: heard.at, how: how.into(), body });
    }
}

/// Whom it heard and does not any more, of those who are still there.
fn past(directory: &Directory, node: NodeId, device: &Device, out: &mut Resolved) {
    for said in &device.past {
        if let Match::Found((peer, port), _) = directory.sender(&said.what, &mut out.looked) {
            let hearer = End::known(node, device.own_name(device.cable_port(&said.what.on)));
            out.past.push((End::known(peer, port.clone()), hearer, said.at));
        }
    }
}

fn external(heard: &LldpNeighbor) -> End {
    let id = &heard.chassis.id;
    End::external(&id.kind, &id.value, &heard.port.value)
}
