//! Which half-links of a network series are of.

use std::collections::BTreeMap;

use scenarios::carried::Ports;
use topology_sync::counters::place::Index;
use topology_sync::counters::{Direction, Interface};
use twin::{EntityKey, Layer, Twin};

use super::meta::Meta;

/// How series say which half-link they are of.
pub(crate) enum Naming {
    /// By name, `A>B`: all half-links from node A to node B.
    Arcs(BTreeMap<String, usize>),
    /// By interface: what it sends leaves it, what it receives enters it.
    Interfaces(Vec<(Interface, Direction)>),
}

impl Naming {
    /// By interfaces, if series have them.
    pub(crate) fn new(meta: &Meta, interfaces: Vec<(Interface, Direction)>) -> Self {
        if interfaces.is_empty() {
            return Self::Arcs(meta.series.iter().cloned().zip(0..).collect());
        }
        Self::Interfaces(interfaces)
    }

    /// The series of each half-link of a version of the twin.
    pub(crate) fn series(&self, twin: &Twin) -> BTreeMap<Ports, Vec<usize>> {
        let mut series: BTreeMap<Ports, Vec<usize>> = BTreeMap::new();
        for layer in [Layer::Igp, Layer::Cable] {
            for (ports, number) in self.on(twin, layer) {
                let list = series.entry(ports).or_default();
                if !list.contains(&number) {
                    list.push(number);
                }
            }
        }
        series
    }

    fn on(&self, twin: &Twin, layer: Layer) -> Vec<(Ports, usize)> {
        match self {
            Self::Arcs(numbers) => {
                let name = |port: &EntityKey| twin.node_of(port).map(|node| node.name.as_str());
                let number =
                    |ports: &Ports| numbers.get(&format!("{}>{}", name(&ports.0)?, name(&ports.1)?)).copied();
                let halves =
                    twin.half_links(layer).into_iter().map(|(key, _)| (key.from.clone(), key.to.clone()));
                halves
                    .filter_map(|ports| Some((number(&ports)?, ports)))
                    .map(|(n, ports)| (ports, n))
                    .collect()
            }
            Self::Interfaces(interfaces) => {
                let index = Index::new(twin, layer);
                let half = |(interface, direction): &(Interface, Direction)| {
                    index.half_link(interface, *direction).ok().map(|key| (key.from, key.to))
                };
                interfaces.iter().zip(0..).filter_map(|(it, number)| Some((half(it)?, number))).collect()
            }
        }
    }
}

/// The nodes that each series joins; `None` for what is no half-link of the network.
pub(crate) struct Ends(Vec<Option<(EntityKey, EntityKey)>>);

impl Ends {
    /// The ends of so many series.
    pub(crate) fn of(naming: &Naming, twin: &Twin, series: usize) -> Self {
        let mut ends = vec![None; series];
        let node = |port: &EntityKey| twin.node_of(port).map(|node| node.key.clone());
        for ((from, to), numbers) in naming.series(twin) {
            let joined = node(&from).zip(node(&to));
            numbers.into_iter().for_each(|number| ends[number] = joined.clone());
        }
        Self(ends)
    }

    /// Series that stand alone.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = usize> {
        self.0.iter().zip(0..).filter(|(ends, _)| ends.is_none()).map(|(_, number)| number)
    }

    /// Whether two series meet at a node.
    pub(crate) fn touch(&self, a: usize, b: usize) -> bool {
        let (Some((a, b)), Some((c, d))) = (&self.0[a], &self.0[b]) else { return false };
        a == c || a == d || b == c || b == d
    }
}
