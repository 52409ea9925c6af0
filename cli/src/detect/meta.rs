//! META: which series there are, how long a bin is, and where the training part ends.

use std::collections::BTreeSet;
use std::path::Path;

use detect::evaluate::Frame;
use serde::Deserialize;
use topology_sync::encoding;
use topology_sync::source::files;
use twin::{InputError, Place, WallTime};

use crate::planning::instant;

/// Cells beyond this are no series but a mistake: a gigabyte of samples, and four of verdicts.
const MAX_CELLS: usize = 1 << 27;

/// What is known of series before they are read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Meta {
    /// The file as it was given.
    pub(crate) file: String,
    /// Bins and their length.
    pub(crate) frame: Frame,
    /// When bin 0 begins, if that is known.
    pub(crate) start: Option<WallTime>,
    /// The names of the series, in the order of all outputs.
    pub(crate) series: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    bins: usize,
    bin_s: f64,
    train_end: usize,
    /// RFC 3339.
    #[serde(default)]
    bin_0: Option<String>,
    series: Vec<String>,
}

const EXPECTED: &str = "an object {bins, bin_s, train_end, series}, perhaps with bin_0";

impl Meta {
    /// Reads META.
    pub(crate) fn open(path: &Path) -> Result<Self, InputError> {
        let file = path.display().to_string();
        let bytes = files::read(path)?;
        Self::parse(&file, encoding::utf8(&file, &bytes)?)
    }

    /// What a file of series says of itself: all its bins, one of which teaches.
    pub(crate) fn of_file(file: &str, bins: usize, series: Vec<String>) -> Result<Self, InputError> {
        if bins < 2 {
            let what = "fewer than two bins";
            return Err(InputError::new(file, Place::Whole, what, "bins numbered from 0 on"));
        }
        Self::check(file, File { bins, bin_s: 1.0, train_end: 1, bin_0: None, series })
    }

    /// What records with instants say of themselves.
    pub(crate) fn of_records(
        file: &str,
        start: WallTime,
        frame: Frame,
        series: Vec<String>,
    ) -> Result<Self, InputError> {
        let Frame { bins, bin_s, train_end } = frame;
        let meta = Self::check(file, File { bins, bin_s, train_end, bin_0: None, series })?;
        Ok(Self { start: Some(start), ..meta })
    }

    fn parse(file: &str, text: &str) -> Result<Self, InputError> {
        let meta: File = serde_json::from_str(text).map_err(|e| {
            let place = Place::LineColumn(e.line() as u64, e.column() as u64);
            InputError::new(file, place, e.to_string(), EXPECTED)
        })?;
        Self::check(file, meta)
    }

    fn check(file: &str, meta: File) -> Result<Self, InputError> {
        let wrong = |what: String, expected: &str| Err(InputError::new(file, Place::Whole, what, expected));
        if meta.train_end == 0 || meta.train_end >= meta.bins {
            let what = format!("train_end {} of {} bins", meta.train_end, meta.bins);
            return wrong(what, "0 < train_end < bins");
        }
        if !(meta.bin_s > 0.0 && meta.bin_s.is_finite()) {
            return wrong(format!("bin_s {}", meta.bin_s), "the length of a bin in seconds, above 0");
        }
        if meta.series.is_empty() {
            return wrong("no series".to_owned(), "the names of the series");
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = meta.series.iter().find(|name| !names.insert(*name)) {
            return wrong(format!("series '{twice}' twice"), "each series once");
        }
        if meta.bins.saturating_mul(meta.series.len()) > MAX_CELLS {
            let what = format!("{} bins of {} series", meta.bins, meta.series.len());
            return wrong(what, &format!("at most {MAX_CELLS} samples in all"));
        }
        let start = meta.bin_0.as_deref().map(instant::parse).transpose();
        let start = match start {
            Ok(start) => start,
            Err(expected) => {
                return wrong(format!("bin_0 '{}'", meta.bin_0.unwrap_or_default()), &expected);
            }
        };
        let frame = Frame { bins: meta.bins, bin_s: meta.bin_s, train_end: meta.train_end };
        Ok(Self { file: file.to_owned(), frame, start, series: meta.series })
    }

    /// The number of a series.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.series.iter().position(|s| s == name)
    }

    /// Whether a JSON text is META.
    pub(crate) fn knows(text: &str) -> bool {
        serde_json::from_str::<File>(text).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Meta::parse("m.json", text).unwrap_err().to_string()
    }

    #[test]
    fn bounds_are_checked() {
        let meta = |bins, train_end, bin_s, series: &str| {
            format!(
                r#"{{"bins": {bins}, "train_end": {train_end}, "bin_s": {bin_s}, "series": {series}, "kind": "links"}}"#
            )
        };
        assert!(Meta::parse("m.json", &meta(10, 9, 300, r#"["a"]"#)).is_ok());
        let zero = error(&meta(10, 0, 300, r#"["a"]"#));
        assert_eq!(zero, "m.json: train_end 0 of 10 bins; expected 0 < train_end < bins");
        assert!(error(&meta(10, 10, 300, r#"["a"]"#)).contains("train_end 10 of 10"));
        assert!(error(&meta(10, 5, 0, r#"["a"]"#)).contains("bin_s 0"));
        assert!(error(&meta(10, 5, 300, "[]")).contains("no series"));
        assert!(error(&meta(10, 5, 300, r#"["a", "b", "a"]"#)).contains("series 'a' twice"));
        assert!(error(&meta(1_u64 << 40, 5, 300, r#"["a"]"#)).contains("samples in all"));
        assert!(error(r#"{"bins": -3}"#).starts_with("m.json:1:11: "));
    }
}
