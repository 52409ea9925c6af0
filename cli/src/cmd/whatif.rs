//! `umbra whatif`: how full does each link get if this fails?

use std::path::PathBuf;

use report::entities;
use scenarios::planning::{FailureSet, Optimum, Plan, Scenario, optimal_max_util, sweep};
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::Table;
use crate::planning::names;
use crate::planning::question::QuestionArgs;
use crate::planning::study::Study;
use crate::planning::tables;
use crate::target::TargetFolder;

/// What does each failure do to the load of every link?
///
/// Routes the demands on shortest paths (equal split per hop) with nothing down and with each failure, and keeps for
/// every arc the ten failures that fill it most. Prints one row: how many scenarios, the fullest arc of the worst of
/// them, the most volume that one of them strands. Tables: scenarios, arcs, worst.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    question: QuestionArgs,
    /// Compute the smallest maximum utilisation that any routing could reach with nothing down, by linear programming: the
    /// yardstick for the metrics.
    #[arg(long)]
    optimal: bool,
    /// The result folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let (study, list) = args.question.open()?;
    let plan = study.plan();
    let mut folder = if args.dry_run { None } else { Some(TargetFolder::create(&args.out)?) };
    let mut worst_of_all = Extremes::default();
    let worst = sweep(&plan, &list, 0..list.len(), |rows| {
        worst_of_all.see(rows);
        folder.as_mut().map_or(Ok(()), |folder| folder.write(&tables::scenarios(&study, rows)))
    })?;
    let optimal = if args.optimal { Some(optimal(&study)?) } else { None };
    if let Some(mut folder) = folder {
        folder.write(&entities(&study.twin))?;
        folder.write(&tables::arcs(&study, &plan, &worst))?;
        folder.write(&tables::worst(&study, &worst))?;
        let mut summary = study.summary("whatif", global, args.question.fail.file())?;
        if let Some(best) = &optimal {
            summary.extra.insert("optimal_max_util".into(), json!(best.at_most));
            summary.extra.insert("optimal_max_util_at_least".into(), json!(best.at_least));
        }
        folder.commit(summary)?;
    }
    worst_of_all.print(&study, &plan, optimal.map(|best| best.at_most), global)?;
    Ok(Outcome::Done)
}

fn optimal(study: &Study) -> Result<Optimum, Failure> {
    let best = optimal_max_util(&study.csr, &FailureSet::default(), &study.demands);
    best.map_err(|e| Failure::environment("--optimal", e))
}

/// The worst scenarios of a study.
#[derive(Default)]
struct Extremes {
    scenarios: u32,
    fullest: Option<Scenario>,
    lossiest: Option<Scenario>,
}

impl Extremes {
    fn see(&mut self, rows: &[Scenario]) {
        for row in rows {
            self.scenarios += 1;
            let lost = |s: &Scenario| s.outcome.lost + s.outcome.lost_own;
            if self.fullest.as_ref().is_none_or(|f| row.outcome.max_util > f.outcome.max_util) {
                self.fullest = Some(row.clone());
            }
            if self.lossiest.as_ref().is_none_or(|l| lost(row) > lost(l)) {
                self.lossiest = Some(row.clone());
            }
        }
    }

    fn print(
        &self,
        study: &Study,
        plan: &Plan<'_>,
        optimal: Option<f64>,
        global: &Global,
    ) -> Result<(), Failure> {
        let mut table = Table::new(&[
            "scenarios",
            "base_max_util",
            "worst_max_util",
            "worst_arc",
            "worst_failure",
            "most_lost",
            "most_lost_failure",
            "optimal_max_util",
        ]);
        let csr = &study.csr;
        let name = |s: &Scenario| names::of_set(csr, &s.set);
        let base = plan.evaluator().evaluate(&FailureSet::default());
        let full = self.fullest.as_ref().expect("there is always the base");
        let lossy = self.lossiest.as_ref().expect("there is always the base");
        let arc = (csr.arc_count() > 0).then(|| csr.arc_name(full.outcome.max_arc));
        table.push(vec![
            json!(self.scenarios),
            json!(base.max_util),
            json!(full.outcome.max_util),
            json!(arc),
            json!(name(full)),
            json!(study.volume(lossy.outcome.lost + lossy.outcome.lost_own)),
            json!(name(lossy)),
            json!(optimal),
        ]);
        table.print(global.format())
    }
}
