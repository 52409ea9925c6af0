//! What each component would do to what is observed: the algebra rung.

use models::{After, Change, Gone, NodeDemand, Routing, WhatIf};
use twin::{ArcId, Csr, NodeId, Rung};

use crate::component::Component;
use crate::incident::{FlowTable, Incident};

/// The effects of one component, relative to nothing being wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// What it is.
    pub component: Component,
    /// Which rung computed it.
    pub rung: Rung,
    /// Flows that meet it, with the probability that they do, by flow number.
    pub exposed: Vec<(u32, f64)>,
    /// How exposed flows lose.
    pub loss: LossMode,
    /// Flows that end at a dead node, by number: all their packets are lost.
    pub dead: Vec<u32>,
    /// Flows whose round trip changes: equally or unequally likely changes in ms; probabilities sum to 1.
    pub rtt_shift: Vec<(u32, Vec<(f64, f64)>)>,
    /// Arcs whose load changes, by bit/s.
    pub load_shift: Vec<(ArcId, f64)>,
    /// Arcs whose counters cannot be read any more.
    pub unread: Vec<ArcId>,
}

/// How long, and at which rate, flows lose that meet a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossMode {
    /// From the onset on, at an unknown rate.
    Lasting,
    /// Everything, from the onset until routing has converged.
    UntilConverged,
    /// A known rate from the onset on, in parts per billion (an integer so that predictions compare exactly).
    Fixed(u32),
}

/// Path shares and delays that all predictions need, computed once.
#[derive(Debug)]
pub struct Paths {
    /// The ordered pairs of the flows.
    pub pairs: Vec<(NodeId, NodeId)>,
    /// Each flow's pair.
    pub pair_of: Vec<u32>,
    /// Each pair's arcs with their shares.
    pub shares: Vec<Vec<(ArcId, f64)>>,
    /// Each arc's mean share over the flows: how likely a flow of unknown path meets it.
    pub popularity: Vec<f64>,
    /// Where each arc's uses begin.
    start: Vec<u32>,
    uses: Vec<Use>,
    delay_ms: Vec<f64>,
    nodes: usize,
}

/// An arc on the way of a pair.
#[derive(Clone, Copy, Debug)]
struct Use {
    pair: u32,
    /// On the way back.
    back: bool,
    share: f64,
    /// Share times the mean delay in ms of the ways over this arc.
    delayed_ms: f64,
}

impl Paths {
    /// Walks the paths of every pair that has flows, there and back.
    pub fn new(csr: &Csr, routing: &Routing, flows: &FlowTable) -> Self {
        let (pairs, pair_of) = flows.pairs();
        let shares: Vec<_> = pairs.iter().map(|(s, d)| routing.shares(csr, *s, *d)).collect();
        let mut popularity = vec![0.0; csr.arc_count()];
        for pair in &pair_of {
            for (arc, share) in &shares[*pair as usize] {
                popularity[arc.index()] += share / pair_of.len() as f64;
            }
        }
        let mut paths = Self {
            pairs,
            pair_of,
            shares,
            popularity,
            start: vec![0],
            uses: Vec::new(),
            delay_ms: mean_delays(csr, routing),
            nodes: csr.node_count(),
        };
        let mut uses: Vec<Vec<Use>> = vec![Vec::new(); csr.arc_count()];
        for (pair, &(s, d)) in (0u32..).zip(&paths.pairs) {
            let there = &paths.shares[pair as usize];
            let back = routing.shares(csr, d, s);
            for (back, (arc, share)) in there.iter().map(|x| (false, x)).chain(back.iter().map(|x| (true, x)))
            {
                let i = arc.index();
                let (from, to) = if back { (d, s) } else { (s, d) };
                let link_ms = csr.delay[i].as_secs_f64() * 1e3;
                let via = paths.delay_ms(from, csr.src[i]) + link_ms + paths.delay_ms(csr.dst[i], to);
                uses[i].push(Use { pair, back, share: *share, delayed_ms: share * via });
            }
        }
        for of_arc in uses {
            paths.uses.extend(of_arc);
            paths.start.push(paths.uses.len() as u32);
        }
        paths
    }

