//! The twin as an RFC 8345 document: each layer that has links is a network.
//!
//! Layer 3 (RFC 8346) comes first, then the layers above the cables, then the cables (RFC 8944), which the others are
//! supported by: node by node, point by point, link by link. Links are unidirectional; a medium of three or more ports is
//! a node of its own among the cables (RFC 8345 §4.4.5, a pseudonode).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use twin::{Entity, EntityKey, EntityKind, HalfLink, HalfLinkKey, Layer, Port, Twin};

/// What carries the others.
const GROUND: &str = "cables";
/// The layers above, in the order of the document, by their network ids.
const LAYERS: [(Layer, &str); 4] =
    [(Layer::Igp, "igp"), (Layer::Bgp, "bgp"), (Layer::Forwarding, "forwarding"), (Layer::Lldp, "lldp")];

/// Writes a document; the same twin gives the same bytes.
pub fn write(twin: &Twin) -> String {
    let writer = Writer::new(twin);
    let mut networks: Vec<Value> = Vec::new();
    let ground = writer.ground();
    for (layer, id) in LAYERS {
        if layer == Layer::Igp || !twin.half_links(layer).is_empty() {
            networks.push(writer.network(layer, id, &ground.links));
        }
    }
    networks.push(ground.network);
    let document = json!({"ietf-network:networks": {"network": networks}});
    format!("{document:#}\n")
}

/// Ids that are unique and, where they can be, the names that people know.
struct Writer<'a> {
    twin: &'a Twin,
    nodes: BTreeMap<&'a EntityKey, String>,
    ports: BTreeMap<&'a EntityKey, String>,
    ports_of: BTreeMap<&'a EntityKey, Vec<&'a Entity>>,
}

/// The network of the cables, and its links by their ports.
struct Ground {
    network: Value,
    links: BTreeMap<(EntityKey, EntityKey), String>,
}

impl<'a> Writer<'a> {
    fn new(twin: &'a Twin) -> Self {
        let mut nodes = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for node in twin.nodes() {
            nodes.insert(&node.key, unique(&mut taken, file_name(node), &node.key));
        }
        let mut ports_of: BTreeMap<&EntityKey, Vec<&Entity>> = BTreeMap::new();
        for entity in twin.entities().filter(|e| matches!(e.kind, EntityKind::Port(_))) {
            if let Some(node) = twin.node_of(&entity.key) {
                ports_of.entry(&node.key).or_default().push(entity);
            }
        }
        let mut ports = BTreeMap::new();
        for list in ports_of.values_mut() {
            list.sort_by_key(|p| p.ordinal);
            let mut taken = BTreeSet::new();
            for port in list {
                ports.insert(&port.key, unique(&mut taken, port.name.clone(), &port.key));
            }
        }
        Self { twin, nodes, ports, ports_of }
    }

    /// A layer above the cables.
    fn network(&self, layer: Layer, id: &str, ground: &BTreeMap<(EntityKey, EntityKey), String>) -> Value {
        let halves = self.twin.half_links(layer);
        let used: BTreeSet<&EntityKey> = halves.iter().flat_map(|(k, _)| [&k.from, &k.to]).collect();
        let mut nodes = Vec::new();
        for node in self.twin.nodes() {
            let all = self.ports_of.get(&node.key).map(Vec::as_slice).unwrap_or_default();
            let shown: Vec<_> = all.iter().filter(|p| layer == Layer::Igp || used.contains(&p.key)).collect();
            // A layer of sessions or hearings has the nodes that take part; the network layer has them all.
            if layer != Layer::Igp && shown.is_empty() {
                continue;
            }
            let points: Vec<_> = shown.iter().map(|p| self.point(layer, node, p)).collect();
            nodes.push(self.node(layer, node, points));
        }
        let mut taken = BTreeSet::new();
        let mut links = Vec::new();
        for (key, half) in halves {
            let Some(mut link) = self.link(key, half, &mut taken) else { continue };
            if layer == Layer::Igp {
                link.insert(
                    "ietf-l3-unicast-topology:l3-link-attributes".into(),
                    json!({"metric1": half.metric.to_string()}),
                );
            }
            if let Some(below) = ground.get(&(key.from.clone(), key.to.clone())) {
                link.insert("supporting-link".into(), json!([{"network-ref": GROUND, "link-ref": below}]));
            }
            links.push(Value::Object(link));
        }
        let types = match layer {
            Layer::Igp => json!({"ietf-l3-unicast-topology:l3-unicast-topology": {}}),
            _ => json!({}),
        };
        json!({
            "network-id": id,
            "network-types": types,
            "supporting-network": [{"network-ref": GROUND}],
            "node": nodes,
            "ietf-network-topology:link": links,
        })
    }

