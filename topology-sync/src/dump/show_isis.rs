//! Vendors' IS-IS as text: Junos `show isis database detail`, `show isis adjacency`; IOS-XR `show isis database detail`,
//! `show isis neighbors`, `show isis adjacency`. IOS and IOS-XE print the database as IOS-XR does.
//!
//! Both print dynamic host names (RFC 5301) in the place of system ids.

use std::net::IpAddr;

use twin::{Diagnostic, WallTime};

use super::frr_isis::{Lsp, finish, lsp_id, name_of};
use super::show_lldp::full_name;
use super::text::{Notes, between, indented, is_whole, mac, parsed_after, words};
use crate::observation::{Fact, IgpNeighbor, IgpProtocol, Observation, Observer, Scope, Source, Topic};

/// Reads the text if it is one of these.
pub(super) fn read(
    observer: &Observer,
    at: WallTime,
    text: &str,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let mut notes = Notes::new(observer, Source::Show, at);
    let topic = if text.contains("IS-IS level ") && text.contains("link-state database:") {
        junos_database(&mut notes, text);
        Topic::LinkStates
    } else if text.contains("Link State Database") && text.contains("LSPID") {
        xr_database(&mut notes, text);
        Topic::LinkStates
    } else if text.lines().any(|l| is_title(l, &["Interface", "System", "L", "State", "Hold"])) {
        rows(text).filter_map(|w| junos_adjacency(&w)).for_each(|n| notes.is(Fact::IgpNeighbor(n)));
        Topic::IgpNeighbors
    } else if text.lines().any(|l| is_title(l, &["System", "Id", "Interface", "SNPA", "State"])) {
        rows(text).filter_map(|w| xr_neighbor(&w)).for_each(|n| notes.is(Fact::IgpNeighbor(n)));
        Topic::IgpNeighbors
    } else {
        return None;
    };
    // A list of headers tells no adjacencies.
    if is_whole(text) && !notes.is_empty() {
        notes.read(Scope::of(topic, IgpProtocol::Isis));
    }
    Some(notes.done())
}

fn is_title(line: &str, titles: &[&str]) -> bool {
    words(line).starts_with(titles)
}

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(words)
}

/// `IS-IS level 2 link-state database:`, then for each LSP a line `r1.00-00 Sequence: 0x11, Checksum: 0x10fc, Lifetime:
/// 975 secs` and one for each adjacency and prefix.
fn junos_database(notes: &mut Notes<'_>, text: &str) {
    let mut level = "2";
    let mut lsp = None;
    for line in text.lines() {
        let words = words(line);
        if let Some(named) = between(line, "IS-IS level ", " ") {
            finish(notes, lsp.take());
            level = if named == "1" { "1" } else { "2" };
        } else if let Some(sequence) =
            between(line, " Sequence: ", ",").filter(|_| line.contains("Lifetime:"))
        {
            finish(notes, lsp.take());
            lsp = junos_header(&words, sequence, level);
        } else if let Some(lsp) = &mut lsp {
            junos_line(lsp, line, &words);
        }
    }
    finish(notes, lsp);
}

fn junos_header(words: &[&str], sequence: &str, level: &str) -> Option<Lsp> {
    let id = lsp_id(words.first()?, level)?;
    let sequence = u32::from_str_radix(sequence.trim_start_matches("0x"), 16).ok()?;
    let mut lsp = Lsp::new(id, false, sequence, parsed_after(words, "Lifetime:"), "");
    lsp.fact.name = name_of(&lsp.fact.id.router);
    Some(lsp)
}

/// `IS neighbor: r2.02  Metric: 10`, `IP prefix: 192.0.2.1/32  Metric: 0 Internal Up`, `V6 prefix: …`. The extensive form
/// repeats them below `TLVs:` in other words.
fn junos_line(lsp: &mut Lsp, line: &str, words: &[&str]) {
    let metric = parsed_after(words, "Metric:");
    let text = line.trim_start();
    lsp.told |= !text.is_empty();
    let first = |key: &str| text.strip_prefix(key).and_then(|rest| rest.split_whitespace().next());
    if let (Some(to), Some(metric)) = (first("IS neighbor:"), metric) {
        lsp.reach(to, metric, true);
    } else if let (Some(Ok(net)), Some(metric)) =
        (first("IP prefix:").or_else(|| first("V6 prefix:")).map(str::parse), metric)
    {
        lsp.prefix(net, metric);
    } else if text.contains("Attributes:") {
        lsp.fact.overload |= text.contains("Overload");
    }
}

