//! What the twin itself has wrong: a metric that was changed without its knowledge.
//!
//! The network was a shadow of itself before anything happened, too: what half-links carried and how long round trips took
//! tells which paths were taken. Every form of the class [`METRIC`] is tried on the quiet part as causes are on what came
//! after, by the same likelihood with the same luck. What is believed stays unless another metric is more probable.
//! ([`mended`](crate::validation::mended) does so from loads alone, where all demands are known.)

use std::ops::Range;

use models::{Failures, NodeDemand, Routing};
use rayon::prelude::*;
use twin::{Csr, LinkId};

use super::class::{Form, METRIC, Place};
use super::ensemble::Ensemble;
use super::likelihood::{ModelError, terms};
use super::observed::Observed;
use super::replica::Bench;
use super::state::{BUFFER_S, Change, State, rerouted};
use super::summary::{Item, Summary};
use super::weighed::ROUGH;

/// A twin is compared with its network once a week, say: hours in which a metric may have changed.
const SINCE_H: f64 = 168.0;
/// Replicas.
const REPLICAS: u32 = 30;
/// Candidates that are run in all of them.
const LEADING: usize = 6;
/// Most metrics that are set right.
const MOST: usize = 3;
/// Access lines and hosts add up to so many ms to a round trip, …
const ACCESS_MS: f64 = 1.0;
/// … and fibre may be longer than the twin has it, by this share.
const FIBRE: f64 = 0.02;
/// How unevenly hashes spread flows, as a share of the load.
const UNEVEN: f64 = 0.1;
/// Loads below this share of the line rate tell nothing.
const SMALL: f64 = 2e-3;

/// A metric that fits what was usual better than the one that the twin has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stale {
    /// Of which link.
    pub link: LinkId,
    /// As the twin has it.
    pub believed: u32,
    /// As it seems to be.
    pub metric: u32,
}

impl Stale {
    /// What it means, for people.
    pub(super) fn words(&self, csr: &Csr) -> String {
        let name = csr.link_arcs[self.link.index()].first().map_or_else(String::new, |a| csr.arc_name(*a));
        format!(
            "what was usual contradicts metrics of the twin: {name} has {}, and {} fits, which the answer takes it to be",
            self.believed, self.metric
        )
    }
}

/// The network as the quiet part shows it, and what was set right: one metric after the other.
pub(super) fn corrected(
    csr: &Csr,
    routing: &Routing,
    demands: &[NodeDemand],
    seen: &Observed,
    summary: &Summary,
    seed: u64,
) -> (Csr, Routing, Vec<Stale>) {
    let (mut csr, mut routing, mut stale) = (csr.clone(), routing.clone(), Vec::new());
    while stale.len() < MOST {
        let state = State::healthy(&csr, routing.clone(), BUFFER_S);
        let bench = Bench::new(&csr, state, demands, seen, summary, REPLICAS, seed);
        let Some(found) = Quiet::new(&bench, summary).find(&csr, &routing) else { break };
        routing = rerouted(&routing, &csr, &Failures::none(&csr), found.link, found.metric);
        let arcs = csr.link_arcs[found.link.index()].clone();
        arcs.iter().for_each(|a| csr.metric[a.index()] = found.metric);
        stale.push(found);
    }
    (csr, routing, stale)
}

/// The quiet part against what the twin expects of it.
struct Quiet<'b, 'a> {
    bench: &'b Bench<'a>,
    /// By trial, from the even run on: what it expects of the network that is believed.
    expected: Vec<Vec<f64>>,
    /// What was measured less that.
    off: Summary,
}

/// A metric that a link may have.
#[derive(Clone, Copy)]
struct Candidate {
    link: LinkId,
    metric: u32,
    /// From what is believed, in logarithms.
    far: f64,
    log_prior: f64,
}

impl Candidate {
    /// Every form of the class at every link.
    fn all(csr: &Csr, routing: &Routing) -> Vec<Self> {
        let of_place = |place: Place| {
            let forms = (METRIC.forms)(csr, place);
            let log_prior = libm::log(METRIC.per_h * SINCE_H / forms.len() as f64);
            let candidate = move |form: Form| match form.change {
                Change::Metric(link, metric) => {
                    let far = form.severity.map_or(0.0, |times| libm::log(times).abs());
                    Some(Self { link, metric, far, log_prior })
                }
                _ => None,
            };
            forms.into_iter().filter_map(candidate)
        };
        (METRIC.places)(csr, routing).into_iter().flat_map(of_place).collect()
    }

