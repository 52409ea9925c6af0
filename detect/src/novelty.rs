//! Has a series ever done this before? For series without seasons.
//!
//! Four questions of each bin: is the value out of its range, does it jump, has its hour left the level of the day before
//! (at five-minute bins), is it off by the forecast? Each answer is ranked among all answers of the past (a conformal
//! p-value, which knows no distribution), and the ranks are joined by Fisher's method. So a series of rare spikes is not
//! abnormal with each of them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Bins of the mean that is compared, and of those before it.
const NOW: usize = 12;
const BEFORE: usize = 288;
/// The largest answers are known one by one, of the others a sample.
const TOP: usize = 128;
const SAMPLE: usize = 256;
/// Answers before there is a rank.
const PAST_MIN: u64 = 50;
/// Beyond the record the tail is that of the largest fiftieth, as heavy as Student's t with three degrees of freedom.
const TAIL_SHARE: u64 = 50;
const TAIL_SHAPE: f64 = 1.0 / 3.0;

/// The past of one series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Novelty {
    high: Past,
    low: Past,
    jump: Past,
    shift: Past,
    forecast: Past,
    /// The latest values, the newest last.
    latest: VecDeque<f64>,
}

impl Novelty {
    /// Takes the next value (not NaN) and the score of its forecast (NaN: none), and gives the logarithm of the probability
    /// of both; NaN while there is too little past.
    pub(crate) fn step(&mut self, value: f64, forecast: f64, learns: bool) -> f64 {
        let jump = self.latest.back().map_or(f64::NAN, |last| (value - last).abs());
        self.latest.push_back(value);
        if self.latest.len() > NOW + BEFORE {
            self.latest.pop_front();
        }
        let range = self.high.score(value).max(self.low.score(-value)) - std::f64::consts::LN_2;
        let shift = self.shift();
        let scores = [range, self.jump.score(jump), self.shift.score(shift), self.forecast.score(forecast)];
        if learns {
            self.high.learn(value);
            self.low.learn(-value);
            self.jump.learn(jump);
            self.shift.learn(shift);
            self.forecast.learn(forecast);
        }
        fisher(scores.into_iter().filter(|s| !s.is_nan()))
    }

    /// How far the mean of the latest bins is from that of those before, in standard deviations of these; NaN if too young.
    fn shift(&self) -> f64 {
        if self.latest.len() < NOW + BEFORE {
            return f64::NAN;
        }
        let mean = |values: &mut dyn Iterator<Item = f64>, n: usize| values.sum::<f64>() / n as f64;
        let now = mean(&mut self.latest.range(BEFORE..).copied(), NOW);
        let before = mean(&mut self.latest.range(..BEFORE).copied(), BEFORE);
        let square = mean(&mut self.latest.range(..BEFORE).map(|x| (x - before).powi(2)), BEFORE);
        (now - before).abs() / (libm::sqrt(square) + 1e-9 * before.abs() + f64::MIN_POSITIVE)
    }
}

/// Fisher's method: the sum of k scores −ln p has a Gamma distribution of shape k if nothing is wrong. NaN without any.
fn fisher(scores: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut k) = (0.0, 0u32);
    for score in scores {
        sum += score.max(0.0);
        k += 1;
    }
    if k == 0 {
        return f64::NAN;
    }
    let mut term = 1.0;
    let mut series = 1.0;
    for i in 1..k {
        term *= sum / f64::from(i);
        series += term;
    }
    (libm::log(series) - sum).min(0.0)
}

/// A value as the past keeps it: it is compared as such, or rounding alone would make a constant one a new record.
fn kept(value: f64) -> f32 {
    (value as f32).clamp(f32::MIN, f32::MAX)
}

/// All values of the past, as far as ranks need them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Past {
    count: u64,
    /// The largest, ascending.
    top: Vec<f32>,
    /// Of all values each so many-th, ascending.
    sample: Vec<f32>,
    every: u64,
}

impl Past {
    /// −ln of the share of past values that were as large; beyond the record by the tail of the largest. NaN if there are
    /// too few, or for NaN.
    fn score(&self, value: f64) -> f64 {
        if value.is_nan() || self.count < PAST_MIN {
            return f64::NAN;
        }
        let value = f64::from(kept(value));
        let as_large = |values: &[f32]| values.len() - values.partition_point(|x| f64::from(*x) < value);
        let n = self.count as f64;
        let mut above = as_large(&self.top) as f64;
        if above as usize == self.top.len() {
            above = above.max(n * as_large(&self.sample) as f64 / self.sample.len() as f64);
        }
        let rank = -libm::log((above + 0.5) / (n + 1.0));
        if above > 0.0 { rank } else { rank.max(self.beyond(value)) }
    }

