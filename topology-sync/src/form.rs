//! What a file is: said by its suffix, and what its content looks like.

use std::fmt;

/// A form of file that some command reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// SNDlib native XML.
    Sndlib,
    /// REPETITA network.
    Graph,
    /// REPETITA demand matrix.
    Demands,
    /// Topology Zoo GraphML.
    GraphMl,
    /// The twin's own JSON, `umbra-twin/1`.
    Twin,
    /// RFC 8345 network topology in JSON.
    Rfc8345,
    /// JSON that is neither of the two.
    Json,
    /// A capture, pcap.
    Pcap,
    /// A capture, pcapng.
    PcapNg,
    /// A Parquet table.
    Parquet,
    /// A gzip stream.
    Gzip,
    /// XML of another kind.
    Xml,
}

impl Form {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sndlib => "SNDlib XML",
            Self::Graph => "REPETITA graph",
            Self::Demands => "REPETITA demands",
            Self::GraphMl => "GraphML",
            Self::Twin => "twin snapshot",
            Self::Rfc8345 => "RFC 8345 JSON",
            Self::Json => "JSON",
            Self::Pcap => "pcap capture",
            Self::PcapNg => "pcapng capture",
            Self::Parquet => "Parquet table",
            Self::Gzip => "gzip stream",
            Self::Xml => "XML",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What content looks like by its first bytes; `None` where nothing known does.
pub fn looks_like(bytes: &[u8]) -> Option<Form> {
    match bytes {
        [0x0a, 0x0d, 0x0d, 0x0a, ..] => return Some(Form::PcapNg),
        [0xd4, 0xc3, 0xb2, 0xa1, ..] | [0xa1, 0xb2, 0xc3, 0xd4, ..] => return Some(Form::Pcap),
        [0x4d, 0x3c, 0xb2, 0xa1, ..] | [0xa1, 0xb2, 0x3c, 0x4d, ..] => return Some(Form::Pcap),
        [b'P', b'A', b'R', b'1', ..] => return Some(Form::Parquet),
        [0x1f, 0x8b, ..] => return Some(Form::Gzip),
        _ => {}
    }
    let head = &bytes[..bytes.len().min(4096)];
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text: String = head.iter().map(|&b| char::from(b)).collect();
    text_form(text.trim_start())
}

fn text_form(text: &str) -> Option<Form> {
    if text.starts_with('<') {
        let root = |name: &str| text.contains(&format!("<{name}"));
        return Some(match () {
            () if root("graphml") => Form::GraphMl,
            () if root("network ") || root("network>") => Form::Sndlib,
            () => Form::Xml,
        });
    }
    if text.starts_with(['{', '[']) {
        return Some(match () {
            () if text.contains(twin::FORMAT) => Form::Twin,
            () if text.contains("ietf-network:networks") => Form::Rfc8345,
            () => Form::Json,
        });
    }
    match text.split_whitespace().next() {
        Some("NODES") => Some(Form::Graph),
        Some("DEMANDS") => Some(Form::Demands),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_told_by_its_first_bytes() {
        let cases: [(&[u8], Option<Form>); 9] = [
            (b"<?xml version='1.0'?>\n<network xmlns='x'>", Some(Form::Sndlib)),
            (b"\xef\xbb\xbf<graphml>", Some(Form::GraphMl)),
            (b"<html>", Some(Form::Xml)),
            (b"NODES 3\n", Some(Form::Graph)),
            (b"\nDEMANDS 3\n", Some(Form::Demands)),
            (b"{ \"format\": \"umbra-twin/1\"", Some(Form::Twin)),
            (b"{ \"ietf-network:networks\": {", Some(Form::Rfc8345)),
            (&[0x0a, 0x0d, 0x0d, 0x0a, 0, 0], Some(Form::PcapNg)),
            (b"a,b,c\n", None),
        ];
        for (bytes, form) in cases {
            assert_eq!(looks_like(bytes), form, "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
