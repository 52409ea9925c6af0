//! The tables: the worst failures, the fullest arcs, what an edit changes.

use super::super::format::{count, esc, percent, utilization};
use super::{Change, Event, FullArc, PlanPage};

/// The failures that fill most, and those that lose most.
pub(super) fn failures(page: &PlanPage) -> String {
    if page.worst.is_empty() {
        return String::new();
    }
    let fullest = failure_table(&page.worst);
    let lossiest = match page.lossiest.is_empty() {
        true => "<p class=\"none\">No failure cuts off any demand.</p>\n".to_owned(),
        false => failure_table(&page.lossiest),
    };
    format!(
        "<section id=\"failures\">\n<h2>The worst failures</h2>\n<p class=\"note\">Lost traffic \
         includes that from and to nodes that are down; pairs cut off do not.</p>\n<h3>Those that fill an arc most</h3>\n{fullest}\
         <h3>Those that lose most</h3>\n{lossiest}</section>\n"
    )
}

fn failure_table(events: &[Event]) -> String {
    let rows = events.iter().map(|event| {
        format!(
            "<tr><th scope=\"row\">{}</th>{}<td class=\"text\">{}</td>{}{}</tr>\n",
            esc(&event.failure),
            number(event.full.util, &utilization(event.full.util)),
            esc(&event.full.arc),
            number(event.lost, &percent(event.lost)),
            number(event.pairs.into(), &count(event.pairs.into())),
        )
    });
    let heads = ["What fails", "Fullest", "=Where", "Traffic lost", "Pairs cut off"];
    table(&heads, &rows.collect::<String>())
}

/// The fullest arcs with the failures that fill them.
pub(super) fn arcs(page: &PlanPage) -> String {
    if page.arcs.is_empty() {
        return String::new();
    }
    let rows: String = page.arcs.iter().map(arc).collect();
    format!(
        "<section id=\"arcs\">\n<h2>The fullest links and what fills them</h2>\n<p class=\"note\">Of each link the \
         direction that gets fuller, with the failures that fill it most. All arcs are in the table \
         <code>arcs</code>, up to ten failures of each in <code>worst</code>.</p>\n{}</section>\n",
        table(&["Link", "Nothing down", "Worst", "=When this fails"], &rows)
    )
}

fn arc(arc: &FullArc) -> String {
    let worst = arc.causes.iter().map(|(_, util)| *util).fold(arc.base, f64::max);
    let causes: Vec<String> = arc
        .causes
        .iter()
        .map(|(failure, util)| format!("{}&#160;({})", esc(failure), utilization(*util)))
        .collect();
    format!(
        "<tr><th scope=\"row\">{}</th>{}{}<td class=\"text\">{}</td></tr>\n",
        esc(&arc.arc),
        number(arc.base, &utilization(arc.base)),
        number(worst, &format!("<b>{}</b>", utilization(worst))),
        causes.join("; ")
    )
}

/// What an edit changes; empty where none was made.
pub(super) fn changes(page: &PlanPage) -> String {
    let Some((changes, fuller, emptier)) = &page.changes else { return String::new() };
    let arcs = |n: u64| match n {
        0 => "none".to_owned(),
        1 => "one arc".to_owned(),
        n => format!("{} arcs", count(n)),
    };
    let summary = format!(
        "Fuller in its worst failure than before the edit: {}; emptier: {}.",
        arcs(*fuller),
        arcs(*emptier)
    );
    let rows: String = changes.iter().map(change).collect();
    let heads = ["Arc", "Nothing down: before", "after", "Worst failure: before", "after", "Change"];
    let table = if rows.is_empty() { String::new() } else { table(&heads, &rows) };
    format!(
        "<section id=\"changes\">\n<h2>What the edit changes</h2>\n<p class=\"note\">{summary} Arcs that are there before \
         and after, those that change most first; all of them are in the table <code>differences</code>.</p>\n{table}\
         </section>\n"
    )
}

fn change(change: &Change) -> String {
    let difference = change.worst.1 - change.worst.0;
    let sign = if difference > 0.0 { "+" } else { "" };
    let cells = [change.base.0, change.base.1, change.worst.0, change.worst.1]
        .map(|util| number(util, &utilization(util)))
        .concat();
    format!(
        "<tr><th scope=\"row\">{}</th>{cells}{}</tr>\n",
        esc(&change.arc),
        number(difference, &format!("{sign}{}", percent(difference)))
    )
}

/// A cell that sorts by number.
pub(super) fn number(sort: f64, text: &str) -> String {
    let key = if sort.is_finite() { format!(" data-v=\"{sort:e}\"") } else { String::new() };
    format!("<td{key}>{text}</td>")
}

/// A table that sorts; columns of text have a `=` before their heads.
pub(super) fn table(heads: &[&str], rows: &str) -> String {
    let head = |head: &&str| match head.strip_prefix('=') {
        Some(text) => format!("<th scope=\"col\" class=\"text\">{text}</th>"),
        None => format!("<th scope=\"col\">{head}</th>"),
    };
    let heads: String = heads.iter().map(head).collect();
    format!(
        "<div class=\"scroll\"><table class=\"sortable\">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table></div>\n"
    )
}
