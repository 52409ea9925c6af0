//! From prefixes to a trie.

use std::ops::Range;

use super::address::Address;
use super::{BLOCK_BITS, Block, Kind, STEP, STRIDE, Step, Trie};

/// A prefix with its value; bits beyond its length are zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix<A> {
    pub(super) bits: A,
    pub(super) len: u8,
    pub(super) value: u32,
}

impl<A> Prefix<A> {
    fn len(&self) -> u32 {
        u32::from(self.len)
    }
}

/// Compiles one address family.
pub(super) fn trie<A: Address>(mut prefixes: Vec<Prefix<A>>, otherwise: u32) -> Trie<A> {
    prefixes.sort_by_key(|p| (p.bits, p.len)); // stable: of equal prefixes the last one stays last
    prefixes.dedup_by(|later, kept| {
        let same = (later.bits, later.len) == (kept.bits, kept.len);
        if same {
            kept.value = later.value;
        }
        same
    });
    // A default route comes first, and would leave no bits in common.
    let (outside, prefixes) = match prefixes.split_first() {
        Some((default, rest)) if default.len == 0 => (default.value, rest),
        _ => (otherwise, &prefixes[..]),
    };
    let shortest = prefixes.iter().map(Prefix::len).min().unwrap_or(0);
    let skip = common(prefixes).min(shortest).min(A::WIDTH - 1);
    let width = root_width(prefixes.len(), skip, A::WIDTH);
    let mask = A::mask(skip);
    let common = prefixes.first().map_or(A::ZERO, |p| p.bits & mask);
    let mut build = Builder::default();
    // The blocks of the root come first, whatever tables are inside.
    build.blocks.resize(blocks_of(width), Block::EMPTY);
    let runs = build.runs(prefixes, skip, width, outside);
    build.write(0, width, &runs);
    let Builder { mut blocks, mut entries, mut steps, mut values } = build;
    blocks.shrink_to_fit();
    entries.shrink_to_fit();
    steps.shrink_to_fit();
    values.shrink_to_fit();
    Trie { common, mask, skip, outside, width, blocks, entries, steps, values }
}

/// How many leading bits sorted prefixes share, whatever their lengths.
fn common<A: Address>(prefixes: &[Prefix<A>]) -> u32 {
    match prefixes {
        [first, .., last] => first.bits.common(last.bits),
        [only] => only.len(),
        [] => 0,
    }
}

/// The width of the root. A small table may have up to 128 slots for each prefix, or 32 bytes (only those that are met
/// take room in a cache), a large one 16. At most 4 MiB.
fn root_width(prefixes: usize, from: u32, address: u32) -> u32 {
    let log = prefixes.next_power_of_two().ilog2();
    aligned_width(from, (log + 7).min((log + 4).max(17)).min(24), address)
}

/// The width of an inner table: up to 32 slots for each prefix, or 8 bytes.
fn inner_width(prefixes: usize, from: u32, address: u32) -> u32 {
    aligned_width(from, (prefixes.next_power_of_two().ilog2() + 4).min(20), address)
}

/// A width of about `want` bits that ends on a multiple of four, so that steps end where most prefixes do (/24, /32,
/// /48, /64, /128); at least one block.
fn aligned_width(from: u32, want: u32, address: u32) -> u32 {
    let end = (from + want + STRIDE / 2) / STRIDE * STRIDE;
    end.min(address).saturating_sub(from).max(BLOCK_BITS)
}

fn blocks_of(width: u32) -> usize {
    1 << (width - BLOCK_BITS)
}

/// Below this number of prefixes a step with ranks is better than an inner table.
const WIDE_FROM: usize = 64;

/// Shared bits are worth a comparison from two steps on.
const SAME_FROM: u32 = 2 * STRIDE;

#[derive(Default)]
struct Builder {
    blocks: Vec<Block>,
    entries: Vec<u32>,
    steps: Vec<Step>,
    values: Vec<u32>,
}

/// What stands in one of sixteen slots.
#[derive(Clone, PartialEq)]
enum Child {
    Value(u32),
    /// The prefixes of the slot that are longer than the step, and the value around them.
    Longer(Range<usize>, u32),
}

