//! What every detector is.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A detector over a fixed set of series that come bin by bin: a function of the bins so far, with bounded memory.
///
/// Its whole state is what `serde` writes: stored and read back it gives the same verdicts. Bins come in order and without
/// holes; a bin without a sample is a missing sample (NaN for gauges), which is a state of its own: it is neither judged
/// nor learnt from.
pub trait Detector: Serialize + DeserializeOwned {
    /// One series' sample of one bin: a gauge's value, packets sent and lost, a number of messages.
    type Sample;

    /// Takes the next bin, one sample for each series, and writes one verdict for each.
    ///
    /// # Panics
    ///
    /// If the lengths are not the number of series that the detector was made for.
    fn step(&mut self, bin: &Bin<'_, Self::Sample>, verdicts: &mut [Verdict]);

    /// What this series was taught no longer holds (its link was added, moved or rerouted): judge it by what it does from
    /// now on.
    fn rebaseline(&mut self, series: usize);

    /// From now on a series is expected to be so many times (above 0) what it was before, because of something that is
    /// known. A detector that knows no better begins anew.
    fn moved(&mut self, series: usize, _times: f64) {
        self.rebaseline(series);
    }
}

/// One bin of all series.
#[derive(Clone, Copy, Debug)]
pub struct Bin<'a, S> {
    /// One sample for each series.
    pub samples: &'a [S],
    /// Series that are not to be learnt from now (maintenance); empty means that all are.
    pub paused: &'a [bool],
}

impl<S> Bin<'_, S> {
    /// Whether a series may be learnt from in this bin.
    pub fn learns(&self, series: usize) -> bool {
        !self.paused.get(series).copied().unwrap_or(false)
    }
}

/// What a detector says of one bin of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Natural logarithm of the probability of a sample as far out as this one if nothing is wrong, by the detector's own
    /// model and before calibration; finite, at most 0. NaN: no opinion (missing, or still learning).
    pub log_p: f64,
    /// The value that was expected; NaN where there is no opinion.
    pub expected: f64,
    /// The spread that was expected around it, one standard deviation.
    pub sigma: f64,
    /// Length of the window that gave `log_p`, in bins.
    pub window: u32,
    /// Whether a path's round-trip time (in milliseconds) is meant, not its share of lost packets; false of all else.
    pub rtt: bool,
}

impl Verdict {
    /// No opinion.
    pub const NONE: Self =
        Self { log_p: f64::NAN, expected: f64::NAN, sigma: f64::NAN, window: 1, rtt: false };

    /// Higher is more abnormal: −`log_p`, NaN without an opinion.
    pub fn score(&self) -> f64 {
        -self.log_p
    }
}
