//! Following: the records of a journal as changes of the twin.
//!
//! [`Follower`] is a function of the records that it is given and of nothing else: no clock, no file, no socket. Live, the
//! records come from the sources as they are appended to the journal; later, from the journal. Either way the same deltas
//! come out.
//!
//! Records are taken one by one, and a [`Kind::Tick`] asks what has changed since the last: what arrived together is
//! one delta, and what lapses without a word (an LLDP TTL, a dead interval) is seen at the next tick.

mod checkpoint;
mod decode;
mod health;
mod netlink;
mod pairs;
mod routes;
pub mod snmp;
mod spec;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use twin::{Change, Diagnostic, EntityKey, Fib, InputError, Place, Twin, TwinDelta, WallTime};

pub use self::checkpoint::Checkpoint;
pub use self::decode::Decoder;
pub use self::health::{Health, State};
pub(crate) use self::netlink::wire;
pub use self::netlink::{Kernel, Table};
pub use self::routes::{Changed, Routes};
pub use self::spec::{Form, Mark, Spec};
use crate::fuse::Fusion;
use crate::fuse::tables::Tables;
use crate::journal::{Kind, Record};
use crate::observation::{Observation, Observer, Source};
use crate::store::Store;

/// Turns records into deltas.
pub struct Follower {
    name: String,
    sources: Vec<(Spec, Decoder)>,
    health: Vec<Health>,
    /// Whose words each source brought, and by what means.
    spoken: Vec<BTreeSet<(Observer, Source)>>,
    store: Store,
    fusion: Fusion,
    /// What fusion makes, with the tables of kernels, which go past it.
    twin: Twin,
    /// Under which key the routes of a source stand in the twin.
    routed: BTreeMap<u16, EntityKey>,
    settled: WallTime,
    news: News,
    diagnostics: Vec<Diagnostic>,
}

/// What has happened since the last tick.
#[derive(Default)]
struct News {
    valid_at: Option<WallTime>,
    sources: BTreeSet<String>,
    /// Nodes whose kernels are not followed any more, until it is seen that they are again.
    unrouted: BTreeSet<EntityKey>,
}

