//! Sorting networks for a handful of words, without a branch that could be predicted wrongly.

/// Orders the first four words.
#[inline(always)]
#[rustfmt::skip]
pub(super) fn order_4(words: &mut [u64; 8]) {
    let mut pair = |a, b| compare(words, a, b);
    pair(0, 1); pair(2, 3);
    pair(0, 2); pair(1, 3);
    pair(1, 2);
}

/// Orders all eight: Batcher's odd-even merge (Knuth, The Art of Computer Programming 3, section 5.3.4).
#[inline(always)]
#[rustfmt::skip]
pub(super) fn order_8(words: &mut [u64; 8]) {
    let mut pair = |a, b| compare(words, a, b);
    pair(0, 1); pair(2, 3); pair(4, 5); pair(6, 7);
    pair(0, 2); pair(1, 3); pair(4, 6); pair(5, 7);
    pair(1, 2); pair(5, 6);
    pair(0, 4); pair(1, 5); pair(2, 6); pair(3, 7);
    pair(2, 4); pair(3, 5);
    pair(1, 2); pair(3, 4); pair(5, 6);
}

#[inline(always)]
fn compare(words: &mut [u64; 8], a: usize, b: usize) {
    let (x, y) = (words[a], words[b]);
    (words[a], words[b]) = (x.min(y), x.max(y));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network that orders all words of zeros and ones orders everything (Knuth, theorem 5.3.4 Z).
    #[test]
    fn zeros_and_ones_come_out_in_order() {
        for pattern in 0..256u64 {
            let mut words = std::array::from_fn(|i| pattern >> i & 1);
            order_8(&mut words);
            assert!(words.is_sorted(), "{pattern:08b}");
            let mut words = std::array::from_fn(|i| pattern >> i & 1);
            order_4(&mut words);
            assert!(words[..4].is_sorted(), "{pattern:08b}");
            assert_eq!(words.iter().sum::<u64>(), u64::from(pattern.count_ones()));
        }
    }
}
