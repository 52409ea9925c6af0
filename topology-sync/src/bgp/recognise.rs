//! BMP and BGP told by their content, on whatever port.

/// The common header of BMP (RFC 7854 §4.1): version, length, type.
pub const BMP_HEADER: usize = 6;
/// The per-peer header (RFC 7854 §4.2).
const BMP_PEER_HEADER: usize = 42;
/// A longer BMP message is damage: the longest lawful ones hold some BGP messages of 65,535 bytes (RFC 8654).
const BMP_MESSAGE_MAX: usize = 1 << 20;
/// An initiation or termination has a handful of TLVs.
const TLVS_MAX: usize = 64;
/// Marker, length, type (RFC 4271 §4.1).
pub const BGP_HEADER: usize = 19;
const BGP_MARKER: [u8; 16] = [0xff; 16];

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// RFC 7854 and draft-ietf-grow-bmp-tlv (version 4).
    Bmp,
    /// RFC 4271.
    Bgp,
}

/// Whether a message begins with these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It does not.
    No,
    /// It may; more bytes will tell.
    More,
    /// It does.
    Yes,
}

impl Fit {
    fn of(fits: bool) -> Self {
        if fits { Self::Yes } else { Self::No }
    }
}

/// The protocol of a stream that begins with these bytes.
pub fn beginning(bytes: &[u8]) -> (Fit, Protocol) {
    match bgp(bytes) {
        Fit::No => (bmp(bytes), Protocol::Bmp),
        fit => (fit, Protocol::Bgp),
    }
}

/// Where the first message begins, within a stream that was taken up in its middle. The BGP marker is looked for
/// everywhere; BMP has none, so that a whole header of it must fit.
pub fn somewhere(bytes: &[u8]) -> Option<(usize, Protocol)> {
    (0..bytes.len()).find_map(|at| {
        let (fit, protocol) = beginning(&bytes[at..]);
        (fit == Fit::Yes).then_some((at, protocol))
    })
}

impl Protocol {
    /// Whether a message of the protocol begins here.
    pub fn fit(self, bytes: &[u8]) -> Fit {
        match self {
            Self::Bmp => bmp(bytes),
            Self::Bgp => bgp(bytes),
        }
    }

    /// The length that a header states, if it is plausible.
    pub fn length(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Bmp => bmp_length(bytes),
            Self::Bgp => bgp_length(bytes),
        }
    }

    /// Bytes until the length and type are known.
    pub fn header(self) -> usize {
        match self {
            Self::Bmp => BMP_HEADER,
            Self::Bgp => BGP_HEADER,
        }
    }
}

/// The length that a BMP header states, if it is plausible.
fn bmp_length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(bytes.get(1..5)?.try_into().ok()?) as usize;
    (matches!(bytes[0], 3 | 4) && (BMP_HEADER..=BMP_MESSAGE_MAX).contains(&length)).then_some(length)
}

/// Whether a BMP message begins here.
pub fn bmp(bytes: &[u8]) -> Fit {
    if bytes.first().is_some_and(|version| !matches!(version, 3 | 4)) {
        return Fit::No;
    }
    if bytes.len() < BMP_HEADER {
        return Fit::More;
    }
    let Some(length) = bmp_length(bytes) else { return Fit::No };
    let message = &bytes[..bytes.len().min(length)];
    let (version, kind) = (bytes[0], bytes[5]);
    match kind {
        4 | 5 => tlvs(message, length),
        0..=3 | 6 => match length.checked_sub(BMP_HEADER + BMP_PEER_HEADER) {
            None => Fit::No,
            Some(_) => of_peer(message, version, kind),
        },
        _ => Fit::No,
    }
}

/// Initiation and termination: a list of TLVs (RFC 7854 §4.4) that fills the message.
fn tlvs(message: &[u8], length: usize) -> Fit {
    let mut at = BMP_HEADER;
    for _ in 0..TLVS_MAX {
        if at >= length {
            break;
        }
        let Some(head) = message.get(at..at + 4) else { return Fit::More };
        if u16::from_be_bytes([head[0], head[1]]) > 16 {
            return Fit::No;
        }
        at += 4 + usize::from(u16::from_be_bytes([head[2], head[3]]));
    }
    Fit::of(at == length)
}

