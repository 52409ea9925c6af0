//! One node as its own words describe it: what stands in the store, put together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use twin::{BitsPerSec, Bytes, Port, PortAddress, WallTime};

use super::stamp::Stamp;
use super::testimony::Overheard;
use crate::observation::{
    Chassis, Fact, FdbEntry, Id, IgpNeighbor, IgpProtocol, IpNeighbor, Link, LinkKind, LldpNeighbor, Mlag,
    NodeInfo, Observer, Source, Topic,
};
use crate::store::Store;

/// One node's own words. Where several sources describe one thing, the first in the order of [`Source`] is believed, and
/// the others fill in what it does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Device {
    /// Its id: that of its folder or of the configuration.
    pub(crate) name: Arc<str>,
    /// Names, router id, system id.
    pub(crate) node: NodeInfo,
    /// Its interface table.
    pub(crate) interfaces: BTreeMap<Arc<str>, Arc<Interface>>,
    /// Its own LLDP chassis.
    pub(crate) chassis: Option<Chassis>,
    /// The LLDP and CDP neighbours it hears.
    pub(crate) heard: Vec<Said<Arc<LldpNeighbor>>>,
    /// Those that it heard and does not any more.
    pub(crate) past: Vec<Said<Arc<LldpNeighbor>>>,
    /// Its IGP neighbours.
    pub(crate) neighbors: Vec<Said<IgpNeighbor>>,
    /// Its ARP and neighbour tables.
    pub(crate) resolved: Vec<Said<IpNeighbor>>,
    /// What its bridges learnt.
    pub(crate) fdb: Vec<Said<FdbEntry>>,
    /// By what it is known, if it has no words but those that wires carry.
    pub(crate) external: Option<Id>,
    /// Ports of which nothing tells what the node calls them.
    pub(crate) nameless: BTreeSet<Arc<str>>,
    /// VLANs on its bridge ports.
    pub(crate) vlans: BTreeSet<u16>,
    /// Its half of a pair of switches that act as one.
    pub(crate) mlag: Option<Mlag>,
    /// The cost of its interfaces by configuration.
    pub(crate) costs: BTreeMap<(IgpProtocol, String), u32>,
}

/// A fact with its source and stamp.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said<T> {
    pub(crate) source: Source,
    pub(crate) at: Stamp,
    pub(crate) what: T,
}

/// One row of an interface table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Interface {
    /// As all sources together describe it.
    pub(crate) link: Arc<Link>,
    /// Index, hardware address, MTU, description, addresses, carrier: what the twin keeps.
    pub(crate) port: Port,
    /// Addresses whose prefix length is not known.
    pub(crate) bare: BTreeSet<IpAddr>,
    /// The port id that it sends in LLDP.
    pub(crate) advertised: Option<Id>,
}

/// The topics of which a device is made.
const TOPICS: [Topic; 13] = [
    Topic::Node,
    Topic::Links,
    Topic::Addresses,
    Topic::Bundles,
    Topic::PortVlans,
    Topic::Mlag,
    Topic::IpNeighbors,
    Topic::Fdb,
    Topic::Chassis,
    Topic::SentPorts,
    Topic::Neighbors,
    Topic::IgpInterfaces,
    Topic::IgpNeighbors,
];

impl Device {
    /// Whether a device is made of what is said on this topic.
    pub(crate) fn is_of(topic: Topic) -> bool {
        TOPICS.contains(&topic)
    }

    /// The node as its words stand at an instant.
    pub(crate) fn of(store: &Store, observer: &Observer, now: WallTime) -> Self {
        let mut device = Self { name: Arc::from(observer.id()), ..Self::default() };
        for standing in store.standing_of(observer, TOPICS.to_vec(), now) {
            device.take(standing.source, Stamp::of(&standing), standing.fact);
        }
        for past in store.past_neighbors(observer, now) {
            device.take(past.source, Stamp::past(&past), past.fact);
        }
        device.name_masters();
        device.settle();
        device
    }

    /// A node that is known from wires alone.
    pub(crate) fn stranger(id: &Id) -> Self {
        Self { name: Arc::from(id.value.as_str()), external: Some(id.clone()), ..Self::default() }
    }

