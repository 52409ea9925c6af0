//! What is expected before anything happens: loads and round trips.

use twin::stats::median;

use super::Bench;
use crate::causes::state::Change;
use crate::causes::summary::Item;

impl Bench<'_> {
    /// What a trial expects before anything happens, by item: loads and medians of round trips, NaN for all else.
    pub(in crate::causes) fn levels(&self, trial: usize) -> Vec<f64> {
        let base = &self.bases[trial];
        let all: Vec<usize> = (0..self.csr.node_count()).collect();
        let loads = self.loads(&self.state, &base.luck, &all, None);
        let of = |item: &Item| match item {
            Item::Load(arc) => loads[*arc],
            Item::Median(pair) => base.trips[*pair].p50,
            _ => f64::NAN,
        };
        self.summary.items.iter().map(of).collect()
    }

    /// The same if a change had been there all along. `levels` are those without it.
    pub(in crate::causes) fn levels_with(&self, trial: usize, change: Change, levels: &[f64]) -> Vec<f64> {
        let base = &self.bases[trial];
        let state = self.state.with(self.csr, change);
        let moved = self.moved(&state, change);
        let dsts: Vec<usize> = (0..moved.len()).filter(|d| moved[*d]).collect();
        let before = self.loads(&self.state, &base.luck, &dsts, None);
        let after = self.loads(&state, &base.luck, &dsts, None);
        let of = |(item, level): (&Item, &f64)| match item {
            Item::Load(arc) => level + after[*arc] - before[*arc],
            Item::Median(i) => {
                let pair = self.pairs[*i];
                if !moved[pair.src.index()] && !moved[pair.dst.index()] {
                    return *level;
                }
                let ways = self.ways(&base.luck, &state, pair);
                self.trip(&base.luck, &state, &base.laws, *i, &ways).p50
            }
            _ => f64::NAN,
        };
        self.summary.items.iter().zip(levels).map(of).collect()
    }

    /// The same as it was measured.
    pub(in crate::causes) fn usual_levels(&self) -> Vec<f64> {
        let w = &self.summary.windows;
        let of = |item: &Item| match item {
            Item::Load(arc) => {
                median(w.polls_before.clone().filter_map(|k| self.seen.load.get(k)).map(|row| row[*arc]))
            }
            Item::Median(pair) => {
                median(self.seen.probes[*pair].bins[w.before.clone()].iter().map(|b| b.p50_ms))
            }
            _ => f64::NAN,
        };
        self.summary.items.iter().map(of).collect()
    }
}
