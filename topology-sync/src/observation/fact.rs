//! Facts: what can be said.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use twin::{BitsPerSec, MacAddr};

use super::{Hello, IgpInterface, IgpNeighbor, LinkState};

/// One thing that an observer says. The variants follow the tables of kernels, agents and daemons.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// The observer itself.
    Node(NodeInfo),
    /// An interface.
    Link(Arc<Link>),
    /// An address of an interface.
    Address(Address),
    /// A member of a bundle.
    BundleMember(BundleMember),
    /// A VLAN on a bridge port.
    PortVlan(PortVlan),
    /// The observer's half of a pair of switches that act as one.
    Mlag(Mlag),
    /// An entry of the ARP or neighbour table.
    IpNeighbor(IpNeighbor),
    /// An entry of a bridge's forwarding database.
    Fdb(FdbEntry),
    /// The observer's own LLDP chassis.
    Chassis(Chassis),
    /// The port id that the observer sends on a port.
    SentPort(SentPort),
    /// An LLDP or CDP neighbour.
    Neighbor(Arc<LldpNeighbor>),
    /// IGP settings of an interface.
    IgpInterface(IgpInterface),
    /// An IGP neighbour.
    IgpNeighbor(IgpNeighbor),
    /// An IGP hello on a wire.
    Hello(Hello),
    /// A link-state advertisement.
    LinkState(LinkState),
    /// A BGP session.
    BgpPeer(BgpPeer),
    /// A forwarding entry.
    Route(RouteFact),
    /// A node of an inventory.
    InventoryNode(InventoryNode),
    /// A cable of an inventory.
    InventoryCable(InventoryCable),
    /// A port of an inventory.
    InventoryPort(InventoryPort),
}

/// What a node says of itself; what it does not say is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Host name.
    pub hostname: Option<String>,
    /// Router id of its routing daemons.
    pub router_id: Option<String>,
    /// IS-IS system id, `xxxx.xxxx.xxxx`.
    pub system_id: Option<String>,
    /// Whether a routing daemon runs.
    pub routing: bool,
    /// Autonomous system number.
    pub asn: Option<u32>,
    /// Vendor and model, as printed.
    pub model: Option<String>,
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// Its name on the node.
    pub name: String,
    /// The kernel's or the MIB's index.
    pub ifindex: Option<u32>,
    /// Hardware address in use.
    pub mac: Option<MacAddr>,
    /// Hardware address of the part itself, where it differs (bundle members).
    pub permanent_mac: Option<MacAddr>,
    /// Largest IP packet in bytes.
    pub mtu: Option<u32>,
    /// The operator's description.
    pub alias: Option<String>,
    /// Whether the operator has it up.
    pub admin_up: Option<bool>,
    /// Carrier.
    pub carrier: Option<bool>,
    /// Line rate; absent where the interface has none of its own (a veth reports one all the same).
    pub speed: Option<BitsPerSec>,
    /// What it is.
    pub kind: Option<LinkKind>,
    /// The bridge, bundle or VRF that it belongs to, by name.
    pub master: Option<String>,
    /// The interface that it lies on (VLAN, macvlan), by name.
    pub lower: Option<String>,
    /// IEEE 802.1Q VLAN id of a sub-interface.
    pub vlan: Option<u16>,
    /// The index, in another namespace, of the interface at the other end of the pair (Linux `IFLA_LINK` with
    /// `IFLA_LINK_NETNSID`).
    pub peer_index: Option<u32>,
    /// The system id that the other end of a bundle says (LACP, IEEE 802.1AX).
    #[serde(default)]
    pub partner: Option<MacAddr>,
}

/// What an interface is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// A port for a cable.
    Physical,
    /// One end of a pair in software: a cable for our purposes.
    Veth,
    /// The node's own loopback.
    Loopback,
    /// A bridge as a whole.
    Bridge,
    /// A bundle as a whole (IEEE 802.1AX).
    Bundle,
    /// A VLAN sub-interface or SVI.
    Vlan,
    /// A routing instance.
    Vrf,
    /// A tunnel, VXLAN included.
    Tunnel,
    /// Something else in software, by the kernel's word.
    Virtual(String),
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// The interface's name.
    pub port: String,
    /// The address.
    pub ip: IpAddr,
    /// Prefix length; absent where a source tells the address alone.
    pub len: Option<u8>,
}

/// A member of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BundleMember {
    /// The bundle's name.
    pub bundle: String,
    /// The member's name.
    pub port: String,
}

/// A VLAN on a bridge port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortVlan {
    /// The bridge port's name.
    pub port: String,
    /// IEEE 802.1Q VLAN id.
    pub vlan: u16,
    /// Whether frames of it leave without a tag.
    pub untagged: bool,
}

