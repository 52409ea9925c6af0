//! Frames for the tests: taken from captures, changed, and made right again.

use crate::bytes;

/// The link types of the samples.
pub(crate) const ETHERNET: u16 = 1;
const SLL2: u16 = 276;

/// A frame with its link type.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) link_type: u16,
    pub(crate) data: Vec<u8>,
}

/// The frames of a classic little-endian capture.
pub(crate) fn frames(name: &str) -> Vec<Sample> {
    let file = bytes(name);
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(word(0), 0xa1b2_c3d4, "{name}");
    let (link_type, mut at, mut all) = (word(20) as u16, 24, Vec::new());
    while at < file.len() {
        let len = word(at + 8) as usize;
        all.push(Sample { link_type, data: file[at + 16..at + 16 + len].to_vec() });
        at += 16 + len;
    }
    all
}

/// Makes the checksums right that protect a frame's content, so that a changed frame reaches the code behind them.
pub(crate) fn repair(frame: &mut Sample) {
    let (kind_at, body_at) = match frame.link_type {
        ETHERNET => (12, 14),
        SLL2 => (0, 20),
        _ => return,
    };
    let Some(kind) = word(&frame.data, kind_at) else { return };
    let Some(body) = frame.data.get_mut(body_at..) else { return };
    match kind {
        0x0800 => repair_ipv4(body),
        0x86dd => repair_ipv6(body),
        _ => repair_isis(body),
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn repair_ipv4(body: &mut [u8]) {
    let Some(header) = body.first().map(|b| usize::from(b & 0x0f) * 4) else { return };
    let Some(packet) = body.get_mut(header..) else { return };
    let Some(len) = word(packet, 2).map(usize::from) else { return };
    let Some(packet) = packet.get_mut(..len).filter(|p| p.len() >= 28) else { return };
    repair_lsas(packet, 24);
    packet[12..14].fill(0);
    let sum = internet(&[&packet[..16], &packet[24..]]);
    packet[12..14].copy_from_slice(&sum.to_be_bytes());
}

fn repair_ipv6(body: &mut [u8]) {
    let Some((header, packet)) = body.split_at_mut_checked(40) else { return };
    let Some(len) = word(packet, 2).map(usize::from) else { return };
    let Some(packet) = packet.get_mut(..len).filter(|p| p.len() >= 20) else { return };
    repair_lsas(packet, 16);
    packet[12..14].fill(0);
    let [hi, lo] = (len as u16).to_be_bytes();
    let sum = internet(&[&header[8..40], &[0, 0, hi, lo, 0, 0, 0, 89], packet]);
    packet[12..14].copy_from_slice(&sum.to_be_bytes());
}

/// The advertisements of an update whose packet header has `header` bytes.
fn repair_lsas(packet: &mut [u8], header: usize) {
    let mut at = header + 4;
    while packet[1] == 4 && at + 20 <= packet.len() {
        let Some(len) = word(packet, at + 18).map(usize::from) else { return };
        let Some(lsa) = packet.get_mut(at..at + len).filter(|l| l.len() >= 20) else { return };
        fletcher(&mut lsa[2..], 14);
        at += len;
    }
}

/// An LSP behind its LLC header.
fn repair_isis(body: &mut [u8]) {
    let Some(pdu) = body.get_mut(3..) else { return };
    if !pdu.get(4).is_some_and(|kind| matches!(kind & 0x1f, 18 | 20)) {
        return;
    }
    let Some(len) = word(pdu, 8).map(usize::from) else { return };
    if let Some(summed) = pdu.get_mut(12..len).filter(|s| s.len() >= 15) {
        fletcher(summed, 12);
    }
}

fn internet(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u64;
    for pair in parts.iter().flat_map(|p| p.chunks(2)) {
        sum += u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |b| u64::from(*b));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Writes Fletcher's check octets at `at` (RFC 1008 §7.2.1).
fn fletcher(bytes: &mut [u8], at: usize) {
    bytes[at..at + 2].fill(0);
    let (mut c0, mut c1) = (0_i64, 0_i64);
    for byte in bytes.iter() {
        c0 = (c0 + i64::from(*byte)) % 255;
        c1 = (c1 + c0) % 255;
    }
    let behind = (bytes.len() - at - 1) as i64;
    let x = (behind * c0 - c1).rem_euclid(255);
    let y = (c1 - (behind + 1) * c0).rem_euclid(255);
    // 0 and 255 are the same number; 255 keeps an LSP's checksum from being none.
    let octet = |n: i64| if n == 0 { 255 } else { n as u8 };
    (bytes[at], bytes[at + 1]) = (octet(x), octet(y));
}

#[test]
fn a_repaired_frame_is_the_captured_one() {
    for name in ["lab-a/r1.pcap", "OSPFv3_broadcast_adjacency.pcap", "lab-c/c1-eth1.pcap"] {
        for frame in frames(name) {
            let mut again = frame.clone();
            repair(&mut again);
            // 0 and 255 may stand for one another.
            let same = |a: &u8, b: &u8| a == b || [*a, *b].iter().all(|n| [0, 255].contains(n));
            assert!(again.data.iter().zip(&frame.data).all(|(a, b)| same(a, b)), "{name}: {frame:?}");
        }
    }
}
