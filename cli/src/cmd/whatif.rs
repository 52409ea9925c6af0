//! `umbra whatif`: how full does each link get if this fails?

use std::path::PathBuf;

use report::page::{Breaches, ClassPart};
use scenarios::planning::{
    FailureSet, Latency, Optimum, Outcome as Effect, Overview, Plan, Scenario, Worst, optimal_max_util, sweep,
};
use serde_json::{Value, json};
use twin::WallTime;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::Table;
use crate::planning::class_answers::ClassAnswer;
use crate::planning::classes::{ClassFile, Classes};
use crate::planning::failures::Failing;
use crate::planning::instant;
use crate::planning::latency::{Kept, LatencyQuestion};
use crate::planning::limits::{FailOn, Limits};
use crate::planning::page::Findings;
use crate::planning::question::{QuestionArgs, Written};
use crate::planning::redundancy::{self, Redundancies};
use crate::planning::scenario::{self, Asked};
use crate::planning::study::Study;
use crate::planning::tables;
use crate::planning::windows::{WindowArgs, Windows};
use crate::target::{self, TargetFolder};

/// What does each failure do to the load of every link?
///
/// Routes the demands on shortest paths (equal split per hop) with nothing down and with each failure, and keeps for
/// every arc the ten failures that fill it most. Prints one row: how many scenarios, the fullest arc of the worst of
/// them, the most volume that one of them strands, how many cut off somebody, how many only take the spare way from
/// somebody, and what breaks a limit. Tables: scenarios, arcs, worst, redundancy, exposed; groups with --fail groups;
/// differences from the network as it is with --edit; breaches with --latency-bound; classes and class_scenarios with
/// --classes. A scenario file (umbra-scenario/1) in place of NET says all of it; what the command line says wins.
/// report.html shows all of it on a page. With --maintenance, or a scenario file that has a calendar, a row for each
/// window is printed instead: what is taken down, alone and with any one more failure, under the measured traffic that is
/// hardest then, and who is at risk.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    question: QuestionArgs,
    /// Compute the smallest maximum utilisation that any routing could reach with nothing down, by linear programming: the
    /// yardstick for the metrics.
    #[arg(long)]
    optimal: bool,
    /// Classes of service (umbra-classes/1), served under strict priority: writes classes and class_scenarios, and says the
    /// class in demands.
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
    /// The result folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Also write the table demands: each demand in each scenario, with its latency.
    #[arg(long)]
    demands_table: bool,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    windows: WindowArgs,
    #[command(flatten)]
    limits: Limits,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let mut asked = scenario::asked(&args.question, &args.limits)?.with(&args.windows);
    if let Some(file) = &args.classes {
        asked.classes = Some(ClassFile::read(file)?);
    }
    asked.limits.check()?;
    let (study, failing, measured_at) = asked.open()?;
    let windows = asked.evaluate_windows(&study, &failing)?;
    let demands = asked.question.study.demands.as_deref();
    let classes = asked.classes.as_ref().map(|file| file.divide(&study, demands)).transpose()?;
    let plan = study.plan();
    let asked =
        AskedOf { args, asked: &asked, study: &study, failing: &failing, plan: &plan, windows: &windows };
    let mut folder = if args.dry_run { None } else { Some(TargetFolder::create(&args.out)?) };
    let (mut answer, worst) = asked.sweep(classes.as_ref(), folder.as_mut())?;
    answer.optimal = if args.optimal { Some(optimal(&study)?) } else { None };
    answer.measured_at = measured_at;
    match folder {
        Some(folder) => asked.write(folder, &mut answer, &worst, global)?,
        None => answer.redundancies = redundancy::answer(&study, &failing, &plan, None)?,
    }
    if windows.is_empty() {
        answer.print(&study, &failing, &plan, global)?;
    } else {
        windows.print(&study, &failing, answer.limits, global.format())?;
    }
    Ok(if answer.is_finding() || windows.is_finding(answer.limits) {
        Outcome::Finding
    } else {
        Outcome::Done
    })
}

