//! Addressed chance for tests.

use crate::tail::normal_quantile;

/// Uniform in (0, 1), by SplitMix64 of the address.
pub(crate) fn uniform(bin: usize, series: usize) -> f64 {
    let mut x = ((bin as u64) << 20 | series as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (((x ^ (x >> 31)) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Standard normal.
pub(crate) fn normal(bin: usize, series: usize) -> f64 {
    normal_quantile(uniform(bin, series))
}
