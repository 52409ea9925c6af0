//! Who could not lose one more link.
//!
//! Two nodes are *redundant* to each other where no single link cuts them off: where they are in one 2-edge-connected
//! component (Tarjan, *A note on finding the bridges of a graph*, 1974). A failure that takes no service may still take
//! redundancy, and the next one then takes service.

use models::Failures;
use twin::{Csr, LinkId, NodeId};

use super::FailureSet;

const NONE: u32 = u32::MAX;

/// Which nodes reach each other, and which would still do so without any one link. Links that lead one way only do not
/// count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redundancy {
    /// Connected component of each node; `NONE` for a node that is down.
    component: Vec<u32>,
    /// 2-edge-connected component of each node.
    block: Vec<u32>,
    bridges: Vec<LinkId>,
}

impl Redundancy {
    /// That of a network with a failure set. Cost O(nodes + links).
    pub fn with(csr: &Csr, set: &FailureSet) -> Self {
        let mut down = Failures::none(csr);
        for link in set.links() {
            down = down.with_link(*link);
        }
        for node in set.nodes() {
            down = down.with_node(*node);
        }
        let edges = Edges::new(csr, &down);
        let n = csr.node_count();
        let bridges = edges.bridges(n);
        let up = |v: usize| down.node_up(NodeId::new(v));
        let component = edges.components(n, up, &[]);
        let block = edges.components(n, up, &bridges);
        Self { component, block, bridges }
    }

    /// Whether both are up and there is a path between them.
    pub fn connected(&self, a: NodeId, b: NodeId) -> bool {
        self.component[a.index()] != NONE && self.component[a.index()] == self.component[b.index()]
    }

    /// Whether there is a path between them without any one link.
    pub fn redundant(&self, a: NodeId, b: NodeId) -> bool {
        self.block[a.index()] != NONE && self.block[a.index()] == self.block[b.index()]
    }

    /// The links without which some two nodes lose each other; ascending.
    pub fn bridges(&self) -> &[LinkId] {
        &self.bridges
    }

    /// Nodes that could lose any one link before and would be cut off from most others by one more now, themselves up and
    /// still connected: those that leave the largest redundant part. Ascending.
    pub fn nodes_that_lose_it(&self, after: &Self) -> Vec<NodeId> {
        let (before, now) = (largest(&self.block), largest(&after.block));
        let lost = |v: &usize| {
            Some(self.block[*v]) == before && Some(after.block[*v]) != now && after.component[*v] != NONE
        };
        (0..self.block.len()).filter(lost).map(NodeId::new).collect()
    }
}

/// The component with the most nodes, the first of equals; one of a single node is none.
fn largest(of: &[u32]) -> Option<u32> {
    let mut sizes = vec![0u32; of.len()];
    of.iter().filter(|c| **c != NONE).for_each(|c| sizes[*c as usize] += 1);
    let best = (0..sizes.len()).rev().max_by_key(|c| sizes[*c])?;
    (sizes[best] > 1).then_some(best as u32)
}

/// Links that are up and lead both ways, by node.
struct Edges {
    start: Vec<u32>,
    /// Link and other end.
    to: Vec<(LinkId, NodeId)>,
}

impl Edges {
    fn new(csr: &Csr, down: &Failures) -> Self {
        let (mut start, mut to) = (vec![0], Vec::new());
        for node in (0..csr.node_count()).map(NodeId::new) {
            let both =
                csr.arcs_out(node).iter().filter(|a| down.arc_up(csr, **a) && csr.reverse(**a).is_some());
            to.extend(both.map(|a| (csr.link[a.index()], csr.dst[a.index()])));
            start.push(to.len() as u32);
        }
        Self { start, to }
    }

    fn of(&self, node: usize) -> &[(LinkId, NodeId)] {
        &self.to[self.start[node] as usize..self.start[node + 1] as usize]
    }

