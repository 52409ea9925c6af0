//! `umbra sync read`: recorded sources to a twin and its tables.

use std::path::{Path, PathBuf};

use report::schema;
use serde_json::json;
use topology_sync::fuse::tables::Tables;
use topology_sync::source::recorded::Recorded;
use twin::{Diagnostic, Snapshot};

use crate::cmd::overrides::OverridesOption;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::Table;
use crate::target;

/// Turn recorded sources into a twin.
///
/// A SOURCE is a folder whose direct sub-folders are nodes, each with what the node's tools printed (lldpd, iproute2, FRR
/// and others, told by content), a folder of outputs as SuzieQ records them, a capture (LLDP, CDP, OSPF, IS-IS; BMP
/// and BGP on any port in builds that read them), or an inventory as NetBox lists it. All are fused: a neighbour's word is matched to a node and a port
/// through that node's own words, and what could not be matched is listed with the reason.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folders of recorded nodes, captures, and inventories.
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    /// The twin snapshot to write.
    #[arg(long, value_name = "NET.json")]
    out: PathBuf,
    /// Write nodes.csv, cables.csv, segments.csv and unmatched.csv there: what was read, without the overrides.
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
    /// Read and check everything, write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    overrides: OverridesOption,
}

/// Runs the command.
pub(crate) fn run(args: &Args, _global: &Global) -> Result<Outcome, Failure> {
    let recorded = Recorded::read(&args.sources)?;
    let fusion = recorded.fuse();
    let snapshot = recorded.snapshot(&fusion);
    report(&snapshot.diagnostics);
    let snapshot = args.overrides.apply(snapshot)?;
    let tables = args.tables.as_deref().map(|folder| (folder, recorded.tables(&fusion)));
    write(Some((&args.out, &snapshot)), tables, args.dry_run)?;
    Ok(Outcome::Done)
}

/// What was odd goes to the log.
pub(super) fn report(diagnostics: &[Diagnostic]) {
    for d in diagnostics {
        match d.code.as_str() {
            // Something that should be there is not in the twin.
            "broken-recording" => tracing::warn!("{}: {} ({}x)", d.code, d.message, d.count),
            _ => tracing::info!("{}: {} ({}x)", d.code, d.message, d.count),
        }
    }
}

/// Writes a twin and its four tables, whichever are wanted: all, or nothing.
pub(super) fn write(
    twin: Option<(&Path, &Snapshot)>,
    tables: Option<(&Path, Tables)>,
    dry_run: bool,
) -> Result<(), Failure> {
    let mut files = Vec::new();
    if let Some((folder, tables)) = &tables {
        let csv = |name: &str, table: Table| (folder.join(name), table.to_csv());
        files.push(csv("nodes.csv", nodes(tables)));
        files.push(csv("cables.csv", cables(tables)));
        files.push(csv("segments.csv", segments(tables)));
        files.push(csv("unmatched.csv", unmatched(tables)));
    }
    files.extend(twin.map(|(path, snapshot)| (path.to_owned(), snapshot.to_json().into_bytes())));
    target::write_together(tables.map(|(folder, _)| folder), &files, dry_run)
}

fn nodes(tables: &Tables) -> Table {
    let mut table = Table::of(&schema::NODES);
    tables.nodes.iter().for_each(|r| table.push(vec![json!(r.id), json!(r.name), json!(r.kind)]));
    table
}

fn cables(tables: &Tables) -> Table {
    let mut table = Table::of(&schema::CABLES);
    for r in &tables.cables {
        table.push(vec![
            json!(r.a_node),
            json!(r.a_port),
            json!(r.b_node),
            json!(r.b_port),
            json!(r.carrier),
            json!(r.lldp_ab),
            json!(r.lldp_ba),
            json!(r.igp),
            json!(r.cost_ab),
            json!(r.cost_ba),
            json!(r.confidence),
        ]);
    }
    table
}

fn segments(tables: &Tables) -> Table {
    let mut table = Table::of(&schema::SEGMENTS);
    tables.segments.iter().for_each(|r| table.push(vec![json!(r.segment), json!(r.node), json!(r.port)]));
    table
}

fn unmatched(tables: &Tables) -> Table {
    let mut table = Table::of(&schema::UNMATCHED);
    tables.unmatched.iter().for_each(|r| table.push(vec![json!(r.node), json!(r.port), json!(r.why)]));
    table
}
