//! FRR's configuration (`show running-config`): names, router ids, IS-IS system id, costs, descriptions.
//!
//! A configuration says what was wanted, not what is: what is said here is little, and of what the tables say as well the
//! tables are believed.

use std::net::Ipv4Addr;

use twin::{Diagnostic, WallTime};

use super::frr_isis::is_system_id;
use super::text::{Notes, indented, words};
use crate::observation::{Fact, IgpInterface, IgpProtocol, Link, NodeInfo, Observation, Observer, Source};

/// Which block of the configuration a line is in.
#[derive(Clone, Copy, PartialEq)]
enum Block<'a> {
    Top,
    Interface(&'a str),
    Ospf,
    Ospf6,
    Isis,
    Bgp,
}

/// Reads the text if it is a configuration of FRR's.
pub(super) fn read(
    observer: &Observer,
    at: WallTime,
    text: &str,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let marks = ["frr version ", "frr defaults "];
    if !text.lines().any(|l| marks.iter().any(|m| l.starts_with(m))) {
        return None;
    }
    let mut notes = Notes::new(observer, Source::Frr, at);
    let mut node = NodeInfo::default();
    let mut hostnames: Vec<&str> = Vec::new();
    let mut block = Block::Top;
    for line in text.lines() {
        let words = words(line);
        if !indented(line) {
            block = enter(&words, block);
        }
        match (block, &words[..]) {
            (Block::Top, ["hostname", name]) => hostnames.push(name),
            (Block::Interface(port), _) => interface(&mut notes, port, line, &words),
            (Block::Ospf | Block::Ospf6, ["ospf" | "ospf6", "router-id", id] | ["router-id", id])
            | (Block::Bgp, ["bgp", "router-id", id]) => set_router_id(&mut node, block, id),
            (Block::Isis, ["net", net]) => node.system_id = system_id(net),
            (Block::Bgp, ["router", "bgp", asn, ..]) => node.asn = node.asn.or(asn.parse().ok()),
            _ => {}
        }
        node.routing |= !matches!(block, Block::Top | Block::Interface(_));
    }
    // Where daemons were given different names, none is the node's.
    hostnames.dedup();
    if let [name] = hostnames[..] {
        node.hostname = Some(name.to_owned());
    }
    notes.is(Fact::Node(node));
    Some(notes.done())
}

fn enter<'a>(words: &[&'a str], block: Block<'a>) -> Block<'a> {
    match words {
        ["interface", name, ..] => Block::Interface(name),
        ["router", "ospf", ..] => Block::Ospf,
        ["router", "ospf6", ..] => Block::Ospf6,
        ["router", "isis", ..] => Block::Isis,
        ["router", "bgp", ..] => Block::Bgp,
        // `!` ends a block before FRR 8, `exit` since.
        ["exit" | "!" | "end"] => Block::Top,
        _ => block,
    }
}

/// OSPF's router id is the node's before BGP's.
fn set_router_id(node: &mut NodeInfo, block: Block<'_>, id: &str) {
    let known = node.router_id.is_some() && block == Block::Bgp;
    if let (false, Ok(id)) = (known, id.parse::<Ipv4Addr>()) {
        node.router_id = Some(id.to_string());
    }
}

/// The system id in a network entity title: the six bytes before the selector (ISO/IEC 10589 §7.1.1).
fn system_id(net: &str) -> Option<String> {
    let (rest, selector) = net.rsplit_once('.')?;
    let id = rest.get(rest.len().checked_sub(14)?..)?;
    (selector.len() == 2 && is_system_id(id)).then(|| id.to_ascii_lowercase())
}

fn interface(notes: &mut Notes<'_>, port: &str, line: &str, words: &[&str]) {
    if let Some(text) = line.trim_start().strip_prefix("description ") {
        let alias = Some(text.trim().to_owned());
        notes.is(Fact::Link(Link { name: port.to_owned(), alias, ..Link::default() }.into()));
    }
    let (protocol, cost) = match words {
        ["ip", "ospf", "cost", cost, ..] => (IgpProtocol::Ospf2, cost),
        ["ipv6", "ospf6", "cost", cost, ..] => (IgpProtocol::Ospf3, cost),
        ["isis", "metric", cost] | ["isis", "metric", "level-1" | "level-2", cost] => {
            (IgpProtocol::Isis, cost)
        }
        _ => return,
    };
    if let Ok(cost) = cost.parse() {
        let port = port.to_owned();
        notes.is(Fact::IgpInterface(IgpInterface { protocol, port, cost: Some(cost), area: None }));
    }
}
