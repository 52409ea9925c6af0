//! One run of the network with a change, as far as collectors would see it.
//!
//! Loads are routed, thinned where a half-link cannot carry them, and turned into waits and discards; probes walk hashed
//! paths through these; pollers read late. What is returned are changes against the same run without the change, so that
//! whatever the twin has wrong on both sides cancels.

use engine::Seeds;
use models::{NodeDemand, Routing};
use rayon::prelude::*;
use twin::stats::median;
use twin::{ArcId, Csr, NodeId};

use super::likelihood::Ensemble;
use super::luck::Luck;
use super::observed::Observed;
use super::queue::{Law, QUANTILES};
use super::state::{Change, State};
use super::summary::{Counted, Item, Summary};

/// Flows over which the probes of a pair are spread, and packets of each.
const FLOWS: u64 = 8;
const PACKETS: u64 = 4;
/// A load that changes by less than this share of the rate changes nothing.
const LEAST_LOAD: f64 = 2e-4;
/// A share discarded that is felt behind the half-link.
const LEAST_DROP: f64 = 1e-3;

/// The network of the twin, made to fit what was observed before anything happened.
pub struct Bench<'a> {
    csr: &'a Csr,
    seen: &'a Observed,
    summary: &'a Summary,
    /// By item, for losses.
    counted: Vec<Option<Counted>>,
    state: State,
    demands: Vec<NodeDemand>,
    /// By destination: its demands.
    to: Vec<Vec<u32>>,
    /// By arc: what was measured before, or else is expected, in bit/s.
    usual: Vec<f64>,
    /// How bursty traffic is: see [`Law`].
    variance: f64,
    bases: Vec<Base>,
    seeds: Seeds,
    /// By demand: whether its flows are sampled.
    measured: Vec<bool>,
}

/// The run of a trial without a change.
struct Base {
    luck: Luck,
    laws: Vec<Law>,
    probes: Vec<Vec<Way>>,
    flows: Vec<Vec<Way>>,
    trips: Vec<Trip>,
    lost: Vec<f64>,
    /// By arc: pairs that are probed and pairs whose flows are sampled, counted on, whose paths cross it.
    across: Vec<Vec<u32>>,
}

/// The path of a flow, there and (for probes) back, with its propagation in ms; `None` where there is none.
type Way = Option<(Vec<ArcId>, f32)>;

/// What probes of a pair meet.
#[derive(Clone, Copy, Debug)]
struct Trip {
    p50: f64,
    p95: f64,
    lost: f64,
}

/// What a change would show: changes of items.
type Shown = Vec<(u32, f64)>;

impl<'a> Bench<'a> {
    /// Makes the network ready for `trials` replicas. `state` is the twin's, with nothing wrong.
    pub fn new(
        csr: &'a Csr,
        state: State,
        demands: &[NodeDemand],
        seen: &'a Observed,
        summary: &'a Summary,
        trials: u32,
        seed: u64,
    ) -> Self {
        let quiet = summary.windows.polls_before.clone();
        let (demands, measured) = fitted(demands, seen, quiet.clone());
        let mut to = vec![Vec::new(); csr.node_count()];
        demands.iter().enumerate().for_each(|(i, d)| to[d.dst.index()].push(i as u32));
        let mut bench = Self {
            csr,
            seen,
            summary,
            counted: summary.items.iter().map(|i| Counted::of(seen, *i, &summary.windows)).collect(),
            state,
            demands,
            to,
            usual: vec![0.0; csr.arc_count()],
            variance: 1e-4,
            bases: Vec::new(),
            seeds: Seeds::new(seed),
            measured,
        };
        let even = bench.luck(0);
        let all: Vec<usize> = (0..csr.node_count()).collect();
        let expected = bench.loads(&bench.state, &even, &all, None);
        for (arc, usual) in bench.usual.iter_mut().enumerate() {
            let polls = quiet.clone().filter_map(|k| seen.load.get(k)).map(|row| row[arc]);
            let measured = median(polls);
            *usual = if measured.is_finite() { measured } else { expected[arc] };
        }
        bench.variance = bench.burstiness(&even);
        bench.add(0..u64::from(trials) + 1);
        bench
    }

    /// The network.
    pub(super) fn csr(&self) -> &Csr {
        self.csr
    }

    /// Its paths while nothing is wrong.
    pub(super) fn routing(&self) -> &Routing {
        &self.state.routing
    }

