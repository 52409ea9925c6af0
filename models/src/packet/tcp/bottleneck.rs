//! Connections through one queue: the smallest network in which TCP shows its nature.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use engine::{Chance, Purpose, Trial};
use twin::{BitsPerSec, Bytes, EntityKey, SimDuration, SimTime};

use super::{TcpConfig, TcpEnd, TcpError, TcpFlow, TcpProgress};

/// Which segments with data are lost on the way from clients to servers, beside those for which the queue has no room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// None.
    None,
    /// Each with this probability, by itself.
    Random(f64),
    /// Each one whose number (from 1) is a multiple of this.
    Every(u64),
}

/// A drop-tail queue and a line from all clients to all servers. Segments without data and all segments on the way back
/// only take the delay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bottleneck {
    /// Rate of the line.
    pub rate: BitsPerSec,
    /// Delay in one direction.
    pub delay: SimDuration,
    /// Bytes that the queue holds, the packet in service included.
    pub queue: Bytes,
    /// Losses on the line.
    pub loss: Loss,
}

/// One connection, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The client's end.
    pub client: TcpProgress,
    /// The server's end.
    pub server: TcpProgress,
    /// Segments with data that came to the queue.
    pub offered: u64,
    /// Those of them that were lost.
    pub lost: u64,
    /// The client's mean retransmission timeout, over all acknowledgements of new data; zero without one.
    pub timeout: SimDuration,
}

impl Bottleneck {
    /// Connections that stand at time zero.
    ///
    /// # Errors
    /// The first flow's of which no connection can be made.
    pub fn start(
        &self,
        flows: &[TcpFlow],
        config: &TcpConfig,
        chance: Trial,
    ) -> Result<BottleneckRun, TcpError> {
        let key = EntityKey::new("bottleneck");
        let sequence = chance.chance(Purpose::new("tcp-sequence"), &key);
        let pair = |(i, flow): (usize, &TcpFlow)| {
            let client = TcpEnd::client(flow, config, sequence, i as u64)?;
            Ok(Pair::new(client, TcpEnd::server(flow, config, sequence, i as u64)?))
        };
        let mut run = BottleneckRun {
            line: *self,
            luck: chance.chance(Purpose::LINK_LOSS, &key),
            now: SimTime::ZERO,
            free_at: SimTime::ZERO,
            pairs: flows.iter().enumerate().map(pair).collect::<Result<_, _>>()?,
            events: BinaryHeap::new(),
            scheduled: 0,
        };
        for flow in 0..flows.len() {
            run.arm(flow, CLIENT);
        }
        Ok(run)
    }

    /// The connections at `until`, or when nothing happens any more.
    ///
    /// # Errors
    /// The first flow's of which no connection can be made.
    pub fn run(
        &self,
        flows: &[TcpFlow],
        config: &TcpConfig,
        until: SimTime,
        chance: Trial,
    ) -> Result<Vec<Transfer>, TcpError> {
        let mut run = self.start(flows, config, chance)?;
        run.run_until(until);
        Ok(run.transfers())
    }
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

/// Connections in progress. `Clone` forks them.
#[derive(Clone, Debug)]
pub struct BottleneckRun {
    line: Bottleneck,
    luck: Chance,
    now: SimTime,
    /// When the line has sent all that is queued.
    free_at: SimTime,
    pairs: Vec<Pair>,
    events: BinaryHeap<Reverse<Event>>,
    scheduled: u64,
}

#[derive(Clone, Debug)]
struct Pair {
    ends: [TcpEnd; 2],
    /// When each end is woken next.
    armed: [Option<SimTime>; 2],
    offered: u64,
    lost: u64,
    /// Sum (ps) and number of the client's timeouts.
    timeouts: (u128, u64),
}

/// In their order: time, then the order in which they were scheduled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: SimTime,
    order: u64,
    flow: usize,
    side: usize,
    /// A segment's headers, or nothing for a timer.
    headers: Vec<u8>,
}

impl BottleneckRun {
    /// The clock.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Goes on up to and including `until`, where the clock then stands.
    pub fn run_until(&mut self, until: SimTime) {
        while self.events.peek().is_some_and(|Reverse(next)| next.at <= until) {
            let Reverse(event) = self.events.pop().expect("an event was seen");
            self.now = event.at;
            if event.headers.is_empty() {
                self.wake(&event);
            } else {
                self.arrive(&event);
            }
        }
        self.now = self.now.max(until);
    }

