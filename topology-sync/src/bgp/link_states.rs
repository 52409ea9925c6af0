//! BGP-LS (RFC 9552): an IGP's link states as BGP tells them, put together to advertisements again.
//!
//! BGP-LS takes an advertisement apart: the node, each link and each prefix come as routes of their own, with or without
//! the others, from any number of peers. Here they are gathered by the node that they belong to, so that the fusion of
//! IGPs need not know where they came from. They bear no sequence number; theirs is 0, and the later word counts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use netgauze_bgp_pkt::iana::BgpLsProtocolId;
use netgauze_bgp_pkt::nlri::{
    BgpLsLinkDescriptor, BgpLsNlriIpPrefix, BgpLsNlriLink, BgpLsNlriValue, BgpLsNodeDescriptorSubTlv,
    BgpLsPrefixDescriptor, MultiTopologyIdData,
};
use netgauze_bgp_pkt::path_attribute::{BgpLsAttributeValue, MpReach, MpUnreach, PathAttributeValue};
use netgauze_bgp_pkt::update::BgpUpdateMessage;
use netgauze_iana::address_family::AddressType;
use serde::{Deserialize, Serialize};

use super::rib::PeerKey;
use crate::observation::{IgpLink, IgpLinkKind, IgpProtocol, LinkEnd, LinkState, LinkStateId, LinkStateKind};

/// Link states by the node that they are of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(into = "Saved", from = "Saved")]
pub struct LinkStates {
    nodes: BTreeMap<LinkStateId, BTreeMap<Part, Told>>,
    /// How often the session with a peer was lost.
    generations: BTreeMap<PeerKey, u32>,
}

/// What is said of a node, as a list.
type SavedParts = Vec<(Part, Vec<(PeerKey, (u32, Said))>)>;

/// Link states on disk: maps with keys that JSON has no names for, as lists.
#[derive(Serialize, Deserialize)]
struct Saved {
    nodes: Vec<(LinkStateId, SavedParts)>,
    generations: Vec<(PeerKey, u32)>,
}

impl From<LinkStates> for Saved {
    fn from(states: LinkStates) -> Self {
        let parts = |parts: BTreeMap<Part, Told>| {
            parts.into_iter().map(|(part, told)| (part, told.into_iter().collect())).collect()
        };
        Self {
            nodes: states.nodes.into_iter().map(|(id, all)| (id, parts(all))).collect(),
            generations: states.generations.into_iter().collect(),
        }
    }
}

impl From<Saved> for LinkStates {
    fn from(saved: Saved) -> Self {
        let parts = |parts: SavedParts| {
            parts.into_iter().map(|(part, told)| (part, told.into_iter().collect())).collect()
        };
        Self {
            nodes: saved.nodes.into_iter().map(|(id, all)| (id, parts(all))).collect(),
            generations: saved.generations.into_iter().collect(),
        }
    }
}

/// Who tells a part, and what is said of it; the first peer is believed.
type Told = BTreeMap<PeerKey, (u32, Said)>;

/// What one route of BGP-LS is about, within its node; the standard topology (0) first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Part {
    Node,
    Link { topology: u16, kind: IgpLinkKind, to: String, near: Option<LinkEnd>, far: Option<LinkEnd> },
    Prefix { topology: u16, prefix: IpNet },
}

/// What the BGP-LS attribute says (RFC 9552 §5.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    name: Option<String>,
    addresses: Vec<IpAddr>,
    overload: bool,
    metric: u32,
    prefix_metric: u32,
}

/// The nodes whose link states changed.
pub type Changed = BTreeSet<LinkStateId>;

