//! FRR's IS-IS: `show isis database detail [json]`, `show isis neighbor [detail] [json]`, `show isis
//! hostname`.
//!
//! Where routers say names (RFC 5301), FRR prints them in the place of system ids: an LSP `c1.00-00` is then known by its
//! router's name, and its adjacencies lead to system ids. Which is whose, a router's own configuration says.
//!
//! The JSON of 8.4 holds the last LSP alone; later ones have a list under `lsps`. What is there is used, but only the text
//! and the list say that there is no more.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;
use twin::{Diagnostic, WallTime};

use super::text::{Notes, after, between, indented, is_whole, mac, words};
use crate::observation::{
    Fact, IgpLink, IgpLinkKind, IgpNeighbor, IgpProtocol, LinkEnd, LinkState, LinkStateId, LinkStateKind,
    NodeInfo, Observation, Observer, Scope, Source, Topic,
};

const ISIS: IgpProtocol = IgpProtocol::Isis;

/// An LSP while it is read.
pub(super) struct Lsp {
    pub(super) own: bool,
    pub(super) holdtime_s: Option<u64>,
    pub(super) fact: LinkState,
    /// Whether its content was told: lists of headers tell none.
    pub(super) told: bool,
    /// Adjacencies of the old form (TLV 2), which those of the new (TLV 22) replace where a router says both.
    narrow: Vec<IgpLink>,
}

/// Reads text if it is one of these.
pub(super) fn read(
    observer: &Observer,
    at: WallTime,
    text: &str,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let mut notes = Notes::new(observer, Source::Frr, at);
    let title = |titles: &[&str]| text.lines().any(|l| words(l).starts_with(titles));
    if title(&["LSP", "ID", "PduLen"]) {
        database(&mut notes, text);
        // Each level ends with the number of its LSPs.
        let ended = text.trim_end().ends_with(" LSPs") || text.trim_end().ends_with(" LSP");
        if ended && !notes.is_empty() {
            notes.read(Scope::of(Topic::LinkStates, IgpProtocol::Isis));
        }
    } else if title(&["System", "Id", "Interface", "L"]) {
        neighbor_table(&mut notes, text);
        if is_whole(text) {
            notes.read(Scope::of(Topic::IgpNeighbors, IgpProtocol::Isis));
        }
    } else if title(&["Level", "System", "ID", "Dynamic"]) {
        own_name(&mut notes, text);
    } else if text.contains("Adjacency flaps:") {
        neighbor_details(&mut notes, text);
        if is_whole(text) {
            notes.read(Scope::of(Topic::IgpNeighbors, IgpProtocol::Isis));
        }
    } else {
        return None;
    }
    Some(notes.done())
}

/// Reads JSON if it is one of these.
pub(super) fn read_json(
    observer: &Observer,
    at: WallTime,
    value: &Value,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let mut notes = Notes::new(observer, Source::Frr, at);
    let areas = areas(value);
    let holds = |name: &str| areas.iter().any(|a| a.get(name).is_some());
    if holds("levels") {
        let mut whole = true;
        for level in areas.iter().flat_map(|a| items(a, "levels")) {
            whole &= json_level(&mut notes, level);
        }
        if whole && !notes.is_empty() {
            notes.read(Scope::of(Topic::LinkStates, IgpProtocol::Isis));
        }
    } else if holds("circuits") {
        for circuit in areas.iter().flat_map(|a| items(a, "circuits")) {
            if let Some(neighbor) = json_neighbor(circuit) {
                notes.is(Fact::IgpNeighbor(neighbor));
            }
        }
        notes.read(Scope::of(Topic::IgpNeighbors, IgpProtocol::Isis));
    } else {
        return None;
    }
    Some(notes.done())
}

fn areas(value: &Value) -> Vec<&Value> {
    let direct = items(value, "areas");
    // From 8.5 on, the areas of each VRF.
    let vrfs = items(value, "vrfs").into_iter().flat_map(|v| items(v, "areas"));
    direct.into_iter().chain(vrfs).collect()
}

fn database(notes: &mut Notes<'_>, text: &str) {
    let mut level = "2";
    let mut lsp: Option<Lsp> = None;
    for line in text.lines() {
        if let Some(named) = between(line, "IS-IS Level-", " ") {
            finish(notes, lsp.take());
            level = if named.starts_with('1') { "1" } else { "2" };
        } else if !indented(line) && !line.is_empty() {
            finish(notes, lsp.take());
            lsp = header(line, level);
        } else if let Some(lsp) = &mut lsp {
            body(lsp, line);
        }
    }
    finish(notes, lsp);
}

