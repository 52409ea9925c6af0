//! The headers of a real frame, as far as forwarding reads and writes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// What a router reads in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpHeader {
    /// Where the IP header begins.
    pub offset: usize,
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Type of service or traffic class: codepoint and ECN (RFC 2474 §3, RFC 3168 §5).
    pub traffic_class: u8,
    /// TTL (RFC 791) or hop limit (RFC 8200).
    pub ttl: u8,
    /// Protocol or first next header.
    pub protocol: u8,
    /// Source and destination port of TCP, UDP, DCCP or SCTP, where the frame holds them and is no later fragment.
    pub ports: Option<(u16, u16)>,
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// IEEE 802.1Q, 802.1ad, and the older 0x9100 of stacked tags.
const VLAN_TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];

/// Reads Ethernet II, any number of VLAN tags, and IPv4 or IPv6. `None` for anything else, a header cut short, or lengths
/// that contradict each other; a frame that was cut behind its headers (as captures are) is none of these. Checksums
/// are not verified: where a sender leaves them to its adapter, a capture at the sender shows them unset.
#[inline]
pub fn ip_header(frame: &[u8]) -> Option<IpHeader> {
    let mut offset = 14;
    let mut ethertype = be16(frame, 12)?;
    while VLAN_TAGS.contains(&ethertype) {
        ethertype = be16(frame, offset + 2)?;
        offset += 4;
    }
    match ethertype {
        ETHERTYPE_IPV4 => ipv4(frame, offset),
        ETHERTYPE_IPV6 => ipv6(frame, offset),
        _ => None,
    }
}

/// RFC 791 §3.1.
#[inline]
fn ipv4(frame: &[u8], offset: usize) -> Option<IpHeader> {
    let header: &[u8; 20] = frame.get(offset..offset + 20)?.try_into().ok()?;
    let length = usize::from(header[0] & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    // A total length of zero is written by senders that leave the cutting into segments to their adapter.
    if header[0] >> 4 != 4 || length < 20 || (total < length && total != 0) {
        return None;
    }
    let address =
        |i: usize| IpAddr::V4(Ipv4Addr::new(header[i], header[i + 1], header[i + 2], header[i + 3]));
    let first_fragment = u16::from_be_bytes([header[6], header[7]]) & 0x1fff == 0;
    let protocol = header[9];
    let ports = if first_fragment { ports(frame, protocol, offset + length) } else { None };
    let (src, dst, traffic_class) = (address(12), address(16), header[1]);
    Some(IpHeader { offset, src, dst, traffic_class, ttl: header[8], protocol, ports })
}

/// RFC 8200 §3. Extension headers are not walked: their packets are told apart by addresses alone.
fn ipv6(frame: &[u8], offset: usize) -> Option<IpHeader> {
    let header: &[u8; 40] = frame.get(offset..offset + 40)?.try_into().ok()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let address = |i: usize| -> Option<IpAddr> {
        let bytes: [u8; 16] = header[i..i + 16].try_into().ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(bytes)))
    };
    let protocol = header[6];
    let ports = ports(frame, protocol, offset + 40);
    let (src, dst, traffic_class) = (address(8)?, address(24)?, header[0] << 4 | header[1] >> 4);
    Some(IpHeader { offset, src, dst, traffic_class, ttl: header[7], protocol, ports })
}

fn ports(frame: &[u8], protocol: u8, at: usize) -> Option<(u16, u16)> {
    const TCP_UDP_DCCP_SCTP: [u8; 4] = [6, 17, 33, 132];
    if !TCP_UDP_DCCP_SCTP.contains(&protocol) {
        return None;
    }
    Some((be16(frame, at)?, be16(frame, at + 2)?))
}

fn be16(frame: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(frame.get(at..at + 2)?.try_into().ok()?))
}

