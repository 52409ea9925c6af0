//! Forwarding of real headers: by a node's own table, or by who owns an address.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;
use twin::{ArcId, Csr, EntityKey, EntityKind, Fib, NextHop, NodeId, PortAddress, RouteAction, Twin};

/// Longest prefix match over IPv4 and IPv6.
#[derive(Clone, Debug)]
struct Prefixes<T> {
    v4: PrefixMap<Ipv4Net, T>,
    v6: PrefixMap<Ipv6Net, T>,
}

impl<T> Prefixes<T> {
    fn new() -> Self {
        Self { v4: PrefixMap::new(), v6: PrefixMap::new() }
    }

    fn insert(&mut self, net: IpNet, value: T) {
        match net.trunc() {
            IpNet::V4(net) => drop(self.v4.insert(net, value)),
            IpNet::V6(net) => drop(self.v6.insert(net, value)),
        }
    }

    fn lookup(&self, ip: IpAddr) -> Option<&T> {
        match ip {
            IpAddr::V4(ip) => self.v4.get_lpm(&Ipv4Net::from(ip)).map(|(_, v)| v),
            IpAddr::V6(ip) => self.v6.get_lpm(&Ipv6Net::from(ip)).map(|(_, v)| v),
        }
    }
}

/// What a node does with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IpAction {
    /// It is the node's own.
    Local,
    /// Send it on one of these arcs.
    Forward(Vec<ArcId>),
    /// Send it out of a port behind which nothing is modelled.
    Exit,
    /// Discard it.
    Null,
}

/// How a network forwards by IP address: the forwarding table of each node that has one; elsewhere the shortest path to
/// the node that owns the address.
#[derive(Clone, Debug)]
pub struct IpForwarding {
    owners: Prefixes<NodeId>,
    tables: Vec<Option<Prefixes<IpAction>>>,
}

impl IpForwarding {
    /// Knows nothing: every packet goes to the endpoint that its schedule names.
    pub fn empty(csr: &Csr) -> Self {
        Self { owners: Prefixes::new(), tables: vec![None; csr.node_count()] }
    }

    /// Takes owners from the addresses of ports (the address itself, and its subnet for the first node on it) and tables
    /// from the twin. Cost: all routes of all tables.
    pub fn from_twin(twin: &Twin, csr: &Csr) -> Self {
        let mut ip = Self::empty(csr);
        let ids: BTreeMap<&EntityKey, NodeId> =
            csr.node_keys.iter().enumerate().map(|(i, k)| (k, NodeId::new(i))).collect();
        let addresses = port_addresses(twin, &ids);
        for (address, node) in addresses.iter().rev() {
            if let Ok(subnet) = IpNet::new(address.ip, address.len) {
                ip.owners.insert(subnet, *node); // reversed: the first node stays
            }
        }
        for (address, node) in addresses.iter().rev() {
            ip.owners.insert(IpNet::from(address.ip), *node);
        }
        let mut arcs: BTreeMap<&EntityKey, Vec<ArcId>> = BTreeMap::new();
        for (i, (from, _)) in csr.ports.iter().enumerate() {
            arcs.entry(from).or_default().push(ArcId::new(i));
        }
        for (key, fib) in twin.fibs() {
            if let Some(node) = ids.get(key) {
                ip.tables[node.index()] = Some(ip.compile(csr, fib, &arcs));
            }
        }
        ip
    }

    /// The same with `node` as the owner of a block, such as what lies behind a recorded boundary.
    #[must_use]
    pub fn with_owner(mut self, block: IpNet, node: NodeId) -> Self {
        self.owners.insert(block, node);
        self
    }

    /// What a node's own table says: `None` if the node has no table, `Some(None)` if it has no route.
    pub(crate) fn table(&self, node: NodeId, dst: IpAddr) -> Option<Option<&IpAction>> {
        Some(self.tables[node.index()].as_ref()?.lookup(dst))
    }

    /// The node that owns an address.
    pub(crate) fn owner(&self, dst: IpAddr) -> Option<NodeId> {
        self.owners.lookup(dst).copied()
    }

    fn compile(&self, csr: &Csr, fib: &Fib, arcs: &BTreeMap<&EntityKey, Vec<ArcId>>) -> Prefixes<IpAction> {
        let mut table = Prefixes::new();
        for route in fib.routes() {
            let action = match &route.action {
                RouteAction::Local => IpAction::Local,
                RouteAction::Blackhole | RouteAction::Unreachable => IpAction::Null,
                RouteAction::Forward(hops) => self.egress(csr, hops, arcs),
            };
            table.insert(route.prefix, action);
        }
        table
    }

    fn egress(&self, csr: &Csr, hops: &[NextHop], arcs: &BTreeMap<&EntityKey, Vec<ArcId>>) -> IpAction {
        let mut egress = Vec::new();
        for hop in hops {
            let on_port = arcs.get(&hop.port).map_or(&[][..], Vec::as_slice);
            // On a shared medium only the gateway's arc; where the gateway is unknown, all of them.
            let gateway = hop.gateway.and_then(|ip| self.owner(ip));
            let to_gateway = on_port.iter().filter(|a| Some(csr.dst[a.index()]) == gateway);
            let before = egress.len();
            egress.extend(to_gateway.copied());
            if egress.len() == before {
                egress.extend(on_port);
            }
        }
        egress.sort();
        egress.dedup();
        if egress.is_empty() { IpAction::Exit } else { IpAction::Forward(egress) }
    }
}

/// All addresses with their node, by node.
fn port_addresses(twin: &Twin, ids: &BTreeMap<&EntityKey, NodeId>) -> Vec<(PortAddress, NodeId)> {
    let mut list = Vec::new();
    for entity in twin.entities() {
        let EntityKind::Port(port) = &entity.kind else { continue };
        let Some(node) = twin.node_of(&entity.key).and_then(|n| ids.get(&n.key)) else { continue };
        list.extend(port.addresses.iter().map(|a| (*a, *node)));
    }
    list.sort_by_key(|(_, node)| *node); // stable: ports stay in key order
    list
}
