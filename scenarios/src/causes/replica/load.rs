//! Loads of half-links after a change, and what they do to who crosses them.

use twin::{ArcId, NodeId};

use super::{Base, Bench};
use crate::causes::luck::Luck;
use crate::causes::queue::Law;
use crate::causes::state::{Change, State};

/// A load that changes by less than this share of the rate changes nothing.
const LEAST_LOAD: f64 = 2e-4;
/// A share discarded that is felt behind the half-link.
const LEAST_DROP: f64 = 1e-3;

impl Bench<'_> {
    pub(super) fn law(&self, luck: &Luck, state: &State, arc: usize, offered: f64) -> Law {
        let mut half_link = state.arcs[arc];
        // A queue's limit that is itself in question is told by what it drops, that is, against the bursts that come.
        let own = self.state.arcs[arc];
        let limit = half_link.rate == own.rate && half_link.buffer != own.buffer;
        half_link.buffer *= if limit { luck.burst[arc] } else { luck.buffer[arc] };
        Law::new(offered, &half_link, self.variance * luck.burst[arc])
    }

    /// By destination: whether its paths are not what they were.
    pub(super) fn moved(&self, state: &State, change: Change) -> Vec<bool> {
        let nodes = (0..self.csr.node_count()).map(NodeId::new);
        let chooses = |dst: NodeId| match change {
            Change::Hash(node, _) => state.routing.next_arcs(node, dst).len() > 1,
            _ => false,
        };
        nodes.map(|dst| !state.routing.same_paths(&self.state.routing, dst) || chooses(dst)).collect()
    }

    /// The laws of all half-links after the change, and which are not what they were.
    pub(super) fn laws(&self, base: &Base, state: &State, moved: &[bool]) -> (Vec<Law>, Vec<bool>) {
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
    pub(super) fn loads(&self, state: &State, luck: &Luck, dsts: &[usize], keep: Option<&[f64]>) -> Vec<f64> {
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
}
