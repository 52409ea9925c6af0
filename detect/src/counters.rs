//! From readings of counters to rates on bins: wraps and resets, gaps, irregular polls; and the time of day that people
//! live by.

use serde::{Deserialize, Serialize};

/// How wide a counter is: SNMP's Counter32 or Counter64 (RFC 2578 §7.1.6, §7.1.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CounterWidth {
    /// Wraps at 2³².
    Bits32,
    /// Wraps at 2⁶⁴.
    Bits64,
}

/// A reading of a counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// When, in seconds on any clock.
    pub at_s: f64,
    /// The counter's value.
    pub value: u64,
}

/// What happened between two readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// It advanced by so much.
    Advanced(u64),
    /// It advanced by so much and wrapped, unless it was reset: at the highest rate it can have got there.
    Wrapped(u64),
    /// Nothing can be said of what was between.
    Gap(Gap),
}

/// Why nothing can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Gap {
    /// The counter began anew.
    Reset,
    /// More time passed than a counter of this width can be trusted over, or than is asked for.
    TooLong,
    /// The clock of the readings stood still or went back.
    Clock,
}

/// How readings become rates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CounterConfig {
    /// The counter's width.
    pub width: CounterWidth,
    /// The most that it can advance in a second (for octets, the port's speed / 8); what exceeds it was a reset.
    pub most_per_s: f64,
    /// Readings further apart than this, in seconds, have a gap between them.
    pub longest_s: f64,
}

/// What happened between two readings. A counter that fell has wrapped if it can have got there at the highest rate; else it
/// was reset. A 32-bit counter says nothing over a time in which it may have wrapped unseen.
pub fn step(before: Reading, after: Reading, config: &CounterConfig) -> Step {
    let seconds = after.at_s - before.at_s;
    if seconds.is_nan() || seconds <= 0.0 {
        return Step::Gap(Gap::Clock);
    }
    let possible = config.most_per_s * seconds;
    let range = 4_294_967_296.0; // 2³²
    if seconds > config.longest_s || (config.width == CounterWidth::Bits32 && possible >= range) {
        return Step::Gap(Gap::TooLong);
    }
    let advance = match config.width {
        CounterWidth::Bits64 => after.value.wrapping_sub(before.value),
        CounterWidth::Bits32 => u64::from((after.value as u32).wrapping_sub(before.value as u32)),
    };
    match advance {
        _ if advance as f64 > possible => Step::Gap(Gap::Reset),
        _ if after.value < before.value => Step::Wrapped(advance),
        _ => Step::Advanced(advance),
    }
}

/// A wrap that would mean so many times the highest rate seen so far was a reset.
const PLAUSIBLE: f64 = 2.0;

/// Rates on bins of equal length from readings at any times.
///
/// What a counter advanced by between two readings is spread evenly over the time between. A fall that would have to be a
/// wrap at more than twice the highest rate seen before is taken for a reset: a gap, never a spike. A bin of which less than half is
/// known is missing (NaN).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BinnedRates {
    config: CounterConfig,
    start_s: f64,
    bin_s: f64,
    /// Of each bin: the sum, and the seconds that are known.
    bins: Vec<(f64, f64)>,
    /// The highest rate so far, per second.
    highest: f64,
    gaps: Vec<(Gap, u64)>,
}

impl BinnedRates {
    /// `bins` bins of `bin_s` seconds from `start_s` on.
    pub fn new(config: CounterConfig, start_s: f64, bin_s: f64, bins: usize) -> Self {
        Self { config, start_s, bin_s, bins: vec![(0.0, 0.0); bins], highest: 0.0, gaps: Vec::new() }
    }

    /// Takes two readings that follow each other; what lies outside of the bins is left out.
    pub fn take(&mut self, before: Reading, after: Reading) {
        let rate = |advance: u64| advance as f64 / (after.at_s - before.at_s);
        let gap = match step(before, after, &self.config) {
            Step::Gap(gap) => gap,
            Step::Wrapped(advance) if rate(advance) > PLAUSIBLE * self.highest => Gap::Reset,
            Step::Wrapped(advance) | Step::Advanced(advance) => {
                self.highest = self.highest.max(rate(advance));
                self.spread(before.at_s, after.at_s, rate(advance));
                return;
            }
        };
        match self.gaps.iter_mut().find(|(known, _)| *known == gap) {
            Some((_, count)) => *count += 1,
            None => self.gaps.push((gap, 1)),
        }
    }

    fn spread(&mut self, from_s: f64, to_s: f64, rate: f64) {
        let (from, to) = ((from_s - self.start_s) / self.bin_s, (to_s - self.start_s) / self.bin_s);
        let last = (to.ceil().max(0.0) as usize).min(self.bins.len());
        for bin in (from.max(0.0) as usize)..last {
            let inside = to.min(bin as f64 + 1.0) - from.max(bin as f64);
            let seconds = inside.max(0.0) * self.bin_s;
            self.bins[bin].0 += rate * seconds;
            self.bins[bin].1 += seconds;
        }
    }

    /// The rate in each bin, per second; NaN where it is missing.
    pub fn rates(&self) -> Vec<f64> {
        let rate = |(sum, known): &(f64, f64)| {
            if *known * 2.0 >= self.bin_s { sum / known } else { f64::NAN }
        };
        self.bins.iter().map(rate).collect()
    }

