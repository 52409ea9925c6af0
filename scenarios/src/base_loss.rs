//! The loss that flows have when nothing is wrong: most hardly any, a few a lot.

use twin::stats::log_poisson_tail;

use crate::incident::{Counts, FlowTable};

/// A distribution of base loss rates over the flows of a network, learnt without assuming its shape: the non-parametric
/// maximum-likelihood mixture (Kiefer & Wolfowitz 1956) on a fixed grid, by expectation–maximisation. A customer with a
/// bad access line is in it; he must not make the links on his way look bad.
#[derive(Clone, Debug)]
pub struct BaseLoss {
    log_rate: Vec<f64>,
    log_clean: Vec<f64>,
    weight: Vec<f64>,
    over_dispersion: f64,
}

const GRID: usize = 15;
const ROUNDS: usize = 200;
const NODES: usize = 24;

impl BaseLoss {
    /// Learns from bins `0..quiet_until`.
    pub fn learn(flows: &FlowTable, quiet_until: u32) -> Self {
        // 1e-6 … 5e-2, evenly in the logarithm: below and above nothing can be told apart from the ends.
        let (lo, hi) = (libm::log(1e-6), libm::log(5e-2));
        let log_rate: Vec<f64> = (0..GRID).map(|i| lo + (hi - lo) * i as f64 / (GRID - 1) as f64).collect();
        let log_clean = log_rate.iter().map(|l| libm::log1p(-libm::exp(*l))).collect();
        let mut base =
            Self { log_rate, log_clean, weight: vec![1.0 / GRID as f64; GRID], over_dispersion: 1.0 };
        let counts: Vec<_> = (0..flows.len()).map(|f| flows.count(f, 0, quiet_until)).collect();
        for _ in 0..ROUNDS {
            base.maximise(&counts);
        }
        base.over_dispersion = base.measure_dispersion(flows, quiet_until);
        base
    }

    fn maximise(&mut self, counts: &[Counts]) {
        let mut next = vec![1e-3 / GRID as f64; GRID];
        for c in counts {
            for (n, w) in next.iter_mut().zip(self.responsibilities(*c)) {
                *n += w;
            }
        }
        let total: f64 = next.iter().sum();
        self.weight = next.into_iter().map(|w| w / total).collect();
    }

    /// Pearson's χ² per degree of freedom of the losses in five-bin cells around each flow's own mean, at least 1: losses
    /// come in bursts, and evidence counts for less by this factor (quasi-likelihood). Cells that expect next to nothing
    /// say nothing about bursts and are left out; the rest count alike, so that no single large flow decides.
    fn measure_dispersion(&self, flows: &FlowTable, quiet_until: u32) -> f64 {
        const CELL: u32 = 5;
        const LEAST: f64 = 0.2;
        const PRIOR_CELLS: f64 = 20.0;
        let (mut chi2, mut freedom) = (PRIOR_CELLS, PRIOR_CELLS);
        for flow in 0..flows.len() {
            let all = flows.count(flow, 0, quiet_until);
            let rate = f64::from(all.lost) / f64::from(all.sent.max(1));
            for from in (0..quiet_until).step_by(CELL as usize) {
                let c = flows.count(flow, from, (from + CELL).min(quiet_until));
                let mean = f64::from(c.sent) * rate;
                if mean >= LEAST {
                    chi2 += (f64::from(c.lost) - mean).powi(2) / (mean * (1.0 - rate));
                    // The flow's mean is fitted to its own counts: they stray from it by that much less.
                    freedom += 1.0 - f64::from(c.sent) / f64::from(all.sent);
                }
            }
        }
        (chi2 / freedom).max(1.0)
    }

    /// The factor by which evidence from counts is weakened, ≥ 1.
    pub fn over_dispersion(&self) -> f64 {
        self.over_dispersion
    }

    /// What quiet counts say about a flow's own base rate: the learnt density times the likelihood, on nodes of its own
    /// that lie where the mass is. A flow with many packets knows its rate far better than the grid does.
    pub fn posterior(&self, quiet: Counts) -> FlowBase {
        let (lost, sent) = (f64::from(quiet.lost), f64::from(quiet.sent));
        let center = libm::log((lost + 0.5) / (sent + 1.0));
        let spread = 1.0 / (lost + 0.5).sqrt();
        let (first, last) = (self.log_rate[0], libm::log(0.5));
        // Fewer losses than the mean are always possible for a clean flow, many more hardly: the range is lopsided.
        let low = (center - 6.0 * spread).clamp(first, last - 1.0);
        let high = (center + 5.0 * spread).clamp(low + 0.1, last);
        let mut base = FlowBase { log_weight: [0.0; NODES], rate: [0.0; NODES], log_clean: [0.0; NODES] };
        for i in 0..NODES {
            let log_rate = low + (high - low) * i as f64 / (NODES - 1) as f64;
            base.rate[i] = libm::exp(log_rate);
            base.log_clean[i] = libm::log1p(-base.rate[i]);
            base.log_weight[i] =
                self.log_density(log_rate) + lost * log_rate + (sent - lost) * base.log_clean[i];
        }
        let total = log_sum_exp(&base.log_weight);
        base.log_weight.iter_mut().for_each(|w| *w -= total);
        base
    }

