//! The TLVs that hellos and link state PDUs share.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::system_id;
use crate::observation::{IgpLink, IgpLinkKind, LinkEnd};
use crate::wire::cursor::{Cursor, Parsed};

/// ISO 10589 §9.8: narrow metrics to intermediate systems.
pub(super) const IS_NEIGHBORS: u8 = 2;
/// ISO 10589 §9.5: hardware addresses heard on a LAN.
pub(super) const LAN_NEIGHBORS: u8 = 6;
/// RFC 8202: the instance of a PDU.
pub(super) const INSTANCE: u8 = 7;
/// ISO 10589 §9.10.
pub(super) const LSP_ENTRIES: u8 = 9;
/// RFC 5305: wide metrics to intermediate systems.
pub(super) const EXTENDED_IS: u8 = 22;
/// RFC 1195 §5.3: narrow metrics to IPv4 prefixes, internal and external.
pub(super) const IPV4_INTERNAL: u8 = 128;
pub(super) const IPV4_EXTERNAL: u8 = 130;
/// RFC 1195 §5.3.
pub(super) const IPV4_ADDRESSES: u8 = 132;
/// RFC 5305.
pub(super) const TE_ROUTER_ID: u8 = 134;
pub(super) const EXTENDED_IPV4: u8 = 135;
/// RFC 5301.
pub(super) const HOST_NAME: u8 = 137;
/// RFC 5120: the same in other topologies.
pub(super) const MT_IS: u8 = 222;
pub(super) const MT_TOPOLOGIES: u8 = 229;
pub(super) const MT_IPV4: u8 = 235;
pub(super) const MT_IPV6: u8 = 237;
/// RFC 5308.
pub(super) const IPV6_ADDRESSES: u8 = 232;
pub(super) const IPV6: u8 = 236;
/// RFC 5303.
pub(super) const THREE_WAY: u8 = 240;
/// RFC 7981.
pub(super) const CAPABILITY: u8 = 242;

/// Sub-TLVs of a link (RFC 5305 §3, RFC 5307 §1.1, RFC 6119 §4).
mod link {
    pub(super) const IDENTIFIERS: u8 = 4;
    pub(super) const IPV4_INTERFACE: u8 = 6;
    pub(super) const IPV4_NEIGHBOR: u8 = 8;
    pub(super) const IPV6_INTERFACE: u8 = 12;
    pub(super) const IPV6_NEIGHBOR: u8 = 13;
}

/// The next TLV or sub-TLV: type and value.
pub(super) fn next<'a>(c: &mut Cursor<'a>) -> Parsed<(u8, Cursor<'a>)> {
    let (kind, len) = (c.u8()?, c.u8()?);
    Ok((kind, c.part(usize::from(len))?))
}

/// The addresses of an address TLV.
pub(super) fn addresses(kind: u8, mut c: Cursor<'_>, into: &mut Vec<IpAddr>) -> Parsed<()> {
    while !c.is_empty() {
        let ip = if kind == IPV6_ADDRESSES { c.ipv6()?.into() } else { c.ipv4()?.into() };
        if !into.contains(&ip) {
            into.push(ip);
        }
    }
    Ok(())
}

/// Neighbours with narrow metrics: a flag, then four metrics of which the first is used, and the neighbour.
pub(super) fn narrow_links(mut c: Cursor<'_>, into: &mut Vec<IgpLink>) -> Parsed<()> {
    c.u8()?;
    while !c.is_empty() {
        let metric = u32::from(c.u8()? & 0x3f);
        c.take(3)?;
        let (kind, to) = neighbor(&mut c)?;
        into.push(IgpLink { kind, to, near: None, far: None, metric });
    }
    Ok(())
}

/// Neighbours with wide metrics (RFC 5305 §3).
pub(super) fn wide_links(mut c: Cursor<'_>, into: &mut Vec<IgpLink>) -> Parsed<()> {
    while !c.is_empty() {
        let (kind, to) = neighbor(&mut c)?;
        let (metric, len) = (c.u24()?, c.u8()?);
        let (near, far) = ends(c.part(usize::from(len))?)?;
        into.push(IgpLink { kind, to, near, far, metric });
    }
    Ok(())
}

