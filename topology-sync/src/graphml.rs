//! Internet Topology Zoo GraphML (Knight, Nguyen, Falkner, Bowden, Roughan: *The Internet Topology Zoo*, 2011).
//!
//! Node data `label`, `Latitude`, `Longitude`, `Internal`; edge data `LinkSpeedRaw` (bit/s), `LinkSpeed` with
//! `LinkSpeedUnits`, `LinkLabel`. Edges are undirected and may be parallel. The Zoo has no routing weights: each link
//! weighs 1. A missing speed is 10 Gbit/s; the delay is the great-circle distance at 5 µs/km, 0 where coordinates are
//! missing; both are counted. A node with `Internal` = 0 belongs to a neighbour and becomes an external.

use std::collections::BTreeMap;

use roxmltree::Node;
use twin::{
    BitsPerSec, Diagnostic, EntityKey, InputError, LinkSpec, Location, NodeKind, SimDuration, Snapshot,
    TwinBuilder,
};

use crate::external;
use crate::xml::{Xml, children, text};

/// Names of the `key` elements by their ids, for nodes and for edges.
struct Keys<'a> {
    names: BTreeMap<&'a str, &'a str>,
}

/// Key and place of each node by its id.
type Nodes<'a> = BTreeMap<&'a str, (EntityKey, Option<Location>)>;

/// Reads a network; `file` is what errors call it.
///
/// # Errors
/// [`InputError`] with line and column for malformed XML, a missing element or attribute, an edge to an unknown node, or
/// a speed or coordinate that is no valid number.
pub fn read(file: &str, text: &str) -> Result<Snapshot, InputError> {
    let xml = Xml::parse(file, text)?;
    let root = xml.root("graphml")?;
    let graph = xml.child(root, "graph")?;
    let keys = Keys::read(&xml, root)?;
    let mut net = TwinBuilder::new(file);
    let mut externals = Vec::new();
    let mut diagnostics = Vec::new();
    let nodes = read_nodes(&xml, graph, &keys, &mut net, &mut externals)?;
    for (i, edge) in children(graph, "edge").enumerate() {
        add_edge(&xml, edge, i, &keys, &nodes, &mut net, &mut diagnostics)?;
    }
    let mut twin = net.finish();
    external::mark(&mut twin, &externals);
    Ok(Snapshot { twin, diagnostics, ..Snapshot::default() })
}

impl<'n> Keys<'n> {
    fn read(xml: &'n Xml<'_>, root: Node<'n, '_>) -> Result<Self, InputError> {
        let mut names = BTreeMap::new();
        for key in children(root, "key") {
            names.insert(xml.attribute(key, "id")?, key.attribute("attr.name").unwrap_or_default());
        }
        Ok(Self { names })
    }

    /// The `data` element of this name.
    fn find<'d, 'a>(&self, parent: Node<'d, 'a>, name: &str) -> Option<Node<'d, 'a>> {
        children(parent, "data")
            .find(|d| d.attribute("key").and_then(|k| self.names.get(k)).is_some_and(|n| *n == name))
    }
}

fn read_nodes<'n>(
    xml: &'n Xml<'_>,
    graph: Node<'n, '_>,
    keys: &Keys<'_>,
    net: &mut TwinBuilder,
    externals: &mut Vec<EntityKey>,
) -> Result<Nodes<'n>, InputError> {
    let mut nodes = Nodes::new();
    for node in children(graph, "node") {
        let id = xml.attribute(node, "id")?;
        let label = keys.find(node, "label").map(text).filter(|l| !l.is_empty()).unwrap_or(id);
        let location = location(xml, node, keys)?;
        let key = net.node(label, NodeKind::Router, location);
        if keys.find(node, "Internal").is_some_and(|d| text(d) == "0") {
            externals.push(key.clone());
        }
        if nodes.insert(id, (key, location)).is_some() {
            return Err(xml.error(node, format!("a second node '{id}'"), "each id once"));
        }
    }
    Ok(nodes)
}

fn location(xml: &Xml<'_>, node: Node<'_, '_>, keys: &Keys<'_>) -> Result<Option<Location>, InputError> {
    let degrees = |name, limit: f64| -> Result<Option<f64>, InputError> {
        let Some(data) = keys.find(node, name) else { return Ok(None) };
        let value = xml.number(data)?;
        if value.abs() > limit {
            return Err(xml.value_error(data, text(data), &format!("degrees from -{limit} to {limit}")));
        }
        Ok(Some(value))
    };
    let (x, y) = (degrees("Longitude", 180.0)?, degrees("Latitude", 90.0)?);
    Ok(x.zip(y).map(|(x, y)| Location { x, y, geographical: true }))
}

