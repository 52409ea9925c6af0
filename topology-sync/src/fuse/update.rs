//! A fusion that follows its store: what changed is done again, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use twin::{Change, Diagnostic, Entity, EntityKey, Fib, HalfLink, HalfLinkKey, Twin, WallTime};

use super::beyond;
use super::bgp;
use super::bundles;
use super::claim::{Body, Claim, End, Finding, NodeId, NodeName, PortId};
use super::device::Device;
use super::directory::Key;
use super::emit::{self, Emitted};
use super::fib;
use super::ground::{ClaimId, Ground};
use super::lsdb::Touched;
use super::medium::{self, Media};
use super::pairs;
use super::resolve::{self, Resolved, resolve};
use super::testimony::{Asked, Overheard, attribute};
use super::wire;
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
    area_of: BTreeMap<PortId, PortId>,
    /// What each node put into the twin.
    units: BTreeMap<NodeId, Unit>,
    /// Who may bear a key, in the order of names.
    bearers: BTreeMap<EntityKey, BTreeMap<NodeName, NodeId>>,
    /// The ports of nodes known only from others that areas want.
    wanted: BTreeMap<NodeId, BTreeMap<PortId, u32>>,
    /// The nodes that have interfaces of pairs in software, and what these come to.
    paired: BTreeSet<NodeId>,
    pairs: Vec<(Claim<End>, ClaimId)>,
    /// The BGP sessions of each node, and what they come to.
    sessions: bgp::Sessions,
    peerings: Unit,
    /// The nodes that have bundles, and what these put into the twin.
    bundled: BTreeSet<NodeId>,
    bundles: Unit,
    /// The node whose forwarding table is in the twin under a key.
    tables: BTreeMap<NodeId, EntityKey>,
    /// Of the databases that changed, the advertisements that did, where no others can have.
    advertised: BTreeMap<Observer, BTreeSet<FactKey>>,
    /// Words of an instant that has not come.
    ahead: BTreeMap<(Observer, Topic), WallTime>,
    now: WallTime,
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
    pub(super) ports: BTreeSet<PortId>,
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

/// What others may have looked up, and what became of it.
#[derive(Debug, Default)]
struct Seen {
    /// Hashes of the keys that changed hands.
    hashes: Vec<u64>,
    /// Nodes whose tables changed.
    about: BTreeSet<NodeId>,
}

impl Seen {
    fn is_nothing(&self) -> bool {
        self.hashes.is_empty() && self.about.is_empty()
    }
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
    /// Ports whose areas are to be judged again.
    ports: BTreeSet<PortId>,
    /// Whether there are new nodes with words of their own.
    newcomers: bool,
}

/// What will be in the twin under the keys that are touched, in the order of the units: nothing under a key counts only if
/// no unit puts anything there. Lists, sorted once in the end: from nothing, all keys are touched.
#[derive(Debug, Default)]
struct Edit {
    entities: Vec<(EntityKey, Option<Arc<Entity>>)>,
    half_links: Vec<(HalfLinkKey, Option<Arc<HalfLink>>)>,
    fibs: BTreeMap<EntityKey, Option<Fib>>,
}

impl Fusion {
    /// The twin as of the last update.
    pub fn twin(&self) -> &Twin {
        &self.twin
    }

    /// The key in the twin of a node that speaks for itself, by its name.
    pub fn node_key(&self, name: &str) -> Option<&EntityKey> {
        let name = NodeName::Own(Arc::from(name));
        let (_, node) = self.ground.named().find(|(known, _)| **known == name)?;
        self.ground.nodes.get(node).map(|n| &n.key)
    }

    /// The instant of the last update.
    pub fn now(&self) -> WallTime {
        self.now
    }

