//! `umbra generate faults`: fabrics that lose packets, for `umbra isolate fabric`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use engine::Seeds;
use report::{ParquetWriter, Table, schema};
use scenarios::fabric::cases::shape::{Net, Shape};
use scenarios::fabric::cases::truth::Truth;
use scenarios::fabric::cases::{self, Kind, Labelled, Noise, Plan};
use scenarios::fabric::topology::Paths;
use serde_json::json;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::{output, target};

/// Make fabrics with faults in them, and the answers.
///
/// Writes what `umbra isolate fabric` reads: topology.csv, CLASS.flows.parquet with every flow's path (a telemetry mode
/// grants less), CLASS.counters.parquet where links are congested or errors counted, srlg_groups.json with the line cards,
/// and the answers in CLASS.truth.json, for --truth. A case depends on the seed and its number alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is wrong.
    #[arg(long, value_enum, default_value = "silent_mixed")]
    class: Class,
    /// Cases.
    #[arg(long, value_name = "N", default_value_t = 16)]
    cases: u32,
    /// fat-tree:K (ports of a switch, even), leaf-spine:RACKSxSPINES, or wan:ROUTERS.
    #[arg(long, value_name = "SHAPE", default_value = "fat-tree:10")]
    fabric: String,
    /// Hosts of a rack; more than a rack has uplinks is oversubscription [default: 15, of a WAN 4].
    #[arg(long, value_name = "N")]
    hosts: Option<u32>,
    /// What a failed link loses: a share between these [default: 0.0025,0.025, of softness 0.002,0.018].
    #[arg(long, value_name = "LOW,HIGH", value_delimiter = ',')]
    drop: Vec<f64>,
    /// What a healthy link loses: uniform:MOST, or beta:MEAN (first shape 1/2).
    #[arg(long, value_name = "LAW", default_value = "uniform:0.0001")]
    noise: String,
    /// Application flows of a case [default: 20000 or 16000, by class].
    #[arg(long, value_name = "N")]
    flows: Option<u32>,
    /// Mean size of a flow in bytes (Pareto, before it is cut off at 100 MB).
    #[arg(long, value_name = "BYTES", default_value_t = 200e3)]
    flow_bytes: f64,
    /// Shape of the law of sizes, above 1.
    #[arg(long, value_name = "SHAPE", default_value_t = 1.05)]
    flow_shape: f64,
    /// Probes of each host in each direction.
    #[arg(long, value_name = "N", default_value_t = 5)]
    probes: u32,
    /// Share of hosts that report nothing [default: 0.3 of incomplete, else 0].
    #[arg(long, value_name = "SHARE")]
    silent: Option<f64>,
    /// uniform, or skewed: a twentieth of the racks takes half [default: in turn].
    #[arg(long, value_enum)]
    traffic: Option<Traffic>,
    /// Share of failed links whose losses are counted as input errors.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    counted: f64,
    /// The folder for the files.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What is wrong in cases, as files call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Class {
    SilentMixed,
    Softness,
    None,
    Device,
    Acl,
    Congestion,
    Incomplete,
    Srlg,
}

