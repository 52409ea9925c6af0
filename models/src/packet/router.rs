//! A router: an arrival is checked, counted, and sent on.

use engine::{Ctx, EventKind};
use twin::ArcId;

use super::flight::Flight;
use super::half_link::Exit;
use super::network::Network;
use super::tcp;

/// The oldest packet on a half-link comes out of it. Routers are the first entities of a run, so a node's number is its
/// entity; their state is the [`Network`]'s.
#[inline]
pub(crate) fn on_arrive(arc: ArcId, generation: u16, cx: &mut Ctx<'_, Network>) {
    let half_link = &mut cx.world.half_links[arc.index()];
    if !half_link.intact(generation) {
        return; // what was on it was lost when it went down
    }
    let flight = half_link.take().expect("an arrival is planned for a packet");
    if let Some(next) = half_link.next_exit() {
        plan(arc, generation, next, cx.me(), cx);
    }
    match cx.world.arrive(arc, flight) {
        Some((onward, flight)) => transmit(onward, flight, cx),
        None if cx.world.recorder.ended.any() => tcp::read(cx),
        None => {}
    }
}

/// Puts a packet into the queue of an arc. The one event of the hop is its arrival at the far end, and only the oldest
/// packet of an arc has it among the pending ones.
#[inline]
pub(crate) fn transmit(arc: ArcId, flight: Flight, cx: &mut Ctx<'_, Network>) {
    if let Some(exit) = cx.world.transmit(arc, flight) {
        let (generation, to) =
            (cx.world.half_links[arc.index()].generation(), cx.world.forwarding.csr.dst[arc.index()]);
        plan(arc, generation, exit, to.0, cx);
    }
}

#[inline]
fn plan(arc: ArcId, generation: u16, exit: Exit, to: u32, cx: &mut Ctx<'_, Network>) {
    cx.schedule_keyed(exit.at, exit.key, to, EventKind::Arrive { generation, half_link: arc.0 });
}
