//! What a failure changes: routing and loads by difference from the network with nothing down.
//!
//! A failure touches few destinations, and few nodes of each. So the [`base`] keeps, for every arc, the destinations to
//! which it carries anything. For each of those, the nodes that lose all their next hops are found, and Dijkstra runs among
//! them alone ([`repair`]; Ramalingam and Reps, *An incremental algorithm for a generalization of the shortest-path
//! problem*, 1996: only what is affected is visited). Then the difference that this makes is passed on from node to node
//! ([`traffic`]). Sums of loads keep what rounding takes ([`sums`]), so that an arc that loses all its traffic has none, and
//! the result depends on nothing that was evaluated before. Nothing is allocated after the first few evaluations.

mod after;
mod base;
mod change;
mod graph;
mod repair;
mod sums;
mod traffic;

use twin::{Csr, LinkId, NodeId};

use super::{Loads, NodeDemand, Routing};

pub use after::After;
use base::Base;
pub use change::Change;
use graph::{has, members, put};

/// What is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// A link, in both directions.
    Link(LinkId),
    /// A node, and with it every link at it.
    Node(NodeId),
}

/// A network with nothing down, ready to be asked what a failure changes.
///
/// ```
/// use twin::{BitsPerSec, Csr, Layer, LinkId, LinkSpec, NodeId, NodeKind, SimDuration, TwinBuilder};
/// use umbra_models::{Failures, Gone, NodeDemand, Routing, WhatIf};
///
/// let mut net = TwinBuilder::new("triangle");
/// let [a, b, c] = ["a", "b", "c"].map(|name| net.node(name, NodeKind::Router, None));
/// let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::ZERO);
/// net.link("ab", &a, &b, spec);
/// net.link("ac", &a, &c, spec);
/// net.link("cb", &c, &b, spec);
/// let csr = Csr::compile(&net.finish(), Layer::Igp);
/// let routing = Routing::compute(&csr, &Failures::none(&csr));
/// let demand = NodeDemand { src: NodeId(0), dst: NodeId(1), bps: 5.0 };
/// let base = WhatIf::new(&csr, &routing, &[demand]);
/// let mut change = base.scratch();
/// base.evaluate(&[Gone::Link(LinkId(0))], &mut change, |_| {});
/// let moved: Vec<f64> = change.moved().map(|(_, bps)| bps).collect();
/// assert_eq!(moved, [-5.0, 5.0, 5.0]);
/// ```
#[derive(Debug)]
pub struct WhatIf<'a> {
    csr: &'a Csr,
    routing: &'a Routing,
    base: Base,
    loads: Loads,
}

impl<'a> WhatIf<'a> {
    /// Prepares the network of a routing with nothing down. Memory: some 20 bytes for each ordered pair of nodes.
    ///
    /// # Panics
    /// If the routing is of another network.
    pub fn new(csr: &'a Csr, routing: &'a Routing, demands: &[NodeDemand]) -> Self {
        assert_eq!(routing.to.len(), csr.node_count(), "the routing of another network");
        let base = Base::new(csr, routing, demands);
        let loads = base.total(csr, routing);
        Self { csr, routing, base, loads }
    }

    /// The loads with nothing down.
    pub fn base(&self) -> &Loads {
        &self.loads
    }

    /// Room to evaluate in; each thread needs its own.
    pub fn scratch(&self) -> Change {
        Change::new(&self.base, self.csr)
    }

    /// What changes if all of these are gone. `each` sees the new paths to every destination whose paths changed, in
    /// order, and those of destinations that are gone themselves as empty. The same arcs carry the same loads as
    /// [`Loads::compute`] says for [`Routing::compute`], to some 12 digits each, however little is left on them.
    ///
    /// Cost O(destinations touched · nodes), without allocation once `change` has grown. Who does not want to see paths
    /// asks [`evaluate_loads`](Self::evaluate_loads).
    pub fn evaluate(&self, gone: &[Gone], change: &mut Change, mut each: impl FnMut(&After<'_>)) {
        change.fail(&self.base, self.csr, gone);
        let uses = |dst: &usize| change.slots.iter().any(|slot| self.base.uses(*dst, *slot));
        (0..self.base.nodes).filter(uses).for_each(|dst| put(&mut change.touched, dst));
        change.nodes.iter().for_each(|node| put(&mut change.touched, node.index()));
        self.run(change, |change, dst| {
            let spf = self.routing.to(dst);
            let Change { view, new, .. } = change;
            view.show(&self.base.graph, &self.base.row(self.routing, dst.index()), new);
            each(&After { spf, new, view, dst });
        });
    }

    /// The same without the paths. Destinations to which nothing that is gone carried any traffic are left out, and of the
    /// others only what is affected is visited: nodes that lost a next hop, and those where the traffic changes.
    pub fn evaluate_loads(&self, gone: &[Gone], change: &mut Change) {
        change.fail(&self.base, self.csr, gone);
        for slot in &change.slots {
            let carried = self.base.carried(*slot);
            change.touched.iter_mut().zip(carried).for_each(|(all, some)| *all |= some);
        }
        self.run(change, |_, _| {});
    }

    /// Evaluates the destinations that are touched.
    fn run(&self, change: &mut Change, mut see: impl FnMut(&mut Change, NodeId)) {
        let (base, graph) = (&self.base, &self.base.graph);
        change.lose_own(base, |src, dst| self.routing.reaches(NodeId::new(src), NodeId::new(dst)));
        let mut destinations = std::mem::take(&mut change.destinations);
        destinations.extend(members(&change.touched).map(NodeId::new));
        change.touched.fill(0);
        for &dst in &destinations {
            let to = base.row(self.routing, dst.index());
            if has(&change.node_down, dst.index()) {
                change.new.abandon(&to);
                to.order.iter().for_each(|v| traffic::withdraw(graph, &to, v.0, &mut change.moved));
            } else {
                change.new.run(graph, &to, &change.slots, &change.down);
                change.lose_stranded(&to);
                let Change { traffic, new, slots, moved, .. } = change;
                traffic.shift(graph, &to, new, slots, moved);
            }
            see(change, dst);
        }
        change.destinations = destinations;
        change.finish(base, &self.loads);
    }
}
