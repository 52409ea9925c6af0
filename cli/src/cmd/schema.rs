//! `umbra schema`: the JSON Schema of every file format and table.

use report::schema::{TABLES, TableSpec};
use serde_json::{Value, json};
use topology_sync::overrides;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::lab;
use crate::output::{Table, print_bytes};
use crate::planning::{classes, edit, groups, maintenance, scenario};

/// Formats of files, with what they are: the schemas are written by hand, and a test holds real files against them.
const FORMATS: [(&str, &str, &str); 12] = [
    (twin::FORMAT, "a twin on disk, as `umbra import` writes it", include_str!("../schema/twin.json")),
    (scenario::FORMAT, "a study for `umbra whatif`", include_str!("../schema/scenario.json")),
    (edit::FORMAT, "a change of a network, for `--edit`", include_str!("../schema/edit.json")),
    (classes::FORMAT, "classes of service, for `--classes`", include_str!("../schema/classes.json")),
    (groups::FORMAT, "what fails together, for `--fail groups:FILE`", include_str!("../schema/groups.json")),
    (
        maintenance::FORMAT,
        "what is taken down on purpose, for `--maintenance`",
        include_str!("../schema/maintenance.json"),
    ),
    (
        overrides::FORMAT,
        "what operators know better than discovery (`--overrides`)",
        include_str!("../schema/overrides.json"),
    ),
    (lab::FORMAT, "a network of namespaces (`umbra lab`)", include_str!("../schema/lab.json")),
    ("watch", "the configuration of `umbra sync watch`", include_str!("../schema/watch.json")),
    ("series-meta", "what `umbra detect` is told of series", include_str!("../schema/series-meta.json")),
    ("summary", "`summary.json` of a result folder", include_str!("../schema/summary.json")),
    ("demo", "`demo.json` of `umbra demo`", include_str!("../schema/demo.json")),
];

/// Print the JSON Schema of a file format or a table.
///
/// Without NAME, list all names. The schema of a table is that of its rows in JSON; its Parquet file has the same
/// columns.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A format or table.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    match &args.name {
        None => list().print(global.format())?,
        Some(name) => {
            let schema = find(name).ok_or_else(|| unknown(name))?;
            let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
            text.push('\n');
            print_bytes(text.as_bytes())?;
        }
    }
    Ok(Outcome::Done)
}

fn list() -> Table {
    let mut table = Table::new(&["name", "kind", "meaning"]);
    for (name, meaning, _) in FORMATS {
        table.push(vec![json!(name), json!("file"), json!(meaning)]);
    }
    for spec in TABLES {
        table.push(vec![json!(spec.name), json!("table"), json!(spec.meaning)]);
    }
    table
}

fn find(name: &str) -> Option<Value> {
    let format = FORMATS.iter().find(|(n, _, _)| *n == name);
    let format = format.map(|(_, _, text)| serde_json::from_str(text).expect("the schema is JSON"));
    format.or_else(|| report::schema::table(name).map(TableSpec::json_schema))
}

fn unknown(name: &str) -> Failure {
    let names = FORMATS.iter().map(|(n, _, _)| *n).chain(TABLES.iter().map(|t| t.name));
    let hint = twin::nearest(name, names).map(|n| format!("; did you mean '{n}'?")).unwrap_or_default();
    Failure::Usage(format!("no format or table '{name}'{hint}"))
}
