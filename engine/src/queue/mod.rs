//! The pending events: a queue whose cost per event does not grow with their number.
//!
//! Three designs in one, and the traffic decides which of them does the work:
//!
//! - **Run** ([`run`]): what comes next, sorted. A small queue is a run and nothing else.
//! - **Near** ([`near`]): buckets one *tick* wide, unordered. A bucket is sorted when it is opened, by which time it holds
//!   a handful of events; what is scheduled into the open bucket is sifted into the run.
//! - **Far** ([`far`]): levels of 256 buckets, each as wide as all of the level below. A far bucket with few events is
//!   opened as a whole, any other is divided among the buckets below when its time comes. So a timer that lies far off is
//!   touched at most seven times, and one that nobody waits for any more costs nothing until then.
//!
//! The tick is learnt, never given: from the gaps of a run that became too long, from a bucket that was found crowded,
//! and from how full the buckets were on average ([`tuning`]). Tuning moves every event, and happens only after as many
//! have been popped or pushed. Where no tick fits, as with a million events at one instant, a bucket costs what sorting
//! it costs, and late events go to a heap beside the run: O(log n), as in a heap.
//!
//! Rivals and figures: `benches/RESULTS.md`.

mod far;
mod lists;
mod near;
mod run;
mod sort;
mod tuning;
mod wheel;

#[cfg(test)]
mod tests;

use twin::SimTime;

use crate::{Event, EventKey, EventKind};
use run::Run;
use tuning::{Opened, bits_for, shift_for};
use wheel::{Next, Wheel};

/// A priority queue of events, in their total order. It asserts that time never moves back: an event before the last one
/// popped is refused.
///
/// **Cost** of a push and a pop: amortised constant for any number pending and any distribution of times that some width
/// of bucket divides, else O(log n). Nothing is allocated below the largest number pending so far.
///
/// **Cancelling** is left to whoever scheduled the event: it keeps a token or a generation, and ignores an event that
/// comes with an old one. A void event thus stays until its time has come. A model that sets each timer anew at most once
/// per event it handles has at most one void event for each of those.
///
/// **Memory**: 32 bytes an event, in chunks of 256 bytes for near buckets and of 1 KiB for far ones, of which each bucket
/// in use has at most one that is not full; 8 bytes for each of 2^8 to 2^12 near buckets, and 2 KiB for each level of far
/// ones in use. Up to 32 events need a single array. The memory of the largest number so far is kept; a clone takes only
/// what is there.
#[derive(Clone, Debug)]
pub struct EventQueue {
    last: SimTime,
    /// Events up to this instant (ps) are in the run, later ones in the wheel.
    open_end: u64,
    /// The run spans several ticks, of which this is the first: what is too much for it can go to the wheel.
    wide_from: Option<u64>,
    run: Run,
    wheel: Wheel,
    opened: Opened,
}

/// A far bucket of so many events is opened as a whole, and so is the rest of the wheel.
const SPARSE: usize = 8;

/// A near bucket of more events is a reason for shorter ticks.
const CROWDED: usize = 32;

impl Default for EventQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl EventQueue {
    /// An empty queue at time zero. Allocates nothing.
    pub fn new() -> Self {
        Self {
            last: SimTime::ZERO,
            open_end: u64::MAX,
            wide_from: Some(0),
            run: Run::new(),
            wheel: Wheel::new(),
            opened: Opened::default(),
        }
    }

    /// Adds an event.
    ///
    /// # Panics
    /// If the event lies before the last one popped, or 2^32 are pending.
    #[inline(always)]
    pub fn push(&mut self, event: Event) {
        if event.at < self.last {
            in_the_past(event.at, self.last);
        }
        if event.at.as_ps() > self.open_end {
            self.wheel.push(event);
        } else {
            self.push_open(event.at, event.key, event.to, event.kind);
        }
    }

    /// Adds an event to the run. It comes in parts, which fit in registers: a whole event would have to lie in memory
    /// for the call, and [`push`](Self::push) would then read back in large pieces what was just written in small ones,
    /// which stalls.
    #[inline(never)]
    fn push_open(&mut self, at: SimTime, key: EventKey, to: u32, kind: EventKind) {
        if self.run.insert(Event { at, key, to, kind }) {
            self.spill();
        }
    }

    /// Takes the earliest event if it is not after `until`.
    #[inline]
    pub fn pop_until(&mut self, until: SimTime) -> Option<Event> {
        if self.run.is_empty() && !self.open_next(until.as_ps()) {
            return None;
        }
        let event = *self.run.first()?;
        if event.at > until {
            return None;
        }
        debug_assert!(event.at >= self.last, "time moved back");
        self.run.pop();
        self.last = event.at;
        Some(event)
    }

    /// When the earliest event is due.
    pub fn next_at(&mut self) -> Option<SimTime> {
        if self.run.is_empty() && !self.open_next(u64::MAX) {
            return None;
        }
        self.run.first().map(|e| e.at)
    }

