//! Lost packets one by one.

use twin::SimTime;

use super::recorder::{Disposition, DropPlace};

/// One packet that did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostPacket {
    /// When it was lost.
    pub at: SimTime,
    /// Dense number of its flow.
    pub flow: u32,
    /// Its position in the flow.
    pub sequence: u32,
    /// Where.
    pub place: DropPlace,
    /// Why.
    pub why: Disposition,
}

/// The first packets that were lost, up to a number.
#[derive(Clone, Debug)]
pub(crate) struct FirstLost {
    kept: Vec<LostPacket>,
    most: usize,
    /// No loss after this instant is among the first.
    until: SimTime,
}

impl FirstLost {
    pub(crate) fn new(most: usize) -> Self {
        Self { kept: Vec::new(), most, until: SimTime::MAX }
    }

    /// Takes in a loss. Losses may come in any order: twice as many as asked for are held before the later half goes.
    #[inline]
    pub(crate) fn keep(&mut self, lost: LostPacket) {
        if self.most == 0 || lost.at > self.until {
            return;
        }
        self.kept.push(lost);
        if self.kept.len() >= 2 * self.most.max(16) {
            self.settle();
        }
    }

    /// Keeps only the first ones, by time, then flow and position.
    pub(crate) fn settle(&mut self) {
        self.kept.sort_unstable_by_key(|l| (l.at, l.flow, l.sequence));
        self.kept.truncate(self.most);
        if self.kept.len() == self.most
            && let Some(last) = self.kept.last()
        {
            self.until = last.at;
        }
    }

    /// Takes in what another part of the run lost.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.kept.iter().for_each(|lost| self.keep(*lost));
    }

    /// What was kept; the first ones after [`settle`](Self::settle).
    pub(crate) fn kept(&self) -> &[LostPacket] {
        &self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use twin::NodeId;

    proptest! {
        #[test]
        fn the_first_ones_are_kept_in_whatever_order_they_come(
            losses in prop::collection::vec((0u64..40, 0u32..9), 0..300),
            most in 0usize..40,
        ) {
            let lost = |(i, (at, flow)): (usize, &(u64, u32))| LostPacket {
                at: SimTime::from_ps(*at),
                flow: *flow,
                sequence: i as u32,
                place: DropPlace::Node(NodeId(0)),
                why: Disposition::NoRoute,
            };
            let mut all: Vec<_> = losses.iter().enumerate().map(lost).collect();
            let mut first = FirstLost::new(most);
            all.iter().for_each(|l| first.keep(*l));
            first.settle();
            all.sort_by_key(|l| (l.at, l.flow, l.sequence));
            all.truncate(most);
            prop_assert_eq!(first.kept(), &all[..]);
        }
    }
}
