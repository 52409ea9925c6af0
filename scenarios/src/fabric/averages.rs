//! What a chain saw on its way, on average.

use std::collections::BTreeMap;

use super::chain::Problem;
use super::topology::Link;

/// A set of failures: links that failed alone, events, holes, and whether something has no name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// Links that failed on their own.
    pub links: Vec<Link>,
    /// Events by position.
    pub events: Vec<u32>,
    /// Holes by position.
    pub holes: Vec<u32>,
    /// Something that has no name.
    pub unknown: bool,
}

impl State {
    /// Whether nothing has failed.
    pub(super) fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

/// Averages over the states of a chain: of conditional probabilities (Rao–Blackwell), so that small ones are known too.
#[derive(Clone, Debug, Default)]
pub struct Averages {
    /// Probability that each link failed on its own.
    pub alone: Vec<f64>,
    /// Probability of each event.
    pub events: Vec<f64>,
    /// Probability of each hole.
    pub holes: Vec<f64>,
    /// Probability that something unknown is wrong.
    pub unknown: f64,
    /// Probability that nothing is wrong.
    pub none: f64,
    /// Of each link when failed: weighted sums of ln rate, of its square, and of the weight.
    pub log_rate: Vec<(f64, f64, f64)>,
    /// Of each event the same of the share of links that it fails.
    pub share: Vec<(f64, f64, f64)>,
    /// How often each set of failures was visited.
    pub sets: BTreeMap<State, u32>,
    /// States that were averaged.
    pub states: u32,
    /// Mean loss rate of healthy links.
    pub healthy: f64,
    /// Of each link that had failed before a draw, and of each that had not: probabilities that it failed on its own, and
    /// draws.
    drawn: Vec<[(f64, u32); 2]>,
}

/// What a draw of a link's rate said.
pub(super) struct Drawn {
    /// Probability that it failed on its own.
    pub(super) alone: f64,
    /// See [`Averages::log_rate`].
    pub(super) rate: (f64, f64, f64),
}

impl Averages {
    pub(super) fn sized(problem: &Problem<'_>) -> Self {
        Self {
            alone: vec![0.0; problem.links],
            drawn: vec![[(0.0, 0); 2]; problem.links],
            events: vec![0.0; problem.events.len()],
            share: vec![(0.0, 0.0, 0.0); problem.events.len()],
            holes: vec![0.0; problem.holes.len()],
            log_rate: vec![(0.0, 0.0, 0.0); problem.links],
            ..Self::default()
        }
    }

    pub(super) fn see(&mut self, link: Link, had_failed: bool, drawn: &Drawn) {
        let l = link as usize;
        let (sum, draws) = &mut self.drawn[l][usize::from(!had_failed)];
        *sum += drawn.alone;
        *draws += 1;
        add(&mut self.log_rate[l], drawn.rate);
    }

    /// Sums become means. A link that has failed is drawn in every sweep, another only in some, which stand for all in which
    /// it had not failed.
    pub(super) fn finish(&mut self) {
        let n = f64::from(self.states.max(1));
        for (p, [(failed, often), (healthy, rarely)]) in self.alone.iter_mut().zip(&self.drawn) {
            let times = if *rarely == 0 { 0.0 } else { f64::from(self.states - often) / f64::from(*rarely) };
            *p = (failed + healthy * times) / n;
        }
        let lists = [&mut self.events, &mut self.holes];
        lists.into_iter().flatten().for_each(|p| *p /= n);
        self.unknown /= n;
        self.none /= n;
        self.healthy /= n;
    }
}

pub(super) fn add(sum: &mut (f64, f64, f64), more: (f64, f64, f64)) {
    *sum = (sum.0 + more.0, sum.1 + more.1, sum.2 + more.2);
}
