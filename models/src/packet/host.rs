//! The host of a node: replays what the workload says the node sends.

use engine::{Ctx, EventKey, EventKind};
use twin::{NodeId, SimTime};

use super::network::Network;
use super::router::transmit;
use super::workload::Workload;

/// A source with one pending event: its next packet. It hands packets to its own node without a link in between.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) node: NodeId,
    /// Its next packet, and the end of its packets.
    next: u32,
    end: u32,
}

/// The one timer of a host.
const SEND: EventKind = EventKind::Timer { tag: 0, token: 0 };

impl Host {
    /// The host of a node that sends something; `None` if it sends nothing.
    pub(crate) fn new(node: NodeId, workload: &Workload) -> Option<Self> {
        let packets = workload.source(node);
        (!packets.is_empty()).then_some(Self { node, next: packets.start, end: packets.end })
    }

    /// When and under which key the next packet is sent.
    #[inline]
    pub(crate) fn next(&self, workload: &Workload) -> Option<(SimTime, EventKey, EventKind)> {
        if self.next == self.end {
            return None;
        }
        let flight = workload.flight(self.next);
        Some((flight.at, flight.key(), SEND))
    }

    /// Sends the next packet, and plans the one after it.
    #[inline]
    pub(crate) fn on_timer(&mut self, cx: &mut Ctx<'_, Network>) {
        let flight = cx.world.forwarding.workload.flight(self.next);
        self.next += 1;
        if let Some((at, key, kind)) = self.next(&cx.world.forwarding.workload) {
            cx.schedule_keyed(at, key, cx.me(), kind);
        }
        if let Some(arc) = cx.world.send(self.node, flight) {
            transmit(arc, flight, cx);
        }
    }
}
