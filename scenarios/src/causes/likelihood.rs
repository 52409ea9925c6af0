//! How likely are the observed changes, given what replicas showed?
//!
//! A synthetic likelihood (Wood, *Statistical inference for noisy nonlinear ecological dynamic systems*, Nature 2010): the
//! changes are taken to be normal around the replicas' mean, with the usual scatter of each change and the replicas'
//! covariance ([`factors`]). What the replicas have in common (demands that are wrong, hashes, bursts) thus
//! counts once however many changes it moves. The covariance is diagonal plus low rank, so changes are taken one after the
//! other, each given those before (a Kalman filter with nothing in between): terms that sum to the whole, exactly. Each
//! term is Student's t instead of normal, and what is far off moves the rest by less: a few changes may be off for reasons
//! that no replica has.
//!
//! Round trips are products of what is not known (bursts, buffers, 1 − load), so that replicas of them are skewed: a few
//! large ones would make mean and covariance what they are. Losses around the onset are shares of the time besides, which
//! no logarithm makes normal. As Wood advises, replicas are compared in a scale in which they are nearly normal
//! ([`Scale`]).

use engine::{Purpose, Seeds};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use twin::EntityKey;

use super::ensemble::Ensemble;
use super::factors::Factors;
use super::summary::{Item, KINDS, Summary, upper_tail};

/// Degrees of freedom of a change around what is expected.
const FREEDOM: f64 = 4.0;

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
    terms_of(seen, &seen.change, (ensemble, &scales(seen, ensemble)), replicas, error)
}

/// The same for other changes than those that were seen.
fn terms_of(
    seen: &Summary,
    changes: &[f64],
    (ensemble, scales): (&Ensemble, &[Scale]),
    replicas: &[usize],
    error: ModelError,
) -> Vec<Term> {
    let factors = Factors::new(&scaled(seen, ensemble, scales), replicas);
    // Latents: the factors, and the common error.
    let columns = factors.count() + 1;
    let mut latent = vec![0.0; columns];
    let mut covariance = vec![0.0; columns * columns];
    (0..columns).for_each(|i| covariance[i * columns + i] = 1.0);
    let (mut loads, mut gain) = (vec![0.0; columns], vec![0.0; columns]);
    let mut terms = Vec::with_capacity(ensemble.items.len());
    for (place, item) in ensemble.items.iter().enumerate() {
        let i = *item as usize;
        let (scale, change) = (scales[place], changes[i] / seen.sigma[i]);
        if !change.is_finite() {
            continue;
        }
        let mean = factors.mean[place];
        let relative = scale.relative(mean, seen.sigma[i]);
        let here = factors.loads_of(place).iter().copied().chain([error.common * relative]);
        let expected = mean + here.clone().zip(&latent).map(|(load, l)| load * l).sum::<f64>();
        let slope = scale.slope(expected, change);
        loads.iter_mut().zip(here).for_each(|(load, l)| *load = slope * l);
        let own = factors.own[place] + (error.own * relative).powi(2);
        let noise = 1.0 + own * slope * slope;
        let mut variance = noise;
        for row in 0..columns {
            gain[row] = covariance[row * columns..][..columns].iter().zip(&loads).map(|(c, l)| c * l).sum();
            variance += loads[row] * gain[row];
        }
        let off = change - scale.change(expected);
        let distance = off * off / variance;
        let with = log_student(distance) - 0.5 * libm::log(variance);
        terms.push(Term { item: *item, log_bayes: with - log_student(change * change), distance });
        // What is far off counts as if it had been noisier.
        let weight = (FREEDOM + 1.0) / (FREEDOM + distance);
        let inflated = variance - noise + noise / weight;
        for (row, of_row) in covariance.chunks_exact_mut(columns).enumerate() {
            let step = gain[row] / inflated;
            latent[row] += step * off;
            of_row.iter_mut().zip(&gain).for_each(|(c, g)| *c -= step * g);
        }
    }
    terms
}

/// What each replica showed of each item, in the item's scale; nothing where the item was not observed.
fn scaled(seen: &Summary, ensemble: &Ensemble, scales: &[Scale]) -> Vec<Vec<f64>> {
    let row = |place: usize, item: usize| {
        let (scale, sigma) = (scales[place], seen.sigma[item]);
        let of = |off: &f32| scale.at((ensemble.mean[place] + f64::from(*off)) / sigma);
        ensemble.spread[place].iter().map(of).collect()
    };
    let observed = |item: usize| seen.sigma[item].is_finite() && seen.change[item].is_finite();
    let each = |(place, item): (usize, &u32)| {
        if observed(*item as usize) { row(place, *item as usize) } else { Vec::new() }
    };
    ensemble.items.iter().enumerate().map(each).collect()
}

/// By item of an ensemble.
fn scales(seen: &Summary, ensemble: &Ensemble) -> Vec<Scale> {
    (0..ensemble.items.len()).map(|place| Scale::of(seen, ensemble, place)).collect()
}

