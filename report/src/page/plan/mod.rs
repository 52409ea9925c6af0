//! The page about a study of failures: which one is the worst, how bad all of them are, where the network gets full.

mod classes;
mod curve;
mod data;
mod header;
mod spare;
mod tables;
mod windows;

pub use data::{Breaches, Change, ClassPart, Event, Full, FullArc, PlanPage, SpareLost, WindowPart};

use super::boxes;
use super::data::{Cause, CausePlace, Interval, Page};
use super::map::{self, Words};
use super::verdict::Finding;

/// What the map shows here.
const WORDS: Words = Words {
    load: "utilisation in the worst of the failures",
    suspect: "fullest of all",
    runner_up: "what is down then",
    no_data: "no capacity known",
};

impl PlanPage {
    /// The page as one HTML document, which is also well-formed XML after its first line.
    pub fn render(&self) -> String {
        let page = self.page();
        let main = [
            header::header(self),
            self.overview(&page),
            windows::section(self),
            tables::failures(self),
            spare::section(self),
            tables::arcs(self),
            classes::section(self),
            tables::changes(self),
            boxes::not_modelled(&page),
            boxes::reproduce(&page),
        ];
        super::document(&self.title, &main.concat())
    }

    /// The chart, then the map.
    fn overview(&self, page: &Page) -> String {
        let map = map::figure(page, &Finding::of(page), &WORDS);
        let map = if map.is_empty() { map } else { format!("<div class=\"overview\">\n{map}</div>\n") };
        curve::section(self) + &map
    }

    /// What this page has in common with that about a finding. The map marks causes: here the fullest arc is the first of
    /// them, and what is down when it is so full the others.
    fn page(&self) -> Page {
        let mut causes = Vec::new();
        if let Some(place) = self.marked.clone() {
            let util = self.worst.first().map_or(f64::NAN, |event| event.full.util);
            let severity = Some(Interval { value: util, lo: util, hi: util }).filter(|_| util.is_finite());
            let class = "fullest".to_owned();
            causes.push(Cause { class, place: Some(place), probability: 1.0, severity, ..Cause::default() });
            causes.extend(self.down.iter().map(|place| down(place.clone())));
        }
        Page {
            title: self.title.clone(),
            map: self.map.clone(),
            causes,
            not_modelled: self.not_modelled.clone(),
            reproduce: self.reproduce.clone(),
            ..Page::default()
        }
    }
}

fn down(place: CausePlace) -> Cause {
    Cause { class: "down".to_owned(), place: Some(place), probability: 0.5, ..Cause::default() }
}
