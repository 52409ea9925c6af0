//! What all series do together is no anomaly of one of them.
//!
//! Lakhina's subspace method (SIGCOMM 2004) on standardised residuals: the first principal components hold what links share
//! (a national holiday, a news event); what a link does beyond them is its own. Three changes keep one link's anomaly from
//! being smeared over the others and from being learnt: the components come from clipped samples, forget exponentially, and
//! each bin's factors are found by a robust regression (Huber weights) with the components' variances as prior.

use nalgebra::{DMatrix, SymmetricEigen};
use serde::{Deserialize, Serialize};

use crate::robust::solve_spd;

/// Samples count with at most this many standard deviations each, and bins with at most √1.5 times their usual length.
const CLIP: f64 = 4.0;
const LENGTH_SQUARED: f64 = 1.5;
/// Huber's bend for the factors, and how often they are reweighted.
const HUBER: f64 = 2.0;
const REWEIGHTS: usize = 2;
/// The memory is never longer than this share of the age: the first third of the past counts a twenty-seventh.
const YOUTH: f64 = 0.5;
/// A factor is shared by at least so many series: the inverse of Σ v⁴ over the series, which is 1 for one alone.
const SHARED_MIN: f64 = 3.0;
/// No series' own part is taken to be smaller than this share of its spread, nor than this in standard deviations: values are
/// standardised, and one that hardly varies does so within a band that is not to be narrowed here.
const OWN_MIN: f64 = 0.05;

/// The subspace of a set of series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subspace {
    series: usize,
    factors: usize,
    /// Lower triangle of the sum of outer products, row by row, and the bins in it.
    products: Vec<f64>,
    bins: f64,
    /// Bins learnt from.
    age: f64,
    /// Factors of the latest fit, at most `factors`; `loading[series * fitted + factor]`.
    fitted: usize,
    loading: Vec<f64>,
    /// Prior precision of each factor, in units of the residuals' mean variance.
    precision: Vec<f64>,
    /// One standard deviation of each series and of its own part; empty before the first fit.
    whole: Vec<f64>,
    own: Vec<f64>,
}

impl Subspace {
    /// A subspace of so many factors (fewer than series), not fitted yet.
    pub fn new(series: usize, factors: usize) -> Self {
        assert!(factors < series.max(1), "fewer factors than series");
        Self {
            series,
            factors,
            products: vec![0.0; series * (series + 1) / 2],
            bins: 0.0,
            age: 0.0,
            fitted: 0,
            loading: Vec::new(),
            precision: Vec::new(),
            whole: Vec::new(),
            own: Vec::new(),
        }
    }

    /// Adds one bin of standardised values to what the next fit rests on; NaN is missing. `memory` in bins.
    pub fn learn(&mut self, z: &[f64], memory: f64) {
        if self.factors == 0 {
            return;
        }
        let mut x: Vec<f64> = z.iter().map(|z| if z.is_nan() { 0.0 } else { z.clamp(-CLIP, CLIP) }).collect();
        let length: f64 = x.iter().map(|x| x * x).sum();
        let shrink = libm::sqrt((LENGTH_SQUARED * self.series as f64 / length.max(1e-300)).min(1.0));
        x.iter_mut().for_each(|x| *x *= shrink);
        // What series had in common while their seasons were still learnt must not last: memory grows with age.
        self.age += 1.0;
        let keep = 1.0 - 1.0 / memory.min(YOUTH * self.age).max(1.0);
        let mut at = 0;
        for i in 0..self.series {
            let row = &mut self.products[at..=at + i];
            for (sum, other) in row.iter_mut().zip(&x) {
                *sum = *sum * keep + x[i] * other;
            }
            at += i + 1;
        }
        self.bins = self.bins * keep + 1.0;
    }

    /// A series is another one from now on. If it hardly varied before, that says nothing of how it does now: its standardised
    /// values are taken as they come.
    pub(crate) fn renew(&mut self, series: usize) {
        if let Some(square) = self.products.get_mut(series * (series + 3) / 2) {
            *square = square.max(self.bins);
        }
        if let Some(whole) = self.whole.get_mut(series) {
            *whole = whole.max(1.0);
        }
    }

