//! `umbra isolate twin`: causes of what was observed of a network, by simulation.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use report::Summary;
use scenarios::causes::class::{CLASSES, Cause};
use scenarios::causes::rank::{Settings, Verdict, What, rank};
use serde_json::{Map, Value, json};
use twin::{InputError, LinkId, Place, SimDuration};

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::isolate::calibrate::{CalibrateArgs, Calibrated};
use crate::isolate::observed_files::{self, Case};
use crate::isolate::tables::Tables;
use crate::isolate::{twin_answer, twin_page, twin_truth, twin_words};
use crate::planning::degrading;
use crate::planning::names::Names;
use crate::planning::study::{Study, StudyArgs};
use crate::target::TargetFolder;

/// Rank the causes of what was observed of a network, by simulation.
///
/// Reads polls, probes and samples of one or more incidents and asks of each cause: would the network, with it, have looked
/// like this? Every cause is run once in the twin, the leading ones many times with what is not known drawn anew: demands,
/// hashes, bursts, buffers, late pollers. Prints what is at least 5 % probable with the strongest evidence for and against.
/// Tables: entities, causes, sets, evidence; report.html says it in words.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    study: StudyArgs,
    /// The folder with polls.parquet, and probes.parquet and samples.parquet where there are any.
    #[arg(long, value_name = "DIR")]
    observed: PathBuf,
    /// Replicas of each leading cause; up to 800 where causes are nearly level.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    replicas: u32,
    /// How many leading causes are run so often.
    #[arg(long, value_name = "K", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    top: u32,
    /// Bins at the end of the record in which something may have begun; what is before them is taken to be usual.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(5..=10_000))]
    window: u32,
    /// Use formulas alone.
    #[arg(long, conflicts_with_all = ["replicas", "top"])]
    no_simulation: bool,
    /// Classes of causes that are not considered.
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = class)]
    without: Vec<String>,
    /// What was measured of parts that wear, as for `umbra risk`: links that will fail within a day are suspected more.
    #[arg(long, value_name = "FILE")]
    degrading: Option<PathBuf>,
    #[command(flatten)]
    calibrate: CalibrateArgs,
    /// The result folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
}

fn class(name: &str) -> Result<String, String> {
    let names: Vec<&str> = CLASSES.iter().map(|c| c.name).collect();
    if names.contains(&name) {
        Ok(name.to_owned())
    } else {
        Err(format!("expected one of {}", names.join(", ")))
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let study = args.study.open()?;
    let window = args.window as usize;
    // Half an hour's worth of bins has to be usual, and be it only to know what usual is.
    let cases = observed_files::read(&args.observed, &study.csr, window + 30)?;
    let truth = args.calibrate.file().map(|f| twin_truth::read(f, &study.csr, &study.routing)).transpose()?;
    if let (Some(file), Some(truth)) = (args.calibrate.file(), &truth)
        && !cases.keys().any(|case| truth.contains_key(case))
    {
        let (file, what) = (file.display().to_string(), "no answer to any incident of --observed");
        return Err(InputError::new(&file, Place::Whole, what, "the same numbers of cases").into());
    }
    let settings = Settings {
        replicas: if args.no_simulation { 0 } else { args.replicas },
        top: args.top as usize,
        seed: global.seed,
        window,
        without: args.without.clone(),
        worn: args.degrading.as_ref().map(|file| worn(file, &study)).transpose()?.unwrap_or_default(),
    };
    let folder = if args.dry_run { None } else { Some(TargetFolder::create(&args.out)?) };
    let judge = |case: &Case| rank(&study.csr, &study.routing, &study.demands, &case.observed, &settings);
    let verdicts: BTreeMap<u32, Verdict> =
        cases.iter().map(|(number, case)| (*number, judge(case))).collect();
    let calibrated = truth.map(|truth| {
        let causes = Cause::all(&study.csr, &study.routing, &args.without).len() as u64;
        Calibrated::new(twin_truth::judged(&study.csr, &truth, &verdicts, causes))
    });
    if let Some(mut folder) = folder {
        let mut tables = Tables::new(report::entities(&study.twin));
        for (number, verdict) in &verdicts {
            twin_answer::add(&mut tables, &study.csr, *number, &cases[number].observed, verdict);
        }
        tables.write(&mut folder)?;
        let mut summary = summary(args, global, &study, &cases, &verdicts)?;
        if let Some(calibrated) = &calibrated {
            folder.write(&calibrated.table())?;
            summary.extra.insert("calibration".into(), calibrated.json());
        }
        let summary = folder.commit(summary)?;
        twin_page::write(&args.out, &study.csr, &args.observed, &cases, &verdicts, &summary)?;
    }
    twin_words::print(&study.csr, &cases, &verdicts, global)?;
    calibrated.map_or(Ok(()), |c| c.print(global))?;
    Ok(Outcome::Done)
}

/// How often links wear out, per hour: the rate at which as many fail within a day.
fn worn(file: &Path, study: &Study) -> Result<BTreeMap<LinkId, f64>, InputError> {
    const DAY_H: u64 = 24;
    let worn = degrading::read(file, &Names::new(&study.twin, &study.csr), SimDuration::secs(DAY_H * 3_600))?;
    // No certainty: a rate must stay finite.
    let rate = |p: f64| -libm::log1p(-p.clamp(0.0, 0.999)) / DAY_H as f64;
    let links = worn.iter().flat_map(|w| w.set.links().iter().map(|link| (*link, rate(w.probability))));
    Ok(links.collect())
}

fn summary(
    args: &Args,
    global: &Global,
    study: &Study,
    cases: &BTreeMap<u32, Case>,
    verdicts: &BTreeMap<u32, Verdict>,
) -> Result<Summary, Failure> {
    let files =
        [args.observed.as_path()].into_iter().chain(args.degrading.as_deref()).chain(args.calibrate.file());
    let mut summary = study.summary("isolate", global, files)?;
    summary.fidelity = twin::Fidelity::default();
    let fidelity = &mut summary.fidelity;
    fidelity.note("one-cause", "One cause is at work; several at once appear as unknown.", None);
    if args.no_simulation {
        fidelity.note("formula-only", "Likelihoods are formulas; nothing was simulated.", None);
    } else {
        let note =
            "Traffic is a fluid in steady states before and after; waits and discards follow from loads.";
        fidelity.note("fluid", note, None);
        summary.trials = u64::from(args.replicas);
    }
    let by_case = |of: &dyn Fn(u32, &Verdict) -> Value| -> Value {
        verdicts.iter().map(|(number, v)| (number.to_string(), of(*number, v))).collect::<Map<_, _>>().into()
    };
    let left_out = |number: u32, v: &Verdict| -> Value {
        let of = |d: &twin::Diagnostic| json!({ "code": d.code, "what": d.message, "count": d.count });
        cases[&number].diagnostics.iter().chain(&v.diagnostics).map(of).collect::<Vec<_>>().into()
    };
    let effective = |_: u32, v: &Verdict| -> Value {
        let best = v.ranked.iter().find(|r| matches!(r.what, What::Cause(_)));
        best.map_or(Value::Null, |r| r.effective.into())
    };
    let extra = &mut summary.extra;
    extra.insert("predictive_p_value".into(), by_case(&|_, v| v.p_value.into()));
    extra.insert("effective_replicas".into(), by_case(&effective));
    extra.insert("left_out".into(), by_case(&left_out));
    Ok(summary)
}
