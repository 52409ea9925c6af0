//! A world that breaks: a network with a known fault, seen through a collector's eyes.
//!
//! The world is not the model that explains it. It has its own ECMP salts, flow sizes, arrivals and bursts; demands that
//! the twin knows only through 1:1000 packet sampling; counters that are averaged by the interface and read late; access
//! lines that lose packets on their own; and a twin with one stale metric and one wrong capacity.

mod counters;
mod flows;

use engine::{Purpose, Seeds, Trial};
use models::sensor::{LoadInterval, PacketSampling};
use models::{Failures, Loads, NodeDemand, Routing, node_demands};
use rand::RngExt;
use twin::{ArcId, BitsPerSec, Csr, DemandSeries, EntityKey, LinkId};

use crate::component::Component;
use crate::incident::FlowTable;
use crate::shadow::Polling;

/// What is broken in a world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Nothing.
    None,
    /// One direction of a link loses this share of its packets, and no counter shows it.
    Loss(ArcId, f64),
    /// A link is down; the alarm has not arrived.
    Down(LinkId),
}

impl Fault {
    /// The component that a ranking should name.
    pub fn component(self) -> Option<Component> {
        match self {
            Self::None => None,
            Self::Loss(arc, _) => Some(Component::LinkLoss(arc)),
            Self::Down(link) => Some(Component::LinkDown(link)),
        }
    }
}

/// The size and the habits of a world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorldConfig {
    /// Watched flows, about.
    pub flows: usize,
    /// Mean packets per minute of a watched flow.
    pub packets_per_min: f64,
    /// Bins of the window; a bin is a minute.
    pub window_bins: u32,
    /// Bins between which the fault begins.
    pub onset_bins: (u32, u32),
    /// Days of counter history before the window, as far as the series reaches.
    pub history_days: f64,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self { flows: 600, packets_per_min: 20.0, window_bins: 120, onset_bins: (80, 106), history_days: 4.0 }
    }
}

/// Seconds of a bin.
pub const BIN_S: f64 = 60.0;
/// Seconds between two polls of an interface.
pub const POLL_S: f64 = 300.0;
/// The interface's load interval and the age of a reading.
pub const SENSOR: LoadInterval = LoadInterval { tau_s: 300.0, late_s: 30.0 };
/// How demands are sampled. Internet packets are about 700 B on average.
pub const SAMPLING: PacketSampling = PacketSampling { rate: 1000, mean_packet_bytes: 700.0 };

/// A world after it ran: what was seen, and the truth.
#[derive(Clone, Debug)]
pub struct World {
    /// What is broken.
    pub fault: Fault,
    /// The bin in which it broke.
    pub onset_bin: u32,
    /// The network as the twin believes it to be.
    pub believed: Csr,
    /// The link whose metric the twin has wrong, with the true metric.
    pub stale_metric: (LinkId, u32),
    /// The link whose capacity the twin has wrong, with the true capacity.
    pub wrong_capacity: (LinkId, BitsPerSec),
    /// `polls[poll][arc]` in bit/s, NaN where missing: the history, then the window.
    pub polls: Vec<Vec<f64>>,
    /// How many of them are history.
    pub history: usize,
    /// Bin at whose end each poll of the window was stamped.
    pub poll_bins: Vec<u32>,
    /// Sampled demands of the interval that ends with each poll.
    pub estimates: Vec<Vec<NodeDemand>>,
    /// The flow records of the window.
    pub flows: FlowTable,
    /// Packets that each arc's output queue discarded in the window, as its counter shows it. Losses on the wire show in no
    /// counter: that is what makes them silent.
    pub discards: Vec<u64>,
    /// When polls are taken and how interfaces average.
    pub polling: Polling,
}

/// Everything that the parts of a world share while it runs.
pub(crate) struct Setting<'a> {
    csr: &'a Csr,
    routing: Routing,
    seeds: Trial,
    config: WorldConfig,
    fault: Fault,
    /// Onset in seconds since the window began.
    onset_s: f64,
    /// Seconds from the onset until routing has converged.
    converge_s: f64,
    /// The routing after convergence, where the fault changes it.
    rerouted: Option<Routing>,
    /// Demands of each poll interval.
    demands: Vec<Vec<NodeDemand>>,
    history: usize,
}

