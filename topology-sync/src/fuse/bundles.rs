//! What lies over the cables: bundles (IEEE 802.1AX), VLANs (IEEE 802.1Q) and routing instances.
//!
//! A bundle is one thing from end to end: the bundle interfaces at both ends of its member cables, those that are each
//! other's partners in LACP, and both halves of a pair of switches that act as one. Its members are cables, which stay
//! what they are.

use std::collections::{BTreeMap, BTreeSet};

use twin::{Entity, EntityKey, EntityKind, MacAddr};

use super::claim::{NodeId, PortId};
use super::device::Device;
use super::ground::Ground;
use crate::observation::LinkKind;

/// A bundle interface.
type Half = (NodeId, String);

/// VLANs and routing instances of a node.
pub(crate) fn instances(node: &EntityKey, device: &Device) -> Vec<Entity> {
    let entity = |key: String, name: &str, kind| Entity {
        key: EntityKey::new(key),
        name: name.to_owned(),
        ordinal: 0,
        parent: Some(node.clone()),
        aliases: Vec::new(),
        kind,
    };
    let vrfs = device.interfaces_where(|_, i| i.link.kind == Some(LinkKind::Vrf));
    let vrfs = vrfs.into_iter().map(|name| entity(format!("vrf:{node}/{name}"), name, EntityKind::Vrf));
    let told = device.interfaces.values().filter(|i| i.link.kind == Some(LinkKind::Vlan));
    let ids: BTreeSet<u16> = told.filter_map(|i| i.link.vlan).chain(device.vlans.iter().copied()).collect();
    let vlans = ids
        .into_iter()
        .map(|id| entity(format!("vlan:{node}/{id}"), &format!("VLAN {id}"), EntityKind::Vlan { id }));
    vrfs.chain(vlans).collect()
}

/// Whether a node has bundles.
pub(crate) fn has_bundles(device: &Device) -> bool {
    device.interfaces.values().any(|i| i.link.kind == Some(LinkKind::Bundle))
}

/// The bundle that a port belongs to.
pub(crate) fn bundle_of<'a>(device: &'a Device, port: &str) -> Option<&'a str> {
    let master = device.interfaces.get(port)?.link.master.as_deref()?;
    (device.interfaces.get(master)?.link.kind == Some(LinkKind::Bundle)).then_some(master)
}

/// The bundles of these nodes. `cables` tells those that end at a port.
pub(crate) fn bundles(
    ground: &Ground,
    nodes: &BTreeSet<NodeId>,
    cables: impl Fn(PortId) -> Vec<(PortId, PortId)>,
) -> Vec<Entity> {
    let mut groups = Groups::default();
    let mut members: BTreeSet<(PortId, PortId)> = BTreeSet::new();
    let mut shared: BTreeMap<(MacAddr, u32), Half> = BTreeMap::new();
    let mut partners: BTreeMap<(MacAddr, MacAddr), Vec<Half>> = BTreeMap::new();
    for node in nodes {
        let Some(device) = ground.directory.device(*node) else { continue };
        for bundle in device.interfaces_where(|_, i| i.link.kind == Some(LinkKind::Bundle)) {
            let half = (*node, bundle.to_owned());
            groups.add(&half);
            for ids in system_ids(device, bundle) {
                partners.entry(ids).or_default().push(half.clone());
            }
            let ports = device.members(bundle).into_iter().filter_map(|m| ground.nodes[*node].ports.get(m));
            for cable in ports.flat_map(|p| cables(*p)) {
                members.insert(cable);
                for end in [cable.0, cable.1] {
                    half_at(ground, end).into_iter().for_each(|other| groups.join(&half, &other));
                }
            }
        }
        // The same number at two halves of one pair is one bundle.
        for (name, number) in device.mlag.iter().flat_map(|m| &m.bundles) {
            let half = (*node, name.clone());
            let system = device.mlag.as_ref().map(|m| m.system);
            if let (true, Some(system)) = (groups.has(&half), system) {
                let first = shared.entry((system, *number)).or_insert_with(|| half.clone()).clone();
                groups.join(&first, &half);
            }
        }
    }
    // Only where both say so: a system id alone names a node, not a bundle.
    for ((own, partner), halves) in &partners {
        for other in partners.get(&(*partner, *own)).into_iter().flatten() {
            halves.iter().for_each(|half| groups.join(half, other));
        }
    }
    let mut cables_of: BTreeMap<Half, Vec<EntityKey>> = BTreeMap::new();
    for (a, b) in members {
        let Some(half) = half_at(ground, a).or_else(|| half_at(ground, b)) else { continue };
        let key = EntityKey::cable(ground.port_key(a), ground.port_key(b));
        cables_of.entry(groups.first(&half)).or_default().push(key);
    }
    groups
        .all()
        .into_iter()
        .map(|(first, halves)| entity(ground, &halves, cables_of.remove(&first)))
        .collect()
}

