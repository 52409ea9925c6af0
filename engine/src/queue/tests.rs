//! The queue against a sorted set, on streams made to cross every border inside it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use twin::SimTime;

use super::EventQueue;
use crate::{Event, EventKey, EventKind};

fn event(at: u64, flow: u32) -> Event {
    let kind = EventKind::Timer { tag: 0, token: flow };
    Event { at: SimTime::from_ps(at), key: EventKey::of_flow(flow >> 1, 0), to: flow, kind }
}

/// The queue and its slow twin.
#[derive(Clone)]
struct Both {
    queue: EventQueue,
    set: BTreeSet<Event>,
    now: u64,
    pushed: u32,
}

impl Both {
    fn starting_at(now: u64) -> Self {
        let mut both = Self { queue: EventQueue::new(), set: BTreeSet::new(), now: 0, pushed: 0 };
        both.push(now);
        both.pop(u64::MAX);
        both
    }

    /// Every event differs from all others, and the tie-break has nothing to do with the order of pushes.
    fn push(&mut self, delay: u64) {
        self.pushed += 1;
        let event = event(self.now.saturating_add(delay), self.pushed.wrapping_mul(0x9E37_79B1));
        self.queue.push(event);
        assert!(self.set.insert(event));
    }

    fn pop(&mut self, within: u64) -> bool {
        let until = self.now.saturating_add(within);
        let expected = self.set.first().copied().filter(|e| e.at.as_ps() <= until);
        assert_eq!(self.queue.pop_until(SimTime::from_ps(until)), expected, "until {until}");
        let Some(event) = expected else { return false };
        self.set.pop_first();
        self.now = event.at.as_ps();
        true
    }

    fn check(&mut self) {
        assert_eq!(self.queue.len(), self.set.len());
        assert_eq!(self.queue.is_empty(), self.set.is_empty());
        assert_eq!(self.queue.next_at(), self.set.first().map(|e| e.at));
    }

    fn drain(&mut self) {
        while self.pop(u64::MAX) {}
        self.check();
    }
}

/// Chance enough for a test.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.roll() >> 11) % n.max(1)
    }
}

/// How far ahead events are scheduled, ps.
#[derive(Clone, Copy, Debug)]
enum Delays {
    None,
    Uniform {
        bits: u32,
    },
    /// Roughly geometric over all scales up to this.
    AllScales {
        bits: u32,
    },
    /// Mostly short, now and then long.
    Bimodal {
        short: u32,
        long: u32,
    },
    Constant {
        bits: u32,
    },
}

impl Delays {
    fn draw(self, dice: &mut Dice) -> u64 {
        match self {
            Self::None => 0,
            Self::Uniform { bits } => dice.below(1 << bits),
            Self::AllScales { bits } => {
                let bits = dice.below(u64::from(bits) + 1);
                dice.below(1 << bits)
            }
            Self::Bimodal { short, long } => {
                let bits = if dice.below(50) == 0 { long } else { short };
                dice.below(1 << bits)
            }
            Self::Constant { bits } => 1 << bits,
        }
    }

    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            Just(Self::None),
            (0..62u32).prop_map(|bits| Self::Uniform { bits }),
            (0..62u32).prop_map(|bits| Self::AllScales { bits }),
            (0..20u32, 20..62u32).prop_map(|(short, long)| Self::Bimodal { short, long }),
            (0..50u32).prop_map(|bits| Self::Constant { bits }),
        ]
    }
}

/// A stretch of traffic: each step pops and then pushes, of a hundred steps so many.
#[derive(Clone, Copy, Debug)]
struct Phase {
    delays: Delays,
    steps: u32,
    pops: u64,
    pushes: u64,
    /// Pops look only so far ahead, or without limit.
    within: Option<u32>,
    seed: u64,
}

impl Phase {
    fn any() -> impl Strategy<Value = Self> {
        let rates =
            prop_oneof![Just((10, 150)), Just((100, 100)), Just((150, 20)), Just((0, 200)), Just((100, 110))];
        let within = prop_oneof![3 => Just(None), 1 => (0..50u32).prop_map(Some)];
        (Delays::any(), 1..1_500u32, rates, within, 1..u64::MAX).prop_map(
            |(delays, steps, (pops, pushes), within, seed)| Self {
                delays,
                steps,
                pops,
                pushes,
                within,
                seed,
            },
        )
    }

