//! The standard library's heap with a push in the place of what was just popped: one pass where an event schedules
//! exactly one other.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use engine::Event;

use super::Pending;

/// A binary heap whose top may be gone already.
#[derive(Clone, Debug, Default)]
pub struct Replace {
    heap: BinaryHeap<Reverse<Event>>,
    top_is_gone: bool,
}

impl Pending for Replace {
    #[inline(always)]
    fn push(&mut self, event: Event) {
        if std::mem::take(&mut self.top_is_gone)
            && let Some(mut top) = self.heap.peek_mut()
        {
            *top = Reverse(event);
            return;
        }
        self.heap.push(Reverse(event));
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.top_is_gone)
            && let Some(top) = self.heap.peek_mut()
        {
            PeekMut::pop(top);
        }
        let Reverse(event) = *self.heap.peek()?;
        self.top_is_gone = true;
        Some(event)
    }
}
