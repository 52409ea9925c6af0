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
const TOLD: f64 = 0.05;
/// Items for and against that are told.
const ITEMS: usize = 3;
/// Below this p-value the answer begins with its doubt.
const DOUBTFUL: f64 = 0.01;

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
        return output::print_bytes(text.as_bytes());
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

/// The answer to a case, for people.
fn words(csr: &Csr, number: u32, case: &Case, verdict: &Verdict) -> String {
    let mut text = format!("case {number}: ");
    let p = verdict.p_value;
    let _ = if p < DOUBTFUL {
        writeln!(text, "no hypothesis explains the data (p = {p:.1e}); the least bad:")
    } else {
        writeln!(
            text,
            "{} changes were compared, the best cause explains them (p = {p:.2})",
            verdict.summary.items.len()
        )
    };
    for diagnostic in &case.diagnostics {
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
    instead(&mut text, csr, case, verdict);
    text
}

fn line(text: &mut String, csr: &Csr, case: &Case, verdict: &Verdict, ranked: &Ranked) {
    let _ = write!(text, "  {:.3} ± {:.3}  {}", ranked.probability, ranked.std_error, name(csr, ranked.what));
    if let (Some((mean, low, high)), What::Cause(cause)) = (ranked.severity, ranked.what) {
        let of = cause.class.severity;
        let share = |x: f64| format!("{:.3}", x);
        let _ = write!(text, ", {} {of} ({} to {})", share(mean), share(low), share(high));
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

/// What would have been seen had the second cause been at work instead of the first.
fn instead(text: &mut String, csr: &Csr, case: &Case, verdict: &Verdict) {
    let mut causes = verdict.ranked.iter().filter(|r| matches!(r.what, What::Cause(_)));
    let (Some(first), Some(second)) = (causes.next(), causes.next()) else { return };
    if first.what != verdict.ranked[0].what || second.same_as.is_some() {
        return;
    }
    let mut differences = ledger(csr, &case.observed, verdict, second);
    for (told, log_bayes) in ledger(csr, &case.observed, verdict, first) {
        *differences.entry(told).or_insert(0.0) -= log_bayes;
    }
    let items = strongest(&differences, -1.0);
    if !items.is_empty() {
        let _ = writeln!(
            text,
            "  had it been that {}, other things would have been seen at: {}",
            name(csr, second.what),
            items.join("; ")
        );
    }
}

fn strongest(ledger: &BTreeMap<Told, f64>, sign: f64) -> Vec<String> {
    let mut items: Vec<_> = ledger.iter().filter(|(_, l)| **l * sign > 0.05).collect();
    items.sort_by(|a, b| (b.1 * sign).total_cmp(&(a.1 * sign)).then(a.0.cmp(b.0)));
    items.into_iter().take(ITEMS).map(|((_, item), l)| format!("{item} ({l:+.1})")).collect()
}

fn name(csr: &Csr, what: What) -> String {
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
