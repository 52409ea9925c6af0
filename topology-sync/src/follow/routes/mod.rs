//! The routes of one node's kernel, a million of them.
//!
//! As facts in the store, routes would take a kilobyte each. They are kept here instead as rows of some 40 bytes, and go to
//! the twin's forwarding table directly: [`Routes::changed`] says which prefixes must be looked at again and what they do
//! now. Links and next-hop objects are resolved at that moment, since they come and go without a word on the routes that
//! use them.

mod way;

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use twin::{EntityKey, Fib, NextHop, Route, RouteAction};

use self::way::{Hop, Object, Way};
use super::netlink::wire::{self, Message};
use super::pairs;
use crate::changed::Changed;

/// The routes of one kernel.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Routes {
    #[serde(with = "pairs")]
    rows: BTreeMap<Key, Row>,
    /// Distinct ways, by number. Numbers are not taken again: a table changes its ways far less often than its routes.
    ways: Vec<Way>,
    #[serde(skip)]
    numbers: BTreeMap<Way, u32>,
    #[serde(with = "pairs")]
    objects: BTreeMap<u32, (u32, Object)>,
    /// Interfaces: name, and whether what is sent to them leaves.
    #[serde(with = "pairs")]
    links: BTreeMap<u32, (String, bool)>,
    /// The number of readings that have begun, and whether the last of the routes goes on.
    generation: u32,
    reading: bool,
    /// Whether a reading was ever finished.
    #[serde(default)]
    known: bool,
    dirty: Dirty,
}

/// Which route: unique in a kernel but for IPv6, where several are one with several hops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    prefix: IpNet,
    /// In the order in which the kernel looks tables up.
    table: u8,
    metric: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    generation: u32,
    way: u32,
    /// Further routes of the same key (`ip route append`): used when the first goes.
    #[expect(
        clippy::box_collection,
        reason = "nearly always absent, a million times: 8 bytes instead of 24"
    )]
    more: Option<Box<Vec<u32>>>,
}

/// What must be looked at again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Dirty {
    all: bool,
    prefixes: BTreeSet<IpNet>,
}

impl Routes {
    /// The number of routes.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether the table was ever read to its end.
    pub(super) fn is_known(&self) -> bool {
        self.known
    }

    pub(super) fn begin(&mut self, generation: u32) {
        self.generation = generation;
        self.reading = true;
    }

    /// A reading that has begun will not end.
    pub(super) fn abandon(&mut self) {
        self.reading = false;
    }

    /// Drops the routes that a finished reading did not bring.
    pub(super) fn finish(&mut self, generation: u32) {
        (self.reading, self.known) = (false, true);
        let gone: Vec<_> =
            self.rows.iter().filter(|(_, row)| row.generation < generation).map(|(key, _)| *key).collect();
        for key in gone {
            self.rows.remove(&key);
            self.dirty.prefixes.insert(key.prefix);
        }
    }

    pub(super) fn finish_objects(&mut self, generation: u32) {
        let gone: Vec<_> =
            self.objects.iter().filter(|(_, (seen, _))| *seen < generation).map(|(id, _)| *id).collect();
        for id in gone {
            self.remove_object(id);
        }
    }

    /// Takes a route message.
    pub(super) fn take(&mut self, message: &Message<'_>) -> Result<(), String> {
        let Some((key, way)) = way::route(message.body)? else { return Ok(()) };
        if self.numbers.len() != self.ways.len() {
            self.numbers = (0..).zip(&self.ways).map(|(n, w)| (w.clone(), n)).collect();
        }
        if message.kind == wire::kind::NEWROUTE {
            self.add(key, way, message.flags);
        } else {
            self.remove(key, &way);
        }
        if !self.dirty.all {
            self.dirty.prefixes.insert(key.prefix);
            // One list of a million prefixes is dearer than looking at all routes.
            if self.dirty.prefixes.len() > 10_000 {
                self.dirty = Dirty { all: true, prefixes: BTreeSet::new() };
            }
        }
        Ok(())
    }

    fn add(&mut self, key: Key, way: Way, flags: u16) {
        let generation = self.generation;
        let fresh = self.rows.get(&key).filter(|row| row.generation == generation || !self.reading);
        let way = match fresh {
            // IPv6 has no second route of a key, only more hops; the kernel writes them in one message or in several.
            Some(row) if matches!(key.prefix, IpNet::V6(_)) && flags & wire::REPLACE == 0 => {
                join(&self.ways[row.way as usize], way)
            }
            _ => way,
        };
        let number = self.number(way);
        let row = Row { generation, way: number, more: None };
        let Some(known) = self.rows.get_mut(&key) else {
            self.rows.insert(key, row);
            return;
        };
        let is_old = self.reading && known.generation != generation;
        if is_old || matches!(key.prefix, IpNet::V6(_)) {
            *known = row;
        } else if flags & wire::REPLACE != 0 {
            (known.way, known.generation) = (number, generation);
        } else if known.way != number && !known.more.iter().any(|m| m.contains(&number)) {
            let more = known.more.get_or_insert_default();
            // In a reading they come in their order; a new one comes first unless it is appended.
            if self.reading || flags & wire::APPEND != 0 {
                more.push(number);
            } else {
                more.insert(0, std::mem::replace(&mut known.way, number));
            }
        }
    }

