//! The page of a study: what its tables say, put into the plain data of `report::page`.

use report::page::{
    Breaches, CausePlace, Change, ClassPart, Event, Full, FullArc, HalfLink, Map, PlanPage, Reproduce,
    SpareLost, WindowPart,
};
use report::{Summary, Table};
use scenarios::planning::{Exposure, FailureSet, Outcome, Overview, Plan, Scenario, Worst};
use twin::{ArcId, Csr, LinkId};

use super::failures::Failing;
use super::redundancy::Redundancies;
use super::study::Study;
use crate::map;

/// Arcs in a table of the page.
const LISTED: usize = 10;
/// Failures named for each of them.
const CAUSES: usize = 3;

/// What a page is made of.
pub(crate) struct Findings<'a> {
    pub(crate) study: &'a Study,
    pub(crate) failing: &'a Failing,
    pub(crate) plan: &'a Plan<'a>,
    /// What happens with nothing down.
    pub(crate) base: Outcome,
    pub(crate) overview: &'a Overview,
    pub(crate) worst: &'a Worst,
    /// The table of what an edit changes.
    pub(crate) differences: Option<&'a Table>,
    pub(crate) threshold: Option<(f64, u64)>,
    pub(crate) latency: Option<Breaches>,
    pub(crate) redundancies: &'a Redundancies,
    pub(crate) windows: Vec<WindowPart>,
    pub(crate) classes: Vec<ClassPart>,
    pub(crate) optimal: Option<f64>,
    /// What was asked, in words.
    pub(crate) question: String,
}

