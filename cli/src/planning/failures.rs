//! Which failures a study looks at: the argument `--fail` and the files that it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use scenarios::planning::{FailureList, FailureSet};
use serde::{Deserialize, Serialize};
use topology_sync::encoding;
use topology_sync::source::files;
use twin::{Csr, InputError, LinkId, Place};

use super::groups::{self, Group, GroupFile};
use super::names::{self, Names};
use super::study::Study;
use crate::failure::Failure;

/// The argument of `--fail`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum FailArg {
    /// Nothing.
    None,
    /// All sets of so many links.
    Links(u32),
    /// Each link that can fail by itself: bundles by their members.
    Members,
    /// Each node.
    Nodes,
    /// What fails together: the groups of a file, or the network's own.
    Groups(Option<PathBuf>),
    /// A list of sets by link numbers.
    Patterns(PathBuf),
}

/// What `--fail` takes, for its help.
pub(crate) const FORMS: &str = "none|links|links:K|members|nodes|groups|groups:FILE|patterns:FILE";

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
            ("members", None) => Ok(Self::Members),
            ("nodes", None) => Ok(Self::Nodes),
            ("groups", None) => Ok(Self::Groups(None)),
            ("groups", Some(file)) if !file.is_empty() => Ok(Self::Groups(Some(file.into()))),
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
            FailArg::Members => "members".into(),
            FailArg::Nodes => "nodes".into(),
            FailArg::Groups(None) => "groups".into(),
            FailArg::Groups(Some(file)) => format!("groups:{}", file.display()),
            FailArg::Patterns(file) => format!("patterns:{}", file.display()),
        }
    }
}

impl FailArg {
    /// The file that it names, to be changed.
    pub(crate) fn file_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Patterns(file) | Self::Groups(Some(file)) => Some(file),
            Self::None | Self::Links(_) | Self::Members | Self::Nodes | Self::Groups(None) => None,
        }
    }

    /// The file that it names.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Patterns(file) | Self::Groups(Some(file)) => Some(file),
            Self::None | Self::Links(_) | Self::Members | Self::Nodes | Self::Groups(None) => None,
        }
    }

    /// What it is, in words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::None => "nothing fails".into(),
            Self::Links(1) => "any one link fails".into(),
            Self::Links(k) => format!("any {k} links fail"),
            Self::Members => "any one link or member of a bundle fails".into(),
            Self::Nodes => "any one node fails".into(),
            Self::Groups(_) => "a risk group fails".into(),
            Self::Patterns(_) => "listed sets of links fail".into(),
        }
    }

    /// The failures of a network, with their names.
    pub(crate) fn of(&self, study: &Study) -> Result<Failing, Failure> {
        let csr = &study.csr;
        let groups = match self {
            Self::Groups(file) => risk_groups(file.as_deref(), study)?,
            _ => Vec::new(),
        };
        let list = match self {
            Self::Groups(_) => FailureList::listed(groups.iter().map(|g| g.set.clone())),
            Self::Patterns(file) => patterns(file, csr)?,
            Self::None => FailureList::none(),
            Self::Links(k) => links(csr, *k)?,
            Self::Members => FailureList::members(csr),
            Self::Nodes => FailureList::nodes(csr),
        };
        Ok(Failing { list, groups })
    }

    /// The same failures in the network as it was before an edit: of what is listed, that which was there.
    pub(crate) fn before(&self, after: &FailureList, csr: &Csr) -> Result<FailureList, Failure> {
        let there = |set: &FailureSet| {
            let links = set.links().iter().copied().filter(|l| l.index() < csr.link_count());
            let nodes = set.nodes().iter().copied().filter(|n| n.index() < csr.node_count());
            FailureSet::new(links.collect(), nodes.collect())
        };
        Ok(match self {
            Self::None => FailureList::none(),
            Self::Links(k) => links(csr, *k)?,
            Self::Nodes => FailureList::nodes(csr),
            Self::Members | Self::Groups(_) | Self::Patterns(_) => {
                FailureList::listed((1..after.len()).map(|scenario| there(&after.get(scenario).0)))
            }
        })
    }
}

/// All sets of so many links.
fn links(csr: &Csr, at_once: u32) -> Result<FailureList, Failure> {
    match FailureList::count_links(csr, at_once) {
        Some(_) => Ok(FailureList::links(csr, at_once)),
        None => Err(Failure::Usage(format!("more sets of {at_once} links than scenario numbers (2^32)"))),
    }
}

