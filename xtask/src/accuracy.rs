//! `accuracy`: how often the demo finds the truth, over many seeds.
//!
//! Every figure comes from `demo.json` as the program prints it. The table goes to `benches/RESULTS.md` by hand, with the
//! command and the machine.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::Verdict;
use crate::process::{cargo, run as run_command};

/// One run of the demo.
#[derive(Clone, Debug)]
struct Case {
    net: &'static str,
    fault: &'static str,
    seed: u64,
}

/// What the issue of trust comes down to, for one network and fault.
#[derive(Default)]
struct Tally {
    seeds: usize,
    first: usize,
    naive_fails: usize,
    probability: f64,
    /// Truths with a probability of at most .5; without a fault, only then can a cause be above .5.
    unsure: usize,
    wall_s: Vec<f64>,
    missed: Vec<u64>,
}

/// Networks and faults that are measured.
const PLAN: [(&str, &str); 6] = [
    ("abilene", "loss"),
    ("abilene", "down"),
    ("geant", "loss"),
    ("geant", "down"),
    ("abilene", "none"),
    ("geant", "none"),
];

/// Seeds that the bars speak of, with a fault and without.
const SEEDS: (u64, u64) = (40, 100);

/// `accuracy [NET [FAULT [FIRST LAST]]]`: the whole plan, or a part of it; seeds 1 to 40 with a fault and 1 to 100 without,
/// or those from FIRST to LAST. `UMBRA_THREADS` says how many run at a time (all cores).
pub(crate) fn run(args: &[String]) -> Result<Verdict> {
    let [net, fault, first, last] = [0, 1, 2, 3].map(|i| args.get(i).map(String::as_str));
    let seed = |text: Option<&str>| text.map(|t| t.parse::<u64>().context("a seed")).transpose();
    let (first, last) = (seed(first)?, seed(last)?);
    let wanted = |(n, f): &&(&str, &str)| net.is_none_or(|net| net == *n) && fault.is_none_or(|f2| f2 == *f);
    let plan: Vec<_> = PLAN.iter().filter(wanted).collect();
    if plan.is_empty() {
        bail!("networks and faults are those of: {PLAN:?}");
    }
    if !run_command(&mut cargo(&["build", "--release", "--package", "umbra-cli"]))? {
        return Ok(Verdict::Bad);
    }
    println!(
        "| network | fault | seeds | truth first | naive rule fails | mean p of truth | truth at most .5 | seconds, median | missed |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for &(net, fault) in plan {
        let most = if fault == "none" { SEEDS.1 } else { SEEDS.0 };
        let seeds = first.unwrap_or(1)..=last.unwrap_or(most);
        let cases: Vec<Case> = seeds.map(|seed| Case { net, fault, seed }).collect();
        let results = run_all(&cases)?;
        print_row(net, fault, &tally(cases.iter().zip(&results))?);
    }
    Ok(Verdict::Good)
}

/// Runs the cases beside each other, one thread each, and returns what each printed, in order.
fn run_all(cases: &[Case]) -> Result<Vec<Value>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Result<Value>>>> = Mutex::new(cases.iter().map(|_| None).collect());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let asked = std::env::var("UMBRA_THREADS").ok().and_then(|text| text.parse::<usize>().ok());
    let workers = asked.filter(|n| *n > 0).unwrap_or(cores);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(i) else { break };
                    let result = run_case(case);
                    results.lock().expect("no worker panics")[i] = Some(result);
                    eprintln!("{}/{} {case:?}", i + 1, cases.len());
                }
            });
        }
    });
    let results = results.into_inner().expect("no worker panics");
    results.into_iter().map(|r| r.context("every case was run")?).collect()
}

fn run_case(case: &Case) -> Result<Value> {
    let binary = crate::house::root().join("target/release/umbra");
    let seed = case.seed.to_string();
    let output = Command::new(&binary)
        .args(["demo", "--net", case.net, "--fault", case.fault, "--seed", &seed])
        .args(["--threads", "1", "--output", "json"])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} does not start", binary.display()))?;
    if !output.status.success() {
        bail!("{case:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{case:?}"))
}

fn tally<'a>(results: impl Iterator<Item = (&'a Case, &'a Value)>) -> Result<Tally> {
    let mut t = Tally::default();
    for (case, value) in results {
        let number = |key: &str| value[key].as_f64().with_context(|| format!("{case:?} has no {key}"));
        let first = number("rank")? == 1.0;
        t.seeds += 1;
        t.first += usize::from(first);
        t.naive_fails += usize::from(number("baseline_rank")? != 1.0);
        t.probability += number("probability")?;
        t.unsure += usize::from(number("probability")? <= 0.5);
        t.wall_s.push(number("wall_s")?);
        if !first {
            t.missed.push(case.seed);
        }
    }
    t.wall_s.sort_by(f64::total_cmp);
    Ok(t)
}

fn print_row(net: &str, fault: &str, t: &Tally) {
    let share = |n: usize| format!("{n} ({:.0} %)", 100.0 * n as f64 / t.seeds.max(1) as f64);
    let naive = if fault == "none" { "–".to_owned() } else { share(t.naive_fails) };
    let missed: Vec<String> = t.missed.iter().map(u64::to_string).collect();
    println!(
        "| {net} | {fault} | {} | {} | {naive} | {:.3} | {} | {:.1} | {} |",
        t.seeds,
        share(t.first),
        t.probability / t.seeds.max(1) as f64,
        t.unsure,
        t.wall_s.get(t.wall_s.len() / 2).copied().unwrap_or(f64::NAN),
        missed.join(" ")
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_truth_in_second_place_is_missed() {
        let case = |seed| Case { net: "abilene", fault: "loss", seed };
        let value = |rank: u32, naive: u32| json!({"rank": rank, "baseline_rank": naive, "probability": 0.6, "wall_s": 1.0});
        let (cases, values) = ([case(1), case(2)], [value(1, 3), value(2, 1)]);
        let t = tally(cases.iter().zip(&values)).unwrap();
        assert_eq!((t.seeds, t.first, t.naive_fails, t.missed), (2, 1, 1, vec![2]));
        assert!(tally([(&cases[0], &json!({}))].into_iter()).is_err());
    }
}
