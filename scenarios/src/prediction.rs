//! What each component would do to what is observed: the algebra rung.

use models::{Failures, Loads, NodeDemand, Routing};
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
    delay_ms: Vec<f64>,
    nodes: usize,
}

impl Paths {
    /// Walks the paths of every pair that has flows.
    pub fn new(csr: &Csr, routing: &Routing, flows: &FlowTable) -> Self {
        let (pairs, pair_of) = flows.pairs();
        let shares: Vec<_> = pairs.iter().map(|(s, d)| routing.shares(csr, *s, *d)).collect();
        let mut popularity = vec![0.0; csr.arc_count()];
        for pair in &pair_of {
            for (arc, share) in &shares[*pair as usize] {
                popularity[arc.index()] += share / pair_of.len() as f64;
            }
        }
        Self {
            pairs,
            pair_of,
            shares,
            popularity,
            delay_ms: mean_delays(csr, routing),
            nodes: csr.node_count(),
        }
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
        let mut order: Vec<_> =
            (0..n).map(NodeId::new).filter(|v| routing.reaches(*v, NodeId::new(dst))).collect();
        order.sort_by_key(|v| routing.to(NodeId::new(dst)).distance(*v));
        for node in order.into_iter().filter(|v| v.index() != dst) {
            let next = routing.next_arcs(node, NodeId::new(dst));
            let via = |a: &ArcId| csr.delay[a.index()].as_secs_f64() * 1e3 + row[csr.dst[a.index()].index()];
            row[node.index()] = next.iter().map(via).sum::<f64>() / next.len() as f64;
        }
    }
    all
}

/// Predicts by formula: routing, loads, propagation.
pub fn by_algebra(incident: &Incident<'_>, paths: &Paths, base: &Loads, component: Component) -> Prediction {
    let csr = incident.csr;
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
        Component::LinkLoss(arc) => p.exposed = exposed_to(paths, &[arc]),
        Component::Capacity(arc) => {
            // Halved capacity loses what exceeds it and nothing else on this rung.
            let half = csr.capacity[arc.index()].as_f64() / 2.0;
            let excess = (1.0 - half / base.arc[arc.index()].max(1.0)).max(0.0);
            p.loss = LossMode::Fixed((excess * 1e9) as u32);
            if excess > 0.0 {
                p.exposed = exposed_to(paths, &[arc]);
            }
        }
        Component::LinkDown(link) => {
            let down = Failures::none(csr).with_link(link);
            p.loss = LossMode::UntilConverged;
            p.exposed = exposed_to(paths, &csr.link_arcs[link.index()]);
            reroute(&mut p, incident, paths, base, &down, &csr.link_arcs[link.index()]);
        }
        Component::Device(node) => {
            let down = Failures::none(csr).with_node(node);
            let arcs: Vec<_> = csr.arcs_in(node).iter().chain(csr.arcs_out(node)).copied().collect();
            p.loss = LossMode::UntilConverged;
            let ends_here = |flow: u32| {
                let (s, d) = paths.pairs[paths.pair_of[flow as usize] as usize];
                s == node || d == node
            };
            p.dead = (0..paths.pair_of.len() as u32).filter(|f| ends_here(*f)).collect();
            p.exposed = exposed_to(paths, csr.arcs_in(node));
            p.exposed.retain(|(f, _)| !ends_here(*f));
            p.unread = csr.arcs_out(node).to_vec();
            reroute(&mut p, incident, paths, base, &down, &arcs);
        }
    }
    p
}

/// Predicts two components that both move traffic: where it goes depends on both, so the second keeps its losses and the
/// first carries the joint reroute.
pub fn joint_reroute(
    incident: &Incident<'_>,
    paths: &Paths,
    base: &Loads,
    first: &Prediction,
    second: &Prediction,
) -> (Prediction, Prediction) {
    let csr = incident.csr;
    let mut down = Failures::none(csr);
    let mut gone = Vec::new();
    for part in [first, second] {
        match part.component {
            Component::LinkDown(link) => {
                down = down.with_link(link);
                gone.extend(csr.link_arcs[link.index()].iter().copied());
            }
            Component::Device(node) => {
                down = down.with_node(node);
                gone.extend(csr.arcs_in(node).iter().chain(csr.arcs_out(node)).copied());
            }
            Component::LinkLoss(_) | Component::Capacity(_) => {}
        }
    }
    let (mut first, mut second) = (first.clone(), second.clone());
    for part in [&mut first, &mut second] {
        part.rtt_shift.clear();
        part.load_shift.clear();
    }
    reroute(&mut first, incident, paths, base, &down, &gone);
    second.exposed.retain(|(f, _)| !first.dead.contains(f));
    second.dead.retain(|f| !first.dead.contains(f));
    (first, second)
}

