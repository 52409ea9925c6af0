//! From samples of a counter to what happened between them.

use twin::Diagnostic;

use super::recording::{Nanos, seconds};

/// What happened between two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The sample before.
    pub from: Nanos,
    /// The sample after.
    pub to: Nanos,
    /// How many.
    pub amount: f64,
}

impl Step {
    /// Its length in seconds.
    pub fn length(&self) -> f64 {
        seconds(self.from, self.to)
    }

    /// How many a second.
    pub fn rate(&self) -> f64 {
        self.amount / self.length()
    }
}

/// Steps of a counter. Samples come in any order; of two with the same stamp the first counts. A counter that falls has
/// wrapped at 32 or 64 bits if it was in the last eighth before that and is in the first eighth now; else it was reset, and
/// what happened in that step is not known.
pub fn steps(mut samples: Vec<(Nanos, u64)>, odd: &mut Vec<Diagnostic>) -> Vec<Step> {
    samples.sort_by_key(|s| s.0);
    samples.dedup_by_key(|s| s.0);
    let mut steps = Vec::with_capacity(samples.len());
    for pair in samples.windows(2) {
        let ((from, before), (to, after)) = (pair[0], pair[1]);
        let amount = after.checked_sub(before).or_else(|| wrapped(before, after));
        match amount {
            Some(amount) => steps.push(Step { from, to, amount: amount as f64 }),
            None => Diagnostic::count(odd, "counter-reset", || {
                "Counters that fell: what happened in that step is not known.".to_owned()
            }),
        }
    }
    steps
}

fn wrapped(before: u64, after: u64) -> Option<u64> {
    let at = |top: u64| {
        (before <= top && before > top - top / 8 && after < top / 8).then(|| top - before + after + 1)
    };
    at(u64::from(u32::MAX)).or_else(|| at(u64::MAX))
}

/// The usual time between samples, seconds: the median. `None` without two samples.
pub fn period(steps: &[Step]) -> Option<f64> {
    let median = twin::stats::median(steps.iter().map(Step::length));
    median.is_finite().then_some(median)
}

/// How many happened between two instants, at an even pace within each step; `None` where steps do not cover it.
pub fn between(steps: &[Step], from: Nanos, to: Nanos) -> Option<f64> {
    let first = steps.partition_point(|s| s.to <= from);
    let (mut sum, mut covered) = (0.0, from);
    for step in steps.get(first..)?.iter().take_while(|s| s.from < to) {
        if step.from > covered {
            return None;
        }
        let until = step.to.min(to);
        sum += step.amount * seconds(covered, until) / step.length();
        covered = until;
    }
    (covered >= to).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Nanos = 1_000_000_000;

    fn of(samples: &[(Nanos, u64)]) -> (Vec<f64>, u64) {
        let mut odd = Vec::new();
        let steps = steps(samples.iter().map(|(t, n)| (t * S, *n)).collect(), &mut odd);
        (steps.iter().map(|s| s.amount).collect(), odd.iter().map(|d| d.count).sum())
    }

    #[test]
    fn wraps_are_counted_through_and_resets_are_left_out() {
        assert_eq!(of(&[(0, 5), (10, 25), (20, 25)]), (vec![20.0, 0.0], 0));
        assert_eq!(of(&[(0, (1 << 32) - 10), (10, 20)]), (vec![30.0], 0));
        assert_eq!(of(&[(0, u64::MAX - 9), (10, 20)]), (vec![30.0], 0));
        assert_eq!(of(&[(0, 1_000), (10, 20), (20, 30)]), (vec![10.0], 1));
    }

    #[test]
    fn samples_late_or_twice_change_nothing() {
        assert_eq!(of(&[(20, 30), (0, 5), (10, 25), (10, 25)]), of(&[(0, 5), (10, 25), (20, 30)]));
        assert_eq!(of(&[]), (vec![], 0));
    }

    #[test]
    fn a_gap_keeps_its_amount_and_covers_what_lies_in_it() {
        let steps = steps(vec![(0, 0), (10 * S, 10), (40 * S, 100)], &mut Vec::new());
        assert_eq!(between(&steps, 5 * S, 20 * S), Some(35.0));
        assert_eq!(between(&steps, 5 * S, 41 * S), None);
        assert_eq!(period(&steps), Some(20.0));
    }
}
