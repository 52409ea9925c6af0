//! iproute2's text: `ip [-d] link`, `ip [-d] address`, `ip neigh`, `ip route [show table all]`, `ip nexthop`, `bridge fdb`,
//! and the stream of `ip -ts monitor link address route neigh nexthop`.
//!
//! All of them print records: a line that begins at the margin and the indented lines after it. In the stream each bears
//! its instant in the form of `-ts` (`[2026-11-22T06:53:58.097810]`, taken as UTC: the form names no zone) and,
//! where something went, the word `Deleted`. So one reader serves for all, and tells each record by its own form.

use std::collections::BTreeSet;
use std::net::IpAddr;

use twin::{Diagnostic, MacAddr, WallTime};

use super::iproute_route;
use super::text::{Notes, after, indented, is_whole, mac, nanos, parsed_after, words};
use crate::observation::{
    Address, Fact, FactKey, FdbEntry, IpNeighbor, Link, LinkKind, Observation, Observer, Scope, Source, Topic,
};

/// A record: its first line's words, what follows, and what stood before.
pub(super) struct Record<'a> {
    at: Option<WallTime>,
    deleted: bool,
    pub(super) head: Vec<&'a str>,
    pub(super) more: Vec<&'a str>,
}

/// Reads the text if it is iproute2's.
///
/// Where records bear no instant the text is a listing: once whole, it ends what it does not list. Listings of different
/// things may follow one another in one text.
pub(super) fn read(
    observer: &Observer,
    at: WallTime,
    text: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let mut notes = Notes::new(observer, Source::Kernel, at);
    let mut scopes = BTreeSet::new();
    let mut routes = iproute_route::Routes::default();
    let (mut stream, mut taken, mut other) = (false, 0usize, 0usize);
    for record in records(text) {
        stream |= record.at.is_some();
        notes.at = record.at.unwrap_or(at);
        match take(&mut notes, &mut routes, &record) {
            Some(whole) => {
                taken += 1;
                scopes.extend(whole);
            }
            None => other += 1,
        }
    }
    // A text of which iproute2 would not know most is somebody else's.
    if taken == 0 || other > taken {
        return None;
    }
    if other > 0 {
        Diagnostic::count(diagnostics, "iproute-record", || {
            format!("{other} records of {observer} are none of iproute2's that are read")
        });
    }
    routes.note(&mut notes, at);
    if !stream && is_whole(text) {
        notes.at = at;
        scopes.into_iter().for_each(|s: Scope| notes.read(s));
    }
    Some(notes.done())
}

/// Notes what a record says. What a listing with this record is a listing of; `None` if the record is not known.
fn take(
    notes: &mut Notes<'_>,
    routes: &mut iproute_route::Routes,
    record: &Record<'_>,
) -> Option<Vec<Scope>> {
    if interface(notes, record).is_some() {
        return Some(vec![Topic::Links.into(), Topic::Addresses.into()]);
    }
    if let Some(entry) = fdb(record) {
        match (record.deleted, entry) {
            (_, None) => {}
            (true, Some(entry)) => notes.not(Fact::Fdb(entry).key()),
            (false, Some(entry)) => notes.is(Fact::Fdb(entry)),
        }
        return Some(vec![Topic::Fdb.into()]);
    }
    if let Some(entry) = neighbor(record) {
        if record.deleted || entry.mac.is_none() {
            notes.not(FactKey::ip_neighbor(&entry.port, entry.ip));
        } else if !entry.ip.is_multicast() {
            notes.is(Fact::IpNeighbor(entry));
        }
        return Some(vec![Topic::IpNeighbors.into()]);
    }
    if iproute_route::is_nexthop(record) {
        return Some(Vec::new()); // Routes name the gateways and devices of their next hops themselves.
    }
    let family = routes.take(notes.at, record.deleted, record)?;
    Some(vec![Scope::of(Topic::Routes, family)])
}

/// The records of a text.
fn records(text: &str) -> Vec<Record<'_>> {
    let mut records: Vec<Record<'_>> = Vec::new();
    for line in text.lines() {
        if line.trim().is_empty() {
            continue;
        }
        let continues = indented(line) || line.starts_with("ad_"); // A Linux 4.4 line break within a bundle's member.
        match records.last_mut() {
            Some(last) if continues => last.more.push(line),
            _ => records.push(record(line)),
        }
    }
    records
}

