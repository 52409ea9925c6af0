//! `check`: what to run before every commit.

use anyhow::{Result, bail};

use crate::process::{WORKSPACE, cargo, run as run_command};
use crate::{Verdict, tidy};

/// Format, lints, rules; `--fast` leaves out the crate that needs Polars.
pub(crate) fn run(args: &[String]) -> Result<Verdict> {
    let fast = match args {
        [] => false,
        [flag] if flag == "--fast" => true,
        _ => bail!("expected nothing or --fast, not '{}'", args.join(" ")),
    };
    let good = [format()?, clippy(fast)?, tidy::check_and_print()?];
    Ok(Verdict::good_if(good.into_iter().all(|g| g)))
}

/// Whether every file is formatted.
pub(crate) fn format() -> Result<bool> {
    run_command(&mut cargo(&["fmt", "--all", "--check"]))
}

/// Whether clippy has no word to say. `--all-features` would bring Polars in by `query`, so the fast form goes without.
pub(crate) fn clippy(fast: bool) -> Result<bool> {
    let mut command = cargo(&["clippy", "--all-targets"]);
    match fast {
        true => command.args(["--workspace", "--exclude", "umbra-frames"]),
        false => command.args(WORKSPACE),
    };
    run_command(command.args(["--", "-D", "warnings"]))
}
