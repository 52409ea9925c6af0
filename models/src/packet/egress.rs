//! Egress disciplines in a packet run: which half-links have one, and what becomes of a packet there.
//!
//! A plain FIFO knows a packet's departure when it comes, and a hop is one event. A discipline decides when its transmitter
//! is free, so a hop behind one is two: the end of service, and the arrival at the far end.

use std::collections::BTreeMap;

use engine::Chance;
use twin::{ArcId, BitsPerSec, Bytes, Csr, InputError, NodeId, Place, SimTime};

use super::discipline::{
    Arrival, Discipline, DisciplineConfig, Dscp, DscpMap, Next, Offer, Refusal, SharedBuffer, ecn_capable,
};
use super::flight::Flight;
use super::half_link::Exit;
use super::network::{Network, lose};
use super::recorder::{Disposition, DropPlace};

/// The half-links whose queue is not the plain FIFO, and the buffers that such queues share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Disciplines {
    /// By arc: the queue in front of it, instead of [`PacketConfig::buffer`](super::PacketConfig).
    pub queues: BTreeMap<ArcId, DisciplineConfig>,
    /// By node: the packet memory that classes with a [`Share`](super::discipline::Share) take their room from.
    pub buffers: BTreeMap<NodeId, Bytes>,
}

/// The buffers of a network by node; empty where there are none.
pub(crate) type Buffers = Vec<Option<SharedBuffer>>;

/// Ends of service are ordered by arc among the events of an instant, in keys of 23 bits.
const ARCS_MAX: usize = (1 << 23) - 1;

impl Disciplines {
    /// The same queue on several arcs, without shared buffers.
    pub fn on(arcs: impl IntoIterator<Item = ArcId>, queue: &DisciplineConfig) -> Self {
        let queues = arcs.into_iter().map(|arc| (arc, queue.clone())).collect();
        Self { queues, buffers: BTreeMap::new() }
    }

    /// Whether a network can have them.
    pub(crate) fn validate(&self, csr: &Csr) -> Result<(), InputError> {
        let error = |what: String, expected: String| {
            Err(InputError::new("queue disciplines", Place::Whole, what, expected))
        };
        let (arcs, nodes) = (csr.arc_count(), csr.node_count());
        if arcs > ARCS_MAX {
            return error(format!("a network of {arcs} arcs"), format!("at most {ARCS_MAX}"));
        }
        if let Some(arc) = self.queues.keys().find(|arc| arc.index() >= arcs) {
            return error(format!("a queue on arc {}", arc.0), format!("an arc below {arcs}"));
        }
        if let Some(node) = self.buffers.keys().find(|node| node.index() >= nodes) {
            return error(format!("a buffer in node {}", node.0), format!("a node below {nodes}"));
        }
        let mut buffers = self.buffers(csr);
        for (&arc, config) in &self.queues {
            let rate = csr.capacity[arc.index()];
            Discipline::<()>::new(config, rate, buffer(&mut buffers, csr.src[arc.index()]))?;
        }
        Ok(())
    }

    /// The shared buffers, before any queue has joined.
    pub(crate) fn buffers(&self, csr: &Csr) -> Buffers {
        let buffer = |node| self.buffers.get(&node).map(|total| SharedBuffer::new(*total));
        (0..csr.node_count()).map(|node| buffer(NodeId::new(node))).collect()
    }

    /// The queue of an arc, if it has one.
    pub(crate) fn egress(
        &self,
        csr: &Csr,
        arc: ArcId,
        luck: Chance,
        buffers: &mut Buffers,
    ) -> Option<Box<Egress>> {
        let config = self.queues.get(&arc)?;
        let (rate, shared) = (csr.capacity[arc.index()], buffer(buffers, csr.src[arc.index()]));
        let queue = Discipline::new(config, rate, shared).expect("disciplines were validated");
        Some(Box::new(Egress { queue, dscp: config.dscp, luck, asked: None }))
    }
}

/// The buffer of a node.
pub(crate) fn buffer(buffers: &mut Buffers, node: NodeId) -> Option<&mut SharedBuffer> {
    buffers.get_mut(node.index())?.as_mut()
}

/// The discipline of one half-link.
#[derive(Clone, Debug)]
pub(crate) struct Egress {
    queue: Discipline<Flight>,
    dscp: DscpMap,
    luck: Chance,
    /// When it will be asked what to send: an event of that instant is pending. Events of other instants are stale.
    asked: Option<SimTime>,
}

