//! What has a formula: losses on the paths that routing had, and what a half-link's own counters show. Where traffic goes
//! after a change, how long it waits there and what that costs others has none.

use std::collections::BTreeMap;

use models::Routing;
use twin::{ArcId, Csr, NodeId};

use super::ensemble::Ensemble;
use super::observed::Observed;
use super::state::Change;
use super::summary::{Counted, Item, Summary};

/// Seconds for which routing takes to converge.
const CONVERGES_S: f64 = 2.0;

/// What formulas need of an incident.
pub(super) struct Formulas<'a> {
    csr: &'a Csr,
    seen: &'a Observed,
    summary: &'a Summary,
    /// By arc: items of losses, with the share of the pair's traffic on it.
    losses: Vec<Vec<(u32, f64)>>,
    /// By arc: load before, in bit/s.
    usual: Vec<f64>,
}

impl<'a> Formulas<'a> {
    /// Looks up which losses each arc explains.
    pub(super) fn new(csr: &'a Csr, routing: &Routing, seen: &'a Observed, summary: &'a Summary) -> Self {
        let mut losses: Vec<Vec<(u32, f64)>> = vec![Vec::new(); csr.arc_count()];
        let mut add = |item: usize, ways: &[(NodeId, NodeId)]| {
            for (src, dst) in ways {
                for (arc, share) in routing.shares(csr, *src, *dst) {
                    losses[arc.index()].push((item as u32, share));
                }
            }
        };
        for (i, item) in summary.items.iter().enumerate() {
            match *item {
                Item::Loss(p) | Item::LossAround(p) => {
                    let (a, b) = (seen.probes[p].src, seen.probes[p].dst);
                    add(i, &[(a, b), (b, a)]);
                }
                Item::Again(f) | Item::AgainAcross(f) => add(i, &[(seen.flows[f].src, seen.flows[f].dst)]),
                _ => {}
            }
        }
        let before = summary.windows.polls_before.clone();
        let usual = |arc: usize| {
            twin::stats::median(before.clone().filter_map(|k| seen.load.get(k)).map(|row| row[arc]))
        };
        Self { csr, seen, summary, losses, usual: (0..csr.arc_count()).map(usual).collect() }
    }

    /// What a change shows.
    pub(super) fn show(&self, change: Change) -> Ensemble {
        let mut shown = BTreeMap::new();
        match change {
            Change::Loss(arc, share) => self.lose(&mut shown, &[arc], share, 0.0),
            Change::Down(link) => {
                let arcs = &self.csr.link_arcs[link.index()];
                self.lose(&mut shown, arcs, 0.0, CONVERGES_S);
                arcs.iter().for_each(|a| self.load(&mut shown, *a, 0.0));
            }
            Change::Metric(link, metric) => {
                let arcs = &self.csr.link_arcs[link.index()];
                let dearer = arcs.iter().filter(|a| metric > self.csr.metric[a.index()]);
                dearer.for_each(|a| self.load(&mut shown, *a, 0.0));
            }
            Change::Rate(arc, share, _) => {
                let left = share * self.csr.capacity[arc.index()].as_f64() / self.usual[arc.index()];
                if left < 1.0 {
                    self.lose(&mut shown, &[arc], 1.0 - left, 0.0);
                    self.load(&mut shown, arc, left);
                }
            }
            Change::Buffer(..) | Change::Hash(..) => {}
        }
        Ensemble::once(shown.into_iter().collect())
    }

    /// Losses of a share for good, and of everything for some seconds.
    fn lose(&self, shown: &mut BTreeMap<u32, f64>, arcs: &[ArcId], share: f64, all_s: f64) {
        let mut meets: BTreeMap<u32, f64> = BTreeMap::new();
        for (item, on) in arcs.iter().flat_map(|a| &self.losses[a.index()]) {
            *meets.entry(*item).or_default() += on;
        }
        let w = &self.summary.windows;
        for (i, on) in meets {
            let item = self.summary.items[i as usize];
            let (lasting, span_s) = match item {
                Item::LossAround(_) => (0.5, w.around.len() as f64 * self.seen.bin_s),
                Item::AgainAcross(_) => (0.5, self.seen.poll_s()),
                _ => (1.0, f64::INFINITY),
            };
            let extra = on.min(1.0) * (share * lasting + all_s / span_s);
            if let Some(counted) = Counted::of(self.seen, item, w).filter(|_| extra > 0.0) {
                shown.insert(i, counted.expected(extra));
            }
        }
    }

    /// The arc's own counter falls to this share of what it was.
    fn load(&self, shown: &mut BTreeMap<u32, f64>, arc: ArcId, left: f64) {
        let change = -(1.0 - left) * self.usual[arc.index()];
        if change.is_finite() {
            shown.insert(4 * arc.0, change);
            shown.insert(4 * arc.0 + 1, 0.5 * change);
        }
    }
}
