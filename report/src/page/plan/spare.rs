//! Who is cut off, and who loses only the spare way.

use super::super::format::{count, esc, percent};
use super::tables::{number, table};
use super::{PlanPage, SpareLost};

/// Names in a cell; of more the number is told.
const NAMED: usize = 6;

/// The section; empty without failures.
pub(super) fn section(page: &PlanPage) -> String {
    if page.failures == 0 {
        return String::new();
    }
    let failures = |n: u64| match n {
        0 => "No failure".to_owned(),
        1 => "One failure".to_owned(),
        n => format!("{} failures", count(n)),
    };
    let (cut, exposed) = (failures(page.cut_off_by), failures(page.exposed_by));
    let verb = |n: u64, one: &str, more: &str| if n > 1 { more.to_owned() } else { one.to_owned() };
    let rows: String = page.spare.iter().map(row).collect();
    let heads = [
        "What fails",
        "=Cut off",
        "=One link from it",
        "Demands one link from it",
        "Their traffic",
        "Such links",
    ];
    let table = if rows.is_empty() { String::new() } else { table(&heads, &rows) };
    format!(
        "<section id=\"redundancy\">\n<h2>Who loses only the spare way</h2>\n<p class=\"note\">{cut} {} somebody off; {} {} \
         nobody off and {} somebody whom one more link would cut off, and could not before. A device that still has another \
         way is not cut off. Those that leave most traffic on its last way; all are in the table <code>redundancy</code>, and \
         how often each demand is among them in <code>exposed</code>.</p>\n{table}</section>\n",
        verb(page.cut_off_by, "cuts", "cut"),
        exposed.to_lowercase(),
        verb(page.exposed_by, "cuts", "cut"),
        verb(page.exposed_by, "leaves", "leave"),
    )
}

fn row(lost: &SpareLost) -> String {
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td><td class=\"text\">{}</td>{}{}{}</tr>\n",
        esc(&lost.failure),
        names(&lost.cut_off),
        names(&lost.exposed),
        number(lost.demands as f64, &count(lost.demands)),
        number(lost.volume, &percent(lost.volume)),
        number(lost.links as f64, &count(lost.links)),
    )
}

fn names(all: &[String]) -> String {
    let shown: Vec<_> = all.iter().take(NAMED).map(|name| esc(name)).collect();
    let more = all.len().saturating_sub(NAMED) as u64;
    match (shown.is_empty(), more) {
        (true, _) => "–".to_owned(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{} and {} more", shown.join(", "), count(more)),
    }
}
