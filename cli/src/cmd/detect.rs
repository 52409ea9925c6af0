//! `umbra detect`: what is abnormal in series.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use detect::Relative;
use detect::evaluate::{Evaluation, Labels, Tolerance, evaluate};
use report::{Summary, Table as ResultTable, schema};
use serde_json::json;
use twin::{Csr, Diagnostic, WallTime};

use crate::cmd::net::NetOptions;
use crate::cmd::replay::layer;
use crate::detect::found::{Ends, Found};
use crate::detect::logs::{self, Binning};
use crate::detect::marks::Marks;
use crate::detect::meta::Meta;
use crate::detect::run::{self, Judged};
use crate::detect::series::{self, Series};
use crate::detect::{labels, page, scored, write};
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::inputs;
use crate::output::Table;
use crate::planning::instant;
use crate::target::{self, TargetFolder};

/// Find what is abnormal in link loads, other gauges, paths or logs.
///
/// SERIES is CSV (plain or .gz) or Parquet: a column `bin` and one for each gauge, or the columns bin, series, sent, lost,
/// rtt_ms of paths, or bin, series, count of events; with --syslog it is logs. META is JSON: bins, bin_s, train_end, series.
/// Each bin is judged by what came before it. Thresholds come from the part before train_end, so that about as many false
/// alarms are raised as are asked for. Prints the anomalies, or with --score how well known ones were found.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The series.
    #[arg(value_name = "SERIES")]
    series: PathBuf,
    /// What is known of them: bins, bin_s, train_end, series.
    #[arg(long, value_name = "META.json", required_unless_present = "syslog")]
    meta: Option<PathBuf>,
    /// SERIES is a log or a folder of logs (syslog, plain or .gz): how many messages of a kind a device writes is judged.
    #[arg(long, conflicts_with = "meta")]
    syslog: bool,
    /// Length of a bin of logs, in seconds.
    #[arg(long, value_name = "SECONDS", conflicts_with = "meta", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..))]
    bin: u32,
    /// Nothing is flagged in so many first seconds of logs.
    #[arg(long, value_name = "SECONDS", conflicts_with = "meta", default_value_t = 120)]
    learn: u32,
    /// Scores of all bins as CSV; higher is more abnormal, empty is no opinion.
    #[arg(long, value_name = "SCORES.csv")]
    out: Option<PathBuf>,
    /// Flags of all bins as CSV, 0 or 1.
    #[arg(long, value_name = "FLAGS.csv")]
    flags: Option<PathBuf>,
    /// False alarms a week on each series that are worth it.
    #[arg(long, value_name = "R", default_value_t = 1.0, value_parser = rate)]
    fa_week: f64,
    /// Known anomalies: CSV with event, type, start, end, series, snr. Prints recall, precision and the like.
    #[arg(long, value_name = "EVENTS.csv")]
    score: Option<PathBuf>,
    /// Score these scores in the place of Umbra's own.
    #[arg(long, value_name = "SCORES.csv", requires = "score")]
    scores: Option<PathBuf>,
    /// Folder for tables (series_anomalies, incidents, alarm_rates, entities), summary.json and report.html.
    #[arg(long, value_name = "DIR")]
    result: Option<PathBuf>,
    /// All bins with what was expected of them as a table series_bins in the result folder.
    #[arg(long, requires = "result")]
    bins: bool,
    /// Maintenance windows, in which nothing is flagged or learnt: CSV or YAML with series, from, to.
    #[arg(long, value_name = "FILE")]
    maintenance: Option<PathBuf>,
    /// Changes of the network, from which on a series is learnt anew: CSV or YAML with series, bin.
    #[arg(long, value_name = "FILE")]
    changes: Option<PathBuf>,
    /// Loads that are expected, as wide series: judged is how the series compare with them.
    #[arg(long, value_name = "SERIES")]
    expected: Option<PathBuf>,
    /// The network whose arcs the series A>B are: anomalies of neighbours are one incident.
    #[arg(long, value_name = "NET")]
    net: Option<PathBuf>,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    reading: NetOptions,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|r: &f64| *r > 0.0 && r.is_finite());
    rate.ok_or_else(|| "expected a number above 0".to_owned())
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let clock = (SystemTime::now(), Instant::now());
    let input = Input::read(args)?;
    let judged = match &args.scores {
        Some(path) => {
            let (scores, _) = series::open_wide(path, &input.meta)?;
            let labels = input.labels.clone().unwrap_or_default();
            run::of_others(scores, &labels, &input.meta, args.fa_week)
        }
        None => run::judge(&input.judged(), &input.marks, &input.meta, args.fa_week),
    };
    let found =
        Found::new(&input.meta, &input.series, &input.twin, &judged, &input.marks, input.ends.as_ref());
    let evaluation = input.labels.as_ref().map(|labels| score(&judged, labels, &input.meta));
    let folder = match &args.result {
        Some(path) if !args.dry_run => Some(TargetFolder::create(path)?),
        _ => None,
    };
    let scores = args.out.iter().map(|path| (path.clone(), write::scores(&input.meta, &judged.scores)));
    let flags = args.flags.iter().map(|path| (path.clone(), write::flags(&input.meta, &judged.flags)));
    target::write_together(None, &scores.chain(flags).collect::<Vec<_>>(), args.dry_run)?;
    if let (Some(mut folder), Some(path)) = (folder, &args.result) {
        folder.write(&entities(&input.meta))?;
        folder.write(&found.anomalies())?;
        folder.write(&found.incidents())?;
        folder.write(&scored::calibration(&judged, input.labels.as_ref(), &input.meta))?;
        for series in (0..input.meta.series.len()).filter(|_| args.bins) {
            folder.write(&found.bins(series))?;
        }
        let summary = folder.commit(summary(args, global, &input, evaluation.as_ref(), clock)?)?;
        let html = page::page(&found, &args.series, args.fa_week, evaluation.as_ref(), &summary).render();
        target::write(&path.join("report.html"), html.as_bytes(), false)?;
    }
    // Scores on stdout are all that may stand there.
    let taken = [&args.out, &args.flags].into_iter().flatten().any(|path| path == Path::new("/dev/stdout"));
    match evaluation {
        _ if taken => {}
        Some(evaluation) => scored::table(&evaluation).print(global.format())?,
        None => Table::rows_of(&found.anomalies()).print(global.format())?,
    }
    Ok(Outcome::Done)
}

