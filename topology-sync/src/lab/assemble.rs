//! The twin from what was understood: nodes, ports, cables, segments, half-links, forwarding tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use twin::{
    BitsPerSec, Change, Diagnostic, Entity, EntityKey, EntityKind, Evidence, HalfLink, HalfLinkKey, Layer,
    NodeKind, Port, SimDuration, Twin, WallTime,
};

use super::device::{Device, Id};
use super::fib;
use super::links::{Adjacency, Hearing, Medium, NodeRef, PortRef, finding};

/// Where no line rate is known.
const ASSUMED: BitsPerSec = BitsPerSec::gbps(10);

struct Assembly<'a> {
    devices: &'a [Device],
    hearings: &'a [Hearing],
    twin: Twin,
    nodes: BTreeMap<NodeRef, EntityKey>,
    /// The cable between two ports, lower port first.
    cables: BTreeMap<(PortRef, PortRef), EntityKey>,
    ordinals: BTreeMap<Layer, u32>,
}

/// Builds the twin.
pub(super) fn twin(
    devices: &[Device],
    hearings: &[Hearing],
    adjacencies: &[Adjacency],
    media: &[Medium],
    diagnostics: &mut Vec<Diagnostic>,
) -> Twin {
    let mut it = Assembly {
        devices,
        hearings,
        twin: Twin::default(),
        nodes: BTreeMap::new(),
        cables: BTreeMap::new(),
        ordinals: BTreeMap::new(),
    };
    it.add_nodes(diagnostics);
    it.add_externals(adjacencies);
    it.add_media(media, adjacencies, diagnostics);
    it.add_lldp();
    it.add_igp(adjacencies);
    it.add_fibs();
    report_lonely_ports(devices, hearings, adjacencies, diagnostics);
    it.twin
}

