//! Suspects in the twin itself: metrics that the counters do not believe.
//!
//! Before a fault is looked for, the twin is held against quiet counters. A stale metric moves traffic from one set of
//! arcs to another in a way that no other error does; where one change of a metric explains the quiet counters far better,
//! the ranking works on a fork with that metric.

use models::{Failures, Loads, NodeDemand, Routing};
use rayon::prelude::*;
use twin::{Csr, LinkId};

use crate::load_fit::LoadFit;

/// A metric that looks stale.
#[derive(Clone, Debug, PartialEq)]
pub struct StaleMetric {
    /// The link.
    pub link: LinkId,
    /// The metric in the twin (of the link's first arc).
    pub believed: u32,
    /// The metric that explains the counters best; larger values route alike where the link is not used at all.
    pub fits: u32,
    /// By how many log units the counters prefer it.
    pub gain: f64,
}

/// Factors by which a metric may be wrong. They cover "costed out", the usual steps of traffic engineering, and bandwidth
/// upgrades that the metric followed.
const FACTORS: [(u32, u32); 7] = [(1, 10), (1, 4), (1, 2), (2, 1), (3, 1), (5, 1), (10, 1)];
/// What a change must gain beyond the logarithm of the number of changes tried: odds of 1 to 20,000 against.
const MARGIN: f64 = 10.0;
const MOST: usize = 3;

/// Finds up to three stale metrics, the best first, from mean quiet demands and mean quiet loads per arc.
pub fn stale_metrics(csr: &Csr, demands: &[NodeDemand], quiet: &[f64]) -> Vec<StaleMetric> {
    let mut believed = csr.clone();
    let mut found: Vec<StaleMetric> = Vec::new();
    while found.len() < MOST {
        let Some((suspect, better)) = best_change(&believed, demands, quiet) else { break };
        if found.iter().any(|f| f.link == suspect.link) {
            break;
        }
        believed = better;
        found.push(suspect);
    }
    found
}

/// The network with these metrics corrected.
pub fn corrected(csr: &Csr, suspects: &[StaleMetric]) -> Csr {
    let mut fork = csr.clone();
    for s in suspects {
        set_metric(&mut fork, s.link, s.fits);
    }
    fork
}

fn set_metric(csr: &mut Csr, link: LinkId, metric: u32) {
    for arc in csr.link_arcs[link.index()].clone() {
        csr.metric[arc.index()] = metric;
    }
}

fn best_change(csr: &Csr, demands: &[NodeDemand], quiet: &[f64]) -> Option<(StaleMetric, Csr)> {
    let loads = |csr: &Csr| {
        let up = Failures::none(csr);
        Loads::compute(csr, &Routing::compute(csr, &up), &up, demands).arc
    };
    let base = loads(csr);
    let fit = LoadFit::new(&base, quiet);
    let now = fit.log_likelihood(&base);
    let changes: Vec<(LinkId, u32)> = (0..csr.link_count())
        .filter(|l| !csr.link_arcs[*l].is_empty())
        .flat_map(|l| {
            let metric = csr.metric[csr.link_arcs[l][0].index()].max(1);
            let factors = FACTORS.iter().map(move |(up, down)| (metric * up / down).max(1));
            factors.filter(move |m| *m != metric).map(move |m| (LinkId::new(l), m))
        })
        .collect();
    let gains: Vec<f64> = changes
        .par_iter()
        .map(|(link, metric)| {
            let mut fork = csr.clone();
            set_metric(&mut fork, *link, *metric);
            fit.log_likelihood(&loads(&fork)) - now
        })
        .collect();
    let mut best: Option<usize> = None;
    for (i, gain) in gains.iter().enumerate() {
        if best.is_none_or(|b| *gain > gains[b] + 1e-9) {
            best = Some(i);
        }
    }
    let best = best?;
    if gains[best] < libm::log(changes.len() as f64) + MARGIN {
        return None;
    }
    let (link, fits) = changes[best];
    let believed = csr.metric[csr.link_arcs[link.index()][0].index()];
    let mut fork = csr.clone();
    set_metric(&mut fork, link, fits);
    Some((StaleMetric { link, believed, fits, gain: gains[best] }, fork))
}