/// All that is read.
struct Input {
    meta: Meta,
    series: Series,
    /// Gauges beside what is expected of them; empty without.
    twin: Vec<Relative>,
    marks: Marks,
    labels: Option<Labels>,
    ends: Option<Ends>,
    /// When bin 0 begins, where the input says it.
    start: Option<WallTime>,
    diagnostics: Vec<Diagnostic>,
}

impl Input {
    fn read(args: &Args) -> Result<Self, Failure> {
        let (meta, series, start, mut diagnostics) = match &args.meta {
            Some(path) => {
                let meta = Meta::open(path)?;
                let (series, odd) = series::open(&args.series, &meta)?;
                (meta, series, None, odd)
            }
            None => {
                let logs = logs::open(&args.series, Binning { bin_s: args.bin, learn_s: args.learn })?;
                (logs.meta, logs.series, Some(logs.start), logs.diagnostics)
            }
        };
        let mut twin = Vec::new();
        if let Some(path) = &args.expected {
            let Series::Gauges(gauges) = &series else {
                return Err(Failure::Usage(
                    "--expected is for gauges: nothing else has an expected load".into(),
                ));
            };
            let (loads, odd) = series::open_wide(path, &meta)?;
            twin = gauges.iter().zip(&loads).map(|(seen, twin)| Relative::new(seen, twin)).collect();
            diagnostics.extend(odd);
        }
        let marks =
            Marks::open(args.maintenance.as_deref(), args.changes.as_deref(), &meta, &mut diagnostics)?;
        let mut labels = None;
        if let Some(path) = &args.score {
            let (read, odd) = labels::open(path, &meta)?;
            labels = Some(read);
            diagnostics.extend(odd);
        }
        let mut ends = None;
        if let Some(path) = &args.net {
            let net = args.reading.open(std::slice::from_ref(path))?;
            ends = Some(Ends::of(&Csr::compile(&net.twin, layer(&net.twin)), &meta, &mut diagnostics));
        }
        if !matches!(series, Series::Events(_)) {
            diagnostics.extend(short_training(&meta));
        }
        for d in &diagnostics {
            tracing::warn!("{}: {} ({}x)", d.code, d.message, d.count);
        }
        Ok(Self { meta, series, twin, marks, labels, ends, start, diagnostics })
    }

