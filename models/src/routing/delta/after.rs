//! The new paths to one destination, for who wants to see them.

use twin::{ArcId, NodeId};

use super::super::Spf;
use super::base::Row;
use super::graph::Graph;
use super::repair::Repair;

/// Room for what [`After`] shows.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// Next hops of changed nodes, as ranges, and who is changed.
    next: Vec<ArcId>,
    range: Vec<Option<(u32, u32)>>,
    changed: Vec<u32>,
    /// Nodes that reach the destination, farthest first.
    order: Vec<NodeId>,
}

impl View {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            next: Vec::new(),
            range: vec![None; nodes],
            changed: Vec::new(),
            order: Vec::with_capacity(nodes),
        }
    }

    /// Cost O(nodes).
    pub(super) fn show(&mut self, graph: &Graph, to: &Row<'_>, new: &Repair) {
        self.changed.drain(..).for_each(|node| self.range[node as usize] = None);
        self.next.clear();
        self.changed.extend(new.orphans.iter().chain(&new.thinned));
        for &node in &self.changed {
            let from = self.next.len() as u32;
            graph.each_out(&new.now, node, |slot| self.next.push(graph.arc[slot]));
            self.range[node as usize] = Some((from, self.next.len() as u32));
        }
        self.order.clear();
        let mut settled = new.settled.iter().rev().peekable();
        for &node in to.order.iter().filter(|v| !new.is_orphan(v.0)) {
            let here = to.dist[node.index()];
            while let Some(orphan) = settled.next_if(|o| new.distance(to, **o) > here) {
                self.order.push(NodeId(*orphan));
            }
            self.order.push(node);
        }
        self.order.extend(settled.map(|v| NodeId(*v)));
    }
}

/// The shortest paths to one destination after a failure.
#[derive(Clone, Copy, Debug)]
pub struct After<'t> {
    pub(super) spf: &'t Spf,
    pub(super) new: &'t Repair,
    pub(super) view: &'t View,
    pub(super) dst: NodeId,
}

impl After<'_> {
    /// The destination.
    pub fn dst(&self) -> NodeId {
        self.dst
    }

    /// The new distance of a node, [`UNREACHABLE`](crate::UNREACHABLE) where there is no path.
    pub fn distance(&self, node: NodeId) -> u64 {
        if self.new.is_orphan(node.0) { self.new.orphan_distance(node.0) } else { self.spf.distance(node) }
    }

    /// The arcs on which a node forwards now, ascending.
    pub fn next_arcs(&self, node: NodeId) -> &[ArcId] {
        match self.view.range[node.index()] {
            Some((from, to)) => &self.view.next[from as usize..to as usize],
            None => self.spf.next_arcs(node),
        }
    }

    /// The nodes that still reach the destination, itself included, farthest first.
    pub fn order(&self) -> &[NodeId] {
        &self.view.order
    }
}
