//! A cause with the weight of each of its forms, and closer looks at it.
//!
//! Forms are weighed first by one run each. The most probable ones are then run in all replicas; where a severity may lie
//! between theirs, the grid is halved around the best: data as rich as these tell severities to a few percent, and a grid
//! that misses the best one by more takes nats from the truth that a wrong cause keeps.

use rayon::prelude::*;
use twin::Rung;

use super::class::{Cause, Form};
use super::ensemble::Ensemble;
use super::likelihood::{ModelError, Term, departure, effective, terms};
use super::replica::Bench;
use super::summary::Summary;
use crate::base_loss::log_sum_exp;

/// A form so many nats below the best of its cause is not simulated often.
const FORM_GAP: f64 = 10.0;
/// Most forms of a cause that are.
const FORMS: usize = 4;
/// How often the grid of severities is halved around the most probable one.
const HALVINGS: usize = 3;
/// What one run without luck may be off.
pub(super) const ROUGH: ModelError = ModelError { common: 0.3, own: 0.3 };
/// What replicas do not have: queues that are not of the law. An assumption.
pub(super) const FINE: ModelError = ModelError { common: 0.15, own: 0.15 };
/// Groups of replicas, each of which is left out once for standard errors.
pub(super) const GROUPS: usize = 10;

/// A cause with the weight of each of its forms.
#[derive(Clone, Debug)]
pub(super) struct Weighed {
    pub cause: Cause,
    pub log_prior: f64,
    /// Ascending in severity, if they have one.
    pub forms: Vec<FormWeight>,
}

/// A form and what speaks for it.
#[derive(Clone, Debug)]
pub(super) struct FormWeight {
    pub form: Form,
    /// Its share of the prior among the forms of its cause, where these have no cells.
    pub share: f64,
    pub ensemble: Ensemble,
    pub terms: Vec<Term>,
    pub log_bayes: f64,
    /// The log Bayes factor of something like it that no cause names, against it; nothing where it was not run often.
    pub departure: f64,
    pub rung: Rung,
    /// See [`effective`].
    pub effective: f64,
    /// Whether it was run often.
    pub often: bool,
    /// log Bayes factors with each group of replicas left out; empty where that would not matter.
    pub without: Vec<f64>,
}

impl Weighed {
    /// log p(observed | it) − log p(observed | nothing is wrong).
    pub(super) fn log_bayes(&self) -> f64 {
        log_sum_exp(&self.logs(|f| f.log_bayes))
    }

    /// The same for something like it that no cause names.
    pub(super) fn log_bayes_of_departure(&self, of: impl Fn(&FormWeight) -> f64) -> f64 {
        log_sum_exp(&self.logs(|f| of(f) + f.departure))
    }

    /// The same with another log Bayes factor of each form.
    pub(super) fn log_bayes_with(&self, of: impl Fn(&FormWeight) -> f64) -> f64 {
        log_sum_exp(&self.logs(of))
    }

    /// Posterior weights of the forms.
    pub(super) fn weights(&self) -> Vec<f64> {
        let logs = self.logs(|f| f.log_bayes);
        let total = log_sum_exp(&logs);
        logs.iter().map(|l| libm::exp(l - total)).collect()
    }

    /// By form: what is given for it, and the logarithm of its share of the prior.
    fn logs(&self, of: impl Fn(&FormWeight) -> f64) -> Vec<f64> {
        if self.cause.class.between.is_none() {
            let whole: f64 = self.forms.iter().map(|f| f.share).sum();
            return self.forms.iter().map(|f| of(f) + libm::log(f.share / whole)).collect();
        }
        let cells = cells(&self.forms);
        let whole: f64 = cells.iter().map(|(low, high)| high - low).sum();
        self.forms.iter().zip(cells).map(|(f, (low, high))| of(f) + libm::log((high - low) / whole)).collect()
    }
}

/// The cells in the logarithm of severity for which forms stand, half way to their neighbours. Forms ascend in severity.
pub(super) fn cells(forms: &[FormWeight]) -> Vec<(f64, f64)> {
    let at: Vec<f64> = forms.iter().map(|f| libm::log(f.form.severity.unwrap_or(1.0))).collect();
    let half = |i: usize, j: usize| match (at.get(i), at.get(j)) {
        (Some(a), Some(b)) => (b - a) / 2.0,
        _ => 0.0,
    };
    let n = at.len();
    let of = |i: usize| {
        let down = if i > 0 { half(i - 1, i) } else { half(0, 1) };
        let up = if i + 1 < n { half(i, i + 1) } else { half(n.saturating_sub(2), i) };
        (at[i] - down, at[i] + up)
    };
    (0..n).map(of).collect()
}

impl Weighed {
    /// Its log weight in the posterior.
    pub(super) fn weight(&self) -> f64 {
        self.log_prior + self.log_bayes()
    }

