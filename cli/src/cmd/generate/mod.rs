//! `umbra generate`: cases with known answers.

mod faults;
mod incidents;

use crate::failure::{Failure, Outcome};
use crate::global::Global;

/// Make cases with known answers, to see what a ranking is worth.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Faults(faults::Args),
    Incidents(incidents::Args),
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    match &args.what {
        What::Faults(args) => faults::run(args, global),
        What::Incidents(args) => incidents::run(args, global),
    }
}
