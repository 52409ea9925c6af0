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
//!   after another (`feed.rs`).
//!
//! Queues are FIFO: what left the half-link before between two watched packets is what came to it between them. Each queue
//! counts the unseen work that comes to it, watched packets carry the count on, and the next queue draws what the feed sent
//! so that the count is kept, right before the watched packet without a break for as long as the half-link had been busy.
//! So waits along a path are correlated as they should be, and in the long run no work is lost or made. Watched packets add their own
//! service to V, so they queue behind each other too, and unseen packets behind them. Without background the recursion is
//! Lindley's and exact.

use std::collections::VecDeque;
use std::sync::Arc;

use engine::Draws;
use twin::{ArcId, BitsPerSec, SimDuration, SimTime};

use super::background_load::BackgroundLoad;
pub(crate) use super::count::Upstream;
use super::count::{Count, Sent};
use super::feed_before::Behind;
use super::streams::{Fed, Streams};
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

/// The unfinished work of one half-link under background load. Times are picoseconds as floats.
#[derive(Clone, Debug)]
pub(crate) struct Background {
    load: Arc<BackgroundLoad>,
    traffic: BackgroundTraffic,
    arc: ArcId,
    /// Work ahead of a packet that would arrive at `at`; `None` before the first.
    work: f64,
    at: Option<SimTime>,
    /// For how long the half-link has sent without a break, at `at`.
    age: f64,
    count: Count,
    /// What left it last before `at` and the work there is.
    recent: Sent,
    /// What the watched packets met that are still on their way, by when they reach the far end.
    under_way: VecDeque<(SimTime, Upstream)>,
    /// What is known of the feeds, and their packets of a gap.
    streams: Streams,
    fed: Fed,
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
            age: 0.0,
            count: Count::default(),
            recent: Sent::default(),
            under_way: VecDeque::new(),
            streams: Streams::default(),
            fed: Fed::default(),
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
        self.forget_arrived(packet.at);
        let room = room.as_ps() as f64;
        let service = packet.service.as_ps() as f64;
        let behind = packet.over.map(|up| Behind { up, service });
        match self.at {
            None => self.begin(packet.at, rate, room, behind, draws),
            Some(then) => self.advance(then, packet.at, rate, room, behind, draws),
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
        let Self { arc, age, count, recent, .. } = *self;
        let met = Upstream { arc, wait: work.as_ps() as f64, age, count, recent };
        self.under_way.push_back((out, met));
        self.work += service.as_ps() as f64;
    }

    /// The half-link went down: all work is gone, and what follows begins with an empty queue.
    pub(crate) fn clear(&mut self, now: SimTime) {
        (self.work, self.age) = (0.0, 0.0);
        self.count.lose();
        self.under_way.clear();
        self.streams.forget_all();
        self.at = Some(now);
    }

    /// The stationary state, then the near past.
    fn begin(
        &mut self,
        now: SimTime,
        rate: BitsPerSec,
        room: f64,
        behind: Option<Behind>,
        draws: &mut Draws,
    ) {
        let stream = self.stream(self.load.at(now), rate);
        if stream.utilization > 0.0 {
            let shift = stream.shift();
            let z = stream.stationary(room + shift, draws.f64_open());
            self.work = (z - shift).max(0.0);
            self.age = stream.age(self.work);
            let near = stream.window(f64::INFINITY, behind);
            self.fed.begin(near);
            stream.feed(behind, &mut self.streams, &mut self.fed, draws);
            self.follow(&stream, room, draws);
        }
    }

    fn advance(
        &mut self,
        then: SimTime,
        now: SimTime,
        rate: BitsPerSec,
        room: f64,
        behind: Option<Behind>,
        draws: &mut Draws,
    ) {
        let (first, last) = (self.load.at(then), self.load.at(now));
        let mut from = then;
        for step in first..=last {
            let until = if step == last { now } else { self.load.steps[step + 1].0 };
            let gap = until.since(from).as_ps() as f64;
            let stream = self.stream(step, rate);
            self.cross(&stream, gap, room, behind.filter(|_| step == last), draws);
            from = until;
        }
    }

