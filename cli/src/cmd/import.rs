//! `umbra import`: network files and recorded lab folders to a twin snapshot.

use std::path::PathBuf;

use topology_sync::rfc8345;

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
    /// The file to write.
    #[arg(long, value_name = "NET.json")]
    out: PathBuf,
    /// What to write: a twin snapshot, or its layers as an RFC 8345 document.
    #[arg(long, value_enum, default_value_t = Format::Twin)]
    format: Format,
    /// Read and check everything, write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    overrides: OverridesOption,
    #[command(flatten)]
    net: NetOptions,
}

/// A form of network file that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The twin's own, umbra-twin/1.
    Twin,
    /// RFC 8345 JSON: networks of layer 3 (RFC 8346) and of cables (RFC 8944).
    Rfc8345,
}

/// Runs the command.
pub(crate) fn run(args: &Args, _global: &Global) -> Result<Outcome, Failure> {
    let snapshot = args.overrides.apply(args.net.open(&args.sources)?)?;
    let text = match args.format {
        Format::Twin => snapshot.to_json(),
        Format::Rfc8345 => rfc8345::write(&snapshot.twin),
    };
    target::write(&args.out, text.as_bytes(), args.dry_run)?;
    Ok(Outcome::Done)
}
