//! Links between documents lead somewhere.

use crate::house::House;
use crate::markdown::{anchors, links};
use crate::tidy::Finding;

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in house.texts(".md") {
        for (line, target) in links(text) {
            if let Some(what) = fault(house, path, &target) {
                findings.push(Finding::fault(format!("{path}:{line}"), what));
            }
        }
    }
    findings
}

fn fault(house: &House, from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { from.to_owned() } else { resolve(from, file) };
    if !house.has(&path) {
        return Some(format!("link to '{target}', which does not exist"));
    }
    let text = house.files.get(&path).and_then(|t| t.as_deref());
    let unknown = text.is_some_and(|t| path.ends_with(".md") && !anchors(t).iter().any(|a| a == anchor));
    (!anchor.is_empty() && unknown).then(|| format!("link to '{target}': no such heading"))
}

/// A path relative to the folder of `from`, without `.` and `..`.
fn resolve(from: &str, target: &str) -> String {
    let folder = if target.starts_with('/') { "" } else { from.rsplit_once('/').map_or("", |(f, _)| f) };
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_targets_and_anchors_fail() {
        let found = check(&House::of(&[
            (
                "README.md",
                "# Top\n[a](docs/a.md) [b](docs/b.md) [t](#top) [x](#x) [w](https://example.org/)\n",
            ),
            ("docs/a.md", "# A b\n[up](../README.md#top) [c](../README.md#bottom) [d](.)\n"),
        ]));
        let found: Vec<_> = found.iter().map(|f| f.to_string()).collect();
        assert_eq!(
            found,
            [
                "README.md:2: link to 'docs/b.md', which does not exist",
                "README.md:2: link to '#x': no such heading",
                "docs/a.md:2: link to '../README.md#bottom': no such heading",
            ]
        );
    }
}
