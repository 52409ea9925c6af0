//! LLDP (IEEE 802.1AB): who sends, on which port, for how long.

use std::net::IpAddr;

use twin::MacAddr;

use super::cursor::{Cursor, Parsed, text};
use super::heard::{Heard, seconds};
use crate::observation::{Chassis, Fact, Id, LldpNeighbor, Source};

/// TLV types (IEEE 802.1AB §8.4.1).
mod tlv {
    pub(super) const END: u8 = 0;
    pub(super) const CHASSIS_ID: u8 = 1;
    pub(super) const PORT_ID: u8 = 2;
    pub(super) const TTL: u8 = 3;
    pub(super) const PORT_DESCRIPTION: u8 = 4;
    pub(super) const SYSTEM_NAME: u8 = 5;
    pub(super) const SYSTEM_DESCRIPTION: u8 = 6;
    pub(super) const CAPABILITIES: u8 = 7;
    pub(super) const MANAGEMENT_ADDRESS: u8 = 8;
    pub(super) const ORGANISATION: u8 = 127;
}

/// System capabilities (IEEE 802.1AB §8.5.8.1): bits of the enabled ones.
const BRIDGE: u16 = 1 << 2;
const ROUTER: u16 = 1 << 4;
/// IEEE 802.1AX and 802.3 link aggregation status: the port is a member now.
const AGGREGATED: u8 = 1 << 1;

/// Reads an LLDPDU.
pub(super) fn read(bytes: &[u8], heard: &mut Heard<'_>) {
    heard.count("lldp");
    let mut c = Cursor::new(bytes);
    let Some((mut neighbor, ttl)) = heard.whole("lldp-broken", mandatory(&mut c)) else { return };
    neighbor.mac = heard.mac;
    if ttl == 0 {
        // §9.2.7.7.1: the sender shuts down.
        return heard.off_wire(Source::Lldp, Fact::Neighbor(neighbor.into()).key());
    }
    // §9.2.7.7.2: a fault in what is optional costs that alone.
    heard.whole("lldp-tlv-broken", optional(&mut c, &mut neighbor));
    heard.on_wire(Source::Lldp, Fact::Neighbor(neighbor.into()), seconds(ttl));
}

/// The next TLV: type and value.
fn next<'a>(c: &mut Cursor<'a>) -> Parsed<(u8, Cursor<'a>)> {
    let head = c.u16()?;
    Ok(((head >> 9) as u8, c.part(usize::from(head & 0x1ff))?))
}

/// Chassis id, port id and time to live, which open every LLDPDU in this order (§8.2).
fn mandatory(c: &mut Cursor<'_>) -> Parsed<(LldpNeighbor, u16)> {
    let (tlv::CHASSIS_ID, chassis) = next(c)? else { return Err("no chassis id first") };
    let (tlv::PORT_ID, port) = next(c)? else { return Err("no port id second") };
    let (tlv::TTL, mut ttl) = next(c)? else { return Err("no time to live third") };
    let chassis = Chassis {
        id: id(chassis, &["chassis", "ifalias", "port", "mac", "ip", "ifname", "local"])?,
        name: None,
        description: None,
        management: Vec::new(),
        router: false,
        bridge: false,
    };
    let neighbor = LldpNeighbor {
        on: String::new(),
        chassis,
        port: id(port, &["ifalias", "port", "mac", "ip", "ifname", "agent", "local"])?,
        description: None,
        aggregate: None,
        mac: None,
        max_frame: None,
    };
    Ok((neighbor, ttl.u16()?))
}

/// A chassis or port id whose subtypes 1 to 7 have these words (§8.5.2.2, §8.5.3.2).
fn id(mut c: Cursor<'_>, words: &[&str; 7]) -> Parsed<Id> {
    let subtype = usize::from(c.u8()?);
    let kind = *subtype.checked_sub(1).and_then(|i| words.get(i)).ok_or("an unknown subtype of an id")?;
    if c.is_empty() {
        return Err("an empty id");
    }
    let value = match kind {
        "mac" => MacAddr(c.array()?).to_string(),
        "ip" => match address(c)? {
            Some(ip) => ip.to_string(),
            None => text(c.rest()),
        },
        _ => text(c.rest()),
    };
    Ok(Id { kind: kind.to_owned(), value })
}

/// An address behind its IANA family number; `None` for families other than IP.
fn address(mut c: Cursor<'_>) -> Parsed<Option<IpAddr>> {
    Ok(match c.u8()? {
        1 => Some(c.ipv4()?.into()),
        2 => Some(c.ipv6()?.into()),
        _ => None,
    })
}

fn optional(c: &mut Cursor<'_>, neighbor: &mut LldpNeighbor) -> Parsed<()> {
    while !c.is_empty() {
        let (kind, value) = next(c)?;
        let chassis = &mut neighbor.chassis;
        match kind {
            tlv::END => break,
            tlv::PORT_DESCRIPTION => neighbor.description = said(value),
            tlv::SYSTEM_NAME => chassis.name = said(value),
            tlv::SYSTEM_DESCRIPTION => chassis.description = said(value),
            tlv::CAPABILITIES => capabilities(value, chassis)?,
            tlv::MANAGEMENT_ADDRESS => chassis.management.extend(management(value)?),
            tlv::ORGANISATION => organisation(value, neighbor)?,
            tlv::CHASSIS_ID | tlv::PORT_ID | tlv::TTL => return Err("a mandatory TLV twice"),
            _ => {}
        }
    }
    Ok(())
}

fn said(c: Cursor<'_>) -> Option<String> {
    Some(text(c.rest())).filter(|t| !t.is_empty())
}

fn capabilities(mut c: Cursor<'_>, chassis: &mut Chassis) -> Parsed<()> {
    c.u16()?;
    let enabled = c.u16()?;
    (chassis.router, chassis.bridge) = (enabled & ROUTER != 0, enabled & BRIDGE != 0);
    Ok(())
}

fn management(mut c: Cursor<'_>) -> Parsed<Option<IpAddr>> {
    let len = usize::from(c.u8()?);
    address(c.part(len)?)
}

/// Link aggregation (IEEE 802.1AX annex F, once 802.3's) and the largest frame (IEEE 802.3 §79.3.4).
fn organisation(mut c: Cursor<'_>, neighbor: &mut LldpNeighbor) -> Parsed<()> {
    match (c.array()?, c.u8()?) {
        ([0x00, 0x80, 0xc2], 7) | ([0x00, 0x12, 0x0f], 3) => {
            let (status, port) = (c.u8()?, c.u32()?);
            neighbor.aggregate = Some(port).filter(|p| status & AGGREGATED != 0 && *p != 0);
        }
        ([0x00, 0x12, 0x0f], 4) => neighbor.max_frame = Some(c.u16()?),
        _ => {}
    }
    Ok(())
}
