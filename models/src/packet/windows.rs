//! A run computed by windows of time instead of events, for traffic without feedback.
//!
//! Sources that replay a schedule do not react, so what comes out of a half-link depends only on what goes in. Half-links
//! are put in an order in which each comes after those that feed it. A window at a time, each takes all its arrivals of
//! the window as one sorted list through its queue, and hands what comes out within the window to the lists of the next
//! ones. Nothing is queued among pending events at all. What a half-link and a node do with one packet is the
//! [`Network`]'s, as in the event engine, and happens in the same order at each half-link: so the results are equal.
//!
//! Where half-links feed each other in a circle, a window is no longer than the least propagation delay of these: what
//! comes out of them in a window left their queues before it. Changes of the network cut the window: they happen
//! before the packets of their instant.

use std::ops::Range;

use twin::{ArcId, NodeId, SimDuration, SimTime};

use super::dependence::{Component, Dependence};
use super::fault::TimedFault;
use super::flight::Flight;
use super::network::{Network, arrive, transmit};
use super::stages::{Neighbours, Window};

/// Arrivals in a window at which the lists of a network of some hundred half-links stay in the cache.
const ARRIVALS: u64 = 16_384;

/// A run in progress: of the whole network, or of one stage of it.
pub(crate) struct Windows<'a> {
    network: Network,
    dependence: &'a Dependence,
    /// The components that are computed here.
    mine: Range<usize>,
    /// The stages before and after this one.
    neighbours: Neighbours,
    /// In order of time; those of one instant as they were given.
    faults: std::iter::Peekable<std::slice::Iter<'a, TimedFault>>,
    sources: Vec<Source>,
    /// By arc: what meets its queue in this window.
    lists: Vec<Vec<Flight>>,
    /// Where the next window begins.
    now: SimTime,
    width: SimDuration,
}

/// The packets that one node has yet to send.
struct Source {
    node: NodeId,
    next: u32,
    end: u32,
}

impl<'a> Windows<'a> {
    /// A run at time zero. `faults` are in order of time.
    pub(crate) fn new(network: Network, dependence: &'a Dependence, faults: &'a [TimedFault]) -> Self {
        let all = 0..dependence.components.len();
        Self::stage(network, dependence, faults, all, Neighbours::default())
    }

    /// The part of a run that computes the components `mine`. Sources belong to the first stage.
    pub(crate) fn stage(
        network: Network,
        dependence: &'a Dependence,
        faults: &'a [TimedFault],
        mine: Range<usize>,
        neighbours: Neighbours,
    ) -> Self {
        let nodes = (0..network.forwarding.csr.node_count()).map(NodeId::new);
        let source = |node| {
            let packets = network.forwarding.workload.source(node);
            Source { node, next: packets.start, end: packets.end }
        };
        let sources = nodes.map(source).filter(|s| s.next < s.end && mine.start == 0).collect();
        let lists = vec![Vec::new(); network.forwarding.csr.arc_count()];
        let packets = network.forwarding.workload.packet_count().max(1) as u64;
        // A guess of a few hops for each packet; each window then follows from the one before.
        let width = network.forwarding.workload.last_sent().as_ps() / packets.div_ceil(ARRIVALS / 4);
        Self {
            network,
            dependence,
            mine,
            neighbours,
            faults: faults.iter().peekable(),
            sources,
            lists,
            now: SimTime::ZERO,
            width: SimDuration::from_ps(width.max(1)),
        }
    }

    /// Goes on up to and including `until`, or to the end of all packets, and gives the network as it is then.
    pub(crate) fn run(mut self, until: SimTime) -> Network {
        while let Some(window) = self.next_window(until) {
            while let Some(fault) = self.faults.next_if(|f| f.at <= window.start) {
                self.network.change(&fault.fault, fault.at);
            }
            let before = self.network.recorder.arrivals;
            self.window(window.end);
            self.adapt(self.network.recorder.arrivals - before);
            self.neighbours.hand_on(window, &mut self.lists);
            match window.end {
                Some(end) => self.now = end,
                None => break,
            }
        }
        self.network
    }

    /// The next window. The stage before decides as long as it goes on.
    fn next_window(&mut self, until: SimTime) -> Option<Window> {
        if let Some(window) = self.neighbours.receive(&mut self.lists) {
            self.width = window.end.map_or(self.width, |end| end.since(window.start));
            return Some(window);
        }
        let next = self.next_at();
        let fault = self.faults.peek().map(|f| f.at);
        let at = [next, fault].into_iter().flatten().min().filter(|at| *at <= until)?;
        if at > self.now && self.neighbours.follow() {
            // Nothing happens here; but it may in the stages that follow.
            return Some(Window { start: self.now, end: Some(at) });
        }
        self.now = self.now.max(at);
        Some(Window { start: self.now, end: self.end(until) })
    }

