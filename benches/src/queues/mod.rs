//! Rivals of the engine's event queue, all behind one trait: the designs that were measured and not kept.

mod binary;
mod four_ary;
mod ladder;
mod radix;
mod replace;
pub mod stream;

pub use binary::Binary;
pub use four_ary::FourAry;
pub use ladder::Ladder;
pub use radix::Radix;
pub use replace::Replace;

use engine::{Event, EventQueue};
use twin::SimTime;

/// What a bench needs of a queue of events.
pub trait Pending: Clone + Default {
    /// Adds an event, not before the last one popped.
    fn push(&mut self, event: Event);

    /// Takes the least event.
    fn pop(&mut self) -> Option<Event>;
}

impl Pending for EventQueue {
    #[inline(always)]
    fn push(&mut self, event: Event) {
        EventQueue::push(self, event);
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<Event> {
        self.pop_until(SimTime::MAX)
    }
}
