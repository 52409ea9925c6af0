//! `umbra detect`: what is abnormal in series.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use detect::Relative;
use detect::evaluate::{Evaluation, Labels, Tolerance, evaluate};
use report::{Summary, Table as ResultTable, schema};
use serde_json::json;
use twin::{Diagnostic, Snapshot, WallTime};

use crate::cmd::net::NetOptions;
use crate::detect::counters::{self, Counted};
use crate::detect::ends::{Ends, Naming};
use crate::detect::found::Found;
use crate::detect::logs;
use crate::detect::marks::{Known, Marks};
use crate::detect::meta::Meta;
use crate::detect::run::{self, Judged};
use crate::detect::series::{self, Series};
use crate::detect::stamped::{Binning, Stamped};
use crate::detect::{labels, page, scored, write};
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::inputs;
use crate::output::Table;
use crate::planning::instant;
use crate::target::{self, TargetFolder};

/// Find what is abnormal in loads, gauges, paths, counters or logs.
///
/// SERIES is CSV (plain or .gz) or Parquet: a column `bin` and one for each gauge, or the columns bin, series, sent, lost,
/// rtt_ms of paths, or bin, series, count of events. META is JSON: bins, bin_s, train_end, series. With --syslog SERIES is
/// logs, with --counters readings of interface counters at any instants.
/// Each bin is judged by what came before it. Thresholds come from the part before train_end, so that about as many false
/// alarms are raised as are asked for. Prints the anomalies, or with --score how well known ones were found.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The series.
    #[arg(value_name = "SERIES")]
    series: PathBuf,
    /// What is known of them: bins, bin_s, train_end, series.
    #[arg(long, value_name = "META.json", required_unless_present_any = ["syslog", "counters"])]
    meta: Option<PathBuf>,
    /// SERIES is a log or a folder of logs (syslog, plain or .gz): how many messages of a kind a device writes is judged.
    #[arg(long, conflicts_with = "meta")]
    syslog: bool,
    /// SERIES is a file or folder of interface counters, in the forms of `umbra validate` (plain or .gz): what they rose by
    /// is judged, in each direction of each interface.
    #[arg(long, value_name = "WHICH", conflicts_with_all = ["meta", "syslog"], value_enum, num_args = 0..=1,
        require_equals = true, default_missing_value = "octets")]
    counters: Option<Counted>,
    /// Length of a bin of logs or counters, in seconds [default: 10 for logs, 300 for counters].
    #[arg(long, value_name = "SECONDS", conflicts_with = "meta", value_parser = clap::value_parser!(u32).range(1..))]
    bin: Option<u32>,
    /// Nothing is flagged in so many first seconds of logs or counters [default: 120 for logs; for counters a
    /// week, or half of what there is].
    #[arg(long, value_name = "SECONDS", conflicts_with = "meta")]
    learn: Option<u32>,
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
    /// Changes of the network, from which on a series is learnt anew: CSV or YAML with series, bin, or the lines of `umbra
    /// sync watch`, which touch what they name and, with --net, what carries more or less by the routing; with demands, so
    /// many times as much is expected there at once.
    #[arg(long, value_name = "FILE")]
    changes: Option<PathBuf>,
    /// Loads that are expected, as wide series: judged is how the series compare with them.
    #[arg(long, value_name = "SERIES")]
    expected: Option<PathBuf>,
    /// The network whose arcs the series A>B are, or whose interfaces have the counters: anomalies of neighbours are one
    /// incident.
    #[arg(long, value_name = "NET")]
    net: Option<PathBuf>,
    /// Demands, if not those of the network: a .demands file, a table with src, dst, bps, or another network file.
    #[arg(long, value_name = "FILE", requires = "net")]
    demands: Option<PathBuf>,
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

impl Args {
    /// The series of META, or of records with instants.
    fn series(&self) -> Result<Stamped, Failure> {
        if let Some(path) = &self.meta {
            let meta = Meta::open(path)?;
            let (series, diagnostics) = series::open(&self.series, &meta)?;
            return Ok(Stamped { meta, series, interfaces: Vec::new(), diagnostics });
        }
        let binning = |bin_s| Binning { bin_s: self.bin.unwrap_or(bin_s), learn_s: self.learn };
        Ok(match self.counters {
            Some(counted) => counters::open(&self.series, binning(300), counted)?,
            None => logs::open(&self.series, binning(10))?,
        })
    }
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
    diagnostics: Vec<Diagnostic>,
}

impl Input {
    fn read(args: &Args) -> Result<Self, Failure> {
        let Stamped { meta, series, interfaces, mut diagnostics } = args.series()?;
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
        let net: Option<Snapshot> = args
            .net
            .as_ref()
            .map(|path| args.reading.open_with(std::slice::from_ref(path), args.demands.as_deref()))
            .transpose()?;
        let naming = Naming::new(&meta, interfaces);
        let known = Known { meta: &meta, naming: &naming, net: net.as_ref() };
        let marks =
            Marks::open(args.maintenance.as_deref(), args.changes.as_deref(), &known, &mut diagnostics)?;
        let ends = net.map(|net| Ends::of(&naming, &net.twin, meta.series.len()));
        for series in ends.iter().flat_map(Ends::unknown) {
            Diagnostic::count(&mut diagnostics, "unknown-link", || {
                let name = &meta.series[series];
                format!("Series that are no link of the network, such as '{name}': they stand alone.")
            });
        }
        let mut labels = None;
        if let Some(path) = &args.score {
            let (read, odd) = labels::open(path, &meta)?;
            labels = Some(read);
            diagnostics.extend(odd);
        }
        if !matches!(series, Series::Events(_)) {
            diagnostics.extend(short_training(&meta));
        }
        for d in &diagnostics {
            tracing::warn!("{}: {} ({}x)", d.code, d.message, d.count);
        }
        Ok(Self { meta, series, twin, marks, labels, ends, diagnostics })
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
    let more = [
        &args.score,
        &args.scores,
        &args.maintenance,
        &args.changes,
        &args.expected,
        &args.net,
        &args.demands,
    ];
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
    if let Some(start) = input.meta.start {
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
