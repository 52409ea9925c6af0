//! What a node does with a packet.

use std::sync::Arc;

use twin::{ArcId, Csr, NodeId, SimTime};

use super::ecmp::FlowHash;
use super::explicit::{ExplicitRoutes, Pinned};
use super::flight::Flight;
use super::frame::{IpHeader, ip_header};
use super::ip::{IpAction, IpForwarding};
use super::recorder::Disposition;
use super::tcp::Segments;
use super::workload::{TTL_WITHOUT_FRAME, Workload};
use crate::Routing;

/// The tables by which nodes forward, and the packets that they are asked about. Deciding changes nothing, so decisions may
/// be made in any order between two changes of the network.
#[derive(Clone, Debug)]
pub(crate) struct Forwarding {
    pub(crate) csr: Arc<Csr>,
    pub(crate) nodes: Vec<NodeState>,
    pub(crate) hash: FlowHash,
    /// Every table that is or was in use; nodes name theirs by position.
    pub(crate) routings: Vec<Arc<Routing>>,
    pub(crate) explicit: Arc<ExplicitRoutes>,
    pub(crate) ip: Option<Arc<IpForwarding>>,
    pub(crate) workload: Workload,
    /// Packets that are made during the run.
    pub(crate) segments: Segments,
}

#[derive(Clone, Debug)]
pub(crate) struct NodeState {
    pub(crate) down: bool,
    /// Index into [`Forwarding::routings`].
    pub(crate) routing: u32,
}

/// What a node does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Deliver,
    Via(ArcId),
    Drop(Disposition),
}

impl Forwarding {
    /// Decides what `node` does with a packet: by explicit route, by IP address, or by the endpoint it is for.
    #[inline(always)]
    pub(crate) fn decide(&self, node: NodeId, flight: Flight) -> Verdict {
        let verdict = match self.explicit.next(flight.flow, node, flight.hops()) {
            Pinned::Via(arc) => Verdict::Via(arc),
            Pinned::Ends => Verdict::Deliver,
            Pinned::Lost => Verdict::Drop(Disposition::NoRoute),
            Pinned::No if self.ip.is_some() => return self.decide_by_address(node, flight),
            Pinned::No => self.route_to(node, self.endpoint(&flight), || self.entropy(&flight)),
        };
        expire(verdict, flight, self.ttl(&flight))
    }

    fn decide_by_address(&self, node: NodeId, flight: Flight) -> Verdict {
        let (Some(ip), Some(header)) = (&self.ip, self.header(&flight)) else {
            let to_endpoint = self.route_to(node, self.endpoint(&flight), || self.entropy(&flight));
            return expire(to_endpoint, flight, self.ttl(&flight));
        };
        let verdict = match ip.table(node, header.dst) {
            Some(None) => Verdict::Drop(Disposition::NoRoute),
            Some(Some(IpAction::Null)) => Verdict::Drop(Disposition::NullRoute),
            Some(Some(IpAction::Local | IpAction::Exit)) => Verdict::Deliver,
            Some(Some(IpAction::Forward(arcs))) => self.pick(node, arcs, || header.five_tuple_hash()),
            None => {
                let dst = ip.owner(header.dst).unwrap_or(self.endpoint(&flight));
                self.route_to(node, dst, || header.five_tuple_hash())
            }
        };
        expire(verdict, flight, header.ttl)
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
    pub(crate) fn nobodys(&self, node: NodeId, flight: &Flight) -> bool {
        let (Some(ip), Some(header)) = (&self.ip, self.header(flight)) else { return false };
        ip.table(node, header.dst).is_none() && ip.owner(header.dst).is_none()
    }

    #[inline]
    fn header(&self, flight: &Flight) -> Option<IpHeader> {
        match self.segments.get(flight.packet) {
            None => ip_header(self.workload.frame(flight.packet)?),
            Some(segment) => segment.by_address.then(|| ip_header(&segment.frame))?,
        }
    }

    /// The frame of a packet.
    pub(crate) fn frame(&self, flight: &Flight) -> Option<&Arc<[u8]>> {
        match self.segments.get(flight.packet) {
            None => self.workload.frame(flight.packet),
            Some(segment) => Some(&segment.frame),
        }
    }

    /// What a load balancer hashes.
    fn entropy(&self, flight: &Flight) -> u64 {
        match self.segments.get(flight.packet) {
            None => self.workload.entropy(flight.packet),
            Some(segment) => ip_header(&segment.frame).map_or(0, |h| h.five_tuple_hash()),
        }
    }

    /// The time to live with which a packet left its source.
    #[inline]
    pub(crate) fn ttl(&self, flight: &Flight) -> u8 {
        match self.segments.get(flight.packet) {
            None if self.workload.has_frames() => self.workload.ttl(flight.packet),
            None => TTL_WITHOUT_FRAME,
            Some(segment) => ip_header(&segment.frame).map_or(TTL_WITHOUT_FRAME, |h| h.ttl),
        }
    }

    /// The type of service or traffic class of a packet: what its header says, else what its flow has.
    pub(crate) fn traffic_class(&self, flight: &Flight) -> u8 {
        match self.segments.get(flight.packet) {
            None => self.workload.traffic_class(flight.packet),
            Some(segment) => ip_header(&segment.frame).map_or(0, |h| h.traffic_class),
        }
    }

    #[inline]
    fn endpoint(&self, flight: &Flight) -> NodeId {
        match self.segments.get(flight.packet) {
            None => self.workload.packets()[flight.packet as usize].dst,
            Some(segment) => segment.dst,
        }
    }

    #[inline]
    pub(crate) fn sent_at(&self, flight: &Flight) -> SimTime {
        match self.segments.get(flight.packet) {
            None => self.workload.packets()[flight.packet as usize].at,
            Some(segment) => segment.sent_at,
        }
    }

    /// The address of a packet's luck: flow and position as the schedule numbers them.
    #[inline]
    pub(crate) fn item(&self, flight: &Flight) -> u64 {
        u64::from(self.workload.flow_id(flight.flow as usize)) << 32 | u64::from(flight.sequence)
    }
}

/// What was a packet's time to live when it came to the node where it is: its source does not lower it, and the node
/// where it is has not yet.
#[inline]
pub(crate) fn ttl_left(flight: &Flight, ttl: u8) -> u8 {
    ttl.saturating_sub(flight.hops().saturating_sub(1))
}

/// RFC 1812 §5.3.1: a packet that a router would send on with a time to live of zero is discarded.
#[inline]
fn expire(verdict: Verdict, flight: Flight, ttl: u8) -> Verdict {
    match verdict {
        Verdict::Via(_) if flight.hops() > 0 && ttl_left(&flight, ttl) <= 1 => {
            Verdict::Drop(Disposition::TtlExpired)
        }
        verdict => verdict,
    }
}
