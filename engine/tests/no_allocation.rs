//! After warm-up an event allocates nothing, and a fork copies no more than is there.

mod ring;

use rand::Rng;
use twin::{EntityKey, SimTime};
use umbra_engine::{Event, EventKey, EventKind, EventQueue, Purpose, Seeds, Stream};

#[test]
fn a_warm_run_allocates_nothing() {
    let mut sim = ring::ring(0);
    sim.run_until(SimTime::from_ps(100_000_000));
    let warm = sim.handled();
    let counted = allocation_counter::measure(|| sim.run_until(SimTime::from_ps(1_000_000_000)));
    assert!(sim.handled() - warm > 100_000, "the run goes on: {}", sim.handled());
    assert_eq!(counted.count_total, 0, "allocations after warm-up");
    let mut unmeasured = ring::ring(0);
    unmeasured.run_until(SimTime::from_ps(1_000_000_000));
    assert_eq!(ring::digest(&sim), ring::digest(&unmeasured));
}

/// Traffic of as many pushes as pops.
struct Traffic {
    queue: EventQueue,
    chance: Stream,
    pushed: u64,
}

impl Traffic {
    fn of(pending: u64) -> Self {
        let chance = Seeds::new(1).trial(0).stream(Purpose::WORLD, &EntityKey::new("traffic"));
        let mut traffic = Self { queue: EventQueue::new(), chance, pushed: 0 };
        (0..pending).for_each(|_| traffic.push(SimTime::ZERO));
        traffic
    }

    fn push(&mut self, now: SimTime) {
        let delay = if self.chance.next_u32().is_multiple_of(100) { 1e9 } else { 1e6 } * self.chance.exp();
        let at = SimTime::from_ps(now.as_ps() + delay as u64);
        let kind = EventKind::Timer { tag: 0, token: 0 };
        self.pushed += 1;
        self.queue.push(Event { at, key: EventKey::of_source(0, self.pushed), to: 0, kind });
    }

    fn run(&mut self, events: usize) {
        for _ in 0..events {
            let event = self.queue.pop_until(SimTime::MAX).expect("as many pushes as pops");
            self.push(event.at);
        }
    }
}

#[test]
fn a_warm_queue_allocates_nothing_whatever_its_size() {
    for pending in [3, 30, 300, 3_000, 30_000] {
        let mut traffic = Traffic::of(pending);
        traffic.run(200_000);
        let counted = allocation_counter::measure(|| traffic.run(100_000));
        assert_eq!(counted.count_total, 0, "{pending} pending");
        assert_eq!(traffic.queue.len() as u64, pending);
    }
}

#[test]
fn a_fork_of_a_small_queue_is_small() {
    assert_eq!(allocation_counter::measure(|| drop(EventQueue::new())).count_total, 0);
    for (pending, bytes) in [(20, 2_000), (200, 200_000), (2_000, 800_000)] {
        let mut traffic = Traffic::of(pending);
        traffic.run(50_000);
        let counted = allocation_counter::measure(|| drop(traffic.queue.clone()));
        assert!(counted.bytes_total <= bytes, "{pending} pending: {} bytes", counted.bytes_total);
    }
}