    /// Depth-first search without recursion: a tree link is a bridge where nothing below it reaches above it.
    fn bridges(&self, n: usize) -> Vec<LinkId> {
        let (mut entered, mut low, mut next) = (vec![NONE; n], vec![NONE; n], vec![0usize; n]);
        let (mut bridges, mut clock) = (Vec::new(), 0);
        for root in 0..n {
            if entered[root] != NONE {
                continue;
            }
            let mut path: Vec<(usize, Option<LinkId>)> = vec![(root, None)];
            (entered[root], low[root], clock) = (clock, clock, clock + 1);
            while let Some(&(v, by)) = path.last() {
                if let Some(&(link, to)) = self.of(v).get(next[v]) {
                    next[v] += 1;
                    let w = to.index();
                    if Some(link) == by {
                        continue; // the way back; a parallel link has a number of its own
                    }
                    if entered[w] == NONE {
                        (entered[w], low[w], clock) = (clock, clock, clock + 1);
                        path.push((w, Some(link)));
                    } else {
                        low[v] = low[v].min(entered[w]);
                    }
                    continue;
                }
                path.pop();
                if let (Some(link), Some(&(above, _))) = (by, path.last()) {
                    low[above] = low[above].min(low[v]);
                    if low[v] > entered[above] {
                        bridges.push(link);
                    }
                }
            }
        }
        bridges.sort_unstable();
        bridges
    }

    /// Components over the links that are not left out (which must be sorted), numbered by their first node.
    fn components(&self, n: usize, up: impl Fn(usize) -> bool, without: &[LinkId]) -> Vec<u32> {
        let mut component = vec![NONE; n];
        for root in (0..n).filter(|v| up(*v)) {
            if component[root] != NONE {
                continue;
            }
            component[root] = root as u32;
            let mut queue = vec![root];
            while let Some(v) = queue.pop() {
                for (link, to) in self.of(v) {
                    if component[to.index()] == NONE && without.binary_search(link).is_err() {
                        component[to.index()] = root as u32;
                        queue.push(to.index());
                    }
                }
            }
        }
        component
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use twin::{BitsPerSec, Layer, LinkSpec, NodeKind, SimDuration, TwinBuilder};

    fn net(nodes: usize, links: &[(usize, usize)]) -> Csr {
        let mut b = TwinBuilder::new("test");
        let keys: Vec<_> = (0..nodes).map(|i| b.node(&format!("n{i}"), NodeKind::Router, None)).collect();
        for (i, (x, y)) in links.iter().enumerate() {
            let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::ZERO);
            b.link(&format!("l{i}"), &keys[*x], &keys[*y], spec);
        }
        Csr::compile(&b.finish(), Layer::Igp)
    }

    #[test]
    fn a_ring_loses_its_redundancy_with_any_link() {
        let csr = net(5, &[(0, 1), (1, 2), (2, 3), (3, 0), (3, 4)]);
        let base = Redundancy::with(&csr, &FailureSet::default());
        assert_eq!(base.bridges(), [LinkId(4)]);
        assert!(base.redundant(NodeId(0), NodeId(2)) && !base.redundant(NodeId(0), NodeId(4)));
        let cut = Redundancy::with(&csr, &FailureSet::new(vec![LinkId(0)], vec![]));
        assert!(cut.connected(NodeId(0), NodeId(1)) && !cut.redundant(NodeId(0), NodeId(1)));
        let all: Vec<_> = (0..4).map(NodeId).collect();
        assert_eq!(base.nodes_that_lose_it(&cut), all);
        let dead = Redundancy::with(&csr, &FailureSet::new(vec![], vec![NodeId(3)]));
        assert!(!dead.connected(NodeId(0), NodeId(4)) && !dead.connected(NodeId(3), NodeId(3)));
        assert_eq!(base.nodes_that_lose_it(&dead), [0, 1, 2].map(NodeId));
    }

    proptest! {
        #[test]
        fn no_single_link_parts_what_is_redundant(
            links in prop::collection::vec((0usize..7, 0usize..7), 0..14),
            dead in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        ) {
            let csr = net(7, &links);
            let dead = dead.iter().filter(|_| !links.is_empty()).map(|d| LinkId::new(d.index(links.len()))).collect();
            let set = FailureSet::new(dead, vec![]);
            let with = Redundancy::with(&csr, &set);
            for a in (0..7).map(NodeId) {
                for b in (0..7).map(NodeId) {
                    // The slow way: take every link off in turn.
                    let survives = (0..links.len()).map(LinkId::new).all(|l| {
                        let more = set.union(&FailureSet::new(vec![l], vec![]));
                        Redundancy::with(&csr, &more).connected(a, b)
                    });
                    prop_assert_eq!(with.redundant(a, b), with.connected(a, b) && survives);
                }
            }
        }
    }
}
