//! Series, what is known of them, and their known anomalies.

use std::path::Path;

use detect::PathSample;
use serde_json::json;
use topology_sync::encoding;
use topology_sync::source::files;

use super::{Row, diagnostic, row};
use crate::csv_file;
use crate::detect::labels;
use crate::detect::meta::Meta;
use crate::detect::series::{self, Series, Shape};
use crate::failure::Failure;
use crate::planning::demand_table::DemandTable;

/// What META tells; `None` if the file is something else.
pub(super) fn meta(path: &Path) -> Option<Result<Vec<Row>, Failure>> {
    let bytes = files::read(path).ok()?;
    if !Meta::knows(encoding::utf8("", &bytes).ok()?) {
        return None;
    }
    let rows = |meta: Meta| {
        vec![
            row("form", json!("series meta"), ""),
            row("bins", json!(meta.frame.bins), &format!("of {} s", meta.frame.bin_s)),
            row("training bins", json!(meta.frame.train_end), ""),
            row("series", json!(meta.series.len()), ""),
        ]
    };
    Some(Meta::open(path).map(rows).map_err(Failure::from))
}

/// What a CSV file of series or events holds; `None` if its columns are those of something else.
pub(super) fn rows(path: &Path) -> Option<Result<Vec<Row>, Failure>> {
    let bytes = csv_file::read(path).ok()?;
    let name = path.display().to_string();
    let text = encoding::utf8(&name, &bytes).ok()?;
    let header = csv::Reader::from_reader(text.as_bytes()).headers().ok()?.clone();
    let columns: Vec<&str> = header.iter().collect();
    if ["event", "type", "start", "end", "series"].iter().all(|column| columns.contains(column)) {
        return Some(events(&name, text));
    }
    if DemandTable::has_columns(&columns) {
        return Some(demands(path));
    }
    Shape::of(&columns).map(|shape| samples(path, text, shape))
}

fn demands(path: &Path) -> Result<Vec<Row>, Failure> {
    let table = DemandTable::read(path)?;
    let (rows, classes) = table.survey();
    let names = if classes.is_empty() { "no column 'class'".into() } else { classes.join(", ") };
    Ok(vec![
        row("form", json!("demands"), ""),
        row("demands", json!(rows), "rows"),
        row("classes", json!(classes.len()), &names),
    ])
}

fn events(name: &str, text: &str) -> Result<Vec<Row>, Failure> {
    let kinds = labels::count(name, text)?;
    let mut rows = vec![row("form", json!("known anomalies"), "")];
    rows.extend(
        kinds.iter().map(|(kind, count)| row(kind, json!(count), "rows, one for each series touched")),
    );
    Ok(rows)
}

fn samples(path: &Path, text: &str, shape: Shape) -> Result<Vec<Row>, Failure> {
    let meta = series::survey(path, text, shape)?;
    let (series, diagnostics) = series::open(path, &meta)?;
    let (form, missing) = match &series {
        Series::Gauges(gauges) => ("wide series", gauges.iter().flatten().filter(|x| x.is_nan()).count()),
        Series::Paths(paths) => {
            let none = |sample: &&PathSample| sample.sent == 0;
            ("series of paths", paths.iter().flatten().filter(none).count())
        }
        Series::Events(counts) => {
            ("series of counts", counts.iter().flatten().filter(|count| count.is_none()).count())
        }
    };
    let mut rows = vec![
        row("form", json!(form), ""),
        row("series", json!(meta.series.len()), ""),
        row("bins", json!(meta.frame.bins), ""),
        row("missing samples", json!(missing), ""),
    ];
    rows.extend(diagnostics.iter().map(diagnostic));
    Ok(rows)
}
