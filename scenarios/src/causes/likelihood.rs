//! How likely are the observed changes, given what replicas showed?
//!
//! A synthetic likelihood (Wood, *Statistical inference for noisy nonlinear ecological dynamic systems*, Nature 2010): the
//! changes are taken to be normal around the replicas' mean, with the usual scatter of each change and the replicas'
//! covariance, shrunk towards its diagonal. What the replicas have in common (demands that are wrong, hashes, bursts) thus
//! counts once however many changes it moves. The covariance is diagonal plus low rank, so changes are taken one after the
//! other, each given those before (a Kalman filter with nothing in between): terms that sum to the whole, exactly. Each
//! term is Student's t instead of normal, and what is far off moves the rest by less: a few changes may be off for reasons
//! that no replica has.

use engine::{Purpose, Seeds};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use twin::EntityKey;

use super::summary::{Summary, upper_tail};

/// Degrees of freedom of a change around what is expected.
const FREEDOM: f64 = 4.0;

/// What replicas of one hypothesis showed.
#[derive(Clone, Debug)]
pub struct Ensemble {
    /// Items that it moves, ascending.
    pub items: Vec<u32>,
    /// By item: the mean.
    pub mean: Vec<f64>,
    /// By item: deviations of each replica from the mean.
    pub spread: Vec<Vec<f32>>,
}

/// How far a model may be off that no replica has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelError {
    /// The size of the whole effect, as a share: common to all items.
    pub common: f64,
    /// Each item on its own, as a share of its change.
    pub own: f64,
}

/// What one item says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// Which.
    pub item: u32,
    /// log p(item | hypothesis, items before) − log p(item | nothing is wrong).
    pub log_bayes: f64,
    /// The squared distance from what was expected, in standard deviations.
    pub distance: f64,
}

/// The terms of all items that a hypothesis moves. All others are as likely as if nothing were wrong.
pub fn terms(seen: &Summary, ensemble: &Ensemble, replicas: &[usize], error: ModelError) -> Vec<Term> {
    terms_of(seen, &seen.change, ensemble, replicas, error)
}

/// The same for other changes than those that were seen.
fn terms_of(
    seen: &Summary,
    changes: &[f64],
    ensemble: &Ensemble,
    replicas: &[usize],
    error: ModelError,
) -> Vec<Term> {
    let n = replicas.len();
    let columns = n + 1;
    // Latents: one for each replica's deviation, one for the common error.
    let mut latent = vec![0.0; columns];
    let mut covariance = vec![0.0; columns * columns];
    (0..columns).for_each(|i| covariance[i * columns + i] = 1.0);
    let (keep, shift) = shrinkage(seen, ensemble, replicas);
    let (mut loads, mut gain) = (vec![0.0; columns], vec![0.0; columns]);
    let mut terms = Vec::with_capacity(ensemble.items.len());
    for (place, item) in ensemble.items.iter().enumerate() {
        let i = *item as usize;
        let (change, sigma) = (changes[i], seen.sigma[i]);
        if !change.is_finite() || !sigma.is_finite() {
            continue;
        }
        let of = |replica: &usize| f64::from(ensemble.spread[place][*replica]) - shift[place];
        let scale = if n > 1 { (keep / (n - 1) as f64).sqrt() } else { 0.0 };
        let mut shared = 0.0;
        for (load, replica) in loads.iter_mut().zip(replicas) {
            *load = scale * of(replica);
            shared += *load * *load;
        }
        let mean = ensemble.mean[place] + shift[place];
        loads[n] = error.common * mean;
        // What shrinkage takes from the covariance stays in the diagonal.
        let own = if keep > 0.0 { shared * (1.0 - keep) / keep } else { own_variance(replicas, of) };
        let noise = sigma * sigma + own + (error.own * mean).powi(2);
        let mut variance = noise;
        let mut expected = mean;
        for row in 0..columns {
            gain[row] = (0..columns).map(|c| covariance[row * columns + c] * loads[c]).sum();
            variance += loads[row] * gain[row];
            expected += loads[row] * latent[row];
        }
        let off = change - expected;
        let distance = off * off / variance;
        let with = log_student(distance) - 0.5 * libm::log(variance);
        let without = log_student((change / sigma).powi(2)) - libm::log(sigma);
        terms.push(Term { item: *item, log_bayes: with - without, distance });
        // What is far off counts as if it had been noisier.
        let weight = (FREEDOM + 1.0) / (FREEDOM + distance);
        let inflated = variance - noise + noise / weight;
        for row in 0..columns {
            latent[row] += gain[row] * off / inflated;
            for c in 0..columns {
                covariance[row * columns + c] -= gain[row] * gain[c] / inflated;
            }
        }
    }
    terms
}

