//! The network as the hot loops want it: arcs in *slots*, so that the next hops of a node are bits of one word.

use twin::{ArcId, Csr, NodeId};

use super::super::cost;

/// Arcs numbered anew, the outgoing ones of a node side by side. A node whose arcs fit into a word has them in one; one
/// with more than 64 has words of its own. So slots have gaps; self-loops, which never carry anything, have none.
///
/// A *row* is a set of slots, [`words`](Self::words) words long: the next hops of all nodes to one destination.
#[derive(Debug)]
pub(super) struct Graph {
    /// By node: its first word and the one behind its last, and its bits in them.
    span: Vec<(u32, u32)>,
    mask: Vec<u64>,
    /// By slot.
    pub(super) tail: Vec<u32>,
    pub(super) head: Vec<u32>,
    pub(super) cost: Vec<u32>,
    pub(super) arc: Vec<ArcId>,
    /// The least cost of an arc.
    pub(super) least_cost: u64,
    /// By node: slots that lead to it.
    in_start: Vec<u32>,
    in_slots: Vec<u32>,
    /// By arc; [`NO_SLOT`] for a self-loop.
    slot: Vec<u32>,
    /// The slots without an arc, as a row.
    pub(super) gaps: Vec<u64>,
}

const NO_SLOT: u32 = u32::MAX;

impl Graph {
    pub(super) fn new(csr: &Csr) -> Self {
        let n = csr.node_count();
        let mut graph = Self {
            span: Vec::with_capacity(n),
            mask: Vec::with_capacity(n),
            tail: Vec::new(),
            head: Vec::new(),
            cost: Vec::new(),
            arc: Vec::new(),
            least_cost: (0..csr.arc_count()).map(|arc| cost(csr, ArcId::new(arc))).min().unwrap_or(1),
            in_start: vec![0; n + 1],
            in_slots: Vec::new(),
            slot: vec![NO_SLOT; csr.arc_count()],
            gaps: Vec::new(),
        };
        let mut next = 0;
        for node in (0..n).map(NodeId::new) {
            next = graph.place(csr, node, next);
        }
        graph.resize(next.next_multiple_of(64));
        graph.gaps = vec![u64::MAX; graph.words()];
        graph.slot.iter().filter(|s| **s != NO_SLOT).for_each(|s| take(&mut graph.gaps, *s as usize));
        for node in (0..n).map(NodeId::new) {
            let slots = csr.arcs_in(node).iter().map(|arc| graph.slot[arc.index()]);
            graph.in_slots.extend(slots.filter(|slot| *slot != NO_SLOT));
            graph.in_start[node.index() + 1] = graph.in_slots.len() as u32;
        }
        graph
    }

    /// Gives the arcs of a node the slots from `next` on, and says which comes after them.
    fn place(&mut self, csr: &Csr, node: NodeId, next: usize) -> usize {
        let arcs: Vec<_> = csr.arcs_out(node).iter().filter(|a| csr.dst[a.index()] != node).collect();
        let fits = next % 64 + arcs.len() <= 64;
        let first = if fits { next } else { next.next_multiple_of(64) };
        self.resize(first + arcs.len());
        for (slot, &&arc) in (first..).zip(&arcs) {
            self.slot[arc.index()] = slot as u32;
            self.tail[slot] = node.0;
            self.head[slot] = csr.dst[arc.index()].0;
            self.cost[slot] = cost(csr, arc) as u32;
            self.arc[slot] = arc;
        }
        let end = (first + arcs.len()).div_ceil(64);
        let (span, mask, next) = match arcs.len() {
            0 => ((0, 0), 0, first),
            len @ 1..64 => ((first / 64, end), ((1 << len) - 1) << (first % 64), first + len),
            _ => ((first / 64, end), u64::MAX, 64 * end),
        };
        self.span.push((span.0 as u32, span.1 as u32));
        self.mask.push(mask);
        next
    }

    fn resize(&mut self, slots: usize) {
        self.tail.resize(slots, 0);
        self.head.resize(slots, 0);
        self.cost.resize(slots, 1);
        self.arc.resize(slots, ArcId(0));
    }

    /// How many words a row has.
    pub(super) fn words(&self) -> usize {
        self.arc.len() / 64
    }

    /// The slot of an arc, if it is of any use.
    pub(super) fn slot_of(&self, arc: ArcId) -> Option<u32> {
        let slot = self.slot[arc.index()];
        (slot != NO_SLOT).then_some(slot)
    }

    /// The slots that lead to a node, by ascending arc.
    #[inline]
    pub(super) fn slots_in(&self, node: u32) -> &[u32] {
        &self.in_slots[self.in_start[node as usize] as usize..self.in_start[node as usize + 1] as usize]
    }

    /// The words that hold a node's outgoing slots, with their index, and the bits that are its own.
    #[inline]
    pub(super) fn span(&self, node: u32) -> (std::ops::Range<usize>, u64) {
        let (from, to) = self.span[node as usize];
        (from as usize..to as usize, self.mask[node as usize])
    }

    /// The outgoing slots of a node that are in a row.
    #[inline]
    pub(super) fn each_out(&self, row: &[u64], node: u32, mut see: impl FnMut(usize)) {
        let (words, mask) = self.span(node);
        for word in words {
            each_bit(row[word] & mask, |bit| see(64 * word + bit));
        }
    }

    /// How many outgoing slots of a node are in a row.
    #[inline]
    pub(super) fn degree(&self, row: &[u64], node: u32) -> u32 {
        let (words, mask) = self.span(node);
        words.map(|word| count(row[word] & mask)).sum()
    }

    /// Whether the outgoing slots of a node are the same in both rows.
    #[inline]
    pub(super) fn same(&self, a: &[u64], b: &[u64], node: u32) -> bool {
        let (mut words, mask) = self.span(node);
        words.all(|word| (a[word] ^ b[word]) & mask == 0)
    }
}

/// How many bits a word has. One is by far the most common, and not every machine counts bits fast.
#[inline]
pub(super) fn count(bits: u64) -> u32 {
    if bits & bits.wrapping_sub(1) == 0 { u32::from(bits != 0) } else { bits.count_ones() }
}

/// The bits of a word, ascending.
#[inline]
pub(super) fn each_bit(mut bits: u64, mut see: impl FnMut(usize)) {
    while bits != 0 {
        see(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

/// Whether a set holds a number.
#[inline]
pub(super) fn has(set: &[u64], at: usize) -> bool {
    set[at / 64] >> (at % 64) & 1 != 0
}

/// Puts a number into a set.
#[inline]
pub(super) fn put(set: &mut [u64], at: usize) {
    set[at / 64] |= 1 << (at % 64);
}

/// Takes a number out of a set.
#[inline]
pub(super) fn take(set: &mut [u64], at: usize) {
    set[at / 64] &= !(1 << (at % 64));
}

/// The numbers in a set, ascending.
pub(super) fn members(set: &[u64]) -> impl Iterator<Item = usize> {
    set.iter().enumerate().flat_map(|(word, &bits)| {
        let next = |rest: &u64| Some(rest & (rest - 1)).filter(|b| *b != 0);
        std::iter::successors(Some(bits).filter(|b| *b != 0), next)
            .map(move |rest| 64 * word + rest.trailing_zeros() as usize)
    })
}
