//! What the unseen packets of one half-link are like under one load: the law of the work that they leave in the queue.

use engine::Draws;
use twin::{ArcId, BitsPerSec, Bytes};

use super::background_load::RoutedLoad;
use super::feed::{Behind, Fed, FeedStream, Streams};
use super::unseen_packets::UnseenPackets;

/// What unseen packets are like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackgroundTraffic {
    /// Mean size on the wire.
    pub mean_packet: Bytes,
    /// Squared coefficient of variation of sizes: 0 for one size, about 0.8 for an Internet mix.
    pub size_scv: f64,
    /// Mean number of packets that enter the network at one instant (≥ 1, geometric). 1 is Poisson; the index of
    /// dispersion of counts is I = 2·burst − 1.
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
/// A load at or above the line rate has no stationary law; its law near the rate stands in.
pub(super) const MOST: f64 = 0.999;
/// A feed that less than this part of the variance of what arrives is owed to enters like other traffic.
const LEAST_FEED: f64 = 0.01;

/// The unseen stream of a half-link under one load. Times are picoseconds as floats.
#[derive(Clone, Debug)]
pub(super) struct Unseen {
    pub(super) utilization: f64,
    packets: UnseenPackets,
    /// Mean gap between bursts that enter here; infinite if none does.
    gap: f64,
    /// How far back packets are followed one by one.
    pub(super) near: f64,
    /// Variance rate of the work that arrives where it enters the network.
    arriving: f64,
    /// Variance rate of Z.
    pub(super) variance: f64,
    /// The stationary density of Z falls as exp(−decay·z), 1/decay = θ; it rises where the load exceeds the rate.
    decay: f64,
    /// The utilisation, below one.
    stable: f64,
    feeds: Vec<FeedStream>,
}

impl Unseen {
    pub(super) fn new(load: &RoutedLoad, arc: ArcId, rate: BitsPerSec, traffic: BackgroundTraffic) -> Self {
        let rate_bps = rate.as_f64();
        let utilization = load.bps(arc) / rate_bps;
        let BackgroundTraffic { mean_packet, size_scv, burst } = traffic;
        let mean = rate.serialization_delay(mean_packet).as_ps() as f64;
        let packets = UnseenPackets::new(traffic, mean);
        let feeds =
            load.feeds(arc).iter().map(|f| FeedStream::new(f, load.bps(arc), rate_bps, traffic, packets));
        let feeds: Vec<FeedStream> = feeds.filter(|f| f.kinship > LEAST_FEED).collect();
        let entering = load.bps(arc) - feeds.iter().map(|f| f.bps).sum::<f64>();
        let gap = if entering > 1e-9 * rate_bps { mean * burst * rate_bps / entering } else { f64::INFINITY };
        let near = NEAR * mean * burst / utilization;
        let stable = utilization.min(MOST);
        // λE[S]²(I + c²) is the variance of the work that arrives per time, λE[S] = ρ.
        let arriving = mean * (2.0 * burst - 1.0 + size_scv);
        let variance = smoothed(arriving, stable, &feeds).max((1.0 - stable) * mean * (1.0 + size_scv));
        let decay = 2.0 * (1.0 - utilization) / variance;
        Self { utilization, packets, gap, near, arriving, variance, decay, stable, feeds }
    }

    /// c: where Z is below it, V is zero, so that it is idle with probability 1 − ρ.
    pub(super) fn shift(&self) -> f64 {
        -libm::log(self.stable) * self.variance / (2.0 * (1.0 - self.stable))
    }

    /// By how much less work comes after a watched packet from another half-link.
    pub(super) fn owed(&self, from: ArcId) -> f64 {
        self.feed(from).map_or(0.0, |f| f.owed)
    }

    /// The quantile `u` of Z up to `end`.
    pub(super) fn stationary(&self, end: f64, u: f64) -> f64 {
        cut_exponential(self.decay, end, u)
    }

    /// The part of the variance of what arrives here over a gap that is owed to what left the half-link before.
    pub(super) fn kinship(&self, from: ArcId, gap: f64) -> f64 {
        let part =
            |f: &FeedStream| f.kinship * f.passed_on(self.arriving, gap) * self.arriving / self.variance;
        self.feed(from).map_or(0.0, part).min(1.0)
    }

