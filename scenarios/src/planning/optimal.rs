//! The yardstick for routing: the smallest maximum utilisation that any routing could reach.
//!
//! The linear program is: θ → min, arc flows per destination, conservation at each node, flow ≤ θ · capacity. Its dual
//! asks for prices: give every arc a weight w (Σ w = 1) and let a bit/s on it cost w / capacity; then no routing has a
//! maximum utilisation below what the traffic pays on cheapest paths, and for the best prices the two are equal. So every
//! set of prices *proves* a lower bound by plain shortest paths. The prices come from a cutting-plane method (Kelley,
//! *The cutting-plane method for solving convex programs*, 1960): a linear program that knows some trees for each
//! destination proposes prices, Dijkstra answers with the cheapest trees at them. Trees are asked for half-way between the
//! proposal and the best prices so far (Ben-Ameur and Neto, *Acceleration of cutting-plane and column generation
//! algorithms*, 2007), which is what makes it converge in tens of steps.

use microlp::{ComparisonOp, OptimizationDirection, Problem, Solution, Variable};
use models::NodeDemand;
use twin::Csr;

use super::FailureSet;
use super::members::shares_left;
use super::trees::{FreeTraffic, Tree};

/// Bounds this close to each other, as a share, are one number.
const CLOSED: f64 = 1e-9;

/// Steps after which the bounds are taken as they are.
const STEPS: usize = 2_000;

/// The linear program could not be solved: its numbers are too far apart.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the linear program of the optimal routing failed: {0}")]
pub struct LpError(pub String);

impl From<microlp::Error> for LpError {
    fn from(error: microlp::Error) -> Self {
        Self(error.to_string())
    }
}

/// The smallest maximum utilisation, in bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimum {
    /// No routing has a maximum utilisation below it: proven by `prices`.
    pub at_least: f64,
    /// Some routing has no more. Equal to `at_least` but for rounding, unless the search was stopped.
    pub at_most: f64,
    /// The price of a bit/s on each arc that proves it: Σ price · capacity is 1.
    pub prices: Vec<f64>,
}

impl Optimum {
    /// Whether the two bounds agree to one part in 10^6.
    pub fn is_closed(&self) -> bool {
        self.at_most - self.at_least <= 1e-6 * self.at_most
    }
}

/// The smallest maximum utilisation that a routing free to split traffic in any way can reach once a set has failed.
/// Demands that have no path then are left out, bundles have what their members that are up have. Cost: some tens of shortest-path computations for all destinations, and
/// as many small linear programs.
///
/// # Errors
/// [`LpError`] if the solver gives up.
pub fn optimal_max_util(csr: &Csr, set: &FailureSet, demands: &[NodeDemand]) -> Result<Optimum, LpError> {
    let shares = shares_left(csr, set);
    let capacity: Vec<_> = csr.capacity.iter().zip(shares).map(|(c, share)| c.as_f64() * share).collect();
    FreeRouting::new(FreeTraffic::new(csr, set, demands)).solve(&capacity, |_, _| false)
}

/// How many trees are kept from one question to the next, for each destination.
const KEPT: usize = 4;

/// Traffic with trees that are known for it; those stay true when capacities change.
pub(super) struct FreeRouting<'a> {
    traffic: FreeTraffic<'a>,
    trees: Vec<Tree>,
    /// What has been computed so far, in arcs times destinations times steps.
    pub(super) work: usize,
}

impl<'a> FreeRouting<'a> {
    pub(super) fn new(traffic: FreeTraffic<'a>) -> Self {
        Self { traffic, trees: Vec::new(), work: 0 }
    }

    /// Closes the bounds, or stops as soon as `enough` of a lower and an upper bound.
    pub(super) fn solve(
        &mut self,
        capacity: &[f64],
        enough: impl Fn(f64, f64) -> bool,
    ) -> Result<Optimum, LpError> {
        let even: Vec<_> = capacity.iter().map(|c| 1.0 / (c * capacity.len() as f64)).collect();
        let (start, trees) = self.traffic.cheapest(&even);
        if start == 0.0 {
            return Ok(Optimum { at_least: 0.0, at_most: 0.0, prices: even });
        }
        let mut best = Optimum { at_least: start, at_most: f64::INFINITY, prices: even };
        // In units of the first bound, so that numbers are near 1 whatever the network's are.
        let known = trees.iter().chain(&self.trees);
        let mut master = Master::new(capacity, start, self.traffic.commodities(), known)?;
        for _ in 0..STEPS {
            best.at_most = (master.value() * start).max(best.at_least);
            if best.at_most - best.at_least <= CLOSED * best.at_most || enough(best.at_least, best.at_most) {
                break;
            }
            match self.step(master, &mut best, capacity)? {
                (next, true) => master = next,
                (_, false) => break, // nothing is cheaper than what is known: the proposal is the best
            }
        }
        let spare = self.trees.len().saturating_sub(KEPT * self.traffic.commodities());
        self.trees.drain(..spare);
        Ok(best)
    }

