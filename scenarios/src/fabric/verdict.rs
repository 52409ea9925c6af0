//! From a case to its causes.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Purpose, Seeds, Trial};
use twin::{Diagnostic, EntityKey};

use super::averages::{Averages, State};
use super::bursts::of_links;
use super::chain::{Chain, LOG_ODDS_UNKNOWN, Length, Problem};
use super::congestion::{Congested, Counter, congested, counted};
use super::events::{Event, Kind, NamedEvents, events};
use super::explain::{Explainer, Ledger, item};
use super::fit::Fit;
use super::flows::{Flows, Report};
use super::holes::{Hole, candidates};
use super::rates::FAILED_STEP;
use super::reports::{bursts, predictive, without};
use super::stale::{Stale, stale};
use super::topology::{Fabric, Link, Paths};
use super::twins;
use crate::LISTED;

/// A case to be judged.
#[derive(Debug)]
pub struct Case<'a> {
    /// The fabric.
    pub fabric: &'a Fabric,
    /// Flows and probes.
    pub reports: &'a [Report],
    /// Whether only flows with a loss were reported.
    pub lossy_only: bool,
    /// Counters of links; none where there are none.
    pub counters: &'a [Counter],
    /// Risk groups.
    pub groups: &'a [Vec<Link>],
    /// Classes that are not considered, by name.
    pub without: &'a [Class],
    /// Its number: cases draw different chance.
    pub number: u64,
}

/// A class of causes that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Single links that lose packets.
    LinkLoss,
    /// Devices.
    Device,
    /// Risk groups.
    Group,
    /// Full queues.
    Congestion,
    /// Black holes.
    BlackHole,
    /// Links that are not there.
    StaleLink,
}

/// What may be the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A directed link loses packets.
    LinkLoss(Link),
    /// A device loses packets on a share of its ports.
    Device(u32),
    /// A risk group.
    Group(u32),
    /// A directed link drops at a full queue.
    Congestion(Link),
    /// A device swallows what is for a rack: device and rack.
    BlackHole(u32, u32),
    /// A link that the topology lists and that carries nothing.
    StaleLink(Link),
    /// A cause that another entrance lists, by its number there.
    Listed(u32),
    /// Something that has no name here.
    Unknown,
    /// Nothing.
    None,
}

/// A cause with its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// Which.
    pub what: What,
    /// Marginal posterior.
    pub probability: f64,
    /// Its Monte Carlo standard error: from the difference of independent chains.
    pub std_error: f64,
    /// Loss rate with its 95 % interval; of a device or group the share of its links.
    pub severity: Option<(f64, f64, f64)>,
    /// When it began, nanoseconds since the Unix epoch, with its 95 % interval; `None` where the data have no time.
    pub onset: Option<(i64, i64, i64)>,
    /// Why.
    pub ledger: Ledger,
    /// The first cause of the list that the data cannot tell from it.
    pub same_as: Option<u32>,
}

/// The answer to a case.
#[derive(Debug)]
pub struct Verdict {
    /// Causes, most probable first; *none* and *unknown* always among them.
    pub causes: Vec<Cause>,
    /// Sets of listed causes with their probabilities, most probable first.
    pub sets: Vec<(Vec<What>, f64)>,
    /// What was left out of the data.
    pub diagnostics: Vec<Diagnostic>,
    /// Reports that counted.
    pub reports: usize,
    /// Mean loss rate of healthy links.
    pub healthy: f64,
    /// Posterior predictive p-value of the best set.
    pub p_value: f64,
}

/// Sets that are listed.
const SETS: usize = 20;
/// Independent chains: their difference says how far they have converged.
const CHAINS: u64 = 2;
const LENGTH: Length = Length { forgotten: 6, kept: 150 };

/// Judges a case.
pub fn judge(case: &Case<'_>, seeds: Seeds) -> Verdict {
    let fabric = case.fabric;
    let has = |class: Class| !case.without.contains(&class);
    let mut paths = Paths::new(fabric);
    let full =
        if has(Class::Congestion) { congested(case.counters, fabric.link_count()) } else { Vec::new() };
    let (reports, routed) = without(case, &mut paths, &full);
    let flows = Flows::of(fabric, &mut paths, &reports, &routed, case.lossy_only);
    let lossy: Vec<u32> = flows.lossy.iter().map(|f| f.report).collect();
    let holes =
        if has(Class::BlackHole) { candidates(fabric, &reports, &routed, &lossy) } else { Vec::new() };
    let named = NamedEvents { devices: has(Class::Device), groups: has(Class::Group) };
    let events = events(fabric, case.groups, named);
    let problem = Problem {
        flows: &flows,
        events: &events,
        holes: &holes,
        links: fabric.link_count(),
        single: has(Class::LinkLoss),
        counted: &counted(case.counters),
        healthy: None,
    };
    let trial = seeds.trial(case.number);
    let (chains, mut fits) = run_chains(&problem, &trial);
    let mut answer = Answer { problem: &problem, chains: &chains, causes: Vec::new() };
    answer.links();
    answer.together();
    let missing = if has(Class::StaleLink) {
        // Flows across full links were left out, so those near them seem idle.
        let all = (reports.len() < case.reports.len())
            .then(|| Flows::compile(fabric, &mut paths, case.reports, case.lossy_only));
        stale(all.as_ref().unwrap_or(&flows)).iter().map(of_stale).collect()
    } else {
        Vec::new()
    };
    let mut others: Vec<Cause> = full.iter().map(of_congestion).chain(missing).collect();
    others.retain(|c| c.probability >= LISTED);
    answer.exclude(&others);
    let sets = answer.sets(&others);
    let best = answer.best();
    let check = |fit| if case.lossy_only { 1.0 } else { predictive(&reports, &routed, fit) };
    let p_value = fits.iter().map(check).sum::<f64>() / fits.len().max(1) as f64;
    let bursts = if case.lossy_only { Vec::new() } else { bursts(&reports, &routed, &fits) };
    let fit = fits.swap_remove(0);
    let mut explainer = Explainer::new(fabric, &problem, &reports, fit, &best, |l| answer.rate(l));
    answer.finish(others, &bursts, &mut explainer);
    let causes = answer.causes;
    let healthy = chains.iter().map(|c| c.healthy).sum::<f64>() / CHAINS as f64;
    Verdict { causes, sets, reports: flows.reports, diagnostics: flows.diagnostics.clone(), healthy, p_value }
}

