//! Who loses service to a failure, and who only the spare way.
//!
//! A device with another link is not cut off when one fails. It has lost its redundancy instead: one more failure, and it is.

use std::ops::Range;

use twin::{LinkId, NodeId};

use super::cuts::Cuts;
use super::redundancy::{Edges, Redundancy, Search};
use super::sweep::stream;
use super::{FailureList, FailureSet, Plan};

/// Nodes and links in rows that are made before they are handed on: bounds what is held in memory.
const AT_ONCE: usize = 1 << 19;

/// What a failure takes from whom. Nodes that are down themselves are not in it, nor are their demands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposure {
    /// The scenario.
    pub scenario: u32,
    /// Nodes that are parted from most others; ascending.
    pub cut_nodes: Vec<NodeId>,
    /// Nodes that are not, and would be by one more link, which was not so before; ascending.
    pub exposed_nodes: Vec<NodeId>,
    /// Demands whose ends are parted.
    pub cut_demands: u32,
    /// Demands whose ends are not, and would be by one more link, which was not so before.
    pub exposed_demands: u32,
    /// Their volume in bit/s.
    pub exposed_bps: f64,
    /// The links of which any one would part somebody now, and would not have before; ascending.
    pub only_links: Vec<LinkId>,
}

impl Exposure {
    /// Whether nobody loses anything.
    pub fn is_empty(&self) -> bool {
        self.cut_nodes.is_empty()
            && self.exposed_nodes.is_empty()
            && self.cut_demands == 0
            && self.exposed_demands == 0
            && self.only_links.is_empty()
    }

    /// Whether anybody is cut off.
    pub fn cuts(&self) -> bool {
        self.cut_demands > 0 || !self.cut_nodes.is_empty()
    }
}

/// Of each demand after how many failures it is cut off, and after how many one more link would do it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposed {
    /// By demand.
    pub cut: Vec<u32>,
    /// By demand; failures that cut it off are not among them.
    pub exposed: Vec<u32>,
}

/// What each failure of a range takes from whom. `take` gets the failures that take anything, in order. The result is the
/// same for any number of threads. Cost: O(nodes + links) for each scenario that takes anything, has nodes, or has many links,
/// and the demands of nodes that leave the rest.
///
/// # Errors
/// What `take` returns; nothing is evaluated any more then.
pub fn exposures<E: Send>(
    plan: &Plan<'_>,
    list: &FailureList,
    range: Range<u32>,
    mut take: impl FnMut(&Exposure) -> Result<(), E> + Send,
) -> Result<Exposed, E> {
    let csr = plan.csr();
    let edges = Edges::new(csr);
    let base = Redundancy::with(csr, &FailureSet::default());
    let parts = Search::new(&edges).bridges(&edges);
    let pairs = Pairs::new(plan, &base);
    let cuts = Cuts::new(&edges);
    let none = || vec![0; plan.demands().len()];
    let new = |_| Watch {
        plan,
        edges: &edges,
        base: &base,
        pairs: &pairs,
        cuts: cuts.as_ref(),
        parts,
        search: Search::new(&edges),
        seen: Exposed { cut: none(), exposed: none() },
    };
    let mut watches: Vec<_> = (0..rayon::current_num_threads()).map(new).collect();
    let at_once = (AT_ONCE / (csr.node_count() + csr.link_count()).max(1)).max(1) as u32;
    let each = |watch: &mut Watch<'_>, number: u32| watch.see(number, &list.get(number).0);
    stream(range, at_once, &mut watches, each, &mut |rows: &[Option<Exposure>]| {
        rows.iter().flatten().try_for_each(&mut take)
    })?;
    let mut all = Exposed { cut: none(), exposed: none() };
    for watch in watches {
        let add = |all: &mut Vec<u32>, more: Vec<u32>| all.iter_mut().zip(more).for_each(|(a, b)| *a += b);
        add(&mut all.cut, watch.seen.cut);
        add(&mut all.exposed, watch.seen.exposed);
    }
    Ok(all)
}

/// One thread's means.
struct Watch<'p> {
    plan: &'p Plan<'p>,
    edges: &'p Edges,
    base: &'p Redundancy,
    pairs: &'p Pairs,
    cuts: Option<&'p Cuts>,
    /// Connected components with nothing down.
    parts: usize,
    search: Search,
    seen: Exposed,
}

