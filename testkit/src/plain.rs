//! A network as plain vectors, for oracles.

use std::collections::BTreeMap;

use twin::{BitsPerSec, EntityKey, Layer, LinkSpec, NodeKind, SimDuration, Twin, TwinBuilder};

/// A demand: source, destination, volume in bit/s.
pub type PlainDemand = (usize, usize, f64);

/// A network: node count and arcs. Numbers follow the source, as everywhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlainNet {
    /// How many nodes there are.
    pub nodes: usize,
    /// The arcs.
    pub arcs: Vec<PlainArc>,
}

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlainArc {
    /// The sending node.
    pub from: usize,
    /// The receiving node.
    pub to: usize,
    /// The link that it fails with.
    pub link: usize,
    /// Its metric; 0 counts as 1 when paths are compared.
    pub weight: u64,
    /// Its rate in bit/s.
    pub capacity: f64,
}

impl PlainNet {
    /// The IGP layer of a twin in which every arc belongs to a cable.
    ///
    /// # Panics
    /// If an arc's port or cable is unknown.
    pub fn of(twin: &Twin) -> Self {
        let number = |list: Vec<&twin::Entity>| -> BTreeMap<EntityKey, usize> {
            list.iter().enumerate().map(|(i, e)| (e.key.clone(), i)).collect()
        };
        let (nodes, cables) = (number(twin.nodes()), number(twin.cables()));
        let node_of = |port| nodes[&twin.node_of(port).expect("each port has a node").key];
        let halves = twin.half_links(Layer::Igp).into_iter();
        let arcs = halves.map(|(key, half)| PlainArc {
            from: node_of(&key.from),
            to: node_of(&key.to),
            link: cables[half.cable.as_ref().expect("each arc has a cable")],
            weight: u64::from(half.metric),
            capacity: half.capacity.as_f64(),
        });
        Self { nodes: nodes.len(), arcs: arcs.collect() }
    }

    /// How many links there are.
    pub fn links(&self) -> usize {
        self.arcs.iter().map(|a| a.link + 1).max().unwrap_or(0)
    }

    /// The twin of this network, with the same numbers. Nodes are routers named by their number; there is no delay.
    ///
    /// # Panics
    /// If a link has no arc or more than two, or a weight or capacity does not fit the twin's types.
    pub fn to_twin(&self) -> Twin {
        let mut builder = TwinBuilder::new("plain");
        let nodes: Vec<_> =
            (0..self.nodes).map(|n| builder.node(&n.to_string(), NodeKind::Router, None)).collect();
        for link in 0..self.links() {
            let of_link: Vec<_> = self.arcs.iter().enumerate().filter(|(_, a)| a.link == link).collect();
            let (number, first) = of_link[0];
            let back = of_link.get(1).map_or((u32::MAX, None), |(n, arc)| (index(*n), Some(half(arc))));
            assert!(of_link.len() <= 2, "link {link} has {} arcs", of_link.len());
            let spec = LinkSpec { forward: half(first), backward: back.1 };
            let (a, b) = (&nodes[first.from], &nodes[first.to]);
            builder.link_with_arcs(&link.to_string(), a, b, spec, index(number), back.0);
        }
        builder.finish()
    }
}

fn half(arc: &PlainArc) -> (u32, BitsPerSec, SimDuration) {
    let capacity = BitsPerSec::new(arc.capacity as u64).expect("a link has a capacity");
    (u32::try_from(arc.weight).expect("a metric has 32 bits"), capacity, SimDuration::ZERO)
}

fn index(number: usize) -> u32 {
    u32::try_from(number).expect("numbers have 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_network;

    #[test]
    fn there_and_back_is_the_same_network() {
        for seed in 0..50 {
            let net = PlainNet::of(&random_network(seed));
            assert_eq!(PlainNet::of(&net.to_twin()), net, "seed {seed}");
        }
    }
}