/// What has to be planned for an arc after a packet or an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// A packet is the only one on the wire, and comes out then.
    pub(crate) exit: Option<Exit>,
    /// The discipline is to be asked then.
    pub(crate) ask: Option<SimTime>,
}

impl Egress {
    /// Offers a packet with this byte of type of service or traffic class.
    fn offer(
        &mut self,
        flight: Flight,
        traffic_class: u8,
        item: u64,
        shared: Option<&mut SharedBuffer>,
    ) -> Offer {
        let dscp = Dscp::of_traffic_class(traffic_class);
        let arrival = Arrival {
            item: flight,
            size: Bytes::new(u64::from(flight.size())),
            class: self.dscp.class(dscp),
            colour: dscp.colour(),
            ecn_capable: ecn_capable(traffic_class),
        };
        self.queue.offer(flight.at, arrival, shared, || self.luck.f64_open(item))
    }

    /// What goes out at `now` if the transmitter is free, with its departure; and when to ask again, unless that is
    /// planned already.
    pub(crate) fn next(
        &mut self,
        now: SimTime,
        shared: Option<&mut SharedBuffer>,
        rate: BitsPerSec,
        framing: u64,
    ) -> (Option<Flight>, Option<SimTime>) {
        if self.queue.busy(now) {
            return (None, None);
        }
        let service = |size: Bytes| rate.serialization_delay(Bytes::new(size.get() + framing));
        let (flight, ask) = match self.queue.next(now, shared, service) {
            Next::Idle => (None, None),
            Next::Wait(until) => (None, Some(until)),
            Next::Send(sent) => {
                let flight = sent.item.at(sent.until);
                (Some(if sent.marked { flight.marked() } else { flight }), Some(sent.until))
            }
        };
        let planned = std::mem::replace(&mut self.asked, ask) == ask;
        (flight, ask.filter(|_| !planned))
    }

    /// Everything that waits is lost.
    pub(crate) fn clear(
        &mut self,
        now: SimTime,
        shared: Option<&mut SharedBuffer>,
        lost: impl FnMut(Flight),
    ) {
        self.asked = None;
        self.queue.clear(now, shared, lost);
    }

    pub(crate) fn set_rate(&mut self, rate: BitsPerSec) {
        self.queue.set_rate(rate);
    }

    pub(crate) fn queue(&self) -> &Discipline<Flight> {
        &self.queue
    }

    /// Packets that wait for their service.
    pub(crate) fn waiting(&self) -> u64 {
        (0..self.queue.class_count()).map(|class| self.queue.waiting(class)).sum()
    }
}

impl Network {
    /// Offers a packet to the discipline of an arc.
    pub(crate) fn offer(&mut self, arc: ArcId, flight: Flight) -> Turn {
        let Self { forwarding, half_links, buffers, recorder, .. } = self;
        let half_link = &mut half_links[arc.index()];
        if !half_link.up() {
            lose(forwarding, recorder, flight, DropPlace::Arc(arc), Disposition::LinkDown);
            return Turn::default();
        }
        let shared = buffer(buffers, forwarding.csr.src[arc.index()]);
        let egress = half_link.egress.as_deref_mut().expect("an arc with a discipline");
        let traffic_class = forwarding.traffic_class(&flight);
        if let Offer::Dropped(why) = egress.offer(flight, traffic_class, forwarding.item(&flight), shared) {
            lose(forwarding, recorder, flight, DropPlace::Arc(arc), disposition(why));
        }
        self.turn(arc, flight.at)
    }

    /// The instant for which the discipline of an arc asked has come.
    pub(crate) fn ask(&mut self, arc: ArcId, now: SimTime) -> Turn {
        match &mut self.half_links[arc.index()].egress {
            Some(egress) if egress.asked == Some(now) => egress.asked = None,
            _ => return Turn::default(), // planned before something else came first
        }
        self.turn(arc, now)
    }

    fn turn(&mut self, arc: ArcId, now: SimTime) -> Turn {
        let Self { forwarding, half_links, buffers, recorder, .. } = self;
        let (sent, turn) =
            half_links[arc.index()].turn(now, buffer(buffers, forwarding.csr.src[arc.index()]));
        if let Some(size) = sent {
            recorder.accepted(arc, size, now);
        }
        turn
    }
}

fn disposition(why: Refusal) -> Disposition {
    match why {
        Refusal::QueueFull | Refusal::BufferFull => Disposition::QueueFull,
        Refusal::Early => Disposition::EarlyDrop,
        Refusal::Policed => Disposition::Policed,
        Refusal::TooBig => Disposition::TooBig,
    }
}
