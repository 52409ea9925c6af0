//! Classic pcap (draft-ietf-opsawg-pcap): a file header of 24 bytes, then records.

use std::io::Read;

use twin::{InputError, WallTime};

use super::input::Input;
use super::{ByteOrder, Interface, LinkType, MAX_PACKET, Record};

const FILE_HEADER: usize = 24;

/// What the magic number says about the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    order: ByteOrder,
    /// Nanoseconds per unit of a time stamp's fraction.
    fraction_ns: u32,
    record_header: usize,
}

impl Dialect {
    pub(super) fn of_magic(magic: [u8; 4]) -> Option<Self> {
        let dialect = |order, fraction_ns, record_header| Some(Self { order, fraction_ns, record_header });
        match u32::from_be_bytes(magic) {
            0xa1b2_c3d4 => dialect(ByteOrder::Big, 1_000, 16),
            0xd4c3_b2a1 => dialect(ByteOrder::Little, 1_000, 16),
            0xa1b2_3c4d => dialect(ByteOrder::Big, 1, 16),
            0x4d3c_b2a1 => dialect(ByteOrder::Little, 1, 16),
            // Alexey Kuznetsov's libpcap patch: interface, protocol and packet type follow the lengths.
            0xa1b2_cd34 => dialect(ByteOrder::Big, 1_000, 24),
            0x34cd_b2a1 => dialect(ByteOrder::Little, 1_000, 24),
            _ => None,
        }
    }
}

pub(super) struct Pcap {
    dialect: Dialect,
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
        let header = input.peek(FILE_HEADER);
        let magic = header[..4].try_into().expect("four bytes");
        let dialect = Dialect::of_magic(magic).expect("the caller looked at the magic number");
        // The upper half of the word tells of frame check sequences, which we carry as bytes.
        let link_type = LinkType(dialect.order.u32(header, 20) as u16);
        input.take(FILE_HEADER);
        Ok(Self { dialect, interface: Interface { name: None, link_type } })
    }

    pub(super) fn interfaces(&self) -> &[Interface] {
        std::slice::from_ref(&self.interface)
    }

    pub(super) fn next<R: Read>(&mut self, input: &mut Input<R>) -> Result<Option<Record>, InputError> {
        let Dialect { order, fraction_ns, record_header } = self.dialect;
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
        let header = input.peek(record_header);
        let (seconds, fraction) = (order.u32(header, 0), order.u32(header, 4));
        let (captured, wire_len) = (order.u32(header, 8), order.u32(header, 12));
        if captured > MAX_PACKET {
            let expected = format!("at most {MAX_PACKET} bytes");
            return Err(input.error(8, format!("a record of {captured} bytes"), &expected));
        }
        let whole = record_header + captured as usize;
        if !input.require(whole)? {
            let have = input.available();
            return Err(input.error(
                have,
                format!("the file ends within a packet ({} of {captured} bytes)", have - record_header),
                "a whole record",
            ));
        }
        input.take(record_header);
        let data = input.take(captured as usize);
        let at = Some(stamp(seconds, fraction, fraction_ns));
        Ok(Some(Record { at, interface: 0, link_type: self.interface.link_type, wire_len, data }))
    }
}

/// A fraction of a second or more is a writer's fault; the stamp then is the last one of its second, as in Wireshark.
fn stamp(seconds: u32, fraction: u32, fraction_ns: u32) -> WallTime {
    let fraction = fraction.min(1_000_000_000 / fraction_ns - 1);
    WallTime::from_ns(i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * i64::from(fraction_ns))
}
