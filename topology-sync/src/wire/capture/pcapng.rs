//! pcapng (draft-ietf-opsawg-pcapng): blocks of `type, total length, body, total length again`.
//!
//! The blocks are framed and read here: `pcap-file` 2.0.0 refuses lawful options, takes every tick for a nanosecond and
//! names no offset.

use pcap_file::pcapng::blocks::{
    ENHANCED_PACKET_BLOCK, INTERFACE_DESCRIPTION_BLOCK, PACKET_BLOCK, SECTION_HEADER_BLOCK,
    SIMPLE_PACKET_BLOCK,
};
use twin::{InputError, WallTime};

use super::{File, MAX_PACKET, Order, Record};

/// The type of a section header block, the same in both byte orders.
pub(super) const MAGIC: [u8; 4] = SECTION_HEADER_BLOCK.to_be_bytes();

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// A longer block is damage: no block that is in use comes near.
const MAX_BLOCK: usize = 16 << 20;
/// Type and length before the body.
const HEAD: usize = 8;
/// The length repeated after the body.
const TAIL: usize = 4;
/// The fields of an enhanced or old packet's body before its data.
const PACKET_FIELDS: usize = 20;

const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

/// What an interface block says of the packets that name it.
struct Interface {
    link_type: u16,
    /// Zero: no limit.
    snap_len: usize,
    /// `if_tsresol`: ticks per second are 10^n, or 2^n when the top bit is set.
    resolution: u8,
    /// `if_tsoffset`, in seconds.
    offset_s: i64,
}

pub(super) fn read<'a>(file: File<'a>, mut visit: impl FnMut(Record<'a>)) -> Result<(), InputError> {
    let mut order = Order::Big;
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut at = 0;
    while at < file.bytes.len() {
        let head = file.get(at, HEAD + TAIL, "a block header")?;
        if head[..4] == MAGIC {
            // A new section may change the byte order; the length before the magic is already in the new one.
            order = section_order(file, at)?;
            interfaces.clear();
        }
        let block = whole_block(file, at, order)?;
        let body = &block[HEAD..block.len() - TAIL];
        let record = match order.u32(head) {
            INTERFACE_DESCRIPTION_BLOCK => {
                interfaces.push(interface(file, at, order, body)?);
                None
            }
            ENHANCED_PACKET_BLOCK => Some(timed(file, at, order, body, &interfaces, true)?),
            PACKET_BLOCK => Some(timed(file, at, order, body, &interfaces, false)?),
            SIMPLE_PACKET_BLOCK => Some(simple(file, at, order, body, &interfaces)?),
            _ => None,
        };
        if let Some(record) = record {
            visit(record);
        }
        at += block.len();
    }
    Ok(())
}

fn section_order(file: File<'_>, at: usize) -> Result<Order, InputError> {
    let fields = &file.get(at, HEAD + 16 + TAIL, "a section header")?[HEAD..];
    let orders = [Order::Big, Order::Little];
    let Some(order) = orders.into_iter().find(|o| o.u32(fields) == BYTE_ORDER_MAGIC) else {
        return Err(file.error(at + HEAD, "an unknown byte-order magic", "1a2b3c4d in either byte order"));
    };
    let version = order.u16(&fields[4..]);
    if version != 1 {
        return Err(file.error(at + HEAD + 4, &format!("pcapng version {version}"), "version 1"));
    }
    Ok(order)
}

/// The block at `at` with its padding; both of its lengths are checked.
fn whole_block<'a>(file: File<'a>, at: usize, order: Order) -> Result<&'a [u8], InputError> {
    let total = order.u32(&file.get(at, HEAD, "a block header")?[4..]) as usize;
    if !(HEAD + TAIL..=MAX_BLOCK).contains(&total) {
        return Err(file.error(at + 4, &format!("a block of {total} bytes"), "from 12 bytes to 16 MiB"));
    }
    let block = file.get(at, total.next_multiple_of(4), "a block")?;
    let again = order.u32(&block[block.len() - TAIL..]) as usize;
    if again != total {
        let place = at + block.len() - TAIL;
        return Err(file.error(
            place,
            &format!("the length {again} after {total}"),
            "the same length at both ends",
        ));
    }
    Ok(block)
}

fn fields<'a>(
    file: File<'_>,
    at: usize,
    body: &'a [u8],
    n: usize,
) -> Result<(&'a [u8], &'a [u8]), InputError> {
    let split = body.split_at_checked(n);
    split.ok_or_else(|| {
        file.error(at + 4, &format!("a block with {} bytes of fields", body.len()), &format!("{n} bytes"))
    })
}

