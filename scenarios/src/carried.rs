//! What each half-link carries in one version of the twin, and where two versions differ.

use std::collections::{BTreeMap, BTreeSet};

use models::{Failures, Loads, NodeDemand, Routing, node_demands};
use twin::{ArcId, Csr, DemandMatrix, EntityKey, HalfLinkKey, Layer, NodeId, Twin};

/// A load has moved if it differs by more than this share of the larger: less is within what loads stray by anyway.
const MOVED_SHARE: f64 = 0.1;

/// The sending and the receiving port of a half-link, on whatever layer.
pub type Ports = (EntityKey, EntityKey);

/// Loads by half-link.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Carried(BTreeMap<Ports, f64>);

impl Carried {
    /// Routes demands over the IGP's adjacencies, or over cables where there is no IGP; what is dark carries nothing. Without
    /// demands every node sends as much to every other.
    pub fn of(twin: &Twin, demands: Option<&DemandMatrix>) -> Self {
        let layer = if twin.half_links(Layer::Igp).is_empty() { Layer::Cable } else { Layer::Igp };
        let csr = Csr::compile(twin, layer);
        let mut down = Failures::none(&csr);
        for arc in (0..csr.arc_count()).map(ArcId::new) {
            let (from, to) = csr.ports[arc.index()].clone();
            let key = |layer| HalfLinkKey { layer, from: from.clone(), to: to.clone() };
            if [layer, Layer::Cable].iter().any(|l| twin.half_link(&key(*l)).is_some_and(|h| h.is_dark())) {
                down = down.with_link(csr.link[arc.index()]);
            }
        }
        let demands = demands.map_or_else(|| each_to_each(&csr), |matrix| node_demands(&csr, matrix));
        let loads = Loads::compute(&csr, &Routing::compute(&csr, &down), &down, &demands);
        Self(csr.ports.into_iter().zip(loads.arc).collect())
    }

    /// What a half-link carries; nothing where it is not there.
    pub fn load(&self, ports: &Ports) -> f64 {
        self.0.get(ports).copied().unwrap_or(0.0)
    }

    /// Takes over what a half-link carries in another version.
    pub fn set(&mut self, ports: &Ports, load: f64) {
        self.0.insert(ports.clone(), load);
    }

    /// Half-links that carry more or less in another version, by more than a tenth of the larger of the two.
    pub fn moved(&self, after: &Self) -> BTreeSet<Ports> {
        let moves = |ports: &&Ports| has_moved(self.load(ports), after.load(ports));
        self.0.keys().chain(after.0.keys()).filter(moves).cloned().collect()
    }
}

/// Whether one load is another than before.
pub fn has_moved(before: f64, after: f64) -> bool {
    (before - after).abs() > MOVED_SHARE * before.max(after)
}

/// The same demand between all nodes that have links.
fn each_to_each(csr: &Csr) -> Vec<NodeDemand> {
    let linked: BTreeSet<NodeId> = csr.src.iter().chain(&csr.dst).copied().collect();
    let pair = |src: NodeId, dst: NodeId| NodeDemand { src, dst, bps: 1.0 };
    linked.iter().flat_map(|a| linked.iter().filter(move |b| *b != a).map(move |b| pair(*a, *b))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use testkit::topology;
    use twin::{Change, Demand};

    use super::*;

    /// The half-link from one node to another.
    fn ports(twin: &Twin, from: &str, to: &str) -> Ports {
        let is = |port: &EntityKey, name: &str| twin.node_of(port).is_some_and(|n| n.name == name);
        let found = twin.half_links(Layer::Igp).into_iter().find(|(k, _)| is(&k.from, from) && is(&k.to, to));
        found.map(|(key, _)| (key.from.clone(), key.to.clone())).unwrap()
    }

    /// The twin with both directions between two nodes changed.
    fn with(twin: &Twin, a: &str, b: &str, edit: impl Fn(&mut twin::HalfLink)) -> Twin {
        let mut changed = twin.clone();
        for (from, to) in [ports(twin, a, b), ports(twin, b, a)] {
            let key = HalfLinkKey { layer: Layer::Igp, from, to };
            let mut half = twin.half_link(&key).unwrap().clone();
            edit(&mut half);
            changed.set(&Change::HalfLink { key, before: None, after: Some(Arc::new(half)) });
        }
        changed
    }

    #[test]
    fn what_a_dark_link_carried_moves_and_the_rest_stays() {
        // A square with a tail: traffic between a and b goes round by d and c when their link is dark.
        let twin = topology("a -10G- b ; b -10G- c ; c -10G- d ; d -10G- a ; d -10G- e");
        let demand =
            |src: &str, dst: &str, bps| Demand { src: EntityKey::node(src), dst: EntityKey::node(dst), bps };
        let demands =
            DemandMatrix::new(vec![demand("a", "b", 8.0), demand("e", "d", 5.0), demand("d", "c", 1.0)]);
        let before = Carried::of(&twin, Some(&demands));
        assert_eq!(before.load(&ports(&twin, "a", "b")), 8.0);
        let after = Carried::of(&with(&twin, "a", "b", |half| half.state = "down".into()), Some(&demands));
        let moved = [("a", "b"), ("a", "d"), ("d", "c"), ("c", "b")].map(|(from, to)| ports(&twin, from, to));
        assert_eq!(before.moved(&after), moved.clone().into());
        assert_eq!(after.moved(&before), moved.into());
        assert_eq!(moved_loads(&after, &twin), [0.0, 8.0, 9.0, 8.0]);
        // A load that is within what loads stray by has not moved.
        let more =
            DemandMatrix::new(vec![demand("a", "b", 8.7), demand("e", "d", 5.0), demand("d", "c", 1.0)]);
        assert!(before.moved(&Carried::of(&twin, Some(&more))).is_empty());
    }

    fn moved_loads(carried: &Carried, twin: &Twin) -> [f64; 4] {
        [("a", "b"), ("a", "d"), ("d", "c"), ("c", "b")]
            .map(|(from, to)| carried.load(&ports(twin, from, to)))
    }

    #[test]
    fn without_demands_every_pair_counts_and_a_metric_moves_paths() {
        let twin = topology("a -10G- b ; b -10G- c ; c -10G- a");
        let before = Carried::of(&twin, None);
        assert_eq!(before.load(&ports(&twin, "a", "b")), 1.0);
        let after = Carried::of(&with(&twin, "a", "b", |half| half.metric = 5), None);
        assert_eq!((after.load(&ports(&twin, "a", "b")), after.load(&ports(&twin, "a", "c"))), (0.0, 2.0));
        assert_eq!(before.moved(&after).len(), 6);
    }
}
