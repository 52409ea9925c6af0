//! BGP sessions between nodes that are both known.
//!
//! A session needs no common medium: it is a half-link of its own layer from the port that has the near address (often a
//! loopback) to the one that has the far address. A node whose interface table is not known gets a port by the address's
//! name. A peer of which nobody else knows is no node: of its session the
//! near end alone is in the twin.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use twin::{Entity, Evidence, Layer, Port, PortAddress, WallTime};

use super::claim::{Finding, NodeId, PortId};
use super::device::Said;
use super::directory::Key;
use super::emit::{self, Emitted, Support};
use super::ground::Ground;
use super::stamp::Stamp;
use crate::observation::{BgpPeer, Fact, Observer, Topic};
use crate::store::Store;

/// The sessions of all nodes, by their own words.
#[derive(Debug, Default)]
pub(super) struct Sessions(BTreeMap<NodeId, Vec<Said<BgpPeer>>>);

impl Sessions {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sessions of a node.
    #[cfg(feature = "bgp")]
    pub(super) fn of(&self, node: NodeId) -> impl Iterator<Item = &BgpPeer> {
        self.0.get(&node).into_iter().flatten().map(|s| &s.what)
    }

    /// Takes what a node says of its sessions now; whether that is news.
    pub(super) fn replace(
        &mut self,
        node: NodeId,
        store: &Store,
        observer: &Observer,
        now: WallTime,
    ) -> bool {
        let mut sessions: BTreeMap<(String, IpAddr), Said<BgpPeer>> = BTreeMap::new();
        for standing in store.standing_on(observer, Topic::BgpPeers, now) {
            let Fact::BgpPeer(peer) = standing.fact else { continue };
            let said = Said { source: standing.source, at: Stamp::of(&standing), what: peer.clone() };
            // Of several sources the most trusted comes first; the others fill in what it does not say.
            let known = sessions.entry((peer.vrf.clone(), peer.address)).or_insert(said);
            known.what.fill(peer);
        }
        let sessions: Vec<_> = sessions.into_values().collect();
        let before = self.0.remove(&node).unwrap_or_default();
        let changed = before != sessions;
        if !sessions.is_empty() {
            self.0.insert(node, sessions);
        }
        changed
    }

    /// The half-links of all established sessions with both ends known, and what is wrong with the others.
    pub(super) fn emit(&self, ground: &mut Ground) -> Emitted {
        let mut out = Emitted::default();
        for (&node, said) in self.0.iter().flat_map(|(node, list)| list.iter().map(move |s| (node, s))) {
            let peer = &said.what;
            if peer.state != "Established" {
                let why = format!("the session with {} is {}", peer.address, peer.state);
                out.findings.push(Finding::new("bgp-not-established", ground.node_name(node), "", why));
                continue;
            }
            let Some((far, how)) = far_node(ground, node, peer) else {
                // Its own end is there all the same.
                if let Some(local) = peer.local {
                    end(ground, node, local, &mut out.entities);
                }
                continue;
            };
            let Some(local) = peer.local.or_else(|| self.local(ground, node, far, peer)) else {
                let why =
                    format!("no source says which address the session with {} comes from", peer.address);
                out.findings.push(Finding::new("bgp-local-unknown", ground.node_name(node), "", why));
                continue;
            };
            let ends = (
                end(ground, node, local, &mut out.entities),
                end(ground, far, peer.address, &mut out.entities),
            );
            let detail =
                format!("{local} has a session with {} of AS {}; far end by {how}", peer.address, peer.asn);
            let evidence = Evidence { source: "bgp".into(), detail: detail.into(), seen_at: said.at.at };
            let support = Support { evidence: vec![evidence], freshness: said.at.freshness() };
            out.half_links.push(emit::half(ground, Layer::Bgp, ends, None, 1, "established", support));
        }
        out
    }

