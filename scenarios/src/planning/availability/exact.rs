//! Proven bounds: failure sets in the order of their probability until what is left cannot matter.

use std::iter::Peekable;

use super::{Answer, Effect, Effects, Estimate, FailureModel, Measures, Phase, States};
use crate::planning::FailureSet;

/// States that are evaluated at once: bounds what is held in memory.
const BATCH: usize = 8192;

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Stop when the bounds are at most this far apart.
    pub gap: f64,
    /// Stop after so many states.
    pub states: u64,
}

/// What is proven.
#[derive(Clone, Debug, PartialEq)]
pub struct Exact {
    /// The measures with proven bounds. A value is the mean over the explored states.
    pub answer: Answer,
    /// States explored.
    pub states: u64,
    /// Probability of all others together: no bounds are farther apart.
    pub unexplored: f64,
    /// Whether there are no others.
    pub complete: bool,
}

/// Explores the states of a model, the most probable first, and bounds all measures: in what is not explored anything may
/// happen, but for what more failures never mend (paths that are missing with nothing down).
pub fn exact(effects: &mut Effects<'_>, model: &FailureModel, limits: Limits) -> Exact {
    let mut states = InPhases::new(model);
    let mut sums = Sums::new(effects.plan().demands().len());
    let (mut batch, mut sets) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    let mut complete = false;
    let (mut count, mut mass) = (0, Sum::default());
    loop {
        while batch.len() < BATCH && count < limits.states && (count == 0 || 1.0 - mass.total() > limits.gap)
        {
            let Some((probability, set)) = states.next() else {
                complete = true;
                break;
            };
            count += 1;
            mass.add(probability);
            sets.push(set);
            batch.push(probability);
        }
        if batch.is_empty() {
            break;
        }
        for (probability, effect) in batch.drain(..).zip(effects.of(&sets)) {
            sums.add(probability, &effect);
        }
        sets.clear();
    }
    let unexplored = if complete { 0.0 } else { (1.0 - mass.total()).max(0.0) };
    // Each probability is a product of as many factors as there are components, each sum as good as exact.
    let rounding = (model.components.len() + model.phases.len() + 8) as f64 * f64::EPSILON;
    let bounds = Bounds { mass: mass.total(), unexplored, rounding };
    let base = &effects.of(&[FailureSet::default()])[0];
    Exact { answer: sums.answer(&bounds, base.lost_share), states: count, unexplored, complete }
}

/// The states of all phases, the most probable first: a phase weighs as much as its share of the time.
struct InPhases<'m> {
    model: &'m FailureModel,
    phases: Vec<(&'m Phase, Peekable<States>)>,
}

impl<'m> InPhases<'m> {
    fn new(model: &'m FailureModel) -> Self {
        let phases = model.phases.iter().map(|phase| (phase, States::new(model).peekable())).collect();
        Self { model, phases }
    }
}

impl Iterator for InPhases<'_> {
    type Item = (f64, FailureSet);

    fn next(&mut self) -> Option<Self::Item> {
        let weights =
            self.phases.iter_mut().map(|(p, states)| states.peek().map(|s| p.share * s.probability));
        let mut first: Option<(usize, f64)> = None;
        for (number, weight) in weights.enumerate() {
            if let Some(weight) = weight.filter(|w| first.is_none_or(|(_, most)| *w > most)) {
                first = Some((number, weight));
            }
        }
        let (number, weight) = first?;
        let (phase, states) = &mut self.phases[number];
        let down = states.next()?.down;
        Some((weight, self.model.set(down).union(&phase.out)))
    }
}

/// A sum that does not lose its small terms (Neumaier, 1974).
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, x: f64) {
        let sum = self.sum + x;
        self.lost += if self.sum.abs() >= x.abs() { (self.sum - sum) + x } else { (x - sum) + self.sum };
        self.sum = sum;
    }

    fn total(&self) -> f64 {
        self.sum + self.lost
    }
}

/// Over the explored states.
struct Sums {
    disconnected: Sum,
    lost_share: Sum,
    over: Sum,
    /// By demand.
    lost: Vec<Sum>,
}

/// How far a sum over the explored states may be from the truth.
struct Bounds {
    mass: f64,
    unexplored: f64,
    rounding: f64,
}

impl Bounds {
    /// A mean of values of which each is at least `least` and at most 1.
    fn mean(&self, sum: &Sum, least: f64) -> Estimate {
        let sum = sum.total();
        let value = (sum / self.mass).clamp(0.0, 1.0);
        let lo = (sum + least * self.unexplored - self.rounding).clamp(0.0, value);
        let hi = (sum + self.unexplored + self.rounding).clamp(value, 1.0);
        Estimate { value, lo, hi }
    }
}

impl Sums {
    fn new(demands: usize) -> Self {
        let zero = Sum::default();
        Self { disconnected: zero, lost_share: zero, over: zero, lost: vec![zero; demands] }
    }

    fn add(&mut self, probability: f64, effect: &Effect) {
        if !effect.all_connected() {
            self.disconnected.add(probability);
            self.lost_share.add(probability * effect.lost_share);
            effect.lost.iter().for_each(|d| self.lost[*d as usize].add(probability));
        }
        if effect.over {
            self.over.add(probability);
        }
    }

    fn answer(&self, bounds: &Bounds, base_lost_share: f64) -> Answer {
        let cut = if base_lost_share > 0.0 { 1.0 } else { 0.0 };
        Answer {
            measures: Measures {
                p_all_connected: bounds.mean(&self.disconnected, cut).complement(),
                expected_lost_share: bounds.mean(&self.lost_share, base_lost_share),
                p_util_over: bounds.mean(&self.over, 0.0),
            },
            demands: self.lost.iter().map(|lost| bounds.mean(lost, 0.0).complement()).collect(),
        }
    }
}
