//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Bytes, Decoded, Fragment, IpPacket, be16, be32};

/// More extension headers than this are taken for damage.
const MAX_EXTENSIONS: u32 = 32;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

/// Reads the IP packet at the front of `bytes` by its own version number, whatever announced it.
pub(super) fn decode(bytes: Bytes<'_>) -> Decoded<'_> {
    let packet = match bytes.data.first().map(|b| b >> 4) {
        Some(4) => ipv4(bytes),
        Some(6) => ipv6(bytes),
        _ => None,
    };
    packet.map_or(Decoded::Malformed, Decoded::Ip)
}

fn ipv4(bytes: Bytes<'_>) -> Option<IpPacket<'_>> {
    let header: &[u8; 20] = bytes.data.first_chunk()?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    // A total of zero is what a capture on the sender sees when the card cuts the segments (TSO).
    let total = if total == 0 { bytes.wire_len } else { total };
    if header_len < 20 || total < header_len {
        return None;
    }
    let word = u16::from_be_bytes([header[6], header[7]]);
    let (more, offset) = (word & 0x2000 != 0, u32::from(word & 0x1fff) * 8);
    let id = u32::from(u16::from_be_bytes([header[4], header[5]]));
    let payload = cut(bytes, total).skip(header_len);
    let packet = IpPacket {
        src: IpAddr::V4(Ipv4Addr::from_octets(header[12..16].try_into().ok()?)),
        dst: IpAddr::V4(Ipv4Addr::from_octets(header[16..20].try_into().ok()?)),
        protocol: header[9],
        fragment: (more || offset > 0).then_some(Fragment { id, offset, more }),
        payload: &[],
        payload_len: 0,
    };
    // Options that were not captured leave a packet without upper layer.
    Some(payload.map_or(packet, |payload| upper_layer(packet, payload)))
}

fn ipv6(bytes: Bytes<'_>) -> Option<IpPacket<'_>> {
    let header: &[u8; 40] = bytes.data.first_chunk()?;
    let payload_len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    // RFC 2675: a payload length of zero stands for a jumbogram; the frame's length bounds it.
    let total = if payload_len == 0 { bytes.wire_len } else { 40 + payload_len };
    let packet = IpPacket {
        src: IpAddr::V6(Ipv6Addr::from_octets(header[8..24].try_into().ok()?)),
        dst: IpAddr::V6(Ipv6Addr::from_octets(header[24..40].try_into().ok()?)),
        protocol: header[6],
        fragment: None,
        payload: &[],
        payload_len: 0,
    };
    Some(upper_layer(packet, cut(bytes, total).skip(40)?))
}

/// Walks extension headers up to the upper layer, a fragment's body, or the end of the captured bytes.
fn upper_layer<'a>(mut packet: IpPacket<'a>, mut rest: Bytes<'a>) -> IpPacket<'a> {
    let is_v6 = packet.src.is_ipv6();
    for _ in 0..MAX_EXTENSIONS {
        let begins = packet.fragment.is_none_or(|f| f.offset == 0);
        if !begins {
            break;
        }
        let Some((next, len)) = extension(packet.protocol, is_v6, rest.data) else { break };
        if packet.protocol == FRAGMENT {
            packet.fragment = fragment_header(rest.data).or(packet.fragment);
        }
        let Some(after) = rest.skip(len) else { break };
        (packet.protocol, rest) = (next, after);
    }
    packet.payload = rest.data;
    packet.payload_len = u32::try_from(rest.wire_len).unwrap_or(u32::MAX);
    packet
}

/// The next protocol and the length of the extension header at the front of `data`, if `protocol` is one.
fn extension(protocol: u8, is_v6: bool, data: &[u8]) -> Option<(u8, usize)> {
    let (next, len) = (*data.first()?, usize::from(*data.get(1)?));
    match protocol {
        // RFC 4302 §2.2: in 32-bit words, less two. It extends IPv4 as well.
        AUTHENTICATION => Some((next, (len + 2) * 4)),
        FRAGMENT if is_v6 => Some((next, 8)),
        HOP_BY_HOP | DESTINATION if is_v6 => {
            options_fit(data, (len + 1) * 8).then_some((next, (len + 1) * 8))
        }
        ROUTING | MOBILITY | HIP | SHIM6 if is_v6 => Some((next, (len + 1) * 8)),
        _ => None,
    }
}

/// Whether no option of a header of `len` bytes claims to reach beyond it (RFC 8200 §4.2); what follows such a header is
/// not to be trusted. Options that were not captured are given the benefit of the doubt.
fn options_fit(data: &[u8], len: usize) -> bool {
    let mut at = 2;
    while at + 1 < len {
        let (Some(&kind), Some(&size)) = (data.get(at), data.get(at + 1)) else { return true };
        at += if kind == 0 { 1 } else { 2 + usize::from(size) };
    }
    at <= len
}

/// RFC 8200 §4.5; an atomic fragment (RFC 6946) is a whole datagram.
fn fragment_header(data: &[u8]) -> Option<Fragment> {
    let word = be16(data, 2)?;
    let fragment = Fragment { id: be32(data, 4)?, offset: u32::from(word & 0xfff8), more: word & 1 != 0 };
    (fragment.more || fragment.offset > 0).then_some(fragment)
}

/// Takes off link-layer padding: what follows the packet's own length.
fn cut(bytes: Bytes<'_>, total: usize) -> Bytes<'_> {
    Bytes { data: &bytes.data[..bytes.data.len().min(total)], wire_len: bytes.wire_len.min(total) }
}
