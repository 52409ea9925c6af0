//! `umbra sweep plan`: writes the manifest.

use std::path::PathBuf;

use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::Table;
use crate::planning::manifest::Manifest;
use crate::planning::question::QuestionArgs;
use crate::target;

/// Write down what is to be evaluated, and in how many shards.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    question: QuestionArgs,
    /// How many shards, where `run` is not told otherwise.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 1)]
    shards: u32,
    /// The folder that gets manifest.json, and later the parts.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let manifest = Manifest::new(&args.question, args.shards, global.seed)?;
    if !args.dry_run {
        target::folder(&args.out)?;
    }
    target::write(&Manifest::path(&args.out), manifest.to_json().as_bytes(), args.dry_run)?;
    let mut table = Table::new(&["scenarios", "shards", "manifest"]);
    let path = Manifest::path(&args.out).display().to_string();
    table.push(vec![json!(manifest.scenarios), json!(manifest.shards), json!(path)]);
    table.print(global.format())?;
    Ok(Outcome::Done)
}
