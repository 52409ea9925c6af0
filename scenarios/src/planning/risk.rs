//! The pre-mortem: what is most likely to break next, what it would break, and the cheapest way out.
//!
//! Risk is a probability times a volume: how probably an element fails within the horizon, and how much traffic would then
//! be lost or be carried by links fuller than the limit.

use models::{Loads, NodeDemand, Routing};
use rayon::prelude::*;
use twin::{ArcId, Csr, LinkId};

use super::availability::{Component, YEAR_H};
use super::members::capacity_left;
use super::{FailureSet, Outcome, Plan, utilization};

/// Times between failures of one element are Weibull with a shape below 1: what failed lately fails again sooner
/// (Markopoulou et al., ToN 2008; 0.5 to 0.9, unverified).
const SHAPE: f64 = 0.7;

/// How many failures the published rate counts as, against what was seen of the element itself: counts per link follow a
/// power law (ibid.), so the rate of one link is hardly known in advance.
const PRIOR_FAILURES: f64 = 0.5;

/// What was seen of an element lately.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct History {
    /// Failures in the time that was watched.
    pub failures: f64,
    /// Hours that were watched; 0 where nothing is known.
    pub watched_h: f64,
    /// Hours since the last failure, or since it was put into service where that is known.
    pub since_h: Option<f64>,
    /// Probability that it wears out within the horizon, by what was measured of it (optical power, error counters, …); 0
    /// where nothing is known.
    pub worn: f64,
}

/// The probability that a component which is up fails within `hours`.
///
/// The rate is the published one, corrected by what was seen of the element (gamma prior of half a failure); the hazard
/// falls with the time since the last failure (Weibull, conditional on having survived that long). Wear is a cause of its own
/// beside these.
fn probability_of_failure(component: &Component, history: History, hours: f64) -> f64 {
    let down = component.down.min(1.0 - 1e-9);
    let published = down / ((1.0 - down) * component.repair_h);
    let rate = (PRIOR_FAILURES + history.failures) / (PRIOR_FAILURES / published + history.watched_h);
    let exponent = match history.since_h {
        None => rate * hours,
        Some(since) => {
            // The scale that gives the mean 1 / rate.
            let scale = 1.0 / (rate * libm::tgamma(1.0 + 1.0 / SHAPE));
            libm::pow((since + hours) / scale, SHAPE) - libm::pow(since / scale, SHAPE)
        }
    };
    1.0 - libm::exp(-exponent) * (1.0 - history.worn.clamp(0.0, 1.0))
}

/// An element that may fail, and what it would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Threat {
    /// Position of the component.
    pub component: u32,
    /// What fails.
    pub set: FailureSet,
    /// Probability that it fails within the horizon.
    pub probability: f64,
    /// What it does.
    pub outcome: Outcome,
    /// Volume on links above the limit, by what is above it, in bit/s.
    pub above: f64,
    /// Arcs above the limit, fullest first.
    pub over: Vec<ArcId>,
    /// The cheapest way out.
    pub way_out: WayOut,
}

impl Threat {
    /// Volume lost or above the limit, in bit/s, more than with nothing down.
    fn impact(&self) -> f64 {
        self.outcome.lost + self.outcome.lost_own + self.above
    }

    /// Expected volume lost or above the limit, in bit/s.
    pub fn risk(&self) -> f64 {
        self.probability * self.impact()
    }
}

/// What to do about a threat, cheapest first.
#[derive(Clone, Debug, PartialEq)]
pub enum WayOut {
    /// Nothing: it breaks nothing.
    NotNeeded,
    /// Another metric of a link keeps all below the limit, with the element down and with nothing down.
    Metric {
        /// The link, in both directions.
        link: LinkId,
        /// Its metric now.
        from: u32,
        /// Its metric then.
        to: u32,
    },
    /// More capacity on these arcs: how much in all, in bit/s.
    Upgrade {
        /// The arcs and what each needs besides.
        arcs: Vec<(ArcId, f64)>,
    },
    /// Volume is cut off: only another link helps.
    Redundancy,
}

/// How the threats are judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Horizon {
    /// How far to look, in hours.
    pub hours: f64,
    /// Links should not be fuller.
    pub limit: f64,
    /// For how many of the greatest risks a way out is sought.
    pub ways_out: usize,
}

