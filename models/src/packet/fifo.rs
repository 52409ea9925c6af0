//! Drop-tail FIFO in front of a half-link.

use twin::{Bytes, SimDuration, SimTime};

use super::flight::Flight;
use super::queue_stats::{QueueStats, WaitHistogram};
use super::ring::Ring;

/// A FIFO queue with a limit in bytes. The packet in service counts whole until its last bit has left; a departure at
/// exactly the instant of an arrival frees its room first.
///
/// Nothing happens here at a departure: it is computed when the packet arrives, as max(arrival, departure of the packet
/// before) + service, so a hop costs one event. A packet that has left the queue stays in the ring while it is on the
/// wire, since packets come out of both in the same order.
///
/// ```
/// use twin::{Bytes, SimDuration, SimTime};
/// use umbra_models::packet::Fifo;
///
/// let mut queue = Fifo::new(Bytes::new(3_000));
/// let mut offer = |us: u64| {
///     queue.offer(SimTime::from_ps(us * 1_000_000), Bytes::new(1_500), SimDuration::micros(10))
/// };
/// assert_eq!(offer(0), Some(SimTime::from_ps(10_000_000)));
/// assert_eq!(offer(4), Some(SimTime::from_ps(20_000_000)));
/// assert_eq!(offer(9), None); // both are still there
/// assert_eq!(offer(10), Some(SimTime::from_ps(30_000_000)));
/// ```
#[derive(Clone, Debug)]
pub struct Fifo<T = Held> {
    limit: u64,
    /// Bytes of the packets that were not yet seen to leave the queue: at least those that are in it.
    backlog: u64,
    /// When the last accepted packet has left.
    busy_until: SimTime,
    /// Packets in the queue and on the wire, oldest first.
    ring: Ring<T>,
    /// How many of them, from the front, were seen to leave the queue.
    left: usize,
    stats: QueueStats,
    /// Apart from the rest, of which every packet needs all.
    waits: Box<WaitHistogram>,
}

/// A packet of a queue without a wire: when it leaves, and its size.
#[derive(Clone, Copy, Debug)]
pub struct Held(SimTime, u32);

/// What a queue has to know of what it holds.
pub trait InQueue {
    /// When its last bit leaves the queue.
    fn departure(&self) -> SimTime;
    /// Its size in bytes.
    fn bytes(&self) -> u32;
}

impl InQueue for Held {
    fn departure(&self) -> SimTime {
        self.0
    }
    fn bytes(&self) -> u32 {
        self.1
    }
}

impl InQueue for Flight {
    #[inline]
    fn departure(&self) -> SimTime {
        self.at
    }
    #[inline]
    fn bytes(&self) -> u32 {
        self.size()
    }
}

impl Fifo {
    /// Offers a packet of less than 4 GB that needs `service` to be sent. Gives the instant at which its last bit has
    /// left, or `None` if it finds no room. Arrivals must come in order of time.
    pub fn offer(&mut self, now: SimTime, size: Bytes, service: SimDuration) -> Option<SimTime> {
        let bytes = u32::try_from(size.get()).expect("a packet is smaller than 4 GB");
        let departure = self.push(now, bytes, service, |departure| Held(departure, bytes));
        self.ring.forget(std::mem::take(&mut self.left));
        departure
    }
}

impl<T: Copy> Fifo<T> {
    /// An empty queue that holds at most `limit`, the packet in service included.
    pub fn new(limit: Bytes) -> Self {
        Self {
            limit: limit.get(),
            backlog: 0,
            busy_until: SimTime::ZERO,
            ring: Ring::new(),
            left: 0,
            stats: QueueStats::default(),
            waits: Box::default(),
        }
    }

    /// The most bytes that it holds.
    pub fn limit(&self) -> Bytes {
        Bytes::new(self.limit)
    }

    /// What it did so far.
    pub fn stats(&self) -> &QueueStats {
        &self.stats
    }

    /// How often accepted packets waited how long.
    pub fn waits(&self) -> &WaitHistogram {
        &self.waits
    }

    /// Counts a packet that found no room behind unseen traffic.
    pub(crate) fn refuse(&mut self) {
        self.stats.drops += 1;
    }

    /// The number of packets in the queue and on the wire.
    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// The packets in the queue and on the wire, oldest first.
    #[inline]
    pub(crate) fn held(&self) -> &[T] {
        self.ring.as_slice()
    }

    /// Takes out everything that is queued, in service or on the wire, oldest first: the half-link went down. Statistics
    /// stay.
    pub(crate) fn clear(&mut self) -> Vec<T> {
        self.backlog = 0;
        self.left = 0;
        self.busy_until = SimTime::ZERO;
        let all = self.ring.as_slice().to_vec();
        self.ring.forget(all.len());
        all
    }
}

impl<T: InQueue + Copy> Fifo<T> {
    /// Takes in the packet that `made` makes of its departure, and gives the departure; `None` if there is no room.
    #[inline(always)]
    pub(crate) fn push(
        &mut self,
        now: SimTime,
        size: u32,
        service: SimDuration,
        made: impl FnOnce(SimTime) -> T,
    ) -> Option<SimTime> {
        // What has left the queue is only looked for when it matters: most of it is taken out before.
        if self.backlog + u64::from(size) > self.limit {
            self.release(now);
            if self.backlog + u64::from(size) > self.limit {
                self.stats.drops += 1;
                return None;
            }
        }
        self.backlog += u64::from(size);
        Some(self.append(now, self.busy_until.max(now), size, service, made))
    }

