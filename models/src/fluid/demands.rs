//! The fluid rung: demands as flows at their max-min rates, and the waits that these loads make.

use engine::Digest;
use twin::{
    ArcId, Bytes, CounterRow, Csr, Fidelity, FlowInfo, FlowRow, NodeId, Observables, Rung, SimDuration,
};

use super::max_min::{GroupId, MaxMin};
use super::paths::{PATHS_MAX, equal_cost_paths};
use super::waiting::Waiting;
use crate::packet::BackgroundTraffic;
use crate::{Failures, NodeDemand, Routing};

/// How demands share a link that is too small for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fairness {
    /// By what they offer: a demand is a bundle of flows, and one of twice the volume has twice as many. Where only one
    /// link is too small, all that cross it get the same part of what they offer, as they would from a drop-tail queue.
    #[default]
    ByVolume,
    /// Each demand alike, whatever it offers: as if it were one flow.
    Equal,
}

/// What the fluid rung assumes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FluidConfig {
    /// Who gets how much of a link that is too small.
    pub fairness: Fairness,
    /// What packets are like, for waits and packet counts.
    pub traffic: BackgroundTraffic,
    /// What each half-link's queue holds.
    pub buffer: Bytes,
    /// How long the demands last: the one bin of the observables.
    pub duration: SimDuration,
}

impl Default for FluidConfig {
    /// By volume; Poisson packets of 1,500 bytes, buffers of 100 of them, a second.
    fn default() -> Self {
        Self {
            fairness: Fairness::default(),
            traffic: BackgroundTraffic::default(),
            buffer: Bytes::new(150_000),
            duration: SimDuration::secs(1),
        }
    }
}

/// What the fluid rung says of a network under demands.
#[derive(Clone, Debug, PartialEq)]
pub struct FluidResult {
    /// [`Rung::Fluid`].
    pub rung: Rung,
    /// By demand.
    pub demands: Vec<DemandShare>,
    /// By arc.
    pub arcs: Vec<ArcShare>,
    /// One bin: each arc's counter, and a flow for each demand. What waits at a sender is not `sent`; what has no path is
    /// sent and lost. `rtt_ms` is the mean delay there plus the propagation delay of the way back, unloaded.
    pub observables: Observables,
    /// What was not modelled.
    pub fidelity: Fidelity,
}

/// What one demand gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DemandShare {
    /// Between which nodes.
    pub ends: FlowInfo,
    /// What it offers, in bit/s.
    pub offered: f64,
    /// What arrives, in bit/s.
    pub served: f64,
    /// What is sent and lost for want of a path or of an end, in bit/s. The rest waits at the sender.
    pub lost: f64,
    /// Mean one-way delay in seconds over what arrives: waits, sending, propagation. NaN where nothing arrives.
    pub delay_s: f64,
    /// The full arc that holds back most of it; `None` where it gets all that it offers, or has no path.
    pub bottleneck: Option<ArcId>,
}

/// What one arc carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArcShare {
    /// Load in bit/s; at most the capacity, up to rounding.
    pub load: f64,
    /// The law of the wait in front of it.
    pub waiting: Waiting,
}

/// Sends demands over a network at their max-min rates. Each demand splits over its equal-cost paths as a hash at every
/// hop would split it, and sends on each path no more than its share of the offered rate. Cost: the paths' entries, times
/// the logarithm of the arcs.
///
/// ```
/// use twin::*;
/// use umbra_models::fluid::{FluidConfig, share_demands};
/// use umbra_models::{Failures, NodeDemand, Routing};
///
/// let mut net = TwinBuilder::new("lab");
/// let [a, b, c] = ["a", "b", "c"].map(|name| net.node(name, NodeKind::Router, None));
/// net.link("a-b", &a, &b, LinkSpec::symmetric(1, BitsPerSec::gbps(1), SimDuration::millis(1)));
/// net.link("b-c", &b, &c, LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::millis(1)));
/// let csr = Csr::compile(&net.finish(), Layer::Igp);
/// let up = Failures::none(&csr);
/// let demand = |src, bps| NodeDemand { src: NodeId(src), dst: NodeId(2), bps };
///
/// let demands = [demand(0, 2e9), demand(1, 6e9)];
/// let result = share_demands(&csr, &Routing::compute(&csr, &up), &up, &demands, &FluidConfig::default());
/// // The first gets what its first link carries, so the second link is at 70 %.
/// assert_eq!((result.demands[0].served, result.demands[1].served), (1e9, 6e9));
/// assert_eq!(result.demands[0].bottleneck, Some(ArcId(0)));
/// ```
pub fn share_demands(
    csr: &Csr,
    routing: &Routing,
    down: &Failures,
    demands: &[NodeDemand],
    config: &FluidConfig,
) -> FluidResult {
    let mut net = Split::new(csr, routing, down, demands, config.fairness);
    net.shares.share();
    let arcs: Vec<_> = (0..csr.arc_count()).map(|arc| net.arc(csr, ArcId::new(arc), config)).collect();
    let hop_s: Vec<_> = arcs.iter().enumerate().map(|(i, arc)| hop_s(csr, i, arc, config)).collect();
    let demands: Vec<_> = demands.iter().zip(&net.paths).map(|(d, p)| net.demand(d, p, &hop_s)).collect();
    FluidResult {
        rung: Rung::Fluid,
        observables: observables(csr, routing, &demands, &arcs, config),
        fidelity: fidelity(&demands, net.merged),
        demands,
        arcs,
    }
}

