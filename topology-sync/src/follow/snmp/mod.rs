//! Walks of an SNMP agent's tables: IF-MIB (RFC 2863), IP-MIB's addresses, LLDP-MIB (IEEE 802.1AB-2005 §12).

mod lldp;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};
use twin::{BitsPerSec, MacAddr, WallTime};

use crate::observation::{Address, Fact, Link, LinkKind, NodeInfo, Observation, Observer, Source, Topic};

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
pub const ROOTS: [&[u64]; 6] = [SYS_NAME, IF_ENTRY, IF_X_ENTRY, IP_ADDRESS, lldp::LOCAL, lldp::REMOTE];

const SYS_NAME: &[u64] = &[1, 3, 6, 1, 2, 1, 1, 5];
const IF_ENTRY: &[u64] = &[1, 3, 6, 1, 2, 1, 2, 2, 1];
const IF_X_ENTRY: &[u64] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1];
const IP_ADDRESS: &[u64] = &[1, 3, 6, 1, 2, 1, 4, 20, 1];

/// A table: rows by index, cells by column.
type Cells<'a> = BTreeMap<&'a [u64], BTreeMap<u64, &'a Held>>;

/// What a walk says.
pub fn read(observer: &Observer, walk: &Walk) -> Vec<Observation> {
    let links = links(walk);
    let mut facts: Vec<_> = node(walk).into_iter().collect();
    facts.extend(addresses(walk, &links));
    facts.extend(lldp::facts(walk, &links));
    facts.extend(links.into_values().map(|l| Fact::Link(l.into())));
    let is = facts.into_iter().map(|fact| Observation::is(observer, Source::Snmp, walk.began, fact));
    // A walk that was cut short says nothing of what it did not see.
    // An agent of which the LLDP agent is lost no longer has its tables: nobody read them.
    let lldp = [Topic::SentPorts, Topic::Neighbors].into_iter().filter(|_| lldp::is_served(walk));
    let topics = [Topic::Links, Topic::Addresses].into_iter().chain(lldp).filter(|_| walk.finished);
    is.chain(topics.map(|topic| Observation::read(observer, Source::Snmp, walk.began, topic))).collect()
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
