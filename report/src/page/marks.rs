//! Which elements of the map the causes point at, and how strongly.

use std::collections::BTreeMap;

use super::data::{CausePlace, Page};
use super::verdict::{Finding, is_element};

/// Runner-ups below this probability are not marked.
const RUNNER_UP_FROM: f64 = 0.01;

/// How strongly an element is marked, and by which cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    RunnerUp(usize),
    Suspect(usize),
}

/// The marks of all elements.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    /// By link and direction (`true` = from `a` to `b`).
    pub(super) links: BTreeMap<(usize, bool), Mark>,
    pub(super) nodes: BTreeMap<usize, Mark>,
}

impl Marks {
    pub(super) fn of(page: &Page, finding: &Finding) -> Self {
        let mut marks = Self::default();
        let suspects = finding.suspects();
        let runners = page
            .causes
            .iter()
            .enumerate()
            .filter(|(i, c)| is_element(c) && c.probability >= RUNNER_UP_FROM && !suspects.contains(i));
        let all = suspects.iter().map(|&i| Mark::Suspect(i)).chain(runners.map(|(i, _)| Mark::RunnerUp(i)));
        for mark in all {
            let (Mark::Suspect(i) | Mark::RunnerUp(i)) = mark;
            match &page.causes[i].place {
                Some(CausePlace::HalfLink(link, forward)) => {
                    marks.links.entry((*link, *forward)).or_insert(mark);
                }
                Some(CausePlace::Links(links)) => {
                    for key in links.iter().flat_map(|&l| [(l, true), (l, false)]) {
                        marks.links.entry(key).or_insert(mark);
                    }
                }
                Some(CausePlace::Node(node)) => {
                    marks.nodes.entry(*node).or_insert(mark);
                }
                None => {}
            }
        }
        marks
    }

    pub(super) fn has_runner_up(&self) -> bool {
        self.links.values().chain(self.nodes.values()).any(|m| matches!(m, Mark::RunnerUp(_)))
    }
}
