//! Failures per CPU second on one thread, with the worst case of every arc: routing and base loads included, files not.
//! `--smoke` runs each list once; a word runs the lists that have it in their name.
//!
//! ```text
//! cargo run --release -p umbra-benches --bin planning -- [--smoke] [WORD]
//! ```

use cpu_time::ProcessTime;
use umbra_benches::planning::{Planning, Worst, workloads};

fn main() {
    let smoke = std::env::args().any(|word| word == "--smoke");
    let name = std::env::args().skip(1).find(|word| !word.starts_with("--")).unwrap_or_default();
    for planning in workloads().into_iter().filter(|p| p.name.contains(&name)) {
        let rounds = if smoke { 1 } else { 9 };
        let (mut rates, mut all) = (Vec::new(), Vec::new());
        for (rate, worst) in (0..rounds).map(|_| run(&planning, 1)) {
            rates.push(rate);
            all.push(worst);
        }
        assert!(all.windows(2).all(|w| w[0] == w[1]), "the same input gives the same output");
        // Many times over, the base is paid once.
        let (steady, worst) = run(&planning, if smoke { 1 } else { 10 });
        rates.sort_by(f64::total_cmp);
        println!(
            "{}: {} failures, utilisation at most {:.9}, mean {:.9}; {:.0}/s ({:.0}-{:.0}), {steady:.0}/s once \
             the base stands",
            planning.name,
            planning.count(),
            worst.max,
            worst.mean,
            rates[rounds / 2],
            rates[0],
            rates[rounds - 1],
        );
    }
}

/// Evaluations per CPU second, and what they say.
fn run(planning: &Planning, times: usize) -> (f64, Worst) {
    let before = ProcessTime::now();
    let worst = planning.run(times);
    let time = before.elapsed().as_secs_f64();
    ((times * planning.count()) as f64 / time, worst)
}
