//! The network with nothing down, as rows by destination.

use twin::{Csr, NodeId};

use super::super::{Loads, NodeDemand, Routing, UNREACHABLE};
use super::graph::{Graph, has, put};
use super::sums::Sum;

/// What stands for each destination and node. Memory: 20 bytes for each ordered pair of nodes, and two bits for each arc
/// and node.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) graph: Graph,
    pub(super) nodes: usize,
    /// By destination, then slot: whether it is on a shortest path.
    used: Vec<u64>,
    /// By destination, then node: its place in the order of the routing.
    rank: Vec<u32>,
    /// By destination, the set of ranks where a new level begins. Nodes of one level never feed each other: their distances
    /// differ by less than any arc costs.
    levels: Vec<u64>,
    /// By destination, then node: volume that enters there, and what each of its next hops carries, in bit/s.
    pub(super) volume: Vec<f64>,
    each: Vec<f64>,
    /// By slot: its load, and the set of destinations to which it carries anything.
    pub(super) loads: Vec<Sum>,
    carries: Vec<u64>,
}

/// What stands for one destination.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) dist: &'a [u64],
    pub(super) order: &'a [NodeId],
    pub(super) used: &'a [u64],
    pub(super) rank: &'a [u32],
    pub(super) levels: &'a [u64],
    pub(super) volume: &'a [f64],
    pub(super) each: &'a [f64],
}

impl Base {
    pub(super) fn new(csr: &Csr, routing: &Routing, demands: &[NodeDemand]) -> Self {
        let (n, graph) = (csr.node_count(), Graph::new(csr));
        let words = graph.words();
        let mut base = Self {
            nodes: n,
            used: vec![0; n * words],
            rank: vec![u32::MAX; n * n],
            levels: vec![0; n * n.div_ceil(64)],
            volume: vec![0.0; n * n],
            each: vec![0.0; n * n],
            loads: vec![Sum::default(); 64 * words],
            carries: vec![0; 64 * words * n.div_ceil(64)],
            graph,
        };
        for d in demands {
            base.volume[d.dst.index() * n + d.src.index()] += d.bps;
        }
        (0..n).for_each(|dst| base.route(routing, dst));
        base
    }

    /// Routes all traffic to one destination.
    fn route(&mut self, routing: &Routing, dst: usize) {
        let (n, words, set) = (self.nodes, self.graph.words(), self.nodes.div_ceil(64));
        let spf = routing.to(NodeId::new(dst));
        let used = &mut self.used[dst * words..(dst + 1) * words];
        spf.next.iter().filter_map(|a| self.graph.slot_of(*a)).for_each(|slot| put(used, slot as usize));
        let levels = &mut self.levels[dst * set..(dst + 1) * set];
        let mut top = u64::MAX;
        let mut at = self.volume[dst * n..(dst + 1) * n].to_vec();
        for (rank, node) in (0u32..).zip(&spf.order) {
            let pair = dst * n + node.index();
            self.rank[pair] = rank;
            if top - spf.distance(*node) >= self.graph.least_cost {
                top = spf.distance(*node);
                put(levels, rank as usize);
            }
            let next = spf.next_arcs(*node).len();
            if next == 0 || at[node.index()] == 0.0 {
                continue;
            }
            let each = at[node.index()] / next as f64;
            self.each[pair] = each;
            self.graph.each_out(used, node.0, |slot| {
                at[self.graph.head[slot] as usize] += each;
                self.loads[slot].add(each);
                put(&mut self.carries[slot * set..(slot + 1) * set], dst);
            });
        }
    }

    pub(super) fn row<'r>(&'r self, routing: &'r Routing, dst: usize) -> Row<'r> {
        let (n, words, set) = (self.nodes, self.graph.words(), self.nodes.div_ceil(64));
        let spf = routing.to(NodeId::new(dst));
        let pairs = dst * n..(dst + 1) * n;
        Row {
            dist: &spf.dist,
            order: &spf.order,
            used: &self.used[dst * words..(dst + 1) * words],
            rank: &self.rank[pairs.clone()],
            levels: &self.levels[dst * set..(dst + 1) * set],
            volume: &self.volume[pairs.clone()],
            each: &self.each[pairs],
        }
    }

    /// Whether an arc is on a shortest path to a destination.
    pub(super) fn uses(&self, dst: usize, slot: u32) -> bool {
        has(&self.used[dst * self.graph.words()..], slot as usize)
    }

    /// The set of destinations to which a slot carries anything.
    pub(super) fn carried(&self, slot: u32) -> &[u64] {
        let set = self.nodes.div_ceil(64);
        &self.carries[slot as usize * set..(slot as usize + 1) * set]
    }

    /// The loads, by arc.
    pub(super) fn total(&self, csr: &Csr, routing: &Routing) -> Loads {
        let n = self.nodes;
        let mut loads =
            Loads { arc: vec![0.0; csr.arc_count()], lost: 0.0, lost_own: 0.0, disconnected_pairs: 0 };
        for (slot, sum) in self.loads.iter().enumerate().filter(|(slot, _)| !has(&self.graph.gaps, *slot)) {
            loads.arc[self.graph.arc[slot].index()] = sum.value();
        }
        for (pair, volume) in self.volume.iter().enumerate().filter(|(_, volume)| **volume > 0.0) {
            if routing.to(NodeId::new(pair / n)).dist[pair % n] == UNREACHABLE {
                loads.lost += volume;
                loads.disconnected_pairs += 1;
            }
        }
        loads
    }
}
