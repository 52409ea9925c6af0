//! Loads of arcs as sums that lose nothing.

use super::graph::{each_bit, put};

/// A sum in two parts, the second of which holds what rounding took from the first (Knuth, *The Art of Computer
/// Programming* vol. 2, §4.2.2, theorem B). What was added and taken away again leaves nothing, and a small rest of large
/// numbers is as exact as if it had been alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        let sum = self.high + value;
        let part = sum - self.high;
        self.low += (self.high - (sum - part)) + (value - part);
        self.high = sum;
    }

    pub(super) fn value(self) -> f64 {
        self.high + self.low
    }

    /// This plus another; what is a rounding error of either is nothing.
    pub(super) fn plus(self, other: Self) -> f64 {
        let mut sum = self;
        sum.add(other.high);
        sum.low += other.low;
        let value = sum.value();
        if value.abs() <= NOTHING * self.high.abs() { 0.0 } else { value }
    }
}

/// Relative to what was there, this is what the rounding of a [`Sum`] may leave. (Two parts keep some 32 digits.)
const NOTHING: f64 = 1e-24;

/// What changes on arcs, by slot.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    sums: Vec<Sum>,
    /// Slots where something was added or taken away.
    touched: Vec<u64>,
}

impl Moved {
    pub(super) fn new(words: usize) -> Self {
        Self { sums: vec![Sum::default(); 64 * words], touched: vec![0; words] }
    }

    /// Adds to a slot that is [`touch`](Self::touch)ed.
    #[inline]
    pub(super) fn add(&mut self, slot: usize, value: f64) {
        self.sums[slot].add(value);
    }

    /// Marks slots of a word.
    #[inline]
    pub(super) fn touch(&mut self, word: usize, bits: u64) {
        self.touched[word] |= bits;
    }

    /// Marks one slot.
    pub(super) fn touch_slot(&mut self, slot: usize) {
        put(&mut self.touched, slot);
    }

    /// Shows all that changed, and forgets it.
    pub(super) fn drain(&mut self, mut see: impl FnMut(usize, Sum)) {
        for word in 0..self.touched.len() {
            let bits = std::mem::take(&mut self.touched[word]);
            each_bit(bits, |bit| see(64 * word + bit, std::mem::take(&mut self.sums[64 * word + bit])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_rest_of_large_numbers_is_exact() {
        let (mut base, mut moved) = (Sum::default(), Sum::default());
        let large: Vec<f64> = (1..100).map(|i| 1e12 / f64::from(i)).collect();
        large.iter().for_each(|v| base.add(*v));
        base.add(1e-6);
        large.iter().rev().for_each(|v| moved.add(-v));
        assert!((base.plus(moved) / 1e-6 - 1.0).abs() < 1e-12);
        moved.add(-1e-6);
        assert_eq!(base.plus(moved), 0.0);
    }
}
