//! `umbra isolate telemetry`: rates, counters and BFD sessions of routers over time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use models::failure::FailureModel;
use report::Summary;
use scenarios::fabric::verdict::{Cause, Verdict, What};
use scenarios::telemetry::recording::Recording;
use scenarios::telemetry::verdict::judge;
use scenarios::telemetry::watch::Watch;
use serde_json::{Map, Value, json};
use twin::{Diagnostic, InputError, Place, WallTime};

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::inputs;
use crate::isolate::calibrate::{CalibrateArgs, Calibrated};
use crate::isolate::probes::Probes;
use crate::isolate::tables::{Tables, of_telemetry};
use crate::isolate::telemetry_files as files;
use crate::isolate::telemetry_truth;
use crate::isolate::{page, print};
use crate::target::TargetFolder;

/// Rank the causes of what routers' telemetry shows over time.
///
/// Finds the incidents of a recording and says of each what happened, on which port of which router, since when, how
/// probably, and why. A case is an incident, numbered from 1 by time; a recording without any has case 0, in which nothing
/// is wrong. At least one of rates, counters and BFD is needed; what is absent is not used. Tables: entities, causes, sets,
/// evidence; report.html says it in words.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Neighbours by CDP or LLDP: JSON with devices, their interfaces, target_device and target_port.
    #[arg(long, value_name = "FILE")]
    topology: PathBuf,
    /// Rates of ports: Parquet files, or folders of them.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    rates: Vec<PathBuf>,
    /// Counters of ports: Parquet files, or folders of them.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    counters: Vec<PathBuf>,
    /// BFD sessions: Parquet files, or folders of them.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    bfd: Vec<PathBuf>,
    /// How often things fail: a preset.
    #[arg(long, value_name = "NAME", default_value = "wan-cenic")]
    failures: String,
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
    let model = FailureModel::preset(&args.failures).ok_or_else(|| {
        let presets = models::failure::PRESETS.map(|p| p.name);
        InputError::new("--failures", Place::Whole, format!("'{}'", args.failures), presets.join(" or "))
            .with_nearest(&args.failures, presets)
    })?;
    if args.rates.is_empty() && args.counters.is_empty() && args.bfd.is_empty() {
        let expected = "at least one of --rates, --counters, --bfd";
        return Err(InputError::new("isolate telemetry", Place::Whole, "no telemetry", expected).into());
    }
    let mut recording = Recording::default();
    let mut odd = Vec::new();
    files::neighbours(&args.topology, &mut recording)?;
    files::rates(&args.rates, &mut recording)?;
    files::counters(&args.counters, &mut recording, &mut odd)?;
    files::bfd(&args.bfd, &mut recording)?;
    let folder = if args.dry_run { None } else { Some(TargetFolder::create(&args.out)?) };
    let watch = Watch::new(&recording);
    odd.extend(watch.diagnostics.iter().cloned());
    let answers = judge(&watch, &model, &[]);
    let mut verdicts: BTreeMap<u32, Verdict> = (1..).zip(answers.into_iter().map(|a| a.verdict)).collect();
    if verdicts.is_empty() {
        verdicts.insert(0, quiet(&recording));
    }
    let judged = args.calibrate.file().map(|f| telemetry_truth::judged(f, &watch, &verdicts)).transpose()?;
    let calibrated = judged.map(Calibrated::new);
    if let Some(mut folder) = folder {
        let mut tables = Tables::new(of_telemetry(&watch));
        verdicts.iter().for_each(|(number, verdict)| tables.add(*number, &watch, verdict));
        tables.write(&mut folder)?;
        let mut summary = summary(args, global, &watch, (&verdicts, &odd), clock)?;
        if let Some(calibrated) = &calibrated {
            folder.write(&calibrated.table())?;
            summary.extra.insert("calibration".into(), calibrated.json());
        }
        let summary = folder.commit(summary)?;
        let input = args.counters.iter().chain(&args.bfd).chain(&args.rates).next().unwrap_or(&args.topology);
        page::write(&args.out, &watch, input, &verdicts, &Probes::new(), &summary)?;
    }
    print::print(&watch, &verdicts, &Probes::new(), global)?;
    calibrated.map_or(Ok(()), |c| c.print(global))?;
    Ok(Outcome::Done)
}

/// The answer where there is no incident.
fn quiet(recording: &Recording) -> Verdict {
    let causes = [(What::None, 1.0), (What::Unknown, 0.0)];
    Verdict {
        causes: causes.map(|(what, p)| Cause::plain(what, p)).to_vec(),
        sets: vec![(Vec::new(), 1.0)],
        diagnostics: Vec::new(),
        reports: recording.ports.iter().filter(|p| p.is_heard()).count(),
        healthy: 0.0,
        p_value: 1.0,
    }
}

fn summary(
    args: &Args,
    global: &Global,
    watch: &Watch<'_>,
    (verdicts, odd): (&BTreeMap<u32, Verdict>, &[Diagnostic]),
    (started, clock): (SystemTime, Instant),
) -> Result<Summary, Failure> {
    let mut summary = Summary::new("isolate", global.seed);
    let files = [&args.topology].into_iter().chain(&args.rates).chain(&args.counters).chain(&args.bfd);
    let files = files.map(PathBuf::as_path).chain(args.calibrate.file());
    summary.input_digest = inputs::digest(files)?;
    let fidelity = &mut summary.fidelity;
    fidelity.note("formula-only", "Likelihoods are formulas; nothing was simulated.", None);
    let note = "Series change independently of one another given the cause.";
    fidelity.note("independent-series", note, None);
    let absent = [
        (args.rates.is_empty(), "no-rates", "No rates were given."),
        (
            args.counters.is_empty(),
            "no-counters",
            "No counters were given: carriers, errors, drops and losses are not seen.",
        ),
        (args.bfd.is_empty(), "no-bfd", "No BFD sessions were given."),
    ];
    absent.into_iter().filter(|a| a.0).for_each(|(_, code, text)| fidelity.note(code, text, None));
    let silent = watch
        .devices
        .iter()
        .filter(|d| !d.ports.iter().any(|p| watch.recording.ports[*p as usize].is_heard()));
    let silent = silent.count() as u64;
    if silent > 0 {
        let text =
            format!("{silent} routers of the topology reported nothing: their ends of links are not seen.");
        fidelity.note("silent-routers", text, None);
    }
    if !watch.learnt && !args.rates.is_empty() {
        let text = "The load interval could not be learnt from counters: 300 s, the default, was taken.";
        fidelity.note("load-interval", text, None);
    }
    let by_case = |of: fn(&Verdict) -> Value| -> Value {
        verdicts.iter().map(|(number, v)| (number.to_string(), of(v))).collect::<Map<_, _>>().into()
    };
    let extra = &mut summary.extra;
    extra.insert("predictive_p_value".into(), by_case(|v| v.p_value.into()));
    extra.insert("reports".into(), by_case(|v| v.reports.into()));
    extra.insert("failure_model".into(), args.failures.as_str().into());
    extra.insert("load_interval_s".into(), watch.interval.tau_s.into());
    let left_out = odd.iter().map(|d| json!({ "code": d.code, "what": d.message, "count": d.count }));
    extra.insert("left_out".into(), left_out.collect::<Vec<_>>().into());
    let since = started.duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_nanos()).ok());
    summary.run.started = since.map(WallTime::from_ns);
    summary.run.wall_s = Some(clock.elapsed().as_secs_f64());
    summary.run.command_line = std::env::args().collect();
    Ok(summary)
}
