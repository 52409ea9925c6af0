//! A network with its demands, and what one failure set does to it.

use models::{After, Change, Gone, Loads, NodeDemand, Routing, WhatIf};
use twin::{ArcId, Csr};

use super::FailureSet;
use super::members::Members;

/// Of all volume, less than this share is rounding, not traffic.
const NOTHING: f64 = 1e-12;

/// A network with its demands and nothing down, ready to be asked what failures do.
#[derive(Debug)]
pub struct Plan<'a> {
    csr: &'a Csr,
    routing: &'a Routing,
    demands: &'a [NodeDemand],
    what_if: WhatIf<'a>,
    total: f64,
    base_util: Vec<f64>,
    /// Arcs by utilisation with nothing down, highest first, then by number.
    fullest: Vec<ArcId>,
}

impl<'a> Plan<'a> {
    /// Prepares a network, given its routing with nothing down. Memory: two numbers for each pair of nodes.
    ///
    /// # Panics
    /// If the routing is of another network.
    pub fn new(csr: &'a Csr, routing: &'a Routing, demands: &'a [NodeDemand]) -> Self {
        let what_if = WhatIf::new(csr, routing, demands);
        let loads = &what_if.base().arc;
        let base_util: Vec<_> =
            loads.iter().zip(&csr.capacity).map(|(load, c)| utilization(*load, c.as_f64())).collect();
        let mut fullest: Vec<_> = (0..csr.arc_count()).map(ArcId::new).collect();
        fullest.sort_by(|a, b| base_util[b.index()].total_cmp(&base_util[a.index()])); // stable: ties by number
        let total = demands.iter().map(|d| d.bps).sum();
        Self { csr, routing, demands, what_if, total, base_util, fullest }
    }

    /// The network.
    pub fn csr(&self) -> &'a Csr {
        self.csr
    }

    /// Shortest paths with nothing down.
    pub fn routing(&self) -> &'a Routing {
        self.routing
    }

    /// The demands.
    pub fn demands(&self) -> &'a [NodeDemand] {
        self.demands
    }

    /// The volume of all demands in bit/s.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// Loads with nothing down.
    pub fn base(&self) -> &Loads {
        self.what_if.base()
    }

    /// Utilisation of an arc with nothing down.
    pub fn base_util(&self, arc: ArcId) -> f64 {
        self.base_util[arc.index()]
    }

    fn util_of(&self, arc: ArcId, load: f64) -> f64 {
        utilization(load, self.csr.capacity[arc.index()].as_f64())
    }

    /// Somebody who answers; each thread needs its own.
    pub fn evaluator(&self) -> Evaluator<'_> {
        let (change, gone) = (self.what_if.scratch(), Vec::new());
        Evaluator { plan: self, change, gone, members: Members::default() }
    }
}

/// Load / capacity, uncapped: 0 without load, infinite for load on an arc without capacity.
pub fn utilization(load: f64, capacity: f64) -> f64 {
    if load == 0.0 { 0.0 } else { load / capacity }
}

/// What a failure set does to the network as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Largest utilisation over the arcs, uncapped; 0 without arcs.
    pub max_util: f64,
    /// The arc where it is, the first of equals; arc 0 without arcs.
    pub max_arc: ArcId,
    /// Volume without a path in bit/s, other than `lost_own`.
    pub lost: f64,
    /// Volume from and to nodes that are down, in bit/s.
    pub lost_own: f64,
    /// Ordered pairs with demand and no path, pairs with an end that is down not counted.
    pub disconnected_pairs: u32,
}

impl Outcome {
    /// Whether every demand has a path.
    pub fn all_connected(&self) -> bool {
        self.disconnected_pairs == 0 && self.lost_own == 0.0
    }
}

/// Answers one failure set after another. Every answer depends on its own set alone, to the last bit.
#[derive(Debug)]
pub struct Evaluator<'p> {
    plan: &'p Plan<'p>,
    change: Change,
    gone: Vec<Gone>,
    members: Members,
}

impl<'p> Evaluator<'p> {
    /// The plan that it answers for.
    pub fn plan(&self) -> &'p Plan<'p> {
        self.plan
    }

