//! The TCP hosts of a packet run: ends at nodes, and segments as packets among the others.

use std::collections::VecDeque;
use std::sync::Arc;

use engine::{Ctx, EventKey, EventKind, PacketArena, PacketId, Purpose, Trial};
use twin::{EntityKey, NodeId, SimTime};

use super::{TcpConfig, TcpEnd, TcpFlow, TcpProgress};
use crate::packet::flight::Flight;
use crate::packet::network::Network;
use crate::packet::router::transmit;
use crate::packet::workload::Workload;

/// A connection between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpConnection {
    /// The numbers of its two flows, client to server and server to client: different from each other and from those of
    /// all other flows.
    pub flows: [u32; 2],
    /// The nodes of client and server.
    pub nodes: [NodeId; 2],
    /// What it carries. The addresses are what load balancers hash.
    pub flow: TcpFlow,
    /// What its ends are set to.
    pub config: TcpConfig,
    /// Whether its packets are forwarded by their addresses, where the network has tables; otherwise they go to the node
    /// that they are for, as if they had none.
    pub by_address: bool,
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOutcome {
    /// The numbers of its two flows.
    pub flows: [u32; 2],
    /// When its client was to open it.
    pub start: SimTime,
    /// The client's end.
    pub client: TcpProgress,
    /// The server's end.
    pub server: TcpProgress,
}

impl TcpOutcome {
    /// When both ends had read all that they expected; `None` if that did not happen.
    pub fn completed(&self) -> Option<SimTime> {
        Some(self.client.received_all?.max(self.server.received_all?))
    }
}

/// A segment under way: what a packet of the workload has in its schedule.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) sent_at: SimTime,
    pub(crate) dst: NodeId,
    /// Ethernet, IP and TCP headers.
    pub(crate) frame: Arc<[u8]>,
    /// Whether routers read it.
    pub(crate) by_address: bool,
    connection: u32,
    /// The end that it is for.
    to: usize,
}

/// The segments that are under way. Their numbers as packets have the highest bit, which those of the workload have not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segments(PacketArena<Segment>);

const SEGMENT: u32 = 1 << 31;

impl Segments {
    /// The segment of a packet; `None` for one of the workload.
    #[inline]
    pub(crate) fn get(&self, packet: u32) -> Option<&Segment> {
        (packet & SEGMENT != 0).then(|| self.0.get(PacketId::from_bits(packet & !SEGMENT)))
    }

    fn insert(&mut self, segment: Segment) -> u32 {
        self.0.insert(segment).get() | SEGMENT
    }

    fn remove(&mut self, packet: u32) -> Segment {
        self.0.remove(PacketId::from_bits(packet & !SEGMENT))
    }
}

/// Segments that are no longer under way, until their hosts hear of it at the end of the event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ended {
    delivered: VecDeque<u32>,
    lost: Vec<u32>,
}

impl Ended {
    /// A packet is where it wanted to be.
    #[inline]
    pub(crate) fn delivered(&mut self, packet: u32) {
        if packet & SEGMENT != 0 {
            self.delivered.push_back(packet);
        }
    }

    /// A packet is lost.
    pub(crate) fn lost(&mut self, packet: u32) {
        if packet & SEGMENT != 0 {
            self.lost.push(packet);
        }
    }

    /// Whether there are segments to be read. Those that were lost wait until then.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        !self.delivered.is_empty()
    }
}

/// All connections of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct TcpHosts {
    connections: Vec<Connection>,
    /// The entity whose timers the ends' are.
    entity: u32,
}

#[derive(Clone, Debug)]
struct Connection {
    ends: [TcpEnd; 2],
    nodes: [NodeId; 2],
    by_address: bool,
    /// Dense numbers of the flows that the ends send.
    flows: [u32; 2],
    sent: [u32; 2],
    timers: [Wake; 2],
}

/// The timer of an end. It is set anew only for an earlier instant; one that comes too early is set again.
#[derive(Clone, Copy, Debug, Default)]
struct Wake {
    at: Option<SimTime>,
    /// Which setting it is: an event with another one is void.
    setting: u16,
}

/// Ethernet II header, before which no trailer counts.
const ETHERNET: usize = 14;

impl TcpHosts {
    /// The connections of a workload.
    pub(crate) fn new(workload: &Workload, chance: Trial) -> Self {
        let chance = chance.chance(Purpose::new("tcp-sequence"), &EntityKey::new("tcp"));
        let open = |c: &TcpConnection| {
            let item = u64::from(c.flows[0]);
            let client = TcpEnd::client(&c.flow, &c.config, chance, item);
            let server = TcpEnd::server(&c.flow, &c.config, chance, item);
            let dense = |id| workload.flow_of_id(id).expect("a connection's flows are the workload's") as u32;
            Connection {
                ends: [client, server].map(|end| end.expect("connections were checked with their workload")),
                nodes: c.nodes,
                by_address: c.by_address,
                flows: c.flows.map(dense),
                sent: [0; 2],
                timers: [Wake::default(); 2],
            }
        };
        Self { connections: workload.connections().iter().map(open).collect(), entity: 0 }
    }

