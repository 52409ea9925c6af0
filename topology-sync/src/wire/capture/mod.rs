//! Capture files: classic pcap and pcapng, as frames in file order.
//!
//! Every claim of a length is checked against what the file holds before anything is believed, so that a damage is one
//! error with its byte offset, after all frames that stand before it.

mod pcap;
mod pcapng;

use twin::{InputError, Place, WallTime};

/// The longest packet that a record may claim, in bytes (libpcap's limit): a longer claim is damage.
const MAX_PACKET: usize = 262_144;

/// One captured frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When; the epoch where the file does not say (simple packet blocks).
    pub at: WallTime,
    /// Its interface by number, where the file tells interfaces apart.
    pub interface: Option<u32>,
    /// Link-layer header type (<https://www.tcpdump.org/linktypes.html>).
    pub link_type: u16,
    /// The captured bytes.
    pub data: &'a [u8],
}

/// Calls `visit` for each frame.
///
/// # Errors
/// What is no capture, and the damage that ends one; the frames before it were visited.
pub fn read<'a>(name: &'a str, bytes: &'a [u8], visit: impl FnMut(Record<'a>)) -> Result<(), InputError> {
    let file = File { name, bytes };
    match bytes.first_chunk::<4>() {
        Some(magic) if *magic == pcapng::MAGIC => pcapng::read(file, visit),
        Some(magic) if pcap::is_magic(*magic) => pcap::read(file, visit),
        Some(_) => Err(file.error(0, "unknown magic number", "a pcap or pcapng capture")),
        None => Err(InputError::new(
            name,
            Place::Whole,
            "a file shorter than any capture",
            "a pcap or pcapng capture",
        )),
    }
}

/// A file in memory with the name that messages use.
#[derive(Clone, Copy)]
struct File<'a> {
    name: &'a str,
    bytes: &'a [u8],
}

impl<'a> File<'a> {
    /// `n` bytes from an offset.
    fn get(self, at: usize, n: usize, what: &str) -> Result<&'a [u8], InputError> {
        let whole = at.checked_add(n).and_then(|end| self.bytes.get(at..end));
        whole.ok_or_else(|| {
            let have = self.bytes.len().saturating_sub(at);
            self.error(
                self.bytes.len(),
                &format!("the file ends within {what} ({have} of {n} bytes)"),
                "all of it",
            )
        })
    }

    fn error(self, at: usize, what: &str, expected: &str) -> InputError {
        InputError::new(self.name, Place::Offset(at as u64), what, expected)
    }
}

/// Byte order of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

impl Order {
    /// The number in the first two bytes, which the caller knows to be there.
    fn u16(self, bytes: &[u8]) -> u16 {
        let pair = [bytes[0], bytes[1]];
        match self {
            Self::Big => u16::from_be_bytes(pair),
            Self::Little => u16::from_le_bytes(pair),
        }
    }
    /// The number in the first four bytes, which the caller knows to be there.
    fn u32(self, bytes: &[u8]) -> u32 {
        let four = [bytes[0], bytes[1], bytes[2], bytes[3]];
        match self {
            Self::Big => u32::from_be_bytes(four),
            Self::Little => u32::from_le_bytes(four),
        }
    }
}
