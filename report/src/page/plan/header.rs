//! The answer in a sentence, and the numbers that carry it.

use super::super::format::{count, esc, percent, utilization};
use super::{Event, Full, PlanPage, windows};

/// The header of the page.
pub(super) fn header(page: &PlanPage) -> String {
    let (class, headline) = headline(page);
    format!(
        "<header class=\"top plan\">\n<p class=\"kicker\"><b>{}</b> {}</p>\n<div class=\"verdict {class}\">\n\
         <h1>{headline}</h1>\n<p class=\"lede\">{}</p>\n{}</div>\n</header>\n",
        esc(&page.title),
        esc(&page.subtitle),
        lede(page),
        figures(page),
    )
}

/// The worst failure and what it fills, as long as a failure matters.
fn headline(page: &PlanPage) -> (&'static str, String) {
    let full = |full: &Full| format!("<em>{}</em> is {} full", esc(&full.arc), utilization(full.util));
    match (page.worst.first(), &page.base) {
        (Some(worst), Some(base)) if worst.full.util > base.util => {
            ("found", format!("If {} {}, {}", esc(&worst.failure), fails(worst), full(&worst.full)))
        }
        (Some(_), Some(base)) => {
            ("quiet", format!("No failure fills more than the fullest now: {}", full(base)))
        }
        (None, Some(base)) => ("quiet", format!("With nothing down {}", full(base))),
        (_, None) => ("quiet", "A network without links".to_owned()),
    }
}

fn lede(page: &PlanPage) -> String {
    let mut out = match (&page.base, page.worst.first()) {
        (Some(base), Some(worst)) if worst.full.util > base.util => format!(
            "With nothing down the fullest is <em>{}</em> at {}. ",
            esc(&base.arc),
            utilization(base.util)
        ),
        _ => String::new(),
    };
    out += &match page.lossiest.first() {
        Some(event) => {
            format!("Most is lost when <em>{}</em> {}: {}.", esc(&event.failure), fails(event), loss(event))
        }
        None if page.failures > 0 => "No failure cuts off any demand.".to_owned(),
        None => String::new(),
    };
    if page.base_lost > 0.0 {
        out += &format!(" With nothing down {} of all traffic has no path already.", percent(page.base_lost));
    }
    if let Some((threshold, over)) = page.threshold {
        out += &match over {
            0 => format!(" Nothing fills an arc beyond {}.", utilization(threshold)),
            1 => format!(" One scenario fills an arc beyond {}.", utilization(threshold)),
            n => format!(" {} scenarios fill an arc beyond {}.", count(n), utilization(threshold)),
        };
    }
    out + &windows::sentence(page)
}

/// The verb for what fails: several things are named with commas between them.
fn fails(event: &Event) -> &'static str {
    if event.failure.contains(", ") { "fail" } else { "fails" }
}

/// `4.5 % of all traffic, 12 pairs without a path`.
fn loss(event: &Event) -> String {
    let lost = format!("{} of all traffic", percent(event.lost));
    match event.pairs {
        0 => lost,
        1 => format!("{lost}, one pair without a path"),
        n => format!("{lost}, {} pairs without a path", count(n.into())),
    }
}

fn figures(page: &PlanPage) -> String {
    let mut cells: Vec<(String, &str, String)> = Vec::new();
    if let Some(worst) = page.worst.first() {
        cells.push((utilization(worst.full.util), "fullest arc in the worst failure", String::new()));
    }
    if let Some(base) = &page.base {
        let best = page.optimal.map(|u| format!("best possible routing: {}", utilization(u)));
        cells.push((utilization(base.util), "fullest arc with nothing down", best.unwrap_or_default()));
    }
    if page.failures > 0 {
        cells.push((count(page.failures), "failures looked at", String::new()));
        let lost = page.lossiest.first().map_or(0.0, |event| event.lost);
        cells.push((percent(lost), "of all traffic lost at most", String::new()));
    }
    if page.exposed_by > 0 {
        cells.push((count(page.exposed_by), "failures take only the spare way", String::new()));
    }
    if let Some(latency) = &page.latency {
        let now = format!("with nothing down {}; limit {} ms", count(latency.base), latency.bound_ms);
        let cell = (count(latency.most), "demands too slow in one scenario", now);
        cells.push(cell);
    }
    let cells: String = cells
        .into_iter()
        .map(|(n, what, more)| {
            format!("<div><dt>{what}</dt><dd><b>{n}</b><span>{}</span></dd></div>\n", esc(&more))
        })
        .collect();
    format!("<dl class=\"figures\">\n{cells}</dl>\n")
}
