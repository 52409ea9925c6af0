//! Gauges one by one: a daily and a weekly season, a level, a spread.
//!
//! In the manner of Holt and Winters (level plus season, each following with its own gain), with three changes. Updates are
//! clipped, so that an anomaly teaches little. The weekly season is a correction to the daily one that counts only as much
//! as it has predicted so far (a regression through the origin): two weeks that do not resemble one another are not
//! believed to. And a deviation that has stayed the same for most of a day is the new normal: the daily season takes it
//! over at once instead of alarming for weeks.

mod calendar;
mod renewal;
mod series;

use serde::{Deserialize, Serialize};

use self::calendar::{Calendar, DAY_S};
use self::series::{Context, Series};
use crate::detector::{Bin, Detector, Verdict};
use crate::tail::log_p_laplace;

/// Samples before a series knows its own spread.
const SAMPLES_MIN: f64 = 50.0;

/// How gauges are followed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeasonalConfig {
    /// Length of a bin, in seconds; at least 1.
    pub bin_s: u32,
    /// Smallest gain of the daily season, per day.
    pub daily_gain: f64,
    /// Smallest gain of the weekly season, per week.
    pub weekly_gain: f64,
    /// Memory of the level, in days.
    pub level_days: f64,
    /// Memory of the spread, in days.
    pub spread_days: f64,
}

impl SeasonalConfig {
    /// The usual settings for bins of this length.
    pub fn new(bin_s: u32) -> Self {
        Self { bin_s: bin_s.max(1), daily_gain: 0.05, weekly_gain: 0.25, level_days: 7.0, spread_days: 14.0 }
    }

    /// Bins in a day, at least 1.
    pub fn day_bins(&self) -> f64 {
        (DAY_S as f64 / f64::from(self.bin_s)).max(1.0)
    }
}

/// One series' residual of one bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Residual {
    /// In standard deviations; NaN: missing or still learning.
    pub(crate) z: f64,
    pub(crate) expected: f64,
    pub(crate) sigma: f64,
    /// The sample on the scale on which it is judged; NaN: missing.
    pub(crate) value: f64,
    /// The seasons explain next to nothing.
    pub(crate) seasonless: bool,
    /// What was normal is no longer: residuals of before say nothing about those from now on.
    pub(crate) renewed: bool,
}

/// The detector of gauges, one by one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeasonalDetector {
    config: SeasonalConfig,
    calendar: Calendar,
    bin: u64,
    series: Vec<Series>,
}

impl SeasonalDetector {
    /// A detector of so many series that has seen nothing yet. Bin 0 is taken to begin a week; any other origin only moves
    /// the seasons.
    pub fn new(series: usize, config: SeasonalConfig) -> Self {
        let calendar = Calendar::new(config.bin_s);
        let one = Series::new(calendar.per_day as usize);
        Self { config, calendar, bin: 0, series: vec![one; series] }
    }

    /// Takes the next bin and hands each series' residual to `each`.
    pub(crate) fn residuals(&mut self, bin: &Bin<'_, f64>, mut each: impl FnMut(usize, Residual)) {
        assert_eq!(bin.samples.len(), self.series.len(), "one sample for each series");
        let (phase, next) = (self.calendar.phase(self.bin), self.calendar.phase(self.bin + 1));
        let context = Context {
            config: self.config,
            half: self.calendar.half_width(),
            day_bins: self.config.day_bins(),
            phase,
            phase_ends: phase.week != next.week || self.calendar.per_day == 1,
        };
        let borrowed = self.relative_spread(bin);
        for (i, (series, sample)) in self.series.iter_mut().zip(bin.samples).enumerate() {
            each(i, series.step(*sample, bin.learns(i), &context, borrowed));
        }
        self.bin += 1;
    }

    /// The peers' median spread relative to their level, for series that are too young to know their own; NaN if no series
    /// is young or none is old.
    fn relative_spread(&self, bin: &Bin<'_, f64>) -> f64 {
        let young = |s: &Series| s.spread.samples() < SAMPLES_MIN;
        if !self.series.iter().zip(bin.samples).any(|(s, x)| young(s) && x.is_finite()) {
            return f64::NAN;
        }
        let old = self.series.iter().filter(|s| !young(s) && s.level != 0.0);
        twin::stats::median(old.map(|s| s.spread.sigma() / s.level.abs()))
    }
}

