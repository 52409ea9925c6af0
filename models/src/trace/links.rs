//! Who is behind a port.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use twin::{EntityKey, EntityKind, HalfLinkKey, Layer, NodeKind, Port, Twin};

/// The layers that show who is behind a port, best first: a cable's state counts before an adjacency's.
const LAYERS: [Layer; 3] = [Layer::Cable, Layer::Igp, Layer::Lldp];

/// A port that can be reached from another: over a cable, a shared medium, or through switches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Station {
    /// The port.
    pub port: EntityKey,
    /// Whether everything on the way there is up.
    pub up: bool,
    /// Switches and bridges on the way, in order.
    pub through: Vec<EntityKey>,
}

/// Links and addresses of a twin, by port.
#[derive(Debug)]
pub struct Links<'a> {
    pub(super) twin: &'a Twin,
    /// The next ports on the medium, with whether the way there is up.
    behind: BTreeMap<EntityKey, BTreeMap<EntityKey, bool>>,
    owners: BTreeMap<IpAddr, Vec<EntityKey>>,
    ports: BTreeMap<EntityKey, Vec<EntityKey>>,
}

impl<'a> Links<'a> {
    /// Reads a twin. Cost: its half-links, ports and segments.
    pub fn new(twin: &'a Twin) -> Self {
        let mut it = Self { twin, behind: BTreeMap::new(), owners: BTreeMap::new(), ports: BTreeMap::new() };
        for layer in LAYERS {
            for (HalfLinkKey { from, to, .. }, half) in twin.half_links(layer) {
                it.join(from, to, !half.is_dark());
                if layer == Layer::Lldp {
                    it.join(to, from, true); // who is heard can be sent to, as far as anyone knows
                }
            }
        }
        for entity in twin.entities() {
            match &entity.kind {
                EntityKind::Segment { ports } => it.join_all(ports),
                EntityKind::Port(port) => it.add_port(&entity.key, port),
                _ => {}
            }
        }
        it
    }

    fn join(&mut self, from: &EntityKey, to: &EntityKey, up: bool) {
        let lit = |port: &EntityKey| self.port(port).is_none_or(|p| p.carrier != Some(false));
        let up = up && lit(from) && lit(to);
        self.behind.entry(from.clone()).or_default().entry(to.clone()).or_insert(up);
    }

    fn join_all(&mut self, ports: &[EntityKey]) {
        for from in ports {
            for to in ports.iter().filter(|to| *to != from) {
                self.join(from, to, true);
            }
        }
    }

    fn add_port(&mut self, key: &EntityKey, port: &Port) {
        for address in &port.addresses {
            self.owners.entry(address.ip).or_default().push(key.clone());
        }
        if let Some(node) = self.twin.node_of(key) {
            self.ports.entry(node.key.clone()).or_default().push(key.clone());
        }
    }

