//! A packet under way.

use engine::EventKey;
use twin::SimTime;

/// What a hop reads and writes of a packet: 24 bytes, of which a half-link's ring holds one for each packet on it. What
/// no queue asks for (endpoints, entropy, headers) stays where the packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flight {
    /// On a half-link: when its last bit leaves the queue. At a node: when it came there.
    pub(crate) at: SimTime,
    /// Dense number of its flow.
    pub(crate) flow: u32,
    /// Position in its flow, from 0.
    pub(crate) sequence: u32,
    /// Where the rest of it stands: an index into the workload's packets.
    pub(crate) packet: u32,
    /// Size on the wire in bytes (20 bits), half-links crossed so far (8 bits).
    word: u32,
}

const _: () = assert!(size_of::<Flight>() == 24, "rings are the memory of a run");

const SIZE_BITS: u32 = 20;

/// The largest packet in bytes: 1 MiB less one.
pub(crate) const SIZE_MAX: u32 = (1 << SIZE_BITS) - 1;

impl Flight {
    /// A packet at its source; its size is at most [`SIZE_MAX`].
    pub(crate) fn new(at: SimTime, flow: u32, sequence: u32, packet: u32, size: u32) -> Self {
        debug_assert!(size <= SIZE_MAX);
        Self { at, flow, sequence, packet, word: size }
    }

    /// The same at another instant.
    #[inline]
    pub(crate) fn at(self, at: SimTime) -> Self {
        Self { at, ..self }
    }

    #[inline]
    pub(crate) fn size(&self) -> u32 {
        self.word & SIZE_MAX
    }

    #[inline]
    pub(crate) fn hops(&self) -> u8 {
        (self.word >> SIZE_BITS) as u8
    }

    /// Counts a half-link. A packet's time to live ends before the count does.
    #[inline]
    pub(crate) fn crossed(self) -> Self {
        Self { word: self.word + (1 << SIZE_BITS), ..self }
    }

    /// Its place among all arrivals of a run: by time, then flow, then position.
    #[inline]
    pub(crate) fn order(&self) -> u128 {
        u128::from(self.at.as_ps()) << 64 | u128::from(self.flow) << 32 | u128::from(self.sequence)
    }

    /// Its place among the events of one instant.
    #[inline]
    pub(crate) fn key(&self) -> EventKey {
        EventKey::of_flow(self.flow, self.sequence)
    }
}