    fn change(&self) -> Change {
        Change::Metric(self.link, self.metric)
    }
}

impl<'b, 'a> Quiet<'b, 'a> {
    fn new(bench: &'b Bench<'a>, summary: &Summary) -> Self {
        let expected: Vec<Vec<f64>> =
            (0..bench.replicas() + 1).into_par_iter().map(|trial| bench.levels(trial)).collect();
        let seen = bench.usual_levels();
        let mut off = summary.clone();
        for (i, item) in summary.items.iter().enumerate() {
            off.change[i] = seen[i] - expected[0][i];
            off.sigma[i] = match item {
                Item::Load(arc) => UNEVEN * seen[i] + SMALL * bench.line_rate(*arc),
                _ => ACCESS_MS + FIBRE * seen[i],
            };
        }
        Self { bench, expected, off }
    }

    /// The metric that is most probably not what the twin has, if it is more probable than that the twin is right.
    fn find(&self, csr: &Csr, routing: &Routing) -> Option<Stale> {
        let replicas = 1..self.bench.replicas() + 1;
        let believed = self.ensemble(replicas.clone(), None);
        // To a single run, what luck does to each level is scatter.
        let mut rough = self.off.clone();
        for (item, row) in believed.items.iter().zip(&believed.spread) {
            let variance = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / row.len() as f64;
            let sigma = &mut rough.sigma[*item as usize];
            *sigma = (*sigma * *sigma + variance).sqrt();
        }
        let once = |c: Candidate| {
            let moves = self.bench.moves(c.change());
            moves.then(|| (c.log_prior + weigh(&rough, &self.ensemble(0..1, Some(c.change())), ROUGH), c))
        };
        let tried: Vec<Option<(f64, Candidate)>> =
            Candidate::all(csr, routing).into_par_iter().map(once).collect();
        let mut leading: Vec<(f64, Candidate)> = tried.into_iter().flatten().filter(|c| c.0 > 0.0).collect();
        // What leads to the same paths is equally probable: the nearest is taken.
        leading.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.far.total_cmp(&b.1.far)));
        leading.truncate(LEADING);

        let exact = ModelError { common: 0.0, own: 0.0 };
        let right = weigh(&self.off, &believed, exact);
        let mut best = (0.0, None);
        for (_, c) in leading {
            let ensemble = self.ensemble(replicas.clone(), Some(c.change()));
            let gain = c.log_prior + weigh(&self.off, &ensemble, exact) - right;
            if gain > best.0 {
                best = (gain, Some(c));
            }
        }
        let c = best.1?;
        let believed = csr.metric[csr.link_arcs[c.link.index()].first()?.index()];
        Some(Stale { link: c.link, believed, metric: c.metric })
    }

    /// What these trials expect, less the even run, of all that was measured.
    fn ensemble(&self, trials: Range<usize>, change: Option<Change>) -> Ensemble {
        let of = |trial: usize| {
            let expected = &self.expected[trial];
            change.map_or_else(|| expected.clone(), |c| self.bench.levels_with(trial, c, expected))
        };
        let levels: Vec<Vec<f64>> = trials.into_par_iter().map(of).collect();
        let n = levels.len() as f64;
        let mut ensemble = Ensemble { replicas: levels.len(), ..Ensemble::default() };
        for (item, even) in (0u32..).zip(&self.expected[0]) {
            let i = item as usize;
            let mean = levels.iter().map(|row| row[i] - even).sum::<f64>() / n;
            if mean.is_finite() && self.off.change[i].is_finite() {
                ensemble.items.push(item);
                ensemble.mean.push(mean);
                ensemble.spread.push(levels.iter().map(|row| (row[i] - even - mean) as f32).collect());
            }
        }
        ensemble
    }
}

/// log p(levels | what the ensemble is of) − log p(levels | the even run).
fn weigh(levels: &Summary, ensemble: &Ensemble, error: ModelError) -> f64 {
    let all: Vec<usize> = (0..ensemble.replicas).collect();
    terms(levels, ensemble, &all, error).iter().map(|t| t.log_bayes).sum()
}
