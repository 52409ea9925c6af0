//! `bench`: the criterion suites.

use anyhow::Result;

use crate::Verdict;
use crate::process::{WORKSPACE, cargo, run as run_command};

/// All benches at full length, with link-time optimisation; arguments go to criterion (`twin/`, `--save-baseline before`).
pub(crate) fn run(args: &[String]) -> Result<Verdict> {
    Ok(Verdict::good_if(run_command(
        cargo(&["bench", "--package", "umbra-benches", "--bench", "*", "--"]).args(args),
    )?))
}

/// Each bench once, to see that it still runs. In the dev profile: the bench profile would build everything again.
pub(crate) fn smoke() -> Result<bool> {
    run_command(cargo(&["test", "--quiet"]).args(WORKSPACE).args(["--bench", "*"]))
}
