//! Events: plain data whose derived order is the order of the simulation.

use twin::SimTime;

/// Something that happens to one entity at one instant.
///
/// The derived order is the simulation's total order: keep the fields in this order. Key, entity and kind break ties of
/// time, so no two different events are ever equal and the order in which they were scheduled plays no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// When.
    pub at: SimTime,
    /// Which of those at the same instant comes first.
    pub key: EventKey,
    /// The entity it is for: an index into [`Simulation::models`](crate::Simulation::models).
    pub to: u32,
    /// What happens.
    pub kind: EventKind,
}

const _: () = assert!(size_of::<Event>() == 32, "two events share a cache line");

/// What happens. The engine passes it on without looking at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// A change from outside: an injected fault, a change of topology or configuration.
    Control {
        /// Which one, by the scenario's own numbering.
        index: u32,
    },
    /// The oldest packet on a half-link comes out of it. What is on a half-link keeps its order, so one pending event
    /// stands for all of it.
    Arrive {
        /// The generation of the half-link when this was scheduled. A half-link that went down in between has another
        /// one, and nothing comes out.
        generation: u16,
        /// The half-link, by the model's own numbering.
        half_link: u32,
    },
    /// A model's own timer. To cancel one, a model changes the token it waits for and ignores those that come with an
    /// older one: cancelling costs nothing and searches nothing.
    Timer {
        /// Which timer of the model.
        tag: u16,
        /// Which setting of that timer.
        token: u32,
    },
}

/// The tie-break of events at one instant: smaller comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventKey(u64);

impl EventKey {
    const COUNTER_BITS: u32 = 40;
    const WORKLOAD: u64 = 1 << 63;

    /// The default key: the source that schedules the event (below 2^23; 0 is the outside) and that source's own counter
    /// (below 2^40), so that what other sources do moves nothing here.
    ///
    /// # Panics
    /// Beyond either range.
    pub fn of_source(source: u32, count: u64) -> Self {
        assert!(source < 1 << 23, "at most 2^23 sources of events, not {source}");
        assert!(count < 1 << Self::COUNTER_BITS, "source {source} has scheduled 2^40 events");
        Self(u64::from(source) << Self::COUNTER_BITS | count)
    }

    /// A key given by the workload: flow (below 2^31), then the packet's position in it. It comes after every default
    /// key of the same instant, so a fault at an instant precedes the packets of that instant.
    ///
    /// # Panics
    /// For a flow beyond the range.
    #[inline]
    pub fn of_flow(flow: u32, sequence: u32) -> Self {
        assert!(flow < 1 << 31, "at most 2^31 flows, not {flow}");
        Self(Self::WORKLOAD | u64::from(flow) << 32 | u64::from(sequence))
    }

    /// The 64 bits.
    pub const fn get(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_then_key_then_nothing_else_decides() {
        let event = |at, key| Event {
            at: SimTime::from_ps(at),
            key,
            to: 9 - at as u32,
            kind: EventKind::Control { index: 0 },
        };
        let mut events = [
            event(2, EventKey::of_flow(0, 1)),
            event(2, EventKey::of_flow(0, 0)),
            event(2, EventKey::of_source(7, 3)),
            event(1, EventKey::of_flow(5, 0)),
        ];
        events.sort();
        let keys = events.map(|e| e.key);
        assert_eq!(keys[0], EventKey::of_flow(5, 0));
        assert_eq!(keys[1], EventKey::of_source(7, 3), "a fault precedes the packets of its instant");
        assert_eq!(keys[2..], [EventKey::of_flow(0, 0), EventKey::of_flow(0, 1)]);
    }

    #[test]
    fn sources_and_flows_keep_apart_up_to_their_limits() {
        let last = EventKey::of_source((1 << 23) - 1, (1 << 40) - 1);
        assert!(last < EventKey::of_flow(0, 0));
        assert!(EventKey::of_flow((1 << 31) - 1, u32::MAX).get() == u64::MAX);
    }
}
