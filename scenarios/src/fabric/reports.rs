//! Reports one by one: which of them count, and whether what the chain came to explains them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::bursts::{Crossing, log_bayes};
use super::check::Check;
use super::congestion::Congested;
use super::fit::Fit;
use super::flows::{Report, routed};
use super::rates::is_failed;
use super::topology::{Link, Paths, Routes};
use super::verdict::Case;

/// Of a path that loses more than this the number of losses is not Poisson: it is not checked.
const RARE: f64 = 0.2;

/// The ways that a report may have gone.
fn ways(routes: &Routes, taken: Option<u32>) -> std::ops::Range<usize> {
    taken.map_or(0..routes.len(), |p| p as usize..p as usize + 1)
}

/// The reports that cross no congested link.
pub(super) fn without<'a>(case: &Case<'a>, paths: &mut Paths<'_>, full: &[Congested]) -> Cow<'a, [Report]> {
    let full: BTreeSet<Link> = full.iter().filter(|c| c.probability > 0.5).map(|c| c.link).collect();
    if full.is_empty() {
        return Cow::Borrowed(case.reports);
    }
    let mut crosses = |report: &&Report| match routed(case.fabric, paths, report) {
        Ok((routes, taken)) => ways(&routes, taken).any(|i| routes.path(i).any(|l| full.contains(&l))),
        // It is counted where it is left out.
        Err(_) => false,
    };
    Cow::Owned(case.reports.iter().filter(|r| !crosses(r)).copied().collect())
}

/// For each link that failed how much likelier bursts make its losses, on average over states of the chains. Flows on known
/// paths over one failed link count.
pub(super) fn bursts(
    case: &Case<'_>,
    paths: &mut Paths<'_>,
    reports: &[Report],
    fits: &[Fit<'_>],
) -> Vec<(Link, f64)> {
    let mut sums = BTreeMap::<Link, f64>::new();
    for fit in fits {
        let value = |l: Link| fit.value[l as usize];
        let mut crossings = BTreeMap::<Link, Vec<Crossing>>::new();
        for report in reports {
            let Ok((routes, Some(taken))) = routed(case.fabric, paths, report) else { continue };
            let path = || routes.path(taken as usize);
            let mut failed = path().filter(|l| is_failed(value(*l)));
            let (Some(link), None) = (failed.next(), failed.next()) else { continue };
            let others = path().filter(|l| *l != link);
            let log_pass = others.map(|l| fit.rates.log_pass[usize::from(value(l))]).sum();
            let (lost, sent) = (f64::from(report.lost), f64::from(report.sent));
            crossings.entry(link).or_default().push(Crossing { arrived: sent - lost, lost, log_pass });
        }
        for (link, flows) in crossings {
            let log = log_bayes(&fit.rates, value(link), &flows);
            *sums.entry(link).or_default() += log / fits.len() as f64;
        }
    }
    sums.into_iter().collect()
}

/// Whether a state of the chain explains what the flows lost. Where only lossy flows are reported nothing can be said.
pub(super) fn predictive(case: &Case<'_>, paths: &mut Paths<'_>, reports: &[Report], fit: &Fit<'_>) -> f64 {
    if case.lossy_only {
        return 1.0;
    }
    let lossy = fit.flows.lossy.iter().zip(&fit.swallowed);
    let swallowed: BTreeSet<u32> = lossy.filter(|(_, n)| **n > 0).map(|(f, _)| f.report).collect();
    let mut check = Check::new();
    for (i, report) in (0u32..).zip(reports) {
        let Ok((routes, taken)) = routed(case.fabric, paths, report) else { continue };
        if swallowed.contains(&i) {
            continue;
        }
        let ways = ways(&routes, taken);
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
