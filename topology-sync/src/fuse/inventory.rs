//! What inventories say, matched to nodes and ports: planned cables as claims, besides sites, speeds and names.
//!
//! An inventory's words are evidence of what somebody planned. A device of it is found as a neighbour is: by the hardware
//! addresses of its interfaces, by its management address, by its name last; and its ports by the node's own names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use twin::{BitsPerSec, EntityKey, MacAddr, NodeKind, WallTime};

use super::claim::{Body, Claim, End, Finding, NodeId, NodeName, PortId, Whom};
use super::device::Device;
use super::directory::Key;
use super::emit::heard_from;
use super::ground::Ground;
use super::stamp::Stamp;
use crate::observation::{Fact, Id, InventoryCable, InventoryNode, InventoryPort, Observer, Source, Topic};
use crate::store::Store;

/// The kind of id of a node that only an inventory knows.
pub(super) const LISTED: &str = "inventory";

/// What one list says now.
#[derive(Debug, Default, PartialEq)]
pub(super) struct List {
    nodes: Vec<InventoryNode>,
    ports: Vec<InventoryPort>,
    cables: Vec<(Stamp, InventoryCable)>,
    /// Whether all cables are there.
    whole: bool,
}

/// What inventories say of nodes and ports.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Inventory {
    nodes: BTreeMap<NodeId, Listed>,
    speeds: BTreeMap<PortId, BitsPerSec>,
}

/// What inventories say of a node.
#[derive(Debug, Default, PartialEq)]
struct Listed {
    name: String,
    role: Option<NodeKind>,
    site: Option<String>,
    /// Whether a list with all cables has it.
    wired: bool,
}

/// What the lists come to.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) inventory: Inventory,
    pub(super) claims: Vec<Arc<Claim>>,
    pub(super) findings: Vec<Finding>,
}

impl List {
    pub(super) fn of(store: &Store, observer: &Observer, now: WallTime) -> Self {
        let whole = store.was_read(observer, Source::Inventory, Topic::InventoryCables, now);
        let mut list = Self { whole, ..Self::default() };
        for standing in store.standing(observer, now) {
            match standing.fact {
                Fact::InventoryNode(n) => list.nodes.push(n.clone()),
                Fact::InventoryPort(p) => list.ports.push(p.clone()),
                Fact::InventoryCable(c) => list.cables.push((Stamp::of(&standing), c.clone())),
                _ => {}
            }
        }
        list
    }
}

impl Inventory {
    /// The line rate of a port.
    pub(crate) fn speed(&self, port: PortId) -> Option<BitsPerSec> {
        self.speeds.get(&port).copied()
    }
    /// The name of a node.
    pub(crate) fn name(&self, node: NodeId) -> Option<&str> {
        self.nodes.get(&node).map(|n| n.name.as_str())
    }
    /// The role of a node.
    pub(crate) fn role(&self, node: NodeId) -> Option<NodeKind> {
        self.nodes.get(&node)?.role
    }
    /// The site of a node.
    pub(crate) fn site(&self, node: NodeId) -> Option<EntityKey> {
        self.nodes.get(&node)?.site.as_deref().map(site_key)
    }
    /// Whether all cables of a node should be listed.
    pub(crate) fn is_wired(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|n| n.wired)
    }

    /// The sites of those nodes that satisfy a condition, in order.
    pub(super) fn sites(&self, is_there: impl Fn(NodeId) -> bool) -> BTreeSet<&str> {
        let there = self.nodes.iter().filter(|(node, _)| is_there(**node));
        there.filter_map(|(_, n)| n.site.as_deref()).collect()
    }

    /// The nodes and the ports of which another says something else.
    pub(super) fn differences(&self, other: &Self) -> (BTreeSet<NodeId>, BTreeSet<PortId>) {
        (differences(&self.nodes, &other.nodes), differences(&self.speeds, &other.speeds))
    }
}

fn differences<K: Ord + Copy, V: PartialEq>(a: &BTreeMap<K, V>, b: &BTreeMap<K, V>) -> BTreeSet<K> {
    let all: BTreeSet<K> = a.keys().chain(b.keys()).copied().collect();
    all.into_iter().filter(|k| a.get(k) != b.get(k)).collect()
}

/// The key of a site, as overrides have it.
pub(super) fn site_key(name: &str) -> EntityKey {
    EntityKey::new(format!("site:{name}"))
}

