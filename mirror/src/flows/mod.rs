//! Flows of a capture: one per bidirectional 5-tuple, with TCP's health as Wireshark defines it.

mod fragments;
pub(crate) mod key;
mod median;
mod tcp;

use std::net::IpAddr;

use twin::{Diagnostic, WallTime};

use crate::capture::Frame;
use crate::decode::{self, Decoded, IpPacket, protocol};
use fragments::{Fragments, Piece};
use key::{FlowIndex, FlowKey};
use tcp::{Segment, TcpFlow};

/// What to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowOptions {
    /// Take the innermost IP header that can be found (GRE, ERSPAN, IP in IP, VXLAN, Geneve, Teredo) instead of the
    /// outermost.
    pub decapsulate: bool,
}

/// One flow: all packets between two endpoints, in both directions, however long apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// IP protocol number.
    pub protocol: u8,
    /// Sender of the first packet.
    pub src: IpAddr,
    /// Its port; `None` where the protocol has none or they could not be read (see [`FlowTracker`]).
    pub src_port: Option<u16>,
    /// Receiver of the first packet.
    pub dst: IpAddr,
    /// Its port.
    pub dst_port: Option<u16>,
    /// Frames in both directions.
    pub packets: u64,
    /// Their lengths on the wire in bytes, link-layer headers included.
    pub bytes: u64,
    /// TCP segments sent again, fast and spurious retransmissions included.
    pub retransmissions: u64,
    /// TCP segments that came late but for the first time.
    pub out_of_order: u64,
    /// Gaps in TCP's sequence: earlier segments were not captured.
    pub lost: u64,
    /// From SYN to the acknowledgement that ends the handshake, in nanoseconds.
    pub rtt_initial_ns: Option<i64>,
    /// Median over all acknowledged segments of the time to the acknowledgement, in nanoseconds.
    pub rtt_median_ns: Option<f64>,
    /// Stamp of the first packet that has one.
    pub first: Option<WallTime>,
    /// Stamp of the last packet, in file order, that has one.
    pub last: Option<WallTime>,
}

impl Flow {
    /// `tcp` or `udp` where ports tell the flow, else the protocol's number.
    pub fn proto(&self) -> String {
        match (self.protocol, self.src_port) {
            (protocol::TCP, Some(_)) => "tcp".to_owned(),
            (protocol::UDP, Some(_)) => "udp".to_owned(),
            (number, _) => number.to_string(),
        }
    }
}

/// All flows of what was observed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flows {
    /// In order of their first packet.
    pub flows: Vec<Flow>,
    /// Frames that belong to no flow, by reason.
    pub diagnostics: Vec<Diagnostic>,
}

/// Gathers frames into flows.
///
/// A datagram that arrives in fragments counts with the frame that completes it, as in Wireshark. The other pieces, and
/// packets cut before their ports, have no 5-tuple: they count under their protocol's number, without ports, so that the
/// sum over all rows is all IP traffic.
///
/// Memory per flow is bounded: at most 4,096 unacknowledged segments a direction and 512 exact round-trip times; the
/// median of more is within 0.8 %.
#[derive(Debug, Default)]
pub struct FlowTracker {
    options: FlowOptions,
    index: FlowIndex,
    flows: Vec<Tracked>,
    fragments: Fragments,
    left_out: LeftOut,
}

#[derive(Debug)]
struct Tracked {
    key: FlowKey,
    /// Whether the first packet went from the key's first endpoint to its second.
    forward: bool,
    packets: u64,
    bytes: u64,
    first: Option<WallTime>,
    last: Option<WallTime>,
    tcp: Option<Box<TcpFlow>>,
}

/// Diagnostic: frames of a link type that is not decoded, so that whole interfaces are missing.
pub const LINK_TYPE_OPAQUE: &str = "link-type-opaque";

#[derive(Debug, Default)]
struct LeftOut {
    not_ip: u64,
    malformed: u64,
    opaque: u64,
}

