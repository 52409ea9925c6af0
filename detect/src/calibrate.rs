//! From scores to flags at an asked rate of false alarms.
//!
//! Scores of any detector come bin by bin. For each series the high ones of the last weeks are kept, joined into alarms (a
//! run whose gaps are at most `merge_bins`), and the alarms' peaks over a level that some twenty of them exceed are given an
//! exponential tail (peaks over threshold; scores are logarithms of probabilities, so an exponential tail is a power law of
//! the probabilities). The tail's scale is drawn towards that of all series, so that rates that two weeks of one series
//! cannot show, one alarm in five weeks, can be asked for. Large peaks count with a limited weight: the past need not be
//! free of anomalies.

use serde::{Deserialize, Serialize};
use twin::stats::median;

/// Peaks that the tail of one series rests on.
const PEAKS: usize = 20;
/// The scale common to all series counts as so many peaks of a series' own.
const COMMON_PEAKS: f64 = 10.0;
/// Excesses count with at most this many times the scale.
const EXCESS_MAX: f64 = 4.0;
/// Share of a series' scores that are kept as high.
const HIGH_SHARE: f64 = 0.05;
/// Weeks of the past that count, and days before which they are too few.
const WEEKS: f64 = 4.0;
const DAYS_MIN: f64 = 2.0;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationConfig {
    /// False alarms per series and week; positive.
    pub alarms_per_week: f64,
    /// Length of a bin, in seconds.
    pub bin_s: u32,
    /// Flags at most this many unflagged bins apart are one alarm.
    pub merge_bins: u32,
    /// An alarm keeps on for this many bins after its last score above the threshold.
    pub keep_bins: u32,
}

impl CalibrationConfig {
    /// So many false alarms per series and week, with the usual joining of flags to alarms.
    pub fn new(alarms_per_week: f64, bin_s: u32) -> Self {
        Self { alarms_per_week, bin_s: bin_s.max(1), merge_bins: 6, keep_bins: 0 }
    }

    fn week_bins(&self) -> f64 {
        (604_800.0 / f64::from(self.bin_s)).max(1.0)
    }
}

/// The calibration of a set of series. Its state is what `serde` writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrator {
    config: CalibrationConfig,
    bin: u64,
    series: Vec<Tail>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tail {
    /// Bins with a score, fading as weeks pass.
    scored: u64,
    first: Option<u64>,
    /// High scores of the last weeks with their bins, in order.
    high: Vec<(u64, f32)>,
    /// Scores below are not kept.
    floor: f32,
    threshold: f64,
    last_above: Option<u64>,
}

impl Calibrator {
    /// A calibration that has seen nothing. Until two days of scores have come the threshold is the one at which the
    /// detector's own probabilities give the asked rate.
    pub fn new(series: usize, config: CalibrationConfig) -> Self {
        let nominal = libm::log(config.week_bins() / config.alarms_per_week.max(1e-9)).max(0.0);
        let tail = Tail {
            scored: 0,
            first: None,
            high: Vec::new(),
            floor: f32::NEG_INFINITY,
            threshold: nominal,
            last_above: None,
        };
        Self { config, bin: 0, series: vec![tail; series] }
    }

    /// Takes the next bin's scores (higher is more abnormal, NaN is no opinion) and flags those above their threshold.
    ///
    /// # Panics
    ///
    /// If the lengths are not the number of series.
    pub fn step(&mut self, scores: &[f64], flags: &mut [bool]) {
        assert!(scores.len() == self.series.len() && flags.len() == self.series.len(), "one score for each series");
        for (i, tail) in self.series.iter_mut().enumerate() {
            flags[i] = tail.step(self.bin, scores[i], self.config.keep_bins);
        }
        self.bin += 1;
        let day = (self.config.week_bins() / 7.0).max(1.0) as u64;
        if self.bin.is_multiple_of(day) {
            self.refit();
        }
    }

    /// The thresholds that hold now.
    pub fn thresholds(&self) -> Vec<f64> {
        self.series.iter().map(|t| t.threshold).collect()
    }

