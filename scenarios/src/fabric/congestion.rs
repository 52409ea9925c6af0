//! Congestion: what a full queue drops is no failure.
//!
//! A link that its interface counters show full, with packets discarded at its output queue, loses packets because of that.
//! Its losses come in bursts, so flows that cross it say little about the other links on their paths and are left out.

use super::rates::{HEALTHY, VALUES};
use super::topology::Link;

/// Counters of one directed link over a case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counter {
    /// The link; the interface that sends on it.
    pub link: Link,
    /// Share of its capacity in use, 0 to 1.
    pub utilization: f64,
    /// Packets discarded at the output queue.
    pub discards: f64,
    /// Packets received with errors at the far end.
    pub errors: f64,
}

/// From this utilisation on a queue of some hundred packets overflows now and then: waiting in M/M/1 is ρ/(1 − ρ), and an
/// average over minutes hides the bursts.
const FULL: f64 = 0.8;
/// Odds that an interface which is not congested discards anything.
const STRAY_DISCARDS: f64 = 1e-3;

/// A link that is congested, and how probably so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Congested {
    /// The link.
    pub link: Link,
    /// Its probability.
    pub probability: f64,
    /// Log Bayes factor of its discards, and of its utilisation.
    pub log_bayes: (f64, f64),
    /// What was counted.
    pub counter: Counter,
}

/// Links that discard packets at their queue, with the probability that they are congested. Before the counters are read
/// one link in ten is full somewhere in a case that somebody looks at.
pub fn congested(counters: &[Counter], links: usize) -> Vec<Congested> {
    let full = counters.iter().filter(|c| c.utilization >= FULL).count().max(1);
    let prior = 1.0 / links.max(1) as f64;
    let judge = |c: &Counter| {
        let by_discards = -libm::log(STRAY_DISCARDS);
        // A congested link is full; of all links so many are.
        let share = full as f64 / counters.len().max(1) as f64;
        let by_use =
            if c.utilization >= FULL { -libm::log(share) } else { libm::log(0.05 / (1.0 - share).max(0.05)) };
        let log_odds = libm::log(prior / (1.0 - prior).max(1e-9)) + by_discards + by_use;
        let probability = 1.0 / (1.0 + libm::exp(-log_odds));
        Congested { link: c.link, probability, log_bayes: (by_discards, by_use), counter: *c }
    };
    counters.iter().filter(|c| c.discards > 0.0).map(judge).collect()
}

/// Odds that an interface whose link is healthy counts any error.
const STRAY_ERRORS: f64 = 1e-3;

/// What errors say about the values of the links that show some: a healthy link shows them rarely, a failed one as often
/// as not. No error says nothing, since most of what loses packets silently counts none.
pub fn counted(counters: &[Counter]) -> Vec<(Link, [f64; VALUES])> {
    let with_errors = counters.iter().filter(|c| c.errors > 0.0);
    let kinds = [libm::log(STRAY_ERRORS), libm::log(0.5)];
    with_errors.map(|c| (c.link, std::array::from_fn(|v| kinds[usize::from(v >= HEALTHY)]))).collect()
}
