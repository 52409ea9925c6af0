//! The routes that a router has without BGP, where nobody tells its table: its own addresses, the blocks on its links, and
//! what the shortest paths of the IGP lead to.
//!
//! BGP's next hops are looked up in them. The paths are those over the IGP layer of the twin; what lies at their ends is
//! told by the link-state database, and of routers that it does not describe by the addresses of their ports in that layer.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use twin::{EntityKey, EntityKind, Fib, Layer, NextHop, Port, PortAddress, Route, RouteAction, Twin};

use super::claim::{NodeId, NodeName};
use super::device::Device;
use super::{Fusion, fib};
use crate::observation::{IgpProtocol, LinkKind, LinkStateKind, Observer};
use crate::store::Store;

/// The ways of a fused network, for all of its routers.
pub(crate) struct Ways<'a> {
    fusion: &'a Fusion,
    store: &'a Store,
    igp: OnceCell<Igp<'a>>,
}

/// The IGP layer, node by node.
struct Igp<'a> {
    /// Half-links that carry traffic, by the node that they leave.
    edges: BTreeMap<&'a EntityKey, Vec<Edge<'a>>>,
    /// What each node leads to, intra-area or not (RFC 2328 §11: the former goes first), and at what cost.
    blocks: BTreeMap<&'a EntityKey, BTreeMap<IpNet, (bool, u32)>>,
    /// Nodes that others must not send through.
    overloaded: BTreeSet<&'a EntityKey>,
}

#[derive(Clone, Copy)]
struct Edge<'a> {
    to: &'a EntityKey,
    metric: u32,
    ports: FirstHop<'a>,
}

/// The near and the far port of the first link of a path.
type FirstHop<'a> = (&'a EntityKey, &'a EntityKey);

/// How far a node is, and by which first links the shortest paths go there.
#[derive(Default)]
struct Reached<'a> {
    distance: u64,
    first: BTreeSet<FirstHop<'a>>,
}

impl<'a> Ways<'a> {
    pub(crate) fn of(fusion: &'a Fusion, store: &'a Store) -> Self {
        Self { fusion, store, igp: OnceCell::new() }
    }

    /// Whether a kernel or a daemon tells the table of a node.
    pub(crate) fn is_told(&self, name: &str) -> bool {
        fib::is_told(self.store, &Observer::node(name), self.fusion.now())
    }

    /// The routes of a node that speaks for itself, by its name; `None` if it is not in the twin, or if a kernel or daemon
    /// tells its table.
    pub(crate) fn routes(&self, name: &str) -> Option<Fib> {
        let (ground, twin) = (&self.fusion.ground, self.fusion.twin());
        let node = ground.known(&NodeName::Own(Arc::from(name)))?;
        let key = &ground.nodes[node].key;
        if twin.entity(key).is_none() || self.is_told(name) {
            return None;
        }
        let device = ground.directory.device(node).map(AsRef::as_ref);
        let mut table = Table::default();
        device.into_iter().for_each(|device| table.own(device, key));
        self.fusion.peers(node, device).for_each(|(local, peer)| table.peer(key, local, peer));
        table.settle();
        self.igp.get_or_init(|| Igp::of(self.fusion)).routes(key, twin, &mut table);
        Some(table.fib)
    }
}

/// A table in the making.
#[derive(Default)]
struct Table {
    fib: Fib,
    /// Routes that join those of one prefix.
    open: BTreeMap<IpNet, Vec<NextHop>>,
}

impl Table {
    /// A node's own addresses and the blocks on its links. Those of routing instances are not in the table.
    fn own(&mut self, device: &Device, key: &EntityKey) {
        let is_vrf =
            |name: &str| device.interfaces.get(name).is_some_and(|i| i.link.kind == Some(LinkKind::Vrf));
        for (name, interface) in &device.interfaces {
            if interface.link.master.as_deref().is_some_and(is_vrf) {
                continue;
            }
            for ip in interface.ips().filter(|ip| is_global(*ip)) {
                self.fib.insert(Route { prefix: ip.into(), action: RouteAction::Local });
            }
            if fib::is_down(device, name) {
                continue;
            }
            let nets = interface.port.addresses.iter().filter_map(block).filter(|net| is_global(net.addr()));
            for net in nets {
                self.add(net, NextHop { port: EntityKey::port(key, name), gateway: None });
            }
        }
    }

