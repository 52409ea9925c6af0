//! Hypotheses about Colt per CPU second, on both rungs: all of them, those that move traffic, and those that meet at least
//! 1 % of the flows (busy), as leading causes do. `--smoke` evaluates a few of each.
//!
//! ```text
//! cargo run --release -p umbra-benches --bin hypotheses -- [--smoke]
//! ```

use std::time::Duration;

use cpu_time::ProcessTime;
use umbra_benches::hypotheses::{Colt, Evaluations, thinned};

fn main() {
    let smoke = std::env::args().any(|word| word == "--smoke");
    Colt::new().with(|colt| {
        let every = |step: usize| if smoke { 40 * step } else { step };
        let rounds = if smoke { 1 } else { 9 };
        let (all, rerouting, busy) = (colt.all(), colt.rerouting(), thinned(&colt.busy(), every(4)));
        report("algebra, all", rounds, || colt.algebra(&all));
        report("algebra, link or node down", rounds, || colt.algebra(&rerouting));
        let some = thinned(&all, every(7));
        report("hybrid, all, 1 trial", rounds.min(5), || colt.hybrid(&some, 1));
        report("hybrid, busy, 1 trial", rounds.min(5), || colt.hybrid(&busy, 1));
        let few = thinned(&busy, 5);
        report("hybrid, busy, 32 trials", 1, || colt.hybrid(&few, 32));
    });
}

/// The median of some rounds; all must say the same.
fn report(what: &str, rounds: usize, mut run: impl FnMut() -> Evaluations) {
    let mut timed: Vec<(Duration, Evaluations)> = (0..rounds)
        .map(|_| {
            let before = ProcessTime::now();
            let done = run();
            (before.elapsed(), done)
        })
        .collect();
    timed.sort_by_key(|(time, _)| *time);
    assert!(timed.windows(2).all(|w| w[0].1 == w[1].1), "the same input gives the same output");
    let (time, done) = &timed[rounds / 2];
    let per_s = |time: Duration| done.count as f64 / time.as_secs_f64();
    println!(
        "{what}: {} evaluations, {:.0} watched packets each, {:.0}/s ({:.0}-{:.0}), digest {}",
        done.count,
        done.packets as f64 / done.count as f64,
        per_s(*time),
        per_s(timed[rounds - 1].0),
        per_s(timed[0].0),
        &done.digest[..16]
    );
}
