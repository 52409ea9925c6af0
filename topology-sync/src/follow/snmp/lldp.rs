//! LLDP-MIB (IEEE 802.1AB-2005 §12): the agent's own ports, and whom it hears.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::{Held, Walk, count, ipv4, mac, octets, table, text};
use crate::observation::{Chassis, Fact, Id, Link, LldpNeighbor, SentPort};

/// lldpLocalSystemData.
pub(super) const LOCAL: &[u64] = &[1, 0, 8802, 1, 1, 2, 1, 3];
/// lldpRemoteSystemsData.
pub(super) const REMOTE: &[u64] = &[1, 0, 8802, 1, 1, 2, 1, 4];
// Below LOCAL.
const CHASSIS_KIND: u64 = 1;
const CHASSIS: u64 = 2;
const SYSTEM_NAME: u64 = 3;
const SYSTEM_DESCRIPTION: u64 = 4;
const ENABLED: u64 = 6;
/// lldpLocPortTable's entry.
const PORT: &[u64] = &[7, 1];
/// lldpLocManAddrTable's entry.
const ADDRESS: &[u64] = &[8, 1];
/// lldpRemTable's entry, below [`REMOTE`].
const NEIGHBOR: &[u64] = &[1, 1];
/// lldpRemManAddrTable's entry, below [`REMOTE`].
const NEIGHBOR_ADDRESS: &[u64] = &[2, 1];

/// Whether the agent has these tables: on some port, or of itself, they always say something.
pub(super) fn is_served(walk: &Walk) -> bool {
    walk.rows.iter().any(|(oid, _)| oid.starts_with(LOCAL) || oid.starts_with(REMOTE))
}

/// What the tables say.
pub(super) fn facts(walk: &Walk, links: &BTreeMap<u64, Link>) -> Vec<Fact> {
    let mut facts: Vec<_> = own_chassis(walk).map(Fact::Chassis).into_iter().collect();
    let mut ports = BTreeMap::new();
    for (index, cells) in table(walk, &[LOCAL, PORT]) {
        let ([number], Some(id)) = (index, port_id(&cells, 2, 3)) else { continue };
        let description = cells.get(&4).copied().and_then(text);
        let Some(port) = own_port(*number, &id, description.as_deref(), links) else { continue };
        ports.insert(*number, port.clone());
        facts.push(Fact::SentPort(SentPort { port, id }));
    }
    let addresses = managements(walk);
    for (index, cells) in table(walk, &[REMOTE, NEIGHBOR]) {
        let [_, number, _] = index else { continue };
        // An agent without a table of its own ports: the number is the interface's by custom.
        let on = ports.get(number).or_else(|| links.get(number).map(|l| &l.name));
        let heard = on.and_then(|on| neighbor(on, &cells, addresses.get(index)));
        facts.extend(heard.map(|n| Fact::Neighbor(n.into())));
    }
    facts
}

/// A scalar below [`LOCAL`].
fn local(walk: &Walk, number: u64) -> Option<&Held> {
    let is = |oid: &[u64]| oid.strip_prefix(LOCAL).is_some_and(|rest| rest == [number, 0]);
    walk.rows.iter().find(|(oid, _)| is(oid)).map(|(_, held)| held)
}

fn own_chassis(walk: &Walk) -> Option<Chassis> {
    let (bridge, router) = capable(local(walk, ENABLED));
    Some(Chassis {
        id: chassis_id(local(walk, CHASSIS_KIND)?, local(walk, CHASSIS)?)?,
        name: local(walk, SYSTEM_NAME).and_then(text),
        description: local(walk, SYSTEM_DESCRIPTION).and_then(text),
        management: table(walk, &[LOCAL, ADDRESS]).into_keys().filter_map(management).collect(),
        router,
        bridge,
    })
}

/// LldpSystemCapabilitiesMap: bits from the left; 2 is bridge, 4 is router.
fn capable(enabled: Option<&Held>) -> (bool, bool) {
    let bits = match enabled {
        Some(Held::Bytes(bits)) => bits.first().copied().unwrap_or_default(),
        _ => 0,
    };
    (bits & 0x20 != 0, bits & 0x08 != 0)
}

