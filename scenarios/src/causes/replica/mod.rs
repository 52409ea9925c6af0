//! One run of the network with a change, as far as collectors would see it.
//!
//! Loads are routed, thinned where a half-link cannot carry them, and turned into waits and discards; probes walk hashed
//! paths through these; pollers read late. What is returned are changes against the same run without the change, so that
//! whatever the twin has wrong on both sides cancels.

mod fit;
mod further;
mod levels;
mod load;
mod show;
mod ways;

use engine::Seeds;
use models::{NodeDemand, Routing};
use rayon::prelude::*;
use twin::Csr;
use twin::stats::median;

use self::fit::fitted;
use self::show::Clock;
use self::ways::{Pair, Trip, Ways, across, lost, met, pairs};
use super::ensemble::{Ensemble, Shown};
use super::luck::Luck;
use super::observed::Observed;
use super::queue::Law;
use super::state::{Change, State};
use super::summary::{Counted, Summary};

/// The network of the twin, made to fit what was observed before anything happened.
pub struct Bench<'a> {
    csr: &'a Csr,
    seen: &'a Observed,
    summary: &'a Summary,
    /// By item, for losses.
    counted: Vec<Option<Counted>>,
    state: State,
    demands: Vec<NodeDemand>,
    /// By destination: its demands.
    to: Vec<Vec<u32>>,
    /// By arc: what was measured before, or else is expected, in bit/s.
    usual: Vec<f64>,
    /// How bursty traffic is: see [`Law`].
    variance: f64,
    /// Pairs whose paths tell something: those that are probed, then those whose flows are sampled.
    pairs: Vec<Pair>,
    /// By pair: its paths, where they are the same in all trials.
    fixed: Vec<Option<Ways>>,
    /// By arc: these pairs, where their paths cross it.
    fixed_across: Vec<Vec<u32>>,
    bases: Vec<Base>,
    seeds: Seeds,
    /// By demand: whether its flows are sampled.
    measured: Vec<bool>,
}

/// The run of a trial without a change.
struct Base {
    luck: Luck,
    laws: Vec<Law>,
    /// By pair that is probed.
    trips: Vec<Trip>,
    /// By pair whose flows are sampled.
    lost: Vec<f64>,
    /// By arc: the pairs whose paths cross it and are of this trial alone.
    across: Vec<Vec<u32>>,
}

impl<'a> Bench<'a> {
    /// Makes the network ready for `trials` replicas. `state` is the twin's, with nothing wrong.
    pub fn new(
        csr: &'a Csr,
        state: State,
        demands: &[NodeDemand],
        seen: &'a Observed,
        summary: &'a Summary,
        trials: u32,
        seed: u64,
    ) -> Self {
        let quiet = summary.windows.polls_before.clone();
        let (demands, measured) = fitted(demands, seen, quiet.clone());
        let mut to = vec![Vec::new(); csr.node_count()];
        demands.iter().enumerate().for_each(|(i, d)| to[d.dst.index()].push(i as u32));
        let mut bench = Self {
            csr,
            seen,
            summary,
            counted: summary.items.iter().map(|i| Counted::of(seen, *i, &summary.windows)).collect(),
            state,
            demands,
            to,
            usual: vec![0.0; csr.arc_count()],
            variance: 1e-4,
            pairs: pairs(seen),
            fixed: Vec::new(),
            fixed_across: Vec::new(),
            bases: Vec::new(),
            seeds: Seeds::new(seed),
            measured,
        };
        let even = bench.luck(0);
        bench.fixed = bench.fixed(&even);
        let fixed = bench.fixed.iter().enumerate().filter_map(|(i, ways)| Some((i, ways.as_ref()?)));
        bench.fixed_across = across(csr.arc_count(), fixed);
        let all: Vec<usize> = (0..csr.node_count()).collect();
        let expected = bench.loads(&bench.state, &even, &all, None);
        for (arc, usual) in bench.usual.iter_mut().enumerate() {
            let polls = quiet.clone().filter_map(|k| seen.load.get(k)).map(|row| row[arc]);
            let measured = median(polls);
            *usual = if measured.is_finite() { measured } else { expected[arc] };
        }
        bench.variance = bench.burstiness(&even);
        bench.bases = bench.trials(0..trials as usize + 1);
        bench
    }

    /// The network.
    pub(super) fn csr(&self) -> &Csr {
        self.csr
    }

    /// Its paths while nothing is wrong.
    pub(super) fn routing(&self) -> &Routing {
        &self.state.routing
    }

    /// How many replicas are kept besides the even one.
    pub fn replicas(&self) -> usize {
        self.bases.len() - 1
    }

