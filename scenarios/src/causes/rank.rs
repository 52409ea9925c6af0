//! The ranking: from what was observed to causes with probabilities.

use std::collections::BTreeMap;

use engine::Seeds;
use models::{NodeDemand, Routing};
use rayon::prelude::*;
use twin::{Csr, Diagnostic, LinkId, Rung};

use super::class::{Cause, Form};
use super::ensemble::Ensemble;
use super::formula::Formulas;
use super::likelihood::departure;
use super::observed::Observed;
use super::onset::Onset;
use super::replica::Bench;
use super::settle::settle;
use super::stale::{self, Stale};
use super::state::{BUFFER_S, Change, State};
use super::summary::Summary;
use super::weighed::{FINE, FormWeight, GROUPS, ROUGH, Weighed, cells};
use crate::LISTED;
use crate::base_loss::log_sum_exp;

/// How to rank.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Replicas of each form of a leading cause, and more where causes are nearly level; with 0 nothing is simulated.
    pub replicas: u32,
    /// How many leading causes are simulated often.
    pub top: usize,
    /// The seed of the replicas.
    pub seed: u64,
    /// Bins at the end of the record in which something may have begun.
    pub window: usize,
    /// Classes that are left out.
    pub without: Vec<String>,
    /// How often links wear out that were seen to wear, per hour: they go down or lose packets more often than others.
    pub worn: BTreeMap<LinkId, f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { replicas: 50, top: 8, seed: 0, window: 30, without: Vec::new(), worn: BTreeMap::new() }
    }
}

/// What may be the case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// This cause.
    Cause(Cause),
    /// Something that no cause names.
    Unknown,
    /// Nothing is wrong.
    None,
}

/// One line of the answer.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// What it is.
    pub what: What,
    /// Its posterior probability.
    pub probability: f64,
    /// The Monte Carlo standard error of it.
    pub std_error: f64,
    /// log p(observed | this) − log p(observed | nothing is wrong).
    pub log_bayes: f64,
    /// Mean and central 95 % interval of the severity.
    pub severity: Option<(f64, f64, f64)>,
    /// How finely it was evaluated.
    pub rung: Rung,
    /// How many of its replicas come as near to what was observed as the nearest does; 0 where there are none.
    pub effective: f64,
    /// The place in the answer of the first cause that cannot be told from it.
    pub same_as: Option<usize>,
    /// The evidence: (item of the summary, or none for what not knowing the form costs; its share of `log_bayes`).
    pub ledger: Vec<(Option<u32>, f64)>,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What may be the case, most probable first; `None` and `Unknown` are always among it.
    pub ranked: Vec<Ranked>,
    /// Probability of a misfit as large as that of the best cause, if it is the case.
    pub p_value: f64,
    /// The changes that were compared, and when it began.
    pub summary: Summary,
    /// Metrics that the twin has wrong, as the quiet part shows; they were set right for all else.
    pub stale: Vec<Stale>,
    /// What keeps the answer from being as exact as it should be.
    pub diagnostics: Vec<Diagnostic>,
}

/// Probability that nothing is wrong: an incident is looked at because something may be.
const NONE: f64 = 0.5;
/// Probability of something that no cause names.
const UNKNOWN: f64 = 0.01;
/// What is so many nats behind the first hardly counts for its standard error.
pub(super) const LEFT_OUT_GAP: f64 = 12.0;

