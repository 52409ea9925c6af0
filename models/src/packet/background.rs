//! Foreground on background: traffic that is a load on a half-link instead of packets.
//!
//! Watched packets are events; the rest of a half-link's traffic is a compound Poisson stream of unseen packets that
//! shares the FIFO queue. What a watched packet finds is the unfinished work V of that queue. Between two watched
//! packets V moves without events:
//!
//! - the **distant past** as a diffusion: V = (Z − c)⁺, Z a reflected Brownian motion with drift ρ − 1, sampled exactly
//!   at the end of the gap from the joint law of a Brownian motion and its minimum (Harrison, *Brownian Motion and
//!   Stochastic Flow Systems*, 1985, §1.8). Its variance rate and c are chosen so that the stationary law of V is
//!   P(V > x) = ρ·exp(−x/θ): idle with probability 1 − ρ, and the mean ρθ is that of Pollaczek and Khinchine,
//!   λE\[S\]²(I + c²)/(2(1−ρ)). For M/M/1 this is the exact law;
//! - the **near past**, the last few unseen packets, one by one: exact from there on.
//!
//! Watched packets add their own service to V, so they queue behind each other too, and unseen packets behind them.
//! Without background the recursion is Lindley's and exact.

use std::sync::Arc;

use engine::Draws;
use twin::{ArcId, BitsPerSec, Bytes, SimDuration, SimTime};

/// The unseen load of every arc, in steps.
#[derive(Clone, Debug, PartialEq)]
pub struct BackgroundLoad {
    steps: Vec<(SimTime, Vec<f64>)>,
}

impl BackgroundLoad {
    /// One load for the whole run, in bit/s by arc.
    ///
    /// # Panics
    /// On a negative or non-finite load.
    pub fn constant(bps: Vec<f64>) -> Self {
        Self::steps(vec![(SimTime::ZERO, bps)])
    }

    /// Loads that hold from their instant to the next one's, in bit/s by arc; the first also holds before its instant.
    ///
    /// # Panics
    /// Without a step, with steps out of order or of different lengths, or with a negative or non-finite load.
    pub fn steps(steps: Vec<(SimTime, Vec<f64>)>) -> Self {
        assert!(!steps.is_empty(), "a background has at least one step");
        assert!(steps.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1.len() == w[1].1.len()), "steps in order");
        assert!(steps.iter().flat_map(|s| &s.1).all(|b| b.is_finite() && *b >= 0.0), "loads are ≥ 0 bit/s");
        Self { steps }
    }

    /// The step that holds at an instant.
    fn at(&self, now: SimTime) -> usize {
        self.steps.partition_point(|(start, _)| *start <= now).saturating_sub(1)
    }

    /// The load of an arc at an instant, in bit/s.
    pub fn bps_at(&self, arc: ArcId, at: SimTime) -> f64 {
        self.steps[self.at(at)].1[arc.index()]
    }

    /// The number of arcs.
    pub fn arc_count(&self) -> usize {
        self.steps[0].1.len()
    }
}

/// What unseen packets are like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackgroundTraffic {
    /// Mean size on the wire.
    pub mean_packet: Bytes,
    /// Squared coefficient of variation of sizes: 0 for one size, about 0.8 for an Internet mix.
    pub size_scv: f64,
    /// Mean number of packets that arrive at one instant (≥ 1, geometric). 1 is Poisson; the index of dispersion of
    /// counts is I = 2·burst − 1.
    pub burst: f64,
}

impl Default for BackgroundTraffic {
    /// Poisson packets of 1,500 bytes, as [`poisson_schedule`](super::poisson_schedule) sends them.
    fn default() -> Self {
        Self { mean_packet: Bytes::new(1_500), size_scv: 0.0, burst: 1.0 }
    }
}

/// Unseen packets per gap that are followed one by one.
const NEAR: f64 = 8.0;

/// The unfinished work of one half-link under background load. Times are picoseconds as floats.
#[derive(Clone, Debug)]
pub(crate) struct Background {
    load: Arc<BackgroundLoad>,
    traffic: BackgroundTraffic,
    arc: usize,
    /// Work ahead of a packet that would arrive at `at`; `None` before the first.
    work: f64,
    at: Option<SimTime>,
}

impl Background {
    pub(crate) fn new(load: Arc<BackgroundLoad>, traffic: BackgroundTraffic, arc: usize) -> Self {
        Self { load, traffic, arc, work: 0.0, at: None }
    }

    /// The work ahead of a packet that arrives now. `room` is the work that fills the buffer: unseen packets that do not
    /// fit are lost. Instants must not decrease.
    pub(crate) fn work_at(
        &mut self,
        now: SimTime,
        rate: BitsPerSec,
        room: SimDuration,
        draws: &mut Draws,
    ) -> SimDuration {
        let room = room.as_ps() as f64;
        match self.at {
            None => self.begin(now, rate, room, draws),
            Some(then) => self.advance(then, now, rate, room, draws),
        }
        self.at = Some(now);
        SimDuration::from_ps(self.work as u64)
    }

