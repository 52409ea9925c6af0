//! The near buckets: one tick wide each.

use super::lists::{List, Lists};
use crate::Event;

/// At most 64 × 64 buckets, so that two bitmaps find the first that holds something.
pub(super) const MAX_BITS: u32 = 12;

/// Events of a chunk: most buckets hold no more when they are opened.
pub(super) const CHUNK: usize = 8;

/// The buckets of the ticks that lie closest, each a list.
#[derive(Clone, Debug)]
pub(super) struct Near {
    buckets: Vec<List>,
    /// Which buckets hold something.
    bits: Vec<u64>,
    /// Which words of `bits` are not zero.
    words: u64,
    pub(super) lists: Lists<CHUNK>,
}

impl Near {
    /// No buckets, no memory.
    pub(super) fn new() -> Self {
        Self { buckets: Vec::new(), bits: Vec::new(), words: 0, lists: Lists::new() }
    }

    /// Makes it so many empty buckets; all lists must have been detached.
    pub(super) fn resize(&mut self, buckets: usize) {
        debug_assert_eq!(self.words, 0, "detached");
        self.buckets.clear();
        self.buckets.resize(buckets, List::EMPTY);
        self.bits.clear();
        self.bits.resize(buckets.div_ceil(64), 0);
    }

    #[inline(always)]
    pub(super) fn push(&mut self, bucket: usize, event: Event) {
        self.lists.push(&mut self.buckets[bucket], event);
        self.bits[bucket / 64] |= 1 << (bucket % 64);
        self.words |= 1 << (bucket / 64);
    }

    /// The first bucket that holds something.
    #[inline]
    pub(super) fn first(&self) -> Option<usize> {
        if self.words == 0 {
            return None;
        }
        let word = self.words.trailing_zeros() as usize;
        Some(word * 64 + self.bits[word].trailing_zeros() as usize)
    }

    /// Takes the list of a bucket out.
    #[inline]
    pub(super) fn detach(&mut self, bucket: usize) -> List {
        let word = &mut self.bits[bucket / 64];
        *word &= !(1 << (bucket % 64));
        self.words &= !(u64::from(*word == 0) << (bucket / 64));
        std::mem::replace(&mut self.buckets[bucket], List::EMPTY)
    }

    /// All events.
    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.buckets.iter().flat_map(|list| self.lists.events(*list))
    }
}
