//! What a series' own recent past does not explain.
//!
//! Residuals of loads wander: a deviation of one bin says most of that of the next. A regression on the latest residual and
//! on three averages of the past (memories of a quarter of an hour, an hour and six hours at five-minute bins) predicts the
//! next one; what remains, the innovation, is white, and shows spikes and the onset of steps in their first bin.

use serde::{Deserialize, Serialize};

use crate::robust::{Scale, TIGHT, solve_spd};

/// Memories of the regressors, in bins; the first is the latest value itself.
const MEMORIES: [f64; N] = [0.0, 3.0, 12.0, 72.0];
const N: usize = 4;
/// Weight of "no correlation" in the regression, in bins.
const RIDGE: f64 = 10.0;
/// Innovations teach with the weight of Huber's ψ at this many standard deviations.
const HUBER: f64 = 2.0;
/// Memory of the restlessness, in bins.
const RESTLESS_BINS: f64 = 24.0;
/// No innovation is taken to stray less than this share of the residual's own standard deviation.
const SIGMA_MIN: f64 = 0.05;
/// Mean of |Z| of a standard normal.
const MEAN_ABS: f64 = 0.797_884_560_802_865_4;

/// The predictor of one series' residuals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Innovation {
    means: [f64; N],
    gains: [f64; N],
    weights: [f64; N],
    /// Normal equations of the regression.
    squares: [[f64; N]; N],
    products: [f64; N],
    scale: Scale,
    /// Mean |innovation| of late, in standard deviations: a restless stretch needs more to be remarkable.
    restless: f64,
}

impl Innovation {
    pub(crate) fn new() -> Self {
        Self {
            means: [0.0; N],
            gains: MEMORIES.map(|m| if m == 0.0 { 1.0 } else { 1.0 - libm::exp(-1.0 / m) }),
            weights: [0.0; N],
            squares: [[0.0; N]; N],
            products: [0.0; N],
            scale: Scale::default(),
            restless: MEAN_ABS,
        }
    }

    /// Takes the next residual (NaN: missing) and gives its innovation in standard deviations; NaN if missing or too young.
    /// `memory` in bins.
    pub(crate) fn step(&mut self, z: f64, learns: bool, memory: f64) -> f64 {
        let predicted: f64 = self.weights.iter().zip(self.means).map(|(w, m)| w * m).sum();
        if z.is_nan() {
            self.follow(predicted);
            return f64::NAN;
        }
        let (z, sigma) = (z.clamp(-1e6, 1e6), self.scale.sigma().max(SIGMA_MIN));
        let innovation = z - predicted;
        let known = self.scale.samples() >= memory.min(200.0);
        if learns {
            let weight = if known { (HUBER * sigma / innovation.abs()).min(1.0) } else { 1.0 };
            self.learn(z.clamp(-6.0, 6.0), weight, memory);
            self.scale.learn(innovation, memory, TIGHT, SIGMA_MIN);
        }
        let limit = if known { 8.0 * sigma } else { f64::INFINITY };
        self.follow(predicted + (z.clamp(-6.0, 6.0) - predicted).clamp(-limit, limit));
        if !known {
            return f64::NAN;
        }
        let innovation = innovation / sigma;
        let calm = innovation / (self.restless / MEAN_ABS).max(1.0);
        self.restless += (innovation.abs().min(5.0) - self.restless) / RESTLESS_BINS;
        calm
    }

    /// Solves the regression anew. Before the first time nothing is predicted, and the spread is not that of innovations.
    pub(crate) fn refit(&mut self) {
        if self.weights == [0.0; N] {
            self.scale = Scale::default();
        }
        let mut squares = [0.0; N * N];
        for (i, row) in self.squares.iter().enumerate() {
            squares[i * N..(i + 1) * N].copy_from_slice(row);
            squares[i * N + i] += RIDGE;
        }
        self.weights = self.products;
        solve_spd(&mut squares, &mut self.weights);
    }

    /// The residuals begin anew around zero. Those that hardly strayed say nothing of how far they will.
    pub(crate) fn forget_state(&mut self) {
        self.means = [0.0; N];
        if self.scale.sigma() < SIGMA_MIN {
            self.scale = Scale::default();
        }
    }

    fn follow(&mut self, z: f64) {
        for (mean, gain) in self.means.iter_mut().zip(self.gains) {
            *mean += gain * (z - *mean);
        }
    }

    fn learn(&mut self, z: f64, weight: f64, memory: f64) {
        let keep = 1.0 - 1.0 / memory;
        for i in 0..N {
            for k in 0..N {
                self.squares[i][k] = self.squares[i][k] * keep + weight * self.means[i] * self.means[k];
            }
            self.products[i] = self.products[i] * keep + weight * self.means[i] * z;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::normal;

    #[test]
    fn the_wandering_is_predicted_and_a_small_jump_shows() {
        let mut predictor = Innovation::new();
        let (mut z, mut innovations) = (0.0, Vec::new());
        for i in 0..8_000 {
            z = 0.95 * z + libm::sqrt(1.0 - 0.95f64.powi(2)) * normal(i, 0);
            innovations.push(predictor.step(z, true, 4_000.0));
            if i % 288 == 287 {
                predictor.refit();
            }
        }
        let late = &innovations[4_000..];
        let mean_square = late.iter().map(|e| e * e).sum::<f64>() / late.len() as f64;
        let correlation = late.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / late.len() as f64 / mean_square;
        assert!((0.7..1.2).contains(&mean_square) && correlation.abs() < 0.1, "{mean_square} {correlation}");
        // Two standard deviations of the residual are more than five of its innovation.
        assert!(predictor.step(0.95 * z + 2.0, true, 4_000.0) > 5.0);
    }
}
