//! Byte strings kept once each, counted, and freed together.
//!
//! All strings lie in one buffer, so that a million of them are dropped in the time of a few.

use hashbrown::HashTable;

use super::prefix::mix;

/// Strings by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Interner {
    bytes: Vec<u8>,
    strings: Vec<Interned>,
    /// Numbers that are free.
    free: Vec<u32>,
    index: HashTable<u32>,
    /// Bytes of strings that nobody uses.
    unused: usize,
    /// The number that was given out last: updates in a row often bear the same attributes.
    last: u32,
}

#[derive(Clone, Copy, Debug)]
struct Interned {
    start: usize,
    length: u32,
    uses: u32,
}

fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let hashed = words.iter().fold(bytes.len() as u64, |h, word| mix(h, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hashed, u64::from_le_bytes(last))
}

impl Interner {
    /// The number of a string, with one more use.
    pub(super) fn take(&mut self, bytes: &[u8]) -> u32 {
        if self.strings.get(self.last as usize).is_some_and(|s| s.uses > 0) && self.get(self.last) == bytes {
            self.strings[self.last as usize].uses += 1;
            return self.last;
        }
        let hash = hash(bytes);
        let found = self.index.find(hash, |&n| self.get(n) == bytes).copied();
        self.last = match found {
            Some(number) => {
                self.strings[number as usize].uses += 1;
                number
            }
            None => self.add(hash, bytes),
        };
        self.last
    }

    /// One use less.
    pub(super) fn release(&mut self, number: u32) {
        let string = &mut self.strings[number as usize];
        string.uses -= 1;
        if string.uses > 0 {
            return;
        }
        self.unused += string.length as usize;
        if let Ok(entry) = self.index.find_entry(hash(self.get(number)), |&n| n == number) {
            entry.remove();
        }
        self.free.push(number);
        if self.unused > self.bytes.len() / 2 && self.unused > 1 << 16 {
            self.compact();
        }
    }

    /// The string of a number that is in use.
    pub(super) fn get(&self, number: u32) -> &[u8] {
        let string = self.strings[number as usize];
        &self.bytes[string.start..string.start + string.length as usize]
    }

    /// How many strings there are.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
            + self.strings.capacity() * size_of::<Interned>()
            + self.free.capacity() * 4
            + self.index.allocation_size()
    }

    fn add(&mut self, hash: u64, bytes: &[u8]) -> u32 {
        let string = Interned { start: self.bytes.len(), length: bytes.len() as u32, uses: 1 };
        self.bytes.extend_from_slice(bytes);
        let number = match self.free.pop() {
            Some(number) => {
                self.strings[number as usize] = string;
                number
            }
            None => {
                self.strings.push(string);
                (self.strings.len() - 1) as u32
            }
        };
        let Self { index, strings, bytes, .. } = self;
        index.insert_unique(hash, number, |&n| {
            let s = strings[n as usize];
            self::hash(&bytes[s.start..s.start + s.length as usize])
        });
        number
    }

    /// Leaves out the strings that nobody uses. Its cost is that of the strings added since the last time.
    fn compact(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.unused);
        for string in self.strings.iter_mut().filter(|s| s.uses > 0) {
            let start = bytes.len();
            bytes.extend_from_slice(&self.bytes[string.start..string.start + string.length as usize]);
            string.start = start;
        }
        (self.bytes, self.unused) = (bytes, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_agrees_with_a_map_of_counts(steps in prop::collection::vec((any::<bool>(), 0u32..6), 0..200)) {
            let (mut interner, mut counts) = (Interner::default(), BTreeMap::<u32, (u32, u32)>::new());
            for (take, n) in steps {
                let text = format!("{n}{}", "x".repeat(n as usize * 20_000));
                if take {
                    let number = interner.take(text.as_bytes());
                    let entry = counts.entry(n).or_insert((number, 0));
                    prop_assert_eq!(entry.0, number);
                    entry.1 += 1;
                } else if let Some(entry) = counts.get_mut(&n) {
                    interner.release(entry.0);
                    entry.1 -= 1;
                    if entry.1 == 0 {
                        counts.remove(&n);
                    }
                }
                prop_assert_eq!(interner.len(), counts.len());
                for (n, (number, _)) in &counts {
                    let text = format!("{n}{}", "x".repeat(*n as usize * 20_000));
                    prop_assert_eq!(interner.get(*number), text.as_bytes());
                }
            }
        }
    }
}
