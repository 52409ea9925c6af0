//! The waiting events, in buckets of time.

use super::far::{self, Far, LEVEL_BITS, Place};
use super::lists::List;
use super::near::{self, Near};
use super::run::Run;
use crate::Event;

/// Buckets of one tick for what is near, and of ever larger powers of ticks for what is far. An event's place follows
/// from the highest bit in which its tick differs from the current one; it moves down when that bit is reached, so at
/// most seven times.
#[derive(Debug)]
pub(super) struct Wheel {
    /// A tick is 2^shift ps.
    shift: u32,
    /// 2^bits ticks are near.
    bits: u32,
    /// No waiting event has an earlier tick.
    tick: u64,
    len: usize,
    near: Near,
    far: Far,
    /// Lists on their way to another bucket, while it is tuned.
    moving: (Vec<List>, Vec<List>),
}

/// The bucket that comes next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    /// A near bucket.
    Near(usize),
    /// A far bucket and the number of its events.
    Far(Place, usize),
}

impl Wheel {
    /// An empty wheel, which has no buckets before [`tune`](Self::tune).
    pub(super) fn new() -> Self {
        Self {
            shift: 0,
            bits: 0,
            tick: 0,
            len: 0,
            near: Near::new(),
            far: Far::new(),
            moving: (Vec::new(), Vec::new()),
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn shift(&self) -> u32 {
        self.shift
    }

    pub(super) fn bits(&self) -> u32 {
        self.bits
    }

    #[inline]
    pub(super) fn tick(&self) -> u64 {
        self.tick
    }

    /// Sets the current tick, up to which nothing waits.
    #[inline]
    pub(super) fn set_tick(&mut self, tick: u64) {
        self.tick = tick;
    }

    #[inline]
    pub(super) fn tick_of(&self, ps: u64) -> u64 {
        ps >> self.shift
    }

    /// The last instant of a tick, ps.
    #[inline]
    pub(super) fn end_of(&self, tick: u64) -> u64 {
        tick << self.shift | ((1 << self.shift) - 1)
    }

    /// Takes an event in. Its tick is the current one or later.
    #[inline(always)]
    pub(super) fn push(&mut self, event: Event) {
        self.len += 1;
        self.place(event);
    }

    #[inline(always)]
    fn place(&mut self, event: Event) {
        let tick = event.at.as_ps() >> self.shift;
        let apart = (tick ^ self.tick) >> self.bits;
        if apart == 0 {
            self.near.push((tick & ((1 << self.bits) - 1)) as usize, event);
        } else {
            let level = apart.ilog2() / LEVEL_BITS;
            let bucket = (tick >> (self.bits + level * LEVEL_BITS)) as usize % (1 << LEVEL_BITS);
            self.far.push(Place { level, bucket }, event);
        }
    }

    /// The bucket that holds the earliest events, and its first tick.
    #[inline]
    pub(super) fn next(&self) -> Option<(Next, u64)> {
        if let Some(bucket) = self.near.first() {
            return Some((Next::Near(bucket), self.tick >> self.bits << self.bits | bucket as u64));
        }
        let (place, len) = self.far.first()?;
        let width = self.bits + place.level * LEVEL_BITS;
        let above = self.tick.checked_shr(width + LEVEL_BITS).unwrap_or(0) << LEVEL_BITS;
        Some((Next::Far(place, len), (above | place.bucket as u64) << width))
    }

    /// Moves the events of a near bucket into the empty run: in order if they are at most [`near::CHUNK`].
    #[inline]
    pub(super) fn open_near(&mut self, bucket: usize, run: &mut Run) -> usize {
        let mut list = self.near.detach(bucket);
        let total = list.len();
        self.len -= total;
        while let Some((events, count)) = self.near.lists.pop_chunk(&mut list) {
            if count == total {
                run.fill(events, count, self.shift);
                break;
            }
            run.append(&events[..count]);
        }
        total
    }

    /// Moves the events of a far bucket to the end of the run; the current tick becomes the bucket's last one.
    pub(super) fn open_far(&mut self, place: Place, first_tick: u64, run: &mut Run) {
        self.tick = first_tick | ((1 << (self.bits + place.level * LEVEL_BITS)) - 1);
        let mut list = self.far.detach(place);
        self.len -= list.len();
        while let Some((events, count)) = self.far.lists.pop_chunk(&mut list) {
            run.append(&events[..count]);
        }
    }

    /// Divides a far bucket among those below it; the current tick becomes the bucket's first one.
    pub(super) fn divide(&mut self, place: Place, first_tick: u64) {
        self.tick = first_tick;
        let mut list = self.far.detach(place);
        if place.level > 0 {
            return self.place_far(list);
        }
        while let Some((events, count)) = self.far.lists.pop_chunk(&mut list) {
            for event in &events[..count] {
                let tick = event.at.as_ps() >> self.shift;
                self.near.push((tick & ((1 << self.bits) - 1)) as usize, *event);
            }
        }
    }

    fn place_far(&mut self, mut list: List) {
        while let Some((events, count)) = self.far.lists.pop_chunk(&mut list) {
            let events = *events;
            events[..count].iter().for_each(|e| self.place(*e));
        }
    }

    fn place_near(&mut self, mut list: List) {
        while let Some((events, count)) = self.near.lists.pop_chunk(&mut list) {
            let events = *events;
            events[..count].iter().for_each(|e| self.place(*e));
        }
    }

    /// Moves everything to the end of the run. The memory is kept for the next time; a clone does not take it along.
    pub(super) fn empty_into(&mut self, run: &mut Run) {
        while let Some((next, _)) = self.next() {
            match next {
                Next::Near(bucket) => {
                    let mut list = self.near.detach(bucket);
                    while let Some((events, count)) = self.near.lists.pop_chunk(&mut list) {
                        run.append(&events[..count]);
                    }
                }
                Next::Far(place, _) => self.open_far(place, 0, run),
            }
        }
        self.near.resize(0);
        self.near.lists.clear();
        self.far.lists.clear();
        self.len = 0;
    }

    /// Changes the width of a tick and the number of near buckets, and makes room for `pending` events; `now` is no
    /// later than any of them. Cost O(pending); allocates only beyond the largest number so far.
    pub(super) fn tune(&mut self, shift: u32, bits: u32, now: u64, pending: usize) {
        debug_assert!(bits <= near::MAX_BITS && shift <= 60);
        let (mut from_near, mut from_far) = std::mem::take(&mut self.moving);
        while let Some(bucket) = self.near.first() {
            from_near.push(self.near.detach(bucket));
        }
        while let Some((place, _)) = self.far.first() {
            from_far.push(self.far.detach(place));
        }
        self.shift = shift;
        self.bits = bits;
        self.tick = now >> shift;
        self.near.resize(1 << bits);
        self.reserve(pending);
        from_near.drain(..).for_each(|list| self.place_near(list));
        from_far.drain(..).for_each(|list| self.place_far(list));
        self.moving = (from_near, from_far);
    }

    /// So many events would have room in what was ever used.
    pub(super) fn room(&self) -> usize {
        self.near.lists.room() + self.far.lists.room()
    }

    /// Makes room for what so many events mostly take. At worst each bucket in use has one chunk that is not full.
    pub(super) fn reserve(&mut self, pending: usize) {
        let pending = pending.next_power_of_two();
        self.near.lists.reserve(pending.min(4 << self.bits) / near::CHUNK + (1 << self.bits));
        self.far.lists.reserve(pending / far::CHUNK + 64);
    }
}

impl Clone for Wheel {
    /// Copies what is there; not the room that a larger number of events once took.
    fn clone(&self) -> Self {
        if self.room() < 16 * (self.len + (1 << self.bits)) {
            let (near, far) = (self.near.clone(), self.far.clone());
            return Self { near, far, moving: (Vec::new(), Vec::new()), ..*self };
        }
        let mut copy = Self::new();
        (copy.shift, copy.bits, copy.tick) = (self.shift, self.bits, self.tick);
        copy.near.resize(1 << self.bits);
        self.near.events().chain(self.far.events()).for_each(|e| copy.push(*e));
        copy
    }
}
