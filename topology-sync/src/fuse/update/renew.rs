//! Nodes and databases as they are said to be now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::beyond;
use super::super::bundles;
use super::super::claim::{NodeId, NodeName, PortId};
use super::super::device::Device;
use super::super::directory::Key;
use super::super::lsdb::Touched;
use super::super::testimony::{Asked, attribute};
use super::super::wire;
use super::{AT_ONCE, Dirty, Fusion, Words, each};
use crate::observation::{IgpProtocol, Observer, Topic};
use crate::store::Store;

/// What others may have looked up, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Hashes of the keys that changed hands.
    hashes: Vec<u64>,
    /// Nodes whose tables changed.
    about: BTreeSet<NodeId>,
}

/// Who said something, on what, and whether a node is to be put together of it.
type Said<'a> = (&'a Observer, &'a BTreeSet<Topic>, bool);

impl Seen {
    fn is_nothing(&self) -> bool {
        self.hashes.is_empty() && self.about.is_empty()
    }
}

impl Fusion {
    /// Nodes and databases as they are said to be now.
    pub(super) fn take_words(
        &mut self,
        store: &Store,
        words: &BTreeMap<Observer, BTreeSet<Topic>>,
        dirty: &mut Dirty,
    ) {
        let mut seen = Seen::default();
        let mut touched = Touched::default();
        let mut on_wires = false;
        let said: Vec<_> = words.iter().map(|(o, topics)| (o, topics, self.has_spoken(o, topics))).collect();
        let now = self.now;
        let devices = |said: &[Said<'_>]| {
            each(said, |(observer, _, spoke)| spoke.then(|| Device::of(store, observer, now)))
        };
        // While some are taken the next are put together.
        let mut parts = said.chunks(AT_ONCE / 8);
        let mut next = parts.next().map(|part| (part, devices(part)));
        while let Some((part, spoken)) = next {
            let take = || {
                for ((observer, topics, _), device) in part.iter().zip(spoken) {
                    self.take_from(store, observer, topics, device, (&mut seen, &mut touched, dirty));
                    on_wires |=
                        matches!(observer, Observer::Wire(_)) && topics.iter().any(|t| wire::is_of(*t));
                }
            };
            next = match parts.next() {
                None => {
                    take();
                    None
                }
                Some(part) => Some((part, rayon::join(take, || devices(part)).1)),
            };
        }
        self.wired |= on_wires;
        if self.wired && (on_wires || !touched.changed.is_empty() || !seen.is_nothing()) {
            self.listen(store, &mut seen, dirty);
        }
        if !seen.is_nothing() {
            let Seen { mut hashes, about } = seen;
            hashes.sort_unstable();
            hashes.dedup();
            let asks = |w: &Words| w.resolved.asks_any(&hashes) || w.resolved.is_about_any(&about);
            let others = self.words.iter().filter(|(n, _)| !dirty.resolve.contains(n));
            let asking: Vec<_> = others.filter(|(_, w)| asks(w)).map(|(n, _)| *n).collect();
            dirty.resolve.extend(asking);
        }
        dirty.database = !touched.changed.is_empty();
        self.touch_routers(&touched.changed, dirty);
        for (protocol, router) in touched.near {
            self.touch_beyond(protocol, &router, dirty);
        }
    }

    /// Takes what one observer says now; `device` if it is a node and said anything of which one is made.
    fn take_from(
        &mut self,
        store: &Store,
        observer: &Observer,
        topics: &BTreeSet<Topic>,
        device: Option<Device>,
        (seen, touched, dirty): (&mut Seen, &mut Touched, &mut Dirty),
    ) {
        if topics.contains(&Topic::LinkStates) {
            let lsdb = &mut self.ground.lsdb;
            match self.advertised.get(observer) {
                Some(keys) => lsdb.renew(store, observer, keys, self.now, touched),
                None => lsdb.replace(store, observer, self.now, touched),
            }
        }
        let Observer::Node(name) = observer else { return };
        let node = self.own_node(name, dirty);
        let known = self.asked.get(&node).map(|(_, device)| device);
        let Some(device) = device else { return };
        if known.is_none_or(|known| **known != device) {
            self.asked.insert(node, (name.clone(), Arc::new(device)));
            self.renew(node, seen, dirty);
        }
    }

