//! Walks of an SNMP agent's tables: IF-MIB (RFC 2863), IP-MIB's addresses, LLDP-MIB (IEEE 802.1AB-2005 §12).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};
use twin::{BitsPerSec, MacAddr, WallTime};

use crate::observation::{
    Address, Chassis, Fact, Id, Link, LinkKind, LldpNeighbor, NodeInfo, Observation, Observer, SentPort,
    Source, Topic,
};

/// A walk of the tables below [`ROOTS`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Walk {
    /// When it began.
    pub began: WallTime,
    /// Whether it came to the end of all tables.
    pub finished: bool,
    /// Object identifiers and what they hold.
    pub rows: Vec<(Vec<u64>, Held)>,
}

/// What an object holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// A number of any of SNMP's kinds.
    Number(i64),
    /// Bytes: text or an address.
    Bytes(Vec<u8>),
}

/// What is walked.
pub const ROOTS: [&[u64]; 9] = [
    SYS_NAME,
    IF_ENTRY,
    IF_X_ENTRY,
    IP_ADDRESS,
    LLDP_CHASSIS_KIND,
    LLDP_CHASSIS,
    LLDP_SYSTEM,
    LLDP_LOCAL_PORT,
    LLDP_REMOTE,
];

const SYS_NAME: &[u64] = &[1, 3, 6, 1, 2, 1, 1, 5];
const IF_ENTRY: &[u64] = &[1, 3, 6, 1, 2, 1, 2, 2, 1];
const IF_X_ENTRY: &[u64] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1];
const IP_ADDRESS: &[u64] = &[1, 3, 6, 1, 2, 1, 4, 20, 1];
const LLDP_CHASSIS_KIND: &[u64] = &[1, 0, 8802, 1, 1, 2, 1, 3, 1];
const LLDP_CHASSIS: &[u64] = &[1, 0, 8802, 1, 1, 2, 1, 3, 2];
const LLDP_SYSTEM: &[u64] = &[1, 0, 8802, 1, 1, 2, 1, 3, 3];
const LLDP_LOCAL_PORT: &[u64] = &[1, 0, 8802, 1, 1, 2, 1, 3, 7, 1];
const LLDP_REMOTE: &[u64] = &[1, 0, 8802, 1, 1, 2, 1, 4];
/// lldpRemTable's entry, and lldpRemManAddrTable's, below [`LLDP_REMOTE`].
const REMOTE_ENTRY: &[u64] = &[1, 1];
const REMOTE_ADDRESS: &[u64] = &[2, 1];

/// A table: rows by index, cells by column.
type Cells<'a> = BTreeMap<&'a [u64], BTreeMap<u64, &'a Held>>;

/// What a walk says.
pub fn read(observer: &Observer, walk: &Walk) -> Vec<Observation> {
    let links = links(walk);
    let mut facts: Vec<_> = node(walk).into_iter().collect();
    facts.extend(addresses(walk, &links));
    facts.extend(lldp(walk, &links));
    facts.extend(links.into_values().map(Fact::Link));
    let is = facts.into_iter().map(|fact| Observation::is(observer, Source::Snmp, walk.began, fact));
    // A walk that was cut short says nothing of what it did not see.
    let topics = [Topic::Links, Topic::Addresses, Topic::SentPorts, Topic::Neighbors];
    let read = topics.into_iter().filter(|_| walk.finished);
    is.chain(read.map(|topic| Observation::read(observer, Source::Snmp, walk.began, topic))).collect()
}

fn node(walk: &Walk) -> Option<Fact> {
    let (_, name) = walk.rows.iter().find(|(oid, _)| oid.starts_with(SYS_NAME))?;
    Some(Fact::Node(NodeInfo { hostname: text(name), ..NodeInfo::default() }))
}

/// A table below an entry; columns come before indices.
fn table<'a>(walk: &'a Walk, entry: &[&[u64]]) -> Cells<'a> {
    let entry = entry.concat();
    let mut cells = Cells::new();
    for (oid, held) in &walk.rows {
        if let Some([column, index @ ..]) = oid.strip_prefix(entry.as_slice()) {
            cells.entry(index).or_default().insert(*column, held);
        }
    }
    cells
}

