//! Corrects a model's tail by the tail that is seen.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Where the tail begins: scores above this are exceedances, 5 % of all if the model is right.
const START: f64 = 2.995_732_273_553_991; // −ln 0.05

/// Exceedances that are remembered.
const KEPT: usize = 256;

/// As many exceedances of a right model as count as seen before the first: for their size, and for how heavy they are,
/// which is less certain.
const PRIOR_SCALE: f64 = 10.0;
const PRIOR_SHAPE: f64 = 50.0;

/// A score is −log p by a model. If the model is right, its excess over any level is exponential with mean 1; heavier noise
/// than the model's makes it larger and more frequent. This learns both and shrinks the score accordingly, never the other
/// way: a model that is too careful stays so.
///
/// Peaks over threshold: a generalised Pareto tail of shape 0 to 1, by the median and the upper eighth of the excesses (as
/// Pickands, Ann. Stat. 3, 1975, by quartiles, which say less of what lies far out), so that a few anomalies among what is
/// learnt from do not move it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TailFit {
    /// Share of exceedances.
    share: f64,
    scores: u32,
    /// The last excesses, newest first.
    excesses: VecDeque<f32>,
    scale: f64,
    shape: f64,
}

impl Default for TailFit {
    fn default() -> Self {
        Self { share: libm::exp(-START), scores: 0, excesses: VecDeque::new(), scale: 1.0, shape: 0.0 }
    }
}

impl TailFit {
    /// The score by the tail that was seen; finite for a finite one.
    pub(crate) fn calibrated(&self, score: f64) -> f64 {
        let begin = -libm::log(self.share);
        if score <= START {
            return score * begin / START;
        }
        let excess = (score - START) / self.scale;
        begin + if self.shape < 1e-6 { excess } else { libm::log1p(self.shape * excess) / self.shape }
    }

    /// Learns from a score of the model, before calibration.
    pub(crate) fn learn(&mut self, score: f64) {
        let exceeds = score > START;
        self.scores = self.scores.saturating_add(1);
        // As if 200 scores of a right model had been seen before.
        let gain = 0.002f64.max(1.0 / (f64::from(self.scores) + 200.0));
        self.share += gain * (f64::from(u8::from(exceeds)) - self.share);
        self.share = self.share.clamp(libm::exp(-START), 0.5);
        if exceeds {
            self.excesses.push_front((score - START) as f32);
            self.excesses.truncate(KEPT);
            self.fit();
        }
    }

    fn fit(&mut self) {
        let mut sorted: Vec<f32> = self.excesses.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let n = sorted.len();
        let quantile = |share: f64| f64::from(sorted[(share * n as f64) as usize]).max(1e-6);
        let (half, eighth) = (quantile(0.5), quantile(0.875));
        // (8ˢ − 1) / (2ˢ − 1) = 1 + 2ˢ + 4ˢ for shape s.
        let ratio = (eighth / half).max(3.0);
        let shape = libm::log2(0.5 * (libm::sqrt(4.0 * ratio - 3.0) - 1.0)).clamp(0.0, 1.0) * n as f64
            / (n as f64 + PRIOR_SHAPE);
        let unit = if shape < 1e-6 { std::f64::consts::LN_2 } else { (libm::exp2(shape) - 1.0) / shape };
        self.shape = shape;
        self.scale = ((PRIOR_SCALE + n as f64 * half / unit) / (PRIOR_SCALE + n as f64)).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tail that has learnt −ln p, stretched by `of`, for 20,000 p between 0 and 1 in an order without pattern.
    fn learnt(of: impl Fn(f64) -> f64) -> TailFit {
        let mut tail = TailFit::default();
        for i in 0..20_000u32 {
            tail.learn(of(-((f64::from(i * 7_919 % 20_011) + 0.5) / 20_011.0).ln()));
        }
        tail
    }

    #[test]
    fn a_right_model_is_left_alone() {
        let tail = learnt(|s| s);
        assert!((tail.calibrated(12.0) / 12.0 - 1.0).abs() < 0.25, "{tail:?}");
        assert!((tail.calibrated(1.0) - 1.0).abs() < 0.1);
    }

    #[test]
    fn a_model_that_promises_too_much_is_held_to_what_came() {
        let tail = learnt(|s| 3.0 * s);
        assert!((tail.calibrated(30.0) / 10.0 - 1.0).abs() < 0.25, "{}", tail.calibrated(30.0));
        // A tail like that of Student's t: squares of values whose logarithm is exponential.
        let tail = learnt(|s| (s / 1.5).exp());
        let at = tail.calibrated((12.0f64 / 1.5).exp());
        assert!((at / 12.0 - 1.0).abs() < 0.25, "{at}");
        assert!(tail.calibrated(1e300).is_finite());
    }

    #[test]
    fn anomalies_among_the_exceedances_move_it_little() {
        let mut tail = TailFit::default();
        for i in 0..20_000u32 {
            let usual = -((f64::from(i * 7_919 % 20_011) + 0.5) / 20_011.0).ln();
            tail.learn(if i % 400 == 0 { 1e4 } else { usual });
        }
        assert!(tail.calibrated(20.0) > 9.5, "{}", tail.calibrated(20.0));
    }
}
