//! W1 to W4.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use cpu_time::ProcessTime;
use engine::Seeds;
use models::packet::{Engine, PacketResult};
use rayon::prelude::*;
use serde_json::{Map, Value, json};
use testkit::workloads::{Counts, Spec, delivered_digest};
use twin::SimTime;
use umbra_benches::packets::{Case, Kind};

use crate::peak_bytes;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Ports of a switch of the fat-tree: even. W1 has no use for it.
    #[arg(long, default_value_t = 8)]
    k: usize,
    /// Decides gaps and changes.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Packets of each source; by default as published.
    #[arg(long)]
    packets: Option<u64>,
    /// How to compute the run; by default one event after another, but several parts as is quickest.
    #[arg(long, value_enum)]
    engine: Option<By>,
    /// Parts of the network that go on together: regions with an event loop each, or stages of windows.
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// Threads for the parts, or for the trials.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Independent runs side by side, as in a Monte Carlo job; the rate is that of all together.
    #[arg(long, default_value_t = 1)]
    trials: usize,
    /// Packets carry IPv4 and UDP headers, which every node parses and looks up (W1 and W2).
    #[arg(long)]
    headers: bool,
    /// Compute the run by the other engine too, and refuse to print a rate if they differ.
    #[arg(long)]
    check: bool,
    /// Write what became of each flow to this file.
    #[arg(long, value_name = "F.csv")]
    per_flow: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// One event after another.
    Event,
    /// By windows of time.
    Windows,
}

impl Options {
    fn engine(&self) -> Engine {
        match self.engine {
            Some(By::Event) => Engine::Events,
            Some(By::Windows) => Engine::Windows,
            None if self.shards > 1 => Engine::Auto,
            None => Engine::Events,
        }
    }
}

/// Runs a workload and gives its figures by name.
pub(crate) fn run(kind: Kind, options: &Options) -> Result<Map<String, Value>> {
    let spec = spec(kind, options)?;
    let case = {
        let defined = kind.define(&spec);
        if options.headers { Case::with_headers(&defined) } else { Case::plain(&defined) }
    };
    let (start, clock) = (ProcessTime::now(), Instant::now());
    let result = trials(&case, options)?;
    let (cpu_s, wall_s) = (start.elapsed().as_secs_f64(), clock.elapsed().as_secs_f64());
    check(kind, &spec, options, &case, &result)?;
    if let Some(path) = &options.per_flow {
        write_flows(path, &result)?;
    }
    Ok(figures(kind, options, &result, [cpu_s, wall_s]))
}

fn spec(kind: Kind, options: &Options) -> Result<Spec> {
    let published = if kind == Kind::W2 && options.k == 4 { Spec::w2_k4() } else { kind.spec() };
    let least = if kind == Kind::W4 { 4 } else { 2 };
    ensure!(
        options.k.is_multiple_of(2) && options.k >= least,
        "--k {}: expected an even number from {least} on",
        options.k
    );
    ensure!(options.k <= 64, "--k {}: expected at most 64 ports", options.k);
    let packets = options.packets.unwrap_or(published.packets);
    ensure!(packets > 0, "--packets 0: expected at least one packet of each source");
    let sources = if kind == Kind::W1 { 1 } else { (options.k as u64).pow(3) / 4 };
    ensure!(
        packets.checked_mul(sources).is_some_and(|all| all < 1 << 31),
        "--packets {packets}: expected less than 2^31 packets of all {sources} sources together"
    );
    ensure!(options.shards > 0 && options.threads > 0, "--shards, --threads: expected at least 1");
    ensure!(options.trials > 0, "--trials 0: expected at least 1");
    ensure!(options.trials == 1 || options.shards == 1, "--trials: expected without --shards");
    if options.headers && !matches!(kind, Kind::W1 | Kind::W2) {
        bail!("--headers: expected with w1 or w2, whose ways are decided by destinations alone");
    }
    Ok(Spec { k: options.k, seed: options.seed, packets, ..published })
}