/// A router, or a pseudonode if the last byte is not 0.
fn neighbor(c: &mut Cursor<'_>) -> Parsed<(IgpLinkKind, String)> {
    let (system, pseudonode) = (system_id(c.array()?), c.u8()?);
    Ok(match pseudonode {
        0 => (IgpLinkKind::PointToPoint, system),
        n => (IgpLinkKind::Transit, format!("{system}.{n:02x}")),
    })
}

/// The ends of a link by its sub-TLVs: addresses before identifiers, IPv4 before IPv6.
fn ends(mut c: Cursor<'_>) -> Parsed<(Option<LinkEnd>, Option<LinkEnd>)> {
    let (mut near, mut far) = ([None; 3], [None; 3]);
    while !c.is_empty() {
        let (kind, mut value) = next(&mut c)?;
        match kind {
            link::IPV4_INTERFACE => near[0] = Some(LinkEnd::Address(value.ipv4()?.into())),
            link::IPV4_NEIGHBOR => far[0] = Some(LinkEnd::Address(value.ipv4()?.into())),
            link::IPV6_INTERFACE => near[1] = Some(LinkEnd::Address(value.ipv6()?.into())),
            link::IPV6_NEIGHBOR => far[1] = Some(LinkEnd::Address(value.ipv6()?.into())),
            link::IDENTIFIERS => {
                near[2] = Some(LinkEnd::Index(value.u32()?));
                // Zero: not known to the sender.
                far[2] = Some(value.u32()?).filter(|id| *id != 0).map(LinkEnd::Index);
            }
            _ => {}
        }
    }
    let first = |ends: [Option<LinkEnd>; 3]| ends.into_iter().flatten().next();
    Ok((first(near), first(far)))
}

/// IPv4 prefixes with narrow metrics: four metrics, address and mask.
pub(super) fn narrow_prefixes(mut c: Cursor<'_>, into: &mut Vec<(IpNet, u32)>) -> Parsed<()> {
    while !c.is_empty() {
        let metric = u32::from(c.u8()? & 0x3f);
        c.take(3)?;
        let net = Ipv4Net::with_netmask(c.ipv4()?, c.ipv4()?).map_err(|_| "a mask with holes")?;
        into.push((IpNet::V4(net.trunc()), metric));
    }
    Ok(())
}

/// IPv4 prefixes with wide metrics (RFC 5305 §4).
pub(super) fn wide_prefixes(mut c: Cursor<'_>, into: &mut Vec<(IpNet, u32)>) -> Parsed<()> {
    while !c.is_empty() {
        let (metric, control) = (c.u32()?, c.u8()?);
        let len = control & 0x3f;
        let octets = padded::<4>(c.take(usize::from(len).div_ceil(8))?)?;
        if control & 0x40 != 0 {
            let len = c.u8()?;
            c.take(usize::from(len))?;
        }
        let net = Ipv4Net::new(Ipv4Addr::from(octets), len).map_err(|_| "a prefix above 32 bits")?;
        into.push((IpNet::V4(net.trunc()), metric));
    }
    Ok(())
}

/// IPv6 prefixes (RFC 5308 §2).
pub(super) fn ipv6_prefixes(mut c: Cursor<'_>, into: &mut Vec<(IpNet, u32)>) -> Parsed<()> {
    while !c.is_empty() {
        let (metric, flags, len) = (c.u32()?, c.u8()?, c.u8()?);
        let octets = padded::<16>(c.take(usize::from(len).div_ceil(8))?)?;
        if flags & 0x20 != 0 {
            let len = c.u8()?;
            c.take(usize::from(len))?;
        }
        let net = Ipv6Net::new(Ipv6Addr::from(octets), len).map_err(|_| "a prefix above 128 bits")?;
        into.push((IpNet::V6(net.trunc()), metric));
    }
    Ok(())
}

fn padded<const N: usize>(bytes: &[u8]) -> Parsed<[u8; N]> {
    let mut octets = [0; N];
    octets.get_mut(..bytes.len()).ok_or("a prefix too long for its family")?.copy_from_slice(bytes);
    Ok(octets)
}
