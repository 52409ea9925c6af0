//! What a failure changes: routing and loads by difference from the network with nothing down.
//!
//! A failure touches few destinations, and few nodes of each. So the base keeps, for every arc, the destinations whose
//! shortest paths use it. For each of those, nodes that lose all their next hops are found by counting (Ramalingam and
//! Reps, *An incremental algorithm for a generalization of the shortest-path problem*, 1996: only what is affected is
//! visited), Dijkstra runs among them alone, and the traffic of the nodes whose next hops changed is taken off the old
//! paths and put on the new ones. Nothing is allocated after the first few evaluations.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use twin::{ArcId, Csr, LinkId, NodeId};

use super::{Failures, Loads, NodeDemand, Routing, Spf, UNREACHABLE, cost};

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
    base: Loads,
    /// By destination, then node: volume that enters there, and all that passes there, in bit/s.
    volume: Vec<f64>,
    at: Vec<f64>,
    /// Destinations whose paths use an arc: row by arc.
    start: Vec<u32>,
    users: Vec<NodeId>,
}

impl<'a> WhatIf<'a> {
    /// Prepares the network of a routing with nothing down. Memory: two numbers for each pair of nodes.
    ///
    /// # Panics
    /// If the routing is of another network.
    pub fn new(csr: &'a Csr, routing: &'a Routing, demands: &[NodeDemand]) -> Self {
        let n = csr.node_count();
        assert_eq!(routing.to.len(), n, "the routing of another network");
        let mut volume = vec![0.0; n * n];
        for d in demands {
            volume[d.dst.index() * n + d.src.index()] += d.bps;
        }
        let mut at = volume.clone();
        let mut base =
            Loads { arc: vec![0.0; csr.arc_count()], lost: 0.0, lost_own: 0.0, disconnected_pairs: 0 };
        for d in demands.iter().filter(|d| !routing.reaches(d.src, d.dst)) {
            base.lost += d.bps;
            base.disconnected_pairs += 1;
        }
        for (dst, spf) in routing.to.iter().enumerate() {
            let row = &mut at[dst * n..(dst + 1) * n];
            for node in &spf.order {
                let next = spf.next_arcs(*node);
                let each = row[node.index()] / next.len() as f64;
                for arc in next {
                    base.arc[arc.index()] += each;
                    row[csr.dst[arc.index()].index()] += each;
                }
            }
        }
        let (start, users) = users(csr, routing);
        Self { csr, routing, base, volume, at, start, users }
    }

    /// The loads with nothing down.
    pub fn base(&self) -> &Loads {
        &self.base
    }

    /// Room to evaluate in; each thread needs its own.
    pub fn scratch(&self) -> Change {
        let (n, arcs) = (self.csr.node_count(), self.csr.arc_count());
        Change {
            down: Failures::none(self.csr),
            arcs: Vec::new(),
            moved: vec![0.0; arcs],
            touched: vec![false; arcs],
            touched_list: Vec::new(),
            lost: 0.0,
            lost_own: 0.0,
            disconnected: 0,
            destinations: Vec::new(),
            destination: vec![false; n],
            tree: Tree::new(n),
        }
    }

