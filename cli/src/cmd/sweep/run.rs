//! `umbra sweep run`: evaluates one shard.

use std::ops::Range;
use std::path::PathBuf;

use scenarios::planning::sweep;
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::Table;
use crate::planning::failures::Failing;
use crate::planning::manifest::Manifest;
use crate::planning::parts::Parts;
use crate::planning::shard::Shard;
use crate::planning::tables;

/// Evaluate one shard; what is there already is not done again.
///
/// The number of the shard is the K of --shard, or else JOB_COMPLETION_INDEX (Kubernetes) or SLURM_ARRAY_TASK_ID less
/// SLURM_ARRAY_TASK_MIN. Ends with 2 or 3 where trying again is of no use: the command line is wrong, the manifest or an
/// input is absent, broken or has changed since it was planned.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder with manifest.json.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Which shard of how many, counted from 0. N/N is 0/N: counting from 1 covers all of them too.
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let manifest = Manifest::read(&args.folder)?;
    let shard = match args.shard {
        Some(shard) => shard,
        None => Shard::from_environment(manifest.shards, |name| std::env::var(name).ok())?,
    };
    let (_, study, Failing { list, .. }, _) = manifest.open()?;
    let plan = study.plan();
    let parts = Parts::new(&args.folder, &manifest);
    let all = shard.range(list.len());
    let (mut evaluated, mut kept) = (0, 0);
    for range in Parts::split(all) {
        let count = |r: &Range<u32>| u64::from(r.end - r.start);
        if parts.is_done(&range)? {
            kept += count(&range);
            continue;
        }
        let mut part = parts.begin(&range)?;
        let worst = sweep(&plan, &list, range.clone(), |rows| part.write(&tables::scenarios(&study, rows)))?;
        part.write(&tables::worst(&study, &worst))?;
        parts.commit(part, &range, &study, global)?;
        evaluated += count(&range);
    }
    let mut table = Table::new(&["shard", "evaluated", "already_there"]);
    table.push(vec![json!(shard.to_string()), json!(evaluated), json!(kept)]);
    table.print(global.format())?;
    Ok(Outcome::Done)
}
