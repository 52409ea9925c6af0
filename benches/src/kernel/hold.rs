//! The hold model (Vaucher and Duval, "A comparison of simulation event list algorithms", CACM 18(4), 1975): a queue of
//! constant size, of which each step takes the least event and puts it back later.
//!
//! Times are integer nanoseconds. A table of 2^15 increments is drawn by SplitMix64 from state 1,
//! `floor(-ln(u)·10^9) + 1` each, and used in a circle. Event i of n begins at `increment[i mod 2^15] + (7919·i mod 97)`
//! and carries i; order is (time, i). After 2n holds to warm up, rounds of holds are timed.

use engine::{Digest, Event, EventKey, EventKind, EventQueue};
use twin::SimTime;

use super::cpu;
use super::split_mix::SplitMix;
use crate::queues::Pending;

const TABLE: usize = 1 << 15;
const PS_PER_NS: u64 = 1_000;

/// A hold model in mid-run, on any queue.
#[derive(Clone, Debug)]
pub struct Hold<Q> {
    queue: Q,
    increments: Vec<u64>,
    cursor: usize,
    payloads: u64,
    last_ns: u64,
}

impl<Q: Pending> Hold<Q> {
    /// A queue of n events, none of them popped.
    pub fn new(n: usize) -> Self {
        let mut rng = SplitMix(1);
        let increments: Vec<u64> = (0..TABLE).map(|_| (rng.exp() * 1e9) as u64 + 1).collect();
        let mut queue = Q::default();
        for i in 0..n {
            let ns = increments[i % TABLE] + (7919 * i as u64) % 97;
            let (key, kind) = (EventKey::of_source(0, i as u64), EventKind::Timer { tag: 0, token: 0 });
            queue.push(Event { at: SimTime::from_ps(ns * PS_PER_NS), key, to: 0, kind });
        }
        Self { queue, increments, cursor: 0, payloads: 0, last_ns: 0 }
    }

    /// The queue.
    pub fn queue(&self) -> &Q {
        &self.queue
    }

    /// So many holds.
    pub fn run(&mut self, holds: usize) {
        for _ in 0..holds {
            let Some(event) = self.queue.pop() else { return };
            self.payloads += event.key.get();
            self.last_ns = event.at.as_ps() / PS_PER_NS;
            let ps = event.at.as_ps() + self.increments[self.cursor % TABLE] * PS_PER_NS;
            self.cursor += 1;
            self.queue.push(Event { at: SimTime::from_ps(ps), ..event });
        }
    }
}

/// What a hold run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldReport {
    /// Events pending throughout.
    pub pending: usize,
    /// Holds of each timed round.
    pub holds: usize,
    /// Processor time of the best round, s.
    pub cpu_seconds: f64,
    /// Sum of the payloads that the first timed round popped.
    pub payload_sum: u64,
    /// Time of the last pop of the first timed round, ns.
    pub last_ns: u64,
    /// Fingerprint of the two.
    pub digest: String,
}

impl HoldReport {
    /// Whether the run popped what it must; `None` where that is not published (it is for 3,000,000 holds of 10^3 to 10^6
    /// pending events).
    pub fn is_right(&self) -> Option<bool> {
        let published = PUBLISHED.iter().find(|p| p.0 == self.pending && self.holds == 3_000_000)?;
        Some((self.payload_sum, self.last_ns) == (published.1, published.2))
    }

    /// Processor time of one hold, ns; `None` if the run went wrong.
    pub fn ns_per_hold(&self) -> Option<f64> {
        (self.is_right() != Some(false)).then(|| self.cpu_seconds * 1e9 / self.holds as f64)
    }
}

/// Pending events; sum of payloads and time of the last pop (ns) after the first 3,000,000 timed holds.
const PUBLISHED: [(usize, u64, u64); 4] = [
    (1_000, 1_500_005_170, 3_026_695_448_418),
    (10_000, 14_996_712_654, 304_506_692_986),
    (100_000, 150_025_072_591, 32_274_302_816),
    (1_000_000, 1_500_227_838_113, 5_052_948_253),
];

/// The hold model on the engine's queue: warm-up of 2·`pending` holds, then `rounds` (at least one) of `holds` each.
pub fn hold(pending: usize, holds: usize, rounds: usize) -> HoldReport {
    let mut run = Hold::<EventQueue>::new(pending);
    run.run(2 * pending);
    run.payloads = 0;
    let mut best = cpu(|| run.run(holds));
    let (payload_sum, last_ns) = (run.payloads, run.last_ns);
    for _ in 1..rounds {
        best = best.min(cpu(|| run.run(holds)));
    }
    let digest = Digest::new("hold").u64(payload_sum).u64(last_ns).hex();
    HoldReport { pending, holds, cpu_seconds: best.as_secs_f64(), payload_sum, last_ns, digest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queues::{Binary, FourAry, Ladder, Radix, Replace};

    #[test]
    fn the_increments_are_those_of_the_definition() {
        assert_eq!(Hold::<Binary>::new(1).increments[..3], [568_169_511, 293_322_273, 29_425_975]);
    }

    #[test]
    fn three_million_holds_of_a_thousand_pop_what_is_published() {
        let report = hold(1_000, 3_000_000, 1);
        assert_eq!((report.payload_sum, report.last_ns), (1_500_005_170, 3_026_695_448_418));
        assert_eq!(report.is_right(), Some(true));
        let wrong = HoldReport { payload_sum: report.payload_sum + 1, ..report };
        assert_eq!(wrong.ns_per_hold(), None, "no rate for a wrong run");
    }

    #[test]
    fn all_queues_pop_alike() {
        fn popped<Q: Pending>() -> (u64, u64) {
            let mut run = Hold::<Q>::new(5_000);
            run.run(60_000);
            (run.payloads, run.last_ns)
        }
        let expected = popped::<Binary>();
        assert_eq!(popped::<EventQueue>(), expected);
        assert_eq!(popped::<Replace>(), expected);
        assert_eq!(popped::<FourAry>(), expected);
        assert_eq!(popped::<Radix>(), expected);
        assert_eq!(popped::<Ladder>(), expected);
    }
}
