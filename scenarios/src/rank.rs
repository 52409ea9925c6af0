//! The ranking, from an incident to its causes.

use std::collections::BTreeMap;

use models::failure::FailureModel;
use rayon::prelude::*;
use twin::Rung;

use crate::LISTED;
use crate::component::Component;
use crate::foreground::{self, Replicas};
use crate::incident::Incident;
use crate::likelihood::{Block, Evaluated, Evidence, SetModel, onset, severity, unknown_log_bayes};
use crate::posterior::{Hypothesis, Posterior};
use crate::prediction::{Algebra, Paths, Prediction, Scratch, reroutes};

/// How to rank.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where the priors come from.
    pub failures: FailureModel,
    /// Prior probability of each onset candidate.
    pub onset_weight: f64,
    /// Replicas for each of the leading causes on the foreground rung; 0 stays on the algebra rung.
    pub replicas: u32,
    /// How many leading causes are simulated and paired.
    pub leading: usize,
    /// The seed of the replicas.
    pub seed: u64,
}

/// Prior probability that something is wrong which no hypothesis names: as likely as a handful of components.
const UNKNOWN_PRIOR: f64 = 1e-3;

/// A ranked cause.
#[derive(Clone, Debug)]
pub struct Cause {
    /// What it is.
    pub component: Component,
    /// Marginal posterior probability.
    pub probability: f64,
    /// Monte Carlo standard error of the probability.
    pub std_error: f64,
    /// log p(D | S) − log p(D | S without this cause), S the most probable set that holds it.
    pub log_bayes: f64,
    /// Loss rate: posterior mean and central 95 % interval.
    pub severity: Option<(f64, f64, f64)>,
    /// Onset bin: posterior mean and central 95 % interval.
    pub onset: (f64, u32, u32),
    /// The rung that decided.
    pub rung: Rung,
    /// Position in the ranking of the first cause that cannot be told from this one.
    pub same_as: Option<usize>,
    /// The evidence: blocks with their share of `log_bayes`, largest first.
    pub ledger: Vec<(Block, f64)>,
    /// What it predicts.
    pub prediction: Prediction,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// Causes, most probable first.
    pub causes: Vec<Cause>,
    /// Probability that nothing is wrong.
    pub none: f64,
    /// Probability that something else is wrong.
    pub unknown: f64,
    /// log Bayes factor of *unknown*.
    pub unknown_log_bayes: f64,
    /// All hypotheses, most probable first.
    pub posterior: Posterior,
    /// How often something was simulated.
    pub trials: u64,
    /// The factor by which evidence from counts was weakened because losses come in bursts.
    pub over_dispersion: f64,
}

/// Ranks the causes of an incident: predict and weigh every component by formula, simulate the leading ones, weigh them
/// and their pairs again, normalise.
pub fn rank(incident: &Incident<'_>, settings: &Settings) -> Ranking {
    let paths = Paths::new(incident.csr, incident.routing, incident.flows);
    let evidence = Evidence::new(incident, &paths, settings.onset_weight);
    let proposed = propose(&evidence);
    let leading = leading(&proposed, incident, settings);
    let simulated = foreground::simulate(&evidence, &proposed, &leading, settings);
    let weighed = decide(&evidence, proposed, &simulated);
    let sets = pairs(&evidence, &weighed, &leading);
    conclude(&evidence, settings, weighed, sets, &simulated)
}

/// One component with its prediction and Bayes factor.
#[derive(Clone, Debug)]
pub struct Weighed {
    /// What it would do.
    pub prediction: Prediction,
    /// How likely that makes the data.
    pub evaluated: Evaluated,
    /// What was added to compare this rung with the one that decides.
    pub rung_bias: f64,
    /// Position of the first component with the same effects by formula, its own if there is none before it.
    pub twin_of: usize,
}

fn propose(evidence: &Evidence<'_>) -> Vec<Weighed> {
    let algebra = Algebra::new(evidence.incident, evidence.paths);
    let components = Component::all(evidence.incident.csr);
    let predictions: Vec<Prediction> = components
        .into_par_iter()
        .map_init(|| algebra.scratch(), |scratch, component| algebra.predict(component, scratch))
        .collect();
    let twins: Vec<usize> = (0..predictions.len())
        .into_par_iter()
        .map(|i| (0..i).find(|j| equal_effects(&predictions[i], &predictions[*j])).unwrap_or(i))
        .collect();
    predictions
        .into_par_iter()
        .zip(twins)
        .map(|(prediction, twin_of)| {
            let evaluated = SetModel::new(evidence, vec![&prediction]).evaluate();
            Weighed { prediction, evaluated, rung_bias: 0.0, twin_of }
        })
        .collect()
}