impl Class {
    fn kind(self) -> (&'static str, Kind) {
        let name = self.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
        Kind::ALL.into_iter().find(|(n, _)| *n == name).unwrap_or(("none", Kind::None))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Traffic {
    Uniform,
    Skewed,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let (name, kind) = args.class.kind();
    let seeds = Seeds::new(global.seed);
    let net = shape(args)?.build(seeds);
    let plan = plan(args, kind)?;
    let mut paths = Paths::new(&net.fabric);
    let cases: Vec<Labelled> =
        (0..args.cases).map(|i| cases::draw(&plan, &net, &mut paths, i, seeds)).collect();
    let failure = |e| Failure::target(&args.out, e);
    let mut files = vec![
        (args.out.join("topology.csv"), topology(&net)),
        (args.out.join(format!("{name}.flows.parquet")), parquet(&flows(&cases)).map_err(failure)?),
        (args.out.join("srlg_groups.json"), json!(net.cards).to_string().into_bytes()),
        (args.out.join(format!("{name}.truth.json")), truth(name, &cases)),
    ];
    let counters = counters(&net, &cases);
    if !counters.is_empty() {
        let bytes = parquet(&counters).map_err(failure)?;
        files.push((args.out.join(format!("{name}.counters.parquet")), bytes));
    }
    target::write_together(Some(&args.out), &files, args.dry_run)?;
    print(&cases, global)?;
    Ok(Outcome::Done)
}

fn shape(args: &Args) -> Result<Shape, Failure> {
    let wrong = || {
        let expected =
            "fat-tree:K with an even K of 2 to 24, leaf-spine:RACKSxSPINES, or wan:ROUTERS from 3 on";
        Failure::Usage(format!("--fabric {}: expected {expected}", args.fabric))
    };
    let (kind, size) = args.fabric.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u32>().ok().filter(|n| (1..=2_000).contains(n)).ok_or_else(wrong);
    let hosts = args.hosts.unwrap_or(if kind == "wan" { 4 } else { 15 });
    let shape = match kind {
        "fat-tree" => Shape::FatTree { k: number(size)?, hosts },
        "leaf-spine" => {
            let (racks, spines) = size.split_once('x').ok_or_else(wrong)?;
            Shape::LeafSpine { racks: number(racks)?, spines: number(spines)?, hosts }
        }
        "wan" => Shape::Ring { routers: number(size)?, hosts },
        _ => return Err(wrong()),
    };
    let possible = match shape {
        Shape::FatTree { k, .. } => k % 2 == 0 && k <= 24,
        Shape::LeafSpine { racks, spines, .. } => racks + spines < 10_000,
        Shape::Ring { routers, .. } => routers >= 3,
    };
    let most = 50_000;
    if !(1..=most).contains(&(hosts.saturating_mul(shape.racks()))) {
        return Err(Failure::Usage(format!("--hosts {hosts}: expected 1 to {most} hosts in all")));
    }
    if possible { Ok(shape) } else { Err(wrong()) }
}

fn plan(args: &Args, kind: Kind) -> Result<Plan, Failure> {
    let usage = |what: String| Failure::Usage(what);
    let share = |x: f64| (0.0..=1.0).contains(&x);
    let usual = Plan::new(kind);
    let drop = match args.drop[..] {
        [] => usual.drop,
        [low, high] if low > 0.0 && low <= high && high < 1.0 => (low, high),
        _ => return Err(usage("--drop: expected two shares in order, above 0 and below 1".to_owned())),
    };
    let law = args.noise.split_once(':').and_then(|(law, x)| Some((law, x.parse::<f64>().ok()?)));
    let noise = match law.filter(|(_, x)| (0.0..0.1).contains(x)) {
        Some(("uniform", most)) => Noise::Uniform(most),
        Some(("beta", mean)) => Noise::Beta(mean),
        _ => {
            return Err(usage(format!(
                "--noise {}: expected uniform:MOST or beta:MEAN below 0.1",
                args.noise
            )));
        }
    };
    let silent = args.silent.unwrap_or(usual.silent);
    if !share(silent) || !share(args.counted) {
        return Err(usage("--silent and --counted: expected shares from 0 to 1".to_owned()));
    }
    if !(args.flow_bytes >= 1.0 && args.flow_bytes <= 1e12 && args.flow_shape > 1.0) {
        return Err(usage(
            "--flow-bytes, --flow-shape: expected a size of at least 1 and a shape above 1".to_owned(),
        ));
    }
    Ok(Plan {
        drop,
        noise,
        silent,
        flows: args.flows.unwrap_or(usual.flows),
        flow_bytes: args.flow_bytes,
        flow_shape: args.flow_shape,
        probes: args.probes,
        skewed: args.traffic.map(|t| t == Traffic::Skewed),
        counted: args.counted,
        ..usual
    })
}

fn topology(net: &Net) -> Vec<u8> {
    let mut text = String::from("a,b,kind\n");
    for (a, b, kind) in &net.links {
        let _ = writeln!(text, "{a},{b},{kind}");
    }
    text.into_bytes()
}

fn flows(cases: &[Labelled]) -> Table {
    let mut table = Table::new(&schema::FABRIC_FLOWS);
    for case in cases {
        for row in &case.rows {
            table
                .row()
                .set("case", case.answer.case)
                .set("probe", row.probe)
                .set("src", row.src)
                .set("dst", row.dst)
                .set("path", row.path)
                .set("pkts", row.sent)
                .set("retx", row.lost)
                .end();
        }
    }
    table
}

fn counters(net: &Net, cases: &[Labelled]) -> Table {
    let mut table = Table::new(&schema::FABRIC_COUNTERS);
    let whole = |x: f64| x.clamp(0.0, f64::from(u32::MAX)) as u32;
    for case in cases {
        for (counter, (a, b, _)) in case.counters.iter().zip(&net.links) {
            table
                .row()
                .set("case", case.answer.case)
                .set("a", *a)
                .set("b", *b)
                .set("util", counter.utilization)
                .set("out_discards", whole(counter.discards))
                .set("in_errors", whole(counter.errors))
                .end();
        }
    }
    table
}

fn parquet(table: &Table) -> std::io::Result<Vec<u8>> {
    let mut writer = ParquetWriter::new(Vec::new(), table.spec());
    writer.write(table)?;
    writer.finish()
}

fn truth(name: &str, cases: &[Labelled]) -> Vec<u8> {
    let answers = cases.iter().map(|c| c.answer.clone()).collect();
    let truth = Truth { suite: name.to_owned(), cases: answers };
    serde_json::to_vec(&truth).expect("numbers and texts are JSON")
}

fn print(cases: &[Labelled], global: &Global) -> Result<(), Failure> {
    let mut table = output::Table::new(&["case", "traffic", "flows", "probes", "with_loss", "faults"]);
    for Labelled { answer, .. } in cases {
        let faults = answer.failed_links.len() + answer.acl.len();
        table.push(vec![
            json!(answer.case),
            json!(answer.traffic),
            json!(answer.app_flows),
            json!(answer.probes),
            json!(answer.flows_with_retx),
            json!(faults),
        ]);
    }
    table.print(global.format())
}
