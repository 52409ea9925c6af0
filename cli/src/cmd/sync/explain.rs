//! `umbra sync explain`: the evidence for a link.

use std::path::PathBuf;

use report::schema;
use serde_json::json;
use topology_sync::fuse::explain::{Reason, explain};
use topology_sync::source::files::{self, Options};
use topology_sync::source::recorded::Recorded;
use twin::{FreshnessState, Snapshot};

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::Table;

/// Show the evidence for what is between A and B.
///
/// One row for each source's word, direction by direction, with what it says, by what both ends were found and when it
/// was last said, and how fresh that direction is; then the findings about either end: conflicts, neighbours that could not be matched, adjacencies that
/// are not up.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A node, or a port as NODE:PORT.
    #[arg(value_name = "A")]
    a: String,
    /// The other node or port.
    #[arg(value_name = "B")]
    b: String,
    /// A twin snapshot, or the sources that `sync read` takes.
    #[arg(long, value_name = "NET", num_args = 1.., default_value = "net.json")]
    net: Vec<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let names: Vec<_> = args.net.iter().map(|p| p.display().to_string()).collect();
    let snapshot = open(&args.net)?;
    let reasons = explain(&names.join(" "), &snapshot, &args.a, &args.b).map_err(Failure::word)?;
    let mut table = Table::of(&schema::LINK_EVIDENCE);
    reasons.iter().for_each(|r| table.push(row(r)));
    if !reasons.iter().any(|r| r.layer != "finding") {
        tracing::warn!("nothing is known to be between {} and {}", args.a, args.b);
    }
    table.print(global.format())?;
    Ok(Outcome::Done)
}

fn open(net: &[PathBuf]) -> Result<Snapshot, Failure> {
    if let [file] = net
        && file.extension().is_some_and(|s| s.eq_ignore_ascii_case("json"))
    {
        return Ok(files::open(file, &Options::default())?);
    }
    let recorded = Recorded::read(net)?;
    Ok(recorded.snapshot(&recorded.fuse()))
}

fn row(r: &Reason) -> Vec<serde_json::Value> {
    vec![
        json!(r.layer),
        json!(r.from),
        json!(r.to),
        json!(r.state),
        json!(r.cost),
        json!(r.source),
        json!(r.says),
        json!(r.seen.map(|at| at.as_ns() as f64 / 1e9)),
        json!(r.freshness.map(FreshnessState::word)),
    ]
}