impl FlowTracker {
    /// A tracker without flows.
    pub fn new(options: FlowOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Adds a frame to its flow.
    pub fn observe(&mut self, frame: &Frame<'_>) {
        let decoded =
            if self.options.decapsulate { decode::innermost(frame) } else { decode::outermost(frame) };
        match decoded {
            Decoded::Ip(packet) => self.packet(frame, &packet),
            Decoded::NotIp => self.left_out.not_ip += 1,
            Decoded::Malformed => self.left_out.malformed += 1,
            Decoded::Opaque => self.left_out.opaque += 1,
        }
    }

    fn packet(&mut self, frame: &Frame<'_>, packet: &IpPacket<'_>) {
        let Some(fragment) = packet.fragment else {
            return self.count(frame, packet, packet.payload, packet.payload_len);
        };
        match self.fragments.add(packet, fragment) {
            Piece::Completes { head, len } => self.count(frame, packet, &head, len),
            Piece::Incomplete => self.count(frame, packet, &[], 0),
            // A piece cut by the snap length can complete nothing; if it is the first it still tells its ports.
            Piece::Cut if fragment.offset == 0 => self.count(frame, packet, packet.payload, 0),
            Piece::Cut => self.count(frame, packet, &[], 0),
        }
    }

    /// Counts a frame whose upper-layer header begins with `header` and belongs to `len` bytes of upper layer.
    fn count(&mut self, frame: &Frame<'_>, packet: &IpPacket<'_>, header: &[u8], len: u32) {
        let ports = decode::ports(packet.protocol, header);
        let (key, forward) = FlowKey::new(packet.protocol, packet.src, packet.dst, ports);
        let flows = &self.flows;
        let at = self.index.find_or_insert(&key, flows.len(), |i| &flows[i].key);
        if at == self.flows.len() {
            self.flows.push(Tracked::new(key, forward));
        }
        let flow = &mut self.flows[at];
        flow.packets += 1;
        flow.bytes += u64::from(frame.wire_len);
        flow.first = flow.first.or(frame.at);
        flow.last = frame.at.or(flow.last);
        if packet.protocol == protocol::TCP
            && let Some(segment) = Segment::read(header, len, frame.at)
        {
            flow.tcp.get_or_insert_default().observe(usize::from(!forward), &segment);
        }
    }

    /// The flows seen so far.
    pub fn finish(self) -> Flows {
        let diagnostics = self.left_out.diagnostics();
        Flows { flows: self.flows.into_iter().map(Tracked::finish).collect(), diagnostics }
    }
}

impl Tracked {
    fn new(key: FlowKey, forward: bool) -> Self {
        Self { key, forward, packets: 0, bytes: 0, first: None, last: None, tcp: None }
    }

    fn finish(self) -> Flow {
        let ((src, src_port), (dst, dst_port)) = self.key.endpoints(self.forward);
        let tcp = self.tcp.map(|tcp| tcp.finish()).unwrap_or_default();
        Flow {
            protocol: self.key.protocol,
            src,
            src_port,
            dst,
            dst_port,
            packets: self.packets,
            bytes: self.bytes,
            retransmissions: tcp.retransmissions,
            out_of_order: tcp.out_of_order,
            lost: tcp.lost,
            rtt_initial_ns: tcp.rtt_initial_ns,
            rtt_median_ns: tcp.rtt_median_ns,
            first: self.first,
            last: self.last,
        }
    }
}

impl LeftOut {
    fn diagnostics(&self) -> Vec<Diagnostic> {
        let kinds = [
            ("frame-not-ip", "frames without an IP header are in no flow", self.not_ip),
            ("ip-malformed", "frames with a broken IP header are in no flow", self.malformed),
            (LINK_TYPE_OPAQUE, "frames of a link type that is not decoded are in no flow", self.opaque),
        ];
        kinds
            .into_iter()
            .filter(|(_, _, count)| *count > 0)
            .map(|(code, message, count)| Diagnostic {
                code: code.to_owned(),
                message: message.to_owned(),
                count,
            })
            .collect()
    }
}
