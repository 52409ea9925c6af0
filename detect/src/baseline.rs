//! A seasonal baseline by medians.

use twin::stats::{mad_sigma, median};

/// How to learn a baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BaselineConfig {
    /// Bins in a season (a day, say); `None` for series without one.
    pub season_bins: Option<usize>,
    /// With fewer complete seasons than this the baseline goes on without a season.
    pub min_seasons: usize,
    /// Bins on either side that share one seasonal value, so that one odd day does not make a spike.
    pub half_width: usize,
    /// The spread is never taken to be below this, in the unit of the series.
    pub min_sigma: f64,
}

impl Default for BaselineConfig {
    fn default() -> Self {
        Self { season_bins: None, min_seasons: 2, half_width: 1, min_sigma: 1e-12 }
    }
}

/// What a series usually is, bin by bin of its season, and how far it usually strays.
#[derive(Clone, Debug, PartialEq)]
pub struct SeasonalBaseline {
    level: Vec<f64>,
    sigma: f64,
    seasonal: bool,
}

impl SeasonalBaseline {
    /// Learns from a training stretch that begins at bin 0; NaN is missing. Training shorter than `min_seasons` seasons
    /// goes on without a season ([`is_seasonal`](Self::is_seasonal) says so).
    pub fn fit(training: &[f64], config: BaselineConfig) -> Self {
        let season = config.season_bins.filter(|s| *s > 0 && training.len() >= s * config.min_seasons);
        let overall = median(training.iter().copied());
        let overall = if overall.is_nan() { 0.0 } else { overall };
        let level = match season {
            None => vec![overall],
            Some(season) => {
                (0..season).map(|phase| phase_level(training, season, phase, &config, overall)).collect()
            }
        };
        let residuals: Vec<f64> =
            training.iter().enumerate().map(|(i, x)| x - level[i % level.len()]).collect();
        // A season learnt from few seasons fits part of the noise; n/(n−1) undoes that for the spread.
        let seasons = training.len() as f64 / level.len() as f64;
        let inflate =
            if season.is_some() && seasons > 1.0 { (seasons / (seasons - 1.0)).sqrt() } else { 1.0 };
        let sigma = mad_sigma(&residuals, 0.0) * inflate;
        let sigma = if sigma.is_nan() { config.min_sigma } else { sigma.max(config.min_sigma) };
        Self { level, sigma, seasonal: season.is_some() }
    }

    /// The usual value in this bin.
    pub fn expected(&self, bin: usize) -> f64 {
        self.level[bin % self.level.len()]
    }

    /// The usual spread (standard deviation of a normal sample).
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// Whether a season was learnt.
    pub fn is_seasonal(&self) -> bool {
        self.seasonal
    }

    /// How many spreads a value lies above the usual one; NaN for a missing value.
    pub fn z(&self, bin: usize, value: f64) -> f64 {
        (value - self.expected(bin)) / self.sigma
    }
}

fn phase_level(training: &[f64], season: usize, phase: usize, config: &BaselineConfig, overall: f64) -> f64 {
    let width = config.half_width.min(season.saturating_sub(1) / 2);
    let near = (0..=2 * width).map(|k| (phase + season + k - width) % season);
    let values = near.flat_map(|p| training.iter().skip(p).step_by(season).copied());
    let level = median(values);
    if level.is_nan() { overall } else { level }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noisy(bins: usize, season: usize) -> Vec<f64> {
        // A triangle of height 10 over the season, plus a small deterministic wiggle.
        let wiggle = |i: usize| ((i * 7919) % 101) as f64 / 101.0 - 0.5;
        (0..bins).map(|i| 10.0 * ((i % season) as f64 / season as f64) + wiggle(i)).collect()
    }

    #[test]
    fn the_season_is_learnt_and_an_old_incident_is_not() {
        let mut training = noisy(24 * 10, 24);
        training[100] = 500.0;
        training[101] = 500.0;
        let config = BaselineConfig { season_bins: Some(24), ..Default::default() };
        let baseline = SeasonalBaseline::fit(&training, config);
        assert!((baseline.expected(12) - 5.0).abs() < 0.6);
        assert!(baseline.sigma() < 1.0, "{}", baseline.sigma());
        assert!(baseline.z(240 + 3, 10.0) > 8.0, "a noon value at three in the morning");
    }

    #[test]
    fn too_short_a_training_goes_on_without_a_season() {
        let config = BaselineConfig { season_bins: Some(24), ..Default::default() };
        let baseline = SeasonalBaseline::fit(&noisy(30, 24), config);
        assert!(!baseline.is_seasonal());
        assert!(baseline.sigma() > 1.0, "the season counts as spread then");
    }

    #[test]
    fn missing_data_is_a_state_of_its_own() {
        let baseline = SeasonalBaseline::fit(&[f64::NAN; 10], BaselineConfig::default());
        assert_eq!(baseline.expected(3), 0.0);
        assert!(baseline.z(3, f64::NAN).is_nan());
    }
}
