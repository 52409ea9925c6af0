//! Traffic that is free in its paths, and the cheapest trees for it at given prices of arcs.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use models::{Failures, NodeDemand};
use twin::{ArcId, Csr, NodeId};

use super::FailureSet;

/// A destination with the sources that send to it, in bit/s.
type Commodity = (NodeId, Vec<(NodeId, f64)>);

/// The traffic of a network after a failure, by destination. What has no path is left out.
pub(super) struct FreeTraffic<'a> {
    csr: &'a Csr,
    down: Failures,
    to: Vec<Commodity>,
}

/// One way to carry all traffic for one destination: the load of each arc that it uses, in bit/s.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// Position of the destination among those with traffic.
    pub(super) commodity: usize,
    /// Arcs, ascending, with their load.
    pub(super) loads: Vec<(ArcId, f64)>,
}

impl<'a> FreeTraffic<'a> {
    pub(super) fn new(csr: &'a Csr, set: &FailureSet, demands: &[NodeDemand]) -> Self {
        let down = set.failures(csr);
        let mut by_dst = vec![Vec::new(); csr.node_count()];
        for d in demands.iter().filter(|d| d.bps > 0.0 && d.src != d.dst && down.node_up(d.dst)) {
            by_dst[d.dst.index()].push((d.src, d.bps));
        }
        let mut traffic = Self { csr, down, to: Vec::new() };
        let hop = vec![1.0; csr.arc_count()];
        for (dst, mut sources) in by_dst.into_iter().enumerate() {
            if sources.is_empty() {
                continue;
            }
            let dst = NodeId::new(dst);
            let spf = traffic.cheapest_to(dst, &hop);
            sources.retain(|(src, _)| spf.price[src.index()].is_finite());
            if !sources.is_empty() {
                traffic.to.push((dst, sources));
            }
        }
        traffic
    }

    /// The number of destinations with traffic.
    pub(super) fn commodities(&self) -> usize {
        self.to.len()
    }

    /// What all traffic pays at least at these prices of a bit/s on each arc, and trees that cost no more.
    pub(super) fn cheapest(&self, price: &[f64]) -> (f64, Vec<Tree>) {
        let mut total = 0.0;
        let mut load = vec![0.0; self.csr.arc_count()];
        let tree = |(commodity, (dst, sources)): (usize, &Commodity)| {
            let spf = self.cheapest_to(*dst, price);
            let mut at = vec![0.0; self.csr.node_count()];
            for (src, bps) in sources {
                at[src.index()] += bps;
                total += bps * spf.price[src.index()];
            }
            load.fill(0.0);
            for node in spf.order.iter().rev() {
                if let Some(arc) = spf.next[node.index()].filter(|_| at[node.index()] > 0.0) {
                    load[arc.index()] = at[node.index()];
                    at[self.csr.dst[arc.index()].index()] += at[node.index()];
                }
            }
            let used = load.iter().enumerate().filter(|(_, bps)| **bps > 0.0);
            Tree { commodity, loads: used.map(|(arc, bps)| (ArcId::new(arc), *bps)).collect() }
        };
        let trees = self.to.iter().enumerate().map(tree).collect();
        (total, trees)
    }

    /// Dijkstra against the arcs; of equally cheap nodes the lower number comes first.
    fn cheapest_to(&self, dst: NodeId, price: &[f64]) -> Cheapest {
        let n = self.csr.node_count();
        let mut spf =
            Cheapest { price: vec![f64::INFINITY; n], next: vec![None; n], order: Vec::with_capacity(n) };
        let mut done = vec![false; n];
        let mut heap = BinaryHeap::from([Reached { price: 0.0, node: dst }]);
        spf.price[dst.index()] = 0.0;
        while let Some(Reached { price: here, node }) = heap.pop() {
            if std::mem::replace(&mut done[node.index()], true) {
                continue;
            }
            spf.order.push(node);
            for &arc in self.csr.arcs_in(node).iter().filter(|a| self.down.arc_up(self.csr, **a)) {
                let (tail, via) = (self.csr.src[arc.index()], here + price[arc.index()]);
                if !done[tail.index()] && via < spf.price[tail.index()] {
                    spf.price[tail.index()] = via;
                    spf.next[tail.index()] = Some(arc);
                    heap.push(Reached { price: via, node: tail });
                }
            }
        }
        spf
    }
}

struct Cheapest {
    price: Vec<f64>,
    next: Vec<Option<ArcId>>,
    /// Reached nodes, nearest first.
    order: Vec<NodeId>,
}

/// A node at a price; the cheapest is the greatest, for a heap.
struct Reached {
    price: f64,
    node: NodeId,
}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        other.price.total_cmp(&self.price).then(other.node.cmp(&self.node))
    }
}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Reached {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Reached {}
