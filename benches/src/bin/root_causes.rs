//! Root causes in fabrics: Umbra, Flock's inference with published and tuned constants, and the rule "highest loss ratio per
//! link", on the same cases in the same run: scores, CPU seconds, and a paired bootstrap of the log loss.
//!
//! ```text
//! cargo run --release -p umbra-benches --bin root_causes -- files DIR SUITE [--telemetry MODE]
//! cargo run --release -p umbra-benches --bin root_causes -- draw KIND [--cases N] [--seed S] [--fabric SHAPE] …
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use engine::Seeds;
use report::{ParquetFile, schema};
use scenarios::fabric::cases::shape::Shape;
use scenarios::fabric::cases::truth::{Answer, Truth};
use scenarios::fabric::cases::{self, Kind, Noise, Plan};
use scenarios::fabric::congestion::Counter;
use scenarios::fabric::telemetry::{Row, Telemetry};
use scenarios::fabric::topology::{Fabric, Link, Paths};
use scenarios::fabric::verdict::Case;
use umbra_benches::contest::Contest;

/// Root causes side by side.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    what: What,
    /// What of the flows may be used.
    #[arg(long, default_value = "INT", global = true)]
    telemetry: String,
}

#[derive(Subcommand)]
enum What {
    /// Cases of `umbra generate faults`.
    Files { folder: PathBuf, suite: String },
    /// Cases that are drawn here.
    Draw(Draw),
}

#[derive(clap::Args)]
struct Draw {
    /// What is wrong: silent_mixed, softness, …
    kind: String,
    #[arg(long, default_value_t = 20)]
    cases: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ports of a fat tree's switches.
    #[arg(long, default_value_t = 10)]
    k: u32,
    /// Racks and spines of a leaf-spine fabric instead.
    #[arg(long, num_args = 2)]
    leaf_spine: Vec<u32>,
    /// Hosts of a rack.
    #[arg(long, default_value_t = 15)]
    hosts: u32,
    /// Healthy links lose a Beta law of this mean instead of U(0, 1e-4).
    #[arg(long)]
    beta: Option<f64>,
    /// Failed links lose between these.
    #[arg(long, num_args = 2)]
    drop: Vec<f64>,
}

/// Cases of one fabric.
struct Suite {
    fabric: Fabric,
    groups: Vec<Vec<(u32, u32)>>,
    cases: Vec<(Vec<Row>, Vec<Counter>, Answer)>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mode = Telemetry::named(&args.telemetry).context("no such telemetry mode")?;
    let (suite, given) = match &args.what {
        What::Files { folder, suite } => (from_files(folder, suite)?, suite == "srlg"),
        What::Draw(draw) => (draw_cases(draw)?, draw.kind == "srlg"),
    };
    let fabric = &suite.fabric;
    let link = |(a, b): &(u32, u32)| fabric.link(fabric.node(*a)?, fabric.node(*b)?);
    let groups: Vec<Vec<Link>> = match given {
        true => suite.groups.iter().map(|g| g.iter().filter_map(link).collect()).collect(),
        false => Vec::new(),
    };
    let mut contest = Contest::new(&args.telemetry, &suite.groups);
    for (rows, counters, answer) in &suite.cases {
        let reports: Vec<_> = rows.iter().filter_map(|row| mode.report(row)).collect();
        let case = Case {
            fabric,
            reports: &reports,
            lossy_only: mode.lossy_only(),
            counters,
            groups: &groups,
            without: &[],
            number: u64::from(answer.case),
        };
        contest.add(answer.case, &case, answer, Seeds::new(0));
    }
    print!("{}", contest.report());
    Ok(())
}

fn draw_cases(draw: &Draw) -> anyhow::Result<Suite> {
    let kind = Kind::ALL.into_iter().find(|(name, _)| *name == draw.kind).context("no such kind")?.1;
    let shape = match draw.leaf_spine[..] {
        [racks, spines] => Shape::LeafSpine { racks, spines, hosts: draw.hosts },
        _ => Shape::FatTree { k: draw.k, hosts: draw.hosts },
    };
    let seeds = Seeds::new(draw.seed);
    let net = shape.build(seeds);
    let mut plan = Plan::new(kind);
    plan.noise = draw.beta.map_or(plan.noise, Noise::Beta);
    if let [low, high] = draw.drop[..] {
        plan.drop = (low, high);
    }
    let mut paths = Paths::new(&net.fabric);
    let case = |i| {
        let case = cases::draw(&plan, &net, &mut paths, i, seeds);
        (case.rows, case.counters, case.answer)
    };
    let cases = (0..draw.cases).map(case).collect();
    Ok(Suite { groups: net.cards.clone(), fabric: net.fabric, cases })
}

fn from_files(folder: &Path, suite: &str) -> anyhow::Result<Suite> {
    let text = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    let links: Vec<(u32, u32)> = text("topology.csv")?.lines().skip(1).filter_map(ends).collect();
    let fabric = Fabric::new(&links);
    let truth: Truth = serde_json::from_str(&text(&format!("{suite}.truth.json"))?)?;
    let groups = match text("srlg_groups.json") {
        Ok(groups) => serde_json::from_str(&groups)?,
        Err(_) => Vec::new(),
    };
    let mut rows = BTreeMap::<u32, Vec<Row>>::new();
    let table =
        ParquetFile::open(&folder.join(format!("{suite}.flows.parquet")))?.table(&schema::FABRIC_FLOWS)?;
    for i in 0..table.len() {
        let at = |name: &str| table.u32(name)[i].unwrap_or_default();
        let path = table.u32("path")[i];
        let row = Row {
            probe: at("probe"),
            src: at("src"),
            dst: at("dst"),
            path,
            sent: at("pkts"),
            lost: at("retx"),
        };
        rows.entry(at("case")).or_default().push(row);
    }
    let mut counters = BTreeMap::new();
    let file = folder.join(format!("{suite}.counters.parquet"));
    if file.exists() {
        counters = read_counters(&file, &fabric)?;
    }
    if rows.is_empty() {
        bail!("no flows");
    }
    let case = |answer: Answer| {
        let number = answer.case;
        let of_case = (rows.remove(&number), counters.remove(&number));
        (of_case.0.unwrap_or_default(), of_case.1.unwrap_or_default(), answer)
    };
    let cases = truth.cases.into_iter().map(case).collect();
    Ok(Suite { fabric, groups, cases })
}

fn read_counters(file: &Path, fabric: &Fabric) -> anyhow::Result<BTreeMap<u32, Vec<Counter>>> {
    let table = ParquetFile::open(file)?.table(&schema::FABRIC_COUNTERS)?;
    let mut counters = BTreeMap::<u32, Vec<Counter>>::new();
    for i in 0..table.len() {
        let at = |name: &str| table.u32(name)[i].unwrap_or_default();
        let ends = fabric.node(at("a")).zip(fabric.node(at("b")));
        let Some(link) = ends.and_then(|(a, b)| fabric.link(a, b)) else { continue };
        counters.entry(at("case")).or_default().push(Counter {
            link,
            utilization: table.f64("util")[i].unwrap_or_default(),
            discards: f64::from(at("out_discards")),
            errors: f64::from(at("in_errors")),
        });
    }
    Ok(counters)
}

fn ends(line: &str) -> Option<(u32, u32)> {
    let mut words = line.split(',');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}
