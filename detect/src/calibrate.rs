//! From scores to flags at an asked rate of false alarms.
//!
//! Scores of any detector come bin by bin; they are −log p of its own model, so that in theory a rate of alarms falls by e
//! with each unit of the threshold. How many alarms there are in fact is counted: in the training scores of all series
//! together, joined into alarms as flags will be, over the level that a few alarms per series and week exceed (peaks over
//! threshold). The tail beyond that level is a generalised Pareto one, drawn towards the exponential one of theory; neither a
//! day nor an excess counts without limit, and the detector's own probabilities bound the threshold, since the past need not
//! be free of anomalies. A series that is noisier or quieter than the others gets a share of the difference. So one alarm in
//! five weeks of a series can be asked for after two weeks of training, and of thousands of series as of one.

use serde::{Deserialize, Serialize};
use twin::stats::median;

use crate::peaks::Peaks;

/// The tail begins where so many alarms per series and week lie above, or three times the asked rate if that is more.
const TAIL_RATE: f64 = 2.0;
/// A series' own level is the one that so many of its alarms per week exceed. As many as these, and so much of its distance to
/// the others' counts as they would among so many more that say there is none.
const OWN_RATE: f64 = 10.0;
const OWN_PRIOR: f64 = 20.0;
/// So many of a day's scores are kept, the highest: a tenth at five-minute bins.
const HIGH_PER_DAY: usize = 30;
/// Weeks of the past that count; the first of them (or the first half of a shorter past) does not, as models are young then.
const WEEKS: f64 = 4.0;
/// What has come 20 times as often as the detector's own probabilities have it was no noise: thresholds are never higher
/// than the one of a twentieth of the asked rate by them. This is −ln of it.
const UNBELIEVED: f64 = 2.995_732_273_553_991;
/// Days of scores before there is a fit.
const DAYS_MIN: f64 = 1.0;
/// Alarms in the tail, of all series together, before there is a fit.
const PEAKS_MIN: usize = 3;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationConfig {
    /// False alarms per series and week; positive.
    pub alarms_per_week: f64,
    /// Length of a bin, in seconds.
    pub bin_s: u32,
    /// Flags at most this many unflagged bins apart are one alarm.
    pub merge_bins: u32,
    /// An alarm keeps on for this many bins after its last score above the threshold, so that one trouble is one alarm.
    pub keep_bins: u32,
}

impl CalibrationConfig {
    /// So many false alarms per series and week, with the usual joining of flags to alarms.
    pub fn new(alarms_per_week: f64, bin_s: u32) -> Self {
        Self { alarms_per_week, bin_s: bin_s.max(1), merge_bins: 6, keep_bins: 24 }
    }

    /// For a detector whose scores look back over windows, so that they keep on by themselves.
    pub fn for_windows(alarms_per_week: f64, bin_s: u32) -> Self {
        Self { keep_bins: 0, ..Self::new(alarms_per_week, bin_s) }
    }

    /// The threshold by the detector's own probabilities.
    fn nominal(&self) -> f64 {
        libm::log(self.week_bins() / self.alarms_per_week.max(1e-9)).max(0.0)
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
    /// First bin with a score.
    first: Option<u64>,
    /// The last bin that was learnt from, plus 1.
    learnt: u64,
    /// The highest scores of each day with their bins, in order.
    high: Vec<(u32, f32)>,
    /// Scores since the last fit.
    recent: Vec<(u32, f32)>,
    threshold: f64,
    last_above: Option<u64>,
}

impl Calibrator {
    /// A calibration that has seen nothing. Until a day of scores and some alarms have come the threshold is the one at
    /// which the detector's own probabilities give the asked rate.
    pub fn new(series: usize, config: CalibrationConfig) -> Self {
        let tail = Tail {
            first: None,
            learnt: 0,
            high: Vec::new(),
            recent: Vec::new(),
            threshold: config.nominal(),
            last_above: None,
        };
        Self { config, bin: 0, series: vec![tail; series] }
    }

