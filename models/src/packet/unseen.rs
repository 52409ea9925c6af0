//! What the unseen packets of one half-link are like under one load: the law of the work that they leave in the queue.

use engine::Draws;
use twin::{ArcId, BitsPerSec, Bytes};

use super::background_load::RoutedLoad;
use super::feed::FeedStream;
use super::feed_before::Behind;
use super::streams::{Fed, Streams};
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

/// So many unseen packets per gap are followed one by one, or as many as come while the queue forgets: so many times its
/// relaxation time, and four packets.
const NEAR: f64 = 16.0;
/// A gap up to so many times as long is followed one by one from its beginning.
const FAR: f64 = 2.0;
/// A load at or above the line rate has no stationary law; its law near the rate stands in.
pub(super) const MOST: f64 = 0.999;
/// A feed that less than this part of the variance of what arrives is owed to enters like other traffic.
const LEAST_FEED: f64 = 0.01;

/// The unseen stream of a half-link under one load. Times are picoseconds as floats.
#[derive(Clone, Debug)]
pub(super) struct Unseen {
    pub(super) utilization: f64,
    pub(super) packets: UnseenPackets,
    /// Mean gap between bursts that enter here; infinite if none does.
    pub(super) gap: f64,
    /// How far back packets are followed one by one.
    near: f64,
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
        let stable = utilization.min(MOST);
        // λE[S]²(I + c²) is the variance of the work that arrives per time, λE[S] = ρ.
        let arriving = mean * (2.0 * burst - 1.0 + size_scv);
        let relaxation = stable * arriving / (2.0 * (1.0 - stable) * (1.0 - stable));
        let near = (NEAR * mean * burst / utilization).min(NEAR * relaxation + 4.0 * mean * burst);
        let smoothed = smoothed(arriving, stable, relaxation, &feeds);
        let variance = smoothed.max((1.0 - stable) * mean * (1.0 + size_scv));
        let decay = 2.0 * (1.0 - utilization) / variance;
        Self { utilization, packets, gap, near, arriving, variance, decay, stable, feeds }
    }

    /// c: where Z is below it, V is zero, so that it is idle with probability 1 − ρ.
    pub(super) fn shift(&self) -> f64 {
        -libm::log(self.stable) * self.variance / (2.0 * (1.0 - self.stable))
    }

    /// The quantile `u` of Z up to `end`.
    pub(super) fn stationary(&self, end: f64, u: f64) -> f64 {
        cut_exponential(self.decay, end, u)
    }

    /// Z given that V is zero.
    pub(super) fn idle(&self, shift: f64, draws: &mut Draws) -> f64 {
        cut_exponential(self.decay, shift, draws.f64_open())
    }

    /// For how long the half-link has sent without a break if there is so much work, on average: reflected Brownian motion
    /// is the same backwards, where it falls as fast.
    pub(super) fn age(&self, work: f64) -> f64 {
        work / (1.0 - self.stable)
    }

    /// The standard deviation of the work that comes over a gap.
    pub(super) fn spread(&self, gap: f64) -> f64 {
        libm::sqrt(self.stable * variance_over(gap, self.arriving, &self.feeds) * gap)
    }

    /// How much of a gap is followed packet by packet: no less than the time for which the half-link before has been busy.
    pub(super) fn window(&self, gap: f64, behind: Option<Behind>) -> f64 {
        let fed = behind.and_then(|b| self.feeds.iter().find(|f| f.from == b.up.arc).map(|f| f.run(b)));
        let near = self.near.max(fed.unwrap_or(0.0));
        if gap <= FAR * near { gap } else { near }
    }

    /// Draws the packets of the feeds in the near past.
    pub(super) fn feed(
        &self,
        behind: Option<Behind>,
        streams: &mut Streams,
        fed: &mut Fed,
        draws: &mut Draws,
    ) {
        let (known, streams) = streams.of(self.feeds.len());
        for (feed, stream) in self.feeds.iter().zip(streams) {
            match behind.filter(|b| b.up.arc == feed.from) {
                Some(behind) => feed.before(behind, known, self.arriving, stream, (fed, draws)),
                None if known => feed.go_on(stream, fed, draws),
                None => feed.begin(stream, fed, draws),
            }
        }
    }

    /// How much more than usual comes over a gap, in standard deviations: of the feed of the watched packet it is known,
    /// of the others it is drawn.
    pub(super) fn luck(&self, gap: f64, streams: &mut Streams, draws: &mut Draws) -> f64 {
        let part =
            |f: &FeedStream| f.kinship * f.passed_on(self.arriving, gap) * self.arriving / self.variance;
        let all: f64 = self.feeds.iter().map(part).sum();
        let scale = 1.0 / all.max(1.0);
        let mut luck = libm::sqrt(1.0 - all * scale) * normal(draws);
        for (feed, stream) in self.feeds.iter().zip(streams.of(self.feeds.len()).1) {
            let own = feed.luck(self.arriving, gap, stream, draws);
            luck += libm::sqrt(part(feed) * scale) * own;
        }
        luck
    }
}

/// The variance rate of a Brownian motion whose mean work is that of the feeds' arrivals. Over a time x a queue passes on
/// the part w(x) of the variance that it takes in; of that comes the share of its packets that comes here, and who comes is
/// a matter of chance, as if the rest were Poisson. The mean is the robust one, the largest of −(1−ρ)x + √(2ρ·x·V(x)) over
/// x, exact for a constant V (Whitt and You, *A robust queueing network analyzer based on indices of dispersion*, 2022).
fn smoothed(arriving: f64, utilization: f64, relaxation: f64, feeds: &[FeedStream]) -> f64 {
    if feeds.is_empty() {
        return arriving;
    }
    let free = 1.0 - utilization;
    let mean = |x: f64| libm::sqrt(2.0 * utilization * x * variance_over(x, arriving, feeds)) - free * x;
    let times = (0..16).map(|i| relaxation * libm::exp2(1.0 - 0.5 * f64::from(i)));
    2.0 * free / utilization * times.map(mean).fold(0.0, f64::max)
}

/// The variance rate of the work that comes over a time, as a multiple of its mean.
fn variance_over(time: f64, arriving: f64, feeds: &[FeedStream]) -> f64 {
    let kept = |f: &FeedStream| f.kinship * (1.0 - f.passed_on(arriving, time));
    arriving * (1.0 - feeds.iter().map(kept).sum::<f64>())
}

/// Box and Muller (1958).
pub(super) fn normal(draws: &mut Draws) -> f64 {
    let radius = libm::sqrt(2.0 * draws.exp());
    radius * libm::cos(std::f64::consts::TAU * draws.f64_open())
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
