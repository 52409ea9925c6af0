//! Answers in words, and as rows.

use std::collections::BTreeMap;
use std::fmt::Write;

use scenarios::fabric::explain::Item;
use scenarios::fabric::verdict::{Cause, Verdict, What};
use serde_json::{Value, json};

use super::tables::Names;
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
    place: &dyn Names,
    verdicts: &BTreeMap<u32, Verdict>,
    global: &Global,
) -> Result<(), Failure> {
    if global.format() == Format::Table {
        let text: String = verdicts.iter().map(|(number, v)| words(*number, place, v)).collect();
        return output::print_bytes(text.as_bytes());
    }
    let mut table = Table::new(COLUMNS);
    verdicts.iter().for_each(|(number, verdict)| rows(&mut table, *number, place, verdict));
    table.print(global.format())
}

/// The answer to a case, for people.
fn words(case: u32, place: &dyn Names, verdict: &Verdict) -> String {
    let mut text = format!("case {case}: ");
    if verdict.p_value < DOUBTFUL {
        let _ =
            writeln!(text, "no hypothesis explains the data (p = {:.1e}); the least bad:", verdict.p_value);
    } else {
        let _ = writeln!(
            text,
            "{} {}, the best set explains them (p = {:.2})",
            verdict.reports,
            place.reports(),
            verdict.p_value
        );
    }
    for (i, cause) in verdict.causes.iter().enumerate() {
        if i > 0 && cause.probability < TOLD {
            break;
        }
        line(&mut text, place, verdict, cause);
    }
    text
}

fn line(text: &mut String, place: &dyn Names, verdict: &Verdict, cause: &Cause) {
    let name = name(place, cause.what);
    let _ = write!(text, "  {:.3} ± {:.3}  {name}", cause.probability, cause.std_error);
    if let Some((mean, low, high)) = cause.severity {
        let of = if matches!(cause.what, What::Device(_) | What::Group(_)) { "of its links" } else { "lost" };
        let _ = write!(text, ", {:.2} % {of} ({:.2} to {:.2} %)", mean * 100.0, low * 100.0, high * 100.0);
    }
    if let Some(other) = cause.same_as.and_then(|i| verdict.causes.get(i as usize)) {
        let _ = write!(text, "; the data cannot tell it from {}", self::name(place, other.what));
    }
    text.push('\n');
    for (sign, word) in [(1.0, "for"), (-1.0, "against")] {
        let items = strongest(&cause.ledger.items, sign);
        if !items.is_empty() {
            let told = items.iter().map(|i| format!("{} ({:+.1})", i.item, i.log_bayes));
            let _ = writeln!(text, "      {word}: {}", told.collect::<Vec<_>>().join("; "));
        }
    }
}

fn strongest(items: &[Item], sign: f64) -> Vec<&Item> {
    let mut items: Vec<_> = items.iter().filter(|i| i.log_bayes * sign > 0.05).collect();
    items.sort_by(|a, b| (b.log_bayes * sign).total_cmp(&(a.log_bayes * sign)));
    items.truncate(ITEMS);
    items
}

fn name(place: &dyn Names, what: What) -> String {
    let (class, a, b) = place.names(what);
    match (what, b) {
        (What::BlackHole(..), Some(b)) => format!("black hole at {a} for rack {b}"),
        (_, Some(b)) => format!("{} {a} → {b}", class.replace('_', " ")),
        (What::None, _) => "nothing is wrong".to_owned(),
        (What::Unknown, _) => "something that has no name here".to_owned(),
        _ => format!("{class} {a}"),
    }
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
