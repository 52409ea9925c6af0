//! Link layers: from the bytes of a frame to the protocol that it carries.

use twin::MacAddr;

use super::cursor::{Cursor, Parsed};

/// What a frame carries, as far as it concerns us.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload<'a> {
    /// An LLDPDU.
    Lldp(&'a [u8]),
    /// A CDP packet.
    Cdp(&'a [u8]),
    /// An IS-IS PDU.
    Isis(&'a [u8]),
    /// An IPv4 or IPv6 packet.
    Ip(&'a [u8]),
    /// Anything else.
    Other,
}

/// A frame's place and content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// The sender's hardware address.
    pub(crate) mac: Option<MacAddr>,
    /// The interface, where the link layer tells it (SLL2).
    pub(crate) interface: Option<u32>,
    /// The IEEE 802.1Q tag nearest to the payload, if it is a VLAN's.
    pub(crate) vlan: Option<u16>,
    /// Whether the capturing machine sent it, where the link layer tells.
    pub(crate) outgoing: Option<bool>,
    /// Whether frames of several interfaces come without saying of which (SLL).
    pub(crate) mixed: bool,
    /// The content.
    pub(crate) payload: Payload<'a>,
}

/// Link-layer header types (<https://www.tcpdump.org/linktypes.html>).
mod link_type {
    /// BSD loopback: the address family in the capturing machine's byte order, then the packet.
    pub(super) const NULL: u16 = 0;
    /// The same in network byte order.
    pub(super) const LOOP: u16 = 108;
    pub(super) const ETHERNET: u16 = 1;
    pub(super) const RAW: u16 = 101;
    pub(super) const RAW_BSD: u16 = 12;
    pub(super) const RAW_OPENBSD: u16 = 14;
    pub(super) const LINUX_SLL: u16 = 113;
    pub(super) const IPV4: u16 = 228;
    pub(super) const IPV6: u16 = 229;
    pub(super) const LINUX_SLL2: u16 = 276;
}

const LLDP: u16 = 0x88cc;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// IEEE 802.2 in a frame too long for a length field.
const JUMBO_LLC: u16 = 0x8870;
/// Below it an Ethernet type is a length (IEEE 802.3 §3.2.6).
const FIRST_TYPE: u16 = 0x0600;
/// Linux's word for a frame with IEEE 802.2 header in its cooked captures.
const LINUX_8022: u16 = 4;
/// Linux's word for an Ethernet interface (ARPHRD_ETHER).
const LINUX_ETHERNET: u16 = 1;
/// `sll_pkttype`: sent by this machine (PACKET_OUTGOING).
const LINUX_OUTGOING: u8 = 4;
/// More tags than any network stacks: the rest is not read.
const MAX_TAGS: usize = 4;

/// Reads a frame of a link type; `Ok(None)` for link types that we do not know.
pub(crate) fn read(link_type: u16, bytes: &[u8]) -> Parsed<Option<Frame<'_>>> {
    let c = Cursor::new(bytes);
    Ok(Some(match link_type {
        link_type::ETHERNET => ethernet(c)?,
        link_type::LINUX_SLL => cooked(c)?,
        link_type::LINUX_SLL2 => cooked2(c)?,
        link_type::NULL | link_type::LOOP => packet(bytes.get(4..).ok_or("a frame below 4 bytes")?),
        link_type::RAW | link_type::RAW_BSD | link_type::RAW_OPENBSD | link_type::IPV4 | link_type::IPV6 => {
            packet(bytes)
        }
        _ => return Ok(None),
    }))
}

/// An IP packet without anything of a link layer.
fn packet(bytes: &[u8]) -> Frame<'_> {
    let payload = Payload::Ip(bytes);
    Frame { mac: None, interface: None, vlan: None, outgoing: None, mixed: false, payload }
}

