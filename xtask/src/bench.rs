//! `bench`: the criterion suites.

use std::process::Command;

use anyhow::Result;

use crate::process::{WORKSPACE, built, cargo, run as run_command};
use crate::{Verdict, house};

/// All benches at full length, with link-time optimisation; arguments go to criterion (`twin/`, `--save-baseline before`).
pub(crate) fn run(args: &[String]) -> Result<Verdict> {
    Ok(Verdict::good_if(run_command(
        cargo(&["bench", "--package", "umbra-benches", "--bench", "*", "--"]).args(args),
    )?))
}

/// Small runs of the workload runner; each is computed by both engines, or in parts and in one loop.
const WORKLOADS: &[&[&str]] = &[
    &["w1", "--packets", "1000", "--check"],
    &["w2", "--packets", "50", "--headers", "--check"],
    &["w3", "--packets", "100", "--engine", "windows", "--check"],
    &["w4", "--packets", "100", "--shards", "4", "--threads", "2", "--check"],
    &["phold", "--packets", "100000"],
    &["hold", "--pending", "10000", "--packets", "30000"],
];

/// Each bench and each workload once, to see that it still runs. In the dev profile: the bench profile would build
/// everything again.
pub(crate) fn smoke() -> Result<bool> {
    let mut good = run_command(cargo(&["test", "--quiet"]).args(WORKSPACE).args(["--bench", "*"]))?;
    let Some(workload) = built("workload")? else { return Ok(false) };
    for arguments in WORKLOADS {
        good &= run_command(Command::new(&workload).args(*arguments).current_dir(house::root()))?;
    }
    Ok(good)
}
