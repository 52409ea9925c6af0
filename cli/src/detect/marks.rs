//! What operators know beforehand: maintenance windows, and changes of the network.
//!
//! CSV or YAML, by the suffix:
//!
//! ```yaml
//! - {series: "a>b", from: 100, to: 112}     # --maintenance: a window, `to` is the bin after the last
//! - {series: "*", from: 300, to: 301}       # all series
//! ```
//!
//! ```csv
//! series,bin
//! a>b,8870
//! ```
//!
//! Changes may also be the lines of `umbra sync watch` ([`deltas`](super::deltas)).

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use topology_sync::source::files;
use topology_sync::{encoding, yaml};
use twin::{Diagnostic, InputError, Place, Snapshot};

use super::deltas;
use super::ends::Naming;
use super::meta::Meta;
use crate::csv_file::{self, broken, unpacked};

/// Windows in which a series neither alarms nor teaches, and bins from which on it is judged anew.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Marks {
    /// By series: first bin and the bin after the last.
    pub(crate) maintenance: Vec<Vec<(usize, usize)>>,
    /// By series: the bins of changes, ascending.
    pub(crate) changes: Vec<Vec<usize>>,
    /// By series: the bins from which on it is expected to be so many times what it was, ascending.
    pub(crate) moves: Vec<Vec<(usize, f64)>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    series: String,
    from: usize,
    to: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    series: String,
    bin: usize,
}

/// What marks are to be read for.
pub(crate) struct Known<'a> {
    pub(crate) meta: &'a Meta,
    pub(crate) naming: &'a Naming,
    pub(crate) net: Option<&'a Snapshot>,
}

const WINDOWS: &str = "a list of {series, from, to}";
const CHANGES: &str = "a list of {series, bin}";

impl Marks {
    /// Nothing is known of so many series.
    pub(crate) fn none(series: usize) -> Self {
        Self {
            maintenance: vec![Vec::new(); series],
            changes: vec![Vec::new(); series],
            moves: vec![Vec::new(); series],
        }
    }

