//! Who is next to whom: LLDP hearings, IGP adjacencies, and the media under them.

use std::collections::{BTreeMap, BTreeSet};

use twin::Diagnostic;

use super::device::{Chassis, Device, Id, OspfNeighbor, RouterLsa};
use super::identity::{Directory, Match};

/// A node: one with recordings of its own, or one known only from others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NodeRef {
    /// Position among the devices.
    Device(usize),
    /// By the id that others give it: an LLDP chassis id or a `router-id`.
    External(Id),
}

/// A port of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PortRef {
    pub(super) node: NodeRef,
    pub(super) port: String,
}

/// `to` hears `from` by LLDP.
#[derive(Clone, Debug)]
pub(super) struct Hearing {
    pub(super) from: PortRef,
    pub(super) to: PortRef,
    /// What was said of the sender's chassis.
    pub(super) chassis: Chassis,
    /// By what the sender was found.
    pub(super) how: String,
}

/// `from` has an IGP adjacency that carries traffic to `to`.
#[derive(Clone, Debug)]
pub(super) struct Adjacency {
    pub(super) from: PortRef,
    pub(super) to: PortRef,
    /// The cost of `from`'s interface.
    pub(super) cost: u32,
    /// `full`, or `2-way` between routers that are neither DR nor BDR.
    pub(super) state: &'static str,
    /// By what the neighbour was found.
    pub(super) how: String,
}

/// Ports on one medium: a cable has two, a segment more.
pub(super) type Medium = Vec<PortRef>;

impl PortRef {
    fn device(device: usize, port: &str) -> Self {
        Self { node: NodeRef::Device(device), port: port.to_owned() }
    }
}

