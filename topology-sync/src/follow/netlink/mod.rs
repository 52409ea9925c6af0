//! The kernel of one node, as its netlink messages tell it.
//!
//! Messages name interfaces by index, facts by name. So the kernel's tables are kept as rows by index, and what is said of
//! an interface is said again where its name changes. A full reading (dump) is made of the answers to one numbered
//! request; when it is finished, rows that it did not bring are gone, and a [`Said::Read`](crate::observation::Said) says
//! so to the store. One that the kernel calls interrupted, or that never ends, ends nothing.

mod link;
pub(crate) mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use twin::{Diagnostic, MacAddr, WallTime};

use self::link::{LinkRow, Row};
use self::wire::{Message, kind};
use super::pairs;
use super::routes::Routes;
use crate::observation::{Address, Fact, FdbEntry, IpNeighbor, Observation, Observer, Source, Topic};

/// The kernel of one node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kernel {
    observer: Observer,
    #[serde(with = "pairs")]
    links: BTreeMap<u32, Seen<LinkRow>>,
    #[serde(with = "pairs")]
    addresses: BTreeMap<(u32, IpAddr), Seen<u8>>,
    #[serde(with = "pairs")]
    neighbors: BTreeMap<(u32, IpAddr), Seen<Option<MacAddr>>>,
    #[serde(with = "pairs")]
    fdb: BTreeMap<(u32, MacAddr, Option<u16>), Seen<bool>>,
    /// What was last said, by interface.
    #[serde(with = "pairs")]
    said: BTreeMap<u32, Vec<Fact>>,
    /// Readings that are not finished, by the number of their request.
    #[serde(with = "pairs")]
    readings: BTreeMap<u32, Reading>,
    /// The number of readings that have begun.
    generation: u32,
    routes: Routes,
}

/// A row, with the number of readings that had begun when it was last seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Seen<T>(u32, T);

/// A table of the kernel that is read as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    /// Interfaces.
    Links,
    /// Addresses.
    Addresses,
    /// ARP and neighbour discovery.
    Neighbors,
    /// Entries of bridges.
    Fdb,
    /// Next-hop objects.
    Objects,
    /// Routes.
    Routes,
}

impl Table {
    /// All of them, in the order in which they are read: what is named before what names it.
    pub const ALL: [Table; 6] =
        [Self::Links, Self::Addresses, Self::Neighbors, Self::Fdb, Self::Objects, Self::Routes];

