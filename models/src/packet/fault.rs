//! Faults and other changes that strike a network at given instants.

use std::sync::Arc;

use engine::Ctx;
use twin::{ArcId, BitsPerSec, Csr, LinkId, NodeId, SimTime};

use super::network::Network;
use super::recorder::{Disposition, DropPlace};
use crate::Routing;

/// A change of the network in mid-run. Routing does not follow by itself: say [`Fault::Reroute`] when it has converged.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Both directions of a link go down; what is queued, in service or on the wire is lost.
    LinkDown(LinkId),
    /// They come up again, with empty queues.
    LinkUp(LinkId),
    /// A node stops: all its links go down, and it sends nothing.
    NodeDown(NodeId),
    /// It starts again.
    NodeUp(NodeId),
    /// One direction loses packets from now on.
    Loss {
        /// The direction.
        arc: ArcId,
        /// Probability for each packet that comes out of it, 0–1.
        probability: f64,
    },
    /// One direction sends at another rate from now on; packets that are queued already keep their departure.
    Capacity {
        /// The direction.
        arc: ArcId,
        /// The new rate.
        rate: BitsPerSec,
    },
    /// One node sends a flow with an explicit path over another arc from now on; packets that are past it go on as they
    /// were. Nothing happens to a flow that has no explicit path.
    NextHop {
        /// The node that installs it.
        node: NodeId,
        /// The flow, by its number in the schedule.
        flow: u32,
        /// An arc that leaves the node.
        arc: ArcId,
    },
    /// New next hops.
    Reroute {
        /// The node that installs them; `None` for all.
        node: Option<NodeId>,
        /// The routing that they come from.
        routing: Arc<Routing>,
    },
}

/// A change and its instant. Changes at one instant happen in the order in which they are given, and before the packets
/// of that instant.
#[derive(Clone, Debug)]
pub struct TimedFault {
    /// When.
    pub at: SimTime,
    /// What.
    pub fault: Fault,
}

/// The entity to which faults happen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) plan: Vec<Fault>,
}

impl Faults {
    pub(crate) fn on_control(&self, index: u32, cx: &mut Ctx<'_, Network>) {
        let now = cx.now();
        self.plan[index as usize].strike(cx.world, now);
    }
}

impl Fault {
    /// Changes the network.
    pub(crate) fn strike(&self, network: &mut Network, now: SimTime) {
        match self {
            Self::LinkDown(link) => network.set_link(*link, true, now),
            Self::LinkUp(link) => network.set_link(*link, false, now),
            Self::NodeDown(node) => network.set_node(*node, true, now),
            Self::NodeUp(node) => network.set_node(*node, false, now),
            Self::Loss { arc, probability } => network.half_links[arc.index()].set_loss(*probability),
            Self::Capacity { arc, rate } => network.half_links[arc.index()].set_rate(*rate),
            Self::NextHop { node, flow, arc } => network.set_next_hop(*node, *flow, *arc),
            Self::Reroute { node, routing } => network.install(*node, routing),
        }
    }
}

impl Network {
    fn set_link(&mut self, link: LinkId, down: bool, now: SimTime) {
        self.link_down[link.index()] = down;
        let csr = Arc::clone(&self.csr);
        self.refresh(&csr.link_arcs[link.index()], now);
    }

    fn set_node(&mut self, node: NodeId, down: bool, now: SimTime) {
        self.nodes[node.index()].down = down;
        let csr: Arc<Csr> = Arc::clone(&self.csr);
        self.refresh(csr.arcs_out(node), now);
        self.refresh(csr.arcs_in(node), now);
    }

    fn refresh(&mut self, arcs: &[ArcId], now: SimTime) {
        for &arc in arcs {
            let up = self.should_be_up(arc);
            let mut lost = Vec::new();
            self.half_links[arc.index()].set_up(up, now, |flight| lost.push(flight));
            for flight in lost {
                self.drop(&flight.at(now), DropPlace::Arc(arc), Disposition::LinkDown);
            }
        }
    }

    fn set_next_hop(&mut self, node: NodeId, flow: u32, arc: ArcId) {
        if let Some(flow) = self.workload.flow_of_id(flow) {
            Arc::make_mut(&mut self.explicit).set(flow, node, arc);
        }
    }

    fn install(&mut self, node: Option<NodeId>, routing: &Arc<Routing>) {
        let index = self.routings.iter().position(|r| Arc::ptr_eq(r, routing)).unwrap_or_else(|| {
            self.routings.push(Arc::clone(routing));
            self.routings.len() - 1
        }) as u32;
        match node {
            Some(node) => self.nodes[node.index()].routing = index,
            None => self.nodes.iter_mut().for_each(|n| n.routing = index),
        }
    }
}
