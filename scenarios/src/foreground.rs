//! The foreground rung: leading causes are simulated, packet by packet, over the twin's own background.
//!
//! Each replica draws its own ECMP salts, background waits and packet times; all causes of one replica share them (common
//! random numbers). A replica is a short experiment with every watched flow: packets before the fault, packets between the
//! fault and convergence, packets after. Who loses packets *is* the exposure (for a lossy half-link the simulated loss is
//! total, as a tracer); how round trips differ before and after is the shift. What simulation found replaces what the
//! formula said in the likelihood, which goes on integrating severity and onset exactly.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{Purpose, Seeds, Trial};
use models::packet::{
    BackgroundLoad, BackgroundTraffic, Bins, Disposition, Fault, PacketConfig, PacketNet, PacketResult,
    RoutedLoad, TimedFault, Workload,
};
use models::{Failures, Routing};
use rand::RngExt;
use rayon::prelude::*;
use twin::stats::median;
use twin::{
    ArcId, BitsPerSec, Bytes, EntityKey, PacketSchedule, Rung, ScheduledPacket, SimDuration, SimTime,
};

use crate::component::Component;
use crate::incident::Incident;
use crate::likelihood::{Evidence, SetModel};
use crate::prediction::{LossMode, Paths, Prediction};
use crate::rank::{Settings, Weighed};

/// The experiment: quiet until the fault, then a gap until routing has converged, then the new normal.
const FAULT_S: f64 = 10.0;
const CONVERGED_S: f64 = 12.0;
const END_S: f64 = 20.0;
/// Data packets of each flow in each of the three phases, and packets of the way back in the first and the last.
const DATA: u32 = 3;
const BACK: u32 = 2;
/// The formula's exposure counts like so many replicas.
const FORMULA_WEIGHT: f64 = 4.0;
/// Groups of replicas for the jackknife.
const GROUPS: usize = 8;
/// Changes of the round trip below this are no news to any meter.
const LEAST_SHIFT_MS: f64 = 0.05;
/// Background above this share of a link's capacity is carried as this much: beyond it a stationary queue does not exist.
const MOST_BACKGROUND: f64 = 0.98;

/// One leading component after simulation.
#[derive(Clone, Debug)]
pub struct Replicas {
    /// Its position among the components.
    pub position: usize,
    /// The prediction from all replicas.
    pub prediction: Prediction,
    /// Predictions with one group of replicas left out each.
    without: Vec<Prediction>,
    /// How many replicas were run.
    pub trials: u64,
}

/// What one replica saw of each flow.
#[derive(Clone, Debug)]
struct Seen {
    /// Share of the packets sent after the fault (before convergence, for faults that routing mends) that were lost.
    exposed: Vec<f64>,
    /// Change of the round trip in ms, NaN where it cannot be said.
    shift_ms: Vec<f64>,
    /// Share lost to full queues after the fault.
    queue_loss: f64,
}

/// Simulates the components at these positions.
pub fn simulate(
    evidence: &Evidence<'_>,
    proposed: &[Weighed],
    leading: &[usize],
    settings: &Settings,
) -> Vec<Replicas> {
    if settings.replicas == 0 {
        return Vec::new();
    }
    let bench = Bench::new(evidence.incident, evidence.paths);
    leading
        .iter()
        .map(|&position| {
            let formula = &proposed[position].prediction;
            let experiment = bench.experiment(formula);
            let seen: Vec<Seen> = (0..settings.replicas)
                .into_par_iter()
                .map(|n| bench.replica(&experiment, Seeds::new(settings.seed).trial(u64::from(n) + 1)))
                .collect();
            let without = (0..GROUPS)
                .map(|g| {
                    let kept = seen.iter().enumerate().filter(|(n, _)| n % GROUPS != g);
                    refine(formula, &kept.map(|(_, s)| s).collect::<Vec<_>>())
                })
                .collect();
            Replicas {
                position,
                prediction: refine(formula, &seen.iter().collect::<Vec<_>>()),
                without,
                trials: u64::from(settings.replicas),
            }
        })
        .collect()
}

/// The network of the twin, ready for experiments.
pub struct Bench<'a> {
    incident: &'a Incident<'a>,
    paths: &'a Paths,
    net: PacketNet,
    /// With nothing down.
    base: RoutedLoad,
}

