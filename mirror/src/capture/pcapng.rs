//! pcapng (draft-ietf-opsawg-pcapng): blocks of `type, total length, body, total length again`.

use std::io::Read;

use twin::{Diagnostic, InputError, WallTime};

use super::input::Input;
use super::{ByteOrder, Interface, LinkType, MAX_PACKET, Record};

/// The type of a section header block, the same in both byte orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

/// A longer block is damage: no block that is in use comes near.
const MAX_BLOCK: usize = 16 << 20;
/// Type and length before the body.
const HEAD: usize = 8;
/// The length repeated after the body.
const TAIL: usize = 4;

pub(super) struct Pcapng {
    order: ByteOrder,
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
        while let Some((kind, len)) = self.block(input)? {
            match kind {
                SECTION_HEADER => self.begin_section(input, len)?,
                INTERFACE_DESCRIPTION => self.describe_interface(input, len)?,
                ENHANCED_PACKET => return self.enhanced_packet(input, len).map(Some),
                OLD_PACKET => return self.old_packet(input, len).map(Some),
                SIMPLE_PACKET => return self.simple_packet(input, len).map(Some),
                _ => {
                    Diagnostic::count(diagnostics, "pcapng-block-skipped", || {
                        format!("pcapng blocks without packets were skipped, the first of type {kind:#x}")
                    });
                    input.take(len);
                }
            }
        }
        Ok(None)
    }

    /// Makes the next block available as a whole and checks its two lengths: its type and its length with padding.
    fn block<R: Read>(&mut self, input: &mut Input<R>) -> Result<Option<(u32, usize)>, InputError> {
        if !input.require(HEAD + TAIL)? {
            return match input.available() {
                0 => Ok(None),
                have => Err(input.error(have, "the file ends within a block header", "a whole block")),
            };
        }
        let kind = self.order.u32(input.peek(HEAD), 0);
        if kind == SECTION_HEADER {
            // A new section may change the byte order, and the length after the type is in the new one.
            self.order = section_order(input)?;
        }
        let total = self.order.u32(input.peek(HEAD), 4) as usize;
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
        let again = self.order.u32(input.peek(padded), padded - TAIL) as usize;
        if again != total {
            return Err(input.error(
                padded - TAIL,
                format!("a block of {total} bytes that ends with the length {again}"),
                "the same length at both ends",
            ));
        }
        Ok(Some((kind, padded)))
    }

    fn begin_section<R: Read>(&mut self, input: &mut Input<R>, len: usize) -> Result<(), InputError> {
        let block = input.peek(len);
        if len < 28 {
            return Err(input.error(4, format!("a section header of {len} bytes"), "at least 28 bytes"));
        }
        let major = self.order.u16(block, 12);
        if major != 1 {
            return Err(input.error(12, format!("pcapng version {major}"), "version 1"));
        }
        self.interfaces.clear();
        self.readings.clear();
        input.take(len);
        Ok(())
    }

    fn describe_interface<R: Read>(&mut self, input: &mut Input<R>, len: usize) -> Result<(), InputError> {
        if len < 20 {
            return Err(input.error(4, format!("an interface block of {len} bytes"), "at least 20 bytes"));
        }
        let block = input.peek(len);
        let link_type = LinkType(self.order.u16(block, 8));
        let (mut clock, mut name) = (Clock::default(), None);
        for (code, value) in Options::new(self.order, &block[16..len - TAIL]) {
            match (code, value.len()) {
                (IF_NAME, _) => name = Some(text(value)),
                (IF_TSRESOL, 1..) => clock.resolution = value[0],
                (IF_TSOFFSET, 8..) => clock.offset_s = self.order.u64(value, 0) as i64,
                _ => {}
            }
        }
        self.readings.push(Reading { link_type, snap_len: self.order.u32(block, 12), clock });
        self.interfaces.push(Interface { name, link_type });
        input.take(len);
        Ok(())
    }

    fn enhanced_packet<R: Read>(&self, input: &mut Input<R>, len: usize) -> Result<Record, InputError> {
        check_body(input, len, 32)?;
        let interface = self.order.u32(input.peek(len), 8);
        self.timed_packet(input, len, interface)
    }

    fn old_packet<R: Read>(&self, input: &mut Input<R>, len: usize) -> Result<Record, InputError> {
        check_body(input, len, 32)?;
        let interface = u32::from(self.order.u16(input.peek(len), 8));
        self.timed_packet(input, len, interface)
    }

    /// Enhanced and old packet blocks agree from byte 12 on: time, two lengths, data.
    fn timed_packet<R: Read>(
        &self,
        input: &mut Input<R>,
        len: usize,
        interface: u32,
    ) -> Result<Record, InputError> {
        let block = input.peek(len);
        let described = self.interface(input, interface)?;
        let (high, low) = (self.order.u32(block, 12), self.order.u32(block, 16));
        let (captured, wire_len) = (self.order.u32(block, 20), self.order.u32(block, 24));
        let at = described.clock.stamp(u64::from(high) << 32 | u64::from(low));
        let room = len - 28 - TAIL;
        if captured > MAX_PACKET || captured as usize > room {
            let expected = format!("at most {room} bytes in this block");
            return Err(input.error(20, format!("a packet of {captured} bytes"), &expected));
        }
        let start = input.take(len).start + 28;
        Ok(Record {
            at: Some(at),
            interface,
            link_type: described.link_type,
            wire_len,
            data: start..start + captured as usize,
        })
    }

    /// A simple packet belongs to interface 0, has no time, and its captured length follows from the snap length.
    fn simple_packet<R: Read>(&self, input: &mut Input<R>, len: usize) -> Result<Record, InputError> {
        check_body(input, len, 16)?;
        let described = self.interface(input, 0)?;
        let wire_len = self.order.u32(input.peek(len), 8);
        let snap_len = if described.snap_len == 0 { u32::MAX } else { described.snap_len };
        let captured = wire_len.min(snap_len);
        let room = len - 12 - TAIL;
        if captured > MAX_PACKET || captured as usize > room {
            let expected = format!("at most {room} bytes in this block");
            return Err(input.error(8, format!("a packet of {captured} bytes"), &expected));
        }
        let start = input.take(len).start + 12;
        let data = start..start + captured as usize;
        Ok(Record { at: None, interface: 0, link_type: described.link_type, wire_len, data })
    }

    fn interface<R>(&self, input: &Input<R>, interface: u32) -> Result<&Reading, InputError> {
        self.readings.get(interface as usize).ok_or_else(|| {
            let described = self.readings.len();
            input.error(
                8,
                format!("a packet of interface {interface}"),
                &format!("one of the {described} interfaces described before it in this section"),
            )
        })
    }
}

