//! The link-state database: the newest advertisement of each router, whoever has it, and the costs in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use twin::{PortAddress, WallTime};

use super::device::{Device, Interface};
use crate::observation::{
    Fact, IgpLink, IgpProtocol, LinkEnd, LinkState, LinkStateId, LinkStateKind, Observer, Topic,
};
use crate::store::Store;

type Originator = (IgpProtocol, LinkStateKind, String);
type Copies = BTreeMap<Observer, Arc<LinkState>>;

/// The advertisements of all observers.
#[derive(Debug, Default)]
pub(crate) struct Lsdb {
    /// What each observer has, by protocol, kind and router.
    copies: BTreeMap<Originator, BTreeMap<LinkStateId, Copies>>,
    held: BTreeMap<Observer, BTreeSet<LinkStateId>>,
    /// System ids by dynamic host name (RFC 5301).
    names: BTreeMap<String, BTreeSet<String>>,
    /// The other way round.
    named: BTreeMap<String, BTreeSet<String>>,
}

impl Lsdb {
    /// Takes what an observer has now; the routers whose advertisements changed.
    pub(crate) fn replace(&mut self, store: &Store, observer: &Observer, now: WallTime) -> BTreeSet<String> {
        let mut changed = BTreeSet::new();
        let mut gone = self.held.remove(observer).unwrap_or_default();
        let mut held = BTreeSet::new();
        for standing in store.standing_on(observer, Topic::LinkStates, now) {
            let Fact::LinkState(state) = standing.fact else { continue };
            gone.remove(&state.id);
            if !held.insert(state.id.clone()) {
                continue; // A more trusted source has said it.
            }
            let copies =
                self.copies.entry(originator(&state.id)).or_default().entry(state.id.clone()).or_default();
            if copies.get(observer).is_none_or(|known| **known != *state) {
                copies.insert(observer.clone(), Arc::new(state.clone()));
                changed.insert(state.id.router.clone());
                if let Some(name) = &state.name {
                    self.names.entry(name.clone()).or_default().insert(state.id.router.clone());
                    self.named.entry(state.id.router.clone()).or_default().insert(name.clone());
                }
            }
        }
        for id in gone {
            changed.insert(id.router.clone());
            self.remove(observer, &id);
        }
        if !held.is_empty() {
            self.held.insert(observer.clone(), held);
        }
        changed
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

    fn remove(&mut self, observer: &Observer, id: &LinkStateId) {
        let Some(ids) = self.copies.get_mut(&originator(id)) else { return };
        if let Some(copies) = ids.get_mut(id) {
            copies.remove(observer);
            if copies.is_empty() {
                ids.remove(id);
            }
        }
        if ids.is_empty() {
            self.copies.remove(&originator(id));
        }
    }

    /// The newest advertisements of a router, of one kind.
    fn newest(
        &self,
        protocol: IgpProtocol,
        kind: LinkStateKind,
        router: &str,
    ) -> impl Iterator<Item = &LinkState> {
        let ids = self.copies.get(&(protocol, kind, router.to_owned()));
        ids.into_iter()
            .flat_map(BTreeMap::values)
            .filter_map(|copies| copies.values().max_by_key(|l| l.sequence).map(AsRef::as_ref))
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
        let states: Vec<_> =
            ids.iter().flat_map(|id| self.newest(protocol, LinkStateKind::Router, id)).collect();
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

    /// The different metrics of the links to a peer, directly or through a medium's pseudonode.
    fn metrics_to<'a>(
        &self,
        links: impl Iterator<Item = &'a IgpLink>,
        protocol: IgpProtocol,
        peer: &Device,
    ) -> Option<BTreeSet<u32>> {
        let peers = self.ids(peer, protocol);
        let leads = |link: &IgpLink| {
            let to = link.to.as_str();
            peers.contains(to)
                || to.strip_suffix(".00").is_some_and(|id| peers.contains(id))
                || (protocol == IgpProtocol::Isis && self.pseudonode_has(to, &peers))
        };
        let metrics: BTreeSet<_> = links.filter(|l| leads(l)).map(|l| l.metric).collect();
        (!metrics.is_empty()).then_some(metrics)
    }

    /// Whether a pseudonode `xxxx.xxxx.xxxx.nn` lists one of the routers.
    fn pseudonode_has(&self, pseudonode: &str, routers: &BTreeSet<String>) -> bool {
        let Some((router, number)) = pseudonode.rsplit_once('.') else { return false };
        let states = self.newest(IgpProtocol::Isis, LinkStateKind::Network, router);
        let mut members =
            states.filter(|s| s.id.number.split('-').next() == Some(number)).flat_map(|s| &s.links);
        members.any(|l| routers.contains(l.to.strip_suffix(".00").unwrap_or(&l.to)))
    }
}

fn originator(id: &LinkStateId) -> Originator {
    (id.protocol, id.kind, id.router.clone())
}

fn is_end(interface: &Interface, end: LinkEnd) -> bool {
    match end {
        LinkEnd::Address(ip) => interface.ips().any(|own| own == ip),
        LinkEnd::Index(index) => interface.link.ifindex == Some(index),
    }
}

fn net(address: &PortAddress) -> Option<ipnet::IpNet> {
    let net = ipnet::IpNet::new(address.ip, address.len).ok()?;
    (address.len < net.max_prefix_len()).then(|| net.trunc())
}
