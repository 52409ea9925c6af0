//! How long demands are under way, and what a failure does to each of them.
//!
//! The latency of a demand is the propagation delay along its shortest paths, of several equal ones the longest. Queues
//! add to it; they are not in here. Where the twin gives no delay of an arc, it is that of light in fibre over the
//! great-circle distance (5 µs/km); without places it counts as 0.

use std::ops::Range;

use models::{After, NodeDemand, Routing, UNREACHABLE};
use twin::{ArcId, Csr, NodeId, SimDuration};

use super::sweep::stream;
use super::{Evaluator, FailureList, FailureSet, Plan};

/// Rows that are made before they are handed on: bounds what is held in memory.
const ROWS: usize = 1 << 14;

/// What has become of a demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It takes the paths that it takes with nothing down.
    Ok,
    /// It arrives, on other paths, or on fewer than before.
    Rerouted,
    /// It has no path.
    Lost,
    /// Its source or destination is down.
    LostOwn,
}

impl Status {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Rerouted => "rerouted",
            Self::Lost => "lost",
            Self::LostOwn => "lost_own",
        }
    }
}

/// One demand in one scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fate {
    /// What has become of it.
    pub status: Status,
    /// Longest propagation delay over its paths in ms; `None` without a path.
    pub latency_ms: Option<f64>,
    /// The latency over that with nothing down; `None` where either is absent, or that is 0.
    pub stretch: Option<f64>,
}

/// Latencies of the demands of a plan, with nothing down and after failures.
#[derive(Debug)]
pub struct Latency<'a> {
    plan: &'a Plan<'a>,
    routing: &'a Routing,
    /// Delay of each arc in ms.
    delay: Vec<f64>,
    unknown: usize,
    derived: usize,
    base: Vec<Fate>,
    /// Numbers of the demands for each destination.
    by_dst: Vec<Vec<u32>>,
}

impl<'a> Latency<'a> {
    /// Latencies with nothing down; `routing` is that of the plan.
    pub fn new(plan: &'a Plan<'a>, routing: &'a Routing) -> Self {
        let csr = plan.csr();
        let delays: Vec<_> = (0..csr.arc_count()).map(|i| delay_ms(csr, ArcId::new(i))).collect();
        let mut by_dst = vec![Vec::new(); csr.node_count()];
        for (number, demand) in (0u32..).zip(plan.demands()) {
            by_dst[demand.dst.index()].push(number);
        }
        let unknown = delays.iter().filter(|d| d.is_none()).count();
        let derived = csr.delay.iter().filter(|d| **d == SimDuration::ZERO).count() - unknown;
        let delay = delays.into_iter().map(|d| d.unwrap_or(0.0)).collect();
        let lost = Fate { status: Status::Lost, latency_ms: None, stretch: None };
        let mut all =
            Self { plan, routing, delay, unknown, derived, base: vec![lost; plan.demands().len()], by_dst };
        all.base = all.with_nothing_down();
        all
    }

    /// Arcs of which neither a delay nor the places of both ends are known: they count as 0 ms.
    pub fn unknown_arcs(&self) -> usize {
        self.unknown
    }

    /// Arcs without a delay in the twin, of which the places of both ends give one.
    pub fn derived_arcs(&self) -> usize {
        self.derived
    }

    /// The fate of each demand with nothing down.
    pub fn base(&self) -> &[Fate] {
        &self.base
    }

    fn with_nothing_down(&self) -> Vec<Fate> {
        let csr = self.plan.csr();
        let mut base = self.base.clone();
        let mut ms = vec![0.0; csr.node_count()];
        for (dst, demands) in self.by_dst.iter().enumerate().filter(|(_, list)| !list.is_empty()) {
            let spf = self.routing.to(NodeId::new(dst));
            for node in spf.order().iter().rev() {
                ms[node.index()] = self.longest(csr, spf.next_arcs(*node), &ms);
            }
            for number in demands {
                let src = self.plan.demands()[*number as usize].src;
                if spf.distance(src) != UNREACHABLE {
                    let latency = ms[src.index()];
                    let stretch = (latency > 0.0).then_some(1.0);
                    base[*number as usize] = Fate { status: Status::Ok, latency_ms: Some(latency), stretch };
                }
            }
        }
        base
    }

    /// The longest way from a node over its next hops, whose ways are known.
    fn longest(&self, csr: &Csr, next: &[ArcId], ms: &[f64]) -> f64 {
        let ways = next.iter().map(|arc| self.delay[arc.index()] + ms[csr.dst[arc.index()].index()]);
        ways.fold(0.0, f64::max)
    }

