//! FRR's `show interface [vrf all]` as text.

use std::collections::BTreeMap;

use ipnet::IpNet;
use twin::{BitsPerSec, Diagnostic, MacAddr, WallTime};

use super::text::{Notes, between, indented, is_whole, parsed_after, words};
use crate::observation::{Address, Fact, Link, LinkKind, Observation, Observer, Source, Topic};

/// Reads the text if it is this: for each interface `Interface swp1 is up, line protocol is up` and indented lines.
pub(super) fn read(
    observer: &Observer,
    at: WallTime,
    text: &str,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let first = text.lines().find(|l| !l.trim().is_empty())?;
    if !first.starts_with("Interface ") || !first.contains(" is ") {
        return None;
    }
    let mut notes = Notes::new(observer, Source::Frr, at);
    let mut links: Vec<Link> = Vec::new();
    // Masters and lower interfaces are named by index, and may come later.
    let mut masters: BTreeMap<usize, u32> = BTreeMap::new();
    let mut theirs = false;
    for line in text.lines() {
        if let Some(name) = between(line, "Interface ", " is ").filter(|_| !indented(line)) {
            let up = between(line, " is ", ",").unwrap_or_default();
            links.push(Link {
                name: name.to_owned(),
                admin_up: Some(up == "up"),
                carrier: Some(line.contains("line protocol is up")),
                ..Link::default()
            });
            theirs = false;
            continue;
        }
        // From here to the next interface addresses are the neighbours'.
        theirs |= line.trim_start().starts_with("Neighbor address");
        let place = links.len().saturating_sub(1);
        let Some(link) = links.last_mut() else { continue };
        if let Some(master) = between(line, "Master (", "").and_then(|l| parsed_after(&words(l), "ifindex")) {
            masters.insert(place, master);
        }
        if let Some(net) = detail(link, line).filter(|_| !theirs) {
            let port = link.name.clone();
            notes.is(Fact::Address(Address { port, ip: net.addr(), len: Some(net.prefix_len()) }));
        }
    }
    let by_index: BTreeMap<u32, String> =
        links.iter().filter_map(|l| Some((l.ifindex?, l.name.clone()))).collect();
    for (place, mut link) in links.into_iter().enumerate() {
        link.master = masters.get(&place).and_then(|m| by_index.get(m)).cloned().or(link.master);
        notes.is(Fact::Link(link.into()));
    }
    if is_whole(text) {
        notes.read(Topic::Links);
        notes.read(Topic::Addresses);
    }
    Some(notes.done())
}

/// Takes a line's word for the interface; an address is handed back.
fn detail(link: &mut Link, line: &str) -> Option<IpNet> {
    let words = words(line);
    match words[..] {
        ["index", index, ..] => {
            link.ifindex = index.parse().ok();
            link.mtu = parsed_after(&words, "mtu");
            // Mbit/s; all ones where the kernel does not know.
            let speed: Option<u32> = parsed_after(&words, "speed");
            let speed = speed.filter(|s| *s > 0 && *s < u32::MAX);
            link.speed = speed.and_then(|s| BitsPerSec::new(u64::from(s) * 1_000_000));
        }
        ["flags:", flags] if flags.contains("LOOPBACK") => link.kind = Some(LinkKind::Loopback),
        ["HWaddr:", mac] => link.mac = mac.parse().ok().filter(|m: &MacAddr| m.0 != [0; 6]),
        ["Description:", ..] => link.alias = between(line, "Description:", "").map(str::to_owned),
        ["Interface", "Type", kind, ..] => {
            link.kind = kind_of(kind).or(link.kind.take());
            // A pair in software reports a rate that it does not have.
            link.speed = link.speed.filter(|_| link.kind != Some(LinkKind::Veth));
        }
        ["VLAN", "Id", id, ..] => link.vlan = id.parse().ok(),
        ["VxLAN", "Id", ..] => {
            link.vlan = between(line, "Access VLAN Id ", "").and_then(|id| id.parse().ok())
        }
        ["Link", "ifindex", ..] => {
            link.lower = between(line, "(", ")").map(str::to_owned);
        }
        ["inet" | "inet6", net, ..] if !words.contains(&"peer") => return net.parse().ok(),
        _ => {}
    }
    None
}

fn kind_of(word: &str) -> Option<LinkKind> {
    match word {
        "Vlan" => Some(LinkKind::Vlan),
        "Vxlan" => Some(LinkKind::Tunnel),
        "Bridge" => Some(LinkKind::Bridge),
        "VRF" => Some(LinkKind::Vrf),
        "VETH" | "Veth" => Some(LinkKind::Veth),
        "bond" | "Bond" => Some(LinkKind::Bundle),
        _ => None, // `Other` is a port, a bundle or a loopback.
    }
}