    /// By pair, whether any of these arcs is on its way there or back.
    pub(crate) fn touched(&self, arcs: impl Iterator<Item = ArcId>) -> Vec<bool> {
        let mut touched = vec![false; self.pairs.len()];
        arcs.flat_map(|arc| self.uses(arc)).for_each(|u| touched[u.pair as usize] = true);
        touched
    }

    fn uses(&self, arc: ArcId) -> &[Use] {
        &self.uses[self.start[arc.index()] as usize..self.start[arc.index() + 1] as usize]
    }

    /// Mean one-way propagation between two nodes in ms; infinite without a path.
    pub fn delay_ms(&self, src: NodeId, dst: NodeId) -> f64 {
        self.delay_ms[dst.index() * self.nodes + src.index()]
    }

    /// The share of a pair's traffic on an arc.
    pub fn share(&self, pair: u32, arc: ArcId) -> f64 {
        self.shares[pair as usize].iter().find(|(a, _)| *a == arc).map_or(0.0, |(_, s)| *s)
    }
}

/// `delay[dst * n + src]`: mean propagation delay in ms over the equal-cost paths.
pub(crate) fn mean_delays(csr: &Csr, routing: &Routing) -> Vec<f64> {
    let n = csr.node_count();
    let mut all = vec![f64::INFINITY; n * n];
    for dst in 0..n {
        let row = &mut all[dst * n..(dst + 1) * n];
        row[dst] = 0.0;
        // Nearest first, so that every next hop is known before it is used.
        let order = routing.to(NodeId::new(dst)).order().iter().rev();
        for &node in order.filter(|v| v.index() != dst) {
            let next = routing.next_arcs(node, NodeId::new(dst));
            let via = |a: &ArcId| csr.delay[a.index()].as_secs_f64() * 1e3 + row[csr.dst[a.index()].index()];
            row[node.index()] = next.iter().map(via).sum::<f64>() / next.len() as f64;
        }
    }
    all
}

/// Predicts by formula: routing, loads, propagation; each as a difference from the network with nothing down.
#[derive(Debug)]
pub struct Algebra<'a> {
    csr: &'a Csr,
    paths: &'a Paths,
    what_if: WhatIf<'a>,
}

/// A probability this small is what is left of sums of shares that are one.
const ROUNDING: f64 = 1e-12;

/// Room in which one prediction after the other is made; each thread needs its own.
#[derive(Clone, Debug)]
pub struct Scratch {
    change: Change,
    /// By pair: share and Σ share · delay of what is gone, there and back.
    gone: Vec<[(f64, f64); 2]>,
    /// Pairs that use what is gone.
    touched: Vec<u32>,
    is_touched: Vec<bool>,
    /// Destinations of ways that use what is gone.
    needed: Vec<bool>,
    /// New mean delays in ms by destination, then node; of needed destinations only.
    after_ms: Vec<f64>,
    dead: Vec<bool>,
}

impl<'a> Algebra<'a> {
    /// Prepares predictions for an incident.
    pub fn new(incident: &Incident<'a>, paths: &'a Paths) -> Self {
        let what_if = WhatIf::new(incident.csr, incident.routing, incident.demands);
        Self { csr: incident.csr, paths, what_if }
    }

    /// Room to predict in.
    pub fn scratch(&self) -> Scratch {
        let (n, pairs) = (self.csr.node_count(), self.paths.pairs.len());
        Scratch {
            change: self.what_if.scratch(),
            gone: vec![[(0.0, 0.0); 2]; pairs],
            touched: Vec::new(),
            is_touched: vec![false; pairs],
            needed: vec![false; n],
            after_ms: vec![f64::INFINITY; n * n],
            dead: vec![false; self.paths.pair_of.len()],
        }
    }

