//! Reports one by one: which of them count, and whether what the chain came to explains them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::bursts::Crossings;
use super::check::Check;
use super::congestion::Congested;
use super::fit::Fit;
use super::flows::{Report, Routed, route};
use super::rates::is_failed;
use super::topology::{Link, Paths, Routes};
use super::verdict::Case;

/// Of a path that loses more than this the number of losses is not Poisson: it is not checked.
const RARE: f64 = 0.2;

/// The ways that a report may have gone.
fn ways(routes: &Routes, taken: Option<u32>) -> std::ops::Range<usize> {
    taken.map_or(0..routes.len(), |p| p as usize..p as usize + 1)
}

/// The reports that cross no congested link, with their paths.
pub(super) fn without<'a>(
    case: &Case<'a>,
    paths: &mut Paths<'_>,
    full: &[Congested],
) -> (Cow<'a, [Report]>, Vec<Routed>) {
    let routed = route(case.fabric, paths, case.reports);
    let full: BTreeSet<Link> = full.iter().filter(|c| c.probability > 0.5).map(|c| c.link).collect();
    if full.is_empty() {
        return (Cow::Borrowed(case.reports), routed);
    }
    let crosses = |routed: &Routed| match routed {
        Ok((routes, taken)) => ways(routes, *taken).any(|i| routes.path(i).any(|l| full.contains(&l))),
        // It is counted where it is left out.
        Err(_) => false,
    };
    let kept = case.reports.iter().copied().zip(routed).filter(|(_, routed)| !crosses(routed));
    let (reports, routed) = kept.unzip::<Report, Routed, Vec<_>, Vec<_>>();
    (Cow::Owned(reports), routed)
}

/// For each link that failed how much likelier bursts make its losses, on average over states of the chains. Flows on known
/// paths over one failed link count.
pub(super) fn bursts(reports: &[Report], routed: &[Routed], fits: &[Fit<'_>]) -> Vec<(Link, f64)> {
    let mut sums = BTreeMap::<Link, f64>::new();
    for fit in fits {
        let value = |l: Link| fit.value[l as usize];
        let mut crossings = BTreeMap::<Link, Crossings>::new();
        for (report, routed) in reports.iter().zip(routed) {
            let Ok((routes, Some(taken))) = routed else { continue };
            let path = || routes.path(*taken as usize);
            let mut failed = path().filter(|l| is_failed(value(*l)));
            let (Some(link), None) = (failed.next(), failed.next()) else { continue };
            let others = path().filter(|l| *l != link);
            let log_pass = others.map(|l| fit.rates.log_pass[usize::from(value(l))]).sum();
            crossings.entry(link).or_default().see(report.sent - report.lost, report.lost, log_pass);
        }
        for (link, flows) in crossings {
            *sums.entry(link).or_default() += flows.log_bayes(&fit.rates, value(link)) / fits.len() as f64;
        }
    }
    sums.into_iter().collect()
}

/// Whether a state of the chain explains what the flows lost.
pub(super) fn predictive(reports: &[Report], routed: &[Routed], fit: &Fit<'_>) -> f64 {
    let lossy = fit.flows.lossy.iter().zip(&fit.swallowed);
    let swallowed: BTreeSet<u32> = lossy.filter(|(_, n)| **n > 0).map(|(f, _)| f.report).collect();
    let mut check = Check::new();
    for ((i, report), routed) in (0u32..).zip(reports).zip(routed) {
        let Ok((routes, taken)) = routed else { continue };
        if swallowed.contains(&i) {
            continue;
        }
        let ways = ways(routes, *taken);
        let n = ways.len() as f64;
        let pass = |p: usize| -> f64 {
            routes.path(p).map(|l| fit.rates.log_pass[usize::from(fit.value[l as usize])]).sum()
        };
        let rate: f64 = ways.map(|p| -libm::expm1(pass(p))).sum::<f64>() / n;
        if rate < RARE {
            check.see(report.lost, f64::from(report.sent) * rate);
        }
    }
    check.p_value()
}
