//! Bytes read from front to back, in network byte order.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What was parsed, or what was wrong in a few words.
pub(super) type Parsed<T> = Result<T, &'static str>;

const SHORT: &str = "ends too early";

/// The bytes that are still to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }
    /// The next `n` bytes.
    pub(super) fn take(&mut self, n: usize) -> Parsed<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }
    /// The next `n` bytes, to be read by themselves.
    pub(super) fn part(&mut self, n: usize) -> Parsed<Cursor<'a>> {
        self.take(n).map(Cursor)
    }
    pub(super) fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*taken)
    }
    pub(super) fn u8(&mut self) -> Parsed<u8> {
        self.array().map(|[byte]| byte)
    }
    pub(super) fn u16(&mut self) -> Parsed<u16> {
        self.array().map(u16::from_be_bytes)
    }
    pub(super) fn u24(&mut self) -> Parsed<u32> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }
    pub(super) fn u32(&mut self) -> Parsed<u32> {
        self.array().map(u32::from_be_bytes)
    }
    pub(super) fn ipv4(&mut self) -> Parsed<Ipv4Addr> {
        self.array::<4>().map(Ipv4Addr::from)
    }
    pub(super) fn ipv6(&mut self) -> Parsed<Ipv6Addr> {
        self.array::<16>().map(Ipv6Addr::from)
    }
}

/// Text as senders write it: UTF-8 without the zero bytes that some append; what is not printable, in hexadecimal.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    let bytes = &bytes[..end];
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')) => {
            text.to_owned()
        }
        _ => bytes.iter().map(|b| format!("{b:02x}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_is_too_long_takes_nothing() {
        let mut c = Cursor::new(&[1, 2, 3]);
        assert_eq!(c.u32(), Err(SHORT));
        assert_eq!((c.u16(), c.u16(), c.u8()), (Ok(0x0102), Err(SHORT), Ok(3)));
        assert!(c.is_empty());
    }

    #[test]
    fn text_is_readable_or_hexadecimal() {
        assert_eq!(text(b"eth1\0\0"), "eth1");
        assert_eq!(text(&[0, 1, 0xff]), "0001ff");
        assert_eq!(text(&[]), "");
    }
}
