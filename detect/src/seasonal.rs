//! Gauges one by one: a daily and a weekly season, a level, a spread.
//!
//! In the manner of Holt and Winters (level plus season, each following with its own gain), with three changes. Updates are
//! clipped, so that an anomaly teaches little. The weekly season is a correction to the daily one that counts only as much
//! as it has predicted so far (a regression through the origin): two weeks that do not resemble one another are not
//! believed to. And a deviation that has stayed the same for most of a day is the new normal: the daily season takes it
//! over at once instead of alarming for weeks.

use serde::{Deserialize, Serialize};

use crate::detector::{Bin, Detector, Verdict};
use crate::moved::Moved;
use crate::robust::{Scale, TIGHT, WIDE};
use crate::skill::Skill;
use crate::tail::log_p_laplace;

const DAY_S: u64 = 86_400;
/// The seasons' resolution: five minutes, however short the bins are.
const PHASES_MAX: u64 = 288;
/// Slots of the day that have a spread of their own.
const SLOTS: usize = 24;
/// As if so many days had shown the same spread in all slots.
const SLOT_PRIOR_DAYS: f64 = 5.0;
/// Residuals teach level and seasons with at most this many standard deviations.
const CLIP: f64 = 1.5;
/// The spread is never taken to be below this share of the expected value: half a per cent of its root is one of itself.
const BAND_MIN: f64 = 0.005;
/// A deviation this far out, in standard deviations, on the median of [`SHIFT_SHARE`] of a day, is a new normal.
const SHIFT_SIGMA: f64 = 3.0;
const SHIFT_SHARE: f64 = 22.0 / 24.0;
/// As if a day had said that half of a weekly season is to be believed.
const WEEKLY_PRIOR: f64 = 1.0;
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

/// Where a bin lies in the seasons.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Phase {
    day: usize,
    week: usize,
    slot: usize,
}

/// Phases in a day and how bins map to them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Calendar {
    bin_s: u64,
    per_day: u64,
}

impl Calendar {
    fn new(bin_s: u32) -> Self {
        let bin_s = u64::from(bin_s.max(1));
        Self { bin_s, per_day: (DAY_S / bin_s).clamp(1, PHASES_MAX) }
    }

    fn phase(&self, bin: u64) -> Phase {
        let second = (bin * self.bin_s) % (7 * DAY_S);
        let week = (second * self.per_day / DAY_S) as usize;
        let day = week % self.per_day as usize;
        Phase { day, week, slot: day * SLOTS / self.per_day as usize }
    }

    /// Phases on either side that share one seasonal value: a quarter of an hour.
    fn half_width(&self) -> usize {
        (3 * self.per_day / PHASES_MAX) as usize
    }
}

/// A season: a value for each phase and how many seasons have taught it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Season {
    value: Vec<f32>,
    taught: Vec<u8>,
}

impl Season {
    fn new(phases: usize) -> Self {
        Self { value: vec![0.0; phases], taught: vec![0; phases] }
    }

    fn learn(&mut self, phase: usize, correction: f64, gain_min: f64) {
        self.taught[phase] = self.taught[phase].saturating_add(1);
        let gain = (1.0 / f64::from(self.taught[phase])).max(gain_min);
        self.value[phase] += (gain * correction) as f32;
    }
}

/// What is known of one series. All values but the samples themselves are on the transformed scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Series {
    /// No sample was negative so far: the square root makes the spread of loads even over their range.
    root: bool,
    level: f64,
    /// Samples since the level was begun.
    age: f64,
    daily: Season,
    weekly: Season,
    /// The first week is over.
    grown: bool,
    /// How well the weekly season has predicted: sums of (weekly · deviation) and of (weekly²), in units of the spread.
    agree: f64,
    weight: f64,
    spread: Scale,
    /// What the seasons explain.
    skill: Skill,
    /// Spread of the bulk, over the day and in each slot of it: the day's shape, which an hour's anomaly must not change.
    bulk: Scale,
    slots: [Scale; SLOTS],
    /// Sum and number of the clipped and of the raw residuals of the phase that is running.
    running: [f64; 3],
    /// Clipped and raw residuals of the latest phases, for the seasons' smoothing.
    #[serde(with = "crate::gaps")]
    latest: [f32; 7],
    #[serde(with = "crate::gaps")]
    latest_raw: [f32; 7],
    /// Residual of each phase over the latest day, NaN if missing.
    #[serde(with = "crate::gaps")]
    last_day: Vec<f32>,
    /// Phases to wait before the next shift may be taken over.
    settle: u32,
    /// A known change, while what was taught before may still come back.
    moved: Option<Moved>,
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

