//! Foreground on background: traffic that is a load on a half-link instead of packets.
//!
//! Watched packets are events; the rest of a half-link's traffic is a stream of unseen packets that shares the FIFO queue.
//! What a watched packet finds is the unfinished work V of that queue. Between two watched packets V moves without events:
//!
//! - the **distant past** as a diffusion: V = (Z − c)⁺, Z a reflected Brownian motion with drift ρ − 1, sampled exactly
//!   at the end of the gap from the joint law of a Brownian motion and its minimum (Harrison, *Brownian Motion and
//!   Stochastic Flow Systems*, 1985, §1.8). Its variance rate is that of the unseen work over a long time, and c is chosen
//!   so that the stationary mean is right. Where all traffic enters here, P(V > x) = ρ·exp(−x/θ): idle with probability
//!   1 − ρ, and the mean ρθ is that of Pollaczek and Khinchine, λE\[S\]²(I + c²)/(2(1−ρ)). For M/M/1 this is the exact
//!   law. Where traffic comes over other half-links its packets come one after another and the mean is less; how much less
//!   stands in `unseen.rs`;
//! - the **near past**, the last few unseen packets, one by one: those that enter here at any instant, those of a feed one
//!   after another, none while the watched packet itself was on that feed.
//!
//! What moves a queue over a gap is akin to what moved the queue before, since they share traffic: waits along a path are
//! correlated. Watched packets add their own service to V, so they queue behind each other too, and unseen packets behind
//! them. Without background the recursion is Lindley's and exact.

use std::sync::Arc;

use engine::Draws;
use twin::{ArcId, BitsPerSec, SimDuration, SimTime};

use super::background_load::BackgroundLoad;
use super::unseen::{BackgroundTraffic, Unseen};

/// A watched packet that reaches the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reaches {
    /// When.
    pub(crate) at: SimTime,
    /// The half-link that it came over; `None` where it enters the network.
    pub(crate) over: Option<Upstream>,
    /// How long it will take to send.
    pub(crate) service: SimDuration,
}

/// The half-link before, and the luck of its queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upstream {
    arc: ArcId,
    luck: Option<Luck>,
}

/// The two standard normal numbers that moved a queue over its last gap: where its Brownian motion went, and how low it
/// was in between.
type Luck = [f64; 2];

/// The unfinished work of one half-link under background load. Times are picoseconds as floats.
#[derive(Clone, Debug)]
pub(crate) struct Background {
    load: Arc<BackgroundLoad>,
    traffic: BackgroundTraffic,
    arc: ArcId,
    /// Work ahead of a packet that would arrive at `at`; `None` before the first.
    work: f64,
    at: Option<SimTime>,
    /// Since when watched packets are counted, and Σ service · [`Unseen::spares`] of those that came since.
    since: SimTime,
    spared: f64,
    /// What moved the work last, if it moved as a diffusion.
    luck: Option<Luck>,
    /// The unseen stream of a step at a rate, the last that was needed.
    stream: Option<(usize, BitsPerSec, Arc<Unseen>)>,
}

impl Background {
    pub(crate) fn new(load: Arc<BackgroundLoad>, traffic: BackgroundTraffic, arc: ArcId) -> Self {
        Self {
            load,
            traffic,
            arc,
            work: 0.0,
            at: None,
            since: SimTime::ZERO,
            spared: 0.0,
            luck: None,
            stream: None,
        }
    }

    /// The work ahead of a packet that arrives now. `room` is the work that fills the buffer: unseen packets that do not
    /// fit are lost. Instants must not decrease.
    pub(crate) fn work_at(
        &mut self,
        packet: Reaches,
        rate: BitsPerSec,
        room: SimDuration,
        draws: &mut Draws,
    ) -> SimDuration {
        let packet = Watched {
            at: packet.at,
            room: room.as_ps() as f64,
            over: packet.over,
            behind: packet.over.map(|up| (up.arc, packet.service.as_ps() as f64)),
        };
        match self.at {
            None => self.begin(&packet, rate, draws),
            Some(then) => self.advance(then, &packet, rate, draws),
        }
        if let (Some((arc, service)), Some((_, _, stream))) = (packet.behind, &self.stream) {
            self.spared += service * stream.spares(arc);
        }
        self.at = Some(packet.at);
        SimDuration::from_ps(self.work as u64)
    }

