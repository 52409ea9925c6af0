//! Wide files: `bin` and a column for each series.

use report::ParquetFile;
use twin::{Diagnostic, InputError, Place};

use super::{Places, numbers, row};
use crate::csv_file::broken;
use crate::detect::meta::Meta;

/// Reads rows of CSV, `[series][bin]`.
pub(super) fn csv(
    name: &str,
    header: &csv::StringRecord,
    mut reader: csv::Reader<&[u8]>,
    meta: &Meta,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Vec<Vec<f64>>, InputError> {
    let columns = Columns::of(name, header.iter(), meta, diagnostics)?;
    let mut gauges = empty(meta);
    let mut places = Places::new(name, meta, 1);
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|e| broken(name, &e))? {
        let place = Place::Line(record.position().map_or(0, csv::Position::line));
        let cell = |at: usize| record.get(at).unwrap_or_default().trim();
        let bin: f64 = cell(columns.bin).parse().map_err(|_| {
            InputError::new(name, place, format!("bin '{}'", cell(columns.bin)), "a whole number")
        })?;
        let Some(bin) = places.take(bin, 0, place, diagnostics)? else { continue };
        for (series, at) in gauges.iter_mut().zip(&columns.series) {
            series[bin] = gauge(cell(*at), diagnostics).ok_or_else(|| {
                let what = format!("'{}' in column '{}'", cell(*at), &header[*at]);
                InputError::new(name, place, what, "a finite number, or nothing where a sample is missing")
            })?;
        }
    }
    places.finish(diagnostics);
    Ok(gauges)
}

