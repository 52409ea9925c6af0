//! Answers in words, and as rows.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::DateTime;
use scenarios::fabric::explain::Item;
use scenarios::fabric::verdict::{Cause, Verdict, What};
use serde_json::{Value, json};

use super::probes::Probes;
use super::tables::Names;
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
    place: &dyn Names,
    verdicts: &BTreeMap<u32, Verdict>,
    probes: &Probes,
    global: &Global,
) -> Result<(), Failure> {
    if global.format() == Format::Table {
        let text: String = verdicts.iter().map(|(number, v)| words(*number, place, v, probes)).collect();
        return output::print_words(&text);
    }
    let mut table = Table::new(COLUMNS);
    verdicts.iter().for_each(|(number, verdict)| rows(&mut table, *number, place, verdict));
    table.print(global.format())
}

/// The answer to a case, for people.
fn words(case: u32, place: &dyn Names, verdict: &Verdict, probes: &Probes) -> String {
    let mut text = format!("case {case}: {}\n", basis(place, verdict));
    for left_out in &verdict.diagnostics {
        let _ = writeln!(text, "  left out: {} ({}x)", left_out.message, left_out.count);
    }
    for (i, cause) in verdict.causes.iter().enumerate() {
        if i > 0 && cause.probability < TOLD {
            break;
        }
        line(&mut text, place, verdict, cause);
    }
    for probe in probes.get(&case).into_iter().flatten().take(1) {
        let _ = writeln!(text, "  next probe: {}", probe.words(place));
    }
    text
}

/// What an answer rests on, and whether it can be trusted.
pub(super) fn basis(place: &dyn Names, verdict: &Verdict) -> String {
    if verdict.reports == 0 {
        format!("no {} count, so that nothing is known: what follows is the prior", place.reports())
    } else if verdict.p_value < DOUBTFUL {
        format!("no hypothesis explains the data (p = {:.1e}); the least bad:", verdict.p_value)
    } else {
        let (reports, p) = (verdict.reports, verdict.p_value);
        format!("{reports} {}, the best set explains them (p = {p:.2})", place.reports())
    }
}

fn line(text: &mut String, place: &dyn Names, verdict: &Verdict, cause: &Cause) {
    let name = place.words(cause.what);
    let _ = write!(text, "  {:.3} ± {:.3}  {name}", cause.probability, cause.std_error);
    if let Some((mean, low, high)) = cause.severity {
        let of =
            if matches!(place.names(cause.what).0, "device" | "group") { "of its links" } else { "lost" };
        let _ = write!(text, ", {:.2} % {of} ({:.2} to {:.2} %)", mean * 100.0, low * 100.0, high * 100.0);
    }
    if let Some(onset) = cause.onset {
        let _ = write!(text, ", {}", since(onset));
    }
    if let Some(other) = cause.same_as.and_then(|i| verdict.causes.get(i as usize)) {
        let _ = write!(text, "; the data cannot tell it from {}", place.words(other.what));
    }
    text.push('\n');
    for (sign, word) in [(1.0, "for"), (-1.0, "against")] {
        let items = strongest(&cause.ledger.items, sign);
        if !items.is_empty() {
            let told = items.iter().map(|i| format!("{} ({:+.1})", i.item, i.log_bayes));
            let _ = writeln!(text, "      {word}: {}", told.collect::<Vec<_>>().join("; "));
        }
    }
    if !matches!(cause.what, What::None | What::Unknown) {
        let _ = writeln!(text, "      otherwise: {}", place.otherwise(cause.what));
    }
}

/// When it began: `since 2020-02-02 22:07:06.310 UTC (22:07:04.454 to 22:07:13.537)`.
pub(super) fn since((at, from, to): (i64, i64, i64)) -> String {
    let part = |ns: i64, format: &str| DateTime::from_timestamp_nanos(ns).format(format).to_string();
    let clock = "%H:%M:%S%.3f";
    format!("since {} UTC ({} to {})", part(at, "%F %H:%M:%S%.3f"), part(from, clock), part(to, clock))
}

fn strongest(items: &[Item], sign: f64) -> Vec<&Item> {
    let mut items: Vec<_> = items.iter().filter(|i| i.log_bayes * sign > 0.05).collect();
    items.sort_by(|a, b| (b.log_bayes * sign).total_cmp(&(a.log_bayes * sign)));
    items.truncate(ITEMS);
    items
}

/// The columns of [`row`].
const COLUMNS: &[&str] =
    &["case", "class", "a", "b", "probability", "std_error", "severity", "log_bayes", "predictive_p_value"];

/// Adds what is told of a case as rows.
fn rows(table: &mut Table, case: u32, place: &dyn Names, verdict: &Verdict) {
    for (i, cause) in verdict.causes.iter().enumerate() {
        if i > 0 && cause.probability < TOLD {
            break;
        }
        let (class, a, b) = place.names(cause.what);
        let number = |x: f64| Value::from(x);
        table.push(vec![
            json!(case),
            json!(class),
            json!(a),
            json!(b),
            number(cause.probability),
            number(cause.std_error),
            json!(cause.severity.map(|s| s.0)),
            number(cause.ledger.log_bayes),
            number(verdict.p_value),
        ]);
    }
}
