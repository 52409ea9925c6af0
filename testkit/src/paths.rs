//! Paths as probes see them: losses and round-trip times with noise of several kinds, and faults whose truth is known.

use std::f64::consts::TAU;

use crate::chance::Chance;

/// What makes round-trip times stray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathNoise {
    /// Independent and normal.
    Normal,
    /// Normal, for the most part correlated over some ten bins.
    Correlated,
    /// Student's t with 3 degrees of freedom.
    Student,
    /// Lognormal queueing over a least time.
    Lognormal,
    /// A Pareto tail of exponent 3 over a least time.
    Pareto,
    /// Means over the few probes of a bin, more by day than by night.
    FewProbes,
    /// Means of ten waits of an M/M/1 queue whose load has a course of the day.
    Queue,
    /// Normal, with busy stretches of some twenty minutes in which times stray thrice as far and four times as much is lost.
    Bursts,
}

/// All kinds of noise.
pub const PATH_NOISES: [PathNoise; 8] = [
    PathNoise::Normal,
    PathNoise::Correlated,
    PathNoise::Student,
    PathNoise::Lognormal,
    PathNoise::Pareto,
    PathNoise::FewProbes,
    PathNoise::Queue,
    PathNoise::Bursts,
];

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFault {
    /// A tenth is lost for some minutes.
    LossBurst,
    /// Half a percent more is lost for hours.
    GrayLoss,
    /// Times shift at once, for half an hour or more.
    RttStep,
    /// Times rise over hours.
    RttDrift,
    /// Nothing comes back for some minutes.
    BlackHole,
}

const FAULTS: [PathFault; 5] = [
    PathFault::LossBurst,
    PathFault::GrayLoss,
    PathFault::RttStep,
    PathFault::RttDrift,
    PathFault::BlackHole,
];

/// A set of paths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathSet {
    /// Its chance.
    pub seed: u64,
    /// Noise of all its paths.
    pub noise: PathNoise,
    /// Length of a bin in seconds.
    pub bin_s: u32,
    /// Days of each series.
    pub days: u32,
    /// Faults on each path from a day on, a week.
    pub faults: Option<(u32, f64)>,
    /// From a day on all paths of even number take so many milliseconds more.
    pub moved: Option<(u32, f64)>,
}

/// One path.
#[derive(Clone, Debug, PartialEq)]
pub struct PathSeries {
    /// Sent, lost, round-trip time in ms (NaN without a reply) of each bin; nothing is sent where the sample is missing.
    pub bins: Vec<(u64, u64, f64)>,
    /// Faults, with their first bin and the one after the last.
    pub faults: Vec<(PathFault, usize, usize)>,
}

/// What a path is like.
struct Path {
    base_ms: f64,
    swing_ms: f64,
    phase: f64,
    noise_ms: f64,
    sent: f64,
    loss: f64,
    /// Squared coefficient of variation of the loss rate.
    bursty: f64,
    /// Utilisation of the queue on the mean.
    busy: f64,
}

/// What noise remembers from bin to bin.
#[derive(Default)]
struct Memory {
    wander: f64,
    busy: bool,
}

/// The path `index` of a set.
pub fn path_series(set: &PathSet, index: u64) -> PathSeries {
    let mut chance = Chance::of(set.seed, index);
    let path = Path::new(set.noise, &mut chance);
    let day = f64::from(86_400 / set.bin_s);
    let length = (day * f64::from(set.days)) as usize;
    let mut ill = Chance::of(set.seed ^ 0xfa17, index); // so that faults leave the noise as it is
    let faults = set.faults.map_or_else(Vec::new, |(from, week)| {
        faults(from as usize * day as usize..length, day, week, &mut ill)
    });
    let mut memory = Memory::default();
    let usual = (0..length).map(|bin| path.bin(set.noise, bin as f64 / day, &mut memory, &mut chance));
    let mut bins: Vec<(u64, u64, f64)> = usual.collect();
    if let Some((from, more)) = set.moved.filter(|_| index.is_multiple_of(2)) {
        bins.iter_mut().skip(from as usize * day as usize).for_each(|bin| bin.2 += more);
    }
    for (fault, from, to) in &faults {
        path.fail(*fault, &mut bins[*from..*to], &mut ill);
    }
    for bin in &mut bins {
        bin.2 = libm::round(100.0 * bin.2) / 100.0;
        if chance.unit() < 0.002 {
            *bin = (0, 0, f64::NAN);
        }
    }
    PathSeries { bins, faults }
}

/// One after another, half an hour and more apart.
fn faults(
    within: std::ops::Range<usize>,
    day: f64,
    week: f64,
    chance: &mut Chance,
) -> Vec<(PathFault, usize, usize)> {
    let (mut faults, mut at) = (Vec::new(), within.start);
    loop {
        at += (day / 48.0 + chance.exponential() * 7.0 * day / week) as usize;
        let fault = FAULTS[(chance.unit() * FAULTS.len() as f64) as usize];
        let minutes = match fault {
            PathFault::LossBurst => chance.between(8.0, 20.0),
            PathFault::GrayLoss => chance.between(60.0, 240.0),
            PathFault::RttStep => chance.between(30.0, 90.0),
            PathFault::RttDrift => chance.between(240.0, 480.0),
            PathFault::BlackHole => chance.between(2.0, 6.0),
        };
        let end = at + libm::ceil(minutes * day / 1_440.0) as usize;
        if end > within.end {
            return faults;
        }
        faults.push((fault, at, end));
        at = end;
    }
}