    /// How many replicas there are besides the even one.
    pub fn replicas(&self) -> usize {
        self.bases.len() - 1
    }

    /// Makes more, up to so many; those that are there stay what they are.
    pub fn extend(&mut self, replicas: usize) {
        self.add(self.bases.len() as u64..replicas as u64 + 1);
    }

    fn add(&mut self, trials: std::ops::Range<u64>) {
        let more: Vec<Base> = trials.into_par_iter().map(|n| self.base(self.luck(n))).collect();
        self.bases.extend(more);
    }

    fn luck(&self, trial: u64) -> Luck {
        Luck::new(self.csr, self.seeds, trial, &self.measured, &self.summary.onset)
    }

    /// Runs a change in the even trial alone.
    pub fn once(&self, change: Change) -> Ensemble {
        self.ensemble(change, 0..1)
    }

    /// Runs a change in all trials but the even one.
    pub fn often(&self, change: Change) -> Ensemble {
        self.ensemble(change, 1..self.bases.len())
    }

    /// What a trial expects before anything happens, by item: loads and medians of round trips, NaN for all else.
    pub(super) fn levels(&self, trial: usize) -> Vec<f64> {
        let base = &self.bases[trial];
        let all: Vec<usize> = (0..self.csr.node_count()).collect();
        let loads = self.loads(&self.state, &base.luck, &all, None);
        let of = |item: &Item| match item {
            Item::Load(arc) => loads[*arc],
            Item::Median(pair) => base.trips[*pair].p50,
            _ => f64::NAN,
        };
        self.summary.items.iter().map(of).collect()
    }

    /// The same if a change had been there all along. `levels` are those without it.
    pub(super) fn levels_with(&self, trial: usize, change: Change, levels: &[f64]) -> Vec<f64> {
        let base = &self.bases[trial];
        let state = self.state.with(self.csr, change);
        let moved = self.moved(&state, change);
        let dsts: Vec<usize> = (0..moved.len()).filter(|d| moved[*d]).collect();
        let before = self.loads(&self.state, &base.luck, &dsts, None);
        let after = self.loads(&state, &base.luck, &dsts, None);
        let of = |(item, level): (&Item, &f64)| match item {
            Item::Load(arc) => level + after[*arc] - before[*arc],
            Item::Median(i) => {
                let pair = &self.seen.probes[*i];
                if !moved[pair.src.index()] && !moved[pair.dst.index()] {
                    return *level;
                }
                let ways = self.ways(&base.luck, &state, pair.src, pair.dst, true);
                self.trip(&base.luck, &state, &base.laws, *i, &ways).p50
            }
            _ => f64::NAN,
        };
        self.summary.items.iter().zip(levels).map(of).collect()
    }

    /// The same as it was measured.
    pub(super) fn usual_levels(&self) -> Vec<f64> {
        let w = &self.summary.windows;
        let of = |item: &Item| match item {
            Item::Load(arc) => {
                median(w.polls_before.clone().filter_map(|k| self.seen.load.get(k)).map(|row| row[*arc]))
            }
            Item::Median(pair) => {
                median(self.seen.probes[*pair].bins[w.before.clone()].iter().map(|b| b.p50_ms))
            }
            _ => f64::NAN,
        };
        self.summary.items.iter().map(of).collect()
    }

    /// What a half-link sends, in bit/s.
    pub(super) fn line_rate(&self, arc: usize) -> f64 {
        self.state.arcs[arc].rate
    }

    /// Whether a change moves any traffic to other paths.
    pub(super) fn moves(&self, change: Change) -> bool {
        self.moved(&self.state.with(self.csr, change), change).contains(&true)
    }

    fn ensemble(&self, change: Change, trials: std::ops::Range<usize>) -> Ensemble {
        let state = self.state.with(self.csr, change);
        let shown: Vec<Shown> =
            self.bases[trials].par_iter().map(|base| self.run(base, &state, change)).collect();
        let mut items: Vec<u32> = shown.iter().flatten().map(|(item, _)| *item).collect();
        items.sort_unstable();
        items.dedup();
        let n = shown.len() as f64;
        let mut spread = vec![vec![0.0f32; shown.len()]; items.len()];
        let mut mean = vec![0.0; items.len()];
        for (trial, row) in shown.iter().enumerate() {
            for (item, change) in row {
                let Ok(place) = items.binary_search(item) else { continue };
                spread[place][trial] = *change as f32;
                mean[place] += change / n;
            }
        }
        for (row, mean) in spread.iter_mut().zip(&mean) {
            row.iter_mut().for_each(|x| *x -= *mean as f32);
        }
        Ensemble { items, mean, spread }
    }

