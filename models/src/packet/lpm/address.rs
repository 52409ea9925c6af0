//! Addresses as words whose first bit is the highest.

use std::net::Ipv4Addr;
use std::ops::{BitAnd, BitXor, Shl};

/// An address, or what is left of one after its leading bits were taken.
pub(super) trait Address:
    Copy + Ord + BitXor<Output = Self> + BitAnd<Output = Self> + Shl<u32, Output = Self>
{
    const ZERO: Self;
    /// Bits of an address, at most those of the word.
    const WIDTH: u32;

    /// The first `n` bits as a number; `n` in 1..=32.
    fn leading(self, n: u32) -> usize;
    /// The first 64 bits.
    fn first_word(self) -> u64;
    /// How many leading bits are the same.
    fn common(self, other: Self) -> u32;
    /// A word whose first `n` bits are set; `n` below the width.
    fn mask(n: u32) -> Self;
}

/// IPv4 in the upper half of a word: what is left of an address can be shifted by any number of its bits.
impl Address for u64 {
    const ZERO: Self = 0;
    const WIDTH: u32 = 32;

    #[inline]
    fn leading(self, n: u32) -> usize {
        (self >> (64 - n)) as usize
    }
    #[inline]
    fn first_word(self) -> u64 {
        self
    }
    fn common(self, other: Self) -> u32 {
        (self ^ other).leading_zeros().min(Self::WIDTH)
    }
    fn mask(n: u32) -> Self {
        !(u64::MAX >> n)
    }
}

impl Address for u128 {
    const ZERO: Self = 0;
    const WIDTH: u32 = 128;

    #[inline]
    fn leading(self, n: u32) -> usize {
        (self >> (128 - n)) as usize
    }
    #[inline]
    fn first_word(self) -> u64 {
        (self >> 64) as u64
    }
    fn common(self, other: Self) -> u32 {
        (self ^ other).leading_zeros()
    }
    fn mask(n: u32) -> Self {
        !(u128::MAX >> n)
    }
}

/// An IPv4 address as a word.
#[inline]
pub(super) fn of_v4(ip: Ipv4Addr) -> u64 {
    u64::from(u32::from(ip)) << 32
}
