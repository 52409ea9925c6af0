//! All nodes and ports of a fusion with the claims about them: what the media are made from.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use twin::EntityKey;

use super::claim::{Claim, End, NodeId, NodeName, PortId, Whom};
use super::device::{Device, Interface};
use super::directory::Directory;
use super::inventory::Inventory;
use super::lsdb::Lsdb;
use super::stamp::Stamp;

/// A claim's number; it says nothing about order.
pub(crate) type ClaimId = usize;

/// Nodes, ports and claims by number.
#[derive(Debug, Default)]
pub(crate) struct Ground {
    pub(crate) directory: Directory,
    pub(crate) lsdb: Lsdb,
    pub(crate) inventory: Inventory,
    names: BTreeMap<NodeName, NodeId>,
    /// The place of nodes that are known only from others: after all with words of their own.
    pub(crate) strangers: u32,
    pub(crate) nodes: Vec<Node>,
    pub(crate) ports: Vec<PortOf>,
    /// By hearing node: who was heard by which of its ports and is not any more.
    past: BTreeMap<NodeId, BTreeMap<(PortId, PortId), Stamp>>,
    claims: Vec<Option<Placed>>,
    free: Vec<ClaimId>,
}

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: NodeName,
    /// Its identity in the twin.
    pub(crate) key: EntityKey,
    /// Its place in the order of names.
    pub(crate) ordinal: u32,
    /// Every port that was ever named.
    pub(crate) ports: BTreeMap<Arc<str>, PortId>,
}

/// A port.
#[derive(Debug)]
pub(crate) struct PortOf {
    pub(crate) node: NodeId,
    pub(crate) name: Arc<str>,
    /// The row of its node's interface table.
    row: Option<Arc<Interface>>,
    /// Its identity in the twin, once it is asked for: nodes get their keys after their ports.
    key: OnceLock<EntityKey>,
    /// The claims whose cable ends at it.
    pub(crate) claims: Vec<ClaimId>,
    /// The claims that name it, although the cable ends at another port (a VLAN's).
    pub(crate) logical: Vec<ClaimId>,
}

/// A claim with the ports at which the cable under it ends.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) claim: Arc<Claim>,
    /// The port that the claim is from, and that to which it is.
    pub(crate) from: PortId,
    pub(crate) to: PortId,
    pub(crate) ends: (PortId, PortId),
}

/// The ports that a claim names and those at which the cable under it ends, where they have numbers already.
pub(crate) type Place = Option<[PortId; 4]>;

impl Ground {
    /// The number of a node, if it has one.
    pub(crate) fn known(&self, name: &NodeName) -> Option<NodeId> {
        self.names.get(name).copied()
    }

    /// The number of the node that an end names, if it has one.
    pub(crate) fn who(&self, whom: &Whom) -> Option<NodeId> {
        match whom {
            Whom::Known(node) => Some(*node),
            Whom::Stranger(id) => self.known(&NodeName::External((**id).clone())),
        }
    }

    /// The number of a node, a new one where it is not known.
    pub(crate) fn node(&mut self, name: &NodeName) -> NodeId {
        if let Some(id) = self.names.get(name) {
            return *id;
        }
        let id = self.nodes.len();
        let key = match name {
            NodeName::Own(name) => EntityKey::node(name),
            NodeName::External(id) => super::emit::external_key(id),
        };
        self.nodes.push(Node { name: name.clone(), key, ordinal: self.strangers, ports: BTreeMap::new() });
        self.names.insert(name.clone(), id);
        id
    }