impl Path {
    fn new(noise: PathNoise, chance: &mut Chance) -> Self {
        let (base_ms, noise_ms) = (chance.between_log(2.0, 100.0), chance.between_log(0.02, 0.3));
        let few = noise == PathNoise::FewProbes;
        Self {
            base_ms,
            swing_ms: chance.between(2.0, 12.0) * noise_ms,
            phase: chance.unit(),
            noise_ms,
            sent: if few { chance.between_log(5.0, 50.0) } else { chance.between_log(50.0, 20_000.0) },
            loss: chance.between_log(1e-5, 3e-3),
            bursty: chance.between(0.0, 0.5),
            busy: chance.between(0.3, 0.6),
        }
    }

    /// Load at a time in days, 1 on the mean.
    fn load(&self, time: f64) -> f64 {
        1.0 + 0.5 * libm::sin(TAU * (time + self.phase))
    }

    fn bin(&self, noise: PathNoise, time: f64, memory: &mut Memory, chance: &mut Chance) -> (u64, u64, f64) {
        let load = self.load(time);
        let traffic = load * (1.0 - 0.2 * weekend(time));
        let sent = chance.poisson(self.sent * traffic).max(1.0);
        memory.busy = chance.unit() < if memory.busy { 0.95 } else { 0.005 };
        let busy = noise == PathNoise::Bursts && memory.busy;
        let loss = self.loss * traffic * if busy { 4.0 } else { 1.0 };
        let scatter = libm::sqrt(libm::log1p(self.bursty));
        let rate = loss * libm::exp(scatter * chance.normal() - 0.5 * scatter * scatter);
        let lost = chance.poisson(sent * rate).min(sent);
        let stray = match noise {
            PathNoise::Normal => chance.normal(),
            PathNoise::Correlated => {
                memory.wander = 0.9 * memory.wander + libm::sqrt(1.0 - 0.81) * chance.normal();
                0.7 * memory.wander + 0.7 * chance.normal()
            }
            PathNoise::Student => chance.student3() / libm::sqrt(3.0),
            PathNoise::Lognormal => libm::exp(0.7 * chance.normal()),
            PathNoise::Pareto => libm::pow(chance.unit(), -1.0 / 3.0),
            PathNoise::FewProbes => 3.0 * chance.normal() / libm::sqrt(sent),
            PathNoise::Queue => {
                let busy = (self.busy * traffic).min(0.9);
                (0..10).map(|_| wait(busy, chance)).sum::<f64>() / 10.0
            }
            PathNoise::Bursts => chance.normal() * if busy { 3.0 } else { 1.0 },
        };
        let rtt = self.base_ms + self.swing_ms * (load - 1.0) + self.noise_ms * stray;
        (sent as u64, lost as u64, if lost < sent { rtt.max(0.01) } else { f64::NAN })
    }

    fn fail(&self, fault: PathFault, bins: &mut [(u64, u64, f64)], chance: &mut Chance) {
        let shift = self.noise_ms * chance.between(6.0, 15.0);
        let share = match fault {
            PathFault::LossBurst => 0.1,
            PathFault::GrayLoss => 0.005 + 10.0 * self.loss,
            PathFault::BlackHole => 1.0,
            PathFault::RttStep | PathFault::RttDrift => 0.0,
        };
        let length = bins.len() as f64;
        for (k, (sent, lost, rtt)) in (0u32..).zip(bins) {
            *lost = (*lost + chance.poisson(*sent as f64 * share) as u64).min(*sent);
            match fault {
                PathFault::RttStep => *rtt += shift,
                PathFault::RttDrift => *rtt += shift * f64::from(k) / length,
                PathFault::BlackHole => (*lost, *rtt) = (*sent, f64::NAN),
                PathFault::LossBurst | PathFault::GrayLoss => {}
            }
        }
    }
}

/// How far it is the end of the week: from 0 to 1 in the first six hours of Saturday, and back in those of Monday.
fn weekend(time: f64) -> f64 {
    let day = (time + 2.0).rem_euclid(7.0); // the first day is a Monday
    let ramp = |since: f64| (4.0 * since).clamp(0.0, 1.0);
    ramp(day) - ramp(day - 2.0)
}

/// The wait of one packet in an M/M/1 queue, in times of service.
fn wait(busy: f64, chance: &mut Chance) -> f64 {
    if chance.unit() < busy { chance.exponential() / (1.0 - busy) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(noise: PathNoise) -> PathSet {
        PathSet { seed: 5, noise, bin_s: 300, days: 4, faults: Some((2, 20.0)), moved: Some((3, 500.0)) }
    }

    #[test]
    fn faults_and_moves_are_where_they_are_said_to_be() {
        for noise in PATH_NOISES {
            let set = set(noise);
            let quiet = path_series(&PathSet { faults: None, moved: None, ..set }, 4);
            let series = path_series(&set, 4);
            assert!(series.faults.len() > 1 && series.faults.iter().all(|(_, from, _)| *from >= 2 * 288));
            // As text: a missing sample is not equal to itself.
            assert_eq!(format!("{:?}", &series.bins[..576]), format!("{:?}", &quiet.bins[..576]));
            let rtt = |bin: usize| series.bins[bin].2;
            assert!((3 * 288..4 * 288).all(|bin| rtt(bin).is_nan() || rtt(bin) > 500.0));
            for (fault, from, to) in &series.faults {
                let lost = series.bins[*from..*to].iter().all(|(sent, lost, _)| lost == sent);
                assert_eq!(lost, *fault == PathFault::BlackHole, "{fault:?}");
            }
        }
    }

    #[test]
    fn a_path_is_told_by_its_seed_and_number() {
        let text =
            |seed, index| format!("{:?}", path_series(&PathSet { seed, ..set(PathNoise::Queue) }, index));
        assert_eq!(text(1, 2), text(1, 2));
        assert!(text(1, 2) != text(1, 3) && text(1, 2) != text(2, 2));
    }
}
