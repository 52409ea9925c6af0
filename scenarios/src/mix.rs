//! Numbers that look drawn and are not: for hashes, never for chance, which has its address elsewhere.

/// The 64-bit finaliser of SplitMix64 (Steele, Lea, Flood, *Fast splittable pseudorandom number generators*, 2014): a
/// bijection in which every bit of the result depends on every bit of the number. 0 stays 0.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
