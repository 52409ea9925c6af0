//! The watched flows of a world: which packets they send, and what a meter at the edge sees of them.

use std::sync::Arc;

use engine::Purpose;
use models::packet::{
    BackgroundLoad, BackgroundTraffic, Bins, Buffer, Disposition, Fault as PacketFault, PacketConfig,
    PacketNet, PacketResult, TimedFault, Workload,
};
use models::sensor::{FlowMeter, Retransmissions, sampled_count};
use models::{Failures, Loads};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Pareto, StandardNormal};
use rayon::prelude::*;
use twin::{
    ArcId, BitsPerSec, Bytes, EntityKey, FlowInfo, FlowRow, NodeId, PacketSchedule, ScheduledPacket,
    SimDuration, SimTime,
};

use super::{BIN_S, Fault, POLL_S, Setting};
use crate::incident::FlowTable;
use crate::prediction::mean_delays;

/// Share of flows whose access line loses 0.2–4 % all the time, whatever the backbone does.
const BAD_ACCESS: f64 = 0.3;

/// A watched flow and its habits.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub info: FlowInfo,
    pub key: EntityKey,
    /// Packets per minute.
    pub rate: f64,
    /// Share that its own access loses, in bursts.
    pub access_loss: f64,
    pub meter: FlowMeter,
}

/// Draws the watched flows: every pair that sends anything has one, the rest go to pairs by volume. Sizes are heavy-tailed
/// (Pareto, shape 1.2).
pub(super) fn watched(s: &Setting<'_>) -> Vec<Watched> {
    let mut chance = s.seeds.stream(Purpose::WORLD, &EntityKey::new("flows"));
    let mut demands = s.demands[s.history].clone();
    demands.sort_by(|a, b| b.bps.total_cmp(&a.bps).then((a.src, a.dst).cmp(&(b.src, b.dst))));
    demands.truncate(s.config.flows);
    let total: f64 = demands.iter().map(|d| d.bps).sum();
    let extra = s.config.flows.saturating_sub(demands.len());
    let mut pairs: Vec<_> = demands.iter().map(|d| (d.src, d.dst)).collect();
    for _ in 0..extra {
        let mut at = chance.random::<f64>() * total;
        let pick = demands.iter().find(|d| {
            at -= d.bps;
            at <= 0.0
        });
        pairs.extend(pick.map(|d| (d.src, d.dst)));
    }
    pairs.sort_unstable();
    let sizes = Pareto::new(s.config.packets_per_min / 6.0, 1.2).expect("positive scale and shape");
    let each = |(i, (src, dst)): (usize, (twin::NodeId, twin::NodeId))| {
        let key = EntityKey::new(format!("flow {i}"));
        let mut own = s.seeds.stream(Purpose::SIZES, &key);
        let chronic = own.random::<f64>() < BAD_ACCESS;
        let u: f64 = own.random();
        let access_loss = if chronic { 0.002 * libm::pow(20.0, u) } else { 1e-6 * libm::pow(300.0, u) };
        Watched {
            info: FlowInfo { src, dst },
            rate: sizes.sample(&mut own).min(40.0 * s.config.packets_per_min),
            access_loss,
            meter: FlowMeter {
                access_ms: 0.5 + 8.0 * own.random::<f64>(),
                jitter_ms: 0.3 + own.random::<f64>(),
            },
            key,
        }
    };
    pairs.into_iter().enumerate().map(each).collect()
}

/// Mean packets of a burst, and the time between two of them.
const MEAN_BURST: f64 = 4.0;
const BURST_GAP: SimDuration = SimDuration::millis(2);
/// Seconds between two packets of the way back that a meter uses for its round trips.
const BACK_EVERY_S: f64 = 30.0;
/// The traffic that is not watched: an Internet mix, in bursts.
const UNWATCHED: BackgroundTraffic =
    BackgroundTraffic { mean_packet: Bytes::new(700), size_scv: 0.8, burst: 3.0 };