impl Detector for SeasonalDetector {
    type Sample = f64;

    fn step(&mut self, bin: &Bin<'_, f64>, verdicts: &mut [Verdict]) {
        assert_eq!(verdicts.len(), self.series.len(), "one verdict for each series");
        self.residuals(bin, |i, r| verdicts[i] = r.verdict(r.z.abs()));
    }

    fn rebaseline(&mut self, series: usize) {
        self.series[series].rebaseline();
    }

    fn moved(&mut self, series: usize, times: f64) {
        self.series[series].moved(times);
    }
}

impl Residual {
    /// The verdict at this many standard deviations; none for NaN.
    pub(crate) fn verdict(&self, z: f64) -> Verdict {
        if z.is_nan() {
            return Verdict::NONE;
        }
        Verdict { log_p: log_p_laplace(z), expected: self.expected, sigma: self.sigma, window: 1, rtt: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::normal;

    const BIN_S: u32 = 1_800;
    const DAY: usize = 48;

    /// 100 units, a daily wave, weekends at 90 %, noise of 3 %.
    fn load(i: usize) -> f64 {
        let day = 1.0 + 0.4 * libm::sin(i as f64 * std::f64::consts::TAU / DAY as f64);
        let week = if i / DAY % 7 >= 5 { 0.9 } else { 1.0 };
        100.0 * day * week * (1.0 + 0.03 * normal(i, 0))
    }

    fn run(detector: &mut SeasonalDetector, samples: impl Iterator<Item = f64>) -> Vec<Residual> {
        samples
            .map(|x| {
                let mut got = None;
                detector.residuals(&Bin { samples: &[x], paused: &[] }, |_, r| got = Some(r));
                got.unwrap()
            })
            .collect()
    }

    fn trained(days: usize) -> SeasonalDetector {
        let mut detector = SeasonalDetector::new(1, SeasonalConfig::new(BIN_S));
        run(&mut detector, (0..days * DAY).map(load));
        detector
    }

    #[test]
    fn day_and_week_are_learnt_and_residuals_are_standard() {
        let residuals = run(&mut trained(28), (28 * DAY..35 * DAY).map(load));
        let square = residuals.iter().map(|r| r.z * r.z).sum::<f64>() / residuals.len() as f64;
        assert!((0.4..1.6).contains(&square), "{square}");
        for (i, r) in residuals.iter().enumerate() {
            let truth = load(28 * DAY + i);
            assert!((r.expected / truth - 1.0).abs() < 0.2, "bin {i}: {} of {truth}", r.expected);
        }
    }

    #[test]
    fn six_hours_of_anomaly_do_not_drag_the_model() {
        let mut detector = trained(21);
        let at = 21 * DAY;
        let residuals = run(&mut detector, (at..at + 12).map(|i| 1.5 * load(i)));
        assert!(residuals.iter().all(|r| r.z > 4.0), "{residuals:?}");
        let after = run(&mut detector, (at + 12..at + 24).map(load));
        assert!(after.iter().all(|r| r.z.abs() < 4.0), "{after:?}");
    }

    #[test]
    fn a_lasting_shift_is_the_new_normal_within_a_day() {
        let mut detector = trained(21);
        let residuals = run(&mut detector, (21 * DAY..23 * DAY).map(|i| 2.0 * load(i)));
        assert!(residuals[DAY / 2].z > 6.0 && residuals.iter().filter(|r| r.renewed).count() == 1);
        let after = &residuals[DAY..];
        let off: Vec<(usize, f64)> =
            after.iter().map(|r| r.z).enumerate().filter(|(_, z)| z.abs() > 4.0).collect();
        assert!(off.len() <= 2, "{off:?}");
    }

    #[test]
    fn what_is_known_to_have_changed_is_judged_anew_at_once() {
        let mut detector = trained(21);
        detector.rebaseline(0);
        let residuals = run(&mut detector, (21 * DAY..22 * DAY).map(|i| 2.0 * load(i)));
        assert!(residuals[0].z.is_nan(), "learning");
        assert!(residuals[3..].iter().all(|r| r.z.abs() < 6.0), "{residuals:?}");
    }

    #[test]
    fn what_moves_as_told_is_judged_at_once_and_comes_back_as_it_was() {
        let mut detector = trained(21);
        detector.moved(0, 2.0);
        let mut lost = detector.clone();
        let at = 21 * DAY;
        let residuals = run(&mut detector, (at..at + DAY / 2).map(|i| 2.0 * load(i)));
        assert!(residuals.iter().all(|r| r.z.abs() < 3.0), "{residuals:?}");
        // A third less than that is abnormal already on the first evening.
        assert!(run(&mut lost, (at..at + 4).map(|i| 2.0 * load(i)))[3].z.abs() < 3.0);
        let lost = run(&mut lost, (at + 4..at + 8).map(|i| 0.8 * load(i)));
        assert!(lost.iter().all(|r| r.z < -2.0), "{lost:?}");
        let mut for_good = detector.clone();
        detector.moved(0, 0.5);
        let back = run(&mut detector, (at + DAY / 2..at + DAY).map(load));
        assert!(back.iter().all(|r| r.z.abs() < 4.0), "{back:?}");
        // What stays is what is usual.
        let later = run(&mut for_good, (at + DAY / 2..at + 3 * DAY).map(|i| 2.0 * load(i)));
        assert!(later.iter().all(|r| r.z.abs() < 4.0) && for_good.series[0].moved.is_none(), "{later:?}");
    }

    #[test]
    fn a_missing_sample_and_a_pause_teach_nothing() {
        let (mut gap, mut paused) = (trained(21), trained(21));
        let before = gap.series.clone();
        let residual = run(&mut gap, std::iter::once(f64::NAN))[0];
        assert!(residual.z.is_nan() && residual.expected.is_finite());
        paused.residuals(&Bin { samples: &[1e6], paused: &[true] }, |_, r| assert!(r.z > 100.0));
        for s in [&gap.series[0], &paused.series[0]] {
            assert_eq!(
                (s.level, &s.weekly, s.spread),
                (before[0].level, &before[0].weekly, before[0].spread)
            );
        }
    }

    #[test]
    fn the_first_day_is_learning_and_a_negative_sample_ends_the_square_root() {
        let mut detector = SeasonalDetector::new(1, SeasonalConfig::new(BIN_S));
        let first = run(&mut detector, (0..DAY).map(|i| load(i) - 100.0));
        assert!(first.iter().all(|r| r.z.is_nan()));
        assert!(!detector.series[0].root);
        let rest = run(&mut detector, (DAY..21 * DAY).map(|i| load(i) - 100.0));
        let last = &rest[rest.len() - DAY..];
        assert!(last.iter().all(|r| r.z.abs() < 6.0), "{last:?}");
    }

    #[test]
    fn a_series_that_never_varies_has_a_band() {
        let mut detector = SeasonalDetector::new(1, SeasonalConfig::new(BIN_S));
        run(&mut detector, std::iter::repeat_n(5.0, 10 * DAY));
        let [same, one_in_a_thousand, double] =
            [5.0, 5.005, 10.0].map(|x| run(&mut detector, std::iter::once(x))[0]);
        assert!(same.z == 0.0 && one_in_a_thousand.z < 1.0 && double.z > 20.0);
        let mut zero = SeasonalDetector::new(1, SeasonalConfig::new(BIN_S));
        assert!(run(&mut zero, std::iter::repeat_n(0.0, 3 * DAY)).iter().all(|r| r.z.is_nan() || r.z == 0.0));
    }

    #[test]
    fn one_series_takes_at_most_40_kib() {
        let series = Series::new(Calendar::new(300).per_day as usize);
        let seasons = [&series.daily, &series.weekly];
        let heap: usize =
            seasons.iter().map(|s| 5 * s.value.len()).sum::<usize>() + 4 * series.last_day.len();
        assert!(std::mem::size_of::<Series>() + heap <= 40 * 1024);
        assert_eq!(Calendar::new(1).per_day, Calendar::new(300).per_day);
    }
}
