//! From a frame to its outermost IP header: link types, tags, labels, then IPv4 or IPv6.
//!
//! Views are bounds-checked slices of the frame; nothing is allocated. A frame cut by the snap length is decoded as far
//! as its bytes go.

mod ip;
mod link;
mod tunnel;

use std::net::IpAddr;

use crate::capture::Frame;

/// Protocol numbers (IANA) that this crate names.
pub mod protocol {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// Generic routing encapsulation.
    pub const GRE: u8 = 47;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// An IP packet.
    Ip(IpPacket<'a>),
    /// Something else than IP: ARP, LLDP, spanning tree, ….
    NotIp,
    /// An IP header that is cut short or contradicts itself.
    Malformed,
    /// A link type whose frames are not looked into.
    Opaque,
}

/// The outermost IP header of a frame and what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpPacket<'a> {
    /// Sender.
    pub src: IpAddr,
    /// Receiver.
    pub dst: IpAddr,
    /// Upper-layer protocol, after IPv6 extension headers and authentication headers.
    pub protocol: u8,
    /// Where this packet is a piece of a larger datagram.
    pub fragment: Option<Fragment>,
    /// The captured bytes after the IP headers, without link-layer padding.
    pub payload: &'a [u8],
    /// The length of those bytes as the IP header says, bounded by the frame on the wire.
    pub payload_len: u32,
}

/// The place of a fragment in its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Identification, which all pieces share.
    pub id: u32,
    /// Offset of this piece in bytes.
    pub offset: u32,
    /// Whether more pieces follow.
    pub more: bool,
}

impl IpPacket<'_> {
    /// Source and destination port, where the protocol has them, this packet begins its datagram, and they were captured.
    pub fn ports(&self) -> Option<(u16, u16)> {
        if self.fragment.is_some_and(|f| f.offset > 0) { None } else { ports(self.protocol, self.payload) }
    }
}

/// The ports at the front of an upper-layer header: TCP, UDP, DCCP, SCTP and UDP-Lite have them in the same place.
pub(crate) fn ports(protocol: u8, header: &[u8]) -> Option<(u16, u16)> {
    match protocol {
        protocol::TCP | protocol::UDP | 33 | 132 | 136 => Some((be16(header, 0)?, be16(header, 2)?)),
        _ => None,
    }
}

/// Decodes a frame to its outermost IP header, after any number of VLAN tags, MPLS labels and a PPPoE header.
pub fn outermost<'a>(frame: &Frame<'a>) -> Decoded<'a> {
    let wire_len = (frame.wire_len as usize).max(frame.data.len());
    link::decode(frame.link_type, Bytes { data: frame.data, wire_len })
}

/// Decodes a frame to its innermost IP header: the outermost one, then through GRE (with ERSPAN), IP in IP, VXLAN,
/// Geneve and Teredo as long as an IP packet is found inside.
pub fn innermost<'a>(frame: &Frame<'a>) -> Decoded<'a> {
    match outermost(frame) {
        Decoded::Ip(packet) => Decoded::Ip(tunnel::innermost(packet)),
        other => other,
    }
}

/// A stretch of a frame: what was captured, and how long it was on the wire.
#[derive(Clone, Copy)]
pub(crate) struct Bytes<'a> {
    data: &'a [u8],
    wire_len: usize,
}

impl<'a> Bytes<'a> {
    /// What remains after `n` bytes, if they were captured.
    fn skip(self, n: usize) -> Option<Self> {
        Some(Self { data: self.data.get(n..)?, wire_len: self.wire_len.saturating_sub(n) })
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
