//! What is known of one node from its own recordings.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use twin::{BitsPerSec, Bytes, MacAddr, Port, PortAddress};

/// One node's own words.
#[derive(Debug, Default)]
pub(super) struct Device {
    /// The name of its folder.
    pub(super) name: String,
    /// Its interface table.
    pub(super) interfaces: BTreeMap<String, Interface>,
    /// Its own LLDP chassis.
    pub(super) chassis: Option<Chassis>,
    /// The LLDP neighbours it hears.
    pub(super) heard: Vec<Heard>,
    /// Its OSPF router id.
    pub(super) router_id: Option<String>,
    /// The OSPF neighbours it has.
    pub(super) neighbors: Vec<OspfNeighbor>,
    /// The router LSAs in its database.
    pub(super) lsdb: Vec<RouterLsa>,
    /// The kernel's routes.
    pub(super) kernel_routes: Vec<RouteRow>,
    /// The routes that FRR installed.
    pub(super) frr_routes: Vec<RouteRow>,
    /// Whether a routing daemon runs on it.
    pub(super) runs_routing: bool,
}

/// One row of an interface table.
#[derive(Debug, Default)]
pub(super) struct Interface {
    /// Index, hardware address, MTU, description, addresses, carrier.
    pub(super) port: Port,
    /// Whether it is a loopback.
    pub(super) loopback: bool,
    /// Whether it has no line rate of its own (a veth reports one all the same).
    pub(super) virtual_line: bool,
    /// Whether it stands for others (bridge, bond, VLAN, tunnel): no cable ends there.
    pub(super) logical: bool,
    /// Line rate.
    pub(super) speed: Option<BitsPerSec>,
    /// OSPF cost by configuration.
    pub(super) ospf_cost: Option<u32>,
    /// Addresses that the routing table calls local to it (a recording may lack the address list).
    pub(super) local: BTreeSet<IpAddr>,
    /// The port id that it sends in LLDP.
    pub(super) advertised: Option<Id>,
}

/// An LLDP chassis or port id: subtype and value (IEEE 802.1AB §8.5.2, §8.5.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    /// `mac`, `ifname`, `ifalias`, `ip`, `local`, …
    pub(super) kind: String,
    /// The value; hardware addresses in lower case.
    pub(super) value: String,
}

/// An LLDP chassis.
#[derive(Clone, Debug)]
pub(super) struct Chassis {
    /// Its id.
    pub(super) id: Id,
    /// Its system name.
    pub(super) name: Option<String>,
    /// Its management addresses.
    pub(super) management: Vec<IpAddr>,
    /// Whether it says that it forwards IP.
    pub(super) router: bool,
    /// Whether it says that it bridges.
    pub(super) bridge: bool,
}

/// An LLDP neighbour as heard on a port.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// The hearing port's name.
    pub(super) on: String,
    /// Who sent it.
    pub(super) chassis: Chassis,
    /// The sending port's id.
    pub(super) port: Id,
    /// The sending port's description.
    pub(super) description: Option<String>,
}

/// An OSPF neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OspfNeighbor {
    /// The port it is seen on.
    pub(super) on: String,
    /// Its router id.
    pub(super) router_id: String,
    /// Its interface's address.
    pub(super) address: IpAddr,
    /// The state's word and the neighbour's role, such as `Full/-`.
    pub(super) state: String,
}

/// A router LSA (RFC 2328 §A.4.2).
#[derive(Clone, Debug)]
pub(super) struct RouterLsa {
    /// Advertising router.
    pub(super) router: String,
    /// Sequence number.
    pub(super) sequence: i32,
    /// Link data (an interface address, or `0.0.0.ifindex` where unnumbered) and metric.
    pub(super) links: Vec<(String, u32)>,
}

/// A route as a tool printed it, with interface names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RouteRow {
    /// Destination.
    pub(super) prefix: IpNet,
    /// Lower is better: table, then metric.
    pub(super) rank: (u8, u32),
    /// What it does.
    pub(super) action: RowAction,
}

/// What a printed route does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RowAction {
    /// Interface name and gateway of each next hop.
    Forward(Vec<(String, Option<IpAddr>)>),
    /// The node's own address.
    Local,
    /// Drop silently.
    Blackhole,
    /// Drop and say so.
    Unreachable,
}

impl Device {
    /// A device without recordings.
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// The interface of this name, added if the table lacks it.
    pub(super) fn interface(&mut self, name: &str) -> &mut Interface {
        self.interfaces.entry(name.to_owned()).or_default()
    }

    /// The names of the interfaces that satisfy a condition.
    pub(super) fn interfaces_where(&self, keep: impl Fn(&str, &Interface) -> bool) -> Vec<&str> {
        self.interfaces.iter().filter(|(n, i)| keep(n, i)).map(|(n, _)| n.as_str()).collect()
    }
}

impl Interface {
    /// Adds an address once; the list stays sorted.
    pub(super) fn add_address(&mut self, ip: IpAddr, len: u8) {
        let address = PortAddress { ip, len };
        if let Err(at) = self.port.addresses.binary_search(&address) {
            self.port.addresses.insert(at, address);
        }
    }

    /// All addresses that it answers to.
    pub(super) fn ips(&self) -> BTreeSet<IpAddr> {
        self.port.addresses.iter().map(|a| a.ip).chain(self.local.iter().copied()).collect()
    }

    /// Sets the hardware address, unless it is the loopback's zero.
    pub(super) fn set_mac(&mut self, mac: Option<MacAddr>) {
        if let Some(mac) = mac.filter(|m| m.0 != [0; 6]) {
            self.port.mac = Some(mac);
        }
    }

    /// Sets the largest packet in bytes.
    pub(super) fn set_mtu(&mut self, mtu: Option<u32>) {
        self.port.mtu = mtu.map(|m| Bytes::new(u64::from(m))).or(self.port.mtu);
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.value)
    }
}
