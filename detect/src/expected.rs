//! Loads beside the loads that a twin expects.

/// Share of a series' usual load that is added to both sides of the ratio, so that where next to nothing is expected next to
/// nothing matters.
const FLOOR_SHARE: f64 = 0.1;

/// Observed loads of a series as multiples of what was expected of it: 1 as long as the twin is right, 0.5 where half of it
/// is missing. A ratio and not a difference, because loads stray by a share of themselves: a link that takes over the
/// traffic of another strays further.
#[derive(Clone, Debug, PartialEq)]
pub struct Relative {
    expected: Vec<f64>,
    /// What is added to both sides, from the bins so far.
    floor: Vec<f64>,
}

impl Relative {
    /// Compares loads with what is expected of them, bin by bin, in one unit; NaN is missing. A bin depends on no later one.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn new(observed: &[f64], expected: &[f64]) -> Self {
        assert_eq!(observed.len(), expected.len(), "an expectation for each bin");
        let (mut sum, mut bins) = (0.0, 0.0);
        let floor = observed.iter().zip(expected).map(|(seen, twin)| {
            let size = seen.abs().max(twin.abs());
            if size.is_finite() {
                sum += size;
                bins += 1.0;
            }
            FLOOR_SHARE * sum / bins
        });
        Self { floor: floor.collect(), expected: expected.to_vec() }
    }

    /// A load of a bin as a multiple of what was expected. NaN where either is missing, or nothing was ever seen or expected.
    pub fn ratio(&self, bin: usize, load: f64) -> f64 {
        let ratio = (load + self.floor[bin]) / (self.expected[bin] + self.floor[bin]);
        if ratio.is_finite() { ratio } else { f64::NAN }
    }

    /// The load that is such a multiple.
    pub fn load(&self, bin: usize, ratio: f64) -> f64 {
        ratio * (self.expected[bin] + self.floor[bin]) - self.floor[bin]
    }

    /// The spread in loads that is such a spread in multiples.
    pub fn spread(&self, bin: usize, sigma: f64) -> f64 {
        sigma * (self.expected[bin] + self.floor[bin])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reroute_that_is_expected_changes_no_ratio_and_a_loss_does() {
        // Traffic comes, goes, is a third too small.
        let expected = [100.0, 100.0, 300.0, 0.0, 300.0];
        let observed = [100.0, 100.0, 300.0, 0.0, 200.0];
        let relative = Relative::new(&observed, &expected);
        let ratios: Vec<f64> = (0..5).map(|bin| relative.ratio(bin, observed[bin])).collect();
        assert!(ratios[..4].iter().all(|r| (r - 1.0).abs() < 1e-12), "{ratios:?}");
        assert!((0.66..0.71).contains(&ratios[4]), "{ratios:?}");
        for bin in 0..5 {
            assert!((relative.load(bin, ratios[bin]) - observed[bin]).abs() < 1e-9);
        }
        assert!((relative.spread(0, 0.1) - 11.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_missing_is_missing() {
        let relative = Relative::new(&[f64::NAN, 1.0, 0.0], &[1.0, f64::NAN, 0.0]);
        assert!((0..2).all(|bin| relative.ratio(bin, 1.0).is_nan() || bin == 0));
        assert!(relative.ratio(0, f64::NAN).is_nan());
        assert!(Relative::new(&[0.0], &[0.0]).ratio(0, 0.0).is_nan(), "nothing was ever seen or expected");
    }
}
