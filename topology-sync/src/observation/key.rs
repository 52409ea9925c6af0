//! What a fact is about.

use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Fact, IgpProtocol};

/// A kind of fact, and the scope of a finished reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// The observer itself: names, router id.
    Node,
    /// Its interfaces.
    Links,
    /// Their addresses.
    Addresses,
    /// Members of bundles, where the interface table does not say them.
    Bundles,
    /// VLANs of its bridge ports.
    PortVlans,
    /// Its half of a pair of switches that act as one.
    Mlag,
    /// ARP and neighbour tables.
    IpNeighbors,
    /// MAC addresses learnt on bridge ports.
    Fdb,
    /// Its own LLDP chassis.
    Chassis,
    /// The port ids that it sends.
    SentPorts,
    /// The LLDP and CDP neighbours that it hears.
    Neighbors,
    /// IGP settings of its interfaces.
    IgpInterfaces,
    /// Its IGP neighbours.
    IgpNeighbors,
    /// IGP hellos on a wire.
    Hellos,
    /// The link-state database.
    LinkStates,
    /// BGP sessions.
    BgpPeers,
    /// Forwarding entries.
    Routes,
    /// Nodes of an inventory.
    InventoryNodes,
    /// Cables of an inventory.
    InventoryCables,
    /// Ports of an inventory.
    InventoryPorts,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 20] = [
        Self::Node,
        Self::Links,
        Self::Addresses,
        Self::Bundles,
        Self::PortVlans,
        Self::Mlag,
        Self::IpNeighbors,
        Self::Fdb,
        Self::Chassis,
        Self::SentPorts,
        Self::Neighbors,
        Self::IgpInterfaces,
        Self::IgpNeighbors,
        Self::Hellos,
        Self::LinkStates,
        Self::BgpPeers,
        Self::Routes,
        Self::InventoryNodes,
        Self::InventoryCables,
        Self::InventoryPorts,
    ];

    /// Whether it tells who is next to whom, and so bears on how fresh links are.
    pub fn is_of_neighbors(self) -> bool {
        matches!(
            self,
            Self::Neighbors
                | Self::IgpNeighbors
                | Self::Hellos
                | Self::LinkStates
                | Self::BgpPeers
                | Self::IpNeighbors
                | Self::Fdb
        )
    }
}

/// What a finished reading looked at: all of a topic, or a part of it. A router that runs two IGPs is asked for the
/// neighbours of each, and for its routes of IPv4 and of IPv6, and neither answer is a word about the other's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The topic.
    pub topic: Topic,
    /// The part, of topics that are asked for in parts.
    pub part: Option<Part>,
}

/// A part of a topic that is asked for by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// What one IGP says.
    Igp(IgpProtocol),
    /// Routes of IPv4.
    Ipv4,
    /// Routes of IPv6.
    Ipv6,
}

impl From<IgpProtocol> for Part {
    fn from(protocol: IgpProtocol) -> Self {
        Self::Igp(protocol)
    }
}

impl From<IpNet> for Part {
    fn from(net: IpNet) -> Self {
        match net {
            IpNet::V4(_) => Self::Ipv4,
            IpNet::V6(_) => Self::Ipv6,
        }
    }
}

impl Scope {
    /// A part of a topic.
    pub fn of(topic: Topic, part: impl Into<Part>) -> Self {
        Self { topic, part: Some(part.into()) }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.topic)?;
        match self.part {
            Some(Part::Igp(protocol)) => write!(f, " of {}", protocol.word()),
            Some(family) => write!(f, " of {family:?}"),
            None => Ok(()),
        }
    }
}

impl From<Topic> for Scope {
    fn from(topic: Topic) -> Self {
        Self { topic, part: None }
    }
}

/// What a fact is about: its topic and, within it, its subject (a port, a port and an address, an LSA's id, …).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FactKey {
    /// The kind.
    pub topic: Topic,
    /// The subject, in a fixed form.
    pub subject: Box<str>,
}

impl FactKey {
    /// A key of its parts, joined by spaces.
    pub fn new(topic: Topic, parts: &[&str]) -> Self {
        Self { topic, subject: parts.join(" ").into() }
    }
}

