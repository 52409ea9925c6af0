//! The medium of a packet run, and what becomes of one packet at one place: the same in whatever order a run is computed.

use twin::{ArcId, BitsPerSec, Bytes, LinkId, NodeId, SimDuration};

use super::egress::Buffers;
use super::fault::{Fault, TimedFault};
use super::flight::Flight;
use super::forwarding::{Forwarding, Verdict, ttl_left};
use super::half_link::{Exit, HalfLink};
use super::recorder::{Disposition, DropPlace, Recorder};
use super::tcp::TcpHosts;

/// What routers, hosts and faults share: the half-links between them, the tables, and the tallies.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) forwarding: Forwarding,
    /// By arc.
    pub(crate) half_links: Vec<HalfLink>,
    /// Packet memories that disciplines share.
    pub(crate) buffers: Buffers,
    pub(crate) link_down: Vec<bool>,
    pub(crate) tcp: TcpHosts,
    pub(crate) recorder: Recorder,
    /// What was admitted to arcs that lead to another part of the network, as it stands on them.
    pub(crate) outbox: Vec<(ArcId, Flight)>,
    /// Packets under way in parts that were merged into this one.
    pub(crate) elsewhere: u64,
}

impl Network {
    /// A packet leaves its source: gives the arc that it takes, or counts its end. The source does not count as one of its
    /// hops: the time to live leaves as it is.
    #[inline(always)]
    pub(crate) fn send(&mut self, node: NodeId, flight: Flight) -> Option<ArcId> {
        let Self { forwarding, recorder, .. } = self;
        recorder.sent(flight);
        if forwarding.nodes[node.index()].down {
            lose(forwarding, recorder, flight, DropPlace::Node(node), Disposition::NodeDown);
            return None;
        }
        recorder.unknown_addresses += u64::from(forwarding.nobodys(node, &flight));
        follow(forwarding, recorder, node, flight)
    }

    /// A packet comes out of an arc: gives the next arc that it takes, or counts its end.
    #[inline(always)]
    pub(crate) fn arrive(&mut self, arc: ArcId, flight: Flight) -> Option<(ArcId, Flight)> {
        let Self { forwarding, half_links, recorder, .. } = self;
        arrive(forwarding, &half_links[arc.index()], recorder, arc, flight)
    }

    /// Puts a packet that came over another arc, or begins here, into the queue of an arc. Gives when it comes out if it is
    /// the only one there, and nothing else will remind anyone of it.
    #[inline(always)]
    pub(crate) fn transmit(&mut self, arc: ArcId, over: Option<ArcId>, flight: Flight) -> Option<Exit> {
        if self.half_links[arc.index()].has_background() {
            return self.transmit_behind(arc, over, flight);
        }
        let Self { forwarding, half_links, recorder, outbox, .. } = self;
        let half_link = &mut half_links[arc.index()];
        let remote = half_link.remote();
        let exit = transmit(forwarding, half_link, recorder, arc, flight, remote)?;
        if remote {
            outbox.push((arc, half_link.hand_over(flight.at)));
            return None;
        }
        Some(exit)
    }

    /// As [`transmit`](Self::transmit) where unseen packets share the queue. No other part of the network is at its end.
    #[inline(never)] // so that it costs nothing where there is no background
    fn transmit_behind(&mut self, arc: ArcId, over: Option<ArcId>, flight: Flight) -> Option<Exit> {
        let Self { forwarding, half_links, recorder, .. } = self;
        let over = over.and_then(|over| half_links[over.index()].upstream(flight.at));
        let half_link = &mut half_links[arc.index()];
        let alone = half_link.queue.len() == 0;
        let admitted = match half_link.up() {
            true => {
                half_link.admit_behind(flight, over, forwarding.item(&flight)).ok_or(Disposition::QueueFull)
            }
            false => Err(Disposition::LinkDown),
        };
        match admitted {
            Ok(at) => {
                recorder.accepted(arc, flight.size(), flight.at);
                alone.then(|| Exit { at, key: flight.key() })
            }
            Err(why) => {
                lose(forwarding, recorder, flight, DropPlace::Arc(arc), why);
                None
            }
        }
    }

    /// Takes in what another part of the network came to: tallies add up, and each packet is in one part.
    pub(crate) fn merge(&mut self, part: Self) {
        self.elsewhere += part.in_flight();
        for (mine, other) in self.half_links.iter_mut().zip(&part.half_links) {
            mine.queue.merge_stats(&other.queue);
        }
        self.recorder.merge(part.recorder);
    }

