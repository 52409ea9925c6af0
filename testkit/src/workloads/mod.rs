//! The packet workloads W1 to W4 by their exact definitions, on which engines are compared and measured.
//!
//! What they have in common: time in whole picoseconds; packets of one size; links of one rate and one propagation delay,
//! store and forward; a drop-tail queue of 100 packets in front of each half-link, the packet in service included. A
//! departure at an instant frees its room before an arrival at that instant; arrivals at an instant come in the order of
//! flows; changes of the network come before both. A packet-hop is one half-link crossed by a packet that is delivered in
//! the end, and the end of a run is its last delivery.
//!
//! | | network | traffic |
//! |---|---|---|
//! | [`w1`] | 8 links in series | one flow at constant rate |
//! | [`w2`] | fat-tree | constant rate, no link shared |
//! | [`w3`] | fat-tree | Poisson between hosts paired at random, on random paths |
//! | [`w4`] | fat-tree | that of W3, while links flap, rates change and next hops move |
//!
//! ```
//! use umbra_testkit::workloads::{Spec, w3};
//!
//! let w3 = w3(&Spec { packets: 10, ..Spec::w3() });
//! assert_eq!((w3.flows.len(), w3.packet_count()), (128, 1_280));
//! assert_eq!(w3.flows[0].sends_ps[0], 1_363_607);
//! ```

mod fat_tree;
mod w1;
mod w2;
mod w3;
mod w4;

pub use w1::w1;
pub use w2::w2;
pub use w3::w3;
pub use w4::w4;

use std::collections::BTreeMap;

use twin::{
    ArcId, BitsPerSec, Bytes, EntityKey, LinkSpec, NodeId, PacketSchedule, ScheduledPacket, SimDuration,
    SimTime, Twin,
};

use crate::{NextHops, TimedChange};

/// The parameters of a workload. [`Spec::w1`] to [`Spec::w4`] are those of the published counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Decides the gaps of W3 and W4 and the changes of W4; any number.
    pub seed: u64,
    /// Ports of a fat-tree's switches: even, at least 2. W1 has no use for it.
    pub k: usize,
    /// Packets of each source.
    pub packets: u64,
    /// Size of a packet.
    pub size: Bytes,
    /// Rate of each half-link.
    pub rate: BitsPerSec,
    /// Propagation delay of each half-link.
    pub delay: SimDuration,
    /// Packets that a queue holds, the one in service included.
    pub queue: u64,
    /// Gap between two packets of a source; the mean one in W3 and W4.
    pub gap: SimDuration,
    /// Changes of the network in W4.
    pub changes: usize,
}

impl Spec {
    /// W1: 500,000 packets at 80 % load.
    pub const fn w1() -> Self {
        Self {
            seed: 0,
            k: 8,
            packets: 500_000,
            size: Bytes::new(1_500),
            rate: BitsPerSec::gbps(10),
            delay: SimDuration::micros(1),
            queue: 100,
            gap: SimDuration::nanos(1_500),
            changes: 0,
        }
    }

    /// W2 at k = 8: 128 sources of 8,000 packets at 80 % load.
    pub const fn w2() -> Self {
        Self { packets: 8_000, ..Self::w1() }
    }

    /// W2 at k = 4: 16 sources of 60,000 packets.
    pub const fn w2_k4() -> Self {
        Self { k: 4, packets: 60_000, ..Self::w1() }
    }

    /// W3 at k = 8: 128 sources of 8,000 packets at 50 % load.
    pub const fn w3() -> Self {
        Self { gap: SimDuration::nanos(2_400), ..Self::w2() }
    }

    /// W4: W3 with 200 changes.
    pub const fn w4() -> Self {
        Self { changes: 200, ..Self::w3() }
    }

    fn link(&self) -> LinkSpec {
        LinkSpec::symmetric(1, self.rate, self.delay)
    }
}

/// A network with packets to send through it. Nodes, links and arcs are numbered as [`Spec`]'s workload says, which is
/// also how the dense view of the twin numbers them.
#[derive(Clone, Debug)]
pub struct PacketWorkload {
    /// The network. All nodes are routers; a node stands for its own host.
    pub twin: Twin,
    /// By flow number.
    pub flows: Vec<PacketFlow>,
    /// Size of each packet.
    pub size: Bytes,
    /// What each queue holds, the packet in service included.
    pub buffer: Bytes,
    /// The way of each flow, node by node, as it is at the start: along the paths in W1 to W3, and in W4 with an entry
    /// wherever changes may send its packets.
    pub next_hops: NextHops,
    /// What changes, in order; empty in W1 to W3.
    pub changes: Vec<TimedChange>,
}

/// One flow: all that its source sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketFlow {
    /// The node that sends.
    pub src: NodeId,
    /// The node that receives.
    pub dst: NodeId,
    /// The way there, before anything changes.
    pub path: Vec<ArcId>,
    /// When each packet is sent, ascending, in picoseconds.
    pub sends_ps: Vec<u64>,
}