/// A component's faults, the background that they leave, and the flows that are watched.
pub struct Experiment {
    net: PacketNet,
    faults: Vec<TimedFault>,
    mended: bool,
    watched: Vec<u32>,
}

impl Experiment {
    /// The number of packets of a replica.
    pub fn packets(&self) -> usize {
        self.watched.len() * (3 * DATA + 2 * BACK) as usize
    }
}

impl<'a> Bench<'a> {
    /// Makes the network of an incident ready.
    pub fn new(incident: &'a Incident<'a>, paths: &'a Paths) -> Self {
        let bins = Bins { width: SimDuration::secs(2), count: (END_S / 2.0) as u32 };
        let config = PacketConfig { bins: Some(bins), ..PacketConfig::default() };
        let net = PacketNet::build(incident.csr, incident.routing.clone(), config);
        let base = background(incident, incident.routing, &Failures::none(incident.csr));
        Self { incident, paths, net, base }
    }

    /// What a component would do, from the formula's prediction and these trials of a seed.
    pub fn evaluate(
        &self,
        formula: &Prediction,
        experiment: &Experiment,
        seed: u64,
        trials: std::ops::Range<u64>,
    ) -> Prediction {
        let seen: Vec<Seen> =
            trials.map(|n| self.replica(experiment, Seeds::new(seed).trial(n + 1))).collect();
        refine(formula, &seen.iter().collect::<Vec<_>>())
    }

    /// Prepares the replicas of a component.
    pub fn experiment(&self, formula: &Prediction) -> Experiment {
        let (csr, component) = (self.incident.csr, formula.component);
        let down = match component {
            Component::LinkDown(link) => Some(Failures::none(csr).with_link(link)),
            Component::Device(node) => Some(Failures::none(csr).with_node(node)),
            Component::LinkLoss(_) | Component::Capacity(_) => None,
        };
        let fault = match component {
            Component::LinkLoss(arc) => Fault::Loss { arc, probability: 1.0 },
            Component::LinkDown(link) => Fault::LinkDown(link),
            Component::Device(node) => Fault::NodeDown(node),
            Component::Capacity(arc) => {
                let half =
                    BitsPerSec::new(csr.capacity[arc.index()].get() / 2).unwrap_or(csr.capacity[arc.index()]);
                Fault::Capacity { arc, rate: half }
            }
        };
        let mut faults = vec![TimedFault { at: at_s(FAULT_S), fault }];
        let mut steps = vec![(SimTime::ZERO, self.base.clone())];
        if let Some(down) = &down {
            let routing = Arc::new(self.incident.routing.after(csr, down));
            steps.push((at_s(CONVERGED_S), background(self.incident, &routing, down)));
            faults.push(TimedFault { at: at_s(CONVERGED_S), fault: Fault::Reroute { node: None, routing } });
        }
        let load = Arc::new(BackgroundLoad::routed(steps));
        let net = self.net.clone().with_background(load, BackgroundTraffic::default());
        Experiment { net, faults, mended: down.is_some(), watched: self.watched(formula) }
    }

    /// The flows that a component may touch: those that meet it, those whose way changes, and those that pass a queue
    /// which the moved traffic makes longer or shorter. Others would show nothing.
    fn watched(&self, formula: &Prediction) -> Vec<u32> {
        let moved = formula.load_shift.iter().filter(|(arc, bps)| self.wait_changes(*arc, *bps));
        let touched = self.paths.touched(moved.map(|(arc, _)| *arc));
        let direct = formula.exposed.iter().map(|(f, _)| *f).chain(formula.rtt_shift.iter().map(|(f, _)| *f));
        let mut watched: Vec<u32> = direct.collect();
        watched
            .extend((0u32..).zip(&self.paths.pair_of).filter(|(_, p)| touched[**p as usize]).map(|(f, _)| f));
        watched.sort_unstable();
        watched.dedup();
        watched.retain(|f| !formula.dead.contains(f));
        watched
    }

    /// Whether so much more or less load changes the mean wait (Pollaczek and Khinchine) by what a meter could see.
    fn wait_changes(&self, arc: ArcId, bps: f64) -> bool {
        let capacity = self.incident.csr.capacity[arc.index()];
        let service_ms = capacity.serialization_delay(Bytes::new(1_500)).as_secs_f64() * 1e3;
        let wait = |load: f64| {
            let used = (load / capacity.as_f64()).clamp(0.0, MOST_BACKGROUND);
            service_ms * used / (2.0 * (1.0 - used))
        };
        let before = self.base.bps(arc);
        (wait(before + bps) - wait(before)).abs() > LEAST_SHIFT_MS / 4.0
    }