/// Demands as groups, one for each path.
struct Split {
    shares: MaxMin,
    /// By demand; none where there is no path.
    paths: Vec<Vec<PathFlow>>,
    /// Demands whose paths were too many to follow each.
    merged: u64,
}

struct PathFlow {
    arcs: Vec<ArcId>,
    group: GroupId,
    offered: f64,
}

impl Split {
    fn new(csr: &Csr, routing: &Routing, down: &Failures, demands: &[NodeDemand], by: Fairness) -> Self {
        let shares = MaxMin::new(csr.capacity.iter().map(|c| c.as_f64()));
        let mut split = Self { shares, paths: Vec::with_capacity(demands.len()), merged: 0 };
        // Weights are integers whose sum has to stay below 2^53.
        let total: f64 = demands.iter().map(|d| d.bps).sum();
        let scale = (2f64.powi(50) / total.max(1.0)).min(1.0);
        for demand in demands {
            let connected = demand.src != demand.dst && down.node_up(demand.src) && down.node_up(demand.dst);
            let (paths, all) = match connected && demand.bps > 0.0 {
                true => equal_cost_paths(csr, routing, demand.src, demand.dst),
                false => (Vec::new(), true),
            };
            split.merged += u64::from(!all);
            let flows = paths.into_iter().map(|(arcs, share)| {
                let offered = demand.bps * share;
                let weight = match by {
                    Fairness::ByVolume => offered * scale,
                    Fairness::Equal => share * f64::from(1 << 20),
                };
                let group = split.shares.add_group(&arcs, (weight.round() as u64).max(1), offered);
                split.shares.set_flows(group, 1);
                PathFlow { arcs, group, offered }
            });
            split.paths.push(flows.collect());
        }
        split
    }

    fn arc(&self, csr: &Csr, arc: ArcId, config: &FluidConfig) -> ArcShare {
        let (load, capacity) = (self.shares.load(arc), csr.capacity[arc.index()].as_f64());
        ArcShare { load, waiting: Waiting::new(load, capacity, &config.traffic, config.buffer) }
    }

    fn demand(&self, demand: &NodeDemand, paths: &[PathFlow], hop_s: &[f64]) -> DemandShare {
        let ends = FlowInfo { src: demand.src, dst: demand.dst };
        if demand.src == demand.dst {
            let offered = demand.bps;
            return DemandShare { ends, offered, served: offered, lost: 0.0, delay_s: 0.0, bottleneck: None };
        }
        let served_on = |p: &PathFlow| self.shares.rate(p.group);
        let served: f64 = paths.iter().map(served_on).sum();
        let along = |p: &PathFlow| p.arcs.iter().map(|arc| hop_s[arc.index()]).sum::<f64>();
        let delay_sum: f64 = paths.iter().map(|p| served_on(p) * along(p)).sum();
        let held = paths.iter().filter(|p| self.shares.bottleneck(p.group).is_some());
        let most = held.max_by(|a, b| (a.offered - served_on(a)).total_cmp(&(b.offered - served_on(b))));
        DemandShare {
            ends,
            offered: demand.bps,
            served,
            lost: if paths.is_empty() { demand.bps } else { 0.0 },
            delay_s: delay_sum / served,
            bottleneck: most.and_then(|p| self.shares.bottleneck(p.group)),
        }
    }
}