/// What the lists come to on this ground.
pub(super) fn plan(ground: &mut Ground, lists: &BTreeMap<Observer, List>) -> Planned {
    let mut planned = Planned::default();
    let strangers = strangers(ground);
    for (observer, list) in lists {
        Matching::of(observer.id(), list, &strangers).plan(ground, &mut planned);
    }
    planned
}

/// Nodes known only from others, by what those call them; a name of several is nobody's.
fn strangers(ground: &Ground) -> BTreeMap<String, Option<NodeId>> {
    let mut names: BTreeMap<String, Option<NodeId>> = BTreeMap::new();
    for (name, node) in ground.named() {
        let NodeName::External(id) = name else { continue };
        if is_listed(name) || ground.directory.device(node).is_some() {
            continue;
        }
        let ports = || ground.nodes[node].ports.values().copied();
        // Numbers outlive what they were given for.
        if !ports().flat_map(|p| ground.claims_of(p)).any(|c| c.claim.body != Body::Planned) {
            continue;
        }
        let heard = ports().flat_map(|p| heard_from(ground, p)).filter_map(|(name, _)| name);
        for name in heard.chain([id.value.as_str()]).collect::<BTreeSet<_>>() {
            names.entry(name.to_owned()).and_modify(|known| *known = None).or_insert(Some(node));
        }
    }
    names
}

fn is_listed(name: &NodeName) -> bool {
    matches!(name, NodeName::External(id) if id.kind == LISTED)
}

/// The devices of one list while they are matched.
struct Matching<'a> {
    list: &'a List,
    name: &'a str,
    strangers: &'a BTreeMap<String, Option<NodeId>>,
    ports: BTreeMap<&'a str, Vec<&'a InventoryPort>>,
    nodes: BTreeMap<&'a str, &'a InventoryNode>,
    /// What each device was found to be.
    found: BTreeMap<&'a str, Result<NodeName, String>>,
}

impl<'a> Matching<'a> {
    fn of(name: &'a str, list: &'a List, strangers: &'a BTreeMap<String, Option<NodeId>>) -> Self {
        let mut ports: BTreeMap<&str, Vec<&InventoryPort>> = BTreeMap::new();
        list.ports.iter().for_each(|p| ports.entry(&p.node).or_default().push(p));
        let nodes = list.nodes.iter().map(|n| (n.name.as_str(), n)).collect();
        Self { list, name, strangers, ports, nodes, found: BTreeMap::new() }
    }

    fn plan(mut self, ground: &mut Ground, out: &mut Planned) {
        let ends = self.list.cables.iter().flat_map(|(_, c)| [c.a.0.as_str(), c.b.0.as_str()]);
        let wired: BTreeSet<&str> = ends.collect();
        for device in wired.iter().copied().chain(self.nodes.keys().copied()).collect::<BTreeSet<_>>() {
            let found = self.node(ground, device);
            if let Err(why) = &found {
                out.findings.push(Finding::new("inventory-ambiguous", device, "", why.clone()));
            }
            // A device without cables that nobody has seen is none of the network.
            if let Ok(name) = &found
                && (!is_listed(name) || wired.contains(device))
            {
                let node = ground.node(name);
                out.inventory.nodes.insert(node, self.listed(device));
            }
            self.found.insert(device, found);
        }
        for port in &self.list.ports {
            let Some(speed) = port.speed else { continue };
            if let Some(Ok(End { node, port })) = self.end(ground, &port.node, &port.port) {
                let Some(node) = ground.who(&node) else { continue };
                let port = ground.port(node, &port);
                out.inventory.speeds.insert(port, speed);
            }
        }
        for (at, cable) in &self.list.cables {
            self.cable(ground, *at, cable, out);
        }
    }

    fn listed(&self, device: &str) -> Listed {
        let node = self.nodes.get(device);
        Listed {
            name: device.to_owned(),
            role: node.and_then(|n| n.role.as_deref()).map(role),
            site: node.and_then(|n| n.site.clone()),
            wired: self.list.whole,
        }
    }

