//! What is compared: changes from before the onset to after it, each with how large it usually is when nothing happens.

use std::ops::Range;

use twin::stats::median;

use super::observed::{Observed, ProbeBin, SampledPoll};
use super::onset::Onset;

/// Which stretches of an incident are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The bin in which it began.
    pub onset: usize,
    /// Bins before it.
    pub before: Range<usize>,
    /// Bins around it, in which routing may not have converged.
    pub around: Range<usize>,
    /// Bins after it.
    pub after: Range<usize>,
    /// Polls that end before it.
    pub polls_before: Range<usize>,
    /// The poll in which it began.
    pub across: usize,
    /// Polls that begin after it.
    pub polls_after: Range<usize>,
}

/// Most bins that are looked back on: what is usual drifts.
const BACK: usize = 60;
/// Fewest bins and polls to compare with.
const FEWEST: usize = 10;

impl Windows {
    /// For an onset in bin `onset` and records that end with bin `end`.
    pub fn new(seen: &Observed, onset: usize, end: usize) -> Self {
        let across = (onset / seen.poll_bins).min(seen.polls().saturating_sub(1));
        let first = onset.saturating_sub(BACK);
        Self {
            onset,
            before: first..onset.saturating_sub(1),
            around: onset.saturating_sub(1)..(onset + 2).min(end),
            after: (onset + 2).min(end)..end,
            // A poll that is read late reaches into the next: the last one before is left out.
            polls_before: first.div_ceil(seen.poll_bins)..across.saturating_sub(1),
            across,
            polls_after: (across + 1)..(end / seen.poll_bins).max(across + 1),
        }
    }

    /// Whether there is enough to compare with.
    fn has_past(&self) -> bool {
        self.before.len() >= FEWEST && self.polls_before.len() >= 2
    }
}

/// One number that is compared. The order of the kinds is the order of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// Load of an arc in the polls after, in bit/s.
    Load(usize),
    /// The same in the poll across the onset.
    LoadAcross(usize),
    /// Discards of an arc after: log(1 + packets per poll).
    Discards(usize),
    /// The same in the poll across the onset.
    DiscardsAcross(usize),
    /// Median round trip of a probed pair, in ms.
    Median(usize),
    /// 95th percentile of its round trips, in ms.
    Tail(usize),
    /// Its losses after, as a root.
    Loss(usize),
    /// Its losses around the onset, as a root.
    LossAround(usize),
    /// Retransmissions of a sampled pair after, as a root.
    Again(usize),
    /// The same in the poll across the onset.
    AgainAcross(usize),
}

/// How many kinds there are.
pub(super) const KINDS: usize = 10;

impl Item {
    /// All items of an incident, whether they were observed or not.
    pub fn all(seen: &Observed) -> Vec<Item> {
        let arcs = seen.load.first().map_or(0, Vec::len);
        let of_arc = |i| [Self::Load(i), Self::LoadAcross(i), Self::Discards(i), Self::DiscardsAcross(i)];
        let of_probe = |i| [Self::Median(i), Self::Tail(i), Self::Loss(i), Self::LossAround(i)];
        let of_flow = |i| [Self::Again(i), Self::AgainAcross(i)];
        let mut items: Vec<Item> = (0..arcs).flat_map(of_arc).collect();
        items.extend((0..seen.probes.len()).flat_map(of_probe));
        items.extend((0..seen.flows.len()).flat_map(of_flow));
        items
    }

    pub(super) fn kind(self) -> usize {
        match self {
            Self::Load(_) => 0,
            Self::LoadAcross(_) => 1,
            Self::Discards(_) => 2,
            Self::DiscardsAcross(_) => 3,
            Self::Median(_) => 4,
            Self::Tail(_) => 5,
            Self::Loss(_) => 6,
            Self::LossAround(_) => 7,
            Self::Again(_) => 8,
            Self::AgainAcross(_) => 9,
        }
    }
}

/// The changes of an incident, and what is usual.
#[derive(Clone, Debug)]
pub struct Summary {
    /// What is compared.
    pub items: Vec<Item>,
    /// By item; NaN where something was not observed.
    pub change: Vec<f64>,
    /// By item: how large it usually is, as a standard deviation.
    pub sigma: Vec<f64>,
    /// The windows.
    pub windows: Windows,
    /// When it began.
    pub onset: Onset,
    /// Changes at onsets at which nothing happened.
    quiet: Vec<Vec<f64>>,
}

