//! Packets to be sent into the twin at given instants.

use std::sync::Arc;

use crate::{Bytes, EntityKey, SimTime};

/// One packet to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledPacket {
    /// When the source hands it to its first port.
    pub at: SimTime,
    /// Index into [`PacketSchedule::endpoints`] of the sender.
    pub src: u32,
    /// Index into [`PacketSchedule::endpoints`] of the receiver.
    pub dst: u32,
    /// Flow number: packets of one flow take one path.
    pub flow: u32,
    /// Frame length on the wire.
    pub size: Bytes,
    /// The frame's bytes where they came from a capture (may be cut short by its snap length).
    pub frame: Option<Arc<[u8]>>,
}

/// A workload: packets in order of time (then flow, then position).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketSchedule {
    /// Nodes or hosts that send and receive.
    pub endpoints: Vec<EntityKey>,
    /// The packets, sorted by `(at, flow)`; ties keep their position.
    pub packets: Vec<ScheduledPacket>,
}

impl PacketSchedule {
    /// Sorts packets into the order that a replay needs.
    pub fn new(endpoints: Vec<EntityKey>, mut packets: Vec<ScheduledPacket>) -> Self {
        packets.sort_by_key(|p| (p.at, p.flow));
        Self { endpoints, packets }
    }
}