fn record(line: &str) -> Record<'_> {
    let stamp = line.strip_prefix('[').and_then(|l| l.split_once(']'));
    let (at, rest) = match stamp.map(|(stamp, rest)| (instant(stamp), rest)) {
        Some((Some(at), rest)) => (Some(at), rest.trim_start()),
        _ => (None, line),
    };
    // `ip monitor all` names the kind of each record: [LINK], [ADDR], ….
    let rest = rest.strip_prefix('[').and_then(|r| r.split_once(']')).map_or(rest, |(_, rest)| rest);
    let mut head = words(rest);
    let deleted = head.first() == Some(&"Deleted") || head.first() == Some(&"deleted");
    if deleted {
        head.remove(0);
    }
    Record { at, deleted, head, more: Vec::new() }
}

/// `2026-11-22T06:53:58.097810` as an instant, in UTC.
pub(super) fn instant(text: &str) -> Option<WallTime> {
    let (date, time) = text.trim().split_once(['T', ' '])?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (time.next()?.parse::<i64>().ok()?, time.next()?.parse::<i64>().ok()?);
    let (second, fraction) = time.next().map(|s| s.split_once('.').unwrap_or((s, "")))?;
    let second = second.parse::<i64>().ok()?;
    let ranges =
        [(year, 1970, 2261), (month, 1, 12), (day, 1, 31), (hour, 0, 23), (minute, 0, 59), (second, 0, 60)];
    if ranges.iter().any(|(value, lo, hi)| value < lo || value > hi) {
        return None;
    }
    let nanos = nanos(fraction)?;
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(WallTime::from_ns(seconds * 1_000_000_000 + nanos))
}

/// Days from the epoch to a date of the Gregorian calendar; years are counted from March, so that a leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    365 * year + year / 4 - year / 100 + year / 400 + (153 * from_march + 2) / 5 + day - 1 - 719_468
}

/// `2: eth1@if2: <BROADCAST,…> mtu 1500 …`, or `2: eth1    inet 10.0.0.1/31 …` as the stream and `-o` print it.
fn interface(notes: &mut Notes<'_>, record: &Record<'_>) -> Option<()> {
    let index: u32 = record.head.first()?.strip_suffix(':')?.parse().ok()?;
    let name = record.head.get(1)?;
    let (name, lower) = match name.trim_end_matches(':').split_once('@') {
        Some((name, lower)) => (name, Some(lower)),
        None => (name.trim_end_matches(':'), None),
    };
    let flags = record.head.get(2)?;
    if matches!(*flags, "inet" | "inet6") {
        address(notes, record.deleted, name, record.head.get(2..)?);
        return Some(());
    }
    let flags = flags.strip_prefix('<')?.trim_end_matches('>');
    if record.deleted {
        notes.not(FactKey::link(name));
        return Some(());
    }
    notes.is(Fact::Link(link(index, name, lower, flags, record).into()));
    for line in &record.more {
        let line = words(line);
        if matches!(line.first(), Some(&("inet" | "inet6"))) {
            address(notes, false, name, &line);
        }
    }
    Some(())
}

fn link(index: u32, name: &str, lower: Option<&str>, flags: &str, record: &Record<'_>) -> Link {
    let has = |flag: &str| flags.split(',').any(|f| f == flag);
    let more: Vec<Vec<&str>> = record.more.iter().map(|l| words(l)).collect();
    let starts = |word: &str| more.iter().find(|l| l.first().is_some_and(|w| *w == word));
    let hardware = more.iter().find(|l| l.first().is_some_and(|w| w.starts_with("link/")));
    let address = hardware.and_then(|l| l.get(1)).and_then(|m| m.parse().ok());
    let permanent = hardware.and_then(|l| parsed_after(l, "permaddr"));
    let permanent: Option<MacAddr> =
        permanent.or_else(|| starts("bond_slave").and_then(|l| parsed_after(l, "perm_hwaddr")));
    let alias = record.more.iter().find_map(|l| l.trim_start().strip_prefix("alias "));
    let kind = kind(has("LOOPBACK"), lower, hardware.map(Vec::as_slice), &more);
    // `@if7` is the far end of a pair in another namespace, `@NONE` nothing.
    let peer_index = lower.and_then(far_index);
    let lower = lower.filter(|l| *l != "NONE" && kind != Some(LinkKind::Veth) && peer_index.is_none());
    Link {
        name: name.to_owned(),
        ifindex: Some(index),
        mac: address.filter(|_| !has("LOOPBACK")),
        permanent_mac: permanent.filter(|p| Some(*p) != address),
        mtu: parsed_after(&record.head, "mtu"),
        alias: alias.map(|a| a.trim().to_owned()),
        admin_up: Some(has("UP")),
        // While a device goes up, its running state and the driver's carrier are told apart.
        carrier: Some(has("LOWER_UP") && !has("NO-CARRIER")),
        speed: None,
        kind,
        master: after(&record.head, "master").map(str::to_owned),
        lower: lower.map(str::to_owned),
        vlan: starts("vlan").and_then(|l| parsed_after(l, "id")),
        peer_index,
        // All zeros while nobody answers.
        partner: starts("bond")
            .and_then(|l| parsed_after(l, "ad_partner_mac"))
            .filter(|m: &MacAddr| m.0 != [0; 6]),
    }
}

