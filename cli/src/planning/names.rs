//! What the words of a user mean: nodes and links by name, key, number, or the two ends of a link.

use std::fmt;

use scenarios::planning::FailureSet;
use twin::{ArcId, Csr, Entity, EntityKey, EntityKind, InputError, LinkId, NodeId, Place, Twin, nearest};

/// What an element may be called, for help and errors.
pub(crate) const FORMS: &str =
    "a node or link by name, 'A - B' for all links between two nodes, link:N or node:N by number";

/// A word that means nothing here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unknown {
    what: String,
    expected: String,
    nearest: Option<String>,
}

impl Unknown {
    /// The error at its place.
    pub(crate) fn at(self, file: &str, place: Place) -> InputError {
        InputError {
            file: file.to_owned(),
            place,
            what: self.what,
            expected: self.expected,
            nearest: self.nearest,
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; expected {}", self.what, self.expected)?;
        self.nearest.iter().try_for_each(|name| write!(f, "; did you mean '{name}'?"))
    }
}

/// What a failure set is called: names of its links, then of its nodes; `none` for none.
pub(crate) fn of_set(csr: &Csr, set: &FailureSet) -> String {
    let links = set.links().iter().map(|l| csr.link_names[l.index()].as_str());
    let nodes = set.nodes().iter().map(|n| csr.node_names[n.index()].as_str());
    let names: Vec<_> = links.chain(nodes).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The names of a network.
///
/// A node is called by its name, its key or one that it had, or its number in the order of the source, with or without
/// `node:` before it. A link is called by its name (of several links it is all), its key, its number, with or without
/// `link:` before it, or its ends as `a - b` (all links between the two; an end is a node or `node:port`). A name wins over
/// a number.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    twin: &'a Twin,
    csr: &'a Csr,
    /// The two ports of each link, with their nodes.
    ends: Vec<Option<[(NodeId, EntityKey); 2]>>,
}

impl<'a> Names<'a> {
    /// The names of a twin and one of its layers.
    pub(crate) fn new(twin: &'a Twin, csr: &'a Csr) -> Self {
        let ids: std::collections::BTreeMap<_, _> =
            csr.node_keys.iter().enumerate().map(|(i, key)| (key, NodeId::new(i))).collect();
        let end = |port: &EntityKey| Some((*ids.get(&twin.node_of(port)?.key)?, port.clone()));
        let ends = (0..csr.link_count()).map(|link| {
            let (a, b) = match twin.entity(&csr.link_keys[link]).map(|e| &e.kind) {
                Some(EntityKind::Cable { a, b }) => (a, b),
                _ => {
                    let arc = csr.link_arcs[link].first()?;
                    (&csr.ports[arc.index()].0, &csr.ports[arc.index()].1)
                }
            };
            Some([end(a)?, end(b)?])
        });
        Self { twin, csr, ends: ends.collect() }
    }

    /// The node that a word means.
    pub(crate) fn node(&self, text: &str) -> Result<NodeId, Unknown> {
        self.node_or(text, "")
    }

    /// The node that a word means; `forms` is what else would have been right, for the error: `, or an address`.
    pub(crate) fn node_or(&self, text: &str, forms: &str) -> Result<NodeId, Unknown> {
        self.find_node(text)?.ok_or_else(|| Unknown {
            what: format!("unknown node '{text}'"),
            expected: format!(
                "a node of the network by name or number (0 to {}){forms}",
                last(self.csr.node_count())
            ),
            nearest: hint(text, &self.csr.node_names),
        })
    }

    /// The node of `node:port`, and what follows the colon; `None` where no node's name stands before a colon. A name may
    /// hold colons itself: the first that ends the name of one node counts.
    pub(crate) fn node_before_port<'t>(&self, text: &'t str) -> Result<Option<(NodeId, &'t str)>, Unknown> {
        let mut several = None;
        for (at, _) in text.match_indices(':') {
            match self.find_node(&text[..at]) {
                Ok(Some(node)) => return Ok(Some((node, &text[at + 1..]))),
                Ok(None) => {}
                Err(error) => several = several.or(Some(error)),
            }
        }
        several.map_or(Ok(None), Err)
    }

    /// The node that a word means, if one does; an error where several do.
    fn find_node(&self, text: &str) -> Result<Option<NodeId>, Unknown> {
        match one(&self.csr.node_names, &self.csr.node_keys, "node:", text) {
            Found::One(at) => Ok(Some(NodeId::new(at))),
            Found::Several(list) => Err(several(text, &list)),
            Found::None => Ok(self.node_that_was(text)),
        }
    }

