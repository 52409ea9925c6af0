//! The worst scenarios of each arc.

use twin::ArcId;

use super::{Evaluator, Plan};

/// How many scenarios an arc keeps.
pub const RANKS: usize = 10;

/// A scenario and how full it makes an arc.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cause {
    /// Utilisation of the arc.
    pub util: f64,
    /// Number of the scenario.
    pub scenario: u32,
}

/// The up to ten worst scenarios of each arc, fullest first, equals by number. What two halves of a list found merges into
/// what the whole would have found, in any order.
///
/// A scenario touches few arcs; all others are as full as with nothing down. So an arc keeps the worst scenarios that
/// touched it and, apart from them, the first ten that did not: nothing but touched arcs is visited once those are known.
#[derive(Clone, Debug)]
pub struct Worst {
    top: Vec<Row>,
    /// By arc: what a further scenario must exceed to be among them. Most do not, and their row is not looked at.
    bar: Vec<f64>,
    quiet: Vec<Row>,
    /// Arcs that do not know ten scenarios which leave them alone.
    hungry: Vec<ArcId>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    causes: [Cause; RANKS],
    len: usize,
}

const EMPTY: Row = Row { causes: [Cause { util: 0.0, scenario: 0 }; RANKS], len: 0 };

impl Row {
    fn insert(&mut self, cause: Cause) {
        let worse = |c: &Cause| c.util.total_cmp(&cause.util).then(cause.scenario.cmp(&c.scenario)).is_gt();
        if self.len == RANKS && worse(&self.causes[RANKS - 1]) {
            return;
        }
        let at = self.causes[..self.len].partition_point(worse);
        self.len = (self.len + 1).min(RANKS);
        self.causes.copy_within(at..self.len - 1, at + 1);
        self.causes[at] = cause;
    }

    /// What a scenario that comes later must exceed.
    fn bar(&self) -> f64 {
        if self.len == RANKS { self.causes[RANKS - 1].util } else { f64::NEG_INFINITY }
    }

    fn as_slice(&self) -> &[Cause] {
        &self.causes[..self.len]
    }
}

impl Worst {
    /// Nothing seen yet.
    pub fn new(arcs: usize) -> Self {
        Self {
            top: vec![EMPTY; arcs],
            bar: vec![f64::NEG_INFINITY; arcs],
            quiet: vec![EMPTY; arcs],
            hungry: (0..arcs).map(ArcId::new).collect(),
        }
    }

    /// Notes the scenario that was evaluated last. Scenarios must come in ascending order.
    pub fn see(&mut self, scenario: u32, plan: &Plan<'_>, now: &Evaluator<'_>) {
        now.touched().for_each(|(arc, util)| {
            if util > self.bar[arc.index()] {
                let row = &mut self.top[arc.index()];
                row.insert(Cause { util, scenario });
                self.bar[arc.index()] = row.bar();
            }
        });
        let quiet = &mut self.quiet;
        self.hungry.retain(|arc| {
            let row = &mut quiet[arc.index()];
            if !now.is_touched(*arc) {
                row.insert(Cause { util: plan.base_util(*arc), scenario });
            }
            row.len < RANKS
        });
    }

    /// Notes a scenario of one arc, in any order: what another run has found. What is known already changes nothing.
    pub fn insert(&mut self, arc: ArcId, cause: Cause) {
        let row = &mut self.top[arc.index()];
        if !row.as_slice().contains(&cause) {
            row.insert(cause);
        }
    }

    /// Adds what another has seen; no scenario may have been seen by both.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.top.iter_mut().zip(other.rows()) {
            theirs.as_slice().iter().for_each(|cause| mine.insert(*cause));
        }
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        self.top.iter().zip(&self.quiet).map(|(top, quiet)| {
            let mut row = *top;
            quiet.as_slice().iter().for_each(|cause| row.insert(*cause));
            row
        })
    }

    /// The worst scenarios of an arc.
    pub fn of(&self, arc: ArcId) -> Vec<Cause> {
        let mut row = self.top[arc.index()];
        self.quiet[arc.index()].as_slice().iter().for_each(|cause| row.insert(*cause));
        row.as_slice().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_keeps_the_ten_worst(utils in prop::collection::vec(0u8..6, 0..40)) {
            let mut row = EMPTY;
            let mut all: Vec<_> = utils.iter().enumerate().map(|(i, u)| (f64::from(*u), i as u32)).collect();
            for (util, scenario) in &all {
                row.insert(Cause { util: *util, scenario: *scenario });
            }
            all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            all.truncate(RANKS);
            let kept: Vec<_> = row.as_slice().iter().map(|c| (c.util, c.scenario)).collect();
            prop_assert_eq!(kept, all);
        }
    }
}