/// The threats, greatest risk first; equals in the order of the components. `history` has one entry for each component.
/// Cost: one evaluation for each component, and a routing for each metric that is tried.
pub fn threats(
    plan: &Plan<'_>,
    components: &[Component],
    history: &[History],
    horizon: Horizon,
) -> Vec<Threat> {
    let capacity = |arc: ArcId| plan.csr().capacity[arc.index()].as_f64();
    let (base_above, _) = above(plan, |arc| (plan.base().arc[arc.index()], capacity(arc)), horizon.limit);
    let base_lost = plan.base().lost;
    let mut threats: Vec<_> = components
        .par_iter()
        .zip(history)
        .enumerate()
        .map_init(
            || plan.evaluator(),
            |evaluator, (i, (component, history))| {
                let mut outcome = evaluator.evaluate(&component.set);
                let (all_above, over) =
                    above(plan, |arc| (evaluator.load(arc), evaluator.capacity(arc)), horizon.limit);
                outcome.lost = (outcome.lost - base_lost).max(0.0);
                Threat {
                    component: i as u32,
                    set: component.set.clone(),
                    probability: probability_of_failure(component, *history, horizon.hours),
                    outcome,
                    above: (all_above - base_above).max(0.0),
                    over,
                    way_out: WayOut::NotNeeded,
                }
            },
        )
        .collect();
    threats.sort_by(|a, b| b.risk().total_cmp(&a.risk())); // stable
    let sought = horizon.ways_out.min(threats.len());
    threats[..sought].par_iter_mut().for_each(|threat| threat.way_out = way_out(plan, threat, horizon.limit));
    threats
}

/// Volume above the limit, and the arcs where it is, fullest first; given load and capacity of each arc.
fn above(plan: &Plan<'_>, on: impl Fn(ArcId) -> (f64, f64), limit: f64) -> (f64, Vec<ArcId>) {
    let mut over: Vec<_> = (0..plan.csr().arc_count())
        .map(ArcId::new)
        .map(|arc| (arc, on(arc)))
        .filter(|(_, (load, capacity))| utilization(*load, *capacity) > limit)
        .collect();
    let sum = over.iter().map(|(_, (load, capacity))| load - limit * capacity).sum();
    over.sort_by(|(_, a), (_, b)| (b.0 / b.1).total_cmp(&(a.0 / a.1)));
    (sum, over.into_iter().map(|(arc, _)| arc).collect())
}

/// Factors of a metric that are tried on a link that gets too full: enough to shift equal and nearly equal paths.
const FACTORS: [f64; 5] = [1.1, 1.25, 1.5, 2.0, 4.0];

fn way_out(plan: &Plan<'_>, threat: &Threat, limit: f64) -> WayOut {
    if threat.outcome.lost > 0.0 {
        return WayOut::Redundancy;
    }
    if threat.above <= 0.0 {
        return WayOut::NotNeeded;
    }
    metric(plan, threat, limit).unwrap_or_else(|| {
        let loads = loads(plan.csr(), plan.demands(), &threat.set);
        let left = capacity_left(plan.csr(), &threat.set);
        let needs = |arc: &ArcId| {
            let more = loads.arc[arc.index()] / limit - left.capacity[arc.index()].as_f64();
            (more > 0.0).then_some((*arc, more))
        };
        WayOut::Upgrade { arcs: threat.over.iter().filter_map(needs).collect() }
    })
}

/// The first metric of one of the fullest links with which nothing is above the limit, or no fuller than it is anyway.
fn metric(plan: &Plan<'_>, threat: &Threat, limit: f64) -> Option<WayOut> {
    let csr = plan.csr();
    let allowed = plan.base().max_utilization(csr).map_or(limit, |(_, u)| u.max(limit));
    let links = threat.over.iter().map(|arc| csr.link[arc.index()]);
    let mut tried = Vec::new();
    for link in links {
        if tried.contains(&link) || tried.len() == 3 {
            continue;
        }
        tried.push(link);
        let from = csr.metric[csr.link_arcs[link.index()][0].index()];
        for factor in FACTORS {
            let to = (f64::from(from.max(1)) * factor).ceil().min(f64::from(u32::MAX)) as u32;
            let mut other = csr.clone();
            csr.link_arcs[link.index()].iter().for_each(|arc| other.metric[arc.index()] = to);
            let fits = |set: &FailureSet| {
                let loads = loads(&other, plan.demands(), set);
                let worst = loads.max_utilization(&capacity_left(&other, set));
                worst.is_none_or(|(_, u)| u <= allowed * (1.0 + 1e-12))
            };
            if fits(&FailureSet::default()) && fits(&threat.set) {
                return Some(WayOut::Metric { link, from, to });
            }
        }
    }
    None
}

