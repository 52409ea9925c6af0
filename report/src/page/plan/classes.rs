//! Classes of service: which of them a full link squeezes.

use super::super::format::{esc, percent, utilization};
use super::tables::{number, table};
use super::{ClassPart, PlanPage};

/// The section; empty where no classes are given.
pub(super) fn section(page: &PlanPage) -> String {
    if page.classes.is_empty() {
        return String::new();
    }
    let rows: String = page.classes.iter().map(row).collect();
    let heads = [
        "Class",
        "Of all traffic",
        "Nothing down",
        "Worst",
        "=Where and when",
        "Least served",
        "=Where and when",
        "Lost at most",
    ];
    format!(
        "<section id=\"classes\">\n<h2>Classes of service</h2>\n<p class=\"note\">Highest priority first. How full the \
         fullest arc is by a class and all above it; beyond 100 % the class is squeezed. Least served is the smallest share of \
         a class that an arc lets through. All arcs are in the table <code>classes</code>.</p>\n{}</section>\n",
        table(&heads, &rows)
    )
}

fn row(class: &ClassPart) -> String {
    let place = |arc: &Option<String>, failure: Option<&str>| {
        let Some(arc) = arc else { return "–".to_owned() };
        let arrow = arc.replace(" -> ", " → ");
        let arc = esc(&arrow);
        match failure {
            None | Some("none") => format!("{arc}, nothing down"),
            Some(failure) => format!("{arc}, when {} fails", esc(failure)),
        }
    };
    format!(
        "<tr><th scope=\"row\">{}</th>{}{}{}<td class=\"text\">{}</td>{}<td class=\"text\">{}</td>{}</tr>\n",
        esc(&class.name),
        number(class.volume, &percent(class.volume)),
        number(class.base, &utilization(class.base)),
        number(class.worst, &utilization(class.worst)),
        place(&class.worst_arc, Some(&class.worst_failure)),
        number(class.least_served, &percent(class.least_served)),
        place(&class.squeezed_arc, class.squeezed_failure.as_deref()),
        number(class.most_lost, &percent(class.most_lost)),
    )
}
