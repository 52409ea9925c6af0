//! `fidelity`: what the packet engine measures beside what formulas, published counts and a slow reference say.

use std::process::Command;

use anyhow::Result;

use crate::process::{built, cargo, run as run_command};
use crate::{Verdict, house};

/// The whole table, in release: about a minute. `--smoke` is for a look at all checks with few packets.
pub(crate) fn run(args: &[String]) -> Result<Verdict> {
    let mut command =
        cargo(&["run", "--release", "--quiet", "--package", "umbra-benches", "--bin", "fidelity", "--"]);
    Ok(Verdict::good_if(run_command(command.args(args))?))
}

/// All checks with few packets, in the dev profile, which the tests have built by then.
pub(crate) fn smoke() -> Result<bool> {
    let Some(fidelity) = built("fidelity")? else { return Ok(false) };
    run_command(Command::new(fidelity).arg("--smoke").current_dir(house::root()))
}