fn own_variance(replicas: &[usize], of: impl Fn(&usize) -> f64) -> f64 {
    let n = replicas.len();
    if n < 2 { 0.0 } else { replicas.iter().map(|r| of(r).powi(2)).sum::<f64>() / (n - 1) as f64 }
}

/// How much of the replicas' covariance to keep (Ledoit and Wolf, *A well-conditioned estimator for large-dimensional
/// covariance matrices*, 2004, towards the diagonal), and by item how far these replicas' mean is from that of all.
fn shrinkage(seen: &Summary, ensemble: &Ensemble, replicas: &[usize]) -> (f64, Vec<f64>) {
    let n = replicas.len();
    let shift: Vec<f64> = ensemble
        .spread
        .iter()
        .map(|row| replicas.iter().map(|r| f64::from(row[*r])).sum::<f64>() / n.max(1) as f64)
        .collect();
    if n < 3 {
        return (0.0, shift);
    }
    // In usual standard deviations, by replica: the Gram matrix has all that is needed.
    let mut gram = vec![0.0; n * n];
    let mut diagonal = 0.0;
    for ((item, row), center) in ensemble.items.iter().zip(&ensemble.spread).zip(&shift) {
        let sigma = seen.sigma[*item as usize];
        if !sigma.is_finite() {
            continue;
        }
        let z: Vec<f64> = replicas.iter().map(|r| (f64::from(row[*r]) - center) / sigma).collect();
        let own: f64 = z.iter().map(|x| x * x).sum::<f64>() / n as f64;
        diagonal += own * own;
        for i in 0..n {
            for j in 0..n {
                gram[i * n + j] += z[i] * z[j];
            }
        }
    }
    let square = n as f64 * n as f64;
    let whole: f64 = gram.iter().map(|g| g * g).sum::<f64>() / square;
    let fourth: f64 = (0..n).map(|i| gram[i * n + i].powi(2)).sum();
    let noise = (fourth / n as f64 - whole).max(0.0) / n as f64;
    let far = (whole - diagonal).max(f64::MIN_POSITIVE);
    (1.0 - (noise / far).min(1.0), shift)
}