    /// Who a device is; an error where that is not clear.
    fn node(&self, ground: &Ground, device: &str) -> Result<NodeName, String> {
        let macs = self.ports.get(device).into_iter().flatten().filter_map(|p| p.mac).map(Key::Mac);
        let management = self.nodes.get(device).and_then(|n| n.management).map(Key::Address);
        let tries: [(&str, Vec<Key>); 3] = [
            ("hardware address", macs.collect()),
            ("management address", management.into_iter().collect()),
            ("name", vec![Key::Name(device)]),
        ];
        for (how, keys) in tries {
            let owners: BTreeSet<NodeId> =
                keys.into_iter().flat_map(|k| ground.directory.owners(k)).copied().collect();
            match owners.iter().collect::<Vec<_>>()[..] {
                [] => {}
                [only] => return Ok(ground.nodes[*only].name.clone()),
                _ => {
                    let mut names: Vec<_> = owners.iter().map(|n| ground.node_name(*n)).collect();
                    names.sort_unstable();
                    let why = format!("{} has a device that fits {} by {how}", self.name, names.join(", "));
                    return Err(why);
                }
            }
        }
        match self.strangers.get(device) {
            Some(Some(node)) => Ok(ground.nodes[*node].name.clone()),
            _ => Ok(NodeName::External(Id { kind: LISTED.to_owned(), value: device.to_owned() })),
        }
    }

    /// One end of a cable; an error where the node has no such port. `None` where the node is not clear.
    fn end(&self, ground: &Ground, device: &str, port: &str) -> Option<Result<End, String>> {
        let name = self.found.get(device)?.as_ref().ok()?;
        let known = ground.known(name);
        let node = match name {
            NodeName::Own(_) => Whom::Known(known?),
            NodeName::External(id) => Whom::Stranger(Box::new(id.clone())),
        };
        let table = known.and_then(|n| ground.directory.device(n)).filter(|d| is_asked(d));
        let Some(table) = table else { return Some(Ok(End { node, port: Arc::from(port) })) };
        let mac = self.ports.get(device).into_iter().flatten().find(|p| p.port == port).and_then(|p| p.mac);
        Some(match own_port(table, port, mac) {
            Some(own) => Ok(End { node, port: Arc::from(own) }),
            None => Err(format!("{} has a cable at its port {port}, which it does not have", self.name)),
        })
    }

    fn cable(&self, ground: &Ground, at: Stamp, cable: &InventoryCable, out: &mut Planned) {
        let ends = [&cable.a, &cable.b].map(|(node, port)| (node, self.end(ground, node, port)));
        for (device, end) in &ends {
            if let (Some(Err(why)), Some(Ok(node))) = (end, self.found.get(device.as_str())) {
                let node = match node {
                    NodeName::Own(name) => name,
                    NodeName::External(id) => id.value.as_str(),
                };
                out.findings.push(Finding::new("inventory-unknown-port", node, "", why.clone()));
            }
        }
        let [(_, Some(Ok(from))), (_, Some(Ok(to)))] = ends else { return };
        if from == to {
            return;
        }
        let how =
            format!("{} has a cable {}:{} - {}:{}", self.name, cable.a.0, cable.a.1, cable.b.0, cable.b.1);
        let claim = Claim { from, to, source: Source::Inventory, at, how: how.into(), body: Body::Planned };
        out.claims.push(Arc::new(claim));
    }
}

/// Whether a node was asked for its interfaces.
pub(super) fn is_asked(device: &Device) -> bool {
    device.external.is_none()
        && device.interfaces.values().any(|i| i.link.mac.is_some() || i.link.ifindex.is_some())
}

/// A port by its name, its hardware address, or its name in other letters.
fn own_port<'a>(device: &'a Device, port: &str, mac: Option<MacAddr>) -> Option<&'a str> {
    let only = |found: Vec<&'a str>| found.first().copied().filter(|_| found.len() == 1);
    let by_name = || device.interfaces.get_key_value(port).map(|(name, _)| &**name);
    let by_mac =
        || {
            let mac = mac?;
            only(device.interfaces_where(|_, i| {
                !i.is_logical() && (i.link.permanent_mac.or(i.link.mac)) == Some(mac)
            }))
        };
    by_name().or_else(by_mac).or_else(|| only(device.interfaces_where(|n, _| n.eq_ignore_ascii_case(port))))
}

/// What a role's name says that a device does.
fn role(word: &str) -> NodeKind {
    let word = word.to_lowercase();
    let is = |any: &[&str]| any.iter().any(|part| word.contains(part));
    match () {
        () if is(&["router", "firewall", "gateway"]) => NodeKind::Router,
        () if is(&["switch", "leaf", "spine", "tor"]) => NodeKind::Switch,
        () => NodeKind::Host,
    }
}
