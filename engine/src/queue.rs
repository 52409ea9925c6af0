//! The pending events.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use twin::SimTime;

use crate::Event;

/// A priority queue of events. It asserts that time never moves back: an event before the last one popped is refused.
#[derive(Clone, Debug, Default)]
pub struct EventQueue {
    heap: BinaryHeap<Reverse<Event>>,
    last: SimTime,
    /// The top of the heap has been popped but still stands there: most events schedule exactly one other, which takes
    /// its place in one pass instead of two.
    top_is_gone: bool,
}

impl EventQueue {
    /// An empty queue at time zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event. Cost O(log n), no allocation below the largest size so far.
    ///
    /// # Panics
    /// If the event lies before the last one popped.
    #[inline]
    pub fn push(&mut self, event: Event) {
        assert!(event.at >= self.last, "event at {:?} scheduled in the past of {:?}", event.at, self.last);
        if self.top_is_gone
            && let Some(mut top) = self.heap.peek_mut()
        {
            *top = Reverse(event);
            self.top_is_gone = false;
            return;
        }
        self.heap.push(Reverse(event));
    }

    /// Takes the earliest event if it is not after `until`.
    #[inline]
    pub fn pop_until(&mut self, until: SimTime) -> Option<Event> {
        self.settle();
        let Reverse(event) = *self.heap.peek()?;
        if event.at > until {
            return None;
        }
        debug_assert!(event.at >= self.last, "time moved back");
        self.last = event.at;
        self.top_is_gone = true;
        Some(event)
    }

    /// When the earliest event is due.
    pub fn next_at(&mut self) -> Option<SimTime> {
        self.settle();
        self.heap.peek().map(|e| e.0.at)
    }

    fn settle(&mut self) {
        if std::mem::take(&mut self.top_is_gone)
            && let Some(top) = self.heap.peek_mut()
        {
            PeekMut::pop(top);
        }
    }

    /// The number of pending events.
    pub fn len(&self) -> usize {
        self.heap.len() - usize::from(self.top_is_gone)
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventKey, EventKind};
    use proptest::prelude::*;

    fn event(at: u64, flow: u32) -> Event {
        let kind = EventKind::Timer { tag: 0, token: flow };
        Event { at: SimTime::from_ps(at), key: EventKey::of_flow(flow, 0), to: 0, kind }
    }

    proptest! {
        #[test]
        fn it_pops_what_a_sorted_list_would(ops in prop::collection::vec((0u64..50, 0u32..9, any::<bool>()), 1..200)) {
            let (mut queue, mut list, mut now) = (EventQueue::new(), Vec::new(), 0);
            for (delay, flow, push) in ops {
                if push {
                    queue.push(event(now + delay, flow));
                    list.push(event(now + delay, flow));
                } else {
                    list.sort();
                    let expected = list.first().copied().filter(|e| e.at.as_ps() <= now + delay);
                    let got = queue.pop_until(SimTime::from_ps(now + delay));
                    prop_assert_eq!(got, expected);
                    if let Some(e) = got {
                        list.remove(0);
                        now = e.at.as_ps();
                    }
                }
            }
            prop_assert_eq!(queue.len(), list.len());
        }
    }

    #[test]
    #[should_panic(expected = "in the past")]
    fn the_past_is_closed() {
        let mut queue = EventQueue::new();
        queue.push(event(5, 0));
        queue.pop_until(SimTime::MAX);
        queue.push(event(4, 0));
    }
}
