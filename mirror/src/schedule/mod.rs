//! From captures to a [`PacketSchedule`]: who in the twin sends which packet to whom, and when.

mod address_map;
mod connections;

use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;

use twin::{Bytes, Diagnostic, InputError, PacketSchedule, ScheduledPacket, SimTime, WallTime};

pub use address_map::{AddressMap, Ends, Host};
pub use connections::RecordedConnection;
use connections::{Connections, Segment};

use crate::capture::{Capture, Frame, LinkType};
use crate::decode::{self, Decoded, IpPacket};
use crate::flows::LINK_TYPE_OPAQUE;
use crate::flows::key::{FlowIndex, FlowKey};

/// Gathers frames of one or several captures into one schedule.
///
/// The first packet of all is sent at time zero. Packets keep their length on the wire, and their bytes where both
/// addresses were found and not hashed: an address that the network does not know leads nowhere. The packets of one direction of a 5-tuple have one flow number, so that they take one path; fragments go by their addresses, since
/// all but the first have no ports.
#[derive(Debug)]
pub struct ScheduleBuilder<'m> {
    map: &'m AddressMap,
    index: FlowIndex,
    flows: Vec<KnownFlow>,
    packets: Vec<Waiting>,
    /// TCP, where it is gathered apart from the packets.
    connections: Option<Connections>,
    last_stamp: Option<WallTime>,
    diagnostics: Vec<Diagnostic>,
}

/// A bidirectional flow and where its two ends are.
#[derive(Debug)]
struct KnownFlow {
    key: FlowKey,
    /// The key's first and second end.
    ends: Ends,
}

/// A packet whose instant waits for the earliest stamp of all captures.
#[derive(Debug)]
struct Waiting {
    stamp: WallTime,
    /// Whether an end was placed by hash.
    hashed: bool,
    packet: ScheduledPacket,
}

impl<'m> ScheduleBuilder<'m> {
    /// A builder that places addresses by `map`.
    pub fn new(map: &'m AddressMap) -> Self {
        Self {
            map,
            index: FlowIndex::default(),
            flows: Vec::new(),
            packets: Vec::new(),
            connections: None,
            last_stamp: None,
            diagnostics: Vec::new(),
        }
    }

    /// The same with TCP apart: segments between two hosts become [`RecordedConnection`]s instead of packets. Fragments and
    /// headers cut short stay packets.
    #[must_use]
    pub fn with_tcp_apart(mut self) -> Self {
        self.connections = Some(Connections::default());
        self
    }

    /// Adds all frames of a capture. Several captures are merged by their time stamps.
    ///
    /// # Errors
    /// The capture's damage; the frames before it have been added.
    pub fn add<R: Read>(&mut self, capture: &mut Capture<R>) -> Result<(), InputError> {
        self.last_stamp = None;
        capture.for_each(|frame| self.observe(&frame))
    }

    fn observe(&mut self, frame: &Frame<'_>) {
        match decode::outermost(frame) {
            Decoded::Ip(packet) => self.place(frame, &packet),
            Decoded::NotIp => {
                self.leave_out("frame-not-ip", || "frames without an IP header are not sent".into())
            }
            Decoded::Malformed => {
                self.leave_out("ip-malformed", || "frames with a broken IP header are not sent".into());
            }
            Decoded::Opaque => self.leave_out(LINK_TYPE_OPAQUE, || {
                format!(
                    "frames of a link type that is not decoded are not sent, the first of type {}",
                    frame.link_type.0
                )
            }),
        }
    }

