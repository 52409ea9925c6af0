//! The tables of a fused network: nodes, cables, segments, and what could not be matched.

use std::collections::BTreeMap;

use twin::{Entity, EntityKey, EntityKind};

use super::cable::{Cable, Direction};
use super::claim::PortId;
use super::emit::system_name;
use super::medium::Media;
use super::update::Fusion;

/// The four tables, each in a fixed order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    /// Every node, and every segment.
    pub nodes: Vec<NodeRow>,
    /// Every cable of which both ends are known.
    pub cables: Vec<CableRow>,
    /// Every member of every segment.
    pub segments: Vec<SegmentRow>,
    /// Neighbours that could not be matched, and ports with carrier and no known peer.
    pub unmatched: Vec<UnmatchedRow>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeRow {
    /// The id of its folder; of what is known only from others, the name or the address that they give it.
    pub id: String,
    /// What it calls itself; empty where nobody knows.
    pub name: String,
    /// `router`, `switch`, `host`, `bridge`, `external` or `segment`.
    pub kind: &'static str,
}

/// A cable, `a` before `b` in the order of nodes and ports.
#[derive(Clone, Debug, PartialEq)]
pub struct CableRow {
    /// One end's node.
    pub a_node: String,
    /// One end's port.
    pub a_port: String,
    /// The other end's node.
    pub b_node: String,
    /// The other end's port.
    pub b_port: String,
    /// Whether both ends have carrier, as far as they say; unknown where neither does.
    pub carrier: Option<bool>,
    /// Whether `b` hears `a` by LLDP; unknown where nothing of `b`'s is read.
    pub lldp_ab: Option<bool>,
    /// Whether `a` hears `b` by LLDP.
    pub lldp_ba: Option<bool>,
    /// `full`, `init`, `one_way`, `stuck` or `none`.
    pub igp: &'static str,
    /// IGP cost of sending from `a`.
    pub cost_ab: Option<u32>,
    /// IGP cost of sending from `b`.
    pub cost_ba: Option<u32>,
    /// How sure it is that the cable is there, from 0 to 1: 1 where frames are known to pass in both directions; in one
    /// direction alone .8 if two means say so, else .6; .3 where an inventory alone has it; half of it where sources
    /// contradict each other.
    pub confidence: f64,
}

/// A member of a segment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentRow {
    /// The segment's name.
    pub segment: String,
    /// The member's node.
    pub node: String,
    /// The member's port.
    pub port: String,
}

/// What could not be matched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnmatchedRow {
    /// The node that says so.
    pub node: String,
    /// The port.
    pub port: String,
    /// What, and why.
    pub why: String,
}

impl Fusion {
    /// The tables of the network as it is now.
    pub fn tables(&self) -> Tables {
        let ids = self.ids();
        let mut tables =
            Tables { nodes: self.node_rows(&ids), cables: self.cable_rows(&ids), ..Tables::default() };
        for segment in self.twin().entities() {
            let EntityKind::Segment { ports } = &segment.kind else { continue };
            let name = || segment.name.clone();
            tables.nodes.push(NodeRow { id: name(), name: name(), kind: "segment" });
            for port in ports {
                let (Some(node), Some(port)) = (self.twin().node_of(port), self.twin().entity(port)) else {
                    continue;
                };
                let node = ids.get(&node.key).unwrap_or(&node.name).clone();
                tables.segments.push(SegmentRow { segment: name(), node, port: port.name.clone() });
            }
        }
        tables.segments.sort();
        let codes = ["unmatched-neighbour", "ambiguous-neighbour", "no-known-peer"];
        let unmatched = self.findings().into_iter().filter(|f| codes.contains(&f.code.as_str()));
        tables.unmatched =
            unmatched.map(|f| UnmatchedRow { node: f.node, port: f.port, why: f.why }).collect();
        tables.unmatched.sort();
        tables
    }

    /// What each node is called in the tables: by its folder; without one by the name or the address that others give
    /// it, and where another node is called so too, by its identity.
    fn ids(&self) -> BTreeMap<EntityKey, String> {
        let nodes = self.twin().nodes();
        let mut count: BTreeMap<&str, u32> = BTreeMap::new();
        for node in &nodes {
            *count.entry(&node.name).or_default() += 1;
        }
        let id = |node: &Entity| match &node.kind {
            EntityKind::External { .. } if count[node.name.as_str()] > 1 => {
                node.key.as_str().trim_start_matches("node:").to_owned()
            }
            _ => node.name.clone(),
        };
        nodes.into_iter().map(|n| (n.key.clone(), id(n))).collect()
    }

    fn node_rows(&self, ids: &BTreeMap<EntityKey, String>) -> Vec<NodeRow> {
        let by_key: BTreeMap<_, _> = (0..).zip(&self.ground.nodes).map(|(id, n)| (&n.key, id)).collect();
        let row = |node: &Entity| {
            let kind = match &node.kind {
                EntityKind::Node { role, .. } => role.word(),
                _ => "external",
            };
            let said = by_key.get(&node.key).and_then(|id| system_name(&self.ground, *id));
            let own = matches!(node.kind, EntityKind::Node { .. }).then(|| node.name.clone());
            NodeRow { id: ids[&node.key].clone(), name: said.or(own).unwrap_or_default(), kind }
        };
        self.twin().nodes().into_iter().map(row).collect()
    }

    fn cable_rows(&self, ids: &BTreeMap<EntityKey, String>) -> Vec<CableRow> {
        let ground = &self.ground;
        let areas = self.areas.values().map(|area| &area.media);
        let mut cables: Vec<_> = areas.flat_map(|m| m.cables.iter().map(move |ends| (ends, m))).collect();
        cables.sort_by(|(x, _), (y, _)| ground.order(x.0, y.0).then_with(|| ground.order(x.1, y.1)));
        let row = |(ends, media): (&(PortId, PortId), &Media)| {
            let cable = Cable::between(ground, media, ends.0, ends.1);
            let name = |port: PortId| {
                let of = &ground.ports[port];
                (ids.get(&ground.nodes[of.node].key).cloned().unwrap_or_default(), of.name.to_string())
            };
            let ((a_node, a_port), (b_node, b_port)) = (name(ends.0), name(ends.1));
            CableRow {
                a_node,
                a_port,
                b_node,
                b_port,
                carrier: cable.carrier(),
                lldp_ab: cable.is_heard(Direction::Ab),
                lldp_ba: cable.is_heard(Direction::Ba),
                igp: cable.igp(),
                cost_ab: cable.cost(Direction::Ab),
                cost_ba: cable.cost(Direction::Ba),
                confidence: cable.confidence(),
            }
        };
        cables.into_iter().map(row).collect()
    }
}