impl Watch<'_> {
    /// Whether a search is worth its time.
    fn may_matter(&self, set: &FailureSet) -> bool {
        let known = self.cuts.filter(|_| set.nodes().is_empty());
        known.map_or(!set.is_empty(), |cuts| cuts.may_matter(set.links()))
    }

    fn see(&mut self, scenario: u32, set: &FailureSet) -> Option<Exposure> {
        if !self.may_matter(set) {
            return None;
        }
        self.search.fail(self.plan.csr(), set);
        let parts = self.search.bridges(self.edges);
        let is_new = |link: &&LinkId| self.base.bridges().binary_search(link).is_err();
        let only_links: Vec<_> = self.search.found().iter().filter(is_new).copied().collect();
        // Without new bridges and new parts nobody loses anything. A node that is down may have been a part of its own.
        if only_links.is_empty() && parts == self.parts && set.nodes().is_empty() {
            return None;
        }
        let now = self.search.redundancy(self.edges);
        let mut exposure = Exposure {
            scenario,
            cut_nodes: self.base.nodes_cut_off(&now),
            exposed_nodes: self.base.nodes_that_lose_it(&now),
            only_links,
            ..Exposure::default()
        };
        self.demands(&now, &mut exposure);
        Some(exposure).filter(|exposure| !exposure.is_empty())
    }

    /// Looks at the demands of nodes that left the rest. Of demands that have one way there was nothing to lose but that way.
    fn demands(&mut self, now: &Redundancy, exposure: &mut Exposure) {
        let strays = self.base.strays(now);
        for node in (0..strays.len()).filter(|node| strays[*node]) {
            for pair in self.pairs.at(node) {
                let (here, there) = (NodeId::new(node), pair.other);
                // Demands between two such nodes are seen at the lower one.
                if !now.is_up(there) || (strays[there.index()] && there < here) {
                    continue;
                }
                let demand = pair.demand as usize;
                if !now.connected(here, there) {
                    exposure.cut_demands += 1;
                    self.seen.cut[demand] += 1;
                } else if pair.redundant && !now.redundant(here, there) {
                    exposure.exposed_demands += 1;
                    exposure.exposed_bps += self.plan.demands()[demand].bps;
                    self.seen.exposed[demand] += 1;
                }
            }
        }
    }
}

/// Demands that have a way with nothing down, at both of their nodes.
#[derive(Debug)]
struct Pairs {
    start: Vec<u32>,
    /// By node, in the order of the demands.
    pairs: Vec<Pair>,
}

#[derive(Clone, Copy, Debug)]
struct Pair {
    demand: u32,
    other: NodeId,
    /// Whether a way is left without any one link.
    redundant: bool,
}

impl Pairs {
    fn new(plan: &Plan<'_>, base: &Redundancy) -> Self {
        let mut at = vec![Vec::new(); plan.csr().node_count()];
        for (demand, d) in (0u32..).zip(plan.demands()).filter(|(_, d)| base.connected(d.src, d.dst)) {
            let redundant = base.redundant(d.src, d.dst);
            at[d.src.index()].push(Pair { demand, other: d.dst, redundant });
            at[d.dst.index()].push(Pair { demand, other: d.src, redundant });
        }
        let mut all = Self { start: vec![0], pairs: Vec::new() };
        for pairs in at {
            all.pairs.extend(pairs);
            all.start.push(all.pairs.len() as u32);
        }
        all
    }

