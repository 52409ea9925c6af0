//! Drop-tail: a queue that is full refuses.

use twin::Bytes;

/// How much a queue holds, the packet in service included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many bytes; a packet that would exceed them is refused.
    Bytes(Bytes),
    /// So many packets, however large.
    Packets(u32),
}

/// A limit and what counts against it.
///
/// ```
/// use twin::Bytes;
/// use umbra_models::packet::discipline::{Limit, TailDrop};
///
/// let mut queue = TailDrop::new(Limit::Packets(1));
/// assert!(queue.admits(Bytes::new(9_000)));
/// queue.add(Bytes::new(9_000));
/// assert!(!queue.admits(Bytes::new(64)));
/// queue.remove(Bytes::new(9_000));
/// assert!(queue.admits(Bytes::new(64)));
/// ```
#[derive(Clone, Debug)]
pub struct TailDrop {
    limit: Limit,
    packets: u64,
    bytes: u64,
}

impl TailDrop {
    /// An empty queue.
    pub fn new(limit: Limit) -> Self {
        Self { limit, packets: 0, bytes: 0 }
    }

    /// Whether a packet of this size finds room.
    #[inline]
    pub fn admits(&self, size: Bytes) -> bool {
        match self.limit {
            Limit::Bytes(limit) => self.bytes.saturating_add(size.get()) <= limit.get(),
            Limit::Packets(limit) => self.packets < u64::from(limit),
        }
    }

    /// A packet enters.
    #[inline]
    pub fn add(&mut self, size: Bytes) {
        self.packets += 1;
        self.bytes += size.get();
    }

    /// A packet has left.
    ///
    /// # Panics
    /// If it never entered.
    #[inline]
    pub fn remove(&mut self, size: Bytes) {
        assert!(self.packets > 0 && self.bytes >= size.get(), "only what entered a queue leaves it");
        self.packets -= 1;
        self.bytes -= size.get();
    }

    /// Bytes that are there.
    pub fn bytes(&self) -> Bytes {
        Bytes::new(self.bytes)
    }

    /// Packets that are there.
    pub fn packets(&self) -> u64 {
        self.packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_fill_to_the_last_one() {
        let mut queue = TailDrop::new(Limit::Bytes(Bytes::new(3_000)));
        queue.add(Bytes::new(1_500));
        assert!(queue.admits(Bytes::new(1_500)));
        assert!(!queue.admits(Bytes::new(1_501)));
        assert!(!queue.admits(Bytes::new(u64::MAX)), "and no size overflows");
    }

    #[test]
    fn packets_fill_to_the_last_one_whatever_their_size() {
        let mut queue = TailDrop::new(Limit::Packets(2));
        queue.add(Bytes::new(1));
        assert!(queue.admits(Bytes::new(1_000_000)));
        queue.add(Bytes::new(1_000_000));
        assert!(!queue.admits(Bytes::new(1)));
        assert_eq!((queue.packets(), queue.bytes().get()), (2, 1_000_001));
    }
}
