//! What healthy links lose on average: log-uniform before anything is seen, then learnt from all of them.

use std::collections::BTreeMap;

use engine::Stream;

use super::draws::normal;
use super::rates::{MEANS, Rates, VALUES};

/// What links without a loss say about the mean of healthy ones.
#[derive(Clone, Debug)]
pub(super) struct Usual {
    /// Packets that they delivered, and the number of such links.
    delivered: Vec<(f64, f64)>,
}

/// Steps that are tried, in the logarithm: few losses leave the mean open within a factor of e, many within some percent.
const STEPS: [f64; 4] = [1.0, 0.3, 0.1, 0.03];
/// Links that delivered as much within this step of the logarithm count as one size.
const CLASSES: f64 = 8.0;

impl Usual {
    /// From what each link without a loss delivered.
    pub(super) fn new(delivered: impl Iterator<Item = f64>) -> Self {
        let mut sizes = BTreeMap::<i64, (f64, f64)>::new();
        for packets in delivered.filter(|d| *d > 0.0) {
            let (sum, links) = sizes.entry((libm::log(packets) * CLASSES) as i64).or_default();
            *sum += packets;
            *links += 1.0;
        }
        Self { delivered: sizes.into_values().map(|(sum, links)| (sum / links, links)).collect() }
    }

    /// Draws the mean given the values of all links that lost something (Metropolis). The rates of the others are summed out.
    pub(super) fn draw(&self, lossy: impl Iterator<Item = u16>, rates: &mut Rates, stream: &mut Stream) {
        let mut links = [0.0; VALUES];
        lossy.for_each(|value| links[usize::from(value)] += 1.0);
        let mut now = self.log_probability(&links, rates);
        for step in STEPS {
            let mean = rates.mean() * libm::exp(step * normal(stream));
            let allowed = libm::log(stream.f64_open());
            if !(MEANS.0..MEANS.1).contains(&mean) {
                continue;
            }
            let mut tried = rates.clone();
            tried.set_mean(mean);
            let then = self.log_probability(&links, &tried);
            if then - now > allowed {
                (*rates, now) = (tried, then);
            }
        }
    }

    /// Log-probability of a mean, up to a constant: `links` have the values of those that lost something.
    fn log_probability(&self, links: &[f64; VALUES], rates: &Rates) -> f64 {
        let lossy = links.iter().zip(&rates.log_prior).filter(|(n, _)| **n > 0.0);
        let lossy: f64 = lossy.map(|(n, log)| n * log).sum();
        // ∫ of e^(−x·delivered) over the exponential law of the mean.
        let spared = |(delivered, n): &(f64, f64)| n * libm::log1p(rates.mean() * delivered);
        lossy - self.delivered.iter().map(spared).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Purpose, Seeds};
    use twin::EntityKey;

    #[test]
    fn links_without_a_loss_bound_the_mean_and_lossy_ones_hold_it() {
        let mean = |quiet: usize, lossy: usize| {
            let usual = Usual::new((0..quiet).map(|i| 900.0 + i as f64));
            let mut rates = Rates::new(1e-4);
            let value = rates.nearest_healthy(1e-4);
            let mut stream = Seeds::new(1).trial(0).stream(Purpose::new("mean"), &EntityKey::new("test"));
            let (mut sum, n) = (0.0, 2_000);
            for _ in 0..n {
                usual.draw((0..lossy).map(|_| value), &mut rates, &mut stream);
                sum += libm::log(rates.mean());
            }
            libm::exp(sum / f64::from(n))
        };
        // 200 links of 1,000 packets, none lost: far below 1 in 200,000.
        assert!(mean(200, 0) < 3e-6, "{}", mean(200, 0));
        let held = mean(0, 200);
        assert!((held / 1e-4 - 1.0).abs() < 0.3, "{held}");
    }
}
