//! The obvious packet simulator: a queue holds its packets, and each hop has an event for the end of service and one for
//! the arrival. Departures at an instant come before arrivals, arrivals in the order of flows.

use std::collections::{BTreeSet, VecDeque};

use twin::{ArcId, Csr, PacketSchedule};

#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
    pub(crate) last: Option<u64>,
    pub(crate) delay_sum: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// The packet in service on this arc has left.
    Departure(usize),
    /// A packet (flow first, then index) stands before its hop of this number.
    Arrival { flow: u32, packet: usize, hop: usize },
}

/// Sends a schedule over the arcs that `path` gives for a flow's hops, with queues of `limit` bytes. Outcomes by flow number.
pub(crate) fn simulate(
    csr: &Csr,
    schedule: &PacketSchedule,
    limit: u64,
    path: impl Fn(u32, usize) -> Option<ArcId>,
) -> Vec<Outcome> {
    let flows = schedule.packets.iter().map(|p| p.flow as usize + 1).max().unwrap_or(0);
    let mut outcomes = vec![Outcome::default(); flows];
    let mut queues: Vec<VecDeque<(usize, usize)>> = vec![VecDeque::new(); csr.arc_count()];
    let sends = schedule.packets.iter().enumerate();
    let sends = sends.map(|(i, p)| (p.at.as_ps(), Happening::Arrival { flow: p.flow, packet: i, hop: 0 }));
    let mut pending: BTreeSet<(u64, Happening)> = sends.collect();
    let service = |arc: usize, packet: usize| {
        csr.capacity[arc].serialization_delay(schedule.packets[packet].size).as_ps()
    };
    while let Some((now, happening)) = pending.pop_first() {
        match happening {
            Happening::Departure(arc) => {
                let (packet, hop) = queues[arc].pop_front().expect("something was in service");
                let flow = schedule.packets[packet].flow;
                let arrival = Happening::Arrival { flow, packet, hop: hop + 1 };
                pending.insert((now + csr.delay[arc].as_ps(), arrival));
                if let Some((next, _)) = queues[arc].front() {
                    pending.insert((now + service(arc, *next), Happening::Departure(arc)));
                }
            }
            Happening::Arrival { flow, packet, hop } => {
                let outcome = &mut outcomes[flow as usize];
                let Some(arc) = path(flow, hop) else {
                    outcome.delivered += 1;
                    outcome.last = Some(now);
                    outcome.delay_sum += u128::from(now - schedule.packets[packet].at.as_ps());
                    continue;
                };
                let arc = arc.index();
                let size = |(p, _): &(usize, usize)| schedule.packets[*p].size.get();
                let held: u64 = queues[arc].iter().map(size).sum();
                if held + schedule.packets[packet].size.get() > limit {
                    outcome.dropped += 1;
                    continue;
                }
                queues[arc].push_back((packet, hop));
                if queues[arc].len() == 1 {
                    pending.insert((now + service(arc, packet), Happening::Departure(arc)));
                }
            }
        }
    }
    outcomes
}