fn links(walk: &Walk) -> BTreeMap<u64, Link> {
    let more = table(walk, &[IF_X_ENTRY]);
    let mut links = BTreeMap::new();
    for (index, cells) in table(walk, &[IF_ENTRY]) {
        let [number] = index else { continue };
        let x = more.get(index);
        let x = |column: u64| x.and_then(|cells| cells.get(&column)).copied();
        let cell = |column: u64| cells.get(&column).copied();
        // ifName is the name that people use; ifDescr may be a sentence.
        let Some(name) = x(1).and_then(text).or_else(|| cell(2).and_then(text)) else { continue };
        let speed = match (x(15).and_then(count), cell(5).and_then(count)) {
            (Some(mega), _) if mega > 0 => Some(mega.saturating_mul(1_000_000)),
            // ifSpeed of 2^32 - 1 means more than it can say.
            (_, Some(bits)) if bits > 0 && bits < u64::from(u32::MAX) => Some(bits),
            _ => None,
        };
        let link = Link {
            name,
            ifindex: u32::try_from(*number).ok(),
            mac: cell(6).and_then(mac),
            mtu: cell(4).and_then(count).and_then(|m| u32::try_from(m).ok()),
            alias: x(18).and_then(text),
            admin_up: cell(7).and_then(count).map(|s| s == 1),
            carrier: cell(8).and_then(count).and_then(carrier),
            speed: speed.and_then(BitsPerSec::new),
            kind: cell(3).and_then(count).and_then(kind),
            ..Link::default()
        };
        links.insert(*number, link);
    }
    links
}

/// ifOperStatus: up, lowerLayerDown; down may be the operator's will, and of the others nothing is known.
fn carrier(status: u64) -> Option<bool> {
    match status {
        1 | 5 => Some(true), // up, dormant
        2 | 7 => Some(false),
        _ => None,
    }
}

/// ifType (IANAifType-MIB).
fn kind(code: u64) -> Option<LinkKind> {
    Some(match code {
        6 => LinkKind::Physical,
        24 => LinkKind::Loopback,
        131 => LinkKind::Tunnel,
        135 | 136 => LinkKind::Vlan,
        161 => LinkKind::Bundle,
        209 => LinkKind::Bridge,
        _ => return None,
    })
}

/// ipAddrTable: index is the address, columns 2 and 3 interface and mask.
fn addresses<'a>(walk: &'a Walk, links: &'a BTreeMap<u64, Link>) -> impl Iterator<Item = Fact> + 'a {
    table(walk, &[IP_ADDRESS]).into_iter().filter_map(|(index, cells)| {
        let ip = ipv4(index)?;
        let link = links.get(&count(cells.get(&2)?)?)?;
        let len = cells.get(&3).and_then(|mask| match mask {
            Held::Bytes(mask) => Some(u32::from_be_bytes(mask.as_slice().try_into().ok()?).leading_ones()),
            Held::Number(_) => None,
        });
        let len = len.and_then(|len| u8::try_from(len).ok());
        Some(Fact::Address(Address { port: link.name.clone(), ip: IpAddr::V4(ip), len }))
    })
}

fn lldp(walk: &Walk, links: &BTreeMap<u64, Link>) -> Vec<Fact> {
    let single = |root: &[u64]| walk.rows.iter().find(|(oid, _)| oid.starts_with(root)).map(|(_, held)| held);
    let mut facts = Vec::new();
    if let Some(id) = single(LLDP_CHASSIS_KIND).zip(single(LLDP_CHASSIS)).and_then(|(k, v)| chassis_id(k, v))
    {
        let name = single(LLDP_SYSTEM).and_then(text);
        let (description, management) = (None, Vec::new());
        facts.push(Fact::Chassis(Chassis {
            id,
            name,
            description,
            management,
            router: false,
            bridge: false,
        }));
    }
    let mut ports = BTreeMap::new();
    for (index, cells) in table(walk, &[LLDP_LOCAL_PORT]) {
        let ([number], Some(id)) = (index, port_id(&cells, 2, 3)) else { continue };
        let Some(port) = local_port(*number, &id, cells.get(&4).copied().and_then(text), links) else {
            continue;
        };
        ports.insert(*number, port.clone());
        facts.push(Fact::SentPort(SentPort { port, id }));
    }
    let addresses = managements(walk);
    for (index, cells) in table(walk, &[LLDP_REMOTE, REMOTE_ENTRY]) {
        let [_, number, _] = index else { continue };
        // An agent without a table of its own ports: the number is the interface's by custom.
        let on = ports.get(number).or_else(|| links.get(number).map(|l| &l.name));
        facts.extend(
            on.and_then(|on| neighbor(on, &cells, addresses.get(index))).map(|n| Fact::Neighbor(n.into())),
        );
    }
    facts
}

