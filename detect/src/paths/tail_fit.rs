//! Corrects a model's tail by the tail that is seen.

use serde::{Deserialize, Serialize};

/// Where the tail begins: scores above this are exceedances, 5 % of all if the model is right.
const START: f64 = 2.995_732_273_553_991; // −ln 0.05

/// Gain of an update once many were seen.
const GAIN: f64 = 0.01;

/// A score is −log p by a model. If the model is right, its excess over any level is exponential with mean 1; heavier noise
/// than the model's makes it larger and more frequent. This learns both and stretches the score accordingly, never the other
/// way: a model that is too careful stays so.
///
/// Peaks over threshold with an exponential tail. The scale follows the *median* excess, so that anomalies among what is
/// learnt from, up to half of the exceedances, move it by a bounded amount.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TailFit {
    /// Share of exceedances.
    share: f64,
    /// Mean excess.
    excess: f64,
    scores: u32,
    exceedances: u32,
}

impl Default for TailFit {
    fn default() -> Self {
        Self { share: libm::exp(-START), excess: 1.0, scores: 0, exceedances: 0 }
    }
}

impl TailFit {
    /// The score by the tail that was seen; finite for a finite one.
    pub(crate) fn calibrated(&self, score: f64) -> f64 {
        let begin = -libm::log(self.share);
        if score <= START { score * begin / START } else { begin + (score - START) / self.excess }
    }

    /// Learns from a score of the model, before calibration.
    pub(crate) fn learn(&mut self, score: f64) {
        let floor = libm::exp(-START);
        let exceeds = score > START;
        self.scores = self.scores.saturating_add(1);
        // As if 200 scores of a right model had been seen before.
        let gain = GAIN.max(1.0 / (f64::from(self.scores) + 200.0));
        self.share += gain * (f64::from(u8::from(exceeds)) - self.share);
        self.share = self.share.clamp(floor, 0.5);
        if exceeds {
            self.exceedances = self.exceedances.saturating_add(1);
            let gain = GAIN.max(1.0 / (f64::from(self.exceedances) + 10.0));
            let above_median = score - START > self.excess * std::f64::consts::LN_2;
            self.excess *= libm::exp(if above_median { gain } else { -gain });
            self.excess = self.excess.clamp(1.0, 1e6);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores spread as `scale` times an exponential variable, in an order without pattern.
    fn scores(scale: f64) -> impl Iterator<Item = f64> {
        (0..20_000u32).map(move |i| -scale * ((f64::from(i * 7_919 % 20_011) + 0.5) / 20_011.0).ln())
    }

    #[test]
    fn a_right_model_is_left_alone() {
        let mut tail = TailFit::default();
        scores(1.0).for_each(|s| tail.learn(s));
        assert!((tail.calibrated(12.0) / 12.0 - 1.0).abs() < 0.15, "{tail:?}");
        assert!((tail.calibrated(1.0) - 1.0).abs() < 0.1);
    }

    #[test]
    fn a_model_that_promises_too_much_is_held_to_what_came() {
        let mut tail = TailFit::default();
        scores(3.0).for_each(|s| tail.learn(s));
        assert!((tail.calibrated(30.0) / 10.0 - 1.0).abs() < 0.2, "{tail:?} {}", tail.calibrated(30.0));
        assert!(tail.calibrated(1e9).is_finite());
    }

    #[test]
    fn anomalies_among_the_exceedances_move_it_little() {
        let mut tail = TailFit::default();
        for (i, s) in scores(1.0).enumerate() {
            tail.learn(if i % 100 == 0 { 1e4 } else { s });
        }
        assert!(tail.calibrated(20.0) > 10.0, "{tail:?}");
    }
}
