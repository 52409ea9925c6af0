//! Many scenarios on all threads, handed on in order.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use super::{Evaluator, FailureList, FailureSet, Outcome, Plan, Worst};

/// Scenarios that a thread takes at once, at most.
const BLOCK: u32 = 64;

/// Scenarios that are evaluated before their rows are handed on: bounds what is held in memory.
const ROUND: u32 = 256 * BLOCK;

/// One evaluated scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its number.
    pub number: u32,
    /// What is down.
    pub set: FailureSet,
    /// How often that set stands in the list.
    pub occurrences: u32,
    /// What it does.
    pub outcome: Outcome,
}

/// One thread's means.
struct Worker<'p> {
    evaluator: Evaluator<'p>,
    worst: Worst,
}

/// Evaluates a range of a list. `take` gets the scenarios in order, some thousand at a time, while the next ones are
/// evaluated. Returns the worst failures of each arc; the base, scenario 0, is no failure. The result is the same for any
/// number of threads. Memory: a few thousand scenarios, and ten numbers for each arc and thread.
///
/// # Errors
/// What `take` returns; nothing is evaluated any more then.
pub fn sweep<E: Send>(
    plan: &Plan<'_>,
    list: &FailureList,
    range: Range<u32>,
    mut take: impl FnMut(&[Scenario]) -> Result<(), E> + Send,
) -> Result<Worst, E> {
    let arcs = plan.csr().arc_count();
    let new = |_| Worker { evaluator: plan.evaluator(), worst: Worst::new(arcs) };
    let mut workers: Vec<_> = (0..rayon::current_num_threads()).map(new).collect();
    stream(range, ROUND, &mut workers, |worker, number| worker.evaluate(plan, list, number), &mut take)?;
    let mut worst = Worst::new(arcs);
    workers.iter().for_each(|w| worst.merge(&w.worst));
    Ok(worst)
}

/// What `each` makes of the numbers of a range on every worker, handed to `take` in order, at most `at_once` of them,
/// while the next ones are made. Each worker gets its numbers in ascending order.
pub(super) fn stream<W: Send, T: Send + Sync, E: Send>(
    range: Range<u32>,
    at_once: u32,
    workers: &mut [W],
    each: impl Fn(&mut W, u32) -> T + Sync,
    take: &mut (impl FnMut(&[T]) -> Result<(), E> + Send),
) -> Result<(), E> {
    // Some blocks for each worker, so that all are busy to the end of a round.
    let block = (at_once / (4 * workers.len().max(1) as u32)).clamp(1, BLOCK);
    let mut done: Vec<T> = Vec::new();
    let mut from = range.start;
    while from < range.end {
        let to = range.end.min(from.saturating_add(at_once));
        let (taken, next) = rayon::join(|| take(&done), || round(from..to, block, workers, &each));
        taken?;
        done = next;
        from = to;
    }
    take(&done)
}

/// Blocks in ascending order on every worker.
fn round<W: Send, T: Send>(
    range: Range<u32>,
    block: u32,
    workers: &mut [W],
    each: &(impl Fn(&mut W, u32) -> T + Sync),
) -> Vec<T> {
    let blocks = range.len().div_ceil(block as usize);
    let rows: Vec<_> = (0..blocks).map(|_| Mutex::new(Vec::new())).collect();
    let next = AtomicU32::new(0);
    workers.par_iter_mut().for_each(|worker| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(place) = rows.get(at as usize) else { break };
            let from = range.start + at * block;
            let made = (from..range.end.min(from + block)).map(|number| each(worker, number)).collect();
            *place.lock().expect("nobody panics with it") = made;
        }
    });
    rows.into_iter().flat_map(|rows| rows.into_inner().expect("nobody panics with it")).collect()
}

impl Worker<'_> {
    fn evaluate(&mut self, plan: &Plan<'_>, list: &FailureList, number: u32) -> Scenario {
        let (set, occurrences) = list.get(number);
        let outcome = self.evaluator.evaluate(&set);
        if !set.is_empty() {
            self.worst.see(number, plan, &self.evaluator);
        }
        Scenario { number, set, occurrences, outcome }
    }
}
