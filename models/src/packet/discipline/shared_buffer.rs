//! A packet memory that several queues share under a dynamic threshold.

use std::num::NonZeroU32;

use twin::{Bytes, InputError, Place};

/// The ratio α of the dynamic threshold: how many times the free memory one queue may hold. Switches configure powers of
/// two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alpha {
    numerator: u32,
    denominator: NonZeroU32,
}

impl Alpha {
    /// One: a single busy queue gets half of the memory.
    pub const ONE: Self = Self { numerator: 1, denominator: NonZeroU32::MIN };

    /// A ratio; `None` if the denominator is zero. α = 0 leaves a queue its reserve alone.
    pub const fn new(numerator: u32, denominator: u32) -> Option<Self> {
        match NonZeroU32::new(denominator) {
            Some(denominator) => Some(Self { numerator, denominator }),
            None => None,
        }
    }
}

/// What one queue may take of a shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Bytes that nobody else can take.
    pub reserve: Bytes,
    /// Its threshold beyond the reserve.
    pub alpha: Alpha,
}

/// A queue of a shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenant(u32);

/// The memory of a device. Each queue has its reserve; what exceeds it comes from the rest, the pool. A queue whose part
/// of the pool has reached α times the free part of the pool gets no more (Choudhury and Hahne, *Dynamic Queue Length
/// Thresholds for Shared-Memory Packet Switches*, IEEE/ACM ToN 6(2), 1998). So n queues that are always full settle at
/// α·B/(1 + α·n) each, of a pool of B bytes. A packet is admitted whole or not at all, so a queue may pass its threshold
/// by less than a packet.
///
/// All arithmetic is on integers. Room is given back when a queue is asked after a packet has left, so ports should be asked
/// in order of time.
///
/// ```
/// use twin::Bytes;
/// use umbra_models::packet::discipline::{Alpha, Share, SharedBuffer};
///
/// let mut buffer = SharedBuffer::new(Bytes::new(4_000));
/// let queue = buffer.join(Share { reserve: Bytes::new(0), alpha: Alpha::ONE }).unwrap();
/// assert!(buffer.take(queue, Bytes::new(1_500))); // nothing held, 4,000 free
/// assert!(buffer.take(queue, Bytes::new(1_500))); // 1,500 held, 2,500 free
/// assert!(!buffer.take(queue, Bytes::new(500))); // 3,000 held, 1,000 free
/// ```
#[derive(Clone, Debug)]
pub struct SharedBuffer {
    total: u64,
    reserved: u64,
    /// Of the pool, taken.
    pooled: u64,
    tenants: Vec<Holding>,
}

#[derive(Clone, Debug)]
struct Holding {
    share: Share,
    used: u64,
}

impl Holding {
    /// The part of `used` bytes that is not covered by the reserve.
    fn beyond_reserve(&self, used: u64) -> u64 {
        used.saturating_sub(self.share.reserve.get())
    }
}

impl SharedBuffer {
    /// A memory of so many bytes, without queues.
    pub fn new(total: Bytes) -> Self {
        Self { total: total.get(), reserved: 0, pooled: 0, tenants: Vec::new() }
    }

    /// One more queue. Queues join before packets come.
    ///
    /// # Errors
    /// If the reserves exceed the memory.
    pub fn join(&mut self, share: Share) -> Result<Tenant, InputError> {
        let reserved = self.reserved.saturating_add(share.reserve.get());
        if reserved > self.total {
            let what = format!("reserves of {reserved} bytes in a memory of {}", self.total);
            return Err(InputError::new("shared buffer", Place::Whole, what, "reserves that fit into it"));
        }
        self.reserved = reserved;
        self.tenants.push(Holding { share, used: 0 });
        Ok(Tenant(self.tenants.len() as u32 - 1))
    }

    /// Takes room for a packet; false if there is none for this queue.
    #[inline]
    pub fn take(&mut self, tenant: Tenant, size: Bytes) -> bool {
        let free = self.total - self.reserved - self.pooled;
        let holding = &mut self.tenants[tenant.0 as usize];
        let after = holding.used.saturating_add(size.get());
        let excess = holding.beyond_reserve(holding.used);
        let wanted = holding.beyond_reserve(after) - excess;
        if wanted > 0 {
            let Alpha { numerator, denominator } = holding.share.alpha;
            let below =
                u128::from(excess) * u128::from(denominator.get()) < u128::from(free) * u128::from(numerator);
            if wanted > free || !below {
                return false;
            }
        }
        holding.used = after;
        self.pooled += wanted;
        true
    }

    /// Gives back the room of a packet.
    ///
    /// # Panics
    /// If the queue holds less.
    #[inline]
    pub fn give_back(&mut self, tenant: Tenant, size: Bytes) {
        let holding = &mut self.tenants[tenant.0 as usize];
        let after = holding.used.checked_sub(size.get()).expect("a queue gives back what it took");
        self.pooled -= holding.beyond_reserve(holding.used) - holding.beyond_reserve(after);
        holding.used = after;
    }

    /// Bytes that a queue holds.
    pub fn held(&self, tenant: Tenant) -> Bytes {
        Bytes::new(self.tenants[tenant.0 as usize].used)
    }

