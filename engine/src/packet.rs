//! Packets in flight: an arena with free list, addressed by checked 32-bit handles.

use std::sync::Arc;

use twin::SimTime;

/// A handle of a packet: 24 bits of slot, 8 bits of the slot's generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PacketId(u32);

/// A packet in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When its source sent it.
    pub sent_at: SimTime,
    /// What a load balancer hashes: equal for packets that must take one path.
    pub entropy: u64,
    /// Flow number.
    pub flow: u32,
    /// Position in its flow, from 0.
    pub sequence: u32,
    /// The endpoint that sent it.
    pub src: u32,
    /// The endpoint it is for.
    pub dst: u32,
    /// Length on the wire in bytes.
    pub size: u32,
    /// Half-links crossed so far.
    pub hops: u16,
    /// Remaining hops (IP TTL or hop limit).
    pub ttl: u8,
    /// The frame as it was sent, shared and never written: the time to live that a router would write into it is `ttl`.
    pub frame: Option<Arc<[u8]>>,
}

/// All packets in flight. Handles are checked: one that outlived its packet is found out (until its slot has been used
/// 256 times more).
#[derive(Clone, Debug, Default)]
pub struct PacketArena {
    slots: Vec<Option<Packet>>,
    generations: Vec<u8>,
    free: Vec<u32>,
}

impl PacketArena {
    const INDEX_BITS: u32 = 24;

    /// An empty arena.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a packet in. Allocates only beyond the largest number in flight so far.
    ///
    /// # Panics
    /// Beyond 2^24 packets in flight.
    #[inline]
    pub fn insert(&mut self, packet: Packet) -> PacketId {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.grow(),
        };
        self.slots[index as usize] = Some(packet);
        PacketId(u32::from(self.generations[index as usize]) << Self::INDEX_BITS | index)
    }

    fn grow(&mut self) -> u32 {
        let index = self.slots.len() as u32;
        assert!(index < 1 << Self::INDEX_BITS, "more than 2^24 packets in flight");
        self.slots.push(None);
        self.generations.push(0);
        self.free.reserve(self.slots.capacity() - self.free.len()); // so that `remove` never allocates
        index
    }

    /// Takes a packet out; its handle is void from now on.
    ///
    /// # Panics
    /// If the handle is void.
    #[inline]
    pub fn remove(&mut self, id: PacketId) -> Packet {
        let index = self.index(id);
        self.generations[index] = self.generations[index].wrapping_add(1);
        self.free.push(index as u32);
        self.slots[index].take().expect("a packet is taken out once")
    }

    /// The packet of a handle.
    ///
    /// # Panics
    /// If the handle is void.
    #[inline]
    pub fn get(&self, id: PacketId) -> &Packet {
        self.slots[self.index(id)].as_ref().expect("the handle's packet is in the arena")
    }

    /// The packet of a handle, to write.
    ///
    /// # Panics
    /// If the handle is void.
    #[inline]
    pub fn get_mut(&mut self, id: PacketId) -> &mut Packet {
        let index = self.index(id);
        self.slots[index].as_mut().expect("the handle's packet is in the arena")
    }

    /// The number of packets in flight.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether none is in flight.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn index(&self, id: PacketId) -> usize {
        let index = (id.0 & ((1 << Self::INDEX_BITS) - 1)) as usize;
        let generation = (id.0 >> Self::INDEX_BITS) as u8;
        assert_eq!(self.generations[index], generation, "the packet of this handle is gone");
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(flow: u32) -> Packet {
        Packet {
            sent_at: SimTime::ZERO,
            entropy: 0,
            flow,
            sequence: 0,
            src: 0,
            dst: 0,
            size: 64,
            hops: 0,
            ttl: 64,
            frame: None,
        }
    }

    #[test]
    fn slots_are_used_again_and_handles_stay_apart() {
        let mut arena = PacketArena::new();
        let first = arena.insert(packet(1));
        assert_eq!(arena.remove(first).flow, 1);
        let second = arena.insert(packet(2));
        assert_ne!(first, second);
        arena.get_mut(second).hops = 3;
        assert_eq!((arena.get(second).flow, arena.get(second).hops, arena.len()), (2, 3, 1));
    }

    #[test]
    #[should_panic(expected = "gone")]
    fn a_void_handle_is_found_out() {
        let mut arena = PacketArena::new();
        let id = arena.insert(packet(1));
        arena.remove(id);
        arena.insert(packet(2));
        arena.get(id);
    }
}