    /// The node with what wires carry of its words. Its LLDP agent and its daemons, where they were asked themselves,
    /// know better than a listener what they hear.
    pub(crate) fn overheard(mut self, overheard: &Overheard) -> Self {
        let agent = self.chassis.is_some() || !self.heard.is_empty();
        let daemons: BTreeSet<_> = self
            .neighbors
            .iter()
            .map(|n| n.what.protocol)
            .chain(self.costs.keys().map(|(p, _)| *p))
            .collect();
        for (source, at, fact) in &overheard.words {
            let known = match fact {
                Fact::Neighbor(_) => agent,
                Fact::IgpNeighbor(n) => daemons.contains(&n.protocol),
                _ => false,
            };
            if !known {
                self.take(*source, *at, fact);
            }
        }
        self.nameless.clone_from(&overheard.nameless);
        self.settle();
        self
    }

    /// An interface that others belong to is a bridge, unless its kind is told.
    fn name_masters(&mut self) {
        let masters: BTreeSet<_> = self.interfaces.values().filter_map(|i| i.link.master.clone()).collect();
        for master in masters {
            self.interface(&master).link_mut().kind.get_or_insert(LinkKind::Bridge);
        }
    }

    /// Whether others see the two alike: what they look up here, and what media are judged by, but for the state of single
    /// interfaces.
    pub(crate) fn is_seen_alike(&self, other: &Self) -> bool {
        let interfaces = |d: &Self| d.interfaces.values().map(|i| i.identity()).collect::<Vec<_>>();
        let neighbors = |d: &Self| -> Vec<_> {
            d.neighbors.iter().map(|n| (n.what.protocol, n.what.on.clone(), n.what.id.clone())).collect()
        };
        (&self.node, &self.costs) == (&other.node, &other.costs)
            && self.runs_routing() == other.runs_routing()
            && neighbors(self) == neighbors(other)
            && interfaces(self) == interfaces(other)
    }

    fn take(&mut self, source: Source, at: Stamp, fact: &Fact) {
        match fact {
            Fact::Node(node) => self.node.fill(node.clone()),
            Fact::Link(link) => match self.interfaces.get_mut(&*link.name) {
                Some(known) => Arc::make_mut(known).link_mut().fill((**link).clone()),
                None => {
                    let interface = Interface { link: link.clone(), ..Interface::default() };
                    self.interfaces.insert(Arc::from(&*link.name), Arc::new(interface));
                }
            },
            Fact::Address(a) => self.interface(&a.port).add_address(a.ip, a.len),
            Fact::BundleMember(m) => {
                let master = &mut self.interface(&m.port).link_mut().master;
                *master = master.take().or(Some(m.bundle.clone()));
            }
            Fact::PortVlan(v) => drop(self.vlans.insert(v.vlan)),
            Fact::Mlag(m) => drop(self.mlag.get_or_insert_with(|| m.clone())),
            Fact::Chassis(chassis) => drop(self.chassis.get_or_insert_with(|| chassis.clone())),
            Fact::SentPort(sent) => {
                self.interface(&sent.port).advertised.get_or_insert_with(|| sent.id.clone());
            }
            Fact::IgpInterface(i) => {
                if let Some(cost) = i.cost {
                    self.costs.entry((i.protocol, i.port.clone())).or_insert(cost);
                }
            }
            Fact::Neighbor(n) if at.over => self.past.push(Said { source, at, what: n.clone() }),
            Fact::Neighbor(n) => self.heard.push(Said { source, at, what: n.clone() }),
            Fact::IgpNeighbor(n) => self.neighbors.push(Said { source, at, what: n.clone() }),
            Fact::IpNeighbor(n) => self.resolved.push(Said { source, at, what: n.clone() }),
            Fact::Fdb(e) => self.fdb.push(Said { source, at, what: e.clone() }),
            _ => {}
        }
    }

    /// The interface of this name, added if the table lacks it.
    pub(crate) fn interface(&mut self, name: &str) -> &mut Interface {
        Arc::make_mut(self.interfaces.entry(Arc::from(name)).or_insert_with(|| {
            let link = Link { name: name.to_owned(), ..Link::default() };
            Arc::new(Interface { link: Arc::new(link), ..Interface::default() })
        }))
    }

    fn settle(&mut self) {
        self.interfaces.values_mut().for_each(|i| Arc::make_mut(i).settle());
    }