    /// What is judged: the series, or how they compare with what is expected.
    fn judged(&self) -> Series {
        match &self.series {
            Series::Gauges(gauges) if !self.twin.is_empty() => {
                let ratios = |(seen, twin): (&Vec<f64>, &Relative)| {
                    seen.iter().enumerate().map(|(bin, load)| twin.ratio(bin, *load)).collect()
                };
                Series::Gauges(gauges.iter().zip(&self.twin).map(ratios).collect())
            }
            series => series.clone(),
        }
    }
}

/// What a training part that is shorter than a season means.
fn short_training(meta: &Meta) -> Option<Diagnostic> {
    let days = meta.frame.train_end as f64 * meta.frame.bin_s / 86_400.0;
    let season = match days {
        d if d < 1.0 => "a day: no season is known when judging begins",
        d if d < 7.0 => "a week: weekdays are not told apart when judging begins",
        _ => return None,
    };
    let message = format!("The training part of {days:.2} days is shorter than {season}.");
    Some(Diagnostic { code: "short-training".to_owned(), message, count: 1 })
}

fn score(judged: &Judged, labels: &Labels, meta: &Meta) -> Evaluation {
    evaluate(&judged.scores, &judged.flags, labels, meta.frame, &Tolerance::for_bins(meta.frame.bin_s))
}

/// The series as entities.
fn entities(meta: &Meta) -> ResultTable {
    let mut table = ResultTable::new(&schema::ENTITIES);
    for (number, name) in (0u32..).zip(&meta.series) {
        table
            .row()
            .set("entity", number)
            .set("key", format!("series:{name}"))
            .set("kind", "series")
            .set("name", name.as_str())
            .set("groups", Vec::<u32>::new())
            .end();
    }
    table
}

fn summary(
    args: &Args,
    global: &Global,
    input: &Input,
    evaluation: Option<&Evaluation>,
    (started, clock): (SystemTime, Instant),
) -> Result<Summary, Failure> {
    let mut summary = Summary::new("detect", global.seed);
    let more = [&args.score, &args.scores, &args.maintenance, &args.changes, &args.expected, &args.net];
    let files = std::iter::once(&args.series).chain(&args.meta).chain(more.into_iter().flatten());
    summary.input_digest = inputs::digest(files.map(PathBuf::as_path))?;
    let note = "Series are judged by what they did before; what was abnormal all along is normal.";
    summary.fidelity.note("learnt-normal", note, None);
    if input.ends.is_none() {
        let note = "No network was given: anomalies that begin together are one incident, wherever they are.";
        summary.fidelity.note("no-topology", note, None);
    }
    let odd = |d: &Diagnostic| json!({ "code": d.code, "what": d.message, "count": d.count });
    summary.extra.insert("fa_week".into(), args.fa_week.into());
    summary.extra.insert("diagnostics".into(), input.diagnostics.iter().map(odd).collect());
    if let Some(start) = input.start {
        summary.extra.insert("bin_0".into(), instant::text(start).into());
    }
    if let Some(evaluation) = evaluation {
        summary.extra.insert("evaluation".into(), scored::object(evaluation));
    }
    let since = started.duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_nanos()).ok());
    summary.run.started = since.map(WallTime::from_ns);
    summary.run.wall_s = Some(clock.elapsed().as_secs_f64());
    summary.run.command_line = std::env::args().collect();
    Ok(summary)
}
