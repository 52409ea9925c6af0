//! `umbra growth`: when does a link get too full?

use std::path::PathBuf;

use report::{Table, entities, schema};
use scenarios::planning::{Exceeded, Growth, first_exceeded};
use twin::WallTime;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output;
use crate::planning::names::Names;
use crate::planning::question::QuestionArgs;
use crate::planning::rates::{self, FORMS, RateArg};
use crate::planning::study::Study;
use crate::planning::{instant, limit};
use crate::target::TargetFolder;

/// When does each link first exceed a limit, if traffic grows?
///
/// Growth compounds: after t years (of 365.25 days) a demand is (1 + RATE)^t of today's. The day is found by algebra, not
/// by steps. Prints the arcs that exceed the limit under any of the failures within 100 years, soonest first; the table
/// growth, with --out, has all.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    question: QuestionArgs,
    /// Growth a year: 30% for all demands, NODE=50% for those from or to a node, A>B=50% for one pair (* is any node). May
    /// be repeated; the last one that is about a demand counts, and what none is about does not grow.
    #[arg(long, required = true, allow_hyphen_values = true, value_name = FORMS)]
    growth: Vec<RateArg>,
    /// The utilisation that is not to be exceeded.
    #[arg(long, value_name = "U", value_parser = limit::parse)]
    limit: f64,
    /// The day of the demands, so that days have dates.
    #[arg(long, value_name = "DATE", value_parser = instant::parse)]
    from: Option<WallTime>,
    /// The result folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let (study, failing) = args.question.open()?;
    let list = &failing.list;
    let rates = rates::of_demands(&args.growth, &Names::new(&study.twin, &study.csr), &study.demands)?;
    let growth = Growth::new(&study.demands, &rates);
    let mut found = first_exceeded(&study.csr, &study.routing, &growth, list, args.limit);
    found.sort_by_key(|f| (f.day.unwrap_or(u32::MAX), f.arc));
    let table = |some: &dyn Fn(&Exceeded) -> bool| {
        let mut table = Table::new(&schema::GROWTH);
        for f in found.iter().filter(|f| some(f)) {
            let cause = failing.name(&list.get(f.scenario).0, &study.csr);
            row(&mut table, &study, f, args, &cause);
        }
        table
    };
    if let Some(out) = args.out.as_ref().filter(|_| !args.dry_run) {
        let mut folder = TargetFolder::create(out)?;
        folder.write(&entities(&study.twin))?;
        folder.write(&table(&|_| true))?;
        folder.commit(study.summary("growth", global, args.question.fail().file())?)?;
    }
    // Who asked knows the limit; numbers are for joining tables.
    let printed = output::Table::rows_of(&table(&|f| f.day.is_some()));
    printed.sparing(&["arc", "scenario", "limit", "factor"]).print(global.format())?;
    Ok(Outcome::Done)
}

fn row(table: &mut Table, study: &Study, found: &Exceeded, args: &Args, cause: &str) {
    let name = |node: twin::NodeId| study.csr.node_names[node.index()].as_str();
    let date = args.from.zip(found.day).and_then(|(from, days)| instant::date_after(from, days));
    table
        .row()
        .set("arc", found.arc.0)
        .set("src", name(study.csr.src[found.arc.index()]))
        .set("dst", name(study.csr.dst[found.arc.index()]))
        .set("limit", args.limit)
        .set("worst_util", found.worst_util)
        .set("factor", (found.worst_util > 0.0).then(|| args.limit / found.worst_util))
        .set("days", found.day)
        .set("date", date)
        .set("scenario", found.scenario)
        .set("cause", cause)
        .end();
}
