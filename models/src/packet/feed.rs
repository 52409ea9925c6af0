//! Unseen packets that come one after another from another half-link, and how they make way for the watched ones that come
//! with them.

use std::collections::VecDeque;

use engine::Draws;
use twin::ArcId;

use super::background_load::Feed;
use super::unseen::{BackgroundTraffic, MOST, passed_on};
use super::unseen_packets::UnseenPackets;

/// A watched packet that comes over another half-link, as the queue at its end sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    pub(super) from: ArcId,
    /// How long the other half-link sent without a break before it.
    pub(super) wait: f64,
    /// Its service here.
    pub(super) service: f64,
    /// Whether the watched packet before it came the same way: nothing of the gap was sent before that.
    pub(super) again: bool,
}

/// The unseen stream from another half-link: what an M/G/1 queue sends. Onwards it is that queue, burst by burst. Backwards
/// from an instant at which nothing else is known, one transmission follows the other at once with the probability that the
/// half-link is busy, or else after an idle time (Burke 1956). Times are picoseconds as floats.
#[derive(Clone, Debug)]
pub(super) struct FeedStream {
    pub(super) from: ArcId,
    packets: UnseenPackets,
    /// Share of the other half-link's packets that come here.
    share: f64,
    /// Its utilisation.
    pub(super) busy: f64,
    /// Its service over ours.
    pub(super) pace: f64,
    /// Mean time between two bursts that arrive there, and so of an idle time.
    idle: f64,
    /// By how much less comes after a watched packet than in any other time: what it waited for came before it. The work
    /// that an M/G/1 queue sends in a time before the end of a packet's service is ρ·E\[S\]·c² more than that time's share
    /// (I + c² − 1 in place of c² for bursts), by Pollaczek and Khinchine; in the long run it is its share.
    pub(super) owed: f64,
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
            owed: busy * share * packets.mean * burst_scv,
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

    /// The packets of a gap at whose beginning nothing is known of the stream, backwards from its end.
    pub(super) fn begin(&self, stream: &mut Stream, fed: &mut Fed, draws: &mut Draws) {
        if draws.f64_open() >= self.busy {
            self.wake(0.0, stream, draws);
            let ended = self.idle * draws.exp();
            return self.back(Before { ended, ..Before::default() }, fed, draws);
        }
        let (service, passed) = self.packets.in_service(draws);
        let comes = draws.f64_open() < self.share;
        let rest = self.pace * (service - passed);
        stream.coming.clear();
        stream.coming.push_back(Next { ends: rest, service, comes });
        // Behind it waits what has come over some time.
        let waits = draws.f64_open() < self.busy;
        let since = if waits { self.relaxation * draws.exp() / self.busy } else { 0.0 };
        stream.arrives = self.idle * draws.exp() - since;
        let mut before = Before { ended: self.pace * passed, ..Before::default() };
        if self.packets.burst_ends(draws) {
            before.ended += self.break_after(draws);
        } else {
            before.comes = Some(comes);
        }
        self.back(before, fed, draws);
    }

    /// The same where the watched packet comes over this feed. It is the last of it; before it came what it waited for
    /// there, or an idle time if it did not wait.
    pub(super) fn before(&self, behind: Behind, stream: &mut Stream, fed: &mut Fed, draws: &mut Draws) {
        let began = behind.service * self.pace;
        let idle = if behind.wait > 0.0 { 0.0 } else { self.idle * draws.exp() };
        let before = Before { ended: began + idle, busy: began + behind.wait, comes: None };
        self.back(before, fed, draws);
        // What came while the watched packet waited and was sent comes after it.
        self.wake(-(began + behind.wait), stream, draws);
    }

    /// The stream of a queue that is empty at the end of the gap but for what arrives there since a time.
    fn wake(&self, since: f64, stream: &mut Stream, draws: &mut Draws) {
        let arrives = since + self.idle * draws.exp();
        stream.coming.clear();
        stream.coming.push_back(self.next(arrives.max(0.0), None, draws));
        stream.arrives = arrives + self.idle * draws.exp();
    }

    fn back(&self, mut before: Before, fed: &mut Fed, draws: &mut Draws) {
        while before.ended < fed.gap {
            let service = self.packets.service(draws);
            if *before.comes.get_or_insert_with(|| draws.f64_open() < self.share) {
                fed.insert(before.ended, service);
            }
            before.ended += self.pace * service;
            if self.packets.burst_ends(draws) {
                before.comes = None;
                if before.ended >= before.busy {
                    before.ended += self.break_after(draws);
                }
            }
        }
    }

    /// The packets of a gap, onwards from what came next at its beginning.
    pub(super) fn go_on(&self, stream: &mut Stream, fed: &mut Fed, draws: &mut Draws) {
        while stream.coming[0].ends < fed.gap {
            let packet = self.take(stream, draws);
            if packet.comes {
                fed.insert(fed.gap - packet.ends, packet.service);
            }
        }
        stream.pass(fed.gap, f64::NEG_INFINITY, self.pace);
    }

