//! A lab that shadows a twin: one namespace for each node, one veth pair for each cable, OSPF with the twin's metrics.
//!
//! Names that the kernel would refuse are changed and the twin's own name is what the node tells others. What a lab
//! cannot shadow, capacities, delays, forwarding tables, IS-IS levels and BGP, is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use twin::{Entity, EntityKey, EntityKind, HalfLinkKey, Layer, NodeKind, Place, Port, Twin};

use super::file::{CableSpec, End, FORMAT, Igp, LabFile, MTU, NodeSpec, Nodes, OneOrMany, Pair, Role, Text};

/// Writes a twin as a lab file called `name`.
pub(crate) fn lab_file(name: &str, twin: &Twin) -> LabFile {
    let mut shadow = Shadow::new(twin);
    for node in twin.nodes() {
        shadow.node(node);
    }
    for cable in twin.cables() {
        if let EntityKind::Cable { a, b } = &cable.kind {
            shadow.cable(a, b);
        }
    }
    for segment in twin.entities() {
        if let EntityKind::Segment { ports } = &segment.kind {
            shadow.segment(segment, ports);
        }
    }
    let text = |value: String| Text { value, place: Place::Whole };
    LabFile {
        format: text(FORMAT.to_owned()),
        name: text(safe(name, "-", 30)),
        nodes: Nodes(shadow.nodes),
        cables: shadow.cables,
    }
}

struct Shadow<'a> {
    twin: &'a Twin,
    nodes: Vec<(String, Place, NodeSpec)>,
    cables: Vec<CableSpec>,
    /// The name in the lab of each node, by its key.
    names: BTreeMap<EntityKey, String>,
    /// Names in use: of nodes, and of ports with their nodes.
    used: BTreeSet<(String, String)>,
    /// What two routers cannot share.
    loopbacks: BTreeSet<IpAddr>,
}

impl<'a> Shadow<'a> {
    fn new(twin: &'a Twin) -> Self {
        Self {
            twin,
            nodes: Vec::new(),
            cables: Vec::new(),
            names: BTreeMap::new(),
            used: BTreeSet::new(),
            loopbacks: BTreeSet::new(),
        }
    }

    fn node(&mut self, node: &Entity) {
        let role = match &node.kind {
            EntityKind::Node { role, .. } | EntityKind::External { role } => match role {
                NodeKind::Router => Role::Router,
                NodeKind::Host => Role::Host,
                NodeKind::Switch | NodeKind::Bridge => Role::Bridge,
            },
            _ => return,
        };
        let name = self.unused("", &safe(&node.name, "-_", 50), 60);
        let loopback = if role == Role::Router { self.loopback(node) } else { None };
        let spec = NodeSpec { system_name: system_name(&node.name), loopback, ..NodeSpec::of(role) };
        self.names.insert(node.key.clone(), name.clone());
        self.nodes.push((name, Place::Whole, spec));
    }

    /// The first address that the twin knows of the node's loopback and that no other router has.
    fn loopback(&mut self, node: &Entity) -> Option<std::net::Ipv4Addr> {
        let port = self.twin.entity(&EntityKey::port(&node.key, "lo"))?;
        let EntityKind::Port(port) = &port.kind else { return None };
        let v4 = port.addresses.iter().filter_map(|a| match a.ip {
            IpAddr::V4(ip) if !ip.is_loopback() => Some(ip),
            _ => None,
        });
        v4.into_iter().find(|ip| self.loopbacks.insert(IpAddr::V4(*ip)))
    }

    fn cable(&mut self, a: &EntityKey, b: &EntityKey) {
        let (Some((end_a, port_a)), Some((end_b, port_b))) = (self.end(a), self.end(b)) else { return };
        let mut cable = CableSpec::new([end_a, end_b]);
        cable.mtu = Pair([mtu(&port_a), mtu(&port_b)]);
        cable.alias = [alias(&port_a), alias(&port_b)];
        cable.addresses = addresses(&port_a, &port_b);
        cable.unnumbered = cable.addresses.is_none() && self.borrowed(&port_a) && self.borrowed(&port_b);
        cable.cost = Pair([self.cost(a, b), self.cost(b, a)]);
        let roles = [a, b].map(|p| self.role(p));
        if roles.contains(&Some(Role::Router)) && roles.contains(&Some(Role::Host)) {
            cable.igp = Some(Igp::Ospf); // Passive: the routers learn the way to the host.
        }
        self.cables.push(cable);
    }

