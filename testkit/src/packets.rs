//! Packets through a network, the slow and obvious way.
//!
//! A half-link is a queue that holds its packets and a wire that holds its packets. Each hop has two events: the end of
//! service, and the arrival at the far end. A link that goes down throws away what both hold. At one instant changes come
//! first, then departures, then arrivals in the order of flows and of their packets. No departure is foretold, and nothing
//! is marked as lost to be found out later.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use twin::{Bytes, EntityKey, LinkId, NodeId, PacketSchedule, SimTime, Twin};

use crate::next_hops::{Change, NextHop, NextHops, TimedChange};

/// A network as plain vectors, with what packets need. Numbers follow the source, as everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wires {
    /// Key of each node.
    pub keys: Vec<EntityKey>,
    /// The half-links.
    pub wires: Vec<Wire>,
}

/// One half-link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The sending node.
    pub from: usize,
    /// The receiving node.
    pub to: usize,
    /// The link that it fails with.
    pub link: usize,
    /// Its rate in bit/s.
    pub rate_bps: u64,
    /// Its propagation delay in picoseconds.
    pub delay_ps: u64,
}

impl Wires {
    /// The IGP layer of a twin in which every half-link belongs to a cable.
    ///
    /// # Panics
    /// If a half-link's port or cable is unknown.
    pub fn of(twin: &Twin) -> Self {
        let number = |list: &[&twin::Entity]| -> BTreeMap<EntityKey, usize> {
            list.iter().enumerate().map(|(i, e)| (e.key.clone(), i)).collect()
        };
        let nodes = twin.nodes();
        let (numbers, cables) = (number(&nodes), number(&twin.cables()));
        let node_of = |port: &EntityKey| numbers[&twin.node_of(port).expect("each port has a node").key];
        let wire = |(key, half): (&twin::HalfLinkKey, &twin::HalfLink)| Wire {
            from: node_of(&key.from),
            to: node_of(&key.to),
            link: cables[half.cable.as_ref().expect("each half-link has a cable")],
            rate_bps: half.capacity.get(),
            delay_ps: half.delay.as_ps(),
        };
        let wires = twin.half_links(twin::Layer::Igp).into_iter().map(wire).collect();
        Self { keys: nodes.iter().map(|n| n.key.clone()).collect(), wires }
    }

    /// Where a walk from a node over these arcs ends; `None` if it is not connected.
    pub fn walk(&self, from: usize, path: &[twin::ArcId]) -> Option<usize> {
        path.iter().try_fold(from, |at, arc| {
            let wire = self.wires.get(arc.index())?;
            (wire.from == at).then_some(wire.to)
        })
    }
}

/// What became of the packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlowOutcome {
    /// By flow number.
    pub flows: Vec<SlowFlow>,
    /// By arc.
    pub queues: Vec<SlowQueue>,
}

/// What became of one flow's packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlowFlow {
    /// Packets sent.
    pub sent: u64,
    /// Packets delivered.
    pub delivered: u64,
    /// Packets lost for any reason. The rest is under way.
    pub dropped: u64,
    /// When the first packet was delivered.
    pub first: Option<SimTime>,
    /// When the last packet was delivered.
    pub last: Option<SimTime>,
    /// Sum of the one-way delays of delivered packets in picoseconds.
    pub delay_sum_ps: u128,
    /// Half-links crossed by delivered packets.
    pub packet_hops: u64,
}

/// What one queue did, the packet in service included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlowQueue {
    /// Packets accepted.
    pub accepted: u64,
    /// Packets refused because it was full.
    pub refused: u64,
    /// The area under the number of packets in it over time, up to the end of the run, in packet-picoseconds.
    pub area_ps: u128,
    /// Sum over the packets that are in it at the end of the run of the time until they will have left, in picoseconds.
    pub ahead_ps: u128,
}

impl SlowOutcome {
    /// The sum of a count over all flows.
    pub fn sum(&self, of: fn(&SlowFlow) -> u64) -> u64 {
        self.flows.iter().map(of).sum()
    }

    /// The last delivery; time zero if there was none.
    pub fn end(&self) -> SimTime {
        self.flows.iter().filter_map(|f| f.last).max().unwrap_or(SimTime::ZERO)
    }
}

