//! Drop-tail FIFO in front of a half-link.

use std::collections::VecDeque;

use twin::{Bytes, SimDuration, SimTime};

/// A FIFO queue with a limit in bytes. The packet in service counts whole until its last bit has left; a departure at
/// exactly the instant of an arrival frees its room first.
///
/// Nothing happens here at a departure: it is computed when the packet arrives, as max(arrival, departure of the packet
/// before) + service, so a hop costs one event.
///
/// ```
/// use twin::{Bytes, SimDuration, SimTime};
/// use umbra_models::packet::Fifo;
///
/// let mut queue = Fifo::new(Bytes::new(3_000));
/// let offer = |q: &mut Fifo, us: u64| {
///     q.offer(SimTime::from_ps(us * 1_000_000), Bytes::new(1_500), SimDuration::micros(10))
/// };
/// assert_eq!(offer(&mut queue, 0), Some(SimTime::from_ps(10_000_000)));
/// assert_eq!(offer(&mut queue, 4), Some(SimTime::from_ps(20_000_000)));
/// assert_eq!(offer(&mut queue, 9), None); // both are still there
/// assert_eq!(offer(&mut queue, 10), Some(SimTime::from_ps(30_000_000)));
/// ```
#[derive(Clone, Debug)]
pub struct Fifo {
    limit: Bytes,
    backlog: u64,
    /// When the last accepted packet has left.
    busy_until: SimTime,
    /// Departure and size of each packet that has not been seen to leave, in order.
    waiting: VecDeque<(SimTime, u64)>,
    stats: QueueStats,
}

/// What a queue and the half-link behind it did; always kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Packets accepted.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets refused because the queue was full.
    pub drops: u64,
    /// Time spent sending accepted packets (counted at their acceptance).
    pub busy: SimDuration,
    /// Sum over accepted packets of the time before their service, in picoseconds.
    pub wait_sum_ps: u128,
    /// The longest of those.
    pub wait_max: SimDuration,
}

impl QueueStats {
    /// Mean time before service of accepted packets in seconds; NaN without any.
    pub fn wait_mean_s(&self) -> f64 {
        self.wait_sum_ps as f64 / self.packets as f64 * 1e-12
    }

    fn accept(&mut self, size: Bytes, wait: SimDuration, service: SimDuration) {
        self.packets += 1;
        self.bytes += size.get();
        self.busy = self.busy + service;
        self.wait_sum_ps += u128::from(wait.as_ps());
        self.wait_max = self.wait_max.max(wait);
    }
}

impl Fifo {
    /// An empty queue that holds at most `limit`, the packet in service included.
    pub fn new(limit: Bytes) -> Self {
        let (busy_until, waiting) = (SimTime::ZERO, VecDeque::new());
        Self { limit, backlog: 0, busy_until, waiting, stats: QueueStats::default() }
    }

    /// Offers a packet that needs `service` to be sent. Gives the instant at which its last bit has left, or `None` if it
    /// finds no room. Arrivals must come in order of time.
    #[inline]
    pub fn offer(&mut self, now: SimTime, size: Bytes, service: SimDuration) -> Option<SimTime> {
        self.release(now);
        if self.backlog + size.get() > self.limit.get() {
            self.stats.drops += 1;
            return None;
        }
        let start = self.busy_until.max(now);
        self.busy_until = start + service;
        self.backlog += size.get();
        self.waiting.push_back((self.busy_until, size.get()));
        self.stats.accept(size, start.since(now), service);
        Some(self.busy_until)
    }

    /// As [`offer`](Self::offer) for a queue that is shared with traffic which is not here packet by packet: the unseen
    /// work ahead of the packet takes `work` to send. The packet never overtakes the one accepted before it.
    pub fn offer_behind(
        &mut self,
        now: SimTime,
        size: Bytes,
        service: SimDuration,
        work: SimDuration,
    ) -> SimTime {
        let start = (now + work).max(self.busy_until);
        self.busy_until = start + service;
        self.stats.accept(size, start.since(now), service);
        self.busy_until
    }

    /// Counts a packet that found no room behind unseen traffic.
    pub fn refuse(&mut self) {
        self.stats.drops += 1;
    }

    /// Forgets everything that is queued or in service: the half-link went down. Statistics stay.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.backlog = 0;
        self.busy_until = SimTime::ZERO;
    }

    /// The most bytes that it holds.
    pub fn limit(&self) -> Bytes {
        self.limit
    }

    /// What it did so far.
    pub fn stats(&self) -> &QueueStats {
        &self.stats
    }

    fn release(&mut self, now: SimTime) {
        while let Some(&(departure, size)) = self.waiting.front() {
            if departure > now {
                break;
            }
            self.backlog -= size;
            self.waiting.pop_front();
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
        let mut queue = Fifo::new(Bytes::new(1_500));
        queue.offer(SimTime::ZERO, Bytes::new(1_500), SERVICE);
        queue.clear();
        let again = queue.offer(SimTime::from_ps(1), Bytes::new(1_500), SERVICE);
        assert_eq!(again, Some(SimTime::from_ps(1_200_001)));
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
