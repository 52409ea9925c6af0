//! Paths of probes and sampled flows, and what they meet on them.

use std::sync::Arc;

use twin::{ArcId, NodeId};

use super::Bench;
use crate::causes::luck::Luck;
use crate::causes::observed::Observed;
use crate::causes::queue::{Law, QUANTILES};
use crate::causes::state::{Change, State};

/// Flows over which the probes of a pair are spread, and packets of each.
const FLOWS: u64 = 8;
const PACKETS: u64 = 4;

/// The path of a flow, there and (for probes) back, with its propagation in ms; `None` where there is none.
pub(super) type Way = Option<(Vec<ArcId>, f32)>;

/// The paths of a pair's flows; replicas in which they are the same share them.
pub(super) type Ways = Arc<[Way]>;

/// Nodes between which packets are watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) src: NodeId,
    pub(super) dst: NodeId,
    /// Whether the way back counts, too: that of a round trip.
    pub(super) back: bool,
}

/// Those that are probed, then those whose flows are sampled.
pub(super) fn pairs(seen: &Observed) -> Vec<Pair> {
    let probed = seen.probes.iter().map(|p| Pair { src: p.src, dst: p.dst, back: true });
    probed.chain(seen.flows.iter().map(|f| Pair { src: f.src, dst: f.dst, back: false })).collect()
}

/// What probes of a pair meet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trip {
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) lost: f64,
}

impl Bench<'_> {
    /// By pair: its paths while nothing is wrong, where no node on them has a choice, so that luck does not matter.
    pub(super) fn fixed(&self, luck: &Luck) -> Vec<Option<Ways>> {
        let no_choice = |src: NodeId, dst: NodeId| {
            let mut at = src;
            loop {
                match self.state.routing.next_arcs(at, dst) {
                    [arc] => at = self.csr.dst[arc.index()],
                    next => return next.is_empty(),
                }
            }
        };
        let of = |pair: &Pair| {
            let fixed = no_choice(pair.src, pair.dst) && (!pair.back || no_choice(pair.dst, pair.src));
            fixed.then(|| self.ways(luck, &self.state, *pair))
        };
        self.pairs.iter().map(of).collect()
    }

    /// The paths of a pair while nothing is wrong. Those that luck decides are walked again when they are asked for: to keep
    /// them would be most of what replicas hold.
    pub(super) fn usual_ways(&self, luck: &Luck, pair: usize) -> Ways {
        self.fixed[pair].clone().unwrap_or_else(|| self.ways(luck, &self.state, self.pairs[pair]))
    }

    pub(super) fn ways(&self, luck: &Luck, state: &State, pair: Pair) -> Ways {
        let Pair { src, dst, back } = pair;
        let way = |flow: u64| {
            let mut arcs = self.walk(luck, state, src, dst, flow)?;
            if back {
                arcs.extend(self.walk(luck, state, dst, src, flow)?);
            }
            let ms: f64 = arcs.iter().map(|a| self.csr.delay[a.index()].as_secs_f64() * 1e3).sum();
            Some((arcs, ms as f32))
        };
        (0..FLOWS).map(way).collect()
    }

    /// The share of these ways that a change cuts until routing has converged.
    pub(super) fn crossing(&self, change: Change, ways: &[Way]) -> f64 {
        let Some(link) = change.cut() else { return 0.0 };
        let gone = |way: &&Way| {
            way.as_ref().is_some_and(|(arcs, _)| arcs.iter().any(|a| self.csr.link[a.index()] == link))
        };
        ways.iter().filter(gone).count() as f64 / ways.len().max(1) as f64
    }

    fn walk(&self, luck: &Luck, state: &State, src: NodeId, dst: NodeId, flow: u64) -> Option<Vec<ArcId>> {
        let entropy = (u64::from(src.0) << 40) ^ (u64::from(dst.0) << 16) ^ flow;
        let (mut at, mut arcs) = (src, Vec::new());
        while at != dst {
            let next = state.routing.next_arcs(at, dst);
            let arc = match next {
                [] => return None,
                [arc] => *arc,
                _ => {
                    let point = match state.hash {
                        Some((node, point)) if node == at => point,
                        _ => luck.salts[at.index()].f64_open(entropy),
                    };
                    next[(point * next.len() as f64) as usize]
                }
            };
            arcs.push(arc);
            at = self.csr.dst[arc.index()];
        }
        Some(arcs)
    }

    pub(super) fn trip(&self, luck: &Luck, state: &State, laws: &[Law], pair: usize, ways: &[Way]) -> Trip {
        let mut trips = [0.0f32; (FLOWS * PACKETS) as usize];
        let mut n = 0;
        for (flow, way) in ways.iter().enumerate() {
            let Some((arcs, ms)) = way else { continue };
            for packet in 0..PACKETS {
                let packet = flow as u64 * PACKETS + packet;
                // A Latin square: the packets of a pair meet all quantiles of a half-link once, in an order of its own, so that
                // chance moves their percentiles little (McKay, Beckman and Conover, Technometrics 1979).
                let wait = |a: &ArcId| {
                    let order = luck.packets.bits(((pair as u64) << 32) | u64::from(a.0));
                    let at = packet.wrapping_mul(order | 1).wrapping_add(order >> 32);
                    laws[a.index()].wait_ms[at as usize % QUANTILES]
                };
                trips[n] = ms + arcs.iter().map(wait).sum::<f32>();
                n += 1;
            }
        }
        let trips = &mut trips[..n];
        trips.sort_by(f32::total_cmp);
        let at = |share: f64| trips.get((share * n as f64) as usize).map_or(f64::NAN, |t| f64::from(*t));
        Trip { p50: at(0.5), p95: at(0.95), lost: lost(state, laws, ways) }
    }
}

/// Whether some of these ways meet one of these arcs.
pub(super) fn met(ways: &[Way], what: &[bool]) -> bool {
    ways.iter().flatten().any(|(arcs, _)| arcs.iter().any(|a| what[a.index()]))
}

/// By arc: the pairs some of whose ways cross it.
pub(super) fn across<'w>(arcs: usize, pairs: impl Iterator<Item = (usize, &'w Ways)>) -> Vec<Vec<u32>> {
    let mut across: Vec<Vec<u32>> = vec![Vec::new(); arcs];
    for (pair, ways) in pairs {
        let pair = pair as u32;
        for arc in ways.iter().flatten().flat_map(|(arcs, _)| arcs) {
            let here = &mut across[arc.index()];
            if here.last() != Some(&pair) {
                here.push(pair);
            }
        }
    }
    across
}

/// The share lost over the ways of a pair's flows.
pub(super) fn lost(state: &State, laws: &[Law], ways: &[Way]) -> f64 {
    let kept = |arcs: &[ArcId]| -> f64 {
        arcs.iter().map(|a| (1.0 - laws[a.index()].dropped) * (1.0 - state.arcs[a.index()].loss)).product()
    };
    let of = |way: &Way| way.as_ref().map_or(1.0, |(arcs, _)| 1.0 - kept(arcs));
    ways.iter().map(of).sum::<f64>() / ways.len().max(1) as f64
}
