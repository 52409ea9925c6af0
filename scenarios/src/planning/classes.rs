//! Traffic by class of service, under strict priority.
//!
//! Each class has demands of its own; all take the same paths. On an arc the highest class is served first, the next from
//! what that leaves, and so on (strict priority, RFC 2475 §2.3.2): of class k with load `l_k`, on an arc of capacity `C`,
//! `min(l_k, max(0, C - l_1 - … - l_(k-1)))` gets through. So the *priority utilisation* of a class, the load of it and of
//! all above it over the capacity, tells everything: beyond 1 the class is squeezed, and that of the lowest class is the
//! utilisation of the arc. Loads are open-loop: what one arc does not serve still loads the next.

use std::ops::Range;

use models::{NodeDemand, Routing};
use twin::{ArcId, Csr};

use super::sweep::stream;
use super::{Evaluator, FailureList, FailureSet, Plan, utilization};

/// Outcomes that are made before they are handed on: bounds what is held in memory.
const AT_ONCE: usize = 1 << 15;

/// What a failure set does to one class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassOutcome {
    /// Volume without a path in bit/s, other than `lost_own`.
    pub lost: f64,
    /// Volume from and to nodes that are down, in bit/s.
    pub lost_own: f64,
    /// Largest priority utilisation over the arcs that carry the class; 0 where none does.
    pub max_util: f64,
    /// The arc where it is, the first of equals.
    pub max_arc: Option<ArcId>,
    /// Arcs that do not serve the class in full.
    pub squeezed_arcs: u32,
}

/// A class on one arc in one scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassLoad {
    /// Its load in bit/s.
    pub load: f64,
    /// Its priority utilisation.
    pub util: f64,
    /// The share of its load that is served, 1 without load.
    pub served: f64,
}

/// The worst failures for a class on one arc.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClassWorst {
    /// The largest priority utilisation with the load of the class then, and the first scenario where it is.
    pub fullest: Option<(ClassLoad, u32)>,
    /// The smallest share that is served, and the first scenario where it is; none where all failures leave 1.
    pub squeezed: Option<(f64, u32)>,
}

/// A network with the demands of each class, highest priority first.
#[derive(Debug)]
pub struct ClassPlan<'a> {
    plans: Vec<Plan<'a>>,
}

impl<'a> ClassPlan<'a> {
    /// Prepares a network, given its routing with nothing down and the demands of each class.
    ///
    /// # Panics
    /// If the routing is of another network.
    pub fn new(csr: &'a Csr, routing: &'a Routing, classes: &'a [Vec<NodeDemand>]) -> Self {
        Self { plans: classes.iter().map(|demands| Plan::new(csr, routing, demands)).collect() }
    }

    /// How many classes.
    pub fn len(&self) -> usize {
        self.plans.len()
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// Volume of a class in bit/s.
    pub fn total(&self, class: usize) -> f64 {
        self.plans[class].total()
    }

    /// Somebody who answers; each thread needs its own.
    pub fn evaluator(&self) -> ClassEvaluator<'_> {
        ClassEvaluator { evaluators: self.plans.iter().map(Plan::evaluator).collect() }
    }

    fn arcs(&self) -> impl Iterator<Item = ArcId> + use<> {
        let arcs = self.plans.first().map_or(0, |plan| plan.csr().arc_count());
        (0..arcs).map(ArcId::new)
    }