/// Half of a pair of switches that act as one towards the bundles of others (MLAG, MC-LAG, vPC).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mlag {
    /// The LACP system id that both say.
    pub system: MacAddr,
    /// The interface towards the other half.
    pub peer_port: Option<String>,
    /// The other half's address on it.
    pub peer: Option<IpAddr>,
    /// Bundles that the two share: name, number that is the same at both.
    pub bundles: Vec<(String, u32)>,
}

/// An entry of the ARP or neighbour table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IpNeighbor {
    /// The interface's name.
    pub port: String,
    /// The neighbour's address.
    pub ip: IpAddr,
    /// Its hardware address; absent where resolution failed.
    pub mac: Option<MacAddr>,
}

/// An entry of a bridge's forwarding database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FdbEntry {
    /// The bridge port's name.
    pub port: String,
    /// The hardware address.
    pub mac: MacAddr,
    /// IEEE 802.1Q VLAN id.
    pub vlan: Option<u16>,
    /// Whether it is the bridge's own (`permanent`, `self`) and not learnt from traffic.
    pub own: bool,
}

/// An LLDP chassis or port id: subtype and value (IEEE 802.1AB §8.5.2, §8.5.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id {
    /// `mac`, `ifname`, `ifalias`, `ip`, `local`, `port`, `chassis`, `agent`; CDP: `device`, `port`.
    pub kind: String,
    /// The value; hardware addresses in lower case with colons.
    pub value: String,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.value)
    }
}

/// An LLDP chassis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Chassis {
    /// Its id.
    pub id: Id,
    /// Its system name.
    pub name: Option<String>,
    /// Its system description.
    pub description: Option<String>,
    /// Its management addresses.
    pub management: Vec<IpAddr>,
    /// Whether it says that it forwards IP (capability enabled).
    pub router: bool,
    /// Whether it says that it bridges (capability enabled).
    pub bridge: bool,
}

/// The port id that a node sends on a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SentPort {
    /// The port's name.
    pub port: String,
    /// What it sends.
    pub id: Id,
}

/// An LLDP or CDP neighbour as heard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LldpNeighbor {
    /// The hearing port's name; on a wire the wire itself (empty).
    pub on: String,
    /// Who sent it.
    pub chassis: Chassis,
    /// The sending port's id.
    pub port: Id,
    /// The sending port's description.
    pub description: Option<String>,
    /// The bundle that the sender says the port is a member of: its interface number (IEEE 802.1AX TLV), if not 0.
    pub aggregate: Option<u32>,
    /// The source hardware address, where a frame was seen.
    pub mac: Option<MacAddr>,
    /// Largest frame in bytes, where said (IEEE 802.3 TLV).
    pub max_frame: Option<u16>,
}

/// A BGP session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BgpPeer {
    /// The VRF's name; `default` for none.
    pub vrf: String,
    /// The observer's own address in the session, if known.
    #[serde(default)]
    pub local: Option<IpAddr>,
    /// The peer's address.
    pub address: IpAddr,
    /// The peer's AS number; 0 where it is not known (RFC 7607: nobody's).
    pub asn: u32,
    /// The peer's BGP identifier, if known.
    pub router_id: Option<String>,
    /// The state's word (RFC 4271 §8.2.2): `Established`, `Idle`, ….
    pub state: String,
}

/// A forwarding entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteFact {
    /// The table: `main`, `local`, a number or a VRF's name.
    pub table: String,
    /// The destination.
    pub prefix: IpNet,
    /// Lower is better among routes of one prefix and table.
    pub metric: u32,
    /// What it does.
    pub kind: RouteKind,
}

/// What a route does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// To one of these next hops.
    Forward(Vec<RouteHop>),
    /// The node's own address.
    Local,
    /// Drop silently.
    Blackhole,
    /// Drop and say so.
    Unreachable,
}

/// A next hop.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteHop {
    /// The interface's name; absent where only the gateway is known (BGP).
    pub port: Option<String>,
    /// The gateway.
    pub gateway: Option<IpAddr>,
}

/// A node of an inventory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InventoryNode {
    /// Its name there.
    pub name: String,
    /// Its role there, as written.
    pub role: Option<String>,
    /// Its site.
    pub site: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// Its management address.
    pub management: Option<IpAddr>,
}

/// A port of an inventory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InventoryPort {
    /// Its node's name there.
    pub node: String,
    /// Its name there.
    pub port: String,
    /// Its hardware address.
    pub mac: Option<MacAddr>,
    /// Its line rate: that which it is set to, or else that of its type.
    pub speed: Option<BitsPerSec>,
}

/// A cable of an inventory: node and port names at both ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InventoryCable {
    /// One end.
    pub a: (String, String),
    /// The other end.
    pub b: (String, String),
}