    /// Reads the files that are given.
    ///
    /// # Errors
    /// Files that cannot be read, windows that end before they begin, and deltas where nobody says when bin 0 begins. Series
    /// that META does not name are counted.
    pub(crate) fn open(
        maintenance: Option<&Path>,
        changes: Option<&Path>,
        known: &Known<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<Self, InputError> {
        let meta = known.meta;
        let mut marks = Self::none(meta.series.len());
        if let Some(path) = maintenance {
            for window in list::<Window>(path, WINDOWS)? {
                if window.to <= window.from {
                    let what =
                        format!("a window of '{}' from {} to {}", window.series, window.from, window.to);
                    let file = path.display().to_string();
                    return Err(InputError::new(&file, Place::Whole, what, "from before to"));
                }
                let span = (window.from, window.to);
                numbers(&window.series, meta, diagnostics).for_each(|s| marks.maintenance[s].push(span));
            }
        }
        if let Some(path) = changes {
            if deltas::are_deltas(&unpacked(path)?) {
                let Some(start) = meta.start else {
                    let file = path.display().to_string();
                    let expected =
                        format!("a member bin_0 of {}: the instant at which bin 0 begins", meta.file);
                    return Err(InputError::new(
                        &file,
                        Place::Whole,
                        "deltas, which have instants",
                        expected,
                    ));
                };
                let deltas = deltas::read(path)?;
                deltas::mark(&mut marks, &deltas, known.net, known.naming, (meta, start), diagnostics);
            } else {
                for change in list::<Change>(path, CHANGES)? {
                    numbers(&change.series, meta, diagnostics)
                        .for_each(|s| marks.changes[s].push(change.bin));
                }
            }
            marks.changes.iter_mut().for_each(|bins| bins.sort_unstable());
        }
        Ok(marks)
    }

    /// Whether a series is under maintenance in a bin.
    pub(crate) fn is_paused(&self, series: usize, bin: usize) -> bool {
        self.maintenance[series].iter().any(|(from, to)| (*from..*to).contains(&bin))
    }

    /// Whether a series is judged anew from a bin on.
    pub(crate) fn changes_at(&self, series: usize, bin: usize) -> bool {
        self.changes[series].binary_search(&bin).is_ok()
    }

    /// How many times what it was before a series is expected to be from a bin on, if it is another load then.
    pub(crate) fn moves_at(&self, series: usize, bin: usize) -> Option<f64> {
        let moves = &self.moves[series];
        moves.binary_search_by_key(&bin, |(bin, _)| *bin).ok().map(|at| moves[at].1)
    }
}

/// The numbers of the series that a word means.
fn numbers(word: &str, meta: &Meta, diagnostics: &mut Vec<Diagnostic>) -> std::ops::Range<usize> {
    match meta.number(word) {
        Some(number) => number..number + 1,
        None if word == "*" => 0..meta.series.len(),
        None => {
            Diagnostic::count(diagnostics, "unknown-series", || {
                format!("Windows or changes of series that {} does not name, such as '{word}'.", meta.file)
            });
            0..0
        }
    }
}

fn list<T: DeserializeOwned>(path: &Path, expected: &str) -> Result<Vec<T>, InputError> {
    let name = path.display().to_string();
    let suffix = path.extension().map(|s| s.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    if matches!(suffix.as_str(), "yaml" | "yml" | "json") {
        return yaml::read(&name, encoding::utf8(&name, &files::read(path)?)?, expected);
    }
    let bytes = csv_file::read(path)?;
    let text = encoding::utf8(&name, &bytes)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| broken(&name, &e))?.clone();
    let row = |record: csv::Result<csv::StringRecord>| {
        let record = record.map_err(|e| broken(&name, &e))?;
        let place = Place::Line(record.position().map_or(0, csv::Position::line));
        record.deserialize(Some(&header)).map_err(|e| {
            let what = match e.kind() {
                csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
                _ => e.to_string(),
            };
            InputError::new(&name, place, what, expected)
        })
    };
    reader.records().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::series::tests::meta;
    use super::*;

    fn marks(maintenance: (&str, &str), changes: &str) -> Result<(Marks, usize), String> {
        let folder = tempfile::tempdir().unwrap();
        let windows = folder.path().join(maintenance.0);
        let bins = folder.path().join("changes.csv");
        std::fs::write(&windows, maintenance.1).unwrap();
        std::fs::write(&bins, changes).unwrap();
        let mut diagnostics = Vec::new();
        let meta = meta(10, &["a", "b"]);
        let naming = Naming::new(&meta, Vec::new());
        let known = Known { meta: &meta, naming: &naming, net: None };
        let marks = Marks::open(Some(&windows), Some(&bins), &known, &mut diagnostics);
        let marks = marks.map_err(|e| e.to_string().replace(&format!("{}/", folder.path().display()), ""))?;
        Ok((marks, diagnostics.len()))
    }

    #[test]
    fn windows_and_changes_from_yaml_and_csv() {
        let yaml =
            "- {series: a, from: 2, to: 4}\n- {series: '*', from: 8, to: 9}\n- {series: z, from: 1, to: 2}\n";
        let (found, odd) = marks(("w.yaml", yaml), "series,bin\nb,7\nb,3\n").unwrap();
        assert_eq!(found.maintenance, [vec![(2, 4), (8, 9)], vec![(8, 9)]]);
        assert_eq!((found.changes[1].as_slice(), odd), ([3, 7].as_slice(), 1));
        assert!(found.is_paused(0, 3) && !found.is_paused(0, 4) && found.changes_at(1, 3));
        let (same, _) = marks(("w.csv", "series,from,to\na,2,4\n*,8,9\n"), "series,bin\n").unwrap();
        assert_eq!(same.maintenance, found.maintenance);
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let error = |name: &str, text: &str| marks((name, text), "series,bin\n").unwrap_err();
        assert!(
            error("w.csv", "series,from,to\na,4,4\n")
                .contains("a window of 'a' from 4 to 4; expected from before to")
        );
        assert!(error("w.csv", "series,from,to\na,4,x\n").starts_with("w.csv:2: "));
        assert!(error("w.yaml", "- {series: a, from: 1, until: 2}\n").contains("unknown member 'until'"));
    }
}