    /// What becomes of every demand in each scenario of a range. `keep` says which fates are wanted; `take` gets those of
    /// each scenario by the number of the demand, scenarios in order. The result is the same for any number of threads.
    /// Memory: some hundred thousand fates, or two scenarios where one has more.
    ///
    /// # Errors
    /// What `take` returns; nothing is evaluated any more then.
    pub fn sweep<E: Send>(
        &self,
        list: &FailureList,
        range: Range<u32>,
        keep: impl Fn(&Fate) -> bool + Sync,
        mut take: impl FnMut(&[(u32, Vec<(u32, Fate)>)]) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        let at_once = (ROWS / self.base.len().max(1)).max(1) as u32;
        let mut walkers: Vec<_> = (0..rayon::current_num_threads()).map(|_| self.walker()).collect();
        let each = |walker: &mut Walker<'_>, number: u32| {
            let fates = walker.fates(&list.get(number).0);
            let kept = (0u32..).zip(fates).filter(|(_, fate)| keep(fate));
            (number, kept.map(|(demand, fate)| (demand, *fate)).collect())
        };
        stream(range, at_once, &mut walkers, each, &mut take)
    }

    /// Somebody who answers for one failure set after another; each thread needs its own.
    fn walker(&self) -> Walker<'_> {
        let nodes = self.plan.csr().node_count();
        Walker {
            latency: self,
            evaluator: self.plan.evaluator(),
            fates: self.base.clone(),
            changed: Vec::new(),
            ms: vec![0.0; nodes],
            moved: vec![false; nodes],
        }
    }
}

/// Answers one failure set after another.
#[derive(Debug)]
struct Walker<'l> {
    latency: &'l Latency<'l>,
    evaluator: Evaluator<'l>,
    fates: Vec<Fate>,
    /// Demands whose fate is not that with nothing down.
    changed: Vec<u32>,
    ms: Vec<f64>,
    moved: Vec<bool>,
}

impl Walker<'_> {
    /// What becomes of every demand, in their order. Cost: the destinations whose paths the set changes.
    fn fates(&mut self, set: &FailureSet) -> &[Fate] {
        let Self { latency, evaluator, fates, changed, ms, moved } = self;
        for number in changed.drain(..) {
            fates[number as usize] = latency.base[number as usize];
        }
        evaluator.evaluate_with(set, |after| {
            let demands = &latency.by_dst[after.dst().index()];
            if demands.is_empty() {
                return;
            }
            latency.walk(after, ms, moved);
            for number in demands {
                let demand = latency.plan.demands()[*number as usize];
                let base = latency.base[*number as usize];
                fates[*number as usize] = fate(after, &demand, &base, ms, moved);
                changed.push(*number);
            }
        });
        // What is from or to a node that is down is lost with it, even where there was no path before.
        let down = |node| set.nodes().binary_search(&node).is_ok();
        if !set.nodes().is_empty() {
            for (number, demand) in (0u32..).zip(latency.plan.demands()) {
                if down(demand.src) || down(demand.dst) {
                    fates[number as usize] = gone(Status::LostOwn);
                    changed.push(number);
                }
            }
        }
        fates
    }
}

impl Latency<'_> {
    /// The longest way of each node that still reaches the destination, nearest first, and whether its ways are others.
    fn walk(&self, after: &After<'_>, ms: &mut [f64], moved: &mut [bool]) {
        let csr = self.plan.csr();
        let spf = self.routing.to(after.dst());
        for node in after.order().iter().rev() {
            let next = after.next_arcs(*node);
            ms[node.index()] = self.longest(csr, next, ms);
            moved[node.index()] =
                next != spf.next_arcs(*node) || next.iter().any(|arc| moved[csr.dst[arc.index()].index()]);
        }
    }
}

fn gone(status: Status) -> Fate {
    Fate { status, latency_ms: None, stretch: None }
}

fn fate(after: &After<'_>, demand: &NodeDemand, base: &Fate, ms: &[f64], moved: &[bool]) -> Fate {
    if after.distance(demand.src) == UNREACHABLE {
        return gone(Status::Lost);
    }
    let latency = ms[demand.src.index()];
    let status = if moved[demand.src.index()] { Status::Rerouted } else { Status::Ok };
    let stretch = base.latency_ms.filter(|ms| *ms > 0.0).map(|before| latency / before);
    Fate { status, latency_ms: Some(latency), stretch }
}

