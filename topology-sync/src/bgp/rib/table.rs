//! The routes of one address family of one peer.
//!
//! Routes bear the generation in which they were last announced. When a session is lost a new generation begins, and
//! what is of an older one is *stale*; when the peer has told all its routes again, the stale ones are dead at once, and
//! are swept away a few at a time as others come. So neither event costs anything per route.

use std::collections::BTreeSet;

use hashbrown::HashTable;

use super::interner::Interner;
use super::prefix::Key;

/// Routes that are looked at for each that comes while dead ones are left.
const SWEPT_PER_CHANGE: usize = 4;

/// One family's routes. `L` is the label, or nothing.
#[derive(Clone, Debug)]
pub(super) struct Table<K, L> {
    routes: Vec<Route<K, L>>,
    index: HashTable<u32>,
    /// The keys that bear a path identifier, so that the paths of one prefix are found.
    paths: BTreeSet<K>,
    generation: u32,
    /// What is of an older generation is dead.
    floor: u32,
    /// Routes that are stale but not dead.
    stale: usize,
    dead: usize,
    /// Where the sweep goes on.
    swept: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Route<K, L> {
    pub(super) key: K,
    pub(super) label: L,
    pub(super) attributes: u32,
    generation: u32,
}

impl<K, L> Default for Table<K, L> {
    fn default() -> Self {
        Self {
            routes: Vec::new(),
            index: HashTable::new(),
            paths: BTreeSet::new(),
            generation: 0,
            floor: 0,
            stale: 0,
            dead: 0,
            swept: 0,
        }
    }
}

impl<K: Key, L: Copy> Table<K, L> {
    /// Adds or replaces a route; `attributes` counts as one use.
    pub(super) fn announce(&mut self, key: K, label: L, attributes: u32, sets: &mut Interner) {
        let route = Route { key, label, attributes, generation: self.generation };
        let hash = key.hash();
        match self.index.find(hash, |&n| self.routes[n as usize].key == key) {
            Some(&n) => {
                let before = std::mem::replace(&mut self.routes[n as usize], route);
                sets.release(before.attributes);
                self.uncount(before.generation);
            }
            None => {
                let Self { routes, index, .. } = self;
                index.insert_unique(hash, routes.len() as u32, |&n| routes[n as usize].key.hash());
                routes.push(route);
                if key.path_id() != 0 {
                    self.paths.insert(key);
                }
            }
        }
        self.sweep(SWEPT_PER_CHANGE, sets);
    }

    /// Removes a route, if there is one.
    pub(super) fn withdraw(&mut self, key: K, sets: &mut Interner) {
        if let Some(&n) = self.index.find(key.hash(), |&n| self.routes[n as usize].key == key) {
            self.remove(n as usize, sets);
        }
        self.sweep(SWEPT_PER_CHANGE, sets);
    }

    /// From now on all that is there is stale, until it is announced again.
    pub(super) fn mark_stale(&mut self) {
        self.stale = self.routes.len() - self.dead;
        self.generation += 1;
    }

    /// What is stale is no more.
    pub(super) fn end_of_rib(&mut self) {
        self.floor = self.generation;
        self.dead += std::mem::take(&mut self.stale);
    }

    /// How many routes there are, stale ones included.
    pub(super) fn len(&self) -> usize {
        self.routes.len() - self.dead
    }

    /// How many of them are stale.
    pub(super) fn stale(&self) -> usize {
        self.stale
    }

    /// The routes with whether they are stale, in no particular order that depends on anything but the input.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Route<K, L>, bool)> {
        let live = self.routes.iter().filter(|r| r.generation >= self.floor);
        live.map(|r| (r, r.generation < self.generation))
    }

    /// The routes whose keys differ from this one, which bears no path identifier, in that alone.
    pub(super) fn paths(&self, key: K) -> impl Iterator<Item = (&Route<K, L>, bool)> {
        let keys = std::iter::once(key).chain(self.paths.range(key..=key.last_path()).copied());
        let live = keys.filter_map(|key| self.get(key)).filter(|r| r.generation >= self.floor);
        live.map(|r| (r, r.generation < self.generation))
    }