/// Runs a world on a true network and a measured demand series.
///
/// `choose` draws the fault from arcs in use: it gets the arcs that carry at least 1 % of the traffic (an element without
/// traffic can fail without anybody noticing) and returns what breaks.
pub fn run(
    csr: &Csr,
    series: &DemandSeries,
    config: WorldConfig,
    seed: u64,
    choose: impl FnOnce(&[ArcId], &mut dyn FnMut(u64) -> u64, &mut dyn FnMut() -> f64) -> Fault,
) -> World {
    let seeds = Seeds::new(seed).trial(0);
    let mut chance = seeds.stream(Purpose::WORLD, &EntityKey::new("world"));
    let demands = interval_demands(csr, series, &config, &mut chance);
    let window_polls = (f64::from(config.window_bins) * BIN_S / POLL_S) as usize;
    let history = demands.len() - window_polls;
    let routing = Routing::compute(csr, &Failures::none(csr));
    let busy = busy_arcs(csr, &routing, &demands[history]);
    let mut fault_chance = seeds.stream(Purpose::FAULT, &EntityKey::new("fault"));
    let mut uniform_chance = seeds.stream(Purpose::FAULT, &EntityKey::new("rate"));
    let fault =
        choose(&busy, &mut |n| fault_chance.random_range(0..n), &mut || uniform_chance.random::<f64>());
    let (first, last) = config.onset_bins;
    let onset_bin = chance.random_range(first..last);
    let onset_s = (f64::from(onset_bin) + chance.random::<f64>()) * BIN_S;
    // Between a lost carrier with fast timers and a default OSPF hello interval.
    let converge_s = libm::exp(libm::log(0.2) + chance.random::<f64>() * libm::log(10.0 / 0.2));
    let rerouted = match fault {
        Fault::Down(link) => Some(routing.after(csr, &Failures::none(csr).with_link(link))),
        _ => None,
    };
    let (believed, stale_metric, wrong_capacity) = mislead(csr, &routing, &demands[history], &seeds);
    let setting =
        Setting { csr, routing, seeds, config, fault, onset_s, converge_s, rerouted, demands, history };
    let (polls, estimates) = counters::observe(&setting);
    let (flows, discards) = flows::observe(&setting);
    World {
        fault,
        onset_bin,
        believed,
        stale_metric,
        wrong_capacity,
        polls,
        history,
        poll_bins: (1..=window_polls as u32).map(|k| k * (POLL_S / BIN_S) as u32).collect(),
        estimates,
        flows,
        discards,
        polling: Polling { every_s: POLL_S, per_day: (86_400.0 / POLL_S) as usize, sensor: SENSOR },
    }
}

/// The true demands of each poll interval: the history as far back as the series allows, then the window at a drawn
/// instant. Between two measured matrices they are interpolated; a missing matrix is bridged by its neighbours.
fn interval_demands(
    csr: &Csr,
    series: &DemandSeries,
    config: &WorldConfig,
    chance: &mut impl rand::Rng,
) -> Vec<Vec<NodeDemand>> {
    let step_s = series.step.as_secs_f64();
    let polls_in_all = (series.bins.len() as f64 * step_s / POLL_S) as usize;
    let window = (f64::from(config.window_bins) * BIN_S / POLL_S) as usize;
    // At least half of the series is history, so that there is something to learn from.
    let first = polls_in_all / 2;
    let start = chance.random_range(first..polls_in_all.saturating_sub(window).max(first + 1));
    let most = (config.history_days * 86_400.0 / POLL_S) as usize;
    let polls = start - most.min(start)..start + window;
    let needed = |b: &usize| {
        let at = *b as f64 * step_s / POLL_S;
        at + 2.0 * step_s / POLL_S >= polls.start as f64 && at <= polls.end as f64 + 2.0 * step_s / POLL_S
    };
    let matrices: Vec<Option<Vec<NodeDemand>>> = (0..series.bins.len())
        .map(|b| Some(b).filter(needed).and_then(|b| series.matrix(b)).map(|m| node_demands(csr, &m)))
        .collect();
    polls
        .map(|poll| {
            let at = (poll as f64 + 0.5) * POLL_S / step_s - 0.5;
            interpolate(&matrices, at.max(0.0))
        })
        .collect()
}