    /// What the next half-link has to know of this one.
    pub(crate) fn upstream(&self) -> Upstream {
        Upstream { arc: self.arc, luck: self.luck }
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
    fn begin(&mut self, packet: &Watched, rate: BitsPerSec, draws: &mut Draws) {
        self.since = packet.at;
        let stream = self.stream(self.load.at(packet.at), rate);
        if stream.utilization > 0.0 {
            let luck = packet.luck(&stream, f64::INFINITY, draws);
            self.luck = Some(luck);
            let shift = stream.shift(0.0);
            let z = stream.stationary(packet.room + shift, below(luck[0]));
            let work = (z - shift).max(0.0);
            self.work = stream.follow(work, stream.near, packet.room, packet.behind, draws);
        }
    }

    fn advance(&mut self, then: SimTime, packet: &Watched, rate: BitsPerSec, draws: &mut Draws) {
        let (first, last) = (self.load.at(then), self.load.at(packet.at));
        let mut from = then;
        for step in first..=last {
            let until = if step == last { packet.at } else { self.load.steps[step + 1].0 };
            let gap = until.since(from).as_ps() as f64;
            let stream = self.stream(step, rate);
            self.cross(&stream, gap, packet, draws);
            from = until;
        }
    }

    /// Moves the work over a gap of constant load.
    fn cross(&mut self, stream: &Unseen, gap: f64, packet: &Watched, draws: &mut Draws) {
        self.luck = None;
        if stream.utilization == 0.0 {
            self.work = (self.work - gap).max(0.0);
            return;
        }
        let near = gap.min(stream.near);
        if gap > near {
            self.diffuse(stream, gap - near, packet, draws);
        }
        self.work = stream.follow(self.work, near, packet.room, packet.behind, draws);
    }

    /// Z(τ) = max(z + X, X − min X): X is normal, and its minimum given X is ½(X − √(X² − 2σ²τ·ln U)). Where it would
    /// pass the end of the buffer it is reflected there, or stationary between both ends after a gap long enough to
    /// cross the buffer.
    fn diffuse(&mut self, stream: &Unseen, gap: f64, packet: &Watched, draws: &mut Draws) {
        let counted = packet.at.since(self.since).as_ps() as f64;
        let shift = stream.shift(self.spared / counted);
        let z = if self.work > 0.0 { self.work + shift } else { stream.idle(shift, draws) };
        let luck = packet.luck(stream, gap, draws);
        self.luck = Some(luck);
        let (drift, variance) = ((stream.utilization - 1.0) * gap, stream.variance * gap);
        let x = drift + libm::sqrt(variance) * luck[0];
        let minimum = 0.5 * (x - libm::sqrt(x * x - 2.0 * variance * libm::log(below(-luck[1]))));
        let end = packet.room + shift;
        let mut z = (z + x).max(x - minimum);
        if z > end {
            let crossed = variance > end * end || drift > end;
            z = if crossed { stream.stationary(end, draws.f64_open()) } else { (2.0 * end - z).max(0.0) };
        }
        self.work = (z - shift).max(0.0);
    }

    fn stream(&mut self, step: usize, rate: BitsPerSec) -> Arc<Unseen> {
        match &self.stream {
            Some((s, r, stream)) if (*s, *r) == (step, rate) => Arc::clone(stream),
            _ => {
                let stream = Arc::new(Unseen::new(&self.load.steps[step].1, self.arc, rate, self.traffic));
                self.stream = Some((step, rate, Arc::clone(&stream)));
                stream
            }
        }
    }
}

/// A watched packet at a queue with so much room.
struct Watched {
    at: SimTime,
    room: f64,
    over: Option<Upstream>,
    behind: Option<(ArcId, f64)>,
}

impl Watched {
    /// The luck of a queue over the gap before this packet, akin to that of the queue before: a surge of the traffic that
    /// they share swells both.
    fn luck(&self, stream: &Unseen, gap: f64, draws: &mut Draws) -> Luck {
        let fresh = [normal(draws), normal(draws)];
        let Some(Upstream { arc, luck: Some(before) }) = self.over else { return fresh };
        let r = stream.kinship(arc, gap);
        let rest = libm::sqrt(1.0 - r * r);
        [0, 1].map(|i| r * before[i] + rest * fresh[i])
    }
}

/// The standard normal distribution function.
fn below(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// Box and Muller (1958).
fn normal(draws: &mut Draws) -> f64 {
    let radius = libm::sqrt(2.0 * draws.exp());
    radius * libm::cos(std::f64::consts::TAU * draws.f64_open())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::RoutedLoad;
    use engine::{Purpose, Seeds};
    use twin::EntityKey;

    const RATE: BitsPerSec = BitsPerSec::gbps(10);
    /// 1,500 bytes at 10 Gbit/s.
    const SERVICE_PS: f64 = 1_200_000.0;

    /// Mean work in services at Poisson instants, with watched packets of 1,500 B at utilisation `watched`.
    fn mean_work(unseen: f64, watched: f64, traffic: BackgroundTraffic, probe_gap: f64) -> f64 {
        let load = Arc::new(BackgroundLoad::constant(vec![unseen * 1e10]));
        let mut background = Background::new(load, traffic, ArcId(0));
        let key = EntityKey::new("test");
        let chance = Seeds::new(1).trial(0).chance(Purpose::BACKGROUND, &key);
        let mut arrivals = Seeds::new(1).trial(0).stream(Purpose::ARRIVALS, &key);
        let gap = if watched > 0.0 { SERVICE_PS / watched } else { probe_gap * SERVICE_PS };
        let (mut now, mut sum, n) = (SimTime::ZERO, 0.0, 300_000);
        for i in 0..n {
            now += SimDuration::from_ps((arrivals.exp() * gap) as u64);
            let packet = Reaches { at: now, over: None, service: SimDuration::ZERO };
            let work = background.work_at(packet, RATE, SimDuration::secs(1), &mut chance.draws(i));
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
            (0.8, 0.0, 2.5, 1.0, 10.0),
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

    /// Half of the traffic comes over a link of the same rate that carries nothing else. The work in both queues together
    /// is that of one queue (Avi-Itzhak 1965), so the mean waiting number here is ρ²/(2(1−ρ)) − x²/(2(1−x)), and the mean
    /// work that more by ρ/2.
    #[test]
    fn what_a_feed_sends_waits_less() {
        for (feed, entering) in [(0.3, 0.3), (0.4, 0.4), (0.2, 0.6)] {
            let load = RoutedLoad::of_one_feed(feed * 1e10, (feed + entering) * 1e10, RATE);
            let load = Arc::new(BackgroundLoad::routed(vec![(SimTime::ZERO, load)]));
            let mut background = Background::new(load, BackgroundTraffic::default(), ArcId(1));
            let key = EntityKey::new("test");
            let chance = Seeds::new(1).trial(0).chance(Purpose::BACKGROUND, &key);
            let mut arrivals = Seeds::new(1).trial(0).stream(Purpose::ARRIVALS, &key);
            let (mut now, mut sum, n) = (SimTime::ZERO, 0.0, 100_000);
            for i in 0..n {
                now += SimDuration::from_ps((arrivals.exp() * 100.0 * SERVICE_PS) as u64);
                let packet = Reaches { at: now, over: None, service: SimDuration::ZERO };
                let work = background.work_at(packet, RATE, SimDuration::secs(1), &mut chance.draws(i));
                sum += work.as_ps() as f64 / SERVICE_PS;
            }
            let all: f64 = feed + entering;
            let waiting = |x: f64| x * x / (2.0 * (1.0 - x));
            let expected = waiting(all) - waiting(feed) + all / 2.0;
            let error = sum / n as f64 / expected - 1.0;
            assert!(error.abs() < 0.05, "{feed} + {entering}: {} for {expected}", sum / n as f64);
        }
    }

    #[test]
    fn a_step_takes_effect_at_its_instant() {
        let load =
            BackgroundLoad::steps(vec![(SimTime::ZERO, vec![0.0]), (SimTime::from_ps(1_000), vec![2e10])]);
        let mut background = Background::new(Arc::new(load), BackgroundTraffic::default(), ArcId(0));
        let chance = Seeds::new(1).trial(0).chance(Purpose::BACKGROUND, &EntityKey::new("t"));
        let room = SimDuration::micros(120);
        let mut work = |ps, i| {
            let packet = Reaches { at: SimTime::from_ps(ps), over: None, service: SimDuration::ZERO };
            background.work_at(packet, RATE, room, &mut chance.draws(i))
        };
        assert_eq!(work(999, 0), SimDuration::ZERO);
        let full = work(1_000_000_000, 1);
        assert!(full > SimDuration::micros(115) && full <= room, "twice the rate fills the buffer: {full}");
    }
}
