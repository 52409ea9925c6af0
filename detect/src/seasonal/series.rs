//! One gauge: what is expected of it, and what a bin teaches.

use serde::{Deserialize, Serialize};

use super::calendar::{Phase, SLOTS, Season};
use super::{Residual, SAMPLES_MIN, SeasonalConfig};
use crate::moved::Moved;
use crate::robust::{Scale, TIGHT, WIDE};
use crate::skill::Skill;

/// As if so many days had shown the same spread in all slots.
const SLOT_PRIOR_DAYS: f64 = 5.0;
/// Residuals teach level and seasons with at most this many standard deviations.
const CLIP: f64 = 1.5;
/// The spread is never taken to be below this share of the expected value: half a per cent of its root is one of itself.
const BAND_MIN: f64 = 0.005;
/// Nor below this share of how far off samples were on the whole, however seldom: a series that did nothing until now, or is
/// idle but for an hour a week, has no spread of its own that could be believed.
const RARE_SHARE: f64 = 0.1;
/// As if a day had said that half of a weekly season is to be believed.
const WEEKLY_PRIOR: f64 = 1.0;

/// What is known of one series. All values but the samples themselves are on the transformed scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Series {
    /// No sample was negative so far: the square root makes the spread of loads even over their range.
    pub(super) root: bool,
    pub(super) level: f64,
    /// Samples since the level was begun.
    pub(super) age: f64,
    pub(super) daily: Season,
    pub(super) weekly: Season,
    /// The first week is over.
    pub(super) grown: bool,
    /// How well the weekly season has predicted: sums of (weekly · deviation) and of (weekly²), in units of the spread.
    pub(super) agree: f64,
    pub(super) weight: f64,
    pub(super) spread: Scale,
    /// What the seasons explain.
    pub(super) skill: Skill,
    /// Spread of the bulk, over the day and in each slot of it: the day's shape, which an hour's anomaly must not change.
    pub(super) bulk: Scale,
    pub(super) slots: [Scale; SLOTS],
    /// Sum and number of the clipped and of the raw residuals of the phase that is running.
    pub(super) running: [f64; 3],
    /// Clipped and raw residuals of the latest phases, for the seasons' smoothing.
    #[serde(with = "crate::gaps")]
    pub(super) latest: [f32; 7],
    #[serde(with = "crate::gaps")]
    pub(super) latest_raw: [f32; 7],
    /// Residual of each phase over the latest day, NaN if missing.
    #[serde(with = "crate::gaps")]
    pub(super) last_day: Vec<f32>,
    /// Phases to wait before the next shift may be taken over.
    pub(super) settle: u32,
    /// A known change, while what was taught before may still come back.
    pub(super) moved: Option<Moved>,
}

/// A bin in the seasons.
pub(super) struct Context {
    pub(super) config: SeasonalConfig,
    pub(super) half: usize,
    pub(super) day_bins: f64,
    pub(super) phase: Phase,
    pub(super) phase_ends: bool,
}

impl Series {
    pub(super) fn new(per_day: usize) -> Self {
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

    pub(super) fn step(&mut self, sample: f64, learns: bool, cx: &Context, borrowed: f64) -> Residual {
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
            // Nothing is further off than all of itself.
            let sigma = sigma.max(BAND_MIN * verdict.value.abs());
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
        sigma.max(self.least(expected))
    }

    /// The least spread that is believed, around such a value.
    fn least(&self, value: f64) -> f64 {
        (BAND_MIN * value.abs()).max(RARE_SHARE * self.skill.left_over()).max(1e-9)
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
            let least = self.least(self.level);
            self.spread.learn(residual, memory, WIDE, least);
            self.bulk.learn(residual, memory, TIGHT, least);
            self.slots[cx.phase.slot].learn(residual, memory / SLOTS as f64, TIGHT, least);
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
        // What is seen for the first time after a shift is taken as it is, without its neighbours, which moved otherwise.
        let first = self.daily.taught[day] == 0 && self.spread.samples() >= SAMPLES_MIN;
        let seen = f64::from(self.latest_raw[6 - cx.half]);
        self.daily.learn(day, if first && seen.is_finite() { seen } else { mean }, cx.config.daily_gain);
        // The first time there is no telling a weekend from an anomaly: it is taken as it is, and halved by the second.
        let deviation = if self.weekly.taught[week] == 0 { raw } else { mean };
        let weekly = f64::from(self.weekly.value[week]);
        self.weekly.learn(week, deviation + trust * weekly - weekly, cx.config.weekly_gain);
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
