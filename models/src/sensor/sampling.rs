//! Packet sampling 1:N, as sFlow and sampled NetFlow do it.

use rand::Rng;
use rand_distr::{Distribution, Poisson};

/// One packet in `rate` is sampled, independently (PSAMP uniform probabilistic selection, RFC 5475 §5.2.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PacketSampling {
    /// N of 1:N.
    pub rate: u32,
    /// Mean packet size in bytes, by which samples are scaled to volume.
    pub mean_packet_bytes: f64,
}

impl PacketSampling {
    /// A collector's estimate of a rate of `bps` bit/s from the samples of `over_s` seconds.
    pub fn estimate(&self, bps: f64, over_s: f64, chance: &mut impl Rng) -> f64 {
        let bits_per_packet = 8.0 * self.mean_packet_bytes;
        let packets = bps * over_s / bits_per_packet;
        let sampled = sampled_count(packets / f64::from(self.rate), chance);
        sampled * f64::from(self.rate) * bits_per_packet / over_s
    }
}

/// A Poisson count of this mean (0 for a mean of 0).
pub fn sampled_count(mean: f64, chance: &mut impl Rng) -> f64 {
    Poisson::new(mean).map_or(0.0, |p| p.sample(chance))
}
