//! What upgrades cost at the least, if traffic were routed at will and capacity could be bought in any amount.
//!
//! The linear program is: added capacity x ≥ 0 per link, cost → min, and for each failure a routing of the traffic that has
//! a path with flow ≤ limit · (capacity + x). A routing exists if and only if at all prices the capacity is worth as much as
//! the traffic pays on cheapest paths (the *metric inequalities* of Onaga and Kakusho, 1971, and Iri, 1971); those that are
//! violated are found by the search for the optimal maximum utilisation and cut off one after another. What is bought so
//! far costs no more than the optimum, so the search may stop at any time.

use microlp::{ComparisonOp, OptimizationDirection, Problem, Solution, Variable};
use rayon::prelude::*;
use twin::LinkId;

use super::members::shares_left;
use super::optimal::{FreeRouting, finished};
use super::trees::FreeTraffic;
use super::{FailureSet, LpError, Module, Optimum, Plan};

/// Scenarios that are looked at before capacity is bought anew.
const AT_ONCE: usize = 16;

/// After so many arcs times destinations times steps the bound is taken as it is: a minute or so.
const WORK: usize = 20_000_000;

/// By what share a limit may be missed.
const TOLERANCE: f64 = 1e-7;

/// A lower bound of what upgrades cost.
#[derive(Clone, Debug, PartialEq)]
pub struct UpgradeBound {
    /// No upgrades after which a routing keeps the limit in all the scenarios cost less; infinite where none do it, since
    /// links are missing for which something could be bought.
    pub cost: f64,
    /// Whether capacity bought in any amount does it at that cost: the bound is the optimum of the linear program.
    pub reached: bool,
}

/// Bounds the cost of upgrades that keep `limit` in each of these scenarios. Capacity costs what the module with the
/// lowest price for its size costs; a link without modules stays as it is.
///
/// # Errors
/// [`LpError`] if the solver gives up.
///
/// # Panics
/// If there is not a list of modules for each link.
pub fn upgrade_bound(
    plan: &Plan<'_>,
    scenarios: &[FailureSet],
    modules: &[Vec<Module>],
    limit: f64,
) -> Result<UpgradeBound, LpError> {
    let csr = plan.csr();
    assert_eq!(modules.len(), csr.link_count(), "modules for each link");
    let Some(mut master) = Master::new(plan, modules, limit)? else {
        return Ok(UpgradeBound { cost: 0.0, reached: true });
    };
    let traffic = |set| Failed {
        routing: FreeRouting::new(FreeTraffic::new(csr, set, plan.demands())),
        shares: shares_left(csr, set),
    };
    let mut all: Vec<_> = scenarios.par_iter().map(traffic).collect();
    let mut work = 0;
    loop {
        let mut cut = false;
        for some in all.chunks_mut(AT_ONCE) {
            let capacity = master.capacity(plan);
            let cuts: Result<Vec<_>, _> =
                some.par_iter_mut().map(|failed| failed.violated(&capacity, limit)).collect();
            for (prices, pays) in cuts?.into_iter().flatten() {
                cut = true;
                match master.with(plan, &prices, pays)? {
                    Some(next) => master = next,
                    None => return Ok(UpgradeBound { cost: f64::INFINITY, reached: false }),
                }
            }
            work += some.iter_mut().map(|failed| std::mem::take(&mut failed.routing.work)).sum::<usize>();
            if cut && work > WORK {
                return Ok(UpgradeBound { cost: master.cost(), reached: false });
            }
        }
        if !cut {
            return Ok(UpgradeBound { cost: master.cost(), reached: true });
        }
    }
}

/// A failure: the traffic that has a path then, and by arc what share of its capacity is left.
struct Failed<'a> {
    routing: FreeRouting<'a>,
    shares: Vec<f64>,
}

