//! From one node's words to claims about ports.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use super::claim::{Claim, End, Finding, NodeId};
use super::device::Device;
use super::directory::{Directory, Key};
use super::stamp::Stamp;
use super::{igp, layer2, lldp};

/// What a node's words come to, and on what that depends.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Resolved {
    pub(crate) claims: Vec<Claim<End>>,
    pub(crate) findings: Vec<Finding>,
    /// Who was heard by whom and is not any more, and when last.
    pub(crate) past: Vec<(End, End, Stamp)>,
    /// Hashes of the keys that were looked up, ascending.
    pub(crate) asked: Vec<u64>,
    /// The nodes whose tables were looked into.
    pub(crate) about: BTreeSet<NodeId>,
}

impl Resolved {
    /// Remembers what is looked up.
    pub(crate) fn ask(&mut self, keys: impl IntoIterator<Item = Key>) {
        self.asked.extend(keys.into_iter().map(|k| hash(&k)));
    }

    /// A neighbour that could not be matched.
    pub(crate) fn unmatched(&mut self, node: &str, port: &str, why: &str) {
        self.findings.push(Finding::new("unmatched-neighbour", node, port, why));
    }

    /// Whether any of the keys was looked up; both lists are ascending.
    pub(crate) fn asks_any(&self, hashes: &[u64]) -> bool {
        let (few, many) = match self.asked.len() < hashes.len() {
            true => (self.asked.as_slice(), hashes),
            false => (hashes, self.asked.as_slice()),
        };
        few.iter().any(|h| many.binary_search(h).is_ok())
    }
}

/// The hash of a key: it decides what is looked at again, never what comes out.
pub(crate) fn hash(key: &Key) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// Resolves all words of a node.
pub(crate) fn resolve(directory: &Directory, node: NodeId, device: &Device) -> Resolved {
    let mut out = Resolved::default();
    lldp::claims(directory, device, &mut out);
    igp::claims(directory, node, device, &mut out);
    layer2::claims(directory, node, device, &mut out);
    out.asked.sort_unstable();
    out.asked.dedup();
    out
}
