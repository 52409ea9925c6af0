//! Statistics that residuals need on both sides of detection and inference: robust location and spread, and the tail of
//! a count.

/// The median of the finite values (mean of the middle two); NaN if there are none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut v: Vec<f64> = values.into_iter().filter(|x| x.is_finite()).collect();
    if v.is_empty() {
        return f64::NAN;
    }
    let (odd, mid) = (v.len() % 2 == 1, v.len() / 2);
    let (below, upper, _) = v.select_nth_unstable_by(mid, f64::total_cmp);
    if odd {
        return *upper;
    }
    below.iter().copied().max_by(f64::total_cmp).map_or(*upper, |lower| 0.5 * (lower + *upper))
}

/// The standard deviation that a normal sample with this median absolute deviation would have (factor 1.4826); NaN if
/// there are no finite values.
pub fn mad_sigma(values: &[f64], center: f64) -> f64 {
    1.4826 * median(values.iter().map(|x| (x - center).abs()))
}

/// log P(N ≥ count) of a Poisson variable of this mean. Exact summation of the smaller side; never −∞.
pub fn log_poisson_tail(count: u64, mean: f64) -> f64 {
    if count == 0 || mean.is_nan() {
        return 0.0;
    }
    let mean = mean.max(1e-300);
    let log_term = |k: f64| k * libm::log(mean) - mean - libm::lgamma(k + 1.0);
    if (count as f64) <= mean {
        let below: f64 = (0..count).map(|k| libm::exp(log_term(k as f64))).sum();
        return libm::log((1.0 - below).max(f64::MIN_POSITIVE));
    }
    // Terms fall by mean/(k+1) < 1 each: sum them relative to the first.
    let (mut sum, mut term, mut k) = (1.0, 1.0, count as f64);
    while term > 1e-17 * sum {
        k += 1.0;
        term *= mean / k;
        sum += term;
    }
    log_term(count as f64) + libm::log(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wild_value_moves_neither() {
        assert_eq!(median([3.0, 1.0, f64::NAN, 2.0, 1e9]), 2.5);
        assert_eq!(mad_sigma(&[1.0, 2.0, 3.0, 4.0, 1e9], 3.0), 1.4826);
        assert!(median([]).is_nan());
    }

    #[test]
    fn the_median_is_the_middle_of_the_sorted() {
        for n in 1..60 {
            let values: Vec<f64> = (1..=n).map(|i| f64::from(i * i * 37 % 23 - 11)).collect();
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let half = sorted.len() / 2;
            let middle = 0.5 * (sorted[half] + sorted[sorted.len() - 1 - half]);
            assert_eq!(median(values), middle, "{n}");
        }
    }

    #[test]
    fn the_tail_of_a_count_is_exact_and_finite() {
        // P(N >= 3 | 1) = 1 - 2.5/e
        assert!((log_poisson_tail(3, 1.0) - (1.0 - 2.5 / std::f64::consts::E).ln()).abs() < 1e-12);
        assert!((log_poisson_tail(2, 4.0) - (1.0 - 5.0 * (-4.0f64).exp()).ln()).abs() < 1e-12);
        for (k, m) in [(1_000_000, 1e-9), (1, 0.0), (10, 1e9), (0, 0.0)] {
            assert!(log_poisson_tail(k, m).is_finite(), "{k} {m}");
        }
    }
}
