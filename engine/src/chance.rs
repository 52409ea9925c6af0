//! Chance is addressed, not consumed.
//!
//! A stream is named by seed, trial, purpose and entity; nobody draws from a shared generator. So adding a device, a
//! thread or a draw elsewhere changes nothing here. An address never contains a hypothesis: all hypotheses of one trial
//! share their random numbers.

use std::convert::Infallible;

use rand::{Rng, SeedableRng, TryRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use twin::EntityKey;

/// What a stream is for: a short stable name. New purposes may be added anywhere; a renamed one draws other numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purpose(&'static str);

impl Purpose {
    /// Losses of single packets on a half-link.
    pub const LINK_LOSS: Self = Self("link-loss");
    /// Waiting behind background traffic, and losses to it.
    pub const BACKGROUND: Self = Self("background");
    /// The hash seed of a load balancer.
    pub const ECMP_SALT: Self = Self("ecmp-salt");
    /// When packets or flows arrive.
    pub const ARRIVALS: Self = Self("arrivals");
    /// How large they are.
    pub const SIZES: Self = Self("sizes");
    /// Whether and when links fail.
    pub const LINK_FAILURE: Self = Self("link-failure");
    /// What a sensor adds or misses.
    pub const SENSOR: Self = Self("sensor");
    /// The state of the world at the start.
    pub const WORLD: Self = Self("world");
    /// What an injected fault leaves to chance.
    pub const FAULT: Self = Self("fault");

    /// A purpose of one's own.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// The chance of a whole job.
///
/// ```
/// use umbra_engine::{Purpose, Seeds};
/// use twin::EntityKey;
///
/// let link = EntityKey::new("cable:a|b");
/// let mut losses = Seeds::new(7).trial(0).stream(Purpose::LINK_LOSS, &link);
/// let mut again = Seeds::new(7).trial(0).stream(Purpose::LINK_LOSS, &link);
/// let mut other = Seeds::new(7).trial(1).stream(Purpose::LINK_LOSS, &link);
/// let first = losses.f64_open();
/// assert_eq!(first, again.f64_open());
/// assert_ne!(first, other.f64_open());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    seed: u64,
}

impl Seeds {
    /// The chance of a job with this seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The chance of one trial. Trials are independent of one another.
    pub const fn trial(self, trial: u64) -> Trial {
        Trial { seed: self.seed, trial }
    }
}

/// The chance of one trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    seed: u64,
    trial: u64,
}

impl Trial {
    /// Opens the stream of a purpose and an entity, at its beginning.
    pub fn stream(self, purpose: Purpose, entity: &EntityKey) -> Stream {
        Stream(ChaCha8Rng::from_seed(self.address(purpose, entity)))
    }

    /// Uniform numbers by item instead of by order, for a purpose and an entity.
    pub fn chance(self, purpose: Purpose, entity: &EntityKey) -> Chance {
        let address = self.address(purpose, entity);
        let word = |i: usize| u64::from_le_bytes(address[i..i + 8].try_into().expect("8 bytes"));
        Chance { key: [word(0), word(8)] }
    }

    /// SHA-256 over the parts of the address, each preceded by its length: the same on every machine.
    fn address(self, purpose: Purpose, entity: &EntityKey) -> [u8; 32] {
        let mut hash = Sha256::new();
        let (seed, trial) = (self.seed.to_le_bytes(), self.trial.to_le_bytes());
        for part in [b"umbra/chance/1", &seed[..], &trial, purpose.0.as_bytes(), entity.as_str().as_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// A stream of chance (ChaCha8).
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// Uniform in the open interval (0, 1): 52 bits and a half.
    #[inline]
    pub fn f64_open(&mut self) -> f64 {
        open_unit(self.next_u64())
    }

    /// Exponential with mean 1.
    #[inline]
    pub fn exp(&mut self) -> f64 {
        -libm::log(self.f64_open())
    }
}

impl TryRng for Stream {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }
    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(dst)
    }
}

/// Uniform numbers addressed by an item, such as a packet's flow and position: the same packet meets the same luck under
/// every hypothesis, whatever else was sent. (Two rounds of the SplitMix64 finaliser over a 128-bit key; Steele, Lea and
/// Flood, OOPSLA 2014.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance {
    key: [u64; 2],
}

impl Chance {
    /// 64 bits that depend on the address and the item.
    #[inline]
    pub fn bits(self, item: u64) -> u64 {
        mix(mix(item ^ self.key[0]).wrapping_add(self.key[1]))
    }

    /// Uniform in the open interval (0, 1).
    #[inline]
    pub fn f64_open(self, item: u64) -> f64 {
        open_unit(self.bits(item))
    }

    /// A short sequence of numbers for one item (SplitMix64 from [`bits`](Self::bits)).
    #[inline]
    pub fn draws(self, item: u64) -> Draws {
        Draws { state: self.bits(item) }
    }
}

/// The numbers of one item.
#[derive(Clone, Debug)]
pub struct Draws {
    state: u64,
}

impl Draws {
    /// The next uniform number in the open interval (0, 1).
    #[inline]
    pub fn f64_open(&mut self) -> f64 {
        let bits = mix(self.state);
        self.state = self.state.wrapping_add(GOLDEN);
        open_unit(bits)
    }

    /// The next exponential number with mean 1.
    #[inline]
    pub fn exp(&mut self) -> f64 {
        -libm::log(self.f64_open())
    }
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(GOLDEN);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// (k + ½) / 2^52 is exact for every 52-bit k, and never 0 or 1.
fn open_unit(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_pinned() {
        // A change here would move every stream: old seeds would no longer reproduce old results.
        let mut stream = Seeds::new(1).trial(2).stream(Purpose::ARRIVALS, &EntityKey::node("NYCMng"));
        let expected = expect_test::expect!["15d875a272da1249 2b23add041226e15"];
        let chance = Seeds::new(1).trial(2).chance(Purpose::LINK_LOSS, &EntityKey::node("NYCMng"));
        expected.assert_eq(&format!("{:016x} {:016x}", stream.next_u64(), chance.bits(5)));
    }

    #[test]
    fn the_ends_of_the_unit_interval_are_never_met() {
        assert_eq!(open_unit(0), 0.5 / (1u64 << 52) as f64);
        assert!(open_unit(u64::MAX) < 1.0);
    }

    #[test]
    fn parts_of_an_address_do_not_run_together() {
        let bits =
            |purpose, key| Seeds::new(0).trial(0).chance(Purpose::new(purpose), &EntityKey::new(key)).bits(0);
        assert_ne!(bits("ab", "c"), bits("a", "bc"));
    }

    #[test]
    fn moments_of_uniform_and_exponential() {
        let trial = Seeds::new(3).trial(0);
        let key = EntityKey::new("x");
        let (mut stream, chance) = (trial.stream(Purpose::SIZES, &key), trial.chance(Purpose::SIZES, &key));
        let n = 200_000;
        let (mut exp, mut uniform, mut square) = (0.0, 0.0, 0.0);
        for i in 0..n {
            exp += stream.exp();
            let u = chance.f64_open(i);
            uniform += u;
            square += u * u;
        }
        let n = n as f64;
        // Standard errors are 0.0022, 0.00065 and 0.00067; allow four.
        assert!((exp / n - 1.0).abs() < 0.009, "{}", exp / n);
        assert!((uniform / n - 0.5).abs() < 0.0026, "{}", uniform / n);
        assert!((square / n - 1.0 / 3.0).abs() < 0.0027, "{}", square / n);
    }
}