    /// What changes if all of these are gone. `each` sees the new paths to every destination whose paths changed, in
    /// order, and those of destinations that are gone themselves as empty. Exact up to rounding: the same arcs carry the
    /// same loads as [`Loads::compute`] says for [`Routing::compute`].
    ///
    /// Cost O(destinations touched · nodes), without allocation once `change` has grown.
    pub fn evaluate(&self, gone: &[Gone], change: &mut Change, mut each: impl FnMut(&After<'_>)) {
        change.clear();
        change.fail(self.csr, gone);
        for i in 0..change.arcs.len() {
            let arc = change.arcs[i].index();
            for dst in &self.users[self.start[arc] as usize..self.start[arc + 1] as usize] {
                change.touch_destination(*dst);
            }
        }
        let n = self.csr.node_count();
        for gone in gone {
            // Volume of a node that is gone is lost as its own, even where it had no path before.
            if let Gone::Node(node) = *gone {
                change.touch_destination(node);
                (0..n).filter(|d| self.volume[d * n + node.index()] > 0.0).for_each(|d| {
                    change.touch_destination(NodeId::new(d));
                });
            }
        }
        change.destinations.sort_unstable();
        for i in 0..change.destinations.len() {
            let dst = change.destinations[i];
            let spf = self.routing.to(dst);
            change.tree.prepare(self.csr, spf, &change.down, &change.arcs, dst);
            self.count_losses(change, spf, dst);
            self.move_traffic(change, spf, dst);
            each(&After { spf, tree: &change.tree, dst });
            change.tree.clear();
        }
        change.restore(self.csr, gone);
    }

    /// Volume that finds no path any more, or whose end is gone.
    fn count_losses(&self, change: &mut Change, spf: &Spf, dst: NodeId) {
        let n = self.csr.node_count();
        let volume = &self.volume[dst.index() * n..(dst.index() + 1) * n];
        let dst_down = !change.down.node_up(dst);
        let mut lose = |node: usize| {
            let own = dst_down || !change.down.node_up(NodeId::new(node));
            let before = spf.dist[node] != UNREACHABLE;
            match (own, before) {
                (true, true) => change.lost_own += volume[node],
                (true, false) => {
                    change.lost_own += volume[node];
                    change.lost -= volume[node];
                    change.disconnected -= 1;
                }
                (false, true) => {
                    change.lost += volume[node];
                    change.disconnected += 1;
                }
                (false, false) => {}
            }
        };
        if dst_down {
            (0..n).filter(|v| volume[*v] > 0.0).for_each(lose);
            return;
        }
        for node in &change.tree.changed {
            let v = node.index();
            if volume[v] > 0.0 && change.tree.orphan[v] && change.tree.dist[v] == UNREACHABLE {
                lose(v);
            }
        }
        for gone in 0..change.down.nodes.len() {
            if change.down.nodes[gone] && volume[gone] > 0.0 && spf.dist[gone] == UNREACHABLE {
                lose(gone);
            }
        }
    }

    /// Takes the traffic of changed nodes off the old paths, farthest first, and puts it on the new ones.
    fn move_traffic(&self, change: &mut Change, spf: &Spf, dst: NodeId) {
        let (csr, n) = (self.csr, self.csr.node_count());
        let row = dst.index() * n;
        let tree = &mut change.tree;
        let mut flow = std::mem::take(&mut tree.flow);
        for &node in &spf.order {
            let v = node.index();
            let taken = if tree.is_changed[v] { self.at[row + v] } else { flow[v] };
            if tree.is_changed[v] {
                // All that reached an orphan came from nodes that changed; others keep what did not.
                let keep = if tree.orphan[v] { self.volume[row + v] } else { self.at[row + v] - flow[v] };
                tree.keep[v] = if tree.dist[v] == UNREACHABLE { 0.0 } else { keep };
            }
            flow[v] = 0.0;
            if taken != 0.0 {
                let next = spf.next_arcs(node);
                let each = taken / next.len() as f64;
                for arc in next {
                    flow[csr.dst[arc.index()].index()] += each;
                    change.touched_list.extend(mark(&mut change.touched, arc.index()).then_some(*arc));
                    change.moved[arc.index()] -= each;
                }
            }
        }
        for i in 0..tree.order.len() {
            let node = tree.order[i];
            let v = node.index();
            let put = flow[v] + if tree.is_changed[v] { tree.keep[v] } else { 0.0 };
            flow[v] = 0.0;
            if put != 0.0 {
                let next = tree.next_arcs(spf, node);
                let each = put / next.len() as f64;
                for &arc in next {
                    flow[csr.dst[arc.index()].index()] += each;
                    change.touched_list.extend(mark(&mut change.touched, arc.index()).then_some(arc));
                    change.moved[arc.index()] += each;
                }
            }
        }
        tree.flow = flow;
    }
}

/// Sets a flag and says whether it was not set.
fn mark(flags: &mut [bool], at: usize) -> bool {
    !std::mem::replace(&mut flags[at], true)
}

fn users(csr: &Csr, routing: &Routing) -> (Vec<u32>, Vec<NodeId>) {
    let mut count = vec![0u32; csr.arc_count() + 1];
    routing.to.iter().flat_map(|spf| &spf.next).for_each(|arc| count[arc.index() + 1] += 1);
    for i in 0..csr.arc_count() {
        count[i + 1] += count[i];
    }
    let start = count.clone();
    let mut users = vec![NodeId(0); start[csr.arc_count()] as usize];
    for (dst, spf) in routing.to.iter().enumerate() {
        for arc in &spf.next {
            users[count[arc.index()] as usize] = NodeId::new(dst);
            count[arc.index()] += 1;
        }
    }
    (start, users)
}

/// What a failure changed, and the room in which it was computed.
#[derive(Clone, Debug)]
pub struct Change {
    down: Failures,
    /// Arcs that are gone.
    arcs: Vec<ArcId>,
    moved: Vec<f64>,
    touched: Vec<bool>,
    touched_list: Vec<ArcId>,
    lost: f64,
    lost_own: f64,
    disconnected: i64,
    destinations: Vec<NodeId>,
    destination: Vec<bool>,
    tree: Tree,
}

impl Change {
    /// Arcs whose load was touched, with the difference in bit/s, ascending. Rounding may leave a difference near zero.
    pub fn moved(&self) -> impl Iterator<Item = (ArcId, f64)> {
        self.touched_list.iter().map(|arc| (*arc, self.moved[arc.index()]))
    }

