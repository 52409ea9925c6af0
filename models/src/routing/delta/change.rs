//! What a failure changed.

use twin::{ArcId, Csr, NodeId};

use super::super::Loads;
use super::Gone;
use super::after::View;
use super::base::{Base, Row};
use super::graph::{has, members, put, take};
use super::repair::Repair;
use super::sums::Moved;
use super::traffic::Traffic;

/// What a failure changed, and the room in which it was computed.
#[derive(Clone, Debug)]
pub struct Change {
    /// Arcs that are gone, and those of them that were of any use: as slots, and with all slots that have no arc as a row.
    pub(super) arcs: Vec<ArcId>,
    pub(super) slots: Vec<u32>,
    pub(super) down: Vec<u64>,
    /// Nodes that are gone.
    pub(super) nodes: Vec<NodeId>,
    pub(super) node_down: Vec<u64>,
    /// By arc, where `loaded`: its load now and the difference from before.
    load: Vec<(f64, f64)>,
    loaded: Vec<u64>,
    lost: f64,
    lost_own: f64,
    disconnected: i64,
    pub(super) destinations: Vec<NodeId>,
    /// The same as a set, for a while.
    pub(super) touched: Vec<u64>,
    pub(super) new: Repair,
    pub(super) traffic: Traffic,
    pub(super) moved: Moved,
    pub(super) view: View,
}

impl Change {
    /// Arcs whose load is another, with the difference in bit/s, ascending.
    pub fn moved(&self) -> impl Iterator<Item = (ArcId, f64)> {
        members(&self.loaded).map(|arc| (ArcId::new(arc), self.load[arc].1))
    }

    /// The same arcs with the load that they have now in bit/s. It is more exact than base and difference where little is
    /// left, and 0 exactly where nothing is.
    pub fn loads(&self) -> impl Iterator<Item = (ArcId, f64)> {
        members(&self.loaded).map(|arc| (ArcId::new(arc), self.load[arc].0))
    }

    /// An arc's load in bit/s, `None` where it is what it was.
    pub fn load_on(&self, arc: ArcId) -> Option<f64> {
        has(&self.loaded, arc.index()).then(|| self.load[arc.index()].0)
    }

    /// Further volume without a path in bit/s, other than [`lost_own`](Self::lost_own).
    pub fn lost(&self) -> f64 {
        self.lost
    }

    /// Volume from or to nodes that are gone, in bit/s.
    pub fn lost_own(&self) -> f64 {
        self.lost_own
    }

    /// How many more ordered pairs with demand have no path, ends that are gone not counted.
    pub fn disconnected_pairs(&self) -> i64 {
        self.disconnected
    }

    /// Arcs that are gone, ends of nodes that are gone included; ascending.
    pub fn arcs(&self) -> &[ArcId] {
        &self.arcs
    }

    /// Destinations that were looked at, ascending: all whose paths changed after [`evaluate`](super::WhatIf::evaluate),
    /// those of them whose traffic changed after [`evaluate_loads`](super::WhatIf::evaluate_loads).
    pub fn destinations(&self) -> &[NodeId] {
        &self.destinations
    }

    pub(super) fn new(base: &Base, csr: &Csr) -> Self {
        let (n, words) = (base.nodes, base.graph.words());
        Self {
            arcs: Vec::new(),
            slots: Vec::new(),
            down: base.graph.gaps.clone(),
            nodes: Vec::new(),
            node_down: vec![0; n.div_ceil(64)],
            load: vec![(0.0, 0.0); csr.arc_count()],
            loaded: vec![0; csr.arc_count().div_ceil(64)],
            lost: 0.0,
            lost_own: 0.0,
            disconnected: 0,
            destinations: Vec::with_capacity(n),
            touched: vec![0; n.div_ceil(64)],
            new: Repair::new(n, words),
            traffic: Traffic::new(n),
            moved: Moved::new(words),
            view: View::new(n),
        }
    }

    /// Forgets what was, and takes these away.
    pub(super) fn fail(&mut self, base: &Base, csr: &Csr, gone: &[Gone]) {
        self.slots.drain(..).for_each(|slot| take(&mut self.down, slot as usize));
        self.nodes.drain(..).for_each(|node| take(&mut self.node_down, node.index()));
        self.arcs.clear();
        self.loaded.fill(0);
        self.destinations.clear();
        (self.lost, self.lost_own, self.disconnected) = (0.0, 0.0, 0);
        for gone in gone {
            match *gone {
                Gone::Link(link) => self.arcs.extend(&csr.link_arcs[link.index()]),
                Gone::Node(node) => {
                    self.arcs.extend(csr.arcs_in(node).iter().chain(csr.arcs_out(node)));
                    self.nodes.push(node);
                }
            }
        }
        self.arcs.sort_unstable();
        self.arcs.dedup();
        self.nodes.sort_unstable();
        self.nodes.dedup();
        self.slots.extend(self.arcs.iter().filter_map(|arc| base.graph.slot_of(*arc)));
        self.slots.iter().for_each(|slot| put(&mut self.down, *slot as usize));
        self.nodes.iter().for_each(|node| put(&mut self.node_down, node.index()));
    }

    /// Volume from and to nodes that are gone.
    pub(super) fn lose_own(&mut self, base: &Base, reaches: impl Fn(usize, usize) -> bool) {
        let n = base.nodes;
        for at in 0..self.nodes.len() {
            let gone = self.nodes[at].index();
            // What goes between two that are gone is counted at its destination.
            let from = (0..n).filter(|dst| !has(&self.node_down, *dst)).map(|dst| (gone, dst));
            let ends = (0..n).map(|src| (src, gone)).chain(from);
            for (src, dst) in ends {
                let volume = base.volume[dst * n + src];
                if volume > 0.0 {
                    self.lost_own += volume;
                    if !reaches(src, dst) {
                        self.lost -= volume;
                        self.disconnected -= 1;
                    }
                }
            }
        }
    }

    /// Volume of nodes that are up and have no path any more.
    pub(super) fn lose_stranded(&mut self, to: &Row<'_>) {
        for node in self.new.stranded() {
            let volume = to.volume[node as usize];
            if volume > 0.0 && !has(&self.node_down, node as usize) {
                self.lost += volume;
                self.disconnected += 1;
            }
        }
    }

    /// Turns what moved into loads.
    pub(super) fn finish(&mut self, base: &Base, before: &Loads) {
        let Self { moved, load, loaded, down, .. } = self;
        moved.drain(|slot, sum| {
            let arc = base.graph.arc[slot].index();
            let was = before.arc[arc];
            let now = if has(down, slot) { 0.0 } else { base.loads[slot].plus(sum) };
            if (now - was).abs() > SAME * was {
                load[arc] = (now, now - was);
                put(loaded, arc);
            }
        });
        if i64::from(before.disconnected_pairs) + self.disconnected == 0 {
            self.lost = -before.lost;
        }
    }
}

/// Loads this near to each other, relatively, differ by rounding alone.
const SAME: f64 = 1e-13;
