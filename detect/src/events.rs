//! Events: does a device say this more often than it used to?

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::tail::log_negative_binomial_tail;
use crate::{Bin, Detector, Verdict};

/// Above this score (a probability below 1e-4) a count teaches no more than a large usual one.
const HOLD: f64 = 9.210_340_371_976_184;

/// Shape of the prior of a series' rate; its mean is that of all series together.
const PRIOR_EVENTS: f64 = 0.5;

/// The mean of all series before anything was seen: an event in a hundred bins, as if seen once.
const PRIOR_POOL: (f64, f64) = (1.0, 100.0);

/// Messages come in clumps (a login writes three lines): variance over mean before any was seen, and how many events that
/// counts as.
const PRIOR_CLUMP: f64 = 3.0;
const PRIOR_CLUMP_EVENTS: f64 = 10.0;

/// How events are judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventConfig {
    /// Windows that are tried, in bins, ascending, each at least 1.
    pub windows: Vec<u32>,
    /// Bins after which what was seen counts for 1/e.
    pub memory_bins: f64,
    /// No opinion on a series before so many bins of it.
    pub learn_bins: f64,
}

impl EventConfig {
    /// For bins of `bin_s` seconds: windows of a bin and of a minute, a memory of a week, two minutes of learning.
    pub fn new(bin_s: u32) -> Self {
        let bins = |seconds: f64| (seconds / f64::from(bin_s.max(1))).round().max(1.0);
        let mut windows = vec![1, bins(60.0) as u32];
        windows.dedup();
        Self { windows, memory_bins: bins(604_800.0), learn_bins: bins(120.0) }
    }
}

/// Counts of events per (device, kind of message), each against its own rate: a Gamma–Poisson tail.
///
/// The rate of a series is known only as well as what was seen of it; a kind that a device never sent has the rate of its
/// peers as its prior. Counts are more varied than Poisson's because events come in clumps, whose size is learnt.
/// Only more than usual is abnormal, silence is not; the time of day plays no part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventRates {
    config: EventConfig,
    series: Vec<Series>,
    /// Events and bins of all series.
    pool: (f64, f64),
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Series {
    events: f64,
    /// Sum of squares of the counts of a bin.
    squares: f64,
    bins: f64,
    /// Counts of the last bins, newest first.
    recent: VecDeque<u64>,
}

impl EventRates {
    /// A detector of `series` series that knows nothing yet.
    pub fn new(series: usize, config: EventConfig) -> Self {
        Self { config, series: vec![Series::default(); series], pool: PRIOR_POOL }
    }

    /// A series more: a kind that was first seen now on a device that has been listened to for `bins` bins.
    pub fn add(&mut self, bins: f64) {
        self.series.push(Series { bins, ..Series::default() });
        self.pool.1 += bins;
    }

    /// How many series there are.
    pub fn series(&self) -> usize {
        self.series.len()
    }
}

impl Detector for EventRates {
    /// Events in the bin; `None` if nobody listened.
    type Sample = Option<u64>;

    fn step(&mut self, bin: &Bin<'_, Option<u64>>, verdicts: &mut [Verdict]) {
        assert_eq!(bin.samples.len(), self.series.len(), "one sample for each series");
        assert_eq!(verdicts.len(), self.series.len(), "one verdict for each series");
        let longest = self.config.windows.last().copied().unwrap_or(1) as usize;
        let usual = self.pool.0 / self.pool.1;
        let keep = libm::exp(-1.0 / self.config.memory_bins);
        let mut seen = (0.0, 0.0);
        for (i, (series, sample)) in self.series.iter_mut().zip(bin.samples).enumerate() {
            verdicts[i] = Verdict::NONE;
            let Some(count) = sample else { continue };
            series.recent.push_front(*count);
            series.recent.truncate(longest);
            verdicts[i] = series.judge(usual, &self.config);
            if bin.learns(i) {
                let learnt = series.learn(*count, usual, &verdicts[i], keep);
                seen = (seen.0 + learnt, seen.1 + 1.0);
            }
        }
        let keep_pool = libm::pow(keep, if seen.1 > 0.0 { 1.0 } else { 0.0 });
        self.pool = (self.pool.0 * keep_pool + seen.0, self.pool.1 * keep_pool + seen.1);
    }

    fn rebaseline(&mut self, series: usize) {
        self.series[series] = Series::default();
    }
}