impl IpHeader {
    /// 64 bits of the 5-tuple, the same on every machine: what a load balancer hashes.
    pub fn five_tuple_hash(&self) -> u64 {
        let bytes = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
            IpAddr::V6(ip) => ip.octets(),
        };
        let (src_port, dst_port) = self.ports.unwrap_or_default();
        let mut tail = [0u8; 5];
        tail[0] = self.protocol;
        tail[1..3].copy_from_slice(&src_port.to_be_bytes());
        tail[3..5].copy_from_slice(&dst_port.to_be_bytes());
        twin::stable_hash(&[&bytes(self.src), &bytes(self.dst), &tail])
    }
}

/// The frame with another time to live, and the IPv4 header checksum brought up to date (RFC 1624, eqn. 3). The frame
/// itself where nothing changes or it is no IP frame.
pub fn with_ttl(frame: &Arc<[u8]>, ttl: u8) -> Arc<[u8]> {
    let Some(header) = ip_header(frame).filter(|h| h.ttl != ttl) else {
        return frame.clone();
    };
    let mut copy: Arc<[u8]> = Arc::from(&frame[..]);
    let bytes = Arc::get_mut(&mut copy).expect("a fresh copy has one owner");
    write_ttl(bytes, &header, ttl);
    copy
}

/// The frame with congestion experienced (RFC 3168 §5) and the IPv4 header checksum brought up to date. The frame itself
/// where it says so already or is no IP frame.
pub(crate) fn with_congestion(frame: &Arc<[u8]>) -> Arc<[u8]> {
    let Some(header) = ip_header(frame).filter(|h| h.traffic_class & 3 != 3) else {
        return frame.clone();
    };
    let mut copy: Arc<[u8]> = Arc::from(&frame[..]);
    let bytes = Arc::get_mut(&mut copy).expect("a fresh copy has one owner");
    let at = header.offset;
    if header.dst.is_ipv6() {
        bytes[at + 1] |= 0x30;
        return copy;
    }
    let word = |f: &[u8], at: usize| u16::from_be_bytes([f[at], f[at + 1]]);
    let (old, sum) = (word(bytes, at), word(bytes, at + 10));
    bytes[at + 1] |= 3;
    let sum = updated_checksum(sum, old, word(bytes, at));
    bytes[at + 10..at + 12].copy_from_slice(&sum.to_be_bytes());
    copy
}

