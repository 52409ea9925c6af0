//! What stands in the twin for a node and for an area's media.

use std::collections::BTreeSet;
use std::net::IpAddr;

use twin::{
    BitsPerSec, Entity, EntityKey, EntityKind, Evidence, Freshness, HalfLink, HalfLinkKey, Layer, NodeKind,
    Port, SimDuration,
};

use super::bundles;
use super::cable::{Cable, Direction};
use super::claim::{Adjacency, Body, Claim, Finding, NodeId, NodeName, PortId};
use super::device::Device;
use super::directory::is_global;
use super::ground::{Ground, Placed};
use super::inventory;
use super::medium::Media;
use crate::observation::{Id, LinkKind};

/// Where no line rate is known.
pub(crate) const ASSUMED: BitsPerSec = BitsPerSec::gbps(10);

/// What one unit, a node or an area, puts into the twin.
#[derive(Debug, Default)]
pub(crate) struct Emitted {
    pub(crate) entities: Vec<Entity>,
    pub(crate) half_links: Vec<(HalfLinkKey, HalfLink)>,
    pub(crate) findings: Vec<Finding>,
    /// Cables whose line rate is not known.
    pub(crate) without_speed: u64,
}

/// The key of a node that is known only from others. A MAC stands alone, other chassis ids with their subtype.
pub(crate) fn external_key(id: &Id) -> EntityKey {
    match id.kind.as_str() {
        "router-id" => EntityKey::node_by_router_id(&id.value),
        "system-id" => EntityKey::new(format!("node:system-id:{}", id.value)),
        inventory::LISTED => EntityKey::node(&id.value),
        _ => chassis_key(id),
    }
}

/// The key of a node by its chassis id.
pub(crate) fn chassis_key(id: &Id) -> EntityKey {
    match id.kind.as_str() {
        "mac" => EntityKey::node_by_chassis(&id.value),
        kind => EntityKey::node_by_chassis(&format!("{kind}:{}", id.value)),
    }
}

/// A node with words of its own, and its ports.
pub(crate) fn node(ground: &Ground, id: NodeId, device: &Device, aliases: Vec<EntityKey>) -> Emitted {
    let node = &ground.nodes[id];
    let mut out = Emitted::default();
    let mut heard = node.ports.values().flat_map(|p| heard_from(ground, *p));
    let says_router = heard.any(|(_, role)| role == NodeKind::Router);
    let role = role(device, says_router);
    let (name, kind) = match &device.external {
        None => (&*device.name, EntityKind::Node { role, location: None }),
        Some(id) => {
            let said = device.chassis.as_ref().and_then(|c| c.name.as_deref());
            (said.unwrap_or(&id.value), EntityKind::External { role })
        }
    };
    out.entities.push(entity(&node.key, name, node.ordinal, ground.inventory.site(id).as_ref(), kind));
    out.entities[0].aliases = aliases;
    let mut ports: Vec<_> = device.interfaces.iter().map(|(n, i)| (&**n, i.port.clone())).collect();
    // Sources that name a port which no interface table has.
    let named = |p: &PortId| !ground.ports[*p].claims.is_empty() || !ground.ports[*p].logical.is_empty();
    let unlisted = node.ports.iter().filter(|(n, p)| !device.interfaces.contains_key(&***n) && named(p));
    ports.extend(unlisted.map(|(n, _)| (&**n, Port::default())));
    ports.sort_by_key(|(name, port)| (port.ifindex, *name));
    for (ordinal, (name, port)) in ports.into_iter().enumerate() {
        // A member is a part of its bundle.
        let bundle = bundles::bundle_of(device, name).map(|b| EntityKey::port(&node.key, b));
        // Keys are made once: there are as many ports as anything.
        let mut port = match node.ports.get(name) {
            Some(id) => {
                let key = ground.port_key(*id);
                entity(key, name, ordinal as u32, Some(&node.key), EntityKind::Port(port))
            }
            None => port_entity(&node.key, name, ordinal as u32, port),
        };
        port.parent = bundle.or(port.parent);
        out.entities.push(port);
    }
    out.entities.extend(bundles::instances(&node.key, device));
    out
}

