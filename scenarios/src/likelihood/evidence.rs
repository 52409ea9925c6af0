//! What was observed, tabulated for each onset and severity.

use twin::stats::{mad_sigma, median};

use super::grid::{
    CONVERGENCE_GRID, CONVERGENCE_S, LOSS_GRID, convergence_s, joint_rates, loss_rate, nearest_rate,
};
use crate::base_loss::BaseLoss;
use crate::incident::{Counts, Incident};
use crate::prediction::{LossMode, Paths};

/// The loss rate of a flow whose end is dead.
const DEAD: f64 = 0.999;

/// Everything that likelihoods share, computed once per incident.
pub struct Evidence<'a> {
    /// The incident.
    pub incident: &'a Incident<'a>,
    /// Paths and delays of the twin.
    pub paths: &'a Paths,
    /// Base losses.
    pub base: BaseLoss,
    /// Prior probability of each onset candidate.
    pub onset_weight: f64,
    pub(super) converge_bins: u32,
    lasting: Vec<Ratio>,
    converging: Vec<Ratio>,
    pub(super) dead: Vec<f32>,
    pub(super) joint: Vec<u8>,
    pub(super) suspicious: Vec<u32>,
    pub(super) rtt: Vec<Option<RttChange>>,
}

/// How much likelier a flow's losses are at some rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ratio {
    /// Its logarithm.
    pub(super) log: f32,
    /// Less one, and infinite beyond 1e38: a mixture of such gains takes no exponential.
    pub(super) gain: f32,
}

impl Ratio {
    fn of_log(log: f32) -> Self {
        Self { log, gain: libm::expm1(f64::from(log)) as f32 }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct RttChange {
    pub(super) change_ms: f64,
    pub(super) sigma_ms: f64,
}

impl<'a> Evidence<'a> {
    /// Learns the base losses and tabulates each flow's log-likelihood ratio for each onset and severity. Cost O(flows ·
    /// onsets · severities).
    pub fn new(incident: &'a Incident<'a>, paths: &'a Paths, onset_weight: f64) -> Self {
        let flows = incident.flows;
        let base = BaseLoss::learn(flows, incident.onsets[0]);
        let converge_bins = (CONVERGENCE_S.1 / flows.bin_s).ceil() as u32 + 1;
        let mut e = Self {
            incident,
            paths,
            base,
            onset_weight,
            converge_bins,
            lasting: Vec::new(),
            converging: Vec::new(),
            dead: Vec::new(),
            joint: joint_rates(),
            suspicious: Vec::new(),
            rtt: Vec::new(),
        };
        for flow in 0..flows.len() {
            e.tabulate(flow);
        }
        e
    }

    fn tabulate(&mut self, flow: usize) {
        let flows = self.incident.flows;
        let mut best = 0.0f32;
        for &onset in self.incident.onsets {
            let own = self.base.posterior(flows.count(flow, 0, onset));
            let after = flows.count(flow, onset, flows.bins);
            let first = flows.count(flow, onset, onset + self.converge_bins);
            let ratios = |counts: Counts, rates: &mut dyn Iterator<Item = f64>| -> Vec<f32> {
                let quiet = if counts.lost == 0 { 0.0 } else { own.log_likelihood(counts, 0.0) };
                let ratio = |x: f64| {
                    let gain = if counts.lost == 0 {
                        // Nothing lost: every base rate loses the same factor, and the mixture over them cancels.
                        f64::from(counts.sent) * libm::log1p(-x)
                    } else {
                        own.log_likelihood(counts, x) - quiet
                    };
                    (gain / self.base.over_dispersion()) as f32
                };
                rates.map(ratio).collect()
            };
            let mut lasting = ratios(after, &mut (0..LOSS_GRID).map(loss_rate).chain([DEAD]));
            let span_s = f64::from(self.converge_bins) * flows.bin_s;
            let converging = ratios(first, &mut (0..CONVERGENCE_GRID).map(|g| convergence_s(g) / span_s));
            self.dead.extend(lasting.pop());
            best = lasting.iter().chain(&converging).copied().fold(best, f32::max);
            self.lasting.extend(lasting.into_iter().map(Ratio::of_log));
            self.converging.extend(converging.into_iter().map(Ratio::of_log));
            self.rtt.push(self.rtt_change(flow, onset));
        }
        // A flow that looks bad counts against every component that its path does not meet.
        if best > 2.0 {
            self.suspicious.push(flow as u32);
        }
    }

    fn rtt_change(&self, flow: usize, onset: u32) -> Option<RttChange> {
        let flows = self.incident.flows;
        let before: Vec<f64> = flows.rtts(flow, 0, onset).collect();
        let after: Vec<f64> = flows.rtts(flow, onset + self.converge_bins, flows.bins).collect();
        if before.len() < 5 || after.is_empty() {
            return None;
        }
        let usual = median(before.iter().copied());
        // The median of n samples has 1.2533 times the standard error of their mean.
        let spread = 1.2533 * mad_sigma(&before, usual);
        let sigma_ms = spread * (1.0 / after.len() as f64 + 1.0 / before.len() as f64).sqrt();
        Some(RttChange { change_ms: median(after) - usual, sigma_ms: sigma_ms.max(0.02) })
    }

    pub(super) fn index(&self, flow: u32, onset: usize) -> usize {
        flow as usize * self.incident.onsets.len() + onset
    }

    /// Log-likelihood ratio of a flow's losses from an onset on at a lasting rate, against its usual ones.
    pub(super) fn lasting(&self, flow: u32, onset: usize, g: usize) -> Ratio {
        self.lasting[self.index(flow, onset) * LOSS_GRID + g]
    }

    pub(super) fn ratio(&self, flow: u32, onset: usize, mode: LossMode, g: usize) -> Ratio {
        match mode {
            LossMode::Lasting => self.lasting(flow, onset, g),
            LossMode::UntilConverged => self.converging[self.index(flow, onset) * CONVERGENCE_GRID + g],
            LossMode::Fixed(ppb) => self.lasting(flow, onset, nearest_rate(f64::from(ppb) / 1e9)),
        }
    }
}
