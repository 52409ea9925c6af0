//! Path attributes as the store keeps them, and as they are asked for.
//!
//! A set of attributes is kept as on the wire (RFC 4271 §4.3), without the reachability attributes and the next hop;
//! then the next hop that goes for the family in question; then one byte that says how these are to be read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netgauze_bgp_pkt::path_attribute::{AsPath, PathAttribute, PathAttributeValue};
use netgauze_parse_utils::WritablePdu;

/// AS paths have AS numbers of two bytes.
const TWO_OCTET: u8 = 0x80;

/// What stands for an AS number that does not fit (RFC 6793 §9).
const AS_TRANS: u32 = 23_456;

/// A route's next hop, with the link-local address that may accompany it (RFC 2545 §3).
pub(super) type Hop = (Option<IpAddr>, Option<Ipv6Addr>);

/// Builds sets of attributes in one buffer.
#[derive(Clone, Debug, Default)]
pub(super) struct Builder {
    bytes: Vec<u8>,
    /// Where the next hop goes.
    end: usize,
    reading: u8,
}

impl Builder {
    /// Begins with the attributes of an update.
    pub(super) fn begin(&mut self, attributes: &[PathAttribute]) {
        self.bytes.clear();
        self.reading = 0;
        for attribute in attributes {
            match attribute.value() {
                PathAttributeValue::MpReach(_)
                | PathAttributeValue::MpUnreach(_)
                | PathAttributeValue::NextHop(_)
                | PathAttributeValue::BgpLs(_) => continue,
                PathAttributeValue::AsPath(AsPath::As2PathSegments(_)) => self.reading = TWO_OCTET,
                _ => {}
            }
            let start = self.bytes.len();
            if attribute.write(&mut self.bytes).is_err() {
                self.bytes.truncate(start); // it does not fit its length field: no attribute that was ever on a wire
            }
        }
        self.end = self.bytes.len();
    }

    /// Begins with attributes as on the wire, AS numbers of four bytes.
    pub(super) fn begin_raw(&mut self, attributes: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(attributes);
        (self.end, self.reading) = (attributes.len(), 0);
    }

    /// The set with this next hop.
    pub(super) fn with_hop(&mut self, hop: Hop) -> &[u8] {
        self.bytes.truncate(self.end);
        let kind = match hop {
            (None, _) => 0,
            (Some(IpAddr::V4(ip)), _) => {
                self.bytes.extend_from_slice(&ip.octets());
                1
            }
            (Some(IpAddr::V6(ip)), local) => {
                self.bytes.extend_from_slice(&ip.octets());
                local.iter().for_each(|ip| self.bytes.extend_from_slice(&ip.octets()));
                2 + u8::from(local.is_some())
            }
        };
        self.bytes.push(self.reading | kind);
        &self.bytes
    }
}

/// A set of path attributes; what a route does not have is absent or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Where to send to.
    pub next_hop: Option<IpAddr>,
    /// The next hop's address on the link (RFC 2545 §3).
    pub link_local: Option<Ipv6Addr>,
    /// 0 IGP, 1 EGP, 2 incomplete.
    pub origin: Option<u8>,
    /// AS numbers from near to far, the members of sets among them; AS4_PATH is merged in (RFC 6793 §4.2.3).
    pub as_path: Vec<u32>,
    /// Multi-exit discriminator.
    pub med: Option<u32>,
    /// Local preference.
    pub local_preference: Option<u32>,
    /// Communities (RFC 1997).
    pub communities: Vec<u32>,
}

impl Attributes {
    /// Reads what [`Builder`] wrote.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut it = Self::default();
        let Some((reading, mut rest, hop)) = parts(bytes) else { return it };
        it.next_hop = global(hop);
        it.link_local = hop.get(16..32).and_then(|b| <[u8; 16]>::try_from(b).ok()).map(Ipv6Addr::from);
        let mut as4_path = Vec::new();
        while let Some((kind, value, left)) = attribute(rest) {
            match kind {
                1 => it.origin = value.first().copied(),
                2 => it.as_path = as_path(value, if reading & TWO_OCTET != 0 { 2 } else { 4 }),
                4 => it.med = words(value).next(),
                5 => it.local_preference = words(value).next(),
                8 => it.communities = words(value).collect(),
                17 => as4_path = as_path(value, 4),
                _ => {}
            }
            rest = left;
        }
        if it.as_path.contains(&AS_TRANS) && !as4_path.is_empty() && as4_path.len() <= it.as_path.len() {
            it.as_path.truncate(it.as_path.len() - as4_path.len());
            it.as_path.extend(as4_path);
        }
        it
    }
}

