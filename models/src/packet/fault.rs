//! Faults and other changes that strike a network at given instants.

use std::sync::Arc;

use engine::Ctx;
use twin::{ArcId, BitsPerSec, Csr, LinkId, NodeId, SimTime};

use super::forwarding::Forwarding;
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

impl TimedFault {
    /// # Panics
    /// If a probability is none.
    pub(crate) fn check(&self) {
        if let Fault::Loss { probability, .. } = self.fault {
            assert!((0.0..=1.0).contains(&probability), "{probability} is no probability");
        }
    }
}

/// The entity to which faults happen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) plan: Vec<Fault>,
}

impl Faults {
    pub(crate) fn on_control(&self, index: u32, cx: &mut Ctx<'_, Network>) {
        let now = cx.now();
        cx.world.change(&self.plan[index as usize], now);
    }
}

impl Network {
    /// Something happens to the network.
    pub(crate) fn change(&mut self, fault: &Fault, now: SimTime) {
        self.recorder.changes += 1;
        match fault {
            Fault::LinkDown(link) => self.set_link(*link, true, now),
            Fault::LinkUp(link) => self.set_link(*link, false, now),
            Fault::NodeDown(node) => self.set_node(*node, true, now),
            Fault::NodeUp(node) => self.set_node(*node, false, now),
            Fault::Loss { arc, probability } => self.half_links[arc.index()].set_loss(*probability),
            Fault::Capacity { arc, rate } => self.half_links[arc.index()].set_rate(*rate),
            Fault::NextHop { node, flow, arc } => self.set_next_hop(*node, *flow, *arc),
            Fault::Reroute { node, routing } => self.install(*node, routing),
        }
    }

    fn set_link(&mut self, link: LinkId, down: bool, now: SimTime) {
        self.link_down[link.index()] = down;
        let csr = Arc::clone(&self.forwarding.csr);
        self.refresh(&csr.link_arcs[link.index()], now);
    }

    fn set_node(&mut self, node: NodeId, down: bool, now: SimTime) {
        self.forwarding.nodes[node.index()].down = down;
        let csr: Arc<Csr> = Arc::clone(&self.forwarding.csr);
        self.refresh(csr.arcs_out(node), now);
        self.refresh(csr.arcs_in(node), now);
    }

    fn refresh(&mut self, arcs: &[ArcId], now: SimTime) {
        for &arc in arcs {
            let up = self.should_be_up(arc);
            let Self { half_links, recorder, forwarding, .. } = self;
            half_links[arc.index()].set_up(up, now, |lost| {
                let sent_at = forwarding.sent_at(&lost);
                recorder.dropped(&lost, sent_at, DropPlace::Arc(arc), Disposition::LinkDown, now);
            });
        }
    }

    fn set_next_hop(&mut self, node: NodeId, flow: u32, arc: ArcId) {
        if let Some(flow) = self.forwarding.workload.flow_of_id(flow) {
            let csr = Arc::clone(&self.forwarding.csr);
            Arc::make_mut(&mut self.forwarding.explicit).set(flow, node, arc, |arc| csr.dst[arc.index()]);
        }
    }

    fn install(&mut self, node: Option<NodeId>, routing: &Arc<Routing>) {
        let Forwarding { routings, nodes, .. } = &mut self.forwarding;
        let index = routings.iter().position(|r| Arc::ptr_eq(r, routing)).unwrap_or_else(|| {
            routings.push(Arc::clone(routing));
            routings.len() - 1
        }) as u32;
        match node {
            Some(node) => nodes[node.index()].routing = index,
            None => nodes.iter_mut().for_each(|n| n.routing = index),
        }
    }
}