    /// Asks for trees half-way between the proposal and the best prices so far or, where all of them are known, at the
    /// proposal. Says whether there were new ones.
    fn step<'c>(
        &mut self,
        mut master: Master<'c>,
        best: &mut Optimum,
        capacity: &[f64],
    ) -> Result<(Master<'c>, bool), LpError> {
        let proposal = master.prices();
        let half_way = proposal.iter().zip(&best.prices).map(|(p, b)| (p + b) / 2.0).collect();
        for prices in [half_way, proposal] {
            let prices = normal(prices, capacity);
            let (bound, trees) = self.traffic.cheapest(&prices);
            self.work += capacity.len() * self.traffic.commodities();
            if bound > best.at_least {
                *best = Optimum { at_least: bound, prices, at_most: best.at_most.max(bound) };
            }
            let mut grown = false;
            for tree in trees {
                if master.is_cut_by(&tree) {
                    master = master.with(&tree)?;
                    self.trees.push(tree);
                    grown = true;
                }
            }
            if grown {
                return Ok((master, true));
            }
        }
        Ok((master, false))
    }
}

/// Prices for which the capacity of the network costs 1.
fn normal(prices: Vec<f64>, capacity: &[f64]) -> Vec<f64> {
    let total: f64 = prices.iter().zip(capacity).map(|(p, c)| p * c).sum();
    prices.into_iter().map(|p| p / total).collect()
}

/// The linear program over known trees: Σ z → max, z of a destination ≤ the price of each of its trees, Σ w = 1.
struct Master<'c> {
    capacity: &'c [f64],
    unit: f64,
    z: Vec<Variable>,
    w: Vec<Variable>,
    solution: Solution,
}

impl<'c> Master<'c> {
    fn new<'t>(
        capacity: &'c [f64],
        unit: f64,
        commodities: usize,
        trees: impl Iterator<Item = &'t Tree>,
    ) -> Result<Self, LpError> {
        let mut problem = Problem::new(OptimizationDirection::Maximize);
        let z: Vec<_> = (0..commodities).map(|_| problem.add_var(1.0, (0.0, f64::INFINITY))).collect();
        let w: Vec<_> = capacity.iter().map(|_| problem.add_var(0.0, (0.0, 1.0))).collect();
        let sum: Vec<_> = w.iter().map(|w| (*w, 1.0)).collect();
        problem.add_constraint(sum, ComparisonOp::Eq, 1.0);
        for tree in trees {
            problem.add_constraint(row(&z, &w, capacity, unit, tree), ComparisonOp::Le, 0.0);
        }
        let solution = finished(problem.solve()?)?;
        Ok(Self { capacity, unit, z, w, solution })
    }

    fn value(&self) -> f64 {
        self.solution.objective()
    }

    fn weight(&self, arc: usize) -> f64 {
        self.solution.var_value(self.w[arc]).max(0.0)
    }

    fn prices(&self) -> Vec<f64> {
        self.capacity.iter().enumerate().map(|(arc, c)| self.weight(arc) / c).collect()
    }

    /// Whether a tree is cheaper than this program believes.
    fn is_cut_by(&self, tree: &Tree) -> bool {
        let price =
            |(arc, bps): &(twin::ArcId, f64)| self.weight(arc.index()) * bps / self.capacity[arc.index()];
        let price: f64 = tree.loads.iter().map(price).sum::<f64>() / self.unit;
        price < self.solution.var_value(self.z[tree.commodity]) - 1e-12 * self.value()
    }

    fn with(self, tree: &Tree) -> Result<Self, LpError> {
        let Self { capacity, unit, z, w, solution } = self;
        let row = row(&z, &w, capacity, unit, tree);
        let solution = finished(solution.add_constraint(row, ComparisonOp::Le, 0.0)?)?;
        Ok(Self { capacity, unit, z, w, solution })
    }
}

fn row(z: &[Variable], w: &[Variable], capacity: &[f64], unit: f64, tree: &Tree) -> Vec<(Variable, f64)> {
    let arcs = tree.loads.iter().map(|(arc, bps)| (w[arc.index()], -bps / (capacity[arc.index()] * unit)));
    std::iter::once((z[tree.commodity], 1.0)).chain(arcs).collect()
}

/// A solution; nothing limits the solver, so there always is one.
pub(super) fn finished(outcome: microlp::SolveOutcome) -> Result<Solution, LpError> {
    outcome.into_solution().map_err(|_| LpError("the solver stopped early".into()))
}
