//! What replicas have in common: the leading factors of their covariance.
//!
//! A covariance of many items from few replicas is mostly chance. Probabilistic principal components (Tipping and Bishop, J.
//! R. Statist. Soc. B 1999) keep the leading directions, each less what chance alone may put into a direction: the edge of the
//! law of Marchenko and Pastur (1967) around the mean variance of those that are left. What is taken from them stays with
//! the items themselves, so that each keeps its variance.

use nalgebra::{DMatrix, SymmetricEigen};

/// Most directions that are kept.
const FACTORS: usize = 12;

/// Mean and covariance of replicas.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Factors {
    /// By item: the mean.
    pub mean: Vec<f64>,
    /// By item: the variance that it has on its own.
    pub own: Vec<f64>,
    /// By item and factor: the loading on a factor of variance 1.
    loads: Vec<f64>,
    count: usize,
}

impl Factors {
    /// Of these replicas. `rows` has for each item what each replica showed; items without any are left out.
    pub(super) fn new(rows: &[Vec<f64>], replicas: &[usize]) -> Self {
        let n = replicas.len();
        let shown = |row: &Vec<f64>| replicas.iter().filter_map(|r| row.get(*r).copied()).collect::<Vec<_>>();
        let mut factors =
            Self { mean: vec![0.0; rows.len()], own: vec![0.0; rows.len()], loads: Vec::new(), count: 0 };
        let mut vary = Vec::new();
        let mut deviations = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            let row = shown(row);
            let mean = row.iter().sum::<f64>() / row.len().max(1) as f64;
            factors.mean[place] = mean;
            if n > 1 && row.iter().any(|x| *x != mean) {
                let root = ((n - 1) as f64).sqrt();
                let from = deviations.len();
                deviations.extend(row.iter().map(|x| (x - mean) / root));
                factors.own[place] = deviations[from..].iter().map(|d| d * d).sum();
                vary.push(place);
            }
        }
        let directions = directions(&DMatrix::from_row_slice(vary.len(), n, &deviations));
        factors.count = directions.ncols();
        factors.loads = vec![0.0; rows.len() * factors.count];
        for (row, place) in vary.into_iter().enumerate() {
            for k in 0..factors.count {
                let load = directions[(row, k)];
                factors.loads[place * factors.count + k] = load;
                factors.own[place] -= load * load;
            }
            factors.own[place] = factors.own[place].max(0.0);
        }
        factors
    }

    /// How many factors there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The loadings of an item.
    pub(super) fn loads_of(&self, place: usize) -> &[f64] {
        &self.loads[place * self.count..][..self.count]
    }
}

/// The loadings of the leading directions, one in each column. `deviations` has an item in each row.
fn directions(deviations: &DMatrix<f64>) -> DMatrix<f64> {
    let (items, n) = deviations.shape();
    // The replicas lose a dimension to their mean.
    let rank = items.min(n.saturating_sub(1));
    let count = FACTORS.min(rank.saturating_sub(1));
    if count == 0 {
        return DMatrix::zeros(items, 0);
    }
    let by_item = items <= n;
    let square = if by_item { deviations * deviations.transpose() } else { deviations.tr_mul(deviations) };
    let total = square.trace();
    let eigen = SymmetricEigen::new(square);
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]).then(a.cmp(b)));
    order.truncate(count);
    let kept: f64 = order.iter().map(|k| eigen.eigenvalues[*k]).sum();
    let edge = (1.0 + (rank as f64 / items.max(n - 1) as f64).sqrt()).powi(2);
    let chance = edge * ((total - kept) / (rank - count) as f64).max(0.0);
    order.retain(|k| eigen.eigenvalues[*k] > chance);
    let mut loads = DMatrix::zeros(items, order.len());
    for (column, k) in order.into_iter().enumerate() {
        let variance = eigen.eigenvalues[k];
        let vector = eigen.eigenvectors.column(k);
        let (direction, length) =
            if by_item { (vector.into_owned(), variance.sqrt()) } else { (deviations * vector, 1.0) };
        loads.set_column(column, &(direction * (length * (1.0 - chance / variance).sqrt())));
    }
    loads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(n: usize) -> Vec<usize> {
        (0..n).collect()
    }

    /// A number between −1 and 1 for each pair.
    fn noise(i: usize, r: usize) -> f64 {
        let mix = (i as u64 * 7_919 + r as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mix ^ (mix >> 31)) % 2_001) as f64 / 1_000.0 - 1.0
    }

    #[test]
    fn items_keep_their_mean_and_their_variance() {
        let rows: Vec<Vec<f64>> =
            (0..30).map(|i| (0..20).map(|r| i as f64 + noise(i, r)).collect()).collect();
        let factors = Factors::new(&rows, &all(20));
        for (place, row) in rows.iter().enumerate() {
            let mean = row.iter().sum::<f64>() / 20.0;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 19.0;
            let told = factors.own[place] + factors.loads_of(place).iter().map(|l| l * l).sum::<f64>();
            assert!((factors.mean[place] - mean).abs() < 1e-12);
            assert!((told - variance).abs() < 1e-9, "{told} {variance}");
        }
    }

    #[test]
    fn what_is_common_is_found_however_many_items_there_are() {
        for items in [10, 200] {
            let rows: Vec<Vec<f64>> = (0..items)
                .map(|i| (0..50).map(|r| 10.0 * noise(0, r) + 0.1 * noise(i + 1, r)).collect())
                .collect();
            let factors = Factors::new(&rows, &all(50));
            for place in 0..items {
                let common: f64 = factors.loads_of(place).iter().map(|l| l * l).sum();
                assert!(factors.own[place] < 0.01, "{}", factors.own[place]);
                assert!(common > 20.0, "{common}");
            }
        }
    }

    #[test]
    fn independent_items_have_little_in_common() {
        let rows: Vec<Vec<f64>> = (0..400).map(|i| (0..50).map(|r| noise(i, r)).collect()).collect();
        let factors = Factors::new(&rows, &all(50));
        let shares = (0..400).map(|place| {
            let common: f64 = factors.loads_of(place).iter().map(|l| l * l).sum();
            common / (common + factors.own[place])
        });
        assert!(shares.sum::<f64>() / 400.0 < 0.02);
    }

    #[test]
    fn few_replicas_have_no_factors() {
        for n in 0..3 {
            let rows = vec![(0..n).map(|r| r as f64).collect(); 5];
            assert_eq!(Factors::new(&rows, &all(n)).count(), 0);
        }
    }
}
