//! What was wrong with an input, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// The input as a whole.
    Whole,
    /// A line, counted from 1.
    Line(u64),
    /// A line and a column, both counted from 1.
    LineColumn(u64, u64),
    /// A byte offset, counted from 0.
    Offset(u64),
}

/// An input that cannot be used: what, where, what was expected, and the nearest valid name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct InputError {
    /// The input as it was given.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What was found.
    pub what: String,
    /// What would be right.
    pub expected: String,
    /// The nearest valid name, where a name was wrong.
    pub nearest: Option<String>,
}

impl InputError {
    /// An error at `place` in `file`.
    pub fn new(file: &str, place: Place, what: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place, what: what.into(), expected: expected.into(), nearest: None }
    }

    /// The same error with the candidate that is nearest to the wrong `name`.
    #[must_use]
    pub fn with_nearest<'a>(mut self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        self.nearest = nearest(name, candidates).map(str::to_owned);
        self
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        match self.place {
            Place::Whole => {}
            Place::Line(line) => write!(f, ":{line}")?,
            Place::LineColumn(line, column) => write!(f, ":{line}:{column}")?,
            Place::Offset(offset) => write!(f, ": byte {offset}")?,
        }
        write!(f, ": {}; expected {}", self.what, self.expected)?;
        if let Some(name) = &self.nearest {
            write!(f, "; did you mean '{name}'?")?;
        }
        Ok(())
    }
}

/// Something odd that did not stop the reader, with how often it was met.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnostic {
    /// A short word for the kind, such as `self-loop` or `missing-speed`.
    pub code: String,
    /// A sentence with an example.
    pub message: String,
    /// How often.
    pub count: u64,
}

impl Diagnostic {
    /// Adds one to the diagnostic of this code, or starts it with `message`.
    pub fn count(list: &mut Vec<Diagnostic>, code: &str, message: impl FnOnce() -> String) {
        match list.iter_mut().find(|d| d.code == code) {
            Some(d) => d.count += 1,
            None => list.push(Diagnostic { code: code.to_owned(), message: message(), count: 1 }),
        }
    }
}

/// The candidate most like `name` and not the same (Jaro–Winkler, at least 0.6); the first of equals.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let score = strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
        if candidate != name && score >= 0.6 && best.is_none_or(|(b, _)| score > b) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, c)| c)
}

/// Why no node is meant by `name`, in words: none has it, or several do.
pub fn no_such_node<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    match names.into_iter().filter(|other| *other == name).count() {
        0 | 1 => format!("unknown node '{name}'"),
        count => format!("{count} nodes are called '{name}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_several_have_is_told_from_one_that_none_has() {
        assert_eq!(no_such_node("x", ["x", "y", "x"]), "2 nodes are called 'x'");
        assert_eq!(no_such_node("z", ["x", "y", "x"]), "unknown node 'z'");
        assert_eq!(nearest("node-a", ["node-a", "node-b"]), Some("node-b"), "the same name is no better one");
    }

    #[test]
    fn an_error_names_file_place_expectation_and_nearest_name() {
        let e =
            InputError::new("a.xml", Place::LineColumn(3, 7), "unknown node 'NYCMnf'", "a node of this file")
                .with_nearest("NYCMnf", ["WASHng", "NYCMng"]);
        assert_eq!(
            e.to_string(),
            "a.xml:3:7: unknown node 'NYCMnf'; expected a node of this file; did you mean 'NYCMng'?"
        );
    }
}
