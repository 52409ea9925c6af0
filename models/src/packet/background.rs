//! Foreground on background: traffic that is a load on a half-link instead of packets.
//!
//! Watched packets are events; the rest of a half-link's traffic is a stream of unseen packets that shares the FIFO queue.
//! What a watched packet finds is the unfinished work V of that queue. Between two watched packets V moves without events:
//!
//! - the **distant past** as a diffusion: V = (Z − c)⁺, Z a reflected Brownian motion with drift ρ − 1, sampled exactly
//!   at the end of the gap from the joint law of a Brownian motion and its minimum (Harrison, *Brownian Motion and
//!   Stochastic Flow Systems*, 1985, §1.8). In the long run P(V > x) = ρ·exp(−x/θ): idle with probability 1 − ρ, and the
//!   mean ρθ is that of Pollaczek and Khinchine, λE\[S\]²(I + c²)/(2(1−ρ)), where all traffic enters here. For M/M/1 this is
//!   the exact law. Traffic that comes over other half-links is smoothed by their queues, so the variance rate of Z is less;
//!   how much less stands in `unseen.rs`;
//! - the **near past**, the last few unseen packets, one by one: those that enter here at any instant, those of a feed one
//!   after another. On the feed that the watched packet came over, what it waited for there comes right before it, and
//!   nothing while it was sent (`feed.rs`).
//!
//! What moves a queue over a gap is akin to what left the queue before, since they share traffic: waits along a path are
//! correlated. Watched packets add their own service to V, so they queue behind each other too, and unseen packets behind
//! them. Without background the recursion is Lindley's and exact.

use std::collections::VecDeque;
use std::sync::Arc;

use engine::Draws;
use twin::{ArcId, BitsPerSec, SimDuration, SimTime};

use super::background_load::BackgroundLoad;
use super::feed::{Behind, Streams};
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

/// The half-link before, and what the packet met there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upstream {
    arc: ArcId,
    /// The work ahead of it, as a time: for so long the half-link sent without a break before it.
    wait: f64,
    /// How much more than usual had left, in standard deviations, if the queue moved as a diffusion.
    left: Option<f64>,
}