fn interpolate(matrices: &[Option<Vec<NodeDemand>>], at: f64) -> Vec<NodeDemand> {
    let here = (at as usize).min(matrices.len() - 1);
    let before = (0..=here).rev().find_map(|i| matrices[i].as_ref().map(|m| (i, m)));
    let after = (here + 1..matrices.len()).find_map(|i| matrices[i].as_ref().map(|m| (i, m)));
    let (Some((i, a)), Some((j, b))) = (before, after) else {
        return before.or(after).map(|(_, m)| m.clone()).unwrap_or_default();
    };
    let w = ((at - i as f64) / (j - i) as f64).clamp(0.0, 1.0);
    let mut volume: std::collections::BTreeMap<_, f64> = std::collections::BTreeMap::new();
    for (matrix, weight) in [(a, 1.0 - w), (b, w)] {
        for d in matrix {
            *volume.entry((d.src, d.dst)).or_insert(0.0) += weight * d.bps;
        }
    }
    volume
        .into_iter()
        .filter(|(_, v)| *v > 0.0)
        .map(|((src, dst), bps)| NodeDemand { src, dst, bps })
        .collect()
}

/// Arcs with at least 1 % of the traffic.
fn busy_arcs(csr: &Csr, routing: &Routing, demands: &[NodeDemand]) -> Vec<ArcId> {
    let loads = Loads::compute(csr, routing, &Failures::none(csr), demands);
    let total: f64 = demands.iter().map(|d| d.bps).sum();
    (0..csr.arc_count()).filter(|i| loads.arc[*i] >= 0.01 * total).map(ArcId::new).collect()
}

/// The twin's errors: a metric that an operator raised and the twin missed, on a link whose metric matters; and a capacity
/// that is a quarter of what the twin believes.
fn mislead(
    csr: &Csr,
    routing: &Routing,
    demands: &[NodeDemand],
    seeds: &Trial,
) -> (Csr, (LinkId, u32), (LinkId, BitsPerSec)) {
    let mut chance = seeds.stream(Purpose::WORLD, &EntityKey::new("twin errors"));
    let mut believed = csr.clone();
    let up = Failures::none(csr);
    let total: f64 = demands.iter().map(|d| d.bps).sum();
    let loads = Loads::compute(csr, routing, &up, demands).arc;
    let link_load = |l: &LinkId| csr.link_arcs[l.index()].iter().map(|a| loads[a.index()]).sum::<f64>();
    let links: Vec<LinkId> =
        (0..csr.link_count()).map(LinkId::new).filter(|l| csr.link_arcs[l.index()].len() == 2).collect();
    // The true metric is the one in `csr`; the twin believes a lower or higher one that routes differently.
    let mut stale = (links[0], csr.metric[csr.link_arcs[links[0].index()][0].index()]);
    for _ in 0..64 {
        let link = links[chance.random_range(0..links.len())];
        let arcs = csr.link_arcs[link.index()].clone();
        let metric = csr.metric[arcs[0].index()].max(1);
        let factor = [2u32, 3, 5][chance.random_range(0..3)];
        let wrong = if chance.random::<bool>() { metric * factor } else { (metric / factor).max(1) };
        let mut fork = csr.clone();
        arcs.iter().for_each(|a| fork.metric[a.index()] = wrong);
        let other = Loads::compute(&fork, &Routing::compute(&fork, &up), &up, demands).arc;
        let moved: f64 = loads.iter().zip(&other).map(|(x, y)| (x - y).abs()).sum::<f64>() / total;
        if moved > 0.02 {
            (believed, stale) = (fork, (link, metric));
            break;
        }
    }
    let loaded: Vec<LinkId> = links.iter().copied().filter(|l| link_load(l) > 0.0).collect();
    let link = loaded[chance.random_range(0..loaded.len())];
    let arcs = csr.link_arcs[link.index()].clone();
    let true_capacity = csr.capacity[arcs[0].index()];
    for arc in arcs {
        let four = csr.capacity[arc.index()].get().saturating_mul(4);
        believed.capacity[arc.index()] = BitsPerSec::new(four).expect("four times a rate");
    }
    (believed, stale, (link, true_capacity))
}
