//! OSPFv2 (RFC 2328).

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use super::{LsaHeader, MAX_LINK_METRIC, kind, note, router_ids, update};
use crate::observation::{
    Fact, Hello, IgpLink, IgpLinkKind, IgpProtocol, LinkEnd, LinkState, LinkStateId, LinkStateKind, Source,
};
use crate::wire::checksum;
use crate::wire::cursor::{Cursor, Parsed};
use crate::wire::heard::{Heard, seconds};
use crate::wire::ip::Packet;

const HEADER: usize = 24;
/// RFC 2328 §D.3: a digest follows the packet, which has no checksum then.
const CRYPTOGRAPHIC: u16 = 2;

/// Advertisement types (RFC 2328 §A.4.1, RFC 3101, RFC 5250).
mod lsa {
    pub(super) const ROUTER: u8 = 1;
    pub(super) const NETWORK: u8 = 2;
    pub(super) const SUMMARY: u8 = 3;
    pub(super) const EXTERNAL: u8 = 5;
    pub(super) const NSSA: u8 = 7;
    pub(super) const OPAQUE_AS: u8 = 11;
}

struct Header {
    kind: u8,
    router: Ipv4Addr,
    area: Ipv4Addr,
}

pub(super) fn read(packet: &Packet<'_>, heard: &mut Heard<'_>) {
    let Some((header, body)) = heard.whole("ospf-broken", header(packet.data)) else { return };
    let parsed = note(header.kind, heard).and_then(|()| match header.kind {
        kind::HELLO if of_this_wire(packet) => hello(&header, packet.from, body, heard),
        kind::UPDATE => update(body, heard, Source::Ospf, |lsa| id(&header, lsa), fill),
        _ => Ok(()),
    });
    heard.whole("ospf-broken", parsed);
}

/// A virtual link's hellos pass wires that its ends are not on (RFC 2328 §15); all others are not forwarded.
fn of_this_wire(packet: &Packet<'_>) -> bool {
    packet.to.is_multicast() || matches!(packet.ttl, 1 | 255)
}

fn header(bytes: &[u8]) -> Parsed<(Header, Cursor<'_>)> {
    let mut c = Cursor::new(bytes);
    c.u8()?;
    let kind = c.u8()?;
    let len = usize::from(c.u16()?);
    let (router, area) = (c.ipv4()?, c.ipv4()?);
    c.u16()?;
    let authentication = c.u16()?;
    let packet = bytes.get(..len).filter(|p| p.len() >= HEADER).ok_or("a wrong packet length")?;
    // The checksum leaves the eight bytes of authentication out (RFC 2328 §A.3.1).
    if authentication != CRYPTOGRAPHIC && !checksum::internet(&[&packet[..16], &packet[HEADER..]]) {
        return Err("a wrong checksum");
    }
    Ok((Header { kind, router, area }, Cursor::new(&packet[HEADER..])))
}

/// RFC 2328 §A.3.2.
fn hello(header: &Header, from: IpAddr, mut c: Cursor<'_>, heard: &mut Heard<'_>) -> Parsed<()> {
    let mask = c.ipv4()?;
    c.u32()?;
    let dead = c.u32()?;
    let designated = c.ipv4()?;
    c.ipv4()?;
    let hello = Hello {
        protocol: IgpProtocol::Ospf2,
        sender: header.router.to_string(),
        from: from.to_string(),
        mac: heard.mac,
        interface: None,
        addresses: vec![from],
        hears: router_ids(c)?,
        prefix_len: ipnet::ipv4_mask_to_prefix(mask).ok().filter(|len| *len > 0),
        designated: (!designated.is_unspecified()).then(|| designated.to_string()),
        area: header.area.to_string(),
    };
    heard.on_wire(Source::Ospf, Fact::Hello(hello), seconds(dead));
    Ok(())
}

fn id(header: &Header, lsa: &LsaHeader) -> LinkStateId {
    let (area, kind) = match lsa.kind as u8 {
        lsa::ROUTER => (header.area.to_string(), LinkStateKind::Router),
        lsa::NETWORK => (header.area.to_string(), LinkStateKind::Network),
        lsa::EXTERNAL | lsa::OPAQUE_AS => ("as".to_owned(), LinkStateKind::Other),
        _ => (header.area.to_string(), LinkStateKind::Other),
    };
    // The options beside the type are no part of the identity (RFC 2328 §12.1).
    super::id(IgpProtocol::Ospf2, area, kind, &LsaHeader { kind: lsa.kind & 0xff, ..*lsa })
}

fn fill(lsa: &LsaHeader, mut c: Cursor<'_>, state: &mut LinkState) -> Parsed<()> {
    match lsa.kind as u8 {
        lsa::ROUTER => router(c, state),
        lsa::NETWORK => network(lsa, c, state),
        lsa::SUMMARY | lsa::EXTERNAL | lsa::NSSA => {
            let mask = c.ipv4()?;
            c.u8()?;
            let metric = c.u24()?;
            state.prefixes.push((net(lsa.id, mask)?, metric));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// RFC 2328 §A.4.2.
fn router(mut c: Cursor<'_>, state: &mut LinkState) -> Parsed<()> {
    c.u16()?;
    let count = c.u16()?;
    let mut least = None;
    for _ in 0..count {
        let (to, data) = (c.ipv4()?, c.ipv4()?);
        let (kind, topologies, metric) = (c.u8()?, c.u8()?, c.u16()?);
        c.take(4 * usize::from(topologies))?;
        let kind = match kind {
            1 => IgpLinkKind::PointToPoint,
            2 => IgpLinkKind::Transit,
            3 => {
                state.prefixes.push((net(to, data)?, metric.into()));
                continue;
            }
            4 => IgpLinkKind::Virtual,
            _ => return Err("an unknown type of link"),
        };
        least = Some(least.unwrap_or(metric).min(metric));
        let near = Some(near(data));
        state.links.push(IgpLink { kind, to: to.to_string(), near, far: None, metric: metric.into() });
    }
    state.overload = least == Some(MAX_LINK_METRIC);
    Ok(())
}

/// The near end: an address, or on unnumbered links the interface index, which MIB-II numbers from 1 in 0.0.0.0/8.
fn near(data: Ipv4Addr) -> LinkEnd {
    match data.octets() {
        [0, ..] => LinkEnd::Index(data.to_bits()),
        _ => LinkEnd::Address(data.into()),
    }
}

/// RFC 2328 §A.4.3.
fn network(lsa: &LsaHeader, mut c: Cursor<'_>, state: &mut LinkState) -> Parsed<()> {
    let mask = c.ipv4()?;
    state.prefixes.push((net(lsa.id, mask)?, 0));
    state.links.extend(router_ids(c)?.into_iter().map(super::member));
    Ok(())
}

fn net(address: Ipv4Addr, mask: Ipv4Addr) -> Parsed<IpNet> {
    let net = Ipv4Net::with_netmask(address, mask).map_err(|_| "a mask with holes")?;
    Ok(IpNet::V4(net.trunc()))
}
