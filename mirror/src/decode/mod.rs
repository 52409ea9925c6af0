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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::capture::LinkType;

    const MACS: &str = "020000000001 020000000002";
    /// A UDP header from port 4660 to `port`, and its length with `len` bytes of body.
    fn udp(port: u16, len: usize) -> String {
        format!("1234 {port:04x} {:04x} 0000", 8 + len)
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |mut text, b| {
            write!(text, "{b:02x}").expect("a string takes all");
            text
        })
    }

    /// An IPv4 packet from 10.0.0.`host` to 10.0.1.`host`.
    fn ipv4(host: u8, protocol: u8, body: &str) -> String {
        let body = bytes(body);
        let total = 20 + body.len();
        format!(
            "45 00 {total:04x} 0000 0000 40 {protocol:02x} 0000 0a0000{host:02x} 0a0001{host:02x} {}",
            hex(&body)
        )
    }

    /// `source > destination protocol ports`, or what else was found.
    fn describe(decoded: Decoded<'_>) -> String {
        match decoded {
            Decoded::Ip(p) => {
                let ports = p.ports().map_or(String::new(), |(src, dst)| format!(" {src}>{dst}"));
                format!("{} > {} {}{ports}", p.src, p.dst, p.protocol)
            }
            other => format!("{other:?}"),
        }
    }

    fn frame(link_type: u16, data: &[u8]) -> Frame<'_> {
        Frame { at: None, interface: 0, link_type: LinkType(link_type), wire_len: data.len() as u32, data }
    }

    fn outer(link_type: u16, hex: &str) -> String {
        describe(outermost(&frame(link_type, &bytes(hex))))
    }

    fn inner(hex: &str) -> String {
        describe(innermost(&frame(1, &bytes(hex))))
    }

    #[test]
    fn whatever_stands_before_it_the_ip_header_is_found() {
        let ip = ipv4(1, 17, &udp(53, 0));
        let found = "10.0.0.1 > 10.0.1.1 17 4660>53";
        for (link_type, before) in [
            (1, format!("{MACS} 0800")),
            (1, format!("{MACS} 8100 0001 0800")),
            (1, format!("{MACS} 88a8 0001 8100 0002 8100 0003 0800")),
            (1, format!("{MACS} 8847 00001000 00002140")),
            (1, format!("{MACS} 8847 00002140 00000000 {MACS} 0800")),
            (1, format!("{MACS} 8847 00002140 {MACS} 0800")),
            (1, format!("{MACS} 8864 1100 0001 001e 0021")),
            (1, format!("{MACS} 8926 80000000 0800")),
            (1, format!("{MACS} 893f 000000000000 0800")),
            (1, format!("{MACS} 88e7 00000001 {MACS} 0800")),
            (1, format!("{MACS} 0024 aaaa03 000000 0800")),
            (0, "02000000".to_owned()),
            (108, "00000002".to_owned()),
            (9, "ff03 0021".to_owned()),
            (9, "21".to_owned()),
            (50, "ff03 0281 00002140".to_owned()),
            (104, "0f00 0800".to_owned()),
            (113, "0000 0001 0006 020000000001 0000 0800".to_owned()),
            (276, "0800 0000 00000001 0001 00 06 0200000000010000".to_owned()),
            (101, String::new()),
            (12, String::new()),
            (228, String::new()),
        ] {
            assert_eq!(outer(link_type, &format!("{before} {ip}")), found, "link type {link_type}: {before}");
        }
    }

    #[test]
    fn other_frames_are_told_apart() {
        assert_eq!(outer(1, &format!("{MACS} 0806 0001")), "NotIp");
        assert_eq!(outer(1, &format!("{MACS} 0800 45000014")), "Malformed");
        assert_eq!(outer(105, "0000"), "Opaque");
        assert_eq!(outer(1, ""), "NotIp");
    }

    #[test]
    fn ipv6_extension_headers_lead_to_the_upper_layer() {
        let addresses = "20010db8 00000000 00000000 00000001 20010db8 00000000 00000000 00000002";
        let hop_by_hop = "2b 00 0104 00000000";
        let routing = "2c 00 0000 00000000";
        let v6 = |len: u16, rest: &str| outer(101, &format!("60000000 {len:04x} 00 40 {addresses} {rest}"));
        let first = format!("{hop_by_hop} {routing} 11 00 0001 00000007 {}", udp(53, 0));
        assert_eq!(v6(32, &first), "2001:db8::1 > 2001:db8::2 17 4660>53");
        let second = format!("{hop_by_hop} {routing} 11 00 0009 00000007 {}", udp(53, 0));
        assert_eq!(v6(32, &second), "2001:db8::1 > 2001:db8::2 17");
        assert_eq!(
            v6(16, "3c 00 1ec0 00000000"),
            "2001:db8::1 > 2001:db8::2 0",
            "an option beyond its header"
        );
    }

    #[test]
    fn tunnels_lead_to_the_innermost_header() {
        let ip = ipv4(2, 17, &udp(53, 0));
        let ethernet = format!("{MACS} 0800 {ip}");
        let in_udp = |port, head: &str, body: &str| {
            let body = format!("{head} {body}");
            let len = bytes(&body).len();
            format!("{MACS} 0800 {}", ipv4(1, 17, &format!("{} {body}", udp(port, len))))
        };
        let over = |protocol, body: String| format!("{MACS} 0800 {}", ipv4(1, protocol, &body));
        let found = "10.0.0.2 > 10.0.1.2 17 4660>53";
        for packet in [
            over(4, ip.clone()),
            over(4, ipv4(9, 4, &ip)),
            over(47, format!("0000 0800 {ip}")),
            over(47, format!("b000 6558 00000000 00000001 00000002 {ethernet}")),
            over(47, format!("0000 88be {ethernet}")),
            over(47, format!("1000 88be 00000001 1001000000000000 {ethernet}")),
            over(47, format!("1000 22eb 00000001 {} 00000000 {ethernet}", "2001000000000000")),
            in_udp(4789, "08000000 00000100", &ethernet),
            in_udp(6081, "01006558 00000100 00000000", &ethernet),
        ] {
            assert_eq!(inner(&packet), found, "{packet}");
        }
        let cut = format!("{MACS} 0800 {}", ipv4(1, 47, "0000 0800 45"));
        assert_eq!(inner(&cut), "10.0.0.1 > 10.0.1.1 47", "what cannot be read stays outside");
    }

    #[test]
    fn teredo_is_known_by_its_addresses() {
        let v6 = format!(
            "60000000 0008 11 40 20010000 00000000 00000000 00000001 20010db8 00000000 00000000 00000002 {}",
            udp(53, 0)
        );
        for head in ["", "0000 1234 01020304", "0001 0000 0000000000000000 00"] {
            let body = format!("{head} {v6}");
            let len = bytes(&body).len();
            let packet = format!("{MACS} 0800 {}", ipv4(1, 17, &format!("{} {body}", udp(40_000, len))));
            assert_eq!(inner(&packet), "2001::1 > 2001:db8::2 17 4660>53", "{head}");
        }
    }
}