    /// All connections as they stand, in the order of the flows.
    pub fn transfers(&self) -> Vec<Transfer> {
        self.pairs.iter().map(Pair::transfer).collect()
    }

    fn arrive(&mut self, event: &Event) {
        let end = &mut self.pairs[event.flow].ends[event.side];
        let acknowledged = end.progress().acknowledged;
        end.receive(self.now, &event.headers);
        self.poll(event.flow, event.side);
        let pair = &mut self.pairs[event.flow];
        let end = &pair.ends[CLIENT];
        if event.side == CLIENT
            && end.progress().acknowledged > acknowledged
            && let Some(due) = end.due()
        {
            pair.timeouts.0 += u128::from(due.since(self.now).as_ps());
            pair.timeouts.1 += 1;
        }
    }

    fn wake(&mut self, event: &Event) {
        let pair = &mut self.pairs[event.flow];
        if pair.armed[event.side] != Some(event.at) {
            return; // another timer has taken its place
        }
        pair.armed[event.side] = None;
        if pair.ends[event.side].due().is_some_and(|due| due <= self.now) {
            self.poll(event.flow, event.side);
        } else {
            self.arm(event.flow, event.side); // it was put off
        }
    }

    fn poll(&mut self, flow: usize, side: usize) {
        let mut sent = Vec::new();
        self.pairs[flow].ends[side].poll(self.now, |headers, header| sent.push((headers.to_vec(), header)));
        for (headers, header) in sent {
            let arrival = match (side, header.payload_len) {
                (CLIENT, 1..) => self.cross(flow, Bytes::new(header.total_len() as u64)),
                _ => Some(self.now + self.line.delay),
            };
            if let Some(at) = arrival {
                self.schedule(at, flow, 1 - side, headers);
            }
        }
        self.arm(flow, side);
    }

    /// Sends a packet along the line: when it arrives, unless it is lost.
    fn cross(&mut self, flow: usize, size: Bytes) -> Option<SimTime> {
        let pair = &mut self.pairs[flow];
        pair.offered += 1;
        let unlucky = match self.line.loss {
            Loss::None => false,
            Loss::Random(probability) => self.luck.f64_open((flow as u64) << 40 | pair.offered) < probability,
            Loss::Every(n) => pair.offered.is_multiple_of(n),
        };
        let waiting = u128::from(self.free_at.since(self.now).as_ps()) * u128::from(self.line.rate.get());
        let queued = waiting.div_ceil(8 * 1_000_000_000_000) as u64;
        if unlucky || queued + size.get() > self.line.queue.get() {
            pair.lost += 1;
            return None;
        }
        self.free_at = self.free_at.max(self.now) + self.line.rate.serialization_delay(size);
        Some(self.free_at + self.line.delay)
    }

    fn arm(&mut self, flow: usize, side: usize) {
        let pair = &mut self.pairs[flow];
        let Some(due) = pair.ends[side].due() else {
            return;
        };
        if pair.armed[side].is_none_or(|armed| due < armed) {
            pair.armed[side] = Some(due);
            self.schedule(due, flow, side, Vec::new());
        }
    }

    fn schedule(&mut self, at: SimTime, flow: usize, side: usize, headers: Vec<u8>) {
        self.scheduled += 1;
        self.events.push(Reverse(Event { at, order: self.scheduled, flow, side, headers }));
    }
}

impl Pair {
    fn new(client: TcpEnd, server: TcpEnd) -> Self {
        Self { ends: [client, server], armed: [None; 2], offered: 0, lost: 0, timeouts: (0, 0) }
    }

    fn transfer(&self) -> Transfer {
        let (sum, count) = self.timeouts;
        let mean = sum.checked_div(u128::from(count)).unwrap_or(0);
        Transfer {
            client: *self.ends[CLIENT].progress(),
            server: *self.ends[SERVER].progress(),
            offered: self.offered,
            lost: self.lost,
            timeout: SimDuration::from_ps(mean as u64),
        }
    }
}
