//! Windows of maintenance: how full it gets while something is down on purpose.

use super::super::format::{count, esc, utilization};
use super::tables::{number, table};
use super::{PlanPage, WindowPart};

/// The section; empty where nothing is taken down.
pub(super) fn section(page: &PlanPage) -> String {
    if page.windows.is_empty() {
        return String::new();
    }
    let rows: String = page.windows.iter().map(row).collect();
    let heads = [
        "What is taken down",
        "=When",
        "Fullest alone",
        "With one more failure",
        "=Where and when",
        "Demands cut off",
        "One link from it",
    ];
    format!(
        "<section id=\"windows\">\n<h2>Windows of maintenance</h2>\n<p class=\"note\">Each under the traffic that is hardest \
         on it, alone and with any one more failure. All numbers are in the table <code>maintenance</code>, who is at risk in \
         <code>at_risk</code>.</p>\n{}</section>\n",
        table(&heads, &rows)
    )
}

fn row(window: &WindowPart) -> String {
    let arc = esc(&window.worst.arc);
    let place = match &window.failure {
        Some(failure) => format!("{arc}, if {} fails", esc(failure)),
        None => arc.into_owned(),
    };
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td>{}{}<td class=\"text\">{place}</td>{}{}</tr>\n",
        esc(&window.name),
        esc(&window.when),
        number(window.alone, &utilization(window.alone)),
        number(window.worst.util, &format!("<b>{}</b>", utilization(window.worst.util))),
        number(window.cut_off as f64, &count(window.cut_off)),
        number(window.exposed as f64, &count(window.exposed)),
    )
}

/// The fullest of them in a sentence; empty without any.
pub(super) fn sentence(page: &PlanPage) -> String {
    let fuller = |a: &&WindowPart, b: &&WindowPart| a.worst.util.total_cmp(&b.worst.util);
    let Some(worst) = page.windows.iter().rev().max_by(fuller) else { return String::new() }; // the first of equals
    let more = worst.failure.as_ref().map(|failure| format!(" if {} fails, too", esc(failure)));
    format!(
        " While <em>{}</em> is down for maintenance, {} gets {} full{}.",
        esc(&worst.name),
        esc(&worst.worst.arc),
        utilization(worst.worst.util),
        more.unwrap_or_default()
    )
}
