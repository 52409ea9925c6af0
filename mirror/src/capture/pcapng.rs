//! pcapng (draft-ietf-opsawg-pcapng): blocks of `type, total length, body, total length again`.
//!
//! The frame of a block is read here, its body by `pcap-file`. That crate's own reading of the frame neither says how
//! many bytes it lacks nor where a length is wrong, refuses the lengths of old writers, which leave out the padding, and
//! ends the capture at the first interface whose options it cannot read.

use std::io::Read;

use byteorder::{BigEndian, ByteOrder, LittleEndian};
use pcap_file::pcapng::PcapNgBlock;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock;
use pcap_file::pcapng::blocks::packet::PacketBlock;
use pcap_file::pcapng::blocks::section_header::SectionHeaderBlock;
use pcap_file::pcapng::blocks::simple_packet::SimplePacketBlock;
use pcap_file::pcapng::blocks::{
    ENHANCED_PACKET_BLOCK, INTERFACE_DESCRIPTION_BLOCK, PACKET_BLOCK, SECTION_HEADER_BLOCK,
    SIMPLE_PACKET_BLOCK,
};
use pcap_file::{Endianness, PcapResult};
use twin::{Diagnostic, InputError};

use super::clock::Clock;
use super::input::Input;
use super::{Interface, LinkType, MAX_PACKET, Record, refused};

/// The type of a section header block, the same in both byte orders.
pub(super) const MAGIC: [u8; 4] = SECTION_HEADER_BLOCK.to_be_bytes();

const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

/// A longer block is damage: no block that is in use comes near.
const MAX_BLOCK: usize = 16 << 20;
/// Type and length before the body.
const HEAD: usize = 8;
/// The length repeated after the body.
const TAIL: usize = 4;
/// The fields of a section header's body, before its options.
const SECTION_FIELDS: usize = 16;
/// The fields of an interface description's body, before its options.
const INTERFACE_FIELDS: usize = 8;
/// The fields of an enhanced or old packet's body, before its data.
const PACKET_FIELDS: usize = 20;
/// The field of a simple packet's body, before its data.
const SIMPLE_FIELDS: usize = 4;

pub(super) struct Pcapng {
    order: Endianness,
    /// What callers may know of the interfaces of this section,
    interfaces: Vec<Interface>,
    /// and how their packets are read.
    readings: Vec<Reading>,
}

struct Reading {
    link_type: LinkType,
    /// Zero: no limit.
    snap_len: u32,
    clock: Clock,
}

/// What enhanced and old packet blocks say besides their data.
struct Timed {
    interface: u32,
    ticks: u64,
    wire_len: u32,
}

impl Pcapng {
    /// Prepares for the first section header, which `next` reads; checks that there is one.
    pub(super) fn begin<R: Read>(input: &mut Input<R>) -> Result<Self, InputError> {
        let order = section_order(input)?;
        Ok(Self { order, interfaces: Vec::new(), readings: Vec::new() })
    }

