//! What packets meet at a half-link: a law of waiting and a share discarded, by its load.

use models::fluid::Waiting;
use models::packet::BackgroundTraffic;
use twin::Bytes;

use super::state::HalfLink;

/// Quantiles that are kept of a law.
pub(super) const QUANTILES: usize = 32;
/// Bytes of a mean packet.
pub(super) const PACKET_BYTES: u64 = 1_000;
/// Loads swing around their mean in the course of minutes: by these factors, with these weights in quantiles.
const SWING: [(f64, usize); 3] = [(0.9, 8), (1.0, 16), (1.1, 8)];
/// Just short of full: beyond it the law is that of a full queue.
const FULL: f64 = 0.999;

/// What a half-link does to packets at some load.
#[derive(Clone, Debug)]
pub(super) struct Law {
    /// What arrives, in bit/s.
    pub offered: f64,
    /// The share that is discarded at its queue.
    pub dropped: f64,
    /// Quantiles of the wait in ms.
    pub wait_ms: [f32; QUANTILES],
}

impl Law {
    /// At a load in bit/s. `variance` is that of the work which arrives in a second at full load, in s²/s: how bursty traffic
    /// is (see [`Waiting`]).
    pub(super) fn new(offered: f64, half_link: &HalfLink, variance: f64) -> Self {
        let mut law = Self { offered, dropped: 0.0, wait_ms: [0.0; QUANTILES] };
        let buffer = Bytes::new((half_link.buffer / 8.0) as u64);
        let service_s = 8.0 * PACKET_BYTES as f64 / half_link.rate;
        let traffic = BackgroundTraffic {
            mean_packet: Bytes::new(PACKET_BYTES),
            size_scv: 0.0,
            burst: (0.5 * (variance / service_s + 1.0)).max(1.0),
        };
        let mut at = 0;
        for (swing, points) in SWING {
            let load = offered * swing;
            let waiting = Waiting::new(load, half_link.rate, &traffic, buffer);
            for k in 0..points {
                let exceeded = 1.0 - (k as f64 + 0.5) / points as f64;
                law.wait_ms[at] = (waiting.exceeded_by(exceeded) * 1e3) as f32;
                at += 1;
            }
            let share = points as f64 / QUANTILES as f64;
            law.dropped +=
                share * dropped(load / half_link.rate, half_link.buffer / half_link.rate, variance);
        }
        law
    }

    /// What leaves, in bit/s.
    pub(super) fn carried(&self) -> f64 {
        self.offered * (1.0 - self.dropped)
    }

    /// Packets discarded in `s` seconds.
    pub(super) fn discards(&self, s: f64) -> f64 {
        self.dropped * self.offered * s / (8.0 * PACKET_BYTES as f64)
    }
}

/// The share that finds the buffer full: the mass at the upper barrier of the truncated exponential times what arrives, and
/// all that exceeds the rate.
fn dropped(load: f64, room_s: f64, variance: f64) -> f64 {
    let used = load.min(FULL);
    let theta = variance / (2.0 * (1.0 - used));
    let full = used * libm::exp(-room_s / theta.max(1e-12));
    let overflow = (1.0 - used) * full / (1.0 - full).max(1e-12);
    overflow.max(1.0 - 1.0 / load.max(1.0)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn law(load: f64, buffer_s: f64) -> Law {
        Law::new(load * 1e9, &HalfLink { rate: 1e9, buffer: 1e9 * buffer_s, loss: 0.0 }, 1e-3)
    }

    #[test]
    fn an_idle_link_neither_delays_nor_drops_and_an_overloaded_one_fills_its_buffer() {
        let idle = law(0.05, 0.05);
        assert!(idle.dropped < 1e-9 && idle.wait_ms[QUANTILES / 2] < 0.1);
        let full = law(1.5, 0.05);
        assert!((full.carried() / 1e9 - 1.0).abs() < 0.01, "{}", full.carried());
        assert!(full.wait_ms[QUANTILES / 2] > 20.0);
    }

    #[test]
    fn a_shorter_buffer_drops_more_and_delays_less() {
        let (long, short) = (law(0.8, 0.05), law(0.8, 0.0005));
        assert!(short.dropped > 100.0 * long.dropped.max(1e-9), "{} {}", short.dropped, long.dropped);
        assert!(short.wait_ms[QUANTILES - 9] < long.wait_ms[QUANTILES - 9]);
    }
}
