//! `umbra isolate fabric`: flows, probes and counters of a fabric's cases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use engine::Seeds;
use rayon::prelude::*;
use report::Summary;
use scenarios::calibration::{Component, Judged};
use scenarios::fabric::cases::truth::{Named, Truth};
use scenarios::fabric::topology::Fabric;
use scenarios::fabric::verdict::{Case, Class, Verdict, judge};
use serde_json::{Map, Value, json};
use twin::WallTime;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::inputs;
use crate::isolate::calibrate::{CalibrateArgs, Calibrated, listed};
use crate::isolate::fabric_files::{self, Groups, Mode};
use crate::isolate::tables::{Tables, of_fabric};
use crate::isolate::{page, print, probes};
use crate::target::TargetFolder;

/// Rank the causes of packet loss in a fabric.
///
/// Judges each case of the flows file on its own: which links, devices, groups or black holes lose packets, how probably,
/// and why. Prints what is at least 5 % probable with the strongest evidence for and against. Tables: entities, causes,
/// sets, evidence, proposed_probes (those that would tell what is open). report.html says it in words.
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
    #[arg(long, value_name = "MODE", value_parser = fabric_files::mode())]
    telemetry: Mode,
    /// Classes of causes that are not considered.
    #[arg(long, value_enum, value_name = "CLASS", value_delimiter = ',')]
    without: Vec<Left>,
    #[command(flatten)]
    calibrate: CalibrateArgs,
    /// The result folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// A class of causes as it is named in tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Left {
    LinkLoss,
    Device,
    Group,
    Congestion,
    Blackhole,
    StaleLink,
}