impl Assembly<'_> {
    fn add_nodes(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        let mut used = BTreeSet::new();
        for (i, device) in self.devices.iter().enumerate() {
            let mut keys = self.identities(i);
            if let Some(taken) = keys.iter().find(|k| used.contains(*k)) {
                finding(
                    diagnostics,
                    "shared-identity",
                    &device.name,
                    "",
                    &format!("another node is {taken} too"),
                );
            }
            keys.retain(|k| used.insert(k.clone()));
            let key = keys.remove(0);
            self.nodes.insert(NodeRef::Device(i), key.clone());
            self.put(Entity {
                key: key.clone(),
                name: device.name.clone(),
                ordinal: i as u32,
                parent: None,
                aliases: keys,
                kind: EntityKind::Node { role: role(device), location: None },
            });
            let mut ports: Vec<_> = device.interfaces.iter().collect();
            ports.sort_by_key(|(name, interface)| (interface.port.ifindex, *name));
            for (ordinal, (name, interface)) in ports.into_iter().enumerate() {
                self.put_port(&key, name, ordinal as u32, interface.port.clone());
            }
        }
    }

    /// The keys of a node, best first: chassis id (its own word, or what all its neighbours agree on), router id, name.
    fn identities(&self, device: usize) -> Vec<EntityKey> {
        let own = self.devices[device].chassis.as_ref().map(|c| &c.id);
        let mut said =
            self.hearings.iter().filter(|h| h.from.node == NodeRef::Device(device)).map(|h| &h.chassis.id);
        let first = said.next();
        let agreed = first.filter(|id| said.all(|other| other == *id));
        let chassis = own.or(agreed).map(chassis_key);
        let router_id = self.devices[device].router_id.as_deref().map(EntityKey::node_by_router_id);
        chassis.into_iter().chain(router_id).chain([EntityKey::node(&self.devices[device].name)]).collect()
    }

    /// Nodes known only from others, after all nodes with recordings.
    fn add_externals(&mut self, adjacencies: &[Adjacency]) {
        let heard = self.hearings.iter().map(|h| (&h.from, h.chassis.name.as_deref(), external_role(h)));
        let adjacent = adjacencies.iter().map(|a| (&a.to, None, NodeKind::Router));
        for (port, name, role) in heard.chain(adjacent) {
            let NodeRef::External(id) = &port.node else { continue };
            let key = match id.kind.as_str() {
                "router-id" => EntityKey::node_by_router_id(&id.value),
                _ => chassis_key(id),
            };
            if self.nodes.insert(port.node.clone(), key.clone()).is_none() {
                self.put(Entity {
                    key: key.clone(),
                    name: name.unwrap_or(&id.value).to_owned(),
                    ordinal: self.nodes.len() as u32 - 1,
                    parent: None,
                    aliases: Vec::new(),
                    kind: EntityKind::External { role },
                });
            }
            self.put_port(&key, &port.port, 0, Port::default());
        }
    }

    fn add_media(&mut self, media: &[Medium], adjacencies: &[Adjacency], diagnostics: &mut Vec<Diagnostic>) {
        let mut media: Vec<_> = media.iter().collect();
        media.sort_by_key(|m| m.iter().map(|p| self.order(p)).min());
        let (mut cables, mut segments) = (0, 0);
        for medium in media {
            let outside = medium.iter().any(|p| matches!(p.node, NodeRef::External(_)));
            match medium.as_slice() {
                [_, _] if outside => {} // The far port is not known by its node's own name: no cable.
                [a, b] => {
                    let (a, b) = if self.order(a) <= self.order(b) { (a, b) } else { (b, a) };
                    self.add_cable(a, b, cables, adjacencies, diagnostics);
                    cables += 1;
                }
                many => {
                    self.add_segment(many, segments);
                    segments += 1;
                }
            }
        }
    }

    fn add_cable(
        &mut self,
        a: &PortRef,
        b: &PortRef,
        ordinal: u32,
        adjacencies: &[Adjacency],
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let (port_a, port_b) = (self.port_key(a), self.port_key(b));
        let cable = EntityKey::cable(&port_a, &port_b);
        let name = format!("{} - {}", self.name(a), self.name(b));
        if self.speed(a).or(self.speed(b)).is_none() {
            Diagnostic::count(diagnostics, "assumed-speed", || {
                format!("a cable without a known line rate is taken as 10 Gbit/s ({name})")
            });
        }
        Diagnostic::count(diagnostics, "unknown-delay", || {
            format!("nothing says how long a cable is: its delay is 0 ({name})")
        });
        self.put(Entity {
            key: cable.clone(),
            name,
            ordinal,
            parent: None,
            aliases: Vec::new(),
            kind: EntityKind::Cable { a: port_a, b: port_b },
        });
        self.cables.insert(ordered(a, b), cable);
        let dark = [a, b].iter().any(|p| self.carrier(p) == Some(false));
        let state = if dark { "down" } else { "up" };
        for (from, to) in [(a, b), (b, a)] {
            let heard = self.hearings.iter().filter(|h| h.from == *from && h.to == *to);
            let adjacent = adjacencies.iter().filter(|x| x.from == *from && x.to == *to);
            let evidence = heard
                .map(|h| evidence("lldp", &h.how))
                .chain(adjacent.map(|x| evidence("ospf", &x.how)))
                .collect();
            self.half(Layer::Cable, from, to, 1, state, evidence);
        }
    }

    fn add_segment(&mut self, ports: &[PortRef], ordinal: u32) {
        let mut names: Vec<_> = ports.iter().map(|p| self.name(p)).collect();
        names.sort();
        let keys: Vec<_> = ports.iter().map(|p| self.port_key(p)).collect();
        let members: Vec<_> = keys.iter().map(EntityKey::as_str).collect();
        self.put(Entity {
            key: EntityKey::new(format!("segment:{}", members.join("|"))),
            name: names.join(", "),
            ordinal,
            parent: None,
            aliases: Vec::new(),
            kind: EntityKind::Segment { ports: keys },
        });
    }

    fn add_lldp(&mut self) {
        let mut hearings: Vec<_> = self.hearings.iter().collect();
        hearings.sort_by_key(|h| (self.order(&h.from), self.order(&h.to)));
        for hearing in hearings {
            let evidence = vec![evidence("lldp", &hearing.how)];
            self.half(Layer::Lldp, &hearing.from, &hearing.to, 1, "up", evidence);
        }
    }

    fn add_igp(&mut self, adjacencies: &[Adjacency]) {
        let mut adjacencies: Vec<_> = adjacencies.iter().collect();
        adjacencies.sort_by_key(|a| (self.order(&a.from), self.order(&a.to)));
        for a in adjacencies {
            self.half(Layer::Igp, &a.from, &a.to, a.cost, a.state, vec![evidence("ospf", &a.how)]);
        }
    }

    fn add_fibs(&mut self) {
        for (i, device) in self.devices.iter().enumerate() {
            let node = self.nodes[&NodeRef::Device(i)].clone();
            let table = fib::table(device, &node);
            if !table.is_empty() {
                self.twin.set(&Change::Fib { node, before: None, after: Some(Arc::new(table)) });
            }
        }
    }

    fn half(
        &mut self,
        layer: Layer,
        from: &PortRef,
        to: &PortRef,
        metric: u32,
        state: &str,
        evidence: Vec<Evidence>,
    ) {
        let ordinal = self.ordinals.entry(layer).or_insert(0);
        let half = HalfLink {
            ordinal: *ordinal,
            cable: self.cables.get(&ordered(from, to)).cloned(),
            metric,
            capacity: self.speed(from).or(self.speed(to)).unwrap_or(ASSUMED),
            delay: SimDuration::ZERO,
            state: state.to_owned(),
            evidence,
        };
        let key = HalfLinkKey { layer, from: self.port_key(from), to: self.port_key(to) };
        if self.twin.half_link(&key).is_none() {
            *self.ordinals.entry(layer).or_insert(0) += 1;
            self.twin.set(&Change::HalfLink { key, before: None, after: Some(Arc::new(half)) });
        }
    }

    fn put_port(&mut self, node: &EntityKey, name: &str, ordinal: u32, port: Port) {
        self.put(Entity {
            key: EntityKey::port(node, name),
            name: name.to_owned(),
            ordinal,
            parent: Some(node.clone()),
            aliases: Vec::new(),
            kind: EntityKind::Port(port),
        });
    }

    fn put(&mut self, entity: Entity) {
        let key = entity.key.clone();
        self.twin.set(&Change::Entity { key, before: None, after: Some(Arc::new(entity)) });
    }

    fn port_key(&self, port: &PortRef) -> EntityKey {
        EntityKey::port(&self.nodes[&port.node], &port.port)
    }

    /// `node:port` for people.
    fn name(&self, port: &PortRef) -> String {
        let node = match &port.node {
            NodeRef::Device(i) => &self.devices[*i].name,
            NodeRef::External(id) => &id.value,
        };
        format!("{node}:{}", port.port)
    }

    /// Nodes in their order, ports by index: `eth10` after `eth9`.
    fn order(&self, port: &PortRef) -> (NodeRef, Option<u32>, String) {
        let index = self.interface(port).and_then(|i| i.port.ifindex);
        (port.node.clone(), index, port.port.clone())
    }

    fn carrier(&self, port: &PortRef) -> Option<bool> {
        self.interface(port)?.port.carrier
    }

    /// A virtual line reports a rate that it does not have.
    fn speed(&self, port: &PortRef) -> Option<BitsPerSec> {
        self.interface(port).filter(|i| !i.virtual_line)?.speed
    }

    fn interface(&self, port: &PortRef) -> Option<&super::device::Interface> {
        match port.node {
            NodeRef::Device(i) => self.devices[i].interfaces.get(&port.port),
            NodeRef::External(_) => None,
        }
    }
}

