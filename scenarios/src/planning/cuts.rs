//! Which links may part a network when they fail, told without a search.
//!
//! Each link has a label, such that the labels of every cut add up to 0 by exclusive or: links outside a spanning forest
//! have numbers drawn at random, and a link of the forest the sum of those whose cycle it closes (Pritchard and Thurimella,
//! *Fast computation of small cuts via cycle space sampling*, 2011). If links part somebody, some of them are a cut; if they
//! leave a bridge, some of them and the bridge are. So where no sum of labels is 0 or the label of another link, nobody has
//! lost anything, for certain. Where one is, a search tells; that one is so by chance has a probability of some 2^-60.

use twin::LinkId;

use super::redundancy::Edges;
use crate::mix::mix;

/// Sets of more links are left to the search: every subset is looked at.
const LINKS: usize = 6;

/// The labels of the links of a network with nothing down.
#[derive(Debug)]
pub(super) struct Cuts {
    /// By link; `None` for one that parts nobody, whatever else fails: it leads one way only, or back.
    label: Vec<Option<u64>>,
    /// All labels but 0, with how many links have them; ascending.
    known: Vec<(u64, u32)>,
}

impl Cuts {
    /// `None` for a network with bundles, whose members are edges of no one's. Cost O(nodes + links · log links).
    pub(super) fn new(edges: &Edges) -> Option<Self> {
        if edges.has_bundles() {
            return None;
        }
        let n = edges.nodes();
        let mut label = vec![None; edges.links()];
        let mut sum = vec![0u64; n];
        let (order, above) = forest(edges);
        for node in 0..n {
            for (edge, to) in edges.of(node).iter().map(|(edge, to)| (*edge as usize, *to as usize)) {
                let of_forest = [node, to].iter().any(|v| above[*v].is_some_and(|(by, _)| by == edge));
                if node < to && !of_forest {
                    let drawn = mix(edge as u64 + 1);
                    label[edge] = Some(drawn);
                    sum[node] ^= drawn;
                    sum[to] ^= drawn;
                }
            }
        }
        for node in order.into_iter().rev() {
            if let Some((edge, parent)) = above[node] {
                label[edge] = Some(sum[node]);
                sum[parent] ^= sum[node];
            }
        }
        let mut all: Vec<u64> = label.iter().flatten().copied().filter(|label| *label != 0).collect();
        all.sort_unstable();
        let known = all.chunk_by(|a, b| a == b).map(|equals| (equals[0], equals.len() as u32)).collect();
        Some(Self { label, known })
    }

    /// Whether these links may part anybody, or leave a bridge that was none. Each may stand there once.
    pub(super) fn may_matter(&self, links: &[LinkId]) -> bool {
        if links.len() > LINKS {
            return true;
        }
        let mut labels = [0; LINKS];
        let mut count = 0;
        for label in links.iter().filter_map(|link| self.label[link.index()]) {
            labels[count] = label;
            count += 1;
        }
        let labels = &labels[..count];
        (1usize..1 << count).any(|subset| {
            let chosen = labels.iter().enumerate().filter(|(i, _)| subset >> i & 1 == 1);
            let sum = chosen.fold(0, |sum, (_, label)| sum ^ label);
            sum == 0 || self.others(sum, labels) > 0
        })
    }

    /// How many other links have this label.
    fn others(&self, label: u64, than: &[u64]) -> u32 {
        let Ok(at) = self.known.binary_search_by_key(&label, |(known, _)| *known) else { return 0 };
        self.known[at].1 - than.iter().filter(|other| **other == label).count() as u32
    }
}

/// A spanning forest: nodes, each behind the one above it, and by node the edge and the node above.
fn forest(edges: &Edges) -> (Vec<usize>, Vec<Option<(usize, usize)>>) {
    let n = edges.nodes();
    let (mut order, mut above, mut seen) = (Vec::with_capacity(n), vec![None; n], vec![false; n]);
    for root in 0..n {
        let mut next = order.len();
        if !std::mem::replace(&mut seen[root], true) {
            order.push(root);
        }
        while let Some(&node) = order.get(next) {
            next += 1;
            for (edge, to) in edges.of(node).iter().map(|(edge, to)| (*edge as usize, *to as usize)) {
                if !std::mem::replace(&mut seen[to], true) {
                    above[to] = Some((edge, node));
                    order.push(to);
                }
            }
        }
    }
    (order, above)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use twin::NodeId;

    use super::*;
    use crate::planning::redundancy::tests::net;
    use crate::planning::{FailureSet, Redundancy};

    proptest! {
        #[test]
        fn links_that_do_not_matter_part_nobody_and_leave_no_bridge(
            links in prop::collection::vec((0usize..7, 0usize..7), 1..22),
            down in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        ) {
            let csr = net(7, &links);
            let down: std::collections::BTreeSet<_> = down.iter().map(|d| LinkId::new(d.index(links.len()))).collect();
            let set = FailureSet::new(down.into_iter().collect(), vec![]);
            let (before, after) = (Redundancy::with(&csr, &FailureSet::default()), Redundancy::with(&csr, &set));
            let nodes = || (0..7).map(NodeId);
            let same = nodes().all(|a| nodes().all(|b| {
                (before.connected(a, b), before.redundant(a, b)) == (after.connected(a, b), after.redundant(a, b))
            }));
            let new = after.bridges().iter().any(|bridge| !before.bridges().contains(bridge));
            let matters = Cuts::new(&Edges::new(&csr)).unwrap().may_matter(set.links());
            // That it says so needlessly has a probability of 2^-60.
            prop_assert_eq!(matters, new || !same || set.links().iter().any(|l| before.bridges().contains(l)));
        }
    }
}