/// `c1.00-00             *    112   0x00000003  0xea20    1133    0/0/0`.
fn header(line: &str, level: &str) -> Option<Lsp> {
    let mut words = words(line);
    let own = words.get(1) == Some(&"*");
    if own {
        words.remove(1);
    }
    let id = lsp_id(words.first()?, level)?;
    let sequence = u32::from_str_radix(words.get(2)?.strip_prefix("0x")?, 16).ok()?;
    let holdtime_s = words.get(4)?.trim_matches(['(', ')']).parse().ok();
    // A zero age LSP prints the time until it is forgotten in brackets.
    let holdtime_s = if words.get(4)?.starts_with('(') { Some(0) } else { holdtime_s };
    Some(Lsp::new(id, own, sequence, holdtime_s, words.last().copied().unwrap_or_default()))
}

/// `NAME.nn-ff` or `xxxx.xxxx.xxxx.nn-ff`.
pub(super) fn lsp_id(text: &str, level: &str) -> Option<LinkStateId> {
    let (router, number) = text.rsplit_once('.')?;
    let (pseudonode, fragment) = number.split_once('-')?;
    let hex = |t: &str| t.len() == 2 && t.bytes().all(|b| b.is_ascii_hexdigit());
    if router.is_empty() || !hex(pseudonode) || !hex(fragment) {
        return None;
    }
    let kind = if pseudonode == "00" { LinkStateKind::Router } else { LinkStateKind::Network };
    let number = number.to_ascii_lowercase();
    Some(LinkStateId { protocol: ISIS, area: level.to_owned(), kind, router: router.to_owned(), number })
}

impl Lsp {
    /// An empty LSP; the bits are `ATT/P/OL`.
    pub(super) fn new(
        id: LinkStateId,
        own: bool,
        sequence: u32,
        holdtime_s: Option<u64>,
        bits: &str,
    ) -> Self {
        let fact = LinkState {
            id,
            sequence,
            name: None,
            links: Vec::new(),
            addresses: Vec::new(),
            prefixes: Vec::new(),
            overload: bits.ends_with("/1"),
        };
        Self { own, holdtime_s, fact, told: false, narrow: Vec::new() }
    }

    /// An adjacency to `xxxx.xxxx.xxxx.nn`; with pseudonode 00 to a router.
    pub(super) fn reach(&mut self, to: &str, metric: u32, wide: bool) {
        let (kind, to) = match to.rsplit_once('.') {
            Some((router, "00")) => (IgpLinkKind::PointToPoint, router),
            _ => (IgpLinkKind::Transit, to),
        };
        let link = IgpLink { kind, to: to.to_owned(), near: None, far: None, metric };
        if wide { self.fact.links.push(link) } else { self.narrow.push(link) }
    }

    /// An end of the last adjacency.
    fn end(&mut self, address: &str, near: bool) {
        let Some(link) = self.fact.links.last_mut() else { return };
        let end = address.parse().ok().map(LinkEnd::Address);
        if near { link.near = end } else { link.far = end }
    }

    /// A reachable block, once where both forms of TLV say it.
    pub(super) fn prefix(&mut self, net: IpNet, metric: u32) {
        let net = net.trunc();
        if !self.fact.prefixes.iter().any(|(known, _)| *known == net) {
            self.fact.prefixes.push((net, metric));
        }
    }
}

/// One TLV, as `NAME: VALUE (Metric: N) …`.
fn body(lsp: &mut Lsp, line: &str) {
    let Some((name, value)) = line.trim().split_once(": ") else { return };
    lsp.told = true;
    let first = value.split_whitespace().next().unwrap_or_default();
    let metric = between(line, "(Metric: ", ")").and_then(|m| m.split_whitespace().next()?.parse().ok());
    match (name, metric) {
        ("Hostname", _) => lsp.fact.name = Some(value.trim().to_owned()),
        ("IPv4 Interface Address" | "IPv6 Interface Address", _) => {
            lsp.fact.addresses.extend(first.parse::<IpAddr>());
        }
        ("Extended Reachability", Some(metric)) => lsp.reach(first, metric, true),
        // Sub-TLVs 6, 8 and 4 (RFC 5305, RFC 5307) of the adjacency above.
        (name, _) if name.starts_with("Local Interface IP") => lsp.end(first, true),
        (name, _) if name.starts_with("Remote Interface IP") => lsp.end(first, false),
        // RFC 5120: the topology of its own of IPv6 uses the same links.
        ("MT Reachability", Some(metric)) => lsp.reach(first, metric, false),
        ("IS Reachability", Some(metric)) => lsp.reach(first, metric, false),
        (name, Some(metric)) if name.ends_with("Reachability") => {
            if let Ok(net) = first.parse() {
                lsp.prefix(net, metric);
            }
        }
        _ => {}
    }
}

