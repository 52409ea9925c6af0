//! The keys and the order of nodes.

use std::collections::BTreeSet;

use twin::EntityKey;

use super::super::claim::{NodeId, NodeName};
use super::super::emit;
use super::{Dirty, Fusion};

impl Fusion {
    /// Numbers the nodes with words of their own in the order of names; all others come after them.
    pub(super) fn order_nodes(&mut self, dirty: &mut Dirty) {
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

    /// The keys of nodes: from their own words, or from what all their neighbours agree on; of strangers, from others'.
    pub(super) fn name_nodes(&mut self, dirty: &mut Dirty) {
        dirty.settle_ports(self.ground.ports.len());
        let mut touched: Vec<_> = dirty.ports.iter().map(|p| self.ground.ports[*p].node).collect();
        touched.dedup();
        let mut rename: BTreeSet<_> = touched.into_iter().chain(dirty.nodes.iter().copied()).collect();
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
    pub(super) fn identities(&self, node: NodeId) -> Vec<EntityKey> {
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
                .flat_map(|p| self.ground.claims_of(*p).filter(|c| c.from == *p))
                .filter_map(|c| Some(&c.claim.sender()?.id))
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
    pub(super) fn borne(&self, node: NodeId) -> impl Iterator<Item = &EntityKey> {
        let first = move |key: &&EntityKey| {
            self.bearers.get(*key).and_then(|b| b.first_key_value()).is_some_and(|(_, first)| *first == node)
        };
        self.units.get(&node).into_iter().flat_map(|u| &u.keys).filter(first)
    }
}