/// The delay of an arc in ms: the twin's, or that of light in fibre between the places of its ends.
fn delay_ms(csr: &Csr, arc: ArcId) -> Option<f64> {
    let i = arc.index();
    let delay = if csr.delay[i] > SimDuration::ZERO {
        csr.delay[i]
    } else {
        let (a, b) = (csr.locations[csr.src[i].index()]?, csr.locations[csr.dst[i].index()]?);
        if !(a.geographical && b.geographical) {
            return None;
        }
        SimDuration::fibre_km(a.distance(&b))
    };
    Some(delay.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use models::Failures;
    use proptest::prelude::*;
    use twin::{BitsPerSec, Layer, LinkSpec, NodeKind, TwinBuilder};

    use super::*;

    /// All fates by walking every path of every demand, one arc at a time.
    fn slow(csr: &Csr, demands: &[NodeDemand], set: &FailureSet) -> Vec<(Status, Option<f64>)> {
        let mut down = Failures::none(csr);
        for link in set.links() {
            down = down.with_link(*link);
        }
        for node in set.nodes() {
            down = down.with_node(*node);
        }
        let (now, base) = (Routing::compute(csr, &down), Routing::compute(csr, &Failures::none(csr)));
        let paths = |routing: &Routing, d: &NodeDemand| {
            let (mut open, mut done) = (vec![(d.src, 0.0, Vec::new())], Vec::new());
            while let Some((node, ms, path)) = open.pop() {
                if node == d.dst {
                    done.push((path, ms));
                    continue;
                }
                for arc in routing.next_arcs(node, d.dst) {
                    let further = [path.as_slice(), &[*arc]].concat();
                    let delay = csr.delay[arc.index()].as_secs_f64() * 1e3;
                    open.push((csr.dst[arc.index()], ms + delay, further));
                }
            }
            done.sort_by(|a, b| a.0.cmp(&b.0));
            done
        };
        let fate = |d: &NodeDemand| {
            if !down.node_up(d.src) || !down.node_up(d.dst) {
                return (Status::LostOwn, None);
            }
            let (before, after) = (paths(&base, d), paths(&now, d));
            let same = before.iter().map(|p| &p.0).eq(after.iter().map(|p| &p.0));
            let status = if same { Status::Ok } else { Status::Rerouted };
            match after.iter().map(|p| p.1).reduce(f64::max) {
                None => (Status::Lost, None),
                Some(ms) => (status, Some(ms)),
            }
        };
        demands.iter().map(fate).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn fates_are_those_of_all_paths(
            links in prop::collection::vec((0usize..6, 0usize..6, 1u32..4, 1u64..9), 4..12),
            failed in prop::collection::vec((prop::collection::vec(0u32..4, 0..3), prop::option::of(0u32..6)), 1..6),
        ) {
            let mut net = TwinBuilder::new("random");
            let nodes: Vec<_> =
                (0..6).map(|i| net.node(&format!("n{i}"), NodeKind::Router, None)).collect();
            for (i, (a, b, metric, ms)) in links.iter().enumerate() {
                let spec = LinkSpec::symmetric(*metric, BitsPerSec::gbps(1), SimDuration::millis(*ms));
                net.link(&format!("l{i}"), &nodes[*a], &nodes[*b], spec);
            }
            let csr = Csr::compile(&net.finish(), Layer::Igp);
            let pairs = (0..6u32).flat_map(|s| (0..6u32).filter(move |d| *d != s).map(move |d| (s, d)));
            let demands: Vec<_> =
                pairs.map(|(s, d)| NodeDemand { src: NodeId(s), dst: NodeId(d), bps: 1.0 }).collect();
            let routing = Routing::compute(&csr, &Failures::none(&csr));
            let plan = Plan::new(&csr, &routing, &demands);
            let latency = Latency::new(&plan, &routing);
            let mut walker = latency.walker();
            for (links, node) in failed {
                let links = links.into_iter().map(twin::LinkId).collect();
                let set = FailureSet::new(links, node.map(NodeId).into_iter().collect());
                let wanted = slow(&csr, &demands, &set);
                for ((fate, (status, ms)), base) in walker.fates(&set).iter().zip(wanted).zip(latency.base()) {
                    prop_assert_eq!(fate.status, status);
                    match (fate.latency_ms, ms) {
                        (Some(a), Some(b)) => {
                            prop_assert!((a - b).abs() < 1e-9);
                            prop_assert!((fate.stretch.unwrap() - b / base.latency_ms.unwrap()).abs() < 1e-9);
                        }
                        (a, b) => prop_assert_eq!(a, b),
                    }
                }
            }
        }
    }

    #[test]
    fn delay_comes_from_the_twin_or_from_the_globe() {
        let mut net = TwinBuilder::new("globe");
        let at = |x| Some(twin::Location { x, y: 0.0, geographical: true });
        let a = net.node("a", NodeKind::Router, at(0.0));
        let b = net.node("b", NodeKind::Router, at(1.0));
        let c = net.node("c", NodeKind::Router, None);
        let spec = |delay| LinkSpec::symmetric(1, BitsPerSec::gbps(1), delay);
        net.link("ab", &a, &b, spec(SimDuration::ZERO));
        net.link("ab2", &a, &b, spec(SimDuration::millis(3)));
        net.link("bc", &b, &c, spec(SimDuration::ZERO));
        let csr = Csr::compile(&net.finish(), Layer::Igp);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        let demands = [NodeDemand { src: NodeId(0), dst: NodeId(2), bps: 1.0 }];
        let plan = Plan::new(&csr, &routing, &demands);
        let latency = Latency::new(&plan, &routing);
        assert_eq!((latency.unknown_arcs(), latency.derived_arcs()), (2, 2));
        assert_eq!(latency.base()[0].latency_ms, Some(3.0), "the longest of two equal paths");
        let mut walker = latency.walker();
        let fate = walker.fates(&FailureSet::new(vec![twin::LinkId(1)], Vec::new()))[0];
        let degree_ms = 6371.0 * 1f64.to_radians() * 5e-3;
        assert!((fate.latency_ms.unwrap() - degree_ms).abs() < 1e-6);
        assert_eq!(fate.status, Status::Rerouted);
    }
}
