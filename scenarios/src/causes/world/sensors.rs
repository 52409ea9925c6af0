//! What the collector of the world has of it.

use std::collections::BTreeSet;

use engine::{Draws, Purpose};
use models::sensor::sampled_count;
use rand::RngExt;
use rand_distr::{Distribution, Gamma, StandardNormal};
use rayon::prelude::*;
use twin::{ArcId, EntityKey, NodeId};

use super::paths::Hasher;
use super::queues::{Queue, queues};
use super::traffic::{Minute, minutes};
use super::{BIN_S, POLL_BINS, START_NS, World};
use crate::causes::observed::{Observed, ProbeBin, Probed, Sampled, SampledPoll};

/// Probes of a pair in a bin, and the ports over which they are spread.
const PROBES: u32 = 20;
const PORTS: u64 = 8;
/// Most pairs that are probed, and whose flows are sampled.
const PROBED: usize = 200;
const SAMPLED: usize = 400;
/// Share of packets that are sent again for nothing.
const SPURIOUS: f64 = 2e-4;
/// Share of polls and of bins that are missing.
const MISSING: f64 = 0.005;
/// Bits of a mean sampled packet.
const PACKET_BITS: f64 = 8.0 * 800.0;

/// Everything that is observed.
pub(super) fn observe(w: &World<'_>) -> Observed {
    let minutes = minutes(w);
    let queues = queues(w, &minutes);
    let (load, discards) = polls(w, &minutes, &queues);
    Observed {
        start_ns: START_NS,
        bin_s: BIN_S,
        bins: w.bins(),
        poll_bins: POLL_BINS,
        load,
        discards,
        probes: probes(w, &queues),
        flows: flows(w, &minutes, &queues),
    }
}

/// Counters, read up to half a minute later than the stamp says: all ports of a node together, each a little on its own.
fn polls(w: &World<'_>, minutes: &[Minute], queues: &[Vec<Queue>]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let polls = w.bins() / POLL_BINS;
    let columns: Vec<Vec<(f64, f64)>> = (0..w.csr.arc_count())
        .into_par_iter()
        .map(|arc| {
            let mut of_node = w.chance.stream(Purpose::SENSOR, &w.csr.node_keys[w.csr.src[arc].index()]);
            let late_s = 30.0 * of_node.random::<f64>();
            let mut draw = w.chance.stream(Purpose::SENSOR, &w.csr.ports[arc].0);
            let mut read = || late_s + 5.0 * draw.random::<f64>();
            let at: Vec<f64> = (0..=polls)
                .map(|p| (p * POLL_BINS) as f64 + read() / BIN_S)
                .map(|m| m.min(w.bins() as f64))
                .collect();
            let mut missed = w.chance.stream(Purpose::SENSOR, &w.csr.ports[arc].1);
            at.windows(2)
                .map(|span| {
                    if missed.random::<f64>() < MISSING {
                        return (f64::NAN, f64::NAN);
                    }
                    let mut sum = (0.0, 0.0);
                    for m in span[0] as usize..(span[1].ceil() as usize).min(minutes.len()) {
                        let share = (span[1].min(m as f64 + 1.0) - span[0].max(m as f64)).max(0.0);
                        let (minute, queue) = (&minutes[m], &queues[m][arc]);
                        sum.0 += share * minute.offered[arc] * (1.0 - queue.discarded);
                        sum.1 += share * queue.packets(minute.offered[arc]);
                    }
                    let noise: f64 = StandardNormal.sample(&mut missed);
                    let rate = sum.0 / (span[1] - span[0]) * (1.0 + 0.002 * noise);
                    (rate.max(0.0), sampled_count(sum.1, &mut missed))
                })
                .collect()
        })
        .collect();
    let row = |poll: usize, of: fn((f64, f64)) -> f64| columns.iter().map(|c| of(c[poll])).collect();
    ((0..polls).map(|p| row(p, |x| x.0)).collect(), (0..polls).map(|p| row(p, |x| x.1)).collect())
}