impl Findings<'_> {
    /// Fills the page; `summary` is that of the finished result.
    pub(crate) fn page(self, title: String, summary: &Summary) -> PlanPage {
        let csr = &self.study.csr;
        let first = self.overview.fullest().first();
        let marked = first.filter(|s| s.outcome.max_util > 0.0);
        PlanPage {
            title,
            subtitle: self.subtitle(),
            base: (csr.arc_count() > 0).then(|| self.full(&self.base)),
            base_lost: self.share(&self.base),
            failures: u64::from(self.failing.list.len()) - 1,
            worst: self.overview.fullest().iter().map(|s| self.event(s)).collect(),
            lossiest: self.overview.lossiest().iter().map(|s| self.event(s)).collect(),
            spread: self.overview.spread.cells().collect(),
            map: self.map(),
            marked: marked.map(|s| map::place_of_arc(csr, s.outcome.max_arc)),
            down: marked.map(|s| places(csr, &s.set)).unwrap_or_default(),
            arcs: self.arcs(),
            changes: self.differences.map(|table| changes(csr, table)),
            not_modelled: summary.fidelity.clone(),
            reproduce: reproduce(summary),
            threshold: self.threshold,
            spare: self.redundancies.worst.iter().map(|e| self.spare_lost(e)).collect(),
            cut_off_by: self.redundancies.cut.into(),
            exposed_by: self.redundancies.exposed.into(),
            latency: self.latency,
            windows: self.windows,
            classes: self.classes,
            optimal: self.optimal,
        }
    }

    fn subtitle(&self) -> String {
        let csr = &self.study.csr;
        let links = csr.link_arcs.iter().filter(|arcs| !arcs.is_empty()).count();
        let size = format!("{} nodes, {links} links, {} demands", csr.node_count(), self.study.demands.len());
        format!("{size}; {}", self.question)
    }

    fn full(&self, outcome: &Outcome) -> Full {
        let csr = &self.study.csr;
        // Where there are no arcs none is the fullest.
        let arc = (csr.arc_count() > 0).then(|| arrow(&csr.arc_name(outcome.max_arc)));
        Full { arc: arc.unwrap_or_default(), util: outcome.max_util }
    }

    /// Lost volume as a share of all.
    fn share(&self, outcome: &Outcome) -> f64 {
        let lost = outcome.lost + outcome.lost_own;
        if lost > 0.0 { lost / self.plan.total() } else { 0.0 }
    }

    fn event(&self, scenario: &Scenario) -> Event {
        Event {
            failure: self.name(&scenario.set),
            full: self.full(&scenario.outcome),
            lost: self.share(&scenario.outcome),
            pairs: scenario.outcome.disconnected_pairs,
        }
    }

    fn spare_lost(&self, exposure: &Exposure) -> SpareLost {
        let names = |nodes: &[twin::NodeId]| {
            nodes.iter().map(|node| self.study.csr.node_names[node.index()].clone()).collect()
        };
        SpareLost {
            failure: self.cause(exposure.scenario),
            cut_off: names(&exposure.cut_nodes),
            exposed: names(&exposure.exposed_nodes),
            demands: exposure.exposed_demands.into(),
            volume: if exposure.exposed_bps > 0.0 { exposure.exposed_bps / self.plan.total() } else { 0.0 },
            links: exposure.only_links.len() as u64,
        }
    }

    /// How full an arc gets, in the worst of the failures or with nothing down.
    fn most(&self, arc: ArcId) -> f64 {
        self.worst.of(arc).first().map_or(0.0, |cause| cause.util).max(self.plan.base_util(arc))
    }

    fn map(&self) -> Map {
        let half = |arc: ArcId| {
            let (most, base) = (self.most(arc), self.plan.base_util(arc));
            let cause = self.worst.of(arc).first().copied().filter(|cause| cause.util > base);
            let when = cause.map(|cause| format!(" when {} fails", self.cause(cause.scenario)));
            let percent = |util: f64| format!("{:.1} %", util * 100.0);
            let note =
                format!("{}{}\nnothing down: {}", percent(most), when.unwrap_or_default(), percent(base));
            // A load without capacity is beyond every bound of the colours.
            HalfLink { capacity: 1.0, observed: most.min(f64::MAX), note, ..HalfLink::default() }
        };
        let (red_from, full) = self.scale();
        Map { red_from, full, ..map::map(&self.study.csr, half) }
    }

    /// Where red and the darkest colour begin: by the threshold. Without one by what is full, or in a network that is full
    /// all over by its fullest arcs.
    fn scale(&self) -> (f64, f64) {
        if let Some((threshold, _)) = self.threshold {
            return (threshold, (1.25 * threshold).max(1.0));
        }
        let utils = (0..self.study.csr.arc_count()).map(|arc| self.most(ArcId::new(arc)));
        let finite: Vec<f64> = utils.filter(|util| util.is_finite()).collect();
        let above = finite.iter().filter(|util| **util > 1.0).count();
        let most = finite.iter().copied().fold(1.0, f64::max);
        if 2 * above > finite.len() { (0.64 * most, 0.8 * most) } else { (0.0, 0.0) }
    }

    /// The fullest arcs, of each link the fuller one.
    fn arcs(&self) -> Vec<FullArc> {
        let csr = &self.study.csr;
        let fuller = |arcs: &Vec<ArcId>| {
            arcs.iter().map(|arc| (*arc, self.most(*arc))).reduce(|a, b| if b.1 > a.1 { b } else { a })
        };
        let mut links: Vec<_> = csr.link_arcs.iter().filter_map(fuller).collect();
        links.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: equals by number
        links.truncate(LISTED);
        let row = |(arc, _): (ArcId, f64)| {
            let base = self.plan.base_util(arc);
            let causes = self.worst.of(arc).into_iter().filter(|cause| cause.util > base).take(CAUSES);
            FullArc {
                arc: arrow(&csr.arc_name(arc)),
                base,
                causes: causes.map(|c| (self.cause(c.scenario), c.util)).collect(),
            }
        };
        links.into_iter().map(row).collect()
    }

    fn cause(&self, scenario: u32) -> String {
        self.name(&self.failing.list.get(scenario).0)
    }

    /// What people call a failure set: the groups that it is, or what stands where.
    fn name(&self, set: &FailureSet) -> String {
        let csr = &self.study.csr;
        if self.failing.groups.iter().any(|group| group.set == *set) {
            return self.failing.name(set, csr);
        }
        let nodes = set.nodes().iter().map(|node| csr.node_names[node.index()].clone());
        let names: Vec<_> = set.links().iter().map(|link| link_name(csr, *link)).chain(nodes).collect();
        names.join(", ")
    }
}

