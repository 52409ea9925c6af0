//! Shortest paths with equal-cost multipath, and what they do to traffic.
//!
//! The conventions are those of an IGP with per-hop ECMP (RFC 2328 §16.8, RFC 2992): at each node the traffic for a
//! destination splits equally over **all outgoing arcs on a shortest path**; each of several parallel arcs is a next hop
//! of its own. A metric of 0 counts as 1, so that shortest paths never form a cycle.

mod delta;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use twin::{ArcId, Csr, LinkId, NodeId};

pub use delta::{After, Change, Gone, WhatIf};

/// Distance of a node from which the destination cannot be reached.
pub const UNREACHABLE: u64 = u64::MAX;

/// Which links and nodes are down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    links: Vec<bool>,
    nodes: Vec<bool>,
}

impl Failures {
    /// Nothing is down.
    pub fn none(csr: &Csr) -> Self {
        Self { links: vec![false; csr.link_count()], nodes: vec![false; csr.node_count()] }
    }

    /// The same with this link down, in both directions.
    #[must_use]
    pub fn with_link(mut self, link: LinkId) -> Self {
        self.links[link.index()] = true;
        self
    }

    /// The same with this node down, and with it every link at it.
    #[must_use]
    pub fn with_node(mut self, node: NodeId) -> Self {
        self.nodes[node.index()] = true;
        self
    }

    /// The same with this link up again.
    #[must_use]
    pub fn without_link(mut self, link: LinkId) -> Self {
        self.links[link.index()] = false;
        self
    }

    /// Whether a node is up.
    #[inline]
    pub fn node_up(&self, node: NodeId) -> bool {
        !self.nodes[node.index()]
    }

    /// Whether an arc and both its ends are up. A self-loop never carries anything.
    #[inline]
    pub fn arc_up(&self, csr: &Csr, arc: ArcId) -> bool {
        let (a, b) = (csr.src[arc.index()], csr.dst[arc.index()]);
        a != b && !self.links[csr.link[arc.index()].index()] && self.node_up(a) && self.node_up(b)
    }
}

/// The shortest paths from every node to one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spf {
    dist: Vec<u64>,
    start: Vec<u32>,
    next: Vec<ArcId>,
    /// Reachable nodes, farthest first: the order in which traffic is passed on.
    order: Vec<NodeId>,
}

impl Spf {
    /// Dijkstra from the destination against the arcs. Cost O(arcs · log nodes).
    pub fn to(csr: &Csr, down: &Failures, dst: NodeId) -> Self {
        let n = csr.node_count();
        let mut dist = vec![UNREACHABLE; n];
        let mut order = Vec::with_capacity(n);
        let mut done = vec![false; n];
        let mut heap = BinaryHeap::new();
        if down.node_up(dst) {
            dist[dst.index()] = 0;
            heap.push(Reverse((0, dst)));
        }
        while let Some(Reverse((d, node))) = heap.pop() {
            if std::mem::replace(&mut done[node.index()], true) {
                continue;
            }
            order.push(node);
            for &arc in csr.arcs_in(node).iter().filter(|a| down.arc_up(csr, **a)) {
                let via = d + cost(csr, arc);
                let tail = csr.src[arc.index()];
                if via < dist[tail.index()] {
                    dist[tail.index()] = via;
                    heap.push(Reverse((via, tail)));
                }
            }
        }
        order.reverse();
        let (start, next) = next_arcs(csr, down, &dist, dst);
        Self { dist, start, next, order }
    }

    /// Distance to the destination, [`UNREACHABLE`] where there is no path.
    pub fn distance(&self, node: NodeId) -> u64 {
        self.dist[node.index()]
    }

    /// The arcs on which a node forwards, ascending; empty at the destination and where there is no path.
    #[inline]
    pub fn next_arcs(&self, node: NodeId) -> &[ArcId] {
        &self.next[self.start[node.index()] as usize..self.start[node.index() + 1] as usize]
    }

    /// The nodes that reach the destination, itself included, farthest first.
    pub fn order(&self) -> &[NodeId] {
        &self.order
    }

    /// Whether a path over this arc, which the paths did not use, is not longer than they are.
    fn is_near_over(&self, csr: &Csr, down: &Failures, arc: ArcId) -> bool {
        let (here, there) =
            (self.dist[csr.src[arc.index()].index()], self.dist[csr.dst[arc.index()].index()]);
        there != UNREACHABLE && there + cost(csr, arc) <= here && down.arc_up(csr, arc)
    }

    fn uses(&self, csr: &Csr, down: &Failures) -> bool {
        self.next.iter().any(|a| !down.arc_up(csr, *a))
    }
}