/// Independent chains from the same start: what each saw, and where it ended.
fn run_chains<'p>(problem: &'p Problem<'p>, trial: &Trial) -> (Vec<Averages>, Vec<Fit<'p>>) {
    let mut start = Chain::new(problem);
    start.climb();
    let run = |i: u64| {
        let key = EntityKey::new(format!("chain:{i}"));
        let mut chain = start.clone();
        let averages = chain.run(LENGTH, &mut trial.stream(Purpose::new("fault-sets"), &key));
        (averages, chain.into_fit())
    };
    (0..CHAINS).map(run).unzip()
}

/// Puts causes together from what the chains saw.
struct Answer<'a> {
    problem: &'a Problem<'a>,
    chains: &'a [Averages],
    causes: Vec<Cause>,
}

impl Answer<'_> {
    fn averaged(&self, what: What, p: impl Fn(&Averages) -> f64) -> Cause {
        let n = self.chains.len() as f64;
        let all: Vec<f64> = self.chains.iter().map(p).collect();
        let mean = all.iter().sum::<f64>() / n;
        let spread = all.iter().map(|p| (p - mean) * (p - mean)).sum::<f64>() / (n - 1.0).max(1.0);
        Cause { std_error: libm::sqrt(spread / n), ..Cause::plain(what, mean.clamp(0.0, 1.0)) }
    }

    /// Sums over the chains.
    fn sums(&self, of: impl Fn(&Averages) -> (f64, f64, f64)) -> Option<(f64, f64)> {
        let mut sum = (0.0, 0.0, 0.0);
        self.chains.iter().for_each(|c| super::averages::add(&mut sum, of(c)));
        let (mean, square) = (sum.0 / sum.2, sum.1 / sum.2);
        (sum.2 > 0.0).then(|| (mean, 1.96 * libm::sqrt((square - mean * mean).max(0.0))))
    }

    /// The usual rate of a link that failed.
    fn rate(&self, link: Link) -> Option<f64> {
        self.sums(|c| c.log_rate[link as usize]).map(|(mean, _)| libm::exp(mean))
    }

    fn links(&mut self) {
        for l in 0..self.problem.links {
            let mut cause = self.averaged(What::LinkLoss(l as Link), |a| a.alone[l]);
            if cause.probability < LISTED || !self.problem.single {
                continue;
            }
            let rate = |log: f64| libm::exp(log).min(1.0);
            cause.severity = self.sums(|c| c.log_rate[l]).map(|(mean, spread)| {
                let spread = libm::hypot(spread, 1.96 * FAILED_STEP / libm::sqrt(12.0));
                (rate(mean), rate(mean - spread), rate(mean + spread))
            });
            self.causes.push(cause);
        }
    }

    fn together(&mut self) {
        for (e, event) in self.problem.events.iter().enumerate() {
            if matches!(event.kind, Kind::Unnamed(_)) {
                continue;
            }
            let mut cause = self.averaged(of_event(event), |a| a.events[e]);
            let sums = self.sums(|c| c.share[e]);
            cause.severity =
                sums.map(|(mean, spread)| (mean, (mean - spread).max(0.0), (mean + spread).min(1.0)));
            self.causes.push(cause);
        }
        for (h, hole) in self.problem.holes.iter().enumerate() {
            let mut cause = self.averaged(of_hole(hole), |a| a.holes[h]);
            cause.severity = Some((1.0, 1.0, 1.0));
            self.causes.push(cause);
        }
        self.causes.retain(|c| c.probability >= LISTED);
    }

    /// A link that is full or not there has not failed besides: of one link the classes exclude each other.
    fn exclude(&mut self, others: &[Cause]) {
        for other in others {
            let (What::Congestion(link) | What::StaleLink(link)) = other.what else { continue };
            for cause in self.causes.iter_mut().filter(|c| c.what == What::LinkLoss(link)) {
                cause.probability *= 1.0 - other.probability;
                cause.std_error *= 1.0 - other.probability;
            }
        }
        self.causes.retain(|c| c.probability >= LISTED);
    }

    fn visited(&self) -> Vec<(State, f64)> {
        let mut sets = BTreeMap::<&State, u32>::new();
        for (state, n) in self.chains.iter().flat_map(|c| &c.sets) {
            *sets.entry(state).or_default() += n;
        }
        let all: u32 = sets.values().sum();
        let mut sets: Vec<_> = sets.into_iter().collect();
        sets.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        sets.into_iter().map(|(state, n)| (state.clone(), f64::from(n) / f64::from(all.max(1)))).collect()
    }

    fn best(&self) -> State {
        self.visited().into_iter().next().map(|(state, _)| state).unwrap_or_default()
    }

    /// The sets that were visited most; what is judged besides is in all of them if it is more probable than not.
    fn sets(&self, others: &[Cause]) -> Vec<(Vec<What>, f64)> {
        let certain: Vec<What> = others.iter().filter(|c| c.probability > 0.5).map(|c| c.what).collect();
        let named = |state: &State| -> Vec<What> {
            let links = state.links.iter().map(|l| What::LinkLoss(*l));
            let events = state.events.iter().map(|e| of_event(&self.problem.events[*e as usize]));
            let holes = state.holes.iter().map(|h| of_hole(&self.problem.holes[*h as usize]));
            let unknown = state.unknown.then_some(What::Unknown);
            links.chain(events).chain(holes).chain(unknown).chain(certain.iter().copied()).collect()
        };
        let mut sets = self.visited().into_iter().map(|(state, p)| (named(&state), p)).collect();
        retain_listed(&mut sets, self.causes.iter().chain(others));
        sets.truncate(SETS);
        sets
    }

    /// Adds the rest, the evidence, and brings all in order.
    fn finish(&mut self, others: Vec<Cause>, bursts: &[(Link, f64)], explainer: &mut Explainer<'_>) {
        for i in 0..self.causes.len() {
            let event = |what: What| self.problem.events.iter().position(|e| of_event(e) == what);
            let hole = |what: What| self.problem.holes.iter().position(|h| of_hole(h) == what);
            let ledger = match self.causes[i].what {
                What::LinkLoss(link) => explainer.link(link, self.rate(link)),
                what => match (event(what), hole(what)) {
                    (Some(e), _) => explainer.event(e),
                    (_, Some(h)) => explainer.hole(h),
                    _ => Ledger::default(),
                },
            };
            self.causes[i].ledger = ledger;
        }
        let spared: f64 = others.iter().map(|c| 1.0 - c.probability).product();
        let mut unknown = self.averaged(What::Unknown, |a| a.unknown);
        let in_bursts = 1.0 / (1.0 + libm::exp(-(LOG_ODDS_UNKNOWN + of_links(bursts))));
        unknown.probability = 1.0 - (1.0 - unknown.probability) * (1.0 - in_bursts);
        unknown.ledger = explainer.unknown(bursts);
        let mut none = self.averaged(What::None, |a| a.none);
        none.probability *= spared * (1.0 - in_bursts);
        self.causes.extend(others.into_iter().chain([unknown, none]));
        self.causes.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.what.cmp(&b.what)));
        twins::mark(&mut self.causes, explainer.fit_mut());
    }
}

