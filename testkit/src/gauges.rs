//! Gauges without anomalies: seasons and noise of several kinds.

use std::f64::consts::TAU;

use crate::chance::Chance;

/// What makes a gauge stray from its season, and whether it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaugeNoise {
    /// Independent and normal, and a wandering part (a memory of two hours).
    Normal,
    /// The wandering part is larger and has a memory of eight hours.
    Slow,
    /// As `Normal`, without weekends.
    NoWeek,
    /// As `Normal`, around a constant.
    NoSeason,
    /// Student's t with 3 degrees of freedom, and a wandering part.
    Student,
    /// Student's t with 3 degrees of freedom, correlated over some ten bins.
    CorrelatedStudent,
    /// As `Normal`, and a job at each full hour, now short, now long.
    Jobs,
    /// Lognormal.
    Lognormal,
    /// Normal; six hours of the day stray thrice as far.
    Restless,
    /// Poisson counts, a dozen on the mean.
    Counts,
}

/// All kinds of noise.
pub const GAUGE_NOISES: [GaugeNoise; 10] = [
    GaugeNoise::Normal,
    GaugeNoise::Slow,
    GaugeNoise::NoWeek,
    GaugeNoise::NoSeason,
    GaugeNoise::Student,
    GaugeNoise::CorrelatedStudent,
    GaugeNoise::Jobs,
    GaugeNoise::Lognormal,
    GaugeNoise::Restless,
    GaugeNoise::Counts,
];

/// A set of gauges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaugeSet {
    /// Its chance.
    pub seed: u64,
    /// Noise of all its gauges.
    pub noise: GaugeNoise,
    /// Length of a bin in seconds.
    pub bin_s: u32,
    /// Days of each gauge, the first a Monday.
    pub days: u32,
}

/// The gauge `index` of a set, bin by bin; NaN where a sample is missing (one in five hundred). None is negative.
pub fn gauge_series(set: &GaugeSet, index: u64) -> Vec<f64> {
    let mut chance = Chance::of(set.seed, index);
    let (level, phase) = (chance.between_log(5.0, 5_000.0), chance.unit());
    let (swing, weekend) = (chance.between(0.2, 0.6), chance.between(0.6, 0.95));
    let (white, slow) = (chance.between(0.01, 0.04), chance.between(0.02, 0.06));
    let day = f64::from(86_400 / set.bin_s);
    let hour = (3_600 / set.bin_s).max(1) as usize;
    let hours = if set.noise == GaugeNoise::Slow { 8.0 } else { 2.0 };
    let memory = libm::exp(-24.0 / (hours * day));
    let short = libm::exp(-0.1);
    let (mut wander, mut last) = (0.0, 0.0);
    let mut bin = |bin: usize| {
        let time = bin as f64 / day;
        let week = if time.rem_euclid(7.0) >= 5.0 { weekend } else { 1.0 };
        let season = match set.noise {
            GaugeNoise::NoSeason => 1.0,
            GaugeNoise::NoWeek => 1.0 + swing * libm::sin(TAU * (time + phase)),
            _ => week * (1.0 + swing * libm::sin(TAU * (time + phase))),
        };
        wander = memory * wander + libm::sqrt(1.0 - memory * memory) * chance.normal();
        let noise = match set.noise {
            GaugeNoise::Student => white * chance.student3() + slow * wander,
            GaugeNoise::CorrelatedStudent => {
                last = short * last + libm::sqrt(1.0 - short * short) * chance.student3();
                slow * last
            }
            GaugeNoise::Slow => white * chance.normal() + 2.0 * slow * wander,
            GaugeNoise::Lognormal => libm::expm1(5.0 * white * chance.normal()),
            GaugeNoise::Restless => {
                let restless = (time + phase).fract() < 0.25;
                white * chance.normal() * if restless { 3.0 } else { 1.0 }
            }
            _ => white * chance.normal() + slow * wander,
        };
        let job = set.noise == GaugeNoise::Jobs && bin.is_multiple_of(hour);
        let more = if job { 0.3 * chance.exponential() } else { 0.0 };
        let value = match set.noise {
            GaugeNoise::Counts => chance.poisson(12.0 * season),
            _ => level * (season * (1.0 + noise) + more).max(0.0),
        };
        if chance.unit() < 0.002 { f64::NAN } else { value }
    };
    (0..(day * f64::from(set.days)) as usize).map(&mut bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_vary_are_not_negative_and_are_told_by_seed_and_number() {
        for noise in GAUGE_NOISES {
            let series = |seed, index| gauge_series(&GaugeSet { seed, noise, bin_s: 900, days: 8 }, index);
            let one = series(1, 2);
            let seen: Vec<f64> = one.iter().copied().filter(|x| !x.is_nan()).collect();
            assert!(one.len() == 768 && seen.len() > 750 && seen.iter().all(|x| *x >= 0.0), "{noise:?}");
            assert!(seen.iter().any(|x| *x != seen[0]), "{noise:?}");
            // As text: a missing sample is not equal to itself.
            assert_eq!(format!("{one:?}"), format!("{:?}", series(1, 2)));
            assert!(series(1, 3)[..9] != one[..9] && series(2, 2)[..9] != one[..9], "{noise:?}");
        }
    }
}
