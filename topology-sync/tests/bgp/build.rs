//! BMP and BGP messages, written by the decoder's own encoder.

use std::net::{IpAddr, Ipv4Addr};

use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::capabilities::{
    AddPathAddressFamily, AddPathCapability, BgpCapability, FourOctetAsCapability,
    MultiProtocolExtensionsCapability,
};
use netgauze_bgp_pkt::iana::BgpLsProtocolId;
use netgauze_bgp_pkt::nlri::{
    BgpLsLinkDescriptor, BgpLsLocalNodeDescriptors, BgpLsNlri, BgpLsNlriIpPrefix, BgpLsNlriLink,
    BgpLsNlriNode, BgpLsNlriValue, BgpLsNodeDescriptorSubTlv, BgpLsNodeDescriptors, BgpLsPrefixDescriptor,
    BgpLsRemoteNodeDescriptors, IpReachabilityInformationData, Ipv4Unicast, Ipv4UnicastAddress,
};
use netgauze_bgp_pkt::open::{BgpOpenMessage, BgpOpenMessageParameter};
use netgauze_bgp_pkt::path_attribute::{
    As4PathSegment, AsPath, AsPathSegmentType, BgpLsAttribute, BgpLsAttributeValue, MpReach, MpUnreach,
    NextHop, Origin, PathAttribute, PathAttributeValue,
};
use netgauze_bgp_pkt::update::BgpUpdateMessage;
use netgauze_bmp_pkt::v3::{
    BmpMessageValue, PeerDownNotificationMessage, PeerDownNotificationReason, PeerUpNotificationMessage,
    RouteMonitoringMessage,
};
use netgauze_bmp_pkt::{BmpMessage, BmpPeerType, PeerHeader};
use netgauze_iana::address_family::AddressType;
use netgauze_parse_utils::WritablePdu;

pub(crate) const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

pub(crate) fn bytes(message: BmpMessageValue) -> Vec<u8> {
    let mut bytes = Vec::new();
    BmpMessage::V3(message).write(&mut bytes).unwrap();
    bytes
}

/// A peer's header; the kinds of peer differ in their flags.
pub(crate) fn peer(kind: BmpPeerType) -> PeerHeader {
    match kind {
        BmpPeerType::LocRibInstancePeer { .. } => {
            PeerHeader::new(kind, None, None, 65_000, Ipv4Addr::new(10, 0, 0, 1), None)
        }
        _ => PeerHeader::new(kind, None, Some(IpAddr::V4(PEER)), 65_001, PEER, None),
    }
}

pub(crate) fn adj_rib(adj_rib_out: bool, post_policy: bool) -> BmpPeerType {
    BmpPeerType::GlobalInstancePeer { ipv6: false, post_policy, asn2: false, adj_rib_out }
}

pub(crate) const LOC_RIB: BmpPeerType = BmpPeerType::LocRibInstancePeer { filtered: false };

/// An OPEN; `add_path` is whether IPv4 paths with identifiers are sent, and received.
pub(crate) fn open(
    asn: u32,
    id: Ipv4Addr,
    families: &[AddressType],
    add_path: Option<(bool, bool)>,
) -> BgpMessage {
    let mut capabilities = vec![BgpCapability::FourOctetAs(FourOctetAsCapability::new(asn))];
    let multi =
        |f: &AddressType| BgpCapability::MultiProtocolExtensions(MultiProtocolExtensionsCapability::new(*f));
    capabilities.extend(families.iter().map(multi));
    if let Some((send, receive)) = add_path {
        let family = AddPathAddressFamily::new(AddressType::Ipv4Unicast, send, receive);
        capabilities.push(BgpCapability::AddPath(AddPathCapability::new(vec![family])));
    }
    let parameter = BgpOpenMessageParameter::new_capabilities(capabilities);
    BgpMessage::Open(BgpOpenMessage::new(asn.try_into().unwrap_or(23_456), 180, id, vec![parameter]))
}

pub(crate) fn peer_up(kind: BmpPeerType, sent: BgpMessage, received: BgpMessage) -> Vec<u8> {
    let local = Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
    let up =
        PeerUpNotificationMessage::build(peer(kind), local, Some(179), Some(4_000), sent, received, vec![])
            .unwrap();
    bytes(BmpMessageValue::PeerUpNotification(up))
}

pub(crate) fn peer_down(kind: BmpPeerType, reason: PeerDownNotificationReason) -> Vec<u8> {
    let down = PeerDownNotificationMessage::build(peer(kind), reason).unwrap();
    bytes(BmpMessageValue::PeerDownNotification(down))
}

