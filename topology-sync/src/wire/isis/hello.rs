//! Hellos: on broadcast circuits (ISO 10589 §9.5, §9.6) and point-to-point ones (§9.7, RFC 5303).

use std::net::IpAddr;

use twin::MacAddr;

use super::{system_id, tlv, within};
use crate::observation::{Fact, Hello, IgpProtocol, Source};
use crate::wire::cursor::{Cursor, Parsed};
use crate::wire::heard::{Heard, seconds};

/// What the TLVs of a hello say.
#[derive(Default)]
struct Said {
    /// Hardware addresses heard on the LAN.
    hardware: Vec<String>,
    addresses: Vec<IpAddr>,
    /// RFC 5303: the sender's circuit id and the neighbour that it hears.
    circuit: Option<u32>,
    neighbor: Option<String>,
}

/// A hello on a broadcast circuit of level 1 or 2.
pub(super) fn lan(level_2: bool, body: Cursor<'_>, heard: &mut Heard<'_>) -> Parsed<()> {
    let mut c = body;
    c.u8()?;
    let (sender, holding) = (system_id(c.array()?), c.u16()?);
    let mut c = within(body, c)?;
    c.take(1 + 6 + 2 + 2 + 1)?;
    let (designated, pseudonode) = (system_id(c.array()?), c.u8()?);
    let said = tlvs(c)?;
    let hello = Hello {
        protocol: IgpProtocol::Isis,
        sender,
        from: place(heard.mac),
        mac: heard.mac,
        interface: None,
        addresses: said.addresses,
        hears: said.hardware,
        prefix_len: None,
        designated: (pseudonode != 0).then(|| format!("{designated}.{pseudonode:02x}")),
        area: if level_2 { "2" } else { "1" }.to_owned(),
    };
    heard.on_wire(Source::Isis, Fact::Hello(hello), seconds(holding));
    Ok(())
}

/// A hello on a point-to-point circuit.
pub(super) fn point_to_point(body: Cursor<'_>, heard: &mut Heard<'_>) -> Parsed<()> {
    let mut c = body;
    let circuit_type = c.u8()? & 0x03;
    let (sender, holding) = (system_id(c.array()?), c.u16()?);
    let mut c = within(body, c)?;
    c.take(1 + 6 + 2 + 2 + 1)?;
    let said = tlvs(c)?;
    let area = match circuit_type {
        1 => "1",
        2 => "2",
        3 => "1-2",
        _ => return Err("circuit type 0"),
    };
    let hello = Hello {
        protocol: IgpProtocol::Isis,
        sender,
        from: place(heard.mac),
        mac: heard.mac,
        interface: said.circuit,
        addresses: said.addresses,
        hears: said.neighbor.into_iter().collect(),
        prefix_len: None,
        designated: None,
        area: area.to_owned(),
    };
    heard.on_wire(Source::Isis, Fact::Hello(hello), seconds(holding));
    Ok(())
}

/// Where a hello came from; link layers without hardware addresses have two ends only.
fn place(mac: Option<MacAddr>) -> String {
    mac.map(|m| m.to_string()).unwrap_or_default()
}

fn tlvs(mut c: Cursor<'_>) -> Parsed<Said> {
    let mut said = Said::default();
    while !c.is_empty() {
        let (kind, mut value) = tlv::next(&mut c)?;
        match kind {
            tlv::LAN_NEIGHBORS => {
                while !value.is_empty() {
                    said.hardware.push(MacAddr(value.array()?).to_string());
                }
            }
            tlv::IPV4_ADDRESSES | tlv::IPV6_ADDRESSES => {
                tlv::addresses(kind, value, &mut said.addresses)?;
            }
            tlv::THREE_WAY => three_way(value, &mut said)?,
            _ => {}
        }
    }
    Ok(said)
}

/// RFC 5303 §3: state, own circuit id, then neighbour and its circuit id once one is heard.
fn three_way(mut c: Cursor<'_>, said: &mut Said) -> Parsed<()> {
    c.u8()?;
    if !c.is_empty() {
        said.circuit = Some(c.u32()?);
    }
    if !c.is_empty() {
        said.neighbor = Some(system_id(c.array()?));
    }
    Ok(())
}
