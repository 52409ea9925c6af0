//! `tidy`: the rules about the repository itself. Each rule is a file here, a function from a [`House`] to findings, with
//! a test that shows it can fail. The last test of this file holds the rules against the repository, so `cargo test`
//! enforces them too.

use std::fmt;

use anyhow::Result;

use crate::Verdict;
use crate::house::House;

mod commands;
mod crate_docs;
mod edges;
mod length;
mod links;
mod origin;
mod paths;

/// Something that a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// File, and line where there is one.
    place: String,
    /// What is wrong and what would be right.
    what: String,
    /// A note is printed and does not fail.
    is_note: bool,
}

impl Finding {
    fn fault(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), is_note: false }
    }

    fn note(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { is_note: true, ..Self::fault(place, what) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_note { "note: " } else { "" };
        write!(f, "{word}{}: {}", self.place, self.what)
    }
}

type Rule = fn(&House) -> Vec<Finding>;

const RULES: &[Rule] = &[
    edges::check,
    crate_docs::check,
    origin::check,
    commands::check,
    links::check,
    paths::check,
    length::check,
];

/// The word `tidy`.
pub(crate) fn run(_args: &[String]) -> Result<Verdict> {
    Ok(Verdict::good_if(check_and_print()?))
}

/// Prints every finding; true if none is a fault.
pub(crate) fn check_and_print() -> Result<bool> {
    let findings = check(&House::read()?);
    for finding in &findings {
        println!("tidy: {finding}");
    }
    let faults = findings.iter().filter(|f| !f.is_note).count();
    println!("tidy: {} rules, {faults} faults, {} notes", RULES.len(), findings.len() - faults);
    Ok(faults == 0)
}

fn check(house: &House) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| rule(house)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        let faults = check(&House::read().unwrap()).into_iter().filter(|f| !f.is_note);
        let faults: Vec<_> = faults.map(|f| f.to_string()).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