/// The scale in which replicas of an item are nearly normal. Changes are in usual standard deviations.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    /// As it is.
    Plain,
    /// As it is: a logarithm already.
    Log,
    /// 2 asinh(x / 2): as it is within the usual scatter, the logarithm beyond it.
    Bent,
}

impl Scale {
    /// For the item at a place of an ensemble. Round trips and losses are products of what is not known, or, around the
    /// onset, a share of the time: bent if that makes replicas less skewed.
    fn of(seen: &Summary, ensemble: &Ensemble, place: usize) -> Self {
        let item = ensemble.items[place] as usize;
        match seen.items[item] {
            Item::Load(_) | Item::LoadAcross(_) => Self::Plain,
            Item::Discards(_) | Item::DiscardsAcross(_) => Self::Log,
            _ => {
                let (mean, sigma) = (ensemble.mean[place], seen.sigma[item]);
                let skew = |scale: Self| {
                    let of = |off: &f32| scale.at((mean + f64::from(*off)) / sigma);
                    skewness(&ensemble.spread[place].iter().map(of).collect::<Vec<f64>>()).abs()
                };
                if skew(Self::Plain) < skew(Self::Bent) { Self::Plain } else { Self::Bent }
            }
        }
    }

    /// A change in this scale.
    fn at(self, change: f64) -> f64 {
        match self {
            Self::Plain | Self::Log => change,
            Self::Bent => 2.0 * libm::asinh(change / 2.0),
        }
    }

    /// The change at a point of the scale.
    fn change(self, at: f64) -> f64 {
        match self {
            Self::Plain | Self::Log => at,
            Self::Bent => 2.0 * libm::sinh(at / 2.0),
        }
    }

    /// How far the point moves per share by which the change grows. `sigma` is the unit.
    fn relative(self, at: f64, sigma: f64) -> f64 {
        match self {
            Self::Plain => at,
            // What is added to a count by a change of its logarithm, as a share of the whole.
            Self::Log => (-libm::expm1(-at.abs() * sigma)).copysign(at) / sigma,
            Self::Bent => 2.0 * libm::tanh(at / 2.0),
        }
    }

    /// The slope of the change from what is expected to what was seen: a secant, with which nothing overshoots.
    fn slope(self, expected: f64, seen: f64) -> f64 {
        let (step, rise) = (self.at(seen) - expected, seen - self.change(expected));
        match self {
            Self::Plain | Self::Log => 1.0,
            Self::Bent if step.abs() > 1e-6 => rise / step,
            Self::Bent => libm::cosh(expected / 2.0),
        }
    }
}

/// The third standardised moment; 0 where nothing scatters.
fn skewness(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let moment = |power: i32| values.iter().map(|v| (v - mean).powi(power)).sum::<f64>() / n;
    let variance = moment(2);
    if variance > 0.0 { moment(3) / (variance * variance.sqrt()) } else { 0.0 }
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
    let replicas = ensemble.replicas.min(replicas.max(1));
    if replicas == 0 {
        return 1.0;
    }
    let all: Vec<usize> = (0..replicas).collect();
    let scales = scales(seen, ensemble);
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
                    let sigma = seen.sigma[i];
                    let grown = match scales[place] {
                        Scale::Log => sigma * Scale::Log.relative(mean / sigma, sigma),
                        Scale::Plain | Scale::Bent => mean,
                    };
                    let wrong = grown * (common + error.own * normal());
                    change[i] = mean + wrong + off + sigma * normal();
                }
            }
            let others: Vec<usize> = all.iter().copied().filter(|o| o != r || replicas == 1).collect();
            misfit(&terms_of(seen, &change, (ensemble, &scales), &others, error))
        })
        .collect();
    let n = made.len() as f64;
    let level = made.iter().sum::<f64>() / n;
    let variance = made.iter().map(|m| (m - level).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    // With a single replica the scatter of the misfit is not known: take it to be as large as the misfit.
    let spread = if replicas > 2 { variance.sqrt() } else { level };
    let off =
        (misfit(&terms_of(seen, &seen.change, (ensemble, &scales), &all, error)) - level) / spread.max(1e-12);
    upper_tail(off, (n - 1.0).max(1.0))
}

/// How many replicas are about as near to what was observed as the nearest: 1/Σw² of their normalised likelihoods, each
/// replica taken by itself with the usual scatter. Near 1, hardly any replica looks like it, and the normal law around
/// their mean has to reach far.
pub fn effective(seen: &Summary, ensemble: &Ensemble) -> f64 {
    let log: Vec<f64> = (0..ensemble.replicas)
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
    if ensemble.replicas == 0 { 0.0 } else { 1.0 / squares }
}

