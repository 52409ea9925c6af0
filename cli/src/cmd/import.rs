//! `umbra import`: network files and recorded lab folders to a twin snapshot.

use std::path::PathBuf;

use crate::cmd::net::NetOptions;
use crate::cmd::overrides::OverridesOption;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::target;

/// Turn network files or a recorded lab into a twin.
///
/// The first SOURCE is the network: SNDlib (.xml), REPETITA (.graph), Topology Zoo (.graphml), RFC 8345 or a twin
/// (.json), or a folder whose direct sub-folders are the recordings of one node each. REPETITA demands (.demands) that
/// follow are attached to it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The network, then its demand files.
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    /// The twin snapshot to write.
    #[arg(long, value_name = "NET.json")]
    out: PathBuf,
    /// Read and check everything, write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    overrides: OverridesOption,
    #[command(flatten)]
    net: NetOptions,
}

/// Runs the command.
pub(crate) fn run(args: &Args, _global: &Global) -> Result<Outcome, Failure> {
    let snapshot = args.overrides.apply(args.net.open(&args.sources)?)?;
    target::write(&args.out, snapshot.to_json().as_bytes(), args.dry_run)?;
    Ok(Outcome::Done)
}
