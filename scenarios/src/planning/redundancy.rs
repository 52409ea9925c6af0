//! Who could not lose one more link.
//!
//! Two nodes are *redundant* to each other where no single link cuts them off: where they are in one 2-edge-connected
//! component (Tarjan, *A note on finding the bridges of a graph*, 1974). A failure that takes no service may still take
//! redundancy, and the next one then takes service.

use twin::{Csr, LinkId, NodeId};

use super::FailureSet;
use super::members::Members;

const NONE: u32 = u32::MAX;

/// Which nodes reach each other, and which would still do so without any one link. Links that lead one way only do not
/// count; a bundle that can spare a member is no single link.
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
        let edges = Edges::new(csr);
        let mut search = Search::new(&edges);
        search.fail(csr, set);
        search.bridges(&edges);
        search.redundancy(&edges)
    }

    /// Whether both are up and there is a path between them.
    pub fn connected(&self, a: NodeId, b: NodeId) -> bool {
        self.component[a.index()] != NONE && self.component[a.index()] == self.component[b.index()]
    }

    /// Whether there is a path between them without any one link.
    pub fn redundant(&self, a: NodeId, b: NodeId) -> bool {
        self.block[a.index()] != NONE && self.block[a.index()] == self.block[b.index()]
    }

    /// Whether a node is up.
    pub(super) fn is_up(&self, node: NodeId) -> bool {
        self.component[node.index()] != NONE
    }

    /// By node: whether it is up after some failures and no longer with most of those with whom it was redundant, or
    /// connected. Nodes that are up and no strays are to each other as they were.
    pub(super) fn strays(&self, after: &Self) -> Vec<bool> {
        let (blocks, components) = (most(&self.block, &after.block), most(&self.component, &after.component));
        let stray = |v: usize| {
            let left = |most: &[u32], was: u32, is: u32| is != most[was as usize];
            after.is_up(NodeId::new(v))
                && (left(&blocks, self.block[v], after.block[v])
                    || left(&components, self.component[v], after.component[v]))
        };
        (0..self.block.len()).map(stray).collect()
    }

    /// The links without which some two nodes lose each other; ascending.
    pub fn bridges(&self) -> &[LinkId] {
        &self.bridges
    }

    /// Nodes that could lose any one link before and would be cut off from most others by one more now, themselves up and
    /// still connected: those that leave the largest redundant part. Ascending.
    pub fn nodes_that_lose_it(&self, after: &Self) -> Vec<NodeId> {
        let (before, now, rest) = (largest(&self.block), largest(&after.block), largest(&after.component));
        let lost = |v: &usize| {
            Some(self.block[*v]) == before
                && Some(after.block[*v]) != now
                && Some(after.component[*v]) == rest
        };
        (0..self.block.len()).filter(lost).map(NodeId::new).collect()
    }

    /// Nodes that are up and parted from most others, with whom they were connected before. Ascending.
    pub fn nodes_cut_off(&self, after: &Self) -> Vec<NodeId> {
        let (before, rest) = (largest(&self.component), largest(&after.component));
        let cut = |v: &usize| {
            let now = after.component[*v];
            Some(self.component[*v]) == before && Some(now) != rest && now != NONE
        };
        (0..self.component.len()).filter(cut).map(NodeId::new).collect()
    }
}

/// Of each component the largest part that is left of it, the first of equals. Parts have the number of their first node.
fn most(before: &[u32], after: &[u32]) -> Vec<u32> {
    let mut sizes = vec![0u32; after.len()];
    after.iter().filter(|c| **c != NONE).for_each(|c| sizes[*c as usize] += 1);
    let mut most = vec![NONE; before.len()];
    for part in (0..sizes.len()).filter(|part| sizes[*part] > 0) {
        let best = &mut most[before[part] as usize];
        if *best == NONE || sizes[part] > sizes[*best as usize] {
            *best = part as u32;
        }
    }
    most
}

/// The component with the most nodes, the first of equals; one of a single node is none.
fn largest(of: &[u32]) -> Option<u32> {
    let mut sizes = vec![0u32; of.len()];
    of.iter().filter(|c| **c != NONE).for_each(|c| sizes[*c as usize] += 1);
    let best = (0..sizes.len()).rev().max_by_key(|c| sizes[*c])?;
    (sizes[best] > 1).then_some(best as u32)
}

/// Links that lead both ways, by node. A bundle that can spare a member has a second edge, numbered after all links.
#[derive(Debug)]
pub(super) struct Edges {
    start: Vec<u32>,
    /// Edge and other end.
    to: Vec<(u32, u32)>,
    links: usize,
    /// By bundle: whether it can spare a member with nothing down.
    spare: Vec<bool>,
}

impl Edges {
    pub(super) fn new(csr: &Csr) -> Self {
        let spare: Vec<_> = csr.bundles.iter().map(|b| b.members.len() as u32 > b.min_links).collect();
        let second: Vec<_> = (0u32..).zip(&csr.bundles).map(|(i, b)| (b.link, i)).collect(); // ascending by link
        let links = csr.link_count();
        let (mut start, mut to) = (vec![0], Vec::new());
        for node in (0..csr.node_count()).map(NodeId::new) {
            for arc in csr.arcs_out(node).iter().filter(|arc| csr.reverse(**arc).is_some()) {
                let (link, head) = (csr.link[arc.index()], csr.dst[arc.index()].0);
                to.push((link.0, head));
                if let Ok(at) = second.binary_search_by_key(&link, |(link, _)| *link) {
                    to.push((links as u32 + second[at].1, head));
                }
            }
            start.push(to.len() as u32);
        }
        Self { start, to, links, spare }
    }