/// Leaves sets whose members are all listed: a set is no more probable than the least of them.
pub(crate) fn retain_listed<'c>(sets: &mut Vec<(Vec<What>, f64)>, causes: impl Iterator<Item = &'c Cause>) {
    let listed: BTreeSet<What> = causes.map(|c| c.what).chain([What::Unknown]).collect();
    sets.retain(|(set, _)| set.iter().all(|what| listed.contains(what)));
}

impl Cause {
    /// A cause without evidence.
    pub fn plain(what: What, probability: f64) -> Self {
        Self {
            what,
            probability,
            std_error: 0.0,
            severity: None,
            onset: None,
            ledger: Ledger::default(),
            same_as: None,
        }
    }
}

fn of_congestion(c: &Congested) -> Cause {
    let items = vec![
        item("counters", "packets discarded at the output queue", c.log_bayes.0),
        item("counters", "utilisation", c.log_bayes.1),
    ];
    Cause { ledger: Ledger::of(items), ..Cause::plain(What::Congestion(c.link), c.probability) }
}

fn of_stale(s: &Stale) -> Cause {
    let items = vec![item("flows", "flows that missed it by chance", s.log_bayes)];
    Cause { ledger: Ledger::of(items), ..Cause::plain(What::StaleLink(s.link), s.probability) }
}

fn of_event(event: &Event) -> What {
    match event.kind {
        Kind::Device(node) => What::Device(node),
        Kind::Group(group) => What::Group(group),
        Kind::Unnamed(_) => What::Unknown,
    }
}

fn of_hole(hole: &Hole) -> What {
    What::BlackHole(hole.device, hole.rack)
}