struct Context {
    config: SeasonalConfig,
    half: usize,
    day_bins: f64,
    phase: Phase,
    phase_ends: bool,
}

impl Series {
    fn new(per_day: usize) -> Self {
        Self {
            root: true,
            level: 0.0,
            age: 0.0,
            daily: Season::new(per_day),
            weekly: Season::new(7 * per_day),
            grown: false,
            agree: 0.5 * WEEKLY_PRIOR,
            weight: WEEKLY_PRIOR,
            spread: Scale::default(),
            skill: Skill::default(),
            bulk: Scale::default(),
            slots: [Scale::default(); SLOTS],
            running: [0.0; 3],
            latest: [f32::NAN; 7],
            latest_raw: [f32::NAN; 7],
            last_day: vec![f32::NAN; per_day],
            settle: per_day as u32,
            moved: None,
        }
    }

    fn step(&mut self, sample: f64, learns: bool, cx: &Context, borrowed: f64) -> Residual {
        let mut renewed = false;
        if sample < 0.0 && self.root {
            *self = Self { root: false, ..Self::new(self.daily.value.len()) };
            renewed = true;
        }
        let present = sample.is_finite();
        // Squares must stay finite.
        let sample = sample.clamp(-1e100, 1e100);
        if present && self.age == 0.0 {
            self.level = self.transform(sample) - f64::from(self.daily.value[cx.phase.day]);
        }
        let trust = (self.agree / self.weight).clamp(0.0, 1.0);
        let base = self.level + f64::from(self.daily.value[cx.phase.day]);
        let weekly = f64::from(self.weekly.value[cx.phase.week]);
        let taught = base + trust * weekly;
        let spread = self.sigma(cx, taught, borrowed);
        let (expected, spread, sigma) = match &self.moved {
            None => (taught, spread, spread),
            Some(m) => (m.expected(taught), m.spread(spread), m.sigma(m.spread(spread))),
        };
        let mut verdict = Residual {
            z: f64::NAN,
            expected: self.inverse(expected),
            sigma: if self.root { 2.0 * expected.max(sigma) * sigma } else { sigma },
            value: if present { self.transform(sample) } else { f64::NAN },
            seasonless: self.skill.is_seasonless(),
            renewed,
        };
        if present {
            let residual = verdict.value - expected;
            if self.judges(cx) {
                verdict.z = residual / sigma;
            }
            if learns && let Some(moved) = &mut self.moved {
                moved.learn(residual, spread, cx.day_bins);
            } else if learns {
                if self.daily.taught[cx.phase.day] > 0 {
                    self.skill.learn(verdict.value, residual, cx.config.spread_days * cx.day_bins);
                }
                self.learn(residual, residual + trust * weekly, weekly, sigma, cx);
            }
        }
        if cx.phase_ends && learns {
            self.end_phase(trust, cx);
            verdict.renewed |= self.take_over_shift(cx);
        }
        if self.moved.is_some_and(|moved| moved.lasts(cx.day_bins)) {
            self.settle_moved();
        }
        verdict
    }

    /// Whether enough is known: a day of the season, or a level renewed at least an hour ago.
    fn judges(&self, cx: &Context) -> bool {
        self.daily.taught[cx.phase.day] > 0 && self.age >= cx.day_bins / 24.0
    }

    /// The spread that is expected in this bin, and more while level and season rest on little.
    fn sigma(&self, cx: &Context, expected: f64, borrowed: f64) -> f64 {
        let own = self.spread.sigma();
        let known = self.spread.samples() / SAMPLES_MIN;
        let own =
            if known < 1.0 && borrowed.is_finite() { own.max(borrowed * self.level.abs()) } else { own };
        let seasons = f64::from(self.daily.taught[cx.phase.day].max(1));
        let days = (self.age / cx.day_bins).max(0.05);
        let sigma =
            own * self.slot_factor(cx.phase.slot, cx.day_bins) * libm::sqrt(1.0 + 0.5 / seasons + 0.1 / days);
        sigma.max(BAND_MIN * expected.abs()).max(1e-9)
    }

