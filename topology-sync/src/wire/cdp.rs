//! Cisco's discovery protocol, versions 1 and 2: read only, no standard describes it.

use std::net::IpAddr;

use super::cursor::{Cursor, Parsed, text};
use super::heard::{Heard, seconds};
use crate::observation::{Chassis, Fact, Id, LldpNeighbor, Source};

/// TLV types.
mod tlv {
    pub(super) const DEVICE_ID: u16 = 0x0001;
    pub(super) const ADDRESSES: u16 = 0x0002;
    pub(super) const PORT_ID: u16 = 0x0003;
    pub(super) const CAPABILITIES: u16 = 0x0004;
    pub(super) const VERSION: u16 = 0x0005;
    pub(super) const MANAGEMENT_ADDRESSES: u16 = 0x0016;
}

/// Capability bits.
const ROUTER: u32 = 0x01;
const TRANSPARENT_BRIDGE: u32 = 0x02;
const SWITCH: u32 = 0x08;

/// Reads a CDP packet.
pub(super) fn read(bytes: &[u8], heard: &mut Heard<'_>) {
    heard.count("cdp");
    let Some((mut neighbor, ttl)) = heard.whole("cdp-broken", packet(Cursor::new(bytes))) else { return };
    neighbor.mac = heard.mac;
    if ttl == 0 {
        return heard.off_wire(Source::Cdp, Fact::Neighbor(neighbor.into()).key());
    }
    heard.on_wire(Source::Cdp, Fact::Neighbor(neighbor.into()), seconds(ttl));
}

fn packet(mut c: Cursor<'_>) -> Parsed<(LldpNeighbor, u8)> {
    let (1 | 2) = c.u8()? else { return Err("an unknown version") };
    let ttl = c.u8()?;
    c.u16()?;
    let (mut device, mut port, mut description) = (None, None, None);
    let (mut capabilities, mut management) = (0, Vec::new());
    while !c.is_empty() {
        let (kind, len) = (c.u16()?, c.u16()?);
        let mut value = c.part(usize::from(len).checked_sub(4).ok_or("a length below four")?)?;
        match kind {
            tlv::DEVICE_ID => device = Some(text(value.rest())),
            tlv::PORT_ID => port = Some(text(value.rest())),
            tlv::VERSION => description = Some(text(value.rest())),
            tlv::CAPABILITIES => capabilities = value.u32()?,
            tlv::ADDRESSES | tlv::MANAGEMENT_ADDRESSES => management.extend(addresses(value)?),
            _ => {}
        }
    }
    let said = |id: Option<String>| id.filter(|t| !t.is_empty()).ok_or("no device or port id");
    let (device, port) = (said(device)?, said(port)?);
    management.sort();
    management.dedup();
    let chassis = Chassis {
        id: Id { kind: "device".to_owned(), value: device.clone() },
        name: Some(device),
        description,
        management,
        router: capabilities & ROUTER != 0,
        bridge: capabilities & (TRANSPARENT_BRIDGE | SWITCH) != 0,
    };
    let neighbor = LldpNeighbor {
        on: String::new(),
        chassis,
        port: Id { kind: "port".to_owned(), value: port },
        description: None,
        aggregate: None,
        mac: None,
        max_frame: None,
    };
    Ok((neighbor, ttl))
}

/// A list of addresses: protocol type and length, protocol, address length, address.
fn addresses(mut c: Cursor<'_>) -> Parsed<Vec<IpAddr>> {
    let mut found = Vec::new();
    // The count is the sender's word; the bytes decide.
    c.u32()?;
    while !c.is_empty() {
        c.u8()?;
        let protocol_len = usize::from(c.u8()?);
        let protocol = c.take(protocol_len)?;
        let address_len = usize::from(c.u16()?);
        let mut address = c.part(address_len)?;
        match (protocol, address_len) {
            ([0xcc], 4) => found.push(address.ipv4()?.into()),
            ([0xaa, 0xaa, 0x03, 0, 0, 0, 0x86, 0xdd], 16) => found.push(address.ipv6()?.into()),
            _ => {}
        }
    }
    Ok(found)
}
