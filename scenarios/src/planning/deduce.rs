//! Demands from link loads: tomogravity.
//!
//! Loads are sums of demands over the routing, far fewer than there are demands. Among all matrices that explain them the
//! one is taken that is nearest to a *gravity* matrix, in which a demand is the product of how much its source sends and its
//! destination receives (Zhang, Roughan, Duffield, Greenberg, *Fast accurate computation of large-scale IP traffic matrices
//! from link loads*, SIGMETRICS 2003); near means the least relative entropy, which keeps demands positive and is the
//! matrix that says least beyond the loads (Zhang, Roughan, Lund, Donoho, *An information-theoretic approach to traffic
//! matrix estimation*, SIGCOMM 2003). How much each node sends and receives is that of the demands themselves: both are
//! fitted to each other in turns (Fang, Vardi, Zhang, *An iterative tomogravity algorithm for the estimation of network
//! traffic*, 2007), so that counters of access ports are taken in where there are any and not needed elsewhere.

use models::{NodeDemand, Routing};
use nalgebra::{DMatrix, DVector};
use twin::{Csr, NodeId};

/// By what share a load may be missed at one unit of pull: readings of different ports never add up exactly.
const SLACK: f64 = 1e-3;

/// Rounds in which the gravity matrix and the demands are fitted to each other.
const ROUNDS: usize = 30;

/// Steps of Newton's method.
const NEWTON_STEPS: usize = 100;

/// What was measured, in bit/s; NaN where nothing was.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// The load of each arc.
    pub arc: &'a [f64],
    /// What enters the network at each node.
    pub enters: &'a [f64],
    /// What leaves the network at each node.
    pub leaves: &'a [f64],
}

/// Demands that explain measured loads.
#[derive(Clone, Debug, PartialEq)]
pub struct Deduced {
    /// The demands, by source, then destination; positive.
    pub demands: Vec<NodeDemand>,
    /// The gravity matrix that they are nearest to, in the same order, in bit/s.
    pub gravity: Vec<f64>,
    /// Loads that were measured: equations.
    pub measured: usize,
    /// Ordered pairs that have a path: unknowns.
    pub pairs: usize,
    /// Σ |explained - measured| / Σ measured over the loads. More than a few percent: the routing of the twin is not that
    /// of the network, or the readings contradict each other.
    pub misfit: f64,
}

/// Deduces demands. An arc on which nothing was measured says nothing; one that carries nothing excludes what would use it.
/// Memory: the equal-cost paths of all pairs.
///
/// # Panics
/// If there is not a load for each arc and node.
pub fn deduce(csr: &Csr, routing: &Routing, measured: Measured<'_>) -> Deduced {
    let system = System::new(csr, routing, measured);
    let (gravity, demands) = system.solve(csr.node_count());
    let explained = system.rows_of(&demands);
    let off: f64 = explained.iter().zip(&system.loads).map(|(e, y)| (e - y).abs()).sum();
    let total: f64 = system.loads.iter().sum();
    let demand = |(pair, bps): (&Pair, &f64)| NodeDemand { src: pair.src, dst: pair.dst, bps: *bps };
    let kept: Vec<_> = (0..demands.len()).filter(|i| demands[*i] > 0.0).collect();
    Deduced {
        demands: kept.iter().map(|i| demand((&system.pairs[*i], &demands[*i]))).collect(),
        gravity: kept.iter().map(|i| gravity[*i]).collect(),
        measured: system.measured,
        pairs: system.unknowns,
        misfit: if total > 0.0 { off / total } else { 0.0 },
    }
}

/// An ordered pair, and the share of its demand in each equation.
struct Pair {
    src: NodeId,
    dst: NodeId,
    shares: Vec<(u32, f64)>,
}

/// Equations: share · demand = load.
struct System {
    /// Pairs that may have a demand.
    pairs: Vec<Pair>,
    /// The right-hand sides above 0.
    loads: Vec<f64>,
    measured: usize,
    unknowns: usize,
}

