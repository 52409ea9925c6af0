//! How wide a tick should be, learnt from what was popped.

use super::near;

/// A near bucket should hold two to four events.
pub(super) fn shift_for(gap_ps: u64) -> u32 {
    (gap_ps.max(1).ilog2() + 2).min(MAX_SHIFT)
}

/// Near buckets for so many pending events: twice as many, so that mostly what is scheduled goes to a near one.
pub(super) fn bits_for(pending: usize) -> u32 {
    (pending.max(1).ilog2() + 1).clamp(MIN_BITS, near::MAX_BITS)
}

/// Longest tick, 2^48 ps: nearly five minutes.
const MAX_SHIFT: u32 = 48;
const MIN_BITS: u32 = 8;

/// What was opened since the wheel was tuned.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Opened {
    /// Last event popped before, ps.
    since: u64,
    /// Events pending then.
    pending: usize,
    near_buckets: usize,
    /// Without those of buckets at a single instant, which no tick divides.
    near_events: usize,
    far_events: usize,
    events: usize,
}

impl Opened {
    /// Nothing yet.
    pub(super) fn since(ps: u64, pending: usize) -> Self {
        Self { since: ps, pending, ..Self::default() }
    }

    /// A near bucket was opened.
    #[inline]
    pub(super) fn near(&mut self, events: usize, at_one_instant: bool) {
        self.events += events;
        self.near_buckets += 1;
        self.near_events += if at_one_instant { 1 } else { events };
    }

    /// A far bucket was opened as a whole.
    #[inline]
    pub(super) fn far(&mut self, events: usize) {
        self.events += events;
        self.far_events += events;
    }

    /// Whether there is enough to judge by; tuning then costs no more than what was done since.
    #[inline]
    pub(super) fn is_due(&self, pending: usize) -> bool {
        self.events > pending.max(1024)
    }

    /// Whether so much has been pushed and popped that tuning now costs no more than twice that.
    pub(super) fn may_tune(&self, pending: usize) -> bool {
        2 * self.events + pending.saturating_sub(self.pending) >= pending / 2
    }

    /// The better width of a tick and number of near buckets, given those of now.
    pub(super) fn better(&self, shift: u32, bits: u32, now: u64, pending: usize) -> (u32, u32) {
        let by_gap = shift_for((now - self.since) / self.events.max(1) as u64);
        let full = self.near_events / self.near_buckets.max(1);
        let better = if self.far_events > self.events / 2 {
            by_gap.clamp(shift + 1, shift + 8)
        } else if full > near::CHUNK {
            shift.saturating_sub(full.ilog2() - 2)
        } else if self.near_events < 2 * self.near_buckets {
            by_gap.clamp(shift, shift + 1)
        } else {
            shift
        };
        let fitting = bits_for(pending);
        (better.min(MAX_SHIFT), if fitting.abs_diff(bits) > 1 { fitting } else { bits })
    }
}
