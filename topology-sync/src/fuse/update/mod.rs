//! A fusion that follows its store: what changed is done again, and nothing else.

mod names;
mod order;
mod plan;
mod put;
mod renew;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use twin::{Change, Diagnostic, EntityKey, HalfLinkKey, Twin, WallTime};

use self::put::Edit;
use super::bgp;
use super::claim::{Claim, Finding, NodeId, NodeName, PortId};
use super::device::Device;
use super::ground::{ClaimId, Ground};
use super::inventory;
use super::medium::Media;
use super::pairs;
use super::resolve::{Resolved, resolve};
use super::testimony::Overheard;
use crate::observation::{FactKey, IgpProtocol, Observer, Topic};
use crate::store::Store;

/// A twin and all that it was made from.
#[derive(Debug, Default)]
pub struct Fusion {
    pub(super) ground: Ground,
    twin: Twin,
    /// The nodes with words of their own, by those words alone.
    asked: BTreeMap<NodeId, (Arc<str>, Arc<Device>)>,
    /// The words that wires carry, by whose they are.
    overheard: BTreeMap<NodeName, Overheard>,
    /// Whether anything was ever heard on a wire.
    wired: bool,
    /// By node: what its words came to.
    words: BTreeMap<NodeId, Words>,
    pub(super) areas: BTreeMap<PortId, Judged>,
    /// The area of each port: the number of the area's first port.
    area_of: Vec<Option<PortId>>,
    /// What each node put into the twin.
    units: BTreeMap<NodeId, Unit>,
    /// Who may bear a key, in the order of names.
    bearers: BTreeMap<EntityKey, BTreeMap<NodeName, NodeId>>,
    /// The ports of nodes known only from others that areas want.
    wanted: BTreeMap<NodeId, BTreeMap<PortId, u32>>,
    /// The nodes that have interfaces of pairs in software, and what these come to.
    paired: BTreeSet<NodeId>,
    pairs: Vec<(Arc<Claim>, ClaimId)>,
    /// The BGP sessions of each node, and what they come to.
    pub(super) sessions: bgp::Sessions,
    peerings: Unit,
    /// The nodes that have bundles, and what these put into the twin.
    bundled: BTreeSet<NodeId>,
    bundles: Unit,
    /// What each inventory says, and what these come to.
    lists: BTreeMap<Observer, inventory::List>,
    planned: Vec<(Arc<Claim>, ClaimId)>,
    unplanned: Vec<Finding>,
    sites: Unit,
    /// The node whose forwarding table is in the twin under a key.
    tables: BTreeMap<NodeId, EntityKey>,
    /// Of the databases that changed, the advertisements that did, where no others can have.
    advertised: BTreeMap<Observer, BTreeSet<FactKey>>,
    /// Words of an instant that has not come.
    ahead: BTreeMap<(Observer, Topic), WallTime>,
    now: WallTime,
    revision: u64,
}

/// What a node's words came to.
#[derive(Debug, Default)]
struct Words {
    resolved: Resolved,
    claims: Vec<ClaimId>,
}

/// An area that has been judged.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) ports: Vec<PortId>,
    pub(super) media: Media,
    unit: Unit,
}

/// What a unit put into the twin.
#[derive(Debug, Default)]
struct Unit {
    entities: Vec<EntityKey>,
    half_links: Vec<HalfLinkKey>,
    findings: Vec<Finding>,
    without_speed: u64,
    /// The keys that the node may bear.
    keys: Vec<EntityKey>,
}

/// What has to be done again.
#[derive(Debug, Default)]
struct Dirty {
    /// Nodes whose words are to be resolved again.
    resolve: BTreeSet<NodeId>,
    /// Nodes that are to be put into the twin again.
    nodes: BTreeSet<NodeId>,
    /// Routers that the database may name otherwise now.
    routers: BTreeSet<(IgpProtocol, String)>,
    /// Ports whose areas are to be judged again, in any order and perhaps several times.
    ports: Vec<PortId>,
    /// Whether there are new nodes with words of their own.
    newcomers: bool,
    /// Whether a link-state database changed.
    database: bool,
}

