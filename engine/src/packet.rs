//! An arena with free list, addressed by checked 32-bit handles: for packets that are made during a run.

/// A handle of a packet: 24 bits of slot, 7 bits of the slot's generation. The highest bit is free for its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PacketId(u32);

impl PacketId {
    /// The 31 bits.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The handle of these bits, as [`get`](Self::get) gave them.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// Packets that exist now. Handles are checked: one that outlived its packet is found out (until its slot has been used
/// 128 times more).
#[derive(Clone, Debug)]
pub struct PacketArena<T> {
    slots: Vec<Option<T>>,
    generations: Vec<u8>,
    free: Vec<u32>,
}

impl<T> Default for PacketArena<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), generations: Vec::new(), free: Vec::new() }
    }
}

impl<T> PacketArena<T> {
    const INDEX_BITS: u32 = 24;
    const GENERATIONS: u8 = 0x7f;

    /// An empty arena.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a packet in. Allocates only beyond the largest number in flight so far.
    ///
    /// # Panics
    /// Beyond 2^24 packets in flight.
    #[inline]
    pub fn insert(&mut self, packet: T) -> PacketId {
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
    pub fn remove(&mut self, id: PacketId) -> T {
        let index = self.index(id);
        self.generations[index] = (self.generations[index] + 1) & Self::GENERATIONS;
        self.free.push(index as u32);
        self.slots[index].take().expect("a packet is taken out once")
    }

    /// The packet of a handle.
    ///
    /// # Panics
    /// If the handle is void.
    #[inline]
    pub fn get(&self, id: PacketId) -> &T {
        self.slots[self.index(id)].as_ref().expect("the handle's packet is in the arena")
    }

    /// The packet of a handle, to write.
    ///
    /// # Panics
    /// If the handle is void.
    #[inline]
    pub fn get_mut(&mut self, id: PacketId) -> &mut T {
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

    #[test]
    fn slots_are_used_again_and_handles_stay_apart() {
        let mut arena = PacketArena::new();
        let first = arena.insert("one");
        assert_eq!(arena.remove(first), "one");
        let second = arena.insert("two");
        assert_ne!(first, second);
        *arena.get_mut(second) = "three";
        assert_eq!((*arena.get(second), arena.len()), ("three", 1));
    }

    #[test]
    #[should_panic(expected = "gone")]
    fn a_void_handle_is_found_out() {
        let mut arena = PacketArena::new();
        let id = arena.insert(1);
        arena.remove(id);
        arena.insert(2);
        arena.get(id);
    }
}