pub(crate) fn monitoring(kind: BmpPeerType, update: BgpUpdateMessage) -> Vec<u8> {
    let message = RouteMonitoringMessage::build(peer(kind), BgpMessage::Update(update)).unwrap();
    bytes(BmpMessageValue::RouteMonitoring(message))
}

pub(crate) fn attribute(optional: bool, value: PathAttributeValue) -> PathAttribute {
    PathAttribute::from(optional, !optional, false, true, value).unwrap()
}

fn attributes() -> Vec<PathAttribute> {
    let path = As4PathSegment::new(AsPathSegmentType::AsSequence, vec![65_001]);
    vec![
        attribute(false, PathAttributeValue::Origin(Origin::IGP)),
        attribute(false, PathAttributeValue::AsPath(AsPath::As4PathSegments(vec![path].into()))),
    ]
}

fn nets(nets: &[(&str, Option<u32>)]) -> Vec<Ipv4UnicastAddress> {
    let net = |(net, id): &(&str, _)| {
        Ipv4UnicastAddress::new(*id, Ipv4Unicast::from_net(net.parse().unwrap()).unwrap())
    };
    nets.iter().map(net).collect()
}

/// Announces IPv4 prefixes, with path identifiers or without.
pub(crate) fn announce(list: &[(&str, Option<u32>)], next_hop: &str) -> BgpUpdateMessage {
    let mut attributes = attributes();
    attributes.push(attribute(false, PathAttributeValue::NextHop(NextHop::new(next_hop.parse().unwrap()))));
    BgpUpdateMessage::new(vec![], attributes, nets(list))
}

pub(crate) fn withdraw(list: &[(&str, Option<u32>)]) -> BgpUpdateMessage {
    BgpUpdateMessage::new(nets(list), vec![], vec![])
}

/// End-of-RIB of IPv4 unicast (RFC 4724 §2).
pub(crate) fn end_of_rib() -> BgpUpdateMessage {
    BgpUpdateMessage::new(vec![], vec![], vec![])
}

/// A node of BGP-LS: its protocol, area and IGP router id.
#[derive(Clone)]
pub(crate) struct LsNode(pub(crate) BgpLsProtocolId, pub(crate) u32, pub(crate) Vec<u8>);

impl LsNode {
    fn descriptors(&self) -> BgpLsNodeDescriptors {
        BgpLsNodeDescriptors::new(vec![
            BgpLsNodeDescriptorSubTlv::AutonomousSystem(65_001),
            BgpLsNodeDescriptorSubTlv::OspfAreaId(self.1),
            BgpLsNodeDescriptorSubTlv::IgpRouterId(self.2.clone().into()),
        ])
    }
    fn local(&self) -> BgpLsLocalNodeDescriptors {
        BgpLsLocalNodeDescriptors::new(self.descriptors())
    }
    pub(crate) fn node(&self) -> BgpLsNlriValue {
        BgpLsNlriValue::Node(BgpLsNlriNode::new(self.0, 0, self.local()))
    }
    pub(crate) fn link(&self, to: &LsNode, descriptors: Vec<BgpLsLinkDescriptor>) -> BgpLsNlriValue {
        let remote = BgpLsRemoteNodeDescriptors::new(to.descriptors());
        BgpLsNlriValue::Link(BgpLsNlriLink::new(self.0, 0, self.local(), remote, descriptors))
    }
    pub(crate) fn prefix(&self, net: &str) -> BgpLsNlriValue {
        let data = IpReachabilityInformationData::new(net.parse().unwrap());
        let descriptors = vec![BgpLsPrefixDescriptor::IpReachabilityInformation(data)];
        BgpLsNlriValue::Ipv4Prefix(BgpLsNlriIpPrefix::new(self.0, 0, self.local(), descriptors))
    }
}

/// Announces a part of a link-state database.
pub(crate) fn announce_ls(nlri: BgpLsNlriValue, said: Vec<BgpLsAttributeValue>) -> BgpUpdateMessage {
    let reach = MpReach::BgpLs { next_hop: IpAddr::V4(PEER), nlri: Box::new([BgpLsNlri::new(None, nlri)]) };
    let mut attributes = attributes();
    attributes.push(attribute(true, PathAttributeValue::MpReach(reach)));
    attributes.push(attribute(true, PathAttributeValue::BgpLs(BgpLsAttribute::new(said))));
    BgpUpdateMessage::new(vec![], attributes, vec![])
}

pub(crate) fn withdraw_ls(nlri: Vec<BgpLsNlriValue>) -> BgpUpdateMessage {
    let nlri = nlri.into_iter().map(|n| BgpLsNlri::new(None, n)).collect();
    BgpUpdateMessage::new(
        vec![],
        vec![attribute(true, PathAttributeValue::MpUnreach(MpUnreach::BgpLs { nlri }))],
        vec![],
    )
}
