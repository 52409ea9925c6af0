//! The page about a ranking of causes, case after case: what it is, how sure, what speaks for it and against it, what would
//! have been seen otherwise, and which probe would settle what is open.

use super::boxes;
use super::causes;
use super::data::{Cause, Page, Probe, Reproduce};
use super::format::{count, esc, probability};
use super::verdict::{Finding, claim};
use twin::Fidelity;

/// Cases shown in full; the first ones.
const CASES_MAX: usize = 100;

/// Everything on the page. [`RankingPage::render`] turns it into HTML.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankingPage {
    /// The data: `silent_mixed.flows.parquet`.
    pub title: String,
    /// One line below the title.
    pub subtitle: String,
    /// The cases, in order.
    pub cases: Vec<RankedCase>,
    /// What was left out.
    pub not_modelled: Fidelity,
    /// How to get this page again.
    pub reproduce: Reproduce,
}

/// The answer to a case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankedCase {
    /// Its number.
    pub number: u32,
    /// What it rests on, as a sentence.
    pub basis: String,
    /// Whether no hypothesis explains the data.
    pub doubtful: bool,
    /// Ranked causes, most probable first, `none` and `unknown` among them.
    pub causes: Vec<Cause>,
    /// Probes that would say most, best first.
    pub probes: Vec<Probe>,
}

impl RankingPage {
    /// The page as one HTML document, which is also well-formed XML after its first line.
    pub fn render(&self) -> String {
        let shown = &self.cases[..self.cases.len().min(CASES_MAX)];
        let more = match self.cases.len() - shown.len() {
            0 => String::new(),
            n => format!("<p class=\"none\">{} more cases are in the tables only.</p>\n", count(n as u64)),
        };
        let notes = Page {
            not_modelled: self.not_modelled.clone(),
            reproduce: self.reproduce.clone(),
            ..Page::default()
        };
        let main = [
            self.header(),
            overview(shown),
            shown.iter().map(section).collect(),
            more,
            boxes::not_modelled(&notes),
            boxes::reproduce(&notes),
        ];
        super::document(&self.title, &main.concat())
    }

    fn header(&self) -> String {
        let found = self.cases.iter().filter(|c| matches!(finding(c), Finding::Found(_))).count();
        let headline = match (&self.cases[..], found) {
            ([only], _) => headline(only),
            (_, 0) => format!("No cause stands out in {} cases", count(self.cases.len() as u64)),
            (all, n) => format!("A cause in {} of {} cases", count(n as u64), count(all.len() as u64)),
        };
        let class = if found > 0 { "found" } else { "open" };
        format!(
            "<header class=\"top plan\">\n<p class=\"kicker\"><b>{}</b> {}</p>\n<div class=\"verdict {class}\">\n\
             <h1>{headline}</h1>\n</div>\n</header>\n",
            esc(&self.title),
            esc(&self.subtitle)
        )
    }
}

fn finding(case: &RankedCase) -> Finding {
    Finding::of(&Page { causes: case.causes.clone(), ..Page::default() })
}

fn headline(case: &RankedCase) -> String {
    match finding(case) {
        _ if case.doubtful => "No hypothesis explains the data".to_owned(),
        Finding::Found(groups) => {
            let places: Vec<String> = groups[0].iter().take(3).map(|i| place(&case.causes[*i])).collect();
            let (what, _) = claim(&case.causes[groups[0][0]]);
            format!("{} {}", esc(&what), places.join(" or "))
        }
        Finding::NoFault => "No fault found".to_owned(),
        Finding::Unexplained => "Something not on this list".to_owned(),
        Finding::Open(_) => "No cause stands out".to_owned(),
    }
}

fn place(cause: &Cause) -> String {
    format!("<em>{}</em>", esc(&claim(cause).1))
}