/// How often so large a misfit comes about where the hypothesis is true: the mean of log(1 + d²/4) over what it moves,
/// against that of data made from each replica and judged by the others (posterior predictive; Gelman, Meng and Stern,
/// *Posterior predictive assessment of model fitness*, 1996). The tail is that of Student's t, as replicas are few. At
/// most the first `replicas` are used: time grows with their third power.
pub fn predictive(
    seen: &Summary,
    ensemble: &Ensemble,
    replicas: usize,
    error: ModelError,
    seeds: Seeds,
) -> f64 {
    let replicas = ensemble.spread.first().map_or(0, Vec::len).min(replicas.max(1));
    if replicas == 0 {
        return 1.0;
    }
    let all: Vec<usize> = (0..replicas).collect();
    let misfit = |terms: &[Term]| {
        terms.iter().map(|t| libm::log1p(t.distance / 4.0)).sum::<f64>() / terms.len().max(1) as f64
    };
    let made: Vec<f64> = all
        .par_iter()
        .map(|r| {
            let mut draw = seeds.trial(*r as u64).stream(Purpose::SENSOR, &EntityKey::new("predictive"));
            let mut normal = || -> f64 { StandardNormal.sample(&mut draw) };
            let common = error.common * normal();
            let mut change = vec![f64::NAN; seen.change.len()];
            for (place, item) in ensemble.items.iter().enumerate() {
                let i = *item as usize;
                if seen.change[i].is_finite() {
                    let (mean, off) = (ensemble.mean[place], f64::from(ensemble.spread[place][*r]));
                    let wrong = 1.0 + common + error.own * normal();
                    change[i] = mean * wrong + off + seen.sigma[i] * normal();
                }
            }
            let others: Vec<usize> = all.iter().copied().filter(|o| o != r || replicas == 1).collect();
            misfit(&terms_of(seen, &change, ensemble, &others, error))
        })
        .collect();
    let n = made.len() as f64;
    let level = made.iter().sum::<f64>() / n;
    let variance = made.iter().map(|m| (m - level).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    // With a single replica the scatter of the misfit is not known: take it to be as large as the misfit.
    let spread = if replicas > 2 { variance.sqrt() } else { level };
    let off = (misfit(&terms(seen, ensemble, &all, error)) - level) / spread.max(1e-12);
    upper_tail(off, (n - 1.0).max(1.0))
}

/// How many replicas are about as near to what was observed as the nearest: 1/Σw² of their normalised likelihoods, each
/// replica taken by itself with the usual scatter. Near 1, hardly any replica looks like it, and the normal law around
/// their mean has to reach far.
pub fn effective(seen: &Summary, ensemble: &Ensemble) -> f64 {
    let replicas = ensemble.spread.first().map_or(0, Vec::len);
    let log: Vec<f64> = (0..replicas)
        .map(|r| {
            let of = |(place, item): (usize, &u32)| {
                let i = *item as usize;
                let shown = ensemble.mean[place] + f64::from(ensemble.spread[place][r]);
                let d = ((seen.change[i] - shown) / seen.sigma[i]).powi(2);
                if d.is_finite() { log_student(d) } else { 0.0 }
            };
            ensemble.items.iter().enumerate().map(of).sum()
        })
        .collect();
    let total = crate::base_loss::log_sum_exp(&log);
    let squares: f64 = log.iter().map(|l| libm::exp(2.0 * (l - total))).sum();
    if replicas == 0 { 0.0 } else { 1.0 / squares }
}

/// Log density of Student's t at a squared distance, up to its constant.
fn log_student(distance: f64) -> f64 {
    -0.5 * (FREEDOM + 1.0) * libm::log1p(distance / FREEDOM)
}

/// The Bayes factor of something that no hypothesis names: each change may, with a small probability, be of any size.
pub fn unknown(seen: &Summary) -> f64 {
    /// Shares of changes that are touched.
    const TOUCHED: [f64; 3] = [0.01, 0.05, 0.25];
    /// How large they are then, in usual standard deviations.
    const WIDTHS: [f64; 3] = [4.0, 30.0, 250.0];
    let by_share = TOUCHED.map(|touched| {
        seen.change
            .iter()
            .zip(&seen.sigma)
            .filter(|(c, s)| c.is_finite() && s.is_finite())
            .map(|(change, sigma)| {
                let d = (change / sigma).powi(2);
                let usual = log_student(d);
                let wide =
                    WIDTHS.iter().map(|w| libm::exp(log_student(d / (w * w)) - usual) / w).sum::<f64>();
                libm::log(1.0 - touched + touched * wide / WIDTHS.len() as f64)
            })
            .sum::<f64>()
    });
    crate::base_loss::log_sum_exp(&by_share) - libm::log(TOUCHED.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ensemble(rows: &[&[f32]], mean: &[f64]) -> Ensemble {
        Ensemble {
            items: (0..rows.len() as u32).collect(),
            mean: mean.to_vec(),
            spread: rows.iter().map(|r| r.to_vec()).collect(),
        }
    }

    fn log_bayes(change: &[f64], ensemble: &Ensemble, replicas: usize) -> f64 {
        let seen = Summary::plain(change.to_vec());
        let all: Vec<usize> = (0..replicas).collect();
        terms(&seen, ensemble, &all, ModelError { common: 0.0, own: 0.0 }).iter().map(|t| t.log_bayes).sum()
    }

    #[test]
    fn without_spread_it_is_a_ratio_of_students_densities() {
        let shown = ensemble(&[&[0.0]], &[3.0]);
        let density = |x: f64| -2.5 * (1.0 + x * x / 4.0).ln();
        for change in [-1.0, 0.0, 2.0, 3.0, 8.0] {
            let expected = density(change - 3.0) - density(change);
            assert!((log_bayes(&[change], &shown, 1) - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn what_replicas_have_in_common_counts_once() {
        // Both items are off by the same unknown amount.
        let common: Vec<f32> = (0..40).map(|i| (i as f32 - 19.5) / 4.0).collect();
        let shown = ensemble(&[&common, &common], &[0.0, 0.0]);
        let (together, apart) = (log_bayes(&[4.0, 4.0], &shown, 40), log_bayes(&[4.0, -4.0], &shown, 40));
        assert!(together > apart + 1.0, "{together} {apart}");
    }

    #[test]
    fn unknown_beats_none_where_much_is_off_and_loses_where_nothing_is() {
        assert!(unknown(&Summary::plain(vec![0.5; 200])) < 0.0);
        let mut change = vec![0.5; 200];
        change[..20].fill(40.0);
        assert!(unknown(&Summary::plain(change)) > 50.0);
    }

    #[test]
    fn one_replica_alone_near_the_data_is_an_effective_size_of_one() {
        let seen = Summary::plain(vec![0.0; 50]);
        let near: Vec<f32> = vec![0.0, 60.0, -60.0, 60.0];
        let rows: Vec<&[f32]> = vec![&near; 50];
        assert!(effective(&seen, &ensemble(&rows, &vec![0.0; 50])) < 1.01);
        let same: Vec<f32> = vec![0.0; 4];
        let rows: Vec<&[f32]> = vec![&same; 50];
        assert!((effective(&seen, &ensemble(&rows, &vec![0.0; 50])) - 4.0).abs() < 1e-9);
    }
}
