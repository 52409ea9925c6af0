//! Facts of the interior gateway protocols, in one form for OSPFv2, OSPFv3 and IS-IS.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use twin::MacAddr;

use super::{FactKey, Topic};

/// Which protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IgpProtocol {
    /// RFC 2328.
    Ospf2,
    /// RFC 5340.
    Ospf3,
    /// ISO/IEC 10589, RFC 1195.
    Isis,
}

impl IgpProtocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ospf2, Self::Ospf3, Self::Isis];

    /// The word in keys, evidence and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ospf2 => "ospf",
            Self::Ospf3 => "ospf3",
            Self::Isis => "isis",
        }
    }
}

/// Settings of one interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IgpInterface {
    /// Which protocol.
    pub protocol: IgpProtocol,
    /// The interface's name.
    pub port: String,
    /// The cost of sending out of it.
    pub cost: Option<u32>,
    /// The area (OSPF) or level (IS-IS), as printed.
    pub area: Option<String>,
}

/// A neighbour as the node's own daemon has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IgpNeighbor {
    /// Which protocol.
    pub protocol: IgpProtocol,
    /// The port it is seen on.
    pub on: String,
    /// Router id (OSPF), system id as `xxxx.xxxx.xxxx` or, where a tool prints nothing else, dynamic host name (IS-IS).
    pub id: String,
    /// The address of its interface, if known.
    pub address: Option<IpAddr>,
    /// The hardware address of its interface (IS-IS: the SNPA), if known.
    pub mac: Option<MacAddr>,
    /// The state's word as the protocol has it: `Down`, `Attempt`, `Init`, `2-Way`, `ExStart`, `Exchange`, `Loading`,
    /// `Full` (OSPF), `Down`, `Initializing`, `Up` (IS-IS).
    pub state: String,
    /// The neighbour's role on a broadcast medium, where told: `DR`, `Backup`, `DROther`.
    pub role: Option<String>,
}

/// A hello seen on a wire: who sends there and whom he hears.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hello {
    /// Which protocol.
    pub protocol: IgpProtocol,
    /// Router id or system id of the sender.
    pub sender: String,
    /// Where it came from: the source address (OSPF) or hardware address (IS-IS).
    pub from: String,
    /// The sender's hardware address, where the link layer shows it.
    pub mac: Option<MacAddr>,
    /// The sender's number of its interface (OSPFv3 interface id, IS-IS extended circuit id of RFC 5303), where said.
    pub interface: Option<u32>,
    /// Addresses of the sending interface.
    pub addresses: Vec<IpAddr>,
    /// Those whom the sender hears: router ids (OSPF), hardware addresses (IS-IS LAN) or system ids (IS-IS
    /// point-to-point, RFC 5303, whose three-way state is Initializing or Up).
    pub hears: Vec<String>,
    /// Prefix length of the sending interface (OSPF, broadcast media only).
    pub prefix_len: Option<u8>,
    /// The designated router's address (OSPF) or pseudonode id (IS-IS), if there is one.
    pub designated: Option<String>,
    /// The area (OSPF) or `1`, `2`, `1-2` (IS-IS).
    pub area: String,
}

/// Which link-state advertisement: unique in the network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkStateId {
    /// Which protocol.
    pub protocol: IgpProtocol,
    /// OSPF area as a dotted quad, IS-IS level as `1` or `2`.
    pub area: String,
    /// What is described.
    pub kind: LinkStateKind,
    /// Advertising router: router id, or system id `xxxx.xxxx.xxxx`.
    pub router: String,
    /// Link state id (OSPF: a dotted quad), or pseudonode and fragment as `nn-ff` (IS-IS).
    pub number: String,
}

/// What an advertisement describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkStateKind {
    /// A router with its links (OSPF type 1; IS-IS LSP with pseudonode 00).
    Router,
    /// A broadcast medium with the routers on it (OSPF type 2; IS-IS LSP of a pseudonode).
    Network,
    /// Addresses of the originator's own link (OSPFv3 type 8).
    Link,
    /// Prefixes that belong to a router or medium (OSPFv3 type 9).
    Prefixes,
    /// Anything else; kept for counting.
    Other,
}

/// One advertisement, newest instance of an observer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LinkState {
    /// Which.
    pub id: LinkStateId,
    /// Sequence number mapped so that larger is newer (RFC 2328 §12.1.6 numbers are signed).
    pub sequence: u32,
    /// Dynamic host name (RFC 5301), where one is said.
    pub name: Option<String>,
    /// Adjacencies.
    pub links: Vec<IgpLink>,
    /// Addresses of the originator (IS-IS TLV 132, 232; OSPFv3 link LSA).
    pub addresses: Vec<IpAddr>,
    /// Reachable blocks with their metrics.
    pub prefixes: Vec<(IpNet, u32)>,
    /// Traffic should not cross this router: OSPF stub router (RFC 6987), IS-IS overload bit.
    pub overload: bool,
}

/// One adjacency in an advertisement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IgpLink {
    /// To what kind of thing.
    pub kind: IgpLinkKind,
    /// To whom: a router (router id, system id), or a medium: the DR's interface address (OSPFv2), the DR's router id
    /// and interface id as `id#index` (OSPFv3), the pseudonode as `xxxx.xxxx.xxxx.nn` (IS-IS).
    pub to: String,
    /// The near end, where said.
    pub near: Option<LinkEnd>,
    /// The far end, where said (OSPFv3 neighbour interface id, IS-IS sub-TLV 8 or 4).
    pub far: Option<LinkEnd>,
    /// Cost of sending over it.
    pub metric: u32,
}

/// What an adjacency leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IgpLinkKind {
    /// A router over a point-to-point link.
    PointToPoint,
    /// A broadcast medium.
    Transit,
    /// A virtual link: no cable.
    Virtual,
}

/// One end of an adjacency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkEnd {
    /// An interface address.
    Address(IpAddr),
    /// An interface index (unnumbered links; RFC 2328 §A.4.2).
    Index(u32),
}

impl LinkStateId {
    /// What an advertisement of this id is about.
    pub fn key(&self) -> FactKey {
        let kind = match self.kind {
            LinkStateKind::Router => "router",
            LinkStateKind::Network => "network",
            LinkStateKind::Link => "link",
            LinkStateKind::Prefixes => "prefixes",
            LinkStateKind::Other => "other",
        };
        FactKey::new(Topic::LinkStates, &[self.protocol.word(), &self.area, kind, &self.router, &self.number])
    }
}

impl LinkState {
    /// A signed sequence number as one that orders as unsigned.
    pub fn ordered_sequence(sequence: u32) -> u32 {
        sequence ^ 0x8000_0000
    }
}