    /// Runs its most probable forms often; how much its log Bayes factor has gained by that.
    pub(super) fn look_closer(&mut self, bench: &Bench<'_>, summary: &Summary) -> f64 {
        self.refine(bench, summary);
        let before = self.log_bayes();
        let rough: Vec<f64> = self.forms.iter().map(|f| f.log_bayes).collect();
        let best = rough.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut forms: Vec<usize> = (0..self.forms.len()).collect();
        forms.sort_by(|a, b| rough[*b].total_cmp(&rough[*a]).then(a.cmp(b)));
        // What lies between the forms of a range is looked at later; other forms stand for themselves.
        let gap = if self.cause.class.between.is_some() { FORM_GAP } else { f64::INFINITY };
        forms.retain(|i| rough[*i] >= best - gap && !self.forms[*i].ensemble.items.is_empty());
        forms.truncate(FORMS);
        let once: Vec<Ensemble> = forms.iter().map(|f| self.forms[*f].ensemble.clone()).collect();
        for (k, &form) in forms.iter().enumerate() {
            // Other metrics may lead to the same paths.
            match once[..k].iter().position(|other| *other == once[k]) {
                Some(same) => {
                    let FormWeight { form: as_it_is, share, .. } = self.forms[form];
                    self.forms[form] = self.forms[forms[same]].with_form(as_it_is, share);
                }
                None => self.forms[form].run(bench, summary),
            }
        }
        let typical = twin::stats::median(forms.iter().map(|i| self.forms[*i].log_bayes - rough[*i]));
        self.forms.iter_mut().filter(|f| !f.often).for_each(|f| f.lose(typical));
        let gained = self.log_bayes() - before;
        (0..HALVINGS).for_each(|_| self.look_between(bench, summary));
        gained
    }

    /// How many replicas its most probable form was run in; 0 if none was run often.
    pub(super) fn replicas(&self) -> usize {
        let often = self.forms.iter().filter(|f| f.often);
        often.max_by(|a, b| a.log_bayes.total_cmp(&b.log_bayes)).map_or(0, FormWeight::replicas)
    }

    /// Its forms that were run often, but less often than this, and are at most so many nats below the best of these.
    pub(super) fn behind(&mut self, replicas: usize, gap: f64) -> impl Iterator<Item = &mut FormWeight> {
        let often = self.forms.iter().filter(|f| f.often);
        let best = often.map(|f| f.log_bayes).fold(f64::NEG_INFINITY, f64::max);
        let near = move |f: &&mut FormWeight| f.often && f.log_bayes > best - gap && f.replicas() < replicas;
        self.forms.iter_mut().filter(near)
    }

    /// Weighs all forms anew, each by a run of its own, where only some were.
    fn refine(&mut self, bench: &Bench<'_>, summary: &Summary) {
        let Some(finer) = self.cause.class.finer else { return };
        let rough = |(form, share): (Form, f64)| {
            let weight = FormWeight::rough(form, bench.once(form.change), Rung::Fluid, summary);
            FormWeight { share, ..weight }
        };
        let all = finer(bench.csr(), bench.routing(), self.cause.place);
        // A link that nothing can be led around has none, whatever its metric.
        if !all.is_empty() {
            self.forms = all.into_par_iter().map(rough).collect();
        }
    }

    /// Runs severities half way between the most probable one and its neighbours.
    fn look_between(&mut self, bench: &Bench<'_>, summary: &Summary) {
        let often = (0..self.forms.len()).filter(|i| self.forms[*i].often);
        let best = often.max_by(|a, b| self.forms[*a].log_bayes.total_cmp(&self.forms[*b].log_bayes));
        let Some(best) = best else { return };
        let severity = |i: usize| self.forms.get(i).and_then(|f| f.form.severity);
        let middle = |i: Option<usize>| {
            let (one, other) = (severity(best)?, severity(i?)?);
            self.cause.form_at((one * other).sqrt())
        };
        let new = [middle(Some(best + 1)), middle(best.checked_sub(1))];
        for (place, form) in [best + 1, best].into_iter().zip(new) {
            let Some(form) = form else { continue };
            let mut weight = FormWeight::of(form, self.forms[best].rung);
            weight.run(bench, summary);
            self.forms.insert(place, weight);
        }
    }
}

impl FormWeight {
    /// By what a single run of it without luck shows.
    pub(super) fn rough(form: Form, ensemble: Ensemble, rung: Rung, summary: &Summary) -> Self {
        let terms = terms(summary, &ensemble, &[0], ROUGH);
        let log_bayes = terms.iter().map(|t| t.log_bayes).sum();
        Self { ensemble, terms, log_bayes, ..Self::of(form, rung) }
    }

    /// Before it was run.
    fn of(form: Form, rung: Rung) -> Self {
        Self {
            form,
            share: 1.0,
            ensemble: Ensemble::default(),
            terms: Vec::new(),
            log_bayes: 0.0,
            departure: f64::NEG_INFINITY,
            rung,
            effective: 0.0,
            often: false,
            without: Vec::new(),
        }
    }

