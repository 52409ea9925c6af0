//! IPv4 and IPv6 headers down to OSPF.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::cursor::{Cursor, Parsed};
use super::heard::Heard;
use super::ospf;

const OSPF: u8 = 89;

/// An IPv6 extension header that may stand before OSPF.
mod extension {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const DESTINATION: u8 = 60;
}

/// An OSPF packet and the addresses around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    /// Time to live, or hop limit.
    pub(super) ttl: u8,
    pub(super) data: &'a [u8],
}

enum Content<'a> {
    Ospf(Packet<'a>),
    Fragment,
    Other,
}

/// Reads an IP packet; what is not OSPF says nothing.
pub(super) fn read(bytes: &[u8], heard: &mut Heard<'_>) {
    let parsed = match bytes.first().map(|b| b >> 4) {
        Some(4) => ipv4(Cursor::new(bytes)),
        Some(6) => ipv6(Cursor::new(bytes)),
        _ => Err("neither IPv4 nor IPv6"),
    };
    match heard.whole("ip-broken", parsed) {
        Some(Content::Ospf(packet)) => ospf::read(&packet, heard),
        // A fragment of a large update; the advertisement comes again whole when it is flooded in smaller packets, or not
        // at all: then the count says why it is missing.
        Some(Content::Fragment) => {
            heard.whole::<()>("ospf-fragment", Err("a fragment, not put together"));
        }
        Some(Content::Other) | None => {}
    }
}

fn ipv4(mut c: Cursor<'_>) -> Parsed<Content<'_>> {
    let header_len = usize::from(c.u8()? & 0x0f) * 4;
    c.u8()?;
    let total = usize::from(c.u16()?);
    c.u16()?;
    let fragment = c.u16()?;
    let (ttl, protocol) = (c.u8()?, c.u8()?);
    c.u16()?;
    let (from, to): (Ipv4Addr, Ipv4Addr) = (c.ipv4()?, c.ipv4()?);
    if protocol != OSPF {
        return Ok(Content::Other);
    }
    // More fragments, or an offset.
    if fragment & 0x3fff != 0 {
        return Ok(Content::Fragment);
    }
    c.take(header_len.checked_sub(20).ok_or("a header below 20 bytes")?)?;
    let data = c.take(total.checked_sub(header_len).ok_or("a total length below the header's")?)?;
    Ok(Content::Ospf(Packet { from: from.into(), to: to.into(), ttl, data }))
}

fn ipv6(mut c: Cursor<'_>) -> Parsed<Content<'_>> {
    c.u32()?;
    let len = usize::from(c.u16()?);
    let (mut next, ttl) = (c.u8()?, c.u8()?);
    let (from, to): (Ipv6Addr, Ipv6Addr) = (c.ipv6()?, c.ipv6()?);
    let within = len.min(c.rest().len());
    let mut c = c.part(within)?;
    loop {
        let units = match next {
            OSPF => break,
            extension::FRAGMENT => {
                return Ok(if c.u8()? == OSPF { Content::Fragment } else { Content::Other });
            }
            extension::HOP_BY_HOP | extension::ROUTING | extension::DESTINATION => 8,
            extension::AUTHENTICATION => 4,
            _ => return Ok(Content::Other),
        };
        next = c.u8()?;
        // Length in units beyond the first eight bytes (RFC 8200 §4), or in four bytes minus two (RFC 4302 §2.2).
        let more = usize::from(c.u8()?) * units;
        c.take(6 + more)?;
    }
    Ok(Content::Ospf(Packet { from: from.into(), to: to.into(), ttl, data: c.rest() }))
}
