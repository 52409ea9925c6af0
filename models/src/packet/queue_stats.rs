//! What a queue counts, always.

use twin::SimDuration;

/// What a queue and the half-link behind it did; always kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Packets accepted.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets refused because the queue was full.
    pub drops: u64,
    /// Time spent sending accepted packets (counted at their acceptance).
    pub busy: SimDuration,
    /// Sum over accepted packets of the time before their service, in picoseconds.
    pub wait_sum_ps: u128,
    /// The longest of those.
    pub wait_max: SimDuration,
}

impl QueueStats {
    /// Mean time before service of accepted packets in seconds; NaN without any.
    pub fn wait_mean_s(&self) -> f64 {
        self.wait_sum_ps as f64 / self.packets as f64 * 1e-12
    }

    #[inline]
    pub(crate) fn accept(&mut self, size: u32, wait: SimDuration, service: SimDuration) {
        self.packets += 1;
        self.bytes += u64::from(size);
        self.busy = self.busy + service;
        self.wait_sum_ps += u128::from(wait.as_ps());
        self.wait_max = self.wait_max.max(wait);
    }

    /// Adds what another stretch or part of the same queue did.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.drops += other.drops;
        self.busy = self.busy + other.busy;
        self.wait_sum_ps += other.wait_sum_ps;
        self.wait_max = self.wait_max.max(other.wait_max);
    }
}

/// Waiting times in classes that grow by half an octave from 1 ns to 1 s: the bounds are 0, 2^10, 1.5·2^10, 2^11, … ps. A
/// class counts up to 2^32 − 1 and stays there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitHistogram {
    counts: [u32; Self::CLASSES],
}

impl Default for WaitHistogram {
    fn default() -> Self {
        Self { counts: [0; Self::CLASSES] }
    }
}

impl WaitHistogram {
    /// The number of classes. The first is shorter than 1,024 ps, the last is open.
    pub const CLASSES: usize = 64;
    const FIRST_OCTAVE: u32 = 10;

    #[inline]
    pub(crate) fn add(&mut self, wait: SimDuration) {
        let count = &mut self.counts[Self::class(wait.as_ps())];
        *count = count.saturating_add(1);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, more)| *mine = mine.saturating_add(*more));
    }

    #[inline]
    fn class(ps: u64) -> usize {
        if ps < 1 << Self::FIRST_OCTAVE {
            return 0;
        }
        let octave = ps.ilog2();
        let upper_half = ps >> (octave - 1) & 1;
        let class = 2 * u64::from(octave - Self::FIRST_OCTAVE) + upper_half + 1;
        (class as usize).min(Self::CLASSES - 1)
    }

    /// The shortest wait of a class.
    pub fn lower_bound(class: usize) -> SimDuration {
        let Some(half_octaves) = class.checked_sub(1) else { return SimDuration::ZERO };
        let octave = 1u64 << (Self::FIRST_OCTAVE as usize + half_octaves / 2);
        SimDuration::from_ps(octave + (half_octaves as u64 % 2) * octave / 2)
    }

    /// Packets by class.
    pub fn counts(&self) -> &[u32; Self::CLASSES] {
        &self.counts
    }

    /// A wait that the share `q` (0–1) of the packets did not exceed: the upper bound of the class in which it lies, at
    /// most half an octave too long. `None` without packets or in the open last class.
    pub fn quantile(&self, q: f64) -> Option<SimDuration> {
        let total: u64 = self.counts.iter().map(|n| u64::from(*n)).sum();
        let rank = (q.clamp(0.0, 1.0) * total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let class = self.counts.iter().position(|n| {
            seen += u64::from(*n);
            seen >= rank
        })?;
        (class + 1 < Self::CLASSES).then(|| Self::lower_bound(class + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wait_lies_between_the_bounds_of_its_class() {
        for ps in [0, 1, 1_023, 1_024, 1_535, 1_536, 2_047, 2_048, 1_200_000, 999_999_999_999] {
            let class = WaitHistogram::class(ps);
            let wait = SimDuration::from_ps(ps);
            assert!(WaitHistogram::lower_bound(class) <= wait, "{ps} in {class}");
            assert!(wait < WaitHistogram::lower_bound(class + 1), "{ps} in {class}");
        }
        assert_eq!(WaitHistogram::class(u64::MAX), WaitHistogram::CLASSES - 1);
    }

    #[test]
    fn quantiles_are_at_most_half_an_octave_too_long() {
        let mut waits = WaitHistogram::default();
        assert_eq!(waits.quantile(0.5), None);
        (1..=1_000u64).for_each(|us| waits.add(SimDuration::micros(us)));
        for (q, us) in [(0.01, 10), (0.5, 500), (0.99, 990)] {
            let got = waits.quantile(q).unwrap();
            assert!(got >= SimDuration::micros(us) && got <= SimDuration::micros(us * 3 / 2), "{q}: {got}");
        }
    }
}
