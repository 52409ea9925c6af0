//! Somebody changed a metric: traffic moves and nothing is lost.

use std::collections::BTreeSet;

use models::routing::UNREACHABLE;
use models::{Failures, Routing};
use twin::{Csr, LinkId, NodeId};

use super::{Class, Form, Place, links};
use crate::causes::state::Change;

/// The usual steps of traffic engineering, and *costed out*. As frequent as failures of links: in a large network most
/// changes of routing are planned (Markopoulou et al., INFOCOM 2004: 20 % of failures are maintenance alone).
pub(in crate::causes) static METRIC: Class = Class {
    name: "metric",
    words: "the metric was changed of",
    severity: "of the metric it had",
    places: links,
    forms: |csr, place| {
        let Place::Link(link) = place else { return Vec::new() };
        let Some(arc) = csr.link_arcs[link.index()].first() else { return Vec::new() };
        let believed = csr.metric[arc.index()].max(1);
        let form = |(up, down): (u32, u32)| {
            let metric = (believed.saturating_mul(up) / down).max(1);
            Form {
                change: Change::Metric(link, metric),
                severity: Some(f64::from(metric) / f64::from(believed)),
            }
        };
        [(1, 8), (1, 4), (1, 2), (3, 2), (2, 1), (4, 1), (100, 1)].map(form).to_vec()
    },
    between: None,
    finer: Some(regimes),
    per_h: 1e-4,
    wears: false,
};

/// Metrics from this share of the one before to so many times it are set.
const LEAST: f64 = 0.1;
const MOST: f64 = 100.0;

/// One metric for each set of shortest paths that metrics of the link lead to, with its share of the prior: even in the
/// logarithm over whole numbers. Those that lead to the paths that there are change nothing and are left out.
fn regimes(csr: &Csr, routing: &Routing, place: Place) -> Vec<(Form, f64)> {
    let Place::Link(link) = place else { return Vec::new() };
    let Some(arc) = csr.link_arcs[link.index()].first() else { return Vec::new() };
    let believed = csr.metric[arc.index()].max(1);
    let least = (LEAST * f64::from(believed)).ceil().max(1.0) as u64;
    let most = (MOST * f64::from(believed)).min(f64::from(u32::MAX)) as u64;
    let ties = ties(csr, routing, link);
    let ties: Vec<u64> = ties.range(least..=most).copied().collect();
    // Ties, and the ranges between them.
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let mut from = least;
    for tie in ties {
        ranges.extend([(from, tie - 1), (tie, tie)]);
        from = tie + 1;
    }
    ranges.push((from, most));
    ranges.retain(|(low, high)| low <= high && !(*low..=*high).contains(&u64::from(believed)));
    let form = |(low, high): (u64, u64)| {
        let (below, above) = (low as f64 - 0.5, high as f64 + 0.5);
        let metric = ((below * above).sqrt().round() as u64).clamp(low, high) as u32;
        let severity = Some(f64::from(metric) / f64::from(believed));
        (Form { change: Change::Metric(link, metric), severity }, libm::log(above / below))
    };
    ranges.into_iter().map(form).collect()
}

/// The metrics of a link at which a path over it is as long as the shortest without it: paths change there and nowhere else.
fn ties(csr: &Csr, routing: &Routing, link: LinkId) -> BTreeSet<u64> {
    let without = routing.after(csr, &Failures::none(csr).with_link(link));
    let nodes = || (0..csr.node_count()).map(NodeId::new);
    let known = |distance: u64| (distance != UNREACHABLE).then_some(distance);
    let mut ties = BTreeSet::new();
    for arc in &csr.link_arcs[link.index()] {
        let (tail, head) = (csr.src[arc.index()], csr.dst[arc.index()]);
        let to_tail = without.to(tail);
        for dst in nodes() {
            let to = without.to(dst);
            let Some(beyond) = known(to.distance(head)) else { continue };
            for src in nodes() {
                let (Some(whole), Some(before)) = (known(to.distance(src)), known(to_tail.distance(src)))
                else {
                    continue;
                };
                ties.extend(whole.checked_sub(before + beyond).filter(|tie| *tie > 0));
            }
        }
    }
    ties
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::Layer;

    #[test]
    fn every_metric_leads_to_the_paths_of_its_regime() {
        let (net, _) = testkit::recorded("Abilene");
        let csr = Csr::compile(&net.to_twin(), Layer::Igp);
        let none = Failures::none(&csr);
        let routing = Routing::compute(&csr, &none);
        let with = |link: LinkId, metric: u32| {
            let mut csr = csr.clone();
            csr.link_arcs[link.index()].clone().iter().for_each(|a| csr.metric[a.index()] = metric);
            Routing::compute(&csr, &none)
        };
        let same = |a: &Routing, b: &Routing| (0..csr.node_count()).all(|d| a.same_paths(b, NodeId::new(d)));
        for link in (0..csr.link_count()).map(LinkId::new) {
            let believed = csr.metric[csr.link_arcs[link.index()][0].index()];
            let regimes: Vec<Routing> = regimes(&csr, &routing, Place::Link(link))
                .into_iter()
                .filter_map(|(form, _)| match form.change {
                    Change::Metric(link, metric) => Some(with(link, metric)),
                    _ => None,
                })
                .collect();
            for metric in believed.div_ceil(10)..=10 * believed {
                let routing_there = with(link, metric);
                let known = same(&routing_there, &routing) || regimes.iter().any(|r| same(r, &routing_there));
                assert!(known, "metric {metric} of link {}", link.index());
            }
            let unlike = regimes.iter().enumerate().all(|(i, r)| regimes[..i].iter().all(|o| !same(r, o)));
            assert!(unlike, "two regimes of link {} have the same paths", link.index());
        }
    }
}
