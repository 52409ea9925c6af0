//! Are probabilities what they say? Rankings against known answers.
//!
//! A component is named by case, class and names, as tables name causes, so that every ranking can be judged: fabrics,
//! alarms, telemetry, twins. Of all that was called 30 % probable, 30 % should have been so.

use std::collections::{BTreeMap, BTreeSet};

/// A component of a case: class, and one or two names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Component {
    /// The case.
    pub case: u32,
    /// The class.
    pub class: String,
    /// The first name.
    pub a: String,
    /// The second, where there is one.
    pub b: Option<String>,
}

/// Rankings and answers.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Causes with their probabilities, without *none* and *unknown*.
    pub causes: Vec<(Component, f64)>,
    /// What was wrong.
    pub truth: BTreeSet<Component>,
    /// What is neither right nor wrong to name: links that failed with their device.
    pub ignored: BTreeSet<Component>,
    /// All cases that were judged.
    pub cases: BTreeSet<u32>,
    /// Components that might have been named in a case: those that were not named count with the lowest probability.
    pub components: u64,
}

/// Bins of the reliability diagram.
pub const BINS: usize = 10;
/// A probability counts as at most 1 less this.
pub const HIGHEST: f64 = 1.0 / 600.0;
/// What was never seen (less than half a sample of 300) counts as so probable.
pub const NEVER: f64 = 1.0 / 3_000.0;
/// A cause with more than this is named.
pub const NAMED: f64 = 0.5;
/// A cause with at least this is sure.
pub const SURE: f64 = 0.95;
/// Floors of the calibration error.
pub const FLOORS: [f64; 2] = [0.01, 0.1];

/// A bar of the reliability diagram.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Causes in it.
    pub causes: u32,
    /// Those that were so.
    pub right: u32,
    /// Sum of their probabilities.
    pub sum: f64,
}

impl Bin {
    /// Mean probability.
    pub fn mean(&self) -> f64 {
        self.sum / f64::from(self.causes.max(1))
    }

    /// The share that was so.
    pub fn share(&self) -> f64 {
        f64::from(self.right) / f64::from(self.causes.max(1))
    }
}

/// Expected calibration error: the mean distance of probability and share over bins, weighted with causes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Error {
    /// Causes below this are left out.
    pub floor: f64,
    /// The error.
    pub ece: f64,
    /// Causes that counted.
    pub causes: u32,
}

/// What is said of one case.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CaseScore {
    /// Σ (p − truth)².
    pub brier: f64,
    /// −Σ ln of the probability of what was so.
    pub log_loss: f64,
    /// Components that were wrong with the case.
    pub faults: u32,
    /// Those that were named.
    pub right: u32,
    /// Components that were named.
    pub named: u32,
    /// The place of the first cause that was so, from 1.
    pub first: Option<u32>,
}

/// Rankings against answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The reliability diagram: bins of equal width over p ≥ the lowest floor.
    pub bins: [Bin; BINS],
    /// The calibration error for each floor.
    pub errors: [Error; FLOORS.len()],
    /// Causes that were sure, and how many of them were not so.
    pub sure: (u32, u32),
    /// Scores by case.
    pub cases: BTreeMap<u32, CaseScore>,
}

impl Calibration {
    /// Judges rankings.
    pub fn new(judged: &Judged) -> Self {
        let counts = |c: &Component| !judged.ignored.contains(c);
        let causes: Vec<(bool, f64)> = judged
            .causes
            .iter()
            .filter(|(c, _)| counts(c))
            .map(|(c, p)| (judged.truth.contains(c), *p))
            .collect();
        let sure = causes.iter().filter(|(_, p)| *p >= SURE);
        Self {
            bins: bins(&causes, FLOORS[0]),
            errors: FLOORS.map(|floor| error(&causes, floor)),
            sure: sure.fold((0, 0), |(n, wrong), (so, _)| (n + 1, wrong + u32::from(!so))),
            cases: judged.cases.iter().map(|case| (*case, score(judged, *case))).collect(),
        }
    }

