//! `umbra inspect`: what a file is and what is odd about it, without running anything.

mod planning;
mod series;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use topology_sync::form::Form;
use topology_sync::inventory::netbox;
use topology_sync::observation::{Observer, Said, Topic};
use topology_sync::overrides::{self, Overrides};
use topology_sync::source::files;
use topology_sync::{counters, encoding};
use twin::{Diagnostic, EntityKind, FreshnessState, HalfLink, HalfLinkKey, Layer, Snapshot, WallTime};

use crate::cmd::net::NetOptions;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::lab::{self, Role};
use crate::output::Table;
use crate::planning::words::format_of;
use crate::replay::flow_table;

/// Check a file and count what is in it, without running anything.
///
/// Prints one row for each count and each diagnostic. Demand files follow the network that they belong to.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Any file or folder that a command reads.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    net: NetOptions,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let mut table = Table::new(&["item", "value", "note"]);
    for (item, value, note) in rows(args)? {
        table.push(vec![json!(item), value, json!(note)]);
    }
    table.print(global.format())?;
    Ok(Outcome::Done)
}

type Row = (String, Value, String);

/// What is said of the files: the suffix of the first tells which reader knows them.
fn rows(args: &Args) -> Result<Vec<Row>, Failure> {
    let first = &args.files[0];
    let suffix = first.extension().map(|s| s.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match (suffix.as_str(), args.files.as_slice()) {
        ("pcap" | "pcapng", [only]) => capture(only),
        ("parquet", [only]) => parquet(only),
        ("csv" | "gz", [only]) => match series::rows(only) {
            Some(rows) => rows,
            None => flow_table(only).or_else(|e| counter_file(only).ok_or(e)),
        },
        ("yaml" | "yml", [only]) => yaml(args, only),
        ("txt", [only]) => planning::text(only),
        ("pcap" | "pcapng" | "parquet" | "csv" | "gz" | "yaml" | "yml" | "txt", _) => {
            Err(Failure::Usage(format!(".{suffix} files are inspected one at a time")))
        }
        ("demands", [only]) => Ok(network(&files::open_demands(only)?, Form::Demands.name())),
        ("json", [only]) => json(args, only),
        _ => network_files(args, first),
    }
}

fn network_files(args: &Args, first: &Path) -> Result<Vec<Row>, Failure> {
    let form = files::form(first)?.map_or("recorded lab", Form::name);
    Ok(network(&args.net.open(&args.files)?, form))
}

/// What the `format` key says, or else what is in it.
fn json(args: &Args, path: &Path) -> Result<Vec<Row>, Failure> {
    let bytes = files::read(path)?;
    // Keys come at the beginning; a network may be large.
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
    match format_of(&head) {
        Some(format) if planning::knows(format) => planning::rows(path, format, args.net),
        _ => match series::meta(path) {
            Some(rows) => rows,
            None => match inventory(path).or_else(|| counter_file(path)) {
                Some(rows) => Ok(rows),
                None => network_files(args, path),
            },
        },
    }
}

/// What the `format` key says; watch configurations have none.
fn yaml(args: &Args, path: &Path) -> Result<Vec<Row>, Failure> {
    let (file, bytes) = (path.display().to_string(), files::read(path)?);
    let text = encoding::utf8(&file, &bytes)?;
    match format_of(text) {
        Some(format) if planning::knows(format) => planning::rows(path, format, args.net),
        Some(overrides::FORMAT) => {
            Overrides::parse(&file, text)?;
            Ok(vec![row("form", json!("overrides"), overrides::FORMAT)])
        }
        #[cfg(feature = "live")]
        None => {
            let config = topology_sync::source::live::Config::parse(&file, text)?;
            Ok(vec![
                row("form", json!("watch configuration"), ""),
                row("nodes", json!(config.nodes.len()), ""),
                row("wires", json!(config.wires.len()), ""),
                row("sources", json!(config.sources().len()), ""),
            ])
        }
        _ => lab_file(path),
    }
}

/// What an export of NetBox lists; `None` if the file is something else.
fn inventory(path: &Path) -> Option<Vec<Row>> {
    let value = serde_json::from_slice(&files::read(path).ok()?).ok()?;
    let (list, mut diagnostics) = (Observer::list("netbox"), Vec::new());
    let said = netbox::read(&list, WallTime::default(), &[value], &mut diagnostics)?;
    let count = |topic: Topic| {
        let facts = said.iter().filter_map(|o| match &o.said {
            Said::Is(fact, _) => Some(fact.key().topic),
            _ => None,
        });
        json!(facts.filter(|t| *t == topic).count())
    };
    let mut rows = vec![
        row("form", json!("NetBox export"), ""),
        row("nodes", count(Topic::InventoryNodes), ""),
        row("ports", count(Topic::InventoryPorts), ""),
        row("cables", count(Topic::InventoryCables), "of which both ends are in this file"),
    ];
    rows.extend(diagnostics.iter().map(diagnostic));
    Some(rows)
}

/// How many readings of interface counters there are; `None` if the file is something else.
fn counter_file(path: &Path) -> Option<Vec<Row>> {
    let (file, bytes) = (path.display().to_string(), files::read(path).ok()?);
    let samples = counters::read(&file, &bytes).ok()?;
    let interfaces: BTreeSet<_> = samples.iter().map(|s| &s.interface).collect();
    Some(vec![
        row("form", json!("interface counters"), ""),
        row("readings", json!(samples.len()), ""),
        row("interfaces", json!(interfaces.len()), ""),
    ])
}

/// Counts of frames and bytes, first and last stamp, then diagnostics.
fn capture(path: &Path) -> Result<Vec<Row>, Failure> {
    let mut capture = mirror::source::open(path)?;
    let (mut frames, mut bytes, mut cut) = (0_u64, 0_u64, 0_u64);
    let mut stamps: Option<(WallTime, WallTime)> = None;
    let mut interfaces = BTreeSet::new();
    capture.for_each(|frame| {
        frames += 1;
        bytes += u64::from(frame.wire_len);
        cut += u64::from(frame.data.len() < frame.wire_len as usize);
        interfaces.insert(frame.interface);
        if let Some(at) = frame.at {
            let (first, last) = stamps.unwrap_or((at, at));
            stamps = Some((first.min(at), last.max(at)));
        }
    })?;
    let mut rows = vec![
        row("form", json!(format!("{} capture", capture.format().suffix())), ""),
        row("frames", json!(frames), ""),
        row("bytes", json!(bytes), "on the wire"),
        row("cut frames", json!(cut), "of which not all bytes were captured"),
        row("interfaces", json!(interfaces.len()), "with frames"),
    ];
    if let Some((first, last)) = stamps {
        rows.push(row("first frame", json!(first.as_ns()), "ns since 1970"));
        rows.push(row("last frame", json!(last.as_ns()), "ns since 1970"));
    }
    rows.extend(capture.diagnostics().iter().map(diagnostic));
    Ok(rows)
}

/// The number of rows, and the columns.
fn parquet(path: &Path) -> Result<Vec<Row>, Failure> {
    let file = report::ParquetFile::open(path)?;
    let mut rows = vec![row("form", json!("Parquet table"), ""), row("rows", json!(file.rows()), "")];
    rows.extend(file.columns().enumerate().map(|(i, name)| row("column", json!(i), name)));
    Ok(rows)
}

/// The sums of a flow table.
fn flow_table(path: &Path) -> Result<Vec<Row>, Failure> {
    let table = flow_table::read(path)?;
    flow_table::check(&path.display().to_string(), &table)?;
    let sum = |column: &str| table.u64(column).iter().flatten().fold(0_u64, |a, b| a.saturating_add(*b));
    Ok(vec![
        row("form", json!("flow table"), ""),
        row("flows", json!(table.len()), ""),
        row("packets", json!(sum("packets")), ""),
        row("bytes", json!(sum("bytes")), "on the wire"),
    ])
}

/// What a lab has.
fn lab_file(path: &Path) -> Result<Vec<Row>, Failure> {
    let lab = lab::open(path)?;
    let count = |role: Role| lab.nodes.iter().filter(|n| n.role() == role).count();
    let mut rows =
        vec![row("form", json!("lab file"), lab::FORMAT), row("nodes", json!(lab.nodes.len()), "")];
    for role in [Role::Router, Role::Host, Role::Bridge, Role::Hub] {
        rows.push(row(&format!("{}s", role.word()), json!(count(role)), ""));
    }
    rows.push(row("cables", json!(lab.cables.len()), ""));
    Ok(rows)
}

/// Counts of entities, half-links, routes and demands, then diagnostics.
fn network(net: &Snapshot, form: &str) -> Vec<Row> {
    let mut rows = vec![row("form", json!(form), "")];
    rows.extend(entities(net));
    for layer in Layer::ALL {
        let halves = net.twin.half_links(layer);
        if !halves.is_empty() {
            let word = serde_json::to_value(layer).expect("a layer is a word");
            let item = format!("half-links {}", word.as_str().unwrap_or_default());
            rows.push(row(&item, json!(halves.len()), &freshness(&halves)));
        }
    }
    let routes: usize = net.twin.fibs().map(|(_, fib)| fib.len()).sum();
    if routes > 0 {
        let tables = net.twin.fibs().count();
        rows.push(row("routes", json!(routes), &format!("in {tables} forwarding tables")));
    }
    if let Some(demands) = &net.demands {
        rows.push(row("demands", json!(demands.len()), ""));
        rows.push(row("demand volume", json!(demands.total_bps()), "bit/s"));
    }
    rows.extend(net.diagnostics.iter().map(diagnostic));
    rows
}

/// How many half-links are how fresh, of those that somebody listens for.
fn freshness(halves: &[(&HalfLinkKey, &HalfLink)]) -> String {
    let count = |state| halves.iter().filter(|(_, h)| h.freshness.is_some_and(|f| f.state == state)).count();
    let counts = FreshnessState::ALL.map(|state| (count(state), state.word()));
    let counts: Vec<_> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, w)| format!("{n} {w}")).collect();
    counts.join(", ")
}

/// One row for each kind of entity, with roles for nodes.
fn entities(net: &Snapshot) -> Vec<Row> {
    let mut kinds = std::collections::BTreeMap::<&str, u64>::new();
    let mut roles = std::collections::BTreeMap::<&str, u64>::new();
    for entity in net.twin.entities() {
        *kinds.entry(entity.kind.word()).or_default() += 1;
        if let EntityKind::Node { role, .. } = entity.kind {
            *roles.entry(role.word()).or_default() += 1;
        }
    }
    let roles: Vec<_> = roles.iter().map(|(role, n)| format!("{n} {role}")).collect();
    let note = |kind: &str| if kind == "node" { roles.join(", ") } else { String::new() };
    kinds.iter().map(|(kind, n)| row(&format!("{kind}s"), json!(n), &note(kind))).collect()
}

fn diagnostic(d: &Diagnostic) -> Row {
    row(&d.code, json!(d.count), &d.message)
}

fn row(item: &str, value: Value, note: &str) -> Row {
    (item.to_owned(), value, note.to_owned())
}
