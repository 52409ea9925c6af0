//! What to do next, what was left out, and how to get the page again.

use super::data::{Drain, Page, Probe, Reproduce};
use super::format::{count, esc, percent};
use super::load::red_from;

/// Pairs named before the rest is only counted.
const PAIRS_MAX: usize = 4;

/// "Drain it?": what taking the suspect out of service would do.
pub(super) fn drain(page: &Page) -> String {
    let Some(drain) = &page.drain else { return String::new() };
    let (class, answer) = answer(drain, red_from(&page.map));
    let busiest = drain.busiest.as_ref().map_or_else(String::new, |(name, before, after)| {
        format!(
            "<dt>busiest link afterwards</dt><dd>{} <b>{}</b> (now {})</dd>\n",
            esc(name),
            percent(*after),
            percent(*before)
        )
    });
    format!(
        "<section class=\"box\" id=\"drain\">\n<h2>Drain {}?</h2>\n<p class=\"answer {class}\">{answer}</p>\n<dl>\n\
         {busiest}<dt>traffic that moves</dt><dd><b>{}</b> of all</dd>\n<dt>pairs that lose their path</dt><dd>{}</dd>\
         \n</dl>\n</section>\n",
        esc(&drain.element),
        percent(drain.moved),
        cut_off(drain)
    )
}

fn answer(drain: &Drain, red: f64) -> (&'static str, &'static str) {
    match drain.busiest.as_ref().map(|b| (b.1, b.2)) {
        _ if !drain.cut_off.is_empty() => ("bad", "No: it would cut off traffic."),
        Some((_, after)) if !after.is_finite() => ("", UNKNOWN_LOAD),
        Some((_, after)) if after < red => ("ok", "Yes: the rest of the network can carry it."),
        Some((before, after)) if after <= before => {
            ("ok", "Yes: no link gets fuller than the busiest is now.")
        }
        Some(_) => ("bad", "Not now: it would fill other links."),
        None => ("", UNKNOWN_LOAD),
    }
}

const UNKNOWN_LOAD: &str = "All traffic keeps a path; how full it gets is not known.";

fn cut_off(drain: &Drain) -> String {
    if drain.cut_off.is_empty() {
        return "<b>none</b>".to_owned();
    }
    let named: Vec<String> =
        drain.cut_off.iter().take(PAIRS_MAX).map(|(a, b)| format!("{} → {}", esc(a), esc(b))).collect();
    let more = match drain.cut_off.len() - named.len() {
        0 => String::new(),
        n => format!(" and {} more", count(n as u64)),
    };
    format!("<b>{}</b>: {}{more}", count(drain.cut_off.len() as u64), named.join(", "))
}

/// "What would show that this is wrong": the probe that can refute the first cause.
pub(super) fn probe(page: &Page) -> String {
    let Some(Probe { action, if_right, if_wrong }) = &page.probe else { return String::new() };
    format!(
        "<section class=\"box\" id=\"probe\">\n<h2>What would show that this is wrong</h2>\n<p>{}</p>\n<dl>\n\
         <dt>if it is right</dt><dd>{}</dd>\n<dt>if it is wrong</dt><dd>{}</dd>\n</dl>\n</section>\n",
        esc(action),
        esc(if_right),
        esc(if_wrong)
    )
}

/// What the shadow leaves out.
pub(super) fn not_modelled(page: &Page) -> String {
    let notes = &page.not_modelled.notes;
    if notes.is_empty() {
        return String::new();
    }
    let rows: String = notes
        .iter()
        .map(|n| {
            let touches = n.touches.map_or_else(String::new, |k| format!(" ({} flows or packets)", count(k)));
            format!("<dt>{}</dt><dd>{}{touches}</dd>\n", esc(&n.code), esc(&n.note))
        })
        .collect();
    format!(
        "<section id=\"not-modelled\">\n<h2>What was not modelled</h2>\n<dl class=\"notes\">\n{rows}</dl>\n</section>\n"
    )
}

/// The command, the seed and the digests.
pub(super) fn reproduce(page: &Page) -> String {
    let Reproduce { command, seed, version, trials, digests } = &page.reproduce;
    let mut rows = vec![("seed", seed.to_string())];
    if *trials > 0 {
        rows.push(("trials", count(*trials)));
    }
    if !version.is_empty() {
        rows.push(("version", esc(version).into_owned()));
    }
    let rows = rows.into_iter().map(|(name, text)| format!("<dt>{name}</dt><dd>{text}</dd>\n"));
    let digests = digests.iter().map(|(name, digest)| {
        format!("<dt>{} digest</dt><dd><code>{}</code></dd>\n", esc(name), esc(digest))
    });
    let command = match command.is_empty() {
        true => String::new(),
        false => format!("<pre><code>{}</code></pre>\n", esc(command)),
    };
    format!(
        "<section id=\"reproduce\">\n<h2>How to get this page again</h2>\n{command}<dl class=\"notes\">\n{}</dl>\n\
         </section>\n",
        rows.chain(digests).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::super::RED_FROM;
    use super::*;

    #[test]
    fn an_unknown_load_is_not_taken_for_a_low_one() {
        assert!(drained(f64::NAN, 0).contains("not known"));
        assert_eq!(answer(&Drain::default(), RED_FROM).0, "");
    }

    #[test]
    fn a_link_that_was_full_before_is_no_reason_against() {
        let drain = Drain { busiest: Some((String::new(), 0.9, 0.9)), ..Drain::default() };
        assert_eq!(answer(&drain, 0.8).0, "ok");
    }

    fn drained(after: f64, cut_off: usize) -> String {
        let cut_off = vec![("a".to_owned(), "b".to_owned()); cut_off];
        let busiest = Some(("a → b".to_owned(), 0.3, after));
        let drain = Drain { element: "a – c".into(), busiest, cut_off, moved: 0.1 };
        super::drain(&Page { drain: Some(drain), ..Page::default() })
    }

    #[test]
    fn the_answer_follows_the_numbers() {
        assert!(drained(0.5, 0).contains("Yes: the rest"));
        assert!(drained(RED_FROM, 0).contains("Not now:"));
        assert!(drained(0.5, 6).contains("No:"));
        assert!(drained(0.5, 6).contains("and 2 more"));
    }
}
