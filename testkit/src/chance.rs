//! Random numbers of the distributions that generated series are made of.

use crate::SplitMix64;

/// A sequence of random numbers.
pub(crate) struct Chance(SplitMix64);

impl Chance {
    /// The sequence of the member `index` of the set of a seed.
    pub(crate) fn of(seed: u64, index: u64) -> Self {
        Self(SplitMix64::new(seed ^ (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// In (0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Uniform between the two.
    pub(crate) fn between(&mut self, lo: f64, hi: f64) -> f64 {
        lo + (hi - lo) * self.unit()
    }

    /// Between the two, each factor as likely as another.
    pub(crate) fn between_log(&mut self, lo: f64, hi: f64) -> f64 {
        lo * libm::pow(hi / lo, self.unit())
    }

    /// Exponential of mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -libm::log(self.unit())
    }

    /// Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Student's t with 3 degrees of freedom, its variance 3.
    pub(crate) fn student3(&mut self) -> f64 {
        let square: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
        self.normal() / libm::sqrt(square / 3.0)
    }

    /// By counting arrivals; of large means, by the normal.
    pub(crate) fn poisson(&mut self, mean: f64) -> f64 {
        if mean > 50.0 {
            return libm::round(mean + libm::sqrt(mean) * self.normal()).max(0.0);
        }
        let (mut left, mut events) = (mean + libm::log(self.unit()), 0.0);
        while left > 0.0 {
            left += libm::log(self.unit());
            events += 1.0;
        }
        events
    }
}