/// What is asked of which network.
#[derive(Clone, Copy)]
struct AskedOf<'a> {
    args: &'a Args,
    asked: &'a Asked,
    study: &'a Study,
    failing: &'a Failing,
    plan: &'a Plan<'a>,
    windows: &'a Windows,
}

impl<'a> AskedOf<'a> {
    /// Evaluates every failure, and writes what comes row by row.
    fn sweep(
        self,
        classes: Option<&Classes>,
        mut folder: Option<&mut TargetFolder>,
    ) -> Result<(Answer<'a>, Worst), Failure> {
        let (study, list, limits) = (self.study, &self.failing.list, &self.asked.limits);
        let mut answer = Answer::new(limits, self.plan.evaluator().evaluate(&FailureSet::default()));
        let worst = sweep(self.plan, list, 0..list.len(), |rows| {
            answer.see(rows);
            folder.as_mut().map_or(Ok(()), |folder| folder.write(&tables::scenarios(study, rows)))
        })?;
        let question = LatencyQuestion { all: self.args.demands_table, bound: limits.latency_bound };
        if question.is_some() {
            let latency = Latency::new(self.plan, &study.routing);
            let services = classes.map(|classes| classes.by_demand(study)).unwrap_or_default();
            answer.latency =
                Some(question.answer((study, &services), &latency, list, folder.as_deref_mut())?);
            answer.delays = Some((latency.derived_arcs(), latency.unknown_arcs()));
        }
        if let Some(classes) = classes {
            answer.classes = classes.answer(study, self.failing, folder)?;
        }
        Ok((answer, worst))
    }

    /// Writes the other tables, the summary and the page.
    fn write(
        self,
        mut folder: TargetFolder,
        answer: &mut Answer<'_>,
        worst: &Worst,
        global: &Global,
    ) -> Result<(), Failure> {
        let Self { asked, study, failing, plan, windows, args } = self;
        let Written { redundancies, differences } =
            asked.question.write(&mut folder, study, failing, plan, worst)?;
        windows.write(&mut folder, study, failing, &asked.limits)?;
        answer.redundancies = redundancies;
        let summary = folder.commit(self.summary(answer, global)?)?;
        let findings = Findings {
            study,
            failing,
            plan,
            base: answer.base,
            overview: &answer.overview,
            worst,
            differences: differences.as_ref(),
            threshold: asked.limits.threshold.map(|limit| (limit, answer.over.into())),
            latency: answer.breaches(failing, plan),
            redundancies: &answer.redundancies,
            windows: windows.parts(study, failing),
            classes: answer.class_parts(study, failing),
            optimal: answer.optimal.as_ref().map(|best| best.at_most),
            question: asked.in_words(answer.measured_at),
        };
        let html = findings.page(asked.title(), &summary).render();
        target::write(&args.out.join("report.html"), html.as_bytes(), false)
    }

    fn summary(self, answer: &Answer<'_>, global: &Global) -> Result<report::Summary, Failure> {
        let Self { asked, args, study, .. } = self;
        let more = asked.files().chain(asked.question.fail().file()).chain(args.classes.as_deref());
        let mut summary = study.summary("whatif", global, more)?;
        if asked.classes.is_some() {
            let text = "Classes share each arc by strict priority alone; what one arc does not serve still loads the next.";
            summary.fidelity.note("strict-priority", text, None);
        }
        if let Some(description) = &asked.description {
            summary.extra.insert("description".into(), description.as_str().into());
        }
        let limits =
            [("threshold", asked.limits.threshold), ("latency_bound_ms", asked.limits.latency_bound)];
        for (name, limit) in limits.into_iter().filter_map(|(name, limit)| Some((name, limit?))) {
            summary.extra.insert(name.into(), limit.into());
        }
        if let Some(delays) = answer.delays {
            note_delays(&mut summary, delays);
        }
        summary.extra.extend(answer.class_summary(study, self.failing));
        if let Some(at) = answer.measured_at {
            summary.extra.insert("measured_at_ns".into(), at.as_ns().into());
        }
        if let Some(best) = &answer.optimal {
            summary.extra.insert("optimal_max_util".into(), json!(best.at_most));
            summary.extra.insert("optimal_max_util_at_least".into(), json!(best.at_least));
        }
        if let Some(worst) = self.windows.summary() {
            summary.extra.insert("maintenance".into(), worst);
        }
        Ok(summary)
    }
}

