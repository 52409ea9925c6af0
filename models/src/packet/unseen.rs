//! What the unseen packets of one half-link are like under one load: the law of the work that they leave in the queue, and
//! the packets themselves.

use engine::Draws;
use twin::{ArcId, BitsPerSec, Bytes};

use super::background_load::{Feed, RoutedLoad};

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
const MOST: f64 = 0.999;
/// A feed that changes the mean work by less than this share enters like other traffic.
const LEAST_FEED: f64 = 0.01;

/// The unseen stream of a half-link under one load. Times are picoseconds as floats.
#[derive(Clone, Debug)]
pub(super) struct Unseen {
    pub(super) utilization: f64,
    sizes: Sizes,
    /// Probability that a burst ends after a packet.
    single: f64,
    /// Mean gap between bursts that enter here; infinite if none does.
    gap: f64,
    /// How far back packets are followed one by one.
    pub(super) near: f64,
    /// Variance rate of Z.
    pub(super) variance: f64,
    /// The stationary density of Z falls as exp(−decay·z), 1/decay = θ; it rises where the load exceeds the rate.
    decay: f64,
    /// Mean work, and by how much of it feeds spare, in θ.
    stable: f64,
    spared: f64,
    feeds: Vec<FeedStream>,
}

/// Packets that come one after another from another half-link.
#[derive(Clone, Debug)]
struct FeedStream {
    from: ArcId,
    /// Share of the other half-link's packets that come here.
    share: f64,
    /// Its utilisation.
    busy: f64,
    /// Its service over ours.
    pace: f64,
    /// Its mean idle time between two busy ones.
    idle: f64,
    kinship: f64,
    spares: f64,
}

impl Unseen {
    pub(super) fn new(load: &RoutedLoad, arc: ArcId, rate: BitsPerSec, traffic: BackgroundTraffic) -> Self {
        let rate_bps = rate.as_f64();
        let utilization = load.bps(arc) / rate_bps;
        let BackgroundTraffic { mean_packet, size_scv, burst } = traffic;
        let mean = rate.serialization_delay(mean_packet).as_ps() as f64;
        let dispersion = 2.0 * burst - 1.0;
        // λE[S]²(I + c²) is the variance of the work that arrives per time, λE[S] = ρ.
        let variance = mean * (dispersion + size_scv);
        let (mut spared, mut entering) = (0.0, load.bps(arc));
        let mut feeds = Vec::new();
        for feed in load.feeds(arc) {
            let [bursts, singles] = spared_by(feed, rate_bps, utilization, dispersion);
            let part = (bursts + singles) / (dispersion + size_scv);
            spared += part;
            if part > LEAST_FEED * utilization {
                entering -= feed.bps;
                let spares = singles / (dispersion + size_scv) * rate_bps / feed.bps;
                feeds.push(FeedStream::new(feed, load.bps(arc), rate_bps, mean * burst, spares));
            }
        }
        let stable = utilization.min(MOST);
        let gap = if entering > 1e-9 * rate_bps { mean * burst * rate_bps / entering } else { f64::INFINITY };
        let near = NEAR * mean * burst / utilization;
        let decay = 2.0 * (1.0 - utilization) / variance;
        Self {
            utilization,
            sizes: Sizes::new(traffic, mean),
            single: 1.0 / burst,
            gap,
            near,
            variance,
            decay,
            stable,
            spared,
            feeds,
        }
    }

    /// c: where Z is below it, V is zero. `watched` is what watched packets are spared besides, see
    /// [`spares`](Self::spares).
    pub(super) fn shift(&self, watched: f64) -> f64 {
        let spared = (self.spared + watched.min(self.spared)).min(0.99 * self.stable);
        -libm::log(self.stable - spared) * self.variance / (2.0 * (1.0 - self.stable))
    }

    /// By how much watched packets from another half-link, per unit of their load, lower the mean work in θ: the feed's
    /// packets do not meet them either.
    pub(super) fn spares(&self, from: ArcId) -> f64 {
        self.feeds.iter().find(|f| f.from == from).map_or(0.0, |f| f.spares)
    }

    /// The quantile `u` of Z up to `end`.
    pub(super) fn stationary(&self, end: f64, u: f64) -> f64 {
        cut_exponential(self.decay, end, u)
    }

