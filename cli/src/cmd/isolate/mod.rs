//! `umbra isolate`: what is the cause?

mod alarms;
mod fabric;
mod telemetry;
mod twin;

use crate::failure::{Failure, Outcome};
use crate::global::Global;

/// Rank the causes of what was observed, with probabilities.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Alarms(alarms::Args),
    Fabric(fabric::Args),
    Telemetry(telemetry::Args),
    Twin(twin::Args),
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    match &args.what {
        What::Alarms(args) => alarms::run(args, global),
        What::Fabric(args) => fabric::run(args, global),
        What::Telemetry(args) => telemetry::run(args, global),
        What::Twin(args) => twin::run(args, global),
    }
}
