//! Many scenarios at a glance: how full they make the network, and the worst of them.

use super::{RANKS, Scenario};

/// Cells of a [`Spread`].
const CELLS: usize = 1024;

/// Binary logarithm of the width of the first cells.
const FINEST: i32 = -30;

/// What all failures do together, in memory that does not grow with their number.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// Of every failure the utilisation of the fullest arc.
    pub spread: Spread,
    fullest: Vec<Scenario>,
    lossiest: Vec<Scenario>,
}

impl Overview {
    /// Notes a scenario; the network with nothing down is no failure. Scenarios must come in ascending order.
    pub fn see(&mut self, scenario: &Scenario) {
        if scenario.set.is_empty() {
            return;
        }
        self.spread.see(scenario.outcome.max_util);
        keep(&mut self.fullest, scenario, |s| s.outcome.max_util);
        if lost(scenario) > 0.0 {
            keep(&mut self.lossiest, scenario, lost);
        }
    }

    /// The up to ten failures with the fullest arcs, fullest first, equals by number.
    pub fn fullest(&self) -> &[Scenario] {
        &self.fullest
    }

    /// The up to ten failures that lose most volume, most first, equals by number.
    pub fn lossiest(&self) -> &[Scenario] {
        &self.lossiest
    }
}

fn lost(scenario: &Scenario) -> f64 {
    scenario.outcome.lost + scenario.outcome.lost_own
}

fn keep(top: &mut Vec<Scenario>, scenario: &Scenario, by: impl Fn(&Scenario) -> f64) {
    let at = top.partition_point(|other| by(other) >= by(scenario));
    if at < RANKS {
        top.truncate(RANKS - 1);
        top.insert(at, scenario.clone());
    }
}

/// How many values lie where: a histogram of 1,024 equal cells from 0 on. When a value does not fit, neighbours join and
/// all cells become twice as wide, so that the largest value lies in the upper half. The order of values does not matter.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    cells: Vec<u64>,
    /// Binary logarithm of the width of a cell.
    width: i32,
    infinite: u64,
}

impl Default for Spread {
    fn default() -> Self {
        Self { cells: vec![0; CELLS], width: FINEST, infinite: 0 }
    }
}

impl Spread {
    /// Counts a value, which is not negative.
    pub fn see(&mut self, value: f64) {
        if value.is_infinite() {
            self.infinite += 1;
            return;
        }
        while value >= self.width() * CELLS as f64 {
            self.widen();
        }
        let cell = (value / self.width()) as usize;
        self.cells[cell] += 1;
    }

    fn widen(&mut self) {
        for i in 0..CELLS {
            self.cells[i] = self.cells.get(2 * i..2 * i + 2).map_or(0, |pair| pair.iter().sum());
        }
        self.width += 1;
    }

    fn width(&self) -> f64 {
        libm::exp2(f64::from(self.width))
    }

    /// The cells that hold values, ascending: the middle of each and how many values it holds. Infinite values come last.
    pub fn cells(&self) -> impl Iterator<Item = (f64, u64)> {
        let finite = self.cells.iter().enumerate().map(|(i, n)| ((i as f64 + 0.5) * self.width(), *n));
        finite.chain([(f64::INFINITY, self.infinite)]).filter(|(_, n)| *n > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::{FailureSet, Outcome};
    use proptest::prelude::*;
    use twin::{ArcId, LinkId};

    fn scenario(number: u32, max_util: f64, lost: f64) -> Scenario {
        let set = FailureSet::new((0..number.min(1)).map(|_| LinkId(number)).collect(), Vec::new());
        let outcome = Outcome { max_util, max_arc: ArcId(0), lost, lost_own: 0.0, disconnected_pairs: 0 };
        Scenario { number, set, occurrences: 1, outcome }
    }

    #[test]
    fn the_base_is_no_failure_and_what_loses_nothing_is_not_listed() {
        let mut overview = Overview::default();
        overview.see(&scenario(0, 9.0, 9.0));
        overview.see(&scenario(1, 0.5, 0.0));
        overview.see(&scenario(2, 0.5, 3.0));
        let numbers = |list: &[Scenario]| list.iter().map(|s| s.number).collect::<Vec<_>>();
        assert_eq!(numbers(overview.fullest()), [1, 2]);
        assert_eq!(numbers(overview.lossiest()), [2]);
        assert_eq!(overview.spread.cells().map(|(_, n)| n).sum::<u64>(), 2);
    }

    proptest! {
        #[test]
        fn the_ten_fullest_are_kept(utils in prop::collection::vec(0u8..6, 0..40)) {
            let all: Vec<_> = (1..).zip(&utils).map(|(i, u)| scenario(i, f64::from(*u), 0.0)).collect();
            let mut overview = Overview::default();
            all.iter().for_each(|s| overview.see(s));
            let mut sorted = all;
            sorted.sort_by(|a, b| b.outcome.max_util.total_cmp(&a.outcome.max_util)); // stable
            sorted.truncate(RANKS);
            prop_assert_eq!(overview.fullest(), &sorted[..]);
        }

        #[test]
        fn a_value_lies_in_its_cell_whatever_the_order(mut values in prop::collection::vec(0.0..60.0f64, 1..50)) {
            let spread = |values: &[f64]| {
                let mut spread = Spread::default();
                values.iter().for_each(|v| spread.see(*v));
                spread
            };
            let one = spread(&values);
            values.sort_by(f64::total_cmp);
            prop_assert_eq!(&one, &spread(&values));
            // Value by value, sorted: the middle of a cell is at most half a cell away, a cell at most 1/512 of the largest.
            let half = values[values.len() - 1] / 1024.0 + libm::exp2(f64::from(FINEST));
            let middles: Vec<f64> = one.cells().flat_map(|(at, n)| (0..n).map(move |_| at)).collect();
            prop_assert_eq!(middles.len(), values.len());
            for (value, at) in values.iter().zip(middles) {
                prop_assert!((value - at).abs() <= half, "{value} in {at}");
            }
        }
    }

    #[test]
    fn an_arc_without_capacity_is_counted() {
        let mut spread = Spread::default();
        [f64::INFINITY, 1.5, 0.0].into_iter().for_each(|v| spread.see(v));
        let cells: Vec<_> = spread.cells().collect();
        assert_eq!(cells.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [1, 1, 1]);
        assert_eq!(cells[2].0, f64::INFINITY);
    }
}
