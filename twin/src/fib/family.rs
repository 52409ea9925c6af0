//! The routes of one address family, in parts that copies share.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::{Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

/// A block of addresses, and the part of a table that it belongs to.
pub(super) trait Block: prefix_trie::Prefix + Copy {
    /// The leading bits that name the part; `None` for a block that spans several.
    fn part(&self) -> Option<u16>;
}

/// By /8: the part of a global table that an update copies has some thousand routes.
impl Block for Ipv4Net {
    fn part(&self) -> Option<u16> {
        (self.prefix_len() >= 8).then(|| u16::from(self.addr().octets()[0]))
    }
}

/// By /16.
impl Block for Ipv6Net {
    fn part(&self) -> Option<u16> {
        (self.prefix_len() >= 16).then(|| self.addr().segments()[0])
    }
}

/// Numbers by block. `Clone` costs two pointers; a write copies the part that it changes and a pointer for each other.
#[derive(Clone, Debug)]
pub(super) struct Family<B: Block> {
    /// Blocks that span several parts.
    short: Arc<PrefixMap<B, u32>>,
    parts: Arc<BTreeMap<u16, Arc<PrefixMap<B, u32>>>>,
}

impl<B: Block> Default for Family<B> {
    fn default() -> Self {
        Self { short: Arc::new(PrefixMap::new()), parts: Arc::default() }
    }
}

impl<B: Block> Family<B> {
    /// Sets the number of a block, and returns what it was.
    pub(super) fn insert(&mut self, block: B, number: u32) -> Option<u32> {
        let map = match block.part() {
            None => &mut self.short,
            Some(part) => {
                Arc::make_mut(&mut self.parts).entry(part).or_insert_with(|| Arc::new(PrefixMap::new()))
            }
        };
        Arc::make_mut(map).insert(block, number)
    }

    /// Takes a block away, and returns what its number was.
    pub(super) fn remove(&mut self, block: B) -> Option<u32> {
        self.exact(block)?; // what is not there must not be copied for it
        let map = match block.part() {
            None => &mut self.short,
            Some(part) => Arc::make_mut(&mut self.parts).get_mut(&part)?,
        };
        Arc::make_mut(map).remove(&block)
    }

    /// The number of this very block.
    pub(super) fn exact(&self, block: B) -> Option<u32> {
        let map = match block.part() {
            None => &self.short,
            Some(part) => self.parts.get(&part)?,
        };
        map.get(&block).copied()
    }

    /// The longest block that holds `host`, which is a block of one address, and its number.
    pub(super) fn lookup(&self, host: &B) -> Option<(B, u32)> {
        let part = host.part().and_then(|part| self.parts.get(&part));
        let (block, number) = part.and_then(|map| map.get_lpm(host)).or_else(|| self.short.get_lpm(host))?;
        Some((block, *number))
    }

    /// All blocks: those that span several parts, then the others; each group in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (B, u32)> {
        let maps = std::iter::once(&self.short).chain(self.parts.values());
        maps.flat_map(|map| map.iter().map(|(block, number)| (block, *number)))
    }

    pub(super) fn len(&self) -> usize {
        self.short.len() + self.parts.values().map(|map| map.len()).sum::<usize>()
    }
}
