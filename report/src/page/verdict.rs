//! The sentence at the top: what was found, how sure, and what the management system says beside it.

use super::data::{Axis, Cause, Page};
use super::format::{NBSP, esc, percent, percent_interval, probability, since_start};

/// What the ranking amounts to. Causes are positions in [`Page::causes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Causes above one half; those of one group cannot be told apart.
    Found(Vec<Vec<usize>>),
    /// Production does what the shadow predicts.
    NoFault,
    /// The data are abnormal, and no cause on the list makes them likely.
    Unexplained,
    /// Several causes share the probability.
    Open(Option<usize>),
}

impl Finding {
    /// Reads the finding off the ranked causes.
    pub(super) fn of(page: &Page) -> Self {
        let causes = &page.causes;
        let mut groups = groups(causes);
        let mass = |g: &Vec<usize>| g.iter().map(|&i| causes[i].probability).sum::<f64>();
        groups.retain(|g| is_element(&causes[g[0]]));
        groups.sort_by(|g, h| mass(h).total_cmp(&mass(g)));
        let of_class = |class: &str| causes.iter().find(|c| c.class == class).map_or(0.0, |c| c.probability);
        let found: Vec<_> = groups.iter().filter(|g| mass(g) > 0.5).cloned().collect();
        if !found.is_empty() {
            return Self::Found(found);
        }
        if of_class("unknown") > 0.5 {
            return Self::Unexplained;
        }
        if of_class("none") > 0.5 || (causes.is_empty() && page.timeline.is_empty()) {
            return Self::NoFault;
        }
        Self::Open(groups.first().map(|g| g[0]))
    }

    /// The causes to mark strongly on the map.
    pub(super) fn suspects(&self) -> Vec<usize> {
        match self {
            Self::Found(groups) => groups.concat(),
            Self::Open(first) => first.iter().copied().collect(),
            Self::NoFault | Self::Unexplained => Vec::new(),
        }
    }
}

/// Causes that the data cannot tell apart, each group under its first member.
fn groups(causes: &[Cause]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (i, cause) in causes.iter().enumerate() {
        let home = cause.same_as.and_then(|same| groups.iter().position(|g| g.contains(&same)));
        match home {
            Some(g) => groups[g].push(i),
            None => groups.push(vec![i]),
        }
    }
    groups
}

/// Whether a cause is about an element, not `none` or `unknown`.
pub(super) fn is_element(cause: &Cause) -> bool {
    !matches!(cause.class.as_str(), "none" | "unknown")
}

/// What a cause claims, in words, as plain text in two parts: what, and where.
pub(super) fn claim(cause: &Cause) -> (String, String) {
    let a = cause.a.clone();
    let b = cause.b.clone().unwrap_or_default();
    let (arc, pair) = match &cause.b {
        Some(b) => (format!("{a} → {b}"), format!("{a} – {b}")),
        None => (a.clone(), a.clone()),
    };
    let (what, place) = match cause.class.as_str() {
        "link_loss" => ("Packet loss on", arc),
        "link_down" => ("Link down:", pair),
        "device" => ("Faulty device", a),
        "group" => ("Failed risk group", a),
        "congestion" => ("Congestion on", arc),
        "blackhole" => ("Black hole at", if b.is_empty() { a } else { format!("{a} for {b}") }),
        "stale_link" => ("A link that is not there:", pair),
        "link_up" => ("Link up:", pair),
        "link_flap" => ("Link flaps:", pair),
        "bfd_down" => ("BFD session down:", pair),
        "bfd_up" => ("BFD session up:", pair),
        "none" => ("No fault", String::new()),
        "unknown" => ("Something not on this list", String::new()),
        other => return (sentence_case(&other.replace('_', " ")), named(cause, pair)),
    };
    (what.to_owned(), named(cause, place))
}

/// The element in the words of who made the page, or else by its ends.
fn named(cause: &Cause, ends: String) -> String {
    if cause.element.is_empty() { ends } else { cause.element.clone() }
}