    /// How often there was a gap, and why.
    pub fn gaps(&self) -> &[(Gap, u64)] {
        &self.gaps
    }
}

/// Seconds since local midnight. People's days begin at local midnight, and twice a year an hour earlier or later: a daily
/// course that is kept by this follows them.
///
/// `at_s` in seconds since the epoch; `offsets` are (from when on, offset to UTC in seconds), ascending; before the first
/// its offset holds, and without any it is UTC.
pub fn local_seconds_of_day(at_s: i64, offsets: &[(i64, i32)]) -> u32 {
    let known = offsets.iter().rev().find(|(from, _)| *from <= at_s).or(offsets.first());
    let offset = known.map_or(0, |(_, offset)| i64::from(*offset));
    (at_s.saturating_add(offset)).rem_euclid(86_400) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIGABIT: CounterConfig =
        CounterConfig { width: CounterWidth::Bits64, most_per_s: 125e6, longest_s: 900.0 };

    fn at(at_s: f64, value: u64) -> Reading {
        Reading { at_s, value }
    }

    #[test]
    fn a_wrap_advances_and_a_reset_is_a_gap() {
        let narrow = CounterConfig { width: CounterWidth::Bits32, ..GIGABIT };
        let near = u64::from(u32::MAX) - 99;
        assert_eq!(step(at(0.0, near), at(30.0, 900), &narrow), Step::Wrapped(1_000));
        assert_eq!(
            step(at(0.0, 3_000_000_000), at(10.0, 5), &narrow),
            Step::Gap(Gap::Reset),
            "1.3 GB in 10 s"
        );
        assert_eq!(
            step(at(0.0, 0), at(60.0, 5), &narrow),
            Step::Gap(Gap::TooLong),
            "may have wrapped unseen"
        );
        assert_eq!(step(at(0.0, 1_000), at(60.0, 5), &GIGABIT), Step::Gap(Gap::Reset));
        assert_eq!(step(at(0.0, u64::MAX), at(60.0, 5), &GIGABIT), Step::Wrapped(6));
        assert_eq!(step(at(60.0, 5), at(60.0, 5), &GIGABIT), Step::Gap(Gap::Clock));
        assert_eq!(step(at(60.0, 5), at(f64::NAN, 5), &GIGABIT), Step::Gap(Gap::Clock));
        // A jump ahead that the port cannot carry is no traffic either.
        assert_eq!(step(at(0.0, 5), at(60.0, 1 << 60), &GIGABIT), Step::Gap(Gap::Reset));
    }

    #[test]
    fn irregular_polls_give_the_rate_of_each_bin_and_a_reset_never_a_spike() {
        let mut rates = BinnedRates::new(GIGABIT, 1_000.0, 60.0, 5);
        // 100 a second, polled at odd times; reset at 130 s; nothing after 250 s.
        let polls = [
            (990.0, 0),
            (1_045.0, 5_500),
            (1_100.0, 11_000),
            (1_130.0, 14_000),
            (1_150.0, 2_000),
            (1_250.0, 12_000),
        ];
        let readings: Vec<_> = polls.iter().map(|(t, v)| at(*t, *v)).collect();
        readings.windows(2).for_each(|w| rates.take(w[0], w[1]));
        let got = rates.rates();
        for bin in [0, 1, 2, 3] {
            assert!((got[bin] - 100.0).abs() < 1e-9, "{bin}: {got:?}");
        }
        assert!(got[4].is_nan(), "only 10 of its 60 s are known");
        assert_eq!(rates.gaps(), [(Gap::Reset, 1)]);
    }

    #[test]
    fn a_reset_that_could_be_a_wrap_is_not_told_as_traffic() {
        let narrow = CounterConfig { width: CounterWidth::Bits32, ..GIGABIT };
        let rates = |polls: [u64; 4]| {
            let mut rates = BinnedRates::new(narrow, 0.0, 20.0, 3);
            let readings: Vec<_> = (0..4u32).zip(polls).map(|(i, v)| at(20.0 * f64::from(i), v)).collect();
            readings.windows(2).for_each(|w| rates.take(w[0], w[1]));
            rates.rates()
        };
        // A megabyte a second: from 3e9 back to 0 in 20 s would be 65 MB/s.
        let reset = rates([2_980_000_000, 3_000_000_000, 0, 20_000_000]);
        assert!(reset[1].is_nan() && reset[2] == 1e6, "{reset:?}");
        let top = 1 << 32;
        assert_eq!(rates([top - 30_000_000, top - 10_000_000, 10_000_000, 30_000_000]), [1e6; 3]);
    }

    #[test]
    fn the_morning_stays_at_the_same_phase_when_the_clocks_change() {
        // Central Europe 2024: summer time from 31 March 01:00 UTC.
        let offsets = [(1_698_541_200, 3_600), (1_711_846_800, 7_200)];
        let eight = |utc: i64| local_seconds_of_day(utc, &offsets);
        assert_eq!(eight(1_711_782_000), 8 * 3_600, "30 March, 07:00 UTC");
        assert_eq!(eight(1_711_864_800), 8 * 3_600, "31 March, 06:00 UTC");
        assert_eq!(local_seconds_of_day(-1, &[]), 86_399);
    }
}
