//! Building a twin from a network file.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{
    BitsPerSec, Change, Entity, EntityKey, EntityKind, Evidence, HalfLink, HalfLinkKey, Layer, Location,
    NodeKind, Port, SimDuration, Twin, WallTime,
};

/// Collects nodes and links in source order. Names may repeat: the second node named `x` gets the key `node:name:x#2`.
#[derive(Debug)]
pub struct TwinBuilder {
    source: Arc<str>,
    twin: Twin,
    nodes: u32,
    links: u32,
    arcs: u32,
    used: BTreeMap<EntityKey, u32>,
}

/// The properties of a link; `backward` is `None` for a one-way link.
#[derive(Clone, Copy, Debug)]
pub struct LinkSpec {
    /// Metric, rate and delay from the first node to the second.
    pub forward: (u32, BitsPerSec, SimDuration),
    /// The same from the second to the first.
    pub backward: Option<(u32, BitsPerSec, SimDuration)>,
}

impl LinkSpec {
    /// The same in both directions.
    pub fn symmetric(metric: u32, capacity: BitsPerSec, delay: SimDuration) -> Self {
        let half = (metric, capacity, delay);
        Self { forward: half, backward: Some(half) }
    }
}

impl TwinBuilder {
    /// A builder whose evidence names `source`.
    pub fn new(source: &str) -> Self {
        Self {
            source: source.into(),
            twin: Twin::default(),
            nodes: 0,
            links: 0,
            arcs: 0,
            used: BTreeMap::new(),
        }
    }

    /// Adds a node and returns its key.
    pub fn node(&mut self, name: &str, role: NodeKind, location: Option<Location>) -> EntityKey {
        let key = self.unique(EntityKey::node(name));
        self.put(Entity {
            key: key.clone(),
            name: name.to_owned(),
            ordinal: self.nodes,
            parent: None,
            aliases: Vec::new(),
            kind: EntityKind::Node { role, location },
        });
        self.nodes += 1;
        key
    }

    /// Adds a link with a port named after it at each end; arcs are numbered forward, then backward.
    pub fn link(&mut self, name: &str, a: &EntityKey, b: &EntityKey, spec: LinkSpec) -> EntityKey {
        let (forward, backward) = (self.arcs, self.arcs + 1);
        self.arcs += 1 + u32::from(spec.backward.is_some());
        self.link_with_arcs(name, a, b, spec, forward, backward)
    }

    /// As [`link`](Self::link), with given arc numbers, for files that number arcs themselves.
    pub fn link_with_arcs(
        &mut self,
        name: &str,
        a: &EntityKey,
        b: &EntityKey,
        spec: LinkSpec,
        forward_ordinal: u32,
        backward_ordinal: u32,
    ) -> EntityKey {
        let (port_a, port_b) = (self.port(a, name), self.port(b, name));
        let cable = self.unique(EntityKey::cable(&port_a, &port_b));
        self.put(Entity {
            key: cable.clone(),
            name: name.to_owned(),
            ordinal: self.links,
            parent: None,
            aliases: Vec::new(),
            kind: EntityKind::Cable { a: port_a.clone(), b: port_b.clone() },
        });
        self.links += 1;
        self.half(&cable, &port_a, &port_b, spec.forward, forward_ordinal);
        if let Some(backward) = spec.backward {
            self.half(&cable, &port_b, &port_a, backward, backward_ordinal);
        }
        cable
    }

    /// The finished twin.
    pub fn finish(self) -> Twin {
        self.twin
    }

    fn port(&mut self, node: &EntityKey, name: &str) -> EntityKey {
        let key = self.unique(EntityKey::port(node, name));
        self.put(Entity {
            key: key.clone(),
            name: name.to_owned(),
            ordinal: 0,
            parent: Some(node.clone()),
            aliases: Vec::new(),
            kind: EntityKind::Port(Port::default()),
        });
        key
    }

    fn half(
        &mut self,
        cable: &EntityKey,
        from: &EntityKey,
        to: &EntityKey,
        (metric, capacity, delay): (u32, BitsPerSec, SimDuration),
        ordinal: u32,
    ) {
        let evidence =
            Evidence { source: "file".into(), detail: self.source.clone(), seen_at: WallTime::default() };
        let half = HalfLink {
            ordinal,
            cable: Some(cable.clone()),
            metric,
            capacity,
            delay,
            state: "up".into(),
            evidence: vec![evidence],
            freshness: None,
        };
        let key = HalfLinkKey { layer: Layer::Igp, from: from.clone(), to: to.clone() };
        self.twin.set(&Change::HalfLink { key, before: None, after: Some(Arc::new(half)) });
    }

    fn put(&mut self, entity: Entity) {
        let key = entity.key.clone();
        self.twin.set(&Change::Entity { key, before: None, after: Some(Arc::new(entity)) });
    }

    fn unique(&mut self, key: EntityKey) -> EntityKey {
        let seen = self.used.entry(key.clone()).or_insert(0);
        *seen += 1;
        if *seen == 1 { key } else { EntityKey::new(format!("{key}#{seen}")) }
    }
}
