//! `umbra completions`: a completion script for a shell.

use clap_complete::Shell;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::{help, output};

/// Print a completion script for your shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

/// Runs the command.
pub(crate) fn run(args: &Args, _global: &Global) -> Result<Outcome, Failure> {
    // Into memory first: the generator panics where its writer fails.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::command(), "umbra", &mut script);
    output::print_bytes(&script)?;
    Ok(Outcome::Done)
}
