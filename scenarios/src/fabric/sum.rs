//! Log-likelihoods of all values of a rate at once: products as long as they can be, as logarithms are dear.

use super::rates::VALUES;

/// Sums of logarithms, of which a part is still a product.
pub(super) struct Sum {
    logs: [f64; VALUES],
    product: [f64; VALUES],
}

impl Sum {
    /// Starts from logarithms.
    pub(super) fn new(logs: [f64; VALUES]) -> Self {
        Self { logs, product: [1.0; VALUES] }
    }

    /// Adds logarithms.
    pub(super) fn add(&mut self, logs: &[f64; VALUES]) {
        self.logs.iter_mut().zip(logs).for_each(|(s, l)| *s += l);
    }

    /// Multiplies by factors from 1e-100 to 1e100.
    pub(super) fn times(&mut self, factors: &[f64; VALUES]) {
        let (mut low, mut high) = (1.0f64, 1.0f64);
        for (product, factor) in self.product.iter_mut().zip(factors) {
            *product *= factor;
            low = low.min(*product);
            high = high.max(*product);
        }
        if low < 1e-200 || high > 1e200 {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.logs.iter_mut().zip(&self.product).for_each(|(l, p)| *l += libm::log(p.max(f64::MIN_POSITIVE)));
        self.product = [1.0; VALUES];
    }

    /// The logarithms of all.
    pub(super) fn finish(mut self) -> [f64; VALUES] {
        self.settle();
        self.logs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_any_length_are_sums_of_logarithms() {
        let mut sum = Sum::new([1.0; VALUES]);
        let factors: [f64; VALUES] = std::array::from_fn(|i| libm::pow(10.0, i as f64 * 3.0 - 80.0));
        (0..50).for_each(|_| sum.times(&factors));
        sum.add(&[-2.0; VALUES]);
        for (i, log) in sum.finish().into_iter().enumerate() {
            let expected = -1.0 + 50.0 * (i as f64 * 3.0 - 80.0) * libm::log(10.0);
            assert!((log - expected).abs() < 1e-9 * expected.abs().max(1.0), "{i}: {log} {expected}");
        }
    }
}
