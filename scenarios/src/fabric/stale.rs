//! Links that the topology lists and nothing takes: not there any more, or down and routed around.
//!
//! Flows spread over equal paths; that all of many miss a link by chance is improbable. Only where the path of every flow
//! is known can one say so.

use super::flows::Flows;
use super::topology::Link;

/// Expected number of them in a case: a tenth as many as failed links. The flows outweigh it by far.
const EXPECTED: f64 = 0.1;

/// A link that carries nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stale {
    /// The link.
    pub link: Link,
    /// The probability that it is not in use.
    pub probability: f64,
    /// Log Bayes factor: −ln of the chance that all flows missed it.
    pub log_bayes: f64,
}

/// Links without a flow though some might have taken them.
pub fn stale(flows: &Flows) -> Vec<Stale> {
    if flows.lossy_only || !flows.hidden.is_empty() {
        return Vec::new();
    }
    let prior = libm::log(EXPECTED / flows.missed.len().max(1) as f64);
    let judge = |(link, (missed, carried)): (u32, (&f64, &u32))| {
        let probability = 1.0 / (1.0 + libm::exp(-(prior + missed)));
        (*carried == 0 && *missed > 0.0).then_some(Stale { link, probability, log_bayes: *missed })
    };
    (0u32..).zip(flows.missed.iter().zip(&flows.flows)).filter_map(judge).collect()
}