fn neighbor(
    on: &str,
    cells: &BTreeMap<u64, &Held>,
    management: Option<&Vec<IpAddr>>,
) -> Option<LldpNeighbor> {
    let cell = |column: u64| cells.get(&column).copied();
    let (bridge, router) = capable(cell(12));
    Some(LldpNeighbor {
        on: on.to_owned(),
        chassis: Chassis {
            id: chassis_id(cell(4)?, cell(5)?)?,
            name: cell(9).and_then(text),
            description: cell(10).and_then(text),
            management: management.cloned().unwrap_or_default(),
            router,
            bridge,
        },
        port: port_id(cells, 6, 7)?,
        description: cell(8).and_then(text),
        aggregate: None,
        mac: None,
        max_frame: None,
    })
}

/// lldpRemManAddrTable, by neighbour: the address is part of the index, after time, port and number.
fn managements(walk: &Walk) -> BTreeMap<Vec<u64>, Vec<IpAddr>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for index in table(walk, &[REMOTE, NEIGHBOR_ADDRESS]).into_keys() {
        let Some((neighbor, address)) = index.split_at_checked(3) else { continue };
        all.entry(neighbor.to_vec()).or_default().extend(management(address));
    }
    all
}

/// An address as an index has it: its family (IANA: 1 is IPv4), length, bytes.
fn management(index: &[u64]) -> Option<IpAddr> {
    match index {
        [1, 4, bytes @ ..] => ipv4(bytes).map(IpAddr::V4),
        [2, 16, bytes @ ..] => octets(bytes).and_then(|b| <[u8; 16]>::try_from(b).ok()).map(IpAddr::from),
        _ => None,
    }
}

/// Which interface a port of the agent is. What it sends says it, if one interface alone has that; a hardware address may
/// be that of a port, its bundle and its VLANs alike, and then description and number tell them apart.
fn own_port(number: u64, id: &Id, description: Option<&str>, links: &BTreeMap<u64, Link>) -> Option<String> {
    let sends = |link: &Link| match id.kind.as_str() {
        "mac" => link.mac.is_some_and(|mac| mac.to_string() == id.value),
        "ifalias" => link.alias.as_ref() == Some(&id.value),
        _ => link.name == id.value,
    };
    let mut candidates: Vec<_> = links.iter().filter(|(_, link)| sends(link)).collect();
    if candidates.is_empty() {
        candidates = links.iter().collect();
    } else if let [(_, link)] = candidates[..] {
        return Some(link.name.clone());
    }
    let described = || candidates.iter().find(|(_, link)| Some(link.name.as_str()) == description);
    let numbered = || candidates.iter().find(|(index, _)| **index == number);
    described().or_else(numbered).map(|(_, link)| link.name.clone())
}

/// LldpChassisIdSubtype.
fn chassis_id(kind: &Held, value: &Held) -> Option<Id> {
    let kind = match count(kind)? {
        1 => "chassis",
        2 => "ifalias",
        3 => "port",
        4 => "mac",
        5 => "ip",
        6 => "ifname",
        _ => "local",
    };
    id(kind, value)
}

/// LldpPortIdSubtype.
fn port_id(cells: &BTreeMap<u64, &Held>, kind: u64, value: u64) -> Option<Id> {
    let kind = match count(cells.get(&kind)?)? {
        1 => "ifalias",
        2 => "port",
        3 => "mac",
        4 => "ip",
        5 => "ifname",
        6 => "agent",
        _ => "local",
    };
    id(kind, cells.get(&value)?)
}

fn id(kind: &str, value: &Held) -> Option<Id> {
    let Held::Bytes(bytes) = value else { return None };
    let value = match kind {
        "mac" => mac(value)?.to_string(),
        // A network address begins with its family (IANA: 1 is IPv4).
        "ip" => match bytes.as_slice() {
            [1, a, b, c, d] => Ipv4Addr::new(*a, *b, *c, *d).to_string(),
            [2, v6 @ ..] => IpAddr::from(<[u8; 16]>::try_from(v6).ok()?).to_string(),
            _ => return None,
        },
        _ => text(value)?,
    };
    Some(Id { kind: kind.to_owned(), value })
}
