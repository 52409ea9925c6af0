//! OSPF packets: what versions 2 (RFC 2328) and 3 (RFC 5340) have in common.

mod v2;
mod v3;

use std::net::Ipv4Addr;
use std::time::Duration;

use super::checksum;
use super::cursor::{Cursor, Parsed};
use super::heard::{Heard, seconds};
use super::ip::Packet;
use crate::observation::{
    Fact, IgpLink, IgpLinkKind, IgpProtocol, LinkState, LinkStateId, LinkStateKind, Source,
};

/// RFC 2328 appendix B: seconds after which an advertisement is flushed.
const MAX_AGE: u16 = 3_600;
/// RFC 4136: the age does not advance.
const DO_NOT_AGE: u16 = 0x8000;
/// RFC 6987 §3: the metric of a link that traffic should not take.
const MAX_LINK_METRIC: u16 = 0xffff;
/// Bytes of an advertisement's header.
const LSA_HEADER: usize = 20;

/// Packet types (RFC 2328 §A.3.1).
mod kind {
    pub(super) const HELLO: u8 = 1;
    pub(super) const DATABASE_DESCRIPTION: u8 = 2;
    pub(super) const REQUEST: u8 = 3;
    pub(super) const UPDATE: u8 = 4;
    pub(super) const ACKNOWLEDGMENT: u8 = 5;
}

/// Reads an OSPF packet.
pub(super) fn read(packet: &Packet<'_>, heard: &mut Heard<'_>) {
    match packet.data.first() {
        Some(2) => v2::read(packet, heard),
        Some(3) => v3::read(packet, heard),
        _ => {
            heard.whole::<()>("ospf-broken", Err("neither version 2 nor 3"));
        }
    }
}

/// The header of an advertisement (RFC 2328 §A.4.1, RFC 5340 §A.4.2).
#[derive(Clone, Copy, Debug)]
struct LsaHeader {
    age: u16,
    /// Version 2: options and type; version 3: type with its scope.
    kind: u16,
    id: Ipv4Addr,
    router: Ipv4Addr,
    sequence: u32,
}

/// The next advertisement: its header and its body, which may be broken though the next one is found.
fn lsa<'a>(c: &mut Cursor<'a>) -> Parsed<(LsaHeader, Parsed<Cursor<'a>>)> {
    let mut whole = *c;
    let header =
        LsaHeader { age: c.u16()?, kind: c.u16()?, id: c.ipv4()?, router: c.ipv4()?, sequence: c.u32()? };
    c.u16()?;
    let len = usize::from(c.u16()?);
    let body = c.part(len.checked_sub(LSA_HEADER).ok_or("a length below the header's")?)?;
    // The checksum leaves the age out (RFC 2328 §12.1.7).
    let summed = whole.take(len)?.get(2..).ok_or("a length below the header's")?;
    let body =
        if checksum::fletcher(summed) { Ok(body) } else { Err("a wrong checksum of an advertisement") };
    Ok((header, body))
}

/// The advertisements of an update. `read` makes of each its area, kind and content.
fn update(
    mut c: Cursor<'_>,
    heard: &mut Heard<'_>,
    source: Source,
    read: impl Fn(&LsaHeader) -> LinkStateId,
    fill: impl Fn(&LsaHeader, Cursor<'_>, &mut LinkState) -> Parsed<()>,
) -> Parsed<()> {
    for _ in 0..c.u32()? {
        let (header, body) = lsa(&mut c)?;
        heard.count("ospf-lsa");
        let id = read(&header);
        if header.age & !DO_NOT_AGE >= MAX_AGE {
            if heard.whole("ospf-lsa-broken", body).is_some() {
                heard.nowhere(source, id.key());
            }
            continue;
        }
        let mut state = LinkState {
            id,
            sequence: LinkState::ordered_sequence(header.sequence),
            name: None,
            links: Vec::new(),
            addresses: Vec::new(),
            prefixes: Vec::new(),
            overload: false,
        };
        let filled = body.and_then(|body| fill(&header, body, &mut state));
        if heard.whole("ospf-lsa-broken", filled).is_some() {
            heard.everywhere(source, Fact::LinkState(state), lifetime(header.age));
        }
    }
    Ok(())
}

fn lifetime(age: u16) -> Option<Duration> {
    (age & DO_NOT_AGE == 0).then(|| seconds(MAX_AGE.saturating_sub(age)))
}

fn id(protocol: IgpProtocol, area: String, kind: LinkStateKind, header: &LsaHeader) -> LinkStateId {
    // Advertisements of other types share the space of link state ids only within one type.
    let number = match kind {
        LinkStateKind::Other => format!("{}/{}", header.kind & 0x1fff, header.id),
        _ => header.id.to_string(),
    };
    LinkStateId { protocol, area, kind, router: header.router.to_string(), number }
}

/// A router on a broadcast medium, as its network LSA lists it.
fn member(router: String) -> IgpLink {
    IgpLink { kind: IgpLinkKind::PointToPoint, to: router, near: None, far: None, metric: 0 }
}

/// Counts a packet whose content says nothing that lasts.
fn note(kind: u8, heard: &mut Heard<'_>) -> Parsed<()> {
    heard.count(match kind {
        kind::HELLO => "ospf-hello",
        kind::DATABASE_DESCRIPTION => "ospf-database-description",
        kind::REQUEST => "ospf-request",
        kind::UPDATE => "ospf-update",
        kind::ACKNOWLEDGMENT => "ospf-acknowledgment",
        _ => return Err("an unknown packet type"),
    });
    Ok(())
}

/// The router ids that fill the rest.
fn router_ids(mut c: Cursor<'_>) -> Parsed<Vec<String>> {
    let mut ids = Vec::new();
    while !c.is_empty() {
        ids.push(c.ipv4()?.to_string());
    }
    Ok(ids)
}