    /// The burstiness that explains best how far the round trips of the quiet part scatter.
    fn burstiness(&mut self, even: &Luck) -> f64 {
        let before = self.summary.windows.before.clone();
        let scatter: Vec<f64> = self
            .seen
            .probes
            .iter()
            .map(|p| median(p.bins[before.clone()].iter().map(|b| b.p95_ms - b.p50_ms)))
            .collect();
        let mut best = (f64::INFINITY, self.variance);
        for step in 0..=20 {
            self.variance = 1e-6 * libm::pow(10.0, f64::from(step) * 0.25);
            let base = self.base(even.clone());
            let off: f64 = base
                .trips
                .iter()
                .zip(&scatter)
                .filter(|(t, s)| s.is_finite() && t.p95.is_finite())
                .map(|(t, s)| libm::log((t.p95 - t.p50 + 0.1) / (s + 0.1)).abs())
                .sum();
            if off < best.0 {
                best = (off, self.variance);
            }
        }
        best.1
    }

    fn base(&self, luck: Luck) -> Base {
        let law = |i: usize| self.law(&luck, &self.state, i, self.usual[i]);
        let laws: Vec<Law> = (0..self.csr.arc_count()).map(law).collect();
        let probes: Vec<Vec<Way>> =
            self.seen.probes.iter().map(|p| self.ways(&luck, &self.state, p.src, p.dst, true)).collect();
        let flows: Vec<Vec<Way>> =
            self.seen.flows.iter().map(|f| self.ways(&luck, &self.state, f.src, f.dst, false)).collect();
        let trips = probes
            .iter()
            .enumerate()
            .map(|(i, ways)| self.trip(&luck, &self.state, &laws, i, ways))
            .collect();
        let lost = flows.iter().map(|ways| lost(&self.state, &laws, ways)).collect();
        let across = across(self.csr.arc_count(), probes.iter().chain(&flows));
        Base { luck, laws, probes, flows, trips, lost, across }
    }

    fn law(&self, luck: &Luck, state: &State, arc: usize, offered: f64) -> Law {
        let mut half_link = state.arcs[arc];
        // A queue's limit that is itself in question is told by what it drops, that is, against the bursts that come.
        let own = self.state.arcs[arc];
        let limit = half_link.rate == own.rate && half_link.buffer != own.buffer;
        half_link.buffer *= if limit { luck.burst[arc] } else { luck.buffer[arc] };
        Law::new(offered, &half_link, self.variance * luck.burst[arc])
    }

    /// What a change shows in one trial.
    fn run(&self, base: &Base, state: &State, change: Change) -> Shown {
        let moved = self.moved(state, change);
        let (laws, touched) = self.laws(base, state, &moved);
        if !touched.iter().any(|t| *t) && change.cut().is_none() {
            return Vec::new();
        }
        let clock = Clock::new(self, &base.luck, change);
        let mut shown = Vec::new();
        for arc in (0..touched.len()).filter(|i| touched[*i]) {
            self.show_arc(&mut shown, base, &laws, &clock, arc);
        }
        let gone =
            |arcs: &[ArcId]| change.cut().is_some_and(|l| arcs.iter().any(|a| self.csr.link[a.index()] == l));
        let crossing = |ways: &[Way]| {
            ways.iter().flatten().filter(|(arcs, _)| gone(arcs)).count() as f64 / ways.len().max(1) as f64
        };
        // Waits as they were leave round trips as they were; losses are told apart from them.
        let waits: Vec<bool> =
            touched.iter().enumerate().map(|(i, t)| *t && laws[i].wait_ms != base.laws[i].wait_ms).collect();
        let met = |ways: &[Way], what: &[bool]| {
            ways.iter().flatten().any(|(arcs, _)| arcs.iter().any(|a| what[a.index()]))
        };
        let felt = self.felt(base, &touched);
        for (i, pair) in self.seen.probes.iter().enumerate() {
            let old = &base.probes[i];
            let rerouted = moved[pair.src.index()] || moved[pair.dst.index()];
            let new = rerouted.then(|| self.ways(&base.luck, state, pair.src, pair.dst, true));
            let new = new.filter(|ways| ways != old);
            let ways = new.as_ref().unwrap_or(old);
            if !felt[i] && new.is_none() {
                continue;
            }
            let trip = if new.is_some() || met(ways, &waits) {
                self.trip(&base.luck, state, &laws, i, ways)
            } else {
                Trip { lost: lost(state, &laws, ways), ..base.trips[i] }
            };
            self.show_probe(&mut shown, (&base.trips[i], &trip), &clock, crossing(old), i);
        }
        for (i, pair) in self.seen.flows.iter().enumerate() {
            let old = &base.flows[i];
            let new =
                moved[pair.dst.index()].then(|| self.ways(&base.luck, state, pair.src, pair.dst, false));
            let new = new.filter(|ways| ways != old);
            if !felt[self.seen.probes.len() + i] && new.is_none() {
                continue;
            }
            let extra = lost(state, &laws, new.as_ref().unwrap_or(old)) - base.lost[i];
            self.show_flow(&mut shown, extra, &clock, crossing(old), i);
        }
        shown
    }

