//! EVENTS: the anomalies that are known, to score against.

use std::collections::BTreeMap;
use std::path::Path;

use detect::evaluate::{Event, EventRow, Ignored, Labels};
use serde::Deserialize;
use topology_sync::encoding;
use twin::{Diagnostic, InputError, Place};

use super::meta::Meta;
use crate::csv_file::{self, broken};

/// The columns that are read; others may stand beside them.
#[derive(Deserialize)]
struct Row {
    event: String,
    #[serde(rename = "type")]
    kind: String,
    start: usize,
    end: usize,
    series: String,
    snr: Option<f64>,
}

/// How many readings of a row's `series` mean all of them.
const ALL: &str = "*";
/// Rows of a kind that begins so say that nothing is known.
const IGNORE: &str = "ignore";

/// Reads events: `event,type,start,end,series,snr`, one row for each series that an event touches.
///
/// # Errors
/// Broken CSV, absent columns, a row that ends before it starts.
pub(crate) fn open(path: &Path, meta: &Meta) -> Result<(Labels, Vec<Diagnostic>), InputError> {
    let name = path.display().to_string();
    let bytes = csv_file::read(path)?;
    read(&name, encoding::utf8(&name, &bytes)?, meta)
}

/// How many rows there are, and of which kinds; for `umbra inspect`, which knows no META.
pub(crate) fn count(name: &str, text: &str) -> Result<BTreeMap<String, u64>, InputError> {
    let mut kinds = BTreeMap::new();
    for row in rows(name, text)? {
        *kinds.entry(row.1.kind).or_default() += 1;
    }
    Ok(kinds)
}

fn rows(name: &str, text: &str) -> Result<Vec<(Place, Row)>, InputError> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| broken(name, &e))?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| broken(name, &e))?;
        let place = Place::Line(record.position().map_or(0, csv::Position::line));
        let row: Row = record.deserialize(Some(&header)).map_err(|e| {
            let what = match e.kind() {
                csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
                _ => e.to_string(),
            };
            InputError::new(name, place, what, "event,type,start,end,series,snr")
        })?;
        if row.end <= row.start {
            let what = format!("start {} and end {}", row.start, row.end);
            return Err(InputError::new(name, place, what, "bins in order; end is the bin after the last"));
        }
        rows.push((place, row));
    }
    Ok(rows)
}

fn read(name: &str, text: &str, meta: &Meta) -> Result<(Labels, Vec<Diagnostic>), InputError> {
    let (mut labels, mut diagnostics) = (Labels::default(), Vec::new());
    let mut numbers = BTreeMap::new();
    for (_, row) in rows(name, text)? {
        let series = meta.number(&row.series);
        if series.is_none() && row.series != ALL {
            Diagnostic::count(&mut diagnostics, "unknown-series", || {
                format!("Events on series that {} does not name, such as '{}'.", meta.file, row.series)
            });
            continue;
        }
        if row.kind.starts_with(IGNORE) {
            labels.ignored.push(Ignored { series, start: row.start, end: row.end });
            continue;
        }
        if row.start >= meta.frame.bins {
            Diagnostic::count(&mut diagnostics, "event-after-end", || {
                format!("Events after the last bin that {} tells, such as {}.", meta.file, row.event)
            });
            continue;
        }
        if row.end <= meta.frame.train_end {
            Diagnostic::count(&mut diagnostics, "event-in-training", || {
                "Events that end in the training part: they are not learnt from as clean, and not judged."
                    .to_owned()
            });
        }
        let event = *numbers.entry(row.event.clone()).or_insert_with(|| {
            labels.events.push(Event { name: row.event, kind: row.kind });
            labels.events.len() - 1
        });
        let snr = row.snr.unwrap_or(f64::INFINITY);
        let all = if series.is_none() { 0..meta.series.len() } else { 0..0 };
        for series in series.into_iter().chain(all) {
            labels.rows.push(EventRow { event, series, start: row.start, end: row.end, snr });
        }
    }
    Ok((labels, diagnostics))
}

#[cfg(test)]
mod tests {
    use super::super::series::tests::meta;
    use super::*;

    #[test]
    fn rows_of_one_event_are_one_event_and_ignored_stretches_none() {
        let text = "event,type,start,end,series,snr,info\n1,dip,4,6,a,2.5,\n1,dip,5,6,b,,\"{}\"\n2,shift,7,9,*,3,\n\
                    0,ignore:change,1,3,*,,\n3,dip,4,6,x,9,\n4,dip,0,1,a,9,\n5,dip,10,12,a,9,\n";
        let (labels, diagnostics) = read("e.csv", text, &meta(10, &["a", "b"])).unwrap();
        let events: Vec<_> = labels.events.iter().map(|e| (e.name.as_str(), e.kind.as_str())).collect();
        assert_eq!(events, [("1", "dip"), ("2", "shift"), ("4", "dip")]);
        assert_eq!(labels.rows.len(), 5);
        assert_eq!((labels.rows[0].snr, labels.rows[1].snr), (2.5, f64::INFINITY));
        assert_eq!(labels.ignored, [Ignored { series: None, start: 1, end: 3 }]);
        let codes: Vec<_> = diagnostics.iter().map(|d| d.code.as_str()).collect();
        assert_eq!(codes, ["unknown-series", "event-in-training", "event-after-end"]);
    }

    #[test]
    fn what_cannot_be_is_an_error_with_its_line() {
        let header = "event,type,start,end,series,snr\n";
        for (text, expected) in [
            (format!("{header}1,dip,6,6,a,1\n"), "e.csv:2: start 6 and end 6; expected bins in order"),
            (format!("{header}1,dip,-6,6,a,1\n"), "e.csv:2: field 2: invalid digit found in string"),
            (format!("{header}1,dip,6\n"), "e.csv:2: broken CSV"),
            ("event,start\n1,2\n".to_owned(), "e.csv:2: missing field `type`"),
        ] {
            let error = read("e.csv", &text, &meta(10, &["a"])).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
