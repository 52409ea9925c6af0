//! Which node an address belongs to.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use mirror::schedule::{AddressMap, Host};
use topology_sync::source::files;
use twin::{Csr, EntityKey, EntityKind, InputError, NodeId, Place, RouteAction, Twin};

/// How addresses were placed on nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placing {
    /// By a file of the user.
    File,
    /// By the addresses of the twin's ports and the blocks it announces; strangers by hash.
    Ports,
    /// By hash: the twin has no addresses.
    Hash,
}

/// The address map of a file, or of the twin itself.
pub(crate) fn map(twin: &Twin, csr: &Csr, file: Option<&Path>) -> Result<(AddressMap, Placing), InputError> {
    let hosts = csr.node_keys.iter().zip(&csr.node_names);
    let hosts: Vec<_> = hosts.map(|(key, name)| Host { key: key.clone(), name: name.clone() }).collect();
    if let Some(path) = file {
        let name = path.display().to_string();
        let bytes = files::read(path)?;
        let text = std::str::from_utf8(&bytes).map_err(|e| {
            InputError::new(&name, Place::Offset(e.valid_up_to() as u64), "bytes that are no text", "UTF-8")
        })?;
        return Ok((AddressMap::read(&name, text, hosts)?, Placing::File));
    }
    let blocks = blocks(twin, csr);
    let placing = if blocks.is_empty() { Placing::Hash } else { Placing::Ports };
    Ok((AddressMap::owned(hosts, blocks, edge(twin, csr)), placing))
}

/// The addresses of ports, behind them their subnets, each for the first node that has it, then announced blocks. Loopback and link-local
/// addresses say nothing about where a packet goes.
fn blocks(twin: &Twin, csr: &Csr) -> Vec<(IpNet, u32)> {
    let ids: BTreeMap<&EntityKey, u32> = csr.node_keys.iter().zip(0..).collect();
    let mut addresses = Vec::new();
    for entity in twin.entities() {
        let EntityKind::Port(port) = &entity.kind else { continue };
        let Some(node) = twin.node_of(&entity.key).and_then(|n| ids.get(&n.key)) else { continue };
        addresses.extend(port.addresses.iter().filter(|a| is_global(a.ip)).map(|a| (*node, *a)));
    }
    addresses.sort_by_key(|(node, _)| *node); // stable: ports stay in key order
    let own = addresses.iter().map(|(node, a)| (IpNet::from(a.ip), *node));
    let subnets = addresses.iter().filter_map(|(node, a)| Some((IpNet::new(a.ip, a.len).ok()?, *node)));
    own.chain(subnets).chain(anchors(twin, &ids)).collect()
}

/// Blocks that one node alone discards: so it holds up what it announces to others.
fn anchors(twin: &Twin, ids: &BTreeMap<&EntityKey, u32>) -> Vec<(IpNet, u32)> {
    let mut discarded: BTreeMap<IpNet, Vec<u32>> = BTreeMap::new();
    for (key, fib) in twin.fibs() {
        let Some(&node) = ids.get(key) else { continue };
        for route in fib.routes().into_iter().filter(|r| r.action == RouteAction::Blackhole) {
            discarded.entry(route.prefix).or_default().push(node);
        }
    }
    let alone = |(block, nodes): (IpNet, Vec<u32>)| match nodes[..] {
        [node] if block.prefix_len() > 0 => Some((block, node)),
        _ => None,
    };
    discarded.into_iter().filter_map(alone).collect()
}

/// Whether an address means the same everywhere in the network.
pub(crate) fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    }
}

/// Where strangers are put: hosts if there are two, else all nodes with a link.
fn edge(twin: &Twin, csr: &Csr) -> Vec<u32> {
    let linked = |n: &u32| !csr.arcs_out(NodeId(*n)).is_empty();
    let nodes: Vec<u32> = (0..csr.node_count() as u32).filter(linked).collect();
    let is_host = |n: &u32| {
        let entity = twin.entity(&csr.node_keys[*n as usize]);
        entity.is_some_and(|e| matches!(e.kind, EntityKind::Node { role: twin::NodeKind::Host, .. }))
    };
    let hosts: Vec<u32> = nodes.iter().copied().filter(is_host).collect();
    if hosts.len() >= 2 { hosts } else { nodes }
}