    /// Mean Brier sum of a case.
    pub fn brier(&self) -> f64 {
        self.mean(|c| c.brier)
    }

    /// Mean log loss of a case, in nats.
    pub fn log_loss(&self) -> f64 {
        self.mean(|c| c.log_loss)
    }

    /// Components that were named and so, that were so, and that were named.
    pub fn named(&self) -> (u32, u32, u32) {
        let add = |sum: (u32, u32, u32), c: &CaseScore| (sum.0 + c.right, sum.1 + c.faults, sum.2 + c.named);
        self.cases.values().fold((0, 0, 0), add)
    }

    /// The share of named components that were so; 1 if none was named.
    pub fn precision(&self) -> f64 {
        let (right, _, named) = self.named();
        if named == 0 { 1.0 } else { f64::from(right) / f64::from(named) }
    }

    /// The share of wrong components that were named; 1 if nothing was wrong.
    pub fn recall(&self) -> f64 {
        let (right, faults, _) = self.named();
        if faults == 0 { 1.0 } else { f64::from(right) / f64::from(faults) }
    }

    /// Cases in which something was wrong, and those of them where one of the first so many causes was so.
    pub fn top(&self, places: u32) -> (u32, u32) {
        let faulty = self.cases.values().filter(|c| c.faults > 0);
        faulty.fold((0, 0), |(n, hit), c| (n + 1, hit + u32::from(c.first.is_some_and(|f| f <= places))))
    }

    fn mean(&self, of: impl Fn(&CaseScore) -> f64) -> f64 {
        self.cases.values().map(of).sum::<f64>() / self.cases.len().max(1) as f64
    }
}

fn bins(causes: &[(bool, f64)], floor: f64) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for (so, p) in causes.iter().filter(|(_, p)| *p >= floor) {
        let bin = &mut bins[((p * BINS as f64) as usize).min(BINS - 1)];
        *bin = Bin { causes: bin.causes + 1, right: bin.right + u32::from(*so), sum: bin.sum + p };
    }
    bins
}

fn error(causes: &[(bool, f64)], floor: f64) -> Error {
    let bins = bins(causes, floor);
    let n: u32 = bins.iter().map(|b| b.causes).sum();
    let off: f64 = bins.iter().map(|b| (b.sum - f64::from(b.right)).abs()).sum();
    Error { floor, ece: off / f64::from(n.max(1)), causes: n }
}

/// A probability as it counts for the log loss.
fn clipped(p: f64) -> f64 {
    if p < HIGHEST { NEVER } else { p.min(1.0 - HIGHEST) }
}

