//! Links, addresses and neighbours of netlink messages as rows of the kernel's tables: interfaces by their index.

use std::net::IpAddr;

use netlink_packet_core::Parseable;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVlan, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use serde::{Deserialize, Serialize};
use twin::MacAddr;

use crate::observation::{Link, LinkKind};

/// An interface, before the indices that it names are resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LinkRow {
    /// Without master and lower.
    pub(super) link: Link,
    pub(super) master: Option<u32>,
    pub(super) lower: Option<u32>,
}

/// What a message says of an address, a neighbour or a bridge's entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Row {
    Address(u32, IpAddr, u8),
    Neighbor(u32, IpAddr, Option<MacAddr>),
    Fdb { port: u32, mac: MacAddr, vlan: Option<u16>, own: bool },
}

/// The index and the row of a link message; `None` for a bridge's word on its port, which is no interface.
pub(super) fn link(body: &[u8]) -> Result<Option<(u32, LinkRow)>, String> {
    let message = LinkMessage::parse(body).map_err(|e| e.to_string())?;
    if message.header.interface_family == AddressFamily::Bridge {
        return Ok(None);
    }
    let flags = message.header.flags;
    let mut link = Link {
        ifindex: Some(message.header.index),
        admin_up: Some(flags.contains(LinkFlags::Up)),
        carrier: Some(flags.contains(LinkFlags::LowerUp)),
        ..Link::default()
    };
    let (mut master, mut lower, mut foreign) = (None, None, false);
    let mut info = Vec::new();
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Address(bytes) => link.mac = mac(&bytes),
            LinkAttribute::PermAddress(bytes) => link.permanent_mac = mac(&bytes),
            LinkAttribute::Mtu(mtu) => link.mtu = Some(mtu),
            LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
            LinkAttribute::Controller(index) => master = Some(index),
            LinkAttribute::Link(index) => lower = Some(index),
            LinkAttribute::LinkNetNsId(_) => foreign = true,
            LinkAttribute::LinkInfo(all) => info = all,
            _ => {}
        }
    }
    if link.name.is_empty() {
        return Err("a link without a name".into());
    }
    if link.permanent_mac == link.mac {
        link.permanent_mac = None;
    }
    link.kind = kind(flags, message.header.link_layer_type, &info);
    link.vlan = info.iter().find_map(vlan);
    // The lower interface of a veth is its other end; of any kind in another namespace its number means nothing here.
    let lies_on = !foreign && matches!(link.kind, Some(LinkKind::Vlan | LinkKind::Virtual(_)));
    let row = LinkRow { link, master, lower: lower.filter(|i| lies_on && *i != message.header.index) };
    Ok(Some((message.header.index, row)))
}

fn kind(flags: LinkFlags, layer: LinkLayerType, info: &[LinkInfo]) -> Option<LinkKind> {
    if flags.contains(LinkFlags::Loopback) {
        return Some(LinkKind::Loopback);
    }
    let kind = info.iter().find_map(|i| match i {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    });
    Some(match kind {
        None if layer == LinkLayerType::Ether => LinkKind::Physical,
        None => return None,
        Some(InfoKind::Veth) => LinkKind::Veth,
        Some(InfoKind::Bridge) => LinkKind::Bridge,
        Some(InfoKind::Bond | InfoKind::Team) => LinkKind::Bundle,
        Some(InfoKind::Vlan) => LinkKind::Vlan,
        Some(InfoKind::Vrf) => LinkKind::Vrf,
        Some(
            InfoKind::Vxlan
            | InfoKind::Geneve
            | InfoKind::GreTap
            | InfoKind::GreTap6
            | InfoKind::GreTun
            | InfoKind::GreTun6
            | InfoKind::IpIp
            | InfoKind::Ip6Tnl
            | InfoKind::SitTun
            | InfoKind::Vti
            | InfoKind::Vti6
            | InfoKind::Wireguard,
        ) => LinkKind::Tunnel,
        Some(other) => LinkKind::Virtual(other.to_string()),
    })
}

fn vlan(info: &LinkInfo) -> Option<u16> {
    let LinkInfo::Data(InfoData::Vlan(data)) = info else { return None };
    data.iter().find_map(|d| match d {
        InfoVlan::Id(id) => Some(*id),
        _ => None,
    })
}

/// The row of an address message.
pub(super) fn address(body: &[u8]) -> Result<Row, String> {
    let message = AddressMessage::parse(body).map_err(|e| e.to_string())?;
    // On a point-to-point link IFA_ADDRESS is the far end's; the interface's own is IFA_LOCAL.
    let local = message.attributes.iter().find_map(|a| match a {
        AddressAttribute::Local(ip) => Some(*ip),
        _ => None,
    });
    let any = message.attributes.iter().find_map(|a| match a {
        AddressAttribute::Address(ip) => Some(*ip),
        _ => None,
    });
    let ip = local.or(any).ok_or("an address message without an address")?;
    Ok(Row::Address(message.header.index, ip, message.header.prefix_len))
}

/// The row of a neighbour message; `None` for what is no neighbour (multicast, unresolved by design, proxies).
pub(super) fn neighbor(body: &[u8]) -> Result<Option<Row>, String> {
    let message = NeighbourMessage::parse(body).map_err(|e| e.to_string())?;
    let (mut ip, mut hardware, mut vlan) = (None, None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => ip = Some(IpAddr::V4(*v4)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(v6)) => ip = Some(IpAddr::V6(*v6)),
            NeighbourAttribute::LinkLayerAddress(bytes) => hardware = mac(bytes),
            NeighbourAttribute::Vlan(id) => vlan = Some(*id),
            _ => {}
        }
    }
    let (header, index) = (&message.header, message.header.ifindex);
    if header.family == AddressFamily::Bridge {
        let own = header.flags.contains(NeighbourFlags::Own) || header.state == NeighbourState::Permanent;
        return Ok(hardware.map(|mac| Row::Fdb { port: index, mac, vlan, own }));
    }
    if header.state == NeighbourState::Noarp || header.flags.contains(NeighbourFlags::Proxy) {
        return Ok(None);
    }
    if matches!(header.state, NeighbourState::Incomplete | NeighbourState::Failed) {
        hardware = None;
    }
    Ok(ip.map(|ip| Row::Neighbor(index, ip, hardware)))
}

fn mac(bytes: &[u8]) -> Option<MacAddr> {
    <[u8; 6]>::try_from(bytes).ok().map(MacAddr)
}