    pub(super) fn nodes(&self) -> usize {
        self.start.len() - 1
    }

    pub(super) fn links(&self) -> usize {
        self.links
    }

    pub(super) fn has_bundles(&self) -> bool {
        !self.spare.is_empty()
    }

    /// The edges at a node, each with its other end.
    pub(super) fn of(&self, node: usize) -> &[(u32, u32)] {
        &self.to[self.start[node] as usize..self.start[node + 1] as usize]
    }
}

/// Looks for what a failure set leaves, one set after another.
#[derive(Debug)]
pub(super) struct Search {
    members: Members,
    /// By edge and by node: whether it is down.
    down: Vec<bool>,
    node_down: Vec<bool>,
    entered: Vec<u32>,
    low: Vec<u32>,
    next: Vec<u32>,
    path: Vec<(u32, u32)>,
    bridges: Vec<LinkId>,
}

impl Search {
    pub(super) fn new(edges: &Edges) -> Self {
        let n = edges.nodes();
        Self {
            members: Members::default(),
            down: vec![false; edges.links + edges.spare.len()],
            node_down: vec![false; n],
            entered: vec![NONE; n],
            low: vec![0; n],
            next: vec![0; n],
            path: Vec::new(),
            bridges: Vec::new(),
        }
    }

    /// Forgets what was down, and takes these away.
    pub(super) fn fail(&mut self, csr: &Csr, set: &FailureSet) {
        self.down.fill(false);
        self.node_down.fill(false);
        self.members.see(csr, set);
        let links = csr.link_count();
        for (i, bundle) in csr.bundles.iter().enumerate() {
            self.down[links + i] = bundle.members.len() as u32 <= bundle.min_links;
        }
        for (i, up) in &self.members.thin {
            self.down[links + i] = *up <= csr.bundles[*i].min_links;
        }
        for link in set.links().iter().chain(&self.members.down) {
            self.down[link.index()] = true;
        }
        for (i, bundle) in csr.bundles.iter().enumerate() {
            self.down[links + i] |= self.down[bundle.link.index()];
        }
        set.nodes().iter().for_each(|node| self.node_down[node.index()] = true);
    }

    fn is_up(&self, (edge, to): (u32, u32)) -> bool {
        !self.down[edge as usize] && !self.node_down[to as usize]
    }

    /// Depth-first search without recursion: a tree edge is a bridge where nothing below it reaches above it. Returns the
    /// number of connected components.
    pub(super) fn bridges(&mut self, edges: &Edges) -> usize {
        self.entered.fill(NONE);
        self.bridges.clear();
        let (mut clock, mut components) = (0, 0);
        for root in 0..edges.nodes() {
            if self.entered[root] != NONE || self.node_down[root] {
                continue;
            }
            components += 1;
            self.enter(root, NONE, &mut clock);
            while let Some(&(v, by)) = self.path.last() {
                let at = self.next[v as usize] as usize;
                if let Some(&(edge, w)) = edges.of(v as usize).get(at) {
                    self.next[v as usize] += 1;
                    // The way back is none; a parallel link has a number of its own.
                    if edge == by || v == w || !self.is_up((edge, w)) {
                        continue;
                    }
                    match self.entered[w as usize] {
                        NONE => self.enter(w as usize, edge, &mut clock),
                        when => self.low[v as usize] = self.low[v as usize].min(when),
                    }
                    continue;
                }
                self.path.pop();
                if let Some(&(above, _)) = self.path.last() {
                    self.low[above as usize] = self.low[above as usize].min(self.low[v as usize]);
                    if self.low[v as usize] > self.entered[above as usize] {
                        self.bridges.push(LinkId(by));
                    }
                }
            }
        }
        self.bridges.sort_unstable();
        components
    }

    fn enter(&mut self, node: usize, by: u32, clock: &mut u32) {
        (self.entered[node], self.low[node], self.next[node]) = (*clock, *clock, 0);
        *clock += 1;
        self.path.push((node as u32, by));
    }

    /// The bridges that were found last; ascending.
    pub(super) fn found(&self) -> &[LinkId] {
        &self.bridges
    }

    /// All that was found.
    pub(super) fn redundancy(&self, edges: &Edges) -> Redundancy {
        Redundancy {
            component: self.components(edges, &[]),
            block: self.components(edges, &self.bridges),
            bridges: self.bridges.clone(),
        }
    }

    /// Components over the links that are not left out (which must be sorted), numbered by their first node.
    fn components(&self, edges: &Edges, without: &[LinkId]) -> Vec<u32> {
        let mut component = vec![NONE; edges.nodes()];
        let mut queue = Vec::new();
        for root in 0..edges.nodes() {
            if component[root] != NONE || self.node_down[root] {
                continue;
            }
            component[root] = root as u32;
            queue.push(root);
            while let Some(v) = queue.pop() {
                for (edge, to) in edges.of(v).iter().filter(|edge| self.is_up(**edge)) {
                    if component[*to as usize] == NONE && without.binary_search(&LinkId(*edge)).is_err() {
                        component[*to as usize] = root as u32;
                        queue.push(*to as usize);
                    }
                }
            }
        }
        component
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use twin::{BitsPerSec, Layer, LinkSpec, NodeKind, SimDuration, TwinBuilder};

    /// Routers and links between them.
    pub(in crate::planning) fn net(nodes: usize, links: &[(usize, usize)]) -> Csr {
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
