//! The demo's page: findings put into the plain data of `report::page`.

use std::collections::BTreeMap;

use report::page::{
    Axis, Cause, CausePlace, Comparison, Deviation, Drain, Evidence, HalfLink, Interval, Map, Page, Probe,
    Reading, Reproduce, Strip, Unit,
};
use scenarios::component::Component;
use scenarios::world::{BIN_S, World};
use twin::{ArcId, Csr, Residual, Subject};

use super::answer::Answer;
use super::library::Library;
use super::pipeline::{Findings, QUIET_BINS};
use super::screen::{largest, management, minutes, words};
use crate::map;

/// Minutes in one bin of the page's axis: the pace of the polls.
const STEP: u32 = 5;
/// Series that are drawn beside the shadow, residuals in the table, strips in the time line.
const DRAWN: usize = 8;
const LISTED: usize = 15;
const STRIPS: usize = 60;

/// Fills the page.
pub(crate) fn page(
    library: &Library,
    world: &World,
    findings: &Findings,
    answer: &Answer,
    reproduce: Reproduce,
) -> Page {
    let csr = &findings.csr;
    let bins = (world.flows.bins / STEP) as usize;
    let series = by_series(&findings.residuals);
    Page {
        title: library.title.to_owned(),
        subtitle: format!(
            "{} of counters and {} watched flows; {}",
            minutes(world),
            world.flows.len(),
            library.traffic
        ),
        management: management(world, findings)
            .into_iter()
            .map(|(what, value, healthy)| Reading { what: capital(&what), value: arrow(&value), healthy })
            .collect(),
        map: map(world, findings),
        axis: Axis {
            bins,
            bin_s: BIN_S * f64::from(STEP),
            judged_from: (QUIET_BINS / STEP) as usize,
            onset: findings.ranking.causes.first().filter(|c| c.probability > 0.5).map(|c| {
                let at = |bin: f64| bin / f64::from(STEP);
                Interval { value: at(c.onset.0), lo: at(c.onset.1.into()), hi: at(c.onset.2.into()) }
            }),
        },
        top: largest(&findings.residuals, DRAWN)
            .into_iter()
            .map(|r| comparison(csr, &series[&r.subject], bins))
            .collect(),
        residuals: largest(&findings.residuals, LISTED).into_iter().map(|r| deviation(csr, r)).collect(),
        timeline: strips(csr, findings, &series, bins),
        causes: causes(findings, answer, world),
        drain: drain(findings, answer),
        probe: probe(csr, answer),
        not_modelled: answer.fidelity.clone(),
        reproduce,
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

fn by_series(residuals: &[Residual]) -> BTreeMap<Subject, Vec<Residual>> {
    let mut series: BTreeMap<Subject, Vec<Residual>> = BTreeMap::new();
    for r in residuals {
        series.entry(r.subject).or_default().push(*r);
    }
    series
}

fn arrow(text: &str) -> String {
    text.replace(" -> ", " → ").replace(" - ", " – ")
}

fn unit(subject: Subject) -> Unit {
    match subject {
        Subject::ArcLoad { .. } => Unit::BitsPerSec,
        Subject::PairLoss { .. } => Unit::Share,
        Subject::PairRtt { .. } => Unit::Millis,
    }
}

fn comparison(csr: &Csr, rows: &[Residual], bins: usize) -> Comparison {
    let first = &rows[0];
    let mut c = Comparison {
        label: arrow(&words(csr, first).0),
        unit: unit(first.subject),
        observed: vec![f64::NAN; bins],
        shadow: vec![f64::NAN; bins],
        sigma: vec![f64::NAN; bins],
    };
    for r in rows {
        let bin = (r.bin / STEP) as usize;
        (c.observed[bin], c.shadow[bin], c.sigma[bin]) = (r.observed, r.shadow, r.sigma);
    }
    c
}

fn deviation(csr: &Csr, r: &Residual) -> Deviation {
    Deviation {
        label: arrow(&words(csr, r).0),
        unit: unit(r.subject),
        bin: (r.bin / STEP) as usize,
        observed: r.observed,
        shadow: r.shadow,
        sigma: r.sigma,
    }
}

/// Abnormal series first, then those with the largest |z|.
fn strips(
    csr: &Csr,
    findings: &Findings,
    series: &BTreeMap<Subject, Vec<Residual>>,
    bins: usize,
) -> Vec<Strip> {
    let abnormal = findings.anomalies.iter().map(|a| a.subject);
    let others = largest(&findings.residuals, STRIPS).into_iter().map(|r| r.subject);
    let mut subjects: Vec<Subject> = Vec::new();
    for subject in abnormal.chain(others) {
        if subjects.len() < STRIPS && !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    subjects
        .into_iter()
        .map(|subject| {
            let mut z = vec![f64::NAN; bins];
            for r in &series[&subject] {
                z[(r.bin / STEP) as usize] = r.z();
            }
            Strip { label: arrow(&words(csr, &series[&subject][0]).0), z }
        })
        .collect()
}

fn map(world: &World, findings: &Findings) -> Map {
    let csr = &findings.csr;
    let (observed, shadow) = (world.polls.last(), findings.expected.last());
    let half = |arc: ArcId| HalfLink {
        capacity: csr.capacity[arc.index()].as_f64(),
        observed: observed.map_or(f64::NAN, |p| p[arc.index()]),
        shadow: shadow.map_or(f64::NAN, |p| p[arc.index()]),
        ..HalfLink::default()
    };
    Map { loads: format!("last poll, minute {}", world.flows.bins), ..map::map(csr, half) }
}

fn place(csr: &Csr, component: Component) -> CausePlace {
    match component {
        Component::LinkLoss(arc) | Component::Capacity(arc) => map::place_of_arc(csr, arc),
        Component::LinkDown(link) => CausePlace::Links(vec![map::drawn_link(csr, link)]),
        Component::Device(node) => CausePlace::Node(node.index()),
    }
}

fn causes(findings: &Findings, answer: &Answer, world: &World) -> Vec<Cause> {
    let (csr, ranking) = (&findings.csr, &findings.ranking);
    let bad = findings.bad.len() as u64;
    let mut list: Vec<Cause> = ranking
        .causes
        .iter()
        .enumerate()
        .map(|(i, c)| {
            let (a, b) = c.component.ends(csr);
            Cause {
                class: c.component.class().to_owned(),
                a,
                b,
                object: None,
                place: Some(place(csr, c.component)),
                probability: c.probability,
                std_error: c.std_error,
                severity: c.severity.map(|(value, lo, hi)| Interval { value, lo, hi }),
                explains: answer.explained.get(i).map(|n| (*n as u64, bad)),
                same_as: None,
                log_bayes: c.log_bayes,
                evidence: c.ledger.iter().map(|e| evidence(findings, world, e)).collect(),
                ..Cause::default()
            }
        })
        .collect();
    let simple = |class: &str, probability, log_bayes| Cause {
        class: class.to_owned(),
        probability,
        log_bayes,
        ..Cause::default()
    };
    list.push(simple("none", ranking.none, 0.0));
    list.push(simple("unknown", ranking.unknown, ranking.unknown_log_bayes));
    let mut order: Vec<usize> = (0..list.len()).collect();
    order.sort_by(|a, b| list[*b].probability.total_cmp(&list[*a].probability));
    let position = |i: usize| order.iter().position(|o| *o == i);
    let same: Vec<Option<usize>> = ranking.causes.iter().map(|c| c.same_as.and_then(position)).collect();
    let mut sorted: Vec<Cause> = order.iter().map(|i| list[*i].clone()).collect();
    for (at, i) in order.iter().enumerate() {
        sorted[at].same_as = same.get(*i).copied().flatten();
    }
    sorted
}

fn evidence(
    findings: &Findings,
    world: &World,
    ((source, item), log_bayes): &((&str, String), f64),
) -> Evidence {
    let counts = if *source == "flows" { pair_counts(findings, world, item) } else { None };
    let item = counts.map_or_else(|| arrow(item), |c| format!("{}: {c}", arrow(item)));
    Evidence { source: (*source).to_owned(), item, log_bayes: *log_bayes }
}

/// Losses of a pair since the onset and before, in words.
fn pair_counts(findings: &Findings, world: &World, item: &str) -> Option<String> {
    let csr = &findings.csr;
    let (a, b) = item.split_once(" -> ")?;
    let (a, b) = (csr.node_named(a)?, csr.node_named(b)?);
    let flows = &world.flows;
    let sum = |from: u32, to: u32| {
        let of_pair = (0..flows.len()).filter(|f| flows.info[*f].src == a && flows.info[*f].dst == b);
        of_pair.fold((0u32, 0u32), |(s, l), f| {
            let c = flows.count(f, from, to);
            (s + c.sent, l + c.lost)
        })
    };
    let (before, after) = (sum(0, findings.onset), sum(findings.onset, flows.bins));
    Some(format!("lost {} of {} since, {} of {} before", after.1, after.0, before.1, before.0))
}

fn drain(findings: &Findings, answer: &Answer) -> Option<Drain> {
    let csr = &findings.csr;
    let (first, drain) = (findings.ranking.causes.first()?, answer.drain.as_ref()?);
    let link = first.component.link(csr)?;
    let now = drain.worst_now.map_or(f64::NAN, |(_, u)| u);
    Some(Drain {
        element: arrow(&Component::LinkDown(link).element(csr)),
        busiest: drain.worst.map(|(arc, u)| (arrow(&csr.arc_name(arc)), now, u)),
        cut_off: drain
            .cut_off
            .iter()
            .map(|(s, d)| (csr.node_names[s.index()].clone(), csr.node_names[d.index()].clone()))
            .collect(),
        moved: drain.moved_share,
    })
}

fn probe(csr: &Csr, answer: &Answer) -> Option<Probe> {
    let (probe, other) = answer.probe.as_ref()?;
    let name = |n: twin::NodeId| &csr.node_names[n.index()];
    Some(Probe {
        action: format!("Send {} packets from {} to {}.", probe.packets, name(probe.src), name(probe.dst)),
        if_right: format!("{:.0} ± {:.0} of them are lost", probe.if_first.0, probe.if_first.1),
        if_wrong: format!("{:.0} ± {:.0} are lost: {}", probe.if_other.0, probe.if_other.1, arrow(other)),
    })
}
