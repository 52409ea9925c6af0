//! The far buckets: levels of 256, each bucket as wide as all of the level below.

use super::lists::{List, Lists};
use crate::Event;

/// Each level divides a bucket of the level above into 2^8.
pub(super) const LEVEL_BITS: u32 = 8;
const BUCKETS: usize = 1 << LEVEL_BITS;

/// Events of a chunk: enough for the memory to be read in long stretches.
pub(super) const CHUNK: usize = 32;

#[derive(Clone, Debug)]
struct Level {
    /// Which buckets hold something.
    bits: [u64; BUCKETS / 64],
    buckets: [List; BUCKETS],
}

/// The levels, lowest first; those above the highest ever used are not there.
#[derive(Clone, Debug)]
pub(super) struct Far {
    levels: Vec<Level>,
    /// Which levels hold something.
    occupied: u32,
    pub(super) lists: Lists<CHUNK>,
}

/// A bucket's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) level: u32,
    pub(super) bucket: usize,
}

impl Far {
    /// No levels, no memory.
    pub(super) fn new() -> Self {
        Self { levels: Vec::new(), occupied: 0, lists: Lists::new() }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, place: Place, event: Event) {
        let Place { level, bucket } = place;
        if level as usize >= self.levels.len() {
            self.add_levels(level);
        }
        let Level { bits, buckets } = &mut self.levels[level as usize];
        self.lists.push(&mut buckets[bucket], event);
        bits[bucket / 64] |= 1 << (bucket % 64);
        self.occupied |= 1 << level;
    }

    #[cold]
    #[inline(never)]
    fn add_levels(&mut self, highest: u32) {
        let empty = Level { bits: [0; BUCKETS / 64], buckets: [List::EMPTY; BUCKETS] };
        self.levels.resize(highest as usize + 1, empty);
    }

    /// The first bucket that holds something, and how much.
    #[inline]
    pub(super) fn first(&self) -> Option<(Place, usize)> {
        if self.occupied == 0 {
            return None;
        }
        let level = self.occupied.trailing_zeros();
        let Level { bits, buckets } = &self.levels[level as usize];
        let word = bits.iter().position(|w| *w != 0)?;
        let bucket = word * 64 + bits[word].trailing_zeros() as usize;
        Some((Place { level, bucket }, buckets[bucket].len()))
    }

    /// Takes the list of a bucket out.
    pub(super) fn detach(&mut self, place: Place) -> List {
        let level = &mut self.levels[place.level as usize];
        level.bits[place.bucket / 64] &= !(1 << (place.bucket % 64));
        if level.bits == [0; BUCKETS / 64] {
            self.occupied &= !(1 << place.level);
        }
        std::mem::replace(&mut level.buckets[place.bucket], List::EMPTY)
    }

    /// All events.
    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.levels.iter().flat_map(|l| &l.buckets).flat_map(|list| self.lists.events(*list))
    }
}
