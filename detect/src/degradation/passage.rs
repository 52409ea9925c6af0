//! When a level that moves with an uncertain slope first reaches a threshold.

use super::filter::Outlook;

/// Nodes and weights of the Gauss–Hermite rule of seven points for a standard normal (Abramowitz & Stegun 25.4.46, scaled).
const NODES: [(f64, f64); 7] = [
    (-3.750_439_717_725_742, 5.482_688_559_722_18e-4),
    (-2.366_759_410_734_541, 3.075_712_396_758_65e-2),
    (-1.154_405_394_739_968, 2.401_231_786_050_127e-1),
    (0.0, 4.571_428_571_428_571e-1),
    (1.154_405_394_739_968, 2.401_231_786_050_127e-1),
    (2.366_759_410_734_541, 3.075_712_396_758_65e-2),
    (3.750_439_717_725_742, 5.482_688_559_722_18e-4),
];

/// Beyond this, in hours (ten years), is never.
const NEVER_H: f64 = 87_660.0;

/// The probability that the threshold is reached within so many hours: of a Brownian motion with drift (the distribution
/// function of the inverse Gaussian), over the slopes that are possible. What the level is uncertain by, and what the slope
/// may yet bend by, spread the motion.
pub(super) fn probability(outlook: &Outlook, threshold: f64, within_h: f64) -> f64 {
    let gap = threshold - outlook.level;
    if gap <= 0.0 {
        return 1.0;
    }
    if within_h <= 0.0 {
        return 0.0;
    }
    let [level, both, slope] = outlook.cov;
    let t = within_h;
    // The mean slope from now to then: as known now, and what it bends by until then.
    let slopes = slope.max(0.0) + outlook.bend * t / 3.0 + (2.0 * both / t).max(0.0);
    let spread = level.max(0.0) + outlook.wander * t;
    let deviation = libm::sqrt(slopes);
    NODES.iter().map(|(z, weight)| weight * reached(gap, outlook.slope + z * deviation, spread, t)).sum()
}

/// P(max of b s + σ W(s), s ≤ t, ≥ gap) with σ² t = `variance`.
fn reached(gap: f64, slope: f64, variance: f64, t: f64) -> f64 {
    let sigma = libm::sqrt(variance.max(1e-300));
    let direct = normal((slope * t - gap) / sigma);
    // exp of a large number times the tail of a larger one: in logarithms.
    let log_factor = 2.0 * gap * slope * t / sigma / sigma;
    let back = normal((-slope * t - gap) / sigma);
    let reflected = if back > 0.0 { libm::exp((log_factor + libm::log(back)).min(0.0)) } else { 0.0 };
    (direct + reflected).min(1.0)
}

fn normal(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// The time at which a distribution function that rises reaches a share; infinite beyond ten years.
pub(super) fn quantile(share: f64, passed: impl Fn(f64) -> f64) -> f64 {
    if passed(NEVER_H) < share {
        return f64::INFINITY;
    }
    let (mut lo, mut hi) = (libm::log(1e-3), libm::log(NEVER_H));
    for _ in 0..40 {
        let middle = 0.5 * (lo + hi);
        if passed(libm::exp(middle)) < share { lo = middle } else { hi = middle }
    }
    libm::exp(hi)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_passage_is_inverse_gaussian() {
        // Drift 2, σ² 3, distance 10: mean 5; P(T ≤ 5) by the formula of Chhikara and Folks.
        let outlook = Outlook { level: 0.0, slope: 2.0, cov: [0.0; 3], wander: 3.0, bend: 0.0 };
        let (mu, lambda, t) = (5.0f64, 100.0 / 3.0, 5.0f64);
        let root = (lambda / t).sqrt();
        let expected =
            normal(root * (t / mu - 1.0)) + (2.0 * lambda / mu).exp() * normal(-root * (t / mu + 1.0));
        assert!((probability(&outlook, 10.0, t) - expected).abs() < 1e-9);
        // Without drift: the reflection principle.
        let still = Outlook { slope: 0.0, ..outlook };
        assert!((probability(&still, 10.0, 40.0) - 2.0 * normal(-10.0 / 120f64.sqrt())).abs() < 1e-9);
    }

    #[test]
    fn a_sure_line_arrives_when_it_must_and_away_from_it_never() {
        let line = Outlook { level: 1.0, slope: 0.5, cov: [1e-8, 0.0, 1e-10], wander: 0.0, bend: 0.0 };
        let left = quantile(0.5, |h| probability(&line, 4.0, h));
        assert!((left - 6.0).abs() < 0.01, "{left}");
        let away = Outlook { slope: -0.5, ..line };
        assert!(quantile(0.5, |h| probability(&away, 4.0, h)).is_infinite());
        assert_eq!(probability(&line, 0.5, 1.0), 1.0, "reached already");
    }
}
