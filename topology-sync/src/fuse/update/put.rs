//! What the twin becomes: areas are judged, nodes and what lies over them are put, and the changes come out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use twin::{Change, Entity, EntityKey, Fib, HalfLink, HalfLinkKey, Twin};

use super::super::beyond;
use super::super::bundles;
use super::super::claim::{Finding, NodeId, NodeName, PortId};
use super::super::device::Device;
use super::super::emit::{self, Emitted};
use super::super::fib;
use super::super::ground::Ground;
use super::super::medium::{self, Media};
use super::order::{Keyed, sorted};
use super::{AT_ONCE, Dirty, FEW, Fusion, Judged, Unit, each, in_lists};
use crate::observation::{Observer, Topic};
use crate::store::Store;

/// What will be in the twin under the keys that are touched, in the order of the units: nothing under a key counts only if
/// no unit puts anything there. Lists, sorted once in the end: from nothing, all keys are touched.
#[derive(Debug, Default)]
pub(super) struct Edit {
    entities: Vec<(EntityKey, Option<Arc<Entity>>)>,
    half_links: Vec<(HalfLinkKey, Option<Arc<HalfLink>>)>,
    fibs: BTreeMap<EntityKey, Option<Fib>>,
}

impl Fusion {
    /// Judges the areas of all touched ports again: while some are judged the next are gathered.
    pub(super) fn judge(&mut self, dirty: &mut Dirty, edit: &mut Edit) {
        let mut open = self.dissolve(dirty, edit).into_iter();
        let mut areas = gather(&self.ground, &mut self.area_of, &mut open);
        while !areas.is_empty() {
            let Self { ground, area_of, .. } = self;
            let judge = || in_lists(&areas, |areas| judged(ground, areas));
            let (judged, next) = match areas.len() < AT_ONCE {
                true => (judge(), Vec::new()),
                false => rayon::join(judge, || gather(ground, area_of, &mut open)),
            };
            for (judged, more) in judged {
                edit.join(more);
                for area in judged {
                    self.want(&area.media, dirty, true);
                    let first = *area.ports.first().expect("an area has the port that it grew from");
                    self.areas.insert(first, area);
                }
            }
            areas = next;
        }
    }

    /// Takes the areas of all touched ports apart; their ports and the touched ones, in order.
    fn dissolve(&mut self, dirty: &mut Dirty, edit: &mut Edit) -> Vec<PortId> {
        dirty.settle_ports(self.ground.ports.len());
        let touched = std::mem::take(&mut dirty.ports);
        self.area_of.resize(self.ground.ports.len(), None);
        let mut open = touched.clone();
        for port in touched {
            let Some(area) = self.area_of[port].and_then(|first| self.areas.remove(&first)) else {
                continue;
            };
            for port in &area.ports {
                self.area_of[*port] = None;
            }
            open.extend(&area.ports);
            self.want(&area.media, dirty, false);
            edit.forget(area.unit);
        }
        open.sort();
        open.dedup();
        open
    }

    pub(super) fn want(&mut self, media: &Media, dirty: &mut Dirty, more: bool) {
        for port in &media.externals {
            let node = self.ground.ports[*port].node;
            dirty.nodes.insert(node);
            let count = self.wanted.entry(node).or_default().entry(*port).or_default();
            if more {
                *count += 1;
            } else {
                *count -= 1;
            }
        }
    }

    pub(super) fn put_nodes(&mut self, dirty: &Dirty, edit: &mut Edit) {
        let nodes: Vec<_> = dirty.nodes.iter().copied().collect();
        for nodes in nodes.chunks(AT_ONCE) {
            let own = each(nodes, |node| {
                let mut more = Edit::default();
                let unit = more.put(self.own(*node, self.ground.directory.device(*node)?));
                Some((unit, more))
            });
            for (node, own) in nodes.iter().zip(own) {
                let (unit, more) = own.unwrap_or_else(|| {
                    let mut more = Edit::default();
                    (more.put(self.external(*node)), more)
                });
                let known = self.units.entry(*node).or_default();
                let keys = std::mem::take(&mut known.keys);
                edit.forget(std::mem::replace(known, Unit { keys, ..unit }));
                edit.join(more);
            }
        }
    }

