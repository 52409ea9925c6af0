//! Series as files have them: wide (`bin` and a column for each series), long (`bin,series,sent,lost,rtt_ms`), or counts
//! (`bin,series,count`).

mod events;
mod long;
mod wide;

use std::collections::BTreeSet;
use std::path::Path;

use detect::PathSample;
use report::ParquetFile;
use topology_sync::encoding;
use twin::{Diagnostic, InputError, Place};

use super::meta::Meta;
use crate::csv_file::{self, broken};

/// All samples of all series, `[series][bin]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Series {
    /// Gauges; NaN where a sample is missing.
    Gauges(Vec<Vec<f64>>),
    /// Packets sent and lost, and round trips.
    Paths(Vec<Vec<PathSample>>),
    /// Counts of events; `None` where nobody listened.
    Events(Vec<Vec<Option<u64>>>),
}

/// The form that the columns of a file tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Wide,
    Long,
    Events,
}

impl Shape {
    /// The form of a file with these columns; `None` if it is neither.
    pub(crate) fn of(columns: &[&str]) -> Option<Self> {
        let has = |name: &str| columns.contains(&name);
        match has("bin") {
            true if has("series") && has("sent") && has("lost") => Some(Self::Long),
            true if has("series") && has("count") => Some(Self::Events),
            true if columns.len() > 1 => Some(Self::Wide),
            _ => None,
        }
    }
}

/// Reads the series that META names, by the suffix of the file: `.parquet`, `.csv.gz`, else CSV.
///
/// # Errors
/// What cannot be read; a series of META that the file does not have; a bin that is none of META's.
pub(crate) fn open(path: &Path, meta: &Meta) -> Result<(Series, Vec<Diagnostic>), InputError> {
    let name = path.display().to_string();
    let mut diagnostics = Vec::new();
    let series = if name.to_ascii_lowercase().ends_with(".parquet") {
        let file = ParquetFile::open(path)?;
        match shape(&name, &file.columns().collect::<Vec<_>>())? {
            Shape::Wide => Series::Gauges(wide::parquet(&file, meta, &mut diagnostics)?),
            Shape::Long => Series::Paths(long::parquet(&file, meta, &mut diagnostics)?),
            Shape::Events => Series::Events(events::parquet(&file, meta, &mut diagnostics)?),
        }
    } else {
        let bytes = csv_file::read(path)?;
        let text = encoding::utf8(&name, &bytes)?;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().map_err(|e| broken(&name, &e))?.clone();
        match shape(&name, &header.iter().collect::<Vec<_>>())? {
            Shape::Wide => Series::Gauges(wide::csv(&name, &header, reader, meta, &mut diagnostics)?),
            Shape::Long => Series::Paths(long::csv(&name, &header, reader, meta, &mut diagnostics)?),
            Shape::Events => Series::Events(events::csv(&name, &header, reader, meta, &mut diagnostics)?),
        }
    };
    series.look(&mut diagnostics);
    Ok((series, diagnostics))
}

/// What META would say of a CSV file that has none: all its series and bins.
pub(crate) fn survey(path: &Path, text: &str, shape: Shape) -> Result<Meta, InputError> {
    let name = path.display().to_string();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| broken(&name, &e))?.clone();
    let at = |column: &str| header.iter().position(|h| h == column).unwrap_or_default();
    let (bin, series) = (at("bin"), at("series"));
    let mut names: Vec<String> = match shape {
        Shape::Wide => header.iter().filter(|h| *h != "bin").map(str::to_owned).collect(),
        Shape::Long | Shape::Events => Vec::new(),
    };
    let (mut seen, mut bins) = (BTreeSet::new(), 0);
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|e| broken(&name, &e))? {
        let number = record.get(bin).and_then(|text| text.trim().parse::<usize>().ok());
        bins = bins.max(number.map_or(0, |number| number.saturating_add(1)));
        let series = record.get(series).unwrap_or_default().trim();
        if shape != Shape::Wide && seen.insert(series.to_owned()) {
            names.push(series.to_owned());
        }
    }
    Meta::of_file(&name, bins, names)
}

/// Reads a wide file alone: loads that are expected, scores of another detector.
///
/// # Errors
/// As [`open`]; a long file.
pub(crate) fn open_wide(path: &Path, meta: &Meta) -> Result<(Vec<Vec<f64>>, Vec<Diagnostic>), InputError> {
    match open(path, meta)? {
        (Series::Gauges(gauges), diagnostics) => Ok((gauges, diagnostics)),
        _ => {
            let file = path.display().to_string();
            Err(InputError::new(
                &file,
                Place::Whole,
                "paths",
                "a wide table: bin and a column for each series",
            ))
        }
    }
}

fn shape(name: &str, columns: &[&str]) -> Result<Shape, InputError> {
    Shape::of(columns).ok_or_else(|| {
        let what = if columns.contains(&"bin") { "no series" } else { "no column 'bin'" };
        let expected =
            "a column for each series beside 'bin', or bin,series,sent,lost,rtt_ms, or bin,series,count";
        InputError::new(name, Place::Line(1), what, expected).with_nearest("bin", columns.iter().copied())
    })
}