/// The unfinished work of one half-link under background load. Times are picoseconds as floats.
#[derive(Clone, Debug)]
pub(crate) struct Background {
    load: Arc<BackgroundLoad>,
    traffic: BackgroundTraffic,
    arc: ArcId,
    /// Work ahead of a packet that would arrive at `at`; `None` before the first.
    work: f64,
    at: Option<SimTime>,
    /// The last watched packet's own work, and how much less comes after it.
    added: f64,
    owed: f64,
    /// How much more than usual left over the last gap, if the work moved as a diffusion.
    left: Option<f64>,
    /// What the watched packets met that are still on their way, by when they reach the far end.
    under_way: VecDeque<(SimTime, Upstream)>,
    /// Where the watched packet before came from.
    last_over: Option<ArcId>,
    /// What is known of the feeds.
    streams: Streams,
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
            added: 0.0,
            owed: 0.0,
            left: None,
            under_way: VecDeque::new(),
            last_over: None,
            streams: Streams::default(),
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
            behind: packet.over.map(|up| Behind {
                from: up.arc,
                wait: up.wait,
                service: packet.service.as_ps() as f64,
                again: self.last_over == Some(up.arc),
            }),
        };
        self.last_over = packet.over.map(|up| up.arc);
        self.forget_arrived(packet.at);
        match self.at {
            None => self.begin(&packet, rate, draws),
            Some(then) => self.advance(then, &packet, rate, draws),
        }
        if let (Some(behind), Some((_, _, stream))) = (packet.behind, &self.stream) {
            self.owed = stream.owed(behind.from);
        }
        self.at = Some(packet.at);
        SimDuration::from_ps(self.work as u64)
    }

    /// What the packet that comes out at the far end `now` has met here. Packets come out in order; some are lost before.
    pub(crate) fn upstream(&mut self, now: SimTime) -> Option<Upstream> {
        self.forget_arrived(now);
        self.under_way.pop_front_if(|(out, _)| *out == now).map(|(_, met)| met)
    }

    fn forget_arrived(&mut self, now: SimTime) {
        while self.under_way.pop_front_if(|(out, _)| *out < now).is_some() {}
    }

    /// Adds a watched packet that found this much work and comes out at the far end at `out`.
    pub(crate) fn add(&mut self, work: SimDuration, service: SimDuration, out: SimTime) {
        let met = Upstream { arc: self.arc, wait: work.as_ps() as f64, left: self.left };
        self.under_way.push_back((out, met));
        self.added = service.as_ps() as f64;
        self.work += self.added;
    }

    /// The half-link went down: all work is gone, and what follows begins with an empty queue.
    pub(crate) fn clear(&mut self, now: SimTime) {
        self.work = 0.0;
        (self.added, self.owed) = (0.0, 0.0);
        (self.left, self.last_over) = (None, None);
        self.under_way.clear();
        self.streams.forget();
        self.at = Some(now);
    }

    /// The stationary state, then the near past.
    fn begin(&mut self, packet: &Watched, rate: BitsPerSec, draws: &mut Draws) {
        let stream = self.stream(self.load.at(packet.at), rate);
        if stream.utilization > 0.0 {
            let shift = stream.shift();
            let z = stream.stationary(packet.room + shift, draws.f64_open());
            let work = (z - shift).max(0.0);
            self.work =
                stream.follow(work, stream.near, packet.room, packet.behind, &mut self.streams, draws);
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
        self.left = None;
        if stream.utilization == 0.0 {
            self.streams.forget();
            self.work = (self.work - gap).max(0.0);
            return;
        }
        let near = gap.min(stream.near);
        if gap > near {
            self.diffuse(stream, gap - near, packet, draws);
            self.streams.forget();
        }
        self.work = stream.follow(self.work, near, packet.room, packet.behind, &mut self.streams, draws);
    }

    /// Z(τ) = max(z + X, X − min X): X is normal, and its minimum given X is ½(X − √(X² − 2σ²τ·ln U)). Where it would
    /// pass the end of the buffer it is reflected there, or stationary between both ends after a gap long enough to
    /// cross the buffer.
    fn diffuse(&mut self, stream: &Unseen, gap: f64, packet: &Watched, draws: &mut Draws) {
        let begin = (self.work - std::mem::take(&mut self.owed)).max(0.0);
        let shift = stream.shift();
        let z = if begin > 0.0 { begin + shift } else { stream.idle(shift, draws) };
        let (drift, variance) = ((stream.utilization - 1.0) * gap, stream.variance * gap);
        let surge = libm::sqrt(variance) * packet.luck(stream, gap, draws);
        let x = drift + surge;
        let minimum = 0.5 * (x - libm::sqrt(x * x - 2.0 * variance * libm::log(draws.f64_open())));
        let end = packet.room + shift;
        let mut z = (z + x).max(x - minimum);
        if z > end {
            let crossed = variance > end * end || drift > end;
            z = if crossed { stream.stationary(end, draws.f64_open()) } else { (2.0 * end - z).max(0.0) };
        }
        self.work = (z - shift).max(0.0);
        // The watched packet is the last of the work at the beginning: what of it has left is not counted.
        let gone = (gap - (begin - self.added)).clamp(0.0, self.added);
        self.left = Some(stream.left(surge - gone, self.work - begin, gap));
    }

    fn stream(&mut self, step: usize, rate: BitsPerSec) -> Arc<Unseen> {
        match &self.stream {
            Some((s, r, stream)) if (*s, *r) == (step, rate) => Arc::clone(stream),
            _ => {
                self.streams.forget();
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
    behind: Option<Behind>,
}

impl Watched {
    /// How much more than usual arrives over the gap before this packet, in standard deviations: akin to what left the
    /// queue before.
    fn luck(&self, stream: &Unseen, gap: f64, draws: &mut Draws) -> f64 {
        let fresh = normal(draws);
        let Some(Upstream { arc, left: Some(left), .. }) = self.over else { return fresh };
        let owed = stream.kinship(arc, gap);
        libm::sqrt(owed) * left + libm::sqrt(1.0 - owed) * fresh
    }
}

/// Box and Muller (1958).
fn normal(draws: &mut Draws) -> f64 {
    let radius = libm::sqrt(2.0 * draws.exp());
    radius * libm::cos(std::f64::consts::TAU * draws.f64_open())
}

#[cfg(test)]
mod tests;