impl PacketWorkload {
    /// A workload whose flows keep to their paths.
    fn along_paths(twin: Twin, flows: Vec<PacketFlow>, spec: &Spec) -> Self {
        let next_hops = NextHops::along(&twin, &paths(&flows));
        Self {
            twin,
            flows,
            size: spec.size,
            buffer: Bytes::new(spec.queue * spec.size.get()),
            next_hops,
            changes: Vec::new(),
        }
    }

    /// Packets of all flows.
    pub fn packet_count(&self) -> usize {
        self.flows.iter().map(|f| f.sends_ps.len()).sum()
    }

    /// The path of each flow at the start, by its number.
    pub fn paths(&self) -> BTreeMap<u32, Vec<ArcId>> {
        paths(&self.flows)
    }

    /// The packets in one list by time, then flow. Where a flow's own list will do, take that: this one sorts.
    pub fn schedule(&self) -> PacketSchedule {
        let endpoints: Vec<EntityKey> = self.twin.nodes().iter().map(|n| n.key.clone()).collect();
        let sends = self.flows.iter().zip(0u32..);
        let mut order: Vec<(u64, u32)> = Vec::with_capacity(self.packet_count());
        sends.for_each(|(flow, number)| order.extend(flow.sends_ps.iter().map(|at| (*at, number))));
        order.sort(); // finds and merges the flows, each of which is in order already
        let packet = |(ps, flow): (u64, u32)| {
            let PacketFlow { src, dst, .. } = self.flows[flow as usize];
            let at = SimTime::from_ps(ps);
            ScheduledPacket { at, src: src.0, dst: dst.0, flow, size: self.size, frame: None }
        };
        PacketSchedule { endpoints, packets: order.into_iter().map(packet).collect() }
    }
}

fn paths(flows: &[PacketFlow]) -> BTreeMap<u32, Vec<ArcId>> {
    (0u32..).zip(flows).map(|(number, flow)| (number, flow.path.clone())).collect()
}

/// What a workload comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Packets delivered.
    pub delivered: u64,
    /// Packets lost.
    pub dropped: u64,
    /// Half-links crossed by delivered packets.
    pub packet_hops: u64,
    /// The last delivery in picoseconds.
    pub end_ps: u64,
}

/// W1 as [`Spec::w1`] has it.
pub const W1_COUNTS: Counts =
    Counts { delivered: 500_000, dropped: 0, packet_hops: 4_000_000, end_ps: 750_016_100_000 };

/// W2 as [`Spec::w2_k4`] has it.
pub const W2_K4_COUNTS: Counts =
    Counts { delivered: 960_000, dropped: 0, packet_hops: 5_760_000, end_ps: 90_011_715_000 };

/// W2 as [`Spec::w2`] has it.
pub const W2_COUNTS: Counts =
    Counts { delivered: 1_024_000, dropped: 0, packet_hops: 6_144_000, end_ps: 12_011_827_000 };

/// W3 as [`Spec::w3`] has it. Round totals by chance.
pub const W3_COUNTS: Counts =
    Counts { delivered: 838_000, dropped: 186_000, packet_hops: 4_663_302, end_ps: 19_834_038_577 };

/// [`delivered_digest`] of W3 as [`Spec::w3`] has it.
pub const W3_DIGEST: u64 = 0xa1d8_0508_2f25_5115;

/// W4 as [`Spec::w4`] has it, by the slow reference.
pub const W4_COUNTS: Counts =
    Counts { delivered: 824_138, dropped: 199_862, packet_hops: 4_578_132, end_ps: 20_090_080_642 };

/// [`delivered_digest`] of W4 as [`Spec::w4`] has it, by the slow reference.
pub const W4_DIGEST: u64 = 0xa803_1f16_f039_8481;

/// A digest of the packets that each flow delivered, by flow number: x = (x xor delivered) · 1099511628211 from
/// 1469598103934665603 on, modulo 2^64.
pub fn delivered_digest(delivered: impl IntoIterator<Item = u64>) -> u64 {
    let fold = |x: u64, n: u64| (x ^ n).wrapping_mul(1_099_511_628_211);
    delivered.into_iter().fold(1_469_598_103_934_665_603, fold)
}

/// `count` instants, one every `gap` from `first` on, in picoseconds.
fn constant_rate(first: u64, gap: SimDuration, count: u64) -> Vec<u64> {
    (0..count).map(|i| first + i * gap.as_ps()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_sorted_and_holds_every_packet() {
        let w3 = w3(&Spec { packets: 50, ..Spec::w3() });
        let schedule = w3.schedule();
        let again = PacketSchedule::new(schedule.endpoints.clone(), schedule.packets.clone());
        assert_eq!(again, schedule, "sorting changes nothing");
        for (flow, number) in w3.flows.iter().zip(0u32..) {
            let of_flow = schedule.packets.iter().filter(|p| p.flow == number);
            assert!(of_flow.clone().all(|p| (p.src, p.dst) == (flow.src.0, flow.dst.0)));
            assert_eq!(of_flow.map(|p| p.at.as_ps()).collect::<Vec<_>>(), flow.sends_ps);
        }
    }
}