/// Ranks the causes of an incident. `csr`, `routing` and `demands` are the twin's.
pub fn rank(
    csr: &Csr,
    routing: &Routing,
    demands: &[NodeDemand],
    seen: &Observed,
    settings: &Settings,
) -> Verdict {
    let quiet = seen.bins.saturating_sub(settings.window);
    let summary = Summary::new(seen, Onset::find(seen, quiet), quiet);
    if settings.replicas == 0 {
        let formulas = Formulas::new(csr, routing, seen, &summary);
        let causes = Cause::all(csr, routing, &settings.without);
        let show = |change| formulas.show(change);
        let weighed = screen(csr, causes, &settings.worn, &summary, Rung::Algebra, show);
        return verdict(summary, &weighed, settings, Vec::new(), Vec::new());
    }
    let (csr, routing, stale) = stale::corrected(csr, routing, demands, seen, &summary, settings.seed);
    let causes = Cause::all(&csr, &routing, &settings.without);
    let state = State::healthy(&csr, routing, BUFFER_S);
    let bench = Bench::new(&csr, state, demands, seen, &summary, settings.replicas, settings.seed);
    let show = |change| bench.once(change);
    let mut weighed = screen(&csr, causes, &settings.worn, &summary, Rung::Fluid, show);
    simulate(&bench, &summary, &mut weighed, settings);
    let mut diagnostics = settle(&bench, &summary, &mut weighed);
    for s in &stale {
        Diagnostic::count(&mut diagnostics, "stale-metric", || s.words(&csr));
    }
    verdict(summary, &weighed, settings, stale, diagnostics)
}

fn verdict(
    summary: Summary,
    weighed: &[Weighed],
    settings: &Settings,
    stale: Vec<Stale>,
    diagnostics: Vec<Diagnostic>,
) -> Verdict {
    let ranked = answer(&summary, weighed);
    let p_value = predictive(&summary, weighed, &ranked, settings);
    Verdict { ranked, p_value, summary, stale, diagnostics }
}

/// Weighs every form of every cause by what one run of it shows.
fn screen(
    csr: &Csr,
    causes: Vec<Cause>,
    worn: &BTreeMap<LinkId, f64>,
    summary: &Summary,
    rung: Rung,
    show: impl Fn(Change) -> Ensemble + Sync,
) -> Vec<Weighed> {
    let total: f64 = causes.iter().map(|c| c.per_h(csr, worn)).sum();
    causes
        .into_par_iter()
        .map(|cause| {
            let rough = |form: Form| FormWeight::rough(form, show(form.change), rung, summary);
            let forms = cause.forms(csr).into_iter().map(rough).collect();
            let log_prior = libm::log((1.0 - NONE - UNKNOWN) * cause.per_h(csr, worn) / total);
            Weighed { cause, log_prior, forms }
        })
        .collect()
}

/// Runs the leading causes often. What is not among them keeps its single run, less what the others lost by closer looks.
fn simulate(bench: &Bench<'_>, summary: &Summary, weighed: &mut [Weighed], settings: &Settings) {
    let mut order: Vec<usize> = (0..weighed.len()).collect();
    order.sort_by(|a, b| weighed[*b].weight().total_cmp(&weighed[*a].weight()).then(a.cmp(b)));
    let (leading, rest) = order.split_at(settings.top.min(order.len()));
    let lost: Vec<f64> = leading.iter().map(|i| weighed[*i].look_closer(bench, summary)).collect();
    let typical = twin::stats::median(lost);
    rest.iter().for_each(|i| weighed[*i].forms.iter_mut().for_each(|f| f.lose(typical)));
    let best = leading.iter().map(|i| weighed[*i].weight()).fold(f64::NEG_INFINITY, f64::max);
    for &i in leading {
        let log_prior = weighed[i].log_prior;
        let near = |f: &&mut FormWeight| f.often && log_prior + f.log_bayes > best - LEFT_OUT_GAP;
        weighed[i].forms.iter_mut().filter(near).for_each(|f| f.leave_out(summary));
    }
}