/// Messages about a peer: a peer type, and the first thing after the per-peer header.
fn of_peer(message: &[u8], version: u8, kind: u8) -> Fit {
    let Some(&peer_type) = message.get(BMP_HEADER) else { return Fit::More };
    if peer_type > 3 {
        return Fit::No;
    }
    let body = message.get(BMP_HEADER + BMP_PEER_HEADER..).unwrap_or_default();
    let marker = |at: usize| match body.get(at..at + BGP_MARKER.len()) {
        Some(marker) => Fit::of(marker == BGP_MARKER),
        None => Fit::More,
    };
    match (kind, version) {
        (0, 3) => marker(0),
        (3, _) => marker(20),
        (2, _) => body.first().map_or(Fit::More, |reason| Fit::of((1..=6).contains(reason))),
        (1, _) => match body.get(..4) {
            Some(&[0, 0, high, low]) => Fit::of(u16::from_be_bytes([high, low]) <= 1024),
            Some(_) => Fit::No,
            None => Fit::More,
        },
        _ => match body.get(..4) {
            Some(&[0, kind, ..]) => Fit::of(kind <= 16),
            Some(_) => Fit::No,
            None => Fit::More,
        },
    }
}

/// The length that a BGP header states, if marker, length and type are lawful.
fn bgp_length(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..BGP_HEADER)?;
    let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
    let least = match header[18] {
        1 => 29,
        2 | 5 => 23,
        3 => 21,
        4 => BGP_HEADER,
        _ => return None,
    };
    let lawful = header.starts_with(&BGP_MARKER) && length >= least && (header[18] != 4 || length == least);
    lawful.then_some(length)
}

/// Whether a BGP message begins here.
pub fn bgp(bytes: &[u8]) -> Fit {
    if bytes.len() < BGP_HEADER {
        let marker = &bytes[..bytes.len().min(BGP_MARKER.len())];
        return if BGP_MARKER.starts_with(marker) { Fit::More } else { Fit::No };
    }
    Fit::of(bgp_length(bytes).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keepalive() -> Vec<u8> {
        [&BGP_MARKER[..], &[0, 19, 4]].concat()
    }

    const INITIATION: [u8; 14] = [3, 0, 0, 0, 14, 4, 0, 2, 0, 4, b'r', b'o', b'u', b't'];

    #[test]
    fn each_protocol_is_told_by_its_first_message() {
        assert_eq!(beginning(&keepalive()), (Fit::Yes, Protocol::Bgp));
        assert_eq!(beginning(&INITIATION), (Fit::Yes, Protocol::Bmp));
        assert_eq!(beginning(b"GET / HTTP/1.1\r\n").0, Fit::No);
        assert_eq!(beginning(&[3, 0, 0, 0, 200, 7]).0, Fit::No, "no such type");
        assert_eq!(beginning(&[3, 0xff, 0, 0, 0, 4]).0, Fit::No, "longer than any message");
    }

    #[test]
    fn a_beginning_may_need_more_bytes() {
        for n in 0..INITIATION.len() - 4 {
            assert_eq!(bmp(&INITIATION[..n]), Fit::More, "{n} bytes");
        }
        for n in 0..18 {
            assert_eq!(bgp(&keepalive()[..n]), Fit::More, "{n} bytes");
        }
    }

    #[test]
    fn a_message_is_found_in_the_middle_of_a_stream() {
        let bytes = [&[1, 2, 3, 0, 0xff, 0xff][..], &keepalive()].concat();
        // The two 0xff before the marker belong to no message: the length then reads 0xffff.
        assert_eq!(somewhere(&bytes), Some((6, Protocol::Bgp)));
        assert_eq!(somewhere(&[&[9; 7][..], &INITIATION].concat()), Some((7, Protocol::Bmp)));
        assert_eq!(somewhere(&[0; 100]), None);
    }
}