    fn run(self, both: &mut Both) {
        let dice = &mut Dice(self.seed);
        for step in 0..self.steps {
            for _ in 0..(self.pops + dice.below(100)) / 100 {
                both.pop(self.within.map_or(u64::MAX, |bits| 1 << bits));
            }
            for _ in 0..(self.pushes + dice.below(100)) / 100 {
                both.push(self.delays.draw(dice));
            }
            if step % 64 == 0 {
                both.check();
            }
            if step % 1_000 == 999 {
                both.queue = both.queue.clone();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn it_pops_what_a_sorted_set_would(
        start in prop_oneof![Just(0), Just(1 << 40), (0..60u32).prop_map(|bits| u64::MAX - (1 << bits))],
        phases in prop::collection::vec(Phase::any(), 1..6),
    ) {
        let mut both = Both::starting_at(start);
        phases.iter().for_each(|phase| phase.run(&mut both));
        both.check();
        both.drain();
    }

    #[test]
    fn a_clone_in_mid_run_goes_on_alike_and_apart(phases in prop::collection::vec(Phase::any(), 1..4), last in Phase::any()) {
        let mut both = Both::starting_at(0);
        phases.iter().for_each(|phase| phase.run(&mut both));
        let mut fork = both.clone();
        last.run(&mut fork);
        fork.drain();
        both.drain();
    }
}

#[test]
fn a_run_ends_at_the_end_of_time() {
    let mut both = Both::starting_at(u64::MAX - 5_000);
    let dice = &mut Dice(7);
    (0..3_000).for_each(|_| both.push(dice.below(10_000)));
    for _ in 0..10_000 {
        both.pop(u64::MAX);
        both.push(dice.below(10_000));
    }
    assert_eq!(both.now, u64::MAX);
    both.drain();
}

#[test]
fn a_crowd_at_one_instant_costs_no_more_than_sorting_it() {
    let mut both = Both::starting_at(0);
    (0..100_000).for_each(|_| both.push(1_000_000));
    both.pop(u64::MAX);
    // Each event schedules others at the same instant, before and after those that wait.
    for _ in 0..50_000 {
        both.push(0);
        both.push(0);
        both.pop(u64::MAX);
    }
    assert_eq!(both.now, 1_000_000);
    both.drain();
}

#[test]
fn gaps_that_jump_by_a_million_and_back() {
    let mut both = Both::starting_at(0);
    let dice = &mut Dice(3);
    (0..1_000).for_each(|_| both.push(dice.below(1_000)));
    for scale in [1_000, 1_000_000_000, 1_000, 1_000_000_000_000, 10] {
        for _ in 0..5_000 {
            both.pop(u64::MAX);
            both.push(dice.below(scale));
        }
    }
    both.drain();
}

#[test]
fn far_timers_do_not_disturb_what_is_near() {
    let mut both = Both::starting_at(0);
    let dice = &mut Dice(5);
    for far in 0..20_000u64 {
        both.push((1 << 50) + far * far);
    }
    (0..500).for_each(|_| both.push(dice.below(100_000)));
    for _ in 0..20_000 {
        both.pop(u64::MAX);
        both.push(dice.below(100_000));
    }
    both.drain();
}

/// Memory of a clone, by what it holds: a fork must not pay for what its origin once held.
#[test]
fn a_clone_leaves_old_room_behind() {
    let mut queue = EventQueue::new();
    (0..100_000).for_each(|i| queue.push(event(u64::from(i) * 1_000, i)));
    (0..99_900).for_each(|_| assert!(queue.pop_until(SimTime::MAX).is_some()));
    let room = |q: &EventQueue| q.wheel.room();
    assert!(
        room(&queue) > 10_000 && room(&queue.clone()) < 5_000,
        "{} {}",
        room(&queue),
        room(&queue.clone())
    );
    let mut left: Vec<_> = std::iter::from_fn(|| queue.pop_until(SimTime::MAX)).collect();
    assert_eq!(left.len(), 100);
    left.dedup_by_key(|e| e.at);
    assert_eq!(left.len(), 100);
}

#[test]
#[should_panic(expected = "in the past")]
fn the_past_is_closed() {
    let mut queue = EventQueue::new();
    queue.push(event(5, 0));
    queue.pop_until(SimTime::MAX);
    queue.push(event(4, 0));
}