impl System {
    fn new(csr: &Csr, routing: &Routing, measured: Measured<'_>) -> Self {
        let (arcs, nodes) = (csr.arc_count(), csr.node_count());
        assert!(
            measured.arc.len() == arcs && measured.enters.len() == nodes && measured.leaves.len() == nodes
        );
        let all: Vec<f64> = [measured.arc, measured.enters, measured.leaves].concat();
        let mut row = vec![None; all.len()];
        let mut loads = Vec::new();
        for (i, load) in all.iter().enumerate().filter(|(_, load)| **load > 0.0) {
            row[i] = Some(loads.len() as u32);
            loads.push(*load);
        }
        let (mut pairs, mut unknowns) = (Vec::new(), 0);
        for (src, dst) in ordered_pairs(nodes) {
            let arc_shares =
                routing.shares(csr, src, dst).into_iter().map(|(arc, share)| (arc.index(), share));
            let ends = [(arcs + src.index(), 1.0), (arcs + nodes + dst.index(), 1.0)];
            let shares: Vec<_> = arc_shares.chain(ends).collect();
            if shares.len() == ends.len() {
                continue; // no path
            }
            unknowns += 1;
            if shares.iter().all(|(i, _)| all[*i] != 0.0) {
                let known = shares.iter().filter_map(|(i, share)| Some((row[*i]?, *share)));
                pairs.push(Pair { src, dst, shares: known.collect() });
            }
        }
        pairs.retain(|pair| !pair.shares.is_empty());
        Self { pairs, loads, measured: all.iter().filter(|load| load.is_finite()).count(), unknowns }
    }

    /// The loads of demands.
    fn rows_of(&self, demands: &[f64]) -> Vec<f64> {
        let mut rows = vec![0.0; self.loads.len()];
        for (pair, bps) in self.pairs.iter().zip(demands) {
            pair.shares.iter().for_each(|(row, share)| rows[*row as usize] += share * bps);
        }
        rows
    }

    /// The gravity matrix of what each node sends and receives, and the demands nearest to it. Begins with all pairs alike;
    /// what its demands add up to at each node makes the next gravity matrix, until nothing moves.
    fn solve(&self, nodes: usize) -> (Vec<f64>, Vec<f64>) {
        let total: f64 = self.loads.iter().sum();
        let mut gravity = vec![total / self.pairs.len().max(1) as f64; self.pairs.len()];
        let mut demands = self.project(&gravity);
        for _ in 0..ROUNDS {
            let next = self.gravity(nodes, &demands);
            let moved: f64 = next.iter().zip(&gravity).map(|(a, b)| (a - b).abs()).sum();
            gravity = next;
            demands = self.project(&gravity);
            if moved <= 1e-6 * gravity.iter().sum::<f64>() {
                break;
            }
        }
        (gravity, demands)
    }

    /// What each source sends times what each destination receives, over all traffic.
    fn gravity(&self, nodes: usize, demands: &[f64]) -> Vec<f64> {
        let (mut sends, mut receives) = (vec![0.0; nodes], vec![0.0; nodes]);
        for (pair, bps) in self.pairs.iter().zip(demands) {
            sends[pair.src.index()] += bps;
            receives[pair.dst.index()] += bps;
        }
        let total = demands.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        self.pairs.iter().map(|p| sends[p.src.index()] * receives[p.dst.index()] / total).collect()
    }

    /// The demands of least entropy relative to `prior` that explain the loads, by Newton's method on the dual: demands are
    /// prior · exp(Σ share · pull) for a pull on each equation.
    fn project(&self, prior: &[f64]) -> Vec<f64> {
        let rows = self.loads.len();
        let total: f64 = self.loads.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let loads = DVector::from_iterator(rows, self.loads.iter().map(|y| y / total));
        let prior: Vec<_> = prior.iter().map(|g| g / total).collect();
        let mut pull = DVector::zeros(rows);
        let mut value = self.dual(&prior, &loads, &pull);
        for _ in 0..NEWTON_STEPS {
            let x = self.pulled(&prior, &pull);
            let off = DVector::from_vec(self.rows_of(&x)) + pull.component_mul(&loads) * SLACK - &loads;
            if off.amax() < 1e-12 {
                break;
            }
            let Some(factor) = self.curvature(&x, &loads).cholesky() else { break };
            let step = factor.solve(&off);
            let mut length = 1.0;
            let (next, next_value) = loop {
                let next = &pull - &step * length;
                let next_value = self.dual(&prior, &loads, &next);
                if next_value <= value || length < 1e-9 {
                    break (next, next_value);
                }
                length /= 2.0;
            };
            (pull, value) = (next, next_value);
        }
        self.pulled(&prior, &pull).into_iter().map(|x| x * total).collect()
    }