    /// When something happens next.
    fn next_at(&self) -> Option<SimTime> {
        let packets = self.network.forwarding.workload.packets();
        let sends = self.sources.iter().filter(|s| s.next < s.end).map(|s| packets[s.next as usize].at);
        let exits = self.network.half_links.iter().filter_map(|h| Some(h.next_exit()?.at));
        sends.chain(exits).min()
    }

    /// The first instant after the window; `None` if that is the end of time.
    fn end(&mut self, until: SimTime) -> Option<SimTime> {
        let mut width = self.width;
        for component in self.dependence.components[self.mine.clone()].iter().filter(|c| c.cyclic) {
            width = width.min(self.network.least_delay(component));
        }
        let after = |at: SimTime| at.as_ps().checked_add(1).map(SimTime::from_ps);
        let end = self.now.as_ps().checked_add(width.as_ps().max(1)).map(SimTime::from_ps);
        let fault = self.faults.peek().map(|f| f.at);
        [end, fault, after(until)].into_iter().flatten().min()
    }

    fn window(&mut self, end: Option<SimTime>) {
        let within = |at: SimTime| end.is_none_or(|end| at < end);
        let Self { network, dependence, sources, lists, mine, .. } = self;
        for source in sources {
            send(source, network, lists, within);
        }
        for (number, component) in mine.clone().zip(&dependence.components[mine.clone()]) {
            if component.cyclic {
                // What comes out in this window is there already, and all of it goes into this window's lists.
                component.arcs.iter().for_each(|arc| emit(*arc, network, lists, within));
                component.arcs.iter().for_each(|arc| admit(*arc, network, lists));
            } else {
                let arc = component.arcs[0];
                admit(arc, network, lists);
                emit(arc, network, lists, within);
            }
            debug_assert!(component.arcs.iter().all(|a| dependence.component_of[a.index()] == number as u32));
        }
        debug_assert!(
            lists.iter().zip(&dependence.component_of).all(|(l, c)| l.is_empty() || *c as usize >= mine.end),
            "an arc was fed after its turn"
        );
    }

    /// As many arrivals in the next window as fit the cache, or at most four times as many as in this one.
    fn adapt(&mut self, arrivals: u64) {
        let width =
            u128::from(self.width.as_ps()) * u128::from(ARRIVALS) / u128::from(arrivals.max(ARRIVALS / 4));
        let least = self.width.as_ps() / 4;
        self.width = SimDuration::from_ps(u64::try_from(width).unwrap_or(u64::MAX).max(least).max(1));
    }
}

/// Sends what a source sends in the window.
fn send(
    source: &mut Source,
    network: &mut Network,
    lists: &mut [Vec<Flight>],
    within: impl Fn(SimTime) -> bool,
) {
    while source.next < source.end {
        let flight = network.forwarding.workload.flight(source.next);
        if !within(flight.at) {
            return;
        }
        source.next += 1;
        if let Some(arc) = network.send(source.node, flight) {
            lists[arc.index()].push(flight);
        }
    }
}

/// Takes the arrivals of the window through the queue of an arc. They come as some sorted runs, one from each arc and
/// source that feeds this one, which is what the standard stable sort is quick at.
#[inline]
fn admit(arc: ArcId, network: &mut Network, lists: &mut [Vec<Flight>]) {
    let list = &mut lists[arc.index()];
    if list.is_empty() {
        return;
    }
    if !list.is_sorted_by_key(Flight::order) {
        list.sort_by_key(Flight::order);
    }
    let Network { forwarding, half_links, recorder, .. } = network;
    let half_link = &mut half_links[arc.index()];
    for flight in list.drain(..) {
        transmit(forwarding, half_link, recorder, arc, flight, false);
    }
}

/// Hands on what comes out of an arc in the window.
#[inline]
fn emit(arc: ArcId, network: &mut Network, lists: &mut [Vec<Flight>], within: impl Fn(SimTime) -> bool) {
    let Network { forwarding, half_links, recorder, .. } = network;
    let half_link = &mut half_links[arc.index()];
    let mut count = 0;
    for flight in half_link.queue.held() {
        let flight = half_link.out(flight);
        if !within(flight.at) {
            break;
        }
        count += 1;
        if let Some((onward, flight)) = arrive(forwarding, half_link, recorder, arc, flight) {
            lists[onward.index()].push(flight);
        }
    }
    half_link.queue.forget(count);
}

impl Network {
    /// The least propagation delay of the arcs of a component. (A packet takes longer across an arc by its service; but what
    /// comes out in a window must have left the queue before it, or the window's arrivals would not find it there.)
    pub(crate) fn least_delay(&self, component: &Component) -> SimDuration {
        let delay = |arc: &ArcId| self.forwarding.csr.delay[arc.index()];
        component.arcs.iter().map(delay).min().unwrap_or(SimDuration::ZERO)
    }
}