impl Failed<'_> {
    /// Prices of whole arcs at which traffic pays more than `limit` of the capacity is worth, and what it pays; `None`
    /// where there are none.
    fn violated(&mut self, capacity: &[f64], limit: f64) -> Result<Option<(Vec<f64>, f64)>, LpError> {
        let most = limit * (1.0 + TOLERANCE);
        // Prices that are half as bad as the worst can be will do.
        let enough = |low: f64, high: f64| high <= most || (low > most && low - limit > (high - limit) / 2.0);
        let left: Vec<_> = capacity.iter().zip(&self.shares).map(|(c, share)| c * share).collect();
        let Optimum { at_least, mut prices, .. } = self.routing.solve(&left, enough)?;
        prices.iter_mut().zip(&self.shares).for_each(|(price, share)| *price *= share);
        Ok((at_least > most).then_some((prices, at_least)))
    }
}

/// The linear program over the inequalities that are known. Capacity counts in units of the mean capacity, cost in units
/// of the dearest link's, so that numbers are near 1.
struct Master {
    limit: f64,
    unit: f64,
    unit_cost: f64,
    /// The variable of each link for which something can be bought.
    added: Vec<Option<Variable>>,
    solution: Solution,
}

impl Master {
    /// `None` where there is nothing to buy for.
    fn new(plan: &Plan<'_>, modules: &[Vec<Module>], limit: f64) -> Result<Option<Self>, LpError> {
        let csr = plan.csr();
        let unit = csr.capacity.iter().map(|c| c.as_f64()).sum::<f64>() / csr.arc_count().max(1) as f64;
        let price = |offers: &Vec<Module>| {
            offers.iter().map(|m| m.cost / m.capacity.as_f64() * unit).min_by(f64::total_cmp)
        };
        let prices: Vec<_> = modules.iter().map(price).collect();
        let unit_cost = prices.iter().flatten().copied().fold(0.0, f64::max);
        let unit_cost = if unit_cost > 0.0 { unit_cost } else { 1.0 };
        if csr.arc_count() == 0 {
            return Ok(None);
        }
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let mut variable = |price: f64| problem.add_var(price / unit_cost, (0.0, f64::INFINITY));
        let added = prices.into_iter().map(|price| price.map(&mut variable)).collect();
        let solution = finished(problem.solve()?)?;
        Ok(Some(Self { limit, unit, unit_cost, added, solution }))
    }

    fn cost(&self) -> f64 {
        self.solution.objective() * self.unit_cost
    }

    /// The capacity of each arc in bit/s.
    fn capacity(&self, plan: &Plan<'_>) -> Vec<f64> {
        let csr = plan.csr();
        let added = |link: LinkId| {
            self.added[link.index()].map_or(0.0, |v| self.solution.var_value(v).max(0.0) * self.unit)
        };
        csr.capacity.iter().zip(&csr.link).map(|(c, link)| c.as_f64() + added(*link)).collect()
    }

    /// With the inequality of these prices: Σ price · (capacity + added) ≥ what traffic pays / limit. `None` where
    /// nothing that can be bought fulfils it.
    fn with(self, plan: &Plan<'_>, prices: &[f64], pays: f64) -> Result<Option<Self>, LpError> {
        let csr = plan.csr();
        let have: f64 = prices.iter().zip(&csr.capacity).map(|(p, c)| p * c.as_f64()).sum();
        let mut by_link = vec![0.0; csr.link_count()];
        for (price, link) in prices.iter().zip(&csr.link) {
            by_link[link.index()] += price * self.unit;
        }
        let row: Vec<_> = self
            .added
            .iter()
            .zip(&by_link)
            .filter_map(|(v, p)| v.filter(|_| *p > 0.0).map(|v| (v, *p)))
            .collect();
        if row.is_empty() {
            return Ok(None);
        }
        let Self { limit, unit, unit_cost, added, solution } = self;
        match solution.add_constraint(row, ComparisonOp::Ge, pays / limit - have) {
            Err(microlp::Error::Infeasible) => Ok(None),
            outcome => {
                let solution = finished(outcome?)?;
                Ok(Some(Self { limit, unit, unit_cost, added, solution }))
            }
        }
    }
}
