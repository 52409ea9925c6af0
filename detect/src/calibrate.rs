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

/// The tail begins where so many alarms per series and week lie above, or three times the asked rate if that is more. Few
/// alarms say little of how it goes on: in a short past it begins further down, where there are so many, as far as each series
/// has at most so many a week.
const TAIL_RATE: f64 = 2.0;
const TAIL_ENOUGH: f64 = 30.0;
const TAIL_RATE_MAX: f64 = 10.0;
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
/// An alarm keeps on for so many seconds.
const KEEP_S: u32 = 7_200;
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
    /// So many false alarms per series and week, with the usual joining of flags to alarms, which keep on for two hours (at
    /// most 24 bins).
    pub fn new(alarms_per_week: f64, bin_s: u32) -> Self {
        let bin_s = bin_s.max(1);
        Self { alarms_per_week, bin_s, merge_bins: 6, keep_bins: (KEEP_S / bin_s).min(24) }
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

/// What scores teach the thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teach {
    /// All of them: in the training, where nothing is flagged.
    All,
    /// Those that are not flagged: what goes on after the training. Alarms count, too, as long as they are not more than chance
    /// makes of those asked for; if they are, only as many as were asked for, as some were right.
    Unflagged,
    /// None: thresholds stay as they are.
    Nothing,
}

/// Stands for the scores of an alarm that was told.
const TOLD: f32 = f32::MAX;

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
    /// The first bin in which only what is not flagged teaches.
    live: Option<u64>,
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
            live: None,
            threshold: config.nominal(),
            last_above: None,
        };
        Self { config, bin: 0, series: vec![tail; series] }
    }

    /// Takes the next bin's scores (higher is more abnormal, NaN is no opinion) and flags those above their threshold. The
    /// thresholds follow what teaches them, daily.
    ///
    /// # Panics
    ///
    /// If the lengths are not the number of series.
    pub fn step(&mut self, scores: &[f64], teach: Teach, flags: &mut [bool]) {
        let series = self.series.len();
        assert!(scores.len() == series && flags.len() == series, "one score and one flag for each series");
        if self.bin > 0 && self.bin.is_multiple_of(u64::from(self.day())) && teach != Teach::Nothing {
            self.refit();
        }
        for (i, tail) in self.series.iter_mut().enumerate() {
            flags[i] = tail.step(self.bin, scores[i], teach, self.config.keep_bins);
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
        let spans: Vec<Span> = self.series.iter().map(|t| t.span(week)).collect();
        for (tail, span) in self.series.iter_mut().zip(&spans) {
            tail.prune(span.from);
        }
        let weeks: f64 = spans.iter().filter(|s| s.is_usable()).map(|s| s.weeks).sum();
        let asked = self.config.alarms_per_week * weeks;
        let offsets = self.offsets(&spans);
        let peaks = self.peaks(&spans, &offsets);
        let count = (TAIL_RATE * weeks).max(3.0 * asked).max(TAIL_ENOUGH.min(TAIL_RATE_MAX * weeks));
        let Some((level, peaks)) = tail_level(peaks, count) else { return };
        let threshold = level + peaks.excess(level, peaks.count() / asked);
        for (tail, offset) in self.series.iter_mut().zip(&offsets) {
            tail.threshold = (threshold + offset).min(self.config.nominal() + UNBELIEVED);
        }
    }

    /// How much noisier each series is than the others, as far as that is known.
    fn offsets(&self, spans: &[Span]) -> Vec<f64> {
        let own = self.series.iter().zip(spans).map(|(tail, span)| {
            let watched = self.watched(std::slice::from_ref(span));
            if span.is_usable() {
                tail.level_of(OWN_RATE * span.weeks, &watched, self.day(), self.gap())
            } else {
                f64::NAN
            }
        });
        let own: Vec<f64> = own.collect();
        let common = median(own.iter().copied().filter(|l| l.is_finite()));
        let offset = |(level, span): (&f64, &Span)| own_share(span.weeks) * (level - common);
        own.iter().zip(spans).map(offset).map(|o| if o.is_finite() { o } else { 0.0 }).collect()
    }

    /// The alarms of all series together over a level, each less its series' offset.
    fn peaks(&self, spans: &[Span], offsets: &[f64]) -> impl Fn(f64) -> Peaks {
        let (day, gap) = (self.day(), self.gap());
        let used: Vec<Span> = spans.iter().copied().filter(Span::is_usable).collect();
        let (watched, believed) = (self.watched(&used), self.believed(spans));
        let before = median(self.series.iter().zip(offsets).map(|(tail, offset)| tail.threshold - offset));
        move |level| {
            let series = self.series.iter().zip(spans).zip(offsets).filter(|((_, span), _)| span.is_usable());
            let (told, quiet): (Vec<_>, Vec<_>) = series
                .flat_map(|((tail, _), offset)| {
                    let peaks = tail.peaks_above(level + offset, gap);
                    peaks.into_iter().map(move |(bin, peak)| (bin / day, peak - offset))
                })
                .partition(|(_, peak)| *peak > f64::from(TOLD) / 2.0);
            Peaks::of(quiet, &watched).and_over(before, believed(told.len() as f64), level)
        }
    }

    /// How many of so many alarms that were told in these spans were false: all, if chance makes as many where some were asked
    /// for (two standard deviations); if not, those that were asked for.
    fn believed(&self, spans: &[Span]) -> impl Fn(f64) -> f64 + use<> {
        let live = |(tail, span): (&Tail, &Span)| {
            let from = tail.live.filter(|_| span.is_usable())?.max(span.from);
            Some(tail.learnt.saturating_sub(from) as f64 / self.config.week_bins())
        };
        let weeks: f64 = self.series.iter().zip(spans).filter_map(live).sum();
        let asked = self.config.alarms_per_week * weeks;
        move |told| if told > asked + 2.0 * libm::sqrt(asked) { asked } else { told }
    }

    /// How much of each day is in these spans, in days of one series.
    fn watched(&self, spans: &[Span]) -> Vec<f64> {
        let day = self.day();
        let mut watched = vec![0.0; (self.bin / u64::from(day)) as usize + 1];
        for span in spans {
            let (from, length) = (span.from as f64 / f64::from(day), 7.0 * span.weeks);
            for (number, time) in (0u32..).zip(&mut watched) {
                let (begin, end) = (f64::from(number), f64::from(number) + 1.0);
                *time += (end.min(from + length) - begin.max(from)).max(0.0);
            }
        }
        watched
    }

    /// Bins of a day.
    fn day(&self) -> u32 {
        (self.config.week_bins() / 7.0).max(1.0) as u32
    }

    /// Scores at most so many bins apart are one alarm.
    fn gap(&self) -> u64 {
        u64::from(self.config.merge_bins + self.config.keep_bins) + 1
    }
}