    /// Our address in a session where the other end alone tells it, or that which shares the peer's subnet.
    fn local(&self, ground: &Ground, node: NodeId, far: NodeId, peer: &BgpPeer) -> Option<IpAddr> {
        let device = ground.directory.device(node)?;
        let ours: BTreeSet<IpAddr> = device.interfaces.values().flat_map(|i| i.ips()).collect();
        let theirs = self.0.get(&far).into_iter().flatten().map(|s| &s.what);
        let mut mirrored = theirs
            .filter(|p| ours.contains(&p.address))
            .filter(|p| p.local.is_none_or(|l| l == peer.address));
        let mut near = device
            .interfaces
            .values()
            .flat_map(|i| &i.port.addresses)
            .filter(|a| shares_subnet(a, peer.address));
        match (near.next(), mirrored.next(), mirrored.next()) {
            (Some(address), _, _) => Some(address.ip),
            (None, Some(only), None) => Some(only.address),
            _ => None,
        }
    }
}

fn shares_subnet(address: &PortAddress, ip: IpAddr) -> bool {
    ipnet::IpNet::new(address.ip, address.len)
        .is_ok_and(|net| net.prefix_len() < net.max_prefix_len() && net.contains(&ip))
}

/// The only node that has the peer's address, or else that has its BGP identifier, and by what it was found. Link-local
/// addresses are nobody's alone. An identifier is an address of its speaker (RFC 4271 §4.2), which need not say that it is
/// its router id.
fn far_node(ground: &Ground, node: NodeId, peer: &BgpPeer) -> Option<(NodeId, &'static str)> {
    let by_address: BTreeSet<NodeId> =
        ground.directory.ports_of_address(peer.address, node).into_iter().map(|(n, _)| n).collect();
    let by_id = || -> Vec<NodeId> {
        let Some(id) = peer.router_id.as_deref() else { return Vec::new() };
        let others = |key: Key<'_>| -> Vec<NodeId> {
            ground.directory.owners(key).iter().copied().filter(|n| *n != node).collect()
        };
        match (others(Key::Router(id)), id.parse()) {
            (none, Ok(address)) if none.is_empty() => others(Key::Address(address)),
            (known, _) => known,
        }
    };
    match (by_address.len(), by_address.first()) {
        (1, Some(only)) => Some((*only, "address")),
        (several, _) => match by_id()[..] {
            [only] if several == 0 || by_address.contains(&only) => Some((only, "router id")),
            _ => None,
        },
    }
}