    /// The slot's spread over that of the whole day, drawn towards 1 as if so many days had said so.
    fn slot_factor(&self, slot: usize, day_bins: f64) -> f64 {
        let (own, all) = (&self.slots[slot], self.bulk.sigma());
        if all <= 0.0 {
            return 1.0;
        }
        let days = own.samples() * SLOTS as f64 / day_bins;
        let ratio = (own.sigma() / all).powi(2);
        libm::sqrt((ratio * days + SLOT_PRIOR_DAYS) / (days + SLOT_PRIOR_DAYS))
    }

    fn learn(&mut self, residual: f64, deviation: f64, weekly: f64, sigma: f64, cx: &Context) {
        let seasonal = self.daily.taught[cx.phase.day] > 0;
        let known = self.spread.samples() >= SAMPLES_MIN;
        let limit = if known { CLIP * sigma } else { f64::INFINITY };
        let clipped = residual.clamp(-limit, limit);
        let gain = if self.age < cx.day_bins {
            1.0 / (self.age + 1.0)
        } else {
            1.0 / (cx.config.level_days * cx.day_bins)
        };
        self.level += gain * if self.age < cx.day_bins { residual } else { clipped };
        self.age += 1.0;
        if seasonal {
            let memory = cx.config.spread_days * cx.day_bins;
            self.spread.learn(residual, memory, WIDE);
            self.bulk.learn(residual, memory, TIGHT);
            self.slots[cx.phase.slot].learn(residual, memory / SLOTS as f64, TIGHT);
        }
        if !self.grown && self.weekly.taught[cx.phase.week] > 0 {
            // Residuals of the first week are those of a model that did not know its weekend.
            self.grown = true;
            for scale in self.slots.iter_mut() {
                scale.doubt(cx.day_bins / SLOTS as f64);
            }
            self.spread.doubt(cx.day_bins);
            self.bulk.doubt(cx.day_bins);
        }
        if weekly != 0.0 && known {
            // A large season is one vote, not a hundred; an anomaly is none.
            let vote = sigma.max(weekly.abs() / 4.0);
            let (w, d) = (weekly / vote, (deviation / vote).clamp(-6.0, 6.0));
            let keep = 1.0 - 1.0 / (14.0 * cx.day_bins);
            let share = 1.0 / cx.day_bins;
            self.agree = self.agree * keep + share * w * d;
            self.weight = self.weight * keep + share * w * w;
        }
        self.running[0] += clipped;
        self.running[1] += residual;
        self.running[2] += 1.0;
    }
}

impl Series {
    /// The phase is over: the seasons learn its neighbourhood's mean residual, half a neighbourhood late.
    fn end_phase(&mut self, trust: f64, cx: &Context) {
        let [clipped, raw, samples] = std::mem::take(&mut self.running);
        for (latest, sum) in [(&mut self.latest, clipped), (&mut self.latest_raw, raw)] {
            latest.rotate_left(1);
            latest[6] = (sum / samples) as f32;
        }
        self.last_day[cx.phase.day] = (raw / samples) as f32;
        self.settle = self.settle.saturating_sub(1);
        let (mean, raw) = (smoothed(&self.latest, cx.half), smoothed(&self.latest_raw, cx.half));
        if mean.is_nan() {
            return;
        }
        let (days, weeks) = (self.daily.value.len(), self.weekly.value.len());
        let (day, week) = ((cx.phase.day + days - cx.half) % days, (cx.phase.week + weeks - cx.half) % weeks);
        self.daily.learn(day, mean, cx.config.daily_gain);
        // The first time there is no telling a weekend from an anomaly: it is taken as it is, and halved by the second.
        let deviation = if self.weekly.taught[week] == 0 { raw } else { mean };
        let weekly = f64::from(self.weekly.value[week]);
        self.weekly.learn(week, deviation + trust * weekly - weekly, cx.config.weekly_gain);
    }