    pub(super) fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    pub(super) fn next<R: Read>(
        &mut self,
        input: &mut Input<R>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<Option<Record>, InputError> {
        loop {
            if !input.require(HEAD + TAIL)? {
                return match input.available() {
                    0 => Ok(None),
                    have => Err(input.error(have, "the file ends within a block header", "a whole block")),
                };
            }
            if input.peek(MAGIC.len()) == MAGIC {
                // A new section may change the byte order, and the length after the type is in the new one.
                self.order = section_order(input)?;
            }
            let packet = match self.order {
                Endianness::Big => self.block::<BigEndian, R>(input, diagnostics)?,
                Endianness::Little => self.block::<LittleEndian, R>(input, diagnostics)?,
            };
            if packet.is_some() {
                return Ok(packet);
            }
        }
    }

    /// Takes one block: its packet, if it is one.
    fn block<B: ByteOrder, R: Read>(
        &mut self,
        input: &mut Input<R>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<Option<Record>, InputError> {
        let len = whole_block::<B, R>(input)?;
        match B::read_u32(input.peek(HEAD)) {
            SECTION_HEADER_BLOCK => {
                check_body(input, len, "a section header", SECTION_FIELDS)?;
                self.interfaces.clear();
                self.readings.clear();
            }
            INTERFACE_DESCRIPTION_BLOCK => self.describe_interface::<B, R>(input, len)?,
            ENHANCED_PACKET_BLOCK => return self.timed_packet::<B, R>(input, len, enhanced::<B>).map(Some),
            PACKET_BLOCK => return self.timed_packet::<B, R>(input, len, old::<B>).map(Some),
            SIMPLE_PACKET_BLOCK => return self.simple_packet::<B, R>(input, len).map(Some),
            kind => Diagnostic::count(diagnostics, "pcapng-block-skipped", || {
                format!("pcapng blocks without packets were skipped, the first of type {kind:#x}")
            }),
        }
        input.take(len);
        Ok(None)
    }

    fn describe_interface<B: ByteOrder, R>(
        &mut self,
        input: &Input<R>,
        len: usize,
    ) -> Result<(), InputError> {
        check_body(input, len, "an interface block", INTERFACE_FIELDS)?;
        let (fields, rest) = body(input, len).split_at(INTERFACE_FIELDS);
        let mut fields: [u8; INTERFACE_FIELDS] = fields.try_into().expect("split there");
        // Readers must ignore the reserved field; `pcap-file` refuses any value but zero.
        fields[2..4].fill(0);
        let (_, described) = InterfaceDescriptionBlock::from_slice::<B>(&fields)
            .map_err(|e| refused(input, &e, "an interface description"))?;
        let (mut clock, mut name) = (Clock::default(), None);
        for (code, value) in options::<B>(rest) {
            match (code, value.len()) {
                (IF_NAME, _) => name = Some(text(value)),
                (IF_TSRESOL, 1..) => clock.resolution = value[0],
                (IF_TSOFFSET, 8..) => clock.offset_s = B::read_i64(value),
                _ => {}
            }
        }
        let link_type = LinkType(u32::from(described.linktype) as u16);
        self.readings.push(Reading { link_type, snap_len: described.snaplen, clock });
        self.interfaces.push(Interface { name, link_type });
        Ok(())
    }

    /// An enhanced or old packet block. Its captured length is read here too, so that an error can name the place, and
    /// so that the options behind the data can be kept from `parse`, which would refuse the packet for them.
    fn timed_packet<B: ByteOrder, R: Read>(
        &self,
        input: &mut Input<R>,
        len: usize,
        parse: impl Fn(&[u8]) -> PcapResult<Timed>,
    ) -> Result<Record, InputError> {
        check_body(input, len, "a packet block", PACKET_FIELDS)?;
        let body = body(input, len);
        let captured = check_captured(input, B::read_u32(&body[12..]), 12, body.len() - PACKET_FIELDS)?;
        let packet = parse(&body[..PACKET_FIELDS + captured.next_multiple_of(4)])
            .map_err(|e| refused(input, &e, "a packet block"))?;
        let described = self.interface(input, packet.interface)?;
        let start = input.take(len).start + HEAD + PACKET_FIELDS;
        Ok(Record {
            at: Some(described.clock.stamp(packet.ticks)),
            interface: packet.interface,
            link_type: described.link_type,
            wire_len: packet.wire_len,
            data: start..start + captured,
        })
    }

    /// A simple packet belongs to interface 0, has no time, and its captured length follows from the snap length;
    /// `pcap-file` takes the padding for data.
    fn simple_packet<B: ByteOrder, R: Read>(
        &self,
        input: &mut Input<R>,
        len: usize,
    ) -> Result<Record, InputError> {
        check_body(input, len, "a packet block", SIMPLE_FIELDS)?;
        let (_, packet) = SimplePacketBlock::from_slice::<B>(body(input, len))
            .map_err(|e| refused(input, &e, "a simple packet block"))?;
        let (wire_len, room) = (packet.original_len, packet.data.len());
        let described = self.interface(input, 0)?;
        let snap_len = if described.snap_len == 0 { u32::MAX } else { described.snap_len };
        let captured = check_captured(input, wire_len.min(snap_len), 0, room)?;
        let start = input.take(len).start + HEAD + SIMPLE_FIELDS;
        let data = start..start + captured;
        Ok(Record { at: None, interface: 0, link_type: described.link_type, wire_len, data })
    }

    fn interface<R>(&self, input: &Input<R>, interface: u32) -> Result<&Reading, InputError> {
        self.readings.get(interface as usize).ok_or_else(|| {
            let described = self.readings.len();
            input.error(
                HEAD,
                format!("a packet of interface {interface}"),
                &format!("one of the {described} interfaces described before it in this section"),
            )
        })
    }
}

/// The byte order that the section header at the front of the input announces, in a version that we know.
fn section_order<R: Read>(input: &mut Input<R>) -> Result<Endianness, InputError> {
    if !input.require(HEAD + SECTION_FIELDS)? {
        let have = input.available();
        return Err(input.error(have, "the file ends within a section header", "a whole block"));
    }
    let fields = &input.peek(HEAD + SECTION_FIELDS)[HEAD..];
    // The byte order is found in the fields, whatever the type says.
    let Ok((_, section)) = SectionHeaderBlock::from_slice::<BigEndian>(fields) else {
        let found = format!("byte-order magic {:08x}", BigEndian::read_u32(fields));
        return Err(input.error(HEAD, found, "1a2b3c4d in either byte order"));
    };
    if section.major_version != 1 {
        let found = format!("pcapng version {}", section.major_version);
        return Err(input.error(HEAD + 4, found, "version 1"));
    }
    Ok(section.endianness)
}

/// Makes the next block available as a whole and checks its two lengths: its length with padding.
fn whole_block<B: ByteOrder, R: Read>(input: &mut Input<R>) -> Result<usize, InputError> {
    let total = B::read_u32(&input.peek(HEAD)[4..]) as usize;
    if !(HEAD + TAIL..=MAX_BLOCK).contains(&total) {
        return Err(input.error(4, format!("a block of {total} bytes"), "from 12 bytes to 16 MiB"));
    }
    let padded = total.next_multiple_of(4);
    if !input.require(padded)? {
        let have = input.available();
        return Err(input.error(
            have,
            format!("the file ends within a block ({have} of {padded} bytes)"),
            "a whole block",
        ));
    }
    let again = B::read_u32(&input.peek(padded)[padded - TAIL..]) as usize;
    if again != total {
        return Err(input.error(
            padded - TAIL,
            format!("a block of {total} bytes that ends with the length {again}"),
            "the same length at both ends",
        ));
    }
    Ok(padded)
}

fn enhanced<B: ByteOrder>(body: &[u8]) -> PcapResult<Timed> {
    // Matched in place, and in 64 bits: moving the block and `Duration::as_nanos` cost a fifth of the reading speed.
    match EnhancedPacketBlock::from_slice::<B>(body) {
        Ok((_, EnhancedPacketBlock { interface_id: interface, timestamp, original_len: wire_len, .. })) => {
            let ticks = timestamp.as_secs() * 1_000_000_000 + u64::from(timestamp.subsec_nanos());
            Ok(Timed { interface, ticks, wire_len })
        }
        Err(error) => Err(error),
    }
}

fn old<B: ByteOrder>(body: &[u8]) -> PcapResult<Timed> {
    let (_, packet) = PacketBlock::from_slice::<B>(body)?;
    // The upper half stands first in both byte orders; `pcap-file` reads the time as one number.
    let ticks = match Endianness::from_byteorder::<B>() {
        Endianness::Big => packet.timestamp,
        Endianness::Little => packet.timestamp.rotate_left(32),
    };
    Ok(Timed { interface: packet.interface_id.into(), ticks, wire_len: packet.original_len })
}

/// The options of a block: code and value, up to the end marker or the first that does not fit.
///
/// `pcap-file` refuses lists that the draft allows: without an end marker, or with `if_tzone` (of which it wants one byte
/// and then reads four); and for one text that is not UTF-8 it refuses the clock that stands beside it.
fn options<B: ByteOrder>(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        if rest.len() < 4 {
            return None;
        }
        let (code, len) = (B::read_u16(rest), usize::from(B::read_u16(&rest[2..])));
        let value = rest.get(4..4 + len)?;
        rest = rest.get(4 + len.next_multiple_of(4)..).unwrap_or(&[]);
        (code != 0).then_some((code, value))
    })
}

/// UTF-8 that some writers end with a zero byte.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()
}

/// What stands between the head and the tail of the block at the front of the input.
fn body<R>(input: &Input<R>, len: usize) -> &[u8] {
    &input.peek(len)[HEAD..len - TAIL]
}

fn check_body<R>(input: &Input<R>, len: usize, what: &str, fields: usize) -> Result<(), InputError> {
    let least = HEAD + fields + TAIL;
    if len >= least {
        return Ok(());
    }
    Err(input.error(4, format!("{what} of {len} bytes"), &format!("at least {least} bytes")))
}

/// The length of a packet for which its block has `room`; the number or its origin stands at byte `at` of the body.
fn check_captured<R>(input: &Input<R>, captured: u32, at: usize, room: usize) -> Result<usize, InputError> {
    if captured <= MAX_PACKET && captured as usize <= room {
        return Ok(captured as usize);
    }
    let expected = format!("at most {room} bytes in this block");
    Err(input.error(HEAD + at, format!("a packet of {captured} bytes"), &expected))
}