/// The port that has an address; one by the address's name where no interface table has it.
fn end(ground: &mut Ground, node: NodeId, ip: IpAddr, entities: &mut Vec<Entity>) -> PortId {
    let has = |_: &str, i: &super::device::Interface| i.ips().any(|own| own == ip);
    let known =
        ground.directory.device(node).and_then(|d| d.interfaces_where(has).first().map(|n| Arc::from(*n)));
    let name: Arc<str> = known.clone().unwrap_or_else(|| Arc::from(ip.to_string()));
    if known.is_none() {
        let len = if ip.is_ipv4() { 32 } else { 128 };
        let port = Port { addresses: vec![PortAddress { ip, len }], ..Port::default() };
        // After those of its table.
        let ordinal = ground.directory.device(node).map_or(0, |d| d.interfaces.len() as u32);
        entities.push(emit::port_entity(&ground.nodes[node].key, &name, ordinal, port));
    }
    ground.port(node, &name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuse::{Fusion, fuse};
    use crate::observation::{Address, NodeInfo, Observation, Source};

    fn node(id: &str, router_id: &str) -> Vec<Observation> {
        let info = NodeInfo { router_id: Some(router_id.to_owned()), routing: true, ..NodeInfo::default() };
        vec![is(id, Source::Bgp, Fact::Node(info))]
    }

    fn is(id: &str, source: Source, fact: Fact) -> Observation {
        Observation::is(&Observer::node(id), source, WallTime::from_secs(1), fact)
    }

    fn address(id: &str, port: &str, ip: &str, len: u8) -> Observation {
        let fact = Address { port: port.to_owned(), ip: ip.parse().unwrap(), len: Some(len) };
        is(id, Source::Kernel, Fact::Address(fact))
    }

    fn session(id: &str, local: Option<&str>, peer: &str, router_id: &str, state: &str) -> Observation {
        let fact = BgpPeer {
            vrf: "default".to_owned(),
            local: local.map(|ip| ip.parse().unwrap()),
            address: peer.parse().unwrap(),
            asn: 65_000,
            router_id: Some(router_id.to_owned()),
            state: state.to_owned(),
        };
        is(id, Source::Bgp, Fact::BgpPeer(fact))
    }

    /// Half-links as `node/port > node/port by what`, then findings; the same whether taken at once or one by one.
    fn check(words: Vec<Observation>, expected: &[&str]) {
        let mut store = Store::default();
        let (mut step, mut steps) = (Fusion::default(), Store::default());
        for word in words {
            store.take(word.clone());
            steps.take(word);
            step.update(&mut steps, WallTime::from_secs(9));
        }
        let fused = fuse(&store, WallTime::from_secs(9));
        assert!(fused.twin == *step.twin(), "step by step comes to something else");
        let short = |key: &twin::EntityKey| key.as_str().replace("port:node:", "").replace("router-id:", "");
        let half = |(key, half): (&twin::HalfLinkKey, &twin::HalfLink)| {
            let by = half.evidence[0].detail.rsplit(" by ").next().unwrap().to_owned();
            format!("{} > {} by {by}", short(&key.from), short(&key.to))
        };
        let halves = fused.twin.half_links(Layer::Bgp).into_iter().map(half);
        let findings =
            fused.diagnostics.iter().filter(|d| d.code.starts_with("bgp")).map(|d| d.message.clone());
        assert_eq!(halves.chain(findings).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_session_between_loopbacks_joins_the_ports_that_have_the_addresses() {
        let words = [
            node("r1", "10.0.0.1"),
            node("r2", "10.0.0.2"),
            vec![
                address("r1", "lo", "10.0.0.1", 32),
                address("r2", "lo", "10.0.0.2", 32),
                session("r1", Some("10.0.0.1"), "10.0.0.2", "10.0.0.2", "Established"),
                // r2's source does not tell its own address: r1's word has it.
                session("r2", None, "10.0.0.1", "10.0.0.1", "Established"),
                session("r2", Some("10.1.0.1"), "10.1.0.2", "10.9.9.9", "Established"), // nobody we know
            ],
        ];
        check(
            words.concat(),
            &["10.0.0.1/lo > 10.0.0.2/lo by address", "10.0.0.2/lo > 10.0.0.1/lo by address"],
        );
    }

    #[test]
    fn routers_without_interface_tables_are_found_by_their_identifiers() {
        let words = [
            node("r1", "10.0.0.1"),
            node("r2", "10.0.0.2"),
            vec![
                session("r1", Some("10.1.0.1"), "10.1.0.2", "10.0.0.2", "Established"),
                session("r2", Some("10.1.0.2"), "10.1.0.1", "10.0.0.1", "Idle"),
            ],
        ];
        check(
            words.concat(),
            &["10.0.0.1/10.1.0.1 > 10.0.0.2/10.1.0.2 by router id", "r2 : the session with 10.1.0.1 is Idle"],
        );
    }

    #[test]
    fn an_address_of_two_nodes_is_nobodys() {
        let words = [
            node("r1", "10.0.0.1"),
            vec![
                address("r2", "lo", "10.9.9.9", 32),
                address("r3", "lo", "10.9.9.9", 32),
                session("r1", Some("10.0.0.1"), "10.9.9.9", "10.0.0.2", "Established"),
            ],
        ];
        check(words.concat(), &[]);
    }
}
