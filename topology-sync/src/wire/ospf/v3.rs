//! OSPFv3 (RFC 5340), with the address families of RFC 5838.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{LsaHeader, MAX_LINK_METRIC, kind, note, router_ids, update};
use crate::observation::{
    Fact, Hello, IgpLink, IgpLinkKind, IgpProtocol, LinkEnd, LinkState, LinkStateId, LinkStateKind, Source,
};
use crate::wire::checksum;
use crate::wire::cursor::{Cursor, Parsed};
use crate::wire::heard::{Heard, seconds};
use crate::wire::ip::Packet;

const HEADER: usize = 16;
const PROTOCOL: u8 = 89;

/// Advertisement types (RFC 5340 §A.4.2.1): the upper bits say the scope.
mod lsa {
    pub(super) const ROUTER: u16 = 0x2001;
    pub(super) const NETWORK: u16 = 0x2002;
    pub(super) const INTER_AREA_PREFIX: u16 = 0x2003;
    pub(super) const EXTERNAL: u16 = 0x4005;
    pub(super) const NSSA: u16 = 0x2007;
    pub(super) const LINK: u16 = 0x0008;
    pub(super) const INTRA_AREA_PREFIX: u16 = 0x2009;
    /// The bits of the scope, and their value for the whole autonomous system.
    pub(super) const SCOPE: u16 = 0x6000;
    pub(super) const SCOPE_AS: u16 = 0x4000;
}

/// RFC 5340 §A.2: without it the router carries no traffic of others.
const OPTION_R: u32 = 1 << 4;

struct Header {
    kind: u8,
    router: Ipv4Addr,
    area: String,
    /// RFC 5838 §2.1: instances 64 to 127 carry IPv4.
    ipv4: bool,
}

pub(super) fn read(packet: &Packet<'_>, heard: &mut Heard<'_>) {
    let Some((header, body)) = heard.whole("ospf-broken", header(packet)) else { return };
    let parsed = note(header.kind, heard).and_then(|()| match header.kind {
        // A virtual link's hellos have global addresses and pass wires that its ends are not on (RFC 5340 §2.5).
        kind::HELLO if is_link_local(packet.from) => hello(&header, packet.from, body, heard),
        kind::UPDATE => {
            let fill = |lsa: &LsaHeader, body: Cursor<'_>, state: &mut LinkState| {
                fill(lsa, body, header.ipv4, state)
            };
            update(body, heard, Source::Ospf, |lsa| id(&header, lsa), fill)
        }
        _ => Ok(()),
    });
    heard.whole("ospf-broken", parsed);
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

fn header<'a>(packet: &Packet<'a>) -> Parsed<(Header, Cursor<'a>)> {
    let mut c = Cursor::new(packet.data);
    c.u8()?;
    let kind = c.u8()?;
    let len = c.u16()?;
    let (router, area) = (c.ipv4()?, c.ipv4()?);
    c.u16()?;
    let instance = c.u8()?;
    let data =
        packet.data.get(..usize::from(len)).filter(|p| p.len() >= HEADER).ok_or("a wrong packet length")?;
    let (IpAddr::V6(from), IpAddr::V6(to)) = (packet.from, packet.to) else {
        return Err("version 3 in IPv4");
    };
    // RFC 8200 §8.1: the checksum covers a pseudo-header.
    let [hi, lo] = len.to_be_bytes();
    let pseudo = [0, 0, hi, lo, 0, 0, 0, PROTOCOL];
    if !checksum::internet(&[&from.octets(), &to.octets(), &pseudo, data]) {
        return Err("a wrong checksum");
    }
    let area = if instance == 0 { area.to_string() } else { format!("{area}%{instance}") };
    let ipv4 = (64..128).contains(&instance);
    Ok((Header { kind, router, area, ipv4 }, Cursor::new(&data[HEADER..])))
}

/// RFC 5340 §A.3.2.
fn hello(header: &Header, from: IpAddr, mut c: Cursor<'_>, heard: &mut Heard<'_>) -> Parsed<()> {
    let interface = c.u32()?;
    c.u32()?;
    c.u16()?;
    let dead = c.u16()?;
    let designated = c.ipv4()?;
    c.ipv4()?;
    let hello = Hello {
        protocol: IgpProtocol::Ospf3,
        sender: header.router.to_string(),
        from: from.to_string(),
        mac: heard.mac,
        interface: Some(interface),
        addresses: vec![from],
        hears: router_ids(c)?,
        prefix_len: None,
        designated: (!designated.is_unspecified()).then(|| designated.to_string()),
        area: header.area.clone(),
    };
    heard.on_wire(Source::Ospf, Fact::Hello(hello), seconds(dead));
    Ok(())
}

