//! What TCP connections of a capture carried: how much each side sent, not when.

use std::net::SocketAddr;

use twin::{Bytes, Diagnostic, SimTime, WallTime};

use crate::decode::{IpPacket, protocol};

/// A TCP connection of a capture, for hosts that time its segments themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedConnection {
    /// The numbers of its two flows, client to server and server to client.
    pub flows: [u32; 2],
    /// Numbers of the endpoints of client and server.
    pub hosts: [u32; 2],
    /// Whether an end was placed by hash: the network does not know its address.
    pub hashed: bool,
    /// The end that sent the SYN; without one in the capture, the sender of the first segment.
    pub client: SocketAddr,
    /// The other end.
    pub server: SocketAddr,
    /// Distinct bytes of data from client to server. What the capture does not hold is not among them.
    pub forward: Bytes,
    /// Distinct bytes of data from server to client.
    pub backward: Bytes,
    /// When its first segment was captured, from the first packet of all.
    pub first: SimTime,
}

/// What is read of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    src: SocketAddr,
    dst: SocketAddr,
    sequence: u32,
    len: u32,
    syn: bool,
    ack: bool,
}

impl Segment {
    /// Reads a whole TCP header (RFC 9293 §3.1) between two hosts that can have a connection; `None` for anything else.
    pub(super) fn read(packet: &IpPacket<'_>) -> Option<Self> {
        if packet.protocol != protocol::TCP || packet.fragment.is_some() {
            return None;
        }
        let header: &[u8; 20] = packet.payload.first_chunk()?;
        let port = |at: usize| Some(u16::from_be_bytes([header[at], header[at + 1]])).filter(|p| *p > 0);
        let header_len = u32::from(header[12] >> 4) * 4;
        let hosts = [packet.src, packet.dst];
        let broadcast = |ip: &std::net::IpAddr| matches!(ip, std::net::IpAddr::V4(v4) if v4.is_broadcast());
        if header_len < 20 || hosts.iter().any(|ip| ip.is_multicast() || ip.is_unspecified() || broadcast(ip))
        {
            return None;
        }
        Some(Self {
            src: SocketAddr::new(packet.src, port(0)?),
            dst: SocketAddr::new(packet.dst, port(2)?),
            sequence: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            len: packet.payload_len.checked_sub(header_len)?,
            syn: header[13] & 0x02 != 0,
            ack: header[13] & 0x10 != 0,
        })
    }
}

/// Connections in the order of their first segments.
#[derive(Debug, Default)]
pub(super) struct Connections {
    known: Vec<Known>,
    /// By number of the bidirectional flow.
    of_flow: Vec<Option<usize>>,
}

#[derive(Debug)]
struct Known {
    /// Number of the bidirectional flow; its key's first end sends `flow * 2`.
    flow: u32,
    hosts: [u32; 2],
    hashed: bool,
    /// Addresses of the key's two ends.
    ends: [SocketAddr; 2],
    first: WallTime,
    client: Client,
    sides: [Side; 2],
}

/// Which of the key's ends opened the connection, and what says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    SentSyn(usize),
    SentFirst(usize),
}

/// What one end sent.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    /// The sequence number after the last one seen.
    next: Option<u32>,
    bytes: u64,
}

impl Connections {
    /// Takes in a segment of the bidirectional flow `flow`, from its key's first end if `forward`; `hosts` are those of
    /// the key's ends.
    pub(super) fn observe(
        &mut self,
        flow: usize,
        forward: bool,
        segment: &Segment,
        stamp: WallTime,
        hosts: [u32; 2],
        hashed: bool,
    ) {
        let from = usize::from(!forward);
        if self.of_flow.len() <= flow {
            self.of_flow.resize(flow + 1, None);
        }
        let at = *self.of_flow[flow].get_or_insert_with(|| {
            let ends = if forward { [segment.src, segment.dst] } else { [segment.dst, segment.src] };
            let (client, sides) = (Client::SentFirst(from), [Side::default(); 2]);
            let flow = u32::try_from(flow).unwrap_or(u32::MAX >> 1);
            self.known.push(Known { flow, hosts, hashed, ends, first: stamp, client, sides });
            self.known.len() - 1
        });
        let known = &mut self.known[at];
        known.first = known.first.min(stamp);
        if segment.syn && !matches!(known.client, Client::SentSyn(_)) {
            known.client = Client::SentSyn(if segment.ack { 1 - from } else { from });
        }
        known.sides[from].observe(segment);
    }