impl LinkStates {
    /// Takes an update from a peer; the nodes that it changed.
    pub fn update(&mut self, peer: PeerKey, update: &BgpUpdateMessage) -> Changed {
        let mut changed = Changed::new();
        let values = || update.path_attributes().iter().map(|a| a.value());
        for value in values() {
            if let PathAttributeValue::MpUnreach(MpUnreach::BgpLs { nlri }) = value {
                let gone = nlri.iter().filter_map(|n| subject(n.nlri()));
                changed.extend(gone.filter_map(|(id, part)| self.withdraw(peer, id, &part)));
            }
        }
        let mut said = None;
        for value in values() {
            if let PathAttributeValue::MpReach(MpReach::BgpLs { nlri, .. }) = value {
                let said = said.get_or_insert_with(|| said_in(update));
                let subjects = nlri.iter().filter_map(|n| subject(n.nlri()));
                changed.extend(subjects.filter_map(|(id, part)| self.announce(peer, id, part, said)));
            }
        }
        if update.end_of_rib() == Some(AddressType::BgpLs) {
            let generation = self.generation(peer);
            changed.extend(self.retain(|key, told| *key != peer || told >= generation));
        }
        changed
    }

    /// The peer has gone, and what it told with it; the nodes that changed.
    pub fn remove(&mut self, peer: PeerKey) -> Changed {
        self.retain(|key, _| *key != peer)
    }

    /// The session is lost: what these peers told stands until they have told everything again.
    pub fn mark_stale(&mut self, is_lost: impl Fn(&PeerKey) -> bool) {
        let tellers: BTreeSet<PeerKey> = self
            .nodes
            .values()
            .flat_map(|parts| parts.values().flat_map(|told| told.keys().copied()))
            .collect();
        for peer in tellers.into_iter().filter(is_lost) {
            *self.generations.entry(peer).or_default() += 1;
        }
    }

    /// A node's advertisement as it stands, if anything of it does.
    pub fn get(&self, id: &LinkStateId) -> Option<LinkState> {
        let parts = self.nodes.get(id)?;
        let mut state = LinkState {
            id: id.clone(),
            sequence: 0,
            name: None,
            links: Vec::new(),
            addresses: Vec::new(),
            prefixes: Vec::new(),
            overload: false,
        };
        for (part, told) in parts {
            let Some((_, said)) = told.values().next() else { continue };
            part.add_to(&mut state, said);
        }
        Some(state)
    }

    /// The nodes of which anything is told.
    pub fn nodes(&self) -> impl Iterator<Item = &LinkStateId> {
        self.nodes.keys()
    }

    fn generation(&self, peer: PeerKey) -> u32 {
        self.generations.get(&peer).copied().unwrap_or(0)
    }

    fn announce(&mut self, peer: PeerKey, id: LinkStateId, part: Part, said: &Said) -> Option<LinkStateId> {
        let generation = self.generation(peer);
        let told = self.nodes.entry(id.clone()).or_default().entry(part).or_default();
        let before = told.insert(peer, (generation, said.clone()));
        before.is_none_or(|(_, before)| before != *said).then_some(id)
    }

    fn withdraw(&mut self, peer: PeerKey, id: LinkStateId, part: &Part) -> Option<LinkStateId> {
        let parts = self.nodes.get_mut(&id)?;
        let told = parts.get_mut(part)?;
        told.remove(&peer)?;
        if told.is_empty() {
            parts.remove(part);
        }
        if parts.is_empty() {
            self.nodes.remove(&id);
        }
        Some(id)
    }

    /// Keeps what a peer told in a generation if `keep` says so.
    fn retain(&mut self, keep: impl Fn(&PeerKey, u32) -> bool) -> Changed {
        let mut changed = Changed::new();
        for (id, parts) in &mut self.nodes {
            parts.retain(|_, told| {
                let before = told.len();
                told.retain(|peer, (generation, _)| keep(peer, *generation));
                if told.len() < before {
                    changed.insert(id.clone());
                }
                !told.is_empty()
            });
        }
        self.nodes.retain(|_, parts| !parts.is_empty());
        changed
    }
}

impl Part {
    /// Adds what is said of the part. A link or prefix of another topology adds nothing where the standard one has it.
    fn add_to(&self, state: &mut LinkState, said: &Said) {
        match self {
            Self::Node => {
                state.name.clone_from(&said.name);
                state.addresses.clone_from(&said.addresses);
                state.overload = said.overload;
            }
            Self::Link { kind, to, near, far, .. } => {
                let known = state.links.iter().any(|l| (&l.to, l.near, l.far) == (to, *near, *far));
                if !known {
                    let (kind, to, near, far) = (*kind, to.clone(), *near, *far);
                    let metric = if state.id.kind == LinkStateKind::Network { 0 } else { said.metric };
                    state.links.push(IgpLink { kind, to, near, far, metric });
                }
            }
            Self::Prefix { prefix, .. } => {
                if state.prefixes.iter().all(|(p, _)| p != prefix) {
                    state.prefixes.push((*prefix, said.prefix_metric));
                }
            }
        }
    }
}

