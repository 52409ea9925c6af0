//! A demand matrix as packets.

use engine::{Purpose, Stream, Trial};
use twin::{Bytes, Demand, DemandMatrix, EntityKey, PacketSchedule, ScheduledPacket, SimDuration, SimTime};

/// Bits of the packets that stand for a demand: 1,500 bytes.
const PACKET: Bytes = Bytes::new(1_500);

/// Turns each demand into a flow (numbered in the matrix's order) of Poisson packets of 1,500 bytes at the demand's mean
/// rate, from time zero up to `duration`. A node stands for its own host. A demand's packets depend on its two ends, its
/// rate and `chance` alone.
///
/// ```
/// use engine::Seeds;
/// use twin::{Demand, DemandMatrix, EntityKey, SimDuration};
///
/// let demand = Demand { src: EntityKey::node("a"), dst: EntityKey::node("b"), bps: 12e6 };
/// let chance = Seeds::new(0).trial(0);
/// let schedule = umbra_models::packet::poisson_schedule(&DemandMatrix::new([demand]), SimDuration::secs(1), chance);
/// assert!((900..1100).contains(&schedule.packets.len())); // 12 Mbit/s are 1,000 packets a second
/// ```
pub fn poisson_schedule(matrix: &DemandMatrix, duration: SimDuration, chance: Trial) -> PacketSchedule {
    let mut endpoints: Vec<EntityKey> =
        matrix.demands().iter().flat_map(|d| [d.src.clone(), d.dst.clone()]).collect();
    endpoints.sort();
    endpoints.dedup();
    let index = |key: &EntityKey| endpoints.partition_point(|k| k < key) as u32;
    let mut packets = Vec::new();
    for (flow, demand) in matrix.demands().iter().enumerate() {
        let (src, dst) = (index(&demand.src), index(&demand.dst));
        let mut arrivals = arrivals(demand, chance);
        let gap_s = PACKET.get() as f64 * 8.0 / demand.bps;
        let mut at = SimTime::ZERO;
        loop {
            at += SimDuration::from_secs_f64(arrivals.exp() * gap_s);
            if at.since(SimTime::ZERO) >= duration {
                break;
            }
            packets.push(ScheduledPacket { at, src, dst, flow: flow as u32, size: PACKET, frame: None });
        }
    }
    PacketSchedule::new(endpoints, packets)
}

fn arrivals(demand: &Demand, chance: Trial) -> Stream {
    chance.stream(Purpose::ARRIVALS, &EntityKey::new(format!("demand:{}>{}", demand.src, demand.dst)))
}
