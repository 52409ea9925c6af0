//! `umbra sync replay`: a journal once more.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use topology_sync::follow::Follower;
use topology_sync::journal::Reader;
use topology_sync::source::live::{replay, write_delta};
use twin::{InputError, Place, Snapshot};

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::target;

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
    let file = File::open(&args.journal)
        .map_err(|e| InputError::new(&name, Place::Whole, e.to_string(), "a journal that can be read"))?;
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
    if let Some(folder) = &args.tables {
        super::read::write_tables(folder, &follower.tables(), false)?;
    }
    if let Some(path) = &args.out {
        let twin = follower.twin().clone();
        let snapshot = Snapshot { twin, diagnostics: follower.diagnostics(), ..Snapshot::default() };
        target::write(path, snapshot.to_json().as_bytes(), false)?;
    }
    Ok(Outcome::Done)
}
