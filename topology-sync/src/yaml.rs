//! YAML files: errors with their place and the nearest valid name.

use serde::de::DeserializeOwned;
use serde_saphyr::{Error, Location};
use twin::{InputError, Place};

/// Reads a YAML text; `name` is what errors call the file, `what` what it should be.
///
/// # Errors
/// [`InputError`] with line and column for text that is no YAML or does not fit `T`.
pub fn read<T: DeserializeOwned>(name: &str, text: &str, what: &str) -> Result<T, InputError> {
    serde_saphyr::from_str(text).map_err(|error| explain(name, what, error.without_snippet()))
}

/// Where a value stands.
pub fn place(location: Location) -> Place {
    match location.line() {
        0 => Place::Whole,
        line => Place::LineColumn(line, location.column()),
    }
}

fn explain(name: &str, what: &str, error: &Error) -> InputError {
    let at = error.location().map_or(Place::Whole, place);
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            InputError::new(name, at, format!("unknown member '{field}'"), one_of(expected))
                .with_nearest(field, expected.iter().copied())
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            InputError::new(name, at, format!("unknown word '{variant}'"), one_of(expected))
                .with_nearest(variant, expected.iter().copied())
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or_default();
            InputError::new(name, at, format!("a second '{key}'"), "each name once")
        }
        other => {
            // The place is said in front: not again behind; and what is expected at the end: not in the middle.
            let text = other.to_string();
            let text = text.split(" at line ").next().unwrap_or(&text);
            let (text, expected) = text.split_once(" expected ").unwrap_or((text, what));
            InputError::new(name, at, text.trim_end_matches([',', ';', ':']), expected)
        }
    }
}

fn one_of(words: &[&str]) -> String {
    format!("one of {}", words.join(", "))
}