    /// Adds a watched packet's service.
    pub(crate) fn add(&mut self, service: SimDuration) {
        self.work += service.as_ps() as f64;
    }

    /// The half-link went down: all work is gone, and what follows begins with an empty queue.
    pub(crate) fn clear(&mut self, now: SimTime) {
        self.work = 0.0;
        self.at = Some(now);
    }

    /// The stationary state, then the near past.
    fn begin(&mut self, now: SimTime, rate: BitsPerSec, room: f64, draws: &mut Draws) {
        let stream = self.stream(self.load.at(now), rate);
        if stream.utilization > 0.0 {
            self.work = (stream.stationary(room, draws) - stream.shift).max(0.0);
            self.near(&stream, NEAR * stream.gap, room, draws);
        }
    }

    fn advance(&mut self, then: SimTime, now: SimTime, rate: BitsPerSec, room: f64, draws: &mut Draws) {
        let load = Arc::clone(&self.load);
        let (first, last) = (load.at(then), load.at(now));
        let mut from = then;
        for step in first..=last {
            let until = if step == last { now } else { load.steps[step + 1].0 };
            let gap = until.since(from).as_ps() as f64;
            self.cross(&self.stream(step, rate), gap, room, draws);
            from = until;
        }
    }

    /// Moves the work over a gap of constant load.
    fn cross(&mut self, stream: &Unseen, gap: f64, room: f64, draws: &mut Draws) {
        if stream.utilization == 0.0 {
            self.work = (self.work - gap).max(0.0);
            return;
        }
        let near = gap.min(NEAR * stream.gap);
        if gap > near {
            self.diffuse(stream, gap - near, room, draws);
        }
        self.near(stream, near, room, draws);
    }

    /// Z(τ) = max(z + X, X − min X): X is normal, and its minimum given X is ½(X − √(X² − 2σ²τ·ln U)). Where it would
    /// pass the end of the buffer it is reflected there, or stationary between both ends after a gap long enough to
    /// cross the buffer.
    fn diffuse(&mut self, stream: &Unseen, gap: f64, room: f64, draws: &mut Draws) {
        let z = if self.work > 0.0 { self.work + stream.shift } else { stream.idle(draws) };
        let (drift, variance) = ((stream.utilization - 1.0) * gap, stream.variance * gap);
        let x = drift + libm::sqrt(variance) * normal(draws);
        let minimum = 0.5 * (x - libm::sqrt(x * x + 2.0 * variance * draws.exp()));
        let end = room + stream.shift;
        let mut z = (z + x).max(x - minimum);
        if z > end {
            let crossed = variance > end * end || drift > end;
            z = if crossed { stream.stationary(room, draws) } else { (2.0 * end - z).max(0.0) };
        }
        self.work = (z - stream.shift).max(0.0);
    }

    fn near(&mut self, stream: &Unseen, gap: f64, room: f64, draws: &mut Draws) {
        let mut left = gap;
        loop {
            let next = stream.gap * draws.exp();
            if next > left {
                self.work = (self.work - left).max(0.0);
                return;
            }
            left -= next;
            self.work = (self.work - next).max(0.0);
            for _ in 0..stream.burst(draws) {
                let service = stream.service(draws);
                if self.work + service <= room {
                    self.work += service;
                }
            }
        }
    }

    fn stream(&self, step: usize, rate: BitsPerSec) -> Unseen {
        let utilization = self.load.steps[step].1[self.arc] / rate.as_f64();
        let BackgroundTraffic { mean_packet, size_scv, burst } = self.traffic;
        let mean = rate.serialization_delay(mean_packet).as_ps() as f64;
        // λE[S]²(I + c²) is the variance of the work that arrives per time, λE[S] = ρ.
        let variance = mean * (2.0 * burst - 1.0 + size_scv);
        let decay = 2.0 * (1.0 - utilization) / variance;
        // ln(1/ρ)/decay tends to half the variance rate as ρ goes to 1.
        let shift = if utilization < 1.0 { -libm::log(utilization) / decay } else { variance / 2.0 };
        let gap = mean * burst / utilization;
        Unseen { utilization, mean, size_scv, single: 1.0 / burst, gap, variance, decay, shift }
    }
}

/// The unseen stream of a half-link under one load.
struct Unseen {
    utilization: f64,
    /// Mean service.
    mean: f64,
    size_scv: f64,
    /// Probability that a burst ends after a packet.
    single: f64,
    /// Mean gap between bursts.
    gap: f64,
    /// Variance rate of Z.
    variance: f64,
    /// The stationary density of Z falls as exp(−decay·z), 1/decay = θ; it rises where the load exceeds the rate.
    decay: f64,
    /// c: where Z is below it, V is zero.
    shift: f64,
}

impl Unseen {
    /// Z between an empty and a full buffer.
    fn stationary(&self, room: f64, draws: &mut Draws) -> f64 {
        cut_exponential(self.decay, room + self.shift, draws.f64_open())
    }

    /// Z given that V is zero.
    fn idle(&self, draws: &mut Draws) -> f64 {
        cut_exponential(self.decay, self.shift, draws.f64_open())
    }

