//! What inventories list, on the ground as it is now.

use std::collections::{BTreeMap, BTreeSet};

use twin::{Entity, EntityKind};

use super::super::emit::Emitted;
use super::super::inventory::{self, List};
use super::put::Edit;
use super::{Dirty, Fusion};
use crate::observation::{Observer, Topic};
use crate::store::Store;

impl Fusion {
    /// Whom an inventory means may change with anybody's words. Cost, where there is an inventory: its entries.
    pub(super) fn plan(
        &mut self,
        store: &Store,
        words: &BTreeMap<Observer, BTreeSet<Topic>>,
        dirty: &mut Dirty,
    ) {
        let mut changed = !dirty.nodes.is_empty() || !dirty.ports.is_empty();
        for observer in words.keys().filter(|o| matches!(o, Observer::List(_))) {
            let list = List::of(store, observer, self.now);
            changed |= self.lists.get(observer) != Some(&list);
            self.lists.insert(observer.clone(), list);
        }
        if self.lists.is_empty() || !changed {
            return;
        }
        let planned = inventory::plan(&mut self.ground, &self.lists);
        let (nodes, ports) = self.ground.inventory.differences(&planned.inventory);
        dirty.ports.extend(nodes.iter().flat_map(|n| self.ground.nodes[*n].ports.values()));
        dirty.ports.extend(ports);
        dirty.nodes.extend(nodes);
        self.ground.inventory = planned.inventory;
        let known = std::mem::take(&mut self.planned);
        let known = known.iter().map(|(claim, id)| (claim, *id));
        let places: Vec<_> = planned.claims.iter().map(|c| self.ground.place(c)).collect();
        let ids = self.ground.exchange(known, &planned.claims, &places, &mut dirty.ports);
        self.planned = planned.claims.into_iter().zip(ids).collect();
        self.unplanned = planned.findings;
    }

    /// The sites of the nodes that are in the twin.
    pub(super) fn put_sites(&mut self, edit: &mut Edit) {
        if self.lists.is_empty() {
            return;
        }
        edit.forget(std::mem::take(&mut self.sites));
        let is_there = |node| self.units.get(&node).is_some_and(|u| !u.entities.is_empty());
        let site = |(ordinal, name): (u32, &str)| Entity {
            key: inventory::site_key(name),
            name: name.to_owned(),
            ordinal,
            parent: None,
            aliases: Vec::new(),
            kind: EntityKind::Site { location: None },
        };
        let entities = (0..).zip(self.ground.inventory.sites(is_there)).map(site).collect();
        self.sites = edit.put(Emitted { entities, ..Emitted::default() });
    }
}
