//! Degrading parts: seen before they fail.
//!
//! An indicator (received optical power, error counters, bit error rate before correction, memory in use, flaps) runs
//! towards a threshold at which the part no longer does its work. On the right scale wear is close to a straight line:
//! power in dB and memory as they are, error rates in logarithms. [`Wear`] follows level and slope with a bank of Kalman
//! filters that differ in how fast either may change; what each predicted weighs it. The time to the threshold is the first
//! passage of a Brownian motion with drift (an inverse Gaussian), mixed over how uncertain level, slope and filter are.
//!
//! Harvey, *Forecasting, Structural Time Series Models and the Kalman Filter*, 1989, ch. 2 (local linear trend); West,
//! Harrison, Migon, JASA 80, 1985 (counts by conjugate updating); Chhikara and Folks, *The Inverse Gaussian Distribution*,
//! 1989.

mod filter;
mod passage;

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use twin::stats::mad_sigma;

use self::filter::{Filter, Seen};

/// Hours over which the slope may bend, and over which the level forgets: the filters of the bank.
const BENDS_H: [f64; 3] = [4.0, 16.0, 64.0];
const WANDERS_H: [f64; 3] = [0.2, 2.0, 500.0];

/// What a filter predicted counts for 1/e after so many hours.
const WEIGHT_H: f64 = 24.0;

/// No opinion before so many hours and samples.
const LEARN_H: f64 = 6.0;
const LEARN_SAMPLES: u32 = 16;

/// Differences that teach how noisy a gauge is.
const DIFFERENCES: usize = 96;

/// What an indicator counts or measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Indicator {
    /// A gauge that wears in a straight line, such as received power in dBm or memory in percent.
    Linear,
    /// A positive gauge that wears exponentially, such as a bit error rate.
    Logarithmic,
    /// Events in the time since the last sample (errors, flaps), whose rate grows exponentially.
    Count,
}

/// What an indicator is and where its part fails.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WearConfig {
    /// What it counts or measures.
    pub indicator: Indicator,
    /// Where the part fails, in the unit of the indicator; of a count, per hour.
    pub threshold: f64,
    /// Whether it fails above the threshold (else below). Counts fail above.
    pub above: bool,
}

/// When a part will reach its threshold, in hours from the last sample; infinite where it may never.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeLeft {
    /// As probably sooner as later.
    pub median_h: f64,
    /// Sooner with a probability of 5 %.
    pub lo_h: f64,
    /// Later with a probability of 5 %.
    pub hi_h: f64,
}

/// Follows one indicator of one part, sample by sample, in bounded memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wear {
    config: WearConfig,
    bank: Vec<Weighed>,
    /// Values on the scale of wear, newest first, and second differences of them.
    last: VecDeque<f64>,
    differences: VecDeque<f64>,
    hours: f64,
    samples: u32,
    /// Hours since the last sample.
    since_h: f64,
    /// Usual hours from sample to sample.
    pace_h: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Weighed {
    filter: Filter,
    log_weight: f64,
}

impl Wear {
    /// Knows nothing yet.
    pub fn new(config: WearConfig) -> Self {
        let pairs = BENDS_H.into_iter().flat_map(|bend| WANDERS_H.map(|wander| (bend, wander)));
        let bank = pairs.map(|(bend, wander)| Weighed { filter: Filter::new(bend, wander), log_weight: 0.0 });
        Self {
            config,
            bank: bank.collect(),
            last: VecDeque::new(),
            differences: VecDeque::new(),
            hours: 0.0,
            samples: 0,
            since_h: 0.0,
            pace_h: 0.0,
        }
    }

    /// Takes the sample that comes `after_h` hours (above 0) after the one before. What is no number, or below zero where
    /// it cannot be, is a missing sample: time goes on.
    pub fn step(&mut self, after_h: f64, value: f64) {
        if !(after_h > 0.0 && after_h.is_finite()) {
            return;
        }
        self.since_h += after_h;
        let Some(seen) = self.seen(value) else { return };
        let after_h = std::mem::take(&mut self.since_h);
        self.pace_h = if self.samples == 0 { after_h } else { self.pace_h + (after_h - self.pace_h) / 16.0 };
        self.hours += after_h;
        self.samples = self.samples.saturating_add(1);
        let noise = self.noise(&seen);
        let fade = libm::exp(-after_h / WEIGHT_H);
        for one in &mut self.bank {
            let log_likelihood = one.filter.step(after_h, &seen, noise, self.pace_h);
            one.log_weight = fade * one.log_weight + log_likelihood;
        }
        let most = self.bank.iter().map(|w| w.log_weight).fold(f64::NEG_INFINITY, f64::max);
        self.bank.iter_mut().for_each(|w| w.log_weight -= most);
    }

    /// The sample on the scale of wear, on which up is towards failure.
    fn seen(&self, value: f64) -> Option<Seen> {
        match self.config.indicator {
            Indicator::Count => (value.is_finite() && value >= 0.0)
                .then_some(Seen::Count { events: value, hours: self.since_h }),
            _ => self.on_scale(value).map(Seen::Gauge),
        }
    }

    fn on_scale(&self, value: f64) -> Option<f64> {
        let scaled = match self.config.indicator {
            Indicator::Linear => value,
            Indicator::Logarithmic | Indicator::Count => libm::log(value),
        };
        let up = self.config.above || self.config.indicator == Indicator::Count;
        scaled.is_finite().then_some(if up { scaled } else { -scaled })
    }

    /// Variance of a gauge's noise: from second differences, which no line moves (6 times the variance of white noise).
    /// A rate of events is told in logarithms, where natural scatter beyond Poisson's is some tens of percent.
    fn noise(&mut self, seen: &Seen) -> f64 {
        let Seen::Gauge(y) = seen else { return 0.05 };
        self.last.push_front(*y);
        if let [a, b, c] = self.last.make_contiguous()[..] {
            self.differences.push_front(a - 2.0 * b + c);
            self.differences.truncate(DIFFERENCES);
            self.last.truncate(2);
        }
        let differences: Vec<f64> = self.differences.iter().copied().collect();
        let sigma = mad_sigma(&differences, 0.0) / libm::sqrt(6.0);
        let least = 1e-4 * y.abs().max(1e-3);
        if sigma.is_nan() { 0.01 * y * y + least * least } else { sigma * sigma + least * least }
    }

    fn is_ready(&self) -> bool {
        self.hours >= LEARN_H && self.samples >= LEARN_SAMPLES
    }

    /// The probability that the threshold is reached within so many hours of the last sample; 0 while learning.
    pub fn probability(&self, within_h: f64) -> f64 {
        match self.on_scale(self.config.threshold) {
            Some(threshold) if self.is_ready() => self.passed(threshold, within_h),
            _ => 0.0,
        }
    }

    fn passed(&self, threshold: f64, within_h: f64) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for one in &self.bank {
            let weight = libm::exp(one.log_weight);
            sum += weight * passage::probability(&one.filter.outlook(), threshold, within_h);
            weights += weight;
        }
        sum / weights
    }

    /// When the threshold will be reached; `None` while learning.
    pub fn time_left(&self) -> Option<TimeLeft> {
        let threshold = self.on_scale(self.config.threshold).filter(|_| self.is_ready())?;
        let quantile = |share: f64| passage::quantile(share, |h| self.passed(threshold, h));
        Some(TimeLeft { median_h: quantile(0.5), lo_h: quantile(0.05), hi_h: quantile(0.95) })
    }
}
