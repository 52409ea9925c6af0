//! Classic pcap (draft-ietf-opsawg-pcap): a file header of 24 bytes, then records.

use std::io::Read;

use pcap_file::pcap::{PcapHeader, PcapParser, RawPcapPacket};
use pcap_file::{Endianness, TsResolution};
use twin::{InputError, WallTime};

use super::input::Input;
use super::{Interface, LinkType, MAX_PACKET, Record, refused};

const FILE_HEADER: usize = 24;

/// Whether a file that begins so is a classic pcap.
pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    let mut header = [0; FILE_HEADER];
    header[..4].copy_from_slice(&Dialect::of_magic(magic).magic);
    PcapHeader::from_slice(&header).is_ok()
}

/// The files of Alexey Kuznetsov's libpcap patch, which `pcap-file` does not know, differ from common ones in two points.
struct Dialect {
    /// The magic number of common files of the same byte order and resolution.
    magic: [u8; 4],
    /// Their record headers carry interface, protocol and packet type after the lengths.
    record_header: usize,
}

impl Dialect {
    fn of_magic(magic: [u8; 4]) -> Self {
        match u32::from_be_bytes(magic) {
            0xa1b2_cd34 => Self { magic: [0xa1, 0xb2, 0xc3, 0xd4], record_header: 24 },
            0x34cd_b2a1 => Self { magic: [0xd4, 0xc3, 0xb2, 0xa1], record_header: 24 },
            _ => Self { magic, record_header: 16 },
        }
    }
}

pub(super) struct Pcap {
    parser: PcapParser,
    endianness: Endianness,
    /// Nanoseconds per unit of a time stamp's fraction.
    fraction_ns: u32,
    record_header: usize,
    interface: Interface,
}

impl Pcap {
    /// Reads the file header; the magic number is known to be one of ours.
    pub(super) fn begin<R: Read>(input: &mut Input<R>) -> Result<Self, InputError> {
        if !input.require(FILE_HEADER)? {
            let have = input.available();
            return Err(input.error(
                have,
                format!("the file ends within its header ({have} bytes)"),
                "a pcap header of 24 bytes",
            ));
        }
        let mut bytes: [u8; FILE_HEADER] = input.peek(FILE_HEADER).try_into().expect("24 bytes");
        let dialect = Dialect::of_magic([bytes[0], bytes[1], bytes[2], bytes[3]]);
        bytes[..4].copy_from_slice(&dialect.magic);
        let (_, parser) = PcapParser::new(&bytes).map_err(|e| refused(input, &e, "a pcap header"))?;
        let header = parser.header();
        // The upper half of the word tells of frame check sequences, which we carry as bytes.
        let link_type = LinkType(u32::from(header.datalink) as u16);
        let fraction_ns = match header.ts_resolution {
            TsResolution::MicroSecond => 1_000,
            TsResolution::NanoSecond => 1,
        };
        input.take(FILE_HEADER);
        Ok(Self {
            parser,
            endianness: header.endianness,
            fraction_ns,
            record_header: dialect.record_header,
            interface: Interface { name: None, link_type },
        })
    }

    pub(super) fn interfaces(&self) -> &[Interface] {
        std::slice::from_ref(&self.interface)
    }

    pub(super) fn next<R: Read>(&mut self, input: &mut Input<R>) -> Result<Option<Record>, InputError> {
        let Some(captured) = self.record(input)? else { return Ok(None) };
        // The raw packet, because `pcap-file`'s checked one refuses a frame longer on the wire than the snap length, which
        // every capture cut on purpose has, and a fraction of a second or more.
        let record = input.peek(self.record_header + captured);
        let (_, RawPcapPacket { ts_sec, ts_frac, orig_len, .. }) =
            self.parser.next_raw_packet(record).map_err(|e| refused(input, &e, "a record"))?;
        input.take(self.record_header);
        Ok(Some(Record {
            at: Some(self.stamp(ts_sec, ts_frac)),
            interface: 0,
            link_type: self.interface.link_type,
            wire_len: orig_len,
            data: input.take(captured),
        }))
    }

    /// Makes the next record available as a whole: the number of bytes captured, or `None` at the end. That number is
    /// read here because `pcap-file` only asks for more bytes, never says how many, and believes any number.
    fn record<R: Read>(&self, input: &mut Input<R>) -> Result<Option<usize>, InputError> {
        let record_header = self.record_header;
        if !input.require(record_header)? {
            return match input.available() {
                0 => Ok(None),
                have => Err(input.error(
                    have,
                    format!("the file ends within a record header ({have} of {record_header} bytes)"),
                    "a whole record",
                )),
            };
        }
        let captured = input.peek(record_header)[8..12].try_into().expect("four bytes");
        let captured = match self.endianness {
            Endianness::Big => u32::from_be_bytes(captured),
            Endianness::Little => u32::from_le_bytes(captured),
        };
        if captured > MAX_PACKET {
            let expected = format!("at most {MAX_PACKET} bytes");
            return Err(input.error(8, format!("a record of {captured} bytes"), &expected));
        }
        if !input.require(record_header + captured as usize)? {
            let have = input.available();
            return Err(input.error(
                have,
                format!("the file ends within a packet ({} of {captured} bytes)", have - record_header),
                "a whole record",
            ));
        }
        Ok(Some(captured as usize))
    }

    /// A fraction of a second or more is a writer's fault; the stamp then is the last one of its second, as in Wireshark.
    fn stamp(&self, seconds: u32, fraction: u32) -> WallTime {
        let fraction = fraction.min(1_000_000_000 / self.fraction_ns - 1);
        WallTime::from_ns(
            i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * i64::from(self.fraction_ns),
        )
    }
}