    /// The other end of a session that leaves over a link.
    fn peer(&mut self, key: &EntityKey, local: IpAddr, peer: IpAddr) {
        self.fib.insert(Route { prefix: local.into(), action: RouteAction::Local });
        self.add(peer.into(), NextHop { port: EntityKey::port(key, &local.to_string()), gateway: None });
    }

    fn add(&mut self, prefix: IpNet, hop: NextHop) {
        self.open.entry(prefix).or_default().push(hop);
    }

    /// Adds the open routes where there are no better ones.
    fn settle(&mut self) {
        for (prefix, mut hops) in std::mem::take(&mut self.open) {
            hops.sort();
            hops.dedup();
            if self.fib.exact(prefix).is_none() {
                self.fib.insert(Route { prefix, action: RouteAction::Forward(hops) });
            }
        }
    }
}

impl<'a> Igp<'a> {
    fn of(fusion: &'a Fusion) -> Self {
        let twin = fusion.twin();
        let mut igp = Self { edges: BTreeMap::new(), blocks: BTreeMap::new(), overloaded: BTreeSet::new() };
        for (key, half) in twin.half_links(Layer::Igp).into_iter().filter(|(_, h)| h.state == "full") {
            let (Some(from), Some(to)) = (twin.node_of(&key.from), twin.node_of(&key.to)) else { continue };
            let edge = Edge { to: &to.key, metric: half.metric, ports: (&key.from, &key.to) };
            igp.edges.entry(&from.key).or_default().push(edge);
            for net in port(twin, &key.from).into_iter().flat_map(|p| p.addresses.iter().filter_map(block)) {
                igp.lead(&from.key, net, (false, half.metric));
            }
        }
        igp.take_database(fusion);
        igp
    }

    /// What the advertisements say of the nodes that make them; of the others, their loopbacks.
    fn take_database(&mut self, fusion: &'a Fusion) {
        let ground = &fusion.ground;
        let mut advertised: BTreeMap<(IgpProtocol, &str), Vec<_>> = BTreeMap::new();
        for state in ground.lsdb.graph.newest() {
            advertised.entry((state.id.protocol, &state.id.router)).or_default().push(state);
        }
        for (name, node) in ground.named() {
            let key = &ground.nodes[node].key;
            if !self.edges.contains_key(key) {
                continue;
            }
            let device = ground.directory.device(node).map(AsRef::as_ref);
            let ids = ids(fusion, name, device);
            let states: Vec<_> = ids
                .iter()
                .flat_map(|(protocol, id)| advertised.get(&(*protocol, id.as_str())).into_iter().flatten())
                .collect();
            for state in &states {
                let kind = state.id.kind;
                let beyond = kind == LinkStateKind::Other;
                // What is on a link alone is nobody else's.
                let nets = state.prefixes.iter().filter(|_| kind != LinkStateKind::Link);
                nets.for_each(|(net, metric)| self.lead(key, net.trunc(), (beyond, *metric)));
                if state.overload {
                    self.overloaded.insert(key);
                }
            }
            if states.is_empty() {
                let loopbacks =
                    device.into_iter().flat_map(|d| d.interfaces.values()).filter(|i| i.is_loopback());
                for ip in loopbacks.flat_map(|i| i.ips()) {
                    self.lead(key, ip.into(), (false, 0));
                }
            }
        }
    }

    fn lead(&mut self, node: &'a EntityKey, net: IpNet, cost: (bool, u32)) {
        if is_global(net.addr()) {
            let known = self.blocks.entry(node).or_default().entry(net).or_insert(cost);
            *known = cost.min(*known);
        }
    }