    /// By pair that is probed, then by pair whose flows are sampled: whether its paths met one of these arcs.
    fn felt(&self, base: &Base, touched: &[bool]) -> Vec<bool> {
        let mut felt = vec![false; self.seen.probes.len() + self.seen.flows.len()];
        let pairs =
            touched.iter().zip(&base.across).filter(|(touched, _)| **touched).flat_map(|(_, pairs)| pairs);
        pairs.for_each(|pair| felt[*pair as usize] = true);
        felt
    }

    /// By destination: whether its paths are not what they were.
    fn moved(&self, state: &State, change: Change) -> Vec<bool> {
        let nodes = (0..self.csr.node_count()).map(NodeId::new);
        let chooses = |dst: NodeId| match change {
            Change::Hash(node, _) => state.routing.next_arcs(node, dst).len() > 1,
            _ => false,
        };
        nodes.map(|dst| !state.routing.same_paths(&self.state.routing, dst) || chooses(dst)).collect()
    }

    /// The laws of all half-links after the change, and which are not what they were.
    fn laws(&self, base: &Base, state: &State, moved: &[bool]) -> (Vec<Law>, Vec<bool>) {
        let arcs = self.csr.arc_count();
        let mut offered = self.usual.clone();
        let dsts: Vec<usize> = (0..moved.len()).filter(|d| moved[*d]).collect();
        if !dsts.is_empty() {
            let before = self.loads(&self.state, &base.luck, &dsts, None);
            let after = self.loads(state, &base.luck, &dsts, None);
            for i in 0..arcs {
                let down = !state.down.arc_up(self.csr, ArcId::new(i));
                offered[i] = if down { 0.0 } else { (offered[i] + after[i] - before[i]).max(0.0) };
            }
        }
        let mut laws = base.laws.clone();
        let mut touched = vec![false; arcs];
        let mut keep: Vec<f64> = vec![1.0; arcs];
        let mut dropping = Vec::new();
        self.update(base, state, &offered, &mut laws, &mut touched);
        for i in (0..arcs).filter(|i| touched[*i]) {
            let more = laws[i].dropped - base.laws[i].dropped + state.arcs[i].loss;
            if more > LEAST_DROP {
                keep[i] = 1.0 - more.min(1.0);
                dropping.push(ArcId::new(i));
            }
        }
        if !dropping.is_empty() {
            let uses = |dst: &usize| {
                let next = |a: &ArcId| state.routing.next_arcs(self.csr.src[a.index()], NodeId::new(*dst));
                dropping.iter().any(|a| next(a).contains(a))
            };
            let dsts: Vec<usize> = (0..moved.len()).filter(uses).collect();
            let whole = self.loads(state, &base.luck, &dsts, None);
            let thinned = self.loads(state, &base.luck, &dsts, Some(&keep));
            for i in 0..arcs {
                offered[i] = (offered[i] + thinned[i] - whole[i]).max(0.0);
            }
            self.update(base, state, &offered, &mut laws, &mut touched);
        }
        (laws, touched)
    }

    fn update(&self, base: &Base, state: &State, offered: &[f64], laws: &mut [Law], touched: &mut [bool]) {
        for i in 0..offered.len() {
            let least = LEAST_LOAD * self.state.arcs[i].rate;
            let other = (offered[i] - laws[i].offered).abs() > least;
            let changed = state.arcs[i] != self.state.arcs[i] && !touched[i];
            if other || changed {
                laws[i] = self.law(&base.luck, state, i, offered[i]);
                touched[i] = true;
            }
        }
    }

