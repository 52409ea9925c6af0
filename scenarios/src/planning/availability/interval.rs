//! Intervals of 95 % for means of sampled values.

use super::Estimate;

/// The two-sided 95 % point of the normal distribution.
const Z: f64 = 1.959963984540054;

/// What is known of a weighted sample of values between 0 and 1.
///
/// The mean is the ratio Σwf / Σw; its interval comes from the moments of z = w(f - mean), with weights of mean 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sampled {
    /// Number of values.
    pub(super) n: f64,
    /// Their weighted mean.
    pub(super) mean: f64,
    /// Mean of z².
    pub(super) second: f64,
    /// Mean of z³.
    pub(super) third: f64,
    /// The largest weight that a value may have, seen or not.
    pub(super) weight_max: f64,
    /// How large values other than 0 are: Σwf³ / Σwf²; 1 where they are 0 or 1.
    pub(super) size: f64,
}

impl Sampled {
    /// The interval of the mean.
    ///
    /// Wilson's interval holds the observed mean against every true one with the variance that it would then have. His
    /// variance m(1-m)/n is a parabola whose slope at the observed mean is the third moment over the second. So is the one
    /// here, for any values: the interval is Wilson's (*Probable inference*, JASA 1927) to the last digit for 0, 1 and no
    /// weights, and leans as far to the long tail as the values do. Were the true mean another, what was not seen would
    /// make the difference, and that may weigh more than what was: the slope is at least that of the largest weight.
    ///
    /// Where all values were equal, values of probability r were missed with a chance above 5 % only if r is below
    /// z² / (n + z²) times the largest weight: Wilson again.
    pub(super) fn interval(&self) -> Estimate {
        let Self { n, mean, second, third, weight_max, size } = *self;
        let (lo, hi) = if second <= f64::EPSILON * f64::EPSILON {
            let missed = (weight_max * Z * Z / (n + Z * Z)).min(1.0);
            (mean - mean * missed, mean + (1.0 - mean) * missed)
        } else {
            let (seen, unseen) = (third / second, weight_max * size * (1.0 - 2.0 * mean));
            // x = true - observed mean: x² = z² (second + slope · x - x²) / n.
            let a = 1.0 + Z * Z / n;
            let root = |slope: f64, sign: f64| {
                let (b, c) = (Z * Z * slope / n, Z * Z * second / n);
                (b + sign * libm::sqrt(b * b + 4.0 * a * c)) / (2.0 * a)
            };
            (mean + root(seen.min(unseen), -1.0), mean + root(seen.max(unseen), 1.0))
        };
        Estimate { value: mean, lo: lo.clamp(0.0, mean), hi: hi.clamp(mean, 1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bernoulli(hits: f64, n: f64) -> Sampled {
        let p = hits / n;
        let (second, third) = (p * (1.0 - p), p * (1.0 - p) * (1.0 - 2.0 * p));
        Sampled { n, mean: p, second, third, weight_max: 1.0, size: 1.0 }
    }

    #[test]
    fn zeros_and_ones_give_wilsons_interval() {
        for (hits, n) in [(0.0, 50.0), (1.0, 1000.0), (30.0, 100.0), (99.0, 100.0), (100.0, 100.0)] {
            let p = hits / n;
            let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
            let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
            let found = bernoulli(hits, n).interval();
            assert!((found.lo - (centre - half).max(0.0)).abs() < 1e-12, "{hits}/{n}: {found:?}");
            assert!((found.hi - (centre + half).min(1.0)).abs() < 1e-12, "{hits}/{n}: {found:?}");
        }
    }

    #[test]
    fn a_long_tail_pulls_the_interval_to_its_side() {
        // One value of 1, nine of 0.1, the rest 0.
        let n = 1000.0;
        let mean = 1.9 / n;
        let moment =
            |k: i32| ((1.0f64 - mean).powi(k) + 9.0 * (0.1f64 - mean).powi(k) + 990.0 * (-mean).powi(k)) / n;
        let sampled = Sampled { n, mean, second: moment(2), third: moment(3), weight_max: 1.0, size: 0.1 };
        let Estimate { value, lo, hi } = sampled.interval();
        assert!(hi - value > 2.0 * (value - lo), "{lo} {value} {hi}");
        assert!(lo >= 0.0);
    }
}