    /// The topic whose reading is finished with it; routes go past the store.
    fn topic(self) -> Option<Topic> {
        match self {
            Self::Links => Some(Topic::Links),
            Self::Addresses => Some(Topic::Addresses),
            Self::Neighbors => Some(Topic::IpNeighbors),
            Self::Fdb => Some(Topic::Fdb),
            Self::Objects | Self::Routes => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Reading {
    table: Table,
    at: WallTime,
    generation: u32,
    interrupted: bool,
}

impl Kernel {
    /// A kernel of which nothing is known yet.
    pub fn new(observer: Observer) -> Self {
        Self {
            observer,
            links: BTreeMap::new(),
            addresses: BTreeMap::new(),
            neighbors: BTreeMap::new(),
            fdb: BTreeMap::new(),
            said: BTreeMap::new(),
            readings: BTreeMap::new(),
            generation: 0,
            routes: Routes::default(),
        }
    }

    /// Its routes.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Its routes, to ask for what has changed.
    pub fn routes_mut(&mut self) -> &mut Routes {
        &mut self.routes
    }

    /// A reading of a table begins: the answers bear this number.
    pub fn begin(&mut self, table: Table, number: u32, at: WallTime) {
        self.generation += 1;
        // An earlier reading of the table that has not ended never will: its request was dropped.
        self.readings.retain(|_, r| r.table != table);
        let reading = Reading { table, at, generation: self.generation, interrupted: false };
        self.readings.insert(number, reading);
        if table == Table::Routes {
            self.routes.begin(self.generation);
        }
    }

    /// Whether a reading has begun and not ended.
    pub fn is_being_read(&self) -> bool {
        !self.readings.is_empty()
    }

    /// The connection is new: no reading that had begun will end.
    pub fn restart(&mut self) {
        self.readings.clear();
        self.routes.abandon();
    }

    /// Takes a datagram and says what it changes.
    pub fn take(
        &mut self,
        at: WallTime,
        datagram: &[u8],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<Observation> {
        let mut touched = BTreeSet::new();
        let mut finished = Vec::new();
        for message in wire::messages(datagram) {
            if let Some(reading) = self.readings.get_mut(&message.number) {
                reading.interrupted |= message.flags & wire::INTERRUPTED != 0;
            }
            match message.kind {
                wire::DONE => finished.extend(self.readings.remove(&message.number)),
                // The kernel has no such table (nexthop objects before Linux 5.3): nothing was read.
                wire::ERROR => drop(self.readings.remove(&message.number)),
                _ => {
                    if let Err(what) = self.message(message, &mut touched) {
                        Diagnostic::count(diagnostics, "netlink-message", || {
                            format!("{}: {what}", self.observer)
                        });
                    }
                }
            }
        }
        finished.retain(|r| !r.interrupted);
        for reading in &finished {
            self.finish(*reading, &mut touched);
        }
        let mut said = self.say(at, &touched);
        let read =
            |r: &Reading| Some(Observation::read(&self.observer, Source::Kernel, r.at, r.table.topic()?));
        said.extend(finished.iter().filter_map(read));
        said
    }

    fn message(&mut self, message: Message<'_>, touched: &mut BTreeSet<u32>) -> Result<(), String> {
        let body = message.body;
        match message.kind {
            kind::NEWLINK | kind::DELLINK => {
                let Some((index, row)) = link::link(body)? else { return Ok(()) };
                // What lies on it or belongs to it bears its name.
                let named = self.links.iter().filter(|(_, l)| l.1.names(index)).map(|(i, _)| *i);
                touched.extend(named);
                touched.insert(index);
                if message.kind == kind::NEWLINK {
                    self.links.insert(index, Seen(self.generation, row));
                } else {
                    self.links.remove(&index);
                    self.addresses.retain(|(i, _), _| *i != index);
                    self.neighbors.retain(|(i, _), _| *i != index);
                    self.fdb.retain(|(i, ..), _| *i != index);
                }
                self.tell_routes(index);
            }
            kind::NEWADDR | kind::DELADDR => {
                let row = link::address(body)?;
                self.put(row, message.kind == kind::NEWADDR, touched);
            }
            kind::NEWNEIGH | kind::DELNEIGH => {
                let Some(row) = link::neighbor(body)? else { return Ok(()) };
                self.put(row, message.kind == kind::NEWNEIGH, touched);
            }
            kind::NEWROUTE | kind::DELROUTE => self.routes.take(&message)?,
            kind::NEWNEXTHOP | kind::DELNEXTHOP => {
                self.routes.take_object(message.kind == kind::NEWNEXTHOP, body, self.generation)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn put(&mut self, row: Row, there: bool, touched: &mut BTreeSet<u32>) {
        fn set<K: Ord, V>(table: &mut BTreeMap<K, Seen<V>>, key: K, value: Option<Seen<V>>) {
            match value {
                Some(value) => drop(table.insert(key, value)),
                None => drop(table.remove(&key)),
            }
        }
        let generation = self.generation;
        match row {
            Row::Address(port, ip, len) => {
                touched.insert(port);
                set(&mut self.addresses, (port, ip), there.then_some(Seen(generation, len)));
            }
            Row::Neighbor(port, ip, mac) => {
                touched.insert(port);
                set(&mut self.neighbors, (port, ip), there.then_some(Seen(generation, mac)));
            }
            Row::Fdb { port, mac, vlan, own } => {
                touched.insert(port);
                set(&mut self.fdb, (port, mac, vlan), there.then_some(Seen(generation, own)));
            }
        }
    }

    /// Drops what a finished reading did not bring.
    fn finish(&mut self, reading: Reading, touched: &mut BTreeSet<u32>) {
        let old = |generation: u32| generation < reading.generation;
        match reading.table {
            Table::Links => {
                let gone: Vec<_> = self.links.iter().filter(|(_, l)| old(l.0)).map(|(i, _)| *i).collect();
                for index in &gone {
                    self.links.remove(index);
                    self.tell_routes(*index);
                }
                touched.extend(gone);
            }
            Table::Addresses => {
                touched.extend(self.addresses.iter().filter(|(_, a)| old(a.0)).map(|((i, _), _)| *i));
                self.addresses.retain(|_, a| !old(a.0));
            }
            Table::Neighbors => {
                touched.extend(self.neighbors.iter().filter(|(_, n)| old(n.0)).map(|((i, _), _)| *i));
                self.neighbors.retain(|_, n| !old(n.0));
            }
            Table::Fdb => {
                touched.extend(self.fdb.iter().filter(|(_, e)| old(e.0)).map(|((i, ..), _)| *i));
                self.fdb.retain(|_, e| !old(e.0));
            }
            Table::Objects => self.routes.finish_objects(reading.generation),
            Table::Routes => self.routes.finish(reading.generation),
        }
    }

    fn tell_routes(&mut self, index: u32) {
        let usable = self.links.get(&index).map(|row| {
            let link = &row.1.link;
            (link.name.as_str(), link.admin_up != Some(false) && link.carrier != Some(false))
        });
        self.routes.set_link(index, usable);
    }

    /// What is so of these interfaces and was not said, and what was said and is no longer so. While a reading goes on, what
    /// it brings is said again: its end ends what was said before.
    fn say(&mut self, at: WallTime, touched: &BTreeSet<u32>) -> Vec<Observation> {
        let mut before = BTreeMap::new();
        let mut after = BTreeMap::new();
        for index in touched {
            before.extend(self.said.remove(index).into_iter().flatten().map(|f| (f.key(), f)));
            let facts = self.facts(*index);
            after.extend(facts.iter().map(|f| (f.key(), f.clone())));
            if !facts.is_empty() {
                self.said.insert(*index, facts);
            }
        }
        let being_read: BTreeSet<_> = self.readings.values().filter_map(|r| r.table.topic()).collect();
        let gone = before.keys().filter(|key| !after.contains_key(*key)).cloned();
        let mut said: Vec<_> =
            gone.map(|key| Observation::not(&self.observer, Source::Kernel, at, key)).collect();
        for (key, fact) in after {
            if being_read.contains(&key.topic) || before.get(&key) != Some(&fact) {
                said.push(Observation::is(&self.observer, Source::Kernel, at, fact));
            }
        }
        said
    }

    /// What the rows say of an interface; nothing before its name is known.
    fn facts(&self, index: u32) -> Vec<Fact> {
        let Some(Seen(_, row)) = self.links.get(&index) else { return Vec::new() };
        let name = |index: Option<u32>| Some(self.links.get(&index?)?.1.link.name.clone());
        let port = row.link.name.clone();
        let mut link = row.link.clone();
        (link.master, link.lower) = (name(row.master), name(row.lower));
        let mut facts = vec![Fact::Link(link.into())];
        let addresses = self.addresses.range((index, LEAST)..).take_while(|((i, _), _)| *i == index);
        facts.extend(
            addresses.map(|((_, ip), len)| {
                Fact::Address(Address { port: port.clone(), ip: *ip, len: Some(len.1) })
            }),
        );
        let neighbors = self.neighbors.range((index, LEAST)..).take_while(|((i, _), _)| *i == index);
        facts.extend(
            neighbors.map(|((_, ip), mac)| {
                Fact::IpNeighbor(IpNeighbor { port: port.clone(), ip: *ip, mac: mac.1 })
            }),
        );
        let fdb = self.fdb.range((index, NO_MAC, None)..).take_while(|((i, ..), _)| *i == index);
        facts.extend(fdb.map(|((_, mac, vlan), own)| {
            Fact::Fdb(FdbEntry { port: port.clone(), mac: *mac, vlan: *vlan, own: own.1 })
        }));
        facts
    }
}

/// The first address in order.
const LEAST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
const NO_MAC: MacAddr = MacAddr([0; 6]);

impl LinkRow {
    fn names(&self, index: u32) -> bool {
        self.master == Some(index) || self.lower == Some(index)
    }
}