/// Says where latencies come from: of how many arcs from the great circle, of how many from nothing.
fn note_delays(summary: &mut report::Summary, (derived, unknown): (usize, usize)) {
    let text = "Latency is propagation alone: nothing waits in a queue.";
    summary.fidelity.note("propagation", text, None);
    if derived > 0 {
        let text = format!(
            "{derived} arcs have no delay: theirs is that of light in fibre over the great circle between their ends."
        );
        summary.fidelity.note("great-circle", text, Some(derived as u64));
    }
    if unknown > 0 {
        let text =
            format!("{unknown} arcs have neither a delay nor places of both ends: they count as 0 ms.");
        summary.fidelity.note("unknown-delay", text, Some(unknown as u64));
    }
}

fn optimal(study: &Study) -> Result<Optimum, Failure> {
    let best = optimal_max_util(&study.csr, &FailureSet::default(), &study.demands);
    best.map_err(|e| Failure::environment("--optimal", e))
}

/// What the scenarios say together.
struct Answer<'a> {
    limits: &'a Limits,
    base: Effect,
    overview: Overview,
    scenarios: u32,
    fullest: Option<Scenario>,
    lossiest: Option<Scenario>,
    /// Scenarios with an arc above the threshold.
    over: u32,
    /// Whether any demand was lost.
    lost: bool,
    latency: Option<Kept>,
    /// Of how many arcs the delay is derived, and of how many not known; `None` where latency was not asked for.
    delays: Option<(usize, usize)>,
    /// When the traffic was measured.
    measured_at: Option<WallTime>,
    optimal: Option<Optimum>,
    redundancies: Redundancies,
    classes: Vec<ClassAnswer>,
}

impl<'a> Answer<'a> {
    fn new(limits: &'a Limits, base: Effect) -> Self {
        Self {
            limits,
            base,
            overview: Overview::default(),
            scenarios: 0,
            fullest: None,
            lossiest: None,
            over: 0,
            lost: false,
            latency: None,
            delays: None,
            measured_at: None,
            optimal: None,
            redundancies: Redundancies::default(),
            classes: Vec::new(),
        }
    }

    fn see(&mut self, rows: &[Scenario]) {
        for row in rows {
            self.scenarios += 1;
            self.overview.see(row);
            self.over += u32::from(self.limits.threshold.is_some_and(|u| row.outcome.max_util > u));
            self.lost |= row.outcome.disconnected_pairs > 0;
            let lost = |s: &Scenario| s.outcome.lost + s.outcome.lost_own;
            if self.fullest.as_ref().is_none_or(|f| row.outcome.max_util > f.outcome.max_util) {
                self.fullest = Some(row.clone());
            }
            if self.lossiest.as_ref().is_none_or(|l| lost(row) > lost(l)) {
                self.lossiest = Some(row.clone());
            }
        }
    }

    /// How the bound of the latency is kept, where there is one.
    fn breaches(&self, failing: &Failing, plan: &Plan<'_>) -> Option<Breaches> {
        let (kept, bound_ms) = (self.latency?, self.limits.latency_bound?);
        let failure = failing.name(&failing.list.get(kept.scenario).0, plan.csr());
        Some(Breaches { bound_ms, base: kept.base.into(), most: kept.most.into(), failure })
    }