    /// Bundles reach over areas, so they are made anew from those of all nodes that have any.
    pub(super) fn put_bundles(&mut self, edit: &mut Edit) {
        if self.bundled.is_empty() && self.bundles.entities.is_empty() {
            return;
        }
        edit.forget(std::mem::take(&mut self.bundles));
        let cables = |port: PortId| -> Vec<(PortId, PortId)> {
            let first = self.area_of.get(port).copied().flatten();
            let area = first.and_then(|first| self.areas.get(&first));
            let all = area.into_iter().flat_map(|a| a.media.cables.iter().copied());
            all.filter(|(a, b)| *a == port || *b == port).collect()
        };
        let entities = bundles::bundles(&self.ground, &self.bundled, cables);
        self.bundles = edit.put(Emitted { entities, ..Emitted::default() });
    }

    pub(super) fn own(&self, node: NodeId, device: &Device) -> Emitted {
        let aliases = self.borne(node).skip(1).cloned().collect();
        let mut emitted = emit::node(&self.ground, node, device, aliases);
        for key in self.units.get(&node).into_iter().flat_map(|u| &u.keys) {
            if !self.borne(node).any(|k| k == key) {
                let why = format!("another node is {key} too");
                emitted.findings.push(Finding::new("shared-identity", &device.name, "", why));
            }
        }
        beyond::emit(&self.ground, node, &mut emitted);
        emitted
    }

    pub(super) fn external(&mut self, node: NodeId) -> Emitted {
        let wanted = self.wanted.entry(node).or_default();
        wanted.retain(|_, count| *count > 0);
        let mut ports: Vec<_> = wanted.keys().copied().collect();
        ports.sort_by_key(|p| &self.ground.ports[*p].name);
        let mut emitted =
            if ports.is_empty() { Emitted::default() } else { emit::external(&self.ground, node, &ports) };
        beyond::emit(&self.ground, node, &mut emitted);
        emitted
    }

    /// BGP sessions, all of them: where the ends are may change with any node's addresses.
    pub(super) fn peer(
        &mut self,
        store: &Store,
        words: &BTreeMap<Observer, BTreeSet<Topic>>,
        dirty: &Dirty,
        edit: &mut Edit,
    ) {
        let spoke = words.iter().filter(|(_, topics)| topics.contains(&Topic::BgpPeers));
        let mut changed = !self.sessions.is_empty() && !dirty.nodes.is_empty();
        for (observer, _) in spoke {
            let Observer::Node(name) = observer else { continue };
            let node = self.ground.node(&NodeName::Own(name.clone()));
            changed |= self.sessions.replace(node, store, observer, self.now);
        }
        if changed {
            edit.forget(std::mem::take(&mut self.peerings));
            self.peerings = edit.put(self.sessions.emit(&mut self.ground));
        }
    }

    /// Forwarding tables of nodes whose routes, addresses, interfaces or key changed.
    pub(super) fn route(
        &mut self,
        store: &Store,
        words: &BTreeMap<Observer, BTreeSet<Topic>>,
        dirty: &Dirty,
        edit: &mut Edit,
    ) {
        let made_of = [Topic::Routes, Topic::Addresses, Topic::Links];
        let said = |topics: &BTreeSet<Topic>| made_of.iter().any(|t| topics.contains(t));
        let spoke = words.iter().filter(|(_, topics)| said(topics)).map(|(o, _)| o.clone());
        let moved = dirty
            .nodes
            .iter()
            .filter(|n| self.tables.get(n).is_some_and(|k| *k != self.ground.nodes[**n].key));
        let moved = moved.map(|n| Observer::node(self.ground.node_name(*n)));
        for observer in spoke.chain(moved).collect::<BTreeSet<_>>() {
            let Observer::Node(name) = &observer else { continue };
            let node = self.ground.node(&NodeName::Own(name.clone()));
            let Some(device) = self.ground.directory.device(node) else { continue };
            let key = self.ground.nodes[node].key.clone();
            let table = fib::table(store, &observer, self.now, device, &key);
            if let Some(old) = self.tables.insert(node, key.clone()) {
                edit.fibs.entry(old).or_insert(None);
            }
            edit.fibs.insert(key, (!table.is_empty()).then_some(table));
        }
    }

