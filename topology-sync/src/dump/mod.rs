//! Dumps: what a node's tools printed, as observations.
//!
//! [`read`] tells a dump by its content, never by its name. Each form is a pure function from the content to
//! observations, or `None` where it is something else; a new form is a function and a line in `JSON_FORMS` or
//! `TEXT_FORMS`. A form in which all is said at once makes a `Reading`; streams and databases, whose words bear
//! instants and lifetimes of their own, make observations.

mod frr;
mod frr_bgp;
mod frr_config;
mod frr_interface_text;
mod frr_isis;
mod frr_ospf6;
mod frr_ospf_text;
mod iproute;
mod iproute_route;
pub(crate) mod json;
mod kernel;
mod linux_more;
mod lldp_watch;
mod lldpctl;
mod lldpd;
mod show_isis;
mod show_lldp;
pub mod suzieq;
mod text;
mod vendor_json;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use twin::{Diagnostic, WallTime};

use crate::lines::serde_message;
use crate::observation::{
    BgpPeer, Fact, FactKey, Link, NodeInfo, Observation, Observer, Said, Scope, Source,
};

/// What one dump says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// By what means the node knows.
    pub(crate) source: Source,
    /// What it says.
    pub(crate) facts: Vec<Fact>,
    /// Of what the dump is the whole: what it does not mention is no more.
    pub(crate) whole: Vec<Scope>,
}

/// A form of JSON or text: what a node printed at an instant, as observations; `None` where it is something else.
type Form<T> = fn(&Observer, WallTime, &T, &mut Vec<Diagnostic>) -> Option<Vec<Observation>>;

/// Forms that are JSON, in the order in which they are tried.
const JSON_FORMS: &[Form<Value>] = &[
    |observer, at, value, _| Some(lldpd::read(value)?.observations(observer, at)),
    |observer, at, value, _| Some(kernel::read(value)?.observations(observer, at)),
    frr_isis::read_json,
    frr_ospf6::read,
    frr_bgp::read,
    |observer, at, value, _| Some(frr::read(value)?.observations(observer, at)),
    linux_more::read_clag,
    vendor_json::read,
];

/// Forms that are text.
const TEXT_FORMS: &[Form<str>] = &[
    lldpctl::read,
    lldp_watch::read,
    frr_config::read,
    frr_interface_text::read,
    frr_ospf_text::read,
    frr_isis::read,
    show_lldp::read,
    show_isis::read,
    linux_more::read_hostnamectl,
    linux_more::read_bridge_vlan,
    iproute::read,
];

/// What one node's tools printed.
#[derive(Clone, Debug, Default)]
pub struct NodeRecording {
    /// The node's name: that of its sub-folder.
    pub name: String,
    /// The recordings, by what errors call them.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Reads one dump; `at` is the instant at which it began. Files of one reading (the routes of two families, the
/// addresses of two tools) bear one instant. `None` if it is of no known form, which is then a counted diagnostic.
pub fn read(
    observer: &Observer,
    at: WallTime,
    file: &str,
    bytes: &[u8],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        Diagnostic::count(diagnostics, "empty-recording", || format!("{file} is empty"));
        return None;
    }
    let said = match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => JSON_FORMS
            .iter()
            .find_map(|form| form(observer, at, &value, diagnostics))
            .or_else(|| frr_bgp::read_none(observer, at, file, &value)),
        Err(e) if file.ends_with(".json") => {
            let (line, column) = (e.line(), e.column());
            Diagnostic::count(diagnostics, "broken-recording", || {
                format!("{file}:{line}:{column}: {}; expected JSON", serde_message(&e))
            });
            return None;
        }
        Err(_) => {
            let text = String::from_utf8_lossy(bytes);
            TEXT_FORMS.iter().find_map(|form| form(observer, at, &text, diagnostics))
        }
    };
    if said.is_none() {
        Diagnostic::count(diagnostics, "unused-recording", || {
            format!("nothing is taken from recordings such as {file}")
        });
    }
    said
}

