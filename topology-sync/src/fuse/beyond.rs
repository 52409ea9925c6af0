//! Routers and adjacencies that the link-state database alone knows: those beyond the nodes that were asked and the wires
//! that were tapped. No cable comes of them, for nothing tells what their ports are called.

use std::collections::{BTreeMap, BTreeSet};

use twin::{EntityKey, Evidence, HalfLink, HalfLinkKey, Layer, NodeKind, SimDuration, WallTime};

use super::claim::{NodeId, NodeName};
use super::device::Device;
use super::directory::Key;
use super::emit::{self, ASSUMED, Emitted};
use super::graph::{Edge, Vertex};
use super::ground::Ground;
use super::lsdb::is_end;
use super::stamp::Stamp;
use crate::observation::{Id, IgpProtocol, LinkEnd};

/// The name of a router that nothing but the database knows.
pub(crate) fn name(protocol: IgpProtocol, router: &str) -> NodeName {
    let kind = match protocol {
        IgpProtocol::Ospf2 | IgpProtocol::Ospf3 => "router-id",
        IgpProtocol::Isis => "system-id",
    };
    NodeName::External(Id { kind: kind.to_owned(), value: router.to_owned() })
}

/// The nodes that have a router's id by what they or their frames say.
pub(crate) fn owners(ground: &Ground, protocol: IgpProtocol, router: &str) -> BTreeSet<NodeId> {
    let names = ground.lsdb.names_of(router).map(Key::Name);
    let keys: Vec<Key<'_>> = match protocol {
        IgpProtocol::Ospf2 | IgpProtocol::Ospf3 => vec![Key::Router(router)],
        IgpProtocol::Isis => names.chain([Key::System(router), Key::Name(router)]).collect(),
    };
    keys.into_iter().flat_map(|k| ground.directory.owners(k)).copied().collect()
}

/// Adds what the database knows of a node that was not asked itself.
pub(crate) fn emit(ground: &Ground, node: NodeId, out: &mut Emitted) {
    let device = ground.directory.device(node).map(AsRef::as_ref);
    let ids = ids(ground, node, device);
    let vertices: Vec<Vertex> = ids.iter().flat_map(|(p, id)| ground.lsdb.graph.vertices(*p, id)).collect();
    if vertices.is_empty() || (device.is_none() && vertices.iter().any(|v| is_next_door(ground, v))) {
        return;
    }
    let key = &ground.nodes[node].key;
    if out.entities.is_empty() {
        let name = vertices.iter().find_map(|v| ground.lsdb.names_of(&v.2).next()).unwrap_or(&vertices[0].2);
        out.entities.push(emit::external_node(ground, node, name, NodeKind::Router));
    }
    let mut ports: BTreeSet<String> = BTreeSet::new();
    for vertex in &vertices {
        let edges = ground.lsdb.graph.edges(vertex);
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        edges.iter().for_each(|e| *count.entry(&e.to).or_default() += 1);
        for edge in &edges {
            if is_heard(device, vertex.0, edge) {
                continue;
            }
            let Some(to) = far(ground, vertex, edge) else { continue };
            let from = place(edge.near, &edge.to);
            let half = HalfLinkKey { layer: Layer::Igp, from: EntityKey::port(key, &from), to };
            out.half_links.push((half, advertised(ground, node, vertex, edge)));
            ports.insert(from);
            if count[edge.to.as_str()] > 1 {
                // Where the neighbour cannot tell which of several links this is.
                ports.insert(place(None, &edge.to));
            }
        }
    }
    let known: BTreeSet<_> = out.entities.iter().map(|e| e.name.clone()).collect();
    out.entities.extend(ports.difference(&known).map(|p| emit::external_port(key, p)));
}