fn ethernet(mut c: Cursor<'_>) -> Parsed<Frame<'_>> {
    c.take(6)?;
    let mac = Some(MacAddr(c.array()?));
    let kind = c.u16()?;
    let (vlan, payload) = typed(kind, c)?;
    Ok(Frame { mac, interface: None, vlan, outgoing: None, mixed: false, payload })
}

/// LINKTYPE_LINUX_SLL: packet type, hardware type, address length, address, protocol.
fn cooked(mut c: Cursor<'_>) -> Parsed<Frame<'_>> {
    let packet_type = c.u16()? as u8;
    let hardware = c.u16()?;
    let address_len = c.u16()?;
    let mac = cooked_mac(&mut c, hardware, address_len)?;
    let kind = c.u16()?;
    let (vlan, payload) = typed_cooked(kind, c)?;
    let outgoing = Some(packet_type == LINUX_OUTGOING);
    Ok(Frame { mac, interface: None, vlan, outgoing, mixed: true, payload })
}

/// LINKTYPE_LINUX_SLL2: protocol, reserved, interface, hardware type, packet type, address length, address.
fn cooked2(mut c: Cursor<'_>) -> Parsed<Frame<'_>> {
    let kind = c.u16()?;
    c.u16()?;
    let interface = Some(c.u32()?);
    let hardware = c.u16()?;
    let packet_type = c.u8()?;
    let address_len = u16::from(c.u8()?);
    let mac = cooked_mac(&mut c, hardware, address_len)?;
    let (vlan, payload) = typed_cooked(kind, c)?;
    let outgoing = Some(packet_type == LINUX_OUTGOING);
    Ok(Frame { mac, interface, vlan, outgoing, mixed: false, payload })
}

fn cooked_mac(c: &mut Cursor<'_>, hardware: u16, len: u16) -> Parsed<Option<MacAddr>> {
    let [a, b, d, e, f, g, _, _] = c.array()?;
    Ok((hardware == LINUX_ETHERNET && len == 6).then_some(MacAddr([a, b, d, e, f, g])))
}

fn typed_cooked(kind: u16, c: Cursor<'_>) -> Parsed<(Option<u16>, Payload<'_>)> {
    if kind == LINUX_8022 { Ok((None, logical_link(c)?)) } else { typed(kind, c) }
}

/// What follows an Ethernet type or length: tags, then the payload.
fn typed(mut kind: u16, mut c: Cursor<'_>) -> Parsed<(Option<u16>, Payload<'_>)> {
    let mut vlan = None;
    for _ in 0..MAX_TAGS {
        if !matches!(kind, 0x8100 | 0x88a8 | 0x9100 | 0x9200) {
            break;
        }
        // Id 0 is a priority alone (IEEE 802.1Q §9.6).
        vlan = Some(c.u16()? & 0x0fff).filter(|id| *id != 0);
        kind = c.u16()?;
    }
    let payload = match kind {
        LLDP => Payload::Lldp(c.rest()),
        IPV4 | IPV6 => Payload::Ip(c.rest()),
        JUMBO_LLC => logical_link(c)?,
        length if length < FIRST_TYPE => {
            // The rest is padding to the least length of a frame.
            let within = usize::from(length).min(c.rest().len());
            logical_link(c.part(within)?)?
        }
        _ => Payload::Other,
    };
    Ok((vlan, payload))
}

/// IEEE 802.2 headers: IS-IS has the SAP FE, CDP and LLDP hide behind SNAP.
fn logical_link(mut c: Cursor<'_>) -> Parsed<Payload<'_>> {
    Ok(match c.array()? {
        [0xfe, 0xfe, 0x03] => Payload::Isis(c.rest()),
        [0xaa, 0xaa, 0x03] => match (c.array()?, c.u16()?) {
            ([0x00, 0x00, 0x0c], 0x2000) => Payload::Cdp(c.rest()),
            ([0, 0, 0], LLDP) => Payload::Lldp(c.rest()),
            ([0, 0, 0], IPV4 | IPV6) => Payload::Ip(c.rest()),
            _ => Payload::Other,
        },
        _ => Payload::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];

    fn frame(rest: &[u8]) -> Vec<u8> {
        [&[1, 0x80, 0xc2, 0, 0, 0x0e][..], &MAC, rest].concat()
    }

    #[test]
    fn two_tags_are_taken_off_and_a_priority_tag_is_no_vlan() {
        let bytes = frame(&[0x88, 0xa8, 0, 7, 0x81, 0, 0x20, 9, 0x88, 0xcc, 42]);
        let f = read(1, &bytes).unwrap().unwrap();
        assert_eq!((f.vlan, f.mac), (Some(9), Some(MacAddr(MAC))));
        assert!(matches!(f.payload, Payload::Lldp([42])), "{f:?}");
        let bytes = frame(&[0x81, 0, 0xe0, 0, 0x88, 0xcc]);
        assert_eq!(read(1, &bytes).unwrap().unwrap().vlan, None);
    }

    #[test]
    fn a_length_cuts_the_padding_off() {
        let bytes = frame(&[0, 5, 0xfe, 0xfe, 3, 1, 2, 0, 0, 0]);
        assert!(matches!(read(1, &bytes).unwrap().unwrap().payload, Payload::Isis([1, 2])));
    }

    #[test]
    fn cooked_frames_tell_interface_and_direction() {
        let head = [0, 4, 0, 0, 0, 0, 0, 7, 0, 1, 4, 6];
        let bytes = [&head[..], &MAC, &[0, 0, 0xfe, 0xfe, 3, 9]].concat();
        let f = read(276, &bytes).unwrap().unwrap();
        assert_eq!((f.interface, f.outgoing, f.mac), (Some(7), Some(true), Some(MacAddr(MAC))));
        assert!(matches!(f.payload, Payload::Isis([9])), "{f:?}");
    }

    #[test]
    fn an_unknown_link_type_is_nothing_and_a_short_frame_an_error() {
        assert!(read(147, &[]).unwrap().is_none());
        assert!(read(1, &[0; 13]).is_err());
    }
}