/// A node that is known only from others, and the ports that they name.
pub(crate) fn external(ground: &Ground, id: NodeId, wanted: &[PortId]) -> Emitted {
    let node = &ground.nodes[id];
    let mut out = Emitted::default();
    let heard: Vec<_> = node.ports.values().flat_map(|p| heard_from(ground, *p)).collect();
    let NodeName::External(external) = &node.name else { return out };
    let resolved = node.ports.values().filter_map(|p| resolved_to(ground, *p)).min();
    let resolved = resolved.map(|(_, ip)| ip.to_string()).filter(|_| external.kind == "mac");
    let name = heard.iter().filter_map(|(name, _)| *name).min();
    let name = name.or_else(|| ground.inventory.name(id)).or(resolved.as_deref());
    let role = match external.kind.as_str() {
        "router-id" | "system-id" => NodeKind::Router,
        _ => {
            heard.iter().map(|(_, role)| *role).min().or(ground.inventory.role(id)).unwrap_or(NodeKind::Host)
        }
    };
    let name = name.unwrap_or(&external.value);
    let site = ground.inventory.site(id);
    out.entities.push(entity(&node.key, name, node.ordinal, site.as_ref(), EntityKind::External { role }));
    for port in wanted {
        out.entities.push(port_entity(&node.key, &ground.ports[*port].name, 0, Port::default()));
    }
    out
}

/// A node that is known from others, by itself.
pub(crate) fn external_node(ground: &Ground, id: NodeId, name: &str, role: NodeKind) -> Entity {
    let node = &ground.nodes[id];
    entity(&node.key, name, node.ordinal, None, EntityKind::External { role })
}

/// A port of which nothing is known but that it is there.
pub(crate) fn external_port(node: &EntityKey, name: &str) -> Entity {
    port_entity(node, name, 0, Port::default())
}

/// What others say of the node behind a port: its system name and role.
pub(super) fn heard_from(ground: &Ground, port: PortId) -> impl Iterator<Item = (Option<&str>, NodeKind)> {
    ground.claims_of(port).filter(move |c| c.from == port).filter_map(|c| {
        let sender = c.claim.sender()?;
        let role = match (sender.router, sender.bridge) {
            (true, _) => NodeKind::Router,
            (false, true) => NodeKind::Switch,
            (false, false) => NodeKind::Host,
        };
        Some((sender.name.as_deref(), role))
    })
}

/// The address that others resolved to a port, one that means the same everywhere before others.
fn resolved_to(ground: &Ground, port: PortId) -> Option<(bool, IpAddr)> {
    let ips = ground.claims_of(port).filter_map(|c| match &c.claim.body {
        Body::Resolved { ip } if c.from == port => Some((!is_global(*ip), *ip)),
        _ => None,
    });
    ips.min()
}

/// What a node calls itself: its own word, or what all who hear it agree on, or else its host name.
pub(crate) fn system_name(ground: &Ground, node: NodeId) -> Option<String> {
    let device = ground.directory.device(node);
    let own = device.and_then(|d| d.chassis.as_ref()?.name.clone());
    let heard: BTreeSet<_> = ground.nodes[node]
        .ports
        .values()
        .flat_map(|p| heard_from(ground, *p))
        .filter_map(|(name, _)| name)
        .collect();
    let agreed = || heard.first().filter(|_| heard.len() == 1).map(|name| (*name).to_owned());
    own.or_else(agreed).or_else(|| device.and_then(|d| d.node.hostname.clone()))
}

fn entity(key: &EntityKey, name: &str, ordinal: u32, parent: Option<&EntityKey>, kind: EntityKind) -> Entity {
    Entity {
        key: key.clone(),
        name: name.to_owned(),
        ordinal,
        parent: parent.cloned(),
        aliases: Vec::new(),
        kind,
    }
}

pub(super) fn port_entity(node: &EntityKey, name: &str, ordinal: u32, port: Port) -> Entity {
    entity(&EntityKey::port(node, name), name, ordinal, Some(node), EntityKind::Port(port))
}

