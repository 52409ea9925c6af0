//! The half-link of each interface.

use std::collections::BTreeMap;
use std::net::IpAddr;

use twin::{Entity, EntityKey, EntityKind, HalfLinkKey, Layer, Port, Twin, nearest};

use super::{Direction, Interface, rate::Rate};

/// What was measured on one half-link, in bit/s.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// What the sending port says.
    pub sent: Option<f64>,
    /// What the receiving port says.
    pub received: Option<f64>,
}

impl Measured {
    /// The sender's word, or else the receiver's.
    pub fn bps(&self) -> Option<f64> {
        self.sent.or(self.received)
    }
}

/// An interface whose counters could not be put anywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmatched {
    /// The node as the source names it.
    pub node: String,
    /// The interface as the source names it.
    pub interface: String,
    /// Why.
    pub why: String,
}

/// Rates on half-links, and what could not be put there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placed {
    /// By half-link.
    pub measured: BTreeMap<HalfLinkKey, Measured>,
    /// The others, by node and interface.
    pub unmatched: Vec<Unmatched>,
}

/// Puts rates onto the half-links of a layer. A node is found by its name, key, alias or address; its port by name,
/// index, hardware address, then description. What a port sends is the load of the half-link that leaves it, what it
/// receives that of the one that comes in.
pub fn place(twin: &Twin, layer: Layer, rates: &[Rate]) -> Placed {
    let index = Index::new(twin, layer);
    let mut placed = Placed::default();
    for rate in rates {
        match index.half_link(&rate.interface, rate.direction) {
            Ok(key) => {
                let measured = placed.measured.entry(key).or_default();
                let side = match rate.direction {
                    Direction::Out => &mut measured.sent,
                    Direction::In => &mut measured.received,
                };
                *side = Some(rate.bps);
            }
            Err(why) => {
                let (node, interface) = (rate.interface.node.clone(), rate.interface.to_string());
                let unmatched = Unmatched { node, interface, why };
                if !placed.unmatched.contains(&unmatched) {
                    placed.unmatched.push(unmatched);
                }
            }
        }
    }
    placed.unmatched.sort();
    placed
}

/// Whether an interface is this port.
type IsIt = fn(&Interface, &Entity, &Port) -> bool;

/// By what a port is found, best first.
const WAYS: [(&str, IsIt); 4] = [
    ("name", |i, e, _| i.name.as_ref() == Some(&e.name)),
    ("ifIndex", |i, _, p| i.index.is_some() && i.index == p.ifindex),
    ("hardware address", |i, _, p| i.mac.is_some() && i.mac == p.mac),
    ("alias", |i, _, p| i.alias.is_some() && i.alias == p.alias),
];

/// Ports and half-links of a layer, by what sources call them.
pub struct Index<'a> {
    nodes: Vec<&'a Entity>,
    ports: BTreeMap<&'a EntityKey, Vec<(&'a Entity, &'a Port)>>,
    addresses: BTreeMap<IpAddr, &'a EntityKey>,
    leaving: BTreeMap<&'a EntityKey, Vec<&'a HalfLinkKey>>,
    entering: BTreeMap<&'a EntityKey, Vec<&'a HalfLinkKey>>,
}

impl<'a> Index<'a> {
    /// Of a layer of a version.
    pub fn new(twin: &'a Twin, layer: Layer) -> Self {
        let mut it = Self {
            nodes: twin.nodes(),
            ports: BTreeMap::new(),
            addresses: BTreeMap::new(),
            leaving: BTreeMap::new(),
            entering: BTreeMap::new(),
        };
        for entity in twin.entities() {
            let EntityKind::Port(port) = &entity.kind else { continue };
            let Some(node) = twin.node_of(&entity.key) else { continue };
            it.ports.entry(&node.key).or_default().push((entity, port));
            for address in &port.addresses {
                it.addresses.entry(address.ip).or_insert(&node.key);
            }
        }
        for (key, _) in twin.half_links(layer) {
            it.leaving.entry(&key.from).or_default().push(key);
            it.entering.entry(&key.to).or_default().push(key);
        }
        it
    }

    /// The half-link that an interface sends into, or receives from.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn half_link(&self, interface: &Interface, direction: Direction) -> Result<HalfLinkKey, String> {
        let port = self.port(self.node(&interface.node)?, interface)?;
        let (list, way) = match direction {
            Direction::Out => (self.leaving.get(port), "leaves"),
            Direction::In => (self.entering.get(port), "enters"),
        };
        match list.map_or(&[][..], Vec::as_slice) {
            [] => Err(format!("no link of the twin {way} this port")),
            [only] => Ok((*only).clone()),
            several => Err(format!("a shared medium: {} links share this port", several.len())),
        }
    }

    /// The node of a name, of an address, or of an `instance` without its port.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn node(&self, text: &str) -> Result<&'a Entity, String> {
        if text.is_empty() {
            return Err("the source names no node".to_owned());
        }
        let host =
            text.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map(|(host, _)| host);
        for name in [Some(text), host].into_iter().flatten() {
            let named: Vec<_> = self.nodes.iter().filter(|n| n.name.eq_ignore_ascii_case(name)).collect();
            match named.as_slice() {
                [only] => return Ok(only),
                [] => {}
                several => return Err(format!("{} nodes are called '{name}'", several.len())),
            }
            let called = EntityKey::node(name);
            let known =
                |n: &&&Entity| n.key.as_str() == name || n.key == called || n.aliases.contains(&called);
            if let Some(node) = self.nodes.iter().find(known) {
                return Ok(node);
            }
            let ip = name.trim_matches(['[', ']']).parse::<IpAddr>().ok();
            let owner = ip.and_then(|ip| self.addresses.get(&ip));
            if let Some(node) = owner.and_then(|key| self.nodes.iter().find(|n| n.key == **key)) {
                return Ok(node);
            }
        }
        let hint = nearest(text, self.nodes.iter().map(|n| n.name.as_str()));
        Err(format!("no node '{text}'{}", hint.map(|n| format!("; did you mean '{n}'?")).unwrap_or_default()))
    }

    fn port(&self, node: &'a Entity, interface: &Interface) -> Result<&'a EntityKey, String> {
        let ports = self.ports.get(&node.key).map_or(&[][..], Vec::as_slice);
        for (word, is_it) in WAYS {
            let found: Vec<_> = ports.iter().filter(|(e, p)| is_it(interface, e, p)).collect();
            match found.as_slice() {
                [] => {}
                [(port, _)] => return Ok(&port.key),
                several => {
                    return Err(format!("{} ports of '{}' have this {word}", several.len(), node.name));
                }
            }
        }
        let hint =
            interface.name.as_ref().and_then(|n| nearest(n, ports.iter().map(|(e, _)| e.name.as_str())));
        let hint = hint.map(|n| format!("; did you mean '{n}'?")).unwrap_or_default();
        Err(format!("no such port of '{}'{hint}", node.name))
    }
}