    fn remove(&mut self, key: Key, way: &Way) {
        let Some(row) = self.rows.get(&key) else { return };
        if let (IpNet::V6(_), Some(rest)) = (key.prefix, without(&self.ways[row.way as usize], way)) {
            let number = self.number(rest);
            self.rows.insert(key, Row { generation: self.generation, way: number, more: None });
            return;
        }
        let named = self.numbers.get(way).copied();
        let Some(row) = self.rows.get_mut(&key) else { return };
        match row.more.as_mut().filter(|more| !more.is_empty()) {
            Some(more) if named == Some(row.way) => row.way = more.remove(0),
            Some(more) => more.retain(|number| Some(*number) != named),
            None => drop(self.rows.remove(&key)),
        }
    }

    fn number(&mut self, way: Way) -> u32 {
        if let Some(number) = self.numbers.get(&way) {
            return *number;
        }
        let number = u32::try_from(self.ways.len()).unwrap_or(u32::MAX);
        self.ways.push(way.clone());
        self.numbers.insert(way, number);
        number
    }

    /// Takes a message on a next-hop object.
    pub(super) fn take_object(&mut self, there: bool, body: &[u8], generation: u32) -> Result<(), String> {
        match way::object(body)? {
            (id, Some(object)) if there => {
                let known = self.objects.insert(id, (generation, object.clone()));
                if known.is_none_or(|(_, before)| before != object) {
                    self.touch_object(id);
                }
            }
            (id, _) => self.remove_object(id),
        }
        Ok(())
    }

    /// An object goes, and silently all routes that use it (Linux, `net/ipv4/nexthop.c`).
    fn remove_object(&mut self, id: u32) {
        self.touch_object(id);
        self.objects.remove(&id);
        let used: Vec<_> = self.ways.iter().map(|w| w.object() == Some(id)).collect();
        self.rows.retain(|_, row| !used.get(row.way as usize).copied().unwrap_or(false));
    }

    fn touch_object(&mut self, id: u32) {
        let holds = |object: Option<&(u32, Object)>| matches!(object, Some((_, Object::Group(members))) if members.contains(&id));
        let concerned: BTreeSet<_> =
            self.objects.keys().copied().filter(|i| holds(self.objects.get(i))).collect();
        self.touch(|way| way.object().is_some_and(|o| o == id || concerned.contains(&o)));
    }

    /// An interface is now called so and is usable or not; `None` where it is gone.
    pub(super) fn set_link(&mut self, index: u32, link: Option<(&str, bool)>) {
        let link = link.map(|(name, usable)| (name.to_owned(), usable));
        if self.links.get(&index) == link.as_ref() {
            return;
        }
        match link {
            Some(link) => drop(self.links.insert(index, link)),
            None => drop(self.links.remove(&index)),
        }
        self.touch(|way| match way {
            // The hops of an object are few; it is cheaper to look at its routes again than to ask which.
            Way::Forward { object, hops } => object.is_some() || hops.iter().any(|h| h.port == index),
            _ => false,
        });
    }

    fn touch(&mut self, concerned: impl Fn(&Way) -> bool) {
        let ways: Vec<_> = self.ways.iter().map(concerned).collect();
        if self.dirty.all || !ways.contains(&true) {
            return;
        }
        let uses = |number: &u32| ways.get(*number as usize).copied().unwrap_or(false);
        let rows =
            self.rows.iter().filter(|(_, r)| uses(&r.way) || r.more.iter().flat_map(|m| m.iter()).any(uses));
        self.dirty.prefixes.extend(rows.map(|(key, _)| key.prefix));
    }

    /// Whether there is anything to say.
    pub(super) fn has_news(&self) -> bool {
        !self.reading && (self.dirty.all || !self.dirty.prefixes.is_empty())
    }

    /// Everything must be looked at again: the node has another key.
    pub fn forget(&mut self) {
        self.dirty = Dirty { all: true, prefixes: BTreeSet::new() };
    }

