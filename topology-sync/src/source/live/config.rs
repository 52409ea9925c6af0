//! The file that says what to follow.
//!
//! ```yaml
//! nodes:
//!   r1:
//!     netlink: {netns: lab-r1}
//!     lldpd: {socket: /run/lldpd.socket}
//!     frr: {pathspace: lab-r1, every_s: 5}
//!     snmp: {agent: "192.0.2.1:161", community: public, every_s: 60}
//!     files: {paths: [routes.json], every_s: 5}
//! wires:
//!   r1: {netns: lab-r1, interfaces: [eth1, eth2]}
//! bmp: {listen: "192.0.2.9:5000", routers: {"192.0.2.1": r1}}
//! snapshot: net.json
//! checkpoint: follow.state
//! checkpoint_every_s: 60
//! ```

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use twin::{InputError, Place};

use crate::follow::{Form, Spec};
use crate::yaml;

/// What to follow.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Nodes that speak of themselves, by their names.
    #[serde(default)]
    pub nodes: BTreeMap<String, Node>,
    /// Wires that are heard, by their names.
    #[serde(default)]
    pub wires: BTreeMap<String, Wire>,
    /// Where routers connect with BMP (RFC 7854).
    #[serde(default)]
    pub bmp: Option<Bmp>,
    /// Where the twin is written, as other commands read it.
    #[serde(default)]
    pub snapshot: Option<PathBuf>,
    /// Where the state is written from which a restart goes on.
    #[serde(default)]
    pub checkpoint: Option<PathBuf>,
    /// How often both are written, in seconds; the twin also after each change, at most once a second.
    #[serde(default = "a_minute")]
    pub checkpoint_every_s: u32,
}

/// How a node is asked.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its kernel, if it is this machine's.
    #[serde(default)]
    pub netlink: Option<Netlink>,
    /// Its lldpd.
    #[serde(default)]
    pub lldpd: Option<Lldpd>,
    /// Its FRR.
    #[serde(default)]
    pub frr: Option<Frr>,
    /// Its SNMP agent.
    #[serde(default)]
    pub snmp: Option<Snmp>,
    /// Files that something else writes.
    #[serde(default)]
    pub files: Option<Files>,
    /// Where it alone connects with BMP.
    #[serde(default)]
    pub bmp: Option<Bmp>,
}

/// A kernel.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Netlink {
    /// The network namespace; this process's own if absent.
    #[serde(default)]
    pub netns: Option<String>,
    /// How much the kernel holds for us while we are busy, in bytes; what does not fit is read again.
    #[serde(default = "held")]
    pub buffer: u32,
}

/// An lldpd.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lldpd {
    /// Its control socket; the usual one if absent.
    #[serde(default)]
    pub socket: Option<PathBuf>,
}

/// An FRR.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frr {
    /// The name that its daemons were given with `-N`.
    #[serde(default)]
    pub pathspace: Option<String>,
    /// What to ask.
    #[serde(default = "frr_commands")]
    pub commands: Vec<String>,
    /// How often, in seconds.
    #[serde(default = "ten")]
    pub every_s: u32,
}

/// An SNMP agent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snmp {
    /// Its address and port.
    #[serde(deserialize_with = "address_and_port")]
    pub agent: SocketAddr,
    /// The network namespace from which it is asked; this process's own if absent.
    #[serde(default)]
    pub netns: Option<String>,
    /// The community of SNMPv2c.
    #[serde(default = "public")]
    pub community: String,
    /// How often its tables are walked, in seconds.
    #[serde(default = "a_minute")]
    pub every_s: u32,
}

/// Files.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Their paths.
    pub paths: Vec<PathBuf>,
    /// How often they are looked at, in seconds.
    #[serde(default = "ten")]
    pub every_s: u32,
}

/// A wire.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    /// The network namespace; this process's own if absent.
    #[serde(default)]
    pub netns: Option<String>,
    /// The interfaces; all if absent.
    #[serde(default)]
    pub interfaces: Vec<String>,
}

/// A BMP station.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bmp {
    /// Where it listens.
    #[serde(deserialize_with = "address_and_port")]
    pub listen: SocketAddr,
    /// The network namespace; this process's own if absent.
    #[serde(default)]
    pub netns: Option<String>,
    /// Names of routers by the addresses from which they connect.
    #[serde(default)]
    pub routers: BTreeMap<IpAddr, String>,
}

fn address_and_port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| D::Error::custom(format!("'{text}' expected an address and port such as 192.0.2.1:161")))
}

fn held() -> u32 {
    64 << 20
}

fn a_minute() -> u32 {
    60
}

