//! When does a link exceed a limit under any failure, if traffic grows?
//!
//! Open-loop loads are linear in the demands, so nothing is stepped through: a failure is a load for each group of demands
//! that grows alike, and the load after t years is Σ load · (1 + rate)^t. Of all failures only those count for an arc that
//! no other exceeds in every group; they are few. The logarithm of the worst of them is convex in t, so from the right
//! Newton's method runs down to the one crossing without passing it, in a single step where all grow alike.

use models::{NodeDemand, Routing};
use rayon::prelude::*;
use twin::{ArcId, Csr};

use super::{Evaluator, FailureList, Plan, utilization};

/// Days in a year of growth.
pub const DAYS_A_YEAR: f64 = 365.25;

/// Years that are looked ahead.
pub const HORIZON_YEARS: u32 = 100;

/// Demands by how fast they grow.
#[derive(Clone, Debug)]
pub struct Growth {
    /// Growth a year of each group, above -1, at most 100: 0.3 is 30 %.
    rates: Vec<f64>,
    groups: Vec<Vec<NodeDemand>>,
}

impl Growth {
    /// Groups demands by their rate, given for each; demands of one rate are one group.
    ///
    /// # Panics
    /// If a rate is not a number above -1 and at most 100, or if there are not as many rates as demands.
    pub fn new(demands: &[NodeDemand], rates: &[f64]) -> Self {
        assert_eq!(demands.len(), rates.len(), "a rate for each demand");
        assert!(rates.iter().all(|r| *r > -1.0 && *r <= 100.0), "rates are above -1 and at most 100");
        let mut growth = Self { rates: Vec::new(), groups: Vec::new() };
        for (demand, rate) in demands.iter().zip(rates) {
            let group = growth.rates.iter().position(|r| r == rate).unwrap_or_else(|| {
                growth.rates.push(*rate);
                growth.groups.push(Vec::new());
                growth.rates.len() - 1
            });
            growth.groups[group].push(*demand);
        }
        growth
    }

    /// The load after some days of one failure, given that of each group today.
    fn load(&self, today: &[f64], day: f64) -> f64 {
        let grown = |(load, rate): (&f64, &f64)| load * libm::pow(1.0 + rate, day / DAYS_A_YEAR);
        today.iter().zip(&self.rates).map(grown).sum()
    }

    /// The slope of the logarithm of that load, per day.
    fn slope(&self, today: &[f64], day: f64) -> f64 {
        let part = |(load, rate): (&f64, &f64)| {
            load * libm::pow(1.0 + rate, day / DAYS_A_YEAR) * libm::log1p(*rate) / DAYS_A_YEAR
        };
        today.iter().zip(&self.rates).map(part).sum::<f64>() / self.load(today, day)
    }
}

/// When an arc exceeds the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exceeded {
    /// The arc.
    pub arc: ArcId,
    /// The largest utilisation today over all scenarios, the base among them.
    pub worst_util: f64,
    /// The first day, counted from today (0), on which some scenario fills it beyond the limit; `None` if that does not
    /// happen within [`HORIZON_YEARS`].
    pub day: Option<u32>,
    /// The scenario that does it on that day, the first of equals; the worst of today where none does.
    pub scenario: u32,
}

/// Asks for every arc when it first exceeds `limit` in any scenario of a list, the base included.
pub fn first_exceeded(
    csr: &Csr,
    routing: &Routing,
    growth: &Growth,
    list: &FailureList,
    limit: f64,
) -> Vec<Exceeded> {
    let plans: Vec<_> = growth.groups.iter().map(|group| Plan::new(csr, routing, group)).collect();
    let parts = rayon::current_num_threads() as u64;
    let edge = |part: u64| (u64::from(list.len()) * part / parts) as u32;
    let fronts: Vec<_> =
        (0..parts).into_par_iter().map(|p| fronts(csr, &plans, list, edge(p)..edge(p + 1))).collect();
    (0..csr.arc_count())
        .map(|i| {
            let mut front = Front::default();
            fronts.iter().for_each(|part| part[i].entries.iter().for_each(|e| front.insert(e)));
            front.crossing(ArcId::new(i), csr.capacity[i].as_f64(), growth, limit)
        })
        .collect()
}

