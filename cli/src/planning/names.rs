//! Elements of a network as people write them.

use scenarios::planning::FailureSet;
use twin::{Csr, LinkId, NodeId, nearest};

/// What an element may be called, for help and errors.
pub(crate) const FORMS: &str =
    "a node or link by name, 'A - B' for all links between two nodes, link:N or node:N by number";

/// The links and nodes that a name stands for. Where a node and a link share a name it is the node; of several links of
/// one name it is all.
///
/// # Errors
/// The nearest name that there is, where there is one.
pub(crate) fn element(csr: &Csr, text: &str) -> Result<FailureSet, Option<String>> {
    let text = text.trim();
    let node = |name: &str| csr.node_named(name.trim());
    if let Some(node) = node(text) {
        return Ok(FailureSet::new(Vec::new(), vec![node]));
    }
    let by_name = csr.link_names.iter().zip(&csr.link_keys).enumerate();
    let of_name: Vec<_> = by_name
        .filter(|(_, (name, key))| *name == text || key.as_str() == text)
        .map(|(i, _)| LinkId::new(i))
        .collect();
    if !of_name.is_empty() {
        return Ok(FailureSet::new(of_name, Vec::new()));
    }
    if let Some((kind, number)) = text.split_once(':')
        && let Ok(number) = number.trim().parse::<u32>()
    {
        match kind {
            "link" if (number as usize) < csr.link_count() => {
                return Ok(FailureSet::new(vec![LinkId(number)], Vec::new()));
            }
            "node" if (number as usize) < csr.node_count() => {
                return Ok(FailureSet::new(Vec::new(), vec![NodeId(number)]));
            }
            _ => {}
        }
    }
    // Names may hold the separator themselves: every place where it stands is tried.
    for (at, _) in text.match_indices(" - ") {
        if let (Some(a), Some(b)) = (node(&text[..at]), node(&text[at + 3..])) {
            let between = links_between(csr, a, b);
            if !between.is_empty() {
                return Ok(FailureSet::new(between, Vec::new()));
            }
        }
    }
    let names = csr.node_names.iter().chain(&csr.link_names).map(String::as_str);
    Err(nearest(text, names).map(str::to_owned))
}

/// All links between two nodes, in either direction.
pub(crate) fn links_between(csr: &Csr, a: NodeId, b: NodeId) -> Vec<LinkId> {
    let out = |from: NodeId, to: NodeId| {
        csr.arcs_out(from)
            .iter()
            .filter(move |arc| csr.dst[arc.index()] == to)
            .map(|arc| csr.link[arc.index()])
    };
    let mut links: Vec<_> = out(a, b).chain(out(b, a)).collect();
    links.sort_unstable();
    links.dedup();
    links
}

/// What a failure set is called: names of its links, then of its nodes; `none` for none.
pub(crate) fn of_set(csr: &Csr, set: &FailureSet) -> String {
    let links = set.links().iter().map(|l| csr.link_names[l.index()].as_str());
    let nodes = set.nodes().iter().map(|n| csr.node_names[n.index()].as_str());
    let names: Vec<_> = links.chain(nodes).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::{BitsPerSec, Layer, LinkSpec, NodeKind, SimDuration, TwinBuilder};

    #[test]
    fn elements_are_found_by_name_by_ends_and_by_number() {
        let mut b = TwinBuilder::new("test");
        let [x, y, z] = ["x", "y - y", "z"].map(|name| b.node(name, NodeKind::Router, None));
        let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::ZERO);
        for (name, from, to) in [("xy", &x, &y), ("yx", &y, &x), ("yz", &y, &z)] {
            b.link(name, from, to, spec);
        }
        let csr = Csr::compile(&b.finish(), Layer::Igp);
        let links = |ids: &[u32]| Ok(FailureSet::new(ids.iter().map(|i| LinkId(*i)).collect(), vec![]));
        assert_eq!(element(&csr, "yz"), links(&[2]));
        assert_eq!(element(&csr, "x - y - y"), links(&[0, 1]));
        assert_eq!(element(&csr, "link:1"), links(&[1]));
        assert_eq!(element(&csr, "z"), Ok(FailureSet::new(vec![], vec![NodeId(2)])));
        assert_eq!(element(&csr, "node:1"), Ok(FailureSet::new(vec![], vec![NodeId(1)])));
        assert_eq!(element(&csr, "yzz"), Err(Some("yz".into())));
        for wrong in ["x - z", "link:3", "node:9", ""] {
            assert!(element(&csr, wrong).is_err(), "{wrong}");
        }
    }
}