    /// The difference in an arc's load in bit/s.
    pub fn moved_on(&self, arc: ArcId) -> f64 {
        self.moved[arc.index()]
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

    /// Destinations whose paths changed, ascending.
    pub fn destinations(&self) -> &[NodeId] {
        &self.destinations
    }

    fn clear(&mut self) {
        for arc in self.touched_list.drain(..) {
            self.moved[arc.index()] = 0.0;
            self.touched[arc.index()] = false;
        }
        for dst in self.destinations.drain(..) {
            self.destination[dst.index()] = false;
        }
        self.arcs.clear();
        (self.lost, self.lost_own, self.disconnected) = (0.0, 0.0, 0);
    }

    fn fail(&mut self, csr: &Csr, gone: &[Gone]) {
        for gone in gone {
            match *gone {
                Gone::Link(link) => {
                    self.down.links[link.index()] = true;
                    self.arcs.extend(&csr.link_arcs[link.index()]);
                }
                Gone::Node(node) => {
                    self.down.nodes[node.index()] = true;
                    self.arcs.extend(csr.arcs_in(node).iter().chain(csr.arcs_out(node)));
                }
            }
        }
        self.arcs.sort_unstable();
        self.arcs.dedup();
    }

    fn restore(&mut self, csr: &Csr, gone: &[Gone]) {
        debug_assert_eq!(self.down.links.len(), csr.link_count());
        for gone in gone {
            match *gone {
                Gone::Link(link) => self.down.links[link.index()] = false,
                Gone::Node(node) => self.down.nodes[node.index()] = false,
            }
        }
        self.touched_list.sort_unstable();
    }

    fn touch_destination(&mut self, dst: NodeId) {
        if mark(&mut self.destination, dst.index()) {
            self.destinations.push(dst);
        }
    }
}

/// The new shortest paths to one destination, as they differ from the old ones.
#[derive(Clone, Debug)]
struct Tree {
    /// Nodes whose next hops or distance changed.
    changed: Vec<NodeId>,
    is_changed: Vec<bool>,
    /// Changed nodes that lost all next hops, and the new distance of every changed node.
    orphan: Vec<bool>,
    dist: Vec<u64>,
    /// Next hops that a node has left, where it lost any.
    left: Vec<u32>,
    /// New next hops of changed nodes, as ranges.
    next: Vec<ArcId>,
    range: Vec<(u32, u32)>,
    /// Nodes that reach the destination, farthest first.
    order: Vec<NodeId>,
    settled: Vec<NodeId>,
    queue: Vec<NodeId>,
    heap: BinaryHeap<Reverse<(u64, NodeId)>>,
    flow: Vec<f64>,
    keep: Vec<f64>,
}

impl Tree {
    fn new(n: usize) -> Self {
        Self {
            changed: Vec::new(),
            is_changed: vec![false; n],
            orphan: vec![false; n],
            dist: vec![UNREACHABLE; n],
            left: vec![0; n],
            next: Vec::new(),
            range: vec![(0, 0); n],
            order: Vec::with_capacity(n),
            settled: Vec::with_capacity(n),
            queue: Vec::with_capacity(n),
            heap: BinaryHeap::new(),
            flow: vec![0.0; n],
            keep: vec![0.0; n],
        }
    }

    fn clear(&mut self) {
        for node in self.changed.drain(..) {
            self.is_changed[node.index()] = false;
            self.orphan[node.index()] = false;
        }
        self.next.clear();
        self.order.clear();
        self.settled.clear();
    }

    fn next_arcs<'t>(&'t self, spf: &'t Spf, node: NodeId) -> &'t [ArcId] {
        if !self.is_changed[node.index()] {
            return spf.next_arcs(node);
        }
        let (from, to) = self.range[node.index()];
        &self.next[from as usize..to as usize]
    }

    fn distance(&self, spf: &Spf, node: NodeId) -> u64 {
        if self.is_changed[node.index()] { self.dist[node.index()] } else { spf.dist[node.index()] }
    }

    fn prepare(&mut self, csr: &Csr, spf: &Spf, down: &Failures, gone: &[ArcId], dst: NodeId) {
        if !down.node_up(dst) {
            spf.order.iter().for_each(|v| self.change(spf, *v));
            self.changed.iter().for_each(|v| self.orphan[v.index()] = true);
            self.changed.iter().for_each(|v| self.dist[v.index()] = UNREACHABLE);
            self.changed.iter().for_each(|v| self.range[v.index()] = (0, 0));
            return;
        }
        self.find_orphans(csr, spf, gone, dst);
        self.settle_orphans(csr, spf, down);
        self.merge_order(spf);
        self.find_next(csr, down, spf);
    }

