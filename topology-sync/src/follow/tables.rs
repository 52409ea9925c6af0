//! Forwarding tables that go past the store: whose they are, and how they change.
//!
//! A node has the table of its kernel, where that is followed: it is what forwards. Else the one that fusion makes of what
//! a daemon or a tool prints; else, of a router that speaks BMP, the one that follows from what it has chosen there.

use std::collections::{BTreeMap, BTreeSet};

use twin::{Change, EntityKey};

use super::decode::Decoder;
use super::{Follower, Spec};
use crate::fuse::ways::Ways;

/// Who tells a table: the number of a source, and which node.
pub(super) type Teller = (u16, String);

impl Follower {
    /// Makes what fusion changed, and what became of the routes that go past it, changes of the twin.
    pub(super) fn take_changes(&mut self, fused: Vec<Change>) -> Vec<Change> {
        let moved = self.place_tables();
        let placed: BTreeSet<EntityKey> = self.routed.values().cloned().collect();
        let is_elsewhere = |node: &EntityKey| placed.contains(node) || moved.contains(node);
        // Fusion knows of these nodes' routes only those to their own addresses.
        let keep = |c: &Change| !matches!(c, Change::Fib { node, .. } if is_elsewhere(node));
        let mut changes: Vec<_> = fused.into_iter().filter(keep).collect();
        changes.iter().for_each(|change| self.twin.set(change));
        for node in moved.difference(&placed) {
            let (before, after) = (self.twin.fib(node).cloned(), self.fusion.twin().fib(node).cloned());
            if before != after {
                let change = Change::Fib { node: node.clone(), before, after };
                self.twin.set(&change);
                changes.push(change);
            }
        }
        let (ways, revision) = (Ways::of(&self.fusion, &self.store), self.fusion.revision());
        for (number, (spec, decoder)) in (0u16..).zip(&mut self.sources) {
            let mut take = |node: &EntityKey, changed: crate::changed::Changed| {
                let new = changed.into_changes(node, self.twin.fib(node));
                new.iter().for_each(|change| self.twin.set(change));
                changes.extend(new);
            };
            match decoder {
                Decoder::Kernel(kernel) => {
                    if let Some(node) = self.routed.get(&(number, spec.node.clone())) {
                        take(node, kernel.routes_mut().changed(node));
                    }
                }
                Decoder::Bmp(station) => {
                    for (name, speaker) in station.speakers_mut() {
                        match self.routed.get(&(number, name.clone())) {
                            Some(node) => take(node, speaker.changed(revision, || ways.routes(name))),
                            None => speaker.forget(),
                        }
                    }
                }
                _ => {}
            }
        }
        changes
    }

    /// Finds whose tables stand in the twin now, and under which keys; those under which one stood that does not any more.
    /// A node's key changes where it is identified better.
    fn place_tables(&mut self) -> BTreeSet<EntityKey> {
        let placed = self.places();
        let mut moved = std::mem::take(&mut self.news.unrouted);
        for (teller, key) in &self.routed {
            if placed.get(teller) != Some(key) {
                moved.insert(key.clone());
            }
        }
        for (teller, key) in &placed {
            if self.routed.get(teller) != Some(key) {
                let (number, name) = teller;
                match self.sources.get_mut(usize::from(*number)) {
                    Some((_, Decoder::Kernel(kernel))) => kernel.routes_mut().forget(),
                    Some((_, Decoder::Bmp(station))) => station.forget(name),
                    _ => {}
                }
            }
        }
        self.routed = placed;
        moved
    }

    fn places(&self) -> BTreeMap<Teller, EntityKey> {
        let ways = Ways::of(&self.fusion, &self.store);
        let key = |name: &str| {
            self.fusion.node_key(name).filter(|key| self.fusion.twin().entity(key).is_some()).cloned()
        };
        let sources = || (0u16..).zip(&self.sources);
        let chosen: Vec<(u16, &String)> = sources()
            .filter_map(|(number, (_, decoder))| match decoder {
                Decoder::Bmp(station) => Some((number, station)),
                _ => None,
            })
            .flat_map(|(number, station)| station.deciding().map(move |name| (number, name)))
            .filter(|(_, name)| !ways.is_told(name))
            .collect();
        // A kernel that was never read leaves its node to BMP.
        let reads = |spec: &Spec, decoder: &Decoder| match decoder {
            Decoder::Kernel(kernel) => {
                kernel.routes().is_known() || !chosen.iter().any(|(_, name)| **name == spec.node)
            }
            _ => false,
        };
        let kernels = sources().filter(|(_, (spec, decoder))| reads(spec, decoder));
        let kernels = kernels.map(|(number, (spec, _))| (number, &spec.node));
        let (mut placed, mut taken) = (BTreeMap::new(), BTreeSet::new());
        let tellers = kernels.map(|k| (true, k)).chain(chosen.iter().map(|c| (false, *c)));
        for (is_kernel, (number, name)) in tellers {
            let Some(key) = key(name) else { continue };
            if taken.insert(key.clone()) || is_kernel {
                placed.insert((number, name.clone()), key);
            }
        }
        placed
    }
}
