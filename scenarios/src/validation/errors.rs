//! Single errors of the twin, and how well each explains the measured loads.

use std::collections::{BTreeMap, BTreeSet};

use models::{Failures, Loads, NodeDemand, Spf, UNREACHABLE};
use rayon::prelude::*;
use twin::{ArcId, Csr, LinkId, NodeId};

use crate::load_fit::LoadFit;

/// One thing that may be wrong in the twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TwinError {
    /// A link has another metric; in one direction where an arc is named.
    Metric {
        /// Which link.
        link: LinkId,
        /// The one direction that differs.
        arc: Option<ArcId>,
        /// The metric that explains the loads best.
        fits: u32,
    },
    /// A link of the twin carries no routed traffic: it is not there, or down.
    Absent(LinkId),
    /// A link that the twin does not hold joins two nodes.
    Missing {
        /// One end, the lower number.
        a: NodeId,
        /// The other end.
        b: NodeId,
        /// The metric that explains the loads best.
        metric: u32,
    },
    /// An arc carries more than the twin says it can.
    Capacity(ArcId),
}

/// An error that would explain the measured loads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwinSuspect {
    /// Which.
    pub error: TwinError,
    /// By how many nats the measured loads are likelier if this element is wrong in some way of this kind (the mean over
    /// the ways that were tried) than under the twin as it is, less the logarithm of the number of elements that may be
    /// wrong and of the odds against an error of its kind: above 0 it explains more than the luckiest of so many would.
    pub log_bayes: f64,
    /// The share of the absolute deviation (sum over measured arcs) that goes away.
    pub explained: f64,
    /// The earlier suspect that predicts the same loads: measured loads cannot tell them apart.
    pub same_as: Option<usize>,
}

/// Factors by which a metric may be wrong: "costed out", steps of traffic engineering, upgrades that the metric followed.
const FACTORS: [(u32, u32); 14] = [
    (1, 10),
    (1, 8),
    (1, 5),
    (1, 4),
    (1, 3),
    (1, 2),
    (2, 3),
    (3, 2),
    (2, 1),
    (3, 1),
    (4, 1),
    (5, 1),
    (8, 1),
    (10, 1),
];
/// Missing links are looked for between this many nodes, those whose links deviate most.
const MISSING_NODES: usize = 24;
/// So many suspects are told, and besides so many wrong capacities.
const MOST: usize = 20;

/// The network with links that may be missing, what would flow for each destination, and what was measured.
struct Bench<'a> {
    csr: Csr,
    /// Supposed links are down.
    down: Failures,
    /// Demands by destination.
    by_dst: Vec<Vec<NodeDemand>>,
    /// Shortest paths and loads by destination; those without a demand are left out.
    base: Vec<Option<(Spf, Vec<f64>)>>,
    total: Vec<f64>,
    fit: LoadFit<'a>,
    now: f64,
    measured: &'a [f64],
}

/// Errors that explain the measured loads better than the twin as it is, the best first: one of each kind for an element.
/// Cost: for each error a shortest-path tree for each destination that it moves.
pub fn suspects(csr: &Csr, demands: &[NodeDemand], measured: &[f64]) -> Vec<TwinSuspect> {
    let mut elements: BTreeMap<Element, Vec<Scored>> = BTreeMap::new();
    for one in scored(csr, demands, measured) {
        elements.entry(element(&one.error)).or_default().push(one);
    }
    let tried = libm::log(elements.len().max(1) as f64);
    let suspects = elements.into_values().filter_map(|ways| suspect(csr, &ways, tried));
    ranked(suspects.filter(|(s, _)| s.log_bayes > 0.0).collect())
}

/// An error with its gain in nats and the share of the deviation that goes away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scored {
    pub(super) error: TwinError,
    pub(super) gain: f64,
    explained: f64,
}

