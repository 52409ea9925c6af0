//! From one node's words to claims about ports.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::claim::{Claim, End, Finding, NodeId};
use super::device::Device;
use super::directory::{Directory, Key, Looked};
use super::stamp::Stamp;
use super::{igp, layer2, lldp};

/// What a node's words come to, and on what that depends.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Resolved {
    pub(crate) claims: Vec<Arc<Claim>>,
    pub(crate) findings: Vec<Finding>,
    /// Who was heard by whom and is not any more, and when last.
    pub(crate) past: Vec<(End, End, Stamp)>,
    /// What was looked up, each list ascending.
    pub(crate) looked: Looked,
}

impl Resolved {
    /// Remembers what is looked up.
    pub(crate) fn ask<'k>(&mut self, keys: impl IntoIterator<Item = Key<'k>>) {
        self.looked.keys.extend(keys.into_iter().map(|k| k.hash()));
    }

    /// A word whose ends are known.
    pub(crate) fn claim(&mut self, claim: Claim) {
        self.claims.push(Arc::new(claim));
    }

    /// A neighbour that could not be matched.
    pub(crate) fn unmatched(&mut self, node: &str, port: &str, why: &str) {
        self.findings.push(Finding::new("unmatched-neighbour", node, port, why));
    }

    /// Whether any of the keys was looked up; both lists are ascending.
    pub(crate) fn asks_any(&self, hashes: &[u64]) -> bool {
        let asked = self.looked.keys.as_slice();
        let (few, many) = match asked.len() < hashes.len() {
            true => (asked, hashes),
            false => (hashes, asked),
        };
        few.iter().any(|h| many.binary_search(h).is_ok())
    }

    /// Whether the table of any of these nodes was looked into.
    pub(crate) fn is_about_any(&self, nodes: &BTreeSet<NodeId>) -> bool {
        self.looked.nodes.iter().any(|n| nodes.contains(n))
    }
}

/// Resolves all words of a node.
pub(crate) fn resolve(directory: &Directory, node: NodeId, device: &Device) -> Resolved {
    let mut out = Resolved::default();
    lldp::claims(directory, node, device, &mut out);
    igp::claims(directory, node, device, &mut out);
    layer2::claims(directory, node, device, &mut out);
    out.looked.keys.sort_unstable();
    out.looked.keys.dedup();
    out.looked.nodes.sort_unstable();
    out.looked.nodes.dedup();
    out
}