    /// The classes for the page, by names.
    fn class_parts(&self, study: &Study, failing: &Failing) -> Vec<ClassPart> {
        let cause = |scenario: u32| failing.name(&failing.list.get(scenario).0, &study.csr);
        let part = |class: &ClassAnswer| ClassPart {
            name: class.name.clone(),
            volume: class.bps / study.demands.iter().map(|d| d.bps).sum::<f64>(),
            base: class.base_util,
            worst: class.worst.0,
            worst_arc: class.worst.1.map(|arc| study.csr.arc_name(arc)),
            worst_failure: cause(class.worst.2),
            least_served: class.least_served.map_or(1.0, |(served, _, _)| served),
            squeezed_arc: class.least_served.map(|(_, arc, _)| study.csr.arc_name(arc)),
            squeezed_failure: class.least_served.map(|(_, _, scenario)| cause(scenario)),
            most_lost: if class.bps > 0.0 { class.most_lost / class.bps } else { 0.0 },
        };
        self.classes.iter().map(part).collect()
    }

    /// `classes` in the summary.
    fn class_summary(&self, study: &Study, failing: &Failing) -> Option<(String, Value)> {
        if self.classes.is_empty() {
            return None;
        }
        let of = |(class, part): (&ClassAnswer, ClassPart)| {
            json!({
                "class": class.name,
                "volume": study.volume(class.bps),
                "base_util": class.base_util,
                "worst_util": class.worst.0,
                "worst_scenario": class.worst.2,
                "worst_arc": part.worst_arc,
                "least_served": part.least_served,
                "least_served_arc": part.squeezed_arc,
                "least_served_scenario": class.least_served.map(|(_, _, scenario)| scenario),
                "most_lost": study.volume(class.most_lost),
            })
        };
        let all: Vec<_> = self.classes.iter().zip(self.class_parts(study, failing)).map(of).collect();
        Some(("classes".into(), all.into()))
    }

    fn is_finding(&self) -> bool {
        self.limits.fail_on.iter().any(|what| match what {
            FailOn::Overload => self.over > 0,
            FailOn::Lost => self.lost,
            FailOn::Latency => self.latency.is_some_and(|kept| kept.most > 0),
        })
    }

    fn print(
        &self,
        study: &Study,
        failing: &Failing,
        plan: &Plan<'_>,
        global: &Global,
    ) -> Result<(), Failure> {
        let csr = plan.csr();
        let full = self.fullest.as_ref().expect("there is always the base");
        let lossy = self.lossiest.as_ref().expect("there is always the base");
        let arc = (csr.arc_count() > 0).then(|| csr.arc_name(full.outcome.max_arc));
        let mut row: Vec<(&'static str, Value)> = vec![
            ("scenarios", json!(self.scenarios)),
            ("base_max_util", json!(self.base.max_util)),
            ("worst_max_util", json!(full.outcome.max_util)),
            ("worst_arc", json!(arc)),
            ("worst_failure", json!(failing.name(&full.set, csr))),
            ("most_lost", json!(study.volume(lossy.outcome.lost + lossy.outcome.lost_own))),
            ("most_lost_failure", json!(failing.name(&lossy.set, csr))),
        ];
        row.push(("cut_off_by", json!(self.redundancies.cut)));
        row.push(("exposed_by", json!(self.redundancies.exposed)));
        let squeezed = self.classes.iter().filter(|class| class.least_served.is_some());
        if let Some(class) = squeezed.clone().next() {
            let names: Vec<_> = squeezed.map(|class| class.name.as_str()).collect();
            row.push(("squeezed_classes", json!(names.join(", "))));
            row.push(("least_served", json!(class.least_served.map(|(served, _, _)| served))));
        } else if !self.classes.is_empty() {
            row.push(("squeezed_classes", json!("none")));
        }
        if self.limits.threshold.is_some() {
            row.push(("over_threshold", json!(self.over)));
        }
        if let (Some(kept), Some(_)) = (&self.latency, self.limits.latency_bound) {
            row.push(("base_breaches", json!(kept.base)));
            row.push(("most_breaches", json!(kept.most)));
            let set = failing.list.get(kept.scenario).0;
            row.push(("most_breaches_failure", json!(failing.name(&set, csr))));
        }
        if let Some(best) = &self.optimal {
            row.push(("optimal_max_util", json!(best.at_most)));
        }
        if let Some(at) = self.measured_at {
            row.push(("measured", json!(instant::text(at))));
        }
        let (names, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
        let mut table = Table::new(&names);
        table.push(values);
        table.print(global.format())
    }
}
