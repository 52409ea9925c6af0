//! `umbra sync`: the twin follows the network.

mod diff;

use crate::failure::{Failure, Outcome};
use crate::global::Global;

/// Keep the twin in step with the network.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Diff(diff::Args),
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    match &args.what {
        What::Diff(args) => diff::run(args, global),
    }
}