/// The system ids that a bundle may say of itself in LACP (its own, or that of its pair of switches), each with the one
/// that it hears.
fn system_ids(device: &Device, bundle: &str) -> Vec<(MacAddr, MacAddr)> {
    let Some(link) = device.interfaces.get(bundle).map(|i| &i.link) else { return Vec::new() };
    let own = link.mac.into_iter().chain(device.mlag.as_ref().map(|m| m.system));
    own.filter_map(|own| Some((own, link.partner?))).collect()
}

fn half_at(ground: &Ground, port: PortId) -> Option<Half> {
    let of = &ground.ports[port];
    let device = ground.directory.device(of.node)?;
    Some((of.node, bundle_of(device, &of.name)?.to_owned()))
}

fn entity(ground: &Ground, halves: &[Half], members: Option<Vec<EntityKey>>) -> Entity {
    let mut ends: Vec<(String, EntityKey)> = halves
        .iter()
        .map(|(node, bundle)| {
            let name = format!("{}:{bundle}", ground.node_name(*node));
            (name, EntityKey::port(&ground.nodes[*node].key, bundle))
        })
        .collect();
    ends.sort();
    let names: Vec<_> = ends.iter().map(|(name, _)| name.as_str()).collect();
    let mut members = members.unwrap_or_default();
    members.sort();
    Entity {
        key: EntityKey::bundle(ends.iter().map(|(_, key)| key)),
        name: names.join(" - "),
        ordinal: halves.iter().map(|(node, _)| ground.nodes[*node].ordinal).min().unwrap_or(0),
        parent: None,
        aliases: Vec::new(),
        kind: EntityKind::Bundle { members, min_links: 1 },
    }
}

/// Bundle interfaces that are one bundle: each points to an earlier one, the first to itself.
#[derive(Default)]
struct Groups(BTreeMap<Half, Half>);

impl Groups {
    fn has(&self, half: &Half) -> bool {
        self.0.contains_key(half)
    }

    fn add(&mut self, half: &Half) {
        self.0.entry(half.clone()).or_insert_with(|| half.clone());
    }

    fn first(&self, half: &Half) -> Half {
        let mut at = half;
        while let Some(next) = self.0.get(at).filter(|n| *n != at) {
            at = next;
        }
        at.clone()
    }

    fn join(&mut self, a: &Half, b: &Half) {
        self.add(a);
        self.add(b);
        let (a, b) = (self.first(a), self.first(b));
        if a < b {
            self.0.insert(b, a);
        } else {
            self.0.insert(a, b);
        }
    }

    fn all(&self) -> BTreeMap<Half, Vec<Half>> {
        let mut groups: BTreeMap<Half, Vec<Half>> = BTreeMap::new();
        for half in self.0.keys() {
            groups.entry(self.first(half)).or_default().push(half.clone());
        }
        groups
    }
}
