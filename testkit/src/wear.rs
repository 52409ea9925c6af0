//! Parts that run to failure, and healthy ones beside them: indicators as a collector would have read them.

use crate::chance::Chance;

/// What wears, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WearForm {
    /// Received optical power in dBm, falling in a straight line; fails below the receiver's sensitivity. Healthy: the day's
    /// temperature, a patch in another socket.
    OpticalPower,
    /// CRC errors between two readings, their rate growing exponentially. Healthy: rare errors, and bursts.
    CrcErrors,
    /// Bit error rate before correction, growing exponentially to what RS(544,514) can correct (2.4e-4, IEEE 802.3).
    BitErrorRate,
    /// Memory in use, in percent: a leak under a sawtooth; fails above 95. Healthy: the sawtooth, and restarts.
    Memory,
    /// Flaps between two readings, ever more often. Healthy: a few, and an hour of work on the line.
    Flaps,
}

/// All forms.
pub const WEAR_FORMS: [WearForm; 5] =
    [WearForm::OpticalPower, WearForm::CrcErrors, WearForm::BitErrorRate, WearForm::Memory, WearForm::Flaps];

/// One indicator of one part.
#[derive(Clone, Debug, PartialEq)]
pub struct WearSeries {
    /// What wears.
    pub form: WearForm,
    /// A value every `step_h` hours; NaN where the reading failed.
    pub values: Vec<f64>,
    /// Hours from reading to reading; the first is at `step_h`.
    pub step_h: f64,
    /// Where the part fails; of counts, per hour.
    pub threshold: f64,
    /// Hours at which wear begins and at which the true course first reaches the threshold, for parts that fail.
    pub wears: Option<(f64, f64)>,
}

/// Ten days, a reading every quarter of an hour.
const STEPS: usize = 960;
const STEP_H: f64 = 0.25;

/// The part `index` of a set; even ones run to failure, odd ones are healthy, and each fifth pair has the same form.
pub fn wear_series(seed: u64, index: u64) -> WearSeries {
    let mut chance = Chance::of(seed, index);
    let form = WEAR_FORMS[(index / 2 % 5) as usize];
    let fails = index.is_multiple_of(2);
    let begin = chance.between(24.0, 96.0);
    let lasts = 8.0 * libm::pow(12.0, chance.unit()); // 8 to 96 hours
    let progress = progress(&mut chance, fails.then_some((begin, lasts)));
    let reached = progress.iter().position(|p| *p >= 1.0);
    let wears = reached.filter(|_| fails).map(|k| (begin, (k + 1) as f64 * STEP_H));
    let mut values = form.values(&progress, &mut chance);
    values.truncate(reached.map_or(STEPS, |k| k + 1));
    values.iter_mut().for_each(|v| {
        if chance.unit() < 0.01 {
            *v = f64::NAN;
        }
    });
    WearSeries { form, values, step_h: STEP_H, threshold: form.threshold(), wears }
}

/// How far the part is from new (0) to failed (1): a Brownian motion with drift once it wears.
fn progress(chance: &mut Chance, wears: Option<(f64, f64)>) -> Vec<f64> {
    let mut at = 0.0;
    let step = |k: usize| {
        let hour = (k + 1) as f64 * STEP_H;
        if let Some((begin, lasts)) = wears
            && hour > begin
        {
            at += STEP_H / lasts + 0.08 * libm::sqrt(STEP_H / lasts) * chance.normal();
        }
        at
    };
    (0..STEPS).map(step).collect()
}

impl WearForm {
    /// Where the part fails.
    fn threshold(self) -> f64 {
        match self {
            Self::OpticalPower => -16.0,
            Self::CrcErrors => 3_600.0,
            Self::BitErrorRate => 2.4e-4,
            Self::Memory => 95.0,
            Self::Flaps => 12.0,
        }
    }

    fn values(self, progress: &[f64], chance: &mut Chance) -> Vec<f64> {
        match self {
            Self::OpticalPower => optical_power(progress, chance),
            Self::CrcErrors => counts(progress, chance, (-2.0, 0.5), 3_600.0, 200.0),
            Self::BitErrorRate => bit_error_rate(progress, chance),
            Self::Memory => memory(progress, chance),
            Self::Flaps => counts(progress, chance, (-2.0, -1.0), 12.0, 4.0),
        }
    }
}