fn fronts(csr: &Csr, plans: &[Plan<'_>], list: &FailureList, range: std::ops::Range<u32>) -> Vec<Front> {
    let mut fronts = vec![Front::default(); csr.arc_count()];
    let mut evaluators: Vec<_> = plans.iter().map(Plan::evaluator).collect();
    // What no failure touches is as in the base, which every part sees for itself.
    for scenario in std::iter::once(0).chain(range.filter(|s| *s != 0)) {
        let (set, _) = list.get(scenario);
        for evaluator in &mut evaluators {
            evaluator.evaluate(&set);
        }
        for (i, front) in fronts.iter_mut().enumerate() {
            let arc = ArcId::new(i);
            if scenario == 0 || evaluators.iter().any(|e| e.is_touched(arc)) {
                // On a part of its capacity an arc gets as full as all of it would with more load.
                let loads =
                    evaluators.iter().map(|e: &Evaluator<'_>| e.load(arc) / e.share_left(arc)).collect();
                front.insert(&Entry { loads, scenario });
            }
        }
    }
    fronts
}

/// The load of each group in one scenario.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    loads: Vec<f64>,
    scenario: u32,
}

impl Entry {
    /// Whether this one is never the smaller; of equals the lower number stays.
    fn covers(&self, other: &Self) -> bool {
        let nowhere_less = self.loads.iter().zip(&other.loads).all(|(a, b)| a >= b);
        nowhere_less && (self.loads != other.loads || self.scenario <= other.scenario)
    }
}

/// The scenarios of an arc that no other covers.
#[derive(Clone, Debug, Default)]
struct Front {
    entries: Vec<Entry>,
}

impl Front {
    fn insert(&mut self, entry: &Entry) {
        if !self.entries.iter().any(|e| e.covers(entry)) {
            self.entries.retain(|e| !entry.covers(e));
            self.entries.push(entry.clone());
        }
    }

    /// The largest load on a day, and its scenario.
    fn worst(&self, growth: &Growth, day: f64) -> (f64, &Entry) {
        let loads = self.entries.iter().map(|e| (growth.load(&e.loads, day), e));
        let fuller =
            |a: &(f64, &Entry), b: &(f64, &Entry)| a.0.total_cmp(&b.0).then(b.1.scenario.cmp(&a.1.scenario));
        loads.max_by(fuller).expect("every arc has its base")
    }

    fn crossing(&self, arc: ArcId, capacity: f64, growth: &Growth, limit: f64) -> Exceeded {
        let exceeds = |day: f64| utilization(self.worst(growth, day).0, capacity) > limit;
        let (today, entry) = self.worst(growth, 0.0);
        let found = |day: Option<u32>, scenario| Exceeded {
            arc,
            worst_util: utilization(today, capacity),
            day,
            scenario,
        };
        if exceeds(0.0) {
            return found(Some(0), entry.scenario);
        }
        let horizon = (f64::from(HORIZON_YEARS) * DAYS_A_YEAR).floor();
        if !exceeds(horizon) {
            return found(None, entry.scenario);
        }
        let mut day = horizon;
        loop {
            let (load, entry) = self.worst(growth, day);
            let step = libm::log(load / (limit * capacity)) / growth.slope(&entry.loads, day);
            if step.is_nan() || step < 1e-3 {
                break;
            }
            day = (day - step).max(0.0);
        }
        // The crossing is here; the first whole day beyond it is told by the load itself.
        let mut day = (day.floor() - 1.0).max(0.0);
        while !exceeds(day) {
            day += 1.0;
        }
        found(Some(day as u32), self.worst(growth, day).1.scenario)
    }
}