    fn trials(&self, numbers: std::ops::Range<usize>) -> Vec<Base> {
        numbers.into_par_iter().map(|n| self.base(self.luck(n as u64))).collect()
    }

    fn luck(&self, trial: u64) -> Luck {
        Luck::new(self.csr, self.seeds, trial, &self.measured, &self.summary.onset)
    }

    /// Runs a change in the even trial alone.
    pub fn once(&self, change: Change) -> Ensemble {
        Ensemble::once(self.shown(change, &self.bases[..1]).swap_remove(0))
    }

    /// Runs a change in all trials that are kept but the even one.
    pub fn often(&self, change: Change) -> Ensemble {
        let mut ensemble = Ensemble::default();
        ensemble.add(&self.shown(change, &self.bases[1..]));
        ensemble
    }

    /// What a half-link sends, in bit/s.
    pub(super) fn line_rate(&self, arc: usize) -> f64 {
        self.state.arcs[arc].rate
    }

    /// Whether a change moves any traffic to other paths.
    pub(super) fn moves(&self, change: Change) -> bool {
        self.moved(&self.state.with(self.csr, change), change).contains(&true)
    }

    fn shown(&self, change: Change, bases: &[Base]) -> Vec<Shown> {
        let state = self.state.with(self.csr, change);
        bases.par_iter().map(|base| self.run(base, &state, change)).collect()
    }

    fn base(&self, luck: Luck) -> Base {
        let law = |i: usize| self.law(&luck, &self.state, i, self.usual[i]);
        let laws: Vec<Law> = (0..self.csr.arc_count()).map(law).collect();
        let ways: Vec<Ways> = (0..self.pairs.len()).map(|pair| self.usual_ways(&luck, pair)).collect();
        let (probed, sampled) = ways.split_at(self.seen.probes.len());
        let trip = |(i, ways): (usize, &Ways)| self.trip(&luck, &self.state, &laws, i, ways);
        let trips = probed.iter().enumerate().map(trip).collect();
        let lost = sampled.iter().map(|ways| lost(&self.state, &laws, ways)).collect();
        let own = ways.iter().enumerate().filter(|(i, _)| self.fixed[*i].is_none());
        let across = across(self.csr.arc_count(), own);
        Base { luck, laws, trips, lost, across }
    }

    /// What a change shows in one trial.
    fn run(&self, base: &Base, state: &State, change: Change) -> Shown {
        let moved = self.moved(state, change);
        let (laws, touched) = self.laws(base, state, &moved);
        if !touched.iter().any(|t| *t) && change.cut().is_none() {
            return Vec::new();
        }
        let clock = Clock::new(self, &base.luck, change);
        let mut shown = Vec::new();
        for arc in (0..touched.len()).filter(|i| touched[*i]) {
            self.show_arc(&mut shown, base, &laws, &clock, arc);
        }
        // Waits as they were leave round trips as they were; losses are told apart from them.
        let waits: Vec<bool> =
            touched.iter().enumerate().map(|(i, t)| *t && laws[i].wait_ms != base.laws[i].wait_ms).collect();
        let felt = self.felt(base, &touched);
        for (i, pair) in self.pairs.iter().enumerate() {
            let rerouted = moved[pair.dst.index()] || pair.back && moved[pair.src.index()];
            if !felt[i] && !rerouted {
                continue;
            }
            let old = self.usual_ways(&base.luck, i);
            let new = rerouted.then(|| self.ways(&base.luck, state, *pair)).filter(|ways| *ways != old);
            if !felt[i] && new.is_none() {
                continue;
            }
            let ways = new.as_ref().unwrap_or(&old);
            let crossing = self.crossing(change, &old);
            if let Some(usual) = base.trips.get(i) {
                let trip = if new.is_some() || met(ways, &waits) {
                    self.trip(&base.luck, state, &laws, i, ways)
                } else {
                    Trip { lost: lost(state, &laws, ways), ..*usual }
                };
                self.show_probe(&mut shown, (usual, &trip), &clock, crossing, i);
            } else {
                let sampled = i - base.trips.len();
                let extra = lost(state, &laws, ways) - base.lost[sampled];
                self.show_flow(&mut shown, extra, &clock, crossing, sampled);
            }
        }
        shown
    }

    /// By pair: whether its paths met one of these arcs.
    fn felt(&self, base: &Base, touched: &[bool]) -> Vec<bool> {
        let mut felt = vec![false; self.pairs.len()];
        for arc in (0..touched.len()).filter(|i| touched[*i]) {
            let pairs = self.fixed_across[arc].iter().chain(&base.across[arc]);
            pairs.for_each(|pair| felt[*pair as usize] = true);
        }
        felt
    }
}