    fn place(&mut self, frame: &Frame<'_>, packet: &IpPacket<'_>) {
        let (number, forward) = self.flow(packet);
        let Ends { hosts: [first, second], hashed } = self.flows[number].ends;
        let (src, dst) = if forward { (first, second) } else { (second, first) };
        let unmapped =
            |address: IpAddr| format!("packets of addresses on no host are not sent, the first of {address}");
        let (Some(src), Some(dst)) = (src, dst) else {
            let address = if src.is_none() { packet.src } else { packet.dst };
            return self.leave_out("address-unmapped", || unmapped(address));
        };
        if src == dst {
            return self.leave_out("ends-on-one-host", || {
                format!(
                    "packets between addresses of one host are not sent, the first from {} to {}",
                    packet.src, packet.dst
                )
            });
        }
        let Some(stamp) = self.stamp(frame) else {
            return self.leave_out("no-time", || {
                "packets before the first time stamp of their capture are not sent".into()
            });
        };
        if let Some(connections) = &mut self.connections
            && let Some(segment) = Segment::read(packet)
        {
            let hosts = if forward { [src, dst] } else { [dst, src] };
            return connections.observe(number, forward, &segment, stamp, hosts, hashed);
        }
        let flow = u32::try_from(number * 2 + usize::from(!forward)).unwrap_or(u32::MAX);
        let size = Bytes::new(u64::from(frame.wire_len));
        let frame = if hashed { None } else { self.headers(frame) };
        let packet = ScheduledPacket { at: SimTime::ZERO, src, dst, flow, size, frame };
        self.packets.push(Waiting { stamp, hashed, packet });
    }

    /// The number of the packet's bidirectional flow, and whether it goes from the key's first end to its second.
    fn flow(&mut self, packet: &IpPacket<'_>) -> (usize, bool) {
        let ports = if packet.fragment.is_some() { None } else { packet.ports() };
        let (key, forward) = FlowKey::new(packet.protocol, packet.src, packet.dst, ports);
        let flows = &self.flows;
        let number = self.index.find_or_insert(&key, flows.len(), |i| &flows[i].key);
        if number == self.flows.len() {
            let ((first, _), (second, _)) = key.endpoints(true);
            let ends = self.map.ends(first, second);
            self.flows.push(KnownFlow { key, ends });
        }
        (number, forward)
    }

    /// The bytes by which routers forward a packet: the frame itself, or raw IP behind an empty Ethernet header.
    fn headers(&mut self, frame: &Frame<'_>) -> Option<Arc<[u8]>> {
        match frame.link_type {
            LinkType(1) => Some(Arc::from(frame.data)),
            LinkType(12 | 14 | 101 | 228 | 229) => {
                let ether_type: [u8; 2] = if frame.data[0] >> 4 == 4 { [0x08, 0x00] } else { [0x86, 0xdd] };
                Some([&[0; 12], &ether_type[..], frame.data].concat().into())
            }
            LinkType(number) => {
                Diagnostic::count(&mut self.diagnostics, "header-not-read", || {
                    format!(
                        "packets of link type {number} go to the node of their address, their headers unread"
                    )
                });
                None
            }
        }
    }

    /// A packet without time (a simple packet block) goes with the one before it.
    fn stamp(&mut self, frame: &Frame<'_>) -> Option<WallTime> {
        self.last_stamp = frame.at.or(self.last_stamp);
        self.last_stamp
    }

    fn leave_out(&mut self, code: &str, message: impl FnOnce() -> String) {
        Diagnostic::count(&mut self.diagnostics, code, message);
    }

    /// The schedule, and what was left out, by reason.
    pub fn finish(self) -> (PacketSchedule, Vec<Diagnostic>) {
        let (schedule, _, diagnostics) = self.finish_apart();
        (schedule, diagnostics)
    }

    /// The same with the connections that were gathered apart, in the order of their first segments.
    pub fn finish_apart(mut self) -> (PacketSchedule, Vec<RecordedConnection>, Vec<Diagnostic>) {
        let connections = self.connections.unwrap_or_default();
        let first = self.packets.iter().map(|w| w.stamp).chain(connections.first()).min();
        let origin = first.unwrap_or_default();
        let mut packets = Vec::with_capacity(self.packets.len());
        for Waiting { stamp, hashed, mut packet } in self.packets {
            packet.at = stamp.to_sim(origin);
            if packet.at == SimTime::MAX {
                Diagnostic::count(&mut self.diagnostics, "too-late", || {
                    "packets more than 213 days after the first are not sent".into()
                });
                continue;
            }
            if hashed {
                Diagnostic::count(&mut self.diagnostics, "address-hashed", || {
                    "packets whose addresses the network does not know were given nodes by hash".into()
                });
            }
            packets.push(packet);
        }
        let connections = connections.finish(origin, &mut self.diagnostics);
        (PacketSchedule::new(self.map.endpoints(), packets), connections, self.diagnostics)
    }
}
