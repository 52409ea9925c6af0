//! `umbra sweep`: a study of failures in shards, for many machines or for one that may be interrupted.

mod merge;
mod plan;
mod run;

use crate::failure::{Failure, Outcome};
use crate::global::Global;

/// Split a what-if study into shards, run them, merge the results.
///
/// `plan` writes a manifest into a folder, `run` evaluates one shard of it into parts, `merge` puts all parts together:
/// the tables that one `umbra whatif` would have written, byte for byte, for any number of shards, threads and
/// interruptions. A part appears whole or not at all; `run` again does what is missing and nothing else.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Plan(plan::Args),
    Run(run::Args),
    Merge(merge::Args),
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    match &args.what {
        What::Plan(args) => plan::run(args, global),
        What::Run(args) => run::run(args, global),
        What::Merge(args) => merge::run(args, global),
    }
}