    /// The node that had this key.
    fn node_that_was(&self, key: &str) -> Option<NodeId> {
        let had = |n: &&Entity| n.aliases.iter().any(|alias| alias.as_str() == key);
        self.node_of(&self.twin.nodes().into_iter().find(had)?.key)
    }

    /// The links that a word means, ascending.
    pub(crate) fn links(&self, text: &str) -> Result<Vec<LinkId>, Unknown> {
        let found = one(&self.csr.link_names, &self.csr.link_keys, "link:", text);
        if let Found::One(at) = found {
            return Ok(vec![LinkId::new(at)]);
        }
        if let Some((a, b)) = self.ends(text) {
            return self.between(text, &a, &b);
        }
        if let Found::Several(list) = found {
            return Ok(list.into_iter().map(LinkId::new).collect());
        }
        // Where one of the ends is wrong: say which.
        let ends = text.split_once(" - ").or_else(|| {
            let split = text.split_once('-').filter(|(_, b)| !b.contains('-'));
            split.filter(|(a, b)| self.end(a.trim()).is_some() != self.end(b.trim()).is_some())
        });
        let wrong = ends.into_iter().flat_map(|(a, b)| [a, b]).find_map(|end| self.wrong_end(end.trim()));
        Err(wrong.unwrap_or_else(|| self.no_link(text)))
    }

    /// The arc that a word means where only one can be: of `a - b`, as of `a -> b`, the first that leads from a to b; of a
    /// link by name its first direction.
    pub(crate) fn arc(&self, text: &str) -> Result<ArcId, Unknown> {
        let arcs = self.arcs(text)?;
        let from = self.ends(text).map(|(a, _)| a.node);
        let leads = |arc: &&ArcId| from.is_none_or(|node| self.csr.src[arc.index()] == node);
        arcs.iter().find(leads).copied().ok_or_else(|| self.no_link(text))
    }

    /// The arcs that a word means: of `a -> b` those that lead from a to b, else both directions of the links.
    pub(crate) fn arcs(&self, text: &str) -> Result<Vec<ArcId>, Unknown> {
        let Some((a, b)) = text.split_once("->") else {
            let links = self.links(text)?;
            return Ok(links.iter().flat_map(|l| &self.csr.link_arcs[l.index()]).copied().collect());
        };
        let (a, b) = (a.trim(), b.trim());
        let links = match (self.end(a), self.end(b)) {
            (Some(a), Some(b)) => self.between(text, &a, &b)?,
            _ => {
                return Err(self
                    .wrong_end(a)
                    .or_else(|| self.wrong_end(b))
                    .unwrap_or_else(|| self.no_link(text)));
            }
        };
        let from = self.end(a).map(|end| end.node);
        let arcs = links.iter().flat_map(|l| &self.csr.link_arcs[l.index()]).copied();
        Ok(arcs.filter(|arc| Some(self.csr.src[arc.index()]) == from).collect())
    }

    /// The node or the links that a word means; a bare number is a link's.
    pub(crate) fn element(&self, text: &str) -> Result<FailureSet, Unknown> {
        let text = text.trim();
        let node = |node| FailureSet::new(Vec::new(), vec![node]);
        if self.csr.node_names.iter().any(|name| name == text) {
            return self.node(text).map(node);
        }
        match (self.links(text), self.node(text)) {
            (Ok(links), _) => Ok(FailureSet::new(links, Vec::new())),
            (Err(_), Ok(found)) => Ok(node(found)),
            (Err(link), Err(_)) if text.contains(" - ") => Err(link),
            (Err(_), Err(_)) => {
                let names = self.csr.node_names.iter().chain(&self.csr.link_names);
                Err(Unknown {
                    what: format!("unknown element '{text}'"),
                    expected: FORMS.into(),
                    nearest: nearest(text, names.map(String::as_str)).map(str::to_owned),
                })
            }
        }
    }