    /// Moves the work over a gap of constant load.
    fn cross(&mut self, stream: &Unseen, gap: f64, room: f64, behind: Option<Behind>, draws: &mut Draws) {
        if stream.utilization == 0.0 {
            self.streams.forget();
            self.pass(gap);
            self.recent = Sent::default();
            return;
        }
        self.streams.pass(gap);
        let near = stream.window(gap, behind);
        if gap > near {
            self.streams.forget();
        }
        self.fed.begin(near);
        stream.feed(behind, &mut self.streams, &mut self.fed, draws);
        if gap > near {
            self.diffuse(stream, gap - near, room, draws);
        }
        self.follow(stream, room, draws);
    }

    /// Time goes by in which nothing comes.
    fn pass(&mut self, gap: f64) {
        self.age = if self.work > gap { self.age + gap } else { 0.0 };
        self.work = (self.work - gap).max(0.0);
    }

    /// Work comes, if there is room for it.
    fn come(&mut self, service: f64, room: f64) {
        if self.work + service <= room {
            self.work += service;
            self.count.add(service);
        }
    }

    /// Sends the packets of the near past through the queue.
    fn follow(&mut self, stream: &Unseen, room: f64, draws: &mut Draws) {
        let mut left = self.fed.sort();
        let (near, count, work) = (left, self.count, self.work);
        let mut next = stream.gap * draws.exp();
        loop {
            let fed_next = self.fed.earliest().map_or(f64::INFINITY, |before_end| left - before_end);
            let step = next.min(fed_next);
            if step > left {
                self.pass(left);
                let come = self.count.since(count).unwrap_or_default();
                self.recent = Sent { work: come, time: near + self.work - work };
                return;
            }
            self.pass(step);
            left -= step;
            if fed_next <= next {
                next -= step;
                let service = self.fed.pop();
                self.come(service, room);
            } else {
                next = stream.gap * draws.exp();
                for _ in 0..stream.packets.burst(draws) {
                    let service = stream.packets.service(draws);
                    self.come(service, room);
                }
            }
        }
    }

    /// Z(τ) = max(z + X, X − min X): X is normal, and its minimum given X is ½(X − √(X² − 2σ²τ·ln U)). A path that does not
    /// come to zero may come to the end of the buffer, where it is held likewise. After a gap long enough to cross the
    /// buffer it is stationary between both.
    fn diffuse(&mut self, stream: &Unseen, gap: f64, room: f64, draws: &mut Draws) {
        let (begin, shift) = (self.work, stream.shift());
        let end = room + shift;
        let z = if begin > 0.0 { begin + shift } else { stream.idle(shift, draws) };
        let (drift, variance) = ((stream.utilization - 1.0) * gap, stream.variance * gap);
        let luck = stream.luck(gap, &mut self.streams, draws);
        let x = drift + libm::sqrt(variance) * luck;
        let mut farthest = || libm::sqrt(x * x - 2.0 * variance * libm::log(draws.f64_open()));
        let low = 0.5 * (x - farthest());
        // Where it would be but for the end of the buffer, and how far it would have been above that.
        let (z, over) = if z + low < 0.0 {
            (x - low, x - low - end)
        } else {
            let high = 0.5 * (x + farthest());
            (z + x, z + high - end)
        };
        let crossed = variance > end * end || drift > end;
        let z = if over > 0.0 && crossed {
            stream.stationary(end, draws.f64_open())
        } else {
            (z - over.max(0.0)).max(0.0)
        };
        self.work = (z - shift).max(0.0);
        self.age = stream.age(self.work);
        // What has come is there or was sent, and while there was work it was sent without a break.
        let come = stream.utilization * gap + luck * stream.spread(gap);
        self.count.add(come.max(self.work).min(self.work - begin + gap));
    }

    fn stream(&mut self, step: usize, rate: BitsPerSec) -> Arc<Unseen> {
        match &self.stream {
            Some((s, r, stream)) if (*s, *r) == (step, rate) => Arc::clone(stream),
            _ => {
                self.streams.forget_all();
                let stream = Arc::new(Unseen::new(&self.load.steps[step].1, self.arc, rate, self.traffic));
                self.stream = Some((step, rate, Arc::clone(&stream)));
                stream
            }
        }
    }
}

#[cfg(test)]
mod tests;
