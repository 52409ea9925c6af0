//! A token bucket, exact in integers: what policers and shapers are made of.

use twin::{BitsPerSec, Bytes, SimDuration, SimTime};

/// Rate and depth of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketConfig {
    /// How fast tokens come.
    pub rate: BitsPerSec,
    /// How many fit: the longest burst at line rate.
    pub burst: Bytes,
}

/// Tokens are counted in 10⁻¹² bit: one bit/s brings exactly one of them in a picosecond, so nothing is ever rounded.
const PER_BYTE: i128 = 8_000_000_000_000;

pub(crate) fn tokens(size: Bytes) -> i128 {
    i128::from(size.get()) * PER_BYTE
}

/// A level and what fits.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    level: i128,
    capacity: i128,
}

impl Level {
    pub(crate) fn full(burst: Bytes) -> Self {
        Self { level: tokens(burst), capacity: tokens(burst) }
    }

    /// Pours tokens in and gives back those that do not fit.
    pub(crate) fn pour(&mut self, tokens: u128) -> u128 {
        let room = (self.capacity - self.level) as u128;
        let poured = room.min(tokens);
        self.level += poured as i128;
        tokens - poured
    }

    pub(crate) fn holds(&self, size: Bytes) -> bool {
        self.level >= tokens(size)
    }

    pub(crate) fn take(&mut self, size: Bytes) {
        self.level = self.level.saturating_sub(tokens(size));
    }
}

/// A bucket that is full at time zero and fills continuously.
///
/// A policer asks whether a packet [`conforms`](Self::conforms) now; a shaper asks [when](Self::conforming_at) it will.
/// What conforms in any interval of length t is at most rate·t + burst, and no packet is refused that could conform.
///
/// ```
/// use twin::{BitsPerSec, Bytes, SimTime};
/// use umbra_models::packet::discipline::{BucketConfig, TokenBucket};
///
/// let mut bucket =
///     TokenBucket::new(BucketConfig { rate: BitsPerSec::mbps(8), burst: Bytes::new(1_500) });
/// let (now, size) = (SimTime::ZERO, Bytes::new(1_000));
/// assert!(bucket.conforms(now, size));
/// bucket.take(size);
/// assert!(!bucket.conforms(now, size)); // 500 are left, and 1 byte comes in a microsecond
/// assert_eq!(bucket.conforming_at(now, size), SimTime::from_ps(500_000_000));
/// ```
#[derive(Clone, Debug)]
pub struct TokenBucket {
    rate: BitsPerSec,
    level: Level,
    /// When it was last filled.
    at: SimTime,
}

impl TokenBucket {
    /// A full bucket at time zero.
    pub fn new(config: BucketConfig) -> Self {
        Self { rate: config.rate, level: Level::full(config.burst), at: SimTime::ZERO }
    }

    /// Fills it up to `now`; gives the tokens that did not fit. An instant before the last one adds nothing.
    pub(crate) fn fill(&mut self, now: SimTime) -> u128 {
        let span = now.since(self.at).as_ps();
        self.at = self.at.max(now);
        self.level.pour(u128::from(span) * u128::from(self.rate.get()))
    }

    /// Whether there are tokens for a packet at `now`. Instants must not go back.
    #[inline]
    pub fn conforms(&mut self, now: SimTime, size: Bytes) -> bool {
        self.fill(now);
        self.level.holds(size)
    }

    /// The first instant from `now` on at which a packet may leave, to the picosecond, and [`SimTime::MAX`] if that is
    /// beyond the end of time. A packet that is larger than the bucket leaves when it is full, and puts it into debt: so
    /// the rate still holds in the long run.
    #[inline]
    pub fn conforming_at(&mut self, now: SimTime, size: Bytes) -> SimTime {
        self.fill(now);
        let missing = tokens(size).min(self.level.capacity) - self.level.level;
        if missing <= 0 {
            return now;
        }
        let wait = (missing as u128).div_ceil(u128::from(self.rate.get()));
        now + SimDuration::from_ps(u64::try_from(wait).unwrap_or(u64::MAX))
    }

    /// Takes the tokens of a packet that leaves, even if they are not there.
    #[inline]
    pub fn take(&mut self, size: Bytes) {
        self.level.take(size);
    }

