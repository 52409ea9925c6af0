//! `umbra availability`: how often does it fail, and what then?

use std::path::PathBuf;
use std::str::FromStr;

use engine::Seeds;
use report::{Summary, entities};
use scenarios::planning::Plan;
use scenarios::planning::availability::{
    Answer, Bias, Effects, Estimate, FailureModel, Limits, Measures, Preset, exact, mission, sample,
};
use serde_json::json;
use twin::{InputError, Place};

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::Table;
use crate::planning::maintenance::{self, MaintenanceArg};
use crate::planning::question::QuestionArgs;
use crate::planning::study::{Study, StudyArgs};
use crate::planning::windows::WindowArgs;
use crate::planning::{self, availability as tables, scenario};
use crate::target::TargetFolder;

/// States that the second preset may add beyond those of the first.
const SECOND_STATES: u64 = 20_000;

/// How available is the network, if things fail by chance?
///
/// Links, nodes and risk groups fail by a published preset, independently of each other. Prints the probability that every
/// demand has a path, the expected share of lost volume and the probability that some link is fuller than the threshold,
/// under the preset and under a second one; where the two differ in whole nines, the row says so. Tables: availability,
/// nines (each demand), outages (with --mission).
///
/// With --maintenance, or a scenario file (umbra-scenario/1) in place of NET that has a calendar, the answer is over a
/// whole year: each window counts by its share of the time, with what is taken down then and whatever fails besides.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("how").required(true).args(["samples", "exact"]))]
pub(crate) struct Args {
    #[command(flatten)]
    study: StudyArgs,
    /// How often things fail: wan-cenic, wan-fibre-km, wan-teavar, dc-gill, uniform-netdice, p=P or mtbf=HOURS,mttr=HOURS.
    #[arg(long, value_name = "PRESET")]
    failures: Preset,
    /// The preset that the answer is held against [default: wan-cenic; for wan-cenic wan-teavar].
    #[arg(long, value_name = "PRESET")]
    second: Option<Preset>,
    /// Draw so many states; 95 % intervals.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    samples: Option<u64>,
    /// Draw failures so often that this many are down in a mean trial, if fewer are; 0: as often as they happen.
    #[arg(long, value_name = "COUNT", value_parser = count, default_value_t = 2.0, conflicts_with = "exact")]
    bias: f64,
    /// Go through states in the order of their probability; proven bounds.
    #[arg(long)]
    exact: bool,
    /// Stop when bounds are this close; 0: go through all.
    #[arg(long, value_name = "G", value_parser = probability, default_value_t = 1e-6, conflicts_with = "samples")]
    gap: f64,
    /// Stop after so many states.
    #[arg(long, value_name = "N", default_value_t = 1 << 22, conflicts_with = "samples")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    max_states: u64,
    /// Also let so many years pass, with failures and repairs in time: outages with their lengths.
    #[arg(long, value_name = "YEARS", value_parser = clap::value_parser!(u32).range(1..))]
    mission: Option<u32>,
    /// What fails together (umbra-groups/1), in the place of the network's own risk groups: as often as `failures` of a
    /// group says, or else all of them together three times in ten.
    #[arg(long, value_name = "FILE")]
    groups: Option<PathBuf>,
    /// What is taken down on purpose: a calendar (umbra-maintenance/1), or one entry such as 'A - B@8h' (a year); may be
    /// repeated.
    #[arg(long, value_name = maintenance::FORMS)]
    maintenance: Vec<MaintenanceArg>,
    /// A link is too full above this load / capacity [default: 1].
    #[arg(long, value_name = "U", value_parser = utilization)]
    threshold: Option<f64>,
    /// End with 1 if this is more probable than P: overload (a link above the threshold), lost (a demand without a path)
    /// [without WHAT: overload; without P: 0].
    #[arg(long, value_name = "WHAT[=P]", value_delimiter = ',', num_args = 0..=1)]
    #[arg(default_missing_value = "overload")]
    fail_on: Vec<FailOn>,
    /// The result folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
}

fn probability(text: &str) -> Result<f64, String> {
    let p = text.parse().ok().filter(|p| (0.0..=1.0).contains(p));
    p.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

fn utilization(text: &str) -> Result<f64, String> {
    let u = text.parse().ok().filter(|u: &f64| *u >= 0.0 && u.is_finite());
    u.ok_or_else(|| "expected a utilisation such as 0.8".to_owned())
}

/// What makes a finding, if it is more probable than this.
#[derive(Clone, Copy, Debug)]
enum FailOn {
    Overload(f64),
    Lost(f64),
}

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, p) = text.split_once('=').map_or((text, Ok(0.0)), |(what, p)| (what, probability(p)));
        match what {
            "overload" => p.map(Self::Overload),
            "lost" => p.map(Self::Lost),
            _ => Err("expected overload or lost, and how probable it may be: overload=0.001".to_owned()),
        }
    }
}

impl FailOn {
    fn is_met(self, measures: &Measures) -> bool {
        match self {
            Self::Overload(p) => measures.p_util_over.value > p,
            Self::Lost(p) => measures.p_all_connected.complement().value > p,
        }
    }
}