    fn get(&self, key: K) -> Option<&Route<K, L>> {
        let found = self.index.find(key.hash(), |&n| self.routes[n as usize].key == key);
        found.map(|&n| &self.routes[n as usize])
    }

    /// Looks at up to so many routes for dead ones, and frees them. Costs nothing while there are none.
    pub(super) fn sweep(&mut self, routes: usize, sets: &mut Interner) {
        for _ in 0..routes {
            if self.dead == 0 {
                return;
            }
            if self.swept >= self.routes.len() {
                self.swept = 0;
            }
            if self.routes[self.swept].generation < self.floor {
                self.remove(self.swept, sets); // another one takes its place
            } else {
                self.swept += 1;
            }
        }
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        let path = size_of::<K>() * 3 / 2; // nodes of a tree are two thirds full
        self.routes.capacity() * size_of::<Route<K, L>>()
            + self.index.allocation_size()
            + self.paths.len() * path
    }

    fn remove(&mut self, n: usize, sets: &mut Interner) {
        let route = self.routes.swap_remove(n);
        if route.key.path_id() != 0 {
            self.paths.remove(&route.key);
        }
        unlist(&mut self.index, route.key.hash(), n);
        if let Some(moved) = self.routes.get(n) {
            let hash = moved.key.hash();
            unlist(&mut self.index, hash, self.routes.len());
            let Self { routes, index, .. } = self;
            index.insert_unique(hash, n as u32, |&n| routes[n as usize].key.hash());
        }
        sets.release(route.attributes);
        self.uncount(route.generation);
    }

    /// A route of this generation is gone.
    fn uncount(&mut self, generation: u32) {
        if generation < self.floor {
            self.dead -= 1;
        } else if generation < self.generation {
            self.stale -= 1;
        }
    }
}

fn unlist(index: &mut HashTable<u32>, hash: u64, number: usize) {
    if let Ok(entry) = index.find_entry(hash, |&n| n as usize == number) {
        entry.remove();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ipnet::Ipv4Net;
    use proptest::prelude::*;

    use super::super::prefix::Net4;
    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Announce(u8, u8),
        Withdraw(u8),
        Stale,
        EndOfRib,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (0u8..20, 0u8..4).prop_map(|(k, v)| Step::Announce(k, v)),
            4 => (0u8..20).prop_map(Step::Withdraw),
            1 => Just(Step::Stale),
            1 => Just(Step::EndOfRib),
        ]
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_plain_map(steps in prop::collection::vec(step(), 0..200)) {
            let (mut table, mut sets) = (Table::<Net4, ()>::default(), Interner::default());
            let mut plain = BTreeMap::<u8, (u8, bool)>::new();
            let key = |k: u8| Net4::new(Ipv4Net::new([10, k, 0, 0].into(), 16).unwrap(), Some(u32::from(k) % 3));
            for step in steps {
                match step {
                    Step::Announce(k, v) => {
                        let attributes = sets.take(&[v]);
                        table.announce(key(k), (), attributes, &mut sets);
                        plain.insert(k, (v, false));
                    }
                    Step::Withdraw(k) => {
                        table.withdraw(key(k), &mut sets);
                        plain.remove(&k);
                    }
                    Step::Stale => {
                        table.mark_stale();
                        plain.values_mut().for_each(|v| v.1 = true);
                    }
                    Step::EndOfRib => {
                        table.end_of_rib();
                        plain.retain(|_, v| !v.1);
                    }
                }
                let mut got: Vec<_> = table.iter().map(|(r, s)| (r.key, sets.get(r.attributes)[0], s)).collect();
                got.sort();
                let mut expected: Vec<_> = plain.iter().map(|(k, v)| (key(*k), v.0, v.1)).collect();
                expected.sort();
                prop_assert_eq!(got, expected);
                prop_assert_eq!(table.len(), plain.len());
                prop_assert_eq!(table.stale(), plain.values().filter(|v| v.1).count());
            }
            table.sweep(10_000, &mut sets);
            prop_assert_eq!(table.dead, 0);
            let used: std::collections::BTreeSet<u8> = plain.values().map(|v| v.0).collect();
            prop_assert_eq!(sets.len(), used.len(), "every set of attributes that is not used is freed");
        }
    }
}
