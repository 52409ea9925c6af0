//! Which failures a study looks at: the argument `--fail` and the files that it names.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use scenarios::planning::{FailureList, FailureSet};
use serde::{Deserialize, Serialize};
use topology_sync::encoding;
use topology_sync::source::files;
use twin::{Csr, InputError, LinkId, Place};

use crate::failure::Failure;

/// The argument of `--fail`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum FailArg {
    /// Nothing.
    None,
    /// All sets of so many links.
    Links(u32),
    /// Each node.
    Nodes,
    /// A list of sets by link numbers.
    Patterns(PathBuf),
}

/// What `--fail` takes, for its help.
pub(crate) const FORMS: &str = "none|links|links:K|nodes|patterns:FILE";

impl FromStr for FailArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
        match (kind, rest) {
            ("none", None) => Ok(Self::None),
            ("links", None) => Ok(Self::Links(1)),
            ("links", Some(k)) => match k.parse() {
                Ok(k @ 1..=8) => Ok(Self::Links(k)),
                _ => Err("expected 'links:K' with K from 1 to 8".into()),
            },
            ("nodes", None) => Ok(Self::Nodes),
            ("patterns", Some(file)) if !file.is_empty() => Ok(Self::Patterns(file.into())),
            _ => Err(format!("expected {FORMS}")),
        }
    }
}

impl TryFrom<String> for FailArg {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<FailArg> for String {
    fn from(arg: FailArg) -> Self {
        match arg {
            FailArg::None => "none".into(),
            FailArg::Links(k) => format!("links:{k}"),
            FailArg::Nodes => "nodes".into(),
            FailArg::Patterns(file) => format!("patterns:{}", file.display()),
        }
    }
}

impl FailArg {
    /// The file that it names, to be changed.
    pub(crate) fn file_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Patterns(file) => Some(file),
            Self::None | Self::Links(_) | Self::Nodes => None,
        }
    }

    /// The file that it names.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Patterns(file) => Some(file),
            Self::None | Self::Links(_) | Self::Nodes => None,
        }
    }

    /// The failures of a network.
    pub(crate) fn list(&self, csr: &Csr) -> Result<FailureList, Failure> {
        Ok(match self {
            Self::None => FailureList::none(),
            Self::Links(k) => match FailureList::count_links(csr, *k) {
                Some(_) => FailureList::links(csr, *k),
                None => {
                    return Err(Failure::Usage(format!(
                        "more sets of {k} links than scenario numbers (2^32)"
                    )));
                }
            },
            Self::Nodes => FailureList::nodes(csr),
            Self::Patterns(file) => FailureList::listed(patterns(file, csr)?),
        })
    }
}

/// One set a line: link numbers with commas between them. Empty lines and what follows a `#` are left out.
fn patterns(path: &Path, csr: &Csr) -> Result<Vec<FailureSet>, InputError> {
    let file = path.display().to_string();
    let bytes = files::read(path)?;
    let mut sets = Vec::new();
    for (i, line) in encoding::utf8(&file, &bytes)?.lines().enumerate() {
        let content = line.split('#').next().unwrap_or_default();
        if content.trim().is_empty() {
            continue;
        }
        let link = |(at, text): (usize, &str)| {
            let known = text.trim().parse().ok().filter(|n: &u32| (*n as usize) < csr.link_count());
            known.map(LinkId).ok_or_else(|| {
                let column = content.split(',').take(at).map(|t| t.len() + 1).sum::<usize>() + 1;
                let place = Place::LineColumn(i as u64 + 1, column as u64);
                let expected = format!("a link number below {}", csr.link_count());
                InputError::new(&file, place, format!("found '{}'", text.trim()), expected)
            })
        };
        let links: Result<Vec<_>, _> = content.split(',').enumerate().map(link).collect();
        sets.push(FailureSet::new(links?, Vec::new()));
    }
    Ok(sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_others_are_refused() {
        let read = |text: &str| text.parse::<FailArg>().ok();
        assert_eq!(read("links"), Some(FailArg::Links(1)));
        assert_eq!(read("links:2"), Some(FailArg::Links(2)));
        assert_eq!(read("patterns:a:b.txt"), Some(FailArg::Patterns("a:b.txt".into())));
        for wrong in ["", "link", "links:", "links:0", "links:9", "nodes:2", "patterns", "patterns:"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