/// Reads the columns of a Parquet file, `[series][bin]`.
pub(super) fn parquet(
    file: &ParquetFile,
    meta: &Meta,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Vec<Vec<f64>>, InputError> {
    Columns::of(file.name(), file.columns(), meta, diagnostics)?;
    let mut places = Places::new(file.name(), meta, 1);
    let bins = numbers(file, "bin")?.into_iter().enumerate();
    let bins = bins.map(|(i, bin)| places.take(bin, 0, row(i), diagnostics));
    let bins: Vec<Option<usize>> = bins.collect::<Result<_, _>>()?;
    let mut gauges = empty(meta);
    for (series, name) in gauges.iter_mut().zip(&meta.series) {
        for (i, (value, bin)) in numbers(file, name)?.into_iter().zip(&bins).enumerate() {
            if value.is_infinite() {
                let what = format!("{value} in column '{name}'");
                return Err(InputError::new(file.name(), row(i), what, "a finite number"));
            }
            if let Some(bin) = bin {
                series[*bin] = value;
            }
        }
    }
    places.finish(diagnostics);
    Ok(gauges)
}

fn empty(meta: &Meta) -> Vec<Vec<f64>> {
    vec![vec![f64::NAN; meta.frame.bins]; meta.series.len()]
}

/// A cell's value, NaN where it is missing; `None` for what is no finite number.
fn gauge(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<f64> {
    if text.is_empty() {
        return Some(f64::NAN);
    }
    let value: f64 = text.parse().ok().filter(|x: &f64| !x.is_infinite())?;
    if value.is_nan() {
        Diagnostic::count(diagnostics, "not-a-number", || {
            "Cells that say NaN: taken as missing samples.".to_owned()
        });
    }
    Some(value)
}

/// Where in a row what stands.
struct Columns {
    bin: usize,
    /// By the series' numbers.
    series: Vec<usize>,
}

impl Columns {
    fn of<'a>(
        name: &str,
        header: impl Iterator<Item = &'a str>,
        meta: &Meta,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<Self, InputError> {
        let header: Vec<&str> = header.collect();
        if let Some(twice) = header.iter().enumerate().find(|(i, column)| header[..*i].contains(column)) {
            let what = format!("column '{}' twice", twice.1);
            return Err(InputError::new(name, Place::Line(1), what, "each column once"));
        }
        let at = |wanted: &str| {
            header.iter().position(|column| *column == wanted).ok_or_else(|| {
                let what = format!("no column '{wanted}'");
                let expected = format!("a column for each series that {} names", meta.file);
                InputError::new(name, Place::Line(1), what, expected)
                    .with_nearest(wanted, header.iter().copied().filter(|c| meta.number(c).is_none()))
            })
        };
        let columns = Self {
            bin: at("bin")?,
            series: meta.series.iter().map(|series| at(series)).collect::<Result<_, _>>()?,
        };
        for column in header.iter().filter(|c| **c != "bin" && meta.number(c).is_none()) {
            Diagnostic::count(diagnostics, "unknown-series", || {
                format!("Columns that {} does not name, such as '{column}': left out.", meta.file)
            });
        }
        Ok(columns)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Series;
    use super::super::tests::{meta, read};

    /// Oddities and how often each came.
    type Counts = Vec<(String, u64)>;

    fn gauges(text: &str, bins: usize) -> Result<(Vec<Vec<f64>>, Counts), String> {
        read(text, &meta(bins, &["a", "b"])).map(|(series, diagnostics)| match series {
            Series::Gauges(gauges) => (gauges, diagnostics),
            _ => panic!("a wide file"),
        })
    }

    #[test]
    fn columns_come_in_the_order_of_meta_and_what_is_missing_is_missing() {
        let (gauges, diagnostics) = gauges("b,bin,a\n1,0,-2.5\n,2,NaN\n4,1,1e3\n", 4).unwrap();
        let text = format!("{gauges:?}");
        assert_eq!(text, "[[-2.5, 1000.0, NaN, NaN], [1.0, 4.0, NaN, NaN]]");
        let expected = [("not-a-number", 1), ("unsorted-bin", 1), ("missing-bin", 1)];
        assert_eq!(diagnostics, expected.map(|(code, n)| (code.to_owned(), n)));
    }

    #[test]
    fn the_first_row_of_a_bin_counts_and_other_columns_are_left_out() {
        let (gauges, diagnostics) = gauges("bin,a,c,b\n0,1,x,1\n0,2,x,2\n1,3,x,3\n", 2).unwrap();
        assert_eq!(gauges, [[1.0, 3.0], [1.0, 3.0]]);
        let expected = [("unknown-series", 1), ("duplicate-bin", 1)];
        assert_eq!(diagnostics, expected.map(|(code, n)| (code.to_owned(), n)));
    }

    #[test]
    fn what_cannot_be_is_an_error_with_its_line() {
        for (text, expected) in [
            ("bin,a,b\n0,1,2\n7,1,2\n", "s.csv:3: bin 7; expected a whole number below 2"),
            ("bin,a,b\n-1,1,2\n", "s.csv:2: bin -1; expected a whole number below 2"),
            ("bin,a,b\n0.5,1,2\n", "s.csv:2: bin 0.5; expected a whole number below 2"),
            ("bin,a,b\nNaN,1,2\n", "s.csv:2: bin NaN; expected a whole number below 2"),
            ("bin,a,b\nnoon,1,2\n", "s.csv:2: bin 'noon'; expected a whole number"),
            ("bin,a,b\n0,1,2\n1,1\n", "s.csv:3: broken CSV:"),
            ("bin,a,b\n0,1,inf\n", "s.csv:2: 'inf' in column 'b'; expected a finite number"),
            ("bin,a,b\n0,1,two\n", "s.csv:2: 'two' in column 'b'; expected a finite number"),
            ("bin,a,a\n0,1,2\n", "s.csv:1: column 'a' twice; expected each column once"),
            (
                "bin,a,bb\n0,1,2\n",
                "s.csv:1: no column 'b'; expected a column for each series that m.json names",
            ),
        ] {
            let error = gauges(text, 2).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_series_that_never_varies_is_noted() {
        let (_, diagnostics) = gauges("bin,a,b\n0,1,5\n1,1,6\n", 2).unwrap();
        assert_eq!(diagnostics, [("constant-series".to_owned(), 1)]);
    }
}
