//! Vendors' `show lldp neighbors` as text: Junos, IOS-XR (short and `detail`).
//!
//! The short tables print a port's id without its subtype: what looks like a hardware address is one, a bare number is
//! locally assigned (Junos's own ids are its SNMP interface indices), the rest names an interface.

use twin::{Diagnostic, WallTime};

use super::text::{Notes, between, is_whole, mac, words};
use super::vendor_json::{id, neighbor};
use crate::observation::{Fact, Id, LldpNeighbor, Observation, Observer, Source, Topic};

/// Reads the text if it is one of these.
pub(super) fn read(
    observer: &Observer,
    at: WallTime,
    text: &str,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let mut notes = Notes::new(observer, Source::Show, at);
    let head = |line: &&str| {
        let squeezed: String = line.split_whitespace().collect();
        squeezed.starts_with("LocalInterface")
            && squeezed.contains("ChassisId")
            && squeezed.contains("SystemName")
    };
    if let Some(head) = text.lines().find(head) {
        junos(&mut notes, text, head);
    } else if text.contains("Local Interface:") && text.contains("Chassis id:") {
        xr_detail(&mut notes, text);
    } else if text.contains("Device ID") && text.contains("Local Intf") && text.contains("Port ID") {
        xr_table(&mut notes, text);
    } else {
        return None;
    }
    if is_whole(text) {
        notes.read(Topic::Neighbors);
    }
    Some(notes.done())
}

/// The id of a port that is printed without its subtype.
fn port_id(text: &str) -> Id {
    match text {
        t if mac(t).is_some() => id("mac", t),
        t if t.bytes().all(|b| b.is_ascii_digit()) => id("local", t),
        t if t.contains(' ') => id("ifalias", t),
        t => id("ifname", t),
    }
}

fn chassis_id(text: &str) -> Id {
    if mac(text).is_some() { id("mac", text) } else { id("local", text) }
}

/// A table whose columns begin where their titles do: port info may have blanks, and names may be absent.
fn junos(notes: &mut Notes<'_>, text: &str, head: &str) {
    let starts: Vec<usize> =
        ["Parent", "Chassis", "Port", "System"].iter().filter_map(|t| head.find(t)).collect();
    let rows = text.lines().skip_while(|l| *l != head).skip(1);
    for row in rows.take_while(|l| !l.starts_with("{master") || l.trim().is_empty()) {
        let Some(on) = row.split_whitespace().next() else { continue };
        let column = |title: &str| {
            let start = head.find(title)?;
            let end = starts.iter().copied().filter(|s| *s > start).min();
            let part = match end {
                Some(end) => row.get(start..end.min(row.len())),
                None => row.get(start..),
            };
            part.map(str::trim).filter(|p| !p.is_empty() && *p != "-")
        };
        let (Some(chassis), Some(port)) = (column("Chassis"), column("Port")) else { continue };
        let name = column("System").map(str::to_owned);
        notes.is(Fact::Neighbor(neighbor(on, chassis_id(chassis), name, port_id(port)).into()));
    }
}

/// `Device ID  Local Intf  Hold-time  Capability  Port ID`; a long name stands on a line of its own.
fn xr_table(notes: &mut Notes<'_>, text: &str) {
    let mut long = None;
    let rows = text.lines().skip_while(|l| !l.contains("Device ID")).skip(1);
    for row in rows {
        let words = words(row);
        match words[..] {
            [name] => long = Some(name),
            [.., port] if words.len() >= 4 && !row.starts_with("Total") => {
                let numbers: Vec<usize> = (1..words.len())
                    .filter(|i| words.get(*i).is_some_and(|w| w.parse::<u32>().is_ok()))
                    .collect();
                // The hold time: the interface stands before it, the name before that or on the line above.
                let (Some(hold), Some(device)) = (numbers.first().copied(), words.first().copied()) else {
                    continue;
                };
                let Some(on) = words.get(hold - 1).copied() else { continue };
                let name = if hold >= 2 { Some(device) } else { long.take() };
                if let Some(name) = name {
                    let system = mac(name).is_none().then(|| name.to_owned());
                    let neighbor = neighbor(&full_name(on), chassis_id(name), system, port_id(port));
                    notes.is(Fact::Neighbor(neighbor.into()));
                }
            }
            _ => {}
        }
    }
}

/// A block for each neighbour.
fn xr_detail(notes: &mut Notes<'_>, text: &str) {
    let mut found: Option<LldpNeighbor> = None;
    let finish = |notes: &mut Notes<'_>, found: Option<LldpNeighbor>| {
        if let Some(n) = found.filter(|n| !n.chassis.id.value.is_empty() && !n.port.value.is_empty()) {
            notes.is(Fact::Neighbor(n.into()));
        }
    };
    let mut describes = false;
    for line in text.lines() {
        if let Some(on) = between(line, "Local Interface:", "") {
            finish(notes, found.take());
            found = Some(neighbor(&full_name(on), id("", ""), None, id("", "")));
            continue;
        }
        let Some(n) = &mut found else { continue };
        let (key, value) = line.split_once(':').map_or((line, ""), |(k, v)| (k.trim(), v.trim()));
        let text = || Some(value.to_owned()).filter(|v| !v.is_empty() && !v.starts_with("not advertised"));
        if describes && !line.trim().is_empty() {
            n.chassis.description = Some(line.trim().to_owned());
            describes = false;
            continue;
        }
        match key {
            "Chassis id" => n.chassis.id = chassis_id(value),
            "Port id" => n.port = port_id(value),
            "Port Description" => n.description = text(),
            "System Name" => n.chassis.name = text(),
            "System Description" => describes = true,
            "Enabled Capabilities" => {
                n.chassis.router = value.split(',').any(|c| c.trim() == "R");
                n.chassis.bridge = value.split(',').any(|c| c.trim() == "B");
            }
            "IPv4 address" | "IPv6 address" => n.chassis.management.extend(value.parse::<std::net::IpAddr>()),
            "Peer MAC Address" => n.mac = mac(value),
            _ => {}
        }
    }
    finish(notes, found);
}

/// An interface of IOS-XR by its full name, where a table has the short one: the names that the system itself uses.
pub(super) fn full_name(short: &str) -> String {
    let names = [
        ("BE", "Bundle-Ether"),
        ("FH", "FourHundredGigE"),
        ("Fi", "FiftyGigE"),
        ("Fo", "FortyGigE"),
        ("Gi", "GigabitEthernet"),
        ("Hu", "HundredGigE"),
        ("Lo", "Loopback"),
        ("Mg", "MgmtEth"),
        ("Te", "TenGigE"),
        ("TF", "TwentyFiveGigE"),
        ("TH", "TwoHundredGigE"),
    ];
    let digits = short.find(|c: char| c.is_ascii_digit()).unwrap_or(short.len());
    let (letters, rest) = short.split_at(digits);
    match names.iter().find(|(s, _)| *s == letters) {
        Some((_, full)) => format!("{full}{rest}"),
        None => short.to_owned(),
    }
}
