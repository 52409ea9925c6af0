//! From a case to its causes.

use engine::{Purpose, Seeds};
use twin::{Diagnostic, EntityKey};

use super::chain::{Averages, Chain, Length, Problem};
use super::congestion::{Congested, Counter, congested};
use super::events::{Event, Kind, events};
use super::flows::{Flows, Report};
use super::holes::{Hole, candidates};
use super::topology::{Fabric, Link, Paths};

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
    /// Its number: cases draw different chance.
    pub number: u64,
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
    /// Loss rate with its 95 % interval, where it has one.
    pub severity: Option<(f64, f64, f64)>,
}

/// The answer to a case.
#[derive(Debug)]
pub struct Verdict {
    /// Causes, most probable first; *none* and *unknown* always among them.
    pub causes: Vec<Cause>,
    /// What was left out of the data.
    pub diagnostics: Vec<Diagnostic>,
    /// Mean loss rate of healthy links.
    pub healthy: f64,
}

/// Causes below this are not listed.
const LISTED: f64 = 1e-4;
/// Independent chains: their difference says how far they have converged.
const CHAINS: u64 = 2;
const LENGTH: Length = Length { all: 12, few: 150 };

/// Judges a case.
pub fn judge(case: &Case<'_>, seeds: Seeds) -> Verdict {
    let fabric = case.fabric;
    let mut paths = Paths::new(fabric);
    let full = congested(case.counters, fabric.link_count());
    let reports = without(case, &mut paths, &full);
    let flows = Flows::compile(fabric, &mut paths, &reports, case.lossy_only);
    let lossy: Vec<u32> = flows.lossy.iter().map(|f| f.report).collect();
    let holes = candidates(fabric, &mut paths, &reports, &lossy);
    let events = events(fabric, case.groups);
    let problem =
        Problem { flows: &flows, events: &events, holes: &holes, links: fabric.link_count(), unknown: true };
    let trial = seeds.trial(case.number);
    let chains: Vec<Averages> = (0..CHAINS)
        .map(|i| {
            let key = EntityKey::new(format!("chain:{i}"));
            Chain::new(&problem).run(LENGTH, &mut trial.stream(Purpose::new("fault-sets"), &key))
        })
        .collect();
    let mut causes = Vec::new();
    links(&mut causes, &chains, fabric.link_count());
    together(&mut causes, &chains, &events, &holes);
    let congestion = |c: &Congested| Cause {
        what: What::Congestion(c.link),
        probability: c.probability,
        std_error: 0.0,
        severity: None,
    };
    causes.extend(full.iter().map(congestion));
    causes.retain(|c| c.probability >= LISTED);
    causes.push(averaged(What::Unknown, &chains, |a| a.unknown));
    causes.push(averaged(What::None, &chains, |a| a.none));
    causes.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.what.cmp(&b.what)));
    Verdict { causes, diagnostics: flows.diagnostics, healthy: chains[0].healthy }
}

/// The reports that cross no congested link.
fn without(case: &Case<'_>, paths: &mut Paths<'_>, full: &[Congested]) -> Vec<Report> {
    let full: std::collections::BTreeSet<Link> =
        full.iter().filter(|c| c.probability > 0.5).map(|c| c.link).collect();
    let mut crosses = |report: &&Report| {
        let ends = (case.fabric.node(report.src), case.fabric.node(report.dst));
        let (Some(src), Some(dst)) = ends else { return false };
        let all = paths.between(src, dst);
        let taken = match report.path {
            Some(p) => all.get(p as usize).map_or(&all[..0], std::slice::from_ref),
            None => all,
        };
        taken.iter().flatten().any(|link| full.contains(link))
    };
    if full.is_empty() {
        return case.reports.to_vec();
    }
    case.reports.iter().filter(|r| !crosses(r)).copied().collect()
}

fn averaged(what: What, chains: &[Averages], p: impl Fn(&Averages) -> f64) -> Cause {
    let n = chains.len() as f64;
    let all: Vec<f64> = chains.iter().map(p).collect();
    let mean = all.iter().sum::<f64>() / n;
    let spread = all.iter().map(|p| (p - mean) * (p - mean)).sum::<f64>() / (n - 1.0).max(1.0);
    Cause { what, probability: mean.clamp(0.0, 1.0), std_error: libm::sqrt(spread / n), severity: None }
}

fn links(causes: &mut Vec<Cause>, chains: &[Averages], links: usize) {
    for l in 0..links {
        let mut cause = averaged(What::LinkLoss(l as Link), chains, |a| a.alone[l]);
        let (mut first, mut second, mut weight) = (0.0, 0.0, 0.0);
        for chain in chains {
            let (a, b, w) = chain.log_rate[l];
            (first, second, weight) = (first + a, second + b, weight + w);
        }
        if weight > 0.0 {
            let (mean, square) = (first / weight, second / weight);
            let spread = 1.96 * libm::sqrt((square - mean * mean).max(0.0));
            let rate = |log: f64| libm::exp(log).min(1.0);
            cause.severity = Some((rate(mean), rate(mean - spread), rate(mean + spread)));
        }
        causes.push(cause);
    }
}

fn together(causes: &mut Vec<Cause>, chains: &[Averages], events: &[Event], holes: &[Hole]) {
    for (e, event) in events.iter().enumerate() {
        let what = match event.kind {
            Kind::Device(node) => What::Device(node),
            Kind::Group(group) => What::Group(group),
        };
        causes.push(averaged(what, chains, |a| a.events[e]));
    }
    for (h, hole) in holes.iter().enumerate() {
        let mut cause = averaged(What::BlackHole(hole.device, hole.rack), chains, |a| a.holes[h]);
        cause.severity = Some((1.0, 1.0, 1.0));
        causes.push(cause);
    }
}