impl Fusion {
    /// The twin as of the last update.
    pub fn twin(&self) -> &Twin {
        &self.twin
    }

    /// The key in the twin of a node that speaks for itself, by its name.
    pub fn node_key(&self, name: &str) -> Option<&EntityKey> {
        let node = self.ground.known(&NodeName::Own(Arc::from(name)))?;
        self.ground.nodes.get(node).map(|n| &n.key)
    }

    /// Another number where anything may have changed of which forwarding tables are made.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The instant of the last update.
    pub fn now(&self) -> WallTime {
        self.now
    }

    /// Takes what changed in the store since the last call, and what lapsed until `now`; the changes of the twin, which
    /// has them already.
    pub fn update(&mut self, store: &mut Store, now: WallTime) -> Vec<Change> {
        if now < self.now {
            store.take_changed();
            return self.rebuild(store, now);
        }
        let ahead = std::mem::take(&mut self.ahead);
        let mut changed = ahead.clone();
        changed.extend(store.take_changed());
        // A clock that runs ahead: the word does not stand yet.
        self.ahead = changed.iter().filter(|(_, at)| **at > now).map(|(k, at)| (k.clone(), *at)).collect();
        let lapsed = store.take_lapsed(now);
        self.advertised = store.take_advertised();
        self.advertised.retain(|o, _| !lapsed.contains(&(o.clone(), Topic::LinkStates)));
        self.advertised.retain(|o, _| !ahead.contains_key(&(o.clone(), Topic::LinkStates)));
        let mut words: BTreeMap<Observer, BTreeSet<Topic>> = BTreeMap::new();
        for (observer, topic) in changed.into_keys().chain(lapsed) {
            words.entry(observer).or_default().insert(topic);
        }
        let changes = self.take(store, &words, now);
        self.advertised.clear();
        changes
    }

    /// Takes the whole store anew; the changes of the twin.
    pub fn rebuild(&mut self, store: &Store, now: WallTime) -> Vec<Change> {
        let all = store.observers().map(|o| (o.clone(), BTreeSet::from(Topic::ALL))).collect();
        self.take(store, &all, now)
    }

    fn take(
        &mut self,
        store: &Store,
        words: &BTreeMap<Observer, BTreeSet<Topic>>,
        now: WallTime,
    ) -> Vec<Change> {
        self.now = now;
        let mut dirty = Dirty::default();
        let mut edit = Edit::default();
        self.take_words(store, words, &mut dirty);
        self.resolve(&mut dirty);
        self.pair(&mut dirty);
        self.plan(store, words, &mut dirty);
        if dirty.newcomers {
            self.order_nodes(&mut dirty);
        }
        self.name_nodes(&mut dirty);
        self.touch_neighbors(&mut dirty);
        self.judge(&mut dirty, &mut edit);
        self.put_nodes(&dirty, &mut edit);
        self.peer(store, words, &dirty, &mut edit);
        self.put_bundles(&mut edit);
        self.put_sites(&mut edit);
        self.route(store, words, &dirty, &mut edit);
        let changes = self.commit(edit);
        let told =
            |topics: &BTreeSet<Topic>| [Topic::Routes, Topic::BgpPeers].iter().any(|t| topics.contains(t));
        if !changes.is_empty() || !dirty.nodes.is_empty() || dirty.database || words.values().any(told) {
            self.revision += 1;
        }
        changes
    }