    /// Takes the next bin's scores (higher is more abnormal, NaN is no opinion) and flags those above their threshold. With
    /// `learns` the thresholds follow, daily; without they stay as they are (after the training, or in maintenance).
    ///
    /// # Panics
    ///
    /// If the lengths are not the number of series.
    pub fn step(&mut self, scores: &[f64], learns: bool, flags: &mut [bool]) {
        let series = self.series.len();
        assert!(scores.len() == series && flags.len() == series, "one score and one flag for each series");
        let day = (self.config.week_bins() / 7.0).max(1.0) as u64;
        if self.bin > 0 && self.bin.is_multiple_of(day) && learns {
            self.refit();
        }
        for (i, tail) in self.series.iter_mut().enumerate() {
            flags[i] = tail.step(self.bin, scores[i], learns, self.config.keep_bins);
        }
        self.bin += 1;
    }

    /// Each series' threshold: a score above it is an alarm.
    pub fn thresholds(&self) -> impl Iterator<Item = f64> + '_ {
        self.series.iter().map(|t| t.threshold)
    }

    /// Learns the thresholds anew from the high scores of the last weeks. [`step`](Self::step) does so daily; once more at
    /// the end of a training makes use of its last hours.
    pub fn refit(&mut self) {
        let week = self.config.week_bins();
        let spans: Vec<(u64, f64)> = self.series.iter().map(|t| t.span(week)).collect();
        for (tail, (from, _)) in self.series.iter_mut().zip(&spans) {
            tail.prune(*from);
        }
        let usable = |i: usize| spans[i].1 * 7.0 >= DAYS_MIN;
        let weeks: f64 = (0..spans.len()).filter(|i| usable(*i)).map(|i| spans[i].1).sum();
        let gap = u64::from(self.config.merge_bins + self.config.keep_bins) + 1;
        let day = (week / 7.0).max(1.0) as u32;
        let own: Vec<f64> = (0..spans.len())
            .map(|i| {
                if usable(i) {
                    self.series[i].level_of(
                        OWN_RATE * spans[i].1,
                        &self.watched(&spans[i..=i], day),
                        day,
                        gap,
                    )
                } else {
                    f64::NAN
                }
            })
            .collect();
        let common = median(own.iter().copied().filter(|l| l.is_finite()));
        let offset: Vec<f64> = own
            .iter()
            .zip(&spans)
            .map(|(level, (_, weeks))| own_share(*weeks) * (level - common))
            .map(|o| if o.is_finite() { o } else { 0.0 })
            .collect();
        let used: Vec<(u64, f64)> = (0..spans.len()).filter(|i| usable(*i)).map(|i| spans[i]).collect();
        let watched = self.watched(&used, day);
        let peaks_above = |level: f64| {
            let used = (0..spans.len()).filter(|i| usable(*i));
            let peaks = used.flat_map(|i| {
                let offset = offset[i];
                let peaks = self.series[i].peaks_above(level + offset, gap);
                peaks.into_iter().map(move |(bin, peak)| (bin / day, peak - offset))
            });
            Peaks::of(peaks.collect(), &watched)
        };
        let asked = self.config.alarms_per_week * weeks;
        let Some((level, peaks)) = tail_level(peaks_above, (TAIL_RATE * weeks).max(3.0 * asked)) else {
            return;
        };
        let threshold = level + peaks.excess(level, peaks.count() / asked);
        for (i, tail) in self.series.iter_mut().enumerate() {
            tail.threshold = (threshold + offset[i]).min(self.config.nominal() + UNBELIEVED);
        }
    }

    /// How much of each day is in spans of a first bin and so many weeks, in days of one series.
    fn watched(&self, spans: &[(u64, f64)], day: u32) -> Vec<f64> {
        let mut watched = vec![0.0; (self.bin / u64::from(day)) as usize + 1];
        for (from, weeks) in spans {
            let (from, length) = (*from as f64 / f64::from(day), 7.0 * weeks);
            for (number, time) in (0u32..).zip(&mut watched) {
                let (begin, end) = (f64::from(number), f64::from(number) + 1.0);
                *time += (end.min(from + length) - begin.max(from)).max(0.0);
            }
        }
        watched
    }
}

