//! Log-likelihoods of all values of a rate at once: products as long as they can be, as logarithms are dear.

use super::rates::VALUES;

/// Sums of logarithms, of which a part is still a product.
pub(super) struct Sum {
    logs: Option<[f64; VALUES]>,
    product: [f64; VALUES],
    /// No factor of the product is below the first of these, or above the second.
    bounds: (f64, f64),
}

impl Sum {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self { logs: None, product: [1.0; VALUES], bounds: (1.0, 1.0) }
    }

    /// Adds logarithms.
    pub(super) fn add(&mut self, logs: &[f64; VALUES]) {
        self.logs.get_or_insert([0.0; VALUES]).iter_mut().zip(logs).for_each(|(s, l)| *s += l);
    }

    /// Multiplies by factors from 1e-100 to 1e100.
    pub(super) fn times(&mut self, factors: &[f64; VALUES]) {
        let least = factors.iter().copied().fold(f64::INFINITY, |a, b| if b < a { b } else { a });
        let most = factors.iter().copied().fold(0.0, |a, b| if b > a { b } else { a });
        self.times_within(factors, (least, most));
    }

    /// The same with factors of which none is below the first bound or above the second.
    pub(super) fn times_within(&mut self, factors: &[f64; VALUES], bounds: (f64, f64)) {
        self.product.iter_mut().zip(factors).for_each(|(product, factor)| *product *= factor);
        self.bounds = (self.bounds.0 * bounds.0, self.bounds.1 * bounds.1);
        if self.bounds.0 < 1e-200 || self.bounds.1 > 1e200 {
            self.settle();
        }
    }

    fn settle(&mut self) {
        let product = std::mem::replace(&mut self.product, [1.0; VALUES]);
        self.bounds = (1.0, 1.0);
        self.add(&product.map(|p| libm::log(p.max(f64::MIN_POSITIVE))));
    }

    /// The product, if all is still in it.
    pub(super) fn product(&self) -> Option<&[f64; VALUES]> {
        self.logs.is_none().then_some(&self.product)
    }

    /// The logarithms of all.
    pub(super) fn finish(mut self) -> [f64; VALUES] {
        self.settle();
        self.logs.unwrap_or([0.0; VALUES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_any_length_are_sums_of_logarithms() {
        let mut sum = Sum::new();
        sum.times(&[2.0; VALUES]);
        assert_eq!(sum.product(), Some(&[2.0; VALUES]));
        sum.add(&[1.0 - std::f64::consts::LN_2; VALUES]);
        assert!(sum.product().is_none());
        let factors: [f64; VALUES] = std::array::from_fn(|i| libm::pow(10.0, i as f64 * 3.0 - 80.0));
        (0..50).for_each(|_| sum.times(&factors));
        sum.add(&[-2.0; VALUES]);
        for (i, log) in sum.finish().into_iter().enumerate() {
            let expected = -1.0 + 50.0 * (i as f64 * 3.0 - 80.0) * libm::log(10.0);
            assert!((log - expected).abs() < 1e-9 * expected.abs().max(1.0), "{i}: {log} {expected}");
        }
    }
}