    /// Runs it in the replicas that are kept.
    pub(super) fn run(&mut self, bench: &Bench<'_>, summary: &Summary) {
        self.ensemble = bench.often(self.form.change);
        self.weigh(summary);
    }

    /// Weighs it by its replicas.
    pub(super) fn weigh(&mut self, summary: &Summary) {
        let all: Vec<usize> = (0..self.ensemble.replicas).collect();
        self.terms = terms(summary, &self.ensemble, &all, FINE);
        self.log_bayes = self.terms.iter().map(|t| t.log_bayes).sum();
        self.departure = departure(summary, &self.terms);
        self.effective = effective(summary, &self.ensemble);
        self.often = true;
    }

    /// How many replicas it was run in; 0 if it was not run often.
    pub(super) fn replicas(&self) -> usize {
        if self.often { self.ensemble.replicas } else { 0 }
    }

    /// The same weight of another form that shows the same.
    fn with_form(&self, form: Form, share: f64) -> Self {
        Self { form, share, ..self.clone() }
    }

    /// Its log Bayes factor with a group of replicas left out.
    pub(super) fn without(&self, group: usize) -> f64 {
        self.without.get(group).copied().unwrap_or(self.log_bayes)
    }

    /// Takes off what closer looks took from others.
    pub(super) fn lose(&mut self, gained: f64) {
        if gained < 0.0 && self.log_bayes > 0.0 {
            self.log_bayes = (self.log_bayes + gained).max(0.0);
        }
    }

    /// Weighs it again with each group of replicas left out.
    pub(super) fn leave_out(&mut self, summary: &Summary) {
        self.without = (0..GROUPS)
            .into_par_iter()
            .map(|g| {
                let kept: Vec<usize> = (0..self.ensemble.replicas).filter(|r| r / 2 % GROUPS != g).collect();
                terms(summary, &self.ensemble, &kept, FINE).iter().map(|t| t.log_bayes).sum()
            })
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::class::{CLASSES, Place};
    use twin::ArcId;

    /// A lossy link whose likelihood is normal in the logarithm of the loss, on this grid.
    fn weighed(grid: &[f64], at: f64, width: f64) -> Weighed {
        let class = CLASSES.into_iter().find(|c| c.name == "link_loss").unwrap();
        let cause = Cause { class, place: Place::Arc(ArcId::new(0)) };
        let form = |severity: &f64| {
            let off = libm::log(severity / at) / width;
            let mut weight = FormWeight::of(cause.form_at(*severity).unwrap(), Rung::Fluid);
            weight.log_bayes = -0.5 * off * off;
            weight
        };
        Weighed { cause, log_prior: 0.0, forms: grid.iter().map(form).collect() }
    }

    #[test]
    fn a_grid_that_is_halved_where_the_likelihood_peaks_integrates_it() {
        let coarse: Vec<f64> = (0..9).map(|i| 1e-3 * libm::pow(300.0, f64::from(i) / 8.0)).collect();
        let (at, width) = (1.3 * coarse[4], 0.15);
        // The integral of the normal law over the range that the cells span.
        let span = libm::log(300.0) * 9.0 / 8.0;
        let exact = libm::log(width * (2.0 * std::f64::consts::PI).sqrt() / span);
        let mut fine = coarse.clone();
        for _ in 0..3 {
            let of = weighed(&fine, at, width);
            let best = (0..fine.len())
                .max_by(|a, b| of.forms[*a].log_bayes.total_cmp(&of.forms[*b].log_bayes))
                .unwrap();
            let (below, above) = (fine[best - 1], fine[best + 1]);
            fine.insert(best + 1, (fine[best] * above).sqrt());
            fine.insert(best, (fine[best] * below).sqrt());
        }
        assert!((weighed(&coarse, at, width).log_bayes() - exact).abs() > 0.5);
        assert!((weighed(&fine, at, width).log_bayes() - exact).abs() < 0.1);
    }

    #[test]
    fn cells_of_an_uneven_grid_cover_its_range_once() {
        let cells = cells(&weighed(&[0.01, 0.02, 0.03, 0.1], 0.02, 1.0).forms);
        assert!(cells.windows(2).all(|pair| (pair[0].1 - pair[1].0).abs() < 1e-12));
        assert!(cells.iter().all(|(low, high)| high > low));
    }

    #[test]
    fn forms_without_severities_between_are_equally_likely() {
        let mut of = weighed(&[0.01, 0.02, 0.5], 0.02, 1.0);
        of.cause.class = CLASSES.into_iter().find(|c| c.name == "metric").unwrap();
        of.forms.iter_mut().for_each(|f| f.log_bayes = 2.0);
        assert!(of.weights().iter().all(|w| (w - 1.0 / 3.0).abs() < 1e-12));
        assert!((of.log_bayes() - 2.0).abs() < 1e-12);
    }
}