fn score(judged: &Judged, case: u32) -> CaseScore {
    let counts = |c: &Component| c.case == case && !judged.ignored.contains(c);
    let mut causes: Vec<&(Component, f64)> = judged.causes.iter().filter(|(c, _)| counts(c)).collect();
    causes.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let truth: BTreeSet<&Component> = judged.truth.iter().filter(|c| c.case == case).collect();
    let mut score = CaseScore { faults: truth.len() as u32, ..CaseScore::default() };
    let mut found = 0;
    for (place, (component, p)) in (1u32..).zip(&causes) {
        let so = truth.contains(component);
        let named = *p > NAMED;
        found += u64::from(so);
        score.brier += (p - f64::from(u8::from(so))).powi(2);
        score.log_loss -= libm::log(if so { clipped(*p) } else { 1.0 - clipped(*p) });
        score.named += u32::from(named);
        score.right += u32::from(named && so);
        if so {
            score.first = score.first.or(Some(place));
        }
    }
    // What was not listed was never seen.
    let missed = u64::from(score.faults).saturating_sub(found);
    let clean = judged.components.saturating_sub(causes.len() as u64 + missed);
    score.brier += missed as f64;
    score.log_loss -= missed as f64 * libm::log(NEVER) + clean as f64 * libm::log1p(-NEVER);
    score
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(case: u32, a: &str) -> Component {
        Component { case, class: "link_loss".to_owned(), a: a.to_owned(), b: None }
    }

    fn judged(causes: &[(u32, &str, f64)], truth: &[(u32, &str)]) -> Judged {
        Judged {
            causes: causes.iter().map(|(case, a, p)| (component(*case, a), *p)).collect(),
            truth: truth.iter().map(|(case, a)| component(*case, a)).collect(),
            cases: [1, 2].into(),
            components: 10,
            ..Judged::default()
        }
    }

    #[test]
    fn scores_are_those_of_the_definitions() {
        let causes = [(1, "a", 0.99), (1, "b", 0.3), (1, "c", 0.02), (2, "a", 0.6), (2, "b", 0.005)];
        let report = Calibration::new(&judged(&causes, &[(1, "a"), (1, "c"), (2, "b"), (2, "z")]));
        assert_eq!(report.named(), (1, 4, 2));
        assert_eq!((report.precision(), report.recall()), (0.5, 0.25));
        assert_eq!((report.top(1), report.top(2), report.sure), ((2, 1), (2, 2), (1, 0)));
        // .99 is right, .3 and .6 are wrong, .02 is right; .005 is below the floor.
        let off = 0.01 + 0.3 + 0.98 + 0.6;
        assert!((report.errors[0].ece - off / 4.0).abs() < 1e-12 && report.errors[0].causes == 4);
        assert!((report.errors[1].ece - 0.91 / 3.0).abs() < 1e-12 && report.errors[1].causes == 3);
        let brier = [0.01f64.powi(2) + 0.09 + 0.98f64.powi(2), 0.36 + 0.995f64.powi(2) + 1.0];
        assert!((report.brier() - (brier[0] + brier[1]) / 2.0).abs() < 1e-12);
        // Three and two are listed of ten, and one that was so is not.
        let never = libm::log1p(-NEVER);
        let first = libm::log(0.99) + libm::log(0.7) + libm::log(0.02) + 7.0 * never;
        let second = libm::log(0.4) + libm::log(0.005) + libm::log(NEVER) + 7.0 * never; // .005 is above 1/600
        assert!((report.log_loss() + (first + second) / 2.0).abs() < 1e-9, "{}", report.log_loss());
    }

    #[test]
    fn what_is_said_too_surely_and_what_is_ignored_shows() {
        let mut judged = judged(&[(1, "a", 1.0), (1, "b", 0.97), (2, "c", 0.0)], &[(2, "c")]);
        judged.ignored.insert(component(1, "b"));
        let report = Calibration::new(&judged);
        assert_eq!(report.sure, (1, 1));
        assert_eq!(report.named(), (0, 1, 1));
        // Clipped, so that no error is infinite.
        assert!(report.log_loss() < 8.0 && report.log_loss() > 7.0, "{}", report.log_loss());
    }

    #[test]
    fn probabilities_that_are_right_have_no_error() {
        // Of ten causes with .3 three are so, of ten with .8 eight.
        let names: Vec<String> = (0..20).map(|i| format!("{i:02}")).collect();
        let causes: Vec<_> =
            names.iter().enumerate().map(|(i, n)| (1, n.as_str(), if i < 10 { 0.3 } else { 0.8 })).collect();
        let truth: Vec<_> =
            [0, 1, 2, 10, 11, 12, 13, 14, 15, 16, 17].map(|i: usize| (1, names[i].as_str())).into();
        let report = Calibration::new(&judged(&causes, &truth));
        assert!(report.errors.iter().all(|e| e.ece < 1e-12 && e.causes == 20));
        assert_eq!((report.bins[3].right, report.bins[8].right), (3, 8));
        assert!((report.bins[3].mean() - 0.3).abs() < 1e-12 && (report.bins[8].share() - 0.8).abs() < 1e-12);
    }

    #[test]
    fn a_case_of_which_nothing_is_said_counts() {
        let report = Calibration::new(&judged(&[], &[(2, "a")]));
        assert_eq!((report.precision(), report.recall(), report.top(3)), (1.0, 0.0, (1, 0)));
        assert!((report.log_loss() - (19.0 * -libm::log1p(-NEVER) - libm::log(NEVER)) / 2.0).abs() < 1e-9);
    }
}
