//! The medium of a packet run, and what becomes of one packet at one node: the same whatever order a run is computed in.

use std::sync::Arc;

use twin::{ArcId, Csr, LinkId, NodeId, SimTime};

use super::ecmp::FlowHash;
use super::explicit::{ExplicitRoutes, Pinned};
use super::flight::Flight;
use super::frame::ip_header;
use super::half_link::{Exit, HalfLink};
use super::ip::{IpAction, IpForwarding};
use super::recorder::{Disposition, DropPlace, Recorder};
use super::tcp::TcpHosts;
use super::workload::Workload;
use crate::Routing;

/// What routers, hosts and faults share: the half-links between them, the routing, and the tallies.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) csr: Arc<Csr>,
    /// By arc.
    pub(crate) half_links: Vec<HalfLink>,
    pub(crate) nodes: Vec<NodeState>,
    pub(crate) hash: FlowHash,
    pub(crate) link_down: Vec<bool>,
    /// Every table that is or was in use; nodes name theirs by position.
    pub(crate) routings: Vec<Arc<Routing>>,
    pub(crate) explicit: Arc<ExplicitRoutes>,
    pub(crate) ip: Option<Arc<IpForwarding>>,
    pub(crate) workload: Workload,
    pub(crate) tcp: TcpHosts,
    pub(crate) recorder: Recorder,
    /// Packets with a frame whose destination address nobody owns.
    pub(crate) unknown_addresses: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct NodeState {
    pub(crate) down: bool,
    /// Index into [`Network::routings`].
    pub(crate) routing: u32,
}

/// What a node does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Deliver,
    Via(ArcId),
    Drop(Disposition),
}

impl Network {
    /// A packet leaves its source: gives the arc that it takes, or counts its end. The source does not count as one of its
    /// hops: the time to live leaves as it is.
    #[inline]
    pub(crate) fn send(&mut self, node: NodeId, flight: &Flight) -> Option<ArcId> {
        self.recorder.sent(flight);
        if self.nodes[node.index()].down {
            self.drop(flight, DropPlace::Node(node), Disposition::NodeDown);
            return None;
        }
        self.unknown_addresses += u64::from(self.nobodys(node, flight));
        self.follow(self.decide(node, flight), node, flight)
    }

    /// A packet comes out of an arc: gives the next arc that it takes, or counts its end.
    #[inline]
    pub(crate) fn arrive(&mut self, arc: ArcId, flight: &mut Flight) -> Option<ArcId> {
        let half_link = &self.half_links[arc.index()];
        if half_link.lossy() && half_link.loses(self.item(flight)) {
            self.drop(flight, DropPlace::Arc(arc), Disposition::Loss);
            return None;
        }
        flight.cross();
        let node = self.csr.dst[arc.index()];
        let verdict = match self.decide(node, flight) {
            // RFC 1812 §5.3.1: a packet that would leave with a time to live of zero is discarded.
            Verdict::Via(_) if self.ttl_left(flight) <= 1 => Verdict::Drop(Disposition::TtlExpired),
            verdict => verdict,
        };
        self.follow(verdict, node, flight)
    }

    #[inline]
    fn follow(&mut self, verdict: Verdict, node: NodeId, flight: &Flight) -> Option<ArcId> {
        match verdict {
            Verdict::Via(arc) => return Some(arc),
            Verdict::Deliver => self.deliver(node, flight),
            Verdict::Drop(why) => self.drop(flight, DropPlace::Node(node), why),
        }
        None
    }

    /// Puts a packet into the queue of an arc. Gives when it comes out if it is the only one there, and nothing else will
    /// remind anyone of it.
    #[inline]
    pub(crate) fn transmit(&mut self, arc: ArcId, flight: Flight) -> Option<Exit> {
        let half_link = &mut self.half_links[arc.index()];
        if !half_link.up() {
            self.drop(&flight, DropPlace::Arc(arc), Disposition::LinkDown);
            return None;
        }
        let alone = half_link.queue.len() == 0;
        let workload = &self.workload;
        let Some(at) = half_link.admit(flight.at, flight, || item(workload, &flight)) else {
            self.drop(&flight, DropPlace::Arc(arc), Disposition::QueueFull);
            return None;
        };
        self.recorder.accepted(arc, flight.size(), flight.at);
        alone.then(|| Exit { at, key: flight.key() })
    }

    /// Decides what `node` does with a packet: by explicit route, by IP address, or by the endpoint it is for.
    #[inline]
    fn decide(&self, node: NodeId, flight: &Flight) -> Verdict {
        match self.explicit.next(flight.flow, node, flight.hops()) {
            Pinned::Via(arc) => return Verdict::Via(arc),
            Pinned::Ends => return Verdict::Deliver,
            Pinned::Lost => return Verdict::Drop(Disposition::NoRoute),
            Pinned::No => {}
        }
        if self.ip.is_some()
            && let Some(frame) = self.routed_frame(flight)
        {
            return self.decide_by_address(node, flight, frame);
        }
        self.route_to(node, self.endpoint(flight), || self.entropy(flight))
    }

