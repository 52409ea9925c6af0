//! One record, and its form in bytes.

use twin::WallTime;

/// The most bytes that a record can hold; a length beyond is damage.
pub const MAX_BYTES: usize = 64 << 20;

/// The bytes of a record before those that were received: stamp, source, kind.
const FIXED: usize = 8 + 2 + 1;

/// Something that happened, with the stamp of its arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it arrived, by the clock of the machine that follows.
    pub at: WallTime,
    /// Which source, by its number in the last [`Kind::Sources`] record; 0 where none is meant.
    pub source: u16,
    /// What kind of thing.
    pub kind: Kind,
    /// What was received, in the form of the source.
    pub bytes: Vec<u8>,
}

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A session begins; its sources, as JSON. Sources are numbered by their place in the list.
    Sources,
    /// Bytes that a source received.
    Data,
    /// What became of a source or of a reading, as JSON ([`crate::follow::Mark`]).
    Mark,
    /// Everything that had arrived has been taken: now see what has changed.
    Tick,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Sources, Kind::Data, Kind::Mark, Kind::Tick];

    fn code(self) -> u8 {
        self as u8
    }
    fn of(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

impl Record {
    /// Length (4 bytes), checksum (CRC-32, 4 bytes), stamp (8), source (2), kind (1), all little-endian; then the bytes.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend(u32::try_from(FIXED + self.bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.at.as_ns().to_le_bytes());
        out.extend(self.source.to_le_bytes());
        out.push(self.kind.code());
        out.extend_from_slice(&self.bytes);
        let sum = crc32fast::hash(&out[start + 8..]);
        out[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
    }

    /// How long the body is, and its checksum; `None` for a length that no record has.
    pub(super) fn lengths(head: [u8; 8]) -> Option<(usize, u32)> {
        let [a, b, c, d, e, f, g, h] = head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        (FIXED..=FIXED + MAX_BYTES).contains(&length).then_some((length, u32::from_le_bytes([e, f, g, h])))
    }

    /// A record from its body; `None` if it is not what the checksum says or of no known kind.
    pub(super) fn decode(body: &[u8], sum: u32) -> Option<Self> {
        if crc32fast::hash(body) != sum {
            return None;
        }
        let (at, rest) = body.split_first_chunk::<8>()?;
        let (source, rest) = rest.split_first_chunk::<2>()?;
        let (kind, bytes) = rest.split_first()?;
        Some(Self {
            at: WallTime::from_ns(i64::from_le_bytes(*at)),
            source: u16::from_le_bytes(*source),
            kind: Kind::of(*kind)?,
            bytes: bytes.to_vec(),
        })
    }
}