    /// Makes the edit of the twin; what it changed.
    pub(super) fn commit(&mut self, edit: Edit) -> Vec<Change> {
        let join = |known: &mut Arc<HalfLink>, more: Arc<HalfLink>| join(Arc::make_mut(known), &more);
        let (entities, half_links) = match edit.entities.len() < FEW {
            true => (settled(edit.entities, |known, more| *known = more), settled(edit.half_links, join)),
            false => rayon::join(
                || settled(edit.entities, |known, more| *known = more),
                || settled(edit.half_links, join),
            ),
        };
        let mut changes = match self.twin.is_bare() {
            true => self.found(entities, half_links),
            false => {
                let changes = self.compare(entities, half_links);
                changes.iter().for_each(|change| self.twin.set(change));
                changes
            }
        };
        let known = changes.len();
        for (node, after) in edit.fibs {
            let before = self.twin.fib(&node).cloned();
            if before.as_deref() != after.as_ref() {
                changes.push(Change::Fib { node, before, after: after.map(Arc::new) });
            }
        }
        changes[known..].iter().for_each(|change| self.twin.set(change));
        changes
    }

    /// Makes a twin of what is there where nothing was; the changes.
    fn found(
        &mut self,
        entities: Settled<EntityKey, Entity>,
        half_links: Settled<HalfLinkKey, HalfLink>,
    ) -> Vec<Change> {
        let of_entities = || found(entities, |key, after| Change::Entity { key, before: None, after });
        let of_half_links = || found(half_links, |key, after| Change::HalfLink { key, before: None, after });
        let ((entities, mut changes), (half_links, more)) = rayon::join(of_entities, of_half_links);
        self.twin = Twin::of_tables(entities, half_links);
        changes.extend(more);
        changes
    }

    /// What differs from the twin.
    fn compare(
        &self,
        entities: Settled<EntityKey, Entity>,
        half_links: Settled<HalfLinkKey, HalfLink>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for (key, after) in entities {
            let before = self.twin.entity(&key);
            if before != after.as_deref() {
                let before = before.cloned().map(Arc::new);
                changes.push(Change::Entity { key, before, after });
            }
        }
        for (key, after) in half_links {
            let before = self.twin.half_link(&key);
            if before != after.as_deref() {
                let before = before.cloned().map(Arc::new);
                changes.push(Change::HalfLink { key, before, after });
            }
        }
        changes
    }
}

/// The next areas of open ports, no more than are judged at once.
fn gather(
    ground: &Ground,
    area_of: &mut [Option<PortId>],
    open: &mut impl Iterator<Item = PortId>,
) -> Vec<Vec<PortId>> {
    let mut areas = Vec::new();
    while areas.len() < AT_ONCE
        && let Some(port) = open.next()
    {
        if area_of[port].is_none() {
            areas.push(grow(ground, area_of, port));
        }
    }
    areas
}

/// The area of a port: all ports that claims tie to it, in order.
fn grow(ground: &Ground, area_of: &mut [Option<PortId>], start: PortId) -> Vec<PortId> {
    let mut ports = vec![start];
    area_of[start] = Some(start);
    let mut next = 0;
    while let Some(port) = ports.get(next) {
        for end in ground.claims_of(*port).flat_map(|c| [c.ends.0, c.ends.1]) {
            if area_of[end] != Some(start) {
                area_of[end] = Some(start);
                ports.push(end);
            }
        }
        next += 1;
    }
    ports.sort_unstable();
    for port in ports.iter().filter(|_| ports[0] != start) {
        area_of[*port] = Some(ports[0]);
    }
    ports
}