    /// Learns the thresholds anew from the high scores of the last weeks.
    pub fn refit(&mut self) {
        let week = self.config.week_bins();
        let oldest = self.bin.saturating_sub((WEEKS * week) as u64);
        self.series.iter_mut().for_each(|t| t.prune(oldest, self.bin));
        let merge = u64::from(self.config.merge_bins);
        let fits: Vec<Option<(f64, f64, f64)>> = self.series.iter().map(|t| t.peaks_over_level(merge)).collect();
        let common = median(fits.iter().flatten().map(|(_, scale, _)| *scale));
        for (tail, fit) in self.series.iter_mut().zip(fits) {
            let Some((level, scale, peaks)) = fit else { continue };
            let weeks = tail.seen(oldest, self.bin) / week;
            if weeks * 7.0 < DAYS_MIN {
                continue;
            }
            let scale = (scale * peaks + common * COMMON_PEAKS) / (peaks + COMMON_PEAKS);
            tail.threshold = level + scale * libm::log(peaks / (self.config.alarms_per_week * weeks)).max(0.0);
        }
    }
}

impl Tail {
    fn step(&mut self, bin: u64, score: f64, keep: u32) -> bool {
        if !score.is_nan() {
            self.scored += 1;
            self.first.get_or_insert(bin);
            let score = score as f32;
            if score >= self.floor {
                self.high.push((bin, score));
            }
        }
        let above = score > self.threshold;
        if above {
            self.last_above = Some(bin);
        }
        above || self.last_above.is_some_and(|last| bin - last <= u64::from(keep))
    }

    fn seen(&self, oldest: u64, now: u64) -> f64 {
        (now - self.first.unwrap_or(now).max(oldest)) as f64
    }

    /// Forgets what is old, and of the rest keeps the highest share.
    fn prune(&mut self, oldest: u64, now: u64) {
        self.high.retain(|(bin, _)| *bin >= oldest);
        let keep = (self.seen(oldest, now) * HIGH_SHARE) as usize;
        if self.high.len() > keep.max(2 * PEAKS) {
            let mut scores: Vec<f32> = self.high.iter().map(|(_, s)| *s).collect();
            scores.sort_by(f32::total_cmp);
            self.floor = scores[scores.len() - keep.max(2 * PEAKS)];
            self.high.retain(|(_, score)| *score >= self.floor);
        }
    }

    /// The level that about [`PEAKS`] alarms exceed, the scale of their excess, and their number.
    fn peaks_over_level(&self, merge: u64) -> Option<(f64, f64, f64)> {
        let mut levels: Vec<f32> = self.high.iter().map(|(_, s)| *s).collect();
        levels.sort_by(|a, b| b.total_cmp(a));
        levels.dedup();
        // Alarms are few at the highest level, grow, and join at low ones: the first level with enough of them.
        let mut best: Option<(f32, Vec<f32>)> = None;
        for level in levels.into_iter().step_by(2) {
            let peaks = self.peaks_above(level, merge);
            let enough = peaks.len() >= PEAKS;
            if best.as_ref().is_none_or(|(_, b)| peaks.len() > b.len()) {
                best = Some((level, peaks));
            }
            if enough {
                break;
            }
        }
        let (level, peaks) = best.filter(|(_, p)| p.len() >= 3)?;
        let excess: Vec<f64> = peaks.iter().map(|p| f64::from(p - level)).collect();
        let rough = median(excess.iter().copied()) / std::f64::consts::LN_2;
        let limited = excess.iter().map(|e| e.min(EXCESS_MAX * rough)).sum::<f64>();
        // E min(X, 4β) = β(1 − e⁻⁴) of an exponential.
        let scale = limited / excess.len() as f64 / (1.0 - libm::exp(-EXCESS_MAX));
        Some((f64::from(level), scale, peaks.len() as f64))
    }

    /// The highest score of each alarm over a level.
    fn peaks_above(&self, level: f32, merge: u64) -> Vec<f32> {
        let mut peaks: Vec<f32> = Vec::new();
        let mut last = None;
        for (bin, score) in self.high.iter().filter(|(_, s)| *s > level) {
            match (last, peaks.last_mut()) {
                (Some(before), Some(peak)) if bin - before <= merge + 1 => *peak = peak.max(*score),
                _ => peaks.push(*score),
            }
            last = Some(*bin);
        }
        peaks
    }
}