impl Summary {
    /// The changes at an onset. How large they usually are is learnt from the bins before `quiet`: the same is computed for
    /// onsets there, at which nothing happened.
    pub fn new(seen: &Observed, onset: Onset, quiet: usize) -> Self {
        let items = Item::all(seen);
        let windows = Windows::new(seen, onset.best(), seen.bins);
        let change = changes(seen, &items, &windows);
        let tried = tried(seen, &items, &windows, quiet);
        let sigma = usual(seen, &items, &windows, quiet, &tried);
        Self { items, change, sigma, windows, onset, quiet: tried }
    }

    /// Loads of so many arcs, each usually of size 1.
    #[cfg(test)]
    pub(super) fn plain(change: Vec<f64>) -> Self {
        let windows = Windows {
            onset: 0,
            before: 0..0,
            around: 0..0,
            after: 0..0,
            polls_before: 0..0,
            across: 0,
            polls_after: 0..0,
        };
        let items = (0..change.len()).map(Item::Load).collect();
        let onset = Onset { first: 0, probability: vec![1.0] };
        let sigma = vec![1.0; change.len()];
        Self { items, sigma, change, windows, onset, quiet: Vec::new() }
    }

    /// Changes as squared distances from no change, in usual standard deviations; NaN where there is none.
    pub fn squares(&self, change: &[f64]) -> Vec<f64> {
        change.iter().zip(&self.sigma).map(|(c, s)| (c / s).powi(2)).collect()
    }

    /// How probable so large a misfit is when nothing is unexplained: the mean of log(1 + d²/4), against the same at onsets at
    /// which nothing happened.
    pub fn tail(&self, squares: &[f64]) -> f64 {
        // The same items on both sides.
        let misfit = |of: &[f64]| {
            let pairs = of.iter().zip(squares).filter(|(_, s)| s.is_finite());
            mean(pairs.map(|(d, _)| libm::log1p(d / 4.0)))
        };
        let usual: Vec<f64> = self.quiet.iter().map(|row| misfit(&self.squares(row))).collect();
        let n = usual.len() as f64;
        let (level, own) = (mean(usual.iter().copied()), variance(usual.iter().copied()));
        if n < 2.0 || !level.is_finite() {
            return 1.0;
        }
        // Few onsets leave their scatter uncertain: a tenth of the level is the least.
        let spread = own.sqrt().max(0.1 * level) * (1.0 + 1.0 / n).sqrt();
        upper_tail((misfit(squares) - level) / spread, n - 1.0)
    }
}

/// All changes at these windows.
fn changes(seen: &Observed, items: &[Item], w: &Windows) -> Vec<f64> {
    items.iter().map(|item| change(seen, *item, w)).collect()
}

fn change(seen: &Observed, item: Item, w: &Windows) -> f64 {
    let over = |rows: &[Vec<f64>], range: Range<usize>, i: usize, of: fn(f64) -> f64| {
        mean(range.filter_map(|k| rows.get(k)).map(|row| of(row[i])))
    };
    let same = |x: f64| x;
    let load =
        |range, i| over(&seen.load, range, i, same) - over(&seen.load, w.polls_before.clone(), i, same);
    let discards = |range, i| {
        over(&seen.discards, range, i, libm::log1p)
            - over(&seen.discards, w.polls_before.clone(), i, libm::log1p)
    };
    let trip = |i: usize, of: fn(&ProbeBin) -> f64| {
        let bins = &seen.probes[i].bins;
        median(bins[w.after.clone()].iter().map(of)) - median(bins[w.before.clone()].iter().map(of))
    };
    match item {
        Item::Load(i) => load(w.polls_after.clone(), i),
        Item::LoadAcross(i) => load(w.across..w.across + 1, i),
        Item::Discards(i) => discards(w.polls_after.clone(), i),
        Item::DiscardsAcross(i) => discards(w.across..w.across + 1, i),
        Item::Median(i) => trip(i, |b| b.p50_ms),
        Item::Tail(i) => trip(i, |b| b.p95_ms),
        Item::Loss(_) | Item::LossAround(_) | Item::Again(_) | Item::AgainAcross(_) => {
            Counted::of(seen, item, w).map_or(f64::NAN, |c| c.observed())
        }
    }
}

/// Losses of a stretch, against the rate before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// Packets.
    pub sent: f64,
    /// Of these lost.
    pub lost: f64,
    /// The rate before.
    pub usual: f64,
}

