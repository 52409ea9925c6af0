//! The page of ranked causes: what the tables say, put into the plain data of `report::page`.

use std::collections::BTreeMap;
use std::path::Path;

use report::Summary;
use report::page::{Cause as OnPage, Evidence, Interval, RankedCase, RankingPage, Reproduce};
use scenarios::fabric::verdict::{Cause, Verdict, What};

use super::print::{DOUBTFUL, TOLD, basis, since};
use super::probes::Probes;
use super::tables::Names;
use crate::failure::Failure;
use crate::planning::page::reproduce;
use crate::target;

/// Causes of a case on the page, at most; the tables have all of them.
pub(super) const CAUSES: usize = 12;

/// Writes `report.html` into the result folder.
pub(crate) fn write(
    out: &Path,
    place: &dyn Names,
    input: &Path,
    verdicts: &BTreeMap<u32, Verdict>,
    probes: &Probes,
    summary: &Summary,
) -> Result<(), Failure> {
    let reports: usize = verdicts.values().map(|v| v.reports).sum();
    let subtitle = match verdicts.len() {
        1 => format!("{reports} {}", place.reports()),
        n => format!("{n} cases, {reports} {}", place.reports()),
    };
    let cases = verdicts.iter().map(|(number, v)| case(place, *number, v, probes)).collect();
    let again = reproduce(summary);
    // No entrance has a network of its own.
    let digests = again.digests.iter().filter(|(_, digest)| !digest.is_empty()).cloned().collect();
    write_cases(out, input, subtitle, cases, summary, Reproduce { digests, ..again })
}

/// Writes `report.html` of these cases into the result folder.
pub(super) fn write_cases(
    out: &Path,
    input: &Path,
    subtitle: String,
    cases: Vec<RankedCase>,
    summary: &Summary,
    reproduce: Reproduce,
) -> Result<(), Failure> {
    let title = input.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let page = RankingPage { title, subtitle, cases, not_modelled: summary.fidelity.clone(), reproduce };
    target::write(&out.join("report.html"), page.render().as_bytes(), false)
}

fn case(place: &dyn Names, number: u32, verdict: &Verdict, probes: &Probes) -> RankedCase {
    let told = verdict.causes.iter().enumerate();
    let told = told
        .filter(|(i, c)| *i == 0 || c.probability >= TOLD || matches!(c.what, What::None | What::Unknown));
    let told: Vec<(usize, &Cause)> = told.take(CAUSES).collect();
    // Positions on the page are others than in the table.
    let position = |i: u32| told.iter().position(|(k, _)| *k == i as usize);
    RankedCase {
        number,
        basis: basis(place, verdict),
        doubtful: verdict.p_value < DOUBTFUL,
        causes: told
            .iter()
            .map(|(_, cause)| on_page(place, cause, cause.same_as.and_then(position)))
            .collect(),
        probes: probes.get(&number).into_iter().flatten().map(|p| p.on_page(place)).collect(),
    }
}

fn on_page(place: &dyn Names, cause: &Cause, same_as: Option<usize>) -> OnPage {
    let (class, a, b) = place.names(cause.what);
    let evidence = cause.ledger.items.iter().map(|i| Evidence {
        source: i.source.to_owned(),
        item: i.item.clone(),
        log_bayes: i.log_bayes,
    });
    OnPage {
        class: class.to_owned(),
        a,
        b,
        element: place.element(cause.what),
        since: cause.onset.map_or_else(String::new, since),
        otherwise: place.otherwise(cause.what).to_owned(),
        probability: cause.probability,
        std_error: cause.std_error,
        severity: cause.severity.map(|(value, lo, hi)| Interval { value, lo, hi }),
        same_as,
        log_bayes: cause.ledger.log_bayes,
        evidence: evidence.collect(),
        ..OnPage::default()
    }
}