fn cost(csr: &Csr, arc: ArcId) -> u64 {
    u64::from(csr.metric[arc.index()].max(1))
}

fn next_arcs(csr: &Csr, down: &Failures, dist: &[u64], dst: NodeId) -> (Vec<u32>, Vec<ArcId>) {
    let mut start = vec![0u32];
    let mut next = Vec::new();
    for node in (0..csr.node_count()).map(NodeId::new) {
        let here = dist[node.index()];
        if node != dst && here != UNREACHABLE {
            next.extend(csr.arcs_out(node).iter().copied().filter(|&arc| {
                let there = dist[csr.dst[arc.index()].index()];
                there != UNREACHABLE && there + cost(csr, arc) == here && down.arc_up(csr, arc)
            }));
        }
        start.push(next.len() as u32);
    }
    (start, next)
}

/// The shortest paths between all nodes. `Clone` is cheap: destinations are shared until they change.
#[derive(Clone, Debug)]
pub struct Routing {
    to: Vec<Arc<Spf>>,
}

impl Routing {
    /// Computes all destinations.
    pub fn compute(csr: &Csr, down: &Failures) -> Self {
        Self { to: (0..csr.node_count()).map(|d| Arc::new(Spf::to(csr, down, NodeId::new(d)))).collect() }
    }

    /// The routing with these failures, from a routing without them: only destinations that used something that is now
    /// down are computed anew. `self` must be the routing of the same network with nothing down.
    #[must_use]
    pub fn after(&self, csr: &Csr, down: &Failures) -> Self {
        let to = self.to.iter().enumerate().map(|(d, spf)| {
            let dst = NodeId::new(d);
            let keep = down.node_up(dst) && !spf.uses(csr, down);
            if keep { spf.clone() } else { Arc::new(Spf::to(csr, down, dst)) }
        });
        Self { to: to.collect() }
    }

    /// The routing on `csr`, from a routing that was computed when these arcs had other metrics and all else was the same:
    /// only destinations that used one of them, or are as near over one now, are computed anew.
    #[must_use]
    pub fn after_metric(&self, csr: &Csr, down: &Failures, arcs: &[ArcId]) -> Self {
        let to = self.to.iter().enumerate().map(|(d, spf)| {
            let used = spf.next.iter().any(|a| arcs.contains(a));
            let keep = !used && !arcs.iter().any(|a| spf.is_near_over(csr, down, *a));
            if keep { spf.clone() } else { Arc::new(Spf::to(csr, down, NodeId::new(d))) }
        });
        Self { to: to.collect() }
    }

    /// Whether both routings have the same paths to a destination.
    pub fn same_paths(&self, other: &Self, dst: NodeId) -> bool {
        let (one, two) = (&self.to[dst.index()], &other.to[dst.index()]);
        Arc::ptr_eq(one, two) || (one.next == two.next && one.start == two.start)
    }

    /// The shortest paths to one destination.
    pub fn to(&self, dst: NodeId) -> &Spf {
        &self.to[dst.index()]
    }

    /// The arcs on which `node` forwards packets for `dst`, ascending.
    #[inline]
    pub fn next_arcs(&self, node: NodeId, dst: NodeId) -> &[ArcId] {
        self.to[dst.index()].next_arcs(node)
    }

    /// Whether there is a path.
    pub fn reaches(&self, src: NodeId, dst: NodeId) -> bool {
        self.to[dst.index()].distance(src) != UNREACHABLE
    }

    /// The share of `src`'s traffic to `dst` on each arc that carries any, in the order in which packets meet them.
    /// For one flow it is the probability that a hash puts it there.
    pub fn shares(&self, csr: &Csr, src: NodeId, dst: NodeId) -> Vec<(ArcId, f64)> {
        let spf = self.to(dst);
        if spf.distance(src) == UNREACHABLE {
            return Vec::new();
        }
        let mut at = vec![0.0; csr.node_count()];
        at[src.index()] = 1.0;
        let mut shares = Vec::new();
        for &node in &spf.order {
            let here = at[node.index()];
            let next = spf.next_arcs(node);
            if here == 0.0 || next.is_empty() {
                continue;
            }
            let each = here / next.len() as f64;
            for &arc in next {
                shares.push((arc, each));
                at[csr.dst[arc.index()].index()] += each;
            }
        }
        shares
    }
}

/// One demand by node numbers: source, destination, mean rate in bit/s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeDemand {
    /// Where it enters.
    pub src: NodeId,
    /// Where it leaves.
    pub dst: NodeId,
    /// Mean rate in bit/s.
    pub bps: f64,
}