/// What stands behind the sign where it is an index in another namespace.
fn far_index(lower: &str) -> Option<u32> {
    lower.strip_prefix("if")?.parse().ok()
}

/// What an interface is: the kernel's word where `-d` prints it.
fn kind(
    loopback: bool,
    lower: Option<&str>,
    hardware: Option<&[&str]>,
    more: &[Vec<&str>],
) -> Option<LinkKind> {
    if loopback {
        return Some(LinkKind::Loopback);
    }
    let said = more.iter().filter_map(|l| l.first()).find_map(|w| linux_kind(w));
    let detailed = hardware.is_some_and(|l| l.contains(&"promiscuity"));
    match said {
        Some(kind) => Some(kind),
        None if detailed => Some(LinkKind::Physical),
        // The plain form names no kind, but only one of a pair has its other end in another namespace.
        None => lower.and_then(far_index).map(|_| LinkKind::Veth),
    }
}

/// The kernel's word for a kind of device (`IFLA_INFO_KIND`); `None` if it is no such word.
pub(super) fn linux_kind(word: &str) -> Option<LinkKind> {
    Some(match word {
        "veth" => LinkKind::Veth,
        "bridge" => LinkKind::Bridge,
        "bond" | "team" => LinkKind::Bundle,
        "vlan" => LinkKind::Vlan,
        "vrf" => LinkKind::Vrf,
        "vxlan" | "geneve" | "gre" | "gretap" | "ip6gre" | "ip6gretap" | "erspan" | "ip6erspan" | "ipip"
        | "ip6tnl" | "sit" | "vti" | "vti6" | "wireguard" | "bareudp" | "xfrm" => LinkKind::Tunnel,
        "macvlan" | "macvtap" | "ipvlan" | "ipvtap" | "dummy" | "tun" | "ifb" | "macsec" | "nlmon"
        | "netdevsim" => LinkKind::Virtual(word.to_owned()),
        _ => return None,
    })
}

/// `inet 10.0.0.1/31 …` or, on a point-to-point device, `inet 10.0.0.1 peer 10.0.0.2/32`.
fn address(notes: &mut Notes<'_>, deleted: bool, port: &str, words: &[&str]) {
    let Some(text) = words.get(1) else { return };
    let (ip, len) = text.split_once('/').map_or((*text, None), |(ip, len)| (ip, len.parse().ok()));
    let Ok(ip) = ip.parse::<IpAddr>() else { return };
    let host = if ip.is_ipv4() { 32 } else { 128 };
    let len = len.or(Some(host)).filter(|l| *l <= host);
    // An address that another node has as well is not in use.
    if deleted || words.contains(&"dadfailed") {
        notes.not(FactKey::address(port, ip));
    } else {
        notes.is(Fact::Address(Address { port: port.to_owned(), ip, len }));
    }
}

/// `52:54:00:06:00:eb dev bond02 vlan 24 master bridge permanent`. The inner `None`: an entry that is no host's.
fn fdb(record: &Record<'_>) -> Option<Option<FdbEntry>> {
    let address: MacAddr = record.head.first().filter(|w| w.len() == 17).and_then(|w| mac(w))?;
    let port = after(&record.head, "dev")?;
    let has = |word: &str| record.head.contains(&word);
    // All zeros: where a tunnel floods; a multicast address: a group.
    if address.0 == [0; 6] || address.0[0] & 1 == 1 {
        return Some(None);
    }
    Some(Some(FdbEntry {
        port: port.to_owned(),
        mac: address,
        vlan: parsed_after(&record.head, "vlan"),
        // A tunnel's own table (`dst`) is of the tunnel's far ends, not of this node.
        own: has("permanent") && !has("dst"),
    }))
}

/// `10.1.0.1 dev eth1 lladdr 32:ac:53:af:04:aa REACHABLE proto zebra`.
fn neighbor(record: &Record<'_>) -> Option<IpNeighbor> {
    let states =
        ["REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT", "NOARP", "FAILED", "INCOMPLETE", "NONE"];
    let ip: IpAddr = record.head.first()?.parse().ok()?;
    let lladdr = after(&record.head, "lladdr");
    let state = record.head.iter().find(|w| states.contains(w));
    if lladdr.is_none() && state.is_none() {
        return None;
    }
    let failed = matches!(state, Some(&("FAILED" | "INCOMPLETE")));
    let port = after(&record.head, "dev")?.to_owned();
    Some(IpNeighbor { port, ip, mac: lladdr.filter(|_| !failed).and_then(mac) })
}
