//! Tail probabilities as natural logarithms: finite however far out.

/// log P(|T| ≥ |t|) of Student's t with `freedom` > 0 degrees of freedom, by the incomplete beta function (DLMF 8.17.22).
/// NaN gives 0 (no opinion).
pub(crate) fn log_p_student(t: f64, freedom: f64) -> f64 {
    if t.is_nan() || t == 0.0 {
        return 0.0;
    }
    let square = t.abs().min(1e100).powi(2);
    let (a, x, y) = (0.5 * freedom, freedom / (freedom + square), square / (freedom + square));
    if x < (a + 1.0) / (a + 2.5) {
        return log_incomplete_beta(a, 0.5, x, y).min(0.0);
    }
    libm::log1p(-libm::exp(log_incomplete_beta(0.5, a, y, x)).min(1.0 - f64::EPSILON))
}

/// log P(|X| ≥ |z|) of a Laplace variable of unit variance, −√2·|z|: the tail of what forecasts of loads leave over. NaN
/// gives 0 (no opinion).
pub(crate) fn log_p_laplace(z: f64) -> f64 {
    let x = z.abs();
    if x.is_nan() { 0.0 } else { -std::f64::consts::SQRT_2 * x.min(1e100) }
}

/// log P(N ≥ count) of a Poisson count over an exposure of `n` at a rate that has a Gamma distribution of shape `a` and rate
/// `b` (a negative binomial). All of `n`, `a`, `b` positive; never −∞. Some √max(count, a) steps.
pub(crate) fn log_negative_binomial_tail(count: u64, n: f64, a: f64, b: f64) -> f64 {
    if count == 0 {
        return 0.0;
    }
    // P(N ≥ k) = I_x(k, a) with x = n / (b + n): DLMF 8.17.5 in terms of the binomial.
    let k = count as f64;
    let (hit, miss) = (n / (b + n), b / (b + n));
    if hit < (k + 1.0) / (k + a + 2.0) {
        return log_incomplete_beta(k, a, hit, miss).min(0.0);
    }
    let below = libm::exp(log_incomplete_beta(a, k, miss, hit)).min(1.0);
    libm::log((1.0 - below).max(f64::MIN_POSITIVE))
}

/// log I_x(a, b), the regularised incomplete beta function, with `y` = 1 − x; for x < (a + 1) / (a + b + 2), where the
/// continued fraction of DLMF 8.17.22 converges fast. Evaluated by Lentz's method.
fn log_incomplete_beta(a: f64, b: f64, x: f64, y: f64) -> f64 {
    const STEPS: u32 = 20_000;
    let tiny = 1e-300;
    let keep = |v: f64| if v.abs() < tiny { tiny } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / keep(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / keep(1.0 + term * d);
            c = keep(1.0 + term / c);
            change = d * c;
            fraction *= change;
        }
        if (change - 1.0).abs() < 1e-13 {
            break;
        }
    }
    let beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    a * libm::log(x.max(tiny)) + b * libm::log(y.max(tiny)) - libm::log(a) - beta
        + libm::log(fraction.max(tiny))
}

