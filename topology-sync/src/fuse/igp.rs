//! IGP neighbours and the link-state database: adjacencies with their costs, for OSPFv2, OSPFv3 and IS-IS.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::claim::{Adjacency, Body, Claim, End, NodeId};
use super::device::{Device, Said};
use super::directory::{Directory, Key, Looked, Match};
use super::resolve::Resolved;
use crate::observation::{IgpNeighbor, IgpProtocol, LldpNeighbor};

/// Every neighbour that a node's daemon knows, as a claim where its port is known or where it is beyond the boundary;
/// the others as findings.
pub(super) fn claims(directory: &Directory, node: NodeId, device: &Device, out: &mut Resolved) {
    for said in &device.neighbors {
        let neighbor = &said.what;
        let Some(state) = adjacency(neighbor) else { continue };
        let asking = Asking { directory, node, device, neighbor };
        let ids = ids(neighbor);
        out.ask(ids);
        out.ask(neighbor.address.map(Key::Address));
        out.ask(asking.mac().map(Key::Mac));
        let candidates = asking.candidates();
        out.looked.nodes.extend(candidates.iter().copied());
        out.looked.nodes.extend(asking.owners().iter().map(|(n, _)| *n));
        out.looked.nodes.extend(asking.mac().iter().flat_map(|m| directory.owners(Key::Mac(*m))));
        let found = asking.port(&candidates);
        let (to, how) = match found {
            Some((to, how)) => (to, how),
            None if candidates.is_empty() && asking.owners().is_empty() => {
                (asking.external(), "no node has this router id".to_owned())
            }
            None => {
                out.unmatched(
                    &device.name,
                    &neighbor.on,
                    &format!("{}: its port is not known", described(said)),
                );
                continue;
            }
        };
        let from = End::known(node, neighbor.on.as_str());
        let id = neighbor.id.clone();
        let body = Body::Adjacent { protocol: neighbor.protocol, state, id, address: neighbor.address };
        out.claim(Claim { from, to, source: said.source, at: said.at, how: how.into(), body });
    }
}

/// How far an adjacency has come; `None` where nothing was heard of the neighbour.
fn adjacency(neighbor: &IgpNeighbor) -> Option<Adjacency> {
    let word: String = neighbor.state.chars().filter(char::is_ascii_alphanumeric).collect();
    match word.to_ascii_lowercase().as_str() {
        "full" | "up" => Some(Adjacency::Full),
        // RFC 2328 §10.4: two routers that are neither DR nor BDR stay there.
        "2way" | "twoway" if neighbor.role.as_deref().is_some_and(|r| r.eq_ignore_ascii_case("DROther")) => {
            Some(Adjacency::Full)
        }
        "2way" | "twoway" | "exstart" | "exchange" | "loading" => Some(Adjacency::Stuck),
        "init" | "initializing" => Some(Adjacency::Init),
        _ => None,
    }
}

/// The keys by which a neighbour's node is known.
fn ids(neighbor: &IgpNeighbor) -> Vec<Key<'_>> {
    let id = neighbor.id.as_str();
    match neighbor.protocol {
        IgpProtocol::Ospf2 | IgpProtocol::Ospf3 => vec![Key::Router(id)],
        IgpProtocol::Isis => vec![Key::System(id), Key::Name(id)],
    }
}

fn described(said: &Said<IgpNeighbor>) -> String {
    let n = &said.what;
    let at = n.address.map(|a| format!(" at {a}")).unwrap_or_default();
    format!("{} neighbour {}{at} ({})", n.protocol.word(), n.id, n.state)
}

/// A neighbour to be found.
struct Asking<'a> {
    directory: &'a Directory,
    node: NodeId,
    device: &'a Device,
    neighbor: &'a IgpNeighbor,
}

