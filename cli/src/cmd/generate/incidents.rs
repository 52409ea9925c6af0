//! `umbra generate incidents`: what a collector would have of a network in which something is wrong.

use std::path::{Path, PathBuf};

use report::Table;
use scenarios::causes::world::{self, Truth};
use serde_json::{Value, json};
use twin::Csr;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::isolate::observed_tables;
use crate::planning::study::StudyArgs;
use crate::target::{self, TargetFolder};

/// Make incidents of a network.
///
/// Draws a cause for each (one in eight has none) and lets it happen in a world that is not the twin: other demands, bursty
/// traffic, flows on hashed paths, late pollers, at times a metric that NET has wrong. Tables: polls, probes, samples, in
/// the form that `umbra isolate twin` reads; truth.json has the answers. The same seed and number make the same incident.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    study: StudyArgs,
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// The result folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let study = args.study.open()?;
    let mut folder = if args.dry_run { None } else { Some(TargetFolder::create(&args.out)?) };
    let mut cases = Vec::new();
    for number in 0..args.count {
        let incident = world::incident(&study.csr, &study.routing, &study.demands, global.seed, number);
        cases.push(case(&study.csr, number, &incident.truth));
        if let Some(folder) = &mut folder {
            let tables: [Table; 3] = observed_tables::write(&study.csr, number, &incident.observed);
            tables.iter().try_for_each(|t| folder.write(t))?;
        }
    }
    let Some(folder) = folder else { return Ok(Outcome::Done) };
    folder.commit(study.summary("generate", global, std::iter::empty::<&Path>())?)?;
    let truth = json!({ "suite": "twin", "cases": cases });
    let text = format!("{}\n", serde_json::to_string_pretty(&truth).unwrap_or_default());
    target::write(&args.out.join("truth.json"), text.as_bytes(), false)?;
    Ok(Outcome::Done)
}

/// The answer to one case.
fn case(csr: &Csr, number: u32, truth: &Truth) -> Value {
    let stale =
        truth.stale.map(|(link, metric)| json!({ "link": csr.link_names[link.index()], "metric": metric }));
    let causes: Vec<Value> = truth
        .cause
        .iter()
        .map(|(cause, form)| {
            let (a, b) = cause.ends(csr);
            json!({ "class": cause.class.name, "a": a, "b": b, "severity": form.severity, "onset_s": truth.onset_s })
        })
        .collect();
    json!({ "case": number, "causes": causes, "stale_metric": stale })
}
