//! Capture files: classic pcap and pcapng, read in one pass with borrowed frames.
//!
//! File headers, records and the bodies of blocks are parsed by the `pcap-file` crate. Ours are the buffer, the lengths
//! that bound it, the byte offset of each error, time stamps, and what version 2.0.0 of that crate gets wrong, which is
//! named where it is handled. Two parts of pcapng do not pass through it at all: the frame of a block (type and lengths)
//! and its options, of which it refuses lawful ones.

mod clock;
mod input;
mod pcap;
mod pcapng;

use std::io::Read;

use pcap_file::PcapError;
use twin::{Diagnostic, InputError, Place, WallTime};

use input::Input;

/// The longest packet that a record may claim to hold, in bytes (libpcap's and Wireshark's limit). A longer claim is
/// damage, not data.
pub const MAX_PACKET: u32 = 262_144;

/// The link-layer header type of a frame, as numbered at <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

/// One captured frame, borrowed from the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it was captured; simple packet blocks of pcapng carry no time.
    pub at: Option<WallTime>,
    /// Its interface, counted from 0 within its section (always 0 in classic pcap).
    pub interface: u32,
    /// How its first bytes are to be read.
    pub link_type: LinkType,
    /// Its length on the wire in bytes; more than `data` holds when the capture cut it.
    pub wire_len: u32,
    /// The bytes captured.
    pub data: &'a [u8],
}

/// An interface that a capture describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name at the time of capture, where the file says it.
    pub name: Option<String>,
    /// How its frames begin.
    pub link_type: LinkType,
}

/// The two file formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Classic pcap, of any byte order and resolution.
    Pcap,
    /// pcapng (draft-ietf-opsawg-pcapng).
    Pcapng,
}

impl Format {
    /// The format that a file's first four bytes announce.
    pub fn of_magic(magic: [u8; 4]) -> Option<Self> {
        if magic == pcapng::MAGIC {
            return Some(Self::Pcapng);
        }
        pcap::is_magic(magic).then_some(Self::Pcap)
    }

    /// Its usual suffix.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::Pcapng => "pcapng",
        }
    }
}

/// A capture being read.
///
/// Frames come in file order, and all that stand before a damage are delivered before the error that names it.
pub struct Capture<R> {
    name: String,
    input: Input<R>,
    reader: Reader,
    ended: bool,
    diagnostics: Vec<Diagnostic>,
}

enum Reader {
    Pcap(pcap::Pcap),
    Pcapng(pcapng::Pcapng),
}

impl<R: Read> Capture<R> {
    /// Begins to read a capture that messages call `name`. The format is told by the content.
    ///
    /// # Errors
    /// An empty input, one that begins like no capture, and one that ends within its file header.
    pub fn new(name: &str, reader: R) -> Result<Self, InputError> {
        let mut input = Input::new(name, reader);
        if !input.require(4)? {
            let found =
                if input.available() == 0 { "an empty file" } else { "a file shorter than any capture" };
            return Err(InputError::new(name, Place::Whole, found, "a pcap or pcapng capture"));
        }
        let magic: [u8; 4] = input.peek(4).try_into().expect("four bytes were asked for");
        let reader = match Format::of_magic(magic) {
            Some(Format::Pcap) => Reader::Pcap(pcap::Pcap::begin(&mut input)?),
            Some(Format::Pcapng) => Reader::Pcapng(pcapng::Pcapng::begin(&mut input)?),
            None => return Err(not_a_capture(name, magic)),
        };
        Ok(Self { name: name.to_owned(), input, reader, ended: false, diagnostics: Vec::new() })
    }

    /// The name under which messages speak of it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The format that its content has.
    pub fn format(&self) -> Format {
        match self.reader {
            Reader::Pcap(_) => Format::Pcap,
            Reader::Pcapng(_) => Format::Pcapng,
        }
    }

    /// The next frame, or `None` at the end. The bytes are valid until the next call.
    ///
    /// # Errors
    /// The damage that ends the capture, with its byte offset. Later calls give `None`.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, InputError> {
        if self.ended {
            return Ok(None);
        }
        let next = match &mut self.reader {
            Reader::Pcap(pcap) => pcap.next(&mut self.input),
            Reader::Pcapng(pcapng) => pcapng.next(&mut self.input, &mut self.diagnostics),
        };
        match next {
            Ok(Some(record)) => Ok(Some(Frame {
                at: record.at,
                interface: record.interface,
                link_type: record.link_type,
                wire_len: record.wire_len,
                data: self.input.bytes(record.data),
            })),
            Ok(None) => {
                self.ended = true;
                Ok(None)
            }
            Err(error) => {
                self.ended = true;
                Err(error)
            }
        }
    }

    /// Calls `visit` for each frame; returns the damage, if there was one, after all frames before it.
    ///
    /// # Errors
    /// As [`Capture::next_frame`].
    pub fn for_each(&mut self, mut visit: impl FnMut(Frame<'_>)) -> Result<(), InputError> {
        while let Some(frame) = self.next_frame()? {
            visit(frame);
        }
        Ok(())
    }

    /// The interfaces described so far in this section, by number; classic pcap describes one without a name.
    pub fn interfaces(&self) -> &[Interface] {
        match &self.reader {
            Reader::Pcap(pcap) => pcap.interfaces(),
            Reader::Pcapng(pcapng) => pcapng.interfaces(),
        }
    }

    /// Oddities met so far.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

/// A frame whose bytes are still named by their place in the input buffer.
struct Record {
    at: Option<WallTime>,
    interface: u32,
    link_type: LinkType,
    wire_len: u32,
    data: std::ops::Range<usize>,
}

/// The parser's refusal of bytes that passed our own checks.
fn refused<R>(input: &Input<R>, error: &PcapError, expected: &str) -> InputError {
    input.error(0, error.to_string(), expected)
}

fn not_a_capture(name: &str, magic: [u8; 4]) -> InputError {
    let known = match magic {
        [0x1f, 0x8b, ..] => "gzip-compressed content",
        [0x28, 0xb5, 0x2f, 0xfd] => "zstd-compressed content",
        [b'<', ..] => "markup",
        [b'{' | b'[', ..] => "JSON",
        [b'P', b'A', b'R', b'1'] => "Parquet",
        _ => "",
    };
    let [a, b, c, d] = magic;
    let what = if known.is_empty() {
        format!("unknown magic number {a:02x}{b:02x}{c:02x}{d:02x}")
    } else {
        known.to_owned()
    };
    InputError::new(name, Place::Offset(0), what, "a pcap or pcapng capture")
}
