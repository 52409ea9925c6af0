//! No file names a folder of the machine it was written on.

use crate::house::House;
use crate::tidy::Finding;

/// Folders that exist on one machine only. Put together here, so that this file does not contain them.
const MACHINE: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in house.texts("").filter(|(path, _)| !is_recorded(path)) {
        for (index, line) in text.lines().enumerate() {
            if let Some(folder) = MACHINE.iter().find(|m| names(line, m)) {
                let what = format!("names '{folder}', a folder of one machine");
                findings.push(Finding::fault(format!("{path}:{}", index + 1), what));
            }
        }
    }
    findings
}

/// What was recorded elsewhere may name the folders of elsewhere.
fn is_recorded(path: &str) -> bool {
    path.split('/').any(|part| part == "testdata")
}

/// Whether the line has the folder at the start of a path, not in the middle of one (`https://example.org/…/x`).
fn names(line: &str, folder: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || ['.', '_', '-', '/', '}', '*'].contains(&c);
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_path_fails_outside_recorded_data() {
        let line = format!("see {}notes\n", MACHINE[0]);
        let url = format!("https://example.org{}x\n", MACHINE[0]);
        let files = [("a.md", &*line), ("b.md", &*url), ("testdata/x/log.txt", &*line)];
        let found = check(&House::of(&files));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "a.md:1");
    }
}
