//! Probabilities from Flock's model: it has none of its own, but its likelihood can be sampled.

use engine::{Purpose, Seeds};
use twin::EntityKey;

use super::{Hypothesis, Model, Ways, search};

/// The share of sweeps that is forgotten.
const FORGOTTEN: usize = 4;

/// Marginal probability of each component: Gibbs draws from the most probable set on, averages of conditional probabilities.
pub fn marginals(model: &Model, sweeps: usize, seed: u64) -> Vec<f64> {
    let mut stream = Seeds::new(seed).trial(0).stream(Purpose::new("flock"), &EntityKey::new("chain"));
    let mut hypothesis = Hypothesis::none(model);
    let mut on = vec![false; model.components];
    for component in search(model) {
        hypothesis.fail(model, component);
        on[component as usize] = true;
    }
    let mut sums = vec![0.0; model.components];
    let forgotten = sweeps / FORGOTTEN;
    for sweep in 0..sweeps {
        for c in 0..model.components as u32 {
            if on[c as usize] {
                hypothesis.mend(model, c);
            }
            let log_odds = hypothesis.gain[c as usize] + model.log_prior(c);
            let p = 1.0 / (1.0 + libm::exp(-log_odds));
            on[c as usize] = p > 1e-9 && stream.f64_open() < p;
            if on[c as usize] {
                hypothesis.fail(model, c);
            }
            if sweep >= forgotten {
                sums[c as usize] += p;
            }
        }
    }
    sums.iter().map(|s| s / (sweeps - forgotten) as f64).collect()
}

impl Hypothesis {
    /// Takes a component out again.
    fn mend(&mut self, model: &Model, component: u32) {
        self.failed.retain(|c| *c != component);
        for &flow in &model.flows_of[component as usize] {
            let flow = flow as usize;
            let others = model.touched(flow).filter(|(c, _)| self.failed.binary_search(c).is_ok());
            let after: Ways = others.fold(0, |all, (_, ways)| all | ways);
            self.update(model, flow, self.ways[flow], after);
        }
        self.score -= self.gain[component as usize] + model.log_prior(component);
    }
}