    fn at(&self, node: usize) -> &[Pair] {
        &self.pairs[self.start[node] as usize..self.start[node + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use models::{Failures, NodeDemand, Routing};
    use proptest::prelude::*;
    use twin::{BitsPerSec, Csr, Layer, LinkSpec, NodeKind, SimDuration, TwinBuilder};

    use super::*;

    const NODES: usize = 6;

    /// Links `(a, b, members, min_links)`; with one member a plain link.
    type Link = (usize, usize, u32, u32);

    fn net(links: &[Link]) -> Csr {
        let mut net = TwinBuilder::new("test");
        let keys: Vec<_> = (0..NODES).map(|i| net.node(&format!("n{i}"), NodeKind::Router, None)).collect();
        for (i, (a, b, _, _)) in links.iter().enumerate() {
            let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::ZERO);
            net.link(&format!("l{i}"), &keys[*a], &keys[*b], spec);
        }
        let mut twin = net.finish();
        let csr = Csr::compile(&twin, Layer::Igp);
        for (i, (_, _, members, min_links)) in links.iter().enumerate().filter(|(_, l)| l.2 > 1) {
            let (a, b) = &csr.ports[csr.link_arcs[i][0].index()];
            let changes = twin.split_into_members(&format!("l{i}"), [a, b], *members, *min_links);
            changes.iter().for_each(|change| twin.set(change));
        }
        Csr::compile(&twin, Layer::Igp)
    }

    /// What can fail alone: a plain link or a member, each with the number of the link that it is part of.
    fn physical(links: &[Link]) -> Vec<(LinkId, usize)> {
        let plain = links.iter().enumerate().filter(|(_, l)| l.2 == 1).map(|(i, _)| (LinkId::new(i), i));
        let mut next = links.len();
        let mut all: Vec<_> = plain.collect();
        for (i, link) in links.iter().enumerate().filter(|(_, l)| l.2 > 1) {
            all.extend((next..next + link.2 as usize).map(|member| (LinkId::new(member), i)));
            next += link.2 as usize;
        }
        all
    }

    /// Which nodes reach each other, the slow way: labels that spread until nothing changes.
    fn labels(links: &[Link], down: &[(LinkId, usize)], nodes_down: &[NodeId]) -> Vec<usize> {
        let mut label: Vec<_> = (0..NODES).collect();
        let missing = |i: usize| down.iter().filter(|(_, of)| *of == i).count() as u32;
        let up = |(i, link): &(usize, &Link)| link.2 - missing(*i) >= link.3;
        for _ in 0..NODES {
            for (_, (a, b, _, _)) in links.iter().enumerate().filter(|l| up(l)) {
                if ![a, b].iter().any(|v| nodes_down.contains(&NodeId::new(**v))) {
                    let least = label[*a].min(label[*b]);
                    (label[*a], label[*b]) = (least, least);
                }
            }
        }
        label
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn who_is_cut_off_and_who_is_exposed_by_trying_every_further_link(
            drawn in prop::collection::vec((0..NODES, 0..NODES, 1u32..4, 1u32..4), 3..11),
            fail in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
            node in prop::option::of(0..NODES),
        ) {
            let links: Vec<Link> = drawn.into_iter().map(|(a, b, n, m)| (a, b, n, m.min(n))).collect();
            let csr = net(&links);
            let physical = physical(&links);
            let failed: Vec<_> = fail.iter().map(|i| physical[i.index(physical.len())]).collect();
            let node: Vec<_> = node.map(NodeId::new).into_iter().collect();
            let set = FailureSet::new(failed.iter().map(|f| f.0).collect(), node.clone());
            let pairs = (0..NODES).flat_map(|s| (0..NODES).filter(move |d| *d != s).map(move |d| (s, d)));
            let demands: Vec<_> = pairs
                .map(|(s, d)| NodeDemand { src: NodeId::new(s), dst: NodeId::new(d), bps: 2.0 })
                .collect();
            let routing = Routing::compute(&csr, &Failures::none(&csr));
            let plan = Plan::new(&csr, &routing, &demands);
            let list = FailureList::listed([set.clone()]);
            let mut found = Exposure::default();
            let exposed = exposures(&plan, &list, 0..list.len(), |exposure| {
                found = exposure.clone();
                Ok::<_, Infallible>(())
            }).unwrap();

            let failed: Vec<_> = physical.iter().filter(|p| failed.contains(p)).copied().collect();
            let joined = |down: &[(LinkId, usize)], nodes: &[NodeId], d: &NodeDemand| {
                let label = labels(&links, down, nodes);
                label[d.src.index()] == label[d.dst.index()]
            };
            let fragile = |down: &[(LinkId, usize)], nodes: &[NodeId], d: &NodeDemand| {
                let mut further = physical.iter().filter(|p| !down.contains(p));
                further.any(|p| !joined(&[down, &[*p]].concat(), nodes, d))
            };
            let (mut cut, mut thin) = (Vec::new(), Vec::new());
            for d in &demands {
                let own = node.contains(&d.src) || node.contains(&d.dst);
                let was = joined(&[], &[], d) && !own;
                let is = joined(&failed, &node, d);
                cut.push(u32::from(was && !is));
                let robust = was && is && !fragile(&[], &[], d);
                thin.push(u32::from(robust && fragile(&failed, &node, d)));
            }
            prop_assert_eq!(found.cut_demands, cut.iter().sum::<u32>());
            prop_assert_eq!(found.exposed_demands, thin.iter().sum::<u32>());
            prop_assert_eq!(found.exposed_bps, 2.0 * f64::from(thin.iter().sum::<u32>()));
            prop_assert_eq!(exposed, Exposed { cut, exposed: thin });
        }
    }

    #[test]
    fn a_ring_with_a_stub() {
        let csr = net(&[(0, 1, 1, 1), (1, 2, 1, 1), (2, 3, 1, 1), (3, 0, 1, 1), (3, 4, 1, 1), (3, 5, 2, 1)]);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        let plan = Plan::new(&csr, &routing, &[]);
        let mut rows = Vec::new();
        let list = FailureList::links(&csr, 1);
        exposures(&plan, &list, 0..list.len(), |row| {
            rows.push((
                row.scenario,
                row.cut_nodes.clone(),
                row.exposed_nodes.clone(),
                row.only_links.clone(),
            ));
            Ok::<_, Infallible>(())
        })
        .unwrap();
        let nodes = |list: &[u32]| list.iter().map(|n| NodeId(*n)).collect::<Vec<_>>();
        let links = |list: &[u32]| list.iter().map(|l| LinkId(*l)).collect::<Vec<_>>();
        let ring = |without: u32| (0..4).filter(|l| *l != without).map(LinkId).collect::<Vec<_>>();
        assert_eq!(rows[0], (1, vec![], nodes(&[0, 1, 2]), ring(0)), "3 and 5 have two members between them");
        assert_eq!(rows[4], (5, nodes(&[4]), vec![], vec![]), "the stub had no redundancy to lose");
        assert_eq!(rows[5], (6, nodes(&[5]), vec![], vec![]), "the bundle as a whole");
        assert_eq!(rows[6], (7, vec![], nodes(&[5]), links(&[5])), "one of its members");
    }
}
