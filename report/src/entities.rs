//! `entities.parquet`: what the numbers and names of a result refer to.

use std::collections::BTreeMap;

use twin::{Csr, Entity, EntityKey, EntityKind, LinkId, NodeId, Twin};

use crate::schema;
use crate::table::Table;

/// The entities of a network by their number in a result: nodes in the order of the source, then cables in the order of
/// the source, then everything else in key order.
#[derive(Clone, Debug)]
pub struct EntityNumbers {
    keys: Vec<EntityKey>,
    by_key: BTreeMap<EntityKey, u32>,
}

impl EntityNumbers {
    /// Numbers the entities of a twin.
    pub fn new(twin: &Twin) -> Self {
        let first = twin.nodes().into_iter().chain(twin.cables());
        let mut keys: Vec<_> = first.map(|e| e.key.clone()).collect();
        let is_first = |e: &&Entity| {
            matches!(e.kind, EntityKind::Node { .. } | EntityKind::External { .. } | EntityKind::Cable { .. })
        };
        keys.extend(twin.entities().filter(|e| !is_first(e)).map(|e| e.key.clone()));
        let by_key = keys.iter().cloned().zip(0..).collect();
        Self { keys, by_key }
    }

    /// The number of an entity, `None` for a key that is not in the network.
    pub fn of(&self, key: &EntityKey) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// The number of a node of a compiled layer.
    pub fn of_node(&self, csr: &Csr, node: NodeId) -> Option<u32> {
        self.of(&csr.node_keys[node.index()])
    }

    /// The number of a link of a compiled layer, `None` where its cable is not known.
    pub fn of_link(&self, csr: &Csr, link: LinkId) -> Option<u32> {
        self.of(&csr.link_keys[link.index()])
    }
}

/// The table of a twin's entities.
///
/// ```
/// use umbra_report::entities;
/// use twin::{BitsPerSec, LinkSpec, NodeKind, SimDuration, TwinBuilder};
///
/// let mut net = TwinBuilder::new("lab");
/// let (b, a) = (net.node("b", NodeKind::Router, None), net.node("a", NodeKind::Router, None));
/// net.link("b-a", &b, &a, LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::micros(5)));
/// let table = entities(&net.finish());
/// let names: Vec<_> = table.str("name").iter().flatten().take(3).collect();
/// assert_eq!(names, ["b", "a", "b-a"]);
/// ```
pub fn entities(twin: &Twin) -> Table {
    let numbers = EntityNumbers::new(twin);
    let groups = groups_of(twin, &numbers);
    let mut table = Table::new(&schema::ENTITIES);
    for (number, key) in (0u32..).zip(&numbers.keys) {
        let entity = twin.entity(key).expect("keys come from the twin");
        let [(node_a, port_a), (node_b, port_b)] = ends(twin, entity);
        table
            .row()
            .set("entity", number)
            .set("key", key.as_str())
            .set("kind", entity.kind.word())
            .set("name", &entity.name)
            .set("parent", entity.parent.as_ref().and_then(|p| numbers.of(p)))
            .set("node_a", node_a)
            .set("port_a", port_a)
            .set("node_b", node_b)
            .set("port_b", port_b)
            .set("groups", groups.get(key).cloned().unwrap_or_default())
            .end();
    }
    table
}

/// The risk groups of each member.
fn groups_of(twin: &Twin, numbers: &EntityNumbers) -> BTreeMap<EntityKey, Vec<u32>> {
    let mut groups: BTreeMap<EntityKey, Vec<u32>> = BTreeMap::new();
    for group in twin.entities() {
        let EntityKind::RiskGroup { members, .. } = &group.kind else { continue };
        for member in members {
            groups.entry(member.clone()).or_default().extend(numbers.of(&group.key));
        }
    }
    groups
}

type End<'a> = (Option<&'a str>, Option<&'a str>);

/// Node and port names at the ends of a cable, or of a port itself.
fn ends<'a>(twin: &'a Twin, entity: &'a Entity) -> [End<'a>; 2] {
    let end = |port: &EntityKey| {
        let node = twin.node_of(port).map(|n| n.name.as_str());
        (node, twin.entity(port).map(|p| p.name.as_str()))
    };
    match &entity.kind {
        EntityKind::Cable { a, b } => [end(a), end(b)],
        EntityKind::Port(_) => [end(&entity.key), (None, None)],
        _ => [(None, None); 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use twin::{BitsPerSec, Change, Layer, LinkSpec, NodeKind, SimDuration, TwinBuilder};

    fn triangle() -> Twin {
        let mut net = TwinBuilder::new("lab");
        let nodes = ["z", "y", "x"].map(|name| net.node(name, NodeKind::Router, None));
        let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::micros(5));
        let cables =
            [(0, 1), (1, 2), (2, 0)].map(|(i, j)| net.link(&format!("l{i}{j}"), &nodes[i], &nodes[j], spec));
        let mut twin = net.finish();
        let group = Entity {
            key: EntityKey::new("risk-group:conduit"),
            name: "conduit".into(),
            ordinal: 0,
            parent: None,
            aliases: vec![],
            kind: EntityKind::RiskGroup { cause: "conduit".into(), members: cables[1..].to_vec() },
        };
        let key = group.key.clone();
        twin.set(&Change::Entity { key, before: None, after: Some(Arc::new(group)) });
        twin
    }

    #[test]
    fn nodes_then_links_have_the_numbers_of_the_dense_view() {
        let twin = triangle();
        let (numbers, csr) = (EntityNumbers::new(&twin), Csr::compile(&twin, Layer::Igp));
        for node in 0..3 {
            assert_eq!(numbers.of_node(&csr, NodeId(node)), Some(node));
        }
        for link in 0..3 {
            assert_eq!(numbers.of_link(&csr, LinkId(link)), Some(3 + link));
        }
    }

    #[test]
    fn cables_have_ends_and_groups_and_ports_have_nodes() {
        let table = entities(&triangle());
        assert_eq!(table.str("node_a")[3..6], ["z", "y", "x"].map(|n| Some(n.to_owned())));
        assert_eq!(table.str("port_b")[4].as_deref(), Some("l12"));
        let group = table.str("kind").iter().position(|k| k.as_deref() == Some("risk-group")).unwrap() as u32;
        assert_eq!(table.list_u32("groups")[3..6], [vec![], vec![group], vec![group]].map(Some));
        let port = table.str("kind").iter().position(|k| k.as_deref() == Some("port")).unwrap();
        assert!(table.str("node_a")[port].is_some() && table.u32("parent")[port].unwrap() < 3);
    }
}
