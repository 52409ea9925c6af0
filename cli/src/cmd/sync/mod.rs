//! `umbra sync`: the twin from what production says.

mod replay;
mod watch;

use clap::Subcommand;

use crate::failure::{Failure, Outcome};
use crate::global::Global;

/// Keep the twin in step with production.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Watch(watch::Args),
    Replay(replay::Args),
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    match &args.command {
        Command::Watch(args) => watch::run(args, global),
        Command::Replay(args) => replay::run(args, global),
    }
}