/// The ways in which an element may be wrong, as one suspect, and the gain of its best way.
fn suspect(csr: &Csr, ways: &[Scored], tried: f64) -> Option<(TwinSuspect, f64)> {
    let most = ways.iter().map(|w| w.gain).max_by(f64::total_cmp)?;
    let mean = ways.iter().map(|w| libm::exp(w.gain - most)).sum::<f64>() / ways.len() as f64;
    // Of ways that explain alike the one that is nearest to what the twin says.
    let alike = ways.iter().filter(|w| same(w.gain, most));
    let best = alike.min_by(|a, b| distance(csr, &a.error).total_cmp(&distance(csr, &b.error)))?;
    let log_bayes = most + libm::log(mean) - tried + log_prior(&best.error);
    Some((TwinSuspect { error: best.error, log_bayes, explained: best.explained, same_as: None }, most))
}

/// What is likely before anything is measured, against a wrong metric or capacity: sources show links, so one that they
/// show is seldom absent, and one that they do not show seldom there. The odds are assumptions.
fn log_prior(error: &TwinError) -> f64 {
    match error {
        TwinError::Metric { .. } | TwinError::Capacity(_) => 0.0,
        TwinError::Missing { .. } => -libm::log(10.0),
        TwinError::Absent(_) => -libm::log(20.0),
    }
}

/// How far a metric is from what the twin says, as the logarithm of a factor.
fn distance(csr: &Csr, error: &TwinError) -> f64 {
    match error {
        TwinError::Metric { link, arc, fits } => {
            let arc = arc.unwrap_or(csr.link_arcs[link.index()][0]);
            libm::fabs(libm::log(f64::from(*fits) / f64::from(csr.metric[arc.index()].max(1))))
        }
        _ => 0.0,
    }
}

/// All errors with what they explain.
pub(super) fn scored(csr: &Csr, demands: &[NodeDemand], measured: &[f64]) -> Vec<Scored> {
    let missing = if demands.is_empty() { Vec::new() } else { missing(csr, demands, measured) };
    let links: Vec<_> = missing.iter().map(|(a, b)| (*a, *b, 1, twin::BitsPerSec::gbps(10))).collect();
    let mut measured: Vec<f64> = measured.to_vec();
    measured.resize(csr.arc_count() + 2 * links.len(), f64::NAN);
    let bench = Bench::new(csr, csr.with_links(&links), demands, &measured);
    let mut errors: Vec<TwinError> = Vec::new();
    if !demands.is_empty() {
        errors.extend(metrics(csr));
        let used = (0..csr.link_count()).filter(|l| !csr.link_arcs[*l].is_empty());
        errors.extend(used.map(|l| TwinError::Absent(LinkId::new(l))));
        let metrics = usual_metrics(csr);
        let each = |(a, b): &(NodeId, NodeId)| {
            let (a, b) = (*a, *b);
            metrics.iter().map(move |metric| TwinError::Missing { a, b, metric: *metric }).collect::<Vec<_>>()
        };
        errors.extend(missing.iter().flat_map(each));
    }
    errors.extend(bench.overfull(csr));
    let scores: Vec<(f64, f64)> = errors
        .par_iter()
        .map_init(|| bench.csr.clone(), |scratch, error| bench.score(csr, scratch, &missing, *error))
        .collect();
    errors
        .into_iter()
        .zip(scores)
        .map(|(error, (gain, explained))| Scored { error, gain, explained })
        .collect()
}

/// Sorted, with ties marked.
fn ranked(mut all: Vec<(TwinSuspect, f64)>) -> Vec<TwinSuspect> {
    all.sort_by(|(a, _), (b, _)| b.log_bayes.total_cmp(&a.log_bayes).then(a.error.cmp(&b.error)));
    let (mut routing, mut capacity) = (0, 0);
    all.retain(|(suspect, _)| {
        let told = if matches!(suspect.error, TwinError::Capacity(_)) { &mut capacity } else { &mut routing };
        *told += 1;
        *told <= MOST
    });
    for i in 1..all.len() {
        all[i].0.same_as = (0..i).find(|j| same(all[*j].1, all[i].1));
    }
    all.into_iter().map(|(suspect, _)| suspect).collect()
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + a.abs())
}

/// Kind and numbers.
type Element = (u8, u32, u32);

fn element(error: &TwinError) -> Element {
    match error {
        TwinError::Metric { link, .. } => (0, link.0, 0),
        TwinError::Absent(link) => (1, link.0, 0),
        TwinError::Missing { a, b, .. } => (2, a.0, b.0),
        TwinError::Capacity(arc) => (3, arc.0, 0),
    }
}

