//! Simulated time as smoltcp counts it: whole microseconds.
//!
//! Picoseconds are floored, so what smoltcp stamps is never later than the truth. A timer that it sets may therefore lie
//! up to a microsecond too early; it is called one microsecond after the instant that it asks for, so no timer of its own
//! runs out before its time. The shortest timer is a delayed acknowledgement's, tens of milliseconds.

use smoltcp::time::{Duration, Instant};
use twin::{SimDuration, SimTime};

const PS_PER_MICRO: u64 = 1_000_000;

/// The microsecond that has begun. All of simulated time (2^64 ps) fits.
pub(super) fn instant(at: SimTime) -> Instant {
    Instant::from_micros_const((at.as_ps() / PS_PER_MICRO) as i64)
}

/// When to call for a timer that is due at `due`, one microsecond late as said above.
pub(super) fn wake_up(due: Instant) -> SimTime {
    let micros = u64::try_from(due.total_micros()).unwrap_or(0).saturating_add(1);
    SimTime::from_ps(micros.saturating_mul(PS_PER_MICRO))
}

/// Rounded up.
pub(super) fn duration(span: SimDuration) -> Duration {
    Duration::from_micros(span.as_ps().div_ceil(PS_PER_MICRO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_never_runs_out_before_its_time() {
        for set_at in [0, 1, 999_999, 1_000_000, 1_000_001, 12_345_678_901] {
            for span in [1, 999_999, 1_000_000, 10_000_000_001] {
                let (set_at, span) = (SimTime::from_ps(set_at), SimDuration::from_ps(span));
                let called = wake_up(instant(set_at) + duration(span));
                assert!(called >= set_at + span);
                assert!(called.since(set_at + span) <= SimDuration::micros(2));
                assert!(instant(called) >= instant(set_at) + duration(span), "smoltcp agrees that it is due");
            }
        }
    }

    #[test]
    fn the_end_of_time_is_an_instant_too() {
        assert_eq!(instant(SimTime::MAX).total_micros(), 18_446_744_073_709);
        assert_eq!(wake_up(Instant::from_micros(i64::MAX)), SimTime::MAX);
    }
}
