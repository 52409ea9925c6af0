//! Do losses on a failed link come in bursts? Then it is no link that loses packets steadily, whatever it is: a full queue
//! that no counter tells of, an interface that flaps.
//!
//! Each flow meets its own loss rate: exponential around the link's, the broadest law of a given mean. Against it stands
//! the same rate for all. The link's rate is integrated over either way.

use super::draws::log_or;
use super::log_sum_exp;
use super::rates::{HEALTHY, Rates, VALUES};
use super::topology::Link;

/// What a flow lost on its way over one failed link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Crossing {
    /// Packets that arrived.
    pub(super) arrived: f64,
    /// Packets lost.
    pub(super) lost: f64,
    /// ln of the chance that a packet passes the rest of its path.
    pub(super) log_pass: f64,
}

/// Quantiles of the exponential law that stand for it.
const NODES: usize = 16;
/// Rates to each side of the link's own that are integrated over, in steps of the grid.
const SIDE: usize = 4;

/// log of how much likelier losses in bursts make what a link's flows lost.
pub(super) fn log_bayes(rates: &Rates, value: u16, flows: &[Crossing]) -> f64 {
    let value = usize::from(value);
    let grid = value.saturating_sub(SIDE).max(HEALTHY)..(value + SIDE + 1).min(VALUES);
    let nodes: [f64; NODES] = std::array::from_fn(|i| -libm::log1p(-(i as f64 + 0.5) / NODES as f64));
    let (mut steady, mut bursts) = (Vec::new(), Vec::new());
    for v in grid {
        let rate = rates.value[v];
        steady.push(flows.iter().map(|f| f.log_chance(rate)).sum::<f64>());
        let flow =
            |f: &Crossing| log_sum_exp(&nodes.map(|n| f.log_chance(rate * n))) - libm::log(NODES as f64);
        bursts.push(flows.iter().map(flow).sum::<f64>());
    }
    log_sum_exp(&bursts) - log_sum_exp(&steady)
}

/// The same of several links of which each may be concerned or not.
pub(super) fn of_links(links: &[(Link, f64)]) -> f64 {
    links.iter().map(|(_, log)| log_or(0.0, *log) - std::f64::consts::LN_2).sum()
}

impl Crossing {
    fn log_chance(&self, rate: f64) -> f64 {
        let log_pass = self.log_pass + libm::log1p(-rate.min(0.999));
        let lost = if self.lost > 0.0 { self.lost * libm::log(-libm::expm1(log_pass)) } else { 0.0 };
        self.arrived * log_pass + lost
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
            let mut flows = |bursts: bool| -> Vec<Crossing> {
                let mut flow = || {
                    let (mut lost, mut arrived) = (0.0, 0.0);
                    let rate = 0.01 * if bursts { stream.exp() * stream.exp() } else { 1.0 };
                    for _ in 0..100 {
                        let is_lost = stream.f64_open() < rate;
                        lost += f64::from(u8::from(is_lost));
                        arrived += f64::from(u8::from(!is_lost));
                    }
                    Crossing { arrived, lost, log_pass: -2e-4 }
                };
                (0..60).map(|_| flow()).collect()
            };
            steady_low += u32::from(log_bayes(&rates, value, &flows(false)) < 0.0);
            bursts_high += u32::from(log_bayes(&rates, value, &flows(true)) > 5.0);
        }
        assert!(steady_low >= 38 && bursts_high >= 36, "{steady_low} {bursts_high}");
    }

    #[test]
    fn one_flow_with_one_loss_says_next_to_nothing() {
        let rates = Rates::new(5e-5);
        let flow = [Crossing { arrived: 9.0, lost: 1.0, log_pass: -1e-4 }];
        assert!(log_bayes(&rates, rates.nearest_failed(0.02), &flow).abs() < 0.5);
        assert_eq!(of_links(&[]), 0.0);
        assert!((of_links(&[(0, 0.0), (1, 50.0)]) - (50.0 - std::f64::consts::LN_2)).abs() < 1e-9);
    }
}