    #[inline]
    fn decide_by_address(&self, node: NodeId, flight: &Flight, frame: &[u8]) -> Verdict {
        let (Some(ip), Some(header)) = (&self.ip, ip_header(frame)) else {
            return self.route_to(node, self.endpoint(flight), || self.entropy(flight));
        };
        match ip.table(node, header.dst) {
            Some(None) => Verdict::Drop(Disposition::NoRoute),
            Some(Some(IpAction::Null)) => Verdict::Drop(Disposition::NullRoute),
            Some(Some(IpAction::Local | IpAction::Exit)) => Verdict::Deliver,
            Some(Some(IpAction::Forward(arcs))) => self.pick(node, arcs, || header.five_tuple_hash()),
            None => {
                let dst = ip.owner(header.dst).unwrap_or(self.endpoint(flight));
                self.route_to(node, dst, || header.five_tuple_hash())
            }
        }
    }

    #[inline]
    fn route_to(&self, node: NodeId, dst: NodeId, entropy: impl FnOnce() -> u64) -> Verdict {
        if node == dst {
            return Verdict::Deliver;
        }
        let routing = &self.routings[self.nodes[node.index()].routing as usize];
        self.pick(node, routing.next_arcs(node, dst), entropy)
    }

    #[inline]
    fn pick(&self, node: NodeId, arcs: &[ArcId], entropy: impl FnOnce() -> u64) -> Verdict {
        match arcs {
            [] => Verdict::Drop(Disposition::NoRoute),
            [only] => Verdict::Via(*only),
            arcs => Verdict::Via(self.hash.pick(node, arcs, entropy())),
        }
    }

    /// Whether a frame at its source goes to its endpoint because nobody owns its destination address.
    fn nobodys(&self, node: NodeId, flight: &Flight) -> bool {
        let (Some(ip), Some(frame)) = (&self.ip, self.routed_frame(flight)) else { return false };
        ip_header(frame).is_some_and(|h| ip.table(node, h.dst).is_none() && ip.owner(h.dst).is_none())
    }

    #[inline]
    fn endpoint(&self, flight: &Flight) -> NodeId {
        match self.tcp.segment(flight.packet) {
            None => self.workload.packets()[flight.packet as usize].dst,
            Some(segment) => segment.dst,
        }
    }

    #[inline]
    fn frame(&self, flight: &Flight) -> Option<&Arc<[u8]>> {
        match self.tcp.segment(flight.packet) {
            None => self.workload.frame(flight.packet),
            Some(segment) => Some(&segment.frame),
        }
    }

    /// The frame of a packet that is forwarded by it.
    #[inline]
    fn routed_frame(&self, flight: &Flight) -> Option<&Arc<[u8]>> {
        match self.tcp.segment(flight.packet) {
            None => self.workload.frame(flight.packet),
            Some(segment) => segment.by_address.then_some(&segment.frame),
        }
    }

    #[inline]
    fn entropy(&self, flight: &Flight) -> u64 {
        match self.tcp.segment(flight.packet) {
            None => self.workload.entropy(flight.packet),
            Some(segment) => ip_header(&segment.frame).map_or(0, |h| h.five_tuple_hash()),
        }
    }

    /// What a packet's time to live was when it came to the node where it is; its first router has not yet lowered it.
    #[inline]
    fn ttl_left(&self, flight: &Flight) -> u8 {
        let ttl = match self.tcp.segment(flight.packet) {
            None => self.workload.ttl(flight.packet),
            Some(segment) => ip_header(&segment.frame).map_or(0, |h| h.ttl),
        };
        ttl.saturating_sub(flight.hops().saturating_sub(1))
    }

    #[inline]
    pub(crate) fn sent_at(&self, flight: &Flight) -> SimTime {
        match self.tcp.segment(flight.packet) {
            None => self.workload.packets()[flight.packet as usize].at,
            Some(segment) => segment.sent_at,
        }
    }

    #[inline]
    fn deliver(&mut self, node: NodeId, flight: &Flight) {
        self.recorder.delivered(flight, self.sent_at(flight));
        if self.recorder.keeps_frames()
            && let Some(frame) = self.frame(flight).cloned()
        {
            self.recorder.frame(node, flight, &frame, self.ttl_left(flight));
        }
        self.tcp.deliver(flight.packet);
    }

    /// A packet is lost at its instant.
    #[cold]
    pub(crate) fn drop(&mut self, flight: &Flight, place: DropPlace, why: Disposition) {
        self.recorder.dropped(flight, self.sent_at(flight), place, why, flight.at);
        self.tcp.lose(flight.packet);
    }

    /// The address of a packet's luck: flow and position as the schedule numbers them.
    fn item(&self, flight: &Flight) -> u64 {
        item(&self.workload, flight)
    }

    /// Packets in queues and on wires.
    pub(crate) fn in_flight(&self) -> u64 {
        self.half_links.iter().map(|h| h.queue.len() as u64).sum()
    }

    /// Whether an arc's link and both its ends are up.
    pub(crate) fn should_be_up(&self, arc: ArcId) -> bool {
        let i = arc.index();
        let LinkId(link) = self.csr.link[i];
        let node_up = |n: NodeId| !self.nodes[n.index()].down;
        !self.link_down[link as usize] && node_up(self.csr.src[i]) && node_up(self.csr.dst[i])
    }
}

fn item(workload: &Workload, flight: &Flight) -> u64 {
    u64::from(workload.flow_id(flight.flow as usize)) << 32 | u64::from(flight.sequence)
}
