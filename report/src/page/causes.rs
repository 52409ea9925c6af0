//! The ranked causes, each with its probability, its strength and the ledger of its evidence.

use std::collections::BTreeMap;

use super::data::{Cause, Evidence, Page};
use super::format::{count, esc, percent_interval, probability, px, signed};
use super::verdict::{anchor, claim, is_element};

/// Causes shown; what follows is less probable and only counted.
const CAUSES_MAX: usize = 50;
/// Entries shown per kind of data and direction; the others are summed in one line.
const ITEMS_MAX: usize = 6;
/// Entries told in words, for and against each.
const STRONGEST: usize = 3;

/// The section; empty without causes.
pub(super) fn section(page: &Page) -> String {
    if page.causes.is_empty() {
        return String::new();
    }
    let rows = list(&page.causes, "");
    let more = match page.causes.len().saturating_sub(CAUSES_MAX) {
        0 => String::new(),
        n => format!("<p class=\"none\">{} less probable causes are not shown.</p>\n", count(n as u64)),
    };
    format!(
        "<section id=\"causes\">\n<h2>Ranked causes</h2>\n<p class=\"note\">Probability of each cause given the data, \
         by simulation; the whisker is one Monte Carlo standard error. Several causes can hold at once. The weight of \
         evidence is the natural logarithm of the Bayes factor: +2.3 makes a cause ten times as likely.</p>\n\
         <ol class=\"causes\">\n{rows}</ol>\n{more}</section>\n"
    )
}

/// The first causes as items of a list; what links point to begins with `prefix`.
pub(super) fn list(causes: &[Cause], prefix: &str) -> String {
    (0..causes.len().min(CAUSES_MAX)).map(|i| row(causes, i, prefix)).collect()
}

fn row(causes: &[Cause], i: usize, prefix: &str) -> String {
    let cause = &causes[i];
    let id = format!("{prefix}{}", anchor(causes, i));
    let (what, place) = claim(cause);
    let class = if is_element(cause) { "" } else { " class=\"other\"" };
    format!(
        "<li id=\"{id}\"{class}>\n<div class=\"cause\">\n<h3>{} <em>{}</em><a class=\"permalink\" href=\"#{id}\" \
         aria-label=\"Link to this cause\">#</a></h3>\n{}<p class=\"facts\">{}</p>\n</div>\n{}{}</li>\n",
        esc(&what),
        esc(&place),
        bar(cause),
        facts(causes, cause, prefix),
        why(cause),
        ledger(cause, i == 0 && cause.otherwise.is_empty()),
    )
}

/// The probability as a bar with its whisker and its number.
fn bar(cause: &Cause) -> String {
    let share = |p: f64| if p.is_finite() { p.clamp(0.0, 1.0) * 100.0 } else { 0.0 };
    let (p, e) = (cause.probability, cause.std_error);
    let whisker = if e > 0.0 && e.is_finite() {
        let (lo, hi) = (share(p - e), share(p + e));
        format!("<i style=\"left:{}%;width:{}%\"></i>", px(lo), px(hi - lo))
    } else {
        String::new()
    };
    format!(
        "<div class=\"probability\"><span class=\"track\"><b style=\"width:{}%\"></b>{whisker}</span>\
         <span class=\"number\">{}</span></div>\n",
        px(share(p)),
        esc(&probability(p))
    )
}

/// The strongest entries for and against, and what would have been seen otherwise.
fn why(cause: &Cause) -> String {
    if cause.otherwise.is_empty() {
        return String::new();
    }
    let side = |sign: f64, word: &str| {
        let mut entries: Vec<&Evidence> =
            cause.evidence.iter().filter(|e| e.log_bayes * sign > 0.05).collect();
        entries.sort_by(|a, b| (b.log_bayes * sign).total_cmp(&(a.log_bayes * sign)));
        let told = entries.iter().take(STRONGEST);
        let told: String =
            told.map(|e| format!("<li>{} ({})</li>", esc(&e.item), signed(e.log_bayes))).collect();
        if told.is_empty() { told } else { format!("<dt>{word}</dt><dd><ul>{told}</ul></dd>\n") }
    };
    format!(
        "<dl class=\"why\">\n{}{}<dt>otherwise</dt><dd>{}</dd>\n</dl>\n",
        side(1.0, "for"),
        side(-1.0, "against"),
        esc(&cause.otherwise)
    )
}

fn facts(causes: &[Cause], cause: &Cause, prefix: &str) -> String {
    let mut facts = vec![format!("<span class=\"class\">{}</span>", esc(&cause.class))];
    if let Some(object) = &cause.object {
        facts.push(format!("affects {}", esc(object)));
    }
    if let Some(severity) = &cause.severity {
        let text = percent_interval(severity);
        let of_links = matches!(cause.class.as_str(), "device" | "group");
        facts.push(if of_links { format!("{text} of its links") } else { format!("drops {text}") });
    }
    if !cause.since.is_empty() {
        facts.push(esc(&cause.since).into_owned());
    }
    if cause.std_error > 0.0 && !cause.otherwise.is_empty() {
        facts.push(format!("standard error {:.3}", cause.std_error));
    }
    if let Some((explained, all)) = cause.explains.filter(|(_, all)| *all > 0) {
        facts.push(format!("explains {} of {} bad flows", count(explained), count(all)));
    }
    if is_element(cause) || !cause.evidence.is_empty() {
        facts.push(format!("evidence {}", signed(cause.log_bayes)));
    }
    if let Some(twin) = cause.same_as.filter(|&k| k < causes.len().min(CAUSES_MAX)) {
        let (_, place) = claim(&causes[twin]);
        let link = anchor(causes, twin);
        facts.push(format!("the data cannot tell it from <a href=\"#{prefix}{link}\">{}</a>", esc(&place)));
    }
    facts.join(" · ")
}

