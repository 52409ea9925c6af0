//! What the posterior over a set's latents says of severity and onset.

use super::grid::{LOSS_GRID, loss_rate, rate_at};
use super::set::Evaluated;
use crate::prediction::LossMode;

/// Posterior mean and central 95 % interval of the first part's loss rate; `None` for parts without one.
pub fn severity(evaluated: &Evaluated, mode: LossMode) -> Option<(f64, f64, f64)> {
    if mode != LossMode::Lasting {
        return None;
    }
    let mut by_rate = [0.0; LOSS_GRID];
    for (latent, q) in &evaluated.posterior {
        by_rate[latent.first] += q;
    }
    let mean = (0..LOSS_GRID).map(|g| by_rate[g] * loss_rate(g)).sum();
    // A grid point stands for its cell: half a step in the logarithm to either side.
    let quantile = |p: f64| {
        let mut below = 0.0;
        for (g, q) in by_rate.iter().enumerate() {
            if below + q >= p && *q > 0.0 {
                return rate_at(g as f64 - 0.5 + (p - below) / q);
            }
            below += q;
        }
        rate_at((LOSS_GRID - 1) as f64)
    };
    Some((mean, quantile(0.025), quantile(0.975)))
}

/// Posterior mean and central 95 % interval of the onset, in bins.
pub fn onset(evaluated: &Evaluated, onsets: &[u32]) -> (f64, u32, u32) {
    let mut by_onset = vec![0.0; onsets.len()];
    for (latent, q) in &evaluated.posterior {
        by_onset[latent.onset] += q;
    }
    let mean = by_onset.iter().zip(onsets).map(|(q, b)| q * f64::from(*b)).sum();
    let quantile = |p: f64| {
        let mut sum = 0.0;
        let at = by_onset.iter().position(|q| {
            sum += q;
            sum >= p
        });
        onsets[at.unwrap_or(onsets.len() - 1)]
    };
    (mean, quantile(0.025), quantile(0.975))
}