    /// What the demands for these destinations put on half-links, in bit/s; `keep` is the share that each passes on.
    fn loads(&self, state: &State, luck: &Luck, dsts: &[usize], keep: Option<&[f64]>) -> Vec<f64> {
        let mut load = vec![0.0; self.csr.arc_count()];
        let mut at = vec![0.0; self.csr.node_count()];
        for &dst in dsts {
            at.fill(0.0);
            for &d in &self.to[dst] {
                let demand = &self.demands[d as usize];
                at[demand.src.index()] += demand.bps * luck.demand[d as usize];
            }
            let paths = state.routing.to(NodeId::new(dst));
            for &node in paths.order() {
                let here = at[node.index()];
                let next = paths.next_arcs(node);
                if here == 0.0 || next.is_empty() {
                    continue;
                }
                let uneven = |k: usize| luck.uneven(node, NodeId::new(dst), k);
                let whole: f64 = if next.len() > 1 { (0..next.len()).map(uneven).sum() } else { 1.0 };
                for (k, arc) in next.iter().enumerate() {
                    let share = match state.hash {
                        Some((at, point)) if at == node => {
                            f64::from(u8::from((point * next.len() as f64) as usize == k))
                        }
                        _ if next.len() > 1 => uneven(k) / whole,
                        _ => 1.0,
                    };
                    let part = here * share;
                    load[arc.index()] += part;
                    at[self.csr.dst[arc.index()].index()] +=
                        part * keep.map_or(1.0, |keep| keep[arc.index()]);
                }
            }
        }
        load
    }

