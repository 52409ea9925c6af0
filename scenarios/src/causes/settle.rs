//! More replicas where causes are nearly level.

use twin::Diagnostic;

use super::rank::{LEFT_OUT_GAP, posterior};
use super::replica::Bench;
use super::summary::Summary;
use super::weighed::Weighed;

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
pub(super) fn settle(bench: &mut Bench<'_>, summary: &Summary, weighed: &mut [Weighed]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    loop {
        let (probabilities, std_errors) = posterior(summary, weighed);
        let error = std_errors.iter().copied().fold(0.0, f64::max);
        let level = level(weighed, &probabilities);
        let all: Vec<usize> = (0..bench.replicas()).collect();
        let behind: Vec<usize> =
            level.iter().copied().filter(|i| weighed[*i].replicas() < all.len()).collect();
        let wanted = wanted(level.len(), error, all.len());
        if !behind.is_empty() {
            behind.iter().for_each(|i| weighed[*i].run_near(bench, summary, &all, LEFT_OUT_GAP));
        } else if wanted > all.len() && all.len() < MOST_REPLICAS && !level.is_empty() {
            bench.extend(wanted.min(MOST_REPLICAS));
        } else {
            if error > STD_ERROR {
                Diagnostic::count(&mut diagnostics, "nearly-level", || {
                    format!(
                        "causes are nearly level: probabilities have standard errors of up to {error:.2} after {} replicas",
                        all.len()
                    )
                });
            }
            return diagnostics;
        }
    }
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