    /// What leaves over a gap, less its mean, in standard deviations: so much more than the mean arrived, and so much more
    /// work is there.
    pub(super) fn left(&self, surge: f64, kept: f64, gap: f64) -> f64 {
        let drift = 1.0 - self.stable;
        let passed = passed_on(drift * drift * gap / (self.stable * self.variance));
        (surge - kept) / libm::sqrt(passed * self.variance * gap)
    }

    fn feed(&self, from: ArcId) -> Option<&FeedStream> {
        self.feeds.iter().find(|f| f.from == from)
    }

    /// Z given that V is zero.
    pub(super) fn idle(&self, shift: f64, draws: &mut Draws) -> f64 {
        cut_exponential(self.decay, shift, draws.f64_open())
    }

    /// Sends the packets of the last `gap` through the queue, in which there is `work`. `streams` is what is known of the
    /// feeds from the beginning of the gap.
    pub(super) fn follow(
        &self,
        mut work: f64,
        gap: f64,
        room: f64,
        behind: Option<Behind>,
        streams: &mut Streams,
        draws: &mut Draws,
    ) -> f64 {
        let (known, streams) = streams.of(self.feeds.len());
        let mut fed = Fed::new(gap);
        for (feed, stream) in self.feeds.iter().zip(streams) {
            match behind.filter(|b| b.from == feed.from) {
                Some(behind) if known => feed.make_way(behind, stream, &mut fed, draws),
                Some(behind) => feed.before(behind, stream, &mut fed, draws),
                None if known => feed.go_on(stream, &mut fed, draws),
                None => feed.begin(stream, &mut fed, draws),
            }
        }
        let mut left = gap;
        let mut next = self.gap * draws.exp();
        loop {
            let fed_next = fed.last().map_or(f64::INFINITY, |(before_end, _)| left - before_end);
            let step = next.min(fed_next);
            if step > left {
                return (work - left).max(0.0);
            }
            left -= step;
            work = (work - step).max(0.0);
            if fed_next <= next {
                next -= step;
                let (_, service) = fed.pop();
                work += if work + service <= room { service } else { 0.0 };
            } else {
                next = self.gap * draws.exp();
                for _ in 0..self.packets.burst(draws) {
                    let service = self.packets.service(draws);
                    work += if work + service <= room { service } else { 0.0 };
                }
            }
        }
    }
}

/// The variance rate of a Brownian motion whose mean work is that of the feeds' arrivals. Over a time x a queue passes on
/// the part w(x) of the variance that it takes in; of that comes the share of its packets that comes here, and who comes is
/// a matter of chance, as if the rest were Poisson. The mean is the robust one, the largest of −(1−ρ)x + √(2ρ·x·V(x)) over
/// x, exact for a constant V (Whitt and You, *A robust queueing network analyzer based on indices of dispersion*, 2022).
fn smoothed(arriving: f64, utilization: f64, feeds: &[FeedStream]) -> f64 {
    if feeds.is_empty() {
        return arriving;
    }
    let free = 1.0 - utilization;
    let variance = |x: f64| {
        let kept = |f: &FeedStream| f.kinship * (1.0 - f.passed_on(arriving, x));
        arriving * (1.0 - feeds.iter().map(kept).sum::<f64>())
    };
    let mean = |x: f64| libm::sqrt(2.0 * utilization * x * variance(x)) - free * x;
    let relaxation = utilization * arriving / (2.0 * free * free);
    let times = (0..16).map(|i| relaxation * libm::exp2(1.0 - 0.5 * f64::from(i)));
    2.0 * free / utilization * times.map(mean).fold(0.0, f64::max)
}

/// The weight w*(t) = 1 − (1 − c*(t)) / 2t of arrivals in the index of dispersion of departures, c* the correlation function
/// of reflected Brownian motion with drift −1 and variance 1 (Abate and Whitt 1987).
pub(super) fn passed_on(t: f64) -> f64 {
    if t > 1e3 {
        return 1.0;
    }
    let root = libm::sqrt(t);
    let density = libm::exp(-t / 2.0) / libm::sqrt(std::f64::consts::TAU);
    let above = 0.5 * libm::erfc(root * std::f64::consts::FRAC_1_SQRT_2);
    let correlation = 2.0 * (1.0 - 2.0 * t - t * t) * above + 2.0 * root * density * (1.0 + t);
    if t < 1e-6 { 0.0 } else { (1.0 - (1.0 - correlation) / (2.0 * t)).clamp(0.0, 1.0) }
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
