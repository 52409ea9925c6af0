//! ARP, neighbour tables and bridges' forwarding databases: who is on one medium.

use std::collections::BTreeSet;

use twin::MacAddr;

use super::claim::{Body, Claim, End, NodeId};
use super::device::Device;
use super::directory::{Directory, Key, is_global};
use super::resolve::Resolved;
use crate::observation::LinkKind;

/// The kind of id of somebody who is known, on a port that is not.
pub(super) const INSIDE: &str = "inside";

/// The claims of a node's ARP and neighbour tables and of its bridges.
pub(super) fn claims(directory: &Directory, node: NodeId, device: &Device, out: &mut Resolved) {
    let mut seen = BTreeSet::new();
    // Of several addresses of one station the one that means the same everywhere comes first.
    let mut resolved: Vec<_> = device.resolved.iter().collect();
    resolved.sort_by_key(|s| (!is_global(s.what.ip), s.what.ip));
    for said in resolved {
        let Some(mac) = said.what.mac.filter(|m| is_station(*m)) else { continue };
        let Some(port) = cabled(device, &said.what.port) else { continue };
        if seen.insert((port, mac)) {
            let from = owner(directory, node, (port, mac), out);
            let how = format!("{} is at {mac}", said.what.ip);
            let body = Body::Resolved { ip: said.what.ip };
            let to = End::known(node, port);
            out.claim(Claim { from, to, source: said.source, at: said.at, how: how.into(), body });
        }
    }
    for said in device.fdb.iter().filter(|s| !s.what.own && is_station(s.what.mac)) {
        let Some(port) = cabled(device, &said.what.port) else { continue };
        if seen.insert((port, said.what.mac)) {
            let from = owner(directory, node, (port, said.what.mac), out);
            let how = format!("learnt {}", said.what.mac);
            let to = End::known(node, port);
            out.claim(Claim {
                from,
                to,
                source: said.source,
                at: said.at,
                how: how.into(),
                body: Body::Learnt,
            });
        }
    }
}

/// The port that a cable ends at, unless it lies inside the node (a bridge's own interface, a tunnel).
fn cabled<'a>(device: &'a Device, port: &'a str) -> Option<&'a str> {
    let port = device.cable_port(port);
    let interface = device.interfaces.get(port)?;
    (!interface.is_logical() && !interface.is_loopback()).then_some(port)
}

/// The port with a hardware address, or else somebody unknown.
fn owner(directory: &Directory, node: NodeId, (on, mac): (&str, MacAddr), out: &mut Resolved) -> End {
    out.ask([Key::Mac(mac)]);
    let owners = directory.ports_of_mac(mac, node);
    // Each its own, or all who hear of one node would seem to be on one medium.
    let inside_end = End::external(INSIDE, &format!("{node} {on} {mac}"), "");
    out.looked.nodes.extend(owners.iter().map(|(n, _)| *n));
    if let [(n, port)] = owners.as_slice()
        && let Some(peer) = directory.device(*n)
    {
        // A bridge speaks with the address of one of its ports through any of them: which one is not known.
        let inside = peer.is_bridged(port)
            || peer.interfaces.get(*port).is_some_and(|i| i.link.kind == Some(LinkKind::Bridge));
        return if inside { inside_end } else { End::known(*n, peer.cable_port(port)) };
    }
    match owners.as_slice() {
        [] => End::external("mac", &mac.to_string(), &mac.to_string()),
        _ => inside_end,
    }
}

/// Whether it is the address of one station: not a group's, and not one that moves between routers (RFC 5798 §7.3).
fn is_station(mac: MacAddr) -> bool {
    mac.0[0] & 1 == 0 && mac.0[..4] != [0x00, 0x00, 0x5e, 0x00]
}