    fn replica(&self, experiment: &Experiment, trial: Trial) -> Seen {
        let csr = self.incident.csr;
        let schedule = self.schedule(&experiment.watched, trial);
        let workload = Workload::compile(csr, &schedule).expect("endpoints are nodes of this network");
        let result = experiment.net.run(&workload, &experiment.faults, SimTime::MAX, trial);
        self.seen(&result, experiment.mended)
    }

    /// Flow f is the data of watched flow f; flow F + f its way back.
    fn schedule(&self, watched: &[u32], trial: Trial) -> PacketSchedule {
        let incident = self.incident;
        let flows = incident.flows.len() as u32;
        let mut packets = Vec::new();
        let phases = [(0.0, FAULT_S), (FAULT_S, CONVERGED_S), (CONVERGED_S, END_S)];
        for &f in watched {
            let info = &incident.flows.info[f as usize];
            let key = &incident.csr.node_keys[info.src.index()];
            let mut chance = trial.stream(Purpose::ARRIVALS, &EntityKey::new(format!("{key} {f}")));
            for (phase, (from, to)) in phases.into_iter().enumerate() {
                let back = if phase == 1 { 0 } else { BACK };
                for n in 0..DATA + back {
                    // A packet stays clear of its phase's ends by more than any path is long.
                    let at = at_s(from + 0.2 + (to - from - 0.4) * chance.random::<f64>());
                    let data = n < DATA;
                    let (src, dst) = if data { (info.src, info.dst) } else { (info.dst, info.src) };
                    packets.push(ScheduledPacket {
                        at,
                        src: src.0,
                        dst: dst.0,
                        flow: if data { f } else { flows + f },
                        size: Bytes::new(if data { 1_500 } else { 64 }),
                        frame: None,
                    });
                }
            }
        }
        PacketSchedule::new(incident.csr.node_keys.clone(), packets)
    }

    fn seen(&self, result: &PacketResult, mended: bool) -> Seen {
        let flows = self.incident.flows.len();
        let (fault_bin, converged_bin) = ((FAULT_S / 2.0) as u32, (CONVERGED_S / 2.0) as u32);
        let mut lost = vec![(0u32, 0u32); flows];
        let mut delay: Vec<[Vec<f64>; 4]> = vec![Default::default(); flows];
        for row in &result.observables.flows {
            let id = result.flow_ids[row.flow as usize] as usize;
            let counts = row.bin >= fault_bin && (!mended || row.bin < converged_bin);
            if id < flows && counts {
                lost[id].0 += row.sent;
                lost[id].1 += row.lost;
            }
            let phase = if row.bin < fault_bin { 0 } else { 1 };
            if row.rtt_ms.is_finite() && (row.bin < fault_bin || row.bin >= converged_bin) {
                let way = usize::from(id >= flows);
                delay[id % flows][2 * way + phase].push(row.rtt_ms);
            }
        }
        let change = |d: &[Vec<f64>; 4]| {
            let of = |i: usize| median(d[i].iter().copied());
            // Each row is a one-way delay plus a constant, which cancels.
            of(1) - of(0) + of(3) - of(2)
        };
        let sent_after: u32 = lost.iter().map(|(s, _)| s).sum();
        Seen {
            exposed: lost.iter().map(|(s, l)| f64::from(*l) / f64::from((*s).max(1))).collect(),
            shift_ms: delay.iter().map(change).collect(),
            queue_loss: result.dropped_by(Disposition::QueueFull) as f64 / f64::from(sent_after.max(1)),
        }
    }
}

/// The demands as background; see [`MOST_BACKGROUND`].
fn background(incident: &Incident<'_>, routing: &Routing, down: &Failures) -> RoutedLoad {
    RoutedLoad::of_demands(incident.csr, routing, down, incident.demands)
        .at_most(incident.csr, MOST_BACKGROUND)
}

fn at_s(s: f64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(s)
}

