//! IS-IS (ISO/IEC 10589, RFC 1195): hellos, link state PDUs, sequence number PDUs.

mod hello;
mod lsp;
mod tlv;

use super::cursor::{Cursor, Parsed};
use super::heard::Heard;

/// The network layer's protocol discriminator of IS-IS.
const DISCRIMINATOR: u8 = 0x83;
/// The common header.
const HEADER: usize = 8;

/// PDU types (ISO 10589 §9).
mod kind {
    pub(super) const LAN_HELLO_1: u8 = 15;
    pub(super) const LAN_HELLO_2: u8 = 16;
    pub(super) const POINT_TO_POINT_HELLO: u8 = 17;
    pub(super) const LSP_1: u8 = 18;
    pub(super) const LSP_2: u8 = 20;
    pub(super) const CSNP_1: u8 = 24;
    pub(super) const CSNP_2: u8 = 25;
    pub(super) const PSNP_1: u8 = 26;
    pub(super) const PSNP_2: u8 = 27;
}

/// Reads a PDU.
pub(super) fn read(bytes: &[u8], heard: &mut Heard<'_>) {
    // ES-IS and CLNP share the SAP.
    if bytes.first() != Some(&DISCRIMINATOR) {
        return;
    }
    let parsed = pdu(bytes, heard);
    heard.whole("isis-broken", parsed);
}

/// The PDU type and what follows the common header.
fn header(bytes: &[u8]) -> Parsed<(u8, Cursor<'_>)> {
    let mut c = Cursor::new(bytes);
    c.take(2)?;
    let (version, id_len, kind, version2) = (c.u8()?, c.u8()?, c.u8()? & 0x1f, c.u8()?);
    if (version, version2) != (1, 1) {
        return Err("an unknown version");
    }
    if !matches!(id_len, 0 | 6) {
        return Err("system ids of other than six bytes");
    }
    c.take(2)?;
    Ok((kind, c))
}

fn pdu(bytes: &[u8], heard: &mut Heard<'_>) -> Parsed<()> {
    let (kind, body) = header(bytes)?;
    match kind {
        kind::LAN_HELLO_1 | kind::LAN_HELLO_2 => {
            heard.count("isis-lan-hello");
            hello::lan(kind == kind::LAN_HELLO_2, body, heard)
        }
        kind::POINT_TO_POINT_HELLO => {
            heard.count("isis-point-to-point-hello");
            hello::point_to_point(body, heard)
        }
        kind::LSP_1 | kind::LSP_2 => {
            heard.count("isis-lsp");
            lsp::read(kind == kind::LSP_2, bytes, body, heard)
        }
        kind::CSNP_1 | kind::CSNP_2 => {
            heard.count("isis-csnp");
            // Length, source and the range of LSP ids.
            lsp_entries(body, 2 + 7 + 16, heard)
        }
        kind::PSNP_1 | kind::PSNP_2 => {
            heard.count("isis-psnp");
            lsp_entries(body, 2 + 7, heard)
        }
        _ => Err("an unknown PDU type"),
    }
}

/// Counts the LSP entries of a sequence number PDU behind its own fields (ISO 10589 §9.10, §9.11).
fn lsp_entries(body: Cursor<'_>, fields: usize, heard: &mut Heard<'_>) -> Parsed<()> {
    let mut c = within(body, body)?;
    c.take(fields)?;
    while !c.is_empty() {
        let (kind, mut value) = tlv::next(&mut c)?;
        while kind == tlv::LSP_ENTRIES && !value.is_empty() {
            value.take(16)?;
            heard.count("isis-lsp-entry");
        }
    }
    Ok(())
}

/// `body` as far as the PDU goes, whose length stands next at `length`.
fn within<'a>(body: Cursor<'a>, mut length: Cursor<'a>) -> Parsed<Cursor<'a>> {
    let len = usize::from(length.u16()?);
    let mut body = body;
    body.part(len.checked_sub(HEADER).ok_or("a PDU length below the header's")?)
}

/// Six bytes as `xxxx.xxxx.xxxx`.
fn system_id([a, b, c, d, e, f]: [u8; 6]) -> String {
    format!("{a:02x}{b:02x}.{c:02x}{d:02x}.{e:02x}{f:02x}")
}