    /// The least time that a packet takes across an arc at the highest rate that it ever has.
    pub(crate) fn least_crossing(&self, arc: ArcId, faults: &[TimedFault]) -> SimDuration {
        let rates = faults.iter().filter_map(|f| match f.fault {
            Fault::Capacity { arc: of, rate } if of == arc => Some(rate),
            _ => None,
        });
        let csr = &self.forwarding.csr;
        let rate = rates.fold(csr.capacity[arc.index()], BitsPerSec::max);
        let size = Bytes::new(u64::from(self.forwarding.workload.least_size()));
        rate.serialization_delay(size) + csr.delay[arc.index()]
    }

    /// Packets in queues and on wires.
    pub(crate) fn in_flight(&self) -> u64 {
        let own = self.half_links.iter().filter(|h| !h.remote());
        self.elsewhere + own.map(HalfLink::held).sum::<u64>()
    }

    /// Whether an arc's link and both its ends are up.
    pub(crate) fn should_be_up(&self, arc: ArcId) -> bool {
        let (i, Forwarding { csr, nodes, .. }) = (arc.index(), &self.forwarding);
        let LinkId(link) = csr.link[i];
        let node_up = |n: NodeId| !nodes[n.index()].down;
        !self.link_down[link as usize] && node_up(csr.src[i]) && node_up(csr.dst[i])
    }
}

/// As [`Network::arrive`], for one who has its parts in hand.
#[inline(always)] // so that a packet stays in registers on its way from one ring to the next
pub(crate) fn arrive(
    forwarding: &Forwarding,
    half_link: &HalfLink,
    recorder: &mut Recorder,
    arc: ArcId,
    flight: Flight,
) -> Option<(ArcId, Flight)> {
    recorder.arrivals += 1;
    if half_link.lossy() && half_link.loses(forwarding.item(&flight)) {
        lose(forwarding, recorder, flight, DropPlace::Arc(arc), Disposition::Loss);
        return None;
    }
    let flight = flight.crossed();
    Some((follow(forwarding, recorder, forwarding.csr.dst[arc.index()], flight)?, flight))
}

#[inline(always)]
fn follow(forwarding: &Forwarding, recorder: &mut Recorder, node: NodeId, flight: Flight) -> Option<ArcId> {
    match forwarding.decide(node, flight) {
        Verdict::Via(arc) => Some(arc),
        Verdict::Deliver => {
            recorder.delivered(flight, forwarding.sent_at(&flight));
            if recorder.keeps_frames() {
                keep_frame(forwarding, recorder, node, flight);
            }
            None
        }
        Verdict::Drop(why) => {
            lose(forwarding, recorder, flight, DropPlace::Node(node), why);
            None
        }
    }
}

#[cold]
pub(crate) fn lose(
    forwarding: &Forwarding,
    recorder: &mut Recorder,
    flight: Flight,
    place: DropPlace,
    why: Disposition,
) {
    recorder.dropped(&flight, forwarding.sent_at(&flight), place, why, flight.at);
}

#[cold]
fn keep_frame(forwarding: &Forwarding, recorder: &mut Recorder, node: NodeId, flight: Flight) {
    if let Some(frame) = forwarding.frame(&flight) {
        recorder.frame(node, &flight, frame, ttl_left(&flight, forwarding.ttl(&flight)));
    }
}

/// As [`Network::transmit`] without background, for one who has its parts in hand; with `always`, gives the exit of any
/// packet.
#[inline(always)]
pub(crate) fn transmit(
    forwarding: &Forwarding,
    half_link: &mut HalfLink,
    recorder: &mut Recorder,
    arc: ArcId,
    flight: Flight,
    always: bool,
) -> Option<Exit> {
    let alone = half_link.queue.len() == 0 || always;
    let admitted = match half_link.up() {
        true => half_link.admit(flight).ok_or(Disposition::QueueFull),
        false => Err(Disposition::LinkDown),
    };
    match admitted {
        Ok(at) => {
            recorder.accepted(arc, flight.size(), flight.at);
            alone.then(|| Exit { at, key: flight.key() })
        }
        Err(why) => {
            lose(forwarding, recorder, flight, DropPlace::Arc(arc), why);
            None
        }
    }
}