/// Mean time from a packet's arrival in front of an arc to its arrival at the arc's end.
fn hop_s(csr: &Csr, arc: usize, share: &ArcShare, config: &FluidConfig) -> f64 {
    let sending = csr.capacity[arc].serialization_delay(config.traffic.mean_packet);
    share.waiting.mean() + (sending + csr.delay[arc]).as_secs_f64()
}

fn observables(
    csr: &Csr,
    routing: &Routing,
    demands: &[DemandShare],
    arcs: &[ArcShare],
    config: &FluidConfig,
) -> Observables {
    let counter = |(arc, share): (usize, &ArcShare)| CounterRow {
        bin: 0,
        arc: ArcId::new(arc),
        rate_bps: share.load,
        errors: 0,
        discards: 0,
    };
    let packets = |bps: f64| config.packets(bps).min(u64::from(u32::MAX)) as u32;
    let flow = |(flow, d): (usize, &DemandShare)| FlowRow {
        bin: 0,
        flow: flow as u32,
        sent: packets(d.served + d.lost),
        lost: packets(d.lost),
        rtt_ms: (d.delay_s + way_back_s(csr, routing, d.ends)) * 1e3,
    };
    Observables {
        counters: arcs.iter().enumerate().map(counter).collect(),
        flow_info: demands.iter().map(|d| d.ends).collect(),
        flows: demands.iter().enumerate().map(flow).collect(),
        alarms: Vec::new(),
    }
}

/// Propagation delay from a demand's destination to its source, mean over equal paths; that of the way there where there
/// is no way back.
fn way_back_s(csr: &Csr, routing: &Routing, FlowInfo { src, dst }: FlowInfo) -> f64 {
    let along = |from: NodeId, to: NodeId| -> f64 {
        let shares = routing.shares(csr, from, to);
        shares.iter().map(|(arc, share)| share * csr.delay[arc.index()].as_secs_f64()).sum()
    };
    if routing.reaches(dst, src) { along(dst, src) } else { along(src, dst) }
}

fn fidelity(demands: &[DemandShare], merged: u64) -> Fidelity {
    let mut fidelity = Fidelity::default();
    let count = |which: &dyn Fn(&DemandShare) -> bool| demands.iter().filter(|d| which(d)).count() as u64;
    let held = count(&|d| d.bottleneck.is_some());
    let note = "Senders keep to their max-min fair share at every instant: nothing is lost at queues, and what demands \
                offer beyond their share waits at the sender. Slow start, oscillation and retransmission are not there.";
    fidelity.note("max-min", note, Some(held));
    let note =
        "Waits are those of a queue in heavy traffic with Poisson bursts, independently at each half-link.";
    fidelity.note("independent-waits", note, None);
    let lost = count(&|d| d.lost > 0.0);
    if lost > 0 {
        fidelity.note("no-path", "Demands without a path lose everything.", Some(lost));
    }
    if merged > 0 {
        let note = format!(
            "Demands with more than {PATHS_MAX} equal-cost paths were put on fewer, which load every link alike."
        );
        fidelity.note("fewer-paths", note, Some(merged));
    }
    fidelity
}

impl FluidConfig {
    /// Whole packets of the mean size in the duration at a rate in bit/s.
    pub fn packets(&self, bps: f64) -> u64 {
        (bps * self.duration.as_secs_f64() / (8.0 * self.traffic.mean_packet.get() as f64)).round() as u64
    }
}

impl DemandShare {
    /// What waits at the sender, in bit/s; 0 where only rounding makes a difference.
    pub fn held_back(&self) -> f64 {
        if self.bottleneck.is_some() { (self.offered - self.served).max(0.0) } else { 0.0 }
    }
}

impl FluidResult {
    /// Sums over the demands in bit/s: offered, served, lost.
    pub fn totals(&self) -> (f64, f64, f64) {
        let sum = |of: fn(&DemandShare) -> f64| self.demands.iter().map(of).sum();
        (sum(|d| d.offered), sum(|d| d.served), sum(|d| d.lost))
    }

    /// A digest over all demands and arcs.
    pub fn digest(&self) -> String {
        let mut d = Digest::new("fluid-result/1");
        for demand in &self.demands {
            d = d.u64(u64::from(demand.ends.src.0)).u64(u64::from(demand.ends.dst.0));
            d = d.f64(demand.offered).f64(demand.served).f64(demand.lost).f64(demand.delay_s);
        }
        self.arcs.iter().fold(d, |d, arc| d.f64(arc.load).f64(arc.waiting.mean())).hex()
    }
}
