//! The paths that flows take in the world: each node picks among its next hops by a hash with a salt of its own.

use engine::{Chance, Purpose, Trial};
use models::{NodeDemand, Routing};
use rayon::prelude::*;
use twin::{ArcId, Csr, NodeId};

use crate::causes::state::State;

/// Classes of flows into which a pair's traffic falls.
const BUCKETS: u64 = 16;
/// No path is longer: a guard against loops that routing does not make.
const LONGEST: usize = 1_024;

/// By pair: its paths with the share of the traffic on each; none where there is no way.
#[derive(Clone, Debug)]
pub(super) struct Paths(pub Vec<Vec<(f64, Vec<ArcId>)>>);

impl Paths {
    /// The paths of each demand's flows.
    pub(super) fn of_demands(csr: &Csr, state: &State, demands: &[NodeDemand], chance: Trial) -> Self {
        let hasher = Hasher::new(csr, state, chance);
        Self(demands.par_iter().map(|d| hasher.paths(csr, d.src, d.dst, BUCKETS)).collect())
    }

    /// What these demands put on each arc, however full it is, in bit/s.
    pub(super) fn offered(&self, csr: &Csr, demands: &[NodeDemand]) -> Vec<f64> {
        let mut load = vec![0.0; csr.arc_count()];
        for (paths, demand) in self.0.iter().zip(demands) {
            for (share, arcs) in paths {
                arcs.iter().for_each(|a| load[a.index()] += share * demand.bps);
            }
        }
        load
    }
}

/// The load balancers of the world.
pub(super) struct Hasher<'a> {
    routing: &'a Routing,
    salts: Vec<Chance>,
    polarised: Option<(NodeId, f64)>,
}

impl<'a> Hasher<'a> {
    pub(super) fn new(csr: &Csr, state: &'a State, chance: Trial) -> Self {
        let salts = csr.node_keys.iter().map(|k| chance.chance(Purpose::ECMP_SALT, k)).collect();
        Self { routing: &state.routing, salts, polarised: state.hash }
    }

    /// The different paths of `flows` flows of a pair, with the share of flows on each.
    pub(super) fn paths(&self, csr: &Csr, src: NodeId, dst: NodeId, flows: u64) -> Vec<(f64, Vec<ArcId>)> {
        let mut paths: Vec<(f64, Vec<ArcId>)> = Vec::new();
        for flow in 0..flows {
            let entropy = (u64::from(src.0) << 40) ^ (u64::from(dst.0) << 16) ^ flow;
            let Some(path) = self.walk(csr, src, dst, entropy) else { return Vec::new() };
            match paths.iter_mut().find(|(_, p)| *p == path) {
                Some((share, _)) => *share += 1.0 / flows as f64,
                None => paths.push((1.0 / flows as f64, path)),
            }
        }
        paths
    }

    fn walk(&self, csr: &Csr, src: NodeId, dst: NodeId, entropy: u64) -> Option<Vec<ArcId>> {
        let (mut at, mut path) = (src, Vec::new());
        while at != dst {
            let next = self.routing.next_arcs(at, dst);
            let point = match self.polarised {
                Some((node, point)) if node == at => point,
                _ => self.salts[at.index()].f64_open(entropy),
            };
            let arc = *next.get((point * next.len() as f64) as usize)?;
            path.push(arc);
            at = csr.dst[arc.index()];
            if path.len() > LONGEST {
                return None;
            }
        }
        Some(path)
    }
}