/// What fails, and what people call it.
#[derive(Debug)]
pub(crate) struct Failing {
    /// The scenarios.
    pub(crate) list: FailureList,
    /// The groups in their order; empty where failures have no names.
    pub(crate) groups: Vec<Group>,
}

impl Failing {
    /// The scenario of each group: groups with the same members share one.
    pub(crate) fn scenarios(&self) -> Vec<u32> {
        if self.groups.is_empty() {
            return Vec::new();
        }
        let numbers: BTreeMap<_, _> = (0..self.list.len()).map(|s| (self.list.get(s).0, s)).collect();
        self.groups.iter().map(|g| numbers[&g.set]).collect()
    }

    /// What people call a failure set: the groups that are it, or else its links and nodes.
    pub(crate) fn name(&self, set: &FailureSet, csr: &Csr) -> String {
        let groups = self.groups.iter().filter(|g| g.set == *set).map(|g| g.name.as_str());
        let names: Vec<_> = groups.collect();
        if names.is_empty() { names::of_set(csr, set) } else { names.join(", ") }
    }
}

/// The groups of a file, or of the network.
fn risk_groups(file: Option<&Path>, study: &Study) -> Result<Vec<Group>, InputError> {
    let names = Names::new(&study.twin, &study.csr);
    if let Some(file) = file {
        return GroupFile::read(file)?.resolve(&names);
    }
    let groups = groups::of_twin(&names);
    if groups.is_empty() {
        let expected = "a network that knows risk groups, or --fail groups:FILE";
        return Err(InputError::new(&study.file(), Place::Whole, "a network without risk groups", expected));
    }
    Ok(groups)
}

/// One set a line: link numbers with commas between them. Empty lines and what follows a `#` are left out.
fn patterns(path: &Path, csr: &Csr) -> Result<FailureList, InputError> {
    let (file, bytes) = (path.display().to_string(), files::read(path)?);
    let mut sets = parse_patterns(&file, encoding::utf8(&file, &bytes)?, Some(csr.link_count()));
    let mut wrong = None;
    // A set at a time: a list of millions is held in its short form alone.
    let fine = sets.by_ref().map_while(|set| set.map_err(|error| wrong = Some(error)).ok());
    let mut some = false;
    let list = FailureList::listed(fine.inspect(|_| some = true));
    match wrong {
        Some(error) => Err(error),
        None if !some => {
            let expected = "a line for each set: link numbers with commas between them";
            Err(InputError::new(&file, Place::Whole, "no set of links", expected))
        }
        None => Ok(list),
    }
}

/// The sets of a text; without a number of links any link number is taken.
pub(crate) fn parse_patterns(
    file: &str,
    text: &str,
    links: Option<usize>,
) -> impl Iterator<Item = Result<FailureSet, InputError>> {
    text.lines().enumerate().filter_map(move |(i, line)| {
        let content = line.split('#').next().unwrap_or_default();
        if content.trim().is_empty() {
            return None;
        }
        let link = |(at, text): (usize, &str)| {
            let known = text.trim().parse().ok().filter(|n: &u32| links.is_none_or(|l| (*n as usize) < l));
            known.map(LinkId).ok_or_else(|| {
                let column = content.split(',').take(at).map(|t| t.len() + 1).sum::<usize>() + 1;
                let place = Place::LineColumn(i as u64 + 1, column as u64);
                let expected =
                    links.map_or("a link number".to_owned(), |links| format!("a link number below {links}"));
                InputError::new(file, place, format!("found '{}'", text.trim()), expected)
            })
        };
        let links: Result<Vec<_>, _> = content.split(',').enumerate().map(link).collect();
        Some(links.map(|links| FailureSet::new(links, Vec::new())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_others_are_refused() {
        let read = |text: &str| text.parse::<FailArg>().ok();
        assert_eq!(read("links"), Some(FailArg::Links(1)));
        assert_eq!(read("links:2"), Some(FailArg::Links(2)));
        assert_eq!(read("members"), Some(FailArg::Members));
        assert_eq!(read("groups"), Some(FailArg::Groups(None)));
        assert_eq!(read("groups:g.yaml"), Some(FailArg::Groups(Some("g.yaml".into()))));
        assert_eq!(read("patterns:a:b.txt"), Some(FailArg::Patterns("a:b.txt".into())));
        for wrong in
            ["", "link", "links:", "links:0", "links:9", "nodes:2", "groups:", "patterns", "patterns:"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
