//! PHOLD (Fujimoto, "Performance of Time Warp under synthetic workloads", 1990): 1,024 logical processes of a counter
//! each, 16 pending events to a process, exponential delays with mean 1 s.
//!
//! Times are integer nanoseconds; all chance comes from one SplitMix64. Event i of the first 16,384 goes to process
//! i mod 1,024 after one delay. An event counts one up in its process, draws the next process (r mod 1,024), then the
//! delay (`floor(-ln(u)·10^9)`, 0 is legal), and schedules its successor; order is (time, number of scheduling).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use engine::{Digest, Event, EventKey, EventKind, EventQueue};
use twin::SimTime;

use super::split_mix::SplitMix;
use super::{cpu, median};
use crate::queues::Pending;

const PROCESSES: usize = 1024;
const PENDING: usize = 16 * PROCESSES;
const PS_PER_NS: u64 = 1_000;
/// The timed part is cut into so many, ours and the yardstick's by turns.
const ROUNDS: usize = 5;

/// A process: one cache line.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Process {
    count: u64,
}

/// What both loops share but the queue.
#[derive(Clone, Debug)]
struct Processes {
    rng: SplitMix,
    processes: Vec<Process>,
    scheduled: u64,
    last_ns: u64,
}

impl Processes {
    fn new(seed: u64) -> Self {
        let processes = vec![Process::default(); PROCESSES];
        Self { rng: SplitMix(seed), processes, scheduled: 0, last_ns: 0 }
    }

    fn delay_ns(&mut self) -> u64 {
        (self.rng.exp() * 1e9) as u64
    }

    fn number(&mut self) -> u64 {
        self.scheduled += 1;
        self.scheduled - 1
    }

    /// Handles an event: the time (ns) of the next one, and its process.
    #[inline(always)]
    fn handle(&mut self, ns: u64, to: u32) -> (u64, u32) {
        self.processes[to as usize].count += 1;
        self.last_ns = ns;
        let next = (self.rng.next() % PROCESSES as u64) as u32;
        (ns + self.delay_ns(), next)
    }

    fn digest(&self) -> String {
        let digest = Digest::new("phold").u64(self.last_ns);
        self.processes.iter().fold(digest, |d, p| d.u64(p.count)).hex()
    }
}

/// PHOLD in mid-run, on any queue.
#[derive(Clone, Debug)]
pub struct Phold<Q> {
    queue: Q,
    all: Processes,
}

impl<Q: Pending> Phold<Q> {
    /// About to start.
    pub fn new(seed: u64) -> Self {
        let mut run = Self { queue: Q::default(), all: Processes::new(seed) };
        for i in 0..PENDING {
            let delay = run.all.delay_ns();
            run.push(delay, (i % PROCESSES) as u32);
        }
        run
    }

    #[inline(always)]
    fn push(&mut self, ns: u64, to: u32) {
        let (at, key) = (SimTime::from_ps(ns * PS_PER_NS), EventKey::of_source(0, self.all.number()));
        self.queue.push(Event { at, key, to, kind: EventKind::Timer { tag: 0, token: 0 } });
    }

    /// So many events.
    pub fn run(&mut self, events: usize) {
        for _ in 0..events {
            let Some(event) = self.queue.pop() else { return };
            let (ns, to) = self.all.handle(event.at.as_ps() / PS_PER_NS, event.to);
            self.push(ns, to);
        }
    }
}

/// The loop that one writes down without an engine: the standard heap, and tuples of what PHOLD needs (24 bytes).
#[derive(Clone, Debug)]
struct Yardstick {
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    all: Processes,
}

impl Yardstick {
    fn new(seed: u64) -> Self {
        let mut all = Processes::new(seed);
        let first = |i| Reverse((all.delay_ns(), all.number(), (i % PROCESSES) as u32));
        Self { heap: (0..PENDING).map(first).collect(), all }
    }

    fn run(&mut self, events: usize) {
        for _ in 0..events {
            let Some(Reverse((ns, _, to))) = self.heap.pop() else { return };
            let (ns, to) = self.all.handle(ns, to);
            self.heap.push(Reverse((ns, self.all.number(), to)));
        }
    }
}

