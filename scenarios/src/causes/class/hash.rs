//! Hash polarisation: a node puts everything on one of its equal next hops.

use models::Routing;
use twin::{Csr, NodeId};

use super::{Class, Form, Place};
use crate::causes::state::Change;

/// Where in the range of the hash all flows fall.
pub(super) static HASH: Class = Class {
    name: "hash_polarisation",
    words: "all flows take one of the equal paths at",
    severity: "",
    places,
    forms: |_, place| match place {
        Place::Node(node) => [1.0 / 12.0, 5.0 / 12.0, 7.0 / 12.0, 11.0 / 12.0]
            .map(|point| Form { change: Change::Hash(node, point), severity: None })
            .to_vec(),
        _ => Vec::new(),
    },
    between: None,
    finer: None,
    per_h: 1e-5,
    wears: false,
};

/// Nodes that have several equal next hops for some destination.
fn places(csr: &Csr, routing: &Routing) -> Vec<Place> {
    let nodes = || (0..csr.node_count()).map(NodeId::new);
    let chooses = |node: &NodeId| nodes().any(|dst| routing.next_arcs(*node, dst).len() > 1);
    nodes().filter(chooses).map(Place::Node).collect()
}