impl Counted {
    /// The counts of an item that is a loss; `None` where nothing was sent.
    pub fn of(seen: &Observed, item: Item, w: &Windows) -> Option<Self> {
        let (now, past) = match item {
            Item::Loss(i) => (probes(seen, i, w.after.clone()), probes(seen, i, w.before.clone())),
            Item::LossAround(i) => (probes(seen, i, w.around.clone()), probes(seen, i, w.before.clone())),
            Item::Again(i) => (again(seen, i, w.polls_after.clone()), again(seen, i, w.polls_before.clone())),
            Item::AgainAcross(i) => {
                (again(seen, i, w.across..w.across + 1), again(seen, i, w.polls_before.clone()))
            }
            _ => return None,
        };
        // Half an event keeps a rate that was never seen above 0 possible.
        let usual = (past.1 + 0.5) / (past.0 + 1.0);
        (now.0 > 0.0).then_some(Self { sent: now.0, lost: now.1, usual })
    }

    /// The change that was seen: Anscombe's root of the count less that of the count expected.
    fn observed(self) -> f64 {
        self.root(self.lost) - self.root(self.sent * self.usual)
    }

    /// The change that is expected if a share `extra` is lost besides.
    pub fn expected(self, extra: f64) -> f64 {
        let rate = self.usual + extra.clamp(0.0, 1.0) * (1.0 - self.usual);
        self.root(self.sent * rate) - self.root(self.sent * self.usual)
    }

    fn root(self, count: f64) -> f64 {
        ((count + 0.375) / self.sent).sqrt()
    }

    /// The standard deviation that counting alone gives it.
    fn sigma(self) -> f64 {
        0.5 / self.sent.sqrt()
    }
}

fn probes(seen: &Observed, i: usize, bins: Range<usize>) -> (f64, f64) {
    let bins = &seen.probes[i].bins[bins];
    bins.iter().fold((0.0, 0.0), |(n, k), b| (n + f64::from(b.sent), k + f64::from(b.lost)))
}

fn again(seen: &Observed, i: usize, polls: Range<usize>) -> (f64, f64) {
    let rows = polls.filter_map(|k| seen.flows[i].polls.get(k));
    rows.fold((0.0, 0.0), |(n, k), p: &SampledPoll| {
        (n + f64::from(p.packets), k + f64::from(p.retransmitted))
    })
}

/// The changes at onsets before `quiet`, at the same place of a poll, with windows as long as these.
fn tried(seen: &Observed, items: &[Item], windows: &Windows, quiet: usize) -> Vec<Vec<f64>> {
    let length = seen.bins - windows.onset;
    (1..)
        .map_while(|k| windows.onset.checked_sub(k * seen.poll_bins))
        .filter(|onset| onset + length <= quiet)
        .map(|onset| Windows::new(seen, onset, onset + length))
        .take_while(Windows::has_past)
        .map(|w| changes(seen, items, &w))
        .collect()
}

/// How large each change usually is. Onsets at the same place of a poll are tried in the quiet part; where they are few,
/// what the scatter of single bins makes likely counts too, scaled by how well it fits the whole kind.
fn usual(seen: &Observed, items: &[Item], windows: &Windows, quiet: usize, tried: &[Vec<f64>]) -> Vec<f64> {
    /// How many tried onsets the scatter of bins is worth.
    const WORTH: f64 = 6.0;
    let scatter: Vec<f64> = items.iter().map(|item| scatter(seen, *item, windows, quiet)).collect();
    let mut fit = [(1.0, 1.0); KINDS];
    for row in tried {
        for ((item, c), s) in items.iter().zip(row).zip(&scatter) {
            // A single wild value must not widen its whole kind.
            let z2 = (c / s).powi(2);
            if z2.is_finite() {
                let sums = &mut fit[item.kind()];
                *sums = (sums.0 + z2.min(16.0), sums.1 + 1.0);
            }
        }
    }
    let of = |(i, item): (usize, &Item)| {
        let (sum, n) = fit[item.kind()];
        let by_kind = scatter[i] * scatter[i] * (sum / n).max(1.0);
        let own = tried.iter().map(|row| row[i]).filter(|c| c.is_finite());
        let (squares, count) = own.fold((0.0, 0.0), |(s, n), c| (s + c * c, n + 1.0));
        ((squares + WORTH * by_kind) / (count + WORTH)).sqrt()
    };
    items.iter().enumerate().map(of).collect()
}