fn sentence_case(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// The header of the page.
pub(super) fn header(page: &Page, finding: &Finding) -> String {
    let (class, headline, lede) = match finding {
        Finding::Found(groups) => ("found", headline(page, &groups[0]), lede(page, groups)),
        Finding::NoFault => ("quiet", "No fault found".to_owned(), no_fault(page)),
        Finding::Unexplained => ("open", "Nothing explains the data".to_owned(), unexplained(page)),
        Finding::Open(best) => ("open", "No cause stands out".to_owned(), undecided(page, *best)),
    };
    let figures = match finding {
        Finding::Found(groups) => figures(page, &groups[0]),
        _ => String::new(),
    };
    format!(
        "<header class=\"top\">\n<p class=\"kicker\"><b>{}</b> {}</p>\n<div class=\"verdict {class}\">\n\
         <h1>{headline}</h1>\n<p class=\"lede\">{lede}</p>\n{figures}</div>\n{}</header>\n",
        esc(&page.title),
        esc(&page.subtitle),
        management(page),
    )
}

fn headline(page: &Page, group: &[usize]) -> String {
    let (what, first) = claim(&page.causes[group[0]]);
    let mut places = vec![first];
    places.extend(group[1..].iter().take(2).map(|&i| claim(&page.causes[i]).1));
    let more = match group.len().saturating_sub(3) {
        0 => String::new(),
        n => format!(" or {n} more"),
    };
    let places: Vec<String> = places.iter().map(|p| format!("<em>{}</em>", esc(p))).collect();
    format!("{} {}{more}", esc(&what), places.join(" or "))
}

fn lede(page: &Page, groups: &[Vec<usize>]) -> String {
    let first = &groups[0];
    let mut out = match first.len() {
        1 => runner_up(page, groups),
        n => format!("The data cannot tell these {n} causes apart; they share the probability."),
    };
    for group in &groups[1..] {
        let cause = &page.causes[group[0]];
        let (what, place) = claim(cause);
        let mass: f64 = group.iter().map(|&i| page.causes[i].probability).sum();
        out += &format!(
            " At the same time: {} <a href=\"#{}\">{}</a>, probability {}.",
            esc(&what.to_lowercase()),
            anchor(&page.causes, group[0]),
            esc(&place),
            esc(&probability(mass))
        );
    }
    out
}

/// How near the next cause comes.
fn runner_up(page: &Page, groups: &[Vec<usize>]) -> String {
    let next =
        page.causes.iter().enumerate().find(|(i, c)| is_element(c) && !groups.iter().any(|g| g.contains(i)));
    let Some((i, next)) = next else {
        return "No other cause was found worth naming.".to_owned();
    };
    let (what, place) = claim(next);
    let what = what.to_lowercase();
    let p = probability(next.probability);
    let p = esc(&p);
    format!(
        "Next in line: {} <a href=\"#{}\">{}</a>, probability {p}.",
        esc(&what),
        anchor(&page.causes, i),
        esc(&place)
    )
}

/// The numbers below the headline.
fn figures(page: &Page, group: &[usize]) -> String {
    let cause = &page.causes[group[0]];
    let mass: f64 = group.iter().map(|&i| page.causes[i].probability).sum();
    let mut cells = Vec::new();
    if let Some(severity) = &cause.severity {
        let interval = percent_interval(severity);
        let range = interval.split_once('(').map_or("", |(_, r)| r.trim_end_matches(')'));
        cells.push((percent(severity.value), "of packets dropped".to_owned(), format!("95{NBSP}%: {range}")));
    }
    let error = if group.len() == 1 && cause.std_error > 0.0 {
        format!("±{NBSP}{:.3} standard error", cause.std_error)
    } else if group.len() > 1 {
        format!("shared by {} causes", group.len())
    } else {
        String::new()
    };
    cells.push((esc(&probability(mass)).into_owned(), "probability".to_owned(), error));
    if let Some((explained, all)) = cause.explains {
        cells.push(match all {
            0 => ("none".to_owned(), "of the flows loses clearly more by itself".to_owned(), String::new()),
            _ => (format!("{explained} of {all}"), "bad flows explained".to_owned(), String::new()),
        });
    }
    cells.extend(onset(&page.axis));
    let cells: String = cells
        .into_iter()
        .map(|(n, what, more)| format!("<div><dt>{what}</dt><dd><b>{n}</b><span>{more}</span></dd></div>\n"))
        .collect();
    format!("<dl class=\"figures\">\n{cells}</dl>\n")
}

fn onset(axis: &Axis) -> Option<(String, String, String)> {
    let onset = axis.known_onset()?;
    let at = |bin: f64| since_start(bin * axis.bin_s);
    let range = format!("95{NBSP}%: {}–{}", at(onset.lo), at(onset.hi));
    Some((at(onset.value), "onset after the start of the data".to_owned(), range))
}

fn no_fault(page: &Page) -> String {
    let none = page.causes.iter().find(|c| c.class == "none");
    let sure = none.map_or_else(String::new, |c| {
        format!(" Probability of no fault: {}.", esc(&probability(c.probability)))
    });
    let next = page.causes.iter().find(|c| is_element(c)).map_or_else(String::new, |c| {
        let (what, place) = claim(c);
        let p = probability(c.probability);
        let p = esc(&p);
        format!(" The most probable fault would be: {} {} ({p}).", esc(&what.to_lowercase()), esc(&place))
    });
    format!("Production behaves as its shadow predicts.{sure}{next}")
}

fn unexplained(page: &Page) -> String {
    let unknown = page.causes.iter().find(|c| c.class == "unknown");
    let p = unknown.map_or_else(String::new, |c| {
        format!(" Probability of a cause outside the list: {}.", esc(&probability(c.probability)))
    });
    let series = page.timeline.len();
    format!("{series} series are abnormal, and no cause that was simulated makes them likely.{p}")
}

fn undecided(page: &Page, best: Option<usize>) -> String {
    let Some(cause) = best.map(|i| &page.causes[i]) else {
        return format!("{} series are abnormal; no causes were ranked.", page.timeline.len());
    };
    let (what, place) = claim(cause);
    let more = if page.probe.is_some() { "more data, or the probe below," } else { "more data" };
    format!(
        "The most probable is: {} <em>{}</em>, probability {}. It takes {more} to decide.",
        esc(&what.to_lowercase()),
        esc(&place),
        esc(&probability(cause.probability))
    )
}

/// The management system's view: what makes a silent fault silent.
fn management(page: &Page) -> String {
    if page.management.is_empty() {
        return String::new();
    }
    let healthy = page.management.iter().all(|r| r.healthy);
    let says = if healthy { "All is well" } else { "Something is wrong" };
    let rows: String = page
        .management
        .iter()
        .map(|r| {
            let (class, sign) = if r.healthy { ("ok", "✓") } else { ("bad", "!") };
            format!(
                "<tr class=\"{class}\"><th scope=\"row\">{}</th><td>{}</td><td class=\"sign\">{sign}</td></tr>\n",
                esc(&r.what),
                esc(&r.value)
            )
        })
        .collect();
    format!(
        "<aside class=\"management\">\n<h2>What the management system sees</h2>\n<p>{says}</p>\n\
         <table>\n{rows}</table>\n</aside>\n"
    )
}

/// The permalink of a cause: it depends on what the cause is, not on its rank. Causes of one name, such as those of
/// parallel links, are numbered.
pub(super) fn anchor(causes: &[Cause], i: usize) -> String {
    let name = anchor_name(&causes[i]);
    match causes[..i].iter().filter(|c| anchor_name(c) == name).count() {
        0 => name,
        n => format!("{name}..{}", n + 1),
    }
}

fn anchor_name(cause: &Cause) -> String {
    let parts = [Some(&cause.class), Some(&cause.a), cause.b.as_ref(), cause.object.as_ref()];
    let mut out = String::from("cause");
    for part in parts.into_iter().flatten().filter(|part| !part.is_empty()) {
        out.push('.');
        for c in part.chars() {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
                out.push(c);
            } else {
                out += &format!("~{:x}", u32::from(c));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(class: &str, a: &str, probability: f64, same_as: Option<usize>) -> Cause {
        Cause { class: class.into(), a: a.into(), probability, same_as, ..Cause::default() }
    }

    fn finding(causes: Vec<Cause>) -> Finding {
        Finding::of(&Page { causes, ..Page::default() })
    }

    #[test]
    fn the_finding_follows_the_probabilities() {
        let none = |p| cause("none", "", p, None);
        assert_eq!(finding(vec![]), Finding::NoFault);
        assert_eq!(finding(vec![none(0.9)]), Finding::NoFault);
        assert_eq!(finding(vec![cause("unknown", "", 0.8, None), none(0.1)]), Finding::Unexplained);
        assert_eq!(finding(vec![cause("device", "a", 0.4, None), none(0.3)]), Finding::Open(Some(0)));
        assert_eq!(finding(vec![cause("device", "a", 0.6, None), none(0.3)]), Finding::Found(vec![vec![0]]));
    }

    #[test]
    fn causes_that_cannot_be_told_apart_count_together() {
        let twins = vec![cause("device", "a", 0.4, None), cause("device", "b", 0.4, Some(0))];
        assert_eq!(finding(twins), Finding::Found(vec![vec![0, 1]]));
    }

    #[test]
    fn two_faults_at_once_are_both_found() {
        let both = vec![cause("device", "a", 0.9, None), cause("device", "b", 0.8, None)];
        assert_eq!(finding(both), Finding::Found(vec![vec![0], vec![1]]));
    }

    #[test]
    fn anchors_are_unique_and_harmless() {
        let a =
            Cause { class: "link_loss".into(), a: "a b".into(), b: Some("ü\"".into()), ..Cause::default() };
        let parallel = [a.clone(), a];
        assert_eq!(anchor(&parallel, 0), "cause.link_loss.a~20b.~fc~22");
        assert_eq!(anchor(&parallel, 1), "cause.link_loss.a~20b.~fc~22..2");
    }
}
