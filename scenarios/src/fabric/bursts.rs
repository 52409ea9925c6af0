//! Do losses on a failed link come in bursts? Then it is no link that loses packets steadily, whatever it is: a full queue
//! that no counter tells of, an interface that flaps.
//!
//! Each flow meets its own loss rate: exponential around the link's, the broadest law of a given mean. Against it stands
//! the same rate for all. The link's rate is integrated over either way.

use std::collections::BTreeMap;

use super::draws::log_or;
use super::log_sum_exp;
use super::rates::{HEALTHY, Rates, VALUES};
use super::topology::Link;

/// What a flow lost on its way over one failed link.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Crossing {
    /// Packets that arrived.
    arrived: f64,
    /// Packets lost.
    lost: f64,
    /// ln of the chance that a packet passes the rest of its path.
    log_pass: f64,
}

/// The flows that crossed one failed link.
#[derive(Clone, Debug, Default)]
pub(super) struct Crossings {
    lossy: Vec<Crossing>,
    /// Flows without a loss, by what arrived: the rest of their path is the same for either law.
    clean: BTreeMap<u32, f64>,
}

/// Quantiles of the exponential law that stand for it.
const NODES: usize = 16;
/// Rates to each side of the link's own that are integrated over, in steps of the grid.
const SIDE: usize = 4;

impl Crossings {
    /// Adds a flow; `log_pass` is ln of the chance that a packet passes the rest of its path.
    pub(super) fn see(&mut self, arrived: u32, lost: u32, log_pass: f64) {
        if lost == 0 {
            *self.clean.entry(arrived).or_default() += 1.0;
        } else {
            self.lossy.push(Crossing { arrived: f64::from(arrived), lost: f64::from(lost), log_pass });
        }
    }

    /// log of how much likelier losses in bursts make what a link's flows lost.
    pub(super) fn log_bayes(&self, rates: &Rates, value: u16) -> f64 {
        let value = usize::from(value);
        let grid = value.saturating_sub(SIDE).max(HEALTHY)..(value + SIDE + 1).min(VALUES);
        let quantiles: [f64; NODES] = std::array::from_fn(|i| -libm::log1p(-(i as f64 + 0.5) / NODES as f64));
        let (mut steady, mut bursts) = (Vec::new(), Vec::new());
        for v in grid {
            let pass = |rate: f64| libm::log1p(-rate.min(0.999));
            let one = pass(rates.value[v]);
            let nodes = quantiles.map(|q| pass(rates.value[v] * q));
            let mixed = |logs: [f64; NODES]| log_sum_exp(&logs) - libm::log(NODES as f64);
            let clean = self.clean.iter().map(|(arrived, n)| (f64::from(*arrived), n));
            let (mut same, mut own) = (0.0, 0.0);
            for (arrived, n) in clean {
                same += n * arrived * one;
                own += n * mixed(nodes.map(|pass| arrived * pass));
            }
            for flow in &self.lossy {
                same += flow.log_chance(one);
                own += mixed(nodes.map(|pass| flow.log_chance(pass)));
            }
            steady.push(same);
            bursts.push(own);
        }
        log_sum_exp(&bursts) - log_sum_exp(&steady)
    }
}

/// The same of several links of which each may be concerned or not.
pub(super) fn of_links(links: &[(Link, f64)]) -> f64 {
    links.iter().map(|(_, log)| log_or(0.0, *log) - std::f64::consts::LN_2).sum()
}

impl Crossing {
    /// Log-likelihood if the link lets a packet pass with the chance e^`pass`.
    fn log_chance(&self, pass: f64) -> f64 {
        let log_pass = self.log_pass + pass;
        self.arrived * log_pass + self.lost * libm::log(-libm::expm1(log_pass))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Purpose, Seeds};
    use twin::EntityKey;

    #[test]
    fn bursts_are_told_from_steady_losses() {
        let rates = Rates::new(5e-5);
        let value = rates.nearest_failed(0.01);
        let (mut steady_low, mut bursts_high) = (0, 0);
        for trial in 0..40 {
            let mut stream = Seeds::new(2).trial(trial).stream(Purpose::LINK_LOSS, &EntityKey::new("bursts"));
            let mut flows = |bursts: bool| {
                let mut flows = Crossings::default();
                for _ in 0..60 {
                    let (mut lost, mut arrived) = (0, 0);
                    let rate = 0.01 * if bursts { stream.exp() * stream.exp() } else { 1.0 };
                    for _ in 0..100 {
                        let is_lost = stream.f64_open() < rate;
                        lost += u32::from(is_lost);
                        arrived += u32::from(!is_lost);
                    }
                    flows.see(arrived, lost, -2e-4);
                }
                flows
            };
            steady_low += u32::from(flows(false).log_bayes(&rates, value) < 0.0);
            bursts_high += u32::from(flows(true).log_bayes(&rates, value) > 5.0);
        }
        assert!(steady_low >= 38 && bursts_high >= 36, "{steady_low} {bursts_high}");
    }

    #[test]
    fn one_flow_with_one_loss_says_next_to_nothing() {
        let rates = Rates::new(5e-5);
        let mut flow = Crossings::default();
        flow.see(9, 1, -1e-4);
        assert!(flow.log_bayes(&rates, rates.nearest_failed(0.02)).abs() < 0.5);
        assert_eq!(of_links(&[]), 0.0);
        assert!((of_links(&[(0, 0.0), (1, 50.0)]) - (50.0 - std::f64::consts::LN_2)).abs() < 1e-9);
    }
}
