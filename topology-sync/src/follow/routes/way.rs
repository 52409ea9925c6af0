//! What a route does, as the kernel writes it: interfaces and next-hop objects by number.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Key;
use crate::follow::netlink::wire::{self, attributes, u32_of};

/// What a route does. A million routes share a few of these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Way {
    Forward {
        /// The next-hop object that the route names.
        object: Option<u32>,
        /// The hops that it names itself, or that its object had when the kernel wrote it.
        hops: Vec<Hop>,
    },
    Local,
    Blackhole,
    Unreachable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Hop {
    pub(super) port: u32,
    pub(super) gateway: Option<IpAddr>,
}

impl Way {
    /// The next-hop object that it names.
    pub(super) fn object(&self) -> Option<u32> {
        match self {
            Self::Forward { object, .. } => *object,
            _ => None,
        }
    }
}

/// A next-hop object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Object {
    Hop(Hop),
    Group(Vec<u32>),
    Blackhole,
}

/// Attributes of routes (`linux/rtnetlink.h`, `RTA_…`).
mod rta {
    pub(super) const DST: u16 = 1;
    pub(super) const OIF: u16 = 4;
    pub(super) const GATEWAY: u16 = 5;
    pub(super) const PRIORITY: u16 = 6;
    pub(super) const MULTIPATH: u16 = 9;
    pub(super) const TABLE: u16 = 15;
    pub(super) const VIA: u16 = 18;
    pub(super) const NH_ID: u16 = 30;
}

/// Attributes of next-hop objects (`linux/nexthop.h`, `NHA_…`).
mod nha {
    pub(super) const ID: u16 = 1;
    pub(super) const GROUP: u16 = 2;
    pub(super) const BLACKHOLE: u16 = 4;
    pub(super) const OIF: u16 = 5;
    pub(super) const GATEWAY: u16 = 6;
}

/// The key and the way of a route message; `None` for a route of another table, of one link alone, cloned, or for
/// multicast.
pub(super) fn route(body: &[u8]) -> Result<Option<(Key, Way)>, String> {
    let Some(([family, len, source_len, tos, table, _, _, kind, flags @ ..], rest)) =
        body.split_first_chunk::<12>()
    else {
        return Err("a route message shorter than its head".into());
    };
    const CLONED: u32 = 0x200;
    if !matches!(*family, wire::INET | wire::INET6) || u32_of(flags).is_some_and(|f| f & CLONED != 0) {
        return Ok(None);
    }
    // Routes by source or by type of service: not part of a table by destination.
    if *source_len != 0 || *tos != 0 {
        return Ok(None);
    }
    let (mut table, mut metric) = (u32::from(*table), 0);
    let (mut destination, mut gateway, mut port, mut object) = (None, None, None, None);
    let mut hops = Vec::new();
    for (attribute, value) in attributes(rest) {
        match attribute {
            rta::DST => destination = address(value),
            rta::OIF => port = u32_of(value),
            rta::GATEWAY => gateway = address(value),
            rta::VIA => gateway = value.get(2..).and_then(address),
            rta::PRIORITY => metric = u32_of(value).unwrap_or(0),
            rta::TABLE => table = u32_of(value).unwrap_or(table),
            rta::NH_ID => object = u32_of(value),
            rta::MULTIPATH => hops = multipath(value),
            _ => {}
        }
    }
    let any: IpAddr =
        if *family == wire::INET { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let prefix = IpNet::new(destination.unwrap_or(any), *len)
        .map_err(|_| format!("a route of family {family} with a prefix of {len} bits"))?;
    let Some(table) = rank(table).filter(|_| !is_per_link(&prefix)) else { return Ok(None) };
    if hops.is_empty() {
        hops.extend(port.map(|port| Hop { port, gateway }));
    }
    hops.sort();
    let way = match kind {
        1 => Way::Forward { object, hops },
        2 | 4 => Way::Local, // local, anycast
        6 => Way::Blackhole,
        7 | 8 => Way::Unreachable, // unreachable, prohibit
        _ => return Ok(None),      // broadcast, multicast, throw, …
    };
    Ok(Some((Key { prefix: prefix.trunc(), table, metric }, way)))
}

/// The id of an object and what it is; `None` where the message only names it.
pub(super) fn object(body: &[u8]) -> Result<(u32, Option<Object>), String> {
    let (_, rest) = body.split_first_chunk::<8>().ok_or("a next-hop message shorter than its head")?;
    let (mut id, mut group, mut port, mut gateway, mut blackhole) = (None, None, None, None, false);
    for (attribute, value) in attributes(rest) {
        match attribute {
            nha::ID => id = u32_of(value),
            nha::GROUP => group = Some(value.chunks_exact(8).filter_map(u32_of).collect()),
            nha::OIF => port = u32_of(value),
            nha::GATEWAY => gateway = address(value),
            nha::BLACKHOLE => blackhole = true,
            _ => {}
        }
    }
    let id = id.ok_or("a next-hop message without an id")?;
    let object = match (group, port) {
        (Some(group), _) => Some(Object::Group(group)),
        (None, _) if blackhole => Some(Object::Blackhole),
        (None, port) => port.map(|port| Object::Hop(Hop { port, gateway })),
    };
    Ok((id, object))
}

/// `struct rtnexthop`s, each with its attributes.
fn multipath(mut rest: &[u8]) -> Vec<Hop> {
    let mut hops = Vec::new();
    while let Some((&[a, b, _, _, index @ ..], _)) = rest.split_first_chunk::<8>() {
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let Some(inner) = rest.get(8..length) else { break };
        let gateway = attributes(inner).find_map(|(attribute, value)| match attribute {
            rta::GATEWAY => address(value),
            rta::VIA => value.get(2..).and_then(address),
            _ => None,
        });
        hops.push(Hop { port: u32::from_ne_bytes(index), gateway });
        rest = rest.get((length + 3) & !3..).unwrap_or_default();
    }
    hops
}

fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => <[u8; 4]>::try_from(value).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(value).ok().map(IpAddr::from),
        _ => None,
    }
}

/// The order in which the kernel looks tables up: local, main, default. Another table is another routing instance.
fn rank(table: u32) -> Option<u8> {
    match table {
        255 => Some(0),
        254 => Some(1),
        253 => Some(2),
        _ => None,
    }
}

/// Link-local and multicast destinations mean something else on every link: no table can hold them.
fn is_per_link(prefix: &IpNet) -> bool {
    match prefix {
        IpNet::V4(net) => net.addr().is_multicast() || net.addr().is_link_local(),
        IpNet::V6(net) => net.addr().is_multicast() || net.addr().is_unicast_link_local(),
    }
}