/// Probabilities with their standard errors: of the causes, of the unknown and of nothing.
pub(super) fn posterior(summary: &Summary, weighed: &[Weighed]) -> (Vec<f64>, Vec<f64>) {
    let from_nothing = departure(summary, &[]);
    let posterior = |of: &dyn Fn(&FormWeight) -> f64| -> Vec<f64> {
        let mut logs: Vec<f64> = weighed.iter().map(|w| w.log_prior + w.log_bayes_with(of)).collect();
        logs.extend([libm::log(UNKNOWN) + unknown(weighed, from_nothing, of), libm::log(NONE)]);
        let total = log_sum_exp(&logs);
        logs.iter().map(|l| libm::exp(l - total)).collect()
    };
    let left_out: Vec<Vec<f64>> = (0..GROUPS).map(|g| posterior(&|f| f.without(g))).collect();
    let std_error = |i: usize| {
        let mean = left_out.iter().map(|p| p[i]).sum::<f64>() / GROUPS as f64;
        let squares: f64 = left_out.iter().map(|p| (p[i] - mean).powi(2)).sum();
        // Nothing between 0 and 1 strays further than a half.
        ((GROUPS - 1) as f64 / GROUPS as f64 * squares).sqrt().min(0.5)
    };
    (posterior(&|f| f.log_bayes), (0..weighed.len() + 2).map(std_error).collect())
}

/// The log Bayes factor of the unknown. It is as likely to be like nothing that has a name as to be like one of the causes,
/// with departures from what that would show.
fn unknown(weighed: &[Weighed], from_nothing: f64, of: &dyn Fn(&FormWeight) -> f64) -> f64 {
    let named = libm::log(1.0 - NONE - UNKNOWN);
    let mut logs: Vec<f64> =
        weighed.iter().map(|w| w.log_prior - named + w.log_bayes_of_departure(of)).collect();
    logs.push(from_nothing);
    log_sum_exp(&logs) - std::f64::consts::LN_2
}

fn answer(summary: &Summary, weighed: &[Weighed]) -> Vec<Ranked> {
    let (probability, std_error) = posterior(summary, weighed);
    let n = weighed.len();
    let mut ranked: Vec<(usize, Ranked)> = (0..n + 2)
        .map(|i| {
            let line = match weighed.get(i) {
                Some(w) => of_cause(summary, w),
                None if i == n => of_unknown(unknown(weighed, departure(summary, &[]), &|f| f.log_bayes)),
                None => plain(What::None, 0.0),
            };
            (i, Ranked { probability: probability[i], std_error: std_error[i], ..line })
        })
        .collect();
    ranked.sort_by(|a, b| b.1.probability.total_cmp(&a.1.probability).then(a.0.cmp(&b.0)));
    /// So many causes are told in any case: the nearest, even where the unknown leads.
    const NEAREST: usize = 3;
    let mut causes = 0;
    ranked.retain(|(i, r)| {
        causes += usize::from(*i < n);
        r.probability >= LISTED || *i >= n || causes <= NEAREST
    });
    mark_same(summary, weighed, &mut ranked);
    ranked.into_iter().map(|(_, r)| r).collect()
}

fn plain(what: What, log_bayes: f64) -> Ranked {
    Ranked {
        what,
        probability: 0.0,
        std_error: 0.0,
        log_bayes,
        severity: None,
        rung: Rung::Algebra,
        effective: 0.0,
        same_as: None,
        ledger: Vec::new(),
    }
}

fn of_unknown(log_bayes: f64) -> Ranked {
    Ranked { ledger: vec![(None, log_bayes)], ..plain(What::Unknown, log_bayes) }
}

fn of_cause(summary: &Summary, w: &Weighed) -> Ranked {
    let weights = w.weights();
    let log_bayes = w.log_bayes();
    let mut by_item = vec![0.0; summary.items.len()];
    for (form, q) in w.forms.iter().zip(&weights) {
        form.terms.iter().for_each(|t| by_item[t.item as usize] += q * t.log_bayes);
    }
    let mut ledger: Vec<(Option<u32>, f64)> =
        (0u32..).zip(&by_item).filter(|(_, l)| **l != 0.0).map(|(i, l)| (Some(i), *l)).collect();
    // What is left is what not knowing the form in advance costs (and what closer looks at others took).
    let told: f64 = ledger.iter().map(|(_, l)| l).sum();
    ledger.push((None, log_bayes - told));
    let best = w.forms.iter().max_by(|a, b| a.log_bayes.total_cmp(&b.log_bayes));
    Ranked {
        severity: severity(w, &weights),
        rung: best.map_or(Rung::Algebra, |f| f.rung),
        effective: best.map_or(0.0, |f| f.effective),
        ledger,
        ..plain(What::Cause(w.cause), log_bayes)
    }
}