/// The next hop in what [`Builder`] wrote.
pub(super) fn next_hop(bytes: &[u8]) -> Option<IpAddr> {
    parts(bytes).and_then(|(_, _, hop)| global(hop))
}

/// How a set is to be read, the attributes on the wire, the next hop.
fn parts(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&reading, rest) = bytes.split_last()?;
    let hop_bytes = [0, 4, 16, 32][usize::from(reading & 3)];
    let (rest, hop) = rest.split_at_checked(rest.len().saturating_sub(hop_bytes))?;
    Some((reading, rest, hop))
}

/// The address in a next hop that is not of the link alone.
fn global(hop: &[u8]) -> Option<IpAddr> {
    address(hop.get(..hop.len().min(16)).unwrap_or_default())
}

/// The first attribute's type and value, and what follows it.
fn attribute(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&flags, &kind) = (bytes.first()?, bytes.get(1)?);
    let (length, start) = if flags & 0x10 != 0 {
        (usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])), 4)
    } else {
        (usize::from(*bytes.get(2)?), 3)
    };
    let (value, left) = bytes.get(start..)?.split_at_checked(length)?;
    Some((kind, value, left))
}

fn words(value: &[u8]) -> impl Iterator<Item = u32> {
    value.as_chunks::<4>().0.iter().map(|w| u32::from_be_bytes(*w))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|b| Ipv4Addr::from(b).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|b| Ipv6Addr::from(b).into())).ok()
}

/// The AS numbers of all segments (RFC 4271 §4.3), each so many bytes wide.
fn as_path(mut value: &[u8], width: usize) -> Vec<u32> {
    let mut path = Vec::new();
    while let [_, count, rest @ ..] = value {
        let Some((numbers, left)) = rest.split_at_checked(usize::from(*count) * width) else { break };
        path.extend(numbers.chunks_exact(width).map(|n| n.iter().fold(0, |v, &b| v << 8 | u32::from(b))));
        value = left;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_read() {
        let raw = [
            &[0x40, 1, 1, 2][..],
            &[0x40, 2, 10, 2, 2, 0, 0, 0xfd, 0xe8, 0, 1, 0, 0],
            &[0x80, 4, 4, 0, 0, 0, 7],
            &[0xd0, 8, 0, 4, 0xff, 0xff, 0xff, 1],
        ]
        .concat();
        let mut builder = Builder::default();
        builder.begin_raw(&raw);
        let expected = Attributes {
            origin: Some(2),
            as_path: vec![65_000, 65_536],
            med: Some(7),
            communities: vec![0xffff_ff01],
            ..Attributes::default()
        };
        assert_eq!(Attributes::read(builder.with_hop((None, None))), expected);
        let (v4, v6): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let with =
            |next_hop, link_local| Attributes { next_hop: Some(next_hop), link_local, ..expected.clone() };
        assert_eq!(Attributes::read(builder.with_hop((Some(v4), None))), with(v4, None));
        assert_eq!(Attributes::read(builder.with_hop((Some(v6), None))), with(v6, None));
        let local = "fe80::1".parse().ok();
        assert_eq!(Attributes::read(builder.with_hop((Some(v6), local))), with(v6, local));
    }

    #[test]
    fn a_path_of_two_byte_numbers_takes_the_tail_from_as4_path() {
        // RFC 6793 §4.2.3: 65001 AS_TRANS AS_TRANS, and in AS4_PATH the two that did not fit.
        let bytes = [
            &[0x40, 2, 8, 2, 3, 0xfd, 0xe9, 0x5b, 0xa0, 0x5b, 0xa0][..],
            &[0xc0, 17, 10, 2, 2, 0, 1, 0, 0, 0, 1, 0, 1],
            &[TWO_OCTET],
        ]
        .concat();
        assert_eq!(Attributes::read(&bytes).as_path, [65_001, 65_536, 65_537]);
    }

    #[test]
    fn damaged_bytes_give_what_can_be_read() {
        for n in 0..40usize {
            let bytes: Vec<u8> = (0..n).map(|i| (i * 37 % 251) as u8).collect();
            Attributes::read(&bytes);
        }
    }
}
