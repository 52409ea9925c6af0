//! The host of a node: replays what the workload says the node sends.

use engine::{Ctx, EventKey, EventKind, Packet};
use twin::{NodeId, SimTime};

use super::network::{Network, Verdict};
use super::recorder::{Disposition, DropPlace};
use super::router::{deliver, drop_packet, transmit};
use super::workload::Workload;

/// A source with one pending event: its next packet. It hands packets to its own node without a link in between.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) node: NodeId,
    /// Packets sent so far.
    sent: usize,
}

/// The one timer of a host.
const SEND: EventKind = EventKind::Timer { tag: 0, token: 0 };

impl Host {
    pub(crate) fn new(node: NodeId) -> Self {
        Self { node, sent: 0 }
    }

    /// When and under which key the next packet is sent.
    pub(crate) fn next(&self, workload: &Workload) -> Option<(SimTime, EventKey, EventKind)> {
        let index = *workload.source(self.node).packets.get(self.sent)?;
        let planned = &workload.packets()[index as usize];
        Some((planned.at, EventKey::of_flow(planned.flow, planned.sequence), SEND))
    }

    /// Sends the next packet, and plans the one after it.
    pub(crate) fn on_timer(&mut self, cx: &mut Ctx<'_, Network>) {
        let packet = self.next_packet(&cx.world.workload);
        self.sent += 1;
        if let Some((at, key, kind)) = self.next(&cx.world.workload) {
            cx.schedule_keyed(at, key, cx.me(), kind);
        }
        self.send(packet, cx);
    }

    fn next_packet(&self, workload: &Workload) -> Packet {
        let index = workload.source(self.node).packets[self.sent];
        let planned = &workload.packets()[index as usize];
        Packet {
            sent_at: planned.at,
            entropy: planned.entropy,
            flow: planned.flow,
            sequence: planned.sequence,
            src: planned.src.0,
            dst: planned.dst.0,
            size: planned.size,
            hops: 0,
            ttl: planned.ttl,
            frame: planned.frame.clone(),
        }
    }

    /// The source of a packet does not count as one of its hops: its time to live leaves as it is.
    fn send(&self, packet: Packet, cx: &mut Ctx<'_, Network>) {
        cx.world.recorder.sent(&packet);
        let id = cx.packets.insert(packet);
        if cx.world.nodes[self.node.index()].down {
            return drop_packet(id, DropPlace::Node(self.node), Disposition::NodeDown, cx);
        }
        match cx.world.decide(self.node, cx.packets.get(id)) {
            Verdict::Deliver => deliver(self.node, id, cx),
            Verdict::Drop(why) => drop_packet(id, DropPlace::Node(self.node), why, cx),
            Verdict::Via(arc) => transmit(arc, None, id, cx),
        }
    }
}