fn log_weight(w: &Weighed, incident: &Incident<'_>, settings: &Settings) -> f64 {
    log_prior(w.prediction.component, incident, settings) + w.evaluated.log_bayes
}

fn log_prior(component: Component, incident: &Incident<'_>, settings: &Settings) -> f64 {
    let hours = f64::from(incident.flows.bins) * incident.flows.bin_s / 3600.0;
    libm::log(component.prior(&settings.failures, hours))
}

/// Positions of the components with the largest weights, best first. Their number bounds what is simulated.
fn leading(proposed: &[Weighed], incident: &Incident<'_>, settings: &Settings) -> Vec<usize> {
    let weight: Vec<f64> = proposed.iter().map(|w| log_weight(w, incident, settings)).collect();
    let mut order: Vec<usize> = (0..proposed.len()).collect();
    order.sort_by(|a, b| weight[*b].total_cmp(&weight[*a]).then(a.cmp(b)));
    order.truncate(settings.leading);
    order
}

/// Replaces the leading components' predictions by simulated ones. The others stay on the algebra rung and get the mean
/// difference that simulation made to the leading ones, so that all are compared on one footing.
fn decide(evidence: &Evidence<'_>, mut proposed: Vec<Weighed>, simulated: &[Replicas]) -> Vec<Weighed> {
    if simulated.is_empty() {
        return proposed;
    }
    let mut shift = 0.0;
    for replicas in simulated {
        let slot = &mut proposed[replicas.position];
        let evaluated = SetModel::new(evidence, vec![&replicas.prediction]).evaluate();
        shift += (evaluated.log_bayes - slot.evaluated.log_bayes) / simulated.len() as f64;
        slot.evaluated = evaluated;
        slot.prediction = replicas.prediction.clone();
    }
    // The shift is a correction of strength, not of kind: it never turns evidence against a cause into evidence for it.
    for (i, weighed) in proposed.iter_mut().enumerate() {
        let done = simulated.iter().any(|r| r.position == i);
        if !done && weighed.evaluated.log_bayes > 0.0 {
            weighed.rung_bias = shift.min(0.0).max(-weighed.evaluated.log_bayes);
            weighed.evaluated.log_bayes += weighed.rung_bias;
        }
    }
    proposed
}

/// Two components that were weighed together.
struct Pair {
    set: Vec<Component>,
    parts: [Prediction; 2],
    evaluated: Evaluated,
}

/// Pairs of the leading components that do not exclude one another, weighed on the onsets that either makes likely.
fn pairs(evidence: &Evidence<'_>, weighed: &[Weighed], leading: &[usize]) -> Vec<Pair> {
    let csr = evidence.incident.csr;
    let algebra = Algebra::new(evidence.incident, evidence.paths);
    let mut candidates = Vec::new();
    for (n, &i) in leading.iter().enumerate() {
        for &j in &leading[n + 1..] {
            let (a, b) = (&weighed[i], &weighed[j]);
            let (x, y) = (a.prediction.component, b.prediction.component);
            let one_link = x.link(csr).is_some() && x.link(csr) == y.link(csr);
            if !one_link && a.twin_of != b.twin_of {
                candidates.push(if x < y { (a, b) } else { (b, a) });
            }
        }
    }
    candidates
        .into_par_iter()
        .map_init(|| algebra.scratch(), |scratch, (a, b)| pair(evidence, &algebra, a, b, scratch))
        .collect()
}

fn pair(
    evidence: &Evidence<'_>,
    algebra: &Algebra<'_>,
    a: &Weighed,
    b: &Weighed,
    scratch: &mut Scratch,
) -> Pair {
    let (first, second) = (&a.prediction, &b.prediction);
    let parts = if reroutes(first.component) && reroutes(second.component) {
        let (x, y) = algebra.joint_reroute(first, second, scratch);
        [x, y]
    } else {
        [first.clone(), second.clone()]
    };
    let likely = likely_onsets(evidence, &[&a.evaluated, &b.evaluated]);
    let evaluated = SetModel::new(evidence, parts.iter().collect()).evaluate_at(&likely);
    Pair { set: vec![first.component, second.component], parts, evaluated }
}

