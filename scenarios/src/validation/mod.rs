//! How far may the twin be trusted? Predicted loads against measured ones, and what in the twin itself may be wrong.
//!
//! The prediction is demands × routing. Where the two differ, each single error of the twin is supposed in turn (another
//! metric, a link that is not there, a link that is missing, another capacity), the loads are predicted anew, and errors are
//! ranked by how much better they explain what was measured.

mod errors;
mod mend;
#[cfg(test)]
mod tests;

use models::{Failures, Loads, NodeDemand, Routing};
use twin::{ArcId, Csr};

pub use errors::{TwinError, TwinSuspect, suspects};
pub use mend::{StaleMetric, mended};

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// A link deviates where predicted and measured load differ by more than this share of the larger.
    pub share: f64,
    /// And by more than this share of its capacity: small loads differ easily.
    pub of_capacity: f64,
}

impl Default for Tolerance {
    /// 20 % of the load, 1 % of the capacity.
    fn default() -> Self {
        Self { share: 0.2, of_capacity: 0.01 }
    }
}

/// One arc.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArcCheck {
    /// Which.
    pub arc: ArcId,
    /// Predicted load in bit/s.
    pub predicted: f64,
    /// Measured load in bit/s; `None` where nothing was measured.
    pub measured: Option<f64>,
    /// Whether the two differ by more than the tolerance.
    pub deviates: bool,
}

/// How much of the traffic the demands account for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coverage {
    /// Arcs with a measured load.
    pub arcs_measured: usize,
    /// Sum of measured loads in bit/s.
    pub measured: f64,
    /// Sum of predicted loads of the measured arcs in bit/s.
    pub predicted: f64,
    /// Factor on all demands that fits the measured loads best (least squares); `None` without demands or measured loads.
    pub demand_scale: Option<f64>,
    /// Demand volume without a path, in bit/s.
    pub no_path: f64,
}

/// The comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// By arc.
    pub arcs: Vec<ArcCheck>,
    /// In sum.
    pub coverage: Coverage,
    /// Errors of the twin that would explain the difference, the best first.
    pub suspects: Vec<TwinSuspect>,
}

/// Compares a prediction with loads by arc in bit/s, NaN where nothing was measured. Without demands nothing is predicted,
/// and only capacities are judged.
pub fn validate(csr: &Csr, demands: &[NodeDemand], measured: &[f64], tolerance: Tolerance) -> Validation {
    let up = Failures::none(csr);
    let loads = Loads::compute(csr, &Routing::compute(csr, &up), &up, demands);
    let check = |arc: usize| {
        let (predicted, measured) = (loads.arc[arc], Some(measured[arc]).filter(|m| m.is_finite()));
        let gap = measured.map_or(0.0, |m| (m - predicted).abs());
        let largest = measured.unwrap_or(0.0).max(predicted);
        let deviates = !demands.is_empty()
            && gap > tolerance.share * largest
            && gap > tolerance.of_capacity * csr.capacity[arc].as_f64();
        ArcCheck { arc: ArcId::new(arc), predicted, measured, deviates }
    };
    let arcs: Vec<_> = (0..csr.arc_count()).map(check).collect();
    Validation {
        coverage: coverage(&arcs, loads.lost + loads.lost_own),
        suspects: suspects(csr, demands, measured),
        arcs,
    }
}

fn coverage(arcs: &[ArcCheck], no_path: f64) -> Coverage {
    let mut it = Coverage { no_path, ..Coverage::default() };
    let (mut cross, mut square) = (0.0, 0.0);
    for (predicted, measured) in arcs.iter().filter_map(|a| Some((a.predicted, a.measured?))) {
        it.arcs_measured += 1;
        it.measured += measured;
        it.predicted += predicted;
        cross += predicted * measured;
        square += predicted * predicted;
    }
    it.demand_scale = (square > 0.0).then(|| cross / square);
    it
}