    fn node(&self, layer: Layer, node: &Entity, points: Vec<Value>) -> Value {
        let id = self.nodes.get(&node.key);
        let mut out = json!({
            "node-id": id,
            "supporting-node": [{"network-ref": GROUND, "node-ref": id}],
            "ietf-network-topology:termination-point": points,
        });
        if layer == Layer::Igp {
            let mut attributes = Map::new();
            if Some(&node.name) != id {
                attributes.insert("name".into(), node.name.as_str().into());
            }
            if let Some(router_id) = node.key.as_str().strip_prefix("node:router-id:") {
                attributes.insert("router-id".into(), json!([router_id]));
            }
            if !attributes.is_empty() {
                out["ietf-l3-unicast-topology:l3-node-attributes"] = Value::Object(attributes);
            }
        }
        out
    }

    fn point(&self, layer: Layer, node: &Entity, port: &Entity) -> Value {
        let id = self.ports.get(&port.key);
        let below = json!([{"network-ref": GROUND, "node-ref": self.nodes.get(&node.key), "tp-ref": id}]);
        let mut out = json!({"tp-id": id, "supporting-termination-point": below});
        let EntityKind::Port(Port { addresses, .. }) = &port.kind else { return out };
        if layer == Layer::Igp && !addresses.is_empty() {
            let ips: Vec<_> = addresses.iter().map(|a| a.ip.to_string()).collect();
            out["ietf-l3-unicast-topology:l3-termination-point-attributes"] = json!({"ip-address": ips});
        }
        out
    }

    /// The cables and shared media.
    fn ground(&self) -> Ground {
        let mut nodes: Vec<Value> = Vec::new();
        for node in self.twin.nodes() {
            let all = self.ports_of.get(&node.key).map(Vec::as_slice).unwrap_or_default();
            let points: Vec<_> = all.iter().map(|p| self.ground_point(p)).collect();
            nodes.push(json!({
                "node-id": self.nodes.get(&node.key),
                "ietf-network-topology:termination-point": points,
                "ietf-l2-topology:l2-node-attributes": {"name": node.name},
            }));
        }
        let (mut links, mut by_ports, mut taken) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        for (key, half) in self.twin.half_links(Layer::Cable) {
            let Some(mut link) = self.link(key, half, &mut taken) else { continue };
            by_ports.insert((key.from.clone(), key.to.clone()), link_id(&link));
            // RFC 8944: rate in Mbit/s as a decimal, delay in µs.
            let (bits, micros) = (half.capacity.get(), half.delay.as_ps() / 1_000_000);
            let rate = format!("{}.{:02}", bits / 1_000_000, bits % 1_000_000 / 10_000);
            let attributes = json!({"rate": rate, "delay": micros});
            link.insert("ietf-l2-topology:l2-link-attributes".into(), attributes);
            links.push(Value::Object(link));
        }
        for segment in self.twin.entities() {
            if let EntityKind::Segment { ports } = &segment.kind {
                self.segment(segment, ports, &mut nodes, &mut links);
            }
        }
        let network = json!({
            "network-id": GROUND,
            "network-types": {"ietf-l2-topology:l2-topology": {}},
            "node": nodes,
            "ietf-network-topology:link": links,
        });
        Ground { network, links: by_ports }
    }

    fn ground_point(&self, port: &Entity) -> Value {
        let mut attributes = json!({"interface-name": port.name});
        if let EntityKind::Port(Port { mac: Some(mac), .. }) = &port.kind {
            attributes["mac-address"] = mac.to_string().into();
        }
        json!({
            "tp-id": self.ports.get(&port.key),
            "ietf-l2-topology:l2-termination-point-attributes": attributes,
        })
    }

    /// A shared medium: a node with a point for each port on it, and a link each way.
    fn segment(&self, segment: &Entity, ports: &[EntityKey], nodes: &mut Vec<Value>, links: &mut Vec<Value>) {
        let id = segment.key.as_str();
        let mut points = Vec::new();
        for key in ports {
            let Some((node, port)) = self.end(key) else { continue };
            let point = format!("{node},{port}");
            let there = json!({"source-node": node, "source-tp": port});
            let back = json!({"source-node": id, "source-tp": point});
            links.push(json!({"link-id": format!("{point},{id}"), "source": there,
                "destination": {"dest-node": id, "dest-tp": point}}));
            links.push(json!({"link-id": format!("{id},{point}"), "source": back,
                "destination": {"dest-node": node, "dest-tp": port}}));
            points.push(json!({"tp-id": point}));
        }
        nodes.push(json!({"node-id": id, "ietf-network-topology:termination-point": points}));
    }

    /// Node and point of a port.
    fn end(&self, port: &EntityKey) -> Option<(&str, &str)> {
        let node = self.twin.node_of(port)?;
        Some((self.nodes.get(&node.key)?, self.ports.get(port)?))
    }