    /// The data of a port.
    pub fn port(&self, key: &EntityKey) -> Option<&'a Port> {
        match &self.twin.entity(key)?.kind {
            EntityKind::Port(port) => Some(port),
            _ => None,
        }
    }

    /// The node of a port.
    pub fn node(&self, port: &EntityKey) -> Option<&'a EntityKey> {
        self.twin.node_of(port).map(|n| &n.key)
    }

    /// The ports of a node, in key order.
    pub fn ports_of(&self, node: &EntityKey) -> &[EntityKey] {
        self.ports.get(node).map_or(&[], Vec::as_slice)
    }

    /// The ports that have an address. Several for a link-local one, or by mistake.
    pub fn owners(&self, ip: IpAddr) -> &[EntityKey] {
        self.owners.get(&ip).map_or(&[], Vec::as_slice)
    }

    /// Whether a node has an address. A link-local one counts only on the port on which it is asked for.
    pub fn owns(&self, node: &EntityKey, on: Option<&EntityKey>, ip: IpAddr) -> bool {
        let here = |port: &EntityKey| match on {
            Some(on) if is_link_local(ip) => port == on,
            _ => self.node(port) == Some(node),
        };
        self.owners(ip).iter().any(here)
    }

    /// The node that has an address, or else that of [`Links::port_towards`].
    pub fn node_for(&self, ip: IpAddr) -> Option<&'a EntityKey> {
        if let Some(node) = self.owners(ip).iter().find_map(|port| self.node(port)) {
            return Some(node);
        }
        self.port_towards(ip).and_then(|port| self.node(&port))
    }

    /// The port with the longest subnet that holds an address: a router's before others, then the first in the order of
    /// the source.
    pub fn port_towards(&self, ip: IpAddr) -> Option<EntityKey> {
        let mut best: Option<((u8, bool), EntityKey)> = None;
        for node in self.twin.nodes() {
            let router = matches!(node.kind, EntityKind::Node { role: NodeKind::Router, .. });
            for port in self.ports_of(&node.key) {
                let nets = self.subnets(port).filter(|net| net.contains(&ip));
                let rank = nets.map(|net| (net.prefix_len(), router)).max();
                if let Some(rank) = rank.filter(|rank| best.as_ref().is_none_or(|(b, _)| rank > b)) {
                    best = Some((rank, port.clone()));
                }
            }
        }
        best.map(|(_, port)| port)
    }

    fn subnets(&self, port: &EntityKey) -> impl Iterator<Item = IpNet> {
        let addresses = self.port(port).map_or(&[][..], |p| &p.addresses);
        addresses.iter().filter_map(|a| Some(IpNet::new(a.ip, a.len).ok()?.trunc()))
    }

    /// The subnet of a port that holds an address, and whether all its host addresses are those of known ports.
    pub(super) fn subnet(&self, port: &EntityKey, ip: IpAddr) -> Option<(IpNet, bool)> {
        let net = self.subnets(port).filter(|net| net.contains(&ip)).max_by_key(IpNet::prefix_len)?;
        let bits = u32::from(net.max_prefix_len() - net.prefix_len());
        // RFC 3021, RFC 6164: of two addresses both are hosts'. Otherwise the first and the last of IPv4 are not.
        let hosts = 1_u128.checked_shl(bits).unwrap_or(u128::MAX);
        let hosts = if bits > 1 && ip.is_ipv4() { hosts - 2 } else { hosts };
        let known = self.owners.range(net.network()..=net.broadcast()).count() as u128;
        Some((net, known >= hosts))
    }

    /// The ports behind a port. A switch's port without an address is passed through; VLANs are not looked at.
    pub fn stations(&self, port: &EntityKey) -> Vec<Station> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::from([port.clone()]);
        let mut open = vec![Station { port: port.clone(), up: true, through: Vec::new() }];
        while let Some(at) = open.pop() {
            for (next, up) in self.behind.get(&at.port).into_iter().flatten() {
                if !seen.insert(next.clone()) {
                    continue;
                }
                let there = Station { port: next.clone(), up: at.up && *up, through: at.through.clone() };
                match self.switch(next) {
                    Some(switch) => open.extend(self.other_ports(switch, &there, &mut seen)),
                    None => found.push(there),
                }
            }
        }
        found.sort();
        found
    }

    /// The switch that bridges at this port.
    fn switch(&self, port: &EntityKey) -> Option<&'a EntityKey> {
        let node = self.twin.node_of(port)?;
        let (EntityKind::Node { role, .. } | EntityKind::External { role }) = node.kind else { return None };
        let bridges = matches!(role, NodeKind::Switch | NodeKind::Bridge);
        (bridges && self.port(port).is_none_or(|p| p.addresses.is_empty())).then_some(&node.key)
    }

    fn other_ports(
        &self,
        switch: &EntityKey,
        came: &Station,
        seen: &mut BTreeSet<EntityKey>,
    ) -> Vec<Station> {
        let through: Vec<_> = came.through.iter().cloned().chain([switch.clone()]).collect();
        let others = self.ports_of(switch).iter().filter(|port| seen.insert((*port).clone()));
        others.map(|port| Station { port: port.clone(), up: came.up, through: through.clone() }).collect()
    }
}

/// Addresses that mean something else on each link.
pub(super) fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
