//! Small robust pieces that the detectors share: a scale that outliers do not move, and a solver for small systems.

use serde::{Deserialize, Serialize};

/// How far out residuals count towards a scale, in standard deviations (Huber's proposal 2), and E min(Z², c²) of a standard
/// normal, which makes the clipped second moment consistent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bend {
    clip: f64,
    moment: f64,
}

/// The scale with most of its tail: a series with a heavy one does not look abnormal for ever.
pub(crate) const WIDE: Bend = Bend { clip: 3.0, moment: 0.995_0 };
/// The scale of the bulk.
pub(crate) const TIGHT: Bend = Bend { clip: 1.5, moment: 0.778_5 };

/// The scale of residuals around zero, learnt bin by bin: a mean first, exponentially forgetting after `memory` samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scale {
    variance: f64,
    samples: f64,
}

impl Scale {
    /// Learns from one residual; `memory` in samples. What is far out is measured by no less than `least`: a scale of nothing
    /// but zeros would stay one.
    pub(crate) fn learn(&mut self, residual: f64, memory: f64, bend: Bend, least: f64) {
        let square = residual * residual;
        if self.samples < 1.0 {
            self.variance = square;
        } else {
            let clipped = square.min(bend.clip * bend.clip * self.variance.max(least * least)) / bend.moment;
            // The first samples are too few to say what is far out.
            let square = if self.samples < 30.0 { square } else { clipped };
            self.variance += (square - self.variance) / (self.samples + 1.0).min(memory);
        }
        self.samples += 1.0;
    }

    /// What was learnt so far counts for at most so many samples.
    pub(crate) fn doubt(&mut self, samples: f64) {
        self.samples = self.samples.min(samples);
    }

    /// Residuals are so many times as large from now on.
    pub(crate) fn stretch(&mut self, times: f64) {
        self.variance *= times * times;
    }

    /// One standard deviation; 0 before the first sample.
    pub(crate) fn sigma(&self) -> f64 {
        libm::sqrt(self.variance)
    }

    /// Samples that it has learnt from.
    pub(crate) fn samples(&self) -> f64 {
        self.samples
    }
}

/// Solves A·x = b for a symmetric positive definite `a` (row-major, n×n, n = length of `b`) by Cholesky, in place: `b`
/// becomes x. A pivot that is not positive leaves that unknown at zero.
pub(crate) fn solve_spd(a: &mut [f64], b: &mut [f64]) {
    let n = b.len();
    for j in 0..n {
        let mut pivot = a[j * n + j];
        for k in 0..j {
            pivot -= a[j * n + k] * a[j * n + k];
        }
        let root = if pivot > 1e-300 { libm::sqrt(pivot) } else { f64::INFINITY };
        a[j * n + j] = root;
        for i in j + 1..n {
            let mut sum = a[i * n + j];
            for k in 0..j {
                sum -= a[i * n + k] * a[j * n + k];
            }
            a[i * n + j] = sum / root;
        }
    }
    for i in 0..n {
        for k in 0..i {
            b[i] -= a[i * n + k] * b[k];
        }
        b[i] /= a[i * n + i];
    }
    for i in (0..n).rev() {
        for k in i + 1..n {
            b[i] -= a[k * n + i] * b[k];
        }
        b[i] /= a[i * n + i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_that_of_the_bulk() {
        // One sample in fifty is a hundred times too large: at most 9 of them count, 0.02 · 8 of the variance.
        let mut scale = Scale::default();
        for i in 0..20_000 {
            let z = crate::noise::normal(i, 0);
            scale.learn(if i % 50 == 7 { 100.0 * z } else { z }, 5_000.0, WIDE, 0.0);
        }
        assert!((scale.sigma() - libm::sqrt(1.16)).abs() < 0.05, "{}", scale.sigma());
    }

    #[test]
    fn a_scale_of_nothing_grows_from_the_least_that_is_believed() {
        let learnt = |least: f64| {
            let mut scale = Scale::default();
            (0..100).for_each(|_| scale.learn(0.0, 500.0, WIDE, least));
            (0..5_000).for_each(|i| scale.learn(crate::noise::normal(i, 0), 500.0, WIDE, least));
            scale.sigma()
        };
        assert!(learnt(0.0) == 0.0 && (learnt(0.1) - 1.0).abs() < 0.1, "{}", learnt(0.1));
    }

    #[test]
    fn a_small_system_is_solved() {
        let mut a = [4.0, 2.0, 0.6, 2.0, 3.0, 0.4, 0.6, 0.4, 2.0];
        let x = [1.0, -2.0, 0.5];
        let mut b: Vec<f64> = (0..3).map(|i| (0..3).map(|k| a[i * 3 + k] * x[k]).sum()).collect();
        solve_spd(&mut a, &mut b);
        assert!(b.iter().zip(x).all(|(got, want)| (got - want).abs() < 1e-12), "{b:?}");
    }
}
