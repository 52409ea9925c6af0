//! The standard library's heap, as one writes it down: O(log n), two passes for a pop and a push.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use engine::Event;

use super::Pending;

/// `BinaryHeap<Reverse<Event>>`.
#[derive(Clone, Debug, Default)]
pub struct Binary(BinaryHeap<Reverse<Event>>);

impl Pending for Binary {
    #[inline(always)]
    fn push(&mut self, event: Event) {
        self.0.push(Reverse(event));
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<Event> {
        self.0.pop().map(|Reverse(event)| event)
    }
}
