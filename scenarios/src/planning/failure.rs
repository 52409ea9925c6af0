//! What fails together, and lists of it.

use models::{Failures, Gone};
use twin::{Csr, LinkId, NodeId};

use super::members::Members;
use super::sets::Sets;

/// Links and nodes that are down together; a link in both directions, a node with all its links.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FailureSet {
    links: Vec<LinkId>,
    nodes: Vec<NodeId>,
}

impl FailureSet {
    /// A set of links and nodes in any order, repeated or not.
    pub fn new(mut links: Vec<LinkId>, mut nodes: Vec<NodeId>) -> Self {
        links.sort_unstable();
        links.dedup();
        nodes.sort_unstable();
        nodes.dedup();
        Self { links, nodes }
    }

    /// The links, ascending.
    pub fn links(&self) -> &[LinkId] {
        &self.links
    }

    /// The nodes, ascending.
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// Whether nothing fails.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty() && self.nodes.is_empty()
    }

    /// All that fails, links first.
    pub fn gone(&self) -> impl Iterator<Item = Gone> {
        self.links.iter().map(|l| Gone::Link(*l)).chain(self.nodes.iter().map(|n| Gone::Node(*n)))
    }

    /// What is down in a network: these, and bundles with too few members left.
    pub fn failures(&self, csr: &Csr) -> Failures {
        let mut members = Members::default();
        members.see(csr, self);
        let links = self.links.iter().chain(&members.down);
        let down = links.fold(Failures::none(csr), |down, link| down.with_link(*link));
        self.nodes.iter().fold(down, |down, node| down.with_node(*node))
    }

    /// Both sets at once.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let links = self.links.iter().chain(&other.links).copied().collect();
        let nodes = self.nodes.iter().chain(&other.nodes).copied().collect();
        Self::new(links, nodes)
    }
}

/// The scenarios of a study by number: 0 is the network with nothing down, then each failure set once, in the order of
/// its first mention. Sets that follow a rule are not stored: a list of 10^9 pairs takes no memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureList {
    rule: Rule,
    len: u32,
    base: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// All sets of so many of so many links, in lexicographic order.
    Links {
        of: u32,
        at_once: u32,
    },
    Nodes,
    Listed(Sets),
}

impl FailureList {
    /// Nothing fails.
    pub fn none() -> Self {
        Self { rule: Rule::Listed(Sets::default()), len: 1, base: 1 }
    }

    /// All sets of `at_once` different links, in lexicographic order; with 1, scenario i + 1 is link i.
    ///
    /// # Panics
    /// If there are 2^32 scenarios or more, or with `at_once` 0.
    pub fn links(csr: &Csr, at_once: u32) -> Self {
        assert!(at_once > 0, "sets of no link are `none`");
        let of = u32::try_from(csr.link_count()).expect("links have 32-bit numbers");
        let sets =
            choose(of, at_once).filter(|n| *n < u64::from(u32::MAX)).expect("scenarios have 32-bit numbers");
        Self { rule: Rule::Links { of, at_once }, len: sets as u32 + 1, base: 0 }
    }

    /// How many sets of `at_once` links there are; `None` if scenario numbers do not suffice.
    pub fn count_links(csr: &Csr, at_once: u32) -> Option<u32> {
        let sets = choose(u32::try_from(csr.link_count()).ok()?, at_once)?;
        u32::try_from(sets).ok().filter(|n| *n < u32::MAX)
    }

    /// Each link that can fail by itself, in the order of their numbers: bundles by their members.
    pub fn members(csr: &Csr) -> Self {
        let single = (0..csr.link_count()).map(LinkId::new).filter(|link| csr.is_single(*link));
        Self::listed(single.map(|link| FailureSet::new(vec![link], Vec::new())))
    }

    /// Each node.
    pub fn nodes(csr: &Csr) -> Self {
        let len = u32::try_from(csr.node_count()).expect("nodes have 32-bit numbers") + 1;
        Self { rule: Rule::Nodes, len, base: 0 }
    }

