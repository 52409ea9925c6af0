//! `umbra lab`: networks of namespaces with FRR and lldpd.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::duration;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::lab::machine::{self, Running};
use crate::lab::{self, plan};
use crate::output::{Table, print_bytes};

/// Build a network of Linux network namespaces, with FRR and lldpd.
///
/// FILE is a lab file (.yaml, format umbra-lab/1) or any network file: then the lab is a shadow of that network, with a
/// namespace for each node, a veth pair for each cable, and OSPF with its metrics. Needs root, and the packages frr and
/// lldpd.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make the lab and wait until its daemons answer.
    Up(Up),
    /// Remove the lab: its processes, namespaces and folders, and nothing else.
    Down(Down),
    /// List the nodes of a lab, or of all labs on this machine, with their state.
    List(List),
}

#[derive(Debug, clap::Args)]
struct Up {
    /// A lab file, or a network file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print the commands and files, do nothing.
    #[arg(long)]
    dry_run: bool,
    /// How long the daemons may take to answer.
    #[arg(long, value_name = "T", default_value = "30s", value_parser = patience)]
    timeout: Duration,
}

#[derive(Debug, clap::Args)]
struct Down {
    /// The file that the lab was made of.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print the commands, do nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
struct List {
    /// The file that the lab was made of.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Also record what the tools of each node print now, for `umbra sync read DIR`.
    #[arg(long, value_name = "DIR", requires = "file")]
    record: Option<PathBuf>,
}

fn patience(text: &str) -> Result<Duration, String> {
    duration::parse(text).map(|d| Duration::from_nanos(d.as_ps() / 1000))
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    match &args.what {
        What::Up(args) => up(args, global)?,
        What::Down(args) => down(args)?,
        What::List(args) => list(args, global)?,
    }
    Ok(Outcome::Done)
}

fn up(args: &Up, global: &Global) -> Result<(), Failure> {
    let lab = lab::open(&args.file)?;
    if args.dry_run {
        return print_plan(&plan::up(&lab, &machine::frr_folder()));
    }
    machine::up(&lab, args.timeout)?;
    table(&[Running::of(&lab)]).print(global.format())
}

fn down(args: &Down) -> Result<(), Failure> {
    let lab = lab::open(&args.file)?;
    if args.dry_run {
        return print_plan(&plan::down(&lab));
    }
    if !machine::down(&Running::of(&lab))? {
        tracing::warn!("the lab '{}' is not up", lab.name);
    }
    Ok(())
}

fn list(args: &List, global: &Global) -> Result<(), Failure> {
    let labs = match &args.file {
        None => Running::all(),
        Some(file) => {
            let lab = lab::open(file)?;
            if let Some(folder) = &args.record {
                record(&lab, folder)?;
            }
            vec![Running::of(&lab)]
        }
    };
    table(&labs).print(global.format())
}

fn record(lab: &lab::Lab, folder: &Path) -> Result<(), Failure> {
    let down: Vec<_> = Running::of(lab).nodes.into_iter().filter(|n| n.state() == "down").collect();
    if let Some(node) = down.first() {
        return Err(Failure::Environment(format!("cannot record {}: it is not up", node.name)));
    }
    lab::record(lab, folder)
}

fn table(labs: &[Running]) -> Table {
    let mut table = Table::new(&["lab", "node", "role", "namespace", "processes", "state"]);
    for lab in labs {
        for node in &lab.nodes {
            table.push(vec![
                json!(lab.name),
                json!(node.name),
                json!(node.role),
                json!(node.namespace),
                json!(node.processes.join(" ")),
                json!(node.state()),
            ]);
        }
    }
    table
}

fn print_plan(steps: &[plan::Step]) -> Result<(), Failure> {
    let text: String = steps.iter().map(|s| format!("{s}\n")).collect();
    print_bytes(text.as_bytes())
}