    /// As [`push`](Self::push) for a queue that is shared with traffic which is not here packet by packet: the unseen work
    /// ahead of the packet takes `work` to send. The packet never overtakes the one accepted before it.
    pub(crate) fn push_behind(
        &mut self,
        now: SimTime,
        size: u32,
        service: SimDuration,
        work: SimDuration,
        made: impl FnOnce(SimTime) -> T,
    ) -> SimTime {
        self.backlog += u64::from(size); // so that `release` and `pop` may take it away again
        self.append(now, (now + work).max(self.busy_until), size, service, made)
    }

    #[inline(always)]
    fn append(
        &mut self,
        now: SimTime,
        start: SimTime,
        size: u32,
        service: SimDuration,
        made: impl FnOnce(SimTime) -> T,
    ) -> SimTime {
        self.busy_until = start + service;
        self.ring.push(made(self.busy_until));
        let wait = start.since(now);
        self.stats.accept(size, wait, service);
        self.waits.add(wait);
        self.busy_until
    }

    /// Takes out the oldest packet: it came to the end of the wire.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        let oldest = self.ring.pop()?;
        match self.left {
            0 => self.backlog -= u64::from(oldest.bytes()),
            _ => self.left -= 1,
        }
        Some(oldest)
    }

    /// Takes out the oldest `count`, as [`pop`](Self::pop) would one by one.
    #[inline]
    pub(crate) fn forget(&mut self, count: usize) {
        for unseen in &self.ring.as_slice()[self.left.min(count)..count] {
            self.backlog -= u64::from(unseen.bytes());
        }
        self.left -= self.left.min(count);
        self.ring.forget(count);
    }

    #[inline]
    fn release(&mut self, now: SimTime) {
        for next in &self.ring.as_slice()[self.left..] {
            if next.departure() > now {
                break;
            }
            self.backlog -= u64::from(next.bytes());
            self.left += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SERVICE: SimDuration = SimDuration::from_ps(1_200_000);

    #[test]
    fn the_hundred_and_first_packet_is_dropped_and_an_exact_departure_makes_room() {
        let mut queue = Fifo::new(Bytes::new(150_000));
        let mut offer = |ps| queue.offer(SimTime::from_ps(ps), Bytes::new(1_500), SERVICE);
        assert!((0..100).all(|_| offer(0).is_some()));
        assert_eq!(offer(0), None);
        assert_eq!(offer(1_199_999), None, "one picosecond before the first departure");
        assert_eq!(offer(1_200_000), Some(SimTime::from_ps(101 * 1_200_000)));
        assert_eq!(queue.stats().drops, 2);
    }

    #[test]
    fn what_goes_down_is_forgotten() {
        let mut queue: Fifo = Fifo::new(Bytes::new(1_500));
        queue.offer(SimTime::ZERO, Bytes::new(1_500), SERVICE);
        assert_eq!(queue.clear().len(), 1);
        let again = queue.offer(SimTime::from_ps(1), Bytes::new(1_500), SERVICE);
        assert_eq!(again, Some(SimTime::from_ps(1_200_001)));
    }

    #[test]
    fn what_is_on_the_wire_takes_no_room() {
        let mut queue = Fifo::new(Bytes::new(1_500));
        let push = |queue: &mut Fifo<Held>, ps| {
            queue.push(SimTime::from_ps(ps), 1_500, SERVICE, |departure| Held(departure, 1_500))
        };
        assert!(push(&mut queue, 0).is_some() && push(&mut queue, 1_200_000).is_some());
        assert_eq!((queue.len(), push(&mut queue, 2_000_000)), (2, None));
        queue.pop(); // it had left the queue
        assert_eq!(push(&mut queue, 2_000_000), None);
        queue.pop(); // nobody had seen it leave
        assert!(push(&mut queue, 2_400_000).is_some());
    }

    /// The obvious queue: a list of all packets ever accepted.
    fn slow_offer(accepted: &mut Vec<(u64, u64)>, now: u64, size: u64, limit: u64) -> Option<u64> {
        let held: u64 = accepted.iter().filter(|(departure, _)| *departure > now).map(|(_, s)| s).sum();
        let busy = accepted.last().map_or(0, |(departure, _)| *departure);
        (held + size <= limit).then(|| {
            let departure = busy.max(now) + size * 800;
            accepted.push((departure, size));
            departure
        })
    }

    proptest! {
        #[test]
        fn mixed_sizes_agree_with_the_obvious_queue(
            arrivals in prop::collection::vec((0u64..4_000, 1u64..20), 1..120),
            limit in 1_000u64..6_000,
        ) {
            let (mut queue, mut accepted, mut now) = (Fifo::new(Bytes::new(limit)), Vec::new(), 0);
            for (gap, size) in arrivals {
                // Gaps are multiples of the byte time, so exact ties with departures are frequent.
                now += gap / 10 * 800;
                let size = size * 76;
                let got = queue.offer(SimTime::from_ps(now), Bytes::new(size), SimDuration::from_ps(size * 800));
                prop_assert_eq!(got.map(SimTime::as_ps), slow_offer(&mut accepted, now, size, limit));
            }
        }
    }
}