/// Every port with carrier and no known peer says so: something may be plugged in there that no source shows.
fn report_lonely_ports(
    devices: &[Device],
    hearings: &[Hearing],
    adjacencies: &[Adjacency],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let ends = hearings.iter().flat_map(|h| [&h.from, &h.to]);
    let known: BTreeSet<_> = ends.chain(adjacencies.iter().flat_map(|a| [&a.from, &a.to])).collect();
    for (i, device) in devices.iter().enumerate() {
        for (name, interface) in &device.interfaces {
            let port = PortRef { node: NodeRef::Device(i), port: name.clone() };
            let plugged = interface.port.carrier == Some(true) && !interface.loopback && !interface.logical;
            if plugged && !known.contains(&port) {
                finding(diagnostics, "no-known-peer", &device.name, name, "carrier is up, no known peer");
            }
        }
    }
}

/// A router runs a routing protocol, or says in LLDP that it forwards and has two ports to forward between.
fn role(device: &Device) -> NodeKind {
    let ports = device.interfaces.values().filter(|i| !i.loopback && !i.logical).count();
    let says = |what: fn(&super::device::Chassis) -> bool| device.chassis.as_ref().is_some_and(what);
    match () {
        () if device.runs_routing || (ports > 1 && says(|c| c.router)) => NodeKind::Router,
        () if ports > 1 && says(|c| c.bridge) => NodeKind::Switch,
        () => NodeKind::Host,
    }
}

fn external_role(hearing: &Hearing) -> NodeKind {
    match (hearing.chassis.router, hearing.chassis.bridge) {
        (true, _) => NodeKind::Router,
        (false, true) => NodeKind::Switch,
        (false, false) => NodeKind::Host,
    }
}

/// A MAC stands alone, other chassis ids with their subtype.
fn chassis_key(id: &Id) -> EntityKey {
    match id.kind.as_str() {
        "mac" => EntityKey::node_by_chassis(&id.value),
        kind => EntityKey::node_by_chassis(&format!("{kind}:{}", id.value)),
    }
}

fn evidence(source: &str, detail: &str) -> Evidence {
    // A recording does not say when it was made.
    Evidence { source: source.to_owned(), detail: detail.to_owned(), seen_at: WallTime::default() }
}

fn ordered(a: &PortRef, b: &PortRef) -> (PortRef, PortRef) {
    if a <= b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) }
}