/// Indices of the onsets that hold all but a thousandth of either posterior each.
fn likely_onsets(evidence: &Evidence<'_>, of: &[&Evaluated]) -> Vec<usize> {
    let mut mass = vec![0.0f64; evidence.incident.onsets.len()];
    for evaluated in of {
        for (latent, q) in &evaluated.posterior {
            mass[latent.onset] += q;
        }
    }
    (0..mass.len()).filter(|i| mass[*i] > 1e-3).collect()
}

fn conclude(
    evidence: &Evidence<'_>,
    settings: &Settings,
    weighed: Vec<Weighed>,
    pairs: Vec<Pair>,
    simulated: &[Replicas],
) -> Ranking {
    let incident = evidence.incident;
    let unknown_log_bayes = unknown_log_bayes(evidence);
    let singles = level_equals(&weighed);
    let posterior = Posterior::new(weights(incident, settings, &singles, &pairs, unknown_log_bayes));
    let by_component: BTreeMap<Component, &Weighed> =
        weighed.iter().map(|w| (w.prediction.component, w)).collect();
    let marginals = shared(posterior.marginals(), &weighed);
    let mut causes: Vec<Cause> = marginals
        .iter()
        .filter(|(_, p)| **p >= LISTED)
        .map(|(c, p)| cause(evidence, &posterior, &by_component, &pairs, *c, *p))
        .collect();
    causes.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.component.cmp(&b.component)));
    mark_equals(&mut causes, &weighed);
    let errors = foreground::standard_errors(evidence, simulated, |log_bayes| {
        let mut singles = singles.clone();
        for (position, value) in log_bayes {
            singles[*position].1 = *value;
        }
        let posterior = Posterior::new(weights(incident, settings, &singles, &pairs, unknown_log_bayes));
        shared(posterior.marginals(), &weighed)
    });
    for cause in &mut causes {
        cause.std_error = errors.get(&cause.component).copied().unwrap_or(0.0);
    }
    Ranking {
        causes,
        none: posterior.of(&Hypothesis::None),
        unknown: posterior.of(&Hypothesis::Unknown),
        unknown_log_bayes,
        posterior,
        trials: simulated.iter().map(|r| r.trials).sum(),
        over_dispersion: evidence.base.over_dispersion(),
    }
}

/// Components with equal effects get equal Bayes factors, whatever luck each had on a finer rung.
fn level_equals(weighed: &[Weighed]) -> Vec<(Component, f64)> {
    let mut best = vec![f64::NEG_INFINITY; weighed.len()];
    for w in weighed {
        best[w.twin_of] = best[w.twin_of].max(w.evaluated.log_bayes);
    }
    weighed.iter().map(|w| (w.prediction.component, best[w.twin_of])).collect()
}

/// Components that cannot be told apart share their mass evenly, in pairs with others too.
fn shared(mut marginals: BTreeMap<Component, f64>, weighed: &[Weighed]) -> BTreeMap<Component, f64> {
    let mut groups: BTreeMap<usize, Vec<Component>> = BTreeMap::new();
    for w in weighed {
        groups.entry(w.twin_of).or_default().push(w.prediction.component);
    }
    for group in groups.values().filter(|g| g.len() > 1) {
        let mass: f64 = group.iter().filter_map(|c| marginals.get(c)).sum();
        marginals.extend(group.iter().map(|c| (*c, mass / group.len() as f64)));
    }
    marginals
}

/// Whether two half-links lose the packets of the same flows with the same probabilities, and some flow's at all.
fn equal_effects(a: &Prediction, b: &Prediction) -> bool {
    let lossy = |p: &Prediction| p.component.class() == "link_loss" && !p.exposed.is_empty();
    let same = |x: &(u32, f64), y: &(u32, f64)| x.0 == y.0 && (x.1 - y.1).abs() < 1e-9;
    lossy(a)
        && lossy(b)
        && a.exposed.len() == b.exposed.len()
        && a.exposed.iter().zip(&b.exposed).all(|(x, y)| same(x, y))
}