impl Asking<'_> {
    /// The nodes that the neighbour's id may mean.
    fn candidates(&self) -> BTreeSet<NodeId> {
        let named = ids(self.neighbor);
        let owners = named.iter().flat_map(|k| self.directory.owners(*k)).copied();
        owners.filter(|n| *n != self.node).collect()
    }

    /// Whether a node may be the neighbour: it has the id, or says none of that kind.
    fn may_be(&self, node: NodeId, candidates: &BTreeSet<NodeId>) -> bool {
        let Some(device) = self.directory.device(node) else { return false };
        candidates.contains(&node)
            || match self.neighbor.protocol {
                IgpProtocol::Ospf2 | IgpProtocol::Ospf3 => device.node.router_id.is_none(),
                IgpProtocol::Isis => candidates.is_empty() && device.node.system_id.is_none(),
            }
    }

    /// The ports with the neighbour's address.
    fn owners(&self) -> Vec<(NodeId, &str)> {
        self.neighbor.address.map(|ip| self.directory.ports_of_address(ip, self.node)).unwrap_or_default()
    }

    /// The hardware address of the neighbour's port: its own word, or what its address was resolved to on this port.
    fn mac(&self) -> Option<twin::MacAddr> {
        let n = self.neighbor;
        let resolved = || {
            let entry =
                self.device.resolved.iter().find(|r| r.what.port == n.on && Some(r.what.ip) == n.address);
            entry.and_then(|r| r.what.mac)
        };
        n.mac.or_else(resolved)
    }

    /// The neighbour's port: by its address; by the address of its hardware; where several ports share the address
    /// (unnumbered links), by LLDP on the same port, or because the neighbour has this node on one port alone.
    fn port(&self, candidates: &BTreeSet<NodeId>) -> Option<(End, String)> {
        let n = self.neighbor;
        let only = |ports: Vec<(NodeId, &str)>, how: String| {
            let fitting: Vec<_> = ports.iter().filter(|(node, _)| self.may_be(*node, candidates)).collect();
            let [(node, port)] = fitting.as_slice() else { return None };
            Some((End::known(*node, *port), how))
        };
        let router = format!("{} {}", n.protocol.word(), n.id);
        let by_address = || only(self.owners(), format!("address {} of {router}", n.address?));
        let by_local_address = || {
            let ip = n.address.filter(|ip| !super::directory::is_global(*ip))?;
            let ports = candidates.iter().flat_map(|c| self.ports_with(*c, ip)).collect();
            only(ports, format!("address {ip} of {router}"))
        };
        let by_mac = || {
            let mac = self.mac()?;
            only(self.directory.ports_of_mac(mac, self.node), format!("hardware address {mac} of {router}"))
        };
        let by_lldp = || only(self.heard_there(), format!("{router} and LLDP on the same port"));
        let by_return =
            || only(self.seen_back(candidates), format!("{router} has this node on one port alone"));
        by_address().or_else(by_local_address).or_else(by_mac).or_else(by_lldp).or_else(by_return)
    }

    fn ports_with(&self, node: NodeId, ip: IpAddr) -> Vec<(NodeId, &str)> {
        let ports =
            self.directory.device(node).map(|d| d.interfaces_where(|_, i| i.ips().any(|own| own == ip)));
        ports.into_iter().flatten().map(|p| (node, p)).collect()
    }

    /// Whom LLDP hears on the same port. What is looked up for that is remembered with the node's LLDP neighbours.
    fn heard_there(&self) -> Vec<(NodeId, &str)> {
        let heard = self.device.heard.iter().filter(|h| h.what.on == self.neighbor.on);
        let found = |h: &Said<Arc<LldpNeighbor>>| match self.directory.sender(&h.what, &mut Looked::default())
        {
            Match::Found((node, port), _) => Some((node, &**port)),
            _ => None,
        };
        heard
            .filter_map(found)
            .filter(|(n, _)| self.directory.device(*n).is_some_and(|d| d.runs_routing()))
            .collect()
    }

    /// The only candidate's only port with this node as a neighbour, where this node too has it on one port alone.
    fn seen_back(&self, candidates: &BTreeSet<NodeId>) -> Vec<(NodeId, &str)> {
        let same = |a: &IgpNeighbor| a.protocol == self.neighbor.protocol && a.id == self.neighbor.id;
        let here = self.device.neighbors.iter().filter(|s| same(&s.what)).count();
        let (Some(peer), 1, 1) = (candidates.first(), candidates.len(), here) else { return Vec::new() };
        let Some(device) = self.directory.device(*peer) else { return Vec::new() };
        let back: Vec<_> = device
            .neighbors
            .iter()
            .filter(|s| s.what.protocol == self.neighbor.protocol)
            .filter(|s| ids(&s.what).iter().any(|k| self.directory.owners(*k).contains(&self.node)))
            .map(|s| (*peer, s.what.on.as_str()))
            .collect();
        if back.len() == 1 { back } else { Vec::new() }
    }

    fn external(&self) -> End {
        let n = self.neighbor;
        let kind = match n.protocol {
            IgpProtocol::Ospf2 | IgpProtocol::Ospf3 => "router-id",
            IgpProtocol::Isis => "system-id",
        };
        let port = n.address.map(|a| a.to_string()).or_else(|| n.mac.map(|m| m.to_string()));
        End::external(kind, &n.id, &port.unwrap_or_else(|| n.id.clone()))
    }
}
