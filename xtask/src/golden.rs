//! `golden`: rewrites the expected texts that stand inside the tests (`expect![[…]]`). Read the diff before committing.

use anyhow::Result;

use crate::Verdict;
use crate::process::{cargo, run as run_command};

/// Runs the tests with updates on; arguments narrow them down (`-p umbra-twin`, a name).
pub(crate) fn run(args: &[String]) -> Result<Verdict> {
    let mut command = cargo(&["test", "--no-fail-fast"]);
    if !args.iter().any(|a| a == "-p" || a == "--package") {
        command.args(crate::process::WORKSPACE);
    }
    Ok(Verdict::good_if(run_command(command.args(args).env("UPDATE_EXPECT", "1"))?))
}