/// UTF-8 that some writers end with a zero byte.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()
}

fn check_body<R>(input: &Input<R>, len: usize, least: usize) -> Result<(), InputError> {
    if len >= least {
        return Ok(());
    }
    Err(input.error(4, format!("a packet block of {len} bytes"), &format!("at least {least} bytes")))
}

/// The byte order that the section header at the front of the input announces.
fn section_order<R: Read>(input: &mut Input<R>) -> Result<ByteOrder, InputError> {
    if !input.require(12)? {
        let have = input.available();
        return Err(input.error(have, "the file ends within a section header", "a whole block"));
    }
    let magic: [u8; 4] = input.peek(12)[8..].try_into().expect("four bytes");
    match (u32::from_be_bytes(magic), u32::from_le_bytes(magic)) {
        (BYTE_ORDER_MAGIC, _) => Ok(ByteOrder::Big),
        (_, BYTE_ORDER_MAGIC) => Ok(ByteOrder::Little),
        (other, _) => {
            Err(input.error(8, format!("byte-order magic {other:08x}"), "1a2b3c4d in either byte order"))
        }
    }
}

/// How an interface counts time.
#[derive(Clone, Copy)]
struct Clock {
    /// `if_tsresol`: ticks per second are 10^n, or 2^n when the top bit is set.
    resolution: u8,
    /// `if_tsoffset`, in seconds.
    offset_s: i64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { resolution: 6, offset_s: 0 }
    }
}

impl Clock {
    /// The wall-clock time of a tick count, rounded down to a nanosecond and saturating.
    fn stamp(self, ticks: u64) -> WallTime {
        let exponent = u32::from(self.resolution & 0x7f);
        let ticks = u128::from(ticks);
        let ns = if self.resolution & 0x80 != 0 {
            (ticks * 1_000_000_000).checked_shr(exponent).unwrap_or(0)
        } else if exponent <= 9 {
            ticks * 10_u128.pow(9 - exponent)
        } else {
            10_u128.checked_pow(exponent - 9).map_or(0, |divisor| ticks / divisor)
        };
        let offset = i128::from(self.offset_s) * 1_000_000_000;
        let ns = i128::try_from(ns).unwrap_or(i128::MAX).saturating_add(offset);
        WallTime::from_ns(ns.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }
}

/// The options of a block: code and value, up to the end marker or the first that does not fit.
struct Options<'a> {
    order: ByteOrder,
    rest: &'a [u8],
}

impl<'a> Options<'a> {
    fn new(order: ByteOrder, rest: &'a [u8]) -> Self {
        Self { order, rest }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.len() < 4 {
            return None;
        }
        let (code, len) = (self.order.u16(self.rest, 0), usize::from(self.order.u16(self.rest, 2)));
        let value = self.rest.get(4..4 + len)?;
        self.rest = self.rest.get(4 + len.next_multiple_of(4)..).unwrap_or(&[]);
        (code != 0).then_some((code, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_counts_in_powers_of_ten_or_two_from_its_offset() {
        let stamp = |resolution, offset_s, ticks| Clock { resolution, offset_s }.stamp(ticks).as_ns();
        assert_eq!(stamp(6, 0, 1_500_000), 1_500_000_000);
        assert_eq!(stamp(9, 0, 7), 7);
        assert_eq!(stamp(12, 0, 7_999), 7);
        assert_eq!(stamp(0, -1, 3), 2_000_000_000);
        assert_eq!(stamp(0x80 | 10, 0, 512), 500_000_000);
        assert_eq!(stamp(0xff, 0, u64::MAX), 0);
        assert_eq!(stamp(127, 0, u64::MAX), 0);
        assert_eq!(stamp(0, 0, u64::MAX), i64::MAX);
    }
}