    /// Evaluates a range of a list. `take` gets for each scenario, in order, what it does to each class. Returns by class,
    /// then by arc, the worst failures; the base is none. The result is the same for any number of threads. Cost: as many
    /// sweeps as there are classes, and all arcs in each scenario.
    ///
    /// # Errors
    /// What `take` returns; nothing is evaluated any more then.
    pub fn sweep<E: Send>(
        &self,
        list: &FailureList,
        range: Range<u32>,
        mut take: impl FnMut(u32, &[ClassOutcome]) -> Result<(), E> + Send,
    ) -> Result<Vec<Vec<ClassWorst>>, E> {
        let worst = || vec![vec![ClassWorst::default(); self.arcs().count()]; self.len()];
        let mut workers: Vec<_> =
            (0..rayon::current_num_threads()).map(|_| (self.evaluator(), worst())).collect();
        let at_once = (AT_ONCE / self.len().max(1)) as u32;
        let each = |(evaluator, worst): &mut (ClassEvaluator<'_>, Vec<Vec<ClassWorst>>), number: u32| {
            let set = list.get(number).0;
            let outcomes = evaluator.evaluate(&set);
            if !set.is_empty() {
                self.arcs().for_each(|arc| {
                    for (worst, load) in worst.iter_mut().zip(evaluator.loads(arc)) {
                        worst[arc.index()].see(load, number);
                    }
                });
            }
            (number, outcomes)
        };
        stream(range, at_once, &mut workers, each, &mut |rows: &[(u32, Vec<ClassOutcome>)]| {
            rows.iter().try_for_each(|(number, outcomes)| take(*number, outcomes))
        })?;
        let mut all = worst();
        for (_, part) in workers {
            let pairs = all.iter_mut().flatten().zip(part.into_iter().flatten());
            pairs.for_each(|(all, part)| all.merge(part));
        }
        Ok(all)
    }
}

/// Answers one failure set after another.
#[derive(Debug)]
pub struct ClassEvaluator<'p> {
    evaluators: Vec<Evaluator<'p>>,
}

impl ClassEvaluator<'_> {
    /// What a failure set does to each class.
    pub fn evaluate(&mut self, set: &FailureSet) -> Vec<ClassOutcome> {
        let mut outcomes: Vec<_> = self
            .evaluators
            .iter_mut()
            .map(|evaluator| {
                let all = evaluator.evaluate(set);
                let (lost, lost_own) = (all.lost, all.lost_own);
                ClassOutcome { lost, lost_own, max_util: 0.0, max_arc: None, squeezed_arcs: 0 }
            })
            .collect();
        let arcs = self.evaluators.first().map_or(0, |e| e.plan().csr().arc_count());
        for arc in (0..arcs).map(ArcId::new) {
            for (outcome, here) in outcomes.iter_mut().zip(self.loads(arc)) {
                if here.load > 0.0 && here.util > outcome.max_util {
                    (outcome.max_util, outcome.max_arc) = (here.util, Some(arc));
                }
                outcome.squeezed_arcs += u32::from(here.served < 1.0);
            }
        }
        outcomes
    }

    /// Each class on an arc after the last evaluated set, highest priority first.
    pub fn loads(&self, arc: ArcId) -> impl Iterator<Item = ClassLoad> {
        let capacity = self.evaluators.first().map_or(0.0, |e| e.capacity(arc));
        let mut above = 0.0;
        self.evaluators.iter().map(move |evaluator| {
            let load = evaluator.load(arc);
            let left = (capacity - above).max(0.0);
            above += load;
            // Rounding in a sum is no squeeze.
            let fits = above <= capacity * (1.0 + 1e-12);
            let served = if fits || load == 0.0 { 1.0 } else { (left / load).min(1.0) };
            ClassLoad { load, util: utilization(above, capacity), served }
        })
    }
}

impl ClassWorst {
    fn see(&mut self, here: ClassLoad, scenario: u32) {
        self.merge(Self {
            fullest: Some((here, scenario)),
            squeezed: (here.served < 1.0).then_some((here.served, scenario)),
        });
    }

    /// The worse of both; of equals the lower number.
    fn merge(&mut self, other: Self) {
        let worse = |a: f64, b: f64, (x, y): (u32, u32)| a > b || (a == b && x < y);
        if let Some((load, scenario)) = other.fullest
            && self.fullest.is_none_or(|(old, before)| worse(load.util, old.util, (scenario, before)))
        {
            self.fullest = Some((load, scenario));
        }
        if let Some((served, scenario)) = other.squeezed
            && self.squeezed.is_none_or(|(old, before)| worse(old, served, (scenario, before)))
        {
            self.squeezed = Some((served, scenario));
        }
    }
}