impl Series {
    /// Events in a bin, given the mean of all series, and how many events that is known from.
    fn rate(&self, usual: f64) -> (f64, f64) {
        let events = PRIOR_EVENTS + self.events;
        (events / (PRIOR_EVENTS / usual + self.bins), events)
    }

    /// Variance over mean, at least Poisson's 1.
    fn clump(&self, mean: f64) -> f64 {
        let squares = PRIOR_CLUMP * PRIOR_CLUMP_EVENTS + self.squares;
        (squares / (PRIOR_CLUMP_EVENTS + self.events) - mean).max(1.0)
    }

    fn judge(&self, usual: f64, config: &EventConfig) -> Verdict {
        let mut best = Verdict::NONE;
        if self.bins < config.learn_bins {
            return best;
        }
        let (rate, known_from) = self.rate(usual);
        for window in &config.windows {
            let counts = self.recent.iter().take(*window as usize);
            let (bins, count) = counts.fold((0u32, 0u64), |(b, n), c| (b + 1, n.saturating_add(*c)));
            let mean = rate * f64::from(bins);
            // Variance beyond Poisson's: of clumps, and of the rate.
            let beyond = (self.clump(rate) - 1.0) + mean / known_from;
            let shape = mean / beyond;
            let tail = log_negative_binomial_tail(count, 1.0, shape, 1.0 / beyond);
            let log_p = (tail + libm::log(config.windows.len() as f64)).min(0.0);
            if best.log_p.is_nan() || log_p < best.log_p {
                let sigma = libm::sqrt(mean * (1.0 + beyond));
                best = Verdict { log_p, expected: mean, sigma, window: *window, rtt: false };
            }
        }
        best
    }

    /// Learns from a bin and says as how many events it counted.
    fn learn(&mut self, count: u64, usual: f64, verdict: &Verdict, keep: f64) -> f64 {
        let mut counted = count as f64;
        if verdict.score() > HOLD {
            let (rate, _) = self.rate(usual);
            let large = rate + 3.0 * libm::sqrt(rate * self.clump(rate));
            counted = counted.min(large.max(1.0));
        }
        self.events = self.events * keep + counted;
        self.squares = self.squares * keep + counted * counted;
        self.bins = self.bins * keep + 1.0;
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(rates: &mut EventRates, bins: &[Vec<u64>]) -> Vec<Vec<f64>> {
        let mut verdicts = vec![Verdict::NONE; rates.series()];
        let step = |counts: &Vec<u64>| {
            let samples: Vec<_> = counts.iter().map(|c| Some(*c)).collect();
            rates.step(&Bin { samples: &samples, paused: &[] }, &mut verdicts);
            verdicts.iter().map(Verdict::score).collect()
        };
        bins.iter().map(step).collect()
    }

    #[test]
    fn a_flood_of_a_kind_never_seen_stands_out_and_one_message_of_it_does_not() {
        let mut rates = EventRates::new(3, EventConfig::new(10));
        let quiet: Vec<_> = (0..40u64).map(|i| vec![u64::from(i % 20 == 7), 0, 0]).collect();
        let learnt = run(&mut rates, &quiet);
        assert!(learnt[5][0].is_nan(), "still learning");
        assert!(learnt[30].iter().all(|s| *s < 6.0), "{:?}", learnt[30]);
        let scores = run(&mut rates, &[vec![0, 1, 20]]);
        assert!(scores[0][1] < 7.0 && scores[0][2] > 11.0, "{scores:?}");
    }

    #[test]
    fn what_is_always_loud_is_not_news() {
        let mut rates = EventRates::new(1, EventConfig::new(10));
        let loud: Vec<_> = (0..500u64).map(|i| vec![20 + i * 7 % 11]).collect();
        let scores = run(&mut rates, &loud);
        assert!(scores[300..].iter().all(|s| s[0] < 8.0));
        assert!(run(&mut rates, &[vec![400]])[0][0] > 12.0);
        assert!(run(&mut rates, &[vec![u64::MAX]])[0][0].is_finite());
    }

    #[test]
    fn a_new_loudness_becomes_usual() {
        let mut rates = EventRates::new(1, EventConfig::new(10));
        run(&mut rates, &vec![vec![1]; 200]);
        let scores = run(&mut rates, &vec![vec![30]; 3_000]);
        assert!(scores[0][0] > 9.0 && scores[2_999][0] < 5.0, "{} {}", scores[0][0], scores[2_999][0]);
    }
}
