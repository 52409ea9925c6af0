//! Integer units: an instant and a span of simulated time, wall-clock stamps, sizes and rates are different types.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

const PS_PER_SEC: u64 = 1_000_000_000_000;

/// An instant of simulated time, in picoseconds since the start of the run (range about 213 days).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SimTime(u64);

/// A span of simulated time, in picoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SimDuration(u64);

/// A wall-clock stamp of a capture or of telemetry, in nanoseconds since the Unix epoch. It becomes [`SimTime`] once,
/// where a replay begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(i64);

/// A size in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(u64);

/// A rate in bit/s. Zero is impossible: a link without capacity is a link that is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BitsPerSec(NonZeroU64);

impl SimTime {
    /// The start of a run.
    pub const ZERO: Self = Self(0);
    /// The last instant that can be expressed.
    pub const MAX: Self = Self(u64::MAX);

    /// An instant by its picoseconds.
    pub const fn from_ps(ps: u64) -> Self {
        Self(ps)
    }

    /// Picoseconds since the start.
    pub const fn as_ps(self) -> u64 {
        self.0
    }

    /// Seconds since the start, for reports only.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / PS_PER_SEC as f64
    }

    /// The span from `earlier` to this instant, zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }
}

impl Add<SimDuration> for SimTime {
    type Output = Self;
    /// Saturates at [`SimTime::MAX`].
    fn add(self, span: SimDuration) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, span: SimDuration) {
        *self = *self + span;
    }
}

impl SimDuration {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// A span by its picoseconds.
    pub const fn from_ps(ps: u64) -> Self {
        Self(ps)
    }
    /// Nanoseconds.
    pub const fn nanos(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }
    /// Microseconds.
    pub const fn micros(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }
    /// Milliseconds.
    pub const fn millis(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000_000))
    }
    /// Seconds.
    pub const fn secs(n: u64) -> Self {
        Self(n.saturating_mul(PS_PER_SEC))
    }

    /// The nearest picosecond to `secs`; negative and NaN give zero.
    pub fn from_secs_f64(secs: f64) -> Self {
        Self((secs * PS_PER_SEC as f64).round() as u64)
    }

    /// Picoseconds.
    pub const fn as_ps(self) -> u64 {
        self.0
    }

    /// Seconds, for reports and formulas.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / PS_PER_SEC as f64
    }

    /// Propagation over `km` of fibre at 5 µs/km (refractive index about 1.5).
    pub fn fibre_km(km: f64) -> Self {
        Self::from_secs_f64(km * 5e-6)
    }
}

impl Add for SimDuration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for SimDuration {
    type Output = Self;
    /// Saturates at zero.
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ps if ps >= PS_PER_SEC => write!(f, "{:.3}s", self.as_secs_f64()),
            ps if ps >= 1_000_000_000 => write!(f, "{:.3}ms", ps as f64 / 1e9),
            ps if ps >= 1_000_000 => write!(f, "{:.3}us", ps as f64 / 1e6),
            ps => write!(f, "{:.3}ns", ps as f64 / 1e3),
        }
    }
}

impl WallTime {
    /// A stamp by its nanoseconds since the Unix epoch.
    pub const fn from_ns(ns: i64) -> Self {
        Self(ns)
    }
    /// A stamp by its seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }
    /// Nanoseconds since the Unix epoch.
    pub const fn as_ns(self) -> i64 {
        self.0
    }
    /// The simulated instant of this stamp in a replay that begins at `origin`; earlier stamps become zero.
    pub fn to_sim(self, origin: WallTime) -> SimTime {
        let ns = self.0.saturating_sub(origin.0).max(0) as u64;
        SimTime(ns.saturating_mul(1_000))
    }
}

impl Bytes {
    /// A size by its bytes.
    pub const fn new(n: u64) -> Self {
        Self(n)
    }
    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl BitsPerSec {
    /// A rate, or `None` for zero.
    pub const fn new(bps: u64) -> Option<Self> {
        match NonZeroU64::new(bps) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }
    /// 10^9 bit/s each. Panics on zero.
    pub const fn gbps(n: u64) -> Self {
        Self(NonZeroU64::new(n * 1_000_000_000).expect("a rate is never zero"))
    }
    /// 10^6 bit/s each. Panics on zero.
    pub const fn mbps(n: u64) -> Self {
        Self(NonZeroU64::new(n * 1_000_000).expect("a rate is never zero"))
    }
    /// bit/s.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
    /// bit/s as a float, for loads and utilisations.
    pub fn as_f64(self) -> f64 {
        self.0.get() as f64
    }
    /// The time to put `size` on the wire, rounded up to a picosecond (saturating).
    ///
    /// ```
    /// use umbra_twin::{BitsPerSec, Bytes, SimDuration};
    /// assert_eq!(BitsPerSec::gbps(10).serialization_delay(Bytes::new(1_500)), SimDuration::nanos(1_200));
    /// ```
    #[inline]
    pub fn serialization_delay(self, size: Bytes) -> SimDuration {
        const BIT_PS_PER_BYTE: u64 = 8 * PS_PER_SEC;
        // Every real packet fits 64 bits, whose division is several times faster.
        if let Some(bit_ps) = size.0.checked_mul(BIT_PS_PER_BYTE) {
            return SimDuration(bit_ps.div_ceil(self.0.get()));
        }
        let ps = (u128::from(size.0) * u128::from(BIT_PS_PER_BYTE)).div_ceil(u128::from(self.0.get()));
        SimDuration(u64::try_from(ps).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialization_rounds_up_and_saturates() {
        let three = BitsPerSec::new(3).unwrap();
        assert_eq!(three.serialization_delay(Bytes::new(1)).as_ps(), 2_666_666_666_667);
        assert_eq!(three.serialization_delay(Bytes::new(u64::MAX)).as_ps(), u64::MAX);
    }

    #[test]
    fn wall_time_becomes_sim_time_once() {
        let origin = WallTime::from_secs(1_700_000_000);
        assert_eq!(WallTime::from_ns(1_700_000_000_000_000_007).to_sim(origin), SimTime::from_ps(7_000));
        assert_eq!(WallTime::from_ns(0).to_sim(origin), SimTime::ZERO);
    }

    #[test]
    fn spans_print_with_their_unit() {
        assert_eq!(SimDuration::from_ps(10_564_000).to_string(), "10.564us");
        assert_eq!(SimDuration::millis(1_500).to_string(), "1.500s");
    }
}