fn weights(
    incident: &Incident<'_>,
    settings: &Settings,
    singles: &[(Component, f64)],
    pairs: &[Pair],
    unknown_log_bayes: f64,
) -> Vec<(Hypothesis, f64)> {
    let prior = |c: Component| log_prior(c, incident, settings);
    let mut list =
        vec![(Hypothesis::None, 0.0), (Hypothesis::Unknown, libm::log(UNKNOWN_PRIOR) + unknown_log_bayes)];
    list.extend(singles.iter().map(|(c, lb)| (Hypothesis::Set(vec![*c]), prior(*c) + lb)));
    list.extend(pairs.iter().map(|pair| {
        let log_prior: f64 = pair.set.iter().map(|c| prior(*c)).sum();
        (Hypothesis::Set(pair.set.clone()), log_prior + pair.evaluated.log_bayes)
    }));
    list
}

fn cause(
    evidence: &Evidence<'_>,
    posterior: &Posterior,
    by_component: &BTreeMap<Component, &Weighed>,
    pairs: &[Pair],
    component: Component,
    probability: f64,
) -> Cause {
    let weighed = by_component[&component];
    let set = posterior.best_set_with(component).unwrap_or(&[]);
    let (log_bayes, ledger) = ledger(evidence, by_component, pairs, set, component);
    Cause {
        component,
        probability,
        std_error: 0.0,
        log_bayes,
        severity: severity(&weighed.evaluated, weighed.prediction.loss),
        onset: onset(&weighed.evaluated, evidence.incident.onsets),
        rung: weighed.prediction.rung,
        same_as: None,
        ledger,
        prediction: weighed.prediction.clone(),
    }
}

/// The difference that a cause makes to its best set, by blocks. What the latents cost is a block of its own, so that the
/// ledger sums to the log Bayes factor exactly.
fn ledger(
    evidence: &Evidence<'_>,
    by_component: &BTreeMap<Component, &Weighed>,
    pairs: &[Pair],
    set: &[Component],
    component: Component,
) -> (f64, Vec<(Block, f64)>) {
    let blocks_of = |set: &[Component]| -> (f64, BTreeMap<Block, f64>) {
        if set.is_empty() {
            return (0.0, BTreeMap::new());
        }
        let pair = pairs.iter().find(|p| p.set == set);
        let parts = match pair {
            Some(pair) => pair.parts.iter().collect(),
            None => vec![&by_component[&set[0]].prediction],
        };
        let bias = if pair.is_some() { 0.0 } else { by_component[&set[0]].rung_bias };
        let model = SetModel::new(evidence, parts);
        let evaluated = pair.map_or_else(|| model.evaluate(), |p| p.evaluated.clone());
        let mut blocks = model.blocks(&evaluated);
        blocks.insert(("rung", "difference to the rung that decides".to_owned()), bias);
        blocks.insert(
            ("prior", "onset and severity were not known in advance".to_owned()),
            -evaluated.divergence,
        );
        (evaluated.log_bayes + bias, blocks)
    };
    let without: Vec<Component> = set.iter().copied().filter(|c| *c != component).collect();
    let ((with_sum, with), (without_sum, without)) = (blocks_of(set), blocks_of(&without));
    let mut blocks = with;
    for (block, value) in without {
        *blocks.entry(block).or_insert(0.0) -= value;
    }
    let mut list: Vec<_> = blocks.into_iter().filter(|(_, v)| *v != 0.0).collect();
    list.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.cmp(&b.0)));
    (with_sum - without_sum, list)
}

fn mark_equals(causes: &mut [Cause], weighed: &[Weighed]) {
    let twin_of: BTreeMap<Component, usize> =
        weighed.iter().map(|w| (w.prediction.component, w.twin_of)).collect();
    for i in 1..causes.len() {
        let own = twin_of[&causes[i].component];
        causes[i].same_as = (0..i).find(|j| twin_of[&causes[*j].component] == own);
    }
}

/// The place of a component in a ranking: 1 plus the number of causes, *none* and *unknown* included, that are strictly
/// more probable. A component that is not listed comes after all that are.
pub fn place_of(ranking: &Ranking, component: Option<Component>) -> usize {
    let own = match component {
        None => ranking.none,
        Some(c) => ranking.causes.iter().find(|x| x.component == c).map_or(0.0, |x| x.probability),
    };
    let all = ranking.causes.iter().map(|c| c.probability).chain([ranking.none, ranking.unknown]);
    1 + all.filter(|p| *p > own + 1e-12).count()
}
