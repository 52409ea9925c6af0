//! A TCP conversation as a capture.

use std::net::Ipv4Addr;

/// A stream from an address to a collector at 192.0.2.9 as a capture (pcap, link type 101: IP packets), one segment of at
/// most 1400 bytes a second.
pub fn tcp_capture(from: Ipv4Addr, stream: &[u8]) -> Vec<u8> {
    let mut pcap = [0xa1b2_c3d4u32, 0x0002_0004, 0, 0, 65_535, 101].map(u32::to_be_bytes).concat();
    let mut number = 1u32;
    for (second, part) in (1u32..).zip(stream.chunks(1400)) {
        let length = (part.len() + 40) as u16;
        let ip = [
            &[0x45, 0][..],
            &length.to_be_bytes(),
            &[0, 0, 0, 0, 64, 6, 0, 0],
            &from.octets(),
            &[192, 0, 2, 9],
        ];
        let tcp = [
            &[0xc0, 0, 0x13, 0x88][..],
            &number.to_be_bytes(),
            &[0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0],
        ];
        number = number.wrapping_add(part.len() as u32);
        let length = u32::from(length);
        pcap.extend([second, 0, length, length].map(u32::to_be_bytes).concat());
        pcap.extend([ip.concat(), tcp.concat(), part.to_vec()].concat());
    }
    pcap
}