/// The ids under which the node may advertise: none if somebody else is known to have them.
fn ids(ground: &Ground, node: NodeId, device: Option<&Device>) -> Vec<(IgpProtocol, String)> {
    let NodeName::External(id) = &ground.nodes[node].name else { return Vec::new() };
    let ospf = [IgpProtocol::Ospf2, IgpProtocol::Ospf3];
    let mut ids = Vec::new();
    match (device, id.kind.as_str()) {
        (Some(device), _) => {
            ids.extend(device.node.router_id.iter().flat_map(|r| ospf.map(|p| (p, r.clone()))));
            ids.extend(device.node.system_id.iter().map(|s| (IgpProtocol::Isis, s.clone())));
        }
        (None, "router-id") => ids.extend(ospf.map(|p| (p, id.value.clone()))),
        (None, "system-id") => ids.push((IgpProtocol::Isis, id.value.clone())),
        (None, _) => {}
    }
    ids.retain(|(protocol, id)| {
        let owners = owners(ground, *protocol, id);
        owners.is_empty() || (owners.len() == 1 && owners.contains(&node))
    });
    ids
}

/// Whether a router is a neighbour of a node that was asked: then that node's words tell who it is.
fn is_next_door(ground: &Ground, vertex: &Vertex) -> bool {
    let is_asked = |id: &NodeId| matches!(ground.nodes[*id].name, NodeName::Own(_));
    let asked = |e: &Edge| owners(ground, vertex.0, &e.to).iter().any(is_asked);
    ground.named().next().is_some_and(|(n, _)| matches!(n, NodeName::Own(_)))
        && ground.lsdb.graph.edges(vertex).iter().any(asked)
}

/// The far end of an adjacency in the twin, unless the neighbour's port is not known where it should be.
fn far(ground: &Ground, vertex: &Vertex, edge: &Edge) -> Option<EntityKey> {
    let owners = owners(ground, vertex.0, &edge.to);
    let port = || place(edge.far, &vertex.2);
    match owners.iter().copied().collect::<Vec<_>>()[..] {
        [] => {
            let NodeName::External(id) = name(vertex.0, &edge.to) else { return None };
            if is_next_door(ground, &(vertex.0, vertex.1.clone(), edge.to.clone())) {
                return None;
            }
            Some(EntityKey::port(&emit::external_key(&id), &port()))
        }
        [owner] => {
            let device = ground.directory.device(owner)?;
            let known = edge.far.and_then(|far| port_at(Some(device), far));
            let key = &ground.nodes[owner].key;
            match (known, &device.external) {
                (Some(known), _) => Some(EntityKey::port(key, known)),
                (None, Some(_)) => Some(EntityKey::port(key, &port())),
                (None, None) => None,
            }
        }
        _ => None,
    }
}

/// Whether the node's hellos were heard where the adjacency is, or, if that is not said, list the neighbour: they tell more.
fn is_heard(device: Option<&Device>, protocol: IgpProtocol, edge: &Edge) -> bool {
    match edge.near {
        Some(near) => port_at(device, near).is_some(),
        None => device
            .is_some_and(|d| d.neighbors.iter().any(|n| n.what.protocol == protocol && n.what.id == edge.to)),
    }
}

fn port_at(device: Option<&Device>, end: LinkEnd) -> Option<&str> {
    let ports = device?.interfaces_where(|_, i| is_end(i, end));
    ports.first().copied().filter(|_| ports.len() == 1)
}

/// What a port of which nothing tells the name is called: by its address or index, or else by where it leads.
fn place(end: Option<LinkEnd>, to: &str) -> String {
    match end {
        Some(LinkEnd::Address(ip)) => ip.to_string(),
        Some(LinkEnd::Index(index)) => format!("#{index}"),
        None => format!("to {to}"),
    }
}

fn advertised(ground: &Ground, node: NodeId, vertex: &Vertex, edge: &Edge) -> HalfLink {
    let word = vertex.0.word();
    let detail = format!("advertised by {} and {}", vertex.2, edge.to);
    // An advertisement is repeated once in half an hour: that it stands says more than when it was last said.
    let stamp = Stamp { lost: ground.lsdb.graph.is_lost(vertex), ..Stamp::default() };
    HalfLink {
        ordinal: ground.nodes[node].ordinal,
        cable: None,
        metric: edge.metric,
        capacity: ASSUMED,
        delay: SimDuration::ZERO,
        state: "full".into(),
        evidence: vec![Evidence { source: word.into(), detail: detail.into(), seen_at: WallTime::default() }],
        freshness: Some(stamp.freshness()),
    }
}
