//! The new shortest paths to one destination, from the old ones.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::UNREACHABLE;
use super::base::Row;
use super::graph::{Graph, each_bit, has, put, take};

/// Where next hops changed, and how. Only what is affected is visited.
///
/// A failure takes arcs away, so a node that has a next hop left keeps its distance and gains no other. One that has none
/// left, an *orphan*, takes itself away from those behind it.
#[derive(Clone, Debug)]
pub(super) struct Repair {
    /// The next hops of all nodes, as a row of slots.
    pub(super) now: Vec<u64>,
    /// Nodes that lost a next hop and kept another for a while; may repeat, and be orphans by now.
    pub(super) thinned: Vec<u32>,
    /// In the order in which they were found.
    pub(super) orphans: Vec<u32>,
    is_orphan: Vec<u64>,
    /// The new distance of each orphan.
    dist: Vec<u64>,
    /// Orphans that have a path, nearest first.
    pub(super) settled: Vec<u32>,
    heap: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Repair {
    pub(super) fn new(nodes: usize, words: usize) -> Self {
        Self {
            now: vec![0; words],
            thinned: Vec::new(),
            orphans: Vec::with_capacity(nodes),
            is_orphan: vec![0; nodes.div_ceil(64)],
            dist: vec![UNREACHABLE; nodes],
            settled: Vec::with_capacity(nodes),
            heap: BinaryHeap::new(),
        }
    }

    #[inline]
    pub(super) fn is_orphan(&self, node: u32) -> bool {
        has(&self.is_orphan, node as usize)
    }

    /// The new distance of any node.
    #[inline]
    pub(super) fn distance(&self, to: &Row<'_>, node: u32) -> u64 {
        if self.is_orphan(node) { self.dist[node as usize] } else { to.dist[node as usize] }
    }

    /// The new distance of an orphan.
    pub(super) fn orphan_distance(&self, node: u32) -> u64 {
        self.dist[node as usize]
    }

    /// The orphans without a path.
    pub(super) fn stranded(&self) -> impl Iterator<Item = u32> {
        let all = self.settled.len() == self.orphans.len();
        let orphans = if all { &[] } else { &self.orphans[..] };
        orphans.iter().copied().filter(|v| self.dist[*v as usize] == UNREACHABLE)
    }

    /// Finds the new paths without these slots (`gone`, and as a row `down`).
    pub(super) fn run(&mut self, graph: &Graph, to: &Row<'_>, gone: &[u32], down: &[u64]) {
        self.forget();
        self.now.copy_from_slice(to.used);
        gone.iter().for_each(|slot| self.lose(graph, *slot));
        let mut found = 0;
        while let Some(&orphan) = self.orphans.get(found) {
            graph.slots_in(orphan).iter().for_each(|slot| self.lose(graph, *slot));
            found += 1;
        }
        self.find_ways_out(graph, to, down);
        while let Some(Reverse((dist, node))) = self.heap.pop() {
            if dist == self.dist[node as usize] {
                self.settle(graph, to, node, down);
            }
        }
    }

    /// The destination itself is gone: nobody has a path.
    pub(super) fn abandon(&mut self, to: &Row<'_>) {
        self.forget();
        self.now.fill(0);
        to.order.iter().for_each(|node| self.adopt_out(node.0));
    }

    fn forget(&mut self) {
        self.orphans.drain(..).for_each(|orphan| take(&mut self.is_orphan, orphan as usize));
        self.thinned.clear();
        self.settled.clear();
    }

    /// The tail of a slot cannot use it any more.
    #[inline]
    fn lose(&mut self, graph: &Graph, slot: u32) {
        let slot = slot as usize;
        if has(&self.now, slot) {
            take(&mut self.now, slot);
            let tail = graph.tail[slot];
            let (mut words, mask) = graph.span(tail);
            if words.all(|word| self.now[word] & mask == 0) {
                self.adopt_out(tail);
            } else {
                self.thinned.push(tail);
            }
        }
    }

    fn adopt_out(&mut self, node: u32) {
        put(&mut self.is_orphan, node as usize);
        self.dist[node as usize] = UNREACHABLE;
        self.orphans.push(node);
    }

    /// Each orphan's best arc to a node that is none.
    fn find_ways_out(&mut self, graph: &Graph, to: &Row<'_>, down: &[u64]) {
        for &node in &self.orphans {
            let mut best = UNREACHABLE;
            let (words, mask) = graph.span(node);
            for word in words {
                each_bit(mask & !down[word], |bit| {
                    let slot = 64 * word + bit;
                    let head = graph.head[slot] as usize;
                    if !has(&self.is_orphan, head) {
                        best = best.min(to.dist[head].saturating_add(u64::from(graph.cost[slot])));
                    }
                });
            }
            if best != UNREACHABLE {
                self.dist[node as usize] = best;
                self.heap.push(Reverse((best, node)));
            }
        }
    }

    /// An orphan's distance is final: its next hops are those that give it, and orphans behind it may come nearer by it.
    fn settle(&mut self, graph: &Graph, to: &Row<'_>, node: u32, down: &[u64]) {
        self.settled.push(node);
        let here = self.dist[node as usize];
        let (words, mask) = graph.span(node);
        for word in words {
            let mut next = 0;
            each_bit(mask & !down[word], |bit| {
                let slot = 64 * word + bit;
                let there = self.distance(to, graph.head[slot]);
                let is_next = there.saturating_add(u64::from(graph.cost[slot])) == here;
                next |= u64::from(is_next) << bit;
            });
            self.now[word] |= next;
        }
        for &slot in graph.slots_in(node) {
            let slot = slot as usize;
            let tail = graph.tail[slot];
            let via = here + u64::from(graph.cost[slot]);
            if self.is_orphan(tail) && via < self.dist[tail as usize] && !has(down, slot) {
                self.dist[tail as usize] = via;
                self.heap.push(Reverse((via, tail)));
            }
        }
    }
}