    /// The same where the watched packet comes over this feed. Packets make way, and none is added or lost: those that the
    /// watched one waited for come right before it, be it from later; those that it did not wait for, after it.
    pub(super) fn make_way(&self, behind: Behind, stream: &mut Stream, fed: &mut Fed, draws: &mut Draws) {
        let began = behind.service * self.pace;
        let busy = began + behind.wait;
        let mut sent = std::mem::take(&mut stream.sent);
        while stream.coming[0].ends < fed.gap {
            sent.push(self.take(stream, draws));
        }
        if behind.wait == 0.0 {
            while let Some(packet) = sent.pop_if(|p| fed.gap - p.ends < began) {
                stream.coming.push_front(packet);
            }
        }
        let mut ended = began;
        while ended < fed.gap {
            let packet = match sent.pop() {
                Some(packet) => packet,
                None if ended < busy => self.take(stream, draws),
                None => break,
            };
            if ended >= busy {
                ended = ended.max(fed.gap - packet.ends);
            }
            let mut service = packet.service;
            if behind.again && ended + self.pace * service > fed.gap {
                // There is room for a part of it: the rest comes later.
                service = (fed.gap - ended) / self.pace;
                stream.coming.push_front(Next { service: packet.service - service, ..packet });
            }
            if packet.comes {
                fed.insert(ended, service);
            }
            ended += self.pace * packet.service;
        }
        while let Some(packet) = sent.pop() {
            stream.coming.push_front(packet);
        }
        stream.sent = sent;
        stream.pass(fed.gap, 0.0, self.pace);
    }

    /// Takes the next packet.
    fn take(&self, stream: &mut Stream, draws: &mut Draws) -> Next {
        let packet = stream.coming.pop_front().unwrap_or_default();
        if stream.coming.is_empty() {
            let next = if self.packets.burst_ends(draws) {
                let begins = packet.ends.max(stream.arrives);
                stream.arrives += self.idle * draws.exp();
                self.next(begins, None, draws)
            } else {
                self.next(packet.ends, Some(packet.comes), draws)
            };
            stream.coming.push_back(next);
        }
        packet
    }

    /// The packet whose transmission begins after a time.
    fn next(&self, after: f64, comes: Option<bool>, draws: &mut Draws) -> Next {
        let service = self.packets.service(draws);
        let comes = comes.unwrap_or_else(|| draws.f64_open() < self.share);
        Next { ends: after + self.pace * service, service, comes }
    }

    /// The time from the end of a transmission, if a burst ends with it, to the beginning of the next.
    fn break_after(&self, draws: &mut Draws) -> f64 {
        if draws.f64_open() < self.busy { 0.0 } else { self.idle * draws.exp() }
    }
}

/// What is known of all feeds of a half-link.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams {
    /// Whether anything is.
    known: bool,
    feeds: Vec<Stream>,
}

impl Streams {
    /// What was known is too long ago to matter. Keeps the memory.
    pub(super) fn forget(&mut self) {
        self.known = false;
    }

    /// One for each of so many feeds, and whether anything was known of them; something will be.
    pub(super) fn of(&mut self, feeds: usize) -> (bool, &mut [Stream]) {
        let known = std::mem::replace(&mut self.known, true) && self.feeds.len() == feeds;
        self.feeds.resize_with(feeds, Stream::new);
        (known, &mut self.feeds)
    }
}

/// What is known of the packets of a feed that are still to come.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// The next, and what watched packets have overtaken.
    coming: VecDeque<Next>,
    /// When the burst after them arrives at the half-link before.
    arrives: f64,
    /// Packets that are being put in order; empty in between.
    sent: Vec<Next>,
}

impl Stream {
    /// With room for more packets than are put in order at once but in great bursts.
    fn new() -> Self {
        Self { coming: VecDeque::with_capacity(16), arrives: 0.0, sent: Vec::with_capacity(16) }
    }

    /// A gap is over, and the other half-link is free from so long after its end on.
    fn pass(&mut self, gap: f64, mut free: f64, pace: f64) {
        self.arrives -= gap;
        for packet in &mut self.coming {
            packet.ends = (packet.ends - gap).max(free + pace * packet.service);
            free = packet.ends;
        }
    }
}

/// A packet of a feed: when its transmission ends, its service here, and whether it comes here at all.
#[derive(Clone, Copy, Debug, Default)]
struct Next {
    ends: f64,
    service: f64,
    comes: bool,
}

/// Where packets are drawn backwards from. Times are before the end of the gap.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    /// When the last transmission ended.
    ended: f64,
    /// Since when one has followed the other at once.
    busy: f64,
    /// Whether the last comes here, where that is known.
    comes: Option<bool>,
}

/// Packets of feeds in a gap, by how long before its end they arrive, latest first.
pub(super) struct Fed {
    gap: f64,
    packets: [(f64, f64); Self::MOST],
    len: usize,
}

impl Fed {
    /// More do not matter: the farthest are forgotten.
    const MOST: usize = 64;

    pub(super) fn new(gap: f64) -> Self {
        Self { gap, packets: [(0.0, 0.0); Self::MOST], len: 0 }
    }

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

    pub(super) fn last(&self) -> Option<(f64, f64)> {
        Some(self.packets[self.len.checked_sub(1)?])
    }

    pub(super) fn pop(&mut self) -> (f64, f64) {
        self.len -= 1;
        self.packets[self.len]
    }
}
