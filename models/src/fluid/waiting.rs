//! How long packets wait for a half-link, by its load alone.
//!
//! Unfinished work of a queue under compound Poisson arrivals, as in the background of the foreground rung: a reflected
//! Brownian motion Z, shifted so that its law is that of M/G/1 where the buffer is large. P(V > x) = ρ·exp(−x/θ) with
//! θ = s(I + c²)/(2(1 − ρ)), whose mean ρθ is that of Pollaczek and Khinchine; s is the mean service, I the index of
//! dispersion of arrivals, c² the squared coefficient of variation of sizes. A buffer cuts the exponential off (Harrison,
//! *Brownian Motion and Stochastic Flow Systems*, 1985, §5.3: the stationary law between two barriers is a truncated
//! exponential), so that waits stay finite up to full load, where every depth of the buffer is equally likely.

use twin::Bytes;

use crate::packet::BackgroundTraffic;

/// Within this of full load the law is uniform to all digits that matter.
const FULL: f64 = 1e-9;

/// The law of the waiting time in front of a half-link. Times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waiting {
    utilization: f64,
    /// s(I + c²): the variance rate of the work at full load.
    variance: f64,
    /// The work that fills the buffer.
    room: f64,
}

impl Waiting {
    /// At a load of `load` bit/s on a half-link of `capacity` bit/s; loads beyond the capacity count as the capacity.
    /// `buffer` is what the queue holds.
    pub fn new(load: f64, capacity: f64, traffic: &BackgroundTraffic, buffer: Bytes) -> Self {
        let seconds = |bytes: Bytes| bytes.get() as f64 * 8.0 / capacity;
        Self {
            utilization: (load / capacity).clamp(0.0, 1.0),
            variance: seconds(traffic.mean_packet) * (2.0 * traffic.burst - 1.0 + traffic.size_scv),
            room: seconds(buffer),
        }
    }

    /// The mean wait in seconds.
    pub fn mean(&self) -> f64 {
        let Self { utilization, variance, room } = *self;
        if 1.0 - utilization < FULL {
            return room * room / (variance + 2.0 * room);
        }
        let a = room / self.theta();
        // ∫ρ(e^(−x/θ) − e^(−a))dx over the buffer, by the mass between both ends of Z.
        utilization * self.theta() * one_less_gamma(a) / -libm::expm1(libm::log(utilization) - a)
    }

    /// The wait in seconds that a share `p` of the packets exceeds.
    pub fn exceeded_by(&self, p: f64) -> f64 {
        let Self { utilization, variance, room } = *self;
        if utilization == 0.0 {
            return 0.0;
        }
        let wait = if 1.0 - utilization < FULL {
            room - p * (room + variance / 2.0)
        } else {
            let cut = utilization * libm::exp(-room / self.theta());
            self.theta() * libm::log(utilization / (p * (1.0 - cut) + cut))
        };
        wait.clamp(0.0, room)
    }

    /// The mean wait of those that wait, with an endless buffer.
    fn theta(&self) -> f64 {
        self.variance / (2.0 * (1.0 - self.utilization))
    }
}

/// 1 − (1 + a)·e^(−a), by its series where the difference would cancel.
fn one_less_gamma(a: f64) -> f64 {
    if a < 1e-3 {
        return a * a * (0.5 - a / 3.0 + a * a / 8.0);
    }
    -libm::expm1(-a) - a * libm::exp(-a)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits in mean services: 1,500 bytes at 12 kbit/s take a second.
    fn waiting(utilization: f64, size_scv: f64, buffer_packets: u64) -> Waiting {
        let traffic = BackgroundTraffic { size_scv, ..BackgroundTraffic::default() };
        Waiting::new(utilization * 12e3, 12e3, &traffic, Bytes::new(1_500 * buffer_packets))
    }

    fn close(got: f64, expected: f64, tolerance: f64) {
        assert!((got / expected - 1.0).abs() < tolerance, "{got} for {expected}");
    }

    #[test]
    fn with_a_large_buffer_it_is_pollaczek_and_khinchine() {
        for (rho, scv) in [(0.1, 0.0), (0.5, 0.0), (0.8, 1.0), (0.9, 3.0)] {
            close(waiting(rho, scv, 100_000).mean(), rho * (1.0 + scv) / (2.0 * (1.0 - rho)), 1e-9);
        }
        assert_eq!(waiting(0.0, 1.0, 100).mean(), 0.0);
    }

    #[test]
    fn with_a_small_one_it_is_close_to_mm1k() {
        // Accepted packets of M/M/1/K find n others with probability ∝ ρ^n, n < K.
        let exact = |rho: f64, k: i32| {
            let weight = |n: i32| rho.powi(n);
            (0..k).map(|n| f64::from(n) * weight(n)).sum::<f64>() / (0..k).map(weight).sum::<f64>()
        };
        for rho in [0.5, 0.8, 0.9, 0.95, 0.99, 1.0] {
            close(waiting(rho, 1.0, 100).mean(), exact(rho, 100), 0.02);
        }
        close(waiting(1.0, 1.0, 100).mean(), 49.5, 0.002);
    }

    #[test]
    fn waits_rise_with_load_and_stay_within_the_buffer() {
        let loads: Vec<_> =
            (0..=1_000).map(|i| f64::from(i) / 1_000.0).chain([1.0 - 2e-9, 1.0 - 5e-10]).collect();
        let mut by_load = loads.clone();
        by_load.sort_by(f64::total_cmp);
        let means: Vec<_> = by_load.iter().map(|rho| waiting(*rho, 0.0, 100).mean()).collect();
        assert!(means.windows(2).all(|w| w[0] <= w[1] * (1.0 + 1e-6)), "continuous up to full load");
        assert!(means.iter().all(|m| (0.0..=50.0).contains(m)));
        assert_eq!(waiting(2.0, 0.0, 100).mean(), waiting(1.0, 0.0, 100).mean());
    }

    #[test]
    fn quantiles_are_those_of_the_law_whose_mean_it_is() {
        for rho in [0.3, 0.9, 0.999, 1.0] {
            let law = waiting(rho, 1.0, 100);
            // The mean is the integral of the quantiles.
            let n = 100_000;
            let mean = (0..n).map(|i| law.exceeded_by((f64::from(i) + 0.5) / f64::from(n))).sum::<f64>()
                / f64::from(n);
            close(mean, law.mean(), 1e-4);
        }
        close(waiting(0.5, 1.0, 100_000).exceeded_by(0.05), libm::log(10.0) * 2.0, 1e-9);
    }
}