    /// All nodes in the order of their names.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&NodeName, NodeId)> {
        self.names.iter().map(|(name, id)| (name, *id))
    }

    /// The number of a port, a new one where it is not known.
    pub(crate) fn port(&mut self, node: NodeId, name: &Arc<str>) -> PortId {
        if let Some(id) = self.nodes[node].ports.get(name) {
            return *id;
        }
        let id = self.ports.len();
        let row = self.directory.device(node).and_then(|d| d.interfaces.get(&**name)).cloned();
        self.ports.push(PortOf {
            node,
            name: name.clone(),
            row,
            key: OnceLock::new(),
            claims: Vec::new(),
            logical: Vec::new(),
        });
        self.nodes[node].ports.insert(name.clone(), id);
        id
    }

    fn end(&mut self, end: &End) -> PortId {
        let node = match &end.node {
            Whom::Known(node) => *node,
            Whom::Stranger(id) => self.node(&NodeName::External((**id).clone())),
        };
        self.port(node, &end.port)
    }

    /// Where a claim belongs, if all of its ports are known: what can be found out of many claims side by side.
    pub(crate) fn place(&self, claim: &Claim) -> Place {
        let known = |end: &End| match &end.node {
            Whom::Known(node) => self.nodes.get(*node)?.ports.get(&end.port).copied(),
            Whom::Stranger(_) => None,
        };
        let end = |port: PortId| match self.below(port) {
            Some((node, below)) => self.nodes[node].ports.get(&below).copied(),
            None => Some(port),
        };
        let (from, to) = (known(&claim.from)?, known(&claim.to)?);
        Some([from, to, end(from)?, end(to)?])
    }

    fn cable_end(&mut self, port: PortId) -> PortId {
        match self.below(port) {
            Some((node, below)) => self.port(node, &below),
            None => port,
        }
    }

    /// The port at which the cable under a port ends, if that is another.
    fn below(&self, port: PortId) -> Option<(NodeId, Arc<str>)> {
        let PortOf { node, name, .. } = &self.ports[port];
        let below = self.directory.device(*node)?.cable_port(name);
        (below != &**name).then(|| (*node, Arc::from(below)))
    }

    /// Whether the cable under a claim still ends where it did when the claim was added.
    fn is_in_place(&self, id: ClaimId) -> bool {
        let placed = self.claim(id);
        [(placed.from, placed.ends.0), (placed.to, placed.ends.1)].into_iter().all(|(port, end)| {
            match self.below(port) {
                Some((node, below)) => self.nodes[node].ports.get(&below) == Some(&end),
                None => port == end,
            }
        })
    }

    /// Adds a claim and gives the ports that it touches.
    fn add(&mut self, claim: Arc<Claim>, place: Place) -> (ClaimId, [PortId; 4]) {
        let [from, to, from_end, to_end] = place.unwrap_or_else(|| {
            let (from, to) = (self.end(&claim.from), self.end(&claim.to));
            [from, to, self.cable_end(from), self.cable_end(to)]
        });
        let ends = (from_end, to_end);
        let placed = Placed { claim, from, to, ends };
        let id = match self.free.pop() {
            Some(id) => {
                self.claims[id] = Some(placed);
                id
            }
            None => {
                self.claims.push(Some(placed));
                self.claims.len() - 1
            }
        };
        for port in [ends.0, ends.1] {
            self.ports[port].claims.push(id);
        }
        for (named, end) in [(from, ends.0), (to, ends.1)] {
            if named != end {
                self.ports[named].logical.push(id);
            }
        }
        (id, [ends.0, ends.1, from, to])
    }

    /// Removes a claim and gives the ports that it touched.
    pub(crate) fn remove(&mut self, id: ClaimId) -> [PortId; 4] {
        let placed = self.claims[id].take().expect("a claim is removed once, by who made it");
        self.free.push(id);
        let touched = [placed.ends.0, placed.ends.1, placed.from, placed.to];
        for port in touched {
            self.ports[port].claims.retain(|c| *c != id);
            self.ports[port].logical.retain(|c| *c != id);
        }
        touched
    }

    /// Puts claims, each with its place, in the place of those that are known; the ports that this touches are added to
    /// `touched`.
    pub(crate) fn exchange<'a>(
        &mut self,
        known: impl Iterator<Item = (&'a Arc<Claim>, ClaimId)>,
        claims: &[Arc<Claim>],
        places: &[Place],
        touched: &mut Vec<PortId>,
    ) -> Vec<ClaimId> {
        let mut left: BTreeMap<&Claim, Vec<ClaimId>> = BTreeMap::new();
        for (claim, id) in known {
            left.entry(claim).or_default().push(id);
        }
        let mut ids = Vec::with_capacity(claims.len());
        for (claim, place) in claims.iter().zip(places) {
            let kept = left.get_mut(&**claim).and_then(|ids| ids.pop_if(|id| self.is_in_place(*id)));
            ids.push(kept.unwrap_or_else(|| {
                let (id, ports) = self.add(claim.clone(), *place);
                touched.extend(ports);
                id
            }));
        }
        for id in left.into_values().flatten() {
            touched.extend(self.remove(id));
        }
        ids
    }

    /// Puts in place of what is known who was heard by a node and is not any more; the hearing ports of those that changed are
    /// added to `touched`.
    pub(crate) fn exchange_past(
        &mut self,
        node: NodeId,
        past: &[(End, End, Stamp)],
        touched: &mut Vec<PortId>,
    ) {
        let mut new: BTreeMap<(PortId, PortId), Stamp> = BTreeMap::new();
        for (from, to, at) in past {
            let (from, to) = (self.end(from), self.end(to));
            let ends = (self.cable_end(from), self.cable_end(to));
            let latest = new.entry(ends).or_insert(*at);
            *latest = (*latest).max(*at);
        }
        let old = self.past.remove(&node).unwrap_or_default();
        let changed =
            |(ends, at): &(&(PortId, PortId), &Stamp), other: &BTreeMap<_, _>| other.get(*ends) != Some(*at);
        let ports = old.iter().filter(|e| changed(e, &new)).chain(new.iter().filter(|e| changed(e, &old)));
        touched.extend(ports.map(|((_, to), _)| *to));
        if !new.is_empty() {
            self.past.insert(node, new);
        }
    }

    /// When a port was last heard by another that does not hear it any more.
    pub(crate) fn past(&self, from: PortId, to: PortId) -> Option<Stamp> {
        self.past.get(&self.ports[to].node)?.get(&(from, to)).copied()
    }

    /// A claim by its number.
    pub(crate) fn claim(&self, id: ClaimId) -> &Placed {
        self.claims[id].as_ref().expect("ports list the claims that stand")
    }

    /// The claims whose cable ends at a port.
    pub(crate) fn claims_of(&self, port: PortId) -> impl Iterator<Item = &Placed> {
        self.ports[port].claims.iter().map(|c| self.claim(*c))
    }

    /// The words of the node of a port, if it has any.
    pub(crate) fn device_of(&self, port: PortId) -> Option<&Arc<Device>> {
        self.directory.device(self.ports[port].node)
    }

    /// The row of the interface table.
    pub(crate) fn interface(&self, port: PortId) -> Option<&Interface> {
        self.ports[port].row.as_deref()
    }

    /// Puts a device in the place of a node's; the hashes of the keys that changed hands.
    pub(crate) fn replace(&mut self, node: NodeId, device: Option<Arc<Device>>) -> Vec<u64> {
        for (name, port) in &self.nodes[node].ports {
            self.ports[*port].row = device.as_ref().and_then(|d| d.interfaces.get(&**name)).cloned();
        }
        self.directory.replace(node, device)
    }

    /// Whether a port is known by its node's own words: from its table, or, of a node without one, from its own frames.
    pub(crate) fn is_own(&self, port: PortId) -> bool {
        let PortOf { node, name, .. } = &self.ports[port];
        match self.nodes[*node].name {
            NodeName::Own(_) => true,
            NodeName::External(_) => self
                .directory
                .device(*node)
                .is_some_and(|d| d.interfaces.contains_key(&**name) && !d.nameless.contains(name)),
        }
    }

    /// The key of a port in the twin.
    pub(crate) fn port_key(&self, port: PortId) -> &EntityKey {
        let of = &self.ports[port];
        of.key.get_or_init(|| EntityKey::port(&self.nodes[of.node].key, &of.name))
    }

    /// Gives a node another key, and so its ports; these.
    pub(crate) fn rename(&mut self, node: NodeId, key: EntityKey) -> Vec<PortId> {
        let ports: Vec<_> = self.nodes[node].ports.values().copied().collect();
        for port in &ports {
            self.ports[*port].key = OnceLock::new();
        }
        self.nodes[node].key = key;
        ports
    }

    /// A node's name for people.
    pub(crate) fn node_name(&self, node: NodeId) -> &str {
        match &self.nodes[node].name {
            NodeName::Own(name) => name,
            NodeName::External(id) => &id.value,
        }
    }

    /// `node:port` for people.
    pub(crate) fn name(&self, port: PortId) -> String {
        format!("{}:{}", self.node_name(self.ports[port].node), self.ports[port].name)
    }

    /// The order of ports: nodes in their order, ports by index, so that `eth10` comes after `eth9`.
    pub(crate) fn order(&self, a: PortId, b: PortId) -> Ordering {
        let (of_a, of_b) = (&self.ports[a], &self.ports[b]);
        if of_a.node != of_b.node {
            return self.nodes[of_a.node].name.cmp(&self.nodes[of_b.node].name);
        }
        let index = |port| self.interface(port).and_then(|i| i.link.ifindex);
        index(a).cmp(&index(b)).then_with(|| of_a.name.cmp(&of_b.name))
    }
}