fn said_in(update: &BgpUpdateMessage) -> Said {
    let mut said = Said::default();
    for attribute in update.path_attributes() {
        let PathAttributeValue::BgpLs(list) = attribute.value() else { continue };
        for value in list.attributes() {
            match value {
                BgpLsAttributeValue::NodeNameTlv(name) => said.name = Some(name.to_string()),
                BgpLsAttributeValue::LocalNodeIpv4RouterId(ip) => said.addresses.push((*ip).into()),
                BgpLsAttributeValue::LocalNodeIpv6RouterId(ip) => said.addresses.push((*ip).into()),
                BgpLsAttributeValue::NodeFlagBits { overload, .. } => said.overload = *overload,
                // One byte with six bits (narrow IS-IS), two (OSPF), or three (wide IS-IS): RFC 9552 §5.3.2.4.
                BgpLsAttributeValue::IgpMetric(bytes) => {
                    said.metric = bytes.iter().take(4).fold(0, |m, &b| m << 8 | u32::from(b));
                }
                BgpLsAttributeValue::PrefixMetric(metric) => said.prefix_metric = *metric,
                _ => {}
            }
        }
    }
    said
}

/// Which node a route is of, and what it is about. Absent for what no IGP advertises (BGP peering segments, static
/// configuration) and for what lacks its identity.
fn subject(nlri: &BgpLsNlriValue) -> Option<(LinkStateId, Part)> {
    match nlri {
        BgpLsNlriValue::Node(n) => {
            Some((node(n.protocol_id(), n.local_node_descriptors().subtlvs())?.0, Part::Node))
        }
        BgpLsNlriValue::Link(n) => link(n),
        BgpLsNlriValue::Ipv4Prefix(n) | BgpLsNlriValue::Ipv6Prefix(n) => prefix(n),
        BgpLsNlriValue::Unknown { .. } => None,
    }
}

fn link(nlri: &BgpLsNlriLink) -> Option<(LinkStateId, Part)> {
    let (id, _) = node(nlri.protocol_id(), nlri.local_node_descriptors().subtlvs())?;
    let (remote, to) = node(nlri.protocol_id(), nlri.remote_node_descriptors().subtlvs())?;
    let kind = match remote.kind {
        LinkStateKind::Network => IgpLinkKind::Transit,
        _ => IgpLinkKind::PointToPoint,
    };
    // Addresses before identifiers, IPv4 before IPv6.
    let (mut near, mut far, mut topology) = ([None; 3], [None; 3], 0);
    for descriptor in nlri.link_descriptors() {
        match descriptor {
            BgpLsLinkDescriptor::IPv4InterfaceAddress(ip) => near[0] = Some(LinkEnd::Address((*ip).into())),
            BgpLsLinkDescriptor::IPv4NeighborAddress(ip) => far[0] = Some(LinkEnd::Address((*ip).into())),
            BgpLsLinkDescriptor::IPv6InterfaceAddress(ip) => near[1] = Some(LinkEnd::Address((*ip).into())),
            BgpLsLinkDescriptor::IPv6NeighborAddress(ip) => far[1] = Some(LinkEnd::Address((*ip).into())),
            BgpLsLinkDescriptor::LinkLocalRemoteIdentifiers {
                link_local_identifier,
                link_remote_identifier,
            } => {
                let index = |n: u32| (n != 0).then_some(LinkEnd::Index(n)); // 0: not known (RFC 5307 §1.1)
                (near[2], far[2]) = (index(*link_local_identifier), index(*link_remote_identifier));
            }
            BgpLsLinkDescriptor::MultiTopologyIdentifier(ids) => topology = first(ids),
            BgpLsLinkDescriptor::Unknown { .. } => {}
        }
    }
    let first_of = |ends: [Option<LinkEnd>; 3]| ends.into_iter().flatten().next();
    let (near, far) = match id.kind {
        LinkStateKind::Network => (None, None), // a medium has no interfaces
        _ => (first_of(near), first_of(far)),
    };
    Some((id, Part::Link { topology, kind, to, near, far }))
}