    /// What became of routes since the last call. While a reading goes on there is nothing to say: half of a table is no
    /// table.
    pub fn changed(&mut self, node: &EntityKey) -> Changed {
        if self.reading {
            return Changed::Routes(Vec::new());
        }
        let dirty = std::mem::take(&mut self.dirty);
        let mut resolver = Resolver { routes: self, node, actions: vec![None; self.ways.len()] };
        if dirty.all {
            return Changed::Table(resolver.table());
        }
        let action = |prefix: IpNet| (prefix, resolver.of(self.rows.range(first(prefix)..), prefix));
        Changed::Routes(dirty.prefixes.into_iter().map(action).collect())
    }
}

/// Turns numbers into ports, each way once.
struct Resolver<'a> {
    routes: &'a Routes,
    node: &'a EntityKey,
    actions: Vec<Option<Option<RouteAction>>>,
}

impl Resolver<'_> {
    fn table(&mut self) -> Fib {
        let mut fib = Fib::default();
        let mut done = None;
        for (key, row) in &self.routes.rows {
            if done == Some(key.prefix) {
                continue;
            }
            if let Some(action) = self.row(row) {
                fib.insert(Route { prefix: key.prefix, action });
                done = Some(key.prefix);
            }
        }
        fib
    }

    /// What the first usable row of a prefix does.
    fn of<'r>(
        &mut self,
        rows: impl Iterator<Item = (&'r Key, &'r Row)>,
        prefix: IpNet,
    ) -> Option<RouteAction> {
        rows.take_while(|(key, _)| key.prefix == prefix).find_map(|(_, row)| self.row(row))
    }

    fn row(&mut self, row: &Row) -> Option<RouteAction> {
        let more = row.more.iter().flat_map(|more| more.iter());
        std::iter::once(&row.way).chain(more).find_map(|number| self.way(*number))
    }

    fn way(&mut self, number: u32) -> Option<RouteAction> {
        let known = self.actions.get(number as usize)?;
        if known.is_none() {
            let way = self.routes.ways.get(number as usize)?;
            self.actions[number as usize] = Some(self.resolve(way));
        }
        self.actions[number as usize].clone().flatten()
    }

    fn resolve(&self, way: &Way) -> Option<RouteAction> {
        let hops = match way {
            Way::Local => return Some(RouteAction::Local),
            Way::Blackhole => return Some(RouteAction::Blackhole),
            Way::Unreachable => return Some(RouteAction::Unreachable),
            Way::Forward { object: Some(id), hops } if self.routes.objects.contains_key(id) => {
                match self.object(*id, hops) {
                    Some(hops) => hops,
                    None => return Some(RouteAction::Blackhole),
                }
            }
            Way::Forward { hops, .. } => hops.clone(),
        };
        let mut next: Vec<_> = hops.iter().filter_map(|hop| self.hop(hop)).collect();
        next.sort();
        next.dedup();
        (!next.is_empty()).then_some(RouteAction::Forward(next))
    }

    /// The hops of an object; `None` for one that drops.
    fn object(&self, id: u32, written: &[Hop]) -> Option<Vec<Hop>> {
        match self.routes.objects.get(&id).map(|(_, object)| object) {
            Some(Object::Hop(hop)) => Some(vec![*hop]),
            Some(Object::Blackhole) => None,
            // Groups hold hops, not groups.
            Some(Object::Group(members)) => {
                let hop = |id: &u32| match self.routes.objects.get(id) {
                    Some((_, Object::Hop(hop))) => Some(*hop),
                    _ => None,
                };
                Some(members.iter().filter_map(hop).collect())
            }
            None => Some(written.to_vec()),
        }
    }

    fn hop(&self, hop: &Hop) -> Option<NextHop> {
        let (name, usable) = self.routes.links.get(&hop.port)?;
        usable.then(|| NextHop { port: EntityKey::port(self.node, name), gateway: hop.gateway })
    }
}

fn first(prefix: IpNet) -> Key {
    Key { prefix, table: 0, metric: 0 }
}

/// One route of the hops of two.
fn join(known: &Way, new: Way) -> Way {
    match (known, new) {
        (Way::Forward { object: a, hops }, Way::Forward { object: b, hops: more }) if *a == b => {
            let mut hops: Vec<_> = hops.iter().copied().chain(more).collect();
            hops.sort();
            hops.dedup();
            Way::Forward { object: b, hops }
        }
        (_, new) => new,
    }
}

/// What is left of a route without these hops; `None` if nothing.
fn without(known: &Way, gone: &Way) -> Option<Way> {
    match (known, gone) {
        (Way::Forward { object: a, hops }, Way::Forward { object: b, hops: gone }) if a == b => {
            let hops: Vec<_> = hops.iter().copied().filter(|hop| !gone.contains(hop)).collect();
            (!hops.is_empty()).then_some(Way::Forward { object: *a, hops })
        }
        _ => None,
    }
}