    /// What a failure set does. Cost: the destinations whose traffic it moves, each with the nodes where it changes.
    pub fn evaluate(&mut self, set: &FailureSet) -> Outcome {
        self.fail(set);
        self.plan.what_if.evaluate_loads(&self.gone, &mut self.change);
        self.outcome()
    }

    /// The same; `each` sees the new paths to every destination whose paths changed, as [`WhatIf::evaluate`] says.
    pub fn evaluate_with(&mut self, set: &FailureSet, each: impl FnMut(&After<'_>)) -> Outcome {
        self.fail(set);
        self.plan.what_if.evaluate(&self.gone, &mut self.change, each);
        self.outcome()
    }

    fn fail(&mut self, set: &FailureSet) {
        self.members.see(self.plan.csr, set);
        self.gone.clear();
        self.gone.extend(set.gone());
        self.gone.extend(self.members.down.iter().map(|link| Gone::Link(*link)));
    }

    fn outcome(&self) -> Outcome {
        let plan = self.plan;
        let (mut max_util, mut max_arc) = (0.0, ArcId(0));
        self.touched().for_each(|(arc, util)| {
            if util > max_util || (util == max_util && arc < max_arc) {
                (max_util, max_arc) = (util, arc);
            }
        });
        // Of the arcs that nothing touched the fullest is the first in their order.
        if let Some(arc) = plan.fullest.iter().find(|arc| !self.is_touched(**arc)) {
            let util = plan.base_util(*arc);
            if util > max_util || (util == max_util && *arc < max_arc) {
                (max_util, max_arc) = (util, *arc);
            }
        }
        let base = plan.base();
        Outcome {
            max_util,
            max_arc,
            lost: settle(base.lost + self.change.lost(), plan.total),
            lost_own: self.change.lost_own(),
            disconnected_pairs: (i64::from(base.disconnected_pairs) + self.change.disconnected_pairs())
                as u32,
        }
    }

    /// Arcs whose load or capacity the last evaluated set changed, with their utilisation then: those whose load it
    /// changed, ascending, then bundles that have lost members and nothing of their load.
    pub fn touched(&self) -> impl Iterator<Item = (ArcId, f64)> {
        let thin = self.members.left.iter().filter(|(arc, _)| self.change.load_on(*arc).is_none());
        let thin = thin.map(|(arc, _)| (*arc, self.util(*arc)));
        self.change.loads().map(|(arc, load)| (arc, self.util_with(arc, load))).chain(thin)
    }

    /// Whether the last evaluated set changed an arc's load or capacity. All others are as with nothing down.
    pub fn is_touched(&self, arc: ArcId) -> bool {
        self.change.load_on(arc).is_some() || self.is_thin(arc)
    }

    /// Utilisation of an arc after the last evaluated set.
    pub fn util(&self, arc: ArcId) -> f64 {
        if self.is_thin(arc) {
            return self.util_with(arc, self.load(arc));
        }
        self.change.load_on(arc).map_or(self.plan.base_util(arc), |load| self.plan.util_of(arc, load))
    }

    fn util_with(&self, arc: ArcId, load: f64) -> f64 {
        if self.members.left.is_empty() {
            self.plan.util_of(arc, load)
        } else {
            utilization(load, self.capacity(arc))
        }
    }

    fn is_thin(&self, arc: ArcId) -> bool {
        self.members.left.iter().any(|(thin, _)| *thin == arc)
    }

    /// Capacity of an arc in bit/s after the last evaluated set: a bundle has that of its members which are up.
    pub fn capacity(&self, arc: ArcId) -> f64 {
        self.plan.csr.capacity[arc.index()].as_f64() * self.share_left(arc)
    }

    /// What share of an arc's capacity is left, above 0: 1 but for bundles with members down.
    pub fn share_left(&self, arc: ArcId) -> f64 {
        self.members.left_of(arc)
    }

    /// Load of an arc in bit/s after the last evaluated set.
    pub fn load(&self, arc: ArcId) -> f64 {
        self.change.load_on(arc).unwrap_or(self.plan.base().arc[arc.index()])
    }
}

/// What is left of a difference of about equal numbers is rounding.
fn settle(value: f64, of: f64) -> f64 {
    if value <= of * NOTHING { 0.0 } else { value }
}
