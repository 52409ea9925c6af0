//! Unordered lists of events, in chunks from one pool.

use twin::SimTime;

use crate::{Event, EventKey, EventKind};

const NONE: u32 = u32::MAX;

/// A list: full chunks, but for the first. It means nothing without its pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    first: u32,
    len: u32,
}

impl List {
    pub(super) const EMPTY: Self = Self { first: NONE, len: 0 };

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }
}

/// `N` events side by side, from the start of a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Chunk<const N: usize>([Event; N]);

/// The pool. Chunks that were emptied are used again, the last one first, since it is still in the cache.
#[derive(Clone, Debug)]
pub(super) struct Lists<const N: usize> {
    chunks: Vec<Chunk<N>>,
    /// The next chunk of the same list, or the next free one.
    next: Vec<u32>,
    free: u32,
}

impl<const N: usize> Lists<N> {
    pub(super) fn new() -> Self {
        Self { chunks: Vec::new(), next: Vec::new(), free: NONE }
    }

    /// Adds an event to a list.
    #[inline(always)]
    pub(super) fn push(&mut self, list: &mut List, event: Event) {
        let at = list.len as usize % N;
        list.len += 1;
        if at == 0 {
            self.add_chunk(list);
        }
        self.chunks[list.first as usize].0[at] = event;
    }

    #[inline(always)]
    fn add_chunk(&mut self, list: &mut List) {
        if self.free == NONE {
            self.grow();
        }
        let chunk = self.free;
        self.free = std::mem::replace(&mut self.next[chunk as usize], list.first);
        list.first = chunk;
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        assert!(self.chunks.len() < NONE as usize / N, "2^32 events are pending");
        self.free = self.chunks.len() as u32;
        let kind = EventKind::Timer { tag: 0, token: 0 };
        let nothing = Event { at: SimTime::ZERO, key: EventKey::default(), to: 0, kind };
        self.chunks.push(Chunk([nothing; N]));
        self.next.push(NONE);
    }

    /// Frees the first chunk of a list and shows its events, and how many of them count: the rest is left from before.
    #[inline]
    pub(super) fn pop_chunk(&mut self, list: &mut List) -> Option<(&[Event; N], usize)> {
        let List { first, len } = *list;
        if len == 0 {
            return None;
        }
        let count = (len as usize - 1) % N + 1;
        list.len = len - count as u32;
        list.first = std::mem::replace(&mut self.next[first as usize], self.free);
        self.free = first;
        Some((&self.chunks[first as usize].0, count))
    }

    /// Shows the events of a list.
    pub(super) fn events(&self, list: List) -> impl Iterator<Item = &Event> {
        let (mut chunk, mut left) = (list.first, list.len());
        std::iter::from_fn(move || {
            let count = left.checked_sub(1)? % N + 1;
            let events = &self.chunks[chunk as usize].0[..count];
            (chunk, left) = (self.next[chunk as usize], left - count);
            Some(events)
        })
        .flatten()
    }

    /// Makes room for so many chunks in all.
    pub(super) fn reserve(&mut self, chunks: usize) {
        let more = chunks.saturating_sub(self.chunks.len());
        self.chunks.reserve(more);
        self.next.reserve(more);
    }

    /// So many events would have room in the chunks that were ever used.
    pub(super) fn room(&self) -> usize {
        self.chunks.len() * N
    }

    /// Forgets all lists, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.chunks.clear();
        self.next.clear();
        self.free = NONE;
    }
}