/// The formula's prediction with what replicas saw in its place.
fn refine(formula: &Prediction, seen: &[&Seen]) -> Prediction {
    let mut p = formula.clone();
    p.rung = Rung::Foreground;
    let n = seen.len() as f64;
    let flows = seen.first().map_or(0, |s| s.exposed.len());
    let share_of: BTreeMap<u32, f64> = formula.exposed.iter().copied().collect();
    if let LossMode::Fixed(_) = formula.loss {
        let mean = seen.iter().map(|s| s.queue_loss).sum::<f64>() / n;
        let ppb = (mean * 1e9) as u32;
        p.loss = LossMode::Fixed(ppb.max(if let LossMode::Fixed(f) = formula.loss { f } else { 0 }));
        return p;
    }
    p.exposed = (0..flows as u32)
        .filter(|f| !formula.dead.contains(f))
        .filter_map(|f| {
            let simulated = seen.iter().map(|s| s.exposed[f as usize]).sum::<f64>();
            let share = share_of.get(&f).copied().unwrap_or(0.0);
            let exposed = (simulated + FORMULA_WEIGHT * share) / (n + FORMULA_WEIGHT);
            (exposed > 0.0).then_some((f, exposed.min(1.0)))
        })
        .collect();
    if formula.loss == LossMode::UntilConverged {
        // A pair none of whose shortest paths, in either direction, used what is gone keeps all of them. What changes
        // there is the luck of queues, with the fault as without it: no evidence for anything.
        let moved = formula.rtt_shift.iter().map(|(f, _)| *f);
        p.rtt_shift = moved.filter_map(|f| Some((f, shifts(seen, f as usize)?))).collect();
    }
    p
}

/// The shifts that replicas saw for one flow, equally likely; `None` if none is worth a mention.
fn shifts(seen: &[&Seen], flow: usize) -> Option<Vec<(f64, f64)>> {
    let known: Vec<f64> = seen.iter().map(|s| s.shift_ms[flow]).filter(|d| d.is_finite()).collect();
    if known.iter().all(|d| d.abs() < LEAST_SHIFT_MS) {
        return None;
    }
    Some(known.iter().map(|d| (1.0 / known.len() as f64, *d)).collect())
}

/// Jackknife standard errors of the marginals: the posterior is computed again with each group of replicas left out.
/// `marginals` gives them for log Bayes factors by position.
pub fn standard_errors(
    evidence: &Evidence<'_>,
    simulated: &[Replicas],
    marginals: impl Fn(&[(usize, f64)]) -> BTreeMap<Component, f64>,
) -> BTreeMap<Component, f64> {
    if simulated.is_empty() {
        return BTreeMap::new();
    }
    let left_out: Vec<BTreeMap<Component, f64>> = (0..GROUPS)
        .map(|g| {
            let log_bayes: Vec<(usize, f64)> = simulated
                .par_iter()
                .map(|r| (r.position, SetModel::new(evidence, vec![&r.without[g]]).evaluate().log_bayes))
                .collect();
            marginals(&log_bayes)
        })
        .collect();
    let mut errors = BTreeMap::new();
    for component in left_out.iter().flat_map(BTreeMap::keys) {
        let values: Vec<f64> = left_out.iter().map(|m| m.get(component).copied().unwrap_or(0.0)).collect();
        let mean = values.iter().sum::<f64>() / GROUPS as f64;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        errors.insert(*component, ((GROUPS - 1) as f64 / GROUPS as f64 * squares).sqrt());
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::LinkId;

    #[test]
    fn the_luck_of_queues_is_no_evidence_where_no_path_changes() {
        let formula = Prediction {
            component: Component::LinkDown(LinkId(0)),
            rung: Rung::Algebra,
            exposed: vec![(0, 1.0)],
            loss: LossMode::UntilConverged,
            dead: Vec::new(),
            rtt_shift: vec![(0, vec![(1.0, 7.0)])],
            load_shift: Vec::new(),
            unread: Vec::new(),
        };
        // Flow 0 is moved; flow 1 waits in other queues before and after, as it would without the fault.
        let seen = |noise: f64| Seen {
            exposed: vec![1.0, 0.0],
            shift_ms: vec![7.0 + noise, noise],
            queue_loss: 0.0,
        };
        let refined = refine(&formula, &[&seen(0.4), &seen(-0.3)]);
        assert_eq!(refined.rtt_shift, [(0, vec![(0.5, 7.4), (0.5, 6.7)])]);
        assert_eq!(refined.exposed, [(0, 1.0)]);
    }
}
