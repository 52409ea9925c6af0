//! What routers, hosts and faults share: the half-links between them, the routing, and the tallies.

use std::sync::Arc;

use engine::Packet;
use twin::{ArcId, Csr, LinkId, NodeId};

use super::ecmp::FlowHash;
use super::frame::ip_header;
use super::half_link::HalfLink;
use super::ip::{IpAction, IpForwarding};
use super::recorder::{Disposition, Recorder};
use super::workload::Workload;
use crate::Routing;

/// The medium of a packet run.
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
    pub(crate) ip: Option<Arc<IpForwarding>>,
    pub(crate) workload: Workload,
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
pub(crate) enum Verdict {
    Deliver,
    Via(ArcId),
    Drop(Disposition),
}

impl Network {
    /// Decides what `node` does with a packet: by explicit path, by IP address, or by the endpoint it is for.
    #[inline]
    pub(crate) fn decide(&mut self, node: NodeId, packet: &Packet) -> Verdict {
        if let Some(path) = self.workload.path(packet.flow) {
            return path.get(usize::from(packet.hops)).map_or(Verdict::Deliver, |arc| Verdict::Via(*arc));
        }
        match &packet.frame {
            None => self.route_to(node, NodeId(packet.dst), packet.entropy),
            Some(frame) => self.decide_by_address(node, packet, &frame.clone()),
        }
    }

    fn decide_by_address(&mut self, node: NodeId, packet: &Packet, frame: &[u8]) -> Verdict {
        let endpoint = NodeId(packet.dst);
        let (Some(ip), Some(header)) = (&self.ip, ip_header(frame)) else {
            return self.route_to(node, endpoint, packet.entropy);
        };
        match ip.table(node, header.dst) {
            Some(None) => Verdict::Drop(Disposition::NoRoute),
            Some(Some(IpAction::Null)) => Verdict::Drop(Disposition::NullRoute),
            Some(Some(IpAction::Local | IpAction::Exit)) => Verdict::Deliver,
            Some(Some(IpAction::Forward([only]))) => Verdict::Via(*only),
            Some(Some(IpAction::Forward(arcs))) => Verdict::Via(self.hash.pick(node, arcs, packet.entropy)),
            None => {
                let owner = ip.owner(header.dst);
                if owner.is_none() && packet.hops == 0 {
                    self.unknown_addresses += 1;
                }
                self.route_to(node, owner.unwrap_or(endpoint), packet.entropy)
            }
        }
    }

    #[inline]
    fn route_to(&self, node: NodeId, dst: NodeId, entropy: u64) -> Verdict {
        if node == dst {
            return Verdict::Deliver;
        }
        let routing = &self.routings[self.nodes[node.index()].routing as usize];
        match routing.next_arcs(node, dst) {
            [] => Verdict::Drop(Disposition::NoRoute),
            [only] => Verdict::Via(*only),
            arcs => Verdict::Via(self.hash.pick(node, arcs, entropy)),
        }
    }

    /// The address of a packet's luck: flow and position as the schedule numbers them.
    pub(crate) fn item(workload: &Workload, packet: &Packet) -> u64 {
        u64::from(workload.flow_id(packet.flow as usize)) << 32 | u64::from(packet.sequence)
    }

    /// Whether an arc's link and both its ends are up.
    pub(crate) fn should_be_up(&self, arc: ArcId) -> bool {
        let i = arc.index();
        let LinkId(link) = self.csr.link[i];
        let node_up = |n: NodeId| !self.nodes[n.index()].down;
        !self.link_down[link as usize] && node_up(self.csr.src[i]) && node_up(self.csr.dst[i])
    }
}