    /// The learnt density over log rates, linear between the grid's points; beyond the last point it falls like the rate's
    /// inverse square.
    fn log_density(&self, log_rate: f64) -> f64 {
        let (first, step) = (self.log_rate[0], self.log_rate[1] - self.log_rate[0]);
        let at = ((log_rate - first) / step).max(0.0);
        let i = (at as usize).min(GRID - 1);
        let here = self.weight[i];
        let next = self.weight[(i + 1).min(GRID - 1)];
        let beyond = (at - (GRID - 1) as f64).max(0.0) * step;
        libm::log(here + (next - here) * (at - i as f64).min(1.0)) - 2.0 * beyond
    }

    fn responsibilities(&self, quiet: Counts) -> Vec<f64> {
        let logs: Vec<f64> = (0..GRID)
            .map(|i| {
                libm::log(self.weight[i])
                    + f64::from(quiet.lost) * self.log_rate[i]
                    + f64::from(quiet.sent - quiet.lost) * self.log_clean[i]
            })
            .collect();
        let total = log_sum_exp(&logs);
        logs.iter().map(|l| libm::exp(l - total)).collect()
    }

    /// A flow's expected base rate after these quiet counts.
    pub fn mean_rate(&self, quiet: Counts) -> f64 {
        let base = self.posterior(quiet);
        (0..NODES).map(|i| libm::exp(base.log_weight[i]) * base.rate[i]).sum()
    }
}

/// A flow's base rate as its quiet counts leave it: nodes with weights that sum to 1.
#[derive(Clone, Debug)]
pub struct FlowBase {
    log_weight: [f64; NODES],
    rate: [f64; NODES],
    log_clean: [f64; NODES],
}

impl FlowBase {
    /// log P(at least as many losses) at the flow's own base rate, as well as it is known; losses count for less by
    /// `over_dispersion`.
    pub fn log_tail(&self, counts: Counts, over_dispersion: f64) -> f64 {
        let lost = (f64::from(counts.lost) / over_dispersion) as u64;
        let exposure = f64::from(counts.sent) / over_dispersion;
        let mut terms = [0.0; NODES];
        for (i, term) in terms.iter_mut().enumerate() {
            *term = self.log_weight[i] + log_poisson_tail(lost, exposure * self.rate[i]);
        }
        log_sum_exp(&terms).min(0.0)
    }

    /// log p(counts | extra loss `x`) up to the binomial coefficient.
    pub fn log_likelihood(&self, counts: Counts, x: f64) -> f64 {
        let (lost, kept) = (f64::from(counts.lost), f64::from(counts.sent - counts.lost));
        let log_keep = libm::log1p(-x);
        let mut terms = [0.0; NODES];
        for (i, term) in terms.iter_mut().enumerate() {
            let loss = self.rate[i] + x - self.rate[i] * x;
            let hit = if counts.lost == 0 { 0.0 } else { lost * libm::log(loss) };
            *term = self.log_weight[i] + hit + kept * (self.log_clean[i] + log_keep);
        }
        log_sum_exp(&terms)
    }
}

/// log Σ exp, without overflow; −∞ for an empty or all −∞ list.
pub fn log_sum_exp(logs: &[f64]) -> f64 {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return top;
    }
    top + libm::log(logs.iter().map(|l| libm::exp(l - top)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::{FlowInfo, FlowRow, NodeId};

    #[test]
    fn a_bad_access_line_is_remembered_and_a_clean_one_forgiven() {
        let info = vec![FlowInfo { src: NodeId(0), dst: NodeId(1) }; 100];
        let rows: Vec<_> = (0..100u32)
            .flat_map(|flow| {
                (0..40u32).map(move |bin| FlowRow {
                    bin,
                    flow,
                    sent: 50,
                    lost: u32::from(flow < 5 && bin % 2 == 0),
                    rtt_ms: 1.0,
                })
            })
            .collect();
        let flows = FlowTable::new(info, 40, 60.0, &rows);
        let base = BaseLoss::learn(&flows, 40);
        let bad = base.mean_rate(flows.count(0, 0, 40));
        let good = base.mean_rate(flows.count(50, 0, 40));
        assert!((bad / 0.01 - 1.0).abs() < 0.25, "{bad}");
        assert!(good < 1e-5, "{good}");
        let ten = Counts { sent: 1_000, lost: 10 };
        let gain = |flow: usize| {
            let own = base.posterior(flows.count(flow, 0, 40));
            own.log_likelihood(ten, 0.01) - own.log_likelihood(ten, 0.0)
        };
        assert!(gain(50) > 10.0, "ten losses of a clean flow are news: {}", gain(50));
        assert!(gain(0) < 0.0, "of a bad one they are not: {}", gain(0));
    }

    #[test]
    fn a_flow_that_knows_its_rate_is_not_forced_onto_the_grid() {
        // 3 % of many packets before and 3.3 % after is chance, wherever the grid's points lie.
        let info = vec![FlowInfo { src: NodeId(0), dst: NodeId(1) }; 20];
        let rows: Vec<_> = (0..20u32)
            .flat_map(|flow| (0..40u32).map(move |bin| (flow, bin)))
            .map(|(flow, bin)| FlowRow {
                bin,
                flow,
                sent: 200,
                lost: if flow == 0 { 6 } else { 0 },
                rtt_ms: 1.0,
            })
            .collect();
        let flows = FlowTable::new(info, 40, 60.0, &rows);
        let base = BaseLoss::learn(&flows, 40);
        let own = base.posterior(flows.count(0, 0, 40));
        let after = Counts { sent: 10_000, lost: 330 };
        let gain = own.log_likelihood(after, 0.01) - own.log_likelihood(after, 0.0);
        assert!(gain < 0.0, "{gain}");
    }
}
