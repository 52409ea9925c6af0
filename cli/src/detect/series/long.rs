//! Long files of paths: `bin,series,sent,lost,rtt_ms`.

use detect::PathSample;
use report::{Column, ParquetFile};
use twin::{Diagnostic, InputError, Place};

use super::{Places, numbers, row, whole};
use crate::csv_file::broken;
use crate::detect::meta::Meta;

/// One row before it is looked at.
struct Cells<'a> {
    place: Place,
    bin: f64,
    series: &'a str,
    sent: f64,
    lost: f64,
    rtt_ms: f64,
}

/// Reads rows of CSV, `[series][bin]`.
pub(super) fn csv(
    name: &str,
    header: &csv::StringRecord,
    mut reader: csv::Reader<&[u8]>,
    meta: &Meta,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Vec<Vec<PathSample>>, InputError> {
    let at = |column: &str| header.iter().position(|h| h == column);
    let [bin, series, sent, lost] =
        ["bin", "series", "sent", "lost"].map(|column| at(column).unwrap_or_default());
    let rtt = at("rtt_ms");
    let mut paths = Paths::new(name, meta);
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|e| broken(name, &e))? {
        let place = Place::Line(record.position().map_or(0, csv::Position::line));
        let cell = |at: usize| record.get(at).unwrap_or_default().trim();
        let number = |at: usize| -> Result<f64, InputError> {
            match cell(at) {
                "" => Ok(f64::NAN),
                text => text.parse().map_err(|_| {
                    let what = format!("'{text}' in column '{}'", &header[at]);
                    InputError::new(name, place, what, "a number")
                }),
            }
        };
        let cells = Cells {
            place,
            bin: number(bin)?,
            series: cell(series),
            sent: number(sent)?,
            lost: number(lost)?,
            rtt_ms: rtt.map_or(Ok(f64::NAN), number)?,
        };
        paths.take(&cells, diagnostics)?;
    }
    paths.finish(diagnostics)
}

/// Reads the rows of a Parquet file, `[series][bin]`.
pub(super) fn parquet(
    file: &ParquetFile,
    meta: &Meta,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Vec<Vec<PathSample>>, InputError> {
    let [bin, sent, lost] = ["bin", "sent", "lost"].map(|column| numbers(file, column));
    let (bin, sent, lost) = (bin?, sent?, lost?);
    let rtt = match file.columns().any(|c| c == "rtt_ms") {
        true => numbers(file, "rtt_ms")?,
        false => vec![f64::NAN; bin.len()],
    };
    let Column::Str(series) = file.column("series")? else {
        return Err(InputError::new(file.name(), Place::Whole, "column 'series' holds no text", "names"));
    };
    let mut paths = Paths::new(file.name(), meta);
    for (i, series) in series.iter().enumerate() {
        let series = series.as_deref().unwrap_or_default();
        let (sent, lost, rtt_ms) = (sent[i], lost[i], rtt[i]);
        paths.take(&Cells { place: row(i), bin: bin[i], series, sent, lost, rtt_ms }, diagnostics)?;
    }
    paths.finish(diagnostics)
}

/// The paths as rows fill them.
struct Paths<'a> {
    name: &'a str,
    meta: &'a Meta,
    places: Places<'a>,
    samples: Vec<Vec<PathSample>>,
    /// The series of the row before: rows of a series often stand together.
    last: usize,
}

impl<'a> Paths<'a> {
    fn new(name: &'a str, meta: &'a Meta) -> Self {
        let samples = vec![vec![PathSample::MISSING; meta.frame.bins]; meta.series.len()];
        Self { name, meta, places: Places::new(name, meta, meta.series.len()), samples, last: 0 }
    }