    /// Correlation of what arrives here over a gap with what arrives at the half-link before. Of its arrivals a share goes
    /// on, which is a share of ours; of their surges, a queue passes on w within a gap (Whitt and You, *A robust queueing
    /// network analyzer based on indices of dispersion*, 2022).
    pub(super) fn kinship(&self, from: ArcId, gap: f64) -> f64 {
        let Some(feed) = self.feeds.iter().find(|f| f.from == from) else { return 0.0 };
        let drift = 1.0 - feed.busy;
        let time = drift * drift * gap / (feed.busy * self.variance * feed.pace);
        feed.kinship * libm::sqrt(passed_on(time))
    }

    /// Z given that V is zero.
    pub(super) fn idle(&self, shift: f64, draws: &mut Draws) -> f64 {
        cut_exponential(self.decay, shift, draws.f64_open())
    }

    /// Sends the packets of the last `gap` through the queue, in which there is `work`. `behind` is the half-link that the
    /// watched packet comes from, and its service here.
    pub(super) fn follow(
        &self,
        mut work: f64,
        gap: f64,
        room: f64,
        behind: Option<(ArcId, f64)>,
        draws: &mut Draws,
    ) -> f64 {
        let mut fed = Fed::default();
        for feed in &self.feeds {
            self.feed(feed, gap, behind, &mut fed, draws);
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
                for _ in 0..self.burst(draws) {
                    let service = self.sizes.draw(draws);
                    work += if work + service <= room { service } else { 0.0 };
                }
            }
        }
    }

    /// The packets of a feed, backwards from the end of the gap: on the other half-link, trains of packets follow each
    /// other at once with the probability that it is busy, or else after an idle time. (The output of an M/G/1 queue,
    /// Burke 1956, with independent busy and idle ends.)
    fn feed(
        &self,
        feed: &FeedStream,
        gap: f64,
        behind: Option<(ArcId, f64)>,
        fed: &mut Fed,
        draws: &mut Draws,
    ) {
        let idle =
            |draws: &mut Draws| if draws.f64_open() < feed.busy { 0.0 } else { feed.idle * draws.exp() };
        let mean = feed.pace * self.sizes.mean;
        let watched = behind.filter(|(from, _)| *from == feed.from).map(|(_, service)| service * feed.pace);
        // The other half-link sends nothing else while it sends the watched packet. What would be on it then has just
        // ended; for this packet more, the others are those of a gap shorter by a mean service.
        let (mut latest, shift) = watched.map_or((0.0, 0.0), |service| (service, mean));
        let busy = draws.f64_open() < feed.busy;
        let train_goes_on = busy && self.single < 1.0 && draws.f64_open() >= self.single;
        let mut comes = None;
        // How long before the end of the gap, or that shorter gap, the last transmission ended.
        let mut ended = match (busy, train_goes_on) {
            (false, _) => feed.idle * draws.exp(),
            (true, false) => feed.pace * self.sizes.rest(draws) + idle(draws),
            (true, true) => feed.pace * self.sizes.rest(draws),
        };
        if busy && watched.is_some() && draws.f64_open() * mean < gap {
            let comes_here = draws.f64_open() < feed.share;
            let service = self.sizes.draw(draws);
            if comes_here {
                fed.insert(latest.min(gap), service);
            }
            latest += feed.pace * service;
            comes = Some(comes_here).filter(|_| train_goes_on);
        }
        while ended + shift < gap {
            let comes_here = *comes.get_or_insert_with(|| draws.f64_open() < feed.share);
            let service = self.sizes.draw(draws);
            let arrives = (ended + shift).max(latest);
            if comes_here {
                fed.insert(arrives.min(gap), service);
            }
            latest = arrives + feed.pace * service;
            ended += feed.pace * service;
            if self.single >= 1.0 || draws.f64_open() < self.single {
                comes = None;
                ended += idle(draws);
            }
        }
    }

    fn burst(&self, draws: &mut Draws) -> u32 {
        if self.single >= 1.0 {
            return 1;
        }
        1 + (libm::log(draws.f64_open()) / libm::log1p(-self.single)) as u32
    }
}

/// Services of the right mean and variance. Internet packets come in two sizes, bare acknowledgements and full ones: the
/// small ones are taken to have Ethernet's least 64 bytes (IEEE 802.3 §3.2.7), which settles the large ones and their share.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    mean: f64,
    small: f64,
    large: f64,
    share_large: f64,
}