/// Sends a schedule through a network with queues of `buffer` bytes each, the packet in service counted whole, up to and
/// including `until`. Packets need not be sorted by anything but their position in their flow. Millions of packets take
/// seconds.
///
/// # Panics
/// If a change or a packet names what is not there. Next hops that lead round in circles may never end.
pub fn send_packets(
    net: &Wires,
    schedule: &PacketSchedule,
    buffer: Bytes,
    next_hops: &NextHops,
    changes: &[TimedChange],
    until: SimTime,
) -> SlowOutcome {
    let mut run = Run::new(net, schedule, buffer, next_hops.clone());
    run.plan(changes);
    while let Some((now, happening)) = run.pending.pop_first() {
        if now > until.as_ps() {
            break;
        }
        match happening {
            Happening::Change(index) => run.change(now, changes[index].change),
            Happening::Departure(wire) => run.depart(now, wire),
            Happening::Arrival { packet, over: None, .. } => run.send(now, packet),
            Happening::Arrival { packet, over: Some(wire), .. } => run.arrive(now, packet, wire),
        }
    }
    run.finish(until.as_ps())
}

/// The order of variants is the order of what happens at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// The change of this number.
    Change(usize),
    /// The packet in service on this half-link has left.
    Departure(usize),
    /// A packet, by its position in the schedule, is sent or comes out of a half-link.
    Arrival { flow: u32, packet: usize, over: Option<usize> },
}

struct Run<'a> {
    net: &'a Wires,
    schedule: &'a PacketSchedule,
    buffer: u64,
    next_hops: NextHops,
    lines: Vec<Line>,
    /// Half-links crossed so far, by packet.
    hops: Vec<u64>,
    pending: BTreeSet<(u64, Happening)>,
    flows: Vec<SlowFlow>,
}

/// The state of a half-link.
#[derive(Clone, Debug, Default)]
struct Line {
    down: bool,
    rate_bps: u64,
    /// Packets with the time that each takes in service, the first one in service.
    queue: VecDeque<(usize, u64)>,
    /// When the packet in service will have left.
    departure: u64,
    /// Packets on the wire and when they will come out.
    wire: VecDeque<(usize, u64)>,
    outcome: SlowQueue,
    /// Up to when the outcome's area is summed.
    summed: u64,
}

impl Line {
    fn sum_area(&mut self, now: u64) {
        self.outcome.area_ps += self.queue.len() as u128 * u128::from(now - self.summed);
        self.summed = now;
    }
}

impl<'a> Run<'a> {
    fn new(net: &'a Wires, schedule: &'a PacketSchedule, buffer: Bytes, next_hops: NextHops) -> Self {
        let line = |wire: &Wire| Line { rate_bps: wire.rate_bps, ..Line::default() };
        Self {
            net,
            schedule,
            buffer: buffer.get(),
            lines: net.wires.iter().map(line).collect(),
            hops: vec![0; schedule.packets.len()],
            pending: BTreeSet::new(),
            flows: vec![SlowFlow::default(); next_hops.flow_count()],
            next_hops,
        }
    }

    fn plan(&mut self, changes: &[TimedChange]) {
        let changes = changes.iter().enumerate().map(|(i, c)| (c.at.as_ps(), Happening::Change(i)));
        let sends = self
            .schedule
            .packets
            .iter()
            .enumerate()
            .map(|(packet, p)| (p.at.as_ps(), Happening::Arrival { flow: p.flow, packet, over: None }));
        self.pending = changes.chain(sends).collect();
    }

    fn change(&mut self, now: u64, change: Change) {
        match change {
            Change::LinkDown(link) => self.of_link(link).for_each(|wire| self.take_down(now, wire)),
            Change::LinkUp(link) => self.of_link(link).for_each(|wire| self.lines[wire].down = false),
            Change::Rate { arc, rate } => self.lines[arc.index()].rate_bps = rate.get(),
            Change::NextHop { node, flow, arc } => {
                assert_eq!(self.net.wires[arc.index()].from, node.index(), "the arc leaves the node");
                self.next_hops.set(node, flow as usize, NextHop::Via(arc));
            }
        }
    }

