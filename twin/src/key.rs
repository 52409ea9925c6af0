//! Stable identities.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The identity of an entity: text made from the best evidence of what it is (chassis id, then router id, then name),
/// pinned when first persisted. Streams of chance, joins and history use keys; screens use names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntityKey(Arc<str>);

impl EntityKey {
    /// A key by its whole text, as it was persisted.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(Arc::from(text.as_ref()))
    }
    /// A node identified by its name in a network file.
    pub fn node(name: &str) -> Self {
        Self::new(format!("node:name:{name}"))
    }
    /// A node identified by its LLDP chassis id (IEEE 802.1AB §8.5.2).
    pub fn node_by_chassis(chassis: &str) -> Self {
        Self::new(format!("node:chassis:{chassis}"))
    }
    /// A node identified by its IGP router id.
    pub fn node_by_router_id(router_id: &str) -> Self {
        Self::new(format!("node:router-id:{router_id}"))
    }
    /// A port by its node and its name there.
    pub fn port(node: &EntityKey, name: &str) -> Self {
        Self::new(["port:", node.as_str(), "/", name].concat())
    }
    /// A cable by its two ports, the same from either end.
    pub fn cable(a: &EntityKey, b: &EntityKey) -> Self {
        let (a, b) = if a <= b { (a, b) } else { (b, a) };
        Self::new(["cable:", a.as_str(), "|", b.as_str()].concat())
    }
    /// A bundle by the bundle interfaces at its ends, in any order.
    pub fn bundle<'k>(ends: impl IntoIterator<Item = &'k EntityKey>) -> Self {
        let mut ends: Vec<_> = ends.into_iter().map(EntityKey::as_str).collect();
        ends.sort_unstable();
        Self::new(format!("bundle:{}", ends.join("|")))
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// 64 bits that depend on the text alone, the same on every machine and in every version.
    pub fn stable_hash(&self) -> u64 {
        stable_hash(&[self.0.as_bytes()])
    }
}

impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first 64 bits (little-endian) of SHA-256 over the parts, each preceded by its length: a hash that no machine,
/// version or concatenation changes.
pub fn stable_hash(parts: &[&[u8]]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let bytes = hash.finalize();
    u64::from_le_bytes(bytes[..8].try_into().expect("SHA-256 has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cable_has_one_key_from_both_ends() {
        let (a, b) = (EntityKey::new("port:a"), EntityKey::new("port:b"));
        assert_eq!(EntityKey::cable(&a, &b), EntityKey::cable(&b, &a));
    }

    #[test]
    fn the_hash_is_pinned() {
        // A change here would move every stream of chance: seeds would no longer reproduce old results.
        assert_eq!(EntityKey::node("NYCMng").stable_hash(), stable_hash(&[b"node:name:NYCMng"]));
        assert_ne!(stable_hash(&[b"ab", b"c"]), stable_hash(&[b"a", b"bc"]));
    }
}
