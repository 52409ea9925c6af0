//! Does a path lose more than it used to?

use crate::tail::log_negative_binomial_tail;

/// Settings of the scan.
#[derive(Clone, Debug, PartialEq)]
pub struct LossScanConfig {
    /// Lengths of the windows that are tried, in bins, ascending.
    pub windows: Vec<u32>,
    /// Prior of the base loss rate: as if `prior_lost` of `prior_sent` packets had been lost before.
    pub prior_lost: f64,
    /// See `prior_lost`.
    pub prior_sent: f64,
}

/// A causal multi-scale count scan over one path: in each bin, for each window that ends there, how likely as many losses
/// are at a rate that is known only as well as the quiet stretch has taught it (Gamma–Poisson: a negative binomial).
#[derive(Clone, Debug)]
pub struct LossScan {
    config: LossScanConfig,
    /// Losses and packets that taught the base rate, prior included.
    lost: f64,
    sent: f64,
    over_dispersion: f64,
}

/// The scan's word on one bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossVerdict {
    /// Natural logarithm of the smallest tail probability over the windows, after a Bonferroni factor for their number.
    pub log_p: f64,
    /// The window that gave it, in bins.
    pub window: u32,
    /// Loss share in that window.
    pub observed: f64,
}

impl LossScan {
    /// Learns the base rate from `(sent, lost)` per bin of a quiet stretch. Losses come in bursts; the variance of the
    /// counts beyond Poisson's is learnt too and weakens the evidence accordingly (quasi-likelihood).
    pub fn learn(quiet: &[(u64, u64)], config: LossScanConfig) -> Self {
        let (sent, lost) = quiet.iter().fold((0u64, 0u64), |(s, l), (a, b)| (s + a, l + b));
        let (lost, sent) = (lost as f64 + config.prior_lost, sent as f64 + config.prior_sent);
        let base_rate = lost / sent;
        let used: Vec<_> = quiet.iter().filter(|(s, _)| *s > 0).collect();
        let chi2: f64 = used
            .iter()
            .map(|(s, l)| {
                let mean = *s as f64 * base_rate;
                (*l as f64 - mean).powi(2) / mean
            })
            .sum();
        let over_dispersion = (chi2 / (used.len() as f64).max(1.0)).max(1.0);
        Self { config, lost, sent, over_dispersion }
    }

    /// The loss share that is usual here.
    pub fn base_rate(&self) -> f64 {
        self.lost / self.sent
    }

    /// One verdict for each bin.
    pub fn scan(&self, bins: &[(u64, u64)]) -> Vec<LossVerdict> {
        let mut sums = vec![(0u64, 0u64)];
        for (sent, lost) in bins {
            let (s, l) = sums[sums.len() - 1];
            sums.push((s + sent, l + lost));
        }
        (1..=bins.len()).map(|end| self.verdict(&sums, end)).collect()
    }

    fn verdict(&self, sums: &[(u64, u64)], end: usize) -> LossVerdict {
        let mut best = LossVerdict { log_p: 0.0, window: self.config.windows[0], observed: f64::NAN };
        for &window in &self.config.windows {
            let start = end.saturating_sub(window as usize);
            let (sent, lost) = (sums[end].0 - sums[start].0, sums[end].1 - sums[start].1);
            if sent == 0 {
                continue;
            }
            let phi = self.over_dispersion;
            let count = (lost as f64 / phi) as u64;
            let tail = log_negative_binomial_tail(count, sent as f64 / phi, self.lost / phi, self.sent / phi);
            let log_p = (tail + libm::log(self.config.windows.len() as f64)).min(0.0);
            if log_p < best.log_p || best.observed.is_nan() {
                best = LossVerdict { log_p, window, observed: lost as f64 / sent as f64 };
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> LossScanConfig {
        LossScanConfig { windows: vec![1, 5, 20], prior_lost: 0.1, prior_sent: 1_000.0 }
    }

    #[test]
    fn a_gray_loss_shows_at_the_long_window_and_a_burst_at_the_short_one() {
        let quiet = vec![(1_000, 0); 50];
        let scan = LossScan::learn(&quiet, config());
        let gray: Vec<_> = (0..40).map(|i| (1_000, u64::from(i >= 20))).collect();
        let verdicts = scan.scan(&gray);
        assert!(verdicts[19].log_p > -1.0);
        assert_eq!(verdicts[39].window, 20);
        assert!(verdicts[39].log_p < -25.0, "{:?}", verdicts[39]);
        let burst: Vec<_> = (0..40).map(|i| (1_000, if i == 20 { 30 } else { 0 })).collect();
        assert_eq!(scan.scan(&burst)[20].window, 1);
    }

    #[test]
    fn a_black_hole_is_not_no_opinion() {
        let scan = LossScan::learn(&[(1_000, 0); 50], config());
        let verdict = scan.scan(&[(100_000, 100_000)])[0];
        assert!(verdict.log_p.is_finite() && verdict.log_p < -40_000.0, "{verdict:?}");
    }
}