    /// What a component would do.
    pub fn predict(&self, component: Component, scratch: &mut Scratch) -> Prediction {
        let (csr, paths) = (self.csr, self.paths);
        let mut p = Prediction {
            component,
            rung: Rung::Algebra,
            exposed: Vec::new(),
            loss: LossMode::Lasting,
            dead: Vec::new(),
            rtt_shift: Vec::new(),
            load_shift: Vec::new(),
            unread: Vec::new(),
        };
        match component {
            Component::LinkLoss(arc) => p.exposed = self.exposed_to(&[arc], scratch),
            Component::Capacity(arc) => {
                // Halved capacity loses what exceeds it and nothing else on this rung.
                let half = csr.capacity[arc.index()].as_f64() / 2.0;
                let excess = (1.0 - half / self.what_if.base().arc[arc.index()].max(1.0)).max(0.0);
                p.loss = LossMode::Fixed((excess * 1e9) as u32);
                if excess > 0.0 {
                    p.exposed = self.exposed_to(&[arc], scratch);
                }
            }
            Component::LinkDown(link) => {
                p.loss = LossMode::UntilConverged;
                p.exposed = self.exposed_to(&csr.link_arcs[link.index()], scratch);
                self.reroute(&mut p, &[Gone::Link(link)], scratch);
            }
            Component::Device(node) => {
                p.loss = LossMode::UntilConverged;
                let ends_here = |flow: u32| {
                    let (s, d) = paths.pairs[paths.pair_of[flow as usize] as usize];
                    s == node || d == node
                };
                p.dead = (0..paths.pair_of.len() as u32).filter(|f| ends_here(*f)).collect();
                p.exposed = self.exposed_to(csr.arcs_in(node), scratch);
                p.unread = csr.arcs_out(node).to_vec();
                self.reroute(&mut p, &[Gone::Node(node)], scratch);
            }
        }
        p
    }

    /// Predicts two components that both move traffic: where it goes depends on both, so the second keeps its losses and
    /// the first carries the joint reroute.
    pub fn joint_reroute(
        &self,
        first: &Prediction,
        second: &Prediction,
        scratch: &mut Scratch,
    ) -> (Prediction, Prediction) {
        let gone: Vec<Gone> = [first, second].into_iter().filter_map(|p| gone(p.component)).collect();
        let (mut first, mut second) = (first.clone(), second.clone());
        for part in [&mut first, &mut second] {
            part.rtt_shift.clear();
            part.load_shift.clear();
        }
        self.reroute(&mut first, &gone, scratch);
        second.exposed.retain(|(f, _)| !first.dead.contains(f));
        second.dead.retain(|f| !first.dead.contains(f));
        (first, second)
    }

    /// The flows of all pairs that use any of these arcs. Opposite arcs of one link never share a shortest path, and a
    /// path enters a node once, so the shares add up.
    fn exposed_to(&self, arcs: &[ArcId], scratch: &mut Scratch) -> Vec<(u32, f64)> {
        for u in arcs.iter().flat_map(|arc| self.paths.uses(*arc)).filter(|u| !u.back) {
            scratch.touch(u.pair);
            scratch.gone[u.pair as usize][0].0 += u.share;
        }
        let share = |pair: &u32| scratch.gone[*pair as usize][0].0.min(1.0);
        let flows = (0u32..).zip(&self.paths.pair_of);
        let exposed = flows.map(|(f, pair)| (f, share(pair))).filter(|(_, s)| *s > 0.0).collect();
        scratch.forget();
        exposed
    }

    fn reroute(&self, p: &mut Prediction, gone: &[Gone], scratch: &mut Scratch) {
        let (csr, paths, n) = (self.csr, self.paths, self.csr.node_count());
        for arc in arcs_of(csr, gone) {
            for u in paths.uses(arc) {
                scratch.touch(u.pair);
                let sums = &mut scratch.gone[u.pair as usize][usize::from(u.back)];
                sums.0 += u.share;
                sums.1 += u.delayed_ms;
            }
        }
        for pair in &scratch.touched {
            let (s, d) = paths.pairs[*pair as usize];
            scratch.needed[s.index()] = true;
            scratch.needed[d.index()] = true;
        }
        let Scratch { change, needed, after_ms, .. } = scratch;
        self.what_if.evaluate(gone, change, |after| {
            if needed[after.dst().index()] {
                let row = after.dst().index() * n;
                delays_after(csr, after, &mut after_ms[row..row + n]);
            }
        });
        p.load_shift = change.moved().filter(|(_, bps)| bps.abs() > 1.0).collect();
        p.dead.iter().for_each(|f| scratch.dead[*f as usize] = true);
        for (flow, &pair) in (0u32..).zip(&paths.pair_of) {
            if scratch.is_touched[pair as usize] {
                match scratch.shift(paths, pair, n) {
                    Some(cases) if !cases.is_empty() => p.rtt_shift.push((flow, cases)),
                    Some(_) => {}
                    // Nothing is left to reroute to.
                    None if !std::mem::replace(&mut scratch.dead[flow as usize], true) => p.dead.push(flow),
                    None => {}
                }
            }
        }
        p.exposed.retain(|(f, _)| !scratch.dead[*f as usize]);
        scratch.forget();
        scratch.needed.fill(false);
        scratch.dead.fill(false);
    }
}

