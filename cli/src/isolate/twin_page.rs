//! The page of a network's incidents.

use std::collections::BTreeMap;
use std::path::Path;

use report::Summary;
use report::page::{Cause as OnPage, Evidence, Interval, RankedCase};
use scenarios::causes::class::Place;
use scenarios::causes::rank::{Ranked, Verdict, What};
use twin::Csr;

use super::observed_files::Case;
use super::page::{CAUSES, write_cases};
use super::print::since;
use super::twin_answer::{ledger, names, onset_ns};
use super::twin_words::{DOUBTFUL, TOLD, basis, instead, severity};
use crate::failure::Failure;
use crate::planning::page::reproduce;

/// Writes `report.html` into the result folder.
pub(crate) fn write(
    out: &Path,
    csr: &Csr,
    input: &Path,
    cases: &BTreeMap<u32, Case>,
    verdicts: &BTreeMap<u32, Verdict>,
    summary: &Summary,
) -> Result<(), Failure> {
    let subtitle = match verdicts.len() {
        1 => "1 incident".to_owned(),
        n => format!("{n} incidents"),
    };
    let told = verdicts.iter().map(|(number, v)| on_page(csr, *number, &cases[number], v)).collect();
    write_cases(out, input, subtitle, told, summary, reproduce(summary))
}

fn on_page(csr: &Csr, number: u32, case: &Case, verdict: &Verdict) -> RankedCase {
    let told = verdict.ranked.iter().enumerate();
    let told = told.filter(|(i, r)| *i == 0 || r.probability >= TOLD || !matches!(r.what, What::Cause(_)));
    let told: Vec<(usize, &Ranked)> = told.take(CAUSES).collect();
    // Positions on the page are others than in the table.
    let position = |i: usize| told.iter().position(|(k, _)| *k == i);
    let causes = told.iter().map(|(_, ranked)| OnPage {
        same_as: ranked.same_as.and_then(position),
        ..cause(csr, case, verdict, ranked)
    });
    let notes = case.diagnostics.iter().chain(&verdict.diagnostics);
    let notes = notes.map(|d| match d.count {
        1 => d.message.clone(),
        n => format!("{} ({n}×)", d.message),
    });
    RankedCase {
        number,
        basis: notes.chain([basis(verdict)]).collect::<Vec<_>>().join(" · "),
        doubtful: verdict.p_value < DOUBTFUL,
        causes: causes.collect(),
        probes: Vec::new(),
    }
}

fn cause(csr: &Csr, case: &Case, verdict: &Verdict, ranked: &Ranked) -> OnPage {
    let (class, a, b) = names(csr, ranked.what);
    // The page writes severities as shares of packets lost; all others stand in words.
    let lost = class == "link_loss";
    let strength = severity(ranked).filter(|_| !lost);
    let [at, from, to] = onset_ns(&case.observed, verdict);
    let began = matches!(ranked.what, What::Cause(_)).then(|| since((at, from, to)));
    let otherwise = match ranked.what {
        What::Unknown => "one of the causes that have a name would have explained what was seen".to_owned(),
        What::None => "something of what was seen would have left what is usual".to_owned(),
        What::Cause(_) => instead(csr, case, verdict, ranked)
            .unwrap_or_else(|| "what was seen would have been as usual".to_owned()),
    };
    let evidence =
        ledger(csr, &case.observed, verdict, ranked).into_iter().map(|((source, item), log_bayes)| {
            Evidence { source: source.to_owned(), item: arrows(&item), log_bayes }
        });
    // One direction of a link, with its arrow.
    let element = match ranked.what {
        What::Cause(cause) if matches!(cause.place, Place::Arc(_)) => arrows(&cause.element(csr)),
        _ => String::new(),
    };
    OnPage {
        class: class.to_owned(),
        a,
        b,
        element,
        since: strength.into_iter().chain(began).collect::<Vec<_>>().join(" · "),
        otherwise: arrows(&otherwise),
        probability: ranked.probability,
        std_error: ranked.std_error,
        severity: ranked.severity.filter(|_| lost).map(|(value, lo, hi)| Interval { value, lo, hi }),
        log_bayes: ranked.log_bayes,
        evidence: evidence.collect(),
        ..OnPage::default()
    }
}

/// Arrows as a page writes them.
fn arrows(text: &str) -> String {
    text.replace(" <-> ", " ↔ ").replace(" -> ", " → ")
}