/// Mean and central 95 % interval.
fn severity(w: &Weighed, weights: &[f64]) -> Option<(f64, f64, f64)> {
    let severities: Option<Vec<f64>> = w.forms.iter().map(|f| f.form.severity).collect();
    let mean = severities?.iter().zip(weights).map(|(s, q)| s * q).sum();
    let cells = cells(&w.forms);
    let quantile = |share: f64| {
        let mut below = 0.0;
        for ((low, high), q) in cells.iter().zip(weights) {
            if below + q >= share && *q > 0.0 {
                let within = ((share - below) / q).clamp(0.0, 1.0);
                return libm::exp(low + within * (high - low));
            }
            below += q;
        }
        libm::exp(cells.last().map_or(0.0, |cell| cell.1))
    };
    Some((mean, quantile(0.025), quantile(0.975)))
}

/// Marks causes whose replicas show the same.
fn mark_same(summary: &Summary, weighed: &[Weighed], ranked: &mut [(usize, Ranked)]) {
    /// In usual standard deviations.
    const SAME: f64 = 0.2;
    let best = |i: usize| {
        weighed.get(i).and_then(|w| w.forms.iter().max_by(|a, b| a.log_bayes.total_cmp(&b.log_bayes)))
    };
    let dense = |i: usize| {
        let mut row = vec![0.0; summary.items.len()];
        if let Some(form) = best(i) {
            let ensemble = &form.ensemble;
            for (item, mean) in ensemble.items.iter().zip(&ensemble.mean) {
                let sigma = summary.sigma[*item as usize];
                row[*item as usize] = if sigma.is_finite() { mean / sigma } else { 0.0 };
            }
        }
        row
    };
    /// Only what is told to people is compared.
    const COMPARED: usize = 20;
    let rows: Vec<Option<Vec<f64>>> =
        ranked.iter().take(COMPARED).map(|(i, _)| (*i < weighed.len()).then(|| dense(*i))).collect();
    for i in 1..rows.len() {
        let Some(row) = &rows[i] else { continue };
        let alike = |other: &Vec<f64>| row.iter().zip(other).all(|(a, b)| (a - b).abs() < SAME);
        // The first of a group stands for it: nearly alike is not the same of three.
        let is_first = |j: &usize| ranked[*j].1.same_as.is_none();
        let found = (0..i).filter(is_first).find(|j| rows[*j].as_ref().is_some_and(alike));
        ranked[i].1.same_as = found;
    }
}

/// How often a misfit as large as this would come about if the best cause (or nothing) is the case: of what it moves, by
/// data made from its replicas; of everything else, by onsets at which nothing happened.
fn predictive(summary: &Summary, weighed: &[Weighed], ranked: &[Ranked], settings: &Settings) -> f64 {
    let best = ranked.iter().find_map(|r| match r.what {
        What::Cause(cause) => weighed.iter().find(|w| w.cause == cause),
        _ => None,
    });
    let mut squares = summary.squares(&summary.change);
    let nothing = ranked.iter().find(|r| r.what == What::None).map_or(0.0, |r| r.probability);
    let form = best.and_then(|w| w.forms.iter().max_by(|a, b| a.log_bayes.total_cmp(&b.log_bayes)));
    let Some(form) = form.filter(|f| nothing < 0.5 && !f.ensemble.items.is_empty()) else {
        return summary.tail(&squares);
    };
    form.ensemble.items.iter().for_each(|i| squares[*i as usize] = f64::NAN);
    let error = if form.often { FINE } else { ROUGH };
    let (replicas, seeds) = (settings.replicas as usize, Seeds::new(settings.seed));
    let moved = super::likelihood::predictive(summary, &form.ensemble, replicas, error, seeds);
    // Two chances to be surprised.
    (2.0 * moved.min(summary.tail(&squares))).min(1.0)
}