    fn of_link(&self, link: LinkId) -> impl Iterator<Item = usize> + use<'a> {
        let wires = self.net.wires.iter().enumerate();
        wires.filter(move |(_, w)| w.link == link.index()).map(|(i, _)| i)
    }

    fn take_down(&mut self, now: u64, wire: usize) {
        let line = &mut self.lines[wire];
        line.down = true;
        line.sum_area(now);
        if !line.queue.is_empty() {
            self.pending.remove(&(line.departure, Happening::Departure(wire)));
        }
        let queued = line.queue.drain(..).map(|(packet, _)| packet);
        let mut lost: Vec<usize> = queued.collect();
        for (packet, at) in line.wire.drain(..) {
            let flow = self.schedule.packets[packet].flow;
            self.pending.remove(&(at, Happening::Arrival { flow, packet, over: Some(wire) }));
            lost.push(packet);
        }
        lost.into_iter().for_each(|packet| self.lose(packet));
    }

    /// A source sends a packet.
    fn send(&mut self, now: u64, packet: usize) {
        let flow = self.schedule.packets[packet].flow as usize;
        self.flows[flow].sent += 1;
        match self.next_hops.first(flow) {
            Some(arc) => self.enqueue(now, packet, arc.index()),
            None => self.lose(packet),
        }
    }

    /// A packet comes out of a half-link.
    fn arrive(&mut self, now: u64, packet: usize, wire: usize) {
        self.lines[wire].wire.pop_front();
        self.hops[packet] += 1;
        let flow = self.schedule.packets[packet].flow as usize;
        match self.next_hops.get(NodeId::new(self.net.wires[wire].to), flow) {
            NextHop::None => self.lose(packet),
            NextHop::Here => self.deliver(now, packet),
            NextHop::Via(arc) => self.enqueue(now, packet, arc.index()),
        }
    }

    fn enqueue(&mut self, now: u64, packet: usize, wire: usize) {
        let size = |packet: usize| self.schedule.packets[packet].size.get();
        let line = &mut self.lines[wire];
        if line.down {
            return self.lose(packet);
        }
        let held: u64 = line.queue.iter().map(|(packet, _)| size(*packet)).sum();
        if held + size(packet) > self.buffer {
            line.outcome.refused += 1;
            return self.lose(packet);
        }
        line.sum_area(now);
        line.outcome.accepted += 1;
        let bit_ps = u128::from(size(packet)) * 8 * 1_000_000_000_000;
        let service = bit_ps.div_ceil(u128::from(line.rate_bps)) as u64;
        line.queue.push_back((packet, service));
        if line.queue.len() == 1 {
            line.departure = now + service;
            self.pending.insert((line.departure, Happening::Departure(wire)));
        }
    }

    fn depart(&mut self, now: u64, wire: usize) {
        let line = &mut self.lines[wire];
        line.sum_area(now);
        let (packet, _) = line.queue.pop_front().expect("something was in service");
        let out = now + self.net.wires[wire].delay_ps;
        line.wire.push_back((packet, out));
        let flow = self.schedule.packets[packet].flow;
        self.pending.insert((out, Happening::Arrival { flow, packet, over: Some(wire) }));
        if let Some((_, service)) = line.queue.front() {
            line.departure = now + service;
            self.pending.insert((line.departure, Happening::Departure(wire)));
        }
    }

    fn deliver(&mut self, now: u64, packet: usize) {
        let sent = &self.schedule.packets[packet];
        let flow = &mut self.flows[sent.flow as usize];
        flow.delivered += 1;
        flow.first.get_or_insert(SimTime::from_ps(now));
        flow.last = Some(SimTime::from_ps(now));
        flow.delay_sum_ps += u128::from(now - sent.at.as_ps());
        flow.packet_hops += self.hops[packet];
    }

    fn lose(&mut self, packet: usize) {
        self.flows[self.schedule.packets[packet].flow as usize].dropped += 1;
    }

    fn finish(mut self, until: u64) -> SlowOutcome {
        for line in &mut self.lines {
            line.sum_area(until);
            let mut left = line.departure;
            for (i, (_, service)) in line.queue.iter().enumerate() {
                left += if i == 0 { 0 } else { *service };
                line.outcome.ahead_ps += u128::from(left - until);
            }
        }
        SlowOutcome { flows: self.flows, queues: self.lines.into_iter().map(|l| l.outcome).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology;
    use twin::{ArcId, BitsPerSec, ScheduledPacket};

    const US: u64 = 1_000_000;

    /// Packets of 1,500 bytes from a to c over b, both links 10 Gbit/s and 1 µs, sent at these microseconds; 1.2 µs in
    /// service and 1 µs on the wire at each of two hops.
    fn send(at_us: &[u64], changes: &[(u64, Change)], until_us: u64) -> SlowOutcome {
        let twin = topology("a -10G,1us- b -10G,1us- c");
        let packet = |us: &u64| ScheduledPacket {
            at: SimTime::from_ps(us * US),
            src: 0,
            dst: 2,
            flow: 0,
            size: Bytes::new(1_500),
            frame: None,
        };
        let schedule = PacketSchedule::new(Vec::new(), at_us.iter().map(packet).collect());
        let hops = NextHops::along(&twin, &BTreeMap::from([(0, vec![ArcId(0), ArcId(2)])]));
        let change =
            |(us, change): &(u64, Change)| TimedChange { at: SimTime::from_ps(us * US), change: *change };
        let changes: Vec<_> = changes.iter().map(change).collect();
        let until = SimTime::from_ps(until_us * US);
        send_packets(&Wires::of(&twin), &schedule, Bytes::new(4_500), &hops, &changes, until)
    }

    fn counts(outcome: &SlowOutcome) -> (u64, u64, u64) {
        let flow = outcome.flows[0];
        (flow.sent, flow.delivered, flow.dropped)
    }

    #[test]
    fn a_packet_takes_service_and_propagation_at_each_hop() {
        let one = send(&[0], &[], 100);
        assert_eq!((one.flows[0].delay_sum_ps, one.flows[0].packet_hops), (4_400_000, 2));
        assert_eq!(one.end(), SimTime::from_ps(4_400_000));
        assert_eq!(one.queues[0].area_ps, 1_200_000);
    }

    #[test]
    fn the_fourth_packet_finds_the_queue_of_three_full_and_areas_add_up() {
        let four = send(&[0, 0, 0, 0], &[], 100);
        assert_eq!(counts(&four), (4, 3, 1));
        assert_eq!((four.queues[0].accepted, four.queues[0].refused), (3, 1));
        assert_eq!(four.queues[0].area_ps, (1 + 2 + 3) * 1_200_000);
        // At 2 µs one packet has left, one has 0.4 µs to go, and the last one 1.6 µs.
        let early = send(&[0, 0, 0, 0], &[], 2);
        assert_eq!(early.queues[0].area_ps + early.queues[0].ahead_ps, four.queues[0].area_ps);
        assert_eq!(early.queues[0].ahead_ps, 2_000_000);
        assert_eq!(counts(&early), (4, 0, 1));
    }

    #[test]
    fn what_a_link_holds_when_it_goes_down_is_lost_and_it_comes_up_empty() {
        let (down, up) = (Change::LinkDown(LinkId(0)), Change::LinkUp(LinkId(0)));
        // At 2 µs the first is on the wire, the second in service, the third queued. The fourth is sent into the dead
        // link, and the fifth into an empty one.
        let outcome = send(&[0, 0, 0, 3, 4], &[(2, down), (4, up)], 100);
        assert_eq!(counts(&outcome), (5, 1, 4));
        assert_eq!(outcome.flows[0].first, Some(SimTime::from_ps(8_400_000)));
        // Down at the very instant of a send: the change comes first. Down twice is up once.
        assert_eq!(counts(&send(&[5], &[(5, down)], 100)), (1, 0, 1));
        assert_eq!(counts(&send(&[5], &[(1, down), (2, down), (3, up)], 100)), (1, 1, 0));
    }

    #[test]
    fn a_new_rate_leaves_accepted_packets_at_their_departure() {
        let slow = Change::Rate { arc: ArcId(0), rate: BitsPerSec::gbps(1) };
        // The two of time zero leave at 1.2 and 2.4 µs, the one of 1 µs, after the change, 12 µs later.
        let outcome = send(&[0, 0, 1], &[(1, slow)], 100);
        assert_eq!(outcome.flows[0].last, Some(SimTime::from_ps(2_400_000 + 12_000_000 + 3_200_000)));
        assert_eq!(outcome.flows[0].delay_sum_ps, 4_400_000 + 5_600_000 + 16_600_000);
    }

    #[test]
    fn a_next_hop_turns_packets_that_are_under_way() {
        let twin = topology("a -10G- b -10G- c ; b -10G- d");
        let mut hops = NextHops::along(&twin, &BTreeMap::from([(0, vec![ArcId(0), ArcId(2)])]));
        hops.set(NodeId(3), 0, NextHop::Here);
        let packet =
            |at| ScheduledPacket { at, src: 0, dst: 2, flow: 0, size: Bytes::new(1_250), frame: None };
        let packets = [0, 1, 2].map(|us| packet(SimTime::from_ps(us * US)));
        let schedule = PacketSchedule::new(Vec::new(), packets.to_vec());
        let change = Change::NextHop { node: NodeId(1), flow: 0, arc: ArcId(4) };
        let change = TimedChange { at: SimTime::from_ps(2 * US), change };
        let wires = Wires::of(&twin);
        let outcome = send_packets(&wires, &schedule, Bytes::new(9_000), &hops, &[change], SimTime::MAX);
        assert_eq!(outcome.queues.iter().map(|q| q.accepted).collect::<Vec<_>>(), [3, 0, 1, 0, 2, 0]);
        assert_eq!(counts(&outcome), (3, 3, 0));
    }
}
