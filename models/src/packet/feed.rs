//! Unseen packets that come one after another from another half-link.

use engine::Draws;
use twin::ArcId;

use super::background_load::Feed;
use super::streams::{Fed, Next, Stream};
use super::unseen::{BackgroundTraffic, MOST, normal, passed_on};
use super::unseen_packets::UnseenPackets;

/// The unseen stream from another half-link: what an M/G/1 queue sends. Onwards it is that queue, burst by burst. Backwards
/// from an instant at which nothing else is known, one transmission follows the other at once with the probability that the
/// half-link is busy, or else after an idle time (Burke 1956). Times are picoseconds as floats.
#[derive(Clone, Debug)]
pub(super) struct FeedStream {
    pub(super) from: ArcId,
    pub(super) packets: UnseenPackets,
    /// Share of the other half-link's packets that come here.
    pub(super) share: f64,
    /// Its utilisation.
    pub(super) busy: f64,
    /// Its service over ours.
    pub(super) pace: f64,
    /// Mean time between two bursts that arrive there, and so of an idle time.
    idle: f64,
    /// Mean work that waits in its queue, if there is any.
    relaxation: f64,
    /// How much comes, in bit/s.
    pub(super) bps: f64,
    /// Share of the other half-link's packets that come here, times their share of ours.
    pub(super) kinship: f64,
}

impl FeedStream {
    pub(super) fn new(
        feed: &Feed,
        load_bps: f64,
        rate_bps: f64,
        traffic: BackgroundTraffic,
        packets: UnseenPackets,
    ) -> Self {
        let pace = rate_bps / feed.from_rate;
        let busy = (feed.from_bps / feed.from_rate).min(MOST);
        let share = (feed.bps / feed.from_bps).min(1.0);
        // c² of what one burst brings, less that of a single packet of one size.
        let burst_scv = 2.0 * (traffic.burst - 1.0) + traffic.size_scv;
        Self {
            from: feed.from,
            packets,
            share,
            busy,
            pace,
            idle: packets.mean * traffic.burst * pace / busy,
            relaxation: packets.mean * pace * (1.0 + burst_scv) / (2.0 * (1.0 - busy)),
            bps: feed.bps,
            kinship: share * (feed.bps / load_bps).min(1.0),
        }
    }

    /// The part of the variance of what arrives at the half-link before that leaves it, over a time; `arriving` is the
    /// rate of that variance, in our services.
    pub(super) fn passed_on(&self, arriving: f64, time: f64) -> f64 {
        let free = 1.0 - self.busy;
        passed_on(free * free * time / (self.busy * arriving * self.pace))
    }

    /// The standard deviation of what the half-link sends over a time.
    pub(super) fn spread(&self, arriving: f64, time: f64) -> f64 {
        libm::sqrt(self.busy * arriving * self.pace * self.passed_on(arriving, time) * time)
    }

    /// How much more than usual the half-link sends over a gap, in standard deviations. What is known of a longer time bears
    /// on the gap as far as that is a part of it.
    pub(super) fn luck(&self, arriving: f64, gap: f64, stream: &mut Stream, draws: &mut Draws) -> f64 {
        let fresh = normal(draws);
        let Some(rest) = stream.take_rest() else { return fresh };
        let luck = (rest.work - self.busy * rest.time) / self.spread(arriving, rest.time);
        let part = (gap / rest.time).min(1.0);
        libm::sqrt(part) * luck.clamp(-MOST_LUCK, MOST_LUCK) + libm::sqrt(1.0 - part) * fresh
    }

    /// The packets of a gap at whose beginning nothing is known of the stream, backwards from its end.
    pub(super) fn begin(&self, stream: &mut Stream, fed: &mut Fed, draws: &mut Draws) {
        if draws.f64_open() >= self.busy {
            self.wake(0.0, stream, draws);
            self.back(self.idle * draws.exp(), None, fed, draws);
            return;
        }
        let (service, passed) = self.packets.in_service(draws);
        let comes = draws.f64_open() < self.share;
        stream.next = Next { ends: self.pace * (service - passed), service, comes };
        // Behind it waits what has come over some time.
        let waits = draws.f64_open() < self.busy;
        let since = if waits { self.relaxation * draws.exp() / self.busy } else { 0.0 };
        stream.arrives = self.idle * draws.exp() - since;
        let ended = self.pace * passed;
        if self.packets.burst_ends(draws) {
            self.back(ended + self.break_after(draws), None, fed, draws);
        } else {
            self.back(ended, Some(comes), fed, draws);
        }
    }

    /// The stream of a queue that is empty at the end of the gap but for what arrives there since a time.
    pub(super) fn wake(&self, since: f64, stream: &mut Stream, draws: &mut Draws) {
        let arrives = since + self.idle * draws.exp();
        stream.next = self.next(arrives.max(0.0), None, draws);
        stream.arrives = arrives + self.idle * draws.exp();
    }

    /// The packets of a gap backwards from the last, whose transmission ended so long before its end and of which may be
    /// known whether it comes here. Tells how much the other half-link sent.
    pub(super) fn back(
        &self,
        mut ended: f64,
        mut comes: Option<bool>,
        fed: &mut Fed,
        draws: &mut Draws,
    ) -> f64 {
        let mut sent = 0.0;
        while ended < fed.gap() {
            let service = self.packets.service(draws);
            if *comes.get_or_insert_with(|| draws.f64_open() < self.share) {
                fed.insert(ended, service);
            }
            sent += self.pace * service;
            ended += self.pace * service;
            if self.packets.burst_ends(draws) {
                comes = None;
                ended += self.break_after(draws);
            }
        }
        sent
    }

    /// The packets of a gap, onwards from what came next at its beginning.
    pub(super) fn go_on(&self, stream: &mut Stream, fed: &mut Fed, draws: &mut Draws) {
        while stream.next.ends < fed.gap() {
            let Next { ends, service, comes } = stream.next;
            if comes {
                fed.insert(fed.gap() - ends, service);
            }
            stream.draw(self.pace * service);
            stream.next = if self.packets.burst_ends(draws) {
                let begins = ends.max(stream.arrives);
                stream.arrives += self.idle * draws.exp();
                self.next(begins, None, draws)
            } else {
                self.next(ends, Some(comes), draws)
            };
        }
        stream.next.ends -= fed.gap();
        stream.arrives -= fed.gap();
    }

    /// The packet whose transmission begins after a time.
    fn next(&self, after: f64, comes: Option<bool>, draws: &mut Draws) -> Next {
        let service = self.packets.service(draws);
        let comes = comes.unwrap_or_else(|| draws.f64_open() < self.share);
        Next { ends: after + self.pace * service, service, comes }
    }

    /// The time from the end of a transmission, if a burst ends with it, to the beginning of the next.
    pub(super) fn break_after(&self, draws: &mut Draws) -> f64 {
        if draws.f64_open() < self.busy { 0.0 } else { self.idle * draws.exp() }
    }
}

/// No gap is luckier than so many standard deviations.
const MOST_LUCK: f64 = 5.0;
