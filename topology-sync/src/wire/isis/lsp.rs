//! Link state PDUs (ISO 10589 §9.8, §9.9).

use std::collections::BTreeMap;

use super::{system_id, tlv, within};
use crate::observation::{Fact, IgpLink, IgpProtocol, LinkState, LinkStateId, LinkStateKind, Source};
use crate::wire::checksum;
use crate::wire::cursor::{Cursor, Parsed, text};
use crate::wire::heard::{Heard, seconds};

/// Where the checksum begins to count: at the LSP id, behind the remaining lifetime (ISO 10589 §7.3.11).
const SUMMED_FROM: usize = 12;
/// The overload bit.
const OVERLOAD: u8 = 0x04;

/// Reads an LSP; `bytes` begins with the common header, `body` after it.
pub(super) fn read(level_2: bool, bytes: &[u8], body: Cursor<'_>, heard: &mut Heard<'_>) -> Parsed<()> {
    let mut c = within(body, body)?;
    let len = usize::from(c.u16()?);
    let lifetime = c.u16()?;
    let (system, pseudonode, fragment) = (system_id(c.array()?), c.u8()?, c.u8()?);
    let (sequence, checksum, flags) = (c.u32()?, c.u16()?, c.u8()?);
    let mut state = LinkState {
        id: LinkStateId {
            protocol: IgpProtocol::Isis,
            area: if level_2 { "2" } else { "1" }.to_owned(),
            kind: if pseudonode == 0 { LinkStateKind::Router } else { LinkStateKind::Network },
            router: system,
            number: format!("{pseudonode:02x}-{fragment:02x}"),
        },
        sequence,
        name: None,
        links: Vec::new(),
        addresses: Vec::new(),
        prefixes: Vec::new(),
        overload: flags & OVERLOAD != 0,
    };
    if lifetime == 0 {
        // §7.3.16.4: a purge, whose body need not be there.
        heard.nowhere(Source::Isis, state.id.key());
        return Ok(());
    }
    let summed = bytes.get(SUMMED_FROM..len).ok_or("a wrong PDU length")?;
    if checksum == 0 || !checksum::fletcher(summed) {
        return Err("a wrong checksum of an LSP");
    }
    if tlvs(c, &mut state)? {
        heard.everywhere(Source::Isis, Fact::LinkState(state), Some(seconds(lifetime)));
    }
    Ok(())
}

/// Takes the TLVs in. `false`: the LSP belongs to another instance of the protocol (RFC 8202).
fn tlvs(mut c: Cursor<'_>, state: &mut LinkState) -> Parsed<bool> {
    // By topology, and narrow metrics apart from wide ones.
    let mut links: BTreeMap<Style, Vec<IgpLink>> = BTreeMap::new();
    while !c.is_empty() {
        let (kind, mut value) = tlv::next(&mut c)?;
        match kind {
            tlv::IS_NEIGHBORS => tlv::narrow_links(value, links.entry(Style::Narrow).or_default())?,
            tlv::EXTENDED_IS => tlv::wide_links(value, links.entry(Style::Wide(0)).or_default())?,
            tlv::MT_IS => {
                let style = Style::Wide(topology(&mut value)?);
                tlv::wide_links(value, links.entry(style).or_default())?;
            }
            tlv::IPV4_INTERNAL | tlv::IPV4_EXTERNAL => tlv::narrow_prefixes(value, &mut state.prefixes)?,
            tlv::EXTENDED_IPV4 => tlv::wide_prefixes(value, &mut state.prefixes)?,
            tlv::MT_IPV4 => {
                topology(&mut value)?;
                tlv::wide_prefixes(value, &mut state.prefixes)?;
            }
            tlv::IPV6 => tlv::ipv6_prefixes(value, &mut state.prefixes)?,
            tlv::MT_IPV6 => {
                topology(&mut value)?;
                tlv::ipv6_prefixes(value, &mut state.prefixes)?;
            }
            tlv::IPV4_ADDRESSES | tlv::IPV6_ADDRESSES => tlv::addresses(kind, value, &mut state.addresses)?,
            tlv::TE_ROUTER_ID => tlv::addresses(kind, value, &mut state.addresses)?,
            tlv::CAPABILITY => {
                // RFC 7981 §2: the router id, 0 if there is none.
                let mut router = value.part(4)?;
                if router.rest() != [0; 4] {
                    tlv::addresses(kind, router.part(4)?, &mut state.addresses)?;
                }
            }
            tlv::HOST_NAME => state.name = Some(text(value.rest())).filter(|t| !t.is_empty()),
            tlv::MT_TOPOLOGIES => state.overload |= overloaded(value)?,
            tlv::INSTANCE if value.u16()? != 0 => return Ok(false),
            _ => {}
        }
    }
    links.into_values().for_each(|links| add_missing(links, &mut state.links));
    Ok(true)
}

/// How links are said, the one that counts first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Style {
    /// Wide metrics (RFC 5305) in a topology, of which 0 is the standard one (RFC 5120).
    Wide(u16),
    /// Narrow metrics (ISO 10589), which routers in transition send beside the wide ones.
    Narrow,
}

/// RFC 5120 §7.1: the number of a topology.
fn topology(c: &mut Cursor<'_>) -> Parsed<u16> {
    Ok(c.u16()? & 0x0fff)
}

/// Whether the standard topology is overloaded (RFC 5120 §7.3).
fn overloaded(mut c: Cursor<'_>) -> Parsed<bool> {
    let mut overloaded = false;
    while !c.is_empty() {
        let word = c.u16()?;
        overloaded |= word & 0x0fff == 0 && word & 0x8000 != 0;
    }
    Ok(overloaded)
}

/// A link said in several styles is one link: a style counts where those before it are silent about the neighbour.
fn add_missing(style: Vec<IgpLink>, links: &mut Vec<IgpLink>) {
    let silent = |link: &IgpLink| !links.iter().any(|l| l.kind == link.kind && l.to == link.to);
    let missing: Vec<IgpLink> = style.into_iter().filter(silent).collect();
    links.extend(missing);
}
