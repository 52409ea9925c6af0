//! Text of CSV files, packed with gzip or not.

use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;
use topology_sync::encoding;
use topology_sync::form::{Form, looks_like};
use topology_sync::source::files;
use twin::{InputError, Place};

/// Reads the bytes of a `.csv` or `.csv.gz` file; content that contradicts the suffix is an error.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, InputError> {
    let name = path.display().to_string();
    let bytes = files::read(path)?;
    let gzipped = name.to_ascii_lowercase().ends_with(".gz");
    not_something_else(&name, &bytes, gzipped)?;
    if gzipped { unpack(&name, &bytes) } else { Ok(bytes) }
}

/// The rows of a table with a header, each with its line. `columns` is what the header may name; it has to name all of
/// `needed`.
pub(crate) fn rows<T: DeserializeOwned>(
    path: &Path,
    needed: &[&str],
    columns: &str,
) -> Result<Vec<(Place, T)>, InputError> {
    let (file, bytes) = (path.display().to_string(), read(path)?);
    let text = encoding::utf8(&file, &bytes)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| broken(&file, &e))?;
    if let Some(name) = needed.iter().find(|name| !header.iter().any(|h| h == **name)) {
        let (what, expected) = (format!("no column '{name}'"), format!("a header with {columns}"));
        return Err(InputError::new(&file, Place::Line(1), what, expected).with_nearest(name, header.iter()));
    }
    let header = header.clone();
    let row = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.map_err(|e| broken(&file, &e))?;
        let place = record.position().map_or(Place::Whole, |at| Place::Line(at.line()));
        let row = record.deserialize(Some(&header));
        row.map(|row| (place, row)).map_err(|e| InputError::new(&file, place, e.to_string(), columns))
    };
    reader.records().map(row).collect()
}

/// The bytes of a text file of any kind, packed with gzip if its suffix is `.gz`.
pub(crate) fn unpacked(path: &Path) -> Result<Vec<u8>, InputError> {
    let name = path.display().to_string();
    let bytes = files::read(path)?;
    if name.to_ascii_lowercase().ends_with(".gz") { unpack(&name, &bytes) } else { Ok(bytes) }
}

fn unpack(name: &str, bytes: &[u8]) -> Result<Vec<u8>, InputError> {
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text).map_err(|e| {
        InputError::new(name, Place::Whole, format!("damaged gzip stream: {e}"), "a whole gzip file")
    })?;
    Ok(text)
}

/// An error if the content is empty or looks like something else than its suffix says.
fn not_something_else(name: &str, bytes: &[u8], gzipped: bool) -> Result<(), InputError> {
    let what = match looks_like(bytes) {
        Some(Form::Gzip) if gzipped => return Ok(()),
        Some(other) => format!("the content looks like {other}"),
        None if bytes.is_empty() => "the file is empty".to_owned(),
        None if gzipped => "the content is no gzip stream".to_owned(),
        None => return Ok(()), // let the reader name the first thing that it cannot read
    };
    let expected = if gzipped { "a gzip stream of CSV" } else { "a CSV table" };
    Err(InputError::new(name, Place::Whole, what, format!("{expected}, as its suffix says")))
}

/// The error for CSV that cannot be taken apart.
pub(crate) fn broken(name: &str, error: &csv::Error) -> InputError {
    let place = error.position().map_or(Place::Whole, |p| Place::Line(p.line()));
    InputError::new(name, place, format!("broken CSV: {error}"), "rows as long as the header")
}