/// How much of a series' own level is believed after so many weeks.
fn own_share(weeks: f64) -> f64 {
    OWN_RATE * weeks / (OWN_RATE * weeks + OWN_PRIOR)
}

/// The lowest level above which at most so many peaks count, and they; `None` if they are too few. It is come upon from
/// above, and no further down than where peaks begin to grow together: far below, all scores are one alarm.
fn tail_level(peaks_above: impl Fn(f64) -> Peaks, count: f64) -> Option<(f64, Peaks)> {
    let top = peaks_above(f64::NEG_INFINITY).highest();
    let (mut level, mut peaks) = (top, Peaks::default());
    let mut below = top;
    while below > 1e-3 {
        below *= 0.97;
        let more = peaks_above(below);
        if more.count() > count || 2.0 * more.count() < peaks.count() {
            break;
        }
        if more.count() >= peaks.count() {
            (level, peaks) = (below, more);
        }
    }
    (peaks.len() >= PEAKS_MIN).then_some((level, peaks))
}

impl Tail {
    fn step(&mut self, bin: u64, score: f64, learns: bool, keep: u32) -> bool {
        if learns {
            self.learnt = bin + 1;
            if !score.is_nan() {
                self.first.get_or_insert(bin);
                self.recent.push((bin as u32, score as f32));
            }
        }
        let above = score > self.threshold;
        if above {
            self.last_above = Some(bin);
        }
        above || self.last_above.is_some_and(|last| bin - last <= u64::from(keep))
    }

    /// The first bin that counts, and how many weeks do.
    fn span(&self, week: f64) -> (u64, f64) {
        let Some(first) = self.first else { return (self.learnt, 0.0) };
        let seen = (self.learnt - first) as f64;
        let from =
            (first + (seen / 2.0).min(week) as u64).max(self.learnt.saturating_sub((WEEKS * week) as u64));
        (from, (self.learnt - from) as f64 / week)
    }

    /// Forgets what no longer counts and keeps the highest of the recent scores.
    fn prune(&mut self, from: u64) {
        let mut scores: Vec<f32> = self.recent.iter().map(|(_, score)| *score).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        let least = scores.get(HIGH_PER_DAY).copied().unwrap_or(f32::NEG_INFINITY);
        self.high.extend(self.recent.drain(..).filter(|(_, score)| *score > least));
        self.high.retain(|(bin, _)| u64::from(*bin) >= from);
    }

    /// The level that at most so many alarms exceed; NaN if there are not so many.
    fn level_of(&self, alarms: f64, watched: &[f64], day: u32, gap: u64) -> f64 {
        let peaks_above = |level| {
            let peaks = self.peaks_above(level, gap);
            Peaks::of(peaks.into_iter().map(|(bin, peak)| (bin / day, peak)).collect(), watched)
        };
        tail_level(peaks_above, alarms.max(PEAKS_MIN as f64)).map_or(f64::NAN, |(l, _)| l)
    }

