//! A radix heap (Ahuja, Mehlhorn, Orlin and Tarjan, "Faster algorithms for the shortest path problem", JACM 37(2),
//! 1990): a bucket for each highest bit in which an event's time differs from the last one popped. Ties are settled by a
//! sort of those at one instant.

use engine::Event;

use super::Pending;

/// 65 buckets, the first of them sorted.
#[derive(Clone, Debug)]
pub struct Radix {
    last: u64,
    /// Those at the instant `last`, the least at the end.
    now: Vec<Event>,
    buckets: [Vec<Event>; 64],
    occupied: u64,
}

impl Default for Radix {
    fn default() -> Self {
        Self { last: 0, now: Vec::new(), buckets: std::array::from_fn(|_| Vec::new()), occupied: 0 }
    }
}

impl Radix {
    fn refill(&mut self) {
        let lowest = self.occupied.trailing_zeros() as usize;
        let mut bucket = std::mem::take(&mut self.buckets[lowest]);
        self.occupied &= !(1 << lowest);
        self.last = bucket.iter().map(|e| e.at.as_ps()).min().unwrap_or(self.last);
        for event in bucket.drain(..) {
            match event.at.as_ps() ^ self.last {
                0 => self.now.push(event),
                apart => self.place(apart, event),
            }
        }
        self.buckets[lowest] = bucket;
        self.now.sort_unstable_by(|a, b| b.cmp(a));
    }

    #[inline(always)]
    fn place(&mut self, apart: u64, event: Event) {
        let bucket = apart.ilog2() as usize;
        self.occupied |= 1 << bucket;
        self.buckets[bucket].push(event);
    }
}

impl Pending for Radix {
    #[inline(always)]
    fn push(&mut self, event: Event) {
        match event.at.as_ps() ^ self.last {
            0 => {
                let at = self.now.partition_point(|e| *e > event);
                self.now.insert(at, event);
            }
            apart => self.place(apart, event),
        }
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<Event> {
        if self.now.is_empty() && self.occupied != 0 {
            self.refill();
        }
        self.now.pop()
    }
}