    pub(crate) fn holds(&self, size: Bytes) -> bool {
        self.level.holds(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bucket(rate: u64, burst: u64) -> TokenBucket {
        TokenBucket::new(BucketConfig { rate: BitsPerSec::new(rate).unwrap(), burst: Bytes::new(burst) })
    }

    /// Conformance by its definition: a packet conforms if in every interval that ends with it, what conformed is at most
    /// rate·t + burst. Intervals that begin with a conforming packet are the tightest.
    fn slow_conforms(passed: &[(u64, u64)], rate: u64, burst: u64, now: u64, size: u64) -> bool {
        (0..=passed.len()).all(|first| {
            let amount: u64 = passed[first..].iter().map(|p| p.1).sum::<u64>() + size;
            let span = passed.get(first).map_or(0, |p| now - p.0);
            i128::from(amount) * PER_BYTE
                <= i128::from(burst) * PER_BYTE + i128::from(rate) * i128::from(span)
        })
    }

    proptest! {
        #[test]
        fn a_policer_passes_exactly_what_every_interval_allows(
            arrivals in prop::collection::vec((0u64..3_000_000, 1u64..1_600), 1..150),
            rate in 1_000_000u64..20_000_000_000,
            burst in 0u64..6_000,
        ) {
            let (mut bucket, mut passed, mut now) = (bucket(rate, burst), Vec::new(), 0);
            for (gap, size) in arrivals {
                now += gap;
                let (at, bytes) = (SimTime::from_ps(now), Bytes::new(size));
                let expected = slow_conforms(&passed, rate, burst, now, size);
                prop_assert_eq!(bucket.conforms(at, bytes), expected);
                if expected {
                    bucket.take(bytes);
                    passed.push((now, size));
                }
            }
        }

        #[test]
        fn a_shaper_waits_to_the_picosecond(
            packets in prop::collection::vec((0u64..3_000_000, 1u64..1_600), 1..60),
            rate in 1_000_000u64..20_000_000_000,
            burst in 1_600u64..6_000,
        ) {
            let (mut bucket, mut passed, mut now) = (bucket(rate, burst), Vec::new(), 0);
            for (gap, size) in packets {
                now += gap;
                let bytes = Bytes::new(size);
                let at = bucket.conforming_at(SimTime::from_ps(now), bytes).as_ps();
                prop_assert!(slow_conforms(&passed, rate, burst, at, size));
                prop_assert!(at == now || !slow_conforms(&passed, rate, burst, at - 1, size), "and not earlier");
                now = at;
                bucket.take(bytes);
                passed.push((now, size));
            }
        }
    }

    #[test]
    fn nothing_drifts_over_a_million_looks_at_odd_instants() {
        // 3 bit/s bring a byte in 8/3 s. Polled at odd instants, exactly one byte is there after 2,666,666,666,667 ps.
        let mut bucket = bucket(3, 1);
        bucket.take(Bytes::new(1));
        for i in 1..1_000_000u64 {
            assert!(!bucket.conforms(SimTime::from_ps(i * 2_666_666), Bytes::new(1)));
        }
        assert!(!bucket.conforms(SimTime::from_ps(2_666_666_666_666), Bytes::new(1)));
        assert!(bucket.conforms(SimTime::from_ps(2_666_666_666_667), Bytes::new(1)));
    }

    #[test]
    fn a_packet_larger_than_the_bucket_goes_into_debt() {
        let mut bucket = bucket(8_000_000, 1_000);
        let size = Bytes::new(3_000);
        assert_eq!(bucket.conforming_at(SimTime::ZERO, size), SimTime::ZERO);
        bucket.take(size);
        // 2,000 bytes of debt and 1,000 to be full again, one byte in a microsecond.
        assert_eq!(bucket.conforming_at(SimTime::ZERO, size), SimTime::from_ps(3_000_000_000));
        assert!(!bucket.conforms(SimTime::MAX, size), "but a policer never passes it");
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let mut bucket = bucket(u64::MAX, u64::MAX);
        bucket.take(Bytes::new(u64::MAX));
        assert!(bucket.conforms(SimTime::MAX, Bytes::new(u64::MAX)));
        let mut slow = self::bucket(1, u64::MAX);
        slow.take(Bytes::new(u64::MAX));
        assert_eq!(slow.conforming_at(SimTime::ZERO, Bytes::new(u64::MAX)), SimTime::MAX);
    }
}