impl Left {
    fn class(self) -> Class {
        match self {
            Self::LinkLoss => Class::LinkLoss,
            Self::Device => Class::Device,
            Self::Group => Class::Group,
            Self::Congestion => Class::Congestion,
            Self::Blackhole => Class::BlackHole,
            Self::StaleLink => Class::StaleLink,
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let clock = (SystemTime::now(), Instant::now());
    let fabric = fabric_files::topology(&args.topology)?;
    let cases = fabric_files::flows(&args.flows, args.telemetry.grants)?;
    let counters =
        args.counters.as_ref().map(|f| fabric_files::counters(f, &fabric)).transpose()?.unwrap_or_default();
    let named = args.groups.as_ref().map(|f| fabric_files::groups(f)).transpose()?.unwrap_or_default();
    let groups = fabric_files::group_links(&named, &fabric);
    let absent = links(&named) - links(&groups);
    let truth = args.calibrate.file().map(fabric_files::truth).transpose()?;
    let folder = if args.dry_run { None } else { Some(TargetFolder::create(&args.out)?) };
    let without: Vec<Class> = args.without.iter().map(|n| n.class()).collect();
    let seeds = Seeds::new(global.seed);
    let verdicts: Vec<_> = cases
        .par_iter()
        .map(|(number, reports)| {
            let case = Case {
                fabric: &fabric,
                reports,
                lossy_only: args.telemetry.grants.lossy_only(),
                counters: counters.get(number).map_or(&[], Vec::as_slice),
                groups: &groups,
                without: &without,
                number: u64::from(*number),
            };
            judge(&case, seeds)
        })
        .collect();
    let verdicts: BTreeMap<u32, Verdict> = cases.keys().copied().zip(verdicts).collect();
    drop(cases);
    let calibrated = truth.map(|truth| calibrate(&truth, &named, &fabric, &verdicts));
    let proposed = probes::of_fabric(&fabric, &groups, &verdicts);
    if let Some(mut folder) = folder {
        let mut tables = Tables::new(of_fabric(&fabric, &groups));
        verdicts.iter().for_each(|(number, verdict)| tables.add(*number, &fabric, verdict));
        tables.write(&mut folder)?;
        folder.write(&probes::table(&fabric, &proposed))?;
        let mut summary = summary(args, global, &verdicts, absent, clock)?;
        if let Some(calibrated) = &calibrated {
            folder.write(&calibrated.table())?;
            summary.extra.insert("calibration".into(), calibrated.json());
        }
        let summary = folder.commit(summary)?;
        page::write(&args.out, &fabric, &args.flows, &verdicts, &proposed, &summary)?;
    }
    print::print(&fabric, &verdicts, &proposed, global)?;
    calibrated.map_or(Ok(()), |c| c.print(global))?;
    Ok(Outcome::Done)
}

/// How many links there are in all groups.
fn links<L>(groups: &[Vec<L>]) -> usize {
    groups.iter().map(Vec::len).sum()
}

/// The verdicts against the answers. What may be named are links above all: those that are not listed count for the log
/// loss.
fn calibrate(
    truth: &Truth,
    groups: &Groups,
    fabric: &Fabric,
    verdicts: &BTreeMap<u32, Verdict>,
) -> Calibrated {
    let mut judged = Judged { components: fabric.link_count() as u64, ..Judged::default() };
    // Of a case without an answer nothing is known.
    let answered: BTreeSet<u32> = truth.cases.iter().map(|a| a.case).collect();
    for (case, verdict) in verdicts.iter().filter(|(case, _)| answered.contains(case)) {
        judged.cases.insert(*case);
        judged.causes.extend(listed(*case, fabric, verdict));
    }
    for answer in truth.cases.iter().filter(|a| verdicts.contains_key(&a.case)) {
        let component = |(class, a, b): Named| Component { case: answer.case, class: class.to_owned(), a, b };
        judged.truth.extend(answer.components(groups).into_iter().map(component));
        judged.ignored.extend(answer.covered(groups).into_iter().map(component));
    }
    Calibrated::new(judged)
}

fn summary(
    args: &Args,
    global: &Global,
    verdicts: &BTreeMap<u32, Verdict>,
    absent: usize,
    (started, clock): (SystemTime, Instant),
) -> Result<Summary, Failure> {
    let mut summary = Summary::new("isolate", global.seed);
    let files = [Some(&args.topology), Some(&args.flows), args.counters.as_ref(), args.groups.as_ref()];
    let files = files.into_iter().flatten().map(Path::new).chain(args.calibrate.file());
    summary.input_digest = inputs::digest(files)?;
    let fidelity = &mut summary.fidelity;
    fidelity.note("formula-only", "Likelihoods are formulas of loss on paths; nothing was simulated.", None);
    fidelity.note("independent-losses", "Packets of a flow are lost independently of one another.", None);
    let no_counters = "No counters were given: congestion cannot be told from loss on a link.";
    if args.counters.is_none() {
        fidelity.note("no-counters", no_counters, None);
    }
    if absent > 0 {
        let note = format!("{absent} links of groups are not in the topology; groups go without them.");
        tracing::warn!("{note}");
        fidelity.note("absent-links", note, None);
    }
    if !args.telemetry.grants.all_paths() {
        let note = "Paths of some flows are not known: their ways are summed, links other than the one in question being \
                    healthy; links that carry nothing cannot be found.";
        fidelity.note("hidden-paths", note, None);
    }
    let extra = &mut summary.extra;
    extra.insert("telemetry".into(), args.telemetry.name.into());
    let by_case = |of: fn(&Verdict) -> Value| -> Value {
        verdicts.iter().map(|(number, v)| (number.to_string(), of(v))).collect::<Map<_, _>>().into()
    };
    extra.insert("predictive_p_value".into(), by_case(|v| v.p_value.into()));
    extra.insert("reports".into(), by_case(|v| v.reports.into()));
    extra.insert("healthy_loss".into(), by_case(|v| v.healthy.into()));
    let left_out = |v: &Verdict| -> Value {
        let of = |d: &twin::Diagnostic| json!({ "code": d.code, "what": d.message, "count": d.count });
        v.diagnostics.iter().map(of).collect::<Vec<_>>().into()
    };
    extra.insert("left_out".into(), by_case(left_out));
    let since = started.duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_nanos()).ok());
    summary.run.started = since.map(WallTime::from_ns);
    summary.run.wall_s = Some(clock.elapsed().as_secs_f64());
    summary.run.command_line = std::env::args().collect();
    Ok(summary)
}