/// A table of all cases; of a single one the page itself says it.
fn overview(cases: &[RankedCase]) -> String {
    if cases.len() < 2 {
        return String::new();
    }
    let has_time = cases.iter().flat_map(|c| c.causes.first()).any(|c| !c.since.is_empty());
    let row = |case: &RankedCase| {
        let findings = match finding(case) {
            Finding::Found(groups) => groups
                .iter()
                .map(|g| {
                    let places: Vec<String> = g.iter().take(3).map(|i| place(&case.causes[*i])).collect();
                    let mass = g.iter().map(|i| case.causes[*i].probability).sum::<f64>();
                    let what = claim(&case.causes[g[0]]).0;
                    format!("{} {} ({})", esc(&what), places.join(" or "), esc(&probability(mass)))
                })
                .collect::<Vec<_>>()
                .join("<br/>"),
            _ => headline(case),
        };
        let since = case.causes.first().map_or("", |c| c.since.as_str());
        let since = if has_time { format!("<td class=\"text\">{}</td>", esc(since)) } else { String::new() };
        let number = case.number;
        format!(
            "<tr><th scope=\"row\"><a href=\"#case-{number}\">{number}</a></th><td class=\"text\">{findings}</td>\
             {since}</tr>\n"
        )
    };
    let when = if has_time { "<th class=\"text\">When</th>" } else { "" };
    let rows: String = cases.iter().map(row).collect();
    format!(
        "<section id=\"cases\">\n<h2>All cases</h2>\n<div class=\"scroll\">\n<table class=\"sortable\">\n<thead><tr>\
         <th>Case</th><th class=\"text\">What</th>{when}</tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table>\n</div>\n</section>\n"
    )
}

fn section(case: &RankedCase) -> String {
    let number = case.number;
    let doubt = if case.doubtful {
        "<p class=\"answer bad\">No hypothesis explains the data; the least bad come first.</p>\n"
    } else {
        ""
    };
    format!(
        "<section id=\"case-{number}\">\n<h2>Case {number}: {}</h2>\n{doubt}<p class=\"note\">{}</p>\n\
         <ol class=\"causes\">\n{}</ol>\n{}</section>\n",
        headline(case),
        esc(&case.basis),
        causes::list(&case.causes, &format!("case-{number}.")),
        probes(&case.probes)
    )
}

fn probes(probes: &[Probe]) -> String {
    if probes.is_empty() {
        return String::new();
    }
    let row = |p: &Probe| {
        format!(
            "<li><b>{}</b><dl class=\"notes\"><dt>if it is right</dt><dd>{}</dd><dt>if it is wrong</dt><dd>{}</dd></dl></li>\n",
            esc(&p.action),
            esc(&p.if_right),
            esc(&p.if_wrong)
        )
    };
    let rows: String = probes.iter().map(row).collect();
    let title = if probes.len() == 1 { "The probe" } else { "The probes" };
    format!("<h3>{title} that would say most</h3>\n<ol class=\"probes\">\n{rows}</ol>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(class: &str, a: &str, probability: f64) -> Cause {
        Cause { class: class.into(), a: a.into(), probability, ..Cause::default() }
    }

    fn page(cases: usize) -> RankingPage {
        let case = |number| RankedCase {
            number,
            basis: "600 series".into(),
            causes: vec![
                Cause {
                    otherwise: "the carrier would have stayed".into(),
                    ..cause("link_down", "r<1>", 0.97)
                },
                cause("none", "", 0.02),
            ],
            ..RankedCase::default()
        };
        RankingPage {
            title: "Lab".into(),
            cases: (1..=cases as u32).map(case).collect(),
            ..RankingPage::default()
        }
    }

    #[test]
    fn one_case_is_the_headline_and_several_have_a_table() {
        let one = page(1).render();
        assert!(
            one.contains("<h1>Link down: <em>r&lt;1&gt;</em></h1>") && !one.contains("id=\"cases\""),
            "{one}"
        );
        assert!(one.contains("the carrier would have stayed"));
        let many = page(3).render();
        assert!(many.contains("A cause in 3 of 3 cases") && many.contains("<a href=\"#case-3\">3</a>"));
    }

    #[test]
    fn anchors_of_equal_causes_in_different_cases_differ() {
        let many = page(2).render();
        for id in ["id=\"case-1.cause.link_down.r~3c1~3e\"", "id=\"case-2.cause.link_down.r~3c1~3e\""] {
            assert_eq!(many.matches(id).count(), 1, "{id}");
        }
    }
}
