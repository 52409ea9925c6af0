//! A router: an arrival is checked, counted, and sent on.

use engine::{Ctx, EventKey, EventKind, PacketId};
use twin::{ArcId, Bytes, NodeId};

use super::network::{Network, Verdict};
use super::recorder::{Disposition, DropPlace};

/// A node that forwards. Its egress queues belong to the half-links of [`Network`]; routers are the first entities of a
/// run, so a node's number is its entity.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    pub(crate) node: NodeId,
}

impl Router {
    /// A packet comes out of a half-link.
    #[inline]
    pub(crate) fn on_arrive(&self, arc: ArcId, generation: u16, id: PacketId, cx: &mut Ctx<'_, Network>) {
        let half_link = &cx.world.half_links[arc.index()];
        if !half_link.intact(generation) {
            return drop_packet(id, DropPlace::Arc(arc), Disposition::LinkDown, cx);
        }
        if half_link.lossy() && half_link.loses(Network::item(&cx.world.workload, cx.packets.get(id))) {
            return drop_packet(id, DropPlace::Arc(arc), Disposition::Loss, cx);
        }
        cx.packets.get_mut(id).hops += 1;
        match cx.world.decide(self.node, cx.packets.get(id)) {
            Verdict::Deliver => deliver(self.node, id, cx),
            Verdict::Drop(why) => drop_packet(id, DropPlace::Node(self.node), why, cx),
            Verdict::Via(next) => self.forward(next, arc, id, cx),
        }
    }

    /// RFC 1812 §5.3.1: a packet that would leave with a time to live of zero is discarded.
    fn forward(&self, next: ArcId, over: ArcId, id: PacketId, cx: &mut Ctx<'_, Network>) {
        let packet = cx.packets.get_mut(id);
        if packet.ttl <= 1 {
            return drop_packet(id, DropPlace::Node(self.node), Disposition::TtlExpired, cx);
        }
        packet.ttl -= 1;
        transmit(next, Some(over), id, cx);
    }
}

/// Puts a packet that came over another arc, or from here, into the queue of an arc. The one event of the hop is its arrival at the far end.
#[inline]
pub(crate) fn transmit(arc: ArcId, over: Option<ArcId>, id: PacketId, cx: &mut Ctx<'_, Network>) {
    let now = cx.now();
    let packet = cx.packets.get(id);
    let Network { half_links, workload, recorder, csr, .. } = &mut *cx.world;
    let over = over.and_then(|arc| half_links[arc.index()].upstream());
    let half_link = &mut half_links[arc.index()];
    if !half_link.up() {
        return drop_packet(id, DropPlace::Arc(arc), Disposition::LinkDown, cx);
    }
    let size = Bytes::new(u64::from(packet.size));
    match half_link.admit(now, size, over, || Network::item(workload, packet)) {
        None => drop_packet(id, DropPlace::Arc(arc), Disposition::QueueFull, cx),
        Some(arrival) => {
            recorder.accepted(arc, packet.size, now);
            let (key, to) = (EventKey::of_flow(packet.flow, packet.sequence), csr.dst[arc.index()]);
            let generation = half_link.generation();
            let kind = EventKind::Arrive { generation, packet: id, half_link: arc.0 };
            cx.schedule_keyed(arrival, key, to.0, kind);
        }
    }
}

/// The packet is where it wanted to be.
pub(crate) fn deliver(node: NodeId, id: PacketId, cx: &mut Ctx<'_, Network>) {
    let now = cx.now();
    let packet = cx.packets.remove(id);
    cx.world.recorder.delivered(node, &packet, now);
}

/// The packet is lost.
#[cold]
pub(crate) fn drop_packet(id: PacketId, place: DropPlace, why: Disposition, cx: &mut Ctx<'_, Network>) {
    let now = cx.now();
    let packet = cx.packets.remove(id);
    cx.world.recorder.dropped(&packet, place, why, now);
}