fn write_ttl(frame: &mut [u8], header: &IpHeader, ttl: u8) {
    if header.dst.is_ipv6() {
        frame[header.offset + 7] = ttl;
        return;
    }
    let (ttl_at, sum_at) = (header.offset + 8, header.offset + 10);
    let word = |f: &[u8], at: usize| u16::from_be_bytes([f[at], f[at + 1]]);
    let (old, sum) = (word(frame, ttl_at), word(frame, sum_at));
    frame[ttl_at] = ttl;
    let sum = updated_checksum(sum, old, word(frame, ttl_at));
    frame[sum_at..sum_at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// HC' = ~(~HC + ~m + m'), RFC 1624 eqn. 3, in ones' complement.
fn updated_checksum(sum: u16, old: u16, new: u16) -> u16 {
    let mut total = u32::from(!sum) + u32::from(!old) + u32::from(new);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ethernet, `tags` VLAN tags, and a 28-byte UDP packet from 10.0.0.1:7 to 10.9.8.7:9 with a right checksum.
    fn udp_frame(tags: usize, ttl: u8) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        for tag in 0..tags {
            frame.extend(if tag == 0 && tags > 1 { [0x88, 0xa8, 0, 5] } else { [0x81, 0, 0, 7] });
        }
        frame.extend([8, 0]);
        let mut ip = vec![0x45, 0, 0, 28, 0xab, 0xcd, 0x40, 0, ttl, 17, 0, 0, 10, 0, 0, 1, 10, 9, 8, 7];
        let sum = checksum(&ip);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        frame.extend(ip);
        frame.extend([0, 7, 0, 9, 0, 8, 0, 0]);
        frame
    }

    /// RFC 1071 over the whole header: the slow way.
    fn checksum(header: &[u8]) -> u16 {
        let mut sum: u32 = header.chunks(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]]))).sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn headers_are_found_behind_vlan_tags() {
        for tags in 0..3 {
            let header = ip_header(&udp_frame(tags, 64)).unwrap();
            assert_eq!(header.offset, 14 + 4 * tags);
            assert_eq!(header.dst, "10.9.8.7".parse::<IpAddr>().unwrap());
            assert_eq!((header.ttl, header.protocol, header.ports), (64, 17, Some((7, 9))));
        }
    }

    #[test]
    fn congestion_is_written_where_both_versions_keep_it() {
        let frame: Arc<[u8]> = udp_frame(1, 64).into();
        let marked = with_congestion(&frame);
        assert_eq!(ip_header(&marked).unwrap().traffic_class, 3);
        let ip = &marked[18..38];
        assert_eq!(checksum(ip), 0, "a header with a right checksum sums to zero");
        assert!(Arc::ptr_eq(&with_congestion(&marked), &marked));

        let mut six = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd];
        six.extend([0x6b, 0xa1, 0x23, 0x45, 0, 0, 59, 64]); // traffic class 0xba: EF, ECT(0)
        six.extend([0; 32]);
        let six: Arc<[u8]> = six.into();
        assert_eq!(ip_header(&six).unwrap().traffic_class, 0xba);
        let marked = with_congestion(&six);
        assert_eq!(ip_header(&marked).unwrap().traffic_class, 0xbb);
        assert_eq!(marked[15..18], [0xb1, 0x23, 0x45], "and the flow label stays");
    }

    #[test]
    fn a_frame_cut_short_anywhere_is_no_panic() {
        let frame = udp_frame(2, 64);
        for length in 0..frame.len() {
            let header = ip_header(&frame[..length]);
            assert_eq!(header.is_some(), length >= 22 + 20, "{length}");
        }
        assert_eq!(ip_header(&udp_frame(0, 64)[..36]).unwrap().ports, None);
    }

    #[test]
    fn lengths_that_contradict_each_other_are_no_header() {
        let with = |at: usize, byte: u8| {
            let mut frame = udp_frame(0, 64);
            frame[14 + at] = byte;
            ip_header(&frame).is_some()
        };
        assert!(!with(0, 0x44) && !with(0, 0x55), "header of 16 bytes; version 5");
        assert!(with(0, 0x46) && !with(0, 0x4f), "a header of 60 bytes in a packet of 28");
        assert!(!with(3, 19) && with(3, 20), "a packet shorter than its header");
        assert!(with(3, 0), "left to the adapter");
    }

    #[test]
    fn ipv6_has_a_hop_limit_and_no_checksum() {
        let mut frame = vec![0; 12];
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 17, 9]);
        frame.extend([0x20; 16]);
        frame.extend([0x30; 16]);
        frame.extend([1, 2, 3, 4, 0, 8, 0, 0]);
        let header = ip_header(&frame).unwrap();
        assert_eq!((header.ttl, header.ports), (9, Some((0x0102, 0x0304))));
        let sent: Arc<[u8]> = frame.clone().into();
        frame[14 + 7] = 4;
        assert_eq!(with_ttl(&sent, 4)[..], frame[..]);
    }

    #[test]
    fn the_checksum_stays_right_for_every_ttl() {
        let sent: Arc<[u8]> = udp_frame(1, 255).into();
        for ttl in 0..=255u8 {
            let got = with_ttl(&sent, ttl);
            assert_eq!(got[..], udp_frame(1, ttl)[..], "ttl {ttl}: RFC 1624 against RFC 1071");
        }
        assert!(Arc::ptr_eq(&with_ttl(&sent, 255), &sent), "nothing is copied where nothing changes");
    }
}