    /// Takes what changed in the store since the last call, and what lapsed until `now`; the changes of the twin, which
    /// has them already.
    pub fn update(&mut self, store: &mut Store, now: WallTime) -> Vec<Change> {
        if now < self.now {
            store.take_dirty();
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
        if dirty.newcomers {
            self.order_nodes(&mut dirty);
        }
        self.name_nodes(&mut dirty);
        self.touch_neighbors(&mut dirty);
        self.judge(&mut dirty, &mut edit);
        self.put_nodes(&dirty, &mut edit);
        self.peer(store, words, &dirty, &mut edit);
        self.put_bundles(&mut edit);
        self.route(store, words, &dirty, &mut edit);
        self.commit(edit)
    }

    /// Nodes and databases as they are said to be now.
    fn take_words(&mut self, store: &Store, words: &BTreeMap<Observer, BTreeSet<Topic>>, dirty: &mut Dirty) {
        let mut seen = Seen::default();
        let mut touched = Touched::default();
        let mut on_wires = false;
        let mut devices = self.spoken(store, words).into_iter();
        for (observer, topics) in words {
            if topics.contains(&Topic::LinkStates) {
                let lsdb = &mut self.ground.lsdb;
                match self.advertised.get(observer) {
                    Some(keys) => lsdb.renew(store, observer, keys, self.now, &mut touched),
                    None => lsdb.replace(store, observer, self.now, &mut touched),
                }
            }
            match observer {
                Observer::Node(name) => {
                    let node = self.own_node(name, dirty);
                    let known = self.asked.get(&node).map(|(_, device)| device);
                    let Some(device) = devices.next().flatten() else { continue };
                    if known.is_none_or(|known| **known != device) {
                        self.asked.insert(node, (name.clone(), Arc::new(device)));
                        self.renew(node, &mut seen, dirty);
                    }
                }
                Observer::Wire(_) => on_wires |= topics.iter().any(|t| wire::is_of(*t)),
                Observer::List(_) => {}
            }
        }
        self.wired |= on_wires;
        if self.wired && (on_wires || !touched.changed.is_empty() || !seen.is_nothing()) {
            self.listen(store, &mut seen, dirty);
        }
        if !seen.is_nothing() {
            let Seen { mut hashes, about } = seen;
            hashes.sort_unstable();
            hashes.dedup();
            let asks = |w: &Words| w.resolved.asks_any(&hashes) || !w.resolved.about.is_disjoint(&about);
            let others = self.words.iter().filter(|(n, _)| !dirty.resolve.contains(n));
            let asking: Vec<_> = others.filter(|(_, w)| asks(w)).map(|(n, _)| *n).collect();
            dirty.resolve.extend(asking);
        }
        self.touch_routers(&touched.changed, dirty);
        for (protocol, router) in touched.near {
            self.touch_beyond(protocol, &router, dirty);
        }
    }

    /// The nodes that spoke, in the order of `words`; none where nothing was said of which a node is made.
    fn spoken(&self, store: &Store, words: &BTreeMap<Observer, BTreeSet<Topic>>) -> Vec<Option<Device>> {
        let nodes: Vec<_> = words.iter().filter(|(o, _)| matches!(o, Observer::Node(_))).collect();
        each(&nodes, |(observer, topics)| {
            let name = NodeName::Own(Arc::from(observer.id()));
            let is_known = self.ground.known(&name).is_some_and(|n| self.asked.contains_key(&n));
            let spoke = !is_known || topics.iter().any(|t| Device::is_of(*t));
            spoke.then(|| Device::of(store, observer, self.now))
        })
    }

    /// A router whose adjacencies in the database changed is put into the twin again, if it was not asked itself.
    fn touch_beyond(&mut self, protocol: IgpProtocol, router: &str, dirty: &mut Dirty) {
        let owners = beyond::owners(&self.ground, protocol, router);
        let strangers =
            owners.iter().filter(|o| matches!(self.ground.nodes[**o].name, NodeName::External(_)));
        dirty.nodes.extend(strangers);
        if owners.is_empty() {
            let name = beyond::name(protocol, router);
            dirty.newcomers |= self.ground.known(&name).is_none();
            dirty.nodes.insert(self.ground.node(&name));
        }
    }

    /// Whoever is next to a router in the database names its ports and its key.
    fn touch_neighbors(&mut self, dirty: &mut Dirty) {
        let mut near = BTreeSet::new();
        for (protocol, id) in std::mem::take(&mut dirty.routers) {
            near.extend(self.ground.lsdb.graph.near(protocol, &id).into_iter().map(|r| (protocol, r)));
        }
        for (protocol, router) in near {
            self.touch_beyond(protocol, &router, dirty);
            // Known from the database alone until now, perhaps.
            dirty.nodes.extend(self.ground.known(&beyond::name(protocol, &router)));
        }
    }

    /// The ids under which a node advertises.
    fn router_ids(&self, device: &Device) -> Vec<(IgpProtocol, String)> {
        let all = [IgpProtocol::Ospf2, IgpProtocol::Ospf3, IgpProtocol::Isis];
        all.into_iter()
            .flat_map(|p| self.ground.lsdb.ids(device, p).into_iter().map(move |id| (p, id)))
            .collect()
    }

    /// Whom wires show, and whose words they carry.
    fn listen(&mut self, store: &Store, seen: &mut Seen, dirty: &mut Dirty) {
        let graph = &self.ground.lsdb.graph;
        let parties = wire::parties(store, self.now, &|x, y| graph.is_adjacent(x, y));
        let overheard = attribute(parties, Asked { directory: &self.ground.directory, own: &self.asked });
        let before = std::mem::replace(&mut self.overheard, overheard);
        let names: BTreeSet<NodeName> = before.keys().chain(self.overheard.keys()).cloned().collect();
        for name in names {
            if before.get(&name) != self.overheard.get(&name) {
                let node = match &name {
                    NodeName::Own(own) => self.own_node(own, dirty),
                    NodeName::External(_) => self.stranger(&name, dirty),
                };
                self.renew(node, seen, dirty);
            }
        }
    }

    /// The number of a node that has words on wires alone.
    fn stranger(&mut self, name: &NodeName, dirty: &mut Dirty) -> NodeId {
        let node = self.ground.node(name);
        dirty.newcomers |= self.ground.directory.device(node).is_none();
        node
    }

    /// Puts a node together again from its own words and from those that wires carry.
    fn renew(&mut self, node: NodeId, seen: &mut Seen, dirty: &mut Dirty) {
        let overheard = self.overheard.get(&self.ground.nodes[node].name);
        let device = match (&self.ground.nodes[node].name, self.asked.get(&node), overheard) {
            (NodeName::Own(_), Some((_, device)), None) => Some(device.clone()),
            (NodeName::Own(_), Some((_, device)), Some(o)) => Some(Arc::new((**device).clone().overheard(o))),
            (NodeName::External(id), _, Some(o)) => Some(Arc::new(Device::stranger(id).overheard(o))),
            _ => None,
        };
        dirty.nodes.insert(node);
        let known = self.ground.directory.device(node).cloned();
        for device in known.iter().chain(&device) {
            dirty.routers.extend(self.router_ids(device));
        }
        match (known.as_deref(), device.as_deref()) {
            (Some(known), Some(device)) if known.is_seen_alike(device) => {
                let changed = device.interfaces.iter().filter(|(n, i)| known.interfaces.get(*n) != Some(i));
                let ports = &self.ground.nodes[node].ports;
                dirty.ports.extend(changed.filter_map(|(n, _)| ports.get(n.as_str())));
            }
            (_, Some(device)) => {
                seen.about.insert(node);
                dirty.ports.extend(self.ports_of(node, device));
            }
            (_, None) => {
                seen.about.insert(node);
                dirty.ports.extend(self.ground.nodes[node].ports.values());
                for claim in self.words.remove(&node).into_iter().flat_map(|w| w.claims) {
                    dirty.ports.extend(self.ground.remove(claim));
                }
            }
        }
        if device.is_some() {
            dirty.resolve.insert(node);
        }
        match device.iter().flat_map(|d| d.interfaces.values()).any(|i| i.link.peer_index.is_some()) {
            true => self.paired.insert(node),
            false => self.paired.remove(&node),
        };
        match device.as_deref().is_some_and(bundles::has_bundles) {
            true => self.bundled.insert(node),
            false => self.bundled.remove(&node),
        };
        let keys = self.ground.directory.replace(node, device);
        seen.hashes.extend(keys.iter().map(resolve::hash));
    }

    /// The number of a node with words of its own. A new one may change the place of all others.
    fn own_node(&mut self, name: &Arc<str>, dirty: &mut Dirty) -> NodeId {
        let node = self.ground.node(&NodeName::Own(name.clone()));
        if let std::collections::btree_map::Entry::Vacant(new) = self.words.entry(node) {
            new.insert(Words::default());
            dirty.nodes.insert(node);
            dirty.newcomers = true;
        }
        node
    }

    /// Numbers the nodes with words of their own in the order of names; all others come after them.
    fn order_nodes(&mut self, dirty: &mut Dirty) {
        let named: Vec<_> =
            self.ground.named().map(|(name, id)| (matches!(name, NodeName::Own(_)), id)).collect();
        let own = named.iter().filter(|(own, _)| *own).map(|(_, id)| *id);
        let own: Vec<_> = own.collect();
        let count = own.len() as u32;
        self.ground.strangers = count;
        let others = named.iter().filter(|(own, _)| !*own).map(|(_, id)| (count, *id));
        for (ordinal, node) in (0..).zip(own).chain(others) {
            if self.ground.nodes[node].ordinal != ordinal {
                self.ground.nodes[node].ordinal = ordinal;
                dirty.nodes.insert(node);
                dirty.ports.extend(self.ground.nodes[node].ports.values());
            }
        }
    }

    fn ports_of(&mut self, node: NodeId, device: &Device) -> Vec<PortId> {
        for name in device.interfaces.keys() {
            self.ground.port(node, &Arc::from(name.as_str()));
        }
        self.ground.nodes[node].ports.values().copied().collect()
    }

    /// The costs of routers whose advertisements changed are looked up again.
    fn touch_routers(&mut self, routers: &BTreeSet<String>, dirty: &mut Dirty) {
        if routers.is_empty() {
            return;
        }
        for router in routers {
            let id: Arc<str> = Arc::from(router.as_str());
            let names = self.ground.lsdb.names_of(router).map(|n| Key::Name(Arc::from(n)));
            let keys = names.chain([Key::Router(id.clone()), Key::System(id.clone()), Key::Name(id)]);
            for node in keys.flat_map(|k| self.ground.directory.owners(&k).to_vec()) {
                dirty.ports.extend(self.ground.nodes[node].ports.values());
            }
        }
    }

    fn resolve(&mut self, dirty: &mut Dirty) {
        let directory = &self.ground.directory;
        let nodes: Vec<_> = std::mem::take(&mut dirty.resolve).into_iter().collect();
        let all = each(&nodes, |node| Some(resolve(directory, *node, directory.device(*node)?)));
        for (node, resolved) in nodes.into_iter().zip(all) {
            let Some(resolved) = resolved else { continue };
            let words = self.words.entry(node).or_default();
            let known = words.resolved.claims.iter().zip(std::mem::take(&mut words.claims));
            words.claims = self.ground.exchange(known, &resolved.claims, &mut dirty.ports);
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
        let ids = self.ground.exchange(known, &claims, &mut dirty.ports);
        self.pairs = claims.into_iter().zip(ids).collect();
    }

    /// The keys of nodes: from their own words, or from what all their neighbours agree on; of strangers, from others'.
    fn name_nodes(&mut self, dirty: &mut Dirty) {
        let touched: BTreeSet<_> = dirty
            .ports
            .iter()
            .map(|p| self.ground.ports[*p].node)
            .chain(dirty.nodes.iter().copied())
            .collect();
        let mut rename = touched;
        for node in rename.clone() {
            let keys = self.identities(node);
            let unit = self.units.entry(node).or_default();
            if unit.keys == keys {
                continue;
            }
            let name = self.ground.nodes[node].name.clone();
            for key in std::mem::replace(&mut unit.keys, keys.clone()) {
                if let Some(bearers) = self.bearers.get_mut(&key) {
                    bearers.remove(&name);
                    rename.extend(bearers.values());
                }
            }
            for key in keys {
                let bearers = self.bearers.entry(key).or_default();
                bearers.insert(name.clone(), node);
                rename.extend(bearers.values());
            }
        }
        for node in rename {
            let Some(key) = self.borne(node).next().cloned() else { continue };
            if self.ground.nodes[node].key != key {
                dirty.ports.extend(self.ground.rename(node, key));
                if let Some(device) = self.ground.directory.device(node) {
                    dirty.routers.extend(self.router_ids(device));
                }
            }
            dirty.nodes.insert(node);
        }
    }

    /// The keys of a node, best first: chassis id (its own word, or what all its neighbours agree on), router id, name.
    fn identities(&self, node: NodeId) -> Vec<EntityKey> {
        let Some(device) = self.ground.directory.device(node) else {
            let NodeName::External(id) = &self.ground.nodes[node].name else { return Vec::new() };
            // A node with words of its own comes first in the order of names.
            let key = emit::external_key(id);
            let other = EntityKey::new(format!("{key}#stranger"));
            return vec![key, other];
        };
        let own = device.chassis.as_ref().map(|c| emit::chassis_key(&c.id));
        let chassis = own.or_else(|| {
            let ports = self.ground.nodes[node].ports.values();
            let said: BTreeSet<_> = ports
                .flat_map(|p| self.ground.claims_of(*p).filter(|c| c.claim.from == *p))
                .filter_map(|c| match &c.claim.body {
                    Body::Heard { chassis, .. } => Some(chassis),
                    _ => None,
                })
                .collect();
            said.first().filter(|_| said.len() == 1).map(|id| emit::chassis_key(id))
        });
        let router = device.node.router_id.as_deref().map(EntityKey::node_by_router_id);
        let name = match &device.external {
            None => EntityKey::node(&device.name),
            Some(id) => EntityKey::new(format!("node:external:{}:{}", id.kind, id.value)),
        };
        let external = device.external.as_ref().map(emit::external_key);
        let mut keys: Vec<_> = external.into_iter().chain(chassis).chain(router).chain([name]).collect();
        keys.dedup();
        keys
    }

    /// The keys that a node bears: of those who may bear one the first by name does.
    fn borne(&self, node: NodeId) -> impl Iterator<Item = &EntityKey> {
        let first = move |key: &&EntityKey| {
            self.bearers.get(*key).and_then(|b| b.first_key_value()).is_some_and(|(_, first)| *first == node)
        };
        self.units.get(&node).into_iter().flat_map(|u| &u.keys).filter(first)
    }

    /// Judges the areas of all touched ports again.
    fn judge(&mut self, dirty: &mut Dirty, edit: &mut Edit) {
        let mut open = std::mem::take(&mut dirty.ports);
        for port in open.clone() {
            let Some(area) = self.area_of.get(&port).and_then(|first| self.areas.remove(first)) else {
                continue;
            };
            for port in &area.ports {
                self.area_of.remove(port);
            }
            open.extend(&area.ports);
            self.want(&area.media, dirty, false);
            edit.forget(area.unit);
        }
        while !open.is_empty() {
            let mut areas = Vec::new();
            while areas.len() < AT_ONCE
                && let Some(port) = open.pop_first()
            {
                let ports = medium::closure(&self.ground, port);
                for port in &ports {
                    open.remove(port);
                }
                areas.push(ports);
            }
            let judged = each(&areas, |ports| self.judged(ports));
            for (ports, (media, emitted)) in areas.into_iter().zip(judged) {
                self.want(&media, dirty, true);
                let first = *ports.first().expect("an area has the port that it grew from");
                self.area_of.extend(ports.iter().map(|p| (*p, first)));
                let unit = edit.put(emitted);
                self.areas.insert(first, Judged { ports, media, unit });
            }
        }
    }

    /// The media of an area, and what stands in the twin for them.
    fn judged(&self, ports: &BTreeSet<PortId>) -> (Media, Emitted) {
        let media = medium::judge(&self.ground, ports);
        let of_area = |p: &PortId| {
            let port = *p;
            self.ground.claims_of(port).filter(move |c| c.ends.0 == port)
        };
        let claims: Vec<_> = ports.iter().flat_map(of_area).collect();
        let emitted = emit::area(&self.ground, &media, &claims);
        (media, emitted)
    }

    fn want(&mut self, media: &Media, dirty: &mut Dirty, more: bool) {
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

    fn put_nodes(&mut self, dirty: &Dirty, edit: &mut Edit) {
        let nodes: Vec<_> = dirty.nodes.iter().copied().collect();
        for nodes in nodes.chunks(AT_ONCE) {
            let own = each(nodes, |node| Some(self.own(*node, self.ground.directory.device(*node)?)));
            for (node, own) in nodes.iter().zip(own) {
                let emitted = own.unwrap_or_else(|| self.external(*node));
                let mut known = self.units.remove(node).unwrap_or_default();
                let keys = std::mem::take(&mut known.keys);
                edit.forget(known);
                let unit = edit.put(emitted);
                self.units.insert(*node, Unit { keys, ..unit });
            }
        }
    }

    /// Bundles reach over areas, so they are made anew from those of all nodes that have any.
    fn put_bundles(&mut self, edit: &mut Edit) {
        if self.bundled.is_empty() && self.bundles.entities.is_empty() {
            return;
        }
        edit.forget(std::mem::take(&mut self.bundles));
        let cables = |port: PortId| -> Vec<(PortId, PortId)> {
            let area = self.area_of.get(&port).and_then(|first| self.areas.get(first));
            let all = area.into_iter().flat_map(|a| a.media.cables.iter().copied());
            all.filter(|(a, b)| *a == port || *b == port).collect()
        };
        let entities = bundles::bundles(&self.ground, &self.bundled, cables);
        self.bundles = edit.put(Emitted { entities, ..Emitted::default() });
    }

    fn own(&self, node: NodeId, device: &Device) -> Emitted {
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

    fn external(&mut self, node: NodeId) -> Emitted {
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
    fn peer(
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
    fn route(
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
    fn commit(&mut self, edit: Edit) -> Vec<Change> {
        let mut changes = Vec::new();
        for (key, after) in settled(edit.entities, |known, more| *known = more) {
            let before = self.twin.entity(&key);
            if before != after.as_deref() {
                let before = before.cloned().map(Arc::new);
                changes.push(Change::Entity { key, before, after });
            }
        }
        for (key, after) in settled(edit.half_links, |known, more| join(Arc::make_mut(known), &more)) {
            let before = self.twin.half_link(&key);
            if before != after.as_deref() {
                let before = before.cloned().map(Arc::new);
                changes.push(Change::HalfLink { key, before, after });
            }
        }
        for (node, after) in edit.fibs {
            let before = self.twin.fib(&node).cloned();
            if before.as_deref() != after.as_ref() {
                changes.push(Change::Fib { node, before, after: after.map(Arc::new) });
            }
        }
        self.twin.set_all(&changes);
        changes
    }

    /// All findings, in order, each once.
    pub fn findings(&self) -> Vec<Finding> {
        let resolved = self.words.values().flat_map(|w| &w.resolved.findings);
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

impl Edit {
    /// What a unit put into the twin goes, unless it is put there again.
    fn forget(&mut self, unit: Unit) {
        self.entities.extend(unit.entities.into_iter().map(|key| (key, None)));
        self.half_links.extend(unit.half_links.into_iter().map(|key| (key, None)));
    }

    fn put(&mut self, emitted: Emitted) -> Unit {
        let mut unit =
            Unit { findings: emitted.findings, without_speed: emitted.without_speed, ..Unit::default() };
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
fn settled<K: Ord + Send, V: Send + Sync>(
    mut edits: Vec<(K, Option<Arc<V>>)>,
    both: impl Fn(&mut Arc<V>, Arc<V>),
) -> Vec<(K, Option<Arc<V>>)> {
    if edits.len() < FEW {
        edits.sort_by(|a, b| a.0.cmp(&b.0));
    } else {
        edits.par_sort_by(|a, b| a.0.cmp(&b.0));
    }
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

/// What is done at once for fewer than this many is not worth a second thread.
const FEW: usize = 256;

/// How many units are worked out before they are put together, so that not all of them are held twice.
const AT_ONCE: usize = 4096;

/// The function of each, in order.
fn each<T: Sync, R: Send>(list: &[T], of: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    match list.len() < FEW {
        true => list.iter().map(of).collect(),
        false => list.par_iter().with_min_len(16).map(of).collect(),
    }
}

/// Two words for one half-link (LLDP and CDP, two processes) are one with the evidence of both.
fn join(known: &mut HalfLink, more: &HalfLink) {
    known.metric = known.metric.min(more.metric);
    known.evidence.extend(more.evidence.iter().cloned());
    known.evidence.sort();
    known.evidence.dedup();
}
