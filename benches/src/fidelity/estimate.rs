//! A mean over independent runs, and how sure it is.

use std::fmt;

use engine::{Seeds, Trial};

/// Runs of each estimate.
const RUNS: u64 = 20;
/// The 99.5 % quantile of Student's t with 19 degrees of freedom: the mean of 20 runs lies within so many of its estimated
/// standard errors in 99 of 100 cases.
const T_995: f64 = 2.861;
const SEED: u64 = 2544;

/// A mean with half the width of its 99 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean over runs.
    pub mean: f64,
    /// Half the width of the interval around it that holds the truth in 99 of 100 cases.
    pub half_width: f64,
}

impl Estimate {
    /// The mean of what independent runs give.
    pub fn over_runs(mut run: impl FnMut(Trial) -> f64) -> Self {
        let values: Vec<f64> = (0..RUNS).map(|trial| run(Seeds::new(SEED).trial(trial))).collect();
        Self::of(&values)
    }

    /// Of 20 values.
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
        Self { mean, half_width: T_995 * libm::sqrt(variance / n) }
    }

    /// Runs in each estimate, to divide packets among.
    pub(super) const fn runs() -> u64 {
        RUNS
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} ± {:.4}", self.mean, self.half_width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Purpose;
    use twin::EntityKey;

    #[test]
    fn the_interval_of_one_to_twenty_is_that_of_the_textbook() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        let got = Estimate::of(&values);
        // Variance 35; 2.861 · √(35 / 20).
        assert_eq!(got.mean, 10.5);
        assert!((got.half_width - 3.7848).abs() < 1e-4, "{got}");
    }

    #[test]
    fn ninety_nine_of_a_hundred_intervals_hold_the_mean() {
        let hits = (0..2_000).filter(|i| {
            let key = EntityKey::new(format!("estimate {i}"));
            let mut stream = Seeds::new(1).trial(0).stream(Purpose::SIZES, &key);
            // Sums of ten are close enough to normal.
            let values: Vec<f64> = (0..20).map(|_| (0..10).map(|_| stream.f64_open()).sum()).collect();
            let got = Estimate::of(&values);
            (got.mean - 5.0).abs() <= got.half_width
        });
        // 1,980 ± 4 standard errors of 4.4.
        assert!((1_962..=1_998).contains(&hits.count()));
    }
}
