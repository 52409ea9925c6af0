//! `umbra risk`: what is most likely to break next, and what would it break?

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use engine::Seeds;
use scenarios::planning::FailureSet;
use scenarios::planning::availability::{Component, FailureModel, Preset};
use scenarios::planning::risk::{History, Horizon, Threat, WayOut, failures_a_year, threats};
use serde::Deserialize;
use serde_json::json;
use twin::{InputError, Place, SimDuration, WallTime};

use crate::csv_file;
use crate::duration;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::Table;
use crate::planning::availability as groups;
use crate::planning::degrading::{self, Worn};
use crate::planning::instant;
use crate::planning::limit;
use crate::planning::names::{self, Names};
use crate::planning::study::{Study, StudyArgs};

/// What is most likely to break next, and what would it break?
///
/// Every link, node and risk group, by the traffic that is expected to be lost or to find links too full: the probability
/// that it fails within the horizon (a published rate, corrected by what was seen of it, and wear that was measured) times what its failure does to
/// current traffic. For the greatest risks also the cheapest way out: nothing to do, another metric of a link, more
/// capacity, or a link that is missing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    study: StudyArgs,
    /// How often things fail: wan-cenic, wan-fibre-km, wan-teavar, dc-gill, uniform-netdice, p=P or mtbf=HOURS,mttr=HOURS.
    #[arg(long, value_name = "PRESET", default_value = "wan-cenic")]
    failures: Preset,
    /// How far to look.
    #[arg(long, value_name = "SPAN", value_parser = duration::parse, default_value = "24h")]
    within: SimDuration,
    /// Failures that were seen: CSV with element and at (a time), and in_service for elements put into service later than
    /// --watched-from. A link that flaps gets likelier to fail.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Since when failures were written down [default: the first in the file].
    #[arg(long, value_name = "T", value_parser = instant::parse, requires = "history")]
    watched_from: Option<WallTime>,
    /// The present, for --history [default: now].
    #[arg(long, value_name = "T", value_parser = instant::parse, requires = "history")]
    at: Option<WallTime>,
    /// What was measured of parts that wear: CSV with element, indicator (dbm, ber, percent, errors, flaps), threshold, at (a
    /// time) and value. Trends say how likely the threshold is reached within --within of the last reading.
    #[arg(long, value_name = "FILE")]
    degrading: Option<PathBuf>,
    /// A link is too full above this load / capacity.
    #[arg(long, value_name = "U", value_parser = limit::parse, default_value_t = 1.0)]
    limit: f64,
    /// How many rows.
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let study = args.study.open()?;
    let plan = study.plan();
    let groups = groups::risk_groups(&study, args.failures);
    let model = FailureModel::new(args.failures, &plan, &groups, Seeds::new(global.seed));
    let model = model.map_err(|unknown| {
        let file = args.study.sources[0].display().to_string();
        let expected = "coordinates or delays, or a preset that does not go by length";
        InputError::new(&file, Place::Whole, unknown.to_string(), expected)
    })?;
    let mut history = match &args.history {
        None => vec![History::default(); model.components.len()],
        Some(file) => history(args, file, &study, &model.components)?,
    };
    let worn = match &args.degrading {
        None => Vec::new(),
        Some(file) => degrading::read(file, &Names::new(&study.twin, &study.csr), args.within)?,
    };
    for (component, history) in model.components.iter().zip(&mut history) {
        history.worn = worn.iter().find(|w| w.set == component.set).map_or(0.0, |w| w.probability);
    }
    warn_of_others(args, &study, &model.components, worn.iter().map(|w| &w.set));
    let horizon =
        Horizon { hours: args.within.as_secs_f64() / 3_600.0, limit: args.limit, ways_out: args.top };
    let all = threats(&plan, &model.components, &history, horizon);
    print(args, &study, &model, &all, &worn, global)?;
    Ok(Outcome::Done)
}

/// Says of which elements something was read that changes nothing: the preset lets none of their kind fail.
fn warn_of_others<'a>(
    args: &Args,
    study: &Study,
    components: &[Component],
    sets: impl Iterator<Item = &'a FailureSet>,
) {
    let others = sets.filter(|set| components.iter().all(|c| c.set != **set));
    let names: BTreeSet<_> = others.map(|set| names::of_set(&study.csr, set)).collect();
    for name in names {
        let preset = args.failures;
        tracing::warn!("{name}: {preset} lets nothing of its kind fail: what was read of it is not heeded");
    }
}

