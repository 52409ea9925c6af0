//! `umbra isolate alarms`: alarms of links and groups that share a risk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use report::Summary;
use scenarios::alarms::network::Network;
use scenarios::alarms::sources::{self, Alarms, Source};
use scenarios::alarms::verdict::Judge;
use scenarios::calibration::{Component, Judged};
use scenarios::fabric::verdict::Verdict;
use serde_json::{Map, Value, json};
use twin::WallTime;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::inputs;
use crate::isolate::alarm_files;
use crate::isolate::calibrate::{CalibrateArgs, Calibrated, listed};
use crate::isolate::probes::Probes;
use crate::isolate::tables::{Tables, of_network};
use crate::isolate::{page, print};
use crate::target::TargetFolder;

/// Rank the shared risks behind alarms.
///
/// Judges each case of the alarms file: which spans, conduits, line cards, ports or routers have failed together, how
/// probably, and why. How far each source of alarms can be trusted is learnt from the file. Prints what is at least 5 %
/// probable with the strongest evidence for and against. Tables: entities, causes, sets, evidence;
/// report.html says it in words.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The network: JSON with links, and groups with their links and priors.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Alarms of all cases: CSV with case, router, link, source.
    #[arg(long, value_name = "FILE")]
    obs: PathBuf,
    #[command(flatten)]
    calibrate: CalibrateArgs,
    /// The result folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let clock = (SystemTime::now(), Instant::now());
    let network = alarm_files::model(&args.model)?;
    let alarm_files::Cases { sources: names, cases } = alarm_files::alarms(&args.obs, &network)?;
    let truth = args.calibrate.file().map(|f| alarm_files::truth(f, &network)).transpose()?;
    let folder = if args.dry_run { None } else { Some(TargetFolder::create(&args.out)?) };
    let all: Vec<Alarms> = cases.values().map(|(alarms, _)| alarms.clone()).collect();
    let learnt = sources::learn(&all, names.len());
    let judge = Judge::new(&network, &names, &learnt);
    let verdicts: Vec<Verdict> = all.par_iter().map(|alarms| judge.judge(&network, alarms)).collect();
    let answered = cases.into_iter().zip(verdicts);
    let verdicts: BTreeMap<u32, Verdict> =
        answered.map(|((number, (_, diagnostics)), v)| (number, Verdict { diagnostics, ..v })).collect();
    let calibrated = truth.map(|truth| calibrate(truth, &network, &verdicts));
    if let Some(mut folder) = folder {
        let mut tables = Tables::new(of_network(&network));
        verdicts.iter().for_each(|(number, verdict)| tables.add(*number, &network, verdict));
        tables.write(&mut folder)?;
        let learnt = names.iter().zip(&learnt);
        let mut summary = summary(args, global, &network, learnt, &verdicts, clock)?;
        if let Some(calibrated) = &calibrated {
            folder.write(&calibrated.table())?;
            summary.extra.insert("calibration".into(), calibrated.json());
        }
        let summary = folder.commit(summary)?;
        page::write(&args.out, &network, &args.obs, &verdicts, &Probes::new(), &summary)?;
    }
    print::print(&network, &verdicts, &Probes::new(), global)?;
    calibrated.map_or(Ok(()), |c| c.print(global))?;
    Ok(Outcome::Done)
}

/// The verdicts against the answers. Groups with the same links are one hypothesis: the first stands for all.
fn calibrate(truth: Vec<(u32, u32)>, network: &Network, verdicts: &BTreeMap<u32, Verdict>) -> Calibrated {
    let mut first = BTreeMap::new();
    let mut one_of = Vec::new();
    for (i, group) in network.groups.iter().enumerate() {
        one_of.push(*first.entry(&group.links).or_insert(i));
    }
    let one = |c: Component| match c.a.parse::<usize>().ok().and_then(|i| one_of.get(i)) {
        Some(i) => Component { a: i.to_string(), ..c },
        None => c,
    };
    let mut judged = Judged { components: first.len() as u64, ..Judged::default() };
    judged.cases.extend(verdicts.keys());
    let mut causes = BTreeMap::new();
    for (case, verdict) in verdicts {
        listed(*case, network, verdict).for_each(|(c, p)| *causes.entry(one(c)).or_insert(0.0) += p);
    }
    judged.causes.extend(causes);
    let group =
        |(case, a): (u32, u32)| one(Component { case, class: "group".to_owned(), a: a.to_string(), b: None });
    judged.truth = truth.into_iter().filter(|(case, _)| verdicts.contains_key(case)).map(group).collect();
    Calibrated::new(judged)
}

fn summary<'a>(
    args: &Args,
    global: &Global,
    network: &Network,
    learnt: impl Iterator<Item = (&'a String, &'a Source)>,
    verdicts: &BTreeMap<u32, Verdict>,
    (started, clock): (SystemTime, Instant),
) -> Result<Summary, Failure> {
    let mut summary = Summary::new("isolate", global.seed);
    summary.input_digest =
        inputs::digest([args.model.as_path(), &args.obs].into_iter().chain(args.calibrate.file()))?;
    let fidelity = &mut summary.fidelity;
    fidelity.note("formula-only", "Likelihoods are formulas; nothing was simulated.", None);
    fidelity.note("independent-alarms", "Ends and sources report independently of one another.", None);
    fidelity.note("no-order", "When alarms came is not used.", None);
    let by_case = |of: fn(&Verdict) -> Value| -> Value {
        verdicts.iter().map(|(number, v)| (number.to_string(), of(v))).collect::<Map<_, _>>().into()
    };
    let left_out = |v: &Verdict| -> Value {
        let of = |d: &twin::Diagnostic| json!({ "code": d.code, "what": d.message, "count": d.count });
        v.diagnostics.iter().map(of).collect::<Vec<_>>().into()
    };
    let worth = |s: &Source| json!({ "detected": s.detected, "spurious": s.spurious });
    let extra = &mut summary.extra;
    extra.insert("predictive_p_value".into(), by_case(|v| v.p_value.into()));
    extra.insert("reports".into(), by_case(|v| v.reports.into()));
    extra.insert("left_out".into(), by_case(left_out));
    extra.insert("missing_memberships".into(), network.missing.into());
    let sources: Map<String, Value> = learnt.map(|(name, s)| (name.clone(), worth(s))).collect();
    extra.insert("sources".into(), sources.into());
    let since = started.duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_nanos()).ok());
    summary.run.started = since.map(WallTime::from_ns);
    summary.run.wall_s = Some(clock.elapsed().as_secs_f64());
    summary.run.command_line = std::env::args().collect();
    Ok(summary)
}