impl Follower {
    /// A follower of a journal that errors call `name`.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            sources: Vec::new(),
            health: Vec::new(),
            spoken: Vec::new(),
            store: Store::default(),
            fusion: Fusion::default(),
            twin: Twin::default(),
            routed: BTreeMap::new(),
            settled: WallTime::default(),
            news: News::default(),
            diagnostics: Vec::new(),
        }
    }

    /// Takes a record; a tick gives what has changed since the last, if anything has.
    ///
    /// # Errors
    /// [`InputError`] for a record that no writer makes: sources that are no JSON, or a number of no source.
    pub fn take(&mut self, record: &Record) -> Result<Option<TwinDelta>, InputError> {
        match record.kind {
            Kind::Sources => self.begin(record)?,
            Kind::Data => self.data(record)?,
            Kind::Mark => self.mark(record)?,
            Kind::Tick => return Ok(self.settle(record.at)),
        }
        Ok(None)
    }

    /// A session begins: what sources say from now on is a new conversation, what they said before stands.
    fn begin(&mut self, record: &Record) -> Result<(), InputError> {
        let specs: Vec<Spec> = serde_json::from_slice(&record.bytes)
            .map_err(|e| self.broken(format!("sources that are not understood: {e}")))?;
        self.health = specs.iter().map(|spec| Health::new(&spec.name, record.at)).collect();
        // Nobody has been heard in this session yet.
        self.lose(self.store.speakers(), record.at);
        self.spoken = vec![BTreeSet::new(); specs.len()];
        self.sources = specs.into_iter().map(|spec| (spec.clone(), Decoder::new(&spec))).collect();
        // Whose table stood in the twin and is no longer told by a kernel gets back the one that is known otherwise.
        self.news.unrouted.extend(std::mem::take(&mut self.routed).into_values());
        Ok(())
    }

    fn data(&mut self, record: &Record) -> Result<(), InputError> {
        let Some((spec, decoder)) = self.sources.get_mut(usize::from(record.source)) else {
            return Err(self.broken(format!("data of source {}, which is not declared", record.source)));
        };
        let words = decoder.take(record.at, &record.bytes, &mut self.diagnostics);
        if !words.is_empty() || decoder.has_routes_to_tell() {
            self.news.valid_at = Some(record.at);
            self.news.sources.insert(spec.name.clone());
        }
        if let Some(spoken) = self.spoken.get_mut(usize::from(record.source)) {
            for word in &words {
                if !spoken
                    .iter()
                    .any(|(observer, source)| (observer, *source) == (&word.observer, word.source))
                {
                    spoken.insert((word.observer.clone(), word.source));
                }
            }
        }
        self.store.extend(words);
        if let Some(health) = self.health.get_mut(usize::from(record.source)) {
            health.heard(record.at);
        }
        Ok(())
    }

    fn mark(&mut self, record: &Record) -> Result<(), InputError> {
        let mark: Mark = serde_json::from_slice(&record.bytes)
            .map_err(|e| self.broken(format!("a mark that is not understood: {e}")))?;
        let source = usize::from(record.source);
        let (Some((_, decoder)), Some(health)) = (self.sources.get_mut(source), self.health.get_mut(source))
        else {
            return Err(self.broken(format!("a mark of source {source}, which is not declared")));
        };
        health.mark(record.at, &mark);
        let lost = decoder.mark(record.at, &mark);
        let spoken = matches!(mark, Mark::Down { .. }).then(|| self.spoken.get(source).cloned()).flatten();
        let lost: BTreeSet<_> = spoken.into_iter().flatten().chain(lost).collect();
        if !lost.is_empty() {
            self.news.valid_at = Some(record.at);
            self.news.sources.extend(self.sources.get(source).map(|(spec, _)| spec.name.clone()));
            self.lose(lost, record.at);
        }
        Ok(())
    }

    /// What these said stands, and is stale until they say it again.
    fn lose(&mut self, speakers: BTreeSet<(Observer, Source)>, at: WallTime) {
        self.store.extend(speakers.into_iter().map(|(o, source)| Observation::lost(&o, source, at)));
    }

    /// What has changed since the last tick.
    fn settle(&mut self, at: WallTime) -> Option<TwinDelta> {
        self.health.iter_mut().for_each(|h| h.settle(at));
        let lapse = self.store.next_look().filter(|lapse| *lapse <= at);
        let news = std::mem::take(&mut self.news);
        self.settled = at;
        let fused = self.fusion.update(&mut self.store, at);
        let changes = self.take_changes(fused);
        if changes.is_empty() {
            return None;
        }
        let valid_at = news.valid_at.max(lapse).unwrap_or(at);
        let names: Vec<_> = news.sources.into_iter().collect();
        let source = if names.is_empty() { "ageing".to_owned() } else { names.join(",") };
        Some(TwinDelta { valid_at, learned_at: at, source, changes })
    }

    /// Makes what fusion changed, and what became of kernels' routes, changes of the twin.
    fn take_changes(&mut self, fused: Vec<Change>) -> Vec<Change> {
        let (moved, routed) = self.place_tables();
        let of_kernel = |node: &EntityKey| routed.contains(node) || moved.contains(node);
        // Fusion knows of a kernel's routes only those to its own addresses.
        let keep = |c: &Change| !matches!(c, Change::Fib { node, .. } if of_kernel(node));
        let mut changes: Vec<_> = fused.into_iter().filter(keep).collect();
        changes.iter().for_each(|change| self.twin.set(change));
        for node in moved.difference(&routed) {
            let (before, after) = (self.twin.fib(node).cloned(), self.fusion.twin().fib(node).cloned());
            if before != after {
                let change = Change::Fib { node: node.clone(), before, after };
                self.twin.set(&change);
                changes.push(change);
            }
        }
        for (number, (_, decoder)) in (0u16..).zip(&mut self.sources) {
            let (Some(node), Some(routes)) = (self.routed.get(&number), decoder.routes_mut()) else {
                continue;
            };
            let new = route_changes(node, self.twin.fib(node), routes);
            new.iter().for_each(|change| self.twin.set(change));
            changes.extend(new);
        }
        changes
    }

    /// Finds under which keys kernels' tables stand now: those under which they stood and do not any more, and those under
    /// which they stand. A node's key changes where it is identified better.
    fn place_tables(&mut self) -> (BTreeSet<EntityKey>, BTreeSet<EntityKey>) {
        let mut moved = BTreeSet::new();
        for (number, (spec, decoder)) in (0u16..).zip(&mut self.sources) {
            let Some(routes) = decoder.routes_mut() else { continue };
            let node = self.fusion.node_key(&spec.node);
            let node = node.filter(|key| self.fusion.twin().entity(key).is_some());
            if node != self.routed.get(&number) {
                routes.forget();
                moved.extend(self.routed.remove(&number));
                self.routed.extend(node.map(|key| (number, key.clone())));
            }
        }
        moved.append(&mut self.news.unrouted);
        (moved, self.routed.values().cloned().collect())
    }

    /// The twin as of the last tick.
    pub fn twin(&self) -> &Twin {
        &self.twin
    }

    /// The tables of the network as of the last tick.
    pub fn tables(&self) -> Tables {
        self.fusion.tables()
    }

    /// What has been said.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The instant of the last tick.
    pub fn settled(&self) -> WallTime {
        self.settled
    }

    /// When to look for what lapses, if nothing arrives till then.
    pub fn next_lapse(&self) -> Option<WallTime> {
        self.store.next_look()
    }

    /// How the sources are, in their order.
    pub fn health(&self) -> &[Health] {
        &self.health
    }

    /// What was odd, and each source that is not fresh.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut all = self.fusion.diagnostics();
        all.extend(self.diagnostics.iter().cloned());
        all.extend(self.health.iter().filter_map(Health::diagnostic));
        all
    }

    fn broken(&self, what: String) -> InputError {
        InputError::new(&self.name, Place::Whole, what, "records as `umbra sync watch` writes them")
    }
}

/// What became of the routes of a node whose table in the twin is `before`.
fn route_changes(node: &EntityKey, before: Option<&Arc<Fib>>, routes: &mut Routes) -> Vec<Change> {
    match routes.changed(node) {
        Changed::Table(fib) => {
            let after = (!fib.is_empty()).then(|| Arc::new(fib));
            let same = before == after.as_ref();
            let change = || Change::Fib { node: node.clone(), before: before.cloned(), after };
            if same { Vec::new() } else { vec![change()] }
        }
        Changed::Routes(list) => list
            .into_iter()
            .map(|(prefix, after)| {
                let before = before.and_then(|fib| fib.exact(prefix)).cloned();
                Change::Route { node: node.clone(), prefix, before, after }
            })
            .filter(|change| !matches!(change, Change::Route { before, after, .. } if before == after))
            .collect(),
    }
}
