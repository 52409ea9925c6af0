//! What is counted during a run.

use std::sync::Arc;

use twin::{ArcId, NodeId, SimDuration, SimTime};

use super::flight::Flight;
use super::frame::{with_congestion, with_ttl};
use super::lost::{FirstLost, LostPacket};
use super::tcp::Ended;

/// Why a packet did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disposition {
    /// It found the egress queue full.
    QueueFull,
    /// It was queued, in service or on the wire when the link went down, or was sent into a link that was down.
    LinkDown,
    /// Its source was down.
    NodeDown,
    /// The wire lost it.
    Loss,
    /// No route.
    NoRoute,
    /// A route that discards (black hole or unreachable).
    NullRoute,
    /// Its time to live ran out: usually a loop.
    TtlExpired,
    /// Random early detection.
    EarlyDrop,
    /// A policer found it out of profile.
    Policed,
    /// Larger than the link's MTU.
    TooBig,
}

impl Disposition {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::QueueFull,
        Self::LinkDown,
        Self::NodeDown,
        Self::Loss,
        Self::NoRoute,
        Self::NullRoute,
        Self::TtlExpired,
        Self::EarlyDrop,
        Self::Policed,
        Self::TooBig,
    ];

    /// Whether a router's counters call it an output discard (ifOutDiscards, RFC 2863): it chose not to send it.
    fn is_discard(self) -> bool {
        matches!(self, Self::QueueFull | Self::EarlyDrop | Self::Policed | Self::TooBig)
    }

    /// The name in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::LinkDown => "link_down",
            Self::NodeDown => "node_down",
            Self::Loss => "loss",
            Self::NoRoute => "no_route",
            Self::NullRoute => "null_route",
            Self::TtlExpired => "ttl_expired",
            Self::EarlyDrop => "early_drop",
            Self::Policed => "policed",
            Self::TooBig => "too_big",
        }
    }
}

/// Packets by [`Disposition`], in its order.
pub type DropCounts = [u64; Disposition::ALL.len()];

/// Where a packet was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropPlace {
    /// In front of or on this arc.
    Arc(ArcId),
    /// At this node.
    Node(NodeId),
}

/// What became of one flow's packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowStats {
    /// Packets sent.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Packets delivered.
    pub delivered: u64,
    /// Their bytes.
    pub delivered_bytes: u64,
    /// Packets lost, by reason.
    pub drops: DropCounts,
    /// When the first packet was delivered.
    pub first: Option<SimTime>,
    /// When the last packet was delivered.
    pub last: Option<SimTime>,
    /// Sum of the one-way delays of delivered packets in picoseconds.
    pub delay_sum_ps: u128,
    /// The longest of them.
    pub delay_max: SimDuration,
    /// Half-links crossed by delivered packets.
    pub packet_hops: u64,
    /// Packets delivered that a queue on their way marked with congestion experienced (CE, RFC 3168 §5).
    pub marked: u64,
}

impl FlowStats {
    /// Packets lost for any reason.
    pub fn dropped(&self) -> u64 {
        self.drops.iter().sum()
    }

    /// Adds what another part of the same run counted.
    fn merge(&mut self, part: &Self) {
        self.sent += part.sent;
        self.sent_bytes += part.sent_bytes;
        self.delivered += part.delivered;
        self.delivered_bytes += part.delivered_bytes;
        self.marked += part.marked;
        self.drops.iter_mut().zip(part.drops).for_each(|(mine, other)| *mine += other);
        self.first = [self.first, part.first].into_iter().flatten().min();
        self.last = self.last.max(part.last);
        self.delay_sum_ps += part.delay_sum_ps;
        self.delay_max = self.delay_max.max(part.delay_max);
        self.packet_hops += part.packet_hops;
    }

    /// Mean one-way delay in seconds; NaN where nothing arrived.
    pub fn delay_mean_s(&self) -> f64 {
        self.delay_sum_ps as f64 / self.delivered as f64 * 1e-12
    }
}

/// Time bins of equal width from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bins {
    /// Width of a bin; not zero.
    pub width: SimDuration,
    /// Number of bins. What happens later is not in any bin.
    pub count: u32,
}

impl Bins {
    /// The bin of an instant.
    pub fn of(&self, at: SimTime) -> Option<usize> {
        let bin = at.as_ps() / self.width.as_ps();
        (bin < u64::from(self.count)).then_some(bin as usize)
    }
}