fn interface(file: File<'_>, at: usize, order: Order, body: &[u8]) -> Result<Interface, InputError> {
    let (fixed, mut options) = fields(file, at, body, 8)?;
    let mut described = Interface {
        link_type: order.u16(fixed),
        snap_len: order.u32(&fixed[4..]) as usize,
        resolution: 6,
        offset_s: 0,
    };
    while options.len() >= 4 {
        let (code, len) = (order.u16(options), usize::from(order.u16(&options[2..])));
        let Some(value) = options.get(4..4 + len) else { break };
        match (code, value.len()) {
            (0, _) => break,
            (IF_TSRESOL, 1..) => described.resolution = value[0],
            (IF_TSOFFSET, 8..) => described.offset_s = order.i64(value),
            _ => {}
        }
        options = options.get(4 + len.next_multiple_of(4)..).unwrap_or(&[]);
    }
    Ok(described)
}

/// An enhanced packet block, or the old one, whose interface has 16 bits and is followed by a count of drops.
fn timed<'a>(
    file: File<'a>,
    at: usize,
    order: Order,
    body: &'a [u8],
    interfaces: &[Interface],
    enhanced: bool,
) -> Result<Record<'a>, InputError> {
    let (fixed, data) = fields(file, at, body, PACKET_FIELDS)?;
    let number = if enhanced { order.u32(fixed) } else { u32::from(order.u16(fixed)) };
    let described = known(file, at, number, interfaces)?;
    let ticks = u64::from(order.u32(&fixed[4..])) << 32 | u64::from(order.u32(&fixed[8..]));
    let data = captured(file, at + HEAD + 12, data, order.u32(&fixed[12..]) as usize)?;
    Ok(Record { at: described.stamp(ticks), interface: Some(number), link_type: described.link_type, data })
}

/// A simple packet belongs to interface 0 and has no time; its length follows from the snap length.
fn simple<'a>(
    file: File<'a>,
    at: usize,
    order: Order,
    body: &'a [u8],
    interfaces: &[Interface],
) -> Result<Record<'a>, InputError> {
    let (fixed, data) = fields(file, at, body, 4)?;
    let described = known(file, at, 0, interfaces)?;
    let limit = if described.snap_len == 0 { usize::MAX } else { described.snap_len };
    let data = captured(file, at + HEAD, data, (order.u32(fixed) as usize).min(limit))?;
    Ok(Record { at: WallTime::default(), interface: Some(0), link_type: described.link_type, data })
}

fn known<'i>(
    file: File<'_>,
    at: usize,
    number: u32,
    interfaces: &'i [Interface],
) -> Result<&'i Interface, InputError> {
    interfaces.get(number as usize).ok_or_else(|| {
        let expected = format!("one of the {} interfaces described before it", interfaces.len());
        file.error(at + HEAD, &format!("a packet of interface {number}"), &expected)
    })
}

fn captured<'a>(file: File<'_>, at: usize, data: &'a [u8], n: usize) -> Result<&'a [u8], InputError> {
    let packet = data.get(..n).filter(|_| n <= MAX_PACKET);
    packet.ok_or_else(|| {
        file.error(
            at,
            &format!("a packet of {n} bytes"),
            &format!("at most {} bytes in this block", data.len()),
        )
    })
}

impl Interface {
    /// The wall-clock time of a tick count, rounded down to a nanosecond and saturating.
    fn stamp(&self, ticks: u64) -> WallTime {
        let exponent = u32::from(self.resolution & 0x7f);
        let ticks = u128::from(ticks);
        let ns = if self.resolution & 0x80 != 0 {
            (ticks * 1_000_000_000).checked_shr(exponent).unwrap_or(0)
        } else if exponent <= 9 {
            ticks * 10_u128.pow(9 - exponent)
        } else {
            10_u128.checked_pow(exponent - 9).map_or(0, |divisor| ticks / divisor)
        };
        let ns =
            i128::try_from(ns).unwrap_or(i128::MAX).saturating_add(i128::from(self.offset_s) * 1_000_000_000);
        WallTime::from_ns(ns.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }
}

impl Order {
    /// The number in the first eight bytes, which the caller knows to be there.
    fn i64(self, bytes: &[u8]) -> i64 {
        let (a, b) = (u64::from(self.u32(bytes)), u64::from(self.u32(&bytes[4..])));
        match self {
            Self::Big => (a << 32 | b) as i64,
            Self::Little => (b << 32 | a) as i64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_counts_in_powers_of_ten_or_two_from_its_offset() {
        let stamp = |resolution, offset_s, ticks| {
            Interface { link_type: 1, snap_len: 0, resolution, offset_s }.stamp(ticks).as_ns()
        };
        assert_eq!(stamp(6, 0, 1_500_000), 1_500_000_000);
        assert_eq!(stamp(9, 0, 7), 7);
        assert_eq!(stamp(0, -1, 3), 2_000_000_000);
        assert_eq!(stamp(0x80 | 10, 0, 512), 500_000_000);
        assert_eq!(stamp(127, 0, u64::MAX), 0);
    }
}