/// Whether a component moves traffic to other paths.
pub fn reroutes(component: Component) -> bool {
    matches!(component, Component::LinkDown(_) | Component::Device(_))
}

/// The flows of all pairs that use any of these arcs. Opposite arcs of one link never share a shortest path, and a path
/// enters a node once, so the shares add up.
fn exposed_to(paths: &Paths, arcs: &[ArcId]) -> Vec<(u32, f64)> {
    let share: Vec<f64> = paths
        .shares
        .iter()
        .map(|s| s.iter().filter(|(a, _)| arcs.contains(a)).map(|(_, x)| x).sum::<f64>().min(1.0))
        .collect();
    (0u32..).zip(&paths.pair_of).map(|(f, p)| (f, share[*p as usize])).filter(|(_, s)| *s > 0.0).collect()
}

fn reroute(
    p: &mut Prediction,
    incident: &Incident<'_>,
    paths: &Paths,
    base: &Loads,
    down: &Failures,
    gone: &[ArcId],
) {
    let csr = incident.csr;
    let routing = incident.routing.after(csr, down);
    let loads = Loads::compute(csr, &routing, down, incident.demands);
    let moved = |i: &usize| (loads.arc[*i] - base.arc[*i]).abs() > 1.0;
    p.load_shift =
        (0..csr.arc_count()).filter(moved).map(|i| (ArcId::new(i), loads.arc[i] - base.arc[i])).collect();
    let after = mean_delays(csr, &routing);
    let n = csr.node_count();
    let shift: Vec<_> = paths
        .pairs
        .iter()
        .map(|&(s, d)| {
            let there = one_way_shift(csr, paths, &after, incident.routing, gone, s, d, n);
            let back = one_way_shift(csr, paths, &after, incident.routing, gone, d, s, n);
            combine(there, back)
        })
        .collect();
    for (flow, pair) in (0u32..).zip(&paths.pair_of) {
        let (s, d) = paths.pairs[*pair as usize];
        if let Some(cases) = &shift[*pair as usize] {
            p.rtt_shift.push((flow, cases.clone()));
        } else if incident.routing.reaches(s, d) && !routing.reaches(s, d) && !p.dead.contains(&flow) {
            p.dead.push(flow); // nothing is left to reroute to
        }
    }
    p.exposed.retain(|(f, _)| !p.dead.contains(f));
}

/// Probability that the way from `s` to `d` used what is gone, and by how many ms it is longer now.
fn one_way_shift(
    csr: &Csr,
    paths: &Paths,
    after: &[f64],
    routing: &Routing,
    gone: &[ArcId],
    s: NodeId,
    d: NodeId,
    n: usize,
) -> Option<(f64, f64)> {
    let new = after[d.index() * n + s.index()];
    if !new.is_finite() {
        return None;
    }
    let (mut share, mut old) = (0.0, 0.0);
    for (arc, x) in routing.shares(csr, s, d).iter().filter(|(a, _)| gone.contains(a)) {
        let i = arc.index();
        let via =
            paths.delay_ms(s, csr.src[i]) + csr.delay[i].as_secs_f64() * 1e3 + paths.delay_ms(csr.dst[i], d);
        share += x;
        old += x * via;
    }
    if share == 0.0 { Some((0.0, 0.0)) } else { Some((share.min(1.0), new - old / share)) }
}

fn combine(there: Option<(f64, f64)>, back: Option<(f64, f64)>) -> Option<Vec<(f64, f64)>> {
    let ((p, there), (q, back)) = (there?, back?);
    if p == 0.0 && q == 0.0 {
        return None;
    }
    let cases =
        [((1.0 - p) * (1.0 - q), 0.0), (p * (1.0 - q), there), ((1.0 - p) * q, back), (p * q, there + back)];
    Some(cases.into_iter().filter(|(w, _)| *w > 0.0).collect())
}

/// The loads of the twin with nothing down.
pub fn base_loads(incident: &Incident<'_>) -> Loads {
    Loads::compute(incident.csr, incident.routing, &Failures::none(incident.csr), incident.demands)
}

/// Sum of volumes, for shares of traffic.
pub fn total_bps(demands: &[NodeDemand]) -> f64 {
    demands.iter().map(|d| d.bps).sum()
}
