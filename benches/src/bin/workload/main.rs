//! The workload runner: exact workloads through the packet engine and its event queue, with rates per CPU second.
//!
//! ```text
//! workload w3 --engine windows
//! workload w4 --seed 7 --per-flow flows.csv
//! workload w2 --k 8 --headers --output json
//! workload w3 --engine windows --shards 2 --threads 2
//! workload hold --pending 1000000
//! ```
//!
//! `cpu_s` is the processor time of the simulation alone, over all threads; `wall_s` its duration. `delivered`,
//! `packet_hops` and `end_ps` of the kernels are events and the time of the last one.
//!
//! A rate is printed only where the counts are right: those of the published parameters are known, for others `--check`
//! computes the run by the other engine too. W4 is defined in `testkit::workloads::w4`.

mod kernel;
mod packets;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use serde_json::{Map, Value};

/// Exact packet workloads, with rates per CPU second.
#[derive(Debug, Parser)]
#[command(name = "workload", version, max_term_width = 100)]
struct Args {
    /// What to run.
    #[command(subcommand)]
    what: What,
    /// How to print the figures.
    #[arg(long, value_enum, default_value_t = Output::Table, global = true)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum What {
    /// One flow over a chain of eight links.
    W1(packets::Options),
    /// Constant rate between the hosts of a fat-tree, no link shared.
    W2(packets::Options),
    /// Poisson flows between hosts of a fat-tree paired at random; queues overflow.
    W3(packets::Options),
    /// W3 while links flap, rates change and next hops move.
    W4(packets::Options),
    /// The event queue under 1,024 processes that send each other messages, beside the standard heap.
    Phold(kernel::PholdOptions),
    /// The event queue with a given number of pending events.
    Hold(kernel::HoldOptions),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line for each figure.
    Table,
    /// One JSON object.
    Json,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let figures = match &args.what {
        What::W1(options) => packets::run(umbra_benches::packets::Kind::W1, options),
        What::W2(options) => packets::run(umbra_benches::packets::Kind::W2, options),
        What::W3(options) => packets::run(umbra_benches::packets::Kind::W3, options),
        What::W4(options) => packets::run(umbra_benches::packets::Kind::W4, options),
        What::Phold(options) => kernel::phold(options),
        What::Hold(options) => kernel::hold(options),
    };
    match figures {
        Ok(figures) => {
            print(&figures, args.output);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("workload: {error:#}");
            ExitCode::from(if error.is::<std::io::Error>() { 5 } else { 2 })
        }
    }
}

fn print(figures: &Map<String, Value>, output: Output) {
    match output {
        Output::Json => println!("{}", Value::Object(figures.clone())),
        Output::Table => {
            for (name, value) in figures {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                println!("{name:<22} {text}");
            }
        }
    }
}

/// The most memory that the process has had so far, in bytes; `None` where the system does not say.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
