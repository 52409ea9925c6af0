//! Many failure sets in little memory.

use twin::{LinkId, NodeId};

use super::FailureSet;

/// Failure sets one after the other, each once, with how often it was mentioned. Some 20 bytes for a pair of links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sets {
    links: Vec<LinkId>,
    nodes: Vec<NodeId>,
    /// By set: where its links and its nodes end.
    ends: Vec<(u32, u32)>,
    mentions: Vec<u32>,
}

impl Sets {
    /// Sets in the order of their first mention.
    ///
    /// # Panics
    /// If they have 2^32 members or more in all.
    pub(super) fn new(sets: impl IntoIterator<Item = FailureSet>) -> Self {
        let mut all = Self::default();
        sets.into_iter().for_each(|set| all.push(set.links(), set.nodes(), 1));
        all.each_once()
    }

    fn push(&mut self, links: &[LinkId], nodes: &[NodeId], mentions: u32) {
        self.links.extend_from_slice(links);
        self.nodes.extend_from_slice(nodes);
        let end = |len| u32::try_from(len).expect("members have 32-bit numbers");
        self.ends.push((end(self.links.len()), end(self.nodes.len())));
        self.mentions.push(mentions);
    }

    /// Sorting brings equals together, the first mention in front.
    fn each_once(mut self) -> Self {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_unstable_by_key(|i| (self.members(*i as usize), *i));
        let mut mentions = vec![0; self.len()];
        for equals in order.chunk_by(|a, b| self.members(*a as usize) == self.members(*b as usize)) {
            mentions[equals[0] as usize] = equals.len() as u32;
        }
        self.mentions = mentions;
        if self.mentions.iter().all(|mentions| *mentions == 1) {
            return self;
        }
        let mut once = Self::default();
        for i in (0..self.len()).filter(|i| self.mentions[*i] > 0) {
            let (links, nodes) = self.members(i);
            once.push(links, nodes, self.mentions[i]);
        }
        once
    }

    /// How many sets.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn members(&self, i: usize) -> (&[LinkId], &[NodeId]) {
        let from = i.checked_sub(1).map_or((0, 0), |before| self.ends[before]);
        let to = self.ends[i];
        (&self.links[from.0 as usize..to.0 as usize], &self.nodes[from.1 as usize..to.1 as usize])
    }

    /// A set, and how often it was mentioned.
    pub(super) fn get(&self, i: usize) -> (FailureSet, u32) {
        let (links, nodes) = self.members(i);
        (FailureSet::new(links.to_vec(), nodes.to_vec()), self.mentions[i])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_set_comes_once_where_it_was_mentioned_first(
            drawn in prop::collection::vec((prop::collection::vec(0u32..3, 0..3), prop::option::of(0u32..2)), 0..30),
        ) {
            let set = |(links, node): &(Vec<u32>, Option<u32>)| {
                FailureSet::new(links.iter().map(|l| LinkId(*l)).collect(), node.iter().map(|n| NodeId(*n)).collect())
            };
            let mut wanted: Vec<(FailureSet, u32)> = Vec::new();
            for set in drawn.iter().map(set) {
                match wanted.iter_mut().find(|(other, _)| *other == set) {
                    Some((_, mentions)) => *mentions += 1,
                    None => wanted.push((set, 1)),
                }
            }
            let sets = Sets::new(drawn.iter().map(set));
            prop_assert_eq!((0..sets.len()).map(|i| sets.get(i)).collect::<Vec<_>>(), wanted);
        }
    }
}
