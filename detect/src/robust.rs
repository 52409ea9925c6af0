//! Statistics that a few wild values do not move.

/// The median of the finite values (mean of the middle two); NaN if there are none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut v: Vec<f64> = values.into_iter().filter(|x| x.is_finite()).collect();
    if v.is_empty() {
        return f64::NAN;
    }
    v.sort_by(f64::total_cmp);
    let mid = v.len() / 2;
    if v.len() % 2 == 1 { v[mid] } else { 0.5 * (v[mid - 1] + v[mid]) }
}

/// The standard deviation that a normal sample with this median absolute deviation would have (factor 1.4826); NaN if
/// there are no finite values.
pub fn mad_sigma(values: &[f64], center: f64) -> f64 {
    1.4826 * median(values.iter().map(|x| (x - center).abs()))
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
}
