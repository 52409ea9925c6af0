//! Loss rates of links: a grid of values, how likely each is for a healthy and for a failed link.
//!
//! A healthy link loses a little; how much is learnt from the fabric itself (exponential with a mean that is sampled along).
//! A failed link loses at least ten times the mean of the healthy ones, log-uniform up to everything: its rate is never
//! assumed, it is integrated over.

/// Values for healthy links.
pub const HEALTHY: usize = 14;
/// Values for failed links.
pub const FAILED: usize = 40;
/// All values: those for healthy links first.
pub const VALUES: usize = HEALTHY + FAILED;

/// A failed link loses at least so many times what a healthy one loses on average.
const ABOVE: f64 = 10.0;
const HEALTHY_SPAN: (f64, f64) = (1e-7, 2e-3);
/// The mean loss of healthy links is between these.
pub const MEANS: (f64, f64) = (3e-7, 1e-2);
const FAILED_SPAN: (f64, f64) = (1e-5, 0.999);
/// Distance of two values for failed links, in the logarithm: no rate is known closer than within a step.
pub const FAILED_STEP: f64 = 0.2952;

/// The grid and its weights for one mean of the healthy rates.
#[derive(Clone, Debug)]
pub struct Rates {
    /// The rates.
    pub value: [f64; VALUES],
    /// Its logarithms.
    pub log_value: [f64; VALUES],
    /// ln(1 − rate).
    pub log_pass: [f64; VALUES],
    /// Log prior of each value within its kind.
    pub log_prior: [f64; VALUES],
    /// Prior of each value within its kind.
    pub prior: [f64; VALUES],
    /// The first value that counts as failed.
    pub floor: usize,
    mean: f64,
    usual: u16,
}

fn spaced(i: usize, n: usize, (lo, hi): (f64, f64)) -> f64 {
    libm::exp(libm::log(lo) + (libm::log(hi) - libm::log(lo)) * i as f64 / (n - 1) as f64)
}

impl Rates {
    /// The grid for a mean loss rate of healthy links.
    pub fn new(mean: f64) -> Self {
        let value = std::array::from_fn(|i| {
            if i < HEALTHY {
                spaced(i, HEALTHY, HEALTHY_SPAN)
            } else {
                spaced(i - HEALTHY, FAILED, FAILED_SPAN)
            }
        });
        let log_pass = value.map(|v: f64| libm::log1p(-v));
        let mut rates = Self {
            value,
            log_value: value.map(libm::log),
            log_pass,
            log_prior: [0.0; VALUES],
            prior: [0.0; VALUES],
            floor: HEALTHY,
            mean,
            usual: 0,
        };
        rates.set_mean(mean);
        rates
    }

    /// The mean loss rate of healthy links.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Weighs the grid for another mean.
    pub fn set_mean(&mut self, mean: f64) {
        let mean = mean.clamp(MEANS.0, MEANS.1);
        self.mean = mean;
        self.usual = self.nearest_healthy(mean);
        // Equal steps of the logarithm: a density has the weight of the value besides.
        let healthy: [f64; HEALTHY] =
            std::array::from_fn(|i| self.log_value[i] - libm::log(mean) - self.value[i] / mean);
        let total = super::log_sum_exp(&healthy);
        let least = ABOVE * mean;
        self.floor = (HEALTHY..VALUES).find(|v| self.value[*v] >= least).unwrap_or(VALUES - 1);
        let share = libm::log((VALUES - self.floor) as f64);
        for (i, prior) in self.log_prior.iter_mut().enumerate() {
            *prior = match healthy.get(i) {
                Some(weight) => weight - total,
                None if i < self.floor => f64::NEG_INFINITY,
                None => -share,
            };
        }
        self.prior = self.log_prior.map(libm::exp);
    }

    /// The failed value nearest to a rate.
    pub fn nearest_failed(&self, rate: f64) -> u16 {
        let off = |v: &usize| (libm::log(self.value[*v] / rate)).abs();
        (self.floor..VALUES).min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(VALUES - 1) as u16
    }

    /// The value of a healthy link of mean loss.
    pub fn usual(&self) -> u16 {
        self.usual
    }

    /// The healthy value nearest to a rate.
    pub fn nearest_healthy(&self, rate: f64) -> u16 {
        let off = |v: &usize| (libm::log(self.value[*v] / rate)).abs();
        (0..HEALTHY).min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(0) as u16
    }

    /// log ∫ of θ^lost · (1 − θ)^delivered over the rates of failed links.
    pub fn log_failed(&self, delivered: f64, lost: f64) -> f64 {
        let terms: [f64; FAILED] = std::array::from_fn(|i| {
            let v = HEALTHY + i;
            self.log_prior[v] + delivered * self.log_pass[v] + lost * self.log_value[v]
        });
        super::log_sum_exp(&terms)
    }
}

/// Whether a value is that of a failed link.
pub fn is_failed(value: u16) -> bool {
    usize::from(value) >= HEALTHY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_weights_sum_to_one() {
        for mean in [1e-6, 5e-5, 1e-3] {
            let rates = Rates::new(mean);
            for part in [&rates.log_prior[..HEALTHY], &rates.log_prior[HEALTHY..]] {
                assert!(super::super::log_sum_exp(part).abs() < 1e-12);
            }
            let step = libm::log(rates.value[VALUES - 1] / rates.value[VALUES - 2]);
            assert!((step - FAILED_STEP).abs() < 1e-4, "{step}");
            let expected: f64 = (0..HEALTHY).map(|i| rates.value[i] * libm::exp(rates.log_prior[i])).sum();
            assert!((expected / mean - 1.0).abs() < 0.25, "{mean}: {expected}");
            assert!(
                rates
                    .value
                    .iter()
                    .skip(HEALTHY)
                    .zip(&rates.log_prior[HEALTHY..])
                    .all(|(v, p)| { p.is_finite() == (*v >= ABOVE * mean) })
            );
        }
    }
}
