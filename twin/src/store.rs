//! The twin itself: persistent tables behind `Arc`, so that a fork costs three pointers until its first write.

use std::collections::BTreeMap;
use std::sync::Arc;

use petgraph::stable_graph::StableDiGraph;

use crate::{
    ApplyError, Change, Entity, EntityKey, EntityKind, Fib, HalfLink, HalfLinkKey, Layer, LayerGraph, Route,
    TwinDelta,
};

type Table<K, V> = Arc<BTreeMap<K, Arc<V>>>;

/// A version of the network. `Clone` is a fork: O(1) time and memory; a table is copied on its first write.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Twin {
    entities: Table<EntityKey, Entity>,
    half_links: Table<HalfLinkKey, HalfLink>,
    fibs: Table<EntityKey, Fib>,
}

impl Twin {
    /// A twin of these tables, without forwarding tables.
    pub fn of_tables(
        entities: BTreeMap<EntityKey, Arc<Entity>>,
        half_links: BTreeMap<HalfLinkKey, Arc<HalfLink>>,
    ) -> Self {
        Self { entities: Arc::new(entities), half_links: Arc::new(half_links), fibs: Table::default() }
    }

    /// Whether it has nothing at all.
    pub fn is_bare(&self) -> bool {
        self.entities.is_empty() && self.half_links.is_empty() && self.fibs.is_empty()
    }

    /// The entity of this key.
    pub fn entity(&self, key: &EntityKey) -> Option<&Entity> {
        self.entities.get(key).map(AsRef::as_ref)
    }

