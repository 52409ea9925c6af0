//! `umbra sync replay`: a journal once more.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use topology_sync::follow::Follower;
use topology_sync::journal::Reader;
use topology_sync::source::files;
use topology_sync::source::live::{replay, write_delta};
use twin::Snapshot;

use crate::failure::{Failure, Outcome};
use crate::global::Global;

/// Replay a journal: the lines that `umbra sync watch` wrote, byte for byte.
///
/// A journal whose writer was killed is read up to its last whole record.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The journal.
    #[arg(value_name = "J")]
    journal: PathBuf,
    /// Write the twin at the end here.
    #[arg(long, value_name = "NET.json")]
    out: Option<PathBuf>,
    /// Write nodes.csv, cables.csv, segments.csv and unmatched.csv as of the end there.
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, _global: &Global) -> Result<Outcome, Failure> {
    let name = args.journal.display().to_string();
    let file = File::open(&args.journal).map_err(|e| files::unreadable(&args.journal, &e))?;
    let mut reader = Reader::open(&name, BufReader::new(file))?;
    let mut follower = Follower::new(&name);
    let mut out = std::io::stdout().lock();
    let mut written = Ok(());
    let torn = replay(&mut reader, &mut follower, |delta| {
        if written.is_ok() {
            written = write_delta(&delta, &mut out);
        }
    })?;
    written.map_err(|e| Failure::stdout(&e))?;
    if let Some(torn) = torn {
        tracing::warn!("{name}: {torn} at byte {}; what comes before it counts", reader.offset());
    }
    let twin = follower.twin().clone();
    let snapshot = Snapshot { twin, diagnostics: follower.diagnostics(), ..Snapshot::default() };
    let tables = args.tables.as_deref().map(|folder| (folder, follower.tables()));
    super::read::write(args.out.as_deref().map(|path| (path, &snapshot)), tables, false)?;
    Ok(Outcome::Done)
}
