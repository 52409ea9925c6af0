//! How far the shadow's interface loads stray from the polled ones when nothing is wrong.

use models::sensor::LoadInterval;
use twin::stats::{mad_sigma, median};

use crate::incident::LoadResiduals;

/// Polls of interfaces beside what the shadow expected of them, in bit/s: quiet ones, then those of the window.
#[derive(Clone, Copy, Debug)]
pub struct Polls<'a> {
    /// `observed[poll][arc]`, NaN where a poll is missing.
    pub observed: &'a [Vec<f64>],
    /// `expected[poll][arc]`.
    pub expected: &'a [Vec<f64>],
    /// How many of them come before the window.
    pub history: usize,
    /// Bin at whose end each poll of the window was stamped, ascending.
    pub window_bins: &'a [u32],
}

impl LoadResiduals {
    /// Takes the expected from the observed and learns before the window how far each arc's residual moves in half a window:
    /// the statistic of the likelihood, in which the twin's lasting errors cancel. `least` is the smallest move that means
    /// anything on each arc (an idle interface is never quite idle), in bit/s.
    pub fn learn(polls: &Polls<'_>, least: &[f64], sensor: LoadInterval) -> Self {
        let Polls { observed, expected, history, window_bins } = *polls;
        let lag = (window_bins.len() / 2).max(1);
        let moved: Vec<Vec<f64>> = (0..least.len())
            .map(|arc| {
                let residual = |k: usize| observed[k][arc] - expected[k][arc];
                moves(&(0..history).map(residual).collect::<Vec<_>>(), lag)
            })
            .collect();
        let sigma = |(arc, least): (usize, &f64)| {
            let usual = median(observed[..history].iter().map(|poll| poll[arc].abs()));
            // NaN, where nothing was seen, is no maximum.
            mad_sigma(&moved[arc], 0.0).max(*least).max(1e-3 * usual)
        };
        let sigma: Vec<f64> = least.iter().enumerate().map(sigma).collect();
        let residual =
            |(seen, twin): (&Vec<f64>, &Vec<f64>)| seen.iter().zip(twin).map(|(s, t)| s - t).collect();
        Self {
            poll_bins: window_bins.to_vec(),
            residual: observed[history..].iter().zip(&expected[history..]).map(residual).collect(),
            independence: independence(&moved, &sigma),
            sigma,
            sensor,
        }
    }
}

/// Differences between a poll and the median of three polls `lag` earlier.
fn moves(residual: &[f64], lag: usize) -> Vec<f64> {
    let before = |k: usize| median(residual[k - lag - 2..=k - lag].iter().copied());
    (lag + 2..residual.len()).map(|k| residual[k] - before(k)).collect()
}

/// Effective number of independent arcs over their number: (tr C)² / (n·tr C²) of the correlation matrix C of their moves
/// (the participation ratio).
fn independence(moved: &[Vec<f64>], sigma: &[f64]) -> f64 {
    let columns: Vec<Vec<f64>> = moved
        .iter()
        .zip(sigma)
        .filter_map(|(moves, sigma)| {
            let z = moves.iter().map(|x| if x.is_nan() { 0.0 } else { (x / sigma).clamp(-5.0, 5.0) });
            let z: Vec<f64> = z.collect();
            let norm = z.iter().map(|x| x * x).sum::<f64>().sqrt();
            (norm > 0.0).then(|| z.into_iter().map(|x| x / norm).collect())
        })
        .collect();
    let n = columns.len();
    if n == 0 {
        return 1.0;
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let rows: Vec<f64> = columns.iter().map(|a| columns.iter().map(|b| dot(a, b).powi(2)).sum()).collect();
    n as f64 / rows.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENSOR: LoadInterval = LoadInterval { tau_s: 300.0, late_s: 30.0 };

    /// Residuals of two arcs over 200 quiet polls and four of the window.
    fn learnt(residual: impl Fn(usize) -> [f64; 2]) -> LoadResiduals {
        let expected = vec![vec![1e6, 1e6]; 204];
        let observed: Vec<Vec<f64>> = (0..204).map(|k| residual(k).map(|r| 1e6 + r).to_vec()).collect();
        let polls =
            Polls { observed: &observed, expected: &expected, history: 200, window_bins: &[5, 10, 15, 20] };
        LoadResiduals::learn(&polls, &[10.0, 10.0], SENSOR)
    }

    fn wiggle(k: usize) -> f64 {
        ((k * 7919) % 97) as f64 - 48.0
    }

    #[test]
    fn a_constant_error_of_the_twin_is_no_move_and_a_step_is_one() {
        let learnt = learnt(|k| [2e5 + 100.0 * wiggle(k), if k < 202 { 0.0 } else { 2e6 }]);
        let change = |arc: usize| learnt.residual[3][arc] - learnt.residual[1][arc];
        assert!(change(0).abs() < 3.0 * learnt.sigma[0], "{} {}", change(0), learnt.sigma[0]);
        assert!(change(1) > 1e3 * learnt.sigma[1], "{}", learnt.sigma[1]);
        assert_eq!(learnt.sigma[1], 1e3, "a thousandth of the usual load is the least");
    }

    #[test]
    fn arcs_that_move_together_count_as_one() {
        let together = learnt(|k| [100.0 * wiggle(k), 200.0 * wiggle(k)]);
        assert!((together.independence - 0.5).abs() < 0.01, "{}", together.independence);
        let apart = learnt(|k| [100.0 * wiggle(k), 100.0 * wiggle(k * k + 11)]);
        assert!(apart.independence > 0.9, "{}", apart.independence);
    }
}