/// Slots from the first one on hold the entry, until the next run begins.
struct Run {
    first: usize,
    entry: u32,
}

impl Builder {
    /// What a table of `1 << width` slots for the bits from `from` on holds; longer prefixes become steps. No prefix is
    /// shorter than `from`.
    fn runs<A: Address>(&mut self, prefixes: &[Prefix<A>], from: u32, width: u32, around: u32) -> Vec<Run> {
        let mut runs = vec![Run { first: 0, entry: around }];
        // The prefixes that hold the place, each with the slot after its last and its value; the innermost is last.
        let mut holding = vec![(1 << width, around)];
        let mut i = 0;
        while let Some(prefix) = prefixes.get(i) {
            let slot = (prefix.bits << from).leading(width);
            leave(&mut holding, slot, &mut runs);
            if prefix.len() <= from + width {
                runs.push(Run { first: slot, entry: prefix.value });
                holding.push((slot + (1 << (from + width - prefix.len())), prefix.value));
                i += 1;
                continue;
            }
            // In sorted order, a prefix that covers the slot came before those inside it, and these follow one another.
            let inside = run(&prefixes[i..], |p| (p.bits << from).leading(width) == slot);
            let value = holding.last().expect("the table holds every slot").1;
            let step = self.step();
            self.fill(step, &prefixes[i..i + inside], from + width, value);
            runs.push(Run { first: slot, entry: STEP | step as u32 });
            holding.push((slot + 1, value));
            i += inside;
        }
        leave(&mut holding, 1 << width, &mut runs);
        runs
    }

    /// Writes blocks from `base` on. Of runs that begin at the same slot the last one counts.
    fn write(&mut self, base: usize, width: u32, runs: &[Run]) {
        let mut runs = runs.iter().peekable();
        let mut entry = 0;
        for block in 0..blocks_of(width) {
            let first = block << BLOCK_BITS;
            while let Some(run) = runs.next_if(|r| r.first == first) {
                entry = run.entry;
            }
            if self.entries.last() != Some(&entry) {
                self.entries.push(entry);
            }
            let place = self.entries.len() - 1;
            let mut changes = 0;
            while let Some(run) = runs.next_if(|r| r.first < first + (1 << BLOCK_BITS)) {
                let last_here = runs.peek().is_none_or(|next| next.first != run.first);
                if last_here && run.entry != entry {
                    entry = run.entry;
                    changes |= 1 << (run.first - first);
                    self.entries.push(entry);
                }
            }
            self.blocks[base + block] = Block { changes, base: place as u32 };
        }
    }

    /// Writes the step for prefixes that are all longer than `from`.
    fn fill<A: Address>(&mut self, at: usize, prefixes: &[Prefix<A>], from: u32, around: u32) {
        let same = same_bits(prefixes, from);
        self.steps[at] = if same >= SAME_FROM {
            self.same(prefixes, from, same, around)
        } else if prefixes.len() >= WIDE_FROM {
            let width = inner_width(prefixes.len(), from, A::WIDTH);
            let runs = self.runs(prefixes, from, width, around);
            let base = self.blocks.len();
            self.blocks.resize(base + blocks_of(width), Block::EMPTY);
            self.write(base, width, &runs);
            Step { word: 0, base: base as u32, kind: Kind::Wide, bits: width as u8 }
        } else {
            self.ranked(prefixes, from, around)
        };
    }

    fn same<A: Address>(&mut self, prefixes: &[Prefix<A>], from: u32, bits: u32, around: u32) -> Step {
        let base = self.step();
        let differs = self.step();
        self.steps[differs] = self.last_of_one(around);
        self.fill(base, prefixes, from + bits, around);
        let word = (prefixes[0].bits << from).first_word();
        Step { word, base: base as u32, kind: Kind::Same, bits: bits as u8 }
    }

