//! `umbra sweep merge`: puts the parts together.

use std::path::PathBuf;

use report::schema;
use scenarios::planning::{Cause, Worst};
use serde_json::json;
use twin::ArcId;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::Table;
use crate::planning::manifest::Manifest;
use crate::planning::parts::Parts;
use crate::target::TargetFolder;

/// Put all parts together: the tables that one `umbra whatif` would have written.
///
/// Checks that every scenario is there once, and each part against its digest. Ends with 4 and says which scenarios are
/// missing while shards still have to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder with manifest.json and the parts.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The result folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let manifest = Manifest::read(&args.folder)?;
    let parts = Parts::new(&args.folder, &manifest);
    let (cover, missing) = parts.cover(manifest.scenarios)?;
    if !missing.is_empty() {
        for range in &missing {
            eprintln!("missing: scenarios {} to {}", range.start, range.end - 1);
        }
        return Ok(Outcome::Partial);
    }
    let (study, failing) = manifest.open()?;
    let plan = study.plan();
    let mut folder = TargetFolder::create(&args.out)?;
    let mut worst = Worst::new(study.csr.arc_count());
    for (part, wanted) in &cover {
        let rows = parts.scenarios(part)?;
        folder.write(&rows.rows((wanted.start - part.start) as usize..(wanted.end - part.start) as usize))?;
        let causes = parts.table(part, &schema::WORST)?;
        let (arcs, scenarios, utils) = (causes.u32("arc"), causes.u32("scenario"), causes.f64("util"));
        for ((arc, scenario), util) in arcs.iter().zip(scenarios).zip(utils) {
            let (Some(arc), Some(scenario), Some(util)) = (*arc, *scenario, *util) else { continue };
            if (arc as usize) < study.csr.arc_count() {
                worst.insert(ArcId(arc), Cause { util, scenario });
            }
        }
    }
    manifest.question.write(&mut folder, &study, &failing, &plan, &worst)?;
    folder.commit(study.summary("whatif", global, manifest.question.fail().file())?)?;
    let mut table = Table::new(&["scenarios", "parts", "out"]);
    table.push(vec![json!(manifest.scenarios), json!(cover.len()), json!(args.out.display().to_string())]);
    table.print(global.format())?;
    Ok(Outcome::Done)
}
