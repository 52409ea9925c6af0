//! `ci`: everything, from a clean clone, in at most 45 minutes on two cores.
//!
//! Almost all of that time is compiling, so the steps share what is compiled: all of them use the dev profile (which
//! optimises) and name the whole workspace. Only clippy needs its own, cheaper pass over the dependencies. Release and
//! bench profiles are not built here; `cargo xtask bench` is for measuring.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::clock;
use crate::summary::Summary;
use crate::{Verdict, bench, check, fidelity, licences, test, tidy};

/// Runs every step, whatever the ones before it came to, and ends with a table of times and one line of counts.
pub(crate) fn run(args: &[String]) -> Result<Verdict> {
    if let Some(surprise) = args.first() {
        bail!("ci takes no arguments, not '{surprise}'");
    }
    let mut steps = Steps::default();
    steps.run("format", check::format);
    steps.run("tidy", tidy::check_and_print);
    steps.run("licences", licences::check_and_print);
    steps.run("clippy", || check::clippy(false));
    steps.run_counted("test", test::all);
    steps.run("bench smoke", bench::smoke);
    steps.run("fidelity smoke", fidelity::smoke);
    Ok(steps.report())
}

/// What ran so far. A step counts as one test, the step of tests as all of them.
#[derive(Debug, Default)]
struct Steps {
    rows: Vec<(&'static str, Duration, Summary)>,
}

impl Steps {
    fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<bool>) {
        self.run_counted(name, || step().map(Summary::one));
    }

    fn run_counted(&mut self, name: &'static str, step: impl FnOnce() -> Result<Summary>) {
        println!("\n== {name}");
        let start = Instant::now();
        let summary = step().unwrap_or_else(|error| {
            println!("{name}: {error:#}");
            Summary::one(false)
        });
        self.rows.push((name, start.elapsed(), summary));
    }

    fn report(&self) -> Verdict {
        let mut total = Summary::default();
        println!("\n== times");
        for (name, span, summary) in &self.rows {
            let word = if summary.is_good() { "ok" } else { "FAILED" };
            println!("{name:<14} {:>7}  {word}", clock(*span));
            total += *summary;
        }
        println!("{:<14} {:>7}", "all", clock(self.rows.iter().map(|r| r.1).sum()));
        println!("{total}");
        Verdict::good_if(self.rows.iter().all(|(_, _, summary)| summary.is_good()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_and_a_broken_step_make_the_whole_bad() {
        let mut steps = Steps::default();
        steps.run("good", || Ok(true));
        assert_eq!(steps.report(), Verdict::Good);
        steps.run("broken", || bail!("no such program"));
        steps.run("good again", || Ok(true));
        assert_eq!(steps.rows.len(), 3);
        assert_eq!(steps.report(), Verdict::Bad);
    }

    #[test]
    fn a_step_of_no_tests_is_bad() {
        let mut steps = Steps::default();
        steps.run_counted("test", || Ok(Summary::default()));
        assert_eq!(steps.report(), Verdict::Bad);
    }
}
