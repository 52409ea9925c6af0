//! The tables of a fused network: nodes, cables, segments, and what could not be matched.

use twin::EntityKind;

use super::cable::{Cable, Direction};
use super::claim::Finding;
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
    /// The id of its folder; of what is known only from others, the identity that they give it; of a segment, its name.
    pub id: String,
    /// What people call it.
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
    /// Whether `b` hears `a` by LLDP.
    pub lldp_ab: bool,
    /// Whether `a` hears `b` by LLDP.
    pub lldp_ba: bool,
    /// `full`, `init`, `one_way`, `stuck` or `none`.
    pub igp: &'static str,
    /// IGP cost of sending from `a`.
    pub cost_ab: Option<u32>,
    /// IGP cost of sending from `b`.
    pub cost_ba: Option<u32>,
    /// How sure it is that the cable is there, from 0 to 1: 1 where frames are known to pass in both directions; in one
    /// direction alone .8 if two means say so, else .6; half of it where sources contradict each other.
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
        let twin = self.twin();
        let mut nodes: Vec<_> = twin.nodes().into_iter().map(node_row).collect();
        let mut segments = Vec::new();
        for segment in twin.entities() {
            if let EntityKind::Segment { ports } = &segment.kind {
                nodes.push(NodeRow { id: segment.name.clone(), name: segment.name.clone(), kind: "segment" });
                segments.extend(ports.iter().filter_map(|p| {
                    let (node, port) = (id(twin.node_of(p)?), twin.entity(p)?.name.clone());
                    Some(SegmentRow { segment: segment.name.clone(), node, port })
                }));
            }
        }
        segments.sort();
        let unmatched = ["unmatched-neighbour", "ambiguous-neighbour", "no-known-peer"];
        let row = |f: Finding| UnmatchedRow { node: f.node, port: f.port, why: f.why };
        let mut unmatched: Vec<_> =
            self.findings().into_iter().filter(|f| unmatched.contains(&f.code.as_str())).map(row).collect();
        unmatched.sort();
        Tables { nodes, cables: self.cable_rows(), segments, unmatched }
    }

    fn cable_rows(&self) -> Vec<CableRow> {
        let ground = &self.ground;
        let mut ends: Vec<_> = self
            .areas
            .values()
            .flat_map(|area| area.media.cables.iter().map(move |(a, b)| (*a, *b, &area.media.disputed)))
            .collect();
        ends.sort_by(|x, y| {
            (ground.order(x.0), ground.order(x.1)).cmp(&(ground.order(y.0), ground.order(y.1)))
        });
        let row = |(a, b, disputed): (usize, usize, &std::collections::BTreeSet<usize>)| {
            let cable = Cable::between(ground, a, b, disputed.contains(&a) || disputed.contains(&b));
            let node = |port: usize| self.twin().node_of(&ground.port_key(port)).map(id).unwrap_or_default();
            CableRow {
                a_node: node(a),
                a_port: ground.ports[a].name.to_string(),
                b_node: node(b),
                b_port: ground.ports[b].name.to_string(),
                carrier: cable.carrier(),
                lldp_ab: cable.is_heard(Direction::Ab),
                lldp_ba: cable.is_heard(Direction::Ba),
                igp: cable.igp(),
                cost_ab: cable.cost(Direction::Ab),
                cost_ba: cable.cost(Direction::Ba),
                confidence: cable.confidence(),
            }
        };
        ends.into_iter().map(row).collect()
    }
}

fn node_row(node: &twin::Entity) -> NodeRow {
    let kind = match &node.kind {
        EntityKind::Node { role, .. } => role.word(),
        _ => "external",
    };
    NodeRow { id: id(node), name: node.name.clone(), kind }
}

/// A node with a folder is called by it, one without by its key.
fn id(node: &twin::Entity) -> String {
    match &node.kind {
        EntityKind::External { .. } => node.key.as_str().trim_start_matches("node:").to_owned(),
        _ => node.name.clone(),
    }
}