    fn ranked<A: Address>(&mut self, prefixes: &[Prefix<A>], from: u32, around: u32) -> Step {
        let slots = children(prefixes, from, around);
        let (word, distinct) = ranks(&slots);
        if let Some(values) = all_values(&distinct) {
            let base = self.values.len() as u32;
            self.values.extend(values);
            return Step { word, base, kind: Kind::Last, bits: 0 };
        }
        let base = self.steps.len();
        self.steps.resize(base + distinct.len(), Step::EMPTY);
        for (rank, child) in distinct.into_iter().enumerate() {
            match child {
                Child::Value(value) => self.steps[base + rank] = self.last_of_one(value),
                Child::Longer(range, around) => {
                    self.fill(base + rank, &prefixes[range], from + STRIDE, around);
                }
            }
        }
        Step { word, base: base as u32, kind: Kind::Inner, bits: 0 }
    }

    /// A step that leads to one value whatever follows.
    fn last_of_one(&mut self, value: u32) -> Step {
        self.values.push(value);
        Step { word: 0, base: self.values.len() as u32 - 1, kind: Kind::Last, bits: 0 }
    }

    /// Room for a step, by position.
    fn step(&mut self) -> usize {
        self.steps.push(Step::EMPTY);
        self.steps.len() - 1
    }
}

/// Ends the prefixes that do not hold `slot`: what is around them goes on.
fn leave(holding: &mut Vec<(usize, u32)>, slot: usize, runs: &mut Vec<Run>) {
    while let Some((end, _)) = holding.pop_if(|(end, _)| *end <= slot) {
        if let Some((_, around)) = holding.last() {
            runs.push(Run { first: end, entry: *around });
        }
    }
}

impl Block {
    /// Stands where a block will be written.
    const EMPTY: Self = Self { changes: 0, base: 0 };
}

impl Step {
    /// Stands where a step will be written.
    const EMPTY: Self = Self { word: 0, base: 0, kind: Kind::Last, bits: 0 };
}

/// How many bits after `from` all prefixes share while each is still longer; at most 60, and whole steps.
fn same_bits<A: Address>(prefixes: &[Prefix<A>], from: u32) -> u32 {
    let shared = common(prefixes) - from;
    if shared < SAME_FROM {
        return 0; // the common case needs no look at every length
    }
    let shortest = prefixes.iter().map(Prefix::len).min().expect("a step has prefixes");
    let same = shared.min(shortest - 1 - from).min(60);
    same - same % STRIDE
}

/// What stands in each of the sixteen slots after `from`.
fn children<A: Address>(prefixes: &[Prefix<A>], from: u32, around: u32) -> [Child; 16] {
    let mut slots = [const { Child::Value(0) }; 16];
    slots.fill(Child::Value(around));
    let mut i = 0;
    while let Some(prefix) = prefixes.get(i) {
        let slot = (prefix.bits << from).leading(STRIDE);
        if prefix.len() <= from + STRIDE {
            let covered = 1 << (from + STRIDE - prefix.len());
            slots[slot..][..covered].fill(Child::Value(prefix.value));
            i += 1;
            continue;
        }
        let inside = run(&prefixes[i..], |p| (p.bits << from).leading(STRIDE) == slot);
        let Child::Value(around) = slots[slot] else { unreachable!("prefixes of a slot follow one another") };
        slots[slot] = Child::Longer(i..i + inside, around);
        i += inside;
    }
    slots
}

/// The rank of each slot's child as four bits, and the distinct children in the order of their ranks.
fn ranks(slots: &[Child; 16]) -> (u64, Vec<Child>) {
    let mut distinct: Vec<Child> = Vec::with_capacity(16);
    let mut word = 0;
    for (slot, child) in slots.iter().enumerate() {
        let rank = distinct.iter().position(|c| c == child).unwrap_or_else(|| {
            distinct.push(child.clone());
            distinct.len() - 1
        });
        word |= (rank as u64) << (slot as u32 * STRIDE);
    }
    (word, distinct)
}

fn all_values(children: &[Child]) -> Option<Vec<u32>> {
    children.iter().map(|c| if let Child::Value(v) = c { Some(*v) } else { None }).collect()
}

/// How many prefixes at the front the predicate holds for.
fn run<A>(prefixes: &[Prefix<A>], holds: impl Fn(&Prefix<A>) -> bool) -> usize {
    prefixes.iter().position(|p| !holds(p)).unwrap_or(prefixes.len())
}