#[derive(Deserialize)]
struct HistoryRow {
    element: String,
    #[serde(default)]
    at: Option<String>,
    #[serde(default)]
    in_service: Option<String>,
}

/// What was seen of each component.
fn history(
    args: &Args,
    path: &Path,
    study: &Study,
    components: &[Component],
) -> Result<Vec<History>, InputError> {
    let file = path.display().to_string();
    let known = Names::new(&study.twin, &study.csr);
    let now = args.at.unwrap_or_else(instant::now);
    let mut seen = Vec::new();
    for (place, row) in csv_file::rows::<HistoryRow>(path, &["element"], "element, at, in_service")? {
        let wrong = |what: String, expected: String| InputError::new(&file, place, what, expected);
        let set = known.element(&row.element).map_err(|unknown| unknown.at(&file, place))?;
        let time = |text: &Option<String>| {
            let given = text.as_deref().filter(|t| !t.is_empty());
            given.map(|t| instant::parse(t).map_err(|e| wrong(format!("found '{t}'"), e))).transpose()
        };
        let (at, in_service) = (time(&row.at)?, time(&row.in_service)?);
        if at.or(in_service).is_none_or(|t| t > now) {
            let expected = "a time of a failure (at) or of its entry into service (in_service), in the past";
            return Err(wrong(format!("'{}' without one", row.element), expected.into()));
        }
        seen.push((set, at, in_service));
    }
    warn_of_others(args, study, components, seen.iter().map(|(set, ..)| set));
    let first = seen.iter().filter_map(|(_, at, _)| *at).min();
    let from = args.watched_from.or(first).unwrap_or(now);
    let hours = |a: WallTime, b: WallTime| (b.as_ns() - a.as_ns()).max(0) as f64 / 3.6e12;
    let of = |component: &Component| {
        let rows = seen.iter().filter(|(set, ..)| *set == component.set);
        let failures = rows.clone().filter_map(|(_, at, _)| *at).filter(|at| *at >= from);
        let service = rows.filter_map(|(_, _, in_service)| *in_service).max();
        let last = failures.clone().max().max(service);
        History {
            failures: failures.count() as f64,
            watched_h: hours(service.map_or(from, |s| s.max(from)), now),
            since_h: last.map(|last| hours(last, now)),
            worn: 0.0,
        }
    };
    Ok(components.iter().map(of).collect())
}

fn print(
    args: &Args,
    study: &Study,
    model: &FailureModel,
    all: &[Threat],
    worn: &[Worn],
    global: &Global,
) -> Result<(), Failure> {
    let csr = &study.csr;
    let left = |set: &FailureSet| worn.iter().find(|w| w.set == *set).and_then(|w| w.left);
    let mut table = Table::of(&report::schema::RISK);
    for (rank, threat) in all.iter().take(args.top).enumerate() {
        let component = &model.components[threat.component as usize];
        let over: Vec<_> = threat.over.iter().take(3).map(|arc| csr.arc_name(*arc)).collect();
        table.push(vec![
            json!(rank + 1),
            json!(names::of_set(csr, &threat.set)),
            json!(threat.probability),
            json!(failures_a_year(component)),
            json!(study.volume(threat.outcome.lost + threat.outcome.lost_own)),
            json!(threat.outcome.max_util),
            json!(study.volume(threat.above)),
            json!(study.volume(threat.risk())),
            json!((!over.is_empty()).then(|| over.join(", "))),
            json!(way_out(study, &threat.way_out)),
            json!(model.preset.to_string()),
            json!(left(&threat.set).map(|l| l.median_h)),
            json!(left(&threat.set).map(|l| l.lo_h)),
            json!(left(&threat.set).map(|l| l.hi_h)),
        ]);
    }
    table.print(global.format())
}

fn way_out(study: &Study, way: &WayOut) -> String {
    let csr = &study.csr;
    match way {
        WayOut::NotNeeded => "none needed".to_owned(),
        WayOut::Metric { link, from, to } => {
            format!("metric of {} from {from} to {to}", csr.link_names[link.index()])
        }
        WayOut::Upgrade { arcs } => {
            let sum: f64 = arcs.iter().map(|(_, more)| more).sum();
            let names: Vec<_> = arcs.iter().take(3).map(|(arc, _)| csr.arc_name(*arc)).collect();
            let rest = arcs.len().saturating_sub(names.len());
            let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            format!("{} more capacity on {}{rest}", study.volume(sum), names.join(", "))
        }
        WayOut::Redundancy => "a second way is missing".to_owned(),
    }
}
