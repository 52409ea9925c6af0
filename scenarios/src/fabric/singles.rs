//! How many links fail on their own: a prior on their number, in which a cause without a name has its share.
//!
//! The expected number is exponential around one, and summed out; or, if a cause without a name fails links, log-uniform
//! from one to all of them. Where single links are no class, whatever single link fails has no name.

use super::chain::LOG_ODDS_UNKNOWN;
use super::events::EXPECTED_LINKS;
use super::log_sum_exp;

/// The prior on sets of links that fail on their own, by their number.
#[derive(Clone, Debug)]
pub(super) struct Singles {
    /// Log weight of each set of so many links.
    log_weight: Vec<f64>,
    /// The share of it that has no name.
    unnamed: Vec<f64>,
}

/// More links than this do not fail on their own.
const MOST: usize = 2_000;

impl Singles {
    /// For so many links, where single links are a class or not.
    pub(super) fn new(links: usize, named: bool) -> Self {
        let log_links = libm::log(links.max(1) as f64);
        let span = libm::log(links.max(3) as f64);
        let mut prior = Self { log_weight: Vec::new(), unnamed: Vec::new() };
        // e^-1 · Σ 1/j!, j < k: the part of Γ(k) above 1.
        let (mut above, mut term) = (0.0, libm::exp(-1.0));
        for k in 0..=links.min(MOST) {
            let n = k as f64;
            // ∫ of λ^k e^-λ/L^k over the exponential.
            let log_odds = libm::log(EXPECTED_LINKS / (1.0 + EXPECTED_LINKS));
            let usual = libm::lgamma(n + 1.0) + n * (log_odds - log_links) - libm::log1p(EXPECTED_LINKS);
            // ∫ of the same over 1/λ from 1 on; E₁(1) for none.
            let spread = if k == 0 {
                libm::log(0.219_383_934)
            } else {
                above += term;
                term /= n;
                libm::lgamma(n) + libm::log(above) - n * log_links
            };
            let common = LOG_ODDS_UNKNOWN + spread - libm::log(span);
            let alone = if named || k == 0 { usual } else { LOG_ODDS_UNKNOWN + usual };
            let both = log_sum_exp(&[alone, common]);
            prior.log_weight.push(both);
            prior.unnamed.push(match (named, k) {
                (false, 1..) => 1.0,
                _ => libm::exp(common - both),
            });
        }
        prior
    }

    /// The prior probability that one link more fails on its own if so many others do.
    pub(super) fn one_more(&self, others: usize) -> f64 {
        let k = others.min(self.log_weight.len().saturating_sub(2));
        let odds = match self.log_weight.get(k + 1) {
            Some(more) => libm::exp(more - self.log_weight[k]),
            None => 0.0,
        };
        odds / (1.0 + odds)
    }

    /// Log weight of a set of so many links.
    pub(super) fn log_weight(&self, k: usize) -> f64 {
        self.log_weight[k.min(self.log_weight.len() - 1)]
    }

    /// The probability that a cause without a name is at work if so many links fail on their own.
    pub(super) fn unnamed(&self, k: usize) -> f64 {
        self.unnamed[k.min(self.unnamed.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_the_integrals() {
        // By the midpoint rule over the expected number.
        let (links, n) = (50.0f64, 400_000);
        let prior = Singles::new(50, true);
        for k in 0..6 {
            let (mut usual, mut common) = (0.0, 0.0);
            for i in 0..n {
                let step = 60.0 / f64::from(n);
                let x = (f64::from(i) + 0.5) * step;
                let fail = libm::pow(x / links, f64::from(k)) * libm::exp(-x) * step;
                usual += libm::exp(-x) * fail;
                common += if x > 1.0 { fail / x / libm::log(links) } else { 0.0 };
            }
            common *= libm::exp(LOG_ODDS_UNKNOWN);
            let found = libm::exp(prior.log_weight[k as usize]);
            assert!((found / (usual + common) - 1.0).abs() < 1e-3, "{k}: {found} {}", usual + common);
            assert!((prior.unnamed(k as usize) - common / (usual + common)).abs() < 1e-3);
        }
    }

    #[test]
    fn one_link_more_is_as_probable_as_the_weights_say() {
        let named = Singles::new(2_500, true);
        // About one failure: the first link with ½/L, another with 2·½/L.
        assert!((named.one_more(0) * 2_500.0 - 0.5).abs() < 0.02, "{}", named.one_more(0) * 2_500.0);
        assert!(named.one_more(1) > 1.8 * named.one_more(0) && named.unnamed(1) < 0.01);
        assert!(named.unnamed(30) > 0.99);
        // Without the class the first has the odds of the unknown, and is one.
        let without = Singles::new(2_500, false);
        assert!(without.one_more(0) < 0.02 * named.one_more(0) && without.unnamed(1) == 1.0);
        assert!(without.unnamed(0) < 0.01 && without.one_more(1) > 0.5 * named.one_more(1));
        assert_eq!(Singles::new(1, true).one_more(1), Singles::new(1, true).one_more(0));
    }
}