/// The evidence by kind of data, as bars to the right (for) and to the left (against).
fn ledger(cause: &Cause, open: bool) -> String {
    if cause.evidence.is_empty() {
        return String::new();
    }
    let mut by_source: BTreeMap<&str, Vec<&Evidence>> = BTreeMap::new();
    for e in &cause.evidence {
        by_source.entry(&e.source).or_default().push(e);
    }
    let sum = |es: &[&Evidence]| es.iter().map(|e| e.log_bayes).sum::<f64>();
    let mut sources: Vec<(&str, f64, Vec<&Evidence>)> =
        by_source.into_iter().map(|(s, es)| (s, sum(&es), es)).collect();
    sources.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(b.0)));
    let widest = sources.iter().map(|s| s.1.abs()).chain([1.0]).fold(0.0, f64::max);
    let rows: String = sources
        .iter()
        .map(|(source, total, entries)| format!("{}{}", source_row(source, *total, widest), items(entries)))
        .collect();
    format!(
        "<details{}><summary>Evidence for and against, {} entries</summary>\n<table class=\"ledger\">\n<thead><tr>\
         <th>Kind of data</th><th class=\"axis\"><span>against</span><span>for</span></th><th>Weight</th></tr></thead>\
         \n<tbody>\n{rows}</tbody>\n<tfoot><tr><th scope=\"row\">sum</th><td></td><td>{}</td></tr></tfoot>\n\
         </table>\n</details>\n",
        if open { " open=\"\"" } else { "" },
        count(cause.evidence.len() as u64),
        signed(cause.log_bayes)
    )
}

fn source_row(source: &str, total: f64, widest: f64) -> String {
    let half = if total.is_finite() { (total.abs() / widest).min(1.0) * 50.0 } else { 0.0 };
    let (class, left) = if total < 0.0 { ("con", 50.0 - half) } else { ("pro", 50.0) };
    format!(
        "<tr class=\"source\"><th scope=\"row\">{}</th><td class=\"axis\"><b class=\"{class}\" \
         style=\"left:{}%;width:{}%\"></b></td><td>{}</td></tr>\n",
        esc(source),
        px(left),
        px(half),
        signed(total)
    )
}

/// The strongest entries for, then against, then what is left as a sum.
fn items(entries: &[&Evidence]) -> String {
    let mut sorted = entries.to_vec();
    sorted.sort_by(|a, b| b.log_bayes.total_cmp(&a.log_bayes).then_with(|| a.item.cmp(&b.item)));
    let (pro, con): (Vec<&Evidence>, Vec<&Evidence>) = sorted.into_iter().partition(|e| e.log_bayes >= 0.0);
    let con: Vec<&Evidence> = con.into_iter().rev().collect();
    let mut out = String::new();
    for side in [&pro, &con] {
        let shown = side.len().min(if side.len() == ITEMS_MAX + 1 { ITEMS_MAX + 1 } else { ITEMS_MAX });
        for e in &side[..shown] {
            out += &item_row(&esc(&e.item), e.log_bayes);
        }
        if shown < side.len() {
            let rest: f64 = side[shown..].iter().map(|e| e.log_bayes).sum();
            out += &item_row(&format!("{} more", count((side.len() - shown) as u64)), rest);
        }
    }
    out
}

fn item_row(text: &str, log_bayes: f64) -> String {
    format!("<tr class=\"item\"><td colspan=\"2\">{text}</td><td>{}</td></tr>\n", signed(log_bayes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(source: &str, item: &str, log_bayes: f64) -> Evidence {
        Evidence { source: source.into(), item: item.into(), log_bayes }
    }

    #[test]
    fn the_whisker_stays_within_the_track() {
        let cause = Cause { probability: 0.99, std_error: 0.05, ..Cause::default() };
        assert!(bar(&cause).contains("<i style=\"left:94%;width:6%\"></i>"));
    }

    #[test]
    fn many_entries_end_in_a_sum() {
        let entries: Vec<Evidence> =
            (0..10).map(|k| entry("flows", &format!("f{k}"), f64::from(k))).collect();
        let html = items(&entries.iter().collect::<Vec<_>>());
        assert!(html.contains("<td colspan=\"2\">4 more</td><td>+6.0</td>"), "{html}");
        assert!(html.find("f9").unwrap() < html.find("f4").unwrap());
    }

    #[test]
    fn the_strongest_kind_of_data_comes_first() {
        let evidence = vec![entry("prior", "rare", -7.0), entry("flows", "x", 20.0)];
        let html = ledger(&Cause { evidence, log_bayes: 13.0, ..Cause::default() }, false);
        assert!(html.find("flows").unwrap() < html.find("prior").unwrap());
        assert!(html.contains("class=\"con\" style=\"left:32.5%;width:17.5%\""), "{html}");
    }
}