    /// Adds a node's routes by the shortest paths, all equal ones.
    fn routes(&self, node: &EntityKey, twin: &Twin, table: &mut Table) {
        let reached = self.shortest(node);
        let mut best: BTreeMap<IpNet, ((bool, u64), BTreeSet<FirstHop<'_>>)> = BTreeMap::new();
        for (to, way) in reached.iter().filter(|(to, _)| **to != node) {
            for (net, (beyond, cost)) in self.blocks.get(*to).into_iter().flatten() {
                let cost = (*beyond, way.distance + u64::from(*cost));
                let known = best.entry(*net).or_insert_with(|| (cost, BTreeSet::new()));
                if cost < known.0 {
                    *known = (cost, BTreeSet::new());
                }
                if cost == known.0 {
                    known.1.extend(&way.first);
                }
            }
        }
        for (net, (_, first)) in best {
            for (near, far) in first {
                let gateway = gateway(twin, near, far, net);
                table.add(net, NextHop { port: near.clone(), gateway });
            }
        }
        table.settle();
    }

    fn shortest(&self, from: &EntityKey) -> BTreeMap<&'a EntityKey, Reached<'a>> {
        let mut reached: BTreeMap<&'a EntityKey, Reached<'a>> = BTreeMap::new();
        let mut done: BTreeSet<&EntityKey> = BTreeSet::new();
        let Some((from, _)) = self.edges.get_key_value(from) else { return reached };
        reached.insert(from, Reached::default());
        let mut queue = BinaryHeap::from([Reverse((0u64, *from))]);
        while let Some(Reverse((distance, node))) = queue.pop() {
            if !done.insert(node) || (node != *from && self.overloaded.contains(node)) {
                continue;
            }
            let first = reached[node].first.clone();
            for edge in self.edges.get(node).into_iter().flatten().filter(|e| !done.contains(e.to)) {
                let far = distance + u64::from(edge.metric);
                let known = reached
                    .entry(edge.to)
                    .or_insert_with(|| Reached { distance: u64::MAX, ..Reached::default() });
                if far < known.distance {
                    *known = Reached { distance: far, first: BTreeSet::new() };
                    queue.push(Reverse((far, edge.to)));
                }
                if far == known.distance && node == *from {
                    known.first.insert(edge.ports);
                } else if far == known.distance {
                    known.first.extend(&first);
                }
            }
        }
        reached
    }
}

/// The ids under which a node advertises.
fn ids(fusion: &Fusion, name: &NodeName, device: Option<&Device>) -> Vec<(IgpProtocol, String)> {
    match (device, name) {
        (Some(device), _) => fusion.router_ids(device),
        (None, NodeName::External(id)) => match id.kind.as_str() {
            "router-id" => [IgpProtocol::Ospf2, IgpProtocol::Ospf3].map(|p| (p, id.value.clone())).into(),
            "system-id" => vec![(IgpProtocol::Isis, id.value.clone())],
            _ => Vec::new(),
        },
        (None, NodeName::Own(_)) => Vec::new(),
    }
}

/// The far port's address: of a route of IPv4 one in the near port's block, or else any; of IPv6 the link's own (RFC 5340
/// §4.8.2), or else any. A port of which no address is known may bear it as its name.
fn gateway(twin: &Twin, near: &EntityKey, far: &EntityKey, net: IpNet) -> Option<IpAddr> {
    let is_v4 = matches!(net, IpNet::V4(_));
    let addresses = |key| port(twin, key).map_or(&[][..], |p| &p.addresses);
    let here: Vec<IpNet> = addresses(near).iter().filter_map(block).collect();
    let there: Vec<IpAddr> = addresses(far).iter().map(|a| a.ip).filter(|ip| ip.is_ipv4() == is_v4).collect();
    let preferred = |ip: &&IpAddr| match ip {
        IpAddr::V4(_) => here.iter().any(|net| net.contains(*ip)),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let named = || twin.entity(far)?.name.parse().ok().filter(|ip: &IpAddr| ip.is_ipv4() == is_v4);
    there.iter().find(preferred).or(there.first()).copied().or_else(named)
}

fn port<'t>(twin: &'t Twin, key: &EntityKey) -> Option<&'t Port> {
    match &twin.entity(key)?.kind {
        EntityKind::Port(port) => Some(port),
        _ => None,
    }
}

/// The block on a link; none where the address stands alone.
fn block(address: &PortAddress) -> Option<IpNet> {
    let net = IpNet::new(address.ip, address.len).ok()?;
    (address.len < net.max_prefix_len()).then(|| net.trunc())
}

/// Whether an address means the same on every link and node.
fn is_global(ip: IpAddr) -> bool {
    super::directory::is_global(ip) && !ip.is_multicast()
}

impl Fusion {
    /// The sessions with another AS that leave by an address of which no interface table tells: the router is on a link
    /// with the other end (RFC 4271 §5.1.3). Its own address and the other's.
    fn peers(&self, node: NodeId, device: Option<&Device>) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        let asn = device.and_then(|d| d.node.asn);
        let has = move |ip: IpAddr| {
            device.is_some_and(|d| d.interfaces.values().any(|i| i.ips().any(|own| own == ip)))
        };
        let up = self.sessions.of(node).filter(move |p| p.state == "Established" && p.vrf == "default");
        let external = up.filter(move |p| asn.is_some_and(|asn| asn != p.asn));
        external.filter_map(move |p| Some((p.local.filter(|local| !has(*local))?, p.address)))
    }
}
