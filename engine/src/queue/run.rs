//! The open run: the events of the span that is being popped, in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::near::CHUNK;
use super::sort::{order_4, order_8};
use crate::Event;

/// Sorted events, read from the front. New ones are sifted in from the back while the run is short; into a long run they
/// go only at its end, and otherwise to a heap beside it, so that none moves more than [`SHORT`] others.
#[derive(Debug)]
pub(super) struct Run {
    /// In order from `head` to `end`; the rest is left from before.
    sorted: Vec<Event>,
    head: usize,
    end: usize,
    late: BinaryHeap<Reverse<Event>>,
}

/// So many pending events make a run long.
pub(super) const SHORT: usize = 32;

impl Run {
    pub(super) fn new() -> Self {
        Self { sorted: Vec::new(), head: 0, end: 0, late: BinaryHeap::new() }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.head == self.end && self.late.is_empty()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.end - self.head + self.late.len()
    }

    /// The sorted events, without the late ones.
    #[inline]
    pub(super) fn sorted(&self) -> &[Event] {
        &self.sorted[self.head..self.end]
    }

    #[inline]
    pub(super) fn first(&self) -> Option<&Event> {
        let first = self.sorted[..self.end].get(self.head);
        if self.late.is_empty() { first } else { self.first_of_both() }
    }

    #[cold]
    #[inline(never)]
    fn first_of_both(&self) -> Option<&Event> {
        let late = self.late.peek().map(|Reverse(late)| late);
        self.sorted().first().into_iter().chain(late).min()
    }

    /// Takes the first event, which must be there.
    #[inline]
    pub(super) fn pop(&mut self) {
        if self.late.is_empty() {
            self.head += 1;
        } else {
            self.pop_of_both();
        }
    }

    #[cold]
    #[inline(never)]
    fn pop_of_both(&mut self) {
        match (self.sorted().first(), self.late.peek()) {
            (Some(event), Some(Reverse(late))) if event < late => self.head += 1,
            _ => drop(self.late.pop()),
        }
    }

    /// Adds an event; says whether the run was too long to take it in by sifting.
    pub(super) fn insert(&mut self, event: Event) -> bool {
        if self.head >= SHORT && self.head > self.end - self.head {
            self.close_gap();
        }
        if self.end - self.head < SHORT {
            self.sift(event);
            return false;
        }
        if self.sorted().last().is_some_and(|last| *last < event) {
            self.push(event);
        } else {
            self.late.push(Reverse(event));
        }
        true
    }

    fn close_gap(&mut self) {
        self.sorted.copy_within(self.head..self.end, 0);
        self.end -= self.head;
        self.head = 0;
    }

    fn push(&mut self, event: Event) {
        if self.end == self.sorted.len() {
            self.sorted.push(event);
        } else {
            self.sorted[self.end] = event;
        }
        self.end += 1;
    }

    fn sift(&mut self, event: Event) {
        let mut at = self.end;
        self.push(event);
        while at > self.head && event < self.sorted[at - 1] {
            self.sorted[at] = self.sorted[at - 1];
            at -= 1;
        }
        self.sorted[at] = event;
    }

    /// Makes room at the front: to be called when the run is empty, before it is filled.
    #[inline]
    pub(super) fn rewind(&mut self) {
        debug_assert!(self.is_empty());
        (self.head, self.end) = (0, 0);
    }

    /// Adds events without regard to order; [`sort`](Self::sort) follows.
    pub(super) fn append(&mut self, events: &[Event]) {
        self.sorted.truncate(self.end);
        self.sorted.extend_from_slice(events);
        self.end = self.sorted.len();
    }

    /// Puts appended events in order.
    pub(super) fn sort(&mut self) {
        self.sorted[self.head..self.end].sort_unstable();
    }

    /// Fills the empty run with the first `count` of the events of one tick, which is 2^shift ps, at most 2^60.
    ///
    /// The time within the tick and the position share a word, and a network orders the words: with a sort of so few
    /// events, branches that are predicted wrongly would cost more than all the rest of their way through the queue.
    #[inline]
    pub(super) fn fill(&mut self, events: &[Event; CHUNK], count: usize, shift: u32) {
        let mut words = [u64::MAX; CHUNK];
        for i in 0..CHUNK {
            let within = events[i].at.as_ps() & ((1 << shift) - 1);
            words[i] = if i < count { within << 3 | i as u64 } else { u64::MAX };
        }
        if self.sorted.len() < CHUNK {
            self.sorted.resize(CHUNK, events[0]);
        }
        let size = if count <= CHUNK / 2 {
            order_4(&mut words);
            CHUNK / 2
        } else {
            order_8(&mut words);
            CHUNK
        };
        let mut tied = false;
        for i in 0..size {
            self.sorted[i] = events[words[i] as usize % CHUNK];
            tied |= i > 0 && i < count && words[i] >> 3 == words[i - 1] >> 3;
        }
        (self.head, self.end) = (0, count);
        if tied {
            self.sort();
        }
    }

    /// Takes out the late events and all sorted ones after the first `keep`.
    pub(super) fn split_off(&mut self, keep: usize, mut take: impl FnMut(Event)) {
        self.sorted[self.head + keep..self.end].iter().for_each(|e| take(*e));
        self.end = self.head + keep;
        self.late.drain().for_each(|Reverse(e)| take(e));
    }

    /// Makes room for what is usual.
    pub(super) fn reserve(&mut self) {
        self.sorted.reserve((4 * SHORT).saturating_sub(self.sorted.len()));
        self.late.reserve(SHORT);
    }
}

impl Clone for Run {
    /// Copies what is there; not the room that more events once took.
    fn clone(&self) -> Self {
        let sorted = self.sorted().to_vec();
        Self { head: 0, end: sorted.len(), sorted, late: self.late.clone() }
    }
}
