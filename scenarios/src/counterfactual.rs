//! What follows from a ranking: what a cause explains, whether its element may be drained, which probe would tell.

use models::{Failures, Loads, NodeDemand, Routing};
use twin::stats::log_poisson_tail;
use twin::{ArcId, Csr, LinkId, NodeId};

use crate::base_loss::BaseLoss;
use crate::incident::FlowTable;
use crate::prediction::{LossMode, Prediction, total_bps};
use crate::rank::Cause;

/// Flows that are called bad although nothing is wrong, on average, in all.
const FALSE_BAD: f64 = 0.5;
/// A cause explains a bad flow when its losses are at least this probable under it.
const EXPLAINED_P: f64 = 0.01;

/// Flows that lose more from bin `onset` on than they used to, by number.
pub fn bad_flows(flows: &FlowTable, base: &BaseLoss, onset: u32) -> Vec<u32> {
    let threshold = libm::log(FALSE_BAD / flows.len().max(1) as f64);
    let bad = |f: &usize| {
        let own = base.posterior(flows.count(*f, 0, onset));
        own.log_tail(flows.count(*f, onset, flows.bins), base.over_dispersion()) < threshold
    };
    (0..flows.len()).filter(bad).map(|f| f as u32).collect()
}

fn log_tail(lost: u32, mean: f64, base: &BaseLoss) -> f64 {
    let phi = base.over_dispersion();
    log_poisson_tail((f64::from(lost) / phi) as u64, mean / phi)
}

/// How many of the bad flows are as expected with this cause in the twin: remove it, and they are clean.
pub fn explained(flows: &FlowTable, base: &BaseLoss, cause: &Cause, bad: &[u32], onset: u32) -> usize {
    bad.iter().filter(|f| explains(flows, base, cause, **f, onset)).count()
}

fn explains(flows: &FlowTable, base: &BaseLoss, cause: &Cause, flow: u32, onset: u32) -> bool {
    let p = &cause.prediction;
    if p.dead.contains(&flow) {
        return true;
    }
    let Ok(at) = p.exposed.binary_search_by_key(&flow, |(f, _)| *f) else { return false };
    let share = p.exposed[at].1;
    let after = flows.count(flow as usize, onset, flows.bins);
    let usual = f64::from(after.sent) * base.mean_rate(flows.count(flow as usize, 0, onset));
    let extra = match p.loss {
        LossMode::Lasting => f64::from(after.sent) * cause.severity.map_or(0.0, |s| s.2),
        LossMode::UntilConverged => f64::from(flows.count(flow as usize, onset, onset + 2).sent),
        LossMode::Fixed(ppb) => f64::from(after.sent) * f64::from(ppb) / 1e9,
    };
    libm::log(share) + log_tail(after.lost, usual + extra, base) > libm::log(EXPLAINED_P)
}

/// What taking a link out of service would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Drain {
    /// The fullest arc afterwards and its load over capacity.
    pub worst: Option<(ArcId, f64)>,
    /// The fullest arc now.
    pub worst_now: Option<(ArcId, f64)>,
    /// Ordered pairs with demand that would lose their path.
    pub cut_off: Vec<(NodeId, NodeId)>,
    /// Share of the traffic that would move.
    pub moved_share: f64,
}

/// Drains a link in a fork of the routing.
pub fn drain(csr: &Csr, routing: &Routing, demands: &[NodeDemand], link: LinkId) -> Drain {
    let up = Failures::none(csr);
    let now = Loads::compute(csr, routing, &up, demands);
    let down = Failures::none(csr).with_link(link);
    let drained = routing.after(csr, &down);
    let after = Loads::compute(csr, &drained, &down, demands);
    let on_link: f64 = csr.link_arcs[link.index()].iter().map(|a| now.arc[a.index()]).sum();
    Drain {
        worst: after.max_utilization(csr),
        worst_now: now.max_utilization(csr),
        cut_off: demands.iter().filter(|d| !drained.reaches(d.src, d.dst)).map(|d| (d.src, d.dst)).collect(),
        moved_share: on_link / total_bps(demands).max(1.0),
    }
}

/// A probe that would tell two causes apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Where it enters.
    pub src: NodeId,
    /// Where it leaves.
    pub dst: NodeId,
    /// How many packets.
    pub packets: u32,
    /// Expected losses and their standard deviation if the first cause is right.
    pub if_first: (f64, f64),
    /// The same if the other is.
    pub if_other: (f64, f64),
}

/// Packets in a proposed probe: enough to see a loss of one in a thousand.
const PROBE_PACKETS: u32 = 3_000;
/// Loss of a healthy path in a probe.
const HEALTHY: f64 = 1e-4;

/// The pair of nodes whose probe has the largest expected log Bayes factor between two causes (`None`: nothing wrong).
/// `None` if no pair would tell.
pub fn best_probe(csr: &Csr, routing: &Routing, first: &Cause, other: Option<&Cause>) -> Option<Probe> {
    let rate = |cause: &Cause| cause.severity.map_or(1.0, |s| s.0);
    let mut best: Option<(f64, Probe)> = None;
    for src in (0..csr.node_count()).map(NodeId::new) {
        for dst in (0..csr.node_count()).map(NodeId::new).filter(|d| *d != src) {
            let shares = routing.shares(csr, src, dst);
            let mean = |cause: Option<&Cause>| {
                let extra = cause.map_or(0.0, |c| rate(c) * crossing(&c.prediction, csr, &shares));
                f64::from(PROBE_PACKETS) * (HEALTHY + extra).min(1.0)
            };
            let (a, b) = (mean(Some(first)), mean(other));
            // Symmetric Kullback–Leibler divergence of two Poisson counts.
            let tells = (a - b) * libm::log(a / b);
            if tells > 1.0 && best.as_ref().is_none_or(|(t, _)| tells > *t + 1e-9) {
                let probe = Probe {
                    src,
                    dst,
                    packets: PROBE_PACKETS,
                    if_first: (a, a.sqrt()),
                    if_other: (b, b.sqrt()),
                };
                best = Some((tells, probe));
            }
        }
    }
    best.map(|(_, p)| p)
}

fn crossing(p: &Prediction, csr: &Csr, shares: &[(ArcId, f64)]) -> f64 {
    use crate::component::Component::{Capacity, Device, LinkDown, LinkLoss};
    let meets = |arc: ArcId| match p.component {
        LinkLoss(a) | Capacity(a) => a == arc,
        LinkDown(l) => csr.link[arc.index()] == l,
        Device(n) => csr.dst[arc.index()] == n,
    };
    shares.iter().filter(|(a, _)| meets(*a)).map(|(_, s)| s).sum::<f64>().min(1.0)
}
