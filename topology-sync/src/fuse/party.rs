//! The senders on wires, put together into nodes with ports.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use twin::MacAddr;

use super::stamp::Stamp;
use super::wire::Wire;
use crate::observation::{
    Address, Chassis, Fact, Hello, Id, IgpNeighbor, IgpProtocol, Link, LldpNeighbor, NodeInfo, Source,
};

/// A word with its source and stamp.
pub(super) type Said<T> = (Source, Stamp, T);

/// A node as wires show it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Party {
    /// Its LLDP or CDP chassis, the latest.
    pub(crate) chassis: Option<Chassis>,
    /// Its router ids.
    pub(crate) routers: BTreeSet<String>,
    /// Its IS-IS system ids.
    pub(crate) systems: BTreeSet<String>,
    /// Its ports.
    pub(crate) ports: Vec<Outlet>,
}

/// A port as wires show it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outlet {
    /// Its hardware address.
    pub(crate) mac: Option<MacAddr>,
    /// Its index, where the capture was made on the node.
    pub(crate) ifindex: Option<u32>,
    /// What it sends in LLDP or CDP.
    pub(crate) sent: Option<LldpNeighbor>,
    /// Its addresses, with prefix lengths where said.
    pub(crate) addresses: BTreeMap<IpAddr, Option<u8>>,
    /// Whose LLDP and CDP frames reach it, or did.
    pub(super) heard: Vec<Said<LldpNeighbor>>,
    /// Its IGP neighbours.
    pub(super) neighbors: Vec<Said<IgpNeighbor>>,
    /// The latest word of it.
    pub(super) at: Stamp,
}

/// By what a port is told from others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PortName {
    /// Its own LLDP or CDP words: chassis id and port id.
    Said(Id, Id),
    /// Its hardware address.
    Mac(MacAddr),
    /// Router and address, where the link layer has no hardware addresses.
    Address(String, String),
}

/// An id in an IGP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RouterName {
    Router(String),
    System(String),
}

impl RouterName {
    pub(super) fn of(hello: &Hello) -> Self {
        match hello.protocol {
            IgpProtocol::Ospf2 | IgpProtocol::Ospf3 => Self::Router(hello.sender.clone()),
            IgpProtocol::Isis => Self::System(hello.sender.clone()),
        }
    }
}

/// The ports of all wires by the words and hardware addresses of their frames.
#[derive(Default)]
pub(super) struct PortNames {
    /// What is said from a hardware address on a wire: the latest, LLDP before CDP.
    current: BTreeMap<(usize, Option<MacAddr>), (Id, Id)>,
    /// All that is said from a hardware address.
    said: BTreeMap<MacAddr, BTreeSet<(Id, Id)>>,
}

