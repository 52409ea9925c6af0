//! Which of several equal next hops a flow takes.

use engine::{Chance, Purpose, Trial};
use twin::{ArcId, Csr, NodeId};

use crate::{NodeDemand, Routing};

/// The load balancers of a network in one trial: each node hashes a packet's entropy with a salt of its own, so that
/// choices at different nodes are independent. The entropy of a packet is its flow number in the schedule or, with a
/// frame, the hash of its 5-tuple.
#[derive(Clone, Debug)]
pub struct FlowHash {
    salts: Vec<Chance>,
}

impl FlowHash {
    /// The salts of a trial.
    pub fn new(csr: &Csr, chance: Trial) -> Self {
        Self { salts: csr.node_keys.iter().map(|key| chance.chance(Purpose::ECMP_SALT, key)).collect() }
    }

    /// Hash-threshold over equal next hops (RFC 2992 §2): the range of the hash is cut into equal regions.
    ///
    /// # Panics
    /// Without an arc.
    #[inline]
    pub fn pick(&self, node: NodeId, arcs: &[ArcId], entropy: u64) -> ArcId {
        arcs[self.index(node, arcs.len(), entropy)]
    }

    /// Which of `count` equal next hops, by position.
    #[inline]
    pub(crate) fn index(&self, node: NodeId, count: usize, entropy: u64) -> usize {
        let hash = self.salts[node.index()].bits(entropy);
        ((u128::from(hash) * count as u128) >> 64) as usize
    }

    /// The path of a flow; `None` if there is no route.
    pub fn path(
        &self,
        csr: &Csr,
        routing: &Routing,
        src: NodeId,
        dst: NodeId,
        entropy: u64,
    ) -> Option<Vec<ArcId>> {
        let (mut path, mut node) = (Vec::new(), src);
        while node != dst {
            let arcs = routing.next_arcs(node, dst);
            if arcs.is_empty() {
                return None;
            }
            let arc = self.pick(node, arcs, entropy);
            path.push(arc);
            node = csr.dst[arc.index()];
        }
        Some(path)
    }

    /// The load of each arc in bit/s when every demand is one flow and takes one path, given as (flow number, demand).
    /// A background made of few large flows is as uneven as this, and not as even as an equal split. Demands without a
    /// route are left out.
    pub fn loads(&self, csr: &Csr, routing: &Routing, flows: &[(u32, NodeDemand)]) -> Vec<f64> {
        let mut loads = vec![0.0; csr.arc_count()];
        for (flow, demand) in flows {
            let path = self.path(csr, routing, demand.src, demand.dst, u64::from(*flow));
            for arc in path.unwrap_or_default() {
                loads[arc.index()] += demand.bps;
            }
        }
        loads
    }
}
