//! A running median in bounded memory.

/// So many samples are kept as they are, and their median is exact.
const EXACT: usize = 512;
/// Buckets per doubling of the value: a bucket is at most 1/128 of its value wide.
const PER_OCTAVE_BITS: u32 = 7;
const BUCKETS: usize = (64 - PER_OCTAVE_BITS as usize + 1) << PER_OCTAVE_BITS;

/// Median of non-negative integers: exact up to 512 of them, then within 0.8 % of the value.
#[derive(Debug)]
pub(super) enum Median {
    Exact(Vec<u64>),
    Buckets { counts: Vec<u32>, total: u64 },
}

impl Default for Median {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl Median {
    pub(super) fn add(&mut self, value: u64) {
        match self {
            Self::Exact(values) if values.len() < EXACT => values.push(value),
            Self::Exact(values) => {
                let mut counts = vec![0_u32; BUCKETS];
                for &value in values.iter().chain([&value]) {
                    counts[bucket(value)] += 1;
                }
                *self = Self::Buckets { counts, total: EXACT as u64 + 1 };
            }
            Self::Buckets { counts, total } => {
                let count = &mut counts[bucket(value)];
                *count = count.saturating_add(1);
                *total += 1;
            }
        }
    }

    /// The middle value, or the mean of the two middle values.
    pub(super) fn finish(self) -> Option<f64> {
        match self {
            Self::Exact(values) if values.is_empty() => None,
            Self::Exact(mut values) => {
                values.sort_unstable();
                let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
                Some((low as f64 + high as f64) / 2.0)
            }
            Self::Buckets { counts, total } => {
                let at = |rank: u64| middle(&counts, rank);
                Some((at((total - 1) / 2) + at(total / 2)) / 2.0)
            }
        }
    }
}

/// Small values have a bucket each; larger ones share by their leading bits.
fn bucket(value: u64) -> usize {
    let extra = (64 - value.leading_zeros()).saturating_sub(PER_OCTAVE_BITS + 1);
    ((extra as usize) << PER_OCTAVE_BITS) + (value >> extra) as usize
}

/// The middle of the bucket that holds the value of this rank, counted from 0.
fn middle(counts: &[u32], rank: u64) -> f64 {
    let mut before = 0;
    for (i, &count) in counts.iter().enumerate() {
        before += u64::from(count);
        if before > rank {
            let extra = (i >> PER_OCTAVE_BITS).saturating_sub(1);
            let low = (i - (extra << PER_OCTAVE_BITS)) as u64;
            let width = (1_u64 << extra) as f64;
            return low as f64 * width + (width - 1.0) / 2.0;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn median(values: &[u64]) -> Option<f64> {
        let mut median = Median::default();
        values.iter().for_each(|&v| median.add(v));
        median.finish()
    }

    #[test]
    fn few_values_have_their_exact_median() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7]), Some(7.0));
        assert_eq!(median(&[9, 1, 4, 3]), Some(3.5));
    }

    #[test]
    fn the_largest_value_has_a_bucket() {
        assert!(bucket(u64::MAX) < BUCKETS);
    }

    proptest! {
        #[test]
        fn many_values_have_their_median_within_a_bucket(
            values in proptest::collection::vec(0_u64..1 << 40, EXACT + 1..2_000)
        ) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let (low, high) = (sorted[(sorted.len() - 1) / 2] as f64, sorted[sorted.len() / 2] as f64);
            let found = median(&values).unwrap();
            prop_assert!(found >= low * 0.992 && found <= high * 1.008, "{low} {found} {high}");
        }
    }
}
