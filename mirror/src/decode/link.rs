//! Link layers: what stands before the IP header.

use super::{Bytes, Decoded, be16, be32, ip};
use crate::capture::LinkType;

/// More tags, labels or nested Ethernet headers than this are taken for damage.
const MAX_NESTING: u32 = 16;

mod ether_type {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const IPV6: u16 = 0x86dd;
    pub(super) const VLAN: u16 = 0x8100;
    pub(super) const PROVIDER_BRIDGE: u16 = 0x88a8;
    pub(super) const VLAN_9100: u16 = 0x9100;
    pub(super) const VLAN_9200: u16 = 0x9200;
    pub(super) const BACKBONE_BRIDGE: u16 = 0x88e7;
    pub(super) const MPLS: u16 = 0x8847;
    pub(super) const MPLS_MULTICAST: u16 = 0x8848;
    pub(super) const PPPOE_SESSION: u16 = 0x8864;
    pub(super) const VN_TAG: u16 = 0x8926;
    pub(super) const E_TAG: u16 = 0x893f;
    pub(super) const ETHERNET: u16 = 0x6558;
}

/// Reads a whole frame of this link type (numbers as in <https://www.tcpdump.org/linktypes.html>).
pub(super) fn decode(link_type: LinkType, frame: Bytes<'_>) -> Decoded<'_> {
    let nesting = 0;
    let decoded = match link_type.0 {
        1 => ethernet(frame, nesting),
        0 | 108 => loopback(frame),
        // Raw IP; 12 and 14 are what some systems write for 101.
        12 | 14 | 101 | 228 | 229 => Some(ip::decode(frame)),
        9 | 50 => ppp(frame, nesting),
        51 => pppoe(frame, nesting),
        104 => after_type(frame, 2, nesting),
        113 => after_type(frame, 14, nesting),
        276 => be16(frame.data, 0).and_then(|t| by_ether_type(t, frame.skip(20)?, nesting)),
        _ => return Decoded::Opaque,
    };
    // A frame that ends before its link header does holds nothing that can be said to be IP.
    decoded.unwrap_or(Decoded::NotIp)
}

/// Ethernet II, or IEEE 802.3 with LLC/SNAP.
pub(super) fn ethernet(frame: Bytes<'_>, nesting: u32) -> Option<Decoded<'_>> {
    after_type(frame, 12, nesting)
}

/// The type or length field at `at`, and what follows it.
fn after_type(frame: Bytes<'_>, at: usize, nesting: u32) -> Option<Decoded<'_>> {
    let value = be16(frame.data, at)?;
    by_ether_type(value, frame.skip(at + 2)?, nesting)
}

pub(super) fn by_ether_type(value: u16, rest: Bytes<'_>, nesting: u32) -> Option<Decoded<'_>> {
    if nesting > MAX_NESTING {
        return Some(Decoded::NotIp);
    }
    let deeper = nesting + 1;
    match value {
        ether_type::IPV4 | ether_type::IPV6 => Some(ip::decode(rest)),
        ether_type::VLAN | ether_type::PROVIDER_BRIDGE | ether_type::VLAN_9100 | ether_type::VLAN_9200 => {
            after_type(rest, 2, deeper)
        }
        ether_type::VN_TAG => after_type(rest, 4, deeper),
        ether_type::E_TAG => after_type(rest, 6, deeper),
        ether_type::BACKBONE_BRIDGE => ethernet(rest.skip(4)?, deeper),
        ether_type::ETHERNET => ethernet(rest, deeper),
        ether_type::MPLS | ether_type::MPLS_MULTICAST => mpls(rest, deeper),
        ether_type::PPPOE_SESSION => pppoe(rest, deeper),
        // IEEE 802.3: a length, then LLC; SNAP with organisation 0 carries an Ethernet type (RFC 1042).
        0..0x0600 if rest.data.starts_with(&[0xaa, 0xaa, 0x03, 0, 0, 0]) => after_type(rest, 6, deeper),
        _ => Some(Decoded::NotIp),
    }
}

/// BSD loopback: an address family in the byte order of the capturing machine, of which only IP is of interest.
fn loopback(frame: Bytes<'_>) -> Option<Decoded<'_>> {
    let family = be32(frame.data, 0)?;
    let native = if family > 0xffff { family.swap_bytes() } else { family };
    let rest = frame.skip(4)?;
    match (native, be16(frame.data, 2)?) {
        // AF_INET, and AF_INET6 of Linux, BSD/OS, FreeBSD and Darwin.
        (2 | 10 | 24 | 28 | 30, _) => Some(ip::decode(rest)),
        // Some writers put an Ethernet type into the last two bytes.
        (_, ether_type::IPV4 | ether_type::IPV6) => Some(ip::decode(rest)),
        _ => Some(Decoded::NotIp),
    }
}

/// PPP (RFC 1661), with or without HDLC address and control bytes, its protocol in one byte or two.
pub(super) fn ppp(frame: Bytes<'_>, nesting: u32) -> Option<Decoded<'_>> {
    let framed = frame.data.starts_with(&[0xff, 0x03]);
    let frame = if framed { frame.skip(2)? } else { frame };
    let first = *frame.data.first()?;
    let (value, rest) = if first & 1 == 1 {
        (u16::from(first), frame.skip(1)?)
    } else {
        (be16(frame.data, 0)?, frame.skip(2)?)
    };
    match value {
        0x0021 | 0x0057 => Some(ip::decode(rest)),
        0x0281 | 0x0283 => mpls(rest, nesting + 1),
        0x0031 => ethernet(rest.skip(2)?, nesting + 1),
        _ => Some(Decoded::NotIp),
    }
}

/// PPPoE session (RFC 2516 §4): version and type, code, session, length.
fn pppoe(rest: Bytes<'_>, nesting: u32) -> Option<Decoded<'_>> {
    let code = *rest.data.get(1)?;
    if code == 0 { ppp(rest.skip(6)?, nesting) } else { Some(Decoded::NotIp) }
}

/// A label stack (RFC 3032), then IP or an Ethernet pseudowire: MPLS does not say which.
fn mpls(mut rest: Bytes<'_>, nesting: u32) -> Option<Decoded<'_>> {
    loop {
        let label = be32(rest.data, 0)?;
        rest = rest.skip(4)?;
        if label & 0x100 != 0 {
            break;
        }
    }
    let first = rest.data.first()? >> 4;
    if (first == 4 || first == 6) && matches!(ip::decode(rest), Decoded::Ip(_)) {
        return Some(ip::decode(rest));
    }
    // RFC 4385 §3: a control word begins with a zero nibble.
    if first == 0
        && let Some(Decoded::Ip(packet)) = ethernet(rest.skip(4)?, nesting)
    {
        return Some(Decoded::Ip(packet));
    }
    ethernet(rest, nesting)
}