/// A frame that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveredFrame {
    /// When its last bit arrived.
    pub at: SimTime,
    /// Where.
    pub node: NodeId,
    /// Dense number of its flow.
    pub flow: u32,
    /// Its position in the flow.
    pub sequence: u32,
    /// The bytes as sent, with the time to live (and IPv4 checksum) that the routers left in it.
    pub frame: Arc<[u8]>,
}

/// Everything that is counted, in flat arrays.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    pub(crate) flows: Vec<FlowStats>,
    pub(crate) arc_drops: Vec<DropCounts>,
    pub(crate) node_drops: Vec<DropCounts>,
    pub(crate) last_delivery: SimTime,
    pub(crate) last_loss: SimTime,
    pub(crate) binned: Option<Binned>,
    pub(crate) frames: Option<Vec<DeliveredFrame>>,
    pub(crate) lost: FirstLost,
    /// Packets with a frame whose destination address nobody owns.
    pub(crate) unknown_addresses: u64,
    /// Packets that came out of a half-link.
    pub(crate) arrivals: u64,
    /// Changes of the network.
    pub(crate) changes: u64,
    /// Segments of TCP that arrived or were lost in the event.
    pub(crate) ended: Ended,
}

/// What is counted by bin.
#[derive(Clone, Debug)]
pub(crate) struct Binned {
    pub(crate) bins: Bins,
    /// `[flow * bins + bin]`, by the bin in which packets were sent.
    pub(crate) flows: Vec<FlowCell>,
    /// `(cell, one-way delay in ps)` of each delivered packet.
    pub(crate) delays: Vec<(u32, u64)>,
    /// `[arc * bins + bin]`, by the bin in which packets met the arc.
    pub(crate) arcs: Vec<ArcCell>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FlowCell {
    pub(crate) sent: u32,
    pub(crate) lost: u32,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ArcCell {
    pub(crate) bytes: u64,
    pub(crate) errors: u32,
    pub(crate) discards: u32,
}

impl Recorder {
    pub(crate) fn new(flows: usize, arcs: usize, nodes: usize, packets: usize, bins: Option<Bins>) -> Self {
        let none = DropCounts::default();
        Self {
            flows: vec![FlowStats::default(); flows],
            arc_drops: vec![none; arcs],
            node_drops: vec![none; nodes],
            last_delivery: SimTime::ZERO,
            last_loss: SimTime::ZERO,
            binned: bins.map(|bins| Binned::new(bins, flows, arcs, packets)),
            frames: None,
            lost: FirstLost::new(0),
            unknown_addresses: 0,
            arrivals: 0,
            changes: 0,
            ended: Ended::default(),
        }
    }

    /// A packet leaves its source.
    #[inline]
    pub(crate) fn sent(&mut self, packet: Flight) {
        let flow = &mut self.flows[packet.flow as usize];
        flow.sent += 1;
        flow.sent_bytes += u64::from(packet.size());
        if let Some(binned) = &mut self.binned
            && let Some(cell) = binned.flow_cell(&packet, packet.at)
        {
            binned.flows[cell].sent += 1;
        }
    }

    /// A packet was accepted by an arc's queue.
    #[inline]
    pub(crate) fn accepted(&mut self, arc: ArcId, size: u32, now: SimTime) {
        if let Some(cell) = self.binned.as_mut().and_then(|b| b.arc_cell(arc, now)) {
            cell.bytes += u64::from(size);
        }
    }

    /// A packet is where it wanted to be, at its instant.
    #[inline]
    pub(crate) fn delivered(&mut self, packet: Flight, sent_at: SimTime) {
        let now = packet.at;
        let delay = now.since(sent_at);
        self.ended.delivered(packet.packet);
        let flow = &mut self.flows[packet.flow as usize];
        flow.delivered += 1;
        flow.delivered_bytes += u64::from(packet.size());
        flow.first = Some(flow.first.map_or(now, |first| first.min(now)));
        flow.last = flow.last.max(Some(now));
        flow.delay_sum_ps += u128::from(delay.as_ps());
        flow.delay_max = flow.delay_max.max(delay);
        flow.packet_hops += u64::from(packet.hops());
        flow.marked += u64::from(packet.is_marked());
        self.last_delivery = self.last_delivery.max(now);
        if let Some(binned) = &mut self.binned
            && let Some(cell) = binned.flow_cell(&packet, sent_at)
        {
            binned.delays.push((cell as u32, delay.as_ps()));
        }
    }

    /// Whether frames that arrive are kept.
    #[inline]
    pub(crate) fn keeps_frames(&self) -> bool {
        self.frames.is_some()
    }

    /// Keeps a frame that arrived with this time to live.
    pub(crate) fn frame(&mut self, node: NodeId, packet: &Flight, frame: &Arc<[u8]>, ttl: u8) {
        let frame = with_ttl(frame, ttl);
        let frame = if packet.is_marked() { with_congestion(&frame) } else { frame };
        let Flight { at, flow, sequence, .. } = *packet;
        self.frames.get_or_insert_default().push(DeliveredFrame { at, node, flow, sequence, frame });
    }

    /// A packet is lost at an instant.
    #[cold]
    pub(crate) fn dropped(
        &mut self,
        packet: &Flight,
        sent_at: SimTime,
        place: DropPlace,
        why: Disposition,
        now: SimTime,
    ) {
        self.ended.lost(packet.packet);
        self.flows[packet.flow as usize].drops[why as usize] += 1;
        match place {
            DropPlace::Arc(arc) => self.arc_drops[arc.index()][why as usize] += 1,
            DropPlace::Node(node) => self.node_drops[node.index()][why as usize] += 1,
        }
        self.last_loss = self.last_loss.max(now);
        self.lost.keep(LostPacket { at: now, flow: packet.flow, sequence: packet.sequence, place, why });
        let Some(binned) = &mut self.binned else { return };
        if let Some(cell) = binned.flow_cell(packet, sent_at) {
            binned.flows[cell].lost += 1;
        }
        let DropPlace::Arc(arc) = place else { return };
        match (why, binned.arc_cell(arc, now)) {
            (why, Some(cell)) if why.is_discard() => cell.discards += 1,
            (Disposition::Loss, Some(cell)) => cell.errors += 1,
            _ => {}
        }
    }

    /// Adds what another part of the same run counted.
    pub(crate) fn merge(&mut self, part: Self) {
        self.flows.iter_mut().zip(&part.flows).for_each(|(mine, other)| mine.merge(other));
        for (mine, other) in
            [(&mut self.arc_drops, &part.arc_drops), (&mut self.node_drops, &part.node_drops)]
        {
            for (mine, other) in mine.iter_mut().flatten().zip(other.iter().flatten()) {
                *mine += other;
            }
        }
        self.last_delivery = self.last_delivery.max(part.last_delivery);
        self.last_loss = self.last_loss.max(part.last_loss);
        self.lost.merge(&part.lost);
        if let (Some(mine), Some(other)) = (&mut self.binned, part.binned) {
            mine.merge(other);
        }
        if let (Some(mine), Some(other)) = (&mut self.frames, part.frames) {
            mine.extend(other);
        }
        self.unknown_addresses += part.unknown_addresses;
        self.arrivals += part.arrivals;
        self.changes = self.changes.max(part.changes); // every part makes all of them
    }

    /// Puts the lists into the order of time and identity, which does not depend on how the run was computed.
    pub(crate) fn settle(&mut self) {
        self.lost.settle();
        if let Some(frames) = &mut self.frames {
            frames.sort_by_key(|f| (f.at, f.flow, f.sequence));
        }
        if let Some(binned) = &mut self.binned {
            binned.delays.sort_unstable();
        }
    }
}

impl Binned {
    fn new(bins: Bins, flows: usize, arcs: usize, packets: usize) -> Self {
        assert!(bins.width > SimDuration::ZERO, "a bin has a width");
        let cells = flows * bins.count as usize;
        assert!(u32::try_from(cells).is_ok(), "{flows} flows × {} bins are more than 2^32 cells", bins.count);
        Self {
            bins,
            flows: vec![FlowCell::default(); cells],
            delays: Vec::with_capacity(packets),
            arcs: vec![ArcCell::default(); arcs * bins.count as usize],
        }
    }

    fn merge(&mut self, part: Self) {
        for (mine, other) in self.flows.iter_mut().zip(part.flows) {
            mine.sent += other.sent;
            mine.lost += other.lost;
        }
        for (mine, other) in self.arcs.iter_mut().zip(part.arcs) {
            mine.bytes += other.bytes;
            mine.errors += other.errors;
            mine.discards += other.discards;
        }
        self.delays.extend(part.delays);
    }

    fn flow_cell(&self, packet: &Flight, sent_at: SimTime) -> Option<usize> {
        Some(packet.flow as usize * self.bins.count as usize + self.bins.of(sent_at)?)
    }

    fn arc_cell(&mut self, arc: ArcId, now: SimTime) -> Option<&mut ArcCell> {
        let bin = self.bins.of(now)?;
        Some(&mut self.arcs[arc.index() * self.bins.count as usize + bin])
    }
}
