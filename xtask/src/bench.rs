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
    for workload in WORKLOADS {
        let runner = ["run", "--quiet", "--package", "umbra-benches", "--bin", "workload", "--"];
        good &= run_command(cargo(&runner).args(*workload))?;
    }
    Ok(good)
}