    fn burst(&self, draws: &mut Draws) -> u32 {
        if self.single >= 1.0 {
            return 1;
        }
        1 + (libm::log(draws.f64_open()) / libm::log1p(-self.single)) as u32
    }

    /// A service of the right mean and variance: shifted exponential up to c² = 1, beyond it exponential with a chance of
    /// (almost) nothing.
    fn service(&self, draws: &mut Draws) -> f64 {
        if self.size_scv == 0.0 {
            self.mean
        } else if self.size_scv <= 1.0 {
            let spread = libm::sqrt(self.size_scv);
            self.mean * (1.0 - spread + spread * draws.exp())
        } else {
            let some = 2.0 / (1.0 + self.size_scv);
            if draws.f64_open() < some { self.mean / some * draws.exp() } else { 0.0 }
        }
    }
}

/// The quantile `u` of a density ∝ exp(−decay·z) on \[0, end\], rising for a negative decay.
fn cut_exponential(decay: f64, end: f64, u: f64) -> f64 {
    if (decay * end).abs() < 1e-9 {
        u * end
    } else if decay > 0.0 {
        -libm::log1p(u * libm::expm1(-decay * end)) / decay
    } else {
        end - cut_exponential(-decay, end, u)
    }
}

/// Box and Muller (1958).
fn normal(draws: &mut Draws) -> f64 {
    let radius = libm::sqrt(2.0 * draws.exp());
    radius * libm::cos(std::f64::consts::TAU * draws.f64_open())
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Purpose, Seeds};
    use twin::EntityKey;

    const RATE: BitsPerSec = BitsPerSec::gbps(10);
    /// 1,500 bytes at 10 Gbit/s.
    const SERVICE_PS: f64 = 1_200_000.0;

    /// Mean work in services at Poisson instants, with watched packets of 1,500 B at utilisation `watched`.
    fn mean_work(unseen: f64, watched: f64, traffic: BackgroundTraffic, probe_gap: f64) -> f64 {
        let load = Arc::new(BackgroundLoad::constant(vec![unseen * 1e10]));
        let mut background = Background::new(load, traffic, 0);
        let key = EntityKey::new("test");
        let chance = Seeds::new(1).trial(0).chance(Purpose::BACKGROUND, &key);
        let mut arrivals = Seeds::new(1).trial(0).stream(Purpose::ARRIVALS, &key);
        let gap = if watched > 0.0 { SERVICE_PS / watched } else { probe_gap * SERVICE_PS };
        let (mut now, mut sum, n) = (SimTime::ZERO, 0.0, 300_000);
        for i in 0..n {
            now += SimDuration::from_ps((arrivals.exp() * gap) as u64);
            let work = background.work_at(now, RATE, SimDuration::secs(1), &mut chance.draws(i));
            sum += work.as_ps() as f64 / SERVICE_PS;
            if watched > 0.0 {
                background.add(SimDuration::from_ps(SERVICE_PS as u64));
            }
        }
        sum / n as f64
    }

    #[test]
    fn the_mean_work_is_that_of_pollaczek_and_khinchine() {
        let traffic = |size_scv, burst| BackgroundTraffic { size_scv, burst, ..Default::default() };
        for (unseen, watched, scv, burst, probe_gap) in [
            (0.5, 0.0, 0.0, 1.0, 100.0),
            (0.8, 0.0, 1.0, 1.0, 100.0),
            (0.8, 0.0, 2.5, 1.0, 3.0),
            (0.7, 0.0, 0.5, 4.0, 200.0),
            (0.45, 0.05, 0.0, 1.0, 0.0),
            (0.72, 0.08, 0.0, 1.0, 0.0),
            (0.0, 0.8, 0.0, 1.0, 0.0),
        ] {
            let load: f64 = unseen + watched;
            let expected = (unseen * (2.0 * burst - 1.0 + scv) + watched) / (2.0 * (1.0 - load));
            let got = mean_work(unseen, watched, traffic(scv, burst), probe_gap);
            let error = got / expected - 1.0;
            assert!(error.abs() < 0.03, "{unseen}+{watched} c²={scv} burst={burst}: {got} for {expected}");
        }
    }

    #[test]
    fn a_step_takes_effect_at_its_instant() {
        let load =
            BackgroundLoad::steps(vec![(SimTime::ZERO, vec![0.0]), (SimTime::from_ps(1_000), vec![2e10])]);
        let mut background = Background::new(Arc::new(load), BackgroundTraffic::default(), 0);
        let chance = Seeds::new(1).trial(0).chance(Purpose::BACKGROUND, &EntityKey::new("t"));
        let room = SimDuration::micros(120);
        let mut work = |ps, i| background.work_at(SimTime::from_ps(ps), RATE, room, &mut chance.draws(i));
        assert_eq!(work(999, 0), SimDuration::ZERO);
        let full = work(1_000_000_000, 1);
        assert!(full > SimDuration::micros(115) && full <= room, "twice the rate fills the buffer: {full}");
    }
}