fn neighbor(
    on: &str,
    cells: &BTreeMap<u64, &Held>,
    management: Option<&Vec<IpAddr>>,
) -> Option<LldpNeighbor> {
    let cell = |column: u64| cells.get(&column).copied();
    // lldpRemSysCapEnabled: bits from the left; 2 is bridge, 4 is router.
    let capable = match cell(12) {
        Some(Held::Bytes(bits)) => bits.first().copied().unwrap_or_default(),
        _ => 0,
    };
    Some(LldpNeighbor {
        on: on.to_owned(),
        chassis: Chassis {
            id: chassis_id(cell(4)?, cell(5)?)?,
            name: cell(9).and_then(text),
            description: cell(10).and_then(text),
            management: management.cloned().unwrap_or_default(),
            router: capable & 0x08 != 0,
            bridge: capable & 0x20 != 0,
        },
        port: port_id(cells, 6, 7)?,
        description: cell(8).and_then(text),
        aggregate: None,
        mac: None,
        max_frame: None,
    })
}

/// lldpRemManAddrTable: the address is part of the index: time, port, neighbour, subtype, length, bytes.
fn managements(walk: &Walk) -> BTreeMap<Vec<u64>, Vec<IpAddr>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for index in table(walk, &[LLDP_REMOTE, REMOTE_ADDRESS]).into_keys() {
        let Some((neighbor, [kind, length, bytes @ ..])) = index.split_at_checked(3) else { continue };
        let ip = match (*kind, *length) {
            (1, 4) => ipv4(bytes).map(IpAddr::V4),
            (2, 16) => octets(bytes).and_then(|b| <[u8; 16]>::try_from(b).ok()).map(IpAddr::from),
            _ => None,
        };
        all.entry(neighbor.to_vec()).or_default().extend(ip);
    }
    all
}

/// Which interface a port of the agent is: by what it sends, by its description, by its number.
fn local_port(
    number: u64,
    id: &Id,
    description: Option<String>,
    links: &BTreeMap<u64, Link>,
) -> Option<String> {
    let named = |name: &str| links.values().find(|l| l.name == name).map(|l| l.name.clone());
    let by_mac = || {
        let mut with =
            links.values().filter(|l| l.mac.is_some_and(|m| id.kind == "mac" && m.to_string() == id.value));
        with.next().filter(|_| with.next().is_none()).map(|l| l.name.clone())
    };
    let by_number = || links.get(&number).map(|l| l.name.clone());
    named(&id.value).or_else(by_mac).or_else(|| description.and_then(|d| named(&d))).or_else(by_number)
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

fn text(held: &Held) -> Option<String> {
    let Held::Bytes(bytes) = held else { return None };
    let text = String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
    (!text.is_empty()).then_some(text)
}

fn count(held: &Held) -> Option<u64> {
    match held {
        Held::Number(number) => u64::try_from(*number).ok(),
        Held::Bytes(_) => None,
    }
}

fn mac(held: &Held) -> Option<MacAddr> {
    let Held::Bytes(bytes) = held else { return None };
    <[u8; 6]>::try_from(bytes.as_slice()).ok().filter(|m| *m != [0; 6]).map(MacAddr)
}

fn ipv4(index: &[u64]) -> Option<Ipv4Addr> {
    octets(index).and_then(|b| <[u8; 4]>::try_from(b).ok()).map(Ipv4Addr::from)
}

fn octets(index: &[u64]) -> Option<Vec<u8>> {
    index.iter().map(|n| u8::try_from(*n).ok()).collect()
}