    fn resolve(&mut self, dirty: &mut Dirty) {
        let directory = &self.ground.directory;
        let nodes: Vec<_> = std::mem::take(&mut dirty.resolve).into_iter().collect();
        let ground = &self.ground;
        let all = each(&nodes, |node| {
            let resolved = resolve(directory, *node, directory.device(*node)?);
            let places: Vec<_> = resolved.claims.iter().map(|c| ground.place(c)).collect();
            Some((resolved, places))
        });
        for (node, resolved) in nodes.into_iter().zip(all) {
            let Some((resolved, places)) = resolved else { continue };
            let words = self.words.entry(node).or_default();
            let known = words.resolved.claims.iter().zip(std::mem::take(&mut words.claims));
            words.claims = self.ground.exchange(known, &resolved.claims, &places, &mut dirty.ports);
            self.ground.exchange_past(node, &resolved.past, &mut dirty.ports);
            words.resolved = resolved;
        }
    }

    /// Pairs in software depend on what all others say.
    fn pair(&mut self, dirty: &mut Dirty) {
        if self.paired.is_empty() && self.pairs.is_empty() {
            return;
        }
        let claims = pairs::claims(&self.ground, self.paired.iter().copied());
        let known: Vec<_> = std::mem::take(&mut self.pairs);
        let known = known.iter().map(|(claim, id)| (claim, *id));
        let places: Vec<_> = claims.iter().map(|c| self.ground.place(c)).collect();
        let ids = self.ground.exchange(known, &claims, &places, &mut dirty.ports);
        self.pairs = claims.into_iter().zip(ids).collect();
    }

    /// All findings, in order, each once.
    pub fn findings(&self) -> Vec<Finding> {
        let resolved = self.words.values().flat_map(|w| &w.resolved.findings);
        let resolved = resolved.chain(&self.unplanned);
        let units = self.units.values().chain(self.areas.values().map(|a| &a.unit)).chain([&self.peerings]);
        let all: BTreeSet<_> = resolved.chain(units.flat_map(|u| &u.findings)).cloned().collect();
        all.into_iter().collect()
    }

    /// The findings, each as a diagnostic of its own (planners look for the port, not for a number), and what had to be
    /// assumed of cables.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut diagnostics: Vec<_> = self.findings().into_iter().map(Finding::into_diagnostic).collect();
        let cables: u64 = self.areas.values().map(|a| a.media.cables.len() as u64).sum();
        let without_speed: u64 = self.areas.values().map(|a| a.unit.without_speed).sum();
        let mut assume = |code: &str, message: &str, count| {
            if count > 0 {
                diagnostics.push(Diagnostic { code: code.to_owned(), message: message.to_owned(), count });
            }
        };
        assume("assumed-speed", "a cable without a known line rate is taken as 10 Gbit/s", without_speed);
        assume("unknown-delay", "nothing says how long a cable is: its delay is 0", cables);
        diagnostics
    }
}

/// What is done at once for fewer than this many is not worth a second thread.
const FEW: usize = 256;

/// How many units are worked out before they are put together, so that not all of them are held twice.
const AT_ONCE: usize = 4096;

impl Dirty {
    /// The touched ports of so many in order, each once. Cost: sorting them, or marking them among all where they are many.
    fn settle_ports(&mut self, all: usize) {
        if self.ports.len() < all / 4 {
            self.ports.sort_unstable();
            self.ports.dedup();
            return;
        }
        let mut is_touched = vec![false; all];
        self.ports.iter().for_each(|port| is_touched[*port] = true);
        self.ports.clear();
        self.ports.extend((0..all).filter(|port| is_touched[*port]));
    }
}

/// The function of each, in order.
fn each<T: Sync, R: Send>(list: &[T], of: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    match list.len() < FEW {
        true => list.iter().map(of).collect(),
        false => list.par_iter().with_min_len(16).map(of).collect(),
    }
}

/// The function of short lists that together are the list, in order.
fn in_lists<T: Sync, R: Send>(list: &[T], of: impl Fn(&[T]) -> R + Sync + Send) -> Vec<R> {
    match list.len() < FEW {
        true => vec![of(list)],
        false => list.par_chunks(FEW / 4).map(of).collect(),
    }
}