    /// Bytes of the pool that nobody holds.
    pub fn free(&self) -> Bytes {
        Bytes::new(self.total - self.reserved - self.pooled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CELL: Bytes = Bytes::new(1);

    /// Fills `n` queues in turns until none gets more.
    fn fill(buffer: &mut SharedBuffer, tenants: &[Tenant], size: Bytes) {
        while tenants.iter().fold(false, |any, &t| buffer.take(t, size) | any) {}
    }

    #[test]
    fn full_queues_settle_where_choudhury_and_hahne_say() {
        const POOL: u64 = 1_000_000;
        for (numerator, denominator) in [(1, 8), (1, 2), (1, 1), (2, 1), (8, 1)] {
            for n in [1u64, 2, 5, 16] {
                let mut buffer = SharedBuffer::new(Bytes::new(POOL));
                let alpha = Alpha::new(numerator, denominator).unwrap();
                let share = Share { reserve: Bytes::new(0), alpha };
                let tenants: Vec<_> = (0..n).map(|_| buffer.join(share).unwrap()).collect();
                fill(&mut buffer, &tenants, CELL);
                let a = f64::from(numerator) / f64::from(denominator);
                let each = a * POOL as f64 / (1.0 + a * n as f64);
                for &tenant in &tenants {
                    // Cells come one by one, and the threshold falls by α with each: α + 1 of them at most.
                    let held = buffer.held(tenant).get() as f64;
                    assert!((held - each).abs() <= a + 1.0, "α {a}, {n} queues: {held} for {each}");
                }
            }
        }
    }

    #[test]
    fn a_reserve_stays_its_owners_whatever_the_others_take() {
        let mut buffer = SharedBuffer::new(Bytes::new(100_000));
        let greedy =
            buffer.join(Share { reserve: Bytes::new(0), alpha: Alpha::new(1_000, 1).unwrap() }).unwrap();
        let modest =
            buffer.join(Share { reserve: Bytes::new(3_000), alpha: Alpha::new(0, 1).unwrap() }).unwrap();
        fill(&mut buffer, &[greedy], Bytes::new(100));
        assert!(buffer.take(modest, Bytes::new(1_500)));
        assert!(buffer.take(modest, Bytes::new(1_500)));
        assert!(!buffer.take(modest, CELL), "α = 0 gives nothing beyond the reserve");
        assert_eq!(buffer.held(greedy), Bytes::new(97_000));
    }

    #[test]
    fn reserves_larger_than_the_memory_are_an_error() {
        let mut buffer = SharedBuffer::new(Bytes::new(5_000));
        let share = Share { reserve: Bytes::new(3_000), alpha: Alpha::ONE };
        buffer.join(share).unwrap();
        let error = buffer.join(share).unwrap_err().to_string();
        expect_test::expect![
            "shared buffer: reserves of 6000 bytes in a memory of 5000; expected reserves that fit into it"
        ]
        .assert_eq(&error);
    }

    /// The rule in rational numbers, from the list of packets that are there.
    fn slow_take(held: &[Vec<u64>], shares: &[(u64, u32, u32)], total: u64, queue: usize, size: u64) -> bool {
        let excess = |q: usize| held[q].iter().sum::<u64>().saturating_sub(shares[q].0);
        let reserves: u64 = shares.iter().map(|s| s.0).sum();
        let free = total - reserves - (0..held.len()).map(excess).sum::<u64>();
        let after = (held[queue].iter().sum::<u64>() + size).saturating_sub(shares[queue].0);
        let (_, numerator, denominator) = shares[queue];
        let threshold = free as f64 * f64::from(numerator) / f64::from(denominator); // exact: powers of two
        after == 0
            || (after - excess(queue) <= free && (excess(queue) as f64) < threshold)
            || after == excess(queue)
    }

    proptest! {
        #[test]
        fn taking_and_giving_back_agrees_with_the_obvious_memory(
            steps in prop::collection::vec((0usize..3, 1u64..2_000, prop::bool::weighted(0.6)), 1..200),
            reserves in prop::array::uniform3(0u64..4_000),
            powers in prop::array::uniform3(0u32..5),
        ) {
            let total = 20_000;
            let shares: Vec<_> = (0..3).map(|q| (reserves[q], 1 << powers[q], 4)).collect();
            let mut buffer = SharedBuffer::new(Bytes::new(total));
            let tenants: Vec<_> = shares.iter().map(|&(reserve, n, d)| {
                buffer.join(Share { reserve: Bytes::new(reserve), alpha: Alpha::new(n, d).unwrap() }).unwrap()
            }).collect();
            let mut held = vec![Vec::new(); 3];
            for (queue, size, taking) in steps {
                if taking {
                    let expected = slow_take(&held, &shares, total, queue, size);
                    prop_assert_eq!(buffer.take(tenants[queue], Bytes::new(size)), expected);
                    if expected {
                        held[queue].push(size);
                    }
                } else if let Some(size) = held[queue].pop() {
                    buffer.give_back(tenants[queue], Bytes::new(size));
                }
                prop_assert_eq!(buffer.held(tenants[queue]).get(), held[queue].iter().sum::<u64>());
            }
        }
    }
}
