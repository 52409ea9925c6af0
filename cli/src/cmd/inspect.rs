//! `umbra inspect`: what a file is and what is odd about it, without running anything.

use std::path::PathBuf;

use serde_json::{Value, json};
use topology_sync::form::Form;
use topology_sync::source::files;
use twin::{EntityKind, Layer, Snapshot};

use crate::cmd::net::NetOptions;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::Table;

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

/// The place to add other kinds of file: by the form of the first.
fn rows(args: &Args) -> Result<Vec<Row>, Failure> {
    let first = &args.files[0];
    let form = files::form(first)?;
    let name = form.map_or("recorded lab", Form::name);
    if form == Some(Form::Demands) && args.files.len() == 1 {
        return Ok(network(&files::open_demands(first)?, name));
    }
    Ok(network(&args.net.open(&args.files)?, name))
}

/// Counts of entities, half-links, routes and demands, then diagnostics.
fn network(net: &Snapshot, form: &str) -> Vec<Row> {
    let mut rows = vec![row("form", json!(form), "")];
    rows.extend(entities(net));
    for layer in Layer::ALL {
        let count = net.twin.half_links(layer).len();
        if count > 0 {
            let word = serde_json::to_value(layer).expect("a layer is a word");
            rows.push(row(&format!("half-links {}", word.as_str().unwrap_or_default()), json!(count), ""));
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
    rows.extend(net.diagnostics.iter().map(|d| row(&d.code, json!(d.count), &d.message)));
    rows
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

fn row(item: &str, value: Value, note: &str) -> Row {
    (item.to_owned(), value, note.to_owned())
}
