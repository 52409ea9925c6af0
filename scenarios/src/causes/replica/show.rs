//! What collectors show of a change: polls that are late and averages over windows.

use super::ways::Trip;
use super::{Base, Bench};
use crate::causes::ensemble::Shown;
use crate::causes::luck::Luck;
use crate::causes::queue::Law;
use crate::causes::state::Change;

impl Bench<'_> {
    pub(super) fn show_arc(&self, shown: &mut Shown, base: &Base, laws: &[Law], clock: &Clock, arc: usize) {
        let late_s = base.luck.late_s[self.csr.src[arc].index()];
        let (before, after) = (&base.laws[arc], &laws[arc]);
        let polls = self.summary.windows.polls_after.clone();
        let n = polls.len().max(1) as f64;
        let later = polls.map(|poll| clock.poll(self, poll, late_s)).sum::<f64>() / n;
        let across = clock.poll(self, self.summary.windows.across, late_s);
        let change = after.carried() - before.carried();
        let poll_s = self.seen.poll_s();
        let (old, new) = (before.discards(poll_s), after.discards(poll_s));
        let discards = |share: f64| libm::log1p(old + share * (new - old)) - libm::log1p(old);
        let first = (4 * arc) as u32;
        shown.push((first, later * change));
        shown.push((first + 1, across * change));
        shown.push((first + 2, discards(later)));
        shown.push((first + 3, discards(across)));
    }

    pub(super) fn show_probe(
        &self,
        shown: &mut Shown,
        trips: (&Trip, &Trip),
        clock: &Clock,
        crossing: f64,
        pair: usize,
    ) {
        let (old, new) = trips;
        let first = 4 * (self.csr.arc_count() + pair);
        let mut push = |k: usize, change: f64| {
            if change.is_finite() {
                shown.push(((first + k) as u32, change));
            }
        };
        push(0, clock.after * (new.p50 - old.p50));
        push(1, clock.after * (new.p95 - old.p95));
        let counted = |k: usize, extra: f64| self.counted[first + k].map_or(f64::NAN, |c| c.expected(extra));
        push(2, counted(2, clock.after * (new.lost - old.lost)));
        push(3, counted(3, clock.around * (new.lost - old.lost) + clock.cut_around * crossing));
    }

    pub(super) fn show_flow(&self, shown: &mut Shown, extra: f64, clock: &Clock, crossing: f64, pair: usize) {
        let first = 4 * (self.csr.arc_count() + self.seen.probes.len()) + 2 * pair;
        // Meters write at the end of a poll, on time.
        let w = &self.summary.windows;
        let n = w.polls_after.len().max(1) as f64;
        let later = w.polls_after.clone().map(|poll| clock.poll(self, poll, 0.0)).sum::<f64>() / n;
        let across = clock.poll(self, w.across, 0.0);
        let cut = |polls| crossing * clock.cut(self, polls);
        let (cut_later, cut_across) = (cut(w.polls_after.clone()), cut(w.across..w.across + 1));
        for (k, extra) in [(0, later * extra + cut_later), (1, across * extra + cut_across)] {
            if let Some(counted) = self.counted[first + k] {
                shown.push(((first + k) as u32, counted.expected(extra)));
            }
        }
    }
}

/// Shares of the windows in which the change holds.
pub(super) struct Clock {
    /// When traffic has moved, in bins.
    moved: f64,
    after: f64,
    around: f64,
    /// Share of the window around in which routing has not converged.
    cut_around: f64,
    cut_s: f64,
}

impl Clock {
    pub(super) fn new(bench: &Bench<'_>, luck: &Luck, change: Change) -> Self {
        let cut_s = if change.cut().is_some() { luck.converge_s } else { 0.0 };
        let moved = luck.onset + cut_s / bench.seen.bin_s;
        let w = &bench.summary.windows;
        let share = |range: &std::ops::Range<usize>, from: f64, to: f64| {
            let (start, end) = (range.start as f64, range.end as f64);
            ((to.min(end) - from.max(start)) / (end - start).max(1.0)).clamp(0.0, 1.0)
        };
        Self {
            moved,
            after: share(&w.after, moved, f64::INFINITY),
            around: share(&w.around, moved, f64::INFINITY),
            cut_around: share(&w.around, luck.onset, moved),
            cut_s,
        }
    }

    /// The share of these polls in which routing has not converged.
    fn cut(&self, bench: &Bench<'_>, polls: std::ops::Range<usize>) -> f64 {
        let bins = bench.seen.poll_bins as f64;
        let (start, end) = (polls.start as f64 * bins, polls.end as f64 * bins);
        let began = self.moved - self.cut_s / bench.seen.bin_s;
        ((self.moved.min(end) - began.max(start)) / (end - start).max(1.0)).max(0.0)
    }

    /// The share of a poll that is read `late_s` after its stamp.
    fn poll(&self, bench: &Bench<'_>, poll: usize, late_s: f64) -> f64 {
        let bins = bench.seen.poll_bins as f64;
        let end = (poll + 1) as f64 * bins + late_s / bench.seen.bin_s;
        ((end - self.moved) / bins).clamp(0.0, 1.0)
    }
}