impl PortNames {
    pub(super) fn of(wires: &[Wire<'_>]) -> Self {
        let mut names = Self::default();
        for (number, wire) in wires.iter().enumerate() {
            let mut sent: Vec<_> = wire.sent.iter().collect();
            sent.sort_by_key(|(source, at, _)| (std::cmp::Reverse(*source), *at));
            for (_, _, sent) in sent {
                names.current.insert((number, sent.mac), ids(sent));
            }
        }
        for ((_, mac), said) in &names.current {
            if let Some(mac) = mac {
                names.said.entry(*mac).or_default().insert(said.clone());
            }
        }
        names
    }

    /// Whether this is what its sender says now, and not what it said under another name or in CDP beside LLDP.
    pub(super) fn is_current(&self, wire: usize, sent: &LldpNeighbor) -> bool {
        self.current.get(&(wire, sent.mac)) == Some(&ids(sent))
    }

    /// Whether anything is said from the hardware address that this came from.
    pub(super) fn speaks(&self, wire: usize, sent: &LldpNeighbor) -> bool {
        self.current.contains_key(&(wire, sent.mac))
    }

    pub(super) fn of_sender(&self, wire: usize, sent: &LldpNeighbor) -> PortName {
        let (chassis, port) = self.current.get(&(wire, sent.mac)).cloned().unwrap_or_else(|| ids(sent));
        PortName::Said(chassis, port)
    }

    /// The port of a hello: what the same hardware address says on this wire in LLDP, or anywhere if it says one thing.
    pub(super) fn of_hello(&self, wire: usize, hello: &Hello) -> PortName {
        let Some(mac) = hello.mac else {
            return PortName::Address(hello.sender.clone(), hello.from.clone());
        };
        let here = self.current.get(&(wire, Some(mac)));
        let only = || self.said.get(&mac).filter(|all| all.len() == 1).and_then(|all| all.first());
        match here.or_else(only) {
            Some((chassis, port)) => PortName::Said(chassis.clone(), port.clone()),
            None => PortName::Mac(mac),
        }
    }
}

fn ids(sent: &LldpNeighbor) -> (Id, Id) {
    (sent.chassis.id.clone(), sent.port.clone())
}

/// Puts ports together into nodes: by chassis id, and where there is none by router or system id. A router id that several
/// chassis use joins nothing to any of them.
pub(super) fn group(
    outlets: BTreeMap<PortName, Outlet>,
    ids: &BTreeMap<PortName, BTreeSet<RouterName>>,
) -> Vec<Party> {
    let classes = Classes::of(ids.values());
    let class_of = |name: &PortName| ids.get(name).and_then(|ids| ids.first()).map(|id| classes.of_id(id));
    let mut chassis: BTreeMap<RouterName, BTreeSet<&Id>> = BTreeMap::new();
    for name in outlets.keys() {
        if let (PortName::Said(id, _), Some(class)) = (name, class_of(name)) {
            chassis.entry(class).or_default().insert(id);
        }
    }
    let owner = |name: &PortName| -> NodeName {
        match (name, class_of(name)) {
            (PortName::Said(id, _), _) => NodeName::Chassis(id.clone()),
            (_, Some(class)) => match chassis.get(&class).filter(|c| c.len() == 1).and_then(|c| c.first()) {
                Some(id) => NodeName::Chassis((*id).clone()),
                None => NodeName::Igp(class),
            },
            (name, None) => NodeName::Port(name.clone()),
        }
    };
    let owners: Vec<NodeName> = outlets.keys().map(owner).collect();
    let mut parties: BTreeMap<NodeName, Party> = BTreeMap::new();
    for ((name, outlet), owner) in outlets.iter().zip(owners) {
        let party = parties.entry(owner).or_default();
        for id in ids.get(name).into_iter().flatten() {
            match id {
                RouterName::Router(id) => party.routers.insert(id.clone()),
                RouterName::System(id) => party.systems.insert(id.clone()),
            };
        }
        party.ports.push(outlet.clone());
    }
    parties.into_values().map(Party::settled).collect()
}

/// What a node is told from others by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum NodeName {
    Chassis(Id),
    Igp(RouterName),
    Port(PortName),
}

/// Ids that are said from one port belong to one node.
struct Classes(BTreeMap<RouterName, RouterName>);

impl Classes {
    fn of<'a>(ports: impl Iterator<Item = &'a BTreeSet<RouterName>>) -> Self {
        let mut classes = Self(BTreeMap::new());
        for ids in ports {
            let roots: BTreeSet<RouterName> = ids.iter().map(|id| classes.of_id(id)).collect();
            if let Some(first) = roots.first().cloned() {
                roots
                    .into_iter()
                    .chain(ids.iter().cloned())
                    .for_each(|id| drop(classes.0.insert(id, first.clone())));
            }
        }
        classes
    }

    /// The first id of the class of an id.
    fn of_id(&self, id: &RouterName) -> RouterName {
        let mut id = id;
        while let Some(above) = self.0.get(id).filter(|above| *above < id) {
            id = above;
        }
        id.clone()
    }
}

/// A cable that is tapped at both ends is heard twice: the latest word on each subject.
fn latest<T, K: Ord>(said: &mut Vec<Said<T>>, subject: impl Fn(&T) -> K) {
    said.sort_by_cached_key(|(source, at, what)| (subject(what), at.over, std::cmp::Reverse(*at), *source));
    said.dedup_by(|a, b| subject(&a.2) == subject(&b.2));
}

