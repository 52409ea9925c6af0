//! Hypotheses about Colt per CPU second, on both rungs.
//!
//! ```text
//! cargo run --release -p umbra-benches --bin hypotheses -- [--smoke]
//! ```

use std::time::Duration;

use umbra_benches::cpu_time;
use umbra_benches::hypotheses::{Colt, Evaluations};

fn main() {
    let smoke = std::env::args().any(|word| word == "--smoke");
    Colt::new().with(|colt| {
        println!("{} hypotheses", colt.components().len());
        let rounds = if smoke { 1 } else { 9 };
        report("algebra", rounds, || colt.algebra(0, 1));
        let step = if smoke { 97 } else { 7 };
        report("hybrid, 1 trial", rounds.min(5), || colt.hybrid(0, step, 1));
        report("hybrid, 32 trials", 1, || colt.hybrid(0, if smoke { 997 } else { 29 }, 32));
    });
}

/// The median of some rounds; all must say the same.
fn report(what: &str, rounds: usize, mut run: impl FnMut() -> Evaluations) {
    let mut timed: Vec<(Duration, Evaluations)> = (0..rounds)
        .map(|_| {
            let before = cpu_time();
            let done = run();
            (cpu_time() - before, done)
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