    fn pulled(&self, prior: &[f64], pull: &DVector<f64>) -> Vec<f64> {
        let of =
            |pair: &Pair| pair.shares.iter().map(|(row, share)| share * pull[*row as usize]).sum::<f64>();
        self.pairs
            .iter()
            .zip(prior)
            .map(|(pair, g)| if *g > 0.0 { g * libm::exp(of(pair)) } else { 0.0 })
            .collect()
    }

    /// What Newton's method makes least: Σ demand − Σ load · pull + ½ Σ slack · load · pull².
    fn dual(&self, prior: &[f64], loads: &DVector<f64>, pull: &DVector<f64>) -> f64 {
        let value = self.pulled(prior, pull).iter().sum::<f64>() - loads.dot(pull)
            + loads.dot(&pull.component_mul(pull)) * SLACK / 2.0;
        if value.is_nan() { f64::INFINITY } else { value }
    }

    fn curvature(&self, x: &[f64], loads: &DVector<f64>) -> DMatrix<f64> {
        let mut matrix = DMatrix::from_diagonal(&(loads * SLACK));
        for (pair, x) in self.pairs.iter().zip(x).filter(|(_, x)| **x > 0.0) {
            for (i, a) in &pair.shares {
                for (j, b) in &pair.shares {
                    matrix[(*i as usize, *j as usize)] += a * b * x;
                }
            }
        }
        matrix
    }
}

fn ordered_pairs(nodes: usize) -> impl Iterator<Item = (NodeId, NodeId)> {
    let pairs = (0..nodes).flat_map(move |src| (0..nodes).map(move |dst| (src, dst)));
    pairs.filter(|(src, dst)| src != dst).map(|(src, dst)| (NodeId::new(src), NodeId::new(dst)))
}

/// How far an estimate of demands is from the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// ‖estimate − truth‖₂ / ‖truth‖₂ over all pairs: the spatial error of a matrix, or the temporal error of a pair where
    /// the values are those of one pair over time (Soule et al., *Traffic matrices: balancing measurements, inference and
    /// modeling*, SIGMETRICS 2005).
    pub l2: f64,
    /// Σ |estimate − truth| / Σ truth.
    pub l1: f64,
    /// The mean relative error of the largest demands that carry nine tenths of the traffic.
    pub large: f64,
    /// The share of the demands above 0 whose relative error is at most each of [`LEVELS`]: the spatial distribution.
    pub within: [f64; 4],
}

/// Relative errors at which their distribution is told.
pub const LEVELS: [f64; 4] = [0.1, 0.2, 0.5, 1.0];

impl Accuracy {
    /// Compares values that belong together: (estimate, truth).
    pub fn of(values: &[(f64, f64)]) -> Self {
        let sum = |f: &dyn Fn(f64, f64) -> f64| values.iter().map(|(e, t)| f(*e, *t)).sum::<f64>();
        let total = sum(&|_, t| t);
        let mut largest: Vec<_> = values.iter().filter(|(_, t)| *t > 0.0).collect();
        largest.sort_by(|a, b| b.1.total_cmp(&a.1));
        let within = |level: f64| {
            let near = largest.iter().filter(|(e, t)| (e - t).abs() <= level * t).count();
            near as f64 / largest.len() as f64
        };
        let within = LEVELS.map(within);
        let (mut carried, mut errors, mut count) = (0.0, 0.0, 0u32);
        for (e, t) in largest {
            if carried >= 0.9 * total {
                break;
            }
            carried += t;
            errors += (e - t).abs() / t;
            count += 1;
        }
        Self {
            l2: (sum(&|e, t| (e - t) * (e - t)) / sum(&|_, t| t * t)).sqrt(),
            l1: sum(&|e, t| (e - t).abs()) / total,
            large: errors / f64::from(count),
            within,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_as_sums_and_as_a_distribution() {
        let found = Accuracy::of(&[(11.0, 10.0), (6.0, 8.0), (0.0, 1.0), (3.0, 0.0), (1.3, 1.0)]);
        assert!((found.l1 - (1.0 + 2.0 + 1.0 + 3.0 + 0.3) / 20.0).abs() < 1e-12);
        // Three of four demands above 0 are off by half at most, one by a tenth; the one that is missed is off by all.
        assert_eq!(found.within, [0.25, 0.25, 0.75, 1.0]);
        assert!((found.large - (0.1 + 0.25) / 2.0).abs() < 1e-12, "10 and 8 are nine tenths of 20");
    }
}