/// The media of areas, and what stands in the twin for them.
fn judged(ground: &Ground, areas: &[Vec<PortId>]) -> (Vec<Judged>, Edit) {
    let mut edit = Edit::default();
    let mut judge = |ports: &Vec<PortId>| {
        let media = medium::judge(ground, ports);
        let of_area = |p: &PortId| {
            let port = *p;
            ground.claims_of(port).filter(move |c| c.ends.0 == port)
        };
        let claims: Vec<_> = ports.iter().flat_map(of_area).collect();
        let unit = edit.put(emit::area(ground, &media, &claims));
        Judged { ports: ports.clone(), media, unit }
    };
    let judged = areas.iter().map(&mut judge).collect();
    (judged, edit)
}

/// By key, in order, what is there in the end.
type Settled<K, V> = Vec<(K, Option<Arc<V>>)>;

/// The table of what is there, and the changes that make it.
fn found<K: Ord + Clone, V>(
    list: Settled<K, V>,
    change: impl Fn(K, Option<Arc<V>>) -> Change,
) -> (BTreeMap<K, Arc<V>>, Vec<Change>) {
    let table = list.iter().filter_map(|(key, after)| Some((key.clone(), after.clone()?))).collect();
    let mut changes = Vec::with_capacity(list.len());
    let there = list.into_iter().filter(|(_, after)| after.is_some());
    changes.extend(there.map(|(key, after)| change(key, after)));
    (table, changes)
}

impl Edit {
    /// What a unit put into the twin goes, unless it is put there again.
    pub(super) fn forget(&mut self, unit: Unit) {
        self.entities.extend(unit.entities.into_iter().map(|key| (key, None)));
        self.half_links.extend(unit.half_links.into_iter().map(|key| (key, None)));
    }

    /// Adds what comes after.
    fn join(&mut self, more: Self) {
        self.entities.extend(more.entities);
        self.half_links.extend(more.half_links);
        self.fibs.extend(more.fibs);
    }

    pub(super) fn put(&mut self, emitted: Emitted) -> Unit {
        let mut unit = Unit {
            findings: emitted.findings,
            without_speed: emitted.without_speed,
            entities: Vec::with_capacity(emitted.entities.len()),
            half_links: Vec::with_capacity(emitted.half_links.len()),
            keys: Vec::new(),
        };
        for entity in emitted.entities {
            unit.entities.push(entity.key.clone());
            self.entities.push((entity.key.clone(), Some(Arc::new(entity))));
        }
        for (key, half) in emitted.half_links {
            unit.half_links.push(key.clone());
            self.half_links.push((key, Some(Arc::new(half))));
        }
        unit
    }
}

/// By key, in order, what is put there in the end: `both` of two that are put under one key.
fn settled<K: Keyed, V: Send + Sync>(
    edits: Vec<(K, Option<Arc<V>>)>,
    both: impl Fn(&mut Arc<V>, Arc<V>),
) -> Settled<K, V> {
    let mut edits = sorted(edits);
    edits.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            match (&mut kept.1, next.1.take()) {
                (Some(known), Some(more)) => both(known, more),
                (place @ None, more) => *place = more,
                (Some(_), None) => {}
            }
        }
        is_same
    });
    edits
}

/// Two words for one half-link (LLDP and CDP, two processes) are one with the evidence of both.
fn join(known: &mut HalfLink, more: &HalfLink) {
    known.metric = known.metric.min(more.metric);
    known.evidence.extend(more.evidence.iter().cloned());
    known.evidence.sort();
    known.evidence.dedup();
    known.freshness = match (known.freshness, more.freshness) {
        (Some(a), Some(b)) => Some(a.or(b)),
        (a, b) => a.or(b),
    };
}
