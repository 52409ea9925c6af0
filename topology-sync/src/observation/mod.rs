//! What a source says: the one type between every source and the twin.
//!
//! A source (a dump, a frame, a stream) is turned into [`Observation`]s by a pure parser. Each is one observer's word on
//! one subject at one instant: *so it is* (for a lifetime), *it is no longer so*, or *I have finished reading this topic*.
//! Nothing here is matched to nodes of the twin yet: an observation holds what was said, in the words in which it was
//! said. Matching and fusing come later ([`crate::store`], [`crate::fuse`]).

mod fact;
mod igp;
mod key;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use twin::WallTime;

pub use self::fact::{
    Address, BgpPeer, BundleMember, Chassis, Fact, FdbEntry, Id, InventoryCable, InventoryNode,
    InventoryPort, IpNeighbor, Link, LinkKind, LldpNeighbor, Mlag, NodeInfo, PortVlan, RouteFact, RouteHop,
    RouteKind, SentPort,
};
pub use self::igp::{
    Hello, IgpInterface, IgpLink, IgpLinkKind, IgpNeighbor, IgpProtocol, LinkEnd, LinkState, LinkStateId,
    LinkStateKind,
};
pub use self::key::{FactKey, Part, Scope, Topic};

/// Who speaks: a node by the id that the reader was given (a lab's sub-folder, a name of the configuration), or a place
/// on the wire (a capture, with the interface where the capture tells it).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Observer {
    /// A node speaks of itself and of what it sees.
    Node(Arc<str>),
    /// What passes on one wire: all who send there are on one medium. Written `capture` or `capture#ifindex`.
    Wire(Arc<str>),
    /// A list that somebody keeps: an inventory, a file of cables.
    List(Arc<str>),
}

impl Observer {
    /// A node by its id.
    pub fn node(id: &str) -> Self {
        Self::Node(Arc::from(id))
    }
    /// A wire by the capture's name and the interface's.
    pub fn wire(capture: &str, interface: Option<u32>) -> Self {
        match interface {
            Some(index) => Self::Wire(Arc::from(format!("{capture}#{index}"))),
            None => Self::Wire(Arc::from(capture)),
        }
    }
    /// A list by its name.
    pub fn list(name: &str) -> Self {
        Self::List(Arc::from(name))
    }
    /// The id as it was given.
    pub fn id(&self) -> &str {
        let (Self::Node(id) | Self::Wire(id) | Self::List(id)) = self;
        id
    }
}

impl fmt::Display for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// By what means an observer knows. Where several tell one thing, the first in this order is believed and the others
/// must agree (or are conflicts).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The kernel: netlink or iproute2.
    Kernel,
    /// FRR's vtysh.
    Frr,
    /// What a vendor's `show` command printed.
    Show,
    /// lldpd.
    Lldpd,
    /// LLDP frames (IEEE 802.1AB).
    Lldp,
    /// CDP frames.
    Cdp,
    /// OSPF packets (RFC 2328, RFC 5340).
    Ospf,
    /// IS-IS PDUs (ISO/IEC 10589).
    Isis,
    /// BMP (RFC 7854) or BGP (RFC 4271).
    Bgp,
    /// SNMP.
    Snmp,
    /// An inventory.
    Inventory,
}

impl Source {
    /// Every source, the most trusted first.
    pub const ALL: [Self; 11] = [
        Self::Kernel,
        Self::Frr,
        Self::Show,
        Self::Lldpd,
        Self::Lldp,
        Self::Cdp,
        Self::Ospf,
        Self::Isis,
        Self::Bgp,
        Self::Snmp,
        Self::Inventory,
    ];

    /// The word in evidence and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Frr => "frr",
            Self::Show => "show",
            Self::Lldpd => "lldpd",
            Self::Lldp => "lldp",
            Self::Cdp => "cdp",
            Self::Ospf => "ospf",
            Self::Isis => "isis",
            Self::Bgp => "bgp",
            Self::Snmp => "snmp",
            Self::Inventory => "inventory",
        }
    }
}

/// One observer's word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Who says it.
    pub observer: Observer,
    /// By what means.
    pub source: Source,
    /// When it was so, by the observer's clock; recordings that bear no time have the epoch.
    pub at: WallTime,
    /// What is said.
    pub said: Said,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Said {
    /// It is so, until it is said otherwise or, where a lifetime is given, until that has passed (an LLDP TTL, a dead
    /// interval, an LSA's remaining age).
    Is(Box<Fact>, Option<Duration>),
    /// It is no longer so: whatever was said of it at this instant or before does not stand.
    Not(FactKey),
    /// A reading of this that began at this instant is finished: what was said of it before and not since does not stand. A reading that was cut short says nothing of the kind.
    Read(Scope),
    /// The source was lost at this instant: what it said before and not since stands, and is stale.
    Lost,
}

impl Observation {
    /// A word that something is so, for as long as nothing else is said.
    pub fn is(observer: &Observer, source: Source, at: WallTime, fact: Fact) -> Self {
        Self { observer: observer.clone(), source, at, said: Said::Is(Box::new(fact), None) }
    }
    /// A word that something is so for a lifetime.
    pub fn lives(observer: &Observer, source: Source, at: WallTime, fact: Fact, lifetime: Duration) -> Self {
        Self { observer: observer.clone(), source, at, said: Said::Is(Box::new(fact), Some(lifetime)) }
    }
    /// A word that something is no longer so.
    pub fn not(observer: &Observer, source: Source, at: WallTime, key: FactKey) -> Self {
        Self { observer: observer.clone(), source, at, said: Said::Not(key) }
    }
    /// A word that a reading that began at `at` is finished.
    pub fn read(observer: &Observer, source: Source, at: WallTime, of: impl Into<Scope>) -> Self {
        Self { observer: observer.clone(), source, at, said: Said::Read(of.into()) }
    }
    /// A word that a source is not heard any more.
    pub fn lost(observer: &Observer, source: Source, at: WallTime) -> Self {
        Self { observer: observer.clone(), source, at, said: Said::Lost }
    }
}