pub(super) fn finish(notes: &mut Notes<'_>, lsp: Option<Lsp>) {
    let Some(Lsp { own, holdtime_s, mut fact, told, narrow }) = lsp else { return };
    if !told && holdtime_s != Some(0) {
        return;
    }
    if fact.links.is_empty() {
        fact.links = narrow;
    }
    if own && fact.id.kind == LinkStateKind::Router {
        let system_id = is_system_id(&fact.id.router).then(|| fact.id.router.clone());
        let hostname = fact.name.clone();
        notes.is(Fact::Node(NodeInfo { hostname, system_id, routing: true, ..NodeInfo::default() }));
    }
    match holdtime_s {
        Some(0) => notes.not(fact.id.key()),
        seconds => notes.lives(Fact::LinkState(fact), seconds),
    }
}

/// The dynamic host name that stands in the place of a system id, if it is one.
pub(super) fn name_of(router: &str) -> Option<String> {
    (!is_system_id(router)).then(|| router.to_owned())
}

/// Whether text is `xxxx.xxxx.xxxx`.
pub(super) fn is_system_id(text: &str) -> bool {
    let mut parts = text.split('.');
    let hex = |p: &str| p.len() == 4 && p.bytes().all(|b| b.is_ascii_hexdigit());
    parts.by_ref().take(3).filter(|p| hex(p)).count() == 3 && parts.next().is_none() && text.len() == 14
}

/// Of the names of a level, `     * 0000.0000.0001 c1` is the router's own.
fn own_name(notes: &mut Notes<'_>, text: &str) {
    for line in text.lines() {
        let ["*", id, name] = words(line)[..] else { continue };
        if is_system_id(id) {
            let (hostname, system_id) = (Some(name.to_owned()), Some(id.to_owned()));
            notes.is(Fact::Node(NodeInfo { hostname, system_id, routing: true, ..NodeInfo::default() }));
        }
    }
}

/// `  c2                  eth1        2  Up            29       2020.2020.2020`.
fn neighbor_table(notes: &mut Notes<'_>, text: &str) {
    for line in text.lines() {
        let words = words(line);
        let (id, on, state, snpa) = match words[..] {
            [id, on, _level, state, _hold, snpa] => (id, on, state, snpa),
            // A name that fills its column runs into the level.
            [id, on, state, _hold, snpa] if on.is_char_boundary(on.len() - 1) => {
                (id, &on[..on.len() - 1], state, snpa)
            }
            _ => continue,
        };
        if let Some(snpa) = mac(snpa) {
            notes.is(Fact::IgpNeighbor(neighbor(id, on, state, Some(snpa))));
        }
    }
}

fn neighbor(id: &str, on: &str, state: &str, mac: Option<twin::MacAddr>) -> IgpNeighbor {
    // On a point-to-point circuit the field holds blanks.
    let mac = mac.filter(|m| m.0 != [0x20; 6] && m.0 != [0; 6]);
    let (id, on, state) = (id.to_owned(), on.to_owned(), state.to_owned());
    IgpNeighbor { protocol: ISIS, on, id, address: None, mac, state, role: None }
}

/// The id in a line of its own, then `    Interface: eth1, Level: 2, State: Up, Expires in 4s`, addresses below.
fn neighbor_details(notes: &mut Notes<'_>, text: &str) {
    let mut id = "";
    let mut found: Option<IgpNeighbor> = None;
    for line in text.lines() {
        let words = words(line);
        let lone = if words.len() == 1 { words.first() } else { None };
        if let Some(on) = between(line, "Interface: ", ",") {
            found.take().into_iter().for_each(|n| notes.is(Fact::IgpNeighbor(n)));
            let state = between(line, "State: ", ",").unwrap_or_default();
            found = Some(neighbor(id, on, state, None));
        } else if let Some(neighbor) = &mut found {
            if let Some(snpa) = after(&words, "SNPA:").and_then(|s| mac(s.trim_end_matches(','))) {
                neighbor.mac = Some(snpa).filter(|m| m.0 != [0x20; 6] && m.0 != [0; 6]);
            }
            if let (None, Some(address)) =
                (neighbor.address, lone.and_then(|w| w.parse::<std::net::Ipv4Addr>().ok()))
            {
                neighbor.address = Some(IpAddr::V4(address));
            }
        }
        if let Some(word) = lone {
            id = word;
        }
    }
    found.into_iter().for_each(|n| notes.is(Fact::IgpNeighbor(n)));
}