fn probes(w: &World<'_>, queues: &[Vec<Queue>]) -> Vec<Probed> {
    let mut draw = w.chance.stream(Purpose::WORLD, &EntityKey::new("probes"));
    let n = w.csr.node_count();
    let mut pairs: Vec<(usize, usize)> = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).collect();
    for i in 0..pairs.len().min(PROBED) {
        let other = draw.random_range(i..pairs.len());
        pairs.swap(i, other);
    }
    pairs.truncate(PROBED);
    pairs.sort_unstable();
    let hashers = [Hasher::new(&w.csr, &w.healthy, w.chance), Hasher::new(&w.csr, &w.changed, w.chance)];
    pairs
        .into_par_iter()
        .map(|(a, b)| {
            let (src, dst) = (NodeId::new(a), NodeId::new(b));
            Probed { src, dst, bins: probe_bins(w, queues, &hashers, src, dst) }
        })
        .collect()
}

/// The way there and back of a probe.
type Loop = (Vec<ArcId>, f64);

fn probe_bins(
    w: &World<'_>,
    queues: &[Vec<Queue>],
    hashers: &[Hasher<'_>; 2],
    src: NodeId,
    dst: NodeId,
) -> Vec<ProbeBin> {
    let key = EntityKey::new(format!("{} {}", w.csr.node_keys[src.index()], w.csr.node_keys[dst.index()]));
    let chance = w.chance.chance(Purpose::SENSOR, &key);
    let access_ms = 0.1 + chance.f64_open(u64::MAX);
    let loops = |hasher: &Hasher<'_>| -> Vec<Option<Loop>> {
        (0..PORTS).map(|port| there_and_back(w, hasher, src, dst, port)).collect()
    };
    let ways = [loops(&hashers[0]), loops(&hashers[1])];
    (0..w.bins())
        .map(|bin| {
            let mut draw = chance.draws(bin as u64);
            if draw.f64_open() < MISSING {
                return ProbeBin { sent: 0, lost: 0, p50_ms: f64::NAN, p95_ms: f64::NAN };
            }
            let mut trips = Vec::with_capacity(PROBES as usize);
            for probe in 0..PROBES {
                let at_s = (bin as f64 + (f64::from(probe) + draw.f64_open()) / f64::from(PROBES)) * BIN_S;
                let moved = w.cause.is_some() && at_s >= w.moved_s();
                let way = &ways[usize::from(moved)][(u64::from(probe) % PORTS) as usize];
                trips.extend(way.as_ref().and_then(|way| trip(w, queues, way, at_s, &mut draw)));
            }
            trips.sort_by(f64::total_cmp);
            let at = |share: f64| {
                let place = (share * trips.len() as f64).ceil() as usize;
                trips.get(place.saturating_sub(1)).map_or(f64::NAN, |t| t + access_ms)
            };
            ProbeBin { sent: PROBES, lost: PROBES - trips.len() as u32, p50_ms: at(0.5), p95_ms: at(0.95) }
        })
        .collect()
}

fn there_and_back(w: &World<'_>, hasher: &Hasher<'_>, src: NodeId, dst: NodeId, port: u64) -> Option<Loop> {
    let there = hasher.paths(&w.csr, src, dst, PORTS);
    let back = hasher.paths(&w.csr, dst, src, PORTS);
    let nth = |paths: &[(f64, Vec<ArcId>)], port: u64| {
        let mut at = (port as f64 + 0.5) / PORTS as f64;
        paths
            .iter()
            .find(|(share, _)| {
                at -= share;
                at <= 0.0
            })
            .map(|(_, path)| path.clone())
    };
    let mut arcs = nth(&there, port)?;
    arcs.extend(nth(&back, PORTS - 1 - port)?);
    let ms = arcs.iter().map(|a| w.csr.delay[a.index()].as_secs_f64() * 1e3).sum();
    Some((arcs, ms))
}

/// The round trip of a probe in ms; none if it is lost.
fn trip(w: &World<'_>, queues: &[Vec<Queue>], way: &Loop, at_s: f64, draw: &mut Draws) -> Option<f64> {
    let minute = ((at_s / BIN_S) as usize).min(queues.len() - 1);
    let cut = w.cause.filter(|_| at_s >= w.onset_s && at_s < w.moved_s()).and_then(|(_, f)| f.change.cut());
    let state = if w.cause.is_some() && at_s >= w.moved_s() { &w.changed } else { &w.healthy };
    let mut ms = way.1 + 0.05 * draw.exp();
    let mut kept = 1.0;
    for arc in &way.0 {
        let i = arc.index();
        if cut.is_some_and(|link| w.csr.link[i] == link) {
            return None;
        }
        let states = &queues[minute][i].states;
        let (wait, lost) = states[(draw.f64_open() * states.len() as f64) as usize];
        ms += f64::from(wait);
        kept *= (1.0 - f64::from(lost)) * (1.0 - state.arcs[i].loss);
    }
    (draw.f64_open() < kept).then_some(ms)
}