/// Demands by node numbers; demands between unknown nodes are left out.
pub fn node_demands(csr: &Csr, matrix: &twin::DemandMatrix) -> Vec<NodeDemand> {
    let ids: std::collections::BTreeMap<_, _> =
        csr.node_keys.iter().enumerate().map(|(i, k)| (k, NodeId::new(i))).collect();
    let known =
        |d: &twin::Demand| Some(NodeDemand { src: *ids.get(&d.src)?, dst: *ids.get(&d.dst)?, bps: d.bps });
    matrix.demands().iter().filter_map(known).collect()
}

/// What traffic does on a routing: open-loop load per arc, and what found no path.
#[derive(Clone, Debug, PartialEq)]
pub struct Loads {
    /// Load of each arc in bit/s; may exceed its capacity.
    pub arc: Vec<f64>,
    /// Volume without a path in bit/s, other than `lost_own`.
    pub lost: f64,
    /// Volume from or to failed nodes in bit/s.
    pub lost_own: f64,
    /// Ordered pairs with demand and no path (failed ends not counted).
    pub disconnected_pairs: u32,
}

impl Loads {
    /// Routes demands. Sums run in a fixed order, so the same input gives the same bits. Cost O(destinations · arcs).
    pub fn compute(csr: &Csr, routing: &Routing, down: &Failures, demands: &[NodeDemand]) -> Self {
        Self::visit(csr, routing, down, demands, |_, _, _| {})
    }

    /// The same; `turn` is called with each arc, the part of its load that goes on behind it for one destination, and the
    /// arcs on which that part goes on in equal shares.
    pub fn visit(
        csr: &Csr,
        routing: &Routing,
        down: &Failures,
        demands: &[NodeDemand],
        mut turn: impl FnMut(ArcId, f64, &[ArcId]),
    ) -> Self {
        let mut loads =
            Self { arc: vec![0.0; csr.arc_count()], lost: 0.0, lost_own: 0.0, disconnected_pairs: 0 };
        let mut by_dst: Vec<Vec<&NodeDemand>> = vec![Vec::new(); csr.node_count()];
        for demand in demands {
            by_dst[demand.dst.index()].push(demand);
        }
        let mut at = vec![0.0; csr.node_count()];
        for (dst, list) in by_dst.iter().enumerate().filter(|(_, l)| !l.is_empty()) {
            loads.route_to(csr, routing.to(NodeId::new(dst)), down, list, &mut at, &mut turn);
        }
        loads
    }

    /// The loads of the demands for one destination, which is that of `spf`; others in the list are wrong.
    pub fn to(csr: &Csr, spf: &Spf, down: &Failures, demands: &[NodeDemand]) -> Self {
        let mut loads =
            Self { arc: vec![0.0; csr.arc_count()], lost: 0.0, lost_own: 0.0, disconnected_pairs: 0 };
        let list: Vec<_> = demands.iter().collect();
        loads.route_to(csr, spf, down, &list, &mut vec![0.0; csr.node_count()], &mut |_, _, _| {});
        loads
    }

    fn route_to(
        &mut self,
        csr: &Csr,
        spf: &Spf,
        down: &Failures,
        list: &[&NodeDemand],
        at: &mut [f64],
        turn: &mut impl FnMut(ArcId, f64, &[ArcId]),
    ) {
        at.fill(0.0);
        for d in list {
            if !(down.node_up(d.src) && down.node_up(d.dst)) {
                self.lost_own += d.bps;
            } else if spf.distance(d.src) == UNREACHABLE {
                self.lost += d.bps;
                self.disconnected_pairs += 1;
            } else {
                at[d.src.index()] += d.bps;
            }
        }
        for &node in &spf.order {
            let next = spf.next_arcs(node);
            if next.is_empty() || at[node.index()] == 0.0 {
                continue;
            }
            let each = at[node.index()] / next.len() as f64;
            for &arc in next {
                self.arc[arc.index()] += each;
                let head = csr.dst[arc.index()];
                at[head.index()] += each;
                turn(arc, each, spf.next_arcs(head));
            }
        }
    }