/// `LSPID  LSP Seq Num  LSP Checksum  LSP Holdtime/Rcvd  ATT/P/OL`, then for each LSP a line at the margin and its TLVs.
fn xr_database(notes: &mut Notes<'_>, text: &str) {
    let mut level = "2";
    let mut lsp: Option<Lsp> = None;
    for line in text.lines() {
        let words = words(line);
        if line.contains("Link State Database") {
            finish(notes, lsp.take());
            level = if line.contains("Level-1") { "1" } else { "2" };
        } else if let Some(next) = xr_header(line, level) {
            finish(notes, lsp.replace(next));
        } else if let Some(lsp) = &mut lsp {
            xr_line(lsp, &words);
        }
    }
    finish(notes, lsp);
}

/// `r1.00-00  * 0x00000123  0x1234  1137 /1200  0/0/0`; before 6.0 without what was received.
fn xr_header(line: &str, level: &str) -> Option<Lsp> {
    if indented(line) {
        return None;
    }
    let words = words(line);
    let own = words.contains(&"*") || words.first().is_some_and(|w| w.ends_with('*'));
    let id = lsp_id(words.first()?.trim_end_matches('*'), level)?;
    let place = words.iter().position(|w| w.starts_with("0x"))?;
    let sequence = u32::from_str_radix(words.get(place)?.trim_start_matches("0x"), 16).ok()?;
    let holdtime = words.get(place + 2).and_then(|h| h.split('/').next()?.parse().ok());
    let mut lsp = Lsp::new(id, own, sequence, holdtime, words.last()?);
    lsp.fact.name = name_of(&lsp.fact.id.router);
    Some(lsp)
}

/// `Metric: 10  IS-Extended r2.00`, `Metric: 10  IP-Extended 10.0.0.1/32`, `Metric: 10  MT (IPv6 Unicast) IPv6 2001:db8::/64`.
fn xr_line(lsp: &mut Lsp, words: &[&str]) {
    lsp.told |= !words.is_empty();
    if let (Some(metric), Some(to)) = (parsed_after(words, "Metric:"), words.last()) {
        // Of another topology (RFC 5120): `MT (IPv6 Unicast)`, in IOS-XE `(MT-IPv6)`.
        let topology = words.iter().any(|w| *w == "MT" || w.starts_with("(MT"));
        let adjacency = words.iter().find(|w| matches!(**w, "IS-Extended" | "IS"));
        match (adjacency, to.parse()) {
            (Some(form), _) => lsp.reach(to, metric, *form == "IS-Extended" && !topology),
            (None, Ok(net)) => lsp.prefix(net, metric),
            _ => {}
        }
        return;
    }
    match words {
        ["Hostname:", name] => lsp.fact.name = Some((*name).to_owned()),
        ["IP" | "IPv6", "Address:", ip, ..] => lsp.fact.addresses.extend(ip.parse::<IpAddr>()),
        _ => {}
    }
}

/// `ge-0/0/0.0  r2  2  Up  23  0:5:85:8f:c8:bd`. Level 3 is point-to-point at both.
fn junos_adjacency(words: &[&str]) -> Option<IgpNeighbor> {
    let (on, id, state) = match words {
        [on, id, level, state, hold, ..] if level.parse::<u8>().is_ok() && hold.parse::<u32>().is_ok() => {
            (on, id, state)
        }
        _ => return None,
    };
    Some(adjacency(id, (*on).to_owned(), state, words.get(5).and_then(|m| mac(m))))
}

/// `r2  Gi0/0/0/0  *PtoP*  Up  23  L2  Capable` and, as adjacencies, `r2  Gi0/0/0/0  *PtoP*  Up  23  22:30:27 Yes None None`.
fn xr_neighbor(words: &[&str]) -> Option<IgpNeighbor> {
    let [id, on, snpa, state, hold, ..] = words else { return None };
    let known = mac(snpa).is_some() || snpa.contains("PtoP");
    (known && hold.parse::<u32>().is_ok()).then(|| adjacency(id, full_name(on), state, mac(snpa)))
}

fn adjacency(id: &str, on: String, state: &str, mac: Option<twin::MacAddr>) -> IgpNeighbor {
    let state = match state {
        "Init" | "Initializing" => "Initializing",
        other => other,
    };
    let (id, state) = (id.to_owned(), state.to_owned());
    IgpNeighbor { protocol: IgpProtocol::Isis, on, id, address: None, mac, state, role: None }
}