    fn ways(&self, luck: &Luck, state: &State, src: NodeId, dst: NodeId, back: bool) -> Vec<Way> {
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

    fn trip(&self, luck: &Luck, state: &State, laws: &[Law], pair: usize, ways: &[Way]) -> Trip {
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

    fn show_arc(&self, shown: &mut Shown, base: &Base, laws: &[Law], clock: &Clock, arc: usize) {
        let late_s = base.luck.late_s[self.csr.src[arc].index()];
        let (before, after) = (&base.laws[arc], &laws[arc]);
        let polls = self.summary.windows.polls_after.clone();
        let n = polls.len().max(1) as f64;
        let later = polls.map(|poll| clock.poll(self, poll, late_s)).sum::<f64>() / n;
        let across = clock.poll(self, self.summary.windows.across, late_s);
        let change = after.carried() - before.carried();
        let poll_s = self.seen.poll_s();
        let (old, new) = (before.discards(poll_s), after.discards(poll_s));
        let discards = |share: f64| libm::log1p(old + share * (new - old)) - libm::log1p(old);
        let first = (4 * arc) as u32;
        shown.push((first, later * change));
        shown.push((first + 1, across * change));
        shown.push((first + 2, discards(later)));
        shown.push((first + 3, discards(across)));
    }

    fn show_probe(
        &self,
        shown: &mut Shown,
        trips: (&Trip, &Trip),
        clock: &Clock,
        crossing: f64,
        pair: usize,
    ) {
        let (old, new) = trips;
        let first = 4 * (self.csr.arc_count() + pair);
        let mut push = |k: usize, change: f64| {
            if change.is_finite() {
                shown.push(((first + k) as u32, change));
            }
        };
        push(0, clock.after * (new.p50 - old.p50));
        push(1, clock.after * (new.p95 - old.p95));
        let counted = |k: usize, extra: f64| self.counted[first + k].map_or(f64::NAN, |c| c.expected(extra));
        push(2, counted(2, clock.after * (new.lost - old.lost)));
        push(3, counted(3, clock.around * (new.lost - old.lost) + clock.cut_around * crossing));
    }

    fn show_flow(&self, shown: &mut Shown, extra: f64, clock: &Clock, crossing: f64, pair: usize) {
        let first = 4 * (self.csr.arc_count() + self.seen.probes.len()) + 2 * pair;
        // Meters write at the end of a poll, on time.
        let w = &self.summary.windows;
        let n = w.polls_after.len().max(1) as f64;
        let later = w.polls_after.clone().map(|poll| clock.poll(self, poll, 0.0)).sum::<f64>() / n;
        let across = clock.poll(self, w.across, 0.0);
        let cut = |polls| crossing * clock.cut(self, polls);
        let (cut_later, cut_across) = (cut(w.polls_after.clone()), cut(w.across..w.across + 1));
        for (k, extra) in [(0, later * extra + cut_later), (1, across * extra + cut_across)] {
            if let Some(counted) = self.counted[first + k] {
                shown.push(((first + k) as u32, counted.expected(extra)));
            }
        }
    }
}

/// Shares of the windows in which the change holds.
struct Clock {
    /// When traffic has moved, in bins.
    moved: f64,
    after: f64,
    around: f64,
    /// Share of the window around in which routing has not converged.
    cut_around: f64,
    cut_s: f64,
}

impl Clock {
    fn new(bench: &Bench<'_>, luck: &Luck, change: Change) -> Self {
        let cut_s = if change.cut().is_some() { luck.converge_s } else { 0.0 };
        let moved = luck.onset + cut_s / bench.seen.bin_s;
        let w = &bench.summary.windows;
        let share = |range: &std::ops::Range<usize>, from: f64, to: f64| {
            let (start, end) = (range.start as f64, range.end as f64);
            ((to.min(end) - from.max(start)) / (end - start).max(1.0)).clamp(0.0, 1.0)
        };
        Self {
            moved,
            after: share(&w.after, moved, f64::INFINITY),
            around: share(&w.around, moved, f64::INFINITY),
            cut_around: share(&w.around, luck.onset, moved),
            cut_s,
        }
    }

    /// The share of these polls in which routing has not converged.
    fn cut(&self, bench: &Bench<'_>, polls: std::ops::Range<usize>) -> f64 {
        let bins = bench.seen.poll_bins as f64;
        let (start, end) = (polls.start as f64 * bins, polls.end as f64 * bins);
        let began = self.moved - self.cut_s / bench.seen.bin_s;
        ((self.moved.min(end) - began.max(start)) / (end - start).max(1.0)).max(0.0)
    }

    /// The share of a poll that is read `late_s` after its stamp.
    fn poll(&self, bench: &Bench<'_>, poll: usize, late_s: f64) -> f64 {
        let bins = bench.seen.poll_bins as f64;
        let end = (poll + 1) as f64 * bins + late_s / bench.seen.bin_s;
        ((end - self.moved) / bins).clamp(0.0, 1.0)
    }
}

/// By arc: the pairs, counted on, some of whose ways cross it.
fn across<'w>(arcs: usize, pairs: impl Iterator<Item = &'w Vec<Way>>) -> Vec<Vec<u32>> {
    let mut across: Vec<Vec<u32>> = vec![Vec::new(); arcs];
    for (pair, ways) in (0u32..).zip(pairs) {
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
fn lost(state: &State, laws: &[Law], ways: &[Way]) -> f64 {
    let kept = |arcs: &[ArcId]| -> f64 {
        arcs.iter().map(|a| (1.0 - laws[a.index()].dropped) * (1.0 - state.arcs[a.index()].loss)).product()
    };
    let of = |way: &Way| way.as_ref().map_or(1.0, |(arcs, _)| 1.0 - kept(arcs));
    ways.iter().map(of).sum::<f64>() / ways.len().max(1) as f64
}

/// The matrix with what was measured in its place, and scaled to it elsewhere; and which demands were measured.
fn fitted(
    demands: &[NodeDemand],
    seen: &Observed,
    quiet: std::ops::Range<usize>,
) -> (Vec<NodeDemand>, Vec<bool>) {
    let mut measured = std::collections::BTreeMap::new();
    for flow in &seen.flows {
        let polls = quiet.clone().filter_map(|k| flow.polls.get(k));
        let (sum, n) = polls.fold((0.0, 0u32), |(s, n), p| (s + p.bps, n + 1));
        if n > 0 {
            measured.insert((flow.src, flow.dst), sum / f64::from(n));
        }
    }
    let known = demands.iter().filter_map(|d| Some((d.bps, *measured.get(&(d.src, d.dst))?)));
    let (believed, real) = known.fold((0.0, 0.0), |(b, r), (x, y)| (b + x, r + y));
    let scale = if believed > 0.0 && real > 0.0 { real / believed } else { 1.0 };
    let fit = |d: &NodeDemand| NodeDemand {
        bps: measured.get(&(d.src, d.dst)).copied().unwrap_or(d.bps * scale),
        ..*d
    };
    let which = demands.iter().map(|d| measured.contains_key(&(d.src, d.dst))).collect();
    (demands.iter().map(fit).collect(), which)
}