    /// The first timers, which go to `entity` as all do: when each client opens its connection.
    pub(crate) fn open(&mut self, entity: u32) -> Vec<(SimTime, EventKey, EventKind)> {
        self.entity = entity;
        (0..self.connections.len()).filter_map(|c| self.arm(c, CLIENT)).collect()
    }

    /// How far all connections have come.
    pub(crate) fn outcomes(&self, workload: &Workload) -> Vec<TcpOutcome> {
        let outcome = |(c, live): (&TcpConnection, &Connection)| {
            let [client, server] = [0, 1].map(|side| *live.ends[side].progress());
            TcpOutcome { flows: c.flows, start: c.flow.start, client, server }
        };
        workload.connections().iter().zip(&self.connections).map(outcome).collect()
    }

    /// Sets an end's timer, if it has to be.
    fn arm(&mut self, connection: usize, side: usize) -> Option<(SimTime, EventKey, EventKind)> {
        let live = &mut self.connections[connection];
        let due = live.ends[side].due()?;
        let timer = &mut live.timers[side];
        if timer.at.is_some_and(|at| at <= due) {
            return None;
        }
        *timer = Wake { at: Some(due), setting: timer.setting.wrapping_add(1) };
        let token = (connection * 2 + side) as u32;
        let key = EventKey::of_flow(live.flows[side], u32::MAX); // after the flow's packets of that instant
        Some((due, key, EventKind::Timer { tag: timer.setting, token }))
    }

    /// Lets an end send; its segments as packets at its node.
    fn poll(&mut self, connection: usize, side: usize, now: SimTime, segments: &mut Segments) -> Vec<Flight> {
        let Connection { ends, nodes, by_address, flows, sent, .. } = &mut self.connections[connection];
        let to = 1 - side;
        let mut flights = Vec::new();
        ends[side].poll(now, |headers, header| {
            let frame = ethernet(headers);
            let (dst, by_address, connection) = (nodes[to], *by_address, connection as u32);
            let segment = Segment { sent_at: now, dst, frame, by_address, connection, to };
            let packet = segments.insert(segment);
            let size = (ETHERNET + header.total_len()) as u32;
            flights.push(Flight::new(now, flows[side], sent[side], packet, size));
            sent[side] += 1;
        });
        flights
    }
}

const CLIENT: usize = 0;

/// Headers of IP and TCP behind an Ethernet header between two locally administered addresses.
fn ethernet(headers: &[u8]) -> Arc<[u8]> {
    let ether_type: [u8; 2] = if headers[0] >> 4 == 4 { [0x08, 0x00] } else { [0x86, 0xdd] };
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &ether_type[..], headers].concat().into()
}

/// Ends read what was delivered to them during the event, and answer.
#[cold]
pub(crate) fn read(cx: &mut Ctx<'_, Network>) {
    let now = cx.now();
    let Network { recorder, forwarding, .. } = &mut *cx.world;
    recorder.ended.lost.drain(..).for_each(|packet| drop(forwarding.segments.remove(packet)));
    while let Some(packet) = cx.world.recorder.ended.delivered.pop_front() {
        let Segment { frame, connection, to, .. } = cx.world.forwarding.segments.remove(packet);
        cx.world.tcp.connections[connection as usize].ends[to].receive(now, &frame[ETHERNET..]);
        send(connection as usize, to, cx);
    }
}

/// An end's timer runs out.
pub(crate) fn on_timer(setting: u16, token: u32, cx: &mut Ctx<'_, Network>) {
    let (connection, side) = (token as usize / 2, token as usize % 2);
    let live = &mut cx.world.tcp.connections[connection];
    if live.timers[side].setting != setting {
        return; // it was set anew
    }
    live.timers[side].at = None;
    send(connection, side, cx);
    read(cx);
}

/// Lets an end send what it may, and sets its timer.
fn send(connection: usize, side: usize, cx: &mut Ctx<'_, Network>) {
    let now = cx.now();
    let Network { tcp, forwarding, .. } = &mut *cx.world;
    let node = tcp.connections[connection].nodes[side];
    for flight in tcp.poll(connection, side, now, &mut forwarding.segments) {
        if let Some(arc) = cx.world.send(node, flight) {
            transmit(arc, None, flight, cx);
        }
    }
    if let Some((at, key, kind)) = cx.world.tcp.arm(connection, side) {
        cx.schedule_keyed(at, key, cx.world.tcp.entity, kind);
    }
}