    /// The name of an interface, as it is kept here if it is known.
    pub(crate) fn own_name(&self, name: &str) -> Arc<str> {
        self.interfaces.get_key_value(name).map_or_else(|| Arc::from(name), |(own, _)| own.clone())
    }

    /// The names of the interfaces that satisfy a condition.
    pub(crate) fn interfaces_where(&self, keep: impl Fn(&str, &Interface) -> bool) -> Vec<&str> {
        self.interfaces.iter().filter(|(n, i)| keep(n, i)).map(|(n, _)| &**n).collect()
    }

    /// The port at which the cable under an interface ends: that on which a VLAN lies, the only member of a bundle, or
    /// else the interface itself.
    pub(crate) fn cable_port<'a>(&'a self, name: &'a str) -> &'a str {
        let mut name = name;
        for _ in 0..4 {
            let Some(interface) = self.interfaces.get(name) else { return name };
            let link = &interface.link;
            let below = match link.kind {
                Some(LinkKind::Bundle) => match self.members(name).as_slice() {
                    [only] => Some(*only),
                    _ => None,
                },
                Some(LinkKind::Bridge | LinkKind::Vrf) => None,
                _ => link.lower.as_deref().filter(|l| self.interfaces.contains_key(*l)),
            };
            match below {
                Some(below) => name = below,
                None => return name,
            }
        }
        name
    }

    /// The members of a bundle or bridge.
    pub(crate) fn members(&self, master: &str) -> Vec<&str> {
        self.interfaces_where(|_, i| i.link.master.as_deref() == Some(master))
    }

    /// Whether a port belongs to a bridge of the node.
    pub(crate) fn is_bridged(&self, port: &str) -> bool {
        let master = self.interfaces.get(port).and_then(|i| i.link.master.as_deref());
        master.and_then(|m| self.interfaces.get(m)).is_some_and(|m| m.link.kind == Some(LinkKind::Bridge))
    }

    /// Whether a routing daemon runs on it.
    pub(crate) fn runs_routing(&self) -> bool {
        self.node.routing || !self.neighbors.is_empty() || !self.costs.is_empty()
    }
}

impl Interface {
    fn link_mut(&mut self) -> &mut Link {
        Arc::make_mut(&mut self.link)
    }

    /// An address is listed once: with its prefix length where any source tells it.
    fn add_address(&mut self, ip: IpAddr, len: Option<u8>) {
        let known = self.port.addresses.iter().any(|a| a.ip == ip);
        match len {
            Some(len) if !known => {
                self.port.addresses.push(PortAddress { ip, len });
                self.bare.remove(&ip);
            }
            None if !known => drop(self.bare.insert(ip)),
            _ => {}
        }
    }

    fn settle(&mut self) {
        self.port.addresses.sort();
        self.port.ifindex = self.link.ifindex;
        self.port.mac = self.link.mac;
        self.port.mtu = self.link.mtu.map(|m| Bytes::new(u64::from(m)));
        self.port.alias = self.link.alias.clone();
        self.port.carrier = self.link.carrier;
    }

    /// All but its state.
    fn identity(&self) -> Self {
        let mut identity = self.clone();
        let link = identity.link_mut();
        (link.carrier, link.admin_up, link.mtu, link.speed) = (None, None, None, None);
        (identity.port.carrier, identity.port.mtu) = (None, None);
        identity
    }

    /// All addresses that it answers to.
    pub(crate) fn ips(&self) -> impl Iterator<Item = IpAddr> {
        self.port.addresses.iter().map(|a| a.ip).chain(self.bare.iter().copied())
    }

    /// Whether it is a loopback.
    pub(crate) fn is_loopback(&self) -> bool {
        self.link.kind == Some(LinkKind::Loopback)
    }

    /// Whether it stands for others or lies on another: no cable ends there.
    pub(crate) fn is_logical(&self) -> bool {
        !matches!(self.link.kind, None | Some(LinkKind::Physical | LinkKind::Veth | LinkKind::Loopback))
    }

    /// Line rate; a pair in software has none, whatever it reports.
    pub(crate) fn speed(&self) -> Option<BitsPerSec> {
        self.link.speed.filter(|_| self.link.kind != Some(LinkKind::Veth))
    }
}