    /// Fits the components to what was learnt.
    pub fn refit(&mut self) {
        if self.factors == 0 || self.bins == 0.0 {
            return;
        }
        let n = self.series;
        let product = |i: usize, k: usize| {
            let (i, k) = (i.max(k), i.min(k));
            self.products[i * (i + 1) / 2 + k] / self.bins
        };
        self.whole = (0..n).map(|i| libm::sqrt(product(i, i)).max(OWN_MIN)).collect();
        let correlation = DMatrix::from_fn(n, n, |i, k| product(i, k) / (self.whole[i] * self.whole[k]));
        let eigen = SymmetricEigen::new(correlation);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]).then(a.cmp(b)));
        // Eigenvalues of noise alone are below this (Marchenko & Pastur 1967).
        let edge = (1.0 + libm::sqrt(n as f64 / self.bins)).powi(2);
        let shared = |j: &usize| {
            let fourth: f64 = eigen.eigenvectors.column(*j).iter().map(|v| v.powi(4)).sum();
            eigen.eigenvalues[*j] > edge && fourth * SHARED_MIN < 1.0
        };
        let kept: Vec<usize> = order.iter().copied().filter(shared).take(self.factors).collect();
        let rest: Vec<usize> = order.into_iter().filter(|j| !kept.contains(j)).collect();
        let value = |j: &usize| eigen.eigenvalues[*j].max(0.0);
        let noise = (rest.iter().map(value).sum::<f64>() / rest.len() as f64).max(1e-9);
        self.fitted = kept.len();
        self.loading =
            (0..n).flat_map(|i| kept.iter().map(move |j| (i, *j))).map(|e| eigen.eigenvectors[e]).collect();
        self.precision = kept.iter().map(|j| noise / value(j).max(1e-9)).collect();
        self.own = (0..n)
            .map(|i| rest.iter().map(|j| value(j) * eigen.eigenvectors[(i, *j)].powi(2)).sum::<f64>())
            .zip(&self.whole)
            .map(|(variance, whole)| libm::sqrt(variance).max(OWN_MIN / whole.min(1.0)))
            .collect();
    }

    /// Each series' own part of one bin, in standard deviations of it (NaN where missing): the explanation. Before the first
    /// fit it is the whole.
    pub fn own_parts(&self, z: &[f64], out: &mut [f64]) {
        out.copy_from_slice(z);
        if self.whole.is_empty() {
            return;
        }
        let z: Vec<f64> = z.iter().zip(&self.whole).map(|(z, whole)| z / whole).collect();
        let mut weight: Vec<f64> = z.iter().map(|z| if z.is_nan() { 0.0 } else { 1.0 }).collect();
        for round in 0..=REWEIGHTS {
            let factor = self.factor_scores(&z, &weight);
            for i in 0..self.series {
                let shared: f64 = self.row(i).iter().zip(&factor).map(|(v, f)| v * f).sum();
                out[i] = (z[i] - shared) / self.own[i];
                if round < REWEIGHTS && !z[i].is_nan() {
                    weight[i] = (HUBER / out[i].abs()).min(1.0);
                }
            }
        }
    }

    fn row(&self, series: usize) -> &[f64] {
        &self.loading[series * self.fitted..(series + 1) * self.fitted]
    }

    fn factor_scores(&self, z: &[f64], weight: &[f64]) -> Vec<f64> {
        let k = self.fitted;
        let (mut a, mut b) = (vec![0.0; k * k], vec![0.0; k]);
        for j in 0..k {
            a[j * k + j] = self.precision[j];
        }
        for i in 0..self.series {
            if weight[i] == 0.0 {
                continue;
            }
            let row = self.row(i);
            for j in 0..k {
                let scaled = weight[i] * row[j];
                b[j] += scaled * z[i];
                for l in 0..=j {
                    a[j * k + l] += scaled * row[l];
                }
            }
        }
        solve_spd(&mut a, &mut b);
        b
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::normal;

    fn shared_and_own(i: usize) -> Vec<f64> {
        let noise = |k: usize| normal(i, k);
        (0..12).map(|k| 0.9 * noise(50) * if k % 2 == 0 { 1.0 } else { -1.0 } + 0.4 * noise(k)).collect()
    }

    fn fitted() -> Subspace {
        let mut subspace = Subspace::new(12, 1);
        (0..3_000).for_each(|i| subspace.learn(&shared_and_own(i), 1e6));
        subspace.refit();
        subspace
    }

    #[test]
    fn the_shared_part_is_taken_away_and_the_rest_is_standard() {
        let subspace = fitted();
        let mut out = vec![0.0; 12];
        let (mut square, mut bins) = (0.0, 0.0);
        for i in 3_000..4_000 {
            subspace.own_parts(&shared_and_own(i), &mut out);
            square += out.iter().map(|x| x * x).sum::<f64>() / 12.0;
            bins += 1.0;
        }
        assert!((square / bins - 1.0f64).abs() < 0.15, "{}", square / bins);
    }

    #[test]
    fn one_anomaly_is_not_smeared_over_the_others() {
        let subspace = fitted();
        let mut z = shared_and_own(3_000);
        let mut before = vec![0.0; 12];
        subspace.own_parts(&z, &mut before);
        z[4] += 20.0;
        z[5] = f64::NAN;
        let mut after = vec![0.0; 12];
        subspace.own_parts(&z, &mut after);
        assert!(after[4] > 40.0 && after[5].is_nan(), "{after:?}");
        for k in (0..12).filter(|k| *k != 4 && *k != 5) {
            assert!((after[k] - before[k]).abs() < 1.0, "series {k}: {} from {}", after[k], before[k]);
        }
    }

    #[test]
    fn before_the_first_fit_the_own_part_is_the_whole() {
        let mut out = vec![0.0; 3];
        Subspace::new(3, 1).own_parts(&[1.0, -2.0, 3.0], &mut out);
        assert_eq!(out, [1.0, -2.0, 3.0]);
    }
}
