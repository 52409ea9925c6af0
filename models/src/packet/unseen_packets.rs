//! Unseen packets one by one: how long each is sent, and how many enter together.

use engine::Draws;

use super::unseen::BackgroundTraffic;

/// Services of the right mean and variance. Internet packets come in two sizes, bare acknowledgements and full ones: the
/// small ones are taken to have Ethernet's least 64 bytes (IEEE 802.3 §3.2.7), which settles the large ones and their share.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnseenPackets {
    pub(super) mean: f64,
    small: f64,
    large: f64,
    share_large: f64,
    /// Probability that a burst ends after a packet.
    single: f64,
}

impl UnseenPackets {
    /// The least size of an Ethernet frame in bytes.
    const LEAST: f64 = 64.0;

    /// With this mean service.
    pub(super) fn new(traffic: BackgroundTraffic, mean: f64) -> Self {
        let bytes = traffic.mean_packet.get() as f64;
        let small = mean * (Self::LEAST / bytes).min(0.5);
        let (variance, below) = (traffic.size_scv * mean * mean, mean - small);
        let share_large = below * below / (below * below + variance);
        Self { mean, small, large: mean + variance / below, share_large, single: 1.0 / traffic.burst }
    }

    pub(super) fn service(&self, draws: &mut Draws) -> f64 {
        if self.share_large >= 1.0 {
            return self.mean;
        }
        if draws.f64_open() < self.share_large { self.large } else { self.small }
    }

    /// The packet that is being sent at a random instant, and how much of it has been sent.
    pub(super) fn in_service(&self, draws: &mut Draws) -> (f64, f64) {
        let large = draws.f64_open() * self.mean < self.share_large * self.large;
        let service = if large { self.large } else { self.small };
        (service, service * draws.f64_open())
    }

    /// Whether a packet is the last of its burst.
    pub(super) fn burst_ends(&self, draws: &mut Draws) -> bool {
        self.single >= 1.0 || draws.f64_open() < self.single
    }

    /// How many packets a burst has.
    pub(super) fn burst(&self, draws: &mut Draws) -> u32 {
        if self.single >= 1.0 {
            return 1;
        }
        1 + (libm::log(draws.f64_open()) / libm::log1p(-self.single)) as u32
    }
}
