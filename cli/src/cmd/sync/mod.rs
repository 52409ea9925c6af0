//! `umbra sync`: the twin follows the network.

mod diff;
mod explain;
mod read;
#[cfg(feature = "live")]
mod replay;
#[cfg(feature = "live")]
mod watch;

use crate::failure::{Failure, Outcome};
use crate::global::Global;

/// Keep the twin in step with the network.
#[derive(Debug, clap::Args)]
#[cfg_attr(
    not(feature = "live"),
    command(after_help = "watch and replay, which follow the network live, are built with --features live.")
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Read(read::Args),
    Explain(explain::Args),
    Diff(diff::Args),
    #[cfg(feature = "live")]
    Watch(watch::Args),
    #[cfg(feature = "live")]
    Replay(replay::Args),
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    match &args.what {
        What::Read(args) => read::run(args, global),
        What::Explain(args) => explain::run(args, global),
        What::Diff(args) => diff::run(args, global),
        #[cfg(feature = "live")]
        What::Watch(args) => watch::run(args, global),
        #[cfg(feature = "live")]
        What::Replay(args) => replay::run(args, global),
    }
}
