//! The same seed gives the same run: twice, forked in mid-run, in two steps, and on any number of threads.

mod ring;

use ring::{digest, ring};
use twin::SimTime;

const END: SimTime = SimTime::from_ps(50_000_000);

fn run(trial: u64) -> String {
    let mut sim = ring(trial);
    sim.run_until(END);
    digest(&sim)
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_trial_another() {
    assert_eq!(run(0), run(0));
    assert_ne!(run(0), run(1));
}

#[test]
fn a_fork_in_mid_run_equals_a_run_in_one_piece() {
    let mut sim = ring(0);
    sim.run_until(SimTime::from_ps(20_000_000));
    let mut fork = sim.clone();
    fork.run_until(END);
    assert_eq!(digest(&fork), run(0));
    sim.run_until(SimTime::from_ps(20_000_001));
    sim.run_until(END);
    assert_eq!(digest(&sim), run(0), "the original is untouched by its fork");
}

#[test]
fn trials_do_not_depend_on_the_number_of_threads() {
    let expected: Vec<_> = (0..8).map(run).collect();
    for threads in [1, 2, 4] {
        let mut results = vec![String::new(); 8];
        std::thread::scope(|scope| {
            for (part, chunk) in results.chunks_mut(8 / threads).enumerate() {
                scope.spawn(move || {
                    for (i, slot) in chunk.iter_mut().enumerate() {
                        *slot = run((part * (8 / threads) + i) as u64);
                    }
                });
            }
        });
        assert_eq!(results, expected, "{threads} threads");
    }
}
