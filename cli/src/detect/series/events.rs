//! Long files of counts: `bin,series,count`, such as messages of a kind from a device.

use report::{Column, ParquetFile};
use twin::{Diagnostic, InputError, Place};

use super::{Places, numbers, row, whole};
use crate::csv_file::broken;
use crate::detect::meta::Meta;

/// Counts by series and bin. A bin without a row is a bin without an event; an empty count is a bin in which nobody
/// listened.
type Counts = Vec<Vec<Option<u64>>>;

/// Reads rows of CSV.
pub(super) fn csv(
    name: &str,
    header: &csv::StringRecord,
    mut reader: csv::Reader<&[u8]>,
    meta: &Meta,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Counts, InputError> {
    let at = |column: &str| header.iter().position(|h| h == column).unwrap_or_default();
    let [bin, series, count] = ["bin", "series", "count"].map(at);
    let mut rows = Rows::new(name, meta);
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|e| broken(name, &e))? {
        let place = Place::Line(record.position().map_or(0, csv::Position::line));
        let cell = |at: usize| record.get(at).unwrap_or_default().trim();
        let number = |at: usize| match cell(at) {
            "" => Ok(f64::NAN),
            text => text.parse().map_err(|_| {
                InputError::new(name, place, format!("'{text}' in column '{}'", &header[at]), "a number")
            }),
        };
        rows.take(place, number(bin)?, cell(series), number(count)?, diagnostics)?;
    }
    Ok(rows.counts)
}

/// Reads the rows of a Parquet file.
pub(super) fn parquet(
    file: &ParquetFile,
    meta: &Meta,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Counts, InputError> {
    let (bins, counts) = (numbers(file, "bin")?, numbers(file, "count")?);
    let Column::Str(series) = file.column("series")? else {
        return Err(InputError::new(file.name(), Place::Whole, "column 'series' holds no text", "names"));
    };
    let mut rows = Rows::new(file.name(), meta);
    for (i, series) in series.iter().enumerate() {
        rows.take(row(i), bins[i], series.as_deref().unwrap_or_default(), counts[i], diagnostics)?;
    }
    Ok(rows.counts)
}

struct Rows<'a> {
    name: &'a str,
    meta: &'a Meta,
    places: Places<'a>,
    counts: Counts,
}

impl<'a> Rows<'a> {
    fn new(name: &'a str, meta: &'a Meta) -> Self {
        let counts = vec![vec![Some(0); meta.frame.bins]; meta.series.len()];
        Self { name, meta, places: Places::new(name, meta, meta.series.len()), counts }
    }

    fn take(
        &mut self,
        place: Place,
        bin: f64,
        series: &str,
        count: f64,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<(), InputError> {
        let Some(number) = self.meta.number(series) else {
            Diagnostic::count(diagnostics, "unknown-series", || {
                format!("Rows of series that {} does not name, such as '{series}'.", self.meta.file)
            });
            return Ok(());
        };
        if let Some(bin) = self.places.take(bin, number, place, diagnostics)? {
            let count = if count.is_nan() { None } else { Some(whole(self.name, "count", count, place)?) };
            self.counts[number][bin] = count;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Series;
    use super::super::tests::{meta, read};

    #[test]
    fn a_bin_without_a_row_is_one_without_an_event() {
        let text = "bin,series,count\n2,b,4\n0,a,\n1,z,3\n";
        let (series, diagnostics) = read(text, &meta(3, &["a", "b"])).unwrap();
        let Series::Events(counts) = series else { panic!("a file of counts") };
        assert_eq!(counts, [[None, Some(0), Some(0)], [Some(0), Some(0), Some(4)]]);
        assert_eq!(diagnostics, [("unknown-series".to_owned(), 1)]);
        let error = read("bin,series,count\n0,a,-1\n", &meta(3, &["a"])).unwrap_err();
        assert!(error.starts_with("s.csv:2: count -1; expected a whole number"), "{error}");
    }
}
