//! What a half-link knows of the feeds whose unseen packets come to it.

use super::count::{Count, Sent};

/// What is known of all feeds of a half-link.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams {
    /// Whether it is known which packets come next.
    known: bool,
    feeds: Vec<Stream>,
}

impl Streams {
    /// Which packets come next was known too long ago to matter. Keeps the memory.
    pub(super) fn forget(&mut self) {
        self.known = false;
    }

    /// Nothing that was known holds.
    pub(super) fn forget_all(&mut self) {
        self.known = false;
        self.feeds.iter_mut().for_each(|stream| *stream = Stream::default());
    }

    /// Time goes by.
    pub(super) fn pass(&mut self, gap: f64) {
        for (_, time) in self.feeds.iter_mut().filter_map(|s| s.last.as_mut()) {
            *time += gap;
        }
    }

    /// One for each of so many feeds, and whether it is known which packets come next; from now on it is.
    pub(super) fn of(&mut self, feeds: usize) -> (bool, &mut [Stream]) {
        let known = std::mem::replace(&mut self.known, true) && self.feeds.len() == feeds;
        self.feeds.resize_with(feeds, Stream::default);
        (known, &mut self.feeds)
    }
}

/// What is known of a feed.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    pub(super) next: Next,
    /// When the burst after it arrives at the half-link before.
    pub(super) arrives: f64,
    /// The count of the last watched packet that came over the feed, and how long ago it was.
    last: Option<(Count, f64)>,
    /// What was sent before the near past, if that is going to be drawn as a whole.
    rest: Option<Sent>,
    /// What of it was drawn packet by packet; `None` if some was not.
    drawn: Option<f64>,
    /// What was sent so far and never drawn.
    debt: f64,
}

impl Stream {
    /// What was sent since the last watched packet, as the next one tells.
    pub(super) fn since(&self, count: Count) -> Option<Sent> {
        let (last, time) = self.last?;
        Some(Sent { work: count.since(last)?, time })
    }

    /// So much was drawn.
    pub(super) fn draw(&mut self, work: f64) {
        if let Some(drawn) = &mut self.drawn {
            *drawn += work;
        }
    }

    /// What of all that was sent was not drawn so far.
    pub(super) fn missing(&self, all: Sent) -> Option<f64> {
        Some(all.work - self.drawn?)
    }

    /// What was sent before the near past, if it is known, is going to be drawn as a whole.
    pub(super) fn take_rest(&mut self) -> Option<Sent> {
        if self.rest.is_none() {
            self.drawn = None;
        }
        self.rest.take()
    }

    /// What is to be made good in one gap: a small part of the debt, so that the load is right in the long run and chance is
    /// not increased.
    pub(super) fn due(&self) -> f64 {
        self.debt / 16.0
    }

    /// A watched packet came over the feed, and its count holds from now on. `all` is what was sent since the one before,
    /// and either the rest of it is going to be drawn as a whole, or there is none.
    pub(super) fn settle(&mut self, count: Count, all: Option<Sent>, rest: Option<Sent>) {
        if let (Some(all), Some(drawn), None) = (all, self.drawn, rest) {
            self.debt += all.work - drawn;
        }
        (self.last, self.rest, self.drawn) = (Some((count, 0.0)), rest, Some(0.0));
    }
}

/// The next packet of a feed: when its transmission ends, its service here, and whether it comes here at all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Next {
    pub(super) ends: f64,
    pub(super) service: f64,
    pub(super) comes: bool,
}

/// Packets of feeds in a gap, by how long before its end they arrive.
#[derive(Clone, Debug, Default)]
pub(super) struct Fed {
    gap: f64,
    packets: Vec<(f64, f64)>,
    /// Packets that are being spread over a time; empty in between.
    spread: Vec<Next>,
}

impl Fed {
    /// For a gap. The first time it takes memory for all but great bursts.
    pub(super) fn begin(&mut self, gap: f64) {
        self.gap = gap;
        self.packets.clear();
        self.packets.reserve(128);
        self.spread.reserve(64);
    }

    pub(super) fn gap(&self) -> f64 {
        self.gap
    }

    pub(super) fn insert(&mut self, before_end: f64, service: f64) {
        self.packets.push((before_end, service));
    }

    /// For a packet that is to be spread; `ends` is the idle time after it, on any scale.
    pub(super) fn keep(&mut self, packet: Next) {
        self.spread.push(packet);
    }

    /// Inserts the packets that were kept, from an instant backwards, with their idle times on a scale; services are sent at
    /// a pace.
    pub(super) fn spread(&mut self, mut ended: f64, scale: f64, pace: f64) {
        let Self { gap, packets, spread } = self;
        for packet in spread.drain(..) {
            ended += scale * packet.ends;
            if packet.comes {
                packets.push((ended.min(*gap), packet.service));
            }
            ended += pace * packet.service;
        }
    }

    /// Puts the packets in order, the earliest last, and tells the gap.
    pub(super) fn sort(&mut self) -> f64 {
        self.packets.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        self.gap
    }

    /// How long before the end of the gap the earliest arrives that was not taken.
    pub(super) fn earliest(&self) -> Option<f64> {
        self.packets.last().map(|(before_end, _)| *before_end)
    }

    /// Takes the earliest: its service.
    pub(super) fn pop(&mut self) -> f64 {
        self.packets.pop().map_or(0.0, |(_, service)| service)
    }
}