    /// Takes a deviation over that has lasted for most of a day with the same sign in all its quarters. Looked for hourly,
    /// once the weekly season knows this hour (the first weekend is no shift).
    fn take_over_shift(&mut self, cx: &Context) -> bool {
        let phases = self.last_day.len();
        let hourly = cx.phase.day.is_multiple_of((phases / 24).max(1));
        if !hourly || self.settle > 0 || self.weekly.taught[cx.phase.week] < 2 {
            return false;
        }
        let recent = (phases as f64 * SHIFT_SHARE) as usize;
        let at = |back: usize| (cx.phase.day + phases - back) % phases;
        let deviations: Vec<f64> = (0..recent).map(|back| f64::from(self.last_day[at(back)])).collect();
        let shift = twin::stats::median(deviations.iter().copied().filter(|d| d.is_finite()));
        let quarters = deviations.chunks(recent.div_ceil(4).max(1));
        let lasting = quarters.map(|q| twin::stats::median(q.iter().copied().filter(|d| d.is_finite())));
        let far_out = shift.abs() > SHIFT_SIGMA * self.spread.sigma();
        if !far_out || !lasting.into_iter().all(|q| q * shift.signum() > 0.5 * shift.abs()) {
            return false;
        }
        // The window may reach back to before the shift.
        let seen =
            deviations.iter().rposition(|d| d * shift.signum() > 0.5 * shift.abs()).map_or(0, |p| p + 1);
        let half = 2 * cx.half;
        let typical = self.level + twin::stats::median(self.daily.value.iter().map(|v| f64::from(*v)));
        for phase in 0..phases {
            let near = (0..=2 * half).map(|k| f64::from(self.last_day[(phase + phases + k - half) % phases]));
            let mean = twin::stats::median(near.filter(|d| d.is_finite()));
            let missed = (cx.phase.day + phases - phase) % phases >= seen || mean.is_nan();
            let before = self.level + f64::from(self.daily.value[phase]);
            // What has not been seen since is expected to have changed by the same ratio, as loads do.
            let unseen = if self.root && typical > 0.0 { shift * before / typical } else { shift };
            self.daily.value[phase] += if missed { unseen } else { mean } as f32;
        }
        self.daily.taught.fill(1);
        self.last_day.fill(f32::NAN);
        self.settle = phases as u32;
        true
    }

    fn rebaseline(&mut self) {
        self.age = 0.0;
        self.moved = None;
        self.daily.taught.iter_mut().for_each(|seasons| *seasons = (*seasons).min(1));
        self.forget_day();
    }

    fn moved(&mut self, times: f64) {
        match Moved::by(times, self.moved, self.level) {
            Ok(moved) if self.root && self.age > 0.0 => self.moved = moved,
            _ => self.rebaseline(),
        }
        self.forget_day();
    }

    /// What moved stays so: the seasons are those of the new load.
    fn settle_moved(&mut self) {
        let Some(moved) = self.moved.take() else { return };
        let (times, offset) = moved.change();
        self.level = times * self.level + offset;
        for season in [&mut self.daily, &mut self.weekly] {
            season.value.iter_mut().for_each(|value| *value *= times as f32);
        }
        self.spread.stretch(moved.spread(1.0));
        self.bulk.stretch(moved.spread(1.0));
        self.slots.iter_mut().for_each(|slot| slot.stretch(moved.spread(1.0)));
        self.forget_day();
    }

    /// Residuals of the latest day are of another load.
    fn forget_day(&mut self) {
        self.latest = [f32::NAN; 7];
        self.latest_raw = [f32::NAN; 7];
        self.last_day.fill(f32::NAN);
        self.settle = self.last_day.len() as u32;
    }

    fn transform(&self, sample: f64) -> f64 {
        if self.root { libm::sqrt(sample) } else { sample }
    }

    fn inverse(&self, value: f64) -> f64 {
        if self.root { value.max(0.0).powi(2) } else { value }
    }
}

/// Mean of the phases on either side of the one that lies `half` back, without the missing ones; NaN if all are.
fn smoothed(latest: &[f32; 7], half: usize) -> f64 {
    let near = latest[7 - (2 * half + 1)..].iter().filter(|r| r.is_finite());
    let (sum, count) = near.fold((0.0, 0.0), |(s, n), r| (s + f64::from(*r), n + 1.0));
    sum / count
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
        Verdict { log_p: log_p_laplace(z), expected: self.expected, sigma: self.sigma, window: 1 }
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
