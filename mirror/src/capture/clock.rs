//! The clock of a pcapng interface. `pcap-file` takes every tick for a nanosecond, whatever `if_tsresol` and
//! `if_tsoffset` say; its number of nanoseconds is the number of ticks that is converted here.

use twin::WallTime;

/// How an interface counts time.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    /// `if_tsresol`: ticks per second are 10^n, or 2^n when the top bit is set.
    pub(super) resolution: u8,
    /// `if_tsoffset`, in seconds.
    pub(super) offset_s: i64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { resolution: 6, offset_s: 0 }
    }
}

impl Clock {
    /// The wall-clock time of a tick count, rounded down to a nanosecond and saturating.
    pub(super) fn stamp(self, ticks: u64) -> WallTime {
        let exponent = u32::from(self.resolution & 0x7f);
        let ticks = u128::from(ticks);
        let ns = if self.resolution & 0x80 != 0 {
            (ticks * 1_000_000_000).checked_shr(exponent).unwrap_or(0)
        } else if exponent <= 9 {
            ticks * 10_u128.pow(9 - exponent)
        } else {
            10_u128.checked_pow(exponent - 9).map_or(0, |divisor| ticks / divisor)
        };
        let offset = i128::from(self.offset_s) * 1_000_000_000;
        let ns = i128::try_from(ns).unwrap_or(i128::MAX).saturating_add(offset);
        WallTime::from_ns(ns.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_counts_in_powers_of_ten_or_two_from_its_offset() {
        let stamp = |resolution, offset_s, ticks| Clock { resolution, offset_s }.stamp(ticks).as_ns();
        assert_eq!(stamp(6, 0, 1_500_000), 1_500_000_000);
        assert_eq!(stamp(9, 0, 7), 7);
        assert_eq!(stamp(12, 0, 7_999), 7);
        assert_eq!(stamp(0, -1, 3), 2_000_000_000);
        assert_eq!(stamp(0x80 | 10, 0, 512), 500_000_000);
        assert_eq!(stamp(0xff, 0, u64::MAX), 0);
        assert_eq!(stamp(127, 0, u64::MAX), 0);
        assert_eq!(stamp(0, 0, u64::MAX), i64::MAX);
    }
}