impl Scratch {
    fn touch(&mut self, pair: u32) {
        if !std::mem::replace(&mut self.is_touched[pair as usize], true) {
            self.touched.push(pair);
        }
    }

    fn forget(&mut self) {
        for pair in self.touched.drain(..) {
            self.is_touched[pair as usize] = false;
            self.gone[pair as usize] = [(0.0, 0.0); 2];
        }
    }

    /// By how many ms the round trip of a pair changes, with probabilities; empty if it does not, `None` if there is no
    /// way there any more.
    fn shift(&self, paths: &Paths, pair: u32, n: usize) -> Option<Vec<(f64, f64)>> {
        let (s, d) = paths.pairs[pair as usize];
        let [there, back] = self.gone[pair as usize];
        let before = paths.delay_ms(s, d).is_finite();
        // Ways that use nothing that is gone stay as they are.
        let one_way = |(share, delayed): (f64, f64), from: NodeId, to: NodeId| {
            if share > 0.0 {
                (share.min(1.0), self.after_ms[to.index() * n + from.index()] - delayed / share)
            } else {
                (0.0, if paths.delay_ms(from, to).is_finite() { 0.0 } else { f64::INFINITY })
            }
        };
        let ((p, there), (q, back)) = (one_way(there, s, d), one_way(back, d, s));
        if !there.is_finite() {
            return if before { None } else { Some(Vec::new()) };
        }
        if !back.is_finite() {
            return Some(Vec::new());
        }
        let cases = [
            ((1.0 - p) * (1.0 - q), 0.0),
            (p * (1.0 - q), there),
            ((1.0 - p) * q, back),
            (p * q, there + back),
        ];
        Some(cases.into_iter().filter(|(w, _)| *w > ROUNDING).collect())
    }
}

/// Mean propagation delays in ms to a destination, nearest first, over the paths that are left.
fn delays_after(csr: &Csr, after: &After<'_>, row: &mut [f64]) {
    row.fill(f64::INFINITY);
    for &node in after.order().iter().rev() {
        let next = after.next_arcs(node);
        let via = |a: &ArcId| csr.delay[a.index()].as_secs_f64() * 1e3 + row[csr.dst[a.index()].index()];
        row[node.index()] = match next {
            [] => 0.0, // the destination
            [only] => via(only),
            _ => next.iter().map(via).sum::<f64>() / next.len() as f64,
        };
    }
}

fn gone(component: Component) -> Option<Gone> {
    match component {
        Component::LinkDown(link) => Some(Gone::Link(link)),
        Component::Device(node) => Some(Gone::Node(node)),
        Component::LinkLoss(_) | Component::Capacity(_) => None,
    }
}

/// The arcs that are gone, each once.
fn arcs_of(csr: &Csr, gone: &[Gone]) -> Vec<ArcId> {
    let mut arcs = Vec::new();
    for gone in gone {
        match *gone {
            Gone::Link(link) => arcs.extend(&csr.link_arcs[link.index()]),
            Gone::Node(node) => arcs.extend(csr.arcs_in(node).iter().chain(csr.arcs_out(node))),
        }
    }
    arcs.sort_unstable();
    arcs.dedup();
    arcs
}

/// Whether a component moves traffic to other paths.
pub fn reroutes(component: Component) -> bool {
    matches!(component, Component::LinkDown(_) | Component::Device(_))
}

/// Sum of volumes, for shares of traffic.
pub fn total_bps(demands: &[NodeDemand]) -> f64 {
    demands.iter().map(|d| d.bps).sum()
}