/// The quantile of a standard normal at 0 < `p` < 1 (Acklam's rational approximation, relative error below 1.2e-9, then
/// one step of Halley's method).
#[cfg(test)]
pub(crate) fn normal_quantile(p: f64) -> f64 {
    let p = p.clamp(1e-300, 1.0 - 1e-16);
    let tail = |q: f64| {
        let num =
            ((((-7.784_894_002_430_293e-3 * q - 3.223_964_580_411_365e-1) * q - 2.400_758_277_161_838) * q
                - 2.549_732_539_343_734)
                * q
                + 4.374_664_141_464_968)
                * q
                + 2.938_163_982_698_783;
        let den = (((7.784_695_709_041_462e-3 * q + 3.224_671_290_700_398e-1) * q + 2.445_134_137_142_996)
            * q
            + 3.754_408_661_907_416)
            * q
            + 1.0;
        num / den
    };
    let x = if p < 0.024_25 {
        tail(libm::sqrt(-2.0 * libm::log(p)))
    } else if p > 1.0 - 0.024_25 {
        -tail(libm::sqrt(-2.0 * libm::log(1.0 - p)))
    } else {
        let q = p - 0.5;
        let r = q * q;
        let num =
            ((((-3.969_683_028_665_376e1 * r + 2.209_460_984_245_205e2) * r - 2.759_285_104_469_687e2) * r
                + 1.383_577_518_672_69e2)
                * r
                - 3.066_479_806_614_716e1)
                * r
                + 2.506_628_277_459_239;
        let den =
            ((((-5.447_609_879_822_406e1 * r + 1.615_858_368_580_409e2) * r - 1.556_989_798_598_866e2) * r
                + 6.680_131_188_771_972e1)
                * r
                - 1.328_068_155_288_572e1)
                * r
                + 1.0;
        q * num / den
    };
    let error = 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2) - p;
    let step = error * libm::sqrt(2.0 * std::f64::consts::PI) * libm::exp(0.5 * x * x);
    if step.is_finite() { x - step / (1.0 + 0.5 * x * step) } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_match_the_tables() {
        for (t, freedom, p) in [(2.776_445, 4.0, 0.05f64), (8.610_302, 4.0, 0.001), (12.706_205, 1.0, 0.05)] {
            assert!((log_p_student(t, freedom) - p.ln()).abs() < 1e-5, "{t} {freedom}");
        }
        // Far out P → 6/t⁴ with four degrees of freedom.
        assert!((log_p_student(1e4, 4.0) - (6e-16f64).ln()).abs() < 1e-6);
    }

    #[test]
    fn a_rate_that_is_well_known_gives_poisson_and_one_that_is_not_a_heavier_tail() {
        // Shape 1: geometric, P(N >= k) = (n/(b+n))^k exactly.
        assert!((log_negative_binomial_tail(5, 3.0, 1.0, 2.0) - 5.0 * 0.6f64.ln()).abs() < 1e-10);
        let known = log_negative_binomial_tail(9, 3.0, 1e9, 1e9);
        assert!((known - twin::stats::log_poisson_tail(9, 3.0)).abs() < 1e-5);
        assert!(log_negative_binomial_tail(9, 3.0, 2.0, 2.0) > known + 2.0);
        // The mean of the count is 6; both ways of summing meet there.
        let at = |k| log_negative_binomial_tail(k, 6.0, 3.0, 3.0).exp();
        assert!(at(6) > at(7) && at(6) - at(7) < 0.15, "{} {}", at(6), at(7));
    }

    #[test]
    fn the_tail_of_a_count_is_the_sum_of_its_terms() {
        for (n, a, b) in [(6.0f64, 3.0f64, 3.0f64), (0.2, 0.5, 40.0), (50.0, 20.0, 11.0), (900.0, 0.3, 2.0)] {
            let term = |k: f64| {
                let (miss, hit): (f64, f64) = (b / (b + n), n / (b + n));
                (libm::lgamma(k + a) - libm::lgamma(k + 1.0) - libm::lgamma(a)).exp()
                    * miss.powf(a)
                    * hit.powf(k)
            };
            for count in [1u64, 2, 5, 17, 60, 400] {
                let below: f64 = (0..count).map(|k| term(k as f64)).sum();
                let above: f64 = (count..count + 60_000).map(|k| term(k as f64)).sum();
                let slow = if below < 0.5 { (1.0 - below).ln() } else { above.ln() };
                if slow < -600.0 {
                    continue; // the sum underflows
                }
                let fast = log_negative_binomial_tail(count, n, a, b);
                assert!(
                    (fast - slow).abs() < 1e-6 * slow.abs().max(1.0),
                    "{count} {n} {a} {b}: {fast} {slow}"
                );
            }
        }
        // A black hole on a path of a million packets takes no longer, and stays finite.
        assert!(log_negative_binomial_tail(1_000_000, 1e6, 8.0, 1e6) < -50.0);
        assert!(log_negative_binomial_tail(u64::MAX, 1e-9, 1e-3, 1e9).is_finite());
    }

    #[test]
    fn tails_are_finite_always() {
        for z in [0.0, 1e3, 1e300, f64::INFINITY, f64::NAN] {
            assert!(log_p_student(z, 4.0).is_finite() && log_p_laplace(z).is_finite(), "{z}");
        }
    }
}
