//! Licences and bans of the dependencies, as `deny.toml` states them. This is the part of cargo-deny that must run on
//! every machine without installing anything.

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::{house, process};

/// A crate by name and version, and its licence expression.
type Licensed = BTreeMap<(String, String), String>;

/// Prints what is wrong; true if nothing is.
pub(crate) fn check_and_print() -> Result<bool> {
    let rules = Rules::read(&std::fs::read_to_string(house::root().join("deny.toml"))?)?;
    let crates = crates(&rules.targets)?;
    let mut faults = 0;
    for ((name, version), licence) in &crates {
        if let Some(fault) = rules.fault(name, licence) {
            println!("licences: {name} {version}: {fault}");
            faults += 1;
        }
    }
    let twice = in_several_versions(&crates).join(", ");
    println!("licences: {} crates, {faults} faults; in several versions: {twice}", crates.len());
    Ok(faults == 0)
}

/// Every crate that is linked, or runs while building or testing, on one of the targets. `cargo tree` resolves features
/// target by target as a build does; `cargo metadata` mixes them, and lists crates that nothing builds.
fn crates(targets: &[String]) -> Result<Licensed> {
    let mut crates = BTreeMap::new();
    for target in targets {
        let mut tree = process::cargo(&["tree", "--locked", "--prefix", "none", "--format", "{p}|{l}"]);
        tree.args(process::WORKSPACE).args(["--edges", "all", "--target", target]);
        let text = process::capture(tree.stderr(Stdio::inherit()))?.context("cargo tree failed")?;
        crates.extend(text.lines().filter_map(read_line));
    }
    Ok(crates)
}

/// `name v1.2.3 (proc-macro)|MIT OR Apache-2.0 (*)`
fn read_line(line: &str) -> Option<((String, String), String)> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let licence = licence.trim_end_matches("(*)").trim();
    Some(((name.to_owned(), version.to_owned()), licence.to_owned()))
}

fn in_several_versions(crates: &Licensed) -> Vec<&str> {
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in crates.keys() {
        *versions.entry(name).or_default() += 1;
    }
    versions.into_iter().filter(|(_, n)| *n > 1).map(|(name, _)| name).collect()
}

/// The lists of `deny.toml` that this check reads.
#[derive(Debug, Default)]
struct Rules {
    targets: Vec<String>,
    allowed: Vec<String>,
    banned: Vec<String>,
}

impl Rules {
    /// Reads the lists by their first line (such as `allow = [`) and one entry a line, as the file is written.
    fn read(text: &str) -> Result<Self> {
        let entries = |section: &str, first: &str| -> Vec<String> {
            let lines = text.lines().skip_while(|l| *l != section).skip_while(|l| *l != first).skip(1);
            let lines = lines.take_while(|l| *l != "]").filter(|l| !l.trim_start().starts_with('#'));
            lines.filter_map(|l| l.split('"').nth(1)).map(str::to_owned).collect()
        };
        let rules = Self {
            targets: entries("[graph]", "targets = ["),
            allowed: entries("[licenses]", "allow = ["),
            banned: entries("[bans]", "deny = ["),
        };
        ensure!(!rules.targets.is_empty(), "deny.toml: no target under [graph] targets");
        ensure!(!rules.allowed.is_empty(), "deny.toml: no licence under [licenses] allow");
        ensure!(!rules.banned.is_empty(), "deny.toml: no crate under [bans] deny");
        Ok(rules)
    }

    fn fault(&self, name: &str, licence: &str) -> Option<String> {
        if self.banned.iter().any(|b| b == name) {
            return Some("banned by deny.toml, which says why".into());
        }
        if licence.is_empty() {
            return Some("names no licence".into());
        }
        (!self.allows(licence)).then(|| format!("licence '{licence}' is not allowed by deny.toml"))
    }

    /// Whether an SPDX expression can be satisfied by allowed licences. `/` is the old way to write OR; `WITH` binds
    /// closest and is matched whole, as cargo-deny does.
    fn allows(&self, expression: &str) -> bool {
        let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut rest = words.as_slice();
        self.any_of(&mut rest) && rest.is_empty()
    }

    fn any_of(&self, words: &mut &[&str]) -> bool {
        let mut good = self.all_of(words);
        while take(words, "OR") {
            good |= self.all_of(words);
        }
        good
    }

    fn all_of(&self, words: &mut &[&str]) -> bool {
        let mut good = self.one(words);
        while take(words, "AND") {
            good &= self.one(words);
        }
        good
    }

    fn one(&self, words: &mut &[&str]) -> bool {
        if take(words, "(") {
            let good = self.any_of(words);
            return take(words, ")") && good;
        }
        let Some((first, rest)) = words.split_first() else { return false };
        *words = rest;
        let mut name = (*first).to_owned();
        if take(words, "WITH")
            && let Some((exception, rest)) = words.split_first()
        {
            name = format!("{name} WITH {exception}");
            *words = rest;
        }
        self.allowed.contains(&name)
    }
}

fn take(words: &mut &[&str], word: &str) -> bool {
    let found = words.first() == Some(&word);
    if found {
        *words = &words[1..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::read(&std::fs::read_to_string(house::root().join("deny.toml")).unwrap()).unwrap()
    }

    #[test]
    fn expressions_are_read_as_spdx_means_them() {
        let good = [
            "MIT",
            "MIT/Apache-2.0",
            "Unlicense OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH Swift-exception OR Apache-2.0 OR MIT",
            "Apache-2.0 WITH LLVM-exception",
            "MIT OR Apache-2.0 AND GPL-3.0",
        ];
        let bad = [
            "GPL-2.0",
            "Unlicense",
            "MIT AND GPL-3.0",
            "(MIT OR Apache-2.0) AND (GPL-3.0 OR Unlicense)",
            "Apache-2.0 WITH Swift-exception",
            "MIT AND",
            "(MIT",
            "MIT MIT",
        ];
        for expression in good {
            assert!(rules().allows(expression), "{expression} should pass");
        }
        for expression in bad {
            assert!(!rules().allows(expression), "{expression} should not pass");
        }
    }

    #[test]
    fn a_line_of_cargo_tree_is_read() {
        let read = |line| read_line(line).map(|((n, v), l)| format!("{n} {v}: {l}"));
        assert_eq!(read("a v1.2.3 (proc-macro)|MIT OR ISC (*)").as_deref(), Some("a 1.2.3: MIT OR ISC"));
        assert_eq!(read("a v1.2.3|").as_deref(), Some("a 1.2.3: "));
        assert_eq!(read("[dev-dependencies]"), None);
    }

    #[test]
    fn banned_crates_and_crates_without_a_licence_fail() {
        assert!(rules().fault("reqwest", "MIT").is_some());
        assert!(rules().fault("anything", "").is_some());
        assert!(rules().fault("anything", "MIT").is_none());
    }

    #[test]
    fn a_file_without_lists_is_refused() {
        assert!(Rules::read("[licenses]\nallow = [\n]\n").is_err());
    }
}