    /// The network in numbers.
    pub(crate) fn csr(&self) -> &'a Csr {
        self.csr
    }

    /// Every name of a node.
    pub(crate) fn node_names(&self) -> &'a [String] {
        &self.csr.node_names
    }

    /// The link of a key.
    pub(crate) fn link_of(&self, key: &EntityKey) -> Option<LinkId> {
        self.csr.link_keys.iter().position(|k| k == key).map(LinkId::new)
    }

    /// The node of a key.
    pub(crate) fn node_of(&self, key: &EntityKey) -> Option<NodeId> {
        self.csr.node_keys.iter().position(|k| k == key).map(NodeId::new)
    }

    /// The links at a port.
    pub(crate) fn links_at(&self, port: &EntityKey) -> impl Iterator<Item = LinkId> {
        let here = move |ends: &Option<[(NodeId, EntityKey); 2]>| {
            ends.as_ref().is_some_and(|ends| ends.iter().any(|(_, key)| key == port))
        };
        self.ends.iter().enumerate().filter(move |(_, ends)| here(ends)).map(|(link, _)| LinkId::new(link))
    }

    /// The twin.
    pub(crate) fn twin(&self) -> &'a Twin {
        self.twin
    }

    /// The two ends of `a - b`. Names may hold hyphens themselves: the first split whose sides are both ends will do.
    fn ends(&self, text: &str) -> Option<(End, End)> {
        let splits = text.match_indices('-').map(|(at, _)| (&text[..at], &text[at + 1..]));
        splits.into_iter().find_map(|(a, b)| Some((self.end(a.trim())?, self.end(b.trim())?)))
    }

    fn end(&self, text: &str) -> Option<End> {
        if let Ok(node) = self.node(text) {
            return Some(End { node, port: None });
        }
        text.match_indices(':').find_map(|(at, _)| {
            let node = self.node(&text[..at]).ok()?;
            let key = &self.csr.node_keys[node.index()];
            let is_it = |(owner, port): &&(NodeId, EntityKey)| {
                *owner == node
                    && (self.twin.entity(port).is_some_and(|e| e.name == text[at + 1..])
                        || *port == EntityKey::port(key, &text[at + 1..]))
            };
            let (_, port) = self.ends.iter().flatten().flatten().find(is_it)?;
            Some(End { node, port: Some(port.clone()) })
        })
    }

    fn wrong_end(&self, text: &str) -> Option<Unknown> {
        if self.end(text).is_some() {
            return None;
        }
        let several = self.node_before_port(text).err();
        several.or_else(|| self.node(text).err())
    }

    fn between(&self, text: &str, a: &End, b: &End) -> Result<Vec<LinkId>, Unknown> {
        let joins = |[x, y]: &[(NodeId, EntityKey); 2]| (a.is(x) && b.is(y)) || (a.is(y) && b.is(x));
        let links = self.ends.iter().enumerate().filter(|(_, ends)| ends.as_ref().is_some_and(joins));
        let links: Vec<_> = links.map(|(link, _)| LinkId::new(link)).collect();
        if links.is_empty() { Err(self.no_neighbours(text, a.node)) } else { Ok(links) }
    }

    fn no_link(&self, text: &str) -> Unknown {
        Unknown {
            what: format!("unknown link '{text}'"),
            expected: format!(
                "a link by name, as 'a - b', or by number (0 to {})",
                last(self.csr.link_count())
            ),
            nearest: hint(text, &self.csr.link_names),
        }
    }

    fn no_neighbours(&self, text: &str, a: NodeId) -> Unknown {
        let other = |[x, y]: &[(NodeId, EntityKey); 2]| match (x.0 == a, y.0 == a) {
            (true, _) => Some(y.0),
            (_, true) => Some(x.0),
            _ => None,
        };
        let mut others: Vec<_> = self.ends.iter().flatten().filter_map(other).collect();
        others.sort_unstable();
        others.dedup();
        let names: Vec<_> = others.iter().take(8).map(|n| self.csr.node_names[n.index()].as_str()).collect();
        let name = &self.csr.node_names[a.index()];
        let expected = match names.as_slice() {
            [] => format!("a link that exists ('{name}' has none)"),
            names => format!("a neighbour of '{name}', such as {}", names.join(", ")),
        };
        Unknown { what: format!("no link '{text}'"), expected, nearest: None }
    }
}

/// A node, or one port of it.
struct End {
    node: NodeId,
    port: Option<EntityKey>,
}

impl End {
    fn is(&self, (node, port): &(NodeId, EntityKey)) -> bool {
        self.node == *node && self.port.as_ref().is_none_or(|p| p == port)
    }
}

enum Found {
    None,
    One(usize),
    Several(Vec<usize>),
}

/// By the only name, else the key, else the number, which may have its kind before it.
fn one(names: &[String], keys: &[EntityKey], kind: &str, text: &str) -> Found {
    let named: Vec<_> = (0..names.len()).filter(|i| names[*i] == text).collect();
    match named.as_slice() {
        [] => {
            let digits = text.strip_prefix(kind).unwrap_or(text);
            let number = || digits.parse().ok().filter(|n: &usize| *n < names.len());
            keys.iter().position(|k| k.as_str() == text).or_else(number).map_or(Found::None, Found::One)
        }
        [one] => Found::One(*one),
        _ => Found::Several(named),
    }
}

