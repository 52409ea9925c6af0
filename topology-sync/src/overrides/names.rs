//! What the words of an override mean.

use twin::{Entity, EntityKey, EntityKind, HalfLinkKey, Layer, Twin, nearest};

/// One end of a link: a port, or any port of a node.
pub(super) enum End {
    Port(EntityKey),
    Node(EntityKey),
}

impl End {
    fn holds(&self, twin: &Twin, port: &EntityKey) -> bool {
        match self {
            Self::Port(key) => key == port,
            Self::Node(key) => twin.node_of(port).is_some_and(|n| n.key == *key),
        }
    }
}

/// The node of a name, key, or earlier name; or why there is none.
pub(super) fn node<'a>(twin: &'a Twin, text: &str) -> Result<&'a Entity, String> {
    let nodes = twin.nodes();
    let named: Vec<_> = nodes.iter().filter(|n| n.name == text).collect();
    if named.len() > 1 {
        let keys: Vec<_> = named.iter().map(|n| n.key.as_str()).collect();
        return Err(format!(
            "{} nodes are called '{text}': say which by its key ({})",
            named.len(),
            keys.join(", ")
        ));
    }
    let called = EntityKey::node(text);
    let known = |n: &&&Entity| n.key.as_str() == text || n.aliases.contains(&called) || n.key == called;
    match named.first().copied().or_else(|| nodes.iter().find(known)) {
        Some(node) => Ok(node),
        None => Err(format!("no node '{text}'{}", hint(text, nodes.iter().map(|n| n.name.as_str())))),
    }
}

/// The port of `node:port`; or why there is none.
pub(super) fn port(twin: &Twin, text: &str) -> Result<EntityKey, String> {
    let mut why = None;
    // Names of nodes and of ports may have colons too: the first cut that fits counts.
    for (at, _) in text.match_indices(':') {
        let (name, port) = (&text[..at], &text[at + 1..]);
        match node(twin, name) {
            Ok(node) => match ports(twin, &node.key).into_iter().find(|p| p.name == port) {
                Some(port) => return Ok(port.key.clone()),
                None => {
                    let names = ports(twin, &node.key);
                    let hint = hint(port, names.iter().map(|p| p.name.as_str()));
                    why = Some(format!("node '{}' has no port '{port}'{hint}", node.name));
                }
            },
            Err(reason) => why = why.or(Some(reason)),
        }
    }
    Err(why.unwrap_or_else(|| format!("'{text}' is no port as node:port")))
}

/// A port, or a node for any of its ports.
pub(super) fn end(twin: &Twin, text: &str) -> Result<End, String> {
    match node(twin, text) {
        Ok(node) => Ok(End::Node(node.key.clone())),
        Err(_) if text.contains(':') => port(twin, text).map(End::Port),
        Err(why) => Err(why),
    }
}

/// The half-links between two ends, in both directions, on the layers below BGP; or why there are none.
pub(super) fn between(twin: &Twin, a: &str, b: &str) -> Result<Vec<HalfLinkKey>, String> {
    let (end_a, end_b) = (end(twin, a)?, end(twin, b)?);
    let mut found = Vec::new();
    for layer in [Layer::Cable, Layer::Carrier, Layer::Lldp, Layer::Igp] {
        for (key, _) in twin.half_links(layer) {
            let there = end_a.holds(twin, &key.from) && end_b.holds(twin, &key.to);
            let back = end_b.holds(twin, &key.from) && end_a.holds(twin, &key.to);
            if there || back {
                found.push(key.clone());
            }
        }
    }
    if found.is_empty() { Err(format!("no link between {a} and {b}")) } else { Ok(found) }
}

fn ports<'a>(twin: &'a Twin, node: &EntityKey) -> Vec<&'a Entity> {
    let is_port = |e: &&Entity| matches!(e.kind, EntityKind::Port(_));
    let of_node = |e: &&Entity| twin.node_of(&e.key).is_some_and(|n| n.key == *node);
    twin.entities().filter(is_port).filter(of_node).collect()
}

fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map(|n| format!("; did you mean '{n}'?")).unwrap_or_default()
}
