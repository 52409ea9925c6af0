//! Network topologies by RFC 8345 in JSON (RFC 7951), with the layer-3 attributes of RFC 8346.
//!
//! Of several networks in one document the first that has links is read; the others, and references to supporting
//! networks, nodes, points and links, are counted. Links are unidirectional: a link from point to point is paired with
//! the oldest unpaired one the other way round, and both stand on one cable; arc *i* is the *i*-th link. The metric is
//! `metric1`, 1 where absent. The models have neither rate nor length: links are taken as 10 Gbit/s without delay,
//! which is counted.

mod write;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use crate::lines::serde_message;
use serde::Deserialize;
use serde::de::IgnoredAny;
use twin::{
    BitsPerSec, Change, Diagnostic, Entity, EntityKey, EntityKind, Evidence, HalfLink, HalfLinkKey,
    InputError, Layer, NodeKind, Place, Port, PortAddress, SimDuration, Snapshot, Twin, WallTime,
};

pub use self::write::write;

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "ietf-network:networks")]
    networks: Networks,
}

#[derive(Deserialize)]
struct Networks {
    #[serde(default)]
    network: Vec<Network>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Network {
    network_id: String,
    #[serde(default)]
    supporting_network: Vec<IgnoredAny>,
    #[serde(default)]
    node: Vec<Node>,
    #[serde(default, rename = "ietf-network-topology:link", alias = "link")]
    link: Vec<Link>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Node {
    node_id: String,
    #[serde(default)]
    supporting_node: Vec<IgnoredAny>,
    #[serde(default, rename = "ietf-network-topology:termination-point", alias = "termination-point")]
    points: Vec<Point>,
    #[serde(default, rename = "ietf-l3-unicast-topology:l3-node-attributes")]
    l3: NodeAttributes,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct NodeAttributes {
    name: Option<String>,
    router_id: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Point {
    tp_id: String,
    #[serde(default)]
    supporting_termination_point: Vec<IgnoredAny>,
    #[serde(default, rename = "ietf-l3-unicast-topology:l3-termination-point-attributes")]
    l3: PointAttributes,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct PointAttributes {
    ip_address: Vec<IpAddr>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Link {
    link_id: String,
    source: Source,
    destination: Destination,
    #[serde(default)]
    supporting_link: Vec<IgnoredAny>,
    #[serde(default, rename = "ietf-l3-unicast-topology:l3-link-attributes")]
    l3: LinkAttributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Source {
    source_node: String,
    source_tp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Destination {
    dest_node: String,
    dest_tp: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LinkAttributes {
    metric1: Option<Metric>,
}

/// RFC 7951 §6.1 writes 64-bit numbers as strings; many writers do not.
#[derive(Deserialize)]
#[serde(untagged)]
enum Metric {
    Number(u64),
    Text(String),
}

/// Reads a document; `file` is what errors call it.
///
/// # Errors
/// [`InputError`] with line and column for text that is no such JSON, and with the link's line for a link to an unknown
/// node or with a metric that is no number of 32 bits.
pub fn read(file: &str, text: &str) -> Result<Snapshot, InputError> {
    let document: Document = serde_json::from_str(text).map_err(|e| {
        let place = Place::LineColumn(e.line() as u64, e.column() as u64);
        InputError::new(file, place, serde_message(&e), "ietf-network:networks by RFC 8345")
    })?;
    let networks = document.networks.network;
    let chosen = networks.iter().position(|n| !n.link.is_empty()).unwrap_or(0);
    let Some(network) = networks.get(chosen) else {
        return Err(InputError::new(file, Place::Whole, "no network", "at least one network"));
    };
    let mut diagnostics = Vec::new();
    for (_, other) in networks.iter().enumerate().filter(|(i, _)| *i != chosen) {
        Diagnostic::count(&mut diagnostics, "other-network", || {
            format!("only network '{}' is read, not '{}'", network.network_id, other.network_id)
        });
    }
    count_supporting(network, &mut diagnostics);
    let mut reader = Reader { file, text, twin: Twin::default(), nodes: BTreeMap::new(), diagnostics };
    reader.add_nodes(network)?;
    reader.add_links(network)?;
    Ok(Snapshot { twin: reader.twin, diagnostics: reader.diagnostics, ..Snapshot::default() })
}

fn count_supporting(network: &Network, diagnostics: &mut Vec<Diagnostic>) {
    let points = network.node.iter().flat_map(|n| &n.points);
    let count = network.supporting_network.len()
        + network.node.iter().map(|n| n.supporting_node.len()).sum::<usize>()
        + points.map(|p| p.supporting_termination_point.len()).sum::<usize>()
        + network.link.iter().map(|l| l.supporting_link.len()).sum::<usize>();
    if count > 0 {
        let message =
            format!("references to supporting layers are not read (network '{}')", network.network_id);
        diagnostics.push(Diagnostic { code: "supporting-reference".into(), message, count: count as u64 });
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    twin: Twin,
    nodes: BTreeMap<&'a str, EntityKey>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn add_nodes(&mut self, network: &'a Network) -> Result<(), InputError> {
        for (ordinal, node) in network.node.iter().enumerate() {
            let named = EntityKey::node(&node.node_id);
            // A router id is a better identity than a name, if it is the node's own.
            let better = node.l3.router_id.first().map(|id| EntityKey::node_by_router_id(id));
            let better = better.filter(|key| self.twin.entity(key).is_none());
            let aliases = if better.is_some() { vec![named.clone()] } else { Vec::new() };
            let key = better.unwrap_or(named);
            if self.nodes.insert(&node.node_id, key.clone()).is_some() {
                return Err(self.error(
                    &node.node_id,
                    format!("a second node '{}'", node.node_id),
                    "each id once",
                ));
            }
            self.put(Entity {
                key: key.clone(),
                name: node.l3.name.clone().unwrap_or_else(|| node.node_id.clone()),
                ordinal: ordinal as u32,
                parent: None,
                aliases,
                kind: EntityKind::Node { role: NodeKind::Router, location: None },
            });
            for (ordinal, point) in node.points.iter().enumerate() {
                let addresses = point.l3.ip_address.iter().map(|&ip| PortAddress { ip, len: host_len(ip) });
                let port = Port { addresses: addresses.collect(), ..Port::default() };
                self.put_port(&key, &point.tp_id, ordinal as u32, port);
            }
        }
        Ok(())
    }

    fn add_links(&mut self, network: &Network) -> Result<(), InputError> {
        let mut unpaired: BTreeMap<(EntityKey, EntityKey), VecDeque<EntityKey>> = BTreeMap::new();
        let mut cables = 0;
        for (ordinal, link) in network.link.iter().enumerate() {
            let from = self.end(link, &link.source.source_node, link.source.source_tp.as_deref())?;
            let to = self.end(link, &link.destination.dest_node, link.destination.dest_tp.as_deref())?;
            let metric = self.metric(link)?;
            if self.repeats(link, &from, &to) {
                continue;
            }
            let back = unpaired.get_mut(&(to.clone(), from.clone())).and_then(VecDeque::pop_front);
            let cable = back.unwrap_or_else(|| {
                let key = self.cable(link, &from, &to, cables);
                cables += 1;
                unpaired.entry((from.clone(), to.clone())).or_default().push_back(key.clone());
                key
            });
            self.half(ordinal as u32, cable, from, to, metric, link);
        }
        Ok(())
    }

    /// The port at one end. Without a termination point it is called after the node pair's links.
    fn end(&mut self, link: &Link, node: &str, point: Option<&str>) -> Result<EntityKey, InputError> {
        let Some(key) = self.nodes.get(node).cloned() else {
            let what = format!("link '{}' to unknown node '{node}'", link.link_id);
            let error = self.error(&link.link_id, what, "a node-id of this network");
            return Err(error.with_nearest(node, self.nodes.keys().copied()));
        };
        let name = point.map_or_else(
            || format!("{}-{}", link.source.source_node, link.destination.dest_node),
            str::to_owned,
        );
        let port = EntityKey::port(&key, &name);
        if self.twin.entity(&port).is_none() {
            Diagnostic::count(&mut self.diagnostics, "undeclared-point", || {
                format!("link '{}' ends at a termination point that its node does not list", link.link_id)
            });
            self.put_port(&key, &name, u32::MAX, Port::default());
        }
        Ok(port)
    }

    fn metric(&mut self, link: &Link) -> Result<u32, InputError> {
        let value = match &link.l3.metric1 {
            None => return Ok(1),
            Some(Metric::Number(n)) => u32::try_from(*n).ok(),
            Some(Metric::Text(t)) => t.parse().ok(),
        };
        match value {
            Some(0) => {
                Diagnostic::count(&mut self.diagnostics, "zero-weight", || {
                    format!("a metric of 0 becomes 1 (link '{}')", link.link_id)
                });
                Ok(1)
            }
            Some(metric) => Ok(metric),
            None => {
                let what = format!("metric1 of link '{}'", link.link_id);
                Err(self.error(&link.link_id, what, "a whole number from 0 to 4294967295"))
            }
        }
    }

    fn cable(&mut self, link: &Link, from: &EntityKey, to: &EntityKey, ordinal: u32) -> EntityKey {
        let plain = EntityKey::cable(from, to);
        let taken = self.twin.entity(&plain).is_some();
        let key = if taken { EntityKey::new(format!("{plain}#{ordinal}")) } else { plain };
        self.put(Entity {
            key: key.clone(),
            name: link.link_id.clone(),
            ordinal,
            parent: None,
            aliases: Vec::new(),
            kind: EntityKind::Cable { a: from.clone(), b: to.clone() },
        });
        key
    }

    fn half(
        &mut self,
        ordinal: u32,
        cable: EntityKey,
        from: EntityKey,
        to: EntityKey,
        metric: u32,
        link: &Link,
    ) {
        Diagnostic::count(&mut self.diagnostics, "missing-speed", || {
            format!("a link is taken as 10 Gbit/s without delay ('{}')", link.link_id)
        });
        let evidence =
            Evidence { source: "file".into(), detail: self.file.into(), seen_at: WallTime::default() };
        let half = HalfLink {
            ordinal,
            cable: Some(cable),
            metric,
            capacity: BitsPerSec::gbps(10),
            delay: SimDuration::ZERO,
            state: "up".into(),
            evidence: vec![evidence],
            freshness: None,
        };
        let key = HalfLinkKey { layer: Layer::Igp, from, to };
        self.twin.set(&Change::HalfLink { key, before: None, after: Some(Arc::new(half)) });
    }

    /// Whether a link between the same two points in the same direction came before.
    fn repeats(&mut self, link: &Link, from: &EntityKey, to: &EntityKey) -> bool {
        let key = HalfLinkKey { layer: Layer::Igp, from: from.clone(), to: to.clone() };
        let known = self.twin.half_link(&key).is_some();
        if known {
            Diagnostic::count(&mut self.diagnostics, "repeated-link", || {
                format!("a second link between two points in one direction is dropped ('{}')", link.link_id)
            });
        }
        known
    }

    fn put_port(&mut self, node: &EntityKey, name: &str, ordinal: u32, port: Port) {
        self.put(Entity {
            key: EntityKey::port(node, name),
            name: name.to_owned(),
            ordinal,
            parent: Some(node.clone()),
            aliases: Vec::new(),
            kind: EntityKind::Port(port),
        });
    }

    fn put(&mut self, entity: Entity) {
        let key = entity.key.clone();
        self.twin.set(&Change::Entity { key, before: None, after: Some(Arc::new(entity)) });
    }

    /// An error at the first line that holds the quoted id.
    fn error(&self, id: &str, what: String, expected: &str) -> InputError {
        let quoted = serde_json::to_string(id).expect("text is always JSON");
        let place = match self.text.find(&quoted) {
            Some(at) => Place::Line(self.text[..at].matches('\n').count() as u64 + 1),
            None => Place::Whole,
        };
        InputError::new(self.file, place, what, expected)
    }
}

fn host_len(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use twin::Csr;

    use super::*;

    const SAMPLE: &str = include_str!("../../testdata/rfc8345/sample.json");

    #[test]
    fn the_network_with_links_is_read() {
        let net = read("sample.json", SAMPLE).unwrap();
        let csr = Csr::compile(&net.twin, Layer::Igp);
        assert_eq!(csr.node_names, ["D1", "D2", "D3"]);
        assert_eq!(csr.node_keys[0].as_str(), "node:router-id:203.0.113.1");
        assert_eq!((csr.link_count(), csr.arc_count()), (3, 5), "one link has one direction only");
        assert_eq!(csr.metric, [100, 110, 100, 1, 30]);
        assert_eq!(csr.link_arcs[0].len(), 2);
        let port = EntityKey::port(&csr.node_keys[0], "1-2-1");
        let EntityKind::Port(port) = &net.twin.entity(&port).unwrap().kind else { panic!() };
        assert_eq!(port.addresses[0].ip.to_string(), "192.0.2.1");
        let codes: Vec<_> = net.diagnostics.iter().map(|d| (d.code.as_str(), d.count)).collect();
        assert_eq!(codes, [("other-network", 1), ("supporting-reference", 2), ("missing-speed", 5)]);
    }

    #[test]
    fn faults_name_their_line() {
        let bad = |from: &str, to: &str| {
            assert!(SAMPLE.contains(from), "{from}");
            read("n.json", &SAMPLE.replacen(from, to, 1)).unwrap_err().to_string()
        };
        let e = bad("\"dest-node\": \"D2\"", "\"dest-node\": \"D9\"");
        assert!(
            e.contains("to unknown node 'D9'; expected a node-id of this network; did you mean 'D1'?"),
            "{e}"
        );
        assert!(e.starts_with("n.json:"), "{e}");
        assert!(bad("\"100\"", "\"-5\"").contains("metric1 of link"));
        assert!(bad("\"network-id\"", "\"net-id\"").contains("missing field `network-id`"));
        assert!(bad("\"192.0.2.1\"", "\"192.0.2\"").contains("invalid IP address"));
    }
}