    fn change(&mut self, spf: &Spf, node: NodeId) {
        let v = node.index();
        if mark(&mut self.is_changed, v) {
            self.changed.push(node);
            self.left[v] = spf.next_arcs(node).len() as u32;
            self.dist[v] = spf.dist[v];
        }
    }

    /// A node that loses its last next hop takes itself away from those behind it.
    fn find_orphans(&mut self, csr: &Csr, spf: &Spf, gone: &[ArcId], dst: NodeId) {
        for arc in gone {
            self.lose_next(csr, spf, *arc, dst);
        }
        while let Some(node) = self.queue.pop() {
            for arc in csr.arcs_in(node) {
                if gone.binary_search(arc).is_err() {
                    self.lose_next(csr, spf, *arc, dst);
                }
            }
        }
    }

    /// The tail of an arc cannot use it any more.
    fn lose_next(&mut self, csr: &Csr, spf: &Spf, arc: ArcId, dst: NodeId) {
        let (tail, head) = (csr.src[arc.index()], csr.dst[arc.index()]);
        let (here, there) = (spf.dist[tail.index()], spf.dist[head.index()]);
        let used = tail != dst && tail != head && there != UNREACHABLE && there + cost(csr, arc) == here;
        if used {
            self.change(spf, tail);
            let left = &mut self.left[tail.index()];
            *left -= 1;
            if *left == 0 {
                self.orphan[tail.index()] = true;
                self.dist[tail.index()] = UNREACHABLE;
                self.queue.push(tail);
            }
        }
    }

    /// Dijkstra among the orphans, from those that have a way out.
    fn settle_orphans(&mut self, csr: &Csr, spf: &Spf, down: &Failures) {
        for i in 0..self.changed.len() {
            let node = self.changed[i];
            if !self.orphan[node.index()] {
                continue;
            }
            let usable = csr.arcs_out(node).iter().filter(|a| {
                let head = csr.dst[a.index()].index();
                !self.orphan[head] && spf.dist[head] != UNREACHABLE && down.arc_up(csr, **a)
            });
            let via = usable.map(|a| spf.dist[csr.dst[a.index()].index()] + cost(csr, *a)).min();
            if let Some(via) = via {
                self.dist[node.index()] = via;
                self.heap.push(Reverse((via, node)));
            }
        }
        while let Some(Reverse((d, node))) = self.heap.pop() {
            if d > self.dist[node.index()] {
                continue;
            }
            self.settled.push(node);
            for &arc in csr.arcs_in(node) {
                let tail = csr.src[arc.index()];
                let via = d + cost(csr, arc);
                if self.orphan[tail.index()] && via < self.dist[tail.index()] && down.arc_up(csr, arc) {
                    self.dist[tail.index()] = via;
                    self.heap.push(Reverse((via, tail)));
                }
            }
        }
    }

    /// The old order without the orphans, with the settled ones in their new places.
    fn merge_order(&mut self, spf: &Spf) {
        let mut settled = self.settled.iter().rev().copied().peekable();
        for &node in spf.order.iter().filter(|v| !self.orphan[v.index()]) {
            let here = spf.dist[node.index()];
            while let Some(orphan) = settled.next_if(|o| self.dist[o.index()] > here) {
                self.order.push(orphan);
            }
            self.order.push(node);
        }
        self.order.extend(settled);
    }

    fn find_next(&mut self, csr: &Csr, down: &Failures, spf: &Spf) {
        for i in 0..self.changed.len() {
            let node = self.changed[i];
            let (here, from) = (self.dist[node.index()], self.next.len() as u32);
            if here != UNREACHABLE {
                for &arc in csr.arcs_out(node) {
                    let there = self.distance(spf, csr.dst[arc.index()]);
                    if there != UNREACHABLE && there + cost(csr, arc) == here && down.arc_up(csr, arc) {
                        self.next.push(arc);
                    }
                }
            }
            self.range[node.index()] = (from, self.next.len() as u32);
        }
    }
}

/// The shortest paths to one destination after a failure.
#[derive(Clone, Copy, Debug)]
pub struct After<'t> {
    spf: &'t Spf,
    tree: &'t Tree,
    dst: NodeId,
}

impl After<'_> {
    /// The destination.
    pub fn dst(&self) -> NodeId {
        self.dst
    }

    /// The new distance of a node, [`UNREACHABLE`] where there is no path.
    pub fn distance(&self, node: NodeId) -> u64 {
        self.tree.distance(self.spf, node)
    }

    /// The arcs on which a node forwards now, ascending.
    pub fn next_arcs(&self, node: NodeId) -> &[ArcId] {
        self.tree.next_arcs(self.spf, node)
    }

    /// The nodes that still reach the destination, itself included, farthest first.
    pub fn order(&self) -> &[NodeId] {
        &self.tree.order
    }
}
