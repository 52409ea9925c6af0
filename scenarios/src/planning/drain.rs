//! May this be taken down?

use models::UNREACHABLE;
use rayon::prelude::*;
use twin::{ArcId, LinkId, NodeId};

use super::{Evaluator, FailureList, FailureSet, Outcome, Plan, Redundancy};

/// A link or node that fails besides, and the fullest arc then.
#[derive(Clone, Debug, PartialEq)]
pub struct OneMore {
    /// What fails besides.
    pub set: FailureSet,
    /// What both together do.
    pub outcome: Outcome,
}

/// What happens to a network when something is taken out of it on purpose.
#[derive(Clone, Debug, PartialEq)]
pub struct Drain {
    /// What it does alone.
    pub alone: Outcome,
    /// Ordered pairs with demand that lose their path at once: demands by number; those from and to a node that is itself
    /// taken out are not among them.
    pub cut: Vec<u32>,
    /// What any one more failure does, fullest first, equals in the order of the list.
    pub one_more: Vec<OneMore>,
    /// Demands by number that keep their path, and from now on lose it with some one link.
    pub exposed_demands: Vec<u32>,
    /// Nodes for which the same is true of most other nodes.
    pub exposed_nodes: Vec<NodeId>,
    /// Links without which somebody would be cut off now, and would not have been before.
    pub new_bridges: Vec<LinkId>,
}

impl Drain {
    /// Takes `out` down, and then any one more of `others` as well. Cost: a sweep over `others`.
    pub fn evaluate(plan: &Plan<'_>, out: &FailureSet, others: &FailureList) -> Self {
        let csr = plan.csr();
        let mut evaluator = plan.evaluator();
        let alone = evaluator.evaluate(out);
        let cut = lost_demands(plan, &mut evaluator, out);
        let (before, after) = (Redundancy::with(csr, &FailureSet::default()), Redundancy::with(csr, out));
        let exposed = |d: &models::NodeDemand| {
            before.redundant(d.src, d.dst) && !after.redundant(d.src, d.dst) && after.connected(d.src, d.dst)
        };
        let new = |link: &&LinkId| before.bridges().binary_search(link).is_err();
        Self {
            alone,
            cut,
            one_more: one_more(plan, out, others),
            exposed_demands: (0u32..)
                .zip(plan.demands())
                .filter(|(_, d)| exposed(d))
                .map(|(i, _)| i)
                .collect(),
            exposed_nodes: before.nodes_that_lose_it(&after),
            new_bridges: after.bridges().iter().filter(new).copied().collect(),
        }
    }

    /// The largest utilisation, alone or with any one more failure.
    pub fn max_util(&self) -> f64 {
        self.one_more.first().map_or(self.alone.max_util, |w| w.outcome.max_util.max(self.alone.max_util))
    }

    /// Whether this cuts off more demands than another, or as many with a fuller arc.
    pub fn is_worse_than(&self, other: &Self) -> bool {
        self.cut.len().cmp(&other.cut.len()).then(self.max_util().total_cmp(&other.max_util())).is_gt()
    }

    /// Where the largest utilisation is.
    pub fn max_arc(&self) -> ArcId {
        let worst = self.one_more.first().map(|w| &w.outcome);
        worst.filter(|o| o.max_util > self.alone.max_util).unwrap_or(&self.alone).max_arc
    }
}

/// Demands that have a path with nothing down and none with this set, both ends up.
fn lost_demands(plan: &Plan<'_>, evaluator: &mut Evaluator<'_>, set: &FailureSet) -> Vec<u32> {
    let mut by_dst = vec![Vec::new(); plan.csr().node_count()];
    for (i, demand) in (0u32..).zip(plan.demands()) {
        by_dst[demand.dst.index()].push((i, demand.src));
    }
    let up = |node: NodeId| !set.nodes().contains(&node);
    let mut lost = Vec::new();
    evaluator.evaluate_with(set, |after| {
        let ends = by_dst[after.dst().index()].iter().filter(|(_, src)| up(*src) && up(after.dst()));
        let cut =
            |src: NodeId| after.distance(src) == UNREACHABLE && plan.routing().reaches(src, after.dst());
        lost.extend(ends.filter(|(_, src)| cut(*src)).map(|(i, _)| *i));
    });
    lost.sort_unstable();
    lost
}

