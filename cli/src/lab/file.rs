//! The lab file, `umbra-lab/1`: nodes, cables, and what each should be like.
//!
//! ```yaml
//! format: umbra-lab/1
//! name: triangle                       # letters, digits, '-'; the prefix of its namespaces
//! nodes:
//!   r1: {role: router, as: 65000, networks: [192.0.2.0/24]}
//!   r2: {role: router, as: 65000, system-name: core.example.net, loopback: 10.0.0.2}
//!   h1: {role: host, lldp: receive-only}
//! cables:
//!   - {between: [r1:eth1, r2:eth1], cost: [10, 20], alias: [to r2, to r1]}
//!   - {between: [r1:eth2, r2:eth2], igp: isis, network: broadcast, mtu: [1500, 1400]}
//!   - {between: [r2:eth3, h1:eth1], addresses: [10.9.0.1/24, [10.9.0.2/24, "2001:db8::2/64"]]}
//! ```
//!
//! Where a cable's key takes a pair, the first value is for the first end and a single value is for both. What is left
//! out is assigned in the order of the file, so that one file always makes the same lab.

use std::fmt;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use topology_sync::yaml;
use twin::{InputError, Place};

/// The value of the key `format`.
pub(crate) const FORMAT: &str = "umbra-lab/1";

/// The kernel's own choice for Ethernet, in bytes.
pub(crate) const MTU: u32 = 1500;

/// A lab as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LabFile {
    /// [`FORMAT`].
    pub(crate) format: Text,
    /// The lab's name.
    pub(crate) name: Text,
    /// The nodes, in the order of the file.
    pub(crate) nodes: Nodes,
    /// The cables.
    #[serde(default)]
    pub(crate) cables: Vec<CableSpec>,
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// Forwards IP; runs FRR.
    Router,
    /// Has addresses and forwards nothing.
    Host,
    /// A bridge, which keeps LLDP frames to itself (IEEE 802.1Q §8.6.3).
    Bridge,
    /// A bridge that passes LLDP frames on, as a hub would.
    Hub,
}

impl Role {
    /// The word in files and tables.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Host => "host",
            Self::Bridge => "bridge",
            Self::Hub => "hub",
        }
    }
    /// Whether it passes frames from port to port.
    pub(crate) fn relays(self) -> bool {
        matches!(self, Self::Bridge | Self::Hub)
    }
}

/// What a node's LLDP agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Lldp {
    /// Sends and receives.
    On,
    /// There is none.
    Off,
    /// Receives.
    ReceiveOnly,
}

/// Which interior gateway protocol runs over a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Igp {
    /// None.
    None,
    /// OSPFv2, area 0.
    Ospf,
    /// OSPFv3, area 0; the cable has no IPv4 addresses.
    Ospf6,
    /// IS-IS, level 2.
    Isis,
}

/// What the IGP takes the cable for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Circuit {
    /// A link between two routers.
    PointToPoint,
    /// A medium with a designated router or pseudonode.
    Broadcast,
}

/// A node as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct NodeSpec {
    /// What it is for.
    pub(crate) role: Role,
    /// The name that it tells others; the node's own by default.
    pub(crate) system_name: Option<String>,
    /// Its LLDP agent: on for routers and hosts, off for bridges and hubs by default.
    pub(crate) lldp: Option<Lldp>,
    /// Its loopback address and router id.
    pub(crate) loopback: Option<Ipv4Addr>,
    /// Its autonomous system: routers of one form a full iBGP mesh, cables between two bear eBGP.
    #[serde(rename = "as")]
    pub(crate) asn: Option<u32>,
    /// What it originates into BGP.
    #[serde(default)]
    pub(crate) networks: Vec<Ipv4Net>,
    /// Where it sends BMP, seen from its own namespace.
    pub(crate) bmp: Option<SocketAddrV4>,
    /// Whether `--record` has a folder for it.
    #[serde(default = "yes")]
    pub(crate) recorded: bool,
}