fn several(text: &str, list: &[usize]) -> Unknown {
    let numbers: Vec<_> = list.iter().take(8).map(ToString::to_string).collect();
    Unknown {
        what: format!("{} nodes are called '{text}'", list.len()),
        expected: format!("the number of one: {}", numbers.join(", ")),
        nearest: None,
    }
}

fn last(count: usize) -> usize {
    count.saturating_sub(1)
}

fn hint(text: &str, names: &[String]) -> Option<String> {
    nearest(text, names.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use twin::{BitsPerSec, Layer, LinkSpec, NodeKind, SimDuration, TwinBuilder};

    use super::*;

    fn twin() -> Twin {
        let mut net = TwinBuilder::new("t");
        let [fra, ber, dup, dup2] = ["fra", "ber", "x", "x"].map(|n| net.node(n, NodeKind::Router, None));
        let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(1), SimDuration::ZERO);
        net.link("fra-ber", &fra, &ber, spec);
        net.link("second", &ber, &fra, spec);
        net.link("7", &ber, &dup, spec);
        net.link("stub", &ber, &dup2, spec);
        net.finish()
    }

    fn links(text: &str) -> Result<Vec<u32>, String> {
        let twin = twin();
        let csr = Csr::compile(&twin, Layer::Igp);
        let found = Names::new(&twin, &csr).links(text);
        found.map(|l| l.iter().map(|l| l.0).collect()).map_err(|u| u.at("f", Place::Whole).to_string())
    }

    #[test]
    fn a_link_is_called_by_name_number_or_ends() {
        assert_eq!(links("second"), Ok(vec![1]));
        assert_eq!(links("fra - ber"), Ok(vec![0, 1]), "all links between the two");
        assert_eq!(links("ber-fra"), Ok(vec![0, 1]));
        assert_eq!(links("fra-ber"), Ok(vec![0]), "a name comes first");
        assert_eq!(links("3"), Ok(vec![3]));
        assert_eq!(links("7"), Ok(vec![2]), "a name wins over a number");
        assert_eq!(links("ber:stub - 3"), Ok(vec![3]), "an end may be a port");
        assert_eq!(
            links("secund").unwrap_err(),
            "f: unknown link 'secund'; expected a link by name, as 'a - b', or by number (0 to 3); did you mean 'second'?"
        );
        assert_eq!(
            links("fra - bar").unwrap_err(),
            "f: unknown node 'bar'; expected a node of the network by name or number (0 to 3); did you mean 'ber'?"
        );
        assert_eq!(
            links("fra - 2").unwrap_err(),
            "f: no link 'fra - 2'; expected a neighbour of 'fra', such as ber"
        );
    }

    #[test]
    fn arcs_have_a_direction_and_equal_names_are_told_apart() {
        let twin = twin();
        let csr = Csr::compile(&twin, Layer::Igp);
        let names = Names::new(&twin, &csr);
        assert_eq!(names.arcs("fra -> ber"), Ok(vec![ArcId(0), ArcId(3)]));
        assert_eq!(names.arcs("second"), Ok(vec![ArcId(2), ArcId(3)]));
        assert_eq!(
            names.arc("ber-fra"),
            Ok(ArcId(1)),
            "where only one can be: the first that leads from a to b"
        );
        assert_eq!(names.arc("fra->ber"), Ok(ArcId(0)));
        assert_eq!(names.arc("second"), Ok(ArcId(2)));
        let error = names.arc("fra-bar").unwrap_err().to_string();
        assert!(error.starts_with("unknown node 'bar'"), "{error}");
        let element = |text: &str| names.element(text).map_err(|u| u.to_string());
        let set = |links: &[u32], nodes: &[u32]| {
            let links = links.iter().map(|l| LinkId(*l)).collect();
            Ok(FailureSet::new(links, nodes.iter().map(|n| NodeId(*n)).collect()))
        };
        assert_eq!(element("fra"), set(&[], &[0]));
        assert_eq!(element(" 1 "), set(&[1], &[]));
        assert_eq!(element("link:2"), set(&[2], &[]));
        assert_eq!(element("node:3"), set(&[], &[3]));
        assert_eq!(
            element("x:stub - ber").unwrap_err(),
            "2 nodes are called 'x'; expected the number of one: 2, 3"
        );
        for wrong in ["fra - 2", "link:4", "node:4", ""] {
            assert!(element(wrong).is_err(), "{wrong}");
        }
        let error = names.node("x").unwrap_err().at("f", Place::Whole).to_string();
        assert_eq!(error, "f: 2 nodes are called 'x'; expected the number of one: 2, 3");
        assert!(element("stubb").unwrap_err().ends_with("did you mean 'stub'?"));
    }
}