    /// The largest load / capacity and its arc (the first of equals); `None` without arcs.
    pub fn max_utilization(&self, csr: &Csr) -> Option<(ArcId, f64)> {
        let mut best: Option<(ArcId, f64)> = None;
        for (i, load) in self.arc.iter().enumerate() {
            let u = load / csr.capacity[i].as_f64();
            if best.is_none_or(|(_, b)| u > b) {
                best = Some((ArcId::new(i), u));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::{BitsPerSec, Layer, LinkSpec, NodeKind, SimDuration, TwinBuilder};

    /// Nodes named by letters; links `(a, b, metric)` of 10 Gbit/s.
    fn net(nodes: &str, links: &[(char, char, u32)]) -> Csr {
        let mut b = TwinBuilder::new("test");
        let keys: Vec<_> = nodes.chars().map(|c| b.node(&c.to_string(), NodeKind::Router, None)).collect();
        let at = |c: char| keys[nodes.find(c).unwrap()].clone();
        for (i, (x, y, metric)) in links.iter().enumerate() {
            let spec = LinkSpec::symmetric(*metric, BitsPerSec::gbps(10), SimDuration::micros(5));
            b.link(&format!("{x}{y}{i}"), &at(*x), &at(*y), spec);
        }
        Csr::compile(&b.finish(), Layer::Igp)
    }

    #[test]
    fn parallel_arcs_are_next_hops_of_their_own() {
        // a has two arcs to b and one to c, all on shortest paths to d: thirds per arc, not halves per neighbour.
        let csr = net("abcd", &[('a', 'b', 1), ('a', 'b', 1), ('a', 'c', 1), ('b', 'd', 1), ('c', 'd', 1)]);
        let down = Failures::none(&csr);
        let routing = Routing::compute(&csr, &down);
        let demand = NodeDemand { src: NodeId(0), dst: NodeId(3), bps: 9.0 };
        let loads = Loads::compute(&csr, &routing, &down, &[demand]);
        assert_eq!(loads.arc, [3.0, 0.0, 3.0, 0.0, 3.0, 0.0, 6.0, 0.0, 3.0, 0.0]);
        let mut shares = routing.shares(&csr, NodeId(0), NodeId(3));
        shares.sort_by_key(|(arc, _)| *arc);
        assert_eq!(
            shares.iter().map(|(a, s)| (a.0, (s * 9.0).round())).collect::<Vec<_>>(),
            [(0, 3.0), (2, 3.0), (4, 3.0), (6, 6.0), (8, 3.0)]
        );
    }

    #[test]
    fn what_fails_is_routed_around_or_counted_as_lost() {
        let csr = net("abc", &[('a', 'b', 1), ('b', 'c', 1)]);
        let all: Vec<_> = [(0, 2), (2, 0), (0, 1)]
            .map(|(s, d)| NodeDemand { src: NodeId(s), dst: NodeId(d), bps: 1.0 })
            .into();
        let base = Routing::compute(&csr, &Failures::none(&csr));
        let cut = Failures::none(&csr).with_link(LinkId(1));
        let loads = Loads::compute(&csr, &base.after(&csr, &cut), &cut, &all);
        assert_eq!((loads.lost, loads.lost_own, loads.disconnected_pairs), (2.0, 0.0, 2));
        let dead = Failures::none(&csr).with_node(NodeId(2));
        let loads = Loads::compute(&csr, &base.after(&csr, &dead), &dead, &all);
        assert_eq!((loads.lost, loads.lost_own, loads.disconnected_pairs), (0.0, 2.0, 0));
    }

    #[test]
    fn after_a_change_of_a_metric_paths_are_those_computed_anew() {
        let edges = [
            ('a', 'b', 2),
            ('b', 'c', 2),
            ('c', 'd', 3),
            ('d', 'a', 1),
            ('b', 'd', 3),
            ('d', 'e', 2),
            ('e', 'c', 1),
        ];
        let csr = net("abcdef", &edges);
        let down = Failures::none(&csr).with_link(LinkId(4));
        for down in [Failures::none(&csr), down] {
            let base = Routing::compute(&csr, &down);
            for (link, metric) in (0..edges.len()).flat_map(|l| (1..9).map(move |m| (l, m))) {
                let arcs = &csr.link_arcs[link];
                let mut changed = csr.clone();
                arcs.iter().for_each(|a| changed.metric[a.index()] = metric);
                let (quick, anew) =
                    (base.after_metric(&changed, &down, arcs), Routing::compute(&changed, &down));
                for dst in (0..6).map(NodeId) {
                    assert_eq!(quick.to(dst), anew.to(dst), "link {link} at {metric} to {dst:?}");
                    let same = (0..6).map(NodeId).all(|n| anew.next_arcs(n, dst) == base.next_arcs(n, dst));
                    assert_eq!(quick.same_paths(&base, dst), same);
                }
            }
        }
    }

    #[test]
    fn a_self_loop_carries_nothing() {
        let csr = net("ab", &[('a', 'a', 1), ('a', 'b', 1)]);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        assert_eq!(routing.next_arcs(NodeId(0), NodeId(1)), [ArcId(2)]);
    }
}