fn ten() -> u32 {
    10
}

fn public() -> String {
    "public".into()
}

fn frr_commands() -> Vec<String> {
    [
        "show ip ospf neighbor detail json",
        "show ip ospf interface json",
        "show ip ospf database router json",
        "show isis neighbor detail json",
        "show isis database detail",
        "show bgp vrf all neighbors json",
    ]
    .map(str::to_owned)
    .into()
}

/// How one source is reached.
#[derive(Clone, Debug, PartialEq)]
pub enum Reach {
    /// [`Node::netlink`].
    Netlink(Netlink),
    /// [`Node::lldpd`].
    Lldpd(Lldpd),
    /// [`Node::frr`].
    Frr(Frr),
    /// [`Node::snmp`].
    Snmp(Snmp),
    /// [`Node::files`].
    Files(Files),
    /// [`Config::wires`].
    Wire(Wire),
    /// [`Config::bmp`], or [`Node::bmp`] with the node's name.
    Bmp(Bmp, Option<String>),
}

impl Config {
    /// Reads a configuration; `file` is what errors call it.
    ///
    /// # Errors
    /// [`InputError`] with line and column for text that is no YAML, unknown members and values of another kind; a
    /// configuration without any source.
    pub fn parse(file: &str, text: &str) -> Result<Self, InputError> {
        let config: Self = yaml::read(file, text, "a configuration of sources")?;
        if config.sources().is_empty() {
            let what = "nothing to follow";
            return Err(InputError::new(file, Place::Whole, what, "nodes with sources, wires, or bmp"));
        }
        Ok(config)
    }

    /// The sources in the order of their numbers.
    pub fn sources(&self) -> Vec<(Spec, Reach)> {
        let mut all = Vec::new();
        for (name, node) in &self.nodes {
            let mut add = |word: &str, form: Form, reach: Option<Reach>| {
                let spec = Spec { name: format!("{word}:{name}"), node: name.clone(), form };
                all.extend(reach.map(|reach| (spec, reach)));
            };
            add("netlink", Form::Netlink, node.netlink.clone().map(Reach::Netlink));
            add("lldpd", Form::Dump, node.lldpd.clone().map(Reach::Lldpd));
            add("frr", Form::Dump, node.frr.clone().map(Reach::Frr));
            add("snmp", Form::Snmp, node.snmp.clone().map(Reach::Snmp));
            add("files", Form::Dump, node.files.clone().map(Reach::Files));
            add("bmp", Form::Bmp, node.bmp.clone().map(|bmp| Reach::Bmp(bmp, Some(name.clone()))));
        }
        for (name, wire) in &self.wires {
            let spec = Spec { name: format!("wire:{name}"), node: name.clone(), form: Form::Frames };
            all.push((spec, Reach::Wire(wire.clone())));
        }
        if let Some(bmp) = &self.bmp {
            let spec = Spec { name: "bmp".into(), node: "bmp".into(), form: Form::Bmp };
            all.push((spec, Reach::Bmp(bmp.clone(), None)));
        }
        all
    }
}

/// Seconds of the file as a span, at least one: asking without a pause is of use to nobody.
pub(super) fn seconds(s: u32) -> Duration {
    Duration::from_secs(s.max(1).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_an_order_and_defaults() {
        let text =
            "wires: {w: {}}\nnodes:\n  r2: {lldpd: {}}\n  r1: {frr: {pathspace: x}, netlink: {netns: n}}\n";
        let names = |c: &Config| c.sources().into_iter().map(|(s, _)| s.name).collect::<Vec<_>>();
        let config = Config::parse("c", text).unwrap();
        assert_eq!(names(&config), ["netlink:r1", "frr:r1", "lldpd:r2", "wire:w"]);
        assert_eq!(config.nodes["r1"].frr.as_ref().map(|f| f.every_s), Some(10));
    }

    #[test]
    fn errors_name_place_and_nearest_word() {
        let error = |text| Config::parse("c.yaml", text).unwrap_err().to_string();
        assert_eq!(
            error("nodes:\n  r1:\n    netlnk: {}\n"),
            "c.yaml:3:5: unknown member 'netlnk'; expected one of netlink, lldpd, frr, snmp, files, bmp; \
             did you mean 'netlink'?"
        );
        assert_eq!(
            error("bmp: {listen: nowhere}\n"),
            "c.yaml:1:15: 'nowhere'; expected an address and port such as 192.0.2.1:161"
        );
        assert_eq!(
            error("nodes: {}\n"),
            "c.yaml: nothing to follow; expected nodes with sources, wires, or bmp"
        );
    }
}
