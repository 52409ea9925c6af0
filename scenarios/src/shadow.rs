//! What the shadow expects the counters to show.

use models::sensor::LoadInterval;
use models::{Failures, Loads, NodeDemand, Routing};
use rayon::prelude::*;
use twin::Csr;

/// When interfaces are read, and how they average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Polling {
    /// Seconds between polls.
    pub every_s: f64,
    /// Polls in a day, the season of traffic.
    pub per_day: usize,
    /// The interface's averaging.
    pub sensor: LoadInterval,
}

/// The rates that polls would show if the twin were right: one row of arcs per poll, in bit/s. `estimates[k]` are the
/// demands of the interval that ends with poll k. The first poll is taken to be settled.
pub fn expected_polls(
    csr: &Csr,
    routing: &Routing,
    estimates: &[Vec<NodeDemand>],
    polling: Polling,
) -> Vec<Vec<f64>> {
    let up = Failures::none(csr);
    let loads: Vec<Vec<f64>> =
        estimates.par_iter().map(|demands| Loads::compute(csr, routing, &up, demands).arc).collect();
    let late = polling.sensor.late_s.min(polling.every_s);
    let mut shown: Vec<Vec<f64>> = Vec::with_capacity(loads.len());
    for (k, now) in loads.iter().enumerate() {
        let before = &loads[k.saturating_sub(1)];
        let row = match shown.last() {
            None => now.clone(),
            Some(last) => (0..now.len())
                .map(|i| {
                    let settled = polling.sensor.step(last[i], before[i], late);
                    polling.sensor.step(settled, now[i], polling.every_s - late)
                })
                .collect(),
        };
        shown.push(row);
    }
    shown
}