    /// All entities, in key order.
    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.entities.values().map(AsRef::as_ref)
    }

    /// Nodes and externals, in the order of the source (ordinal, then key).
    pub fn nodes(&self) -> Vec<&Entity> {
        self.ordered(|k| matches!(k, EntityKind::Node { .. } | EntityKind::External { .. }))
    }

    /// Cables, in the order of the source.
    pub fn cables(&self) -> Vec<&Entity> {
        self.ordered(|k| matches!(k, EntityKind::Cable { .. }))
    }

    fn ordered(&self, keep: impl Fn(&EntityKind) -> bool) -> Vec<&Entity> {
        let mut list: Vec<_> = self.entities().filter(|e| keep(&e.kind)).collect();
        list.sort_by_key(|e| e.ordinal); // stable: equal ordinals stay in key order
        list
    }

    /// The half-links of a layer with their keys, in arc order.
    pub fn half_links(&self, layer: Layer) -> Vec<(&HalfLinkKey, &HalfLink)> {
        let mut list: Vec<_> =
            self.half_links.iter().filter(|(k, _)| k.layer == layer).map(|(k, h)| (k, h.as_ref())).collect();
        list.sort_by_key(|(_, h)| h.ordinal);
        list
    }

    /// The half-link of this key.
    pub fn half_link(&self, key: &HalfLinkKey) -> Option<&HalfLink> {
        self.half_links.get(key).map(AsRef::as_ref)
    }

    /// The forwarding table of a node, if known.
    pub fn fib(&self, node: &EntityKey) -> Option<&Arc<Fib>> {
        self.fibs.get(node)
    }

    /// All known forwarding tables, in node-key order.
    pub fn fibs(&self) -> impl Iterator<Item = (&EntityKey, &Arc<Fib>)> {
        self.fibs.iter()
    }

    /// The node that holds a port (through its slot, if it has one).
    pub fn node_of(&self, port: &EntityKey) -> Option<&Entity> {
        let mut entity = self.entity(port)?;
        while !matches!(entity.kind, EntityKind::Node { .. } | EntityKind::External { .. }) {
            entity = self.entity(entity.parent.as_ref()?)?;
        }
        Some(entity)
    }

    /// The node whose name, or else whose key, is `name`; none where several have the name.
    pub fn node_named(&self, name: &str) -> Option<&Entity> {
        let nodes = self.nodes();
        let mut named = nodes.iter().filter(|e| e.name == name);
        let found = match named.next() {
            Some(first) => named.next().is_none().then_some(first),
            None => nodes.iter().find(|e| e.key.as_str() == name),
        };
        found.copied()
    }

    /// A layer as a petgraph graph over nodes.
    pub fn layer(&self, layer: Layer) -> LayerGraph {
        let mut graph = StableDiGraph::new();
        let index: BTreeMap<_, _> =
            self.nodes().into_iter().map(|n| (n.key.clone(), graph.add_node(n.key.clone()))).collect();
        for (key, _) in self.half_links(layer) {
            let ends = (self.node_of(&key.from), self.node_of(&key.to));
            if let (Some(a), Some(b)) = ends {
                graph.add_edge(index[&a.key], index[&b.key], key.clone());
            }
        }
        graph
    }

    /// Applies a delta, or leaves the twin as it was if any `before` differs from what stands there.
    ///
    /// # Errors
    /// [`ApplyError`] names the first key that differs.
    pub fn apply(&mut self, delta: &TwinDelta) -> Result<(), ApplyError> {
        let mut next = self.clone();
        for change in &delta.changes {
            next.check(change).map_err(|what| ApplyError { from: delta.source.clone(), what })?;
            next.set(change);
        }
        *self = next;
        Ok(())
    }

    fn check(&self, change: &Change) -> Result<(), String> {
        let (fits, key) = match change {
            Change::Entity { key, before, .. } => {
                (same(self.entities.get(key), before.as_ref()), key.to_string())
            }
            Change::HalfLink { key, before, .. } => {
                (same(self.half_links.get(key), before.as_ref()), format!("{} -> {}", key.from, key.to))
            }
            Change::Fib { node, before, .. } => {
                (same(self.fibs.get(node), before.as_ref()), node.to_string())
            }
            Change::Route { node, prefix, before, .. } => {
                let found = self.fibs.get(node).and_then(|fib| fib.exact(*prefix));
                (found == before.as_ref(), format!("{node} {prefix}"))
            }
        };
        if fits { Ok(()) } else { Err(key) }
    }

    /// Makes the change's `after` the state, whatever was there before.
    pub fn set(&mut self, change: &Change) {
        match change {
            Change::Entity { key, after, .. } => put(&mut self.entities, key, after),
            Change::HalfLink { key, after, .. } => put(&mut self.half_links, key, after),
            Change::Fib { node, after, .. } => put(&mut self.fibs, node, after),
            Change::Route { node, prefix, after, .. } => {
                let fib = Arc::make_mut(&mut self.fibs).entry(node.clone()).or_default();
                match after.clone() {
                    Some(action) => Arc::make_mut(fib).insert(Route { prefix: *prefix, action }),
                    None => Arc::make_mut(fib).remove(*prefix),
                }
            }
        }
    }

    /// The changes that lead from this version to `other`, smallest first by kind and key.
    pub fn changes_to(&self, other: &Twin) -> Vec<Change> {
        let mut changes = Vec::new();
        diff(&self.entities, &other.entities, |key, before, after| {
            changes.push(Change::Entity { key, before, after });
        });
        diff(&self.half_links, &other.half_links, |key, before, after| {
            changes.push(Change::HalfLink { key, before, after });
        });
        diff(&self.fibs, &other.fibs, |node, before, after| {
            changes.push(Change::Fib { node, before, after })
        });
        changes
    }
}

/// Whether two values are equal; one that is shared is not looked into.
fn same<V: PartialEq>(a: Option<&Arc<V>>, b: Option<&Arc<V>>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if Arc::ptr_eq(a, b)) || a == b
}

fn put<K: Ord + Clone, V: Clone>(table: &mut Table<K, V>, key: &K, after: &Option<Arc<V>>) {
    let table = Arc::make_mut(table);
    match after {
        Some(value) => {
            table.insert(key.clone(), value.clone());
        }
        None => {
            table.remove(key);
        }
    }
}

fn diff<K: Ord + Clone, V: PartialEq>(
    a: &Table<K, V>,
    b: &Table<K, V>,
    mut push: impl FnMut(K, Option<Arc<V>>, Option<Arc<V>>),
) {
    if Arc::ptr_eq(a, b) {
        return;
    }
    for (key, before) in a.iter() {
        let after = b.get(key);
        if !same(after, Some(before)) {
            push(key.clone(), Some(before.clone()), after.cloned());
        }
    }
    for (key, after) in b.iter().filter(|(k, _)| !a.contains_key(*k)) {
        push(key.clone(), None, Some(after.clone()));
    }
}