fn id(header: &Header, lsa: &LsaHeader) -> LinkStateId {
    let kind = match lsa.kind {
        lsa::ROUTER => LinkStateKind::Router,
        lsa::NETWORK => LinkStateKind::Network,
        lsa::LINK => LinkStateKind::Link,
        lsa::INTRA_AREA_PREFIX => LinkStateKind::Prefixes,
        _ => LinkStateKind::Other,
    };
    let whole = lsa.kind & lsa::SCOPE == lsa::SCOPE_AS;
    let area = if whole { "as".to_owned() } else { header.area.clone() };
    super::id(IgpProtocol::Ospf3, area, kind, lsa)
}

fn fill(lsa: &LsaHeader, mut c: Cursor<'_>, ipv4: bool, state: &mut LinkState) -> Parsed<()> {
    match lsa.kind {
        lsa::ROUTER => router(c, state),
        lsa::NETWORK => {
            c.u32()?;
            state.links.extend(router_ids(c)?.into_iter().map(super::member));
            Ok(())
        }
        lsa::LINK => link(c, ipv4, state),
        lsa::INTRA_AREA_PREFIX => intra_area(c, ipv4, state),
        lsa::INTER_AREA_PREFIX | lsa::EXTERNAL | lsa::NSSA => {
            c.u8()?;
            let metric = c.u24()?;
            let (prefix, _) = prefix(&mut c, ipv4)?;
            state.prefixes.push((prefix, metric));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// RFC 5340 §A.4.3.
fn router(mut c: Cursor<'_>, state: &mut LinkState) -> Parsed<()> {
    let options = c.u32()?;
    let mut least = None;
    while !c.is_empty() {
        let kind = c.u8()?;
        c.u8()?;
        let metric = c.u16()?;
        let (near, far, router) = (c.u32()?, c.u32()?, c.ipv4()?);
        let (kind, to) = match kind {
            1 => (IgpLinkKind::PointToPoint, router.to_string()),
            2 => (IgpLinkKind::Transit, format!("{router}#{far}")),
            4 => (IgpLinkKind::Virtual, router.to_string()),
            _ => return Err("an unknown type of link"),
        };
        least = Some(least.unwrap_or(metric).min(metric));
        let (near, far) = (Some(LinkEnd::Index(near)), Some(LinkEnd::Index(far)));
        state.links.push(IgpLink { kind, to, near, far, metric: metric.into() });
    }
    state.overload = options & OPTION_R == 0 || least == Some(MAX_LINK_METRIC);
    Ok(())
}

/// RFC 5340 §A.4.9: the originator's link-local address and the prefixes of the link.
fn link(mut c: Cursor<'_>, ipv4: bool, state: &mut LinkState) -> Parsed<()> {
    c.u32()?;
    let address = c.ipv6()?;
    // RFC 5838 §2.5: with IPv4 the address stands in the first four bytes.
    let [a, b, d, e, ..] = address.octets();
    state.addresses.push(if ipv4 { Ipv4Addr::new(a, b, d, e).into() } else { address.into() });
    for _ in 0..c.u32()? {
        state.prefixes.push((prefix(&mut c, ipv4)?.0, 0));
    }
    Ok(())
}

/// RFC 5340 §A.4.10: prefixes of a router or of a network.
fn intra_area(mut c: Cursor<'_>, ipv4: bool, state: &mut LinkState) -> Parsed<()> {
    let count = c.u16()?;
    c.take(10)?;
    for _ in 0..count {
        let (prefix, metric) = prefix(&mut c, ipv4)?;
        state.prefixes.push((prefix, metric.into()));
    }
    Ok(())
}

/// RFC 5340 §A.4.1: length, options, a field that is a metric in some types, and as many whole words as are needed.
fn prefix(c: &mut Cursor<'_>, ipv4: bool) -> Parsed<(IpNet, u16)> {
    let len = c.u8()?;
    c.u8()?;
    let field = c.u16()?;
    let bytes = c.take(usize::from(len).div_ceil(32) * 4)?;
    let mut octets = [0; 16];
    octets.get_mut(..bytes.len()).ok_or("a prefix above 128 bits")?.copy_from_slice(bytes);
    let [a, b, d, e, ..] = octets;
    let net = if ipv4 {
        Ipv4Net::new(Ipv4Addr::new(a, b, d, e), len).map(IpNet::V4)
    } else {
        Ipv6Net::new(Ipv6Addr::from(octets), len).map(IpNet::V6)
    };
    Ok((net.map_err(|_| "a prefix longer than its family's")?.trunc(), field))
}
