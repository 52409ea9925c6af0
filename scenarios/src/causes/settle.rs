//! More replicas where causes are nearly level.

use rayon::prelude::*;
use twin::Diagnostic;

use super::ensemble::Ensemble;
use super::rank::{LEFT_OUT_GAP, posterior};
use super::replica::Bench;
use super::state::Change;
use super::summary::Summary;
use super::weighed::{FormWeight, Weighed};

/// Where more than one cause has this probability (or the only one is not known well beside the unknown) …
const RIVAL: f64 = 1e-3;
/// … they are run so often, …
const RIVAL_REPLICAS: usize = 200;
/// … and more until no probability has a larger standard error, …
const STD_ERROR: f64 = 0.02;
/// … so many of them at most, …
const LEVEL: usize = 4;
/// … and so often at most.
const MOST_REPLICAS: usize = 1_600;

/// Runs causes that are nearly level more often, until their probabilities are known well enough or as often as is allowed:
/// all of them each time, since a likelihood from few replicas is not to be compared with one from many. What comes up while
/// others lose by it is one of them from then on. Says so if that is not enough.
pub(super) fn settle(bench: &Bench<'_>, summary: &Summary, weighed: &mut [Weighed]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let mut replicas = bench.replicas();
    loop {
        let (probabilities, std_errors) = posterior(summary, weighed);
        let error = std_errors.iter().copied().fold(0.0, f64::max);
        let level = level(weighed, &probabilities);
        let wanted = wanted(level.len(), error, replicas);
        if level.iter().any(|i| weighed[*i].replicas() < replicas) {
            let all = weighed.iter_mut().enumerate();
            let level = all.filter(|(i, w)| level.contains(i) && w.replicas() < replicas);
            catch_up(bench, summary, level.flat_map(|(_, w)| w.behind(replicas, LEFT_OUT_GAP)), replicas);
        } else if wanted > replicas && replicas < MOST_REPLICAS && !level.is_empty() {
            replicas = wanted.min(MOST_REPLICAS);
        } else {
            if error > STD_ERROR {
                Diagnostic::count(&mut diagnostics, "nearly-level", || {
                    format!(
                        "causes are nearly level: probabilities have standard errors of up to {error:.2} after {replicas} replicas"
                    )
                });
            }
            return diagnostics;
        }
    }
}

/// Runs these forms until they have so many replicas, and weighs them by all.
fn catch_up<'w>(
    bench: &Bench<'_>,
    summary: &Summary,
    forms: impl Iterator<Item = &'w mut FormWeight>,
    replicas: usize,
) {
    let mut forms: Vec<&mut FormWeight> = forms.collect();
    let mut changes: Vec<(Change, &mut Ensemble)> =
        forms.iter_mut().map(|f| (f.form.change, &mut f.ensemble)).collect();
    bench.further(replicas, &mut changes);
    forms.into_par_iter().for_each(|form| {
        form.weigh(summary);
        form.leave_out(summary);
    });
}

/// The leading causes that were run often and are not negligible.
fn level(weighed: &[Weighed], probabilities: &[f64]) -> Vec<usize> {
    let rival = |i: &usize| probabilities[*i] > RIVAL && weighed[*i].replicas() > 0;
    let mut level: Vec<usize> = (0..weighed.len()).filter(rival).collect();
    level.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]).then(a.cmp(b)));
    level.truncate(LEVEL);
    level
}

/// How many replicas so many level causes should have whose probabilities have errors of up to so much after `replicas`.
/// Few replicas do not know how far they stray: where there is a rival, they are more from the beginning. Errors fall with
/// the root of replicas.
fn wanted(level: usize, error: f64, replicas: usize) -> usize {
    let times = (error / STD_ERROR).powi(2);
    let least = if level > 1 || times > 1.0 { RIVAL_REPLICAS } else { 0 };
    if times > 1.0 { least.max((replicas as f64 * times.max(1.5)) as usize) } else { least }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rivals_and_probabilities_that_are_not_known_want_more_replicas() {
        assert_eq!(wanted(1, 0.01, 50), 0, "no rival");
        assert_eq!(wanted(2, 0.01, 50), RIVAL_REPLICAS);
        assert_eq!(wanted(1, 0.3, 50), 11_250, "the unknown is a rival, too");
        assert_eq!(wanted(2, 0.04, 400), 1_600);
        assert_eq!(wanted(2, 0.021, 400), 600, "by half more at least");
        assert_eq!(wanted(2, 0.02, 400), RIVAL_REPLICAS, "enough");
    }
}