    /// −ln of the probability of a value beyond the record: a generalised Pareto tail over the largest fiftieth.
    fn beyond(&self, value: f64) -> f64 {
        let tail = ((self.count / TAIL_SHARE) as usize).clamp(3, TOP - 1);
        let from = self.top.len() - tail;
        let level = f64::from(self.top[from - 1]);
        let mean = self.top[from..].iter().map(|x| f64::from(*x) - level).sum::<f64>() / tail as f64;
        let scale = (1.0 - TAIL_SHAPE) * mean + 1e-6 * level.abs() + 1e-12;
        let excess = libm::log1p(TAIL_SHAPE * (value - level).max(0.0) / scale) / TAIL_SHAPE;
        libm::log(self.count as f64 / tail as f64) + excess
    }

    fn learn(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        let value = kept(value);
        if self.top.len() < TOP || value > self.top[0] {
            self.top.insert(self.top.partition_point(|x| *x < value), value);
            if self.top.len() > TOP {
                self.top.remove(0);
            }
        }
        self.every = self.every.max(1);
        if self.count.is_multiple_of(self.every) {
            self.sample.insert(self.sample.partition_point(|x| *x < value), value);
            if self.sample.len() > SAMPLE {
                let mut keep = false;
                self.sample.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.every *= 2;
            }
        }
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::{normal, uniform};

    #[test]
    fn ranks_are_those_of_the_whole_past() {
        let mut past = Past::default();
        let mut all: Vec<f64> = Vec::new();
        for i in 0..5_000 {
            let value = normal(i, 0);
            let score = past.score(value);
            let above = all.iter().filter(|x| **x >= value).count() as f64;
            let truth = -libm::log((above + 0.5) / (all.len() as f64 + 1.0));
            // Among the largest to the last one, below by a sample of at least 128.
            let close = if above < TOP as f64 { 1e-9 } else { 0.7 };
            if i >= PAST_MIN as usize && above > 0.0 {
                assert!((score - truth).abs() < close, "{i}: {score} for {truth}");
            }
            past.learn(value);
            all.push(value);
        }
        assert!(past.sample.len() <= SAMPLE && past.top.len() == TOP);
        assert!(past.score(1e300).is_finite() && past.score(8.0) > past.score(5.0));
    }

    #[test]
    fn a_constant_is_no_record_however_it_is_rounded() {
        for value in [5f64.sqrt(), 0.1, -0.1, 1e60] {
            let mut past = Past::default();
            (0..500).for_each(|_| past.learn(value));
            assert!(past.score(value) < 0.01 && past.score(value + value.abs()).is_finite(), "{value}");
        }
    }

    #[test]
    fn fishers_sum_is_a_probability() {
        // P(Γ(1) > x) = e⁻ˣ; P(Γ(2) > 3) = 4 e⁻³.
        assert!((fisher([2.5].into_iter()) + 2.5).abs() < 1e-12);
        assert!((fisher([1.0, 2.0].into_iter()) - (libm::log(4.0) - 3.0)).abs() < 1e-12);
        assert!(fisher(std::iter::empty()).is_nan() && fisher([1e300; 3].into_iter()).is_finite());
    }

    #[test]
    fn usual_spikes_are_usual_and_a_new_height_or_level_is_not() {
        let value = |i: usize| if uniform(i, 1) < 0.01 { 50.0 + normal(i, 2) } else { 10.0 + normal(i, 0) };
        let mut novelty = Novelty::default();
        let scores: Vec<f64> = (0..6_000).map(|i| -novelty.step(value(i), f64::NAN, true)).collect();
        let late = &scores[1_000..];
        let spikes = (1_000..6_000).filter(|i| value(*i) > 30.0);
        assert!(twin::stats::median(spikes.map(|i| scores[i])) < 9.0);
        // One in e⁸ if the answers did not depend on one another; the height of a spike and its jump do.
        assert!(late.iter().filter(|s| **s > 8.0).count() < 50);
        let mut high = novelty.clone();
        assert!(-high.step(120.0, f64::NAN, true) > late.iter().copied().fold(0.0, f64::max));
        let shifted: Vec<f64> = (0..24).map(|i| -novelty.step(14.0 + normal(i, 3), f64::NAN, true)).collect();
        assert!(shifted.iter().any(|s| *s > 6.0), "{shifted:?}");
    }
}