fn one_more(plan: &Plan<'_>, out: &FailureSet, others: &FailureList) -> Vec<OneMore> {
    let besides = (0..others.len()).map(|s| others.get(s).0).filter(|more| out.union(more) != *out);
    let mut worst: Vec<_> = besides
        .collect::<Vec<_>>()
        .into_par_iter()
        .map_init(
            || plan.evaluator(),
            |evaluator, set| OneMore { outcome: evaluator.evaluate(&out.union(&set)), set },
        )
        .collect();
    worst.sort_by(|a, b| b.outcome.max_util.total_cmp(&a.outcome.max_util)); // stable: ties in the list's order
    worst
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::{Failures, NodeDemand, Routing};
    use twin::{BitsPerSec, Csr, Layer, LinkSpec, NodeKind, SimDuration, TwinBuilder};

    /// A ring of four with a stub: 0-1-2-3-0 and 3-4, 10 Gbit/s.
    fn net() -> Csr {
        let mut b = TwinBuilder::new("ring");
        let keys: Vec<_> = (0..5).map(|i| b.node(&format!("n{i}"), NodeKind::Router, None)).collect();
        for (x, y) in [(0, 1), (1, 2), (2, 3), (3, 0), (3, 4)] {
            let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::ZERO);
            b.link(&format!("l{x}{y}"), &keys[x], &keys[y], spec);
        }
        Csr::compile(&b.finish(), Layer::Igp)
    }

    #[test]
    fn a_link_of_a_ring_may_go_but_takes_the_redundancy_with_it() {
        let csr = net();
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        let demands = [(0, 1, 4e9), (2, 3, 4e9), (0, 4, 1e9)].map(|(src, dst, bps)| NodeDemand {
            src: NodeId(src),
            dst: NodeId(dst),
            bps,
        });
        let plan = Plan::new(&csr, &routing, &demands);
        let out = FailureSet::new(vec![LinkId(0)], vec![]);
        let drain = Drain::evaluate(&plan, &out, &FailureList::links(&csr, 1));
        // 0 -> 1 goes over 3 and 2: with 0 -> 4 on the first link, with nothing else on the others.
        assert_eq!((drain.alone.max_util, drain.alone.max_arc), (0.5, ArcId(7)));
        assert_eq!(drain.cut, [0u32; 0]);
        assert_eq!(drain.exposed_demands, [0, 1]); // 0 -> 4 had one way in before too
        assert_eq!(drain.exposed_nodes, [0, 1, 2, 3].map(NodeId));
        assert_eq!(drain.new_bridges, [1, 2, 3].map(LinkId));
        // One more: each link but itself and, with nothing left to fill, none above the drain alone.
        assert_eq!(drain.one_more.len(), 4);
        assert_eq!(drain.max_util(), 0.5);
        let cut = drain.one_more.iter().map(|w| w.outcome.disconnected_pairs).collect::<Vec<_>>();
        assert_eq!(cut.iter().max(), Some(&2));
    }

    #[test]
    fn a_node_that_carries_others_cuts_them_off() {
        let csr = net();
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        let demands = [(0, 4, 1e9), (3, 4, 1e9), (4, 3, 2e9), (1, 4, 1e9)]
            .map(|(src, dst, bps)| NodeDemand { src: NodeId(src), dst: NodeId(dst), bps });
        let plan = Plan::new(&csr, &routing, &demands);
        let out = FailureSet::new(vec![], vec![NodeId(3)]);
        let drain = Drain::evaluate(&plan, &out, &FailureList::none());
        assert_eq!(drain.cut, [0, 3]);
        assert_eq!((drain.alone.lost, drain.alone.lost_own), (2e9, 3e9));
        assert!(drain.one_more.is_empty());
    }

    #[test]
    fn who_had_no_path_before_is_not_cut_off_and_hides_nobody() {
        let mut b = TwinBuilder::new("line and islands");
        let keys: Vec<_> = (0..4).map(|i| b.node(&format!("n{i}"), NodeKind::Router, None)).collect();
        for (x, y) in [(0, 1), (1, 2)] {
            let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::ZERO);
            b.link(&format!("l{x}{y}"), &keys[x], &keys[y], spec);
        }
        let csr = Csr::compile(&b.finish(), Layer::Igp);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        // Node 3 has no link. Without node 1 its own lost demand goes with it and 0 -> 2 is cut: one pair less, one more.
        let demands = [(1, 3, 1e9), (0, 2, 1e9), (3, 2, 1e9)].map(|(src, dst, bps)| NodeDemand {
            src: NodeId(src),
            dst: NodeId(dst),
            bps,
        });
        let plan = Plan::new(&csr, &routing, &demands);
        let out = FailureSet::new(vec![], vec![NodeId(1)]);
        let drain = Drain::evaluate(&plan, &out, &FailureList::none());
        assert_eq!(drain.alone.disconnected_pairs, plan.base().disconnected_pairs);
        assert_eq!(drain.cut, [1]);
    }
}