/// A router runs a routing protocol, or says in LLDP that it forwards and has two ports to forward between. A bridge has
/// two ports in a bridge of its kernel's; a switch says in LLDP that it bridges.
fn role(device: &Device, said_to_route: bool) -> NodeKind {
    let ports = device.interfaces.values().filter(|i| !i.is_loopback() && !i.is_logical()).count();
    let own = device.chassis.as_ref();
    let routes = own.is_some_and(|c| c.router) || (own.is_none() && said_to_route);
    let is_bridge = |i: &super::device::Interface| i.link.kind == Some(LinkKind::Bridge);
    let bridges = device.interfaces.iter().any(|(n, i)| is_bridge(i) && device.members(n).len() > 1);
    match () {
        () if device.runs_routing() => NodeKind::Router,
        () if bridges => NodeKind::Bridge,
        () if routes && ports > 1 => NodeKind::Router,
        () if ports > 1 && own.is_some_and(|c| c.bridge) => NodeKind::Switch,
        () => NodeKind::Host,
    }
}

/// The cables, segments and half-links of an area.
pub(crate) fn area(ground: &Ground, media: &Media, claims: &[&Placed]) -> Emitted {
    let mut out = Emitted {
        findings: media.findings.clone(),
        entities: Vec::with_capacity(media.cables.len() + media.segments.len()),
        half_links: Vec::with_capacity(2 * media.cables.len() + claims.len()),
        ..Emitted::default()
    };
    let mut keys = Vec::with_capacity(media.cables.len());
    for (a, b) in &media.cables {
        let cable = Cable::between(ground, media, *a, *b);
        keys.push(emit_cable(ground, &cable, &mut out));
    }
    for members in &media.segments {
        emit_segment(ground, members, &mut out);
    }
    for placed in claims {
        match &placed.claim.body {
            Body::Heard(_) => emit_heard(ground, (media, &keys), placed, &mut out),
            Body::Adjacent { .. } => emit_adjacent(ground, (media, &keys), placed, &mut out),
            _ => {}
        }
    }
    out
}

/// A cable with its half-links; its key.
fn emit_cable(ground: &Ground, cable: &Cable<'_>, out: &mut Emitted) -> EntityKey {
    let (a, b) = (cable.a, cable.b);
    let (port_a, port_b) = (ground.port_key(a), ground.port_key(b));
    let key = EntityKey::cable(port_a, port_b);
    let [of_a, of_b] = [a, b].map(|p| &ground.ports[p]);
    let (node_a, node_b) = (ground.node_name(of_a.node), ground.node_name(of_b.node));
    let name = [node_a, ":", &of_a.name, " - ", node_b, ":", &of_b.name].concat();
    let ordinal = ground.nodes[ground.ports[a].node].ordinal;
    let kind = EntityKind::Cable { a: port_a.clone(), b: port_b.clone() };
    out.entities.push(entity(&key, &name, ordinal, None, kind));
    out.without_speed += u64::from(speed(ground, a, b).is_none());
    let state = cable.state();
    for (direction, from, to) in [(Direction::Ab, a, b), (Direction::Ba, b, a)] {
        let support = Support { evidence: cable.evidence(direction), freshness: cable.freshness(direction) };
        out.half_links.push(half(ground, Layer::Cable, (from, to), Some(key.clone()), 1, state, support));
    }
    out.findings.extend(cable.findings());
    key
}

fn emit_segment(ground: &Ground, members: &[PortId], out: &mut Emitted) {
    let mut names: Vec<_> = members.iter().map(|p| ground.name(*p)).collect();
    names.sort();
    let mut keys: Vec<_> = members.iter().map(|p| ground.port_key(*p).clone()).collect();
    keys.sort();
    let texts: Vec<_> = keys.iter().map(EntityKey::as_str).collect();
    let key = EntityKey::new(format!("segment:{}", texts.join("|")));
    let ordinal = members.first().map_or(0, |p| ground.nodes[ground.ports[*p].node].ordinal);
    out.entities.push(entity(&key, &names.join(", "), ordinal, None, EntityKind::Segment { ports: keys }));
}