/// All trials; they have to come to the same, since nothing in these workloads is left to chance.
fn trials(case: &Case, options: &Options) -> Result<PacketResult> {
    if options.trials == 1 {
        return Ok(simulate(case, options));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build()?;
    let results: Vec<_> =
        pool.install(|| (0..options.trials).into_par_iter().map(|_| simulate(case, options)).collect());
    let mut results = results.into_iter();
    let first: PacketResult = results.next().context("no trial")?;
    let digest = first.digest();
    ensure!(results.all(|r| r.digest() == digest), "trials of one workload differ");
    Ok(first)
}

fn simulate(case: &Case, options: &Options) -> PacketResult {
    let (Case { net, workload, faults }, chance) = (case, Seeds::new(0).trial(0));
    if options.shards > 1 {
        net.run_sharded(
            options.engine(),
            options.shards,
            options.threads,
            workload,
            faults,
            SimTime::MAX,
            chance,
        )
    } else {
        net.run_by(options.engine(), workload, faults, SimTime::MAX, chance)
    }
}

/// No rate for a wrong result.
fn check(kind: Kind, spec: &Spec, options: &Options, case: &Case, result: &PacketResult) -> Result<()> {
    let counted = Counts {
        delivered: result.delivered,
        dropped: result.dropped,
        packet_hops: result.packet_hops,
        end_ps: result.last_delivery.as_ps(),
    };
    if let Some(expected) = kind.counts(spec) {
        ensure!(counted == expected, "wrong counts: {counted:?}, expected {expected:?}");
    }
    if options.check {
        let (Case { net, workload, faults }, chance) = (case, Seeds::new(0).trial(0));
        let other = match options.engine() {
            Engine::Events if options.shards == 1 => Engine::Windows,
            _ => Engine::Events,
        };
        let other = net.run_by(other, workload, faults, SimTime::MAX, chance);
        ensure!(
            other.digest() == result.digest(),
            "the engines differ: {} and {}",
            other.digest(),
            result.digest()
        );
    }
    Ok(())
}

fn figures(
    kind: Kind,
    options: &Options,
    result: &PacketResult,
    [cpu_s, wall_s]: [f64; 2],
) -> Map<String, Value> {
    let digest = delivered_digest(result.flows.iter().map(|f| f.delivered));
    let engine = if result.engine.engine == Engine::Windows { "windows" } else { "event" };
    let mut figures = Map::new();
    let mut put = |name: &str, value: Value| figures.insert(name.to_owned(), value);
    put("workload", json!(format!("{kind:?}").to_lowercase()));
    put("engine", json!(engine));
    put("engine_because", json!(result.engine.because));
    put("headers", json!(options.headers));
    put("shards", json!(options.shards));
    put("trials", json!(options.trials));
    put("threads", json!(options.threads.min(options.shards.max(options.trials))));
    put("delivered", json!(result.delivered));
    put("dropped", json!(result.dropped));
    put("packet_hops", json!(result.packet_hops));
    put("end_ps", json!(result.last_delivery.as_ps()));
    put("cpu_s", json!(cpu_s));
    put("wall_s", json!(wall_s));
    put("rate_per_cpu_s", json!(result.packet_hops as f64 * options.trials as f64 / cpu_s));
    put("peak_bytes", json!(peak_bytes()));
    put("digest", json!(format!("{digest:016x}")));
    put("result_digest", json!(result.digest()));
    figures
}

fn write_flows(path: &Path, result: &PacketResult) -> Result<()> {
    let mut text = String::from("flow,sent,delivered,dropped,first_ps,last_ps\n");
    let ps = |at: Option<SimTime>| at.map_or_else(String::new, |at| at.as_ps().to_string());
    for (flow, id) in result.flows.iter().zip(&result.flow_ids) {
        let (first, last) = (ps(flow.first), ps(flow.last));
        text += &format!("{id},{},{},{},{first},{last}\n", flow.sent, flow.delivered, flow.dropped());
    }
    let beside = path.with_extension("tmp");
    let written = std::fs::File::create(&beside).and_then(|mut file| file.write_all(text.as_bytes()));
    let written = written.and_then(|()| std::fs::rename(&beside, path));
    written.inspect_err(|_| drop(std::fs::remove_file(&beside))).with_context(|| path.display().to_string())
}
