//! From a captured frame to the TCP segment in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::wire::frame::{self, Payload};

/// A TCP segment, borrowed from the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Who sends it.
    pub src: SocketAddr,
    /// Whom it is for.
    pub dst: SocketAddr,
    /// The sequence number of its first byte, or of the SYN.
    pub seq: u32,
    /// It begins a connection.
    pub syn: bool,
    /// It ends this direction: FIN or RST.
    pub last: bool,
    /// The bytes that were captured.
    pub payload: &'a [u8],
}

/// The segment in a frame of this link type. Absent where the frame holds none, or only a fragment.
pub fn segment(link_type: u16, bytes: &[u8]) -> Option<Segment<'_>> {
    match frame::read(link_type, bytes).ok()??.payload {
        Payload::Ip(packet) => ip(packet),
        _ => None,
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn ip(packet: &[u8]) -> Option<Segment<'_>> {
    match packet.first()? >> 4 {
        4 => ipv4(packet),
        6 => ipv6(packet),
        _ => None,
    }
}

/// RFC 791 §3.1.
fn ipv4(packet: &[u8]) -> Option<Segment<'_>> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let fragment = be16(packet, 6)? & 0x3fff; // more fragments, or an offset
    if header < 20 || fragment != 0 || *packet.get(9)? != TCP {
        return None;
    }
    let (src, dst) = (Ipv4Addr::from(be32(packet, 12)?), Ipv4Addr::from(be32(packet, 16)?));
    // The rest is Ethernet padding. 0: the sender's network card does the segmentation.
    let total = match usize::from(be16(packet, 2)?) {
        0 => packet.len(),
        total => total.min(packet.len()),
    };
    tcp(src.into(), dst.into(), packet.get(header..total)?)
}

const TCP: u8 = 6;

/// RFC 8200 §3, §4.
fn ipv6(packet: &[u8]) -> Option<Segment<'_>> {
    let address = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?));
    let (src, dst) = (address(8)?, address(24)?);
    let end = match usize::from(be16(packet, 4)?) {
        0 => packet.len(),
        length => (40 + length).min(packet.len()),
    };
    let mut next = *packet.get(6)?;
    let mut rest = packet.get(40..end)?;
    loop {
        let length = match next {
            TCP => return tcp(src.into(), dst.into(), rest),
            0 | 43 | 60 => 8 * (1 + usize::from(*rest.get(1)?)),
            51 => 4 * (2 + usize::from(*rest.get(1)?)),
            44 if be16(rest, 2)? & 0xfff9 == 0 => 8,
            _ => return None,
        };
        next = *rest.first()?;
        rest = rest.get(length..)?;
    }
}

/// RFC 9293 §3.1.
fn tcp(src: IpAddr, dst: IpAddr, bytes: &[u8]) -> Option<Segment<'_>> {
    let header = usize::from(*bytes.get(12)? >> 4) * 4;
    let flags = *bytes.get(13)?;
    if header < 20 {
        return None;
    }
    Some(Segment {
        src: SocketAddr::new(src, be16(bytes, 0)?),
        dst: SocketAddr::new(dst, be16(bytes, 2)?),
        seq: be32(bytes, 4)?,
        syn: flags & 0x02 != 0,
        last: flags & 0x05 != 0,
        payload: bytes.get(header..)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 packet with a TCP segment from port 1 to port 2.
    fn packet(payload: &[u8]) -> Vec<u8> {
        let total = 40 + payload.len() as u16;
        let mut bytes = vec![0x45, 0, (total >> 8) as u8, total as u8, 0, 0, 0x40, 0, 64, 6, 0, 0];
        bytes.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend([0, 1, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x18, 0, 0, 0, 0, 0, 0]);
        bytes.extend(payload);
        bytes
    }

    fn payload(link_type: u16, header: &[u8], trailer: &[u8]) -> Option<Vec<u8>> {
        let frame = [header, &packet(b"bgp"), trailer].concat();
        segment(link_type, &frame).map(|s| s.payload.to_vec())
    }

    #[test]
    fn every_link_type_leads_to_the_same_bytes() {
        let (ethernet, sll, sll2) =
            ([[0; 12].as_slice(), &[8, 0]].concat(), [[0; 14].as_slice(), &[8, 0]].concat(), {
                let mut header = [0u8; 20];
                header[0] = 8;
                header
            });
        let double = [[0; 12].as_slice(), &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 7, 8, 0]].concat();
        for (link_type, header) in
            [(1, &ethernet[..]), (1, &double[..]), (113, &sll), (276, &sll2), (101, &[]), (0, &[2, 0, 0, 0])]
        {
            assert_eq!(
                payload(link_type, header, &[0; 6]).as_deref(),
                Some(&b"bgp"[..]),
                "link type {link_type}"
            );
        }
        assert_eq!(payload(1, &[0; 14], &[]), None, "no EtherType that holds IP");
        assert_eq!(payload(147, &[], &[]), None, "no link type that we know");
    }

    #[test]
    fn a_cut_frame_gives_what_is_left_or_nothing() {
        let whole = packet(b"open");
        let found: Vec<_> =
            (0..=whole.len()).map(|n| segment(101, &whole[..n]).map(|s| s.payload.len())).collect();
        assert_eq!(found[..40], [None; 40]);
        assert_eq!(found[40..], [Some(0), Some(1), Some(2), Some(3), Some(4)]);
    }
}