/// Flow records of the window, and packets discarded at each arc's queue: every watched packet is an event among an
/// unwatched background, and what the network did with it is then seen through a meter at the edge.
pub(super) fn observe(s: &Setting<'_>) -> (FlowTable, Vec<u64>) {
    let flows = watched(s);
    let schedule = schedule(s, &flows);
    let workload = Workload::compile(s.csr, &schedule).expect("endpoints are nodes of this network");
    let bins = Bins { width: SimDuration::from_secs_f64(BIN_S), count: s.config.window_bins };
    let config = PacketConfig {
        bins: Some(bins),
        buffer: Buffer::Time(SimDuration::millis(50)),
        ..Default::default()
    };
    let net = PacketNet::build(s.csr, s.routing.clone(), config)
        .with_background(Arc::new(background(s)), UNWATCHED);
    let result = net.run(&workload, &faults(s), SimTime::MAX, s.seeds);
    let rows: Vec<Vec<FlowRow>> = seen_by_network(s, &flows, &result)
        .into_par_iter()
        .zip(&flows)
        .map(|(rows, f)| meter(s, f, rows))
        .collect();
    let info = flows.iter().map(|f| f.info).collect();
    let discards = result.links.iter().map(|l| l.drops[Disposition::QueueFull as usize]).collect();
    (FlowTable::new(info, s.config.window_bins, BIN_S, &rows.concat()), discards)
}

/// Flow i is the data of watched flow i, flow n + i its way back. Bursts arrive as a Poisson process, each of a geometric
/// number of packets.
fn schedule(s: &Setting<'_>, flows: &[Watched]) -> PacketSchedule {
    let end_s = f64::from(s.config.window_bins) * BIN_S;
    let each = |(i, f): (usize, &Watched)| {
        let mut chance = s.seeds.stream(Purpose::ARRIVALS, &f.key);
        let mut packets = Vec::new();
        let mut send = |at, back: bool| {
            let (src, dst) = if back { (f.info.dst, f.info.src) } else { (f.info.src, f.info.dst) };
            packets.push(ScheduledPacket {
                at,
                src: src.0,
                dst: dst.0,
                flow: (i + if back { flows.len() } else { 0 }) as u32,
                size: Bytes::new(if back { 64 } else { 1_500 }),
                frame: None,
            });
        };
        let mut now_s = 0.0;
        loop {
            now_s += chance.exp() * BIN_S * MEAN_BURST / f.rate;
            if now_s >= end_s {
                break;
            }
            let more = libm::log(chance.f64_open()) / libm::log(1.0 - 1.0 / MEAN_BURST);
            let mut at = SimTime::ZERO + SimDuration::from_secs_f64(now_s);
            for _ in 0..1 + more as u32 {
                send(at, false);
                at += BURST_GAP;
            }
        }
        let mut back_s = BACK_EVERY_S * chance.f64_open();
        while back_s < end_s {
            send(SimTime::ZERO + SimDuration::from_secs_f64(back_s), true);
            back_s += BACK_EVERY_S;
        }
        packets
    };
    let packets: Vec<Vec<ScheduledPacket>> = flows.par_iter().enumerate().map(each).collect();
    PacketSchedule::new(s.csr.node_keys.clone(), packets.concat())
}

/// Healthy links lose up to one packet in ten thousand; the fault comes on top.
fn faults(s: &Setting<'_>) -> Vec<TimedFault> {
    let onset = SimTime::ZERO + SimDuration::from_secs_f64(s.onset_s);
    let healthy = |arc: usize| 1e-4 * s.seeds.stream(Purpose::FAULT, &s.csr.ports[arc].0).random::<f64>();
    let mut list: Vec<TimedFault> = (0..s.csr.arc_count())
        .map(|arc| TimedFault {
            at: SimTime::ZERO,
            fault: PacketFault::Loss { arc: ArcId::new(arc), probability: healthy(arc) },
        })
        .collect();
    match s.fault {
        Fault::None => {}
        Fault::Loss(arc, rate) => {
            let probability = 1.0 - (1.0 - healthy(arc.index())) * (1.0 - rate);
            list.push(TimedFault { at: onset, fault: PacketFault::Loss { arc, probability } });
        }
        Fault::Down(link) => list.push(TimedFault { at: onset, fault: PacketFault::LinkDown(link) }),
    }
    if let Some(routing) = &s.rerouted {
        let at = onset + SimDuration::from_secs_f64(s.converge_s);
        let routing = Arc::new(routing.clone());
        list.push(TimedFault { at, fault: PacketFault::Reroute { node: None, routing } });
    }
    list
}

