//! What no hypothesis names.

use super::evidence::Evidence;
use super::grid::LOSS_GRID;
use super::mixture;
use crate::base_loss::log_sum_exp;

/// The Bayes factor of *unknown*: each node pair may, on its own and with a small probability, have begun to lose at a rate
/// of its own. It explains anything, at a price for each pair.
pub fn unknown_log_bayes(evidence: &Evidence<'_>) -> f64 {
    /// Probability that a given pair is touched by whatever no hypothesis names.
    const TOUCHED: f64 = 0.02;
    let paths = evidence.paths;
    let mut flows_of: Vec<Vec<u32>> = vec![Vec::new(); paths.pairs.len()];
    for (flow, pair) in (0u32..).zip(&paths.pair_of) {
        flows_of[*pair as usize].push(flow);
    }
    let by_onset: Vec<f64> = (0..evidence.incident.onsets.len())
        .map(|onset| {
            let of_pair = |flows: &Vec<u32>| {
                let by_rate: Vec<f64> = (0..LOSS_GRID)
                    .map(|g| flows.iter().map(|f| f64::from(evidence.lasting(*f, onset, g).log)).sum::<f64>())
                    .collect();
                mixture(&[(TOUCHED, log_sum_exp(&by_rate) - libm::log(LOSS_GRID as f64))])
            };
            flows_of.iter().map(of_pair).sum::<f64>() + libm::log(evidence.onset_weight)
        })
        .collect();
    log_sum_exp(&by_onset)
}
