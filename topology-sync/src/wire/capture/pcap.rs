//! Classic pcap (draft-ietf-opsawg-pcap), read by `pcap-file`: a file header of 24 bytes, then records.

use pcap_file::pcap::{PcapHeader, PcapParser};
use pcap_file::{Endianness, TsResolution};
use twin::{InputError, WallTime};

use super::{File, MAX_PACKET, Order, Record};

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

/// Whether a file that begins so is a classic pcap.
pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    let mut header = [0; FILE_HEADER];
    header[..4].copy_from_slice(&magic);
    PcapHeader::from_slice(&header).is_ok()
}

pub(super) fn read<'a>(file: File<'a>, mut visit: impl FnMut(Record<'a>)) -> Result<(), InputError> {
    let head = file.get(0, FILE_HEADER, "its header")?;
    let (_, parser) = PcapParser::new(head).map_err(|e| file.error(0, &e.to_string(), "a pcap header"))?;
    let header = parser.header();
    // The upper half of the word tells of frame check sequences.
    let link_type = u32::from(header.datalink) as u16;
    let mut at = FILE_HEADER;
    while at < file.bytes.len() {
        let captured = captured(file, at, header.endianness)?;
        let record = file.get(at, RECORD_HEADER + captured, "a packet")?;
        // The raw packet, because the checked one refuses frames longer on the wire than the snap length.
        let (_, packet) =
            parser.next_raw_packet(record).map_err(|e| file.error(at, &e.to_string(), "a record"))?;
        visit(Record {
            at: stamp(packet.ts_sec, packet.ts_frac, header.ts_resolution),
            interface: None,
            link_type,
            data: &record[RECORD_HEADER..],
        });
        at += record.len();
    }
    Ok(())
}

/// The number of bytes of the record at `at`: read here because `pcap-file` believes any number.
fn captured(file: File<'_>, at: usize, order: Endianness) -> Result<usize, InputError> {
    let order = match order {
        Endianness::Big => Order::Big,
        Endianness::Little => Order::Little,
    };
    let captured = order.u32(&file.get(at, RECORD_HEADER, "a record header")?[8..]) as usize;
    if captured > MAX_PACKET {
        return Err(file.error(at + 8, &format!("a packet of {captured} bytes"), "at most 262144 bytes"));
    }
    Ok(captured)
}

/// A fraction of a second or more is a writer's fault; the stamp then is the last one of its second.
fn stamp(seconds: u32, fraction: u32, resolution: TsResolution) -> WallTime {
    let unit = match resolution {
        TsResolution::MicroSecond => 1_000,
        TsResolution::NanoSecond => 1,
    };
    let nanos = (i64::from(fraction) * unit).min(999_999_999);
    WallTime::from_ns(i64::from(seconds) * 1_000_000_000 + nanos)
}