/// Every LLDP neighbour whose sender is known, or who is beyond the boundary. The others are diagnostics.
pub(super) fn lldp(
    devices: &[Device],
    directory: &Directory<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Hearing> {
    let mut hearings = Vec::new();
    for (i, device) in devices.iter().enumerate() {
        for heard in &device.heard {
            let (from, how) = match directory.sender(heard) {
                Match::Found((peer, port), how) => (PortRef::device(peer, port), how),
                Match::Unknown => {
                    let node = NodeRef::External(heard.chassis.id.clone());
                    (PortRef { node, port: heard.port.value.clone() }, "no node has this chassis".to_owned())
                }
                Match::Unclear(why) => {
                    unmatched(diagnostics, &device.name, &heard.on, &why);
                    continue;
                }
            };
            let to = PortRef::device(i, &heard.on);
            if from == to {
                unmatched(diagnostics, &device.name, &heard.on, "it hears its own frames");
                continue;
            }
            hearings.push(Hearing { from, to, chassis: heard.chassis.clone(), how });
        }
    }
    hearings
}

/// Every OSPF neighbour that carries traffic and whose port is known. The others are diagnostics.
pub(super) fn igp(
    devices: &[Device],
    directory: &Directory<'_>,
    hearings: &[Hearing],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Adjacency> {
    let lsas = newest_lsas(devices);
    let mut adjacencies = Vec::new();
    for (i, device) in devices.iter().enumerate() {
        for neighbor in &device.neighbors {
            let from = PortRef::device(i, &neighbor.on);
            let Some(state) = carrying(&neighbor.state) else {
                let why = format!("OSPF neighbour {} is {}", neighbor.router_id, neighbor.state);
                finding(diagnostics, "igp-not-full", &device.name, &neighbor.on, &why);
                continue;
            };
            let Some((to, how)) = neighbor_port(devices, directory, hearings, i, neighbor) else {
                let why = format!("OSPF neighbour {} at {}", neighbor.router_id, neighbor.address);
                unmatched(diagnostics, &device.name, &neighbor.on, &why);
                continue;
            };
            let cost = cost(device, &neighbor.on, &lsas).unwrap_or_else(|| {
                let why = "no LSA and no interface says its OSPF cost, taken as 1";
                finding(diagnostics, "unknown-cost", &device.name, &neighbor.on, why);
                1
            });
            adjacencies.push(Adjacency { from, to, cost, state, how });
        }
    }
    adjacencies
}

/// The media under all of this: LLDP's, and the IGP's among ports on which LLDP is silent.
pub(super) fn media(hearings: &[Hearing], adjacencies: &[Adjacency]) -> Vec<Medium> {
    let mut media = components(hearings.iter().map(|h| (&h.from, &h.to)));
    let known: BTreeSet<_> = media.iter().flatten().cloned().collect();
    let silent = adjacencies.iter().filter(|a| !known.contains(&a.from) && !known.contains(&a.to));
    media.extend(components(silent.map(|a| (&a.from, &a.to))));
    media
}

/// The state's word where traffic flows (RFC 2328 §10.1): Full, or 2-Way between two that are neither DR nor BDR.
fn carrying(state: &str) -> Option<&'static str> {
    match state.split_once('/').unwrap_or((state, "")) {
        ("Full", _) => Some("full"),
        ("2-Way", "DROther") => Some("2-way"),
        _ => None,
    }
}

/// The neighbour's port: by its address and router id; where several ports share the address (unnumbered links), by
/// LLDP on the same port.
fn neighbor_port(
    devices: &[Device],
    directory: &Directory<'_>,
    hearings: &[Hearing],
    asking: usize,
    neighbor: &OspfNeighbor,
) -> Option<(PortRef, String)> {
    let is_it = |device: usize| devices[device].router_id.as_ref().is_none_or(|r| *r == neighbor.router_id);
    let mut owners = directory.owners(neighbor.address, asking);
    owners.retain(|(device, _)| is_it(*device));
    if let [(device, port)] = owners.as_slice() {
        let how = format!("address {} of router {}", neighbor.address, neighbor.router_id);
        return Some((PortRef::device(*device, port), how));
    }
    let on = PortRef::device(asking, &neighbor.on);
    let mut heard = hearings.iter().filter(|h| h.to == on).filter(|h| match h.from.node {
        NodeRef::Device(d) => is_it(d) && devices[d].router_id.is_some(),
        NodeRef::External(_) => false,
    });
    if let (Some(only), None) = (heard.next(), heard.next()) {
        let how = format!("router {} and LLDP on the same port", neighbor.router_id);
        return Some((only.from.clone(), how));
    }
    if owners.is_empty() && !devices.iter().any(|d| d.router_id.as_ref() == Some(&neighbor.router_id)) {
        let id = Id { kind: "router-id".into(), value: neighbor.router_id.clone() };
        let port = PortRef { node: NodeRef::External(id), port: neighbor.address.to_string() };
        return Some((port, "no node has this router id".into()));
    }
    None
}

/// Each router's newest LSA, whoever's database it is from.
fn newest_lsas(devices: &[Device]) -> BTreeMap<&str, &RouterLsa> {
    let mut newest: BTreeMap<&str, &RouterLsa> = BTreeMap::new();
    for lsa in devices.iter().flat_map(|d| &d.lsdb) {
        let known = newest.entry(&lsa.router).or_insert(lsa);
        if lsa.sequence > known.sequence {
            *known = lsa;
        }
    }
    newest
}

/// The cost that the network routes by is the LSA's; the interface's stands in for it.
fn cost(device: &Device, port: &str, lsas: &BTreeMap<&str, &RouterLsa>) -> Option<u32> {
    let interface = device.interfaces.get(port)?;
    let by_lsa = device.router_id.as_deref().and_then(|id| lsas.get(id)).and_then(|lsa| {
        let mut data: Vec<String> = interface.ips().iter().map(ToString::to_string).collect();
        // RFC 2328 §A.4.2: on unnumbered links the link data is the interface index.
        data.extend(interface.port.ifindex.map(|i| std::net::Ipv4Addr::from(i).to_string()));
        lsa.links.iter().find(|(d, _)| data.contains(d)).map(|(_, metric)| *metric)
    });
    by_lsa.or(interface.ospf_cost)
}

fn unmatched(diagnostics: &mut Vec<Diagnostic>, node: &str, port: &str, why: &str) {
    finding(diagnostics, "unmatched-neighbour", node, port, why);
}

/// A diagnostic of its own for each port: planners look for the port, not for a number.
pub(super) fn finding(diagnostics: &mut Vec<Diagnostic>, code: &str, node: &str, port: &str, why: &str) {
    let message = format!("{node} {port}: {why}");
    match diagnostics.iter_mut().find(|d| d.code == code && d.message == message) {
        Some(known) => known.count += 1,
        None => diagnostics.push(Diagnostic { code: code.to_owned(), message, count: 1 }),
    }
}

/// The connected components of a graph over ports, each sorted, in the order of their first ports.
fn components<'a>(edges: impl Iterator<Item = (&'a PortRef, &'a PortRef)>) -> Vec<Medium> {
    let mut next: BTreeMap<&PortRef, BTreeSet<&PortRef>> = BTreeMap::new();
    for (a, b) in edges {
        next.entry(a).or_default().insert(b);
        next.entry(b).or_default().insert(a);
    }
    let mut seen = BTreeSet::new();
    let mut media = Vec::new();
    for start in next.keys() {
        let mut medium = BTreeSet::new();
        let mut open = vec![*start];
        while let Some(port) = open.pop() {
            if seen.insert(port) {
                medium.insert(port.clone());
                open.extend(&next[port]);
            }
        }
        if !medium.is_empty() {
            media.push(medium.into_iter().collect());
        }
    }
    media
}