impl Sizes {
    /// The least size of an Ethernet frame in bytes.
    const LEAST: f64 = 64.0;

    fn new(traffic: BackgroundTraffic, mean: f64) -> Self {
        let bytes = traffic.mean_packet.get() as f64;
        let small = mean * (Self::LEAST / bytes).min(0.5);
        let (variance, below) = (traffic.size_scv * mean * mean, mean - small);
        let share_large = below * below / (below * below + variance);
        Self { mean, small, large: mean + variance / below, share_large }
    }

    fn draw(&self, draws: &mut Draws) -> f64 {
        if self.share_large >= 1.0 {
            return self.mean;
        }
        if draws.f64_open() < self.share_large { self.large } else { self.small }
    }

    /// What is left, at a random instant, of the packet being sent.
    fn rest(&self, draws: &mut Draws) -> f64 {
        let large = draws.f64_open() * self.mean < self.share_large * self.large;
        draws.f64_open() * if large { self.large } else { self.small }
    }
}

impl FeedStream {
    fn new(feed: &Feed, load_bps: f64, rate_bps: f64, mean_burst: f64, spares: f64) -> Self {
        let pace = rate_bps / feed.from_rate;
        let busy = (feed.from_bps / feed.from_rate).min(MOST);
        let share = (feed.bps / feed.from_bps).min(1.0);
        let kinship = libm::sqrt(share * (feed.bps / load_bps).min(1.0));
        Self { from: feed.from, share, busy, pace, idle: mean_burst * pace / busy, kinship, spares }
    }
}

/// By how much it lowers 2(1−ρ)·E\[V\], in mean services, that the packets of a feed of share x of our rate never meet each
/// other here: packets of one burst, and others.
///
/// For a whole link that goes on (x = its utilisation), the work in both queues together is that of one queue (Avi-Itzhak
/// 1965), so the second is spared what the first holds: x(I−1+x)(1−ρ)/(1−x), where I−1 counts packets of one burst. A part
/// of a link is spared as much of its bursts; its other packets are set apart by the rest of that link, and at x² where the
/// link is full: the slotted switch of Karol, Hluchyj and Morgan (1987). Pairs of packets at low load are met exactly.
fn spared_by(feed: &Feed, rate_bps: f64, utilization: f64, dispersion: f64) -> [f64; 2] {
    let x = (feed.bps / rate_bps).min(MOST);
    let apart = (1.0 - rate_bps / feed.from_rate).max(0.0);
    let busy = (feed.from_bps / feed.from_rate).min(MOST);
    let lasts = |used: f64| ((1.0 - utilization.min(MOST)) / (1.0 - used)).min(1.0);
    [x * (dispersion - 1.0) * lasts(x), x * x * lasts(busy)].map(|spared| spared * (1.0 - apart * apart))
}

/// Packets of feeds by how long before the end of the gap they arrive, latest first.
struct Fed {
    packets: [(f64, f64); Self::MOST],
    len: usize,
}

impl Default for Fed {
    fn default() -> Self {
        Self { packets: [(0.0, 0.0); Self::MOST], len: 0 }
    }
}

impl Fed {
    /// More do not matter: the farthest are forgotten.
    const MOST: usize = 64;

    fn insert(&mut self, before_end: f64, service: f64) {
        let mut at = self.len;
        if self.len == Self::MOST {
            at -= 1;
            if self.packets[at].0 <= before_end {
                return;
            }
        } else {
            self.len += 1;
        }
        while at > 0 && self.packets[at - 1].0 > before_end {
            self.packets[at] = self.packets[at - 1];
            at -= 1;
        }
        self.packets[at] = (before_end, service);
    }

    fn last(&self) -> Option<(f64, f64)> {
        Some(self.packets[self.len.checked_sub(1)?])
    }

    fn pop(&mut self) -> (f64, f64) {
        self.len -= 1;
        self.packets[self.len]
    }
}

/// The weight w*(t) = 1 − (1 − c*(t)) / 2t of arrivals in the index of dispersion of departures, c* the correlation function
/// of reflected Brownian motion with drift −1 and variance 1 (Abate and Whitt 1987).
fn passed_on(t: f64) -> f64 {
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