    /// The alarms over a level, by the bin in which they begin and their highest score; scores at most `gap` bins apart are
    /// one alarm.
    fn peaks_above(&self, level: f64, gap: u64) -> Vec<(u32, f64)> {
        let mut peaks: Vec<(u32, f64)> = Vec::new();
        let mut last = None;
        for (bin, score) in self.high.iter().map(|(b, s)| (*b, f64::from(*s))).filter(|(_, s)| *s > level) {
            match (last, peaks.last_mut()) {
                (Some(before), Some((_, peak))) if u64::from(bin - before) <= gap => *peak = peak.max(score),
                _ => peaks.push((bin, score)),
            }
            last = Some(bin);
        }
        peaks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIN_S: u32 = 1_800;
    const WEEK: usize = 336;

    /// Exponential scores, as theory has them, times `scale`.
    fn score(bin: usize, series: usize, scale: f64) -> f64 {
        -scale * libm::log(crate::noise::uniform(bin, series))
    }

    /// Alarms per series and week over `weeks` after two weeks of training, on scores `f(bin, series)`.
    fn realised(rate: f64, series: usize, weeks: usize, f: impl Fn(usize, usize) -> f64) -> f64 {
        let config = CalibrationConfig { keep_bins: 0, merge_bins: 2, ..CalibrationConfig::new(rate, BIN_S) };
        let mut calibrator = Calibrator::new(series, config);
        let mut flags = vec![false; series];
        let (mut alarms, mut last) = (0, vec![None; series]);
        for bin in 0..(2 + weeks) * WEEK {
            let scores: Vec<f64> = (0..series).map(|s| f(bin, s)).collect();
            if bin == 2 * WEEK {
                calibrator.refit();
            }
            calibrator.step(&scores, bin < 2 * WEEK, &mut flags);
            for s in (0..series).filter(|s| bin >= 2 * WEEK && flags[*s]) {
                alarms += usize::from(last[s].is_none_or(|l| bin - l > 3));
                last[s] = Some(bin);
            }
        }
        f64::from(alarms as u32) / (series * weeks) as f64
    }

    #[test]
    fn the_rate_that_is_asked_for_is_the_rate_that_comes() {
        for rate in [1.0, 0.2] {
            for scale in [0.6, 1.0, 1.4] {
                let got = realised(rate, 30, 20, |bin, s| score(bin, s, scale));
                assert!((rate / 2.0..rate * 2.0).contains(&got), "asked {rate} at scale {scale}: {got}");
            }
        }
        let alone = realised(1.0, 1, 200, |bin, s| score(bin, s, 1.0));
        assert!((0.4..2.5).contains(&alone), "one series alone: {alone}");
    }

    #[test]
    fn an_anomaly_in_the_training_does_not_make_it_deaf() {
        let stained = |bin: usize, s: usize| {
            let incident = (450..460).contains(&bin) && s < 5;
            if incident { 300.0 } else { score(bin, s, 1.0) }
        };
        let got = realised(1.0, 30, 20, stained);
        assert!((0.5..2.0).contains(&got), "{got}");
    }

    #[test]
    fn however_many_anomalies_there_were_its_own_probabilities_bound_the_threshold() {
        let mut calibrator = Calibrator::new(4, CalibrationConfig::for_windows(1.0, BIN_S));
        for bin in 0..2 * WEEK {
            let scores: Vec<f64> =
                (0..4).map(|s| if bin % 40 == 10 * s { 500.0 } else { score(bin, s, 1.0) }).collect();
            calibrator.step(&scores, true, &mut [false; 4]);
        }
        calibrator.refit();
        let most = libm::log(20.0 * WEEK as f64);
        assert!(calibrator.thresholds().all(|t| (t - most).abs() < 1e-9), "{most}");
    }

    #[test]
    fn no_opinion_is_no_alarm_and_before_there_is_a_fit_theory_holds() {
        let mut calibrator = Calibrator::new(2, CalibrationConfig::new(1.0, BIN_S));
        let mut flags = [false; 2];
        calibrator.step(&[f64::NAN, 5.0], true, &mut flags);
        assert_eq!(flags, [false, false]);
        // 336 bins a week: ln 336 = 5.8.
        calibrator.step(&[f64::NAN, 5.9], true, &mut flags);
        assert_eq!(flags, [false, true]);
        calibrator.step(&[f64::NAN, f64::NAN], true, &mut flags);
        assert_eq!(flags, [false, true], "an alarm keeps on for a while");
    }

    #[test]
    fn the_state_goes_on_where_it_was_stored() {
        let mut one = Calibrator::new(3, CalibrationConfig::new(1.0, BIN_S));
        let mut flags = [false; 3];
        let mut step = |c: &mut Calibrator, bin: usize| {
            c.step(&[score(bin, 0, 1.0), score(bin, 1, 1.0), f64::NAN], true, &mut flags);
            flags
        };
        for bin in 0..WEEK {
            step(&mut one, bin);
        }
        let mut other: Calibrator = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!(one, other);
        assert!((WEEK..2 * WEEK).all(|bin| step(&mut one, bin) == step(&mut other, bin)));
    }
}
