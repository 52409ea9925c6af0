//! How good a detector is on series whose anomalies are known: recall, delay, precision of alarms, false alarms, and the
//! area under the precision–recall curve, with and without a threshold.
//!
//! The volume under the surface (VUS-PR) follows Paparrizos et al., "Volume Under the Surface" (VLDB 2022), in the
//! version of TSB-AD (NeurIPS 2024).

mod alarms;
mod curve;
mod labels;
mod nab;
mod threshold;

pub use alarms::{Alarms, Delay, Incidents, Recall};
pub use labels::{Event, EventRow, Ignored, Labels};
pub use nab::{NabScore, NabSeries, nab_score};
pub use threshold::clean_week;

/// Which bins are which.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Number of bins.
    pub bins: usize,
    /// Length of a bin in seconds.
    pub bin_s: f64,
    /// Bins before this one teach; those from it on are judged. 0 < `train_end` < `bins`.
    pub train_end: usize,
}

impl Frame {
    /// Bins in a week, at least one.
    pub fn week_bins(&self) -> usize {
        ((WEEK_S / self.bin_s).round() as usize).max(1)
    }
}

const WEEK_S: f64 = 7.0 * 86_400.0;

/// What counts as a hit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// An event is found up to this many bins after its end, and an alarm may come as many before its start.
    pub tol: usize,
    /// An alarm up to this many bins after the end of an event is still that event's.
    pub tail: usize,
    /// Flags with at most this many bins between them are one alarm.
    pub merge: usize,
    /// Widest buffer around labels of VUS-PR, in bins.
    pub buffer: usize,
    /// Rows of a smaller signal-to-noise ratio are no labels of the curves.
    pub snr: f64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { tol: 2, tail: 12, merge: 6, buffer: 12, snr: 2.0 }
    }
}

impl Tolerance {
    /// The usual one for bins of this length: an event's tail is an hour, which is 60 bins of a minute.
    pub fn for_bins(bin_s: f64) -> Self {
        let hour = (3_600.0 / bin_s).round() as usize;
        Self { tail: hour.max(Self::default().tail), ..Self::default() }
    }
}

/// Figures of a detector.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// What the flags found, and how often they were wrong.
    pub alarms: Alarms,
    /// Volume under the precision–recall surface, mean over the series with labels; NaN without any.
    pub vus_pr: f64,
    /// Average precision over ranked bins, mean over the series with labels; NaN without any.
    pub auc_pr: f64,
}

/// Scores a detector.
///
/// `scores[series][bin]`, higher = more anomalous, NaN = no opinion; infinite ones count as the strongest or weakest of
/// all. `flags[series][bin]` are the alarms.
///
/// # Panics
/// If a series has another number of bins than the frame.
pub fn evaluate(
    scores: &[Vec<f64>],
    flags: &[Vec<bool>],
    labels: &Labels,
    frame: Frame,
    tolerance: &Tolerance,
) -> Evaluation {
    let whole = scores.iter().all(|s| s.len() == frame.bins) && flags.iter().all(|f| f.len() == frame.bins);
    assert!(whole && flags.len() == scores.len(), "a score and a flag for each bin of each series");
    let scores = finite(scores);
    let curves: Vec<_> = (0..scores.len())
        .filter_map(|series| curve::areas(&scores[series], &labels.mask(series, frame, tolerance), tolerance))
        .collect();
    let mean = |of: fn(&curve::Areas) -> f64| curves.iter().map(of).sum::<f64>() / curves.len() as f64;
    Evaluation {
        alarms: Alarms::of(flags, labels, frame, tolerance),
        vus_pr: mean(|c| c.vus_pr),
        auc_pr: mean(|c| c.auc_pr),
    }
}

/// Scores without infinities: these become ±(10 × the largest finite magnitude + 1).
pub fn finite(scores: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let magnitudes = scores.iter().flatten().filter(|s| s.is_finite()).map(|s| s.abs());
    let most = 10.0 * magnitudes.fold(0.0, f64::max) + 1.0;
    let replaced = |s: &f64| if s.is_infinite() { most.copysign(*s) } else { *s };
    scores.iter().map(|series| series.iter().map(replaced).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinite_scores_are_the_strongest_and_the_weakest() {
        let scores = [vec![f64::INFINITY, 2.0, f64::NAN], vec![-3.0, f64::NEG_INFINITY, 0.0]];
        let replaced = finite(&scores);
        assert_eq!((replaced[0][0], replaced[1][1], replaced[0][1]), (31.0, -31.0, 2.0));
        assert!(replaced[0][2].is_nan());
    }

    #[test]
    fn the_tail_is_an_hour_of_minutes_and_twelve_bins_of_five() {
        assert_eq!(Tolerance::for_bins(60.0).tail, 60);
        assert_eq!(Tolerance::for_bins(300.0), Tolerance::default());
        assert_eq!(Tolerance::for_bins(3_600.0).tail, 12);
    }
}