/// A cable as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct CableSpec {
    /// The two ends, `node:port`.
    pub(crate) between: [End; 2],
    /// The protocol on it: OSPF between routers (relays included), none elsewhere by default.
    pub(crate) igp: Option<Igp>,
    /// Point-to-point by default; broadcast at a bridge or hub.
    pub(crate) network: Option<Circuit>,
    /// The cost of sending out of each end.
    #[serde(default = "default_cost")]
    pub(crate) cost: Pair<u32>,
    /// Addresses of each end with their prefix lengths.
    pub(crate) addresses: Option<[OneOrMany<IpNet>; 2]>,
    /// Both ends borrow the address of their router's loopback.
    #[serde(default)]
    pub(crate) unnumbered: bool,
    /// The operator's description of each end; `null` for none.
    #[serde(default)]
    pub(crate) alias: [Option<String>; 2],
    /// The largest IP packet in bytes.
    #[serde(default = "default_mtu")]
    pub(crate) mtu: Pair<u32>,
    /// Whether frames sent by each end are dropped without a sign.
    #[serde(default)]
    pub(crate) lost: Pair<bool>,
    /// Whether the operator has each end up.
    #[serde(default = "both_up")]
    pub(crate) up: Pair<bool>,
    /// The ends have no addresses and nothing speaks there but LLDP agents.
    #[serde(default)]
    pub(crate) silent: bool,
}

fn yes() -> bool {
    true
}
fn default_cost() -> Pair<u32> {
    Pair([10, 10])
}
fn default_mtu() -> Pair<u32> {
    Pair([MTU, MTU])
}
fn both_up() -> Pair<bool> {
    Pair([true, true])
}

impl CableSpec {
    /// A cable with nothing said but its ends.
    pub(crate) fn new(between: [End; 2]) -> Self {
        Self {
            between,
            igp: None,
            network: None,
            cost: default_cost(),
            addresses: None,
            unnumbered: false,
            alias: [None, None],
            mtu: default_mtu(),
            lost: Pair::default(),
            up: both_up(),
            silent: false,
        }
    }
}

/// One end of a cable, written `node:port`.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// The node's name.
    pub(crate) node: String,
    /// The port's name.
    pub(crate) port: String,
    /// Where it is written.
    pub(crate) place: Place,
}

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        let Some((node, port)) = text.value.split_once(':') else {
            return Err(D::Error::custom(format!(
                "'{}' is no end of a cable; expected node:port",
                text.value
            )));
        };
        Ok(Self { node: node.to_owned(), port: port.to_owned(), place: text.place })
    }
}

/// A string, and where it is written.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// What is written.
    pub(crate) value: String,
    /// Where.
    pub(crate) place: Place,
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self { place: yaml::place(spanned.referenced), value: spanned.value })
    }
}

/// The nodes in the order of the file, each with its place.
#[derive(Debug, Default)]
pub(crate) struct Nodes(pub(crate) Vec<(String, Place, NodeSpec)>);

impl<'de> Deserialize<'de> for Nodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Nodes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("nodes by their names")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Nodes, A::Error> {
                let mut nodes = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let spec = map.next_value::<Spanned<NodeSpec>>()?;
                    nodes.push((name, yaml::place(spec.referenced), spec.value));
                }
                Ok(Nodes(nodes))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A value for each end of a cable, written as one for both or as a list of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pair<T>(pub(crate) [T; 2]);

impl<'de, T: Deserialize<'de> + Clone> Deserialize<'de> for Pair<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = OneOrMany::<T>::deserialize(deserializer)?.0;
        match <[T; 2]>::try_from(list) {
            Ok(pair) => Ok(Self(pair)),
            Err(list) => match list.as_slice() {
                [one] => Ok(Self([one.clone(), one.clone()])),
                _ => Err(D::Error::custom(format!("{} values; expected one for each end", list.len()))),
            },
        }
    }
}

/// A list of values, or one without its list.
#[derive(Clone, Debug)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(PhantomData)).map(Self)
    }
}

/// Reads a list as it is and anything else as its only member.
struct OneOrManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
    type Value = Vec<T>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, or a list of values")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list))
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Vec<T>, E> {
        Ok(vec![T::deserialize(value.into_deserializer())?])
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Vec<T>, E> {
        Ok(vec![T::deserialize(value.into_deserializer())?])
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Vec<T>, E> {
        Ok(vec![T::deserialize(value.into_deserializer())?])
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Vec<T>, E> {
        Ok(vec![T::deserialize(value.into_deserializer())?])
    }
}

/// Reads a lab file; `file` is what errors call it.
///
/// # Errors
/// [`InputError`] with line and column for what is no YAML, an unknown key, or a value of another kind.
pub(crate) fn parse(file: &str, text: &str) -> Result<LabFile, InputError> {
    let lab: LabFile = yaml::read(file, text, &format!("a lab file ({FORMAT})"))?;
    if lab.format.value != FORMAT {
        let what = format!("the format '{}'", lab.format.value);
        return Err(InputError::new(file, lab.format.place, what, format!("format: {FORMAT}")));
    }
    Ok(lab)
}