/// What the scatter of single bins or polls makes of a change, if they are independent. Never nothing: clocks, counters
/// and rounding leave some.
fn scatter(seen: &Observed, item: Item, w: &Windows, quiet: usize) -> f64 {
    let both = |variance: f64, now: usize, past: usize| {
        (variance / now.max(1) as f64 + variance / past.max(1) as f64).sqrt()
    };
    let polls = 0..quiet / seen.poll_bins;
    let of_polls = |rows: &[Vec<f64>], i: usize, of: fn(f64) -> f64| {
        variance(polls.clone().filter_map(|k| rows.get(k)).map(|row| of(row[i])))
    };
    let (past, now) = (w.polls_before.len(), w.polls_after.len());
    // A median strays 1.25 times as far as a mean.
    let trip = |i: usize, of: fn(&ProbeBin) -> f64| {
        1.25 * both(variance(seen.probes[i].bins[..quiet].iter().map(of)), w.after.len(), w.before.len())
    };
    match item {
        Item::Load(i) => {
            let level = mean(polls.clone().filter_map(|k| seen.load.get(k)).map(|row| row[i]));
            both(of_polls(&seen.load, i, |x| x), now, past).max(2e-3 * level).max(1e3)
        }
        Item::LoadAcross(i) => {
            let level = mean(polls.clone().filter_map(|k| seen.load.get(k)).map(|row| row[i]));
            both(of_polls(&seen.load, i, |x| x), 1, past).max(4e-3 * level).max(1e3)
        }
        Item::Discards(i) => both(of_polls(&seen.discards, i, libm::log1p).max(0.3), now, past),
        Item::DiscardsAcross(i) => both(of_polls(&seen.discards, i, libm::log1p).max(0.3), 1, past),
        Item::Median(i) => trip(i, |b| b.p50_ms).max(0.02),
        Item::Tail(i) => trip(i, |b| b.p95_ms).max(0.05),
        _ => Counted::of(seen, item, w).map_or(f64::NAN, Counted::sigma),
    }
}

/// P(T ≥ t) of Student's t, by the normal deviate that corresponds to it (Wallace, *Bounds on normal approximations to
/// Student's and the chi-square distributions*, 1959): within a few percent for five degrees of freedom and more.
pub(super) fn upper_tail(t: f64, freedom: f64) -> f64 {
    let size =
        (freedom * libm::log1p(t * t / freedom)).sqrt() * (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0);
    0.5 * libm::erfc(size.copysign(t) / std::f64::consts::SQRT_2)
}

/// The mean of what is finite; NaN if nothing is.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.filter(|x| x.is_finite()).fold((0.0, 0.0), |(s, n), x| (s + x, n + 1.0));
    if n > 0.0 { sum / n } else { f64::NAN }
}

/// The variance of what is finite; 0 if there are not two.
fn variance(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.filter(|x| x.is_finite()).collect();
    let center = mean(values.iter().copied());
    if values.len() < 2 {
        return 0.0;
    }
    values.iter().map(|x| (x - center).powi(2)).sum::<f64>() / (values.len() - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_of_students_t_are_those_of_the_tables() {
        for (t, freedom, p) in
            [(2.015, 5.0, 0.05), (3.365, 5.0, 0.01), (1.833, 9.0, 0.05), (2.821, 9.0, 0.01)]
        {
            assert!(
                (upper_tail(t, freedom) / p - 1.0).abs() < 0.05,
                "{t} {freedom}: {}",
                upper_tail(t, freedom)
            );
        }
        assert!((upper_tail(-1.0, 7.0) + upper_tail(1.0, 7.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_misfit_that_is_usual_is_no_surprise_and_a_large_one_is() {
        let quiet =
            (0..10).map(|k| (0..40).map(|i| f64::from((i * 7 + k * 3) % 5) - 2.0).collect()).collect();
        let summary = Summary { quiet, ..Summary::plain(vec![0.0; 40]) };
        let misfit = |size: f64| summary.tail(&vec![size * size; 40]);
        assert!(misfit(1.4) > 0.05, "{}", misfit(1.4));
        assert!(misfit(10.0) < 0.001, "{}", misfit(10.0));
    }

    #[test]
    fn extra_losses_move_an_item_by_what_is_expected_and_none_by_nothing() {
        let counted = Counted { sent: 10_000.0, lost: 109.0, usual: 0.001 };
        assert_eq!(counted.expected(0.0), 0.0);
        // 10 losses are usual; 1 % more makes 109.9.
        assert!((counted.expected(0.01) / counted.observed() - 1.0).abs() < 0.01);
    }
}
