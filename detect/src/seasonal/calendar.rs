//! Where bins lie in the seasons, and what the seasons hold.

use serde::{Deserialize, Serialize};

/// Seconds of a day.
pub(super) const DAY_S: u64 = 86_400;
/// The seasons' resolution: five minutes, however short the bins are.
const PHASES_MAX: u64 = 288;
/// Slots of the day that have a spread of their own.
pub(super) const SLOTS: usize = 24;

/// Where a bin lies in the seasons.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Phase {
    pub(super) day: usize,
    pub(super) week: usize,
    pub(super) slot: usize,
}

/// Phases in a day and how bins map to them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Calendar {
    bin_s: u64,
    pub(super) per_day: u64,
}

impl Calendar {
    pub(super) fn new(bin_s: u32) -> Self {
        let bin_s = u64::from(bin_s.max(1));
        Self { bin_s, per_day: (DAY_S / bin_s).clamp(1, PHASES_MAX) }
    }

    pub(super) fn phase(&self, bin: u64) -> Phase {
        let second = (bin * self.bin_s) % (7 * DAY_S);
        let week = (second * self.per_day / DAY_S) as usize;
        let day = week % self.per_day as usize;
        Phase { day, week, slot: day * SLOTS / self.per_day as usize }
    }

    /// Phases on either side that share one seasonal value: a quarter of an hour.
    pub(super) fn half_width(&self) -> usize {
        (3 * self.per_day / PHASES_MAX) as usize
    }
}

/// A season: a value for each phase and how many seasons have taught it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Season {
    pub(super) value: Vec<f32>,
    pub(super) taught: Vec<u8>,
}

impl Season {
    pub(super) fn new(phases: usize) -> Self {
        Self { value: vec![0.0; phases], taught: vec![0; phases] }
    }

    pub(super) fn learn(&mut self, phase: usize, correction: f64, gain_min: f64) {
        self.taught[phase] = self.taught[phase].saturating_add(1);
        let gain = (1.0 / f64::from(self.taught[phase])).max(gain_min);
        self.value[phase] += (gain * correction) as f32;
    }
}