/// What the unwatched traffic puts on each arc, poll interval by poll interval.
fn background(s: &Setting<'_>) -> BackgroundLoad {
    let up = Failures::none(s.csr);
    let down = match s.fault {
        Fault::Down(link) => up.clone().with_link(link),
        _ => up.clone(),
    };
    let load = |poll: usize, broken: bool| -> Vec<f64> {
        let routing = s.rerouted.as_ref().filter(|_| broken).unwrap_or(&s.routing);
        let loads =
            Loads::compute(s.csr, routing, if broken { &down } else { &up }, &s.demands[s.history + poll]);
        let most = |(l, c): (&f64, &BitsPerSec)| l.min(0.98 * c.as_f64());
        loads.arc.iter().zip(&s.csr.capacity).map(most).collect()
    };
    let converged_s = s.rerouted.as_ref().map_or(f64::INFINITY, |_| s.onset_s + s.converge_s);
    let at = |secs: f64| SimTime::ZERO + SimDuration::from_secs_f64(secs);
    let polls = s.demands.len() - s.history;
    let mut steps: Vec<(SimTime, Vec<f64>)> =
        (0..polls).map(|k| (at(k as f64 * POLL_S), load(k, k as f64 * POLL_S >= converged_s))).collect();
    if converged_s < polls as f64 * POLL_S {
        let during = (converged_s / POLL_S) as usize;
        steps.push((at(converged_s), load(during, true)));
        steps.sort_by_key(|(start, _)| *start);
        steps.dedup_by_key(|(start, _)| *start);
    }
    BackgroundLoad::steps(steps)
}

/// Per watched flow and bin: packets sent and lost by the network, and its round trip in ms.
fn seen_by_network(s: &Setting<'_>, flows: &[Watched], result: &PacketResult) -> Vec<Vec<FlowRow>> {
    let delay = mean_delays(s.csr, &s.routing);
    let unloaded = |from: NodeId, to: NodeId| delay[to.index() * s.csr.node_count() + from.index()];
    let bins = s.config.window_bins as usize;
    let empty =
        |flow| (0..bins).map(move |b| FlowRow { bin: b as u32, flow, sent: 0, lost: 0, rtt_ms: f64::NAN });
    let mut rows: Vec<Vec<FlowRow>> = (0..flows.len() as u32).map(|f| empty(f).collect()).collect();
    let mut back = vec![vec![f64::NAN; bins]; flows.len()];
    for row in &result.observables.flows {
        let id = result.flow_ids[row.flow as usize] as usize;
        let (flow, bin) = (id % flows.len(), row.bin as usize);
        let FlowInfo { src, dst } = flows[flow].info;
        // The row's time is one way plus the unloaded other way: only the measured part is taken.
        if id < flows.len() {
            rows[flow][bin] = FlowRow { flow: id as u32, rtt_ms: row.rtt_ms - unloaded(dst, src), ..*row };
        } else {
            back[flow][bin] = row.rtt_ms - unloaded(src, dst);
        }
    }
    for (rows, back) in rows.iter_mut().zip(back) {
        for (row, home) in rows.iter_mut().zip(back) {
            row.rtt_ms += home;
        }
    }
    rows
}

/// What the meter at the edge makes of it.
fn meter(s: &Setting<'_>, f: &Watched, mut rows: Vec<FlowRow>) -> Vec<FlowRow> {
    let mut chance = s.seeds.stream(Purpose::SENSOR, &f.key);
    for row in &mut rows {
        let lost = (row.lost + access_losses(f, row.sent, &mut chance)).min(row.sent);
        let normal: f64 = StandardNormal.sample(&mut chance);
        row.rtt_ms = f.meter.median_rtt_ms(row.rtt_ms, row.sent - lost, normal);
        row.lost = Retransmissions { spurious: 2e-5 }.count(row.sent, lost, &mut chance);
    }
    rows
}

/// Losses of the access line: events at rate `access_loss`/1.5 per packet, each of 1 or 2 packets.
fn access_losses(f: &Watched, sent: u32, chance: &mut impl Rng) -> u32 {
    let events = sampled_count(f64::from(sent) * f.access_loss / 1.5, chance) as u32;
    (0..events).map(|_| 1 + u32::from(chance.random::<bool>())).sum()
}
