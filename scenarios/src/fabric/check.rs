//! Does the best set of causes explain the data at all? A posterior predictive p-value.
//!
//! Two tests share it: the log score of all flows against its mean and variance (too much is lost in too few flows, or
//! too little), and the flow that is least probable among so many. The smaller counts, twice.

use twin::stats::log_poisson_tail;

/// Steps of the table for each unit of ln λ.
const STEPS: f64 = 8.0;
const LOWEST: f64 = -24.0;
const HIGHEST: f64 = 7.0;

/// Flows against what is expected of them.
#[derive(Clone, Debug)]
pub struct Check {
    /// Mean and variance of the log score for each ln λ.
    table: Vec<(f64, f64)>,
    score: f64,
    mean: f64,
    variance: f64,
    log_worst: f64,
    flows: f64,
}

impl Default for Check {
    fn default() -> Self {
        Self::new()
    }
}

impl Check {
    /// Nothing seen yet.
    pub fn new() -> Self {
        let steps = ((HIGHEST - LOWEST) * STEPS) as usize;
        let table = (0..=steps).map(|i| moments(libm::exp(LOWEST + i as f64 / STEPS))).collect();
        Self { table, score: 0.0, mean: 0.0, variance: 0.0, log_worst: 0.0, flows: 0.0 }
    }

    /// Adds a flow that lost so many packets where `expected` were expected; losses are rare, so their number is Poisson.
    pub fn see(&mut self, lost: u32, expected: f64) {
        let expected = expected.clamp(1e-10, 1e3);
        let at = (libm::log(expected) - LOWEST) * STEPS;
        let (low, part) = (libm::floor(at) as usize, at - libm::floor(at));
        let (a, b) =
            (self.table[low.min(self.table.len() - 1)], self.table[(low + 1).min(self.table.len() - 1)]);
        self.mean += a.0 + (b.0 - a.0) * part;
        self.variance += a.1 + (b.1 - a.1) * part;
        self.score += if lost == 0 { -expected } else { log_poisson(lost, expected) };
        self.flows += 1.0;
        if lost > 0 {
            self.log_worst = self.log_worst.min(log_poisson_tail(u64::from(lost), expected));
        }
    }

    /// The probability of data as improbable as these, or more so.
    pub fn p_value(&self) -> f64 {
        if self.flows == 0.0 {
            return 1.0;
        }
        let z = (self.mean - self.score) / libm::sqrt(self.variance.max(1e-300));
        let by_score = 0.5 * libm::erfc(z / std::f64::consts::SQRT_2);
        let worst = libm::exp(self.log_worst).min(1.0 - 1e-16);
        let by_worst = -libm::expm1(self.flows * libm::log1p(-worst));
        (2.0 * by_score.min(by_worst)).min(1.0)
    }
}

fn log_poisson(k: u32, expected: f64) -> f64 {
    f64::from(k) * libm::log(expected) - expected - libm::lgamma(f64::from(k) + 1.0)
}

/// Mean and variance of the log-probability of a Poisson number.
fn moments(expected: f64) -> (f64, f64) {
    let spread = 12.0 * libm::sqrt(expected) + 12.0;
    let (from, to) = ((expected - spread).max(0.0) as u32, (expected + spread) as u32);
    let (mut mean, mut square) = (0.0, 0.0);
    for k in from..=to {
        let log = log_poisson(k, expected);
        let p = libm::exp(log);
        mean += p * log;
        square += p * log * log;
    }
    (mean, (square - mean * mean).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Purpose, Seeds};
    use twin::EntityKey;

    /// Draws a Poisson number by counting exponentials.
    fn poisson(expected: f64, stream: &mut engine::Stream) -> u32 {
        let mut left = expected;
        let mut k = 0;
        loop {
            left -= stream.exp();
            if left < 0.0 {
                return k;
            }
            k += 1;
        }
    }

    #[test]
    fn true_expectations_give_even_p_values_and_false_ones_small() {
        let (mut low, mut caught) = (0, 0);
        for trial in 0..200 {
            let mut stream = Seeds::new(5).trial(trial).stream(Purpose::SENSOR, &EntityKey::new("check"));
            let (mut right, mut wrong) = (Check::new(), Check::new());
            for flow in 0..2_000 {
                let expected = [0.001, 0.01, 0.1, 2.0][flow % 4];
                let lost = poisson(expected, &mut stream);
                right.see(lost, expected);
                // Twice as much is lost in one of four.
                wrong.see(if flow % 4 == 3 { poisson(2.0 * expected, &mut stream) } else { lost }, expected);
            }
            low += u32::from(right.p_value() < 0.1);
            caught += u32::from(wrong.p_value() < 0.01);
        }
        assert!((5..40).contains(&low), "{low} of 200 below 0.1");
        assert!(caught >= 198, "{caught}");
        let mut swallowed = Check::new();
        (0..20_000).for_each(|i| swallowed.see(if i < 3 { 3 } else { 0 }, 1e-4));
        assert!(swallowed.p_value() < 1e-4);
    }
}