/// Reads all that one node's tools printed at one instant, and how many dumps were understood. What is said of one
/// subject in several dumps is put together.
pub fn read_node(
    node: &NodeRecording,
    at: WallTime,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Vec<Observation>, u64) {
    let observer = Observer::node(&node.name);
    let mut files: Vec<_> = node.files.iter().collect();
    files.sort(); // What is said twice must not depend on the order of a folder's listing.
    let (mut all, mut understood) = (Vec::new(), 0);
    for (file, bytes) in files {
        if let Some(words) = read(&observer, at, file, bytes, diagnostics) {
            understood += 1;
            all.extend(words);
        }
    }
    (joined(all), understood)
}

impl Reading {
    fn observations(self, observer: &Observer, at: WallTime) -> Vec<Observation> {
        let is = self.facts.into_iter().map(|fact| Observation::is(observer, self.source, at, fact));
        let read = self.whole.into_iter().map(|scope| Observation::read(observer, self.source, at, scope));
        is.chain(read).collect()
    }
}

/// Interfaces, nodes and sessions that several dumps describe become one word each: what the first does not say the next
/// may.
fn joined(words: Vec<Observation>) -> Vec<Observation> {
    let mut places: BTreeMap<(Source, FactKey), usize> = BTreeMap::new();
    let mut out: Vec<Observation> = Vec::with_capacity(words.len());
    for mut word in words {
        if let Said::Is(fact, _) = &mut word.said
            && matches!(**fact, Fact::Link(_) | Fact::Node(_) | Fact::BgpPeer(_))
        {
            if let Some(known) = places.get(&(word.source, fact.key())).and_then(|at| out.get_mut(*at)) {
                if let Said::Is(first, _) = &mut known.said {
                    join(first, fact);
                }
                known.at = known.at.max(word.at);
                continue;
            }
            places.insert((word.source, fact.key()), out.len());
        }
        out.push(word);
    }
    out
}

fn join(first: &mut Fact, more: &mut Fact) {
    match (first, more) {
        (Fact::Link(a), Fact::Link(b)) => Arc::make_mut(a).fill(std::mem::take(Arc::make_mut(b))),
        (Fact::Node(a), Fact::Node(b)) => a.fill(std::mem::take(b)),
        (Fact::BgpPeer(a), Fact::BgpPeer(b)) => a.fill(b),
        _ => {}
    }
}

impl Link {
    /// Takes from `other` what this does not say.
    pub(crate) fn fill(&mut self, other: Link) {
        self.ifindex = self.ifindex.or(other.ifindex);
        self.mac = self.mac.or(other.mac);
        self.permanent_mac = self.permanent_mac.or(other.permanent_mac);
        self.mtu = self.mtu.or(other.mtu);
        self.alias = self.alias.take().or(other.alias);
        self.admin_up = self.admin_up.or(other.admin_up);
        self.carrier = self.carrier.or(other.carrier);
        self.speed = self.speed.or(other.speed);
        self.kind = self.kind.take().or(other.kind);
        self.master = self.master.take().or(other.master);
        self.lower = self.lower.take().or(other.lower);
        self.vlan = self.vlan.or(other.vlan);
        self.peer_index = self.peer_index.or(other.peer_index);
        self.partner = self.partner.or(other.partner);
    }
}

impl BgpPeer {
    /// Takes from `other` what this does not say.
    pub(crate) fn fill(&mut self, other: &BgpPeer) {
        self.local = self.local.or(other.local);
        self.router_id = self.router_id.take().or_else(|| other.router_id.clone());
    }
}

impl NodeInfo {
    /// Takes from `other` what this does not say.
    pub(crate) fn fill(&mut self, other: NodeInfo) {
        self.hostname = self.hostname.take().or(other.hostname);
        self.router_id = self.router_id.take().or(other.router_id);
        self.system_id = self.system_id.take().or(other.system_id);
        self.routing |= other.routing;
        self.asn = self.asn.or(other.asn);
        self.model = self.model.take().or(other.model);
    }
}
