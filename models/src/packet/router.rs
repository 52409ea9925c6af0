//! A router: an arrival is checked, counted, and sent on.

use engine::{Ctx, EventKey, EventKind, Simulation};
use twin::ArcId;

use super::egress::Turn;
use super::flight::Flight;
use super::half_link::Exit;
use super::network::Network;
use super::run::Device;
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
        Some((onward, flight)) => transmit(onward, Some(arc), flight, cx),
        None if cx.world.recorder.ended.any() => tcp::read(cx),
        None => {}
    }
}

/// Puts a packet that came over another arc, or begins here, into the queue of an arc. The one event of the hop is its arrival at the far end, and only the oldest
/// packet of an arc has it among the pending ones.
#[inline]
pub(crate) fn transmit(arc: ArcId, over: Option<ArcId>, flight: Flight, cx: &mut Ctx<'_, Network>) {
    if cx.world.half_links[arc.index()].egress.is_some() {
        let turn = cx.world.offer(arc, flight);
        return plan_turn(arc, turn, cx);
    }
    if let Some(exit) = cx.world.transmit(arc, over, flight) {
        let (generation, to) =
            (cx.world.half_links[arc.index()].generation(), cx.world.forwarding.csr.dst[arc.index()]);
        plan(arc, generation, exit, to.0, cx);
    }
}

/// A packet that another part of the network admitted to an arc is on its wire.
pub(crate) fn receive(arc: ArcId, flight: Flight, sim: &mut Simulation<Device>) {
    let network = sim.world_mut();
    let (half_link, to) = (&mut network.half_links[arc.index()], network.forwarding.csr.dst[arc.index()]);
    let generation = half_link.generation();
    if let Some(Exit { at, key }) = half_link.carry(flight) {
        sim.schedule_keyed(at, key, to.0, EventKind::Arrive { generation, half_link: arc.0 });
    }
}

/// The discipline of an arc is asked what to send.
pub(crate) fn on_ask(arc: ArcId, cx: &mut Ctx<'_, Network>) {
    let turn = cx.world.ask(arc, cx.now());
    plan_turn(arc, turn, cx);
}

/// Plans what a discipline needs: two events for a hop. An end of service precedes the packets that come at its instant,
/// so it makes room for them, as in the plain queue.
fn plan_turn(arc: ArcId, turn: Turn, cx: &mut Ctx<'_, Network>) {
    let csr = &cx.world.forwarding.csr;
    let (src, dst) = (csr.src[arc.index()], csr.dst[arc.index()]);
    if let Some(exit) = turn.exit {
        plan(arc, cx.world.half_links[arc.index()].generation(), exit, dst.0, cx);
    }
    if let Some(at) = turn.ask {
        cx.schedule_keyed(
            at,
            EventKey::of_source(arc.0 + 1, 0),
            src.0,
            EventKind::Timer { tag: 0, token: arc.0 },
        );
    }
}

#[inline]
fn plan(arc: ArcId, generation: u16, exit: Exit, to: u32, cx: &mut Ctx<'_, Network>) {
    cx.schedule_keyed(exit.at, exit.key, to, EventKind::Arrive { generation, half_link: arc.0 });
}
