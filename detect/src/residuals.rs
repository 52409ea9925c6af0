//! Residuals of interface loads: observed less what the shadow expected through the same sensor.

use twin::stats::{mad_sigma, median};

use crate::{BaselineConfig, SeasonalBaseline};

/// Residuals of the window after the history has said what is usual.
#[derive(Clone, Debug)]
pub struct ArcResiduals {
    /// `residual[poll][arc]` of the window, less its usual value; NaN where the poll is missing.
    pub residual: Vec<Vec<f64>>,
    /// Usual spread of the change of an arc's residual over half a window.
    pub sigma: Vec<f64>,
    /// What each arc's residual usually is: the twin's lasting errors.
    pub baseline: Vec<SeasonalBaseline>,
    /// Effective number of independent arcs over their number, 0–1: residuals share their demands.
    pub independence: f64,
}

/// Takes the expected from the observed polls (`history` of them quiet, then the window's) and learns on the history what
/// each arc's residual usually is and how far it moves from poll to poll.
///
/// `observed[poll][arc]` and `expected[poll][arc]` in one unit, NaN where a poll is missing; `season_polls` is the number
/// of polls in a day; `quantum[arc]` the least spread that means anything on that arc (an idle interface is never quite
/// idle).
pub fn learn_residuals(
    observed: &[Vec<f64>],
    expected: &[Vec<f64>],
    history: usize,
    season_polls: usize,
    quantum: &[f64],
) -> ArcResiduals {
    let arcs = expected.first().map_or(0, Vec::len);
    let column =
        |arc: usize| -> Vec<f64> { observed.iter().zip(expected).map(|(o, e)| o[arc] - e[arc]).collect() };
    let learnt: Vec<(Vec<f64>, SeasonalBaseline, f64)> = (0..arcs)
        .map(|arc| {
            let all = column(arc);
            let usual = median(observed[..history].iter().map(|o| o[arc].abs()));
            let floor = quantum[arc].max(1e-3 * usual);
            let config =
                BaselineConfig { season_bins: Some(season_polls), min_sigma: floor, ..Default::default() };
            let baseline = SeasonalBaseline::fit(&all[..history], config);
            let clean: Vec<f64> = all.iter().enumerate().map(|(k, r)| r - baseline.expected(k)).collect();
            let sigma = change_sigma(&clean[..history], observed.len() - history).max(floor);
            (clean, baseline, sigma)
        })
        .collect();
    let independence = independence(&learnt, history);
    let residual = (history..observed.len()).map(|k| learnt.iter().map(|(r, _, _)| r[k]).collect()).collect();
    ArcResiduals {
        residual,
        sigma: learnt.iter().map(|(_, _, s)| *s).collect(),
        baseline: learnt.into_iter().map(|(_, b, _)| b).collect(),
        independence,
    }
}

/// Spread of the difference between a poll and the median of three polls half a window earlier: the statistic that the
/// likelihood uses, under nothing being wrong.
fn change_sigma(quiet: &[f64], window: usize) -> f64 {
    let lag = (window / 2).max(1);
    let changes: Vec<f64> = (lag + 2..quiet.len())
        .map(|k| quiet[k] - median(quiet[k - lag - 2..=k - lag].iter().copied()))
        .collect();
    let sigma = mad_sigma(&changes, 0.0);
    if sigma.is_nan() { 0.0 } else { sigma }
}

/// Effective number of independent arcs over their number: (tr C)² / (n·tr C²) of the residuals' correlation matrix C
/// (the participation ratio).
fn independence(learnt: &[(Vec<f64>, SeasonalBaseline, f64)], history: usize) -> f64 {
    let columns: Vec<Vec<f64>> = learnt
        .iter()
        .filter_map(|(r, b, _)| {
            let z: Vec<f64> = r[..history]
                .iter()
                .map(|x| if x.is_nan() { 0.0 } else { (x / b.sigma()).clamp(-5.0, 5.0) })
                .collect();
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
    let squares: f64 = rows.iter().sum();
    n as f64 / squares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_error_of_the_twin_is_learnt_and_a_step_is_not() {
        let wiggle = |k: usize| ((k * 7919) % 97) as f64;
        let expected = vec![vec![1e6, 1e6]; 60];
        let observed: Vec<_> = (0..60)
            .map(|k| vec![1.2e6 + wiggle(k), if k < 58 { 1e6 } else { 3e6 } + wiggle(k + 50)])
            .collect();
        let learnt = learn_residuals(&observed, &expected, 50, 288, &[10.0, 10.0]);
        assert_eq!(learnt.residual.len(), 10);
        assert!(learnt.residual[9][0].abs() < 100.0, "{:?}", learnt.residual[9]);
        assert!(learnt.residual[9][1] > 1.9e6);
        assert!(learnt.sigma[0] < 1.3e3 && learnt.independence > 0.4, "{}", learnt.independence);
    }
}