/// Each link's metric times each factor, and the metrics that others have, in both directions together and in each alone.
fn metrics(csr: &Csr) -> Vec<TwinError> {
    let usual = usual_metrics(csr);
    let mut errors = BTreeSet::new();
    for (l, arcs) in csr.link_arcs.iter().enumerate().filter(|(_, arcs)| !arcs.is_empty()) {
        let (link, both) = (LinkId::new(l), std::iter::once(None).filter(|_| arcs.len() > 1));
        for arc in both.chain(arcs.iter().copied().map(Some)) {
            let metric = csr.metric[arc.unwrap_or(arcs[0]).index()].max(1);
            let times = |(up, down): (u32, u32)| u64::from(metric) * u64::from(up) / u64::from(down);
            let scaled = FACTORS.into_iter().map(|f| u32::try_from(times(f)).unwrap_or(u32::MAX).max(1));
            let others = scaled.chain(usual.iter().copied()).filter(|fits| *fits != metric);
            errors.extend(others.map(|fits| TwinError::Metric { link, arc, fits }));
        }
    }
    errors.into_iter().collect()
}

/// The quartiles of the metrics.
fn usual_metrics(csr: &Csr) -> BTreeSet<u32> {
    let mut all = csr.metric.clone();
    all.sort_unstable();
    [0, 1, 2, 3].into_iter().filter_map(|q| all.get(q * all.len() / 4).copied()).collect()
}

/// Pairs of nodes without a link, among the nodes whose links deviate most.
fn missing(csr: &Csr, demands: &[NodeDemand], measured: &[f64]) -> Vec<(NodeId, NodeId)> {
    let up = Failures::none(csr);
    let loads = Loads::compute(csr, &models::Routing::compute(csr, &up), &up, demands).arc;
    let mut off = vec![0.0; csr.node_count()];
    for (arc, (load, measured)) in loads.iter().zip(measured).enumerate().filter(|(_, (_, m))| m.is_finite())
    {
        off[csr.src[arc].index()] += (load - measured).abs();
        off[csr.dst[arc].index()] += (load - measured).abs();
    }
    let mut nodes: Vec<_> = (0..csr.node_count()).map(NodeId::new).collect();
    nodes.sort_by(|a, b| off[b.index()].total_cmp(&off[a.index()]));
    nodes.truncate(MISSING_NODES);
    nodes.sort();
    let linked = |a: NodeId, b: NodeId| csr.arcs_out(a).iter().any(|arc| csr.dst[arc.index()] == b);
    let pairs = nodes.iter().flat_map(|a| nodes.iter().map(move |b| (*a, *b)));
    pairs.filter(|(a, b)| a < b && !linked(*a, *b) && !linked(*b, *a)).collect()
}

impl<'a> Bench<'a> {
    fn new(real: &Csr, csr: Csr, demands: &[NodeDemand], measured: &'a [f64]) -> Self {
        let supposed = (real.link_count()..csr.link_count()).map(LinkId::new);
        let down = supposed.fold(Failures::none(&csr), Failures::with_link);
        let mut by_dst = vec![Vec::new(); csr.node_count()];
        for demand in demands {
            by_dst[demand.dst.index()].push(*demand);
        }
        let mut total = vec![0.0; csr.arc_count()];
        let mut base = Vec::new();
        for (dst, list) in by_dst.iter().enumerate() {
            base.push((!list.is_empty()).then(|| {
                let spf = Spf::to(&csr, &down, NodeId::new(dst));
                let loads = Loads::to(&csr, &spf, &down, list).arc;
                total.iter_mut().zip(&loads).for_each(|(t, l)| *t += l);
                (spf, loads)
            }));
        }
        let fit = LoadFit::new(&total, measured);
        let now = fit.log_likelihood(&total);
        Self { csr, down, by_dst, base, total, fit, now, measured }
    }

    /// Arcs that carry more than the twin says they can.
    fn overfull(&self, csr: &Csr) -> Vec<TwinError> {
        let over = |arc: &usize| self.measured[*arc] > csr.capacity[*arc].as_f64();
        (0..csr.arc_count()).filter(over).map(|arc| TwinError::Capacity(ArcId::new(arc))).collect()
    }

