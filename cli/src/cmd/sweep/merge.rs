//! `umbra sweep merge`: puts the parts together.

use std::path::PathBuf;

use report::schema;
use scenarios::planning::{Cause, FailureSet, Outcome as Effect, Overview, Scenario, Worst};
use serde_json::json;
use twin::{ArcId, LinkId, NodeId};

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::Table;
use crate::planning::limits::{FailOn, Limits};
use crate::planning::manifest::Manifest;
use crate::planning::page::Findings;
use crate::planning::parts::{Parts, Piece};
use crate::planning::question::Written;
use crate::planning::study::Study;
use crate::target::{self, TargetFolder};

/// Put all parts together: the tables and the page that one `umbra whatif` would have written.
///
/// Checks that every scenario is there once, and each part against its digest. Ends with 4 and says which scenarios are
/// missing while shards still have to run, and with 1 where what a scenario file calls a finding (`fail_on`) happens.
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
    let (asked, study, failing, measured_at) = manifest.open()?;
    let plan = study.plan();
    let mut folder = TargetFolder::create(&args.out)?;
    let mut seen = Seen::new(asked.limits.threshold);
    let worst = gather(&parts, &cover, &study, &mut seen, &mut folder)?;
    let Written { redundancies, differences } =
        asked.question.write(&mut folder, &study, &failing, &plan, &worst)?;
    let windows = asked.evaluate_windows(&study, &failing)?;
    windows.write(&mut folder, &study, &failing, &asked.limits)?;
    let more = asked.files().chain(asked.question.fail().file());
    let mut summary = study.summary("whatif", global, more)?;
    if asked.limits.latency_bound.is_some() {
        let text = "Shards do not look at the bound of the latency: `umbra whatif` tells who exceeds it.";
        summary.fidelity.note("latency-bound", text, None);
    }
    let summary = folder.commit(summary)?;
    let findings = Findings {
        study: &study,
        failing: &failing,
        plan: &plan,
        base: plan.evaluator().evaluate(&FailureSet::default()),
        overview: &seen.overview,
        worst: &worst,
        differences: differences.as_ref(),
        threshold: asked.limits.threshold.map(|limit| (limit, seen.over)),
        latency: None,
        redundancies: &redundancies,
        windows: windows.parts(&study, &failing),
        classes: Vec::new(),
        optimal: None,
        question: asked.in_words(measured_at),
    };
    let html = findings.page(asked.title(), &summary).render();
    target::write(&args.out.join("report.html"), html.as_bytes(), false)?;
    let mut table = Table::new(&["scenarios", "parts", "out"]);
    table.push(vec![json!(manifest.scenarios), json!(cover.len()), json!(args.out.display().to_string())]);
    table.print(global.format())?;
    let found = seen.is_finding(&asked.limits) || windows.is_finding(&asked.limits);
    Ok(if found { Outcome::Finding } else { Outcome::Done })
}

/// Copies the scenarios of all parts in order, and puts the worst of each arc together.
fn gather(
    parts: &Parts,
    cover: &[Piece],
    study: &Study,
    seen: &mut Seen,
    folder: &mut TargetFolder,
) -> Result<Worst, Failure> {
    let mut worst = Worst::new(study.csr.arc_count());
    for (part, wanted) in cover {
        let rows = parts.scenarios(part)?;
        let rows = rows.rows((wanted.start - part.start) as usize..(wanted.end - part.start) as usize);
        seen.see(&rows, study);
        folder.write(&rows)?;
        let causes = parts.table(part, &schema::WORST)?;
        let (arcs, scenarios, utils) = (causes.u32("arc"), causes.u32("scenario"), causes.f64("util"));
        for ((arc, scenario), util) in arcs.iter().zip(scenarios).zip(utils) {
            let (Some(arc), Some(scenario), Some(util)) = (*arc, *scenario, *util) else { continue };
            if (arc as usize) < study.csr.arc_count() {
                worst.insert(ArcId(arc), Cause { util, scenario });
            }
        }
    }
    Ok(worst)
}

/// What the page says of all scenarios, from the rows of their table.
struct Seen {
    overview: Overview,
    threshold: Option<f64>,
    /// Scenarios with an arc above the threshold.
    over: u64,
    /// Whether any demand was lost.
    lost: bool,
}

impl Seen {
    fn new(threshold: Option<f64>) -> Self {
        Self { overview: Overview::default(), threshold, over: 0, lost: false }
    }

    fn see(&mut self, rows: &report::Table, study: &Study) {
        let ids = |column: &str, row: usize| rows.list_u32(column)[row].clone().unwrap_or_default();
        let number = |column: &str, row: usize| rows.u32(column)[row].unwrap_or_default();
        let volume = |column: &str, row: usize| rows.f64(column)[row].unwrap_or_default() * study.unit_bps;
        for row in 0..rows.len() {
            let (links, nodes) = (ids("failed_links", row), ids("failed_nodes", row));
            let scenario = Scenario {
                number: number("scenario", row),
                set: FailureSet::new(
                    links.into_iter().map(LinkId).collect(),
                    nodes.into_iter().map(NodeId).collect(),
                ),
                occurrences: number("occurrences", row),
                outcome: Effect {
                    max_util: rows.f64("max_util")[row].unwrap_or_default(),
                    max_arc: ArcId(number("max_arc", row)),
                    lost: volume("lost", row),
                    lost_own: volume("lost_own", row),
                    disconnected_pairs: number("disconnected_pairs", row),
                },
            };
            self.over += u64::from(self.threshold.is_some_and(|u| scenario.outcome.max_util > u));
            self.lost |= scenario.outcome.disconnected_pairs > 0;
            self.overview.see(&scenario);
        }
    }

    /// Whether anything happens that the author of the scenario file calls a finding.
    fn is_finding(&self, limits: &Limits) -> bool {
        limits.fail_on.iter().any(|what| match what {
            FailOn::Overload => self.over > 0,
            FailOn::Lost => self.lost,
            FailOn::Latency => false, // shards do not look at it, and the summary says so
        })
    }
}
