//! Capture files, pcap and pcapng, as frames.

use pcap_file::pcap::PcapParser;
use pcap_file::pcapng::PcapNgParser;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::{ENHANCED_PACKET_BLOCK, SIMPLE_PACKET_BLOCK};
use pcap_file::{Endianness, PcapError, TsResolution};
use twin::{InputError, Place, WallTime};

/// A captured frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it was captured; the epoch where the capture does not say.
    pub at: WallTime,
    /// How its first bytes are to be read.
    pub link_type: u32,
    /// The bytes captured.
    pub bytes: &'a [u8],
}

/// Tells the frames of a capture, all those before a damage included.
///
/// # Errors
/// What begins like no capture, and the damage that ends one, with its byte offset.
pub fn frames(file: &str, bytes: &[u8], tell: &mut dyn FnMut(Frame<'_>)) -> Result<(), InputError> {
    const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
    let (rest, e) = if bytes.starts_with(&PCAPNG) { pcapng(bytes, tell) } else { pcap(bytes, tell) };
    let offset = (bytes.len() - rest) as u64;
    match e {
        None => Ok(()),
        Some(_) if offset == 0 => {
            Err(InputError::new(file, Place::Offset(0), "no capture's beginning", "a pcap or pcapng capture"))
        }
        Some(PcapError::IncompleteBuffer) => {
            let what = format!("the file ends within a record ({rest} bytes are left)");
            Err(InputError::new(file, Place::Offset(offset), what, "a whole record"))
        }
        Some(e) => Err(InputError::new(file, Place::Offset(offset), e.to_string(), "a valid record")),
    }
}

/// The bytes left, and why they are.
type Left = (usize, Option<PcapError>);

fn pcap(bytes: &[u8], tell: &mut dyn FnMut(Frame<'_>)) -> Left {
    let (mut rest, parser) = match PcapParser::new(bytes) {
        Ok(begun) => begun,
        Err(e) => return (bytes.len(), Some(e)),
    };
    let header = parser.header();
    let (link_type, fraction_ns) = (
        u32::from(header.datalink) & 0xffff,
        match header.ts_resolution {
            TsResolution::MicroSecond => 1_000,
            TsResolution::NanoSecond => 1,
        },
    );
    while !rest.is_empty() {
        match parser.next_raw_packet(rest) {
            Ok((left, packet)) => {
                let ns = i64::from(packet.ts_sec) * 1_000_000_000 + i64::from(packet.ts_frac) * fraction_ns;
                tell(Frame { at: WallTime::from_ns(ns), link_type, bytes: &packet.data });
                rest = left;
            }
            Err(e) => return (rest.len(), Some(e)),
        }
    }
    (0, None)
}

fn pcapng(bytes: &[u8], tell: &mut dyn FnMut(Frame<'_>)) -> Left {
    let (mut rest, mut parser) = match PcapNgParser::new(bytes) {
        Ok(begun) => begun,
        Err(e) => return (bytes.len(), Some(e)),
    };
    while !rest.is_empty() {
        match parser.next_raw_block(rest) {
            Ok((left, block)) => {
                if let Some(frame) = packet(&parser, block.type_, &block.body) {
                    tell(frame);
                }
                rest = left;
            }
            Err(e) => return (rest.len(), Some(e)),
        }
    }
    (0, None)
}

/// The frame of an enhanced or simple packet block (draft-ietf-opsawg-pcapng §4.3, §4.4). Read here because
/// `pcap-file` takes every tick for a nanosecond and refuses lawful options.
fn packet<'a>(parser: &PcapNgParser, kind: u32, body: &'a [u8]) -> Option<Frame<'a>> {
    let word = |at: usize| -> Option<u32> {
        let bytes: [u8; 4] = body.get(at..at + 4)?.try_into().ok()?;
        Some(match parser.section().endianness {
            Endianness::Big => u32::from_be_bytes(bytes),
            Endianness::Little => u32::from_le_bytes(bytes),
        })
    };
    match kind {
        ENHANCED_PACKET_BLOCK => {
            let interface = parser.interfaces().get(word(0)? as usize)?;
            let ticks = u64::from(word(4)?) << 32 | u64::from(word(8)?);
            let bytes = body.get(20..20usize.checked_add(word(12)? as usize)?)?;
            Some(Frame { at: stamp(interface, ticks), link_type: interface.linktype.into(), bytes })
        }
        SIMPLE_PACKET_BLOCK => {
            let interface = parser.interfaces().first()?;
            let snap = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
            let bytes = body.get(4..4usize.checked_add(word(0)?.min(snap) as usize)?)?;
            Some(Frame { at: WallTime::default(), link_type: interface.linktype.into(), bytes })
        }
        _ => None,
    }
}

/// The time of a tick count: `if_tsresol` gives ticks per second as 10^n or, with the top bit, 2^n (default 10^6).
fn stamp(interface: &InterfaceDescriptionBlock<'_>, ticks: u64) -> WallTime {
    let (mut resolution, mut offset_s) = (6u8, 0u64);
    for option in &interface.options {
        match option {
            InterfaceDescriptionOption::IfTsResol(r) => resolution = *r,
            InterfaceDescriptionOption::IfTsOffset(s) => offset_s = *s,
            _ => {}
        }
    }
    let exponent = u32::from(resolution & 0x7f);
    let per_second =
        if resolution & 0x80 != 0 { 1u128.checked_shl(exponent) } else { 10u128.checked_pow(exponent) };
    let ns = per_second.map_or(0, |p| u128::from(ticks) * 1_000_000_000 / p);
    let offset_ns = i128::from(offset_s as i64) * 1_000_000_000;
    let ns = i128::try_from(ns).unwrap_or(i128::MAX).saturating_add(offset_ns);
    WallTime::from_ns(ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time in nanoseconds, link type and bytes of each frame.
    type Frames = Vec<(i64, u32, Vec<u8>)>;

    fn all(bytes: &[u8]) -> (Frames, Option<String>) {
        let mut list = Vec::new();
        let tell = &mut |f: Frame<'_>| list.push((f.at.as_ns(), f.link_type, f.bytes.to_vec()));
        let e = frames("t.pcap", bytes, tell).err().map(|e| e.to_string());
        (list, e)
    }

    fn pcap_of(packets: &[&[u8]]) -> Vec<u8> {
        let mut bytes = 0xa1b2_c3d4u32.to_be_bytes().to_vec();
        bytes.extend([0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 101]);
        for packet in packets {
            let length = (packet.len() as u32).to_be_bytes();
            bytes.extend([&[0, 0, 0, 7, 0, 0, 0, 3][..], &length, &length, packet].concat());
        }
        bytes
    }

    #[test]
    fn a_pcap_with_a_cut_end_gives_what_came_before() {
        let bytes = pcap_of(&[b"one", b"three"]);
        let (list, e) = all(&bytes);
        assert_eq!(list, [(7_000_003_000, 101, b"one".to_vec()), (7_000_003_000, 101, b"three".to_vec())]);
        assert_eq!(e, None);
        let (list, e) = all(&bytes[..bytes.len() - 1]);
        assert_eq!(list.len(), 1);
        let text =
            "t.pcap: byte 43: the file ends within a record (20 bytes are left); expected a whole record";
        assert_eq!(e.as_deref(), Some(text));
    }

    #[test]
    fn a_pcapng_has_a_clock_per_interface() {
        let block = |kind: u32, body: &[u8]| {
            let length = (12 + body.len() as u32).to_le_bytes();
            [&kind.to_le_bytes()[..], &length, body, &length].concat()
        };
        let section =
            block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
        let nanos = block(1, &[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        let packet = |ticks: u8| {
            block(6, &[0, 0, 0, 0, 0, 0, 0, 0, ticks, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, b'h', b'i', 0, 0])
        };
        let micros = block(1, &[113, 0, 0, 0, 0, 0, 0, 0]);
        let bytes = [&section[..], &nanos, &packet(5), &section, &micros, &packet(5)].concat();
        assert_eq!(all(&bytes), (vec![(5, 1, b"hi".to_vec()), (5_000, 113, b"hi".to_vec())], None));
    }

    #[test]
    fn what_is_no_capture_is_said() {
        let text = "t.pcap: byte 0: no capture's beginning; expected a pcap or pcapng capture";
        assert_eq!(all(b"{}").1.as_deref(), Some(text));
    }
}