    /// The gain in nats and the share of the deviation that goes away. `scratch` is the network as it is, before and after.
    fn score(
        &self,
        real: &Csr,
        scratch: &mut Csr,
        missing: &[(NodeId, NodeId)],
        error: TwinError,
    ) -> (f64, f64) {
        let loads = match error {
            TwinError::Capacity(arc) => {
                // What can flow at most, against what does.
                let (most, measured) = (real.capacity[arc.index()].as_f64(), self.measured[arc.index()]);
                return (self.fit.of_arc(measured, measured) - self.fit.of_arc(most, measured), 0.0);
            }
            TwinError::Metric { link, arc, fits } => {
                let arcs = arc.map_or_else(|| real.link_arcs[link.index()].clone(), |arc| vec![arc]);
                self.with_metrics(scratch, &arcs, fits, &self.down)
            }
            TwinError::Absent(link) => {
                let arcs = &real.link_arcs[link.index()];
                let down = self.down.clone().with_link(link);
                self.moved(scratch, &down, |spf| arcs.iter().any(|a| uses(scratch, spf, *a)))
            }
            TwinError::Missing { a, b, metric } => {
                let Some(at) = missing.iter().position(|pair| *pair == (a, b)) else { return (0.0, 0.0) };
                let link = LinkId::new(real.link_count() + at);
                let arcs = scratch.link_arcs[link.index()].clone();
                self.with_metrics(scratch, &arcs, metric, &self.down.clone().without_link(link))
            }
        };
        let gain = self.fit.log_likelihood(&loads) - self.now;
        let off = |loads: &[f64]| -> f64 {
            let pairs = loads.iter().zip(self.measured).filter(|(_, m)| m.is_finite());
            pairs.map(|(l, m)| (l - m).abs()).sum()
        };
        let before = off(&self.total);
        (gain, if before > 0.0 { 1.0 - off(&loads) / before } else { 0.0 })
    }

    /// The loads with another metric on some arcs.
    fn with_metrics(&self, scratch: &mut Csr, arcs: &[ArcId], metric: u32, down: &Failures) -> Vec<f64> {
        let before: Vec<_> = arcs.iter().map(|a| scratch.metric[a.index()]).collect();
        let was_up: Vec<_> = arcs.iter().map(|a| self.down.arc_up(scratch, *a)).collect();
        arcs.iter().for_each(|a| scratch.metric[a.index()] = metric);
        let loads = self.moved(scratch, down, |spf| {
            arcs.iter().zip(&before).zip(&was_up).any(|((arc, before), up)| {
                let (tail, head) = (scratch.src[arc.index()], scratch.dst[arc.index()]);
                let (here, there) = (spf.distance(tail), spf.distance(head));
                let via = |metric: u32| there.saturating_add(u64::from(metric.max(1)));
                there != UNREACHABLE && (via(metric) <= here || (*up && via(*before) == here))
            })
        });
        arcs.iter().zip(before).for_each(|(a, before)| scratch.metric[a.index()] = before);
        loads
    }

    /// The loads where the destinations whose paths `moves` are routed anew.
    fn moved(&self, csr: &Csr, down: &Failures, moves: impl Fn(&Spf) -> bool) -> Vec<f64> {
        let mut loads = self.total.clone();
        for (dst, base) in self.base.iter().enumerate() {
            let Some((_, before)) = base.as_ref().filter(|(spf, _)| moves(spf)) else { continue };
            let after = Loads::to(csr, &Spf::to(csr, down, NodeId::new(dst)), down, &self.by_dst[dst]).arc;
            loads.iter_mut().zip(after.iter().zip(before)).for_each(|(l, (a, b))| *l += a - b);
        }
        // What was taken away again leaves rounding behind.
        loads.iter_mut().for_each(|l| *l = l.max(0.0));
        loads
    }
}

fn uses(csr: &Csr, spf: &Spf, arc: ArcId) -> bool {
    spf.next_arcs(csr.src[arc.index()]).contains(&arc)
}