    /// The earliest stamp of all.
    pub(super) fn first(&self) -> Option<WallTime> {
        self.known.iter().map(|k| k.first).min()
    }

    /// All connections, in a replay that begins at `origin`.
    pub(super) fn finish(
        self,
        origin: WallTime,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<RecordedConnection> {
        let mut connections = Vec::with_capacity(self.known.len());
        for known in &self.known {
            let connection = known.recorded(origin);
            if connection.first == SimTime::MAX {
                Diagnostic::count(diagnostics, "connection-too-late", || {
                    "TCP connections more than 213 days after the first packet are not opened".into()
                });
                continue;
            }
            if known.hashed {
                Diagnostic::count(diagnostics, "connection-hashed", || {
                    "TCP connections whose addresses the network does not know were given nodes by hash"
                        .into()
                });
            }
            connections.push(connection);
        }
        connections
    }
}

impl Known {
    fn recorded(&self, origin: WallTime) -> RecordedConnection {
        let (Client::SentSyn(client) | Client::SentFirst(client)) = self.client;
        let server = 1 - client;
        let flow = |side: usize| self.flow * 2 + side as u32;
        RecordedConnection {
            flows: [flow(client), flow(server)],
            hosts: [self.hosts[client], self.hosts[server]],
            hashed: self.hashed,
            client: self.ends[client],
            server: self.ends[server],
            forward: Bytes::new(self.sides[client].bytes),
            backward: Bytes::new(self.sides[server].bytes),
            first: self.first.to_sim(origin),
        }
    }
}

impl Side {
    /// Sequence numbers are compared modulo 2^32 (RFC 9293 §3.4). A SYN begins them anew: a later connection with the same
    /// ports adds to what the first one carried.
    fn observe(&mut self, segment: &Segment) {
        let first = segment.sequence.wrapping_add(u32::from(segment.syn));
        let next = if segment.syn { first } else { self.next.unwrap_or(first) };
        let end = first.wrapping_add(segment.len);
        let beyond = end.wrapping_sub(next) as i32;
        self.bytes += u64::from(beyond.max(0).unsigned_abs().min(segment.len));
        self.next = Some(if beyond > 0 { end } else { next });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(segments: &[(u32, u32, bool)]) -> u64 {
        let mut side = Side::default();
        for &(sequence, len, syn) in segments {
            let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
            side.observe(&Segment { src: nobody, dst: nobody, sequence, len, syn, ack: false });
        }
        side.bytes
    }

    #[test]
    fn bytes_are_counted_once_and_gaps_not_at_all() {
        assert_eq!(side(&[(99, 0, true), (100, 50, false), (150, 50, false)]), 100);
        assert_eq!(
            side(&[(100, 50, false), (100, 50, false), (120, 50, false)]),
            70,
            "sent again, then overlapping"
        );
        assert_eq!(side(&[(100, 50, false), (900, 50, false)]), 100, "the capture missed 750");
        assert_eq!(side(&[(u32::MAX - 9, 20, false), (10, 5, false)]), 25, "over the end of the numbers");
        assert_eq!(side(&[(100, 50, false), (99, 1, false)]), 50, "a keep-alive is no data");
        assert_eq!(
            side(&[(1, 0, true), (2, 8, false), (3_000_000_000, 0, true), (3_000_000_001, 8, false)]),
            16
        );
    }
}