/// What of a series' past counts.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// The first bin.
    from: u64,
    weeks: f64,
}

impl Span {
    /// Whether it is long enough to learn from.
    fn is_usable(&self) -> bool {
        self.weeks * 7.0 >= DAYS_MIN
    }
}

/// How much of a series' own level is believed after so many weeks.
fn own_share(weeks: f64) -> f64 {
    OWN_RATE * weeks / (OWN_RATE * weeks + OWN_PRIOR)
}

/// The lowest level above which at most so many peaks count, and they; `None` if they are too few. It is come upon from
/// above, and no further down than where peaks begin to grow together: far below, all scores are one alarm.
fn tail_level(peaks_above: impl Fn(f64) -> Peaks, count: f64) -> Option<(f64, Peaks)> {
    let top = peaks_above(0.0).highest();
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
    fn step(&mut self, bin: u64, score: f64, teach: Teach, keep: u32) -> bool {
        let above = score > self.threshold;
        match teach {
            Teach::All => (self.live, self.last_above) = (None, None),
            Teach::Unflagged => _ = self.live.get_or_insert(bin),
            Teach::Nothing => {}
        }
        if teach != Teach::Nothing {
            self.learnt = bin + 1;
            if !score.is_nan() {
                self.first.get_or_insert(bin);
                let told = above && teach == Teach::Unflagged;
                self.recent.push((bin as u32, if told { TOLD } else { score as f32 }));
            }
        }
        if above && teach != Teach::All {
            self.last_above = Some(bin);
        }
        above || self.last_above.is_some_and(|last| bin - last <= u64::from(keep))
    }

    fn span(&self, week: f64) -> Span {
        let Some(first) = self.first else { return Span { from: self.learnt, weeks: 0.0 } };
        let seen = (self.learnt - first) as f64;
        let from =
            (first + (seen / 2.0).min(week) as u64).max(self.learnt.saturating_sub((WEEKS * week) as u64));
        Span { from, weeks: (self.learnt - from) as f64 / week }
    }

    /// Forgets what no longer counts and keeps the highest of the recent scores.
    fn prune(&mut self, from: u64) {
        let mut scores: Vec<f32> = self.recent.iter().map(|(_, s)| *s).filter(|s| *s < TOLD).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        let least = scores.get(HIGH_PER_DAY).copied().unwrap_or(f32::NEG_INFINITY);
        self.high.extend(self.recent.drain(..).filter(|(_, score)| *score > least));
        self.high.retain(|(bin, _)| u64::from(*bin) >= from);
    }

    /// The level that at most so many alarms exceed; NaN if there are not so many.
    fn level_of(&self, alarms: f64, watched: &[f64], day: u32, gap: u64) -> f64 {
        let peaks_above = |level| {
            let peaks = self.peaks_above(level, gap);
            let quiet = peaks.into_iter().filter(|(_, peak)| *peak < f64::from(TOLD));
            Peaks::of(quiet.map(|(bin, peak)| (bin / day, peak)).collect(), watched)
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
    fn realised(
        rate: f64,
        series: usize,
        weeks: usize,
        teach: Teach,
        f: impl Fn(usize, usize) -> f64,
    ) -> f64 {
        let config = CalibrationConfig { keep_bins: 0, merge_bins: 2, ..CalibrationConfig::new(rate, BIN_S) };
        let mut calibrator = Calibrator::new(series, config);
        let mut flags = vec![false; series];
        let (mut alarms, mut last) = (0, vec![None; series]);
        for bin in 0..(2 + weeks) * WEEK {
            let scores: Vec<f64> = (0..series).map(|s| f(bin, s)).collect();
            if bin == 2 * WEEK {
                calibrator.refit();
            }
            let teach = if bin < 2 * WEEK { Teach::All } else { teach };
            calibrator.step(&scores, teach, &mut flags);
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
                let got = realised(rate, 30, 20, Teach::Nothing, |bin, s| score(bin, s, scale));
                assert!((rate / 2.0..rate * 2.0).contains(&got), "asked {rate} at scale {scale}: {got}");
            }
        }
        let alone = realised(1.0, 1, 200, Teach::Nothing, |bin, s| score(bin, s, 1.0));
        assert!((0.4..2.5).contains(&alone), "one series alone: {alone}");
    }

    #[test]
    fn three_days_of_training_say_enough_of_one_alarm_in_five_weeks() {
        let realised = |set: usize| {
            let mut calibrator = Calibrator::new(20, CalibrationConfig::for_windows(0.2, BIN_S));
            for bin in 0..3 * 48 {
                let scores: Vec<f64> = (0..20).map(|s| score(bin, 100 * set + s, 1.0)).collect();
                calibrator.step(&scores, Teach::All, &mut [false; 20]);
            }
            calibrator.refit();
            calibrator.thresholds().map(|t| WEEK as f64 * libm::exp(-t)).sum::<f64>() / 20.0
        };
        let mean = (0..200).map(realised).sum::<f64>() / 200.0;
        assert!((0.15..0.25).contains(&mean), "{mean}");
    }

    #[test]
    fn an_anomaly_in_the_training_does_not_make_it_deaf() {
        let stained = |bin: usize, s: usize| {
            let incident = (450..460).contains(&bin) && s < 5;
            if incident { 300.0 } else { score(bin, s, 1.0) }
        };
        let got = realised(1.0, 30, 20, Teach::Nothing, stained);
        assert!((0.5..2.0).contains(&got), "{got}");
    }

    #[test]
    fn however_many_anomalies_there_were_its_own_probabilities_bound_the_threshold() {
        let mut calibrator = Calibrator::new(4, CalibrationConfig::for_windows(1.0, BIN_S));
        for bin in 0..2 * WEEK {
            let scores: Vec<f64> =
                (0..4).map(|s| if bin % 40 == 10 * s { 500.0 } else { score(bin, s, 1.0) }).collect();
            calibrator.step(&scores, Teach::All, &mut [false; 4]);
        }
        calibrator.refit();
        let most = libm::log(20.0 * WEEK as f64);
        assert!(calibrator.thresholds().all(|t| (t - most).abs() < 1e-9), "{most}");
    }

    #[test]
    fn no_opinion_is_no_alarm_and_before_there_is_a_fit_theory_holds() {
        let mut calibrator = Calibrator::new(2, CalibrationConfig::new(1.0, BIN_S));
        let mut flags = [false; 2];
        calibrator.step(&[f64::NAN, 5.0], Teach::Unflagged, &mut flags);
        assert_eq!(flags, [false, false]);
        // 336 bins a week: ln 336 = 5.8.
        calibrator.step(&[f64::NAN, 5.9], Teach::Unflagged, &mut flags);
        assert_eq!(flags, [false, true]);
        calibrator.step(&[f64::NAN, f64::NAN], Teach::Unflagged, &mut flags);
        assert_eq!(flags, [false, true], "an alarm keeps on for a while");
    }

    #[test]
    fn an_alarm_keeps_on_for_two_hours() {
        let keeps = |bin_s: u32| CalibrationConfig::new(1.0, bin_s).keep_bins;
        assert_eq!([60, 300, 900, 3_600, 86_400].map(keeps), [24, 24, 8, 2, 0]);
    }

    #[test]
    fn what_the_training_shows_does_not_keep_on_after_it() {
        let mut calibrator = Calibrator::new(1, CalibrationConfig::new(1.0, BIN_S));
        let mut flags = [false];
        calibrator.step(&[9.0], Teach::All, &mut flags);
        calibrator.step(&[1.0], Teach::Unflagged, &mut flags);
        assert_eq!(flags, [false]);
    }

    #[test]
    fn noise_that_grows_after_the_training_is_learnt_and_anomalies_are_not() {
        let louder = |bin: usize, s: usize| score(bin, s, if bin < 2 * WEEK { 1.0 } else { 1.2 });
        let (still, learning) =
            (realised(1.0, 30, 12, Teach::Nothing, louder), realised(1.0, 30, 12, Teach::Unflagged, louder));
        assert!(still > 2.0 && learning < 0.75 * still, "{still} {learning}");
        // Ten anomalies a week on each series, far out.
        let mut calibrators =
            [false, true].map(|_| Calibrator::new(20, CalibrationConfig::for_windows(1.0, BIN_S)));
        for bin in 0..6 * WEEK {
            let teach = if bin < 2 * WEEK { Teach::All } else { Teach::Unflagged };
            for (calibrator, faults) in calibrators.iter_mut().zip([false, true]) {
                let odd = |s: usize| faults && bin >= 2 * WEEK && (bin + 7 * s).is_multiple_of(33);
                let scores: Vec<f64> =
                    (0..20).map(|s| if odd(s) { 200.0 } else { score(bin, s, 1.0) }).collect();
                calibrator.step(&scores, teach, &mut [false; 20]);
            }
        }
        let [without, with] = calibrators.map(|c| twin::stats::median(c.thresholds()));
        assert!((with - without).abs() < 0.5, "{with} {without}");
    }

    #[test]
    fn the_state_goes_on_where_it_was_stored() {
        let mut one = Calibrator::new(3, CalibrationConfig::new(1.0, BIN_S));
        let mut flags = [false; 3];
        let mut step = |c: &mut Calibrator, bin: usize| {
            let teach = if bin < 3 * WEEK / 2 { Teach::All } else { Teach::Unflagged };
            c.step(&[score(bin, 0, 1.0), score(bin, 1, 1.0), f64::NAN], teach, &mut flags);
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
