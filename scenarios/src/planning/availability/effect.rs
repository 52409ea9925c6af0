//! What many failure sets do, each evaluated once.

use std::collections::BTreeMap;
use std::sync::Arc;

use models::UNREACHABLE;
use rayon::prelude::*;
use twin::NodeId;

use crate::planning::{Evaluator, FailureSet, Plan};

/// Sets that a thread takes at once.
const BLOCK: usize = 64;

/// Numbers that are kept of known effects: a few hundred megabytes at most.
const ROOM: usize = 16 << 20;

/// Utilisation is over a threshold if it is by more than rounding.
const ROUNDING: f64 = 1e-9;

/// What a failure set does to the demands as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Demands without a path, or with an end that is down, by number and ascending.
    pub lost: Arc<[u32]>,
    /// Their share of the volume of all demands.
    pub lost_share: f64,
    /// Whether the largest utilisation is above the threshold.
    pub over: bool,
}

impl Effect {
    /// Whether every demand has a path.
    pub fn all_connected(&self) -> bool {
        self.lost.is_empty()
    }
}

/// Effects of failure sets on a network, kept for the next time that a set is asked for.
#[derive(Debug)]
pub struct Effects<'p> {
    plan: &'p Plan<'p>,
    threshold: f64,
    demands: Demands,
    known: BTreeMap<FailureSet, Effect>,
    room: usize,
    evaluated: u64,
}

impl<'p> Effects<'p> {
    /// Nothing is known yet. Utilisation above `threshold` counts as over it.
    pub fn new(plan: &'p Plan<'p>, threshold: f64) -> Self {
        let demands = Demands::new(plan);
        Self { plan, threshold, demands, known: BTreeMap::new(), room: ROOM, evaluated: 0 }
    }

    /// The network.
    pub fn plan(&self) -> &'p Plan<'p> {
        self.plan
    }

    /// How many sets were evaluated.
    pub fn evaluated(&self) -> u64 {
        self.evaluated
    }

    /// The effect of each set, in order; those that are not known are evaluated on all threads.
    pub fn of(&mut self, sets: &[FailureSet]) -> Vec<Effect> {
        let mut effects: Vec<_> = sets.iter().map(|s| self.known.get(s).cloned()).collect();
        let mut missing: Vec<_> = (0..sets.len()).filter(|i| effects[*i].is_none()).collect();
        let fresh: Vec<Vec<Effect>> = missing
            .par_chunks(BLOCK)
            .map_init(
                || self.plan.evaluator(),
                |e, block| block.iter().map(|i| self.evaluate(e, &sets[*i])).collect(),
            )
            .collect();
        self.evaluated += missing.len() as u64;
        for (i, effect) in missing.drain(..).zip(fresh.into_iter().flatten()) {
            let size = 16 + sets[i].links().len() + sets[i].nodes().len() + effect.lost.len();
            if let Some(room) = self.room.checked_sub(size) {
                self.room = room;
                self.known.insert(sets[i].clone(), effect.clone());
            }
            effects[i] = Some(effect);
        }
        effects.into_iter().flatten().collect()
    }

    fn evaluate(&self, evaluator: &mut Evaluator<'_>, set: &FailureSet) -> Effect {
        let mut lost = self.demands.always_lost.clone();
        let outcome = evaluator.evaluate_with(set, |after| {
            let before = self.demands.reached[after.dst().index()];
            if after.order().len() < before {
                let unreached = |(src, _): &&(NodeId, u32)| after.distance(*src) == UNREACHABLE;
                lost.extend(self.demands.to(after.dst()).iter().filter(unreached).map(|(_, demand)| *demand));
            }
        });
        lost.sort_unstable();
        lost.dedup();
        debug_assert_eq!(lost.is_empty(), outcome.all_connected(), "{set:?}");
        let volume: f64 = lost.iter().map(|d| self.plan.demands()[*d as usize].bps).sum();
        Effect {
            lost_share: if volume > 0.0 { (volume / self.plan.total()).min(1.0) } else { 0.0 },
            lost: lost.into(),
            over: outcome.max_util > self.threshold * (1.0 + ROUNDING),
        }
    }
}

/// Demands by destination.
#[derive(Debug)]
struct Demands {
    by_dst: Vec<Vec<(NodeId, u32)>>,
    /// Nodes that reach a destination with nothing down, itself among them.
    reached: Vec<usize>,
    /// Demands without a path with nothing down: nothing that fails gives them one.
    always_lost: Vec<u32>,
}

impl Demands {
    fn new(plan: &Plan<'_>) -> Self {
        let n = plan.csr().node_count();
        let mut by_dst = vec![Vec::new(); n];
        let mut always_lost = Vec::new();
        for (number, demand) in (0..).zip(plan.demands()) {
            if plan.routing().reaches(demand.src, demand.dst) {
                by_dst[demand.dst.index()].push((demand.src, number));
            } else {
                always_lost.push(number);
            }
        }
        let reached = (0..n).map(|d| plan.routing().to(NodeId::new(d)).order().len()).collect();
        Self { by_dst, reached, always_lost }
    }

    fn to(&self, dst: NodeId) -> &[(NodeId, u32)] {
        &self.by_dst[dst.index()]
    }
}