    /// A shared medium becomes a hub.
    fn segment(&mut self, segment: &Entity, ports: &[EntityKey]) {
        let hub = self.unused("", &safe(&segment.name, "-_", 50), 60);
        self.nodes.push((hub.clone(), Place::Whole, NodeSpec::of(Role::Hub)));
        for (number, key) in ports.iter().enumerate() {
            let Some((end, port)) = self.end(key) else { continue };
            let near = End { node: hub.clone(), port: format!("p{}", number + 1), place: Place::Whole };
            let mut cable = CableSpec::new([end, near]);
            let cost = self.twin.half_links(Layer::Igp).into_iter().find(|(k, _)| k.from == *key);
            cable.cost = Pair([cost.map_or(10, |(_, h)| h.metric.clamp(1, 65_535)), 10]);
            cable.alias = [alias(&port), None];
            cable.mtu = Pair([mtu(&port), MTU]);
            let given = own_addresses(&port);
            cable.addresses = (!given.is_empty()).then(|| [OneOrMany(given), OneOrMany(Vec::new())]);
            self.cables.push(cable);
        }
    }

    /// A port's place in the lab, and what the twin knows of it; `None` if the port has no node.
    fn end(&mut self, key: &EntityKey) -> Option<(End, Port)> {
        let entity = self.twin.entity(key)?;
        let EntityKind::Port(port) = &entity.kind else { return None };
        let node = self.names.get(&self.twin.node_of(key)?.key)?.clone();
        let good = safe(&entity.name, "-_.", 15);
        let wanted = if good == entity.name && good != "lo" { good } else { "eth1".to_owned() };
        let port_name = self.unused(&node, &wanted, 15);
        Some((End { node, port: port_name, place: Place::Whole }, port.clone()))
    }

    /// `wanted`, or else `wanted` with the first number that makes it unused at `place`.
    fn unused(&mut self, place: &str, wanted: &str, longest: usize) -> String {
        let stem = wanted.trim_end_matches(|c: char| c.is_ascii_digit());
        let stem = if stem.is_empty() { "n" } else { stem };
        let numbered = (1..).map(|n: u64| {
            let number = n.to_string();
            format!("{}{number}", &stem[..stem.len().min(longest - number.len())])
        });
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        let free = names.find(|n| self.used.insert((place.to_owned(), n.clone())));
        free.unwrap_or_else(|| wanted.to_owned())
    }

    fn role(&self, port: &EntityKey) -> Option<Role> {
        let name = self.names.get(&self.twin.node_of(port)?.key)?;
        self.nodes.iter().find(|(n, _, _)| n == name).map(|(_, _, spec)| spec.role)
    }

    fn cost(&self, from: &EntityKey, to: &EntityKey) -> u32 {
        let key = HalfLinkKey { layer: Layer::Igp, from: from.clone(), to: to.clone() };
        self.twin.half_link(&key).map_or(10, |h| h.metric.clamp(1, 65_535))
    }

    /// Whether the port's only IPv4 address is a router's loopback.
    fn borrowed(&self, port: &Port) -> bool {
        let mut v4 = port.addresses.iter().filter(|a| a.ip.is_ipv4());
        v4.next().is_some_and(|a| self.loopbacks.contains(&a.ip)) && v4.next().is_none()
    }
}

impl NodeSpec {
    fn of(role: Role) -> Self {
        Self {
            role,
            system_name: None,
            lldp: None,
            loopback: None,
            asn: None,
            networks: Vec::new(),
            bmp: None,
            recorded: true,
        }
    }
}

/// Letters, digits and the characters of `also`, others as `-`; at most `longest`, never empty.
fn safe(name: &str, also: &str, longest: usize) -> String {
    let good = |c: char| if c.is_ascii_alphanumeric() || also.contains(c) { c } else { '-' };
    let text: String = name.chars().map(good).take(longest).collect();
    let text = text.trim_start_matches(['-', '.']);
    if text.is_empty() { "n".to_owned() } else { text.to_owned() }
}

/// The twin's name as a system name: without what a host name cannot have.
fn system_name(name: &str) -> Option<String> {
    let good = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let text: String = name.chars().map(good).take(63).collect();
    (!text.is_empty()).then_some(text)
}

fn alias(port: &Port) -> Option<String> {
    let clean = |c: &char| !c.is_control() && !matches!(c, '"' | '\\' | '\'');
    let text: String = port.alias.as_deref()?.chars().filter(clean).take(60).collect();
    (!text.is_empty()).then_some(text)
}

fn mtu(port: &Port) -> u32 {
    let known = port.mtu.and_then(|m| u32::try_from(m.get()).ok());
    known.filter(|m| (68..=65_535).contains(m)).unwrap_or(MTU)
}

/// A port's addresses that are its own: no link-local ones, which the kernel makes.
fn own_addresses(port: &Port) -> Vec<IpNet> {
    let link_local = |ip: IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let own = port.addresses.iter().filter(|a| !link_local(a.ip));
    own.filter_map(|a| IpNet::new(a.ip, a.len).ok()).collect()
}

/// The addresses of both ends, if they are on one subnet.
fn addresses(a: &Port, b: &Port) -> Option<[OneOrMany<IpNet>; 2]> {
    let (a, b) = (own_addresses(a), own_addresses(b));
    let shared = a.iter().any(|x| b.iter().any(|y| x.trunc() == y.trunc() && x.addr() != y.addr()));
    shared.then(|| [OneOrMany(a), OneOrMany(b)])
}
