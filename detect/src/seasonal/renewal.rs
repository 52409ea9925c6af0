//! What was usual of a gauge is no longer: by a shift that lasts, or because somebody said so.

use super::series::{Context, Series};
use crate::moved::Moved;

/// A deviation this far out, in standard deviations, on the median of [`SHIFT_SHARE`] of a day, is a new normal.
const SHIFT_SIGMA: f64 = 3.0;
const SHIFT_SHARE: f64 = 22.0 / 24.0;

impl Series {
    /// Takes a deviation over that has lasted for most of a day with the same sign in all its quarters. Looked for hourly,
    /// once the weekly season knows this hour (the first weekend is no shift).
    pub(super) fn take_over_shift(&mut self, cx: &Context) -> bool {
        let phases = self.last_day.len();
        let hourly = cx.phase.day.is_multiple_of((phases / 24).max(1));
        if !hourly || self.settle > 0 || self.weekly.taught[cx.phase.week] < 2 {
            return false;
        }
        let recent = (phases as f64 * SHIFT_SHARE) as usize;
        let at = |back: usize| (cx.phase.day + phases - back) % phases;
        let deviations: Vec<f64> = (0..recent).map(|back| f64::from(self.last_day[at(back)])).collect();
        let shift = twin::stats::median(deviations.iter().copied());
        let quarters = deviations.chunks(recent.div_ceil(4).max(1));
        let lasting = quarters.map(|q| twin::stats::median(q.iter().copied()));
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
            let mean = twin::stats::median(near);
            let missed = (cx.phase.day + phases - phase) % phases >= seen || mean.is_nan();
            let before = self.level + f64::from(self.daily.value[phase]);
            // What has not been seen since is expected to have changed by the same ratio, as loads do.
            let unseen = if self.root && typical > 0.0 { shift * before / typical } else { shift };
            self.daily.value[phase] += if missed { unseen } else { mean } as f32;
            // That is a guess, by which nothing is judged.
            self.daily.taught[phase] = u8::from(!missed);
        }
        self.last_day.fill(f32::NAN);
        self.settle = phases as u32;
        true
    }

    pub(super) fn rebaseline(&mut self) {
        self.age = 0.0;
        self.moved = None;
        self.daily.taught.iter_mut().for_each(|seasons| *seasons = (*seasons).min(1));
        self.forget_day();
    }

    pub(super) fn moved(&mut self, times: f64) {
        match Moved::by(times, self.moved, self.level) {
            Ok(moved) if self.root && self.age > 0.0 => self.moved = moved,
            _ => self.rebaseline(),
        }
        self.forget_day();
    }

    /// What moved stays so: the seasons are those of the new load.
    pub(super) fn settle_moved(&mut self) {
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
}
