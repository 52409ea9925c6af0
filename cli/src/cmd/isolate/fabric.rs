//! `umbra isolate fabric`: flows, probes and counters of a fabric's cases.

use std::path::PathBuf;

use engine::Seeds;
use rayon::prelude::*;
use report::{Table, schema};
use scenarios::fabric::verdict::{Case, judge};

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::isolate::fabric_files::{self, Telemetry};
use crate::isolate::tables;
use crate::target::TargetFolder;

/// Rank the causes of packet loss in a fabric.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directed links: CSV with a, b.
    #[arg(long, value_name = "FILE")]
    topology: PathBuf,
    /// Flows and probes of all cases.
    #[arg(long, value_name = "FILE")]
    flows: PathBuf,
    /// Counters of directed links.
    #[arg(long, value_name = "FILE")]
    counters: Option<PathBuf>,
    /// Risk groups: JSON, a list of lists of directed links [a, b].
    #[arg(long, value_name = "FILE")]
    groups: Option<PathBuf>,
    /// What of the flows may be used.
    #[arg(long, value_enum)]
    telemetry: Telemetry,
    /// The result folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let fabric = fabric_files::topology(&args.topology)?;
    let cases = fabric_files::flows(&args.flows, args.telemetry)?;
    let counters =
        args.counters.as_ref().map(|f| fabric_files::counters(f, &fabric)).transpose()?.unwrap_or_default();
    let groups =
        args.groups.as_ref().map(|f| fabric_files::groups(f, &fabric)).transpose()?.unwrap_or_default();
    let mut folder = TargetFolder::create(&args.out)?;
    let seeds = Seeds::new(global.seed);
    let verdicts: Vec<_> = cases
        .par_iter()
        .map(|(number, reports)| {
            let case = Case {
                fabric: &fabric,
                reports,
                lossy_only: args.telemetry.lossy_only(),
                counters: counters.get(number).map_or(&[], Vec::as_slice),
                groups: &groups,
                number: u64::from(*number),
            };
            judge(&case, seeds)
        })
        .collect();
    let mut causes = Table::new(&schema::CAUSES);
    for (number, verdict) in cases.keys().zip(&verdicts) {
        tables::causes(&mut causes, *number, &fabric, verdict);
    }
    folder.write(&causes)?;
    folder.commit(report::Summary::new("isolate", global.seed))?;
    Ok(Outcome::Done)
}