impl Party {
    fn settled(mut self) -> Self {
        for port in &mut self.ports {
            latest(&mut port.heard, ids);
            latest(&mut port.neighbors, |n| (n.protocol, n.id.clone(), n.mac, n.address));
        }
        let latest = self.ports.iter().filter(|p| p.sent.is_some()).max_by_key(|p| p.at);
        self.chassis = latest.and_then(|p| p.sent.as_ref()).map(|s| s.chassis.clone());
        self
    }

    /// Its id: chassis, else system, router or port.
    pub(crate) fn id(&self) -> Id {
        let of = |kind: &str, value: &String| Id { kind: kind.to_owned(), value: value.clone() };
        let chassis = self.chassis.as_ref().map(|c| c.id.clone());
        let mac = || self.ports.iter().find_map(|p| p.mac).map(|m| of("mac", &m.to_string()));
        chassis
            .or_else(|| self.systems.first().map(|s| of("system-id", s)))
            .or_else(|| self.routers.first().map(|r| of("router-id", r)))
            .or_else(mac)
            .unwrap_or_else(|| of("local", &String::new()))
    }

    /// What the node says and hears, in the words of a node that was asked; `name` names its ports, if they are to be.
    pub(crate) fn words(&self, name: impl Fn(&Outlet) -> Option<String>) -> Vec<Said<Fact>> {
        let at = self.ports.iter().map(|p| p.at).max().unwrap_or_default();
        let source = if self.chassis.is_some() { Source::Lldp } else { Source::Ospf };
        let node = NodeInfo {
            router_id: self.routers.first().cloned(),
            system_id: self.systems.first().cloned(),
            routing: !self.routers.is_empty() || !self.systems.is_empty(),
            ..NodeInfo::default()
        };
        let mut words = vec![(source, at, Fact::Node(node))];
        words.extend(self.chassis.clone().map(|c| (source, at, Fact::Chassis(c))));
        for port in &self.ports {
            if let Some(name) = name(port) {
                port.words(&name, source, &mut words);
            }
        }
        words
    }
}

impl Outlet {
    /// The name of the interface, as its owner calls it, if it says so: an interface name, or beside a hardware address,
    /// an alias or an index the description (lldpd and most vendors send the name in one or the other).
    pub(crate) fn own_name(&self) -> Option<&str> {
        let sent = self.sent.as_ref()?;
        let id = &sent.port;
        let described = sent.description.as_deref();
        let numeric = id.value.bytes().all(|b| b.is_ascii_digit());
        match id.kind.as_str() {
            "ifname" | "port" => Some(&id.value),
            "local" if !numeric => Some(&id.value),
            "mac" | "ip" | "local" | "agent" => described,
            _ => described.or(Some(&id.value)),
        }
    }

    /// What can be said of a port whose owner does not name it: its address, or its hardware address.
    pub(crate) fn place(&self) -> String {
        let address = self.addresses.keys().next().map(IpAddr::to_string);
        address.or_else(|| self.mac.map(|m| m.to_string())).unwrap_or_default()
    }

    fn words(&self, name: &str, source: Source, words: &mut Vec<Said<Fact>>) {
        let link = Link { name: name.to_owned(), mac: self.mac, ifindex: self.ifindex, ..Link::default() };
        words.push((source, self.at, Fact::Link(link.into())));
        for (ip, len) in &self.addresses {
            words.push((
                source,
                self.at,
                Fact::Address(Address { port: name.to_owned(), ip: *ip, len: *len }),
            ));
        }
        for (source, at, heard) in &self.heard {
            let heard = LldpNeighbor { on: name.to_owned(), ..heard.clone() };
            words.push((*source, *at, Fact::Neighbor(Arc::new(heard))));
        }
        for (source, at, neighbor) in &self.neighbors {
            let neighbor = IgpNeighbor { on: name.to_owned(), ..neighbor.clone() };
            words.push((*source, *at, Fact::IgpNeighbor(neighbor)));
        }
    }
}