fn optical_power(progress: &[f64], chance: &mut Chance) -> Vec<f64> {
    let (new, swing, noise) =
        (chance.between(-11.0, -3.0), chance.between(0.0, 0.4), chance.between(0.02, 0.1));
    let (phase, patch) = (chance.unit(), event(chance, 0.3));
    let value = |(k, p): (usize, &f64)| {
        let day = libm::sin(std::f64::consts::TAU * (k as f64 * STEP_H / 24.0 + phase));
        let patched = if patch.is_some_and(|at| k >= at) { -0.8 } else { 0.0 };
        let worn = (new + patched) + p * (-16.0 - (new + patched));
        worn + swing * day * (1.0 - p) + noise * chance.normal()
    };
    progress.iter().enumerate().map(value).collect()
}

/// Events whose rate an hour grows from 10 to the power of something between `new` to `worn`; a burst of some `burst`
/// events may come within one hour.
fn counts(progress: &[f64], chance: &mut Chance, new: (f64, f64), worn: f64, burst: f64) -> Vec<f64> {
    let rate = libm::pow(10.0, chance.between(new.0, new.1));
    let bursts: Vec<usize> = (0..3).filter_map(|_| event(chance, 0.4)).collect();
    let value = |(k, p): (usize, &f64)| {
        let in_burst = bursts.iter().any(|at| (*at..*at + 3).contains(&k));
        let usual = rate * libm::pow(worn / rate, *p) * STEP_H;
        let scatter = libm::exp(0.2 * chance.normal() - 0.02);
        chance.poisson(usual * scatter) + if in_burst { chance.poisson(burst / 3.0) } else { 0.0 }
    };
    progress.iter().enumerate().map(value).collect()
}

fn bit_error_rate(progress: &[f64], chance: &mut Chance) -> Vec<f64> {
    let (new, swing, noise) =
        (chance.between(-9.0, -6.0), chance.between(0.0, 0.3), chance.between(0.02, 0.1));
    let (phase, worn) = (chance.unit(), libm::log10(2.4e-4));
    let value = |(k, p): (usize, &f64)| {
        let day = libm::sin(std::f64::consts::TAU * (k as f64 * STEP_H / 24.0 + phase));
        libm::pow(10.0, new + p * (worn - new) + swing * day * (1.0 - p) + noise * chance.normal())
    };
    progress.iter().enumerate().map(value).collect()
}

fn memory(progress: &[f64], chance: &mut Chance) -> Vec<f64> {
    let (new, saw, noise) = (chance.between(30.0, 65.0), chance.between(0.0, 4.0), chance.between(0.1, 1.0));
    let (period, restart) = (2 + (chance.unit() * 40.0) as usize, event(chance, 0.3));
    let value = |(k, p): (usize, &f64)| {
        let restarted = if restart.is_some_and(|at| k >= at) { -5.0 } else { 0.0 };
        let tooth = saw * ((k % period) as f64 / period as f64 - 0.5);
        let worn = (new + restarted) + p * (95.0 - (new + restarted));
        worn + tooth * (1.0 - p) + noise * chance.normal()
    };
    progress.iter().enumerate().map(value).collect()
}

/// Whether something happens, and at which step.
fn event(chance: &mut Chance, probability: f64) -> Option<usize> {
    let at = (chance.unit() * STEPS as f64) as usize;
    (chance.unit() < probability).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_parts_fail_and_no_healthy_one_reaches_its_threshold_for_good() {
        let set: Vec<_> = (0..100).map(|i| wear_series(7, i)).collect();
        assert_eq!(set.iter().filter(|s| s.wears.is_some()).count(), 50);
        for part in set.iter().filter(|s| s.form == WearForm::OpticalPower) {
            let last = part.values.iter().rev().find(|v| v.is_finite()).unwrap();
            assert_eq!(part.wears.is_some(), *last < -15.0, "{last}");
        }
        // As text: a missing sample is not equal to itself.
        assert_eq!(format!("{:?}", wear_series(7, 4)), format!("{:?}", wear_series(7, 4)));
        assert_ne!(wear_series(7, 4).values, wear_series(8, 4).values);
    }
}
