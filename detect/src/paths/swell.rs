//! At some times of the day round trips stray further than at others.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use twin::stats::median;

use super::PathConfig;

/// Days that are remembered.
const DAYS: usize = 7;

/// Buckets on either side that share a value: two hours.
const HALF_WIDTH: usize = 24;

/// As many buckets that say the same as always count as seen before the first.
const PRIOR: f64 = 25.0;

/// No time of the day is calmer or more restless than this.
const MOST: f64 = 4.0;

/// How far residuals stray at this time of day, as a multiple of how far they stray on the whole: where fewer probes come back
/// their mean is less certain, and in busy hours queues are longer. By the mean distance in buckets of about five minutes, of
/// which medians are taken over the days and over four hours.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Swell {
    /// Mean distances of the last buckets, newest first; `None` where nothing usual was seen.
    strays: VecDeque<Option<f32>>,
    /// Sum and number of the distances in the bucket that is not complete, and whether something was wrong in it.
    open: (f64, u32),
    abnormal: bool,
    /// Bins in it so far.
    age: u32,
    /// The multiple in the bucket that is not complete.
    times: f64,
}

impl Swell {
    pub(super) fn new() -> Self {
        Self { strays: VecDeque::new(), open: (0.0, 0), abnormal: false, age: 0, times: 1.0 }
    }

    /// The multiple in the bin that comes next; 1 while learning.
    pub(super) fn times(&self) -> f64 {
        self.times
    }

    /// Takes the next bin's residual in milliseconds (`None`: there is none, or it says nothing of how far residuals stray), and
    /// whether it was found abnormal.
    pub(super) fn push(&mut self, residual: Option<f64>, abnormal: bool, config: &PathConfig) {
        self.open = residual.map_or(self.open, |r| (self.open.0 + r.abs(), self.open.1 + 1));
        self.abnormal |= abnormal;
        self.age += 1;
        if self.age < config.bucket_bins {
            return;
        }
        self.age = 0;
        let (sum, bins) = std::mem::take(&mut self.open);
        let stray = (sum / f64::from(bins)).max(config.min_sigma_ms) as f32; // NaN.max(x) is x
        let said = bins > 0 && !std::mem::take(&mut self.abnormal);
        self.strays.push_front(said.then_some(stray));
        let day = config.day_buckets();
        self.strays.truncate(DAYS * day + HALF_WIDTH);
        self.times = self.multiple(day);
    }

    fn multiple(&self, day: usize) -> f64 {
        let known = |from: usize, to: usize| {
            let to = to.min(self.strays.len());
            self.strays.range(from.min(to)..to).flatten().map(|s| f64::from(*s))
        };
        // The bucket that begins now would have index −1.
        let near =
            || (1..=DAYS).flat_map(|d| known((d * day - 1).saturating_sub(HALF_WIDTH), d * day + HALF_WIDTH));
        let times = median(near()) / median(known(0, self.strays.len()));
        if !times.is_finite() {
            return 1.0;
        }
        let seen = near().count() as f64;
        libm::pow(times.clamp(1.0 / MOST, MOST), seen / (seen + PRIOR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::normal;

    /// What is said at noon and at midnight after so many days of residuals that stray `noon` times as far by day.
    fn learnt(noon: f64, days: u32) -> [f64; 2] {
        let config = PathConfig::new(60);
        let mut swell = Swell::new();
        let mut said = [1.0; 2];
        for bin in 0..days * config.day_bins {
            let hour = bin % config.day_bins / config.hour_bins;
            let far = if (6..18).contains(&hour) { noon } else { 1.0 };
            if bin.is_multiple_of(12 * config.hour_bins) {
                said[usize::from(hour == 0)] = swell.times();
            }
            let fault = bin % 500 < 20;
            let residual = if fault { 50.0 } else { far * normal(bin as usize, 0) };
            swell.push(Some(residual), fault, &config);
        }
        said
    }

    #[test]
    fn restless_hours_are_known_from_the_second_day_on() {
        let [noon, night] = learnt(3.0, 2);
        assert!(noon / night > 1.7, "drawn towards none: {noon} {night}");
        let [noon, night] = learnt(3.0, 6);
        assert!((noon / night - 3.0).abs() < 0.4, "{noon} {night}");
        assert_eq!(learnt(3.0, 1)[0], 1.0);
    }

    #[test]
    fn noise_that_is_always_the_same_swells_little() {
        for times in learnt(1.0, 4) {
            assert!((times - 1.0).abs() < 0.08, "{times}");
        }
    }
}