/// The ends of a link, with its name where that does not tell them.
fn link_name(csr: &Csr, link: LinkId) -> String {
    let name = &csr.link_names[link.index()];
    let Some(arc) = csr.link_arcs[link.index()].first() else { return name.clone() };
    let [a, b] = [csr.src[arc.index()], csr.dst[arc.index()]].map(|node| &csr.node_names[node.index()]);
    if name.contains(a.as_str()) && name.contains(b.as_str()) {
        name.clone()
    } else {
        format!("{a} – {b} ({name})")
    }
}

pub(super) fn arrow(text: &str) -> String {
    text.replace(" -> ", " → ")
}

/// What a failure set takes down, on the map.
fn places(csr: &Csr, set: &FailureSet) -> Vec<CausePlace> {
    let there = set.links().iter().filter(|link| !csr.link_arcs[link.index()].is_empty());
    let links: Vec<_> = there.map(|link| map::drawn_link(csr, *link)).collect();
    let nodes = set.nodes().iter().map(|node| CausePlace::Node(node.index()));
    let links = (!links.is_empty()).then_some(CausePlace::Links(links));
    links.into_iter().chain(nodes).collect()
}

/// The arcs that an edit changes most, and how many get fuller and emptier.
fn changes(csr: &Csr, table: &Table) -> (Vec<Change>, u64, u64) {
    let column = |name| table.f64(name).iter().map(|value| value.unwrap_or_default()).collect::<Vec<_>>();
    let [base_before, base_after] = ["util_before", "util_after"].map(column);
    let [worst_before, worst_after] = ["worst_before", "worst_after"].map(column);
    let most = |base: f64, worst: f64| base.max(worst);
    let mut changes: Vec<Change> = Vec::new();
    for (i, arc) in table.u32("arc").iter().enumerate() {
        let Some(arc) = arc else { continue };
        changes.push(Change {
            arc: arrow(&csr.arc_name(ArcId(*arc))),
            base: (base_before[i], base_after[i]),
            worst: (most(base_before[i], worst_before[i]), most(base_after[i], worst_after[i])),
        });
    }
    // What differs by rounding alone has not changed.
    let by = |change: &Change| {
        let (before, after) = change.worst;
        let difference = after - before;
        if difference.abs() > 1e-9 * before.max(after) { difference } else { 0.0 }
    };
    let count = |sign: f64| changes.iter().filter(|change| by(change) * sign > 0.0).count() as u64;
    let (fuller, emptier) = (count(1.0), count(-1.0));
    changes.retain(|change| by(change) != 0.0);
    changes.sort_by(|a, b| by(b).abs().total_cmp(&by(a).abs()));
    changes.truncate(LISTED);
    (changes, fuller, emptier)
}

/// Equal studies have equal pages: the command without what changes no result.
pub(crate) fn reproduce(summary: &Summary) -> Reproduce {
    let digests = [
        ("network", &summary.network_digest),
        ("input", &summary.input_digest),
        ("result", &summary.result_digest),
    ];
    Reproduce {
        command: command(&summary.run.command_line),
        seed: summary.seed,
        version: summary.version.clone(),
        trials: 0,
        digests: digests.map(|(name, digest)| (name.to_owned(), digest.clone())).into(),
    }
}

/// A command line without its threads and its words on the screen, the result folder called DIR, quoted for a shell.
fn command(line: &[String]) -> String {
    let mut words = vec!["umbra".to_owned()];
    let mut rest = line.iter().skip(1);
    while let Some(word) = rest.next() {
        let (option, value) = word.split_once('=').map_or((word.as_str(), None), |(o, v)| (o, Some(v)));
        match option {
            "--out" | "--result" => words.extend([option.to_owned(), "DIR".to_owned()]),
            "--threads" | "--output" => {}
            "-q" | "--quiet" | "-v" | "-vv" | "--verbose" => continue,
            _ => {
                words.push(quoted(word));
                continue;
            }
        }
        if value.is_none() {
            rest.next();
        }
    }
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,+%@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_keeps_what_decides_the_result() {
        let line = "/x/umbra --threads 4 whatif net.xml --out=/tmp/a --fail groups:g.yaml -q --output json";
        let line: Vec<_> = line.split(' ').map(str::to_owned).collect();
        assert_eq!(command(&line), "umbra whatif net.xml --out DIR --fail groups:g.yaml");
        assert_eq!(["it's", "a b", "", "30%"].map(quoted), ["'it'\\''s'", "'a b'", "''", "30%"]);
    }
}
