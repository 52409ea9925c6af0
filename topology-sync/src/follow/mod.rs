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
mod station;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use twin::{Diagnostic, EntityKey, InputError, Place, Twin, TwinDelta, WallTime};

pub use self::checkpoint::Checkpoint;
pub use self::decode::Decoder;
pub use self::health::{Health, State};
pub(crate) use self::netlink::wire;
pub use self::netlink::{Kernel, Table};
pub use self::routes::Routes;
pub use self::spec::{Form, Mark, Spec};
use self::tables::Teller;
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
    /// What fusion makes, with the tables of kernels and those that BMP tells, which go past it.
    twin: Twin,
    /// Under which key a table that goes past fusion stands in the twin.
    routed: BTreeMap<Teller, EntityKey>,
    settled: WallTime,
    news: News,
    diagnostics: Vec<Diagnostic>,
}

/// What has happened since the last tick.
#[derive(Default)]
struct News {
    valid_at: Option<WallTime>,
    sources: BTreeSet<String>,
    /// Nodes whose tables are not told any more, until it is seen that they are again.
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
        let mut before = std::mem::take(&mut self.sources);
        let mut decoder = |spec: &Spec| match before.iter_mut().find(|(known, _)| known == spec) {
            // Routes stand, stale, until the routers have told them again.
            Some((_, Decoder::Bmp(station))) => Decoder::Bmp(std::mem::take(station).restarted()),
            _ => Decoder::new(spec),
        };
        self.sources = specs.into_iter().map(|spec| (spec.clone(), decoder(&spec))).collect();
        // Whose table stood in the twin and is no longer told past the store gets back the one that is known otherwise.
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