/// Log density of Student's t at a squared distance, up to its constant.
fn log_student(distance: f64) -> f64 {
    -0.5 * (FREEDOM + 1.0) * libm::log1p(distance / FREEDOM)
}

/// The log Bayes factor of something that no hypothesis names against the hypothesis with these terms (against nothing being
/// wrong, if there are none).
///
/// It departs from what the hypothesis expects in some of the groups: changes of one kind, apart those that the hypothesis
/// moves and those that it leaves alone. In a group some share of the changes is far off, all in the same measure: by ten
/// standard deviations at least, since a few are what a model that is not exact costs a true hypothesis.
pub fn departure(seen: &Summary, terms: &[Term]) -> f64 {
    /// Probability that it departs in a group.
    const DEPARTS: f64 = 0.1;
    let mut distances: Vec<f64> = seen.squares(&seen.change);
    let mut moved = vec![false; distances.len()];
    for term in terms {
        distances[term.item as usize] = term.distance;
        moved[term.item as usize] = true;
    }
    let mut groups: Vec<Vec<f64>> = vec![Vec::new(); 2 * KINDS];
    for ((item, distance), moved) in seen.items.iter().zip(&distances).zip(&moved) {
        if distance.is_finite() {
            groups[2 * item.kind() + usize::from(*moved)].push(*distance);
        }
    }
    let of = |group: &Vec<f64>| {
        let departs = libm::log(DEPARTS) + departs(group);
        crate::base_loss::log_sum_exp(&[libm::log(1.0 - DEPARTS), departs])
    };
    groups.iter().filter(|g| !g.is_empty()).map(of).sum()
}

/// The log Bayes factor of a share of these squared distances being of something wider.
fn departs(distances: &[f64]) -> f64 {
    /// Shares of the changes that are touched.
    const TOUCHED: [f64; 3] = [0.05, 0.25, 1.0];
    /// How far they are off then, in standard deviations around what was expected.
    const WIDTHS: [f64; 3] = [10.0, 50.0, 250.0];
    let mut logs = Vec::with_capacity(TOUCHED.len() * WIDTHS.len());
    for width in WIDTHS {
        // How much more likely a change is if it is touched.
        let wide = |d: &f64| libm::exp(log_student(d / (width * width)) - log_student(*d)) / width;
        let wide: Vec<f64> = distances.iter().map(wide).collect();
        logs.extend(TOUCHED.map(|t| wide.iter().map(|w| libm::log1p(t * (w - 1.0))).sum::<f64>()));
    }
    crate::base_loss::log_sum_exp(&logs) - libm::log(logs.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ensemble(rows: &[&[f32]], mean: &[f64]) -> Ensemble {
        Ensemble {
            replicas: rows.first().map_or(0, |r| r.len()),
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
    fn the_scale_is_the_one_in_which_replicas_are_less_skewed() {
        let mut seen = Summary::plain(vec![0.0]);
        seen.items = vec![Item::Again(0)];
        let of = |shown: &[f64]| {
            let mean = shown.iter().sum::<f64>() / shown.len() as f64;
            let off: Vec<f32> = shown.iter().map(|s| (s - mean) as f32).collect();
            Scale::of(&seen, &ensemble(&[&off], &[mean]), 0)
        };
        let even: Vec<f64> = (0..50).map(|i| f64::from(i) * 2.0).collect();
        let products: Vec<f64> = (0..50).map(|i| libm::exp(f64::from(i) * 0.1)).collect();
        assert_eq!((of(&even), of(&products)), (Scale::Plain, Scale::Bent));
    }

    #[test]
    fn a_departure_beats_nothing_where_much_is_off_and_loses_where_nothing_is() {
        assert!(departure(&Summary::plain(vec![0.5; 200]), &[]) < 0.0);
        let mut change = vec![0.5; 200];
        change[..20].fill(40.0);
        assert!(departure(&Summary::plain(change), &[]) > 50.0);
    }

    #[test]
    fn a_departure_from_a_hypothesis_gains_by_what_it_leaves_unexplained_alone() {
        // A hypothesis that moves half of what changed, by just as much.
        let explained = |rest: f64| {
            let mut change = vec![0.5; 200];
            change[..10].fill(40.0);
            change[10..20].fill(rest);
            let seen = Summary::plain(change);
            let row: &[f32] = &[0.0];
            let shown = ensemble(&[row; 10], &[40.0; 10]);
            departure(&seen, &terms(&seen, &shown, &[0], ModelError { common: 0.1, own: 0.1 }))
        };
        assert!(explained(0.5) < 0.0);
        assert!(explained(40.0) > 25.0);
    }

    #[test]
    fn a_model_that_is_off_by_little_everywhere_is_not_something_unknown() {
        let (little, much) = (Summary::plain(vec![2.5; 40]), Summary::plain(vec![25.0; 40]));
        assert!(departure(&little, &[]) < 0.0);
        assert!(departure(&much, &[]) > 50.0);
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