    /// A link by the name of its cable if that is free, else by its two ends, as the examples of RFC 8345 have it.
    fn link(
        &self,
        key: &HalfLinkKey,
        half: &HalfLink,
        taken: &mut BTreeSet<String>,
    ) -> Option<Map<String, Value>> {
        let (from, to) = (self.end(&key.from)?, self.end(&key.to)?);
        let cable = half.cable.as_ref().and_then(|c| self.twin.entity(c)).map(|c| c.name.clone());
        let ends = format!("{},{},{},{}", from.0, from.1, to.0, to.1);
        let named = cable.filter(|name| !name.is_empty() && !taken.contains(name));
        let id = named.unwrap_or(ends);
        taken.insert(id.clone());
        let link = json!({
            "link-id": id,
            "source": {"source-node": from.0, "source-tp": from.1},
            "destination": {"dest-node": to.0, "dest-tp": to.1},
        });
        if let Value::Object(link) = link { Some(link) } else { None }
    }
}

fn link_id(link: &Map<String, Value>) -> String {
    link.get("link-id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The name that the node had in the file it came from, or what people call it.
fn file_name(node: &Entity) -> String {
    let keys = std::iter::once(&node.key).chain(&node.aliases);
    let named = keys.filter_map(|k| k.as_str().strip_prefix("node:name:")).next();
    named.map_or_else(|| node.name.clone(), str::to_owned)
}

/// A name if it is free, else the key, which is unique.
fn unique(taken: &mut BTreeSet<String>, name: String, key: &EntityKey) -> String {
    let id = if name.is_empty() || taken.contains(&name) { key.as_str().to_owned() } else { name };
    taken.insert(id.clone());
    id
}

#[cfg(test)]
mod tests {
    use twin::Csr;

    use super::*;
    use crate::{repetita, rfc8345};

    #[test]
    fn what_was_read_is_read_again() {
        let sample = include_str!("../../../testdata/rfc8345/sample.json");
        let net = rfc8345::read("n.json", sample).unwrap();
        let again = rfc8345::read("n.json", &write(&net.twin)).unwrap();
        assert!(again.twin == net.twin, "{}", write(&net.twin));
    }

    #[test]
    fn another_format_keeps_its_graph() {
        let text = include_str!("../../../testdata/topologies/Abilene.graph");
        let net = repetita::read_graph("a.graph", text).unwrap();
        let text = write(&net.twin);
        let again = rfc8345::read("n.json", &text).unwrap();
        let (a, b) = (Csr::compile(&net.twin, Layer::Igp), Csr::compile(&again.twin, Layer::Igp));
        assert_eq!(
            (&a.node_names, &a.metric, &a.link_arcs, &a.src, &a.dst),
            (&b.node_names, &b.metric, &b.link_arcs, &b.src, &b.dst)
        );
        assert_eq!(write(&net.twin), text);
    }

    #[test]
    fn layers_rest_on_cables_and_media() {
        let mut twin = Twin::default();
        let mut put = |key: &EntityKey, name: &str, parent: Option<&EntityKey>, kind| {
            let entity = Entity {
                key: key.clone(),
                name: name.to_owned(),
                ordinal: 0,
                parent: parent.cloned(),
                aliases: Vec::new(),
                kind,
            };
            let (key, after) = (key.clone(), Some(std::sync::Arc::new(entity)));
            twin.set(&twin::Change::Entity { key, before: None, after });
        };
        let nodes = ["a", "b", "c"].map(EntityKey::node);
        let ports = nodes.clone().map(|n| EntityKey::port(&n, "e1"));
        for (i, node) in nodes.iter().enumerate() {
            let role = twin::NodeKind::Router;
            put(node, if i == 2 { "b" } else { "a" }, None, EntityKind::Node { role, location: None });
            put(&ports[i], "e1", Some(node), EntityKind::Port(Port::default()));
        }
        let segment = EntityKey::new("segment:1");
        put(&segment, "hub", None, EntityKind::Segment { ports: ports.to_vec() });
        let document: Value = serde_json::from_str(&write(&twin)).unwrap();
        let networks = document["ietf-network:networks"]["network"].as_array().unwrap();
        let ids: Vec<_> = networks.iter().map(|n| n["network-id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["igp", "cables"]);
        let ground = networks[1]["node"].as_array().unwrap();
        let ids: BTreeSet<_> = ground.iter().map(|n| n["node-id"].as_str().unwrap()).collect();
        assert_eq!(ids.into_iter().collect::<Vec<_>>(), ["a", "b", "c", "segment:1"]);
        // RFC 8345 §4.4.5: a link each way between the medium and each port on it.
        assert_eq!(networks[1]["ietf-network-topology:link"].as_array().unwrap().len(), 6);
        for link in networks.iter().flat_map(|n| n["ietf-network-topology:link"].as_array().unwrap()) {
            let point = |end: &str, node: &str, tp: &str| {
                let node = ground.iter().find(|n| n["node-id"] == link[end][node]).unwrap();
                let points = node["ietf-network-topology:termination-point"].as_array().unwrap();
                points.iter().any(|p| p["tp-id"] == link[end][tp])
            };
            assert!(
                point("source", "source-node", "source-tp") && point("destination", "dest-node", "dest-tp")
            );
        }
    }
}
