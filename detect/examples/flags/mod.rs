//! Flags at several asked rates at once, as they are set after a training.

use umbra_detect::{CalibrationConfig, Calibrator, Teach};

/// By rate, series and bin.
pub(crate) struct Flags {
    calibrators: Vec<Calibrator>,
    now: Vec<bool>,
    train_end: usize,
    /// The flags.
    pub(crate) all: Vec<Vec<Vec<bool>>>,
}

impl Flags {
    /// Of so many series and bins; thresholds are those of each of the configurations.
    pub(crate) fn new(series: usize, bins: usize, train_end: usize, rates: &[CalibrationConfig]) -> Self {
        Self {
            calibrators: rates.iter().map(|config| Calibrator::new(series, *config)).collect(),
            now: vec![false; series],
            train_end,
            all: vec![vec![vec![false; bins]; series]; rates.len()],
        }
    }

    /// The scores of the next bin.
    pub(crate) fn step(&mut self, bin: usize, scores: &[f64]) {
        for (calibrator, flags) in self.calibrators.iter_mut().zip(&mut self.all) {
            if bin == self.train_end {
                calibrator.refit();
            }
            let teach = if bin < self.train_end { Teach::All } else { Teach::Unflagged };
            calibrator.step(scores, teach, &mut self.now);
            let told = self.now.iter().zip(scores).map(|(now, score)| *now && !score.is_nan());
            flags.iter_mut().zip(told).for_each(|(flags, told)| flags[bin] = told);
        }
    }
}
