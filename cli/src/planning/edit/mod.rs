//! A planned change of the network and its demands: `--edit FILE`.
//!
//! ```yaml
//! format: umbra-edit/1
//! groups:                                   # of nodes, for demands
//!   west: [LOSAng, SNVAng, STTLng]
//! edits:                                    # one after the other
//!   - add_node: {name: DALLng, longitude: -96.8, latitude: 32.8}
//!   - add_link: {between: [DALLng, HSTNng], capacity: 10G, weight: 365}
//!   - remove: CHINng - IPLSng               # a link or node, or a list
//!   - down: ATLAng
//!   - set: {link: DNVRng - KSCYng, capacity: 40G, weight: 700}
//!   - set: {link: DNVRng -> STTLng, weight: 900}          # one direction
//!   - bundle: {links: STTLng - SNVAng, members: 4, min_links: 3}    # a link is four cables
//!   - bundle: {links: HSTNng - KSCYng, name: trunk}                 # all links between the two become one
//!   - scale: {factor: 1.5, from: west}
//!   - grow: {percent_per_year: 30, years: 2}
//!   - add_demand: {from: DALLng, to: NYCMng, volume: 2G}
//!   - set_demand: {from: ATLAng, to: NYCMng, volume: 150}
//!   - remove_demand: {from: ATLAng, to: SNVAng}
//! ```
//!
//! An amount is in bit/s with a unit (`10G`), and in the network's own unit without one. How links and nodes are called:
//! [`super::names::Names`]. Links and nodes of the source keep their numbers, also those that are taken away; new ones
//! follow.

mod apply;
mod bundle;
mod demands;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde::Deserialize;
use std::collections::BTreeMap;
use topology_sync::source::files;
use topology_sync::{encoding, yaml};
use twin::{InputError, Layer, Place, Snapshot};

use super::words::{Amount, Number, Word, Words, check_format};

/// The value of the `format` key.
pub(crate) const FORMAT: &str = "umbra-edit/1";

/// A file of edits as it is written.
#[derive(Clone, Debug)]
pub(crate) struct EditFile {
    file: String,
    description: Option<String>,
    edits: Edits,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Yaml {
    format: Word,
    description: Option<String>,
    #[serde(default)]
    groups: BTreeMap<String, Vec<Word>>,
    edits: Vec<Edit>,
}

/// Edits, and the groups of nodes that they speak of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edits {
    /// Nodes by the name of their group.
    pub(crate) groups: BTreeMap<String, Vec<Word>>,
    /// One after the other.
    pub(crate) list: Vec<Edit>,
}

/// What a demand that an edit speaks of and that is not there means.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Absent {
    /// A slip of the pen.
    IsWrong,
    /// Nothing was sent.
    IsZero,
}

/// One change.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Edit {
    /// A node that is not there yet.
    AddNode(AddNode),
    /// A link that is not there yet, both ways alike.
    AddLink(AddLink),
    /// Links or nodes are taken away, and with a node its demands.
    Remove(Words),
    /// Links or nodes do not work; demands of a node are lost.
    Down(Words),
    /// A link, or one direction of it, becomes different.
    Set(Set),
    /// A link consists of members, or links become the members of one.
    Bundle(Bundle),
    /// Demands are multiplied.
    Scale(Scale),
    /// Demands grow.
    Grow(Grow),
    /// Volume is added to a pair.
    AddDemand(PairVolume),
    /// The volume of a pair becomes this.
    SetDemand(PairVolume),
    /// A pair has no demand any more.
    RemoveDemand(Pair),
}

/// A new node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddNode {
    name: Word,
    longitude: Option<Number>,
    latitude: Option<Number>,
}

/// A new link.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddLink {
    between: [Word; 2],
    name: Option<String>,
    capacity: Amount,
    weight: Number,
    delay_ms: Option<Number>,
}

/// What a link is to be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Set {
    link: Word,
    capacity: Option<Amount>,
    weight: Option<Number>,
    delay_ms: Option<Number>,
}

/// A link aggregation (IEEE 802.1AX).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bundle {
    links: Words,
    members: Option<Number>,
    min_links: Option<Number>,
    name: Option<String>,
    weight: Option<Number>,
}

/// A factor for some demands: all where nothing else is said.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scale {
    factor: Number,
    from: Option<Words>,
    to: Option<Words>,
    at: Option<Words>,
}

/// Growth of some demands: all where nothing else is said.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grow {
    percent_per_year: Number,
    years: Number,
    from: Option<Words>,
    to: Option<Words>,
    at: Option<Words>,
}

/// An ordered pair with a volume.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PairVolume {
    from: Word,
    to: Word,
    volume: Amount,
}

/// An ordered pair.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pair {
    from: Word,
    to: Word,
}

impl EditFile {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, InputError> {
        let (file, bytes) = (path.display().to_string(), files::read(path)?);
        Self::parse(&file, encoding::utf8(&file, &bytes)?)
    }

    /// Reads a text; `file` is what errors call it.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, InputError> {
        let read: Yaml = yaml::read(file, text, "a file of edits")?;
        check_format(file, &read.format, FORMAT)?;
        let edits = Edits { groups: read.groups, list: read.edits };
        Ok(Self { file: file.to_owned(), description: read.description, edits })
    }

    /// Edits that stand in a file of another format.
    pub(crate) fn inline(file: &str, edits: Edits) -> Self {
        Self { file: file.to_owned(), description: None, edits }
    }

    /// What its author says of it.
    pub(crate) fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// How many edits.
    pub(crate) fn len(&self) -> usize {
        self.edits.list.len()
    }

    /// The error that an edit of demands is where demands are sought.
    pub(crate) fn about_demands(&self) -> Option<InputError> {
        let network = |edit: &&Edit| {
            use Edit::{AddLink, AddNode, Bundle, Down, Set};
            matches!(edit, AddNode(_) | AddLink(_) | Set(_) | Bundle(_) | Down(_))
        };
        let number = self.edits.list.iter().position(|edit| !network(&edit))?;
        let what = format!("edit {} changes demands, which are sought", number + 1);
        let expected = "edits of nodes and links: add_node, add_link, bundle, down, set";
        Some(InputError::new(&self.file, Place::Whole, what, expected))
    }

    /// The network after the edits.
    pub(crate) fn apply(&self, net: Snapshot, layer: Layer) -> Result<Snapshot, InputError> {
        self.edits.apply(&self.file, net, layer, Absent::IsWrong)
    }

    /// The same for a matrix that was measured: a pair may carry nothing in it.
    pub(crate) fn apply_measured(&self, net: Snapshot, layer: Layer) -> Result<Snapshot, InputError> {
        self.edits.apply(&self.file, net, layer, Absent::IsZero)
    }
}
