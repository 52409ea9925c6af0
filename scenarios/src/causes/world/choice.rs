//! What is drawn before anything happens: the demands, what the twin has wrong, and a cause with consequences.

use engine::{Stream, Trial};
use models::NodeDemand;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use twin::{ArcId, Csr, LinkId};

use super::NONE;
use super::paths::Paths;
use super::queues;
use crate::causes::class::{CLASSES, Cause, Form, Place};
use crate::causes::state::{Change, State};

/// Standard deviation of the logarithm of a demand around the matrix that the twin has.
const DEMAND_ERROR: f64 = 0.25;

/// In one world of four one metric is half or twice what the twin believes.
pub(super) fn stale_metric(csr: &Csr, draw: &mut Stream) -> (Csr, Option<(LinkId, u32)>) {
    let (wrong, up) = (draw.random::<f64>() < 0.25, draw.random::<f64>() < 0.5);
    let link = LinkId::new(draw.random_range(0..csr.link_count().max(1)));
    let mut there = csr.clone();
    let arcs = csr.link_arcs.get(link.index()).filter(|arcs| wrong && !arcs.is_empty());
    let Some(arcs) = arcs else { return (there, None) };
    let believed = csr.metric[arcs[0].index()].max(1);
    let metric = if up { believed.saturating_mul(2) } else { (believed / 2).max(1) };
    arcs.iter().for_each(|a| there.metric[a.index()] = metric);
    (there, Some((link, metric)))
}

/// Demands around those of the matrix.
pub(super) fn demands(believed: &[NodeDemand], draw: &mut Stream) -> Vec<NodeDemand> {
    let each = |d: &NodeDemand| {
        let z: f64 = StandardNormal.sample(draw);
        NodeDemand { bps: d.bps * libm::exp(DEMAND_ERROR * z), ..*d }
    };
    believed.iter().map(each).collect()
}

/// Scales demands so that the fullest half-link is at 55 to 75 % of its capacity: where nothing is near full, hardly any
/// fault has consequences.
pub(super) fn fill(csr: &Csr, paths: &Paths, demands: &mut [NodeDemand], draw: &mut Stream) {
    let loads = paths.offered(csr, demands);
    let fullest = loads.iter().zip(&csr.capacity).map(|(l, c)| l / c.as_f64()).fold(0.0, f64::max);
    let target = 0.55 + 0.2 * draw.random::<f64>();
    if fullest > 0.0 {
        demands.iter_mut().for_each(|d| d.bps *= target / fullest);
    }
}

/// Draws a class, then a place and form that anyone would notice; nothing for an incident that is none.
pub(super) fn cause(
    csr: &Csr,
    healthy: &State,
    before: &Paths,
    demands: &[NodeDemand],
    chance: Trial,
    draw: &mut Stream,
) -> Option<(Cause, Form, State, Paths)> {
    if draw.random_range(0..NONE) == 0 {
        return None;
    }
    let loads = before.offered(csr, demands);
    /// Draws of places before another class is tried.
    const TRIES: usize = 60;
    let mut classes: Vec<_> = CLASSES.to_vec();
    while !classes.is_empty() {
        let class = classes.swap_remove(draw.random_range(0..classes.len()));
        let places = (class.places)(csr, &healthy.routing);
        for _ in 0..if places.is_empty() { 0 } else { TRIES } {
            let cause = Cause { class, place: places[draw.random_range(0..places.len())] };
            let Some(form) = form(csr, healthy, &cause, &loads, draw) else { continue };
            let state = healthy.with(csr, form.change);
            let moves = matches!(form.change, Change::Down(_) | Change::Metric(..) | Change::Hash(..));
            if !moves {
                return Some((cause, form, state, before.clone()));
            }
            let after = Paths::of_demands(csr, &state, demands, chance);
            let new = after.offered(csr, demands);
            let noticed = loads.iter().zip(&new).zip(&csr.capacity);
            if noticed.map(|((l, n), c)| (l - n).abs() / c.as_f64()).fold(0.0, f64::max) > 0.04 {
                return Some((cause, form, state, after));
            }
        }
    }
    None
}

/// A form of the cause that has consequences there, if any has. Severities are drawn between those of the hypotheses.
fn form(csr: &Csr, healthy: &State, cause: &Cause, loads: &[f64], draw: &mut Stream) -> Option<Form> {
    let u: f64 = draw.random();
    let used = |arc: ArcId| loads[arc.index()] / csr.capacity[arc.index()].as_f64();
    let of = |severity: f64, change: Change| Some(Form { change, severity: Some(severity) });
    match (cause.class.name, cause.place) {
        ("link_loss", Place::Arc(arc)) if used(arc) > 0.03 => {
            let rate = 0.004 * libm::pow(20.0, u);
            of(rate, Change::Loss(arc, rate))
        }
        ("capacity", Place::Arc(arc)) if used(arc) > 0.42 => of(0.5, Change::Rate(arc, 0.5, 0.5)),
        ("shaper", Place::Arc(arc)) if used(arc) > 0.2 => {
            let share = used(arc) * (0.6 + 0.4 * u);
            of(share, Change::Rate(arc, share, 3.0 + 6.0 * draw.random::<f64>()))
        }
        ("queue", Place::Arc(arc)) if used(arc) > 0.4 => {
            // From a third to four of the trains of packets that it should hold.
            let train = queues::train_bits((used(arc)).min(0.98));
            let share = 0.3 * libm::pow(13.0, u) * train / healthy.arcs[arc.index()].buffer;
            of(share, Change::Buffer(arc, share))
        }
        ("metric", Place::Link(link)) => {
            let believed = f64::from(csr.metric[csr.link_arcs[link.index()].first()?.index()].max(1));
            let times =
                if u < 0.5 { 0.1 * libm::pow(5.0, 2.0 * u) } else { 1.5 * libm::pow(40.0, 2.0 * u - 1.0) };
            let metric = (believed * times).round().max(1.0);
            of(metric / believed, Change::Metric(link, metric as u32))
        }
        ("link_loss" | "capacity" | "shaper" | "queue", _) => None,
        _ => {
            let forms = cause.forms(csr);
            (!forms.is_empty()).then(|| forms[draw.random_range(0..forms.len())])
        }
    }
}