impl FactKey {
    /// The part of its topic that the subject is in: the protocol with which it begins, or the family of a route's prefix.
    pub fn part(&self) -> Option<Part> {
        match self.topic {
            Topic::IgpInterfaces | Topic::IgpNeighbors | Topic::Hellos | Topic::LinkStates => {
                let word = self.subject.split(' ').next()?;
                IgpProtocol::ALL.into_iter().find(|p| p.word() == word).map(Part::Igp)
            }
            Topic::Routes => {
                let prefix = self.subject.rsplit(' ').nth(1)?;
                Some(if prefix.contains(':') { Part::Ipv6 } else { Part::Ipv4 })
            }
            _ => None,
        }
    }
}

impl Fact {
    /// What the fact is about. A second fact with the same key replaces the first.
    pub fn key(&self) -> FactKey {
        let of = |topic, parts: &[&str]| FactKey::new(topic, parts);
        match self {
            // Several daemons tell of one node, and none takes back what another said. The router id is the IGP's, which
            // comes first, or else BGP's.
            Fact::Node(n) if n.asn.is_some() => of(Topic::Node, &["speaker"]),
            Fact::Node(n) if n.system_id.is_some() => of(Topic::Node, &["isis"]),
            Fact::Node(_) => of(Topic::Node, &[]),
            Fact::Link(l) => of(Topic::Links, &[&l.name]),
            Fact::Address(a) => of(Topic::Addresses, &[&a.port, &a.ip.to_string()]),
            Fact::BundleMember(m) => of(Topic::Bundles, &[&m.bundle, &m.port]),
            Fact::PortVlan(v) => of(Topic::PortVlans, &[&v.port, &v.vlan.to_string()]),
            Fact::Mlag(_) => of(Topic::Mlag, &[]),
            Fact::IpNeighbor(n) => of(Topic::IpNeighbors, &[&n.port, &n.ip.to_string()]),
            Fact::Fdb(e) => {
                let vlan = e.vlan.map(|v| v.to_string()).unwrap_or_default();
                of(Topic::Fdb, &[&e.port, &e.mac.to_string(), &vlan])
            }
            Fact::Chassis(_) => of(Topic::Chassis, &[]),
            Fact::SentPort(p) => of(Topic::SentPorts, &[&p.port]),
            Fact::Neighbor(n) => FactKey::neighbor(&n.on, &n.chassis.id.to_string(), &n.port.to_string()),
            Fact::IgpInterface(i) => of(Topic::IgpInterfaces, &[i.protocol.word(), &i.port]),
            Fact::IgpNeighbor(n) => of(Topic::IgpNeighbors, &[n.protocol.word(), &n.on, &n.id]),
            Fact::Hello(h) => of(Topic::Hellos, &[h.protocol.word(), &h.sender, &h.from, &h.area]),
            Fact::LinkState(l) => l.id.key(),
            Fact::BgpPeer(p) => FactKey::bgp_peer(&p.vrf, p.address),
            Fact::Route(r) => of(Topic::Routes, &[&r.table, &r.prefix.to_string(), &r.metric.to_string()]),
            Fact::InventoryNode(n) => of(Topic::InventoryNodes, &[&n.name]),
            Fact::InventoryPort(p) => of(Topic::InventoryPorts, &[&p.node, &p.port]),
            Fact::InventoryCable(c) => {
                let (a, b) = if c.a <= c.b { (&c.a, &c.b) } else { (&c.b, &c.a) };
                of(Topic::InventoryCables, &[&a.0, &a.1, &b.0, &b.1])
            }
        }
    }
}

impl FactKey {
    /// An interface.
    pub fn link(port: &str) -> Self {
        Self::new(Topic::Links, &[port])
    }
    /// An address of an interface.
    pub fn address(port: &str, ip: std::net::IpAddr) -> Self {
        Self::new(Topic::Addresses, &[port, &ip.to_string()])
    }
    /// An entry of the ARP or neighbour table.
    pub fn ip_neighbor(port: &str, ip: std::net::IpAddr) -> Self {
        Self::new(Topic::IpNeighbors, &[port, &ip.to_string()])
    }
    /// A BGP session.
    pub fn bgp_peer(vrf: &str, address: std::net::IpAddr) -> Self {
        Self::new(Topic::BgpPeers, &[vrf, &address.to_string()])
    }
    /// An LLDP or CDP neighbour: hearing port, chassis id, port id (IEEE 802.1AB §8.2: the MSAP identifier).
    pub fn neighbor(on: &str, chassis: &str, port: &str) -> Self {
        Self::new(Topic::Neighbors, &[on, chassis, port])
    }
}
