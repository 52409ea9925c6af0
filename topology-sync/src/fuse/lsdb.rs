//! The link-state database: the newest advertisement of each router, whoever has it, and the costs in it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use twin::{PortAddress, WallTime};

use super::device::{Device, Interface};
use super::graph::Graph;
use crate::observation::{
    Fact, FactKey, IgpLink, IgpLinkKind, IgpProtocol, LinkEnd, LinkState, LinkStateId, LinkStateKind,
    Observer, Topic,
};
use crate::store::Store;

/// The advertisements of all observers.
#[derive(Debug, Default)]
pub(crate) struct Lsdb {
    pub(crate) graph: Graph,
    held: BTreeMap<Observer, BTreeMap<FactKey, LinkStateId>>,
    /// System ids by dynamic host name (RFC 5301).
    names: BTreeMap<String, BTreeSet<String>>,
    /// The other way round.
    named: BTreeMap<String, BTreeSet<String>>,
}

/// The routers that a change of the database touches.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Those whose advertisements changed.
    pub(crate) changed: BTreeSet<String>,
    /// Those whose adjacencies may have changed with them.
    pub(crate) near: BTreeSet<(IgpProtocol, String)>,
}

impl Lsdb {
    /// Takes what an observer has now.
    pub(crate) fn replace(
        &mut self,
        store: &Store,
        observer: &Observer,
        now: WallTime,
        touched: &mut Touched,
    ) {
        let mut gone = self.held.remove(observer).unwrap_or_default();
        for standing in store.standing_on(observer, Topic::LinkStates, now) {
            let Fact::LinkState(state) = standing.fact else { continue };
            gone.remove(&state.id.key());
            self.take(observer, state, standing.lost, touched);
        }
        for id in gone.into_values() {
            self.drop(observer, &id, touched);
        }
    }

    /// Takes what an observer has now under these keys.
    pub(crate) fn renew(
        &mut self,
        store: &Store,
        observer: &Observer,
        keys: &BTreeSet<FactKey>,
        now: WallTime,
        touched: &mut Touched,
    ) {
        for key in keys {
            let held = self.held.get_mut(observer).and_then(|held| held.remove(key));
            match (store.standing_at(observer, key, now).map(|s| (s.fact, s.lost)), held) {
                (Some((Fact::LinkState(state), lost)), _) => self.take(observer, state, lost, touched),
                (_, Some(id)) => self.drop(observer, &id, touched),
                _ => {}
            }
        }
    }

    fn take(&mut self, observer: &Observer, state: &LinkState, lost: bool, touched: &mut Touched) {
        let held = self.held.entry(observer.clone()).or_default();
        if held.insert(state.id.key(), state.id.clone()).is_some() {
            return; // A more trusted source has said it.
        }
        touched.near(&self.graph, &state.id);
        if self.graph.take(observer, state) | self.graph.lose(observer, &state.id, lost) {
            touched.changed.insert(state.id.router.clone());
            touched.near(&self.graph, &state.id);
            if let Some(name) = &state.name {
                self.names.entry(name.clone()).or_default().insert(state.id.router.clone());
                self.named.entry(state.id.router.clone()).or_default().insert(name.clone());
            }
        }
    }

    fn drop(&mut self, observer: &Observer, id: &LinkStateId, touched: &mut Touched) {
        touched.changed.insert(id.router.clone());
        touched.near(&self.graph, id);
        self.graph.drop(observer, id);
    }

    /// The ids under which a node advertises in a protocol.
    pub(crate) fn ids(&self, device: &Device, protocol: IgpProtocol) -> BTreeSet<String> {
        match protocol {
            IgpProtocol::Ospf2 | IgpProtocol::Ospf3 => device.node.router_id.iter().cloned().collect(),
            IgpProtocol::Isis => {
                let names = [Some(&*device.name), device.node.hostname.as_deref()];
                let named = names.into_iter().flatten().filter_map(|n| self.names.get(n)).flatten().cloned();
                // A tool that prints names for ids leaves nothing else to go by.
                let printed = names.into_iter().flatten().map(str::to_owned);
                match &device.node.system_id {
                    Some(id) => printed.chain([id.clone()]).collect(),
                    None => named.chain(printed).collect(),
                }
            }
        }
    }

    /// The dynamic host names of a router.
    pub(crate) fn names_of(&self, router: &str) -> impl Iterator<Item = &str> {
        self.named.get(router).into_iter().flatten().map(String::as_str)
    }

