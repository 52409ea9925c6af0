//! A meter at the edge sees retransmissions, not losses.

use rand::Rng;

use super::sampled_count;

/// What a meter on mirrored TCP traffic counts as lost: every lost packet is sent again, and a few are sent again for
/// nothing (a late acknowledgement, a timer that fired early).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retransmissions {
    /// Packets sent again for nothing, as a share of those sent.
    pub spurious: f64,
}

/// The meter of one flow: its constant access delay, and how noisy its median round trip is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowMeter {
    /// Delay between the meter and the two hosts, both ways, in milliseconds.
    pub access_ms: f64,
    /// Standard deviation of a bin's median round trip with one sample, in milliseconds.
    pub jitter_ms: f64,
}

impl Retransmissions {
    /// The count for `lost` of `sent` packets.
    pub fn count(&self, sent: u32, lost: u32, chance: &mut impl Rng) -> u32 {
        let spurious = sampled_count(f64::from(sent) * self.spurious, chance);
        (f64::from(lost) + spurious).min(f64::from(sent)) as u32
    }
}

impl FlowMeter {
    /// The median round trip of a bin: `network_ms` there and back, access, and noise that falls with the square root of
    /// the number of samples. `normal` is a standard normal draw. NaN without samples.
    pub fn median_rtt_ms(&self, network_ms: f64, samples: u32, normal: f64) -> f64 {
        if samples == 0 {
            return f64::NAN;
        }
        let noise = self.jitter_ms * normal / f64::from(samples).sqrt();
        (network_ms + self.access_ms + noise).max(0.0)
    }
}
