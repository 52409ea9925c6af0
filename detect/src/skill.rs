//! Does a series have a season at all?

use serde::{Deserialize, Serialize};

/// A season that explains less of a series' variance than this is none.
const SHARE_MIN: f64 = 0.2;
/// Samples before anything is said.
const SAMPLES_MIN: f64 = 12.0;

/// Whether a season forecasts better than a constant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Skill {
    mean: f64,
    /// Mean square of the deviations from the mean, and of what the season left over.
    whole: f64,
    left: f64,
    samples: f64,
}

impl Skill {
    /// Takes a value and what remained of it; memory in samples.
    pub(crate) fn learn(&mut self, value: f64, residual: f64, memory: f64) {
        self.samples += 1.0;
        let gain = 1.0 / self.samples.min(memory);
        let deviation = value - self.mean;
        self.mean += gain * deviation;
        self.whole += gain * (deviation * (value - self.mean) - self.whole);
        self.left += gain * (residual * residual - self.left);
    }

    /// Root mean square of what the season left over, anomalies included.
    pub(crate) fn left_over(&self) -> f64 {
        libm::sqrt(self.left)
    }

    /// The season forecasts hardly better than a constant; so it is with a series that never varies.
    pub(crate) fn is_seasonless(&self) -> bool {
        self.samples >= SAMPLES_MIN && self.left >= (1.0 - SHARE_MIN) * self.whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::normal;

    #[test]
    fn a_season_explains_variance_and_noise_does_not() {
        let (mut wave, mut noise) = (Skill::default(), Skill::default());
        for i in 0..2_000 {
            let season = 5.0 + libm::sin(0.1 * i as f64);
            wave.learn(season + 0.5 * normal(i, 0), 0.5 * normal(i, 0), 1_000.0);
            // What was taken for a season adds its own variance.
            noise.learn(5.0 + normal(i, 1), normal(i, 1) - 0.5 * normal(i, 2), 1_000.0);
            assert!(i < 100 || !wave.is_seasonless());
        }
        assert!(noise.is_seasonless() && !Skill::default().is_seasonless());
    }
}