impl Series {
    /// Notes what is odd about whole series.
    fn look(&self, diagnostics: &mut Vec<Diagnostic>) {
        let Self::Gauges(gauges) = self else { return };
        for series in gauges {
            let mut values = series.iter().filter(|x| !x.is_nan());
            let first = values.next();
            if first.is_none_or(|first| values.all(|x| x == first)) {
                Diagnostic::count(diagnostics, "constant-series", || {
                    "Series that never vary, or have no sample at all.".to_owned()
                });
            }
        }
    }
}

/// Where rows go: one place for each bin, of each series in a long file.
struct Places<'a> {
    file: &'a str,
    meta: &'a Meta,
    seen: Vec<bool>,
    /// The last bin, of each series in a long file.
    last: Vec<Option<usize>>,
}

impl<'a> Places<'a> {
    fn new(file: &'a str, meta: &'a Meta, series: usize) -> Self {
        Self { file, meta, seen: vec![false; meta.frame.bins * series], last: vec![None; series] }
    }

    /// The bin of a row; `None`, counted, for one that is there already: the first row of a bin counts.
    fn take(
        &mut self,
        bin: f64,
        series: usize,
        place: Place,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<Option<usize>, InputError> {
        let bins = self.meta.frame.bins;
        // Whole, not negative, and one of META's; NaN is none of these.
        if !(bin >= 0.0 && bin < bins as f64 && bin.fract() == 0.0) {
            let expected = format!("a whole number below {bins}, the bins that {} tells", self.meta.file);
            return Err(InputError::new(self.file, place, format!("bin {bin}"), expected));
        }
        let bin = bin as usize;
        if std::mem::replace(&mut self.seen[series * bins + bin], true) {
            Diagnostic::count(diagnostics, "duplicate-bin", || {
                format!("Rows of a bin that was there already, such as {bin}; the first row counts.")
            });
            return Ok(None);
        }
        if self.last[series].is_some_and(|last| bin < last) {
            Diagnostic::count(diagnostics, "unsorted-bin", || {
                format!("Rows whose bin is before that of the row above, such as {bin}.")
            });
        }
        self.last[series] = Some(bin);
        Ok(Some(bin))
    }

    /// Counts the bins without a row.
    fn finish(&self, diagnostics: &mut Vec<Diagnostic>) {
        for _ in self.seen.iter().filter(|seen| !**seen) {
            Diagnostic::count(diagnostics, "missing-bin", || {
                "Bins without a row: missing samples, which are neither judged nor learnt from.".to_owned()
            });
        }
    }
}

/// The largest whole number below which every other one is a `f64` too.
const MAX_COUNT: f64 = 9_007_199_254_740_992.0;

/// A count, or an error if it is none.
fn whole(file: &str, column: &str, value: f64, place: Place) -> Result<u64, InputError> {
    if (0.0..MAX_COUNT).contains(&value) && value.fract() == 0.0 {
        return Ok(value as u64);
    }
    Err(InputError::new(file, place, format!("{column} {value}"), "a whole number from 0 on"))
}

/// A row's place in a Parquet file.
fn row(number: usize) -> Place {
    Place::Line(number as u64 + 1)
}

/// A column of numbers of any type; null is NaN.
fn numbers(file: &ParquetFile, name: &str) -> Result<Vec<f64>, InputError> {
    use report::Column;
    fn all<T: Copy>(values: &[Option<T>], f: impl Fn(T) -> f64) -> Vec<f64> {
        values.iter().map(|v| v.map_or(f64::NAN, &f)).collect()
    }
    Ok(match file.column(name)? {
        Column::F64(values) => all(&values, |x| x),
        Column::I64(values) => all(&values, |x| x as f64),
        Column::U64(values) => all(&values, |x| x as f64),
        Column::U32(values) => all(&values, f64::from),
        Column::U8(values) => all(&values, f64::from),
        other => {
            let what = format!("column '{name}' holds {}", other.kind().word());
            return Err(InputError::new(file.name(), Place::Whole, what, "numbers"));
        }
    })
}

#[cfg(test)]
pub(super) mod tests {
    use detect::evaluate::Frame;

    use super::*;

    /// META of some bins of five minutes.
    pub(in crate::detect) fn meta(bins: usize, series: &[&str]) -> Meta {
        Meta {
            file: "m.json".to_owned(),
            frame: Frame { bins, bin_s: 300.0, train_end: 1 },
            start: None,
            series: series.iter().map(|s| (*s).to_owned()).collect(),
        }
    }

    /// Reads a CSV text.
    pub(super) fn read(text: &str, meta: &Meta) -> Result<(Series, Vec<(String, u64)>), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.csv");
        std::fs::write(&path, text).unwrap();
        let (series, diagnostics) = open(&path, meta)
            .map_err(|e| e.to_string().replace(&format!("{}/", folder.path().display()), ""))?;
        Ok((series, diagnostics.into_iter().map(|d| (d.code, d.count)).collect()))
    }

    #[test]
    fn a_file_of_another_kind_is_named() {
        let meta = meta(3, &["a"]);
        assert!(read("", &meta).unwrap_err().contains("the file is empty"));
        assert!(read("<network/>", &meta).unwrap_err().contains("the content looks like XML"));
        let e = read("timestamp,a\n1,2\n", &meta).unwrap_err();
        assert!(e.starts_with("s.csv:1: no column 'bin'; expected a column for each series"), "{e}");
        assert!(read("bin\n1\n", &meta).unwrap_err().contains("no series"));
    }
}
