//! Causes of a network's incidents in words, and as rows.

use std::collections::BTreeMap;
use std::fmt::Write;

use scenarios::causes::rank::{Ranked, Verdict, What};
use serde_json::{Value, json};
use twin::Csr;

use super::observed_files::Case;
use super::twin_answer::{Told, ledger, names};
use crate::failure::Failure;
use crate::global::Global;
use crate::output::{self, Format, Table};

/// Causes below this are not told.
pub(super) const TOLD: f64 = 0.05;
/// Items for and against that are told.
const ITEMS: usize = 3;
/// Below this p-value the answer begins with its doubt.
pub(super) const DOUBTFUL: f64 = 0.01;

/// Prints the answers to all cases: in words to people, else as rows.
pub(crate) fn print(
    csr: &Csr,
    cases: &BTreeMap<u32, Case>,
    verdicts: &BTreeMap<u32, Verdict>,
    global: &Global,
) -> Result<(), Failure> {
    if global.format() == Format::Table {
        let text: String =
            verdicts.iter().map(|(number, v)| words(csr, *number, &cases[number], v)).collect();
        return output::print_words(&text);
    }
    let mut table = Table::new(COLUMNS);
    for (number, verdict) in verdicts {
        told(verdict).for_each(|ranked| table.push(row(csr, *number, verdict, ranked)));
    }
    table.print(global.format())
}

/// What is told of an answer: the first, and whatever is probable.
fn told(verdict: &Verdict) -> impl Iterator<Item = &Ranked> {
    verdict.ranked.iter().enumerate().filter(|(i, r)| *i == 0 || r.probability >= TOLD).map(|(_, r)| r)
}

/// What an answer rests on, and whether it can be trusted.
pub(super) fn basis(verdict: &Verdict) -> String {
    let (p, items) = (verdict.p_value, verdict.summary.items.len());
    if p < DOUBTFUL {
        format!("no hypothesis explains the data (p = {p:.1e}); the least bad:")
    } else {
        format!("{items} changes were compared, the best cause explains them (p = {p:.2})")
    }
}

/// The answer to a case, for people.
fn words(csr: &Csr, number: u32, case: &Case, verdict: &Verdict) -> String {
    let mut text = format!("case {number}: {}\n", basis(verdict));
    for diagnostic in case.diagnostics.iter().chain(&verdict.diagnostics) {
        let _ = writeln!(text, "  {} ({}x)", diagnostic.message, diagnostic.count);
    }
    if verdict.ranked.first().is_some_and(|r| matches!(r.what, What::Cause(_))) {
        let seen = &case.observed;
        let at = |share: f64| (seen.bins as f64 - verdict.summary.onset.quantile(share)) * seen.bin_s / 60.0;
        let _ = writeln!(
            text,
            "  it began {:.0} to {:.0} minutes before the end of the record",
            at(0.975),
            at(0.025)
        );
    }
    for ranked in told(verdict) {
        line(&mut text, csr, case, verdict, ranked);
    }
    let first = verdict.ranked.first().filter(|r| matches!(r.what, What::Cause(_)));
    if let Some(told) = first.and_then(|r| instead(csr, case, verdict, r)) {
        let _ = writeln!(text, "  {told}");
    }
    text
}

fn line(text: &mut String, csr: &Csr, case: &Case, verdict: &Verdict, ranked: &Ranked) {
    let _ = write!(text, "  {:.3} ± {:.3}  {}", ranked.probability, ranked.std_error, name(csr, ranked.what));
    if let Some(severity) = severity(ranked) {
        let _ = write!(text, ", {severity}");
    }
    if let Some(other) = ranked.same_as.and_then(|i| verdict.ranked.get(i)) {
        let _ = write!(text, "; the data cannot tell it from: {}", name(csr, other.what));
    }
    text.push('\n');
    let ledger = ledger(csr, &case.observed, verdict, ranked);
    for (sign, word) in [(1.0, "for"), (-1.0, "against")] {
        let items = strongest(&ledger, sign);
        if !items.is_empty() {
            let _ = writeln!(text, "      {word}: {}", items.join("; "));
        }
    }
}

/// How strong it is: `0.248 of its rate left (0.201 to 0.311)`.
pub(super) fn severity(ranked: &Ranked) -> Option<String> {
    let What::Cause(cause) = ranked.what else { return None };
    let of = cause.class.severity;
    ranked
        .severity
        .map(|(mean, low, high)| format!("{} {of} ({} to {})", short(mean), short(low), short(high)))
}

/// Three decimals, and of what is less than a hundredth two digits.
fn short(value: f64) -> String {
    let decimals = if value > 0.0 && value < 0.01 { 2 + (-libm::log10(value)).min(10.0) as usize } else { 3 };
    format!("{value:.decimals$}")
}

/// What would have been seen had it been the most probable of the other causes.
pub(super) fn instead(csr: &Csr, case: &Case, verdict: &Verdict, ranked: &Ranked) -> Option<String> {
    let other = verdict.ranked.iter().find(|r| matches!(r.what, What::Cause(_)) && r.what != ranked.what)?;
    let at = |what: What| verdict.ranked.iter().position(|r| r.what == what);
    if other.same_as.is_some_and(|i| Some(i) == at(ranked.what))
        || ranked.same_as.is_some_and(|i| Some(i) == at(other.what))
    {
        return None;
    }
    let mut differences = ledger(csr, &case.observed, verdict, other);
    for (told, log_bayes) in ledger(csr, &case.observed, verdict, ranked) {
        *differences.entry(told).or_insert(0.0) -= log_bayes;
    }
    let items = strongest(&differences, -1.0);
    let other = name(csr, other.what);
    (!items.is_empty()).then(|| {
        format!("had it been that {other}, other things would have been seen at: {}", items.join("; "))
    })
}

fn strongest(ledger: &BTreeMap<Told, f64>, sign: f64) -> Vec<String> {
    let mut items: Vec<_> = ledger.iter().filter(|(_, l)| **l * sign > 0.05).collect();
    items.sort_by(|a, b| (b.1 * sign).total_cmp(&(a.1 * sign)).then(a.0.cmp(b.0)));
    items.into_iter().take(ITEMS).map(|((_, item), l)| format!("{item} ({l:+.1})")).collect()
}

pub(super) fn name(csr: &Csr, what: What) -> String {
    match what {
        What::Cause(cause) => format!("{} {}", cause.class.words, cause.element(csr)),
        What::None => "nothing is wrong".to_owned(),
        What::Unknown => "something that has no name here".to_owned(),
    }
}

/// The columns of [`row`].
const COLUMNS: &[&str] =
    &["case", "class", "a", "b", "probability", "std_error", "severity", "log_bayes", "predictive_p_value"];

fn row(csr: &Csr, case: u32, verdict: &Verdict, ranked: &Ranked) -> Vec<Value> {
    let (class, a, b) = names(csr, ranked.what);
    vec![
        json!(case),
        json!(class),
        json!(a),
        json!(b),
        json!(ranked.probability),
        json!(ranked.std_error),
        json!(ranked.severity.map(|s| s.0)),
        json!(ranked.log_bayes),
        json!(verdict.p_value),
    ]
}