    fn take(&mut self, cells: &Cells<'_>, diagnostics: &mut Vec<Diagnostic>) -> Result<(), InputError> {
        let Some(series) = self.series(cells.series) else {
            Diagnostic::count(diagnostics, "unknown-series", || {
                format!("Rows of series that {} does not name, such as '{}'.", self.meta.file, cells.series)
            });
            return Ok(());
        };
        let Some(bin) = self.places.take(cells.bin, series, cells.place, diagnostics)? else { return Ok(()) };
        if cells.sent.is_nan() || cells.lost.is_nan() {
            Diagnostic::count(diagnostics, "missing-count", || {
                "Rows without 'sent' or 'lost': missing samples.".to_owned()
            });
            return Ok(());
        }
        let sent = whole(self.name, "sent", cells.sent, cells.place)?;
        let mut lost = whole(self.name, "lost", cells.lost, cells.place)?;
        if lost > sent {
            Diagnostic::count(diagnostics, "lost-more-than-sent", || {
                format!("Rows with more lost than sent, such as {lost} of {sent}: all were lost.")
            });
            lost = sent;
        }
        if cells.rtt_ms < 0.0 || cells.rtt_ms.is_infinite() {
            let what = format!("rtt_ms {}", cells.rtt_ms);
            let expected = "milliseconds from 0 on, or nothing where no reply came";
            return Err(InputError::new(self.name, cells.place, what, expected));
        }
        self.samples[series][bin] = PathSample { sent, lost, rtt_ms: cells.rtt_ms };
        Ok(())
    }

    fn series(&mut self, name: &str) -> Option<usize> {
        if self.meta.series[self.last] != name {
            self.last = self.meta.number(name)?;
        }
        Some(self.last)
    }

    fn finish(self, diagnostics: &mut Vec<Diagnostic>) -> Result<Vec<Vec<PathSample>>, InputError> {
        let bins = self.meta.frame.bins;
        let absent = self.places.seen.chunks(bins).position(|series| !series.contains(&true));
        if let Some(absent) = absent {
            let what = format!("no rows of series '{}'", self.meta.series[absent]);
            let expected = format!("rows of each series that {} names", self.meta.file);
            return Err(InputError::new(self.name, Place::Whole, what, expected));
        }
        self.places.finish(diagnostics);
        Ok(self.samples)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Series;
    use super::super::tests::{meta, read};
    use super::*;

    /// Oddities and how often each came.
    type Counts = Vec<(String, u64)>;

    fn paths(rows: &str) -> Result<(Vec<Vec<PathSample>>, Counts), String> {
        let text = format!("bin,series,sent,lost,rtt_ms\n{rows}");
        read(&text, &meta(2, &["p", "q"])).map(|(series, diagnostics)| match series {
            Series::Paths(paths) => (paths, diagnostics),
            _ => panic!("a long file"),
        })
    }

    #[test]
    fn rows_find_their_place_in_any_order() {
        let (paths, diagnostics) = paths("1,q,10,10,\n0,p,5,1,7.5\n0,q,3,4,1\n0,x,1,0,1\n").unwrap();
        assert_eq!(paths[0][0], PathSample { sent: 5, lost: 1, rtt_ms: 7.5 });
        assert_eq!((paths[1][0].lost, paths[1][1].sent), (3, 10));
        assert!(paths[1][1].rtt_ms.is_nan() && paths[0][1].sent == 0);
        let expected =
            [("unsorted-bin", 1), ("lost-more-than-sent", 1), ("unknown-series", 1), ("missing-bin", 1)];
        assert_eq!(diagnostics, expected.map(|(code, n)| (code.to_owned(), n)));
    }

    #[test]
    fn what_cannot_be_is_an_error_with_its_line() {
        for (rows, expected) in [
            ("0,p,-5,0,1\n", "s.csv:2: sent -5; expected a whole number from 0 on"),
            ("0,p,5,-1,1\n", "s.csv:2: lost -1; expected"),
            ("0,p,5.5,0,1\n", "s.csv:2: sent 5.5; expected"),
            ("0,p,5,0,-3\n", "s.csv:2: rtt_ms -3; expected"),
            ("0,p,5,0,inf\n", "s.csv:2: rtt_ms inf; expected"),
            ("0,p,5,0,quick\n", "s.csv:2: 'quick' in column 'rtt_ms'; expected a number"),
            ("9,p,5,0,1\n", "s.csv:2: bin 9; expected a whole number below 2"),
            ("0,p,5,0,1\n", "s.csv: no rows of series 'q'"),
        ] {
            let error = paths(rows).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