/// The LSPs of a level. Whether they are all.
fn json_level(notes: &mut Notes<'_>, level: &Value) -> bool {
    let name = if member(level, "id").and_then(Value::as_u64) == Some(1) { "1" } else { "2" };
    if let Some(lsps) = member(level, "lsps") {
        for lsp in lsps.as_array().into_iter().flatten() {
            finish(notes, json_lsp(lsp, name));
        }
        return true;
    }
    finish(notes, json_lsp(level, name));
    let held = u64::from(member(level, "lsp").is_some());
    held == member(level, "count").and_then(Value::as_u64).unwrap_or(0)
}

fn json_lsp(value: &Value, level: &str) -> Option<Lsp> {
    let lsp = member(value, "lsp")?;
    let id = lsp_id(member(lsp, "id")?.as_str()?, level)?;
    let own = member(lsp, "own")?.as_str().is_some_and(|o| o.trim() == "*");
    let sequence = member(value, "seqnumber")?.as_str()?.strip_prefix("0x")?;
    let sequence = u32::from_str_radix(sequence, 16).ok()?;
    let holdtime = member(value, "holdtime").and_then(Value::as_u64);
    let bits = member(value, "attpol").and_then(Value::as_str).unwrap_or_default();
    let mut lsp = Lsp::new(id, own, sequence, holdtime, bits);
    lsp.told = ["hostname", "areaaddr", "extreach", "extipreach"].iter().any(|n| member(value, n).is_some());
    lsp.fact.name = member(value, "hostname").and_then(Value::as_str).map(str::to_owned);
    let addresses = items(value, "ipv4").into_iter().chain(items(value, "ipv6"));
    lsp.fact.addresses.extend(addresses.filter_map(|a| a.as_str()?.parse::<IpAddr>().ok()));
    for (list, wide, id) in
        [("extreach", true, "id"), ("oldreachstyle", false, "oldreach"), ("mtreach", false, "id")]
    {
        for reach in items(value, list) {
            let to = member(reach, id).and_then(Value::as_str);
            if let (Some(to), Some(metric)) = (to, metric(reach, "metric")) {
                lsp.reach(to, metric, wide);
            }
        }
    }
    let lists = ["extipreach", "oldipreachstyle", "ipv6reach", "mtipreach", "mtipv6reach"];
    let entries = lists.iter().flat_map(|l| items(value, l));
    // 8.4 has the members of the last entry beside the (empty) list.
    for entry in entries.chain([value]) {
        let net = ["ipreach", "prefix", "oldipreachstyle"]
            .iter()
            .find_map(|n| member(entry, n)?.as_str()?.parse().ok());
        let cost = metric(entry, "ipreachmetric").or_else(|| metric(entry, "metric"));
        if let (Some(net), Some(cost)) = (net, cost) {
            lsp.prefix(net, cost);
        }
    }
    Some(lsp)
}

fn metric(value: &Value, name: &str) -> Option<u32> {
    member(value, name)?.as_u64()?.try_into().ok()
}

/// An adjacency; its interface is an object in the detailed form and a name in the short one.
fn json_neighbor(circuit: &Value) -> Option<IgpNeighbor> {
    let id = member(circuit, "adj")?.as_str()?;
    let interface = member(circuit, "interface")?;
    let body = if interface.is_object() { interface } else { circuit };
    let on = interface.as_str().or_else(|| member(interface, "name")?.as_str())?;
    let state = member(body, "state")?.as_str()?;
    let snpa = member(body, "snpa").and_then(|s| mac(s.as_str()?));
    let mut found = neighbor(id, on, state, snpa);
    let inner = |outer: &str, name: &str| -> Option<IpAddr> {
        let word = |a: &Value| a.as_str().or_else(|| member(a, name)?.as_str())?.parse().ok();
        items(body, outer).into_iter().find_map(word)
    };
    found.address = inner("ipv4address", "ipv4").or_else(|| inner("ipv6linklocal", "ipv6"));
    Some(found)
}

/// A member whatever the style of its name: `ext-reach`, `extReach`, `ext_reach` are one.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let same = |key: &str| {
        let plain = key.bytes().filter(|b| !matches!(b, b'-' | b'_')).map(|b| b.to_ascii_lowercase());
        plain.eq(name.bytes())
    };
    value.as_object()?.iter().find(|(key, _)| same(key)).map(|(_, v)| v)
}

/// The items of a member: an array's, or the one that it is.
fn items<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    match member(value, name) {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(single) => vec![single],
        None => Vec::new(),
    }
}
