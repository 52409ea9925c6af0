//! The wire of one end: frames as smoltcp's device, and the headers that the network carries.
//!
//! The network never looks at payloads, so a segment travels as its headers, and its length stands in its IP header.
//! Whoever receives it sees zeros after the headers: TCP's behaviour does not depend on what the bytes are.

use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use super::header::TcpHeader;

/// One frame in, any number of headers out.
pub(super) struct Wire {
    mtu: usize,
    /// The frame being received or written, at its full length.
    frame: Vec<u8>,
    arrived: bool,
    /// Headers to send, one after the other.
    sent: Vec<u8>,
}

impl Wire {
    pub(super) fn new(mtu: u16) -> Self {
        Self { mtu: usize::from(mtu), frame: Vec::new(), arrived: false, sent: Vec::new() }
    }

    /// Lays a segment before the interface, which takes it at its next poll.
    pub(super) fn arrive(&mut self, headers: &[u8], header: &TcpHeader) {
        self.frame.clear();
        self.frame.extend_from_slice(&headers[..header.header_len]);
        self.frame.resize(header.total_len(), 0);
        self.arrived = true;
    }

    /// Hands over what was sent since the last call, oldest first.
    pub(super) fn drain(&mut self, mut out: impl FnMut(&[u8], TcpHeader)) {
        let mut rest = &self.sent[..];
        while let Some(header) = TcpHeader::read(rest) {
            let (headers, tail) = rest.split_at(header.header_len);
            out(headers, header);
            rest = tail;
        }
        assert!(rest.is_empty(), "smoltcp sends TCP over IP");
        self.sent.clear();
    }
}

impl Device for Wire {
    type RxToken<'a> = Arrival<'a>;
    type TxToken<'a> = Departure<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrival<'_>, Departure<'_>)> {
        std::mem::take(&mut self.arrived).then(|| {
            // A reply is a header, and is written while the arrival is still being read.
            (Arrival(&self.frame), Departure { frame: None, sent: &mut self.sent })
        })
    }

    fn transmit(&mut self, _: Instant) -> Option<Departure<'_>> {
        Some(Departure { frame: Some(&mut self.frame), sent: &mut self.sent })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut caps = DeviceCapabilities::default();
        caps.medium = Medium::Ip;
        caps.max_transmission_unit = self.mtu;
        // Written for whoever reads the frames later; the simulated network damages nothing, so none is verified.
        caps.checksum.ipv4 = Checksum::Tx;
        caps.checksum.tcp = Checksum::Tx;
        caps
    }
}

pub(super) struct Arrival<'a>(&'a [u8]);

impl RxToken for Arrival<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

pub(super) struct Departure<'a> {
    /// A frame to use again.
    frame: Option<&'a mut Vec<u8>>,
    sent: &'a mut Vec<u8>,
}

impl TxToken for Departure<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut fresh = Vec::new();
        let frame = self.frame.unwrap_or(&mut fresh);
        frame.resize(len, 0);
        let result = f(frame);
        let header_len = TcpHeader::read(frame).map_or(len, |h| h.header_len);
        self.sent.extend_from_slice(&frame[..header_len]);
        result
    }
}
