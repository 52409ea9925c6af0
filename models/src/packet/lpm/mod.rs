//! Longest prefix match, compiled: made once from all prefixes, then only read.
//!
//! Two steps find almost every IPv4 address. The root cuts the first bits (24 of them in a large table) into blocks of 64
//! slots; a block keeps one bit for each slot whose entry differs from the one before, and the count of set bits up to
//! a slot is the place of its entry. That is the leaf vector of Poptrie (Asai & Ohara, SIGCOMM 2015, §3.3) with its direct
//! pointing (§3.4) in one: 900,000 routes take 11 MB, ten a few hundred bytes. An entry is a value or a step for the bits
//! that follow. A step takes four bits in 16 bytes: its sixteen slots share few distinct children, so it stores for each
//! slot the rank of its child instead of counting, because counting is one instruction only on processors newer than
//! those that a portable build may assume. Bits that all prefixes below a step share are one comparison (path
//! compression, as in LC-tries: Nilsson & Karlsson, JSAC 1999, §II), which keeps IPv6 shallow.
//!
//! Own code, because a look-up happens at every packet-hop: of the crates at hand `prefix-trie` (which holds the tables
//! of the twin) is made for tables that change and needs about five times as long, and `poptrie` has no direct pointing,
//! walks every address from its first bit and is no faster than `prefix-trie`. `benches/criterion/forwarding.rs`
//! measures.

mod address;
mod build;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ipnet::IpNet;

use address::{Address, of_v4};
use build::Prefix;

/// Longest prefix match over IPv4 and IPv6 with 31-bit values. It cannot be changed, only compiled anew.
#[derive(Clone, Debug)]
pub struct Lpm {
    v4: Trie<u64>,
    v6: Trie<u128>,
}

impl Lpm {
    /// The largest value of a prefix.
    pub const MAX_VALUE: u32 = STEP - 1;

    /// Compiles prefixes with their values; host bits are cleared, and of equal prefixes the last one counts. An address
    /// under none of them has the value `otherwise`. Cost: one sort (little if they come in order) and one pass; about
    /// 0.1 µs for each prefix.
    ///
    /// # Panics
    /// If a value is larger than [`Lpm::MAX_VALUE`].
    pub fn compile(prefixes: impl IntoIterator<Item = (IpNet, u32)>, otherwise: u32) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (net, value) in prefixes {
            assert!(value <= Self::MAX_VALUE, "a value of a prefix has at most 31 bits");
            let len = net.prefix_len();
            match net.network() {
                IpAddr::V4(ip) => v4.push(Prefix { bits: of_v4(ip), len, value }),
                IpAddr::V6(ip) => v6.push(Prefix { bits: u128::from(ip), len, value }),
            }
        }
        assert!(otherwise <= Self::MAX_VALUE, "the value of a miss has at most 31 bits");
        Self { v4: build::trie(v4, otherwise), v6: build::trie(v6, otherwise) }
    }

    /// The value of the longest prefix that holds the address. No allocation; one block, and what is longer than the
    /// bits of the root takes a step for each four bits more.
    #[inline]
    pub fn lookup(&self, ip: IpAddr) -> u32 {
        match ip {
            IpAddr::V4(ip) => self.v4.lookup(of_v4(ip)),
            IpAddr::V6(ip) => self.v6.lookup(u128::from(ip)),
        }
    }

    /// The memory of the compiled tables, in bytes.
    pub fn bytes(&self) -> usize {
        self.v4.bytes() + self.v6.bytes()
    }
}

/// An entry with this bit names a step; without it, it is a value.
const STEP: u32 = 1 << 31;

/// The trie of one address family.
#[derive(Clone, Debug)]
struct Trie<A> {
    /// The leading bits that all prefixes share (but for a default route), with the mask that selects them.
    common: A,
    mask: A,
    skip: u32,
    /// The value where an address has other leading bits.
    outside: u32,
    /// Bits that the root takes after the shared ones; its blocks are the first ones.
    width: u32,
    blocks: Vec<Block>,
    /// What the slots of blocks hold.
    entries: Vec<u32>,
    steps: Vec<Step>,
    values: Vec<u32>,
}

/// 64 slots of a table, of which runs hold the same entry.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// The slots (the first in the lowest place, and never set) whose entry is not that of the slot before.
    changes: u64,
    /// The entry of the first slot; that of each further run follows it.
    base: u32,
}

/// Bits of an address that a block tells apart.
const BLOCK_BITS: u32 = 6;

/// One step of the trie: which child follows the next bits of an address.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// For sixteen slots of four bits, the first in the lowest place: the rank of the child. In [`Kind::Same`] the bits to
    /// compare, left-aligned.
    word: u64,
    /// Where the children begin, in the array that the kind names.
    base: u32,
    kind: Kind,
    /// How many bits [`Kind::Same`] compares or [`Kind::Wide`] takes.
    bits: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Takes four bits; the children are values.
    Last,
    /// Takes four bits; the children are steps.
    Inner,
    /// Compares bits with `word`; if they are the same the first child follows, else the second one.
    Same,
    /// Takes bits as the number of a slot in a table of blocks: where many prefixes share leading bits.
    Wide,
}

const _: () = assert!(size_of::<Step>() == 16 && size_of::<Block>() == 16);

/// Bits that a step with ranks takes.
const STRIDE: u32 = 4;

impl<A: Address> Trie<A> {
    #[inline]
    fn lookup(&self, address: A) -> u32 {
        if (address ^ self.common) & self.mask != A::ZERO {
            return self.outside;
        }
        let rest = address << self.skip;
        let entry = self.entry(0, rest.leading(self.width));
        if entry < STEP { entry } else { self.walk(entry - STEP, rest << self.width) }
    }

    /// What a slot of a table of blocks holds.
    #[inline]
    fn entry(&self, base: usize, slot: usize) -> u32 {
        let block = self.blocks[base + (slot >> BLOCK_BITS)];
        let up_to_slot = u64::MAX >> (63 - slot as u32 % 64);
        self.entries[block.base as usize + (block.changes & up_to_slot).count_ones() as usize]
    }

    /// From a step on, with the bits that are still to be looked at.
    #[inline]
    fn walk(&self, step: u32, mut rest: A) -> u32 {
        let mut at = step as usize;
        loop {
            let step = &self.steps[at];
            let base = step.base as usize;
            let child = base + (step.word >> (rest.leading(STRIDE) as u32 * STRIDE) & 15) as usize;
            let bits = u32::from(step.bits);
            match step.kind {
                Kind::Last => return self.values[child],
                Kind::Inner => {
                    at = child;
                    rest = rest << STRIDE;
                }
                Kind::Same => {
                    let differs = (rest.first_word() ^ step.word) >> (64 - bits) != 0;
                    at = base + usize::from(differs);
                    rest = rest << bits;
                }
                Kind::Wide => {
                    let entry = self.entry(base, rest.leading(bits));
                    if entry < STEP {
                        return entry;
                    }
                    at = (entry - STEP) as usize;
                    rest = rest << bits;
                }
            }
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Block>() * self.blocks.len()
            + size_of::<Step>() * self.steps.len()
            + 4 * (self.entries.len() + self.values.len())
    }
}