fn loads(csr: &Csr, demands: &[NodeDemand], set: &FailureSet) -> Loads {
    let down = set.failures(csr);
    Loads::compute(csr, &Routing::compute(csr, &down), &down, demands)
}

/// The published rate of a component: failures a year.
pub fn failures_a_year(component: &Component) -> f64 {
    let down = component.down.min(1.0 - 1e-9);
    YEAR_H * down / ((1.0 - down) * component.repair_h)
}

#[cfg(test)]
mod tests {
    use models::Failures;

    use super::*;
    use crate::planning::availability::{FailureModel, Preset};
    use engine::Seeds;
    use twin::{BitsPerSec, Layer, LinkSpec, NodeId, NodeKind, SimDuration, TwinBuilder};

    fn component(down: f64) -> Component {
        Component { key: twin::EntityKey::new("x"), set: FailureSet::default(), down, repair_h: 10.0 }
    }

    #[test]
    fn what_failed_lately_fails_again_sooner() {
        let link = component(0.005);
        let p = |failures, watched_h, since_h| {
            probability_of_failure(&link, History { failures, watched_h, since_h, worn: 0.0 }, 24.0)
        };
        // Rate 0.005 / 0.995 / 10 h: in a day 1.2 %.
        let unknown = p(0.0, 0.0, None);
        assert!((unknown - (1.0 - libm::exp(-24.0 * 0.005 / 9.95))).abs() < 1e-12);
        assert!(p(0.0, 8766.0, None) < unknown, "a quiet year");
        assert!(p(5.0, 720.0, None) > 3.0 * unknown, "five failures in a month");
        assert!(p(1.0, 720.0, Some(1.0)) > p(1.0, 720.0, Some(700.0)), "an hour ago against a month ago");
        assert_eq!(p(0.0, 0.0, None), probability_of_failure(&link, History::default(), 24.0));
        let worn = probability_of_failure(&link, History { worn: 0.6, ..History::default() }, 24.0);
        assert!((worn - (1.0 - 0.4 * (1.0 - unknown))).abs() < 1e-12);
    }

    #[test]
    fn risk_is_probability_times_what_breaks_and_a_metric_may_help() {
        // a-b twice as direct as over c or d; the way over c has room for half of it only.
        let mut b = TwinBuilder::new("diamond");
        let keys: Vec<_> =
            ["a", "b", "c", "d", "e"].iter().map(|n| b.node(n, NodeKind::Router, None)).collect();
        for (x, y, metric, gbps) in
            [(0, 1, 10, 10), (0, 2, 5, 4), (2, 1, 6, 4), (0, 3, 6, 10), (3, 1, 6, 10), (1, 4, 1, 10)]
        {
            let spec = LinkSpec::symmetric(metric, BitsPerSec::gbps(gbps), SimDuration::ZERO);
            b.link(&format!("{x}{y}"), &keys[x], &keys[y], spec);
        }
        let csr = Csr::compile(&b.finish(), Layer::Igp);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        let demands = [(0, 1, 6e9), (0, 4, 1e9)].map(|(src, dst, bps)| NodeDemand {
            src: NodeId(src),
            dst: NodeId(dst),
            bps,
        });
        let plan = Plan::new(&csr, &routing, &demands);
        let model = FailureModel::new(Preset::Links(0.01), &plan, &[], Seeds::new(0)).unwrap();
        let history = vec![History::default(); model.components.len()];
        let horizon = Horizon { hours: 24.0, limit: 0.9, ways_out: 3 };
        let found = threats(&plan, &model.components, &history, horizon);
        // a-b moves 7 Gbit/s onto 4: 3.4 above 90 % on each of two arcs. b-e cuts 1 Gbit/s off.
        assert_eq!(found[0].set.links(), [LinkId(0)]);
        assert!((found[0].above - 2.0 * (7e9 - 0.9 * 4e9)).abs() < 1.0);
        let WayOut::Metric { link, from, to } = found[0].way_out else { panic!("{:?}", found[0].way_out) };
        assert!(link == LinkId(1) || link == LinkId(2));
        assert!(to > from);
        assert_eq!(found[1].set.links(), [LinkId(5)]);
        assert_eq!((found[1].outcome.lost, &found[1].way_out), (1e9, &WayOut::Redundancy));
        assert_eq!(found[2].impact(), 0.0);
    }
}
