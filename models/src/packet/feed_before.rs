//! What a feed sent before a watched packet that came over it. The packet is the last of it; before it came what it waited
//! for and all that had been sent without a break before that, and before that as much as the half-link counted.

use engine::Draws;

use super::count::{Sent, Upstream};
use super::feed::FeedStream;
use super::streams::{Fed, Next, Stream};
use super::unseen::normal;

/// A watched packet that comes over another half-link, as the queue at its end sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    pub(super) up: Upstream,
    /// Its service here.
    pub(super) service: f64,
}

impl FeedStream {
    /// How long the half-link sent without a break until the watched packet was sent.
    pub(super) fn run(&self, behind: Behind) -> f64 {
        self.pace * behind.service + behind.up.wait + behind.up.age
    }

    /// The packets of the near past. `to_the_last`: it reaches back to the last watched packet, so all that was sent since
    /// is known if that packet came over this feed, and a part of it otherwise. `arriving` is the rate of the variance of
    /// what arrives at the half-link before, in our services.
    pub(super) fn before(
        &self,
        behind: Behind,
        to_the_last: bool,
        arriving: f64,
        stream: &mut Stream,
        (fed, draws): (&mut Fed, &mut Draws),
    ) {
        let began = behind.service * self.pace;
        let all = stream.since(behind.up.count);
        let recent = Sent { time: began + behind.up.recent.time, ..behind.up.recent };
        let first = all.filter(|all| all.time <= recent.time).unwrap_or(recent);
        let near = fed.gap();
        let mut laying = Laying {
            feed: self,
            due: stream.due(),
            arriving,
            fed,
            draws,
            ended: began,
            sent: 0.0,
            comes: None,
        };
        laying.in_one(first, self.run(behind));
        laying.late(self.run(behind).min(first.time) - near, all.and_then(|all| stream.missing(all)));
        laying.spread(first);
        if first.time < near {
            match all {
                Some(all) if to_the_last => laying.spread(all),
                _ => laying.go_back(first.time),
            }
        }
        let sent = laying.sent;
        stream.draw(sent);
        let rest = all.filter(|_| !to_the_last).map(|all| all.before(Sent { work: sent, time: near }));
        stream.settle(behind.up.count, all, rest);
        // What came while the watched packet waited and was sent comes after it.
        self.wake(-(began + behind.up.wait), stream, draws);
    }
}

/// Packets that are laid into a gap from its end on. Times are before its end.
struct Laying<'a> {
    feed: &'a FeedStream,
    due: f64,
    arriving: f64,
    fed: &'a mut Fed,
    draws: &'a mut Draws,
    /// When the transmission of the last ended.
    ended: f64,
    /// How much was sent so far.
    sent: f64,
    /// Whether the burst that is being laid comes here.
    comes: Option<bool>,
}

impl Laying<'_> {
    /// Without a break, as much as was sent and no farther than `until`.
    fn in_one(&mut self, sent: Sent, until: f64) {
        let until = until.min(sent.time).min(self.fed.gap());
        while self.sent < sent.work && self.ended < until {
            let packet = self.packet(sent.work - self.sent);
            if packet.comes {
                self.fed.insert(self.ended, packet.service);
            }
            self.ended += self.feed.pace * packet.service;
        }
    }

    /// Before the gap the half-link had sent without a break for so long, which was not known then: what came of it and is
    /// missing still (as much as is to be expected, where that was not counted) comes as the gap begins.
    fn late(&mut self, time: f64, missing: Option<f64>) {
        let work = missing.map_or((1.0 - self.feed.busy) * time, |work| time.min(work - self.sent));
        if time > 0.0 && work > 0.0 {
            self.fed.insert(self.fed.gap(), self.feed.share * work / self.feed.pace);
            self.sent += work;
        }
    }

    /// What else was sent in a time, in as many parts as that much work has in a time that long. If the time is longer than
    /// the gap, a part of the work that is proportional but for chance, and what is due.
    fn spread(&mut self, sent: Sent) {
        let end = sent.time.min(self.fed.gap());
        let (span, time, work) = (end - self.ended, sent.time - self.ended, sent.work - self.sent);
        if span <= 0.0 || work <= 0.0 {
            self.ended = end;
            return;
        }
        let mut work = work;
        if time > span {
            let before = 1.0 - span / time;
            let chance = self.feed.spread(self.arriving, span) * libm::sqrt(before) * normal(self.draws);
            work = (work * (1.0 - before) + chance + self.due).clamp(0.0, span);
        }
        self.comes = None;
        let (idle, on, all) = ((span - work).max(0.0), work / span, self.sent + work);
        let (mut pause, mut pauses) = (self.draws.exp(), 0.0);
        while self.sent < all {
            let packet = self.packet(all - self.sent);
            self.fed.keep(Next { ends: pause, ..packet });
            pauses += pause;
            pause = if self.comes.is_none() && self.draws.f64_open() >= on { self.draws.exp() } else { 0.0 };
        }
        let scale = idle / (pauses + self.draws.exp());
        self.fed.spread(self.ended, scale, self.feed.pace);
        self.ended = end;
    }

    /// Where nothing is known.
    fn go_back(&mut self, from: f64) {
        let ended = from + self.feed.break_after(self.draws);
        self.sent += self.feed.back(ended, None, self.fed, self.draws);
    }

    /// The next packet, or as much of it as is left.
    fn packet(&mut self, left: f64) -> Next {
        let service = self.feed.packets.service(self.draws).min(left / self.feed.pace);
        let comes = *self.comes.get_or_insert_with(|| self.draws.f64_open() < self.feed.share);
        if self.feed.packets.burst_ends(self.draws) {
            self.comes = None;
        }
        self.sent += self.feed.pace * service;
        Next { ends: 0.0, service, comes }
    }
}