fn count(text: &str) -> Result<f64, String> {
    let count = text.parse().ok().filter(|c: &f64| *c >= 0.0 && c.is_finite());
    count.ok_or_else(|| "expected a number of components such as 1".to_owned())
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let question = QuestionArgs { study: args.study.clone(), fail: None };
    let limits = planning::limits::Limits { threshold: args.threshold, ..Default::default() };
    let windows = WindowArgs { maintenance: args.maintenance.clone(), series: None };
    let asked = scenario::asked(&question, &limits)?.with(&windows);
    let (study, _, _) = asked.open()?;
    let threshold = asked.limits.threshold.unwrap_or(1.0);
    let plan = study.plan();
    let mut effects = Effects::new(&plan, threshold);
    let second = args.second.unwrap_or_else(|| args.failures.second());
    let phases = maintenance::phases_of(&asked.maintenance(&study)?)?;
    let model =
        |preset| Ok::<_, Failure>(model(args, &study, &plan, preset, global)?.with_phases(phases.clone()));
    let (first, second) = (model(args.failures)?, model(second)?);
    let folder = if args.dry_run { None } else { Some(TargetFolder::create(&args.out)?) };

    let found = args.ask(&mut effects, &first, args.max_states, global);
    let limit = args.max_states.min(found.states.max(SECOND_STATES));
    let held = args.ask(&mut effects, &second, limit, global);
    let sensitive = found.answer.measures.sensitive(&held.answer.measures);
    if args.exact && found.unexplored > args.gap {
        tracing::warn!(
            "bounds are {:e} apart after {} states; --max-states explores more",
            found.unexplored,
            found.states
        );
    }
    if let Some(mut folder) = folder {
        folder.write(&entities(&study.twin))?;
        folder.write(&tables::measures(&found.answer.measures))?;
        folder.write(&tables::demands(&study, &found.answer))?;
        let mut summary =
            study.summary("availability", global, asked.files().chain(args.groups.as_deref()))?;
        summary.extra.insert("threshold".into(), threshold.into());
        args.describe(&mut summary, (&first, &found), (&second, &held), &sensitive);
        if let Some(years) = args.mission {
            let mission = mission(&mut effects, &first, years, Seeds::new(global.seed));
            folder.write(&tables::outages(&mission))?;
            summary.extra.insert("mission".into(), tables::mission_json(&mission, years));
        }
        folder.commit(summary)?;
    }
    print(&[(&first, &found), (&second, &held)], &sensitive, global)?;
    let finding = args.fail_on.iter().any(|what| what.is_met(&found.answer.measures));
    Ok(if finding { Outcome::Finding } else { Outcome::Done })
}

fn model(
    args: &Args,
    study: &Study,
    plan: &Plan<'_>,
    preset: Preset,
    global: &Global,
) -> Result<FailureModel, Failure> {
    let groups = match &args.groups {
        Some(file) => tables::groups_of_file(file, study)?,
        None => tables::risk_groups(study, preset),
    };
    FailureModel::new(preset, plan, &groups, Seeds::new(global.seed)).map_err(|unknown| {
        let file = args.study.sources[0].display().to_string();
        let expected = "coordinates or delays, or a preset that does not go by length";
        Failure::Input(InputError::new(&file, Place::Whole, unknown.to_string(), expected))
    })
}

/// What was found under one preset.
struct Found {
    answer: Answer,
    states: u64,
    unexplored: f64,
    trials: u64,
    effective: Option<f64>,
}

impl Args {
    fn ask(&self, effects: &mut Effects<'_>, model: &FailureModel, states: u64, global: &Global) -> Found {
        match self.samples {
            Some(trials) => {
                let bias = if self.bias > 0.0 { Bias::Towards(self.bias) } else { Bias::None };
                let sample = sample(effects, model, trials, bias, Seeds::new(global.seed));
                Found {
                    answer: sample.answer,
                    states: sample.sets,
                    unexplored: 0.0,
                    trials,
                    effective: Some(sample.effective),
                }
            }
            None => {
                let exact = exact(effects, model, Limits { gap: self.gap, states });
                Found {
                    answer: exact.answer,
                    states: exact.states,
                    unexplored: exact.unexplored,
                    trials: 0,
                    effective: None,
                }
            }
        }
    }

    fn describe(
        &self,
        summary: &mut Summary,
        (first, found): (&FailureModel, &Found),
        (second, held): (&FailureModel, &Found),
        sensitive: &[&str],
    ) {
        summary.trials = found.trials;
        summary.effective_sample_size = found.effective;
        let extra = &mut summary.extra;
        extra.insert("measures".into(), tables::measures_json(&found.answer.measures));
        extra.insert("failures".into(), tables::model_json(first).into());
        extra.insert("states".into(), found.states.into());
        if self.exact {
            extra.insert("gap".into(), found.unexplored.into());
        }
        let mut other = tables::model_json(second);
        other.insert("measures".into(), tables::measures_json(&held.answer.measures));
        other.insert("states".into(), held.states.into());
        other.insert("effective_sample_size".into(), held.effective.into());
        extra.insert("second_preset".into(), other.into());
        extra.insert("sensitive_to_preset".into(), json!(sensitive));
        summary.fidelity.note(
            "independent-failures",
            "Components of the failure model are up or down independently of each other and of the traffic.",
            None,
        );
        if first.phases.len() > 1 {
            let text = "Maintenance is known in advance and never put off. Demands of a node that is down on purpose \
                        count as lost.";
            summary.fidelity.note("maintenance", text, None);
        }
    }
}

fn print(answers: &[(&FailureModel, &Found)], sensitive: &[&str], global: &Global) -> Result<(), Failure> {
    let mut table = Table::new(&["measure", "value", "lo", "hi", "preset", "note", "mark", "source"]);
    for (model, found) in answers {
        let citation = model.preset.citation();
        let measures: &Measures = &found.answer.measures;
        for (name, Estimate { value, lo, hi }, _) in measures.named() {
            let note = sensitive.contains(&name).then_some("sensitive to preset");
            table.push(vec![
                json!(name),
                json!(value),
                json!(lo),
                json!(hi),
                json!(model.preset.to_string()),
                json!(note),
                json!(citation.mark),
                json!(citation.source),
            ]);
        }
    }
    table.print(global.format())
}