/// What a PHOLD run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct PholdReport {
    /// State of the generator at the start; the published values are of 1.
    pub seed: u64,
    /// Events before the timed ones.
    pub warm: usize,
    /// Timed events.
    pub timed: usize,
    /// Processor time of the timed events, s: five times the median of five parts.
    pub cpu_seconds: f64,
    /// The same of a loop on the standard library's heap, whose parts ran by turns with ours.
    pub heap_cpu_seconds: f64,
    /// Time of the last warm-up event and of the last timed one, ns.
    pub last_ns: [u64; 2],
    /// Events of each process.
    pub counts: Vec<u64>,
    /// Fingerprint of the counts and the last time.
    pub digest: String,
    /// Fingerprint of the loop on the standard heap.
    pub heap_digest: String,
}

impl PholdReport {
    /// Whether the two loops did the same, every event is counted, and, where they are published (seed 1; 5,000,000 or
    /// 10,000,000 events), times and counts are as they must be.
    pub fn is_right(&self) -> bool {
        let counted = self.counts.iter().sum::<u64>() == (self.warm + self.timed) as u64;
        let time_is = |events: usize, ns: u64| match (self.seed, events) {
            (1, 5_000_000) => ns == 305_167_007_927,
            (1, 10_000_000) => ns == 610_154_082_855,
            _ => true,
        };
        let times = time_is(self.warm, self.last_ns[0]) && time_is(self.warm + self.timed, self.last_ns[1]);
        let all = self.seed == 1 && self.warm + self.timed == 10_000_000;
        let (min, max) = (self.counts.iter().min(), self.counts.iter().max());
        let edges = [self.counts.first(), self.counts.last(), min, max].map(|c| c.copied());
        let counts = !all || edges == [9_593, 9_672, 9_472, 10_057].map(Some);
        counted && times && counts && self.digest == self.heap_digest
    }

    /// Events per second of processor time; `None` if the run went wrong.
    pub fn rate(&self) -> Option<f64> {
        self.is_right().then(|| self.timed as f64 / self.cpu_seconds)
    }

    /// How many times the rate of the loop on the standard heap; `None` if the run went wrong.
    pub fn speed_up(&self) -> Option<f64> {
        self.is_right().then(|| self.heap_cpu_seconds / self.cpu_seconds)
    }
}

/// PHOLD on the engine's queue, and on the standard heap by turns: `warm` events, then `timed` ones. The reference run is
/// `phold(1, 5_000_000, 5_000_000)`.
pub fn phold(seed: u64, warm: usize, timed: usize) -> PholdReport {
    let (mut ours, mut heap) = (Phold::<EventQueue>::new(seed), Yardstick::new(seed));
    ours.run(warm);
    heap.run(warm);
    let warm_ns = ours.all.last_ns;
    let (mut ours_seconds, mut heap_seconds) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let events = timed * (round + 1) / ROUNDS - timed * round / ROUNDS;
        ours_seconds.push(cpu(|| ours.run(events)).as_secs_f64());
        heap_seconds.push(cpu(|| heap.run(events)).as_secs_f64());
    }
    PholdReport {
        seed,
        warm,
        timed,
        cpu_seconds: median(ours_seconds) * ROUNDS as f64,
        heap_cpu_seconds: median(heap_seconds) * ROUNDS as f64,
        last_ns: [warm_ns, ours.all.last_ns],
        counts: ours.all.processes.iter().map(|p| p.count).collect(),
        digest: ours.all.digest(),
        heap_digest: heap.all.digest(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_and_the_standard_heap_do_the_same() {
        let report = phold(1, 100_000, 100_001);
        assert!(report.is_right(), "{report:?}");
        assert_eq!(report.counts.iter().sum::<u64>(), 200_001);
        assert_ne!(phold(2, 1_000, 1_000).digest, phold(1, 1_000, 1_000).digest);
    }

    #[test]
    fn a_wrong_run_has_no_rate() {
        let report = phold(1, 0, 1_000);
        assert!(report.rate().is_some() && report.speed_up().is_some());
        let lost = PholdReport { timed: 1_001, ..report.clone() };
        assert_eq!((lost.rate(), lost.speed_up()), (None, None));
        let other = PholdReport { heap_digest: String::new(), ..report };
        assert_eq!(other.rate(), None);
    }

    /// The warm-up of the reference run.
    #[test]
    fn five_million_events_end_when_they_must() {
        let mut run = Phold::<EventQueue>::new(1);
        run.run(5_000_000);
        assert_eq!(run.all.last_ns, 305_167_007_927);
    }
}