fn add_edge(
    xml: &Xml<'_>,
    edge: Node<'_, '_>,
    number: usize,
    keys: &Keys<'_>,
    nodes: &Nodes<'_>,
    net: &mut TwinBuilder,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<(), InputError> {
    let (a, a_at) = end(xml, edge, "source", nodes)?;
    let (b, b_at) = end(xml, edge, "target", nodes)?;
    let id = edge.attribute("id").or_else(|| keys.find(edge, "id").map(text)).filter(|i| !i.is_empty());
    let name = id.map_or_else(|| format!("e{number}"), str::to_owned);
    if a == b {
        Diagnostic::count(diagnostics, "self-loop", || {
            format!("a link from a node to itself keeps its number and carries nothing ('{name}')")
        });
    }
    let capacity = match speed(xml, edge, keys)? {
        Some(speed) => speed,
        None => {
            Diagnostic::count(diagnostics, "missing-speed", || {
                format!("a link without a speed is taken as 10 Gbit/s ('{name}')")
            });
            BitsPerSec::gbps(10)
        }
    };
    let delay = match (a_at, b_at) {
        (Some(a), Some(b)) => SimDuration::fibre_km(a.distance(&b)),
        _ => {
            Diagnostic::count(diagnostics, "missing-coordinates", || {
                format!("a link to a node without coordinates has delay 0 ('{name}')")
            });
            SimDuration::ZERO
        }
    };
    net.link(&name, a, b, LinkSpec::symmetric(1, capacity, delay));
    Ok(())
}

fn end<'n>(
    xml: &Xml<'_>,
    edge: Node<'_, '_>,
    which: &str,
    nodes: &'n Nodes<'_>,
) -> Result<(&'n EntityKey, Option<Location>), InputError> {
    let id = xml.attribute(edge, which)?;
    let (key, location) = nodes.get(id).ok_or_else(|| {
        xml.error(edge, format!("unknown node '{id}'"), "the id of a node of this file")
            .with_nearest(id, nodes.keys().copied())
    })?;
    Ok((key, *location))
}

/// `LinkSpeedRaw`, or else `LinkSpeed` in its units (K, M, G, T bit/s). Zero counts as missing.
fn speed(xml: &Xml<'_>, edge: Node<'_, '_>, keys: &Keys<'_>) -> Result<Option<BitsPerSec>, InputError> {
    let (data, unit) = match (keys.find(edge, "LinkSpeedRaw"), keys.find(edge, "LinkSpeed")) {
        (Some(raw), _) => (raw, 1.0),
        (None, Some(speed)) => match unit(keys.find(edge, "LinkSpeedUnits").map(text)) {
            Some(unit) => (speed, unit),
            None => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    let bps = (xml.volume(data)? * unit).round();
    if bps >= u64::MAX as f64 {
        return Err(xml.value_error(data, text(data), "less than 1.8e19 bit/s"));
    }
    Ok(BitsPerSec::new(bps as u64))
}

fn unit(text: Option<&str>) -> Option<f64> {
    match text?.chars().next()?.to_ascii_uppercase() {
        'K' => Some(1e3),
        'M' => Some(1e6),
        'G' => Some(1e9),
        'T' => Some(1e12),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use twin::{Csr, EntityKind, Layer};

    use super::*;

    const SAMPLE: &str = include_str!("../../testdata/graphml/sample.graphml");

    #[test]
    fn a_network_in_the_style_of_the_zoo() {
        let net = read("sample.graphml", SAMPLE).unwrap();
        let csr = Csr::compile(&net.twin, Layer::Igp);
        assert_eq!(csr.node_names, ["London", "Paris", "Frankfurt", "Upstream"]);
        assert_eq!((csr.link_count(), csr.arc_count()), (5, 10));
        let gbps: Vec<_> = csr.capacity.iter().step_by(2).map(|c| c.get() / 1_000_000).collect();
        assert_eq!(gbps, [10_000, 2_500, 155, 10_000, 10_000], "raw, raw, by unit, raw, missing");
        // London to Paris is 344 km: 1.7 ms of fibre.
        assert!((csr.delay[0].as_secs_f64() - 1.718e-3).abs() < 2e-6, "{}", csr.delay[0]);
        let codes: Vec<_> = net.diagnostics.iter().map(|d| (d.code.as_str(), d.count)).collect();
        assert_eq!(codes, [("missing-speed", 1), ("missing-coordinates", 1)]);
        assert!(matches!(net.twin.nodes()[3].kind, EntityKind::External { role: NodeKind::Router }));
        assert!(csr.metric.iter().all(|m| *m == 1));
    }

    #[test]
    fn an_unknown_node_and_a_bad_speed_name_their_place() {
        let e = read("z.graphml", &SAMPLE.replacen("target=\"2\"", "target=\"7\"", 1)).unwrap_err();
        assert!(e.to_string().contains("unknown node '7'; expected the id of a node"), "{e}");
        let e = read("z.graphml", &SAMPLE.replacen("10000000000.0", "-1", 1)).unwrap_err().to_string();
        assert!(e.contains("<data> is '-1'; expected a number of at least 0"), "{e}");
        let e = read("z.graphml", &SAMPLE.replacen("</graph>", "", 1)).unwrap_err().to_string();
        assert!(e.contains("malformed XML"), "{e}");
    }
}