fn prefix(nlri: &BgpLsNlriIpPrefix) -> Option<(LinkStateId, Part)> {
    let (id, _) = node(nlri.protocol_id(), nlri.local_node_descriptors().subtlvs())?;
    let (mut topology, mut prefix) = (0, None);
    for descriptor in nlri.prefix_descriptors() {
        match descriptor {
            BgpLsPrefixDescriptor::IpReachabilityInformation(data) => prefix = Some(data.address().trunc()),
            BgpLsPrefixDescriptor::MultiTopologyIdentifier(ids) => topology = first(ids),
            _ => {}
        }
    }
    Some((id, Part::Prefix { topology, prefix: prefix? }))
}

fn first(ids: &MultiTopologyIdData) -> u16 {
    ids.id().first().map_or(0, |id| id.value())
}

/// A node's identity (RFC 9552 §5.2.1.4), and its name as the far end of a link.
fn node(
    protocol: BgpLsProtocolId,
    descriptors: &[BgpLsNodeDescriptorSubTlv],
) -> Option<(LinkStateId, String)> {
    let mut area = Ipv4Addr::UNSPECIFIED;
    let mut router: &[u8] = &[];
    for descriptor in descriptors {
        match descriptor {
            BgpLsNodeDescriptorSubTlv::OspfAreaId(id) => area = Ipv4Addr::from(*id),
            BgpLsNodeDescriptorSubTlv::IgpRouterId(id) => router = id,
            _ => {}
        }
    }
    let (protocol, area) = match protocol {
        BgpLsProtocolId::IsIsLevel1 => (IgpProtocol::Isis, "1".to_owned()),
        BgpLsProtocolId::IsIsLevel2 => (IgpProtocol::Isis, "2".to_owned()),
        BgpLsProtocolId::OspfV2 => (IgpProtocol::Ospf2, area.to_string()),
        BgpLsProtocolId::OspfV3 => (IgpProtocol::Ospf3, area.to_string()),
        _ => return None,
    };
    let (router, number, to) = match protocol {
        IgpProtocol::Isis => isis_node(router)?,
        _ => ospf_node(protocol, router)?,
    };
    let kind = if to == router { LinkStateKind::Router } else { LinkStateKind::Network };
    Some((LinkStateId { protocol, area, kind, router, number }, to))
}

/// A system id, or with a seventh byte a pseudonode.
fn isis_node(id: &[u8]) -> Option<(String, String, String)> {
    let (&[a, b, c, d, e, f], rest) = id.split_first_chunk::<6>()?;
    let system = format!("{a:02x}{b:02x}.{c:02x}{d:02x}.{e:02x}{f:02x}");
    match rest {
        [] | [0] => Some((system.clone(), "00-00".to_owned(), system)),
        [n] => Some((system.clone(), format!("{n:02x}-00"), format!("{system}.{n:02x}"))),
        _ => None,
    }
}

/// A router id, or with four more bytes the medium of a designated router: its interface's address (OSPFv2) or number
/// (OSPFv3).
fn ospf_node(protocol: IgpProtocol, id: &[u8]) -> Option<(String, String, String)> {
    let (router, rest) = id.split_first_chunk::<4>()?;
    let router = Ipv4Addr::from(*router).to_string();
    if rest.is_empty() {
        let number = if protocol == IgpProtocol::Ospf2 { router.clone() } else { "0.0.0.0".to_owned() };
        return Some((router.clone(), number, router));
    }
    let interface = u32::from_be_bytes(rest.try_into().ok()?);
    let number = Ipv4Addr::from(interface).to_string();
    let to = if protocol == IgpProtocol::Ospf2 { number.clone() } else { format!("{router}#{interface}") };
    Some((router, number, to))
}
