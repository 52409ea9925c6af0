//! Which demands a rule means: those from, to or at some nodes, or groups of them.

use std::collections::{BTreeMap, BTreeSet};

use twin::{Csr, EntityKey, InputError};

use super::names::Names;
use super::words::{Word, Words};

/// Nodes by the name of their group.
pub(crate) type NodeGroups = BTreeMap<String, Vec<Word>>;

/// From these, to these, with an end among these; each where it is said.
#[derive(Debug)]
pub(crate) struct Meant {
    from: Option<BTreeSet<EntityKey>>,
    to: Option<BTreeSet<EntityKey>>,
    at: Option<BTreeSet<EntityKey>>,
}

impl Meant {
    /// What the words `from`, `to` and `at` of a file mean.
    pub(crate) fn read(
        file: &str,
        groups: &NodeGroups,
        words: [&Option<Words>; 3],
        names: &Names<'_>,
        csr: &Csr,
    ) -> Result<Self, InputError> {
        let [from, to, at] = words.map(|words| match words {
            None => Ok(None),
            Some(words) => nodes(file, groups, words, names, csr).map(Some),
        });
        Ok(Self { from: from?, to: to?, at: at? })
    }

    /// Whether a demand is meant.
    pub(crate) fn has(&self, src: &EntityKey, dst: &EntityKey) -> bool {
        let among = |set: &Option<BTreeSet<EntityKey>>, key| set.as_ref().is_none_or(|s| s.contains(key));
        let at = self.at.as_ref().is_none_or(|s| s.contains(src) || s.contains(dst));
        among(&self.from, src) && among(&self.to, dst) && at
    }
}

/// Nodes, and all nodes of groups.
fn nodes(
    file: &str,
    groups: &NodeGroups,
    words: &Words,
    names: &Names<'_>,
    csr: &Csr,
) -> Result<BTreeSet<EntityKey>, InputError> {
    let mut nodes = BTreeSet::new();
    for word in &words.0 {
        let members = groups.get(&word.text).map_or(std::slice::from_ref(word), Vec::as_slice);
        for member in members {
            nodes.insert(node(file, groups, member, names, csr)?);
        }
    }
    Ok(nodes)
}

/// One node.
pub(crate) fn node(
    file: &str,
    groups: &NodeGroups,
    word: &Word,
    names: &Names<'_>,
    csr: &Csr,
) -> Result<EntityKey, InputError> {
    let node = names.node(&word.text).map_err(|unknown| {
        let known = names.node_names().iter().chain(groups.keys());
        unknown.at(file, word.place).with_nearest(&word.text, known.map(String::as_str))
    })?;
    Ok(csr.node_keys[node.index()].clone())
}