    /// Whether an observer is a node that said anything of which one is made.
    fn has_spoken(&self, observer: &Observer, topics: &BTreeSet<Topic>) -> bool {
        let Observer::Node(name) = observer else { return false };
        let known = self.ground.known(&NodeName::Own(name.clone()));
        !known.is_some_and(|n| self.asked.contains_key(&n)) || topics.iter().any(|t| Device::is_of(*t))
    }

    /// A router whose adjacencies in the database changed is put into the twin again, if it was not asked itself.
    pub(super) fn touch_beyond(&mut self, protocol: IgpProtocol, router: &str, dirty: &mut Dirty) {
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
    pub(super) fn touch_neighbors(&mut self, dirty: &mut Dirty) {
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
    pub(crate) fn router_ids(&self, device: &Device) -> Vec<(IgpProtocol, String)> {
        let all = [IgpProtocol::Ospf2, IgpProtocol::Ospf3, IgpProtocol::Isis];
        all.into_iter()
            .flat_map(|p| self.ground.lsdb.ids(device, p).into_iter().map(move |id| (p, id)))
            .collect()
    }

    /// Whom wires show, and whose words they carry.
    pub(super) fn listen(&mut self, store: &Store, seen: &mut Seen, dirty: &mut Dirty) {
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
    pub(super) fn stranger(&mut self, name: &NodeName, dirty: &mut Dirty) -> NodeId {
        let node = self.ground.node(name);
        dirty.newcomers |= self.ground.directory.device(node).is_none();
        node
    }

    /// Puts a node together again from its own words and from those that wires carry.
    pub(super) fn renew(&mut self, node: NodeId, seen: &mut Seen, dirty: &mut Dirty) {
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
                dirty.ports.extend(changed.filter_map(|(n, _)| ports.get(&**n)));
            }
            (_, Some(device)) => {
                seen.about.insert(node);
                dirty.ports.extend(self.ports_of(node, device));
            }
            (_, None) => {
                seen.about.insert(node);
                dirty.ports.extend(self.ground.nodes[node].ports.values());
                self.ground.exchange_past(node, &[], &mut dirty.ports);
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
        seen.hashes.extend(self.ground.replace(node, device));
    }

    /// The number of a node with words of its own. A new one may change the place of all others.
    pub(super) fn own_node(&mut self, name: &Arc<str>, dirty: &mut Dirty) -> NodeId {
        let node = self.ground.node(&NodeName::Own(name.clone()));
        if let std::collections::btree_map::Entry::Vacant(new) = self.words.entry(node) {
            new.insert(Words::default());
            dirty.nodes.insert(node);
            dirty.newcomers = true;
        }
        node
    }

    pub(super) fn ports_of(&mut self, node: NodeId, device: &Device) -> Vec<PortId> {
        for name in device.interfaces.keys() {
            self.ground.port(node, name);
        }
        self.ground.nodes[node].ports.values().copied().collect()
    }

    /// The costs of routers whose advertisements changed are looked up again.
    pub(super) fn touch_routers(&mut self, routers: &BTreeSet<String>, dirty: &mut Dirty) {
        if routers.is_empty() {
            return;
        }
        for router in routers {
            let names = self.ground.lsdb.names_of(router).map(Key::Name);
            let keys = names.chain([Key::Router(router), Key::System(router), Key::Name(router)]);
            for node in keys.flat_map(|k| self.ground.directory.owners(k)) {
                let node = *node;
                dirty.ports.extend(self.ground.nodes[node].ports.values());
            }
        }
    }
}