    /// These sets; one that is repeated is evaluated once and counted, an empty one counts for the base.
    ///
    /// # Panics
    /// If there are 2^32 sets or more.
    pub fn listed(sets: impl IntoIterator<Item = FailureSet>) -> Self {
        let mut base = 0;
        let sets = sets.into_iter().filter(|set| {
            base += u32::from(set.is_empty());
            !set.is_empty()
        });
        let list = Sets::new(sets);
        let len = u32::try_from(list.len() + 1).expect("scenarios have 32-bit numbers");
        Self { rule: Rule::Listed(list), len, base }
    }

    /// The number of scenarios, the base among them.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Never: there is always the base.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// A scenario's failure set, and how often it stands in the list. The base stands there only where it was listed, or
    /// where nothing else is asked for.
    ///
    /// # Panics
    /// If there is no such scenario.
    pub fn get(&self, scenario: u32) -> (FailureSet, u32) {
        assert!(scenario < self.len, "scenario {scenario} of {}", self.len);
        let Some(i) = scenario.checked_sub(1) else { return (FailureSet::default(), self.base) };
        match &self.rule {
            Rule::Links { of, at_once } => {
                (FailureSet { links: unrank(*of, *at_once, i), nodes: Vec::new() }, 1)
            }
            Rule::Nodes => (FailureSet { links: Vec::new(), nodes: vec![NodeId(i)] }, 1),
            Rule::Listed(sets) => sets.get(i as usize),
        }
    }
}

/// n over k, `None` beyond 64 bits.
fn choose(n: u32, k: u32) -> Option<u64> {
    if k > n {
        return Some(0);
    }
    (0..u64::from(k)).try_fold(1u64, |c, i| Some(c.checked_mul(u64::from(n) - i)? / (i + 1)))
}

/// The set of `k` of `n` links at a position of the lexicographic order.
fn unrank(n: u32, k: u32, position: u32) -> Vec<LinkId> {
    let (mut left, mut first) = (u64::from(position), 0);
    let mut set = Vec::with_capacity(k as usize);
    for rest in (0..k).rev() {
        loop {
            let with_first = choose(n - first - 1, rest).expect("smaller than the number of all sets");
            if left < with_first {
                break;
            }
            left -= with_first;
            first += 1;
        }
        set.push(LinkId(first));
        first += 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(links: &[u32], nodes: &[u32]) -> FailureSet {
        FailureSet::new(
            links.iter().map(|l| LinkId(*l)).collect(),
            nodes.iter().map(|n| NodeId(*n)).collect(),
        )
    }

    #[test]
    fn pairs_come_in_lexicographic_order() {
        let list = FailureList { rule: Rule::Links { of: 4, at_once: 2 }, len: 7, base: 0 };
        let sets: Vec<_> = (1..list.len()).map(|s| list.get(s).0).collect();
        assert_eq!(sets, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]].map(|l| set(&l, &[])));
        assert_eq!(list.get(0), (FailureSet::default(), 0));
    }

    #[test]
    fn every_set_has_one_position() {
        for k in 1..=4 {
            let count = choose(9, k).unwrap() as u32;
            let sets: Vec<_> = (0..count).map(|i| unrank(9, k, i)).collect();
            assert!(sets.windows(2).all(|w| w[0] < w[1]));
            assert!(sets.iter().all(|s| s.windows(2).all(|w| w[0] < w[1]) && s.len() == k as usize));
        }
    }

    #[test]
    fn a_repeated_set_is_counted() {
        let sets = [set(&[3, 1], &[]), set(&[], &[2]), set(&[], &[]), set(&[1, 3, 3], &[])];
        let list = FailureList::listed(sets);
        assert_eq!(list.len(), 3);
        assert_eq!(list.get(0).1, 1);
        assert_eq!(list.get(1), (set(&[1, 3], &[]), 2));
        assert_eq!(list.get(2), (set(&[], &[2]), 1));
    }
}
