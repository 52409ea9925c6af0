//! Through tunnels: the IP packet inside an IP packet.

use super::{Bytes, Decoded, IpPacket, be16, ip, link, protocol};

/// More tunnels in one another than this are taken for damage.
const MAX_TUNNELS: u32 = 8;

const VXLAN_PORT: u16 = 4789;
/// Linux's default before IANA assigned 4789.
const VXLAN_OLD_PORT: u16 = 8472;
const GENEVE_PORT: u16 = 6081;
const TEREDO_PORT: u16 = 3544;

/// The packet in the last tunnel that can be recognised, or the packet itself.
pub(super) fn innermost(mut packet: IpPacket<'_>) -> IpPacket<'_> {
    for _ in 0..MAX_TUNNELS {
        match inside(&packet) {
            Some(Decoded::Ip(inner)) => packet = inner,
            _ => break,
        }
    }
    packet
}

fn inside<'a>(packet: &IpPacket<'a>) -> Option<Decoded<'a>> {
    let wire_len = match packet.fragment {
        None => packet.payload_len as usize,
        // The first fragment holds the inner headers, and only they tell how long the inner packet is.
        Some(fragment) if fragment.offset == 0 => usize::from(u16::MAX),
        Some(_) => return None,
    };
    let payload = Bytes { data: packet.payload, wire_len };
    match packet.protocol {
        4 | 41 => Some(ip::decode(payload)),
        protocol::GRE => gre(payload),
        protocol::UDP => udp(payload),
        _ => None,
    }
}

/// GRE (RFC 2784, RFC 2890; version 1 is PPTP, RFC 2637).
fn gre(bytes: Bytes<'_>) -> Option<Decoded<'_>> {
    let (flags, kind) = (be16(bytes.data, 0)?, be16(bytes.data, 2)?);
    let has = |bit: u16| usize::from(flags & bit != 0) * 4;
    let (checksum, key, sequence, acknowledgement) = (has(0x8000), has(0x2000), has(0x1000), has(0x0080));
    let version = flags & 0x7;
    let header = 4 + checksum + key + sequence + if version == 1 { acknowledgement } else { 0 };
    let body = bytes.skip(header)?;
    match kind {
        // ERSPAN type I has no header of its own and no sequence number; type II has eight bytes.
        0x88be => link::ethernet(if sequence == 0 { body } else { body.skip(8)? }, 0),
        0x22eb => erspan_3(body),
        0x880b => link::ppp(body, 0),
        _ => link::by_ether_type(kind, body, 0),
    }
}

/// ERSPAN type III: twelve bytes, and eight more if the last bit says so.
fn erspan_3(body: Bytes<'_>) -> Option<Decoded<'_>> {
    let subheader = usize::from(body.data.get(11)? & 1) * 8;
    link::ethernet(body.skip(12 + subheader)?, 0)
}

fn udp(bytes: Bytes<'_>) -> Option<Decoded<'_>> {
    let (src, dst) = (be16(bytes.data, 0)?, be16(bytes.data, 2)?);
    let body = bytes.skip(8)?;
    match dst {
        VXLAN_PORT | VXLAN_OLD_PORT => vxlan(body),
        GENEVE_PORT => geneve(body),
        _ => teredo(body, src == TEREDO_PORT || dst == TEREDO_PORT),
    }
}

/// VXLAN (RFC 7348 §5): the I flag says that there is a network identifier.
fn vxlan(body: Bytes<'_>) -> Option<Decoded<'_>> {
    if body.data.first()? & 0x08 == 0 { None } else { link::ethernet(body.skip(8)?, 0) }
}

/// Geneve (RFC 8926 §3.4): version 0, options in words of four bytes.
fn geneve(body: Bytes<'_>) -> Option<Decoded<'_>> {
    let first = *body.data.first()?;
    let kind = be16(body.data, 2)?;
    if first >> 6 != 0 {
        None
    } else {
        link::by_ether_type(kind, body.skip(8 + usize::from(first & 0x3f) * 4)?, 0)
    }
}

/// Teredo (RFC 4380 §5.1.1): authentication and origin indications, then IPv6. Relays use any port, so that off the
/// server port only an IPv6 packet whose addresses say Teredo counts.
fn teredo(mut body: Bytes<'_>, known_port: bool) -> Option<Decoded<'_>> {
    if be16(body.data, 0)? == 0x0001 {
        let (id, value) = (usize::from(*body.data.get(2)?), usize::from(*body.data.get(3)?));
        body = body.skip(13 + id + value)?;
    }
    if be16(body.data, 0)? == 0 {
        body = body.skip(8)?;
    }
    let header: &[u8; 40] = body.data.first_chunk()?;
    let prefix = [0x20, 0x01, 0, 0];
    let is_teredo =
        header[0] >> 4 == 6 && (known_port || header[8..12] == prefix || header[24..28] == prefix);
    // The whole body is the packet, else it is something that merely begins like one.
    let fits = 40 + usize::from(u16::from_be_bytes([header[4], header[5]])) == body.wire_len;
    (is_teredo && fits).then(|| ip::decode(body))
}
