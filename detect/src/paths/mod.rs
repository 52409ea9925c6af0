//! Paths: what probes or flows say of loss and round-trip time.
//!
//! Two scans, combined into one probability: [`loss`](LossTrack) asks whether more packets are lost than usual,
//! [`rtt`](RttTrack) whether replies take longer or shorter, both over windows of 1, 5, 20 and 90 minutes, so that a burst
//! shows at once and a gray loss or a drift in time. Losses are judged as counts: a path of 50 probes a minute and one of
//! 50,000 packets are told by the same formula. A bin without a reply has no round-trip time; that is evidence only through
//! the losses that it goes with.

mod day;
mod loss;
mod rtt;
mod swell;
mod tail_fit;

use serde::{Deserialize, Serialize};

use self::loss::LossTrack;
use self::rtt::RttTrack;
use crate::{Bin, Detector, Verdict};

/// Above this score (a probability below 1e-5) what is seen is not learnt from.
const HOLD: f64 = 11.512_925_464_970_229;

/// Above this score (a probability below 1e-3) it matters whether what is seen is over.
const TELL: f64 = 6.907_755_278_982_137;

/// How many windows are tried, in minutes.
const WINDOW_MINUTES: [f64; 4] = [1.0, 5.0, 20.0, 90.0];

/// No path sends more packets in a bin than this.
const MOST_SENT: u64 = 1 << 40;

/// One bin of one path.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathSample {
    /// Packets sent.
    pub sent: u64,
    /// Of these, packets lost.
    pub lost: u64,
    /// Round-trip time in milliseconds; NaN without a reply.
    pub rtt_ms: f64,
}

impl PathSample {
    /// No sample in this bin.
    pub const MISSING: Self = Self { sent: 0, lost: 0, rtt_ms: f64::NAN };

    fn rtt(&self) -> Option<f64> {
        (self.rtt_ms.is_finite() && self.rtt_ms >= 0.0).then_some(self.rtt_ms)
    }
}

/// Lengths in bins, by the length of a bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathConfig {
    /// Windows that are tried, in bins, ascending, the first 1.
    windows: Vec<u32>,
    /// Bins in an hour.
    hour_bins: u32,
    /// Bins in a bucket of the daily course: five minutes.
    bucket_bins: u32,
    /// Bins in a day.
    day_bins: u32,
    /// The spread of round-trip times is never taken to be below this: the rounding error of times that are reported to
    /// 0.01 ms.
    min_sigma_ms: f64,
}

impl PathConfig {
    /// For bins of `bin_s` seconds (at least 1).
    pub fn new(bin_s: u32) -> Self {
        let bin_s = f64::from(bin_s.max(1));
        let bins = |seconds: f64| (seconds / bin_s).round().max(1.0) as u32;
        let mut windows = vec![1];
        windows.extend(WINDOW_MINUTES.map(|m| bins(60.0 * m)));
        windows.dedup();
        Self {
            windows,
            hour_bins: bins(3_600.0),
            bucket_bins: bins(300.0),
            day_bins: bins(86_400.0),
            min_sigma_ms: 0.01 / libm::sqrt(12.0),
        }
    }

    fn longest(&self) -> u32 {
        self.windows.last().copied().unwrap_or(1)
    }

    fn day_buckets(&self) -> usize {
        (self.day_bins / self.bucket_bins).max(1) as usize
    }
}

/// What one of the two scans says of a bin.
#[derive(Clone, Debug)]
struct Part {
    /// −log p, by the tail that was seen.
    score: f64,
    /// −log p by the model.
    raw: f64,
    /// Length of the window, in bins.
    window: u32,
    expected: f64,
    sigma: f64,
}

/// The detector of paths: a multi-scale count scan for losses and a robust one for round-trip times.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PathScan {
    config: PathConfig,
    paths: Vec<Path>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Path {
    loss: LossTrack,
    rtt: RttTrack,
}

/// What each scan says of the last bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathVerdicts {
    /// Losses: `expected` and `sigma` are shares of the packets in the window.
    pub loss: Verdict,
    /// Round-trip time: `expected` and `sigma` are milliseconds.
    pub rtt: Verdict,
}

impl PathVerdicts {
    /// Both as one probability: the smaller, times the number of windows that were tried in all (Bonferroni).
    pub fn combined(&self, windows: usize) -> Verdict {
        let rtt = self.rtt.log_p < self.loss.log_p || self.loss.log_p.is_nan();
        let worse = if rtt { self.rtt } else { self.loss };
        if worse.log_p.is_nan() {
            return Verdict::NONE;
        }
        Verdict { log_p: (worse.log_p + libm::log(2.0 * windows as f64)).min(0.0), ..worse }
    }
}

impl PathScan {
    /// A detector of `paths` paths that knows nothing yet.
    pub fn new(paths: usize, config: PathConfig) -> Self {
        let path = Path { loss: LossTrack::new(&config), rtt: RttTrack::new(&config) };
        Self { paths: vec![path; paths], config }
    }

    /// Takes the next bin and says what each scan finds.
    ///
    /// # Panics
    ///
    /// If there is not one sample for each path.
    pub fn step_parts(&mut self, bin: &Bin<'_, PathSample>) -> Vec<PathVerdicts> {
        assert_eq!(bin.samples.len(), self.paths.len(), "one sample for each path");
        let judge = |(i, (path, sample)): (usize, (&mut Path, &PathSample))| {
            path.step(sample, bin.learns(i), &self.config)
        };
        self.paths.iter_mut().zip(bin.samples).enumerate().map(judge).collect()
    }
}

impl Detector for PathScan {
    type Sample = PathSample;

    fn step(&mut self, bin: &Bin<'_, PathSample>, verdicts: &mut [Verdict]) {
        assert_eq!(verdicts.len(), self.paths.len(), "one verdict for each path");
        let parts = self.step_parts(bin);
        for (verdict, parts) in verdicts.iter_mut().zip(parts) {
            *verdict = parts.combined(self.config.windows.len());
        }
    }

    fn rebaseline(&mut self, series: usize) {
        self.paths[series] = Path { loss: LossTrack::new(&self.config), rtt: RttTrack::new(&self.config) };
    }
}

impl Path {
    fn step(&mut self, sample: &PathSample, learns: bool, config: &PathConfig) -> PathVerdicts {
        // In maintenance a path is as if it were not measured: what happens there is neither judged nor remembered.
        let (rtt, sent) = if learns { (sample.rtt(), sample.sent.min(MOST_SENT)) } else { (None, 0) };
        let loss = if sent > 0 {
            self.loss.step(sent, sample.lost, config)
        } else {
            self.loss.skip(config);
            None
        };
        PathVerdicts { loss: verdict(loss, false), rtt: verdict(self.rtt.step(rtt, config), true) }
    }
}

fn verdict(part: Option<Part>, rtt: bool) -> Verdict {
    part.map_or(Verdict::NONE, |p| Verdict {
        log_p: -p.score,
        expected: p.expected,
        sigma: p.sigma,
        window: p.window,
        rtt,
    })
}

#[cfg(test)]
mod tests;