fn emit_heard(ground: &Ground, media: Keyed<'_>, placed: &Placed, out: &mut Emitted) {
    let cable = cable_of(media, placed.ends);
    let support = Support::of(&placed.claim);
    out.half_links.push(half(ground, Layer::Lldp, (placed.from, placed.to), cable, 1, "up", support));
}

/// An adjacency that carries traffic is a half-link with the cost of sending over it; any other is a finding.
fn emit_adjacent(ground: &Ground, keyed: Keyed<'_>, placed: &Placed, out: &mut Emitted) {
    let media = keyed.0;
    let claim = &placed.claim;
    let Body::Adjacent { protocol, state, id, .. } = &claim.body else { return };
    let of = &ground.ports[placed.from];
    let mut find =
        |code, why: String| out.findings.push(Finding::new(code, ground.node_name(of.node), &of.name, why));
    if *state != Adjacency::Full {
        let word = if *state == Adjacency::Init { "Init" } else { "between 2-Way and Full" };
        find(
            "igp-not-full",
            format!("{} neighbour {id} ({}) is {word}", protocol.word(), ground.name(placed.to)),
        );
        return;
    }
    let peer = ground.device_of(placed.to).map(AsRef::as_ref);
    let cost = ground
        .device_of(placed.from)
        .and_then(|d| ground.lsdb.cost(d, d.interfaces.get(&*of.name)?, *protocol, peer))
        .unwrap_or_else(|| {
            let why =
                format!("no advertisement and no interface says its {} cost, taken as 1", protocol.word());
            find("unknown-cost", why);
            1
        });
    let to = media.adjacent_end(ground, placed.ends.0, placed.to);
    let cable = cable_of(keyed, (placed.ends.0, media.adjacent_end(ground, placed.ends.0, placed.ends.1)));
    let support = Support::of(claim);
    out.half_links.push(half(ground, Layer::Igp, (placed.from, to), cable, cost, "full", support));
}

/// Media, and the keys of their cables.
type Keyed<'a> = (&'a Media, &'a [EntityKey]);

/// The cable under two ports, if they share one.
fn cable_of((media, keys): Keyed<'_>, (a, b): (PortId, PortId)) -> Option<EntityKey> {
    let place = media.cables.iter().position(|ends| *ends == (a, b) || *ends == (b, a))?;
    keys.get(place).cloned()
}

pub(super) fn half(
    ground: &Ground,
    layer: Layer,
    (from, to): (PortId, PortId),
    cable: Option<EntityKey>,
    metric: u32,
    state: &'static str,
    support: Support,
) -> (HalfLinkKey, HalfLink) {
    let half = HalfLink {
        ordinal: ground.nodes[ground.ports[from].node].ordinal,
        cable,
        metric,
        capacity: speed(ground, from, to).unwrap_or(ASSUMED),
        delay: SimDuration::ZERO,
        state: state.into(),
        evidence: support.evidence,
        freshness: Some(support.freshness),
    };
    (HalfLinkKey { layer, from: ground.port_key(from).clone(), to: ground.port_key(to).clone() }, half)
}

fn speed(ground: &Ground, a: PortId, b: PortId) -> Option<BitsPerSec> {
    let of = |port| ground.interface(port).and_then(super::device::Interface::speed);
    of(a).or_else(|| of(b)).or_else(|| ground.inventory.speed(a)).or_else(|| ground.inventory.speed(b))
}

/// Who says that a half-link is there, and how recently.
pub(super) struct Support {
    pub(super) evidence: Vec<Evidence>,
    pub(super) freshness: Freshness,
}

impl Support {
    fn of(claim: &Claim) -> Self {
        Self { evidence: vec![evidence(claim)], freshness: claim.at.freshness() }
    }
}

/// A claim as evidence.
pub(crate) fn evidence(claim: &Claim) -> Evidence {
    Evidence { source: claim.word().into(), detail: claim.how.clone(), seen_at: claim.at.at }
}