    /// The cost of sending out of an interface to a neighbour: the advertised one, or else the configured one.
    pub(crate) fn cost(
        &self,
        device: &Device,
        interface: &Interface,
        protocol: IgpProtocol,
        peer: Option<&Device>,
    ) -> Option<u32> {
        let ids = self.ids(device, protocol);
        let states: Vec<_> = ids.iter().flat_map(|id| self.graph.of_router(protocol, id)).collect();
        let links = || states.iter().flat_map(|s| &s.links);
        let by_end = links().find(|l| l.near.is_some_and(|near| is_end(interface, near))).map(|l| l.metric);
        let by_peer = || self.metrics_to(links(), protocol, peer?);
        // RFC 2328 §12.4.1.1: the block of a point-to-point link bears its cost; IS-IS likewise in practice.
        let nets: BTreeSet<_> = interface.port.addresses.iter().filter_map(net).collect();
        let blocks: BTreeSet<u32> = states
            .iter()
            .flat_map(|s| &s.prefixes)
            .filter(|(p, _)| nets.contains(&p.trunc()))
            .map(|(_, m)| *m)
            .collect();
        let by_block = || blocks.first().copied().filter(|_| blocks.len() == 1);
        let by_peer_and_block = || {
            let metrics = by_peer()?;
            match (metrics.len(), by_block()) {
                (1, _) => metrics.first().copied(),
                (_, Some(block)) => metrics.contains(&block).then_some(block),
                _ => None,
            }
        };
        let configured = || device.costs.get(&(protocol, interface.link.name.clone())).copied();
        by_end.or_else(by_peer_and_block).or_else(configured).or_else(by_block)
    }

    /// The cost that a router without words of its own advertises to a peer, from the port with an address.
    pub(crate) fn cost_of(
        &self,
        protocol: IgpProtocol,
        router: &str,
        address: Option<IpAddr>,
        peer: &Device,
    ) -> Option<u32> {
        let named = self.names.get(router).into_iter().flatten().map(String::as_str);
        let states: Vec<_> = named.chain([router]).flat_map(|r| self.graph.of_router(protocol, r)).collect();
        let links = || states.iter().flat_map(|s| &s.links);
        let at = |l: &&IgpLink| address.is_some_and(|ip| l.near == Some(LinkEnd::Address(ip)));
        let only = || {
            let metrics = self.metrics_to(links(), protocol, peer)?;
            metrics.first().copied().filter(|_| metrics.len() == 1)
        };
        links().find(at).map(|l| l.metric).or_else(only)
    }

    /// The different metrics of the links to a peer, directly or through a medium's pseudonode.
    fn metrics_to<'a>(
        &self,
        links: impl Iterator<Item = &'a IgpLink>,
        protocol: IgpProtocol,
        peer: &Device,
    ) -> Option<BTreeSet<u32>> {
        let peers = self.ids(peer, protocol);
        let is_peer = |id: &str| peers.contains(id.strip_suffix(".00").unwrap_or(id));
        let leads = |link: &IgpLink| match link.kind {
            // OSPF says by which interface a router is on a medium: another one's cost is none of this one's.
            IgpLinkKind::Transit => {
                protocol == IgpProtocol::Isis && self.graph.members_anywhere(protocol, &link.to).any(is_peer)
            }
            IgpLinkKind::PointToPoint | IgpLinkKind::Virtual => is_peer(&link.to),
        };
        let metrics: BTreeSet<_> = links.filter(|l| leads(l)).map(|l| l.metric).collect();
        (!metrics.is_empty()).then_some(metrics)
    }
}

impl Touched {
    fn near(&mut self, graph: &Graph, id: &LinkStateId) {
        if matches!(id.kind, LinkStateKind::Router | LinkStateKind::Network) {
            self.near.extend(graph.named_by(id).into_iter().map(|router| (id.protocol, router)));
        }
    }
}

/// Whether an advertised end is this interface.
pub(crate) fn is_end(interface: &Interface, end: LinkEnd) -> bool {
    match end {
        LinkEnd::Address(ip) => interface.ips().any(|own| own == ip),
        LinkEnd::Index(index) => interface.link.ifindex == Some(index),
    }
}

fn net(address: &PortAddress) -> Option<ipnet::IpNet> {
    let net = ipnet::IpNet::new(address.ip, address.len).ok()?;
    (address.len < net.max_prefix_len()).then(|| net.trunc())
}