/// Flows of the largest pairs, one packet in so many.
fn flows(w: &World<'_>, minutes: &[Minute], queues: &[Vec<Queue>]) -> Vec<Sampled> {
    let fastest = w.csr.capacity.iter().map(|c| c.as_f64()).fold(0.0, f64::max);
    let one_in = (fastest / 1e7).max(1.0);
    let mut by_volume: Vec<usize> = (0..w.demands.len()).collect();
    by_volume.sort_by(|a, b| w.demands[*b].bps.total_cmp(&w.demands[*a].bps).then(a.cmp(b)));
    by_volume.truncate(SAMPLED);
    let kept: BTreeSet<usize> = by_volume.into_iter().collect();
    let each = |i: usize| {
        let d = &w.demands[i];
        let key = EntityKey::new(format!(
            "{} {}",
            w.seen.node_keys[d.src.index()],
            w.seen.node_keys[d.dst.index()]
        ));
        let mut draw = w.chance.stream(Purpose::SENSOR, &key);
        let polls = (0..w.bins() / POLL_BINS).map(|poll| {
            let span = poll * POLL_BINS..(poll + 1) * POLL_BINS;
            let sent = span.clone().map(|m| minutes[m].sent[i]).sum::<f64>() / POLL_BINS as f64;
            let lost = span.map(|m| lost_share(w, queues, m, i)).sum::<f64>() / POLL_BINS as f64;
            // Losses come in bursts.
            let bursts = Gamma::new(12.0, 1.0 / 12.0).map_or(1.0, |g| g.sample(&mut draw));
            let packets = sampled_count(sent * BIN_S * POLL_BINS as f64 / PACKET_BITS / one_in, &mut draw);
            let again = sampled_count(packets * (lost * bursts + SPURIOUS), &mut draw).min(packets);
            SampledPoll {
                bps: packets * one_in * PACKET_BITS / (BIN_S * POLL_BINS as f64),
                packets: packets as u32,
                retransmitted: again as u32,
            }
        });
        Sampled { src: d.src, dst: d.dst, polls: polls.collect() }
    };
    kept.into_iter().collect::<Vec<_>>().into_par_iter().map(each).collect()
}

/// The share of a pair's packets that are lost in a minute.
fn lost_share(w: &World<'_>, queues: &[Vec<Queue>], minute: usize, pair: usize) -> f64 {
    let from_s = minute as f64 * BIN_S;
    let after = w.share_after(from_s, from_s + BIN_S);
    let cut = w.cause.and_then(|(_, form)| form.change.cut());
    let cut_share = ((w.moved_s().min(from_s + BIN_S) - w.onset_s.max(from_s)) / BIN_S).max(0.0)
        * f64::from(u8::from(cut.is_some()));
    let mut lost = 0.0;
    for (weight, paths, state) in [(1.0 - after, &w.before, &w.healthy), (after, &w.after, &w.changed)] {
        if weight == 0.0 {
            continue;
        }
        let of_pair = &paths.0[pair];
        let on_ways: f64 =
            of_pair.iter().map(|(share, arcs)| share * kept(queues, minute, state, arcs)).sum();
        lost += weight * (1.0 - on_ways);
    }
    if let Some(link) = cut {
        let meets = |arcs: &[ArcId]| arcs.iter().any(|a| w.csr.link[a.index()] == link);
        lost +=
            cut_share * w.before.0[pair].iter().filter(|(_, arcs)| meets(arcs)).map(|(s, _)| s).sum::<f64>();
    }
    lost.clamp(0.0, 1.0)
}

fn kept(queues: &[Vec<Queue>], minute: usize, state: &crate::causes::state::State, arcs: &[ArcId]) -> f64 {
    arcs.iter()
        .map(|a| (1.0 - queues[minute][a.index()].discarded) * (1.0 - state.arcs[a.index()].loss))
        .product()
}
