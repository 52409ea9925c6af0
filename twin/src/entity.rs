//! Entities: what exists in the network, independent of any layer.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Bytes, EntityKey};

/// One thing in the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// Its stable identity.
    pub key: EntityKey,
    /// What people call it; need not be unique.
    pub name: String,
    /// Its place in the order of the source (nodes and cables are numbered by it).
    pub ordinal: u32,
    /// What contains it (`Site ⊃ Node ⊃ Slot ⊃ Port`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<EntityKey>,
    /// Earlier keys of the same thing, after a merge or a better identification.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<EntityKey>,
    /// What it is.
    #[serde(flatten)]
    pub kind: EntityKind,
}

/// What an entity is, with the data of its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum EntityKind {
    /// A place.
    Site {
        /// Where it is, if known.
        location: Option<Location>,
    },
    /// A device or host.
    Node {
        /// Its role.
        role: NodeKind,
        /// Where it is, if known and not said by its site.
        location: Option<Location>,
    },
    /// A slot of a device: a line card's place.
    Slot,
    /// An interface of a node.
    Port(Port),
    /// A cable between two ports.
    Cable {
        /// The port at one end.
        a: EntityKey,
        /// The port at the other end.
        b: EntityKey,
    },
    /// A link aggregation (IEEE 802.1AX).
    Bundle {
        /// Member cables.
        members: Vec<EntityKey>,
        /// The bundle is down below this number of members.
        min_links: u32,
    },
    /// A shared medium with more than two ports.
    Segment {
        /// The ports on it.
        ports: Vec<EntityKey>,
    },
    /// Things that fail together.
    RiskGroup {
        /// `linecard`, `span`, `conduit`, `power`, …
        cause: String,
        /// What fails.
        members: Vec<EntityKey>,
    },
    /// A routing table context.
    Vrf,
    /// A virtual LAN (IEEE 802.1Q).
    Vlan {
        /// 1–4094.
        id: u16,
    },
    /// An address block.
    Prefix {
        /// The block.
        net: IpNet,
    },
    /// What customers buy.
    Service,
    /// The boundary: something known only from its neighbours.
    External {
        /// What it looks like from here.
        role: NodeKind,
    },
}

impl EntityKind {
    /// The kind's name in tables: `node`, `port`, `cable`, …
    pub fn word(&self) -> &'static str {
        match self {
            Self::Site { .. } => "site",
            Self::Node { .. } => "node",
            Self::Slot => "slot",
            Self::Port(_) => "port",
            Self::Cable { .. } => "cable",
            Self::Bundle { .. } => "bundle",
            Self::Segment { .. } => "segment",
            Self::RiskGroup { .. } => "risk-group",
            Self::Vrf => "vrf",
            Self::Vlan { .. } => "vlan",
            Self::Prefix { .. } => "prefix",
            Self::Service => "service",
            Self::External { .. } => "external",
        }
    }
}

/// The role of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// Forwards by IP address.
    Router,
    /// Forwards by MAC address, managed.
    Switch,
    /// Sends and receives, forwards nothing.
    Host,
    /// A plain bridge.
    Bridge,
}

impl NodeKind {
    /// The role's name in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Switch => "switch",
            Self::Host => "host",
            Self::Bridge => "bridge",
        }
    }
}

/// A point on the Earth, or on a drawing where a file gives pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Longitude in degrees, or horizontal file units.
    pub x: f64,
    /// Latitude in degrees, or vertical file units.
    pub y: f64,
    /// Whether the two are degrees.
    pub geographical: bool,
}

impl Location {
    /// Great-circle distance in km (haversine, Earth radius 6371 km), or Euclidean length in file units where either end
    /// is not geographical.
    pub fn distance(&self, other: &Location) -> f64 {
        if !(self.geographical && other.geographical) {
            return (self.x - other.x).hypot(self.y - other.y);
        }
        let (lat1, lat2) = (self.y.to_radians(), other.y.to_radians());
        let (dlat, dlon) = (lat2 - lat1, (other.x - self.x).to_radians());
        let h = (dlat / 2.0).sin().powi(2) + lat1.cos() * lat2.cos() * (dlon / 2.0).sin().powi(2);
        2.0 * 6371.0 * h.sqrt().min(1.0).asin()
    }
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// The kernel's or the MIB's index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ifindex: Option<u32>,
    /// Hardware address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddr>,
    /// Largest IP packet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<Bytes>,
    /// The operator's description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Addresses with their prefix lengths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<PortAddress>,
    /// Carrier, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<bool>,
}

/// An address of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortAddress {
    /// The address.
    pub ip: IpAddr,
    /// Its prefix length.
    pub len: u8,
}

/// A 48-bit hardware address, written `aa:bb:cc:dd:ee:ff`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr(pub [u8; 6]);

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddr {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            *byte = parts
                .next()
                .and_then(|p| u8::from_str_radix(p, 16).ok())
                .ok_or_else(|| format!("'{text}' is no hardware address aa:bb:cc:dd:ee:ff"))?;
        }
        if parts.next().is_some() {
            return Err(format!("'{text}' is no hardware address aa:bb:cc:dd:ee:ff"));
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for MacAddr {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> Self {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn great_circle_from_new_york_to_los_angeles() {
        let at = |x, y| Location { x, y, geographical: true };
        let km = at(-73.9667, 40.7833).distance(&at(-118.25, 34.05));
        assert!((km - 3940.0).abs() < 10.0, "{km}");
    }

    #[test]
    fn mac_addresses_read_and_print() {
        let mac: MacAddr = "82:CC:93:62:d0:6d".parse().unwrap();
        assert_eq!(mac.to_string(), "82:cc:93:62:d0:6d");
        assert!("82:cc:93:62:d0".parse::<MacAddr>().is_err());
        assert!("82:cc:93:62:d0:6d:00".parse::<MacAddr>().is_err());
    }
}
