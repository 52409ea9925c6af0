//! Self-contained HTML pages. [`Page`] is about one finding: what is wrong, where, since when, how sure, what speaks for it
//! and against it, what to do, and what was not modelled. [`PlanPage`] is about a study of failures: the worst of them,
//! how bad all of them are, and where the network gets full. [`RankingPage`] is about ranked causes, case after case.
//! [`SeriesPage`] is about series: what was abnormal when, and what was expected.
//!
//! [`Page`] is plain data; [`Page::render`] is a pure function of it, so equal pages have equal bytes. The page needs
//! no network and no script (a few lines sort tables and open what a link points to), reads on paper, on a telephone
//! and in the dark, and escapes every text. Its colours tell apart what colour-blind readers must tell apart; width
//! says the same as colour.
//!
//! ```
//! use umbra_report::page::{Cause, MapLink, MapNode, Page};
//!
//! let mut page = Page { title: "Lab".into(), ..Page::default() };
//! page.map.nodes = ["a", "b"].map(|name| MapNode { name: name.into(), place: None }).to_vec();
//! page.map.links = vec![MapLink { a: 0, b: 1, ..MapLink::default() }];
//! let (class, a, b) = ("link_down".into(), "a".into(), Some("b".into()));
//! page.causes = vec![Cause { class, a, b, probability: 0.98, ..Cause::default() }];
//! let html = page.render();
//! assert!(html.contains("<h1>Link down: <em>a – b</em></h1>"));
//! ```

mod boxes;
mod causes;
mod crop;
mod data;
mod format;
mod geo;
mod labels;
mod lines;
mod load;
mod map;
mod marks;
mod names;
mod plan;
mod ranking;
mod series;
mod shadow;
mod strips;
mod verdict;

pub use crop::NODES_MAX;
pub use data::{
    Axis, Cause, CausePlace, Comparison, Deviation, Drain, Evidence, HalfLink, Interval, LinkState, Map,
    MapLink, MapNode, Page, Probe, Reading, Reproduce, Strip, Unit,
};
pub use load::RED_FROM;
pub use plan::{Breaches, Change, ClassPart, Event, Full, FullArc, PlanPage, SpareLost, WindowPart};
pub use ranking::{RankedCase, RankingPage};
pub use series::{SeriesChart, SeriesIncident, SeriesPage};
pub use strips::STRIPS_MAX;

use format::esc;
use verdict::Finding;

/// Forbids the page to load anything, whatever a text on it may say.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

impl Page {
    /// The page as one HTML document, which is also well-formed XML after its first line.
    pub fn render(&self) -> String {
        let finding = Finding::of(self);
        let main = [
            verdict::header(self, &finding),
            self.overview(&finding),
            shadow::section(self),
            strips::figure(self),
            causes::section(self),
            boxes::not_modelled(self),
            boxes::reproduce(self),
        ]
        .concat();
        document(&self.title, &main)
    }

    /// The map with the boxes about what to do beside it.
    fn overview(&self, finding: &Finding) -> String {
        let map = map::figure(self, finding, &map::FINDING);
        let boxes = [boxes::drain(self), boxes::probe(self)].concat();
        let boxes = if boxes.is_empty() { boxes } else { format!("<div class=\"boxes\">\n{boxes}</div>\n") };
        if map.is_empty() && boxes.is_empty() {
            return String::new();
        }
        format!("<div class=\"overview\">\n{map}{boxes}</div>\n")
    }
}

/// A document around what stands in it.
fn document(title: &str, main: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\"/>\n<meta http-equiv=\"Content-Security-Policy\" \
             content=\"{POLICY}\"/>\n<link rel=\"icon\" href=\"data:,\"/>\n<title>{}</title>\n<style>\n{}</style>\n\
             </head>\n<body>\n<main>\n{main}</main>\n<script>\n{}</script>\n</body>\n</html>\n",
        esc(title),
        include_str!("style.css"),
        include_str!("script.js"),
    )
}