    /// The number of pending events.
    pub fn len(&self) -> usize {
        self.run.len() + self.wheel.len()
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills the empty run with what comes next; says whether there is something that does not begin after `until`.
    fn open_next(&mut self, until: u64) -> bool {
        self.run.rewind();
        loop {
            let Some((next, tick)) = self.wheel.next() else { return false };
            if tick > self.wheel.tick_of(until) {
                return false;
            }
            match next {
                Next::Near(bucket) => {
                    if self.open_near(bucket, tick) {
                        return true;
                    }
                }
                Next::Far(..) if self.wheel.len() <= SPARSE => {
                    self.open_all();
                    return true;
                }
                Next::Far(..) if self.opened.is_due(self.len()) && self.improve() => {}
                Next::Far(place, count) if count <= SPARSE => {
                    self.wheel.open_far(place, tick, &mut self.run);
                    self.run.sort();
                    self.open_end = self.wheel.end_of(self.wheel.tick());
                    self.wide_from = Some(tick);
                    self.opened.far(count);
                    return true;
                }
                Next::Far(place, _) => {
                    self.wheel.divide(place, tick);
                    if tick > 0 {
                        self.open_end = self.open_end.max(self.wheel.end_of(tick - 1));
                    }
                    self.wide_from = None;
                }
            }
        }
    }

    /// Opens a near bucket, or divides it by shorter ticks and returns false.
    #[inline]
    fn open_near(&mut self, bucket: usize, tick: u64) -> bool {
        self.wheel.set_tick(tick);
        let count = self.wheel.open_near(bucket, &mut self.run);
        if count > near::CHUNK {
            if count > CROWDED && self.split() {
                return false;
            }
            self.run.sort();
        }
        self.open_end = self.wheel.end_of(tick);
        self.wide_from = None;
        let sorted = self.run.sorted();
        self.opened.near(count, sorted[0].at == sorted[count - 1].at);
        true
    }

    /// Moves the rest of the wheel to the run: the queue is small again.
    fn open_all(&mut self) {
        self.wheel.empty_into(&mut self.run);
        self.run.sort();
        self.open_end = u64::MAX;
        self.wide_from = Some(0);
    }

    /// The run has become long: what is beyond its first tick goes to the wheel.
    #[cold]
    fn spill(&mut self) {
        let (Some(from), [first, .., last]) = (self.wide_from, self.run.sorted()) else { return };
        if first.at == last.at {
            return;
        }
        let first = first.at.as_ps();
        if self.wheel.len() == 0 {
            self.tune(shift_for(gap_at_front(self.run.sorted())), bits_for(self.len()));
            self.wheel.set_tick(self.wheel.tick_of(first));
        } else {
            self.wheel.set_tick(self.wheel.tick_of(first).max(from));
        }
        self.wide_from = None;
        self.open_end = self.wheel.end_of(self.wheel.tick());
        self.spill_after(self.open_end);
    }

    /// Moves the events of the run after an instant to the wheel.
    fn spill_after(&mut self, end: u64) {
        let Self { run, wheel, .. } = self;
        let keep = run.sorted().partition_point(|e| e.at.as_ps() <= end);
        let mut late = Vec::new();
        run.split_off(keep, |e| if e.at.as_ps() > end { wheel.push(e) } else { late.push(e) });
        for event in late {
            run.insert(event);
        }
    }

    /// The run holds a crowded bucket, unsorted: puts it back with ticks that divide it, if there are such and tuning is
    /// not too soon.
    #[cold]
    fn split(&mut self) -> bool {
        let times = self.run.sorted().iter().map(|e| e.at.as_ps());
        let (Some(min), Some(max)) = (times.clone().min(), times.max()) else { return false };
        let shift = shift_for((max - min) / self.run.len() as u64);
        if min == max || shift >= self.wheel.shift() || !self.opened.may_tune(self.len()) {
            return false;
        }
        self.tune(shift, bits_for(self.len()));
        let Self { run, wheel, .. } = self;
        run.split_off(0, |event| wheel.push(event));
        true
    }

    /// Looks back on how well the ticks fitted; says whether they were changed.
    #[cold]
    fn improve(&mut self) -> bool {
        let (shift, bits, now) = (self.wheel.shift(), self.wheel.bits(), self.last.as_ps());
        let better = self.opened.better(shift, bits, now, self.len());
        if better == (shift, bits) {
            self.opened = Opened::since(now, self.len());
            self.wheel.reserve(self.len());
            return false;
        }
        self.tune(better.0, better.1);
        true
    }

    fn tune(&mut self, shift: u32, bits: u32) {
        let (now, pending) = (self.last.as_ps(), self.len());
        self.wheel.tune(shift, bits, now, pending);
        self.run.reserve();
        self.opened = Opened::since(now, pending);
        self.wide_from = None;
    }
}

/// Mean gap of the first half of some events, or of all if that is zero, ps.
fn gap_at_front(sorted: &[Event]) -> u64 {
    let gap = |events: &[Event]| match events {
        [first, .., last] => (last.at.as_ps() - first.at.as_ps()) / events.len() as u64,
        _ => 0,
    };
    match gap(&sorted[..sorted.len() / 2]) {
        0 => gap(sorted),
        near => near,
    }
}

#[cold]
#[inline(never)]
fn in_the_past(at: SimTime, last: SimTime) -> ! {
    panic!("event at {at:?} scheduled in the past of {last:?}");
}
