//! Recorded sources by their paths: folders of dumps and captures, as one store of observations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use twin::{Diagnostic, EntityKey, InputError, Place, Snapshot, WallTime};

use super::{files, overheard};
use crate::dump::suzieq;
use crate::external;
use crate::fuse::Fusion;
use crate::fuse::tables::Tables;
use crate::observation::{Observation, Observer};
use crate::store::Store;
use crate::{dump, wire};

/// What recorded sources say.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Their observations.
    pub store: Store,
    /// The latest instant of which they tell: the state then is asked for.
    pub until: WallTime,
    /// What the readers found odd.
    pub diagnostics: Vec<Diagnostic>,
    /// Speakers of BMP and BGP that are none of the recorded nodes.
    strangers: BTreeSet<String>,
}

/// What a folder holds.
enum Folder {
    /// Sub-folders, each with what one node's tools printed.
    Nodes,
    /// Outputs as SuzieQ records them, which name node and instant.
    Outputs(Vec<(String, String)>),
}

impl Recorded {
    /// Reads folders whose direct sub-folders are nodes, folders of outputs as SuzieQ records them, and captures (`.pcap`,
    /// `.pcapng`). Dumps bear no time: they are taken to be of the last instant of all that does. A source given twice
    /// counts once.
    ///
    /// # Errors
    /// [`InputError`] for a source that is missing or unreadable, a folder without any recording of a node, a file that
    /// is no capture, and a damage that ends a capture.
    pub fn read<P: AsRef<Path>>(sources: &[P]) -> Result<Self, InputError> {
        let mut recorded = Self::default();
        // Neither their order nor repetition says anything.
        let sources: BTreeSet<&Path> = sources.iter().map(AsRef::as_ref).collect();
        let (mut nodes, mut spoken) = (Vec::new(), Vec::new());
        for path in sources {
            if !path.is_dir() {
                spoken.extend(recorded.add_capture(path)?);
                continue;
            }
            match folder(path)? {
                Folder::Nodes => nodes.push(path),
                Folder::Outputs(outputs) => recorded.add_outputs(path, &outputs)?,
            }
        }
        recorded.until = spoken.iter().map(|w: &Observation| w.at).fold(recorded.store.latest(), Ord::max);
        let mut names = BTreeSet::new();
        for path in nodes {
            recorded.add_nodes(path, &mut names)?;
        }
        let (words, strangers) = overheard::adopt(&recorded.store, recorded.until, spoken);
        recorded.store.extend(words);
        recorded.strangers = strangers;
        Ok(recorded)
    }

    /// Takes what passes on wires; what BMP and BGP say there is returned, for it is not known yet who the speakers are.
    fn add_capture(&mut self, path: &Path) -> Result<Vec<Observation>, InputError> {
        let file = files::name(path);
        if !matches!(files::suffix(path).as_str(), "pcap" | "pcapng" | "cap") {
            let expected = "a folder of recorded nodes, or a capture (.pcap, .pcapng)";
            let what = if path.exists() { "a file of another kind" } else { "no such file or folder" };
            return Err(InputError::new(&file, Place::Whole, what, expected));
        }
        let bytes = files::read(path)?;
        let reading = wire::read_capture(&file, &bytes, &mut self.diagnostics)?;
        self.store.extend(reading.observations);
        match reading.damage {
            Some(damage) => Err(damage),
            None => Ok(overheard::listen(&file, &bytes, &mut self.diagnostics)),
        }
    }

    fn add_outputs(&mut self, path: &Path, outputs: &[(String, String)]) -> Result<(), InputError> {
        let texts: Vec<&str> = outputs.iter().map(|(_, text)| text.as_str()).collect();
        match suzieq::observe(&texts, &mut self.diagnostics) {
            Some((words, understood)) if understood > 0 => {
                self.store.extend(words);
                Ok(())
            }
            _ => {
                let expected =
                    "recorded outputs: JSON arrays of entries with hostname, timestamp, cmd and data";
                Err(InputError::new(&files::name(path), Place::Whole, "no output of a node", expected))
            }
        }
    }

    fn add_nodes(&mut self, path: &Path, names: &mut BTreeSet<String>) -> Result<(), InputError> {
        let mut understood = 0;
        for node in files::recordings(path)? {
            if !names.insert(node.name.clone()) {
                let message = || format!("{} is in several folders and taken as one node", node.name);
                Diagnostic::count(&mut self.diagnostics, "node-in-several-folders", message);
            }
            self.store.add_observer(&Observer::node(&node.name));
            let (words, count) = dump::read_node(&node, self.until, &mut self.diagnostics);
            self.store.extend(words);
            understood += count;
        }
        if understood == 0 {
            let expected = "direct sub-folders with what the tools of one node each printed";
            return Err(InputError::new(
                &files::name(path),
                Place::Whole,
                "no recording of a node",
                expected,
            ));
        }
        Ok(())
    }

    /// The network at the latest instant.
    pub fn fuse(&self) -> Fusion {
        let mut fusion = Fusion::default();
        fusion.rebuild(&self.store, self.until);
        fusion
    }

    /// The network as a snapshot, with all diagnostics.
    pub fn snapshot(&self, fusion: &Fusion) -> Snapshot {
        let diagnostics = self.diagnostics.iter().cloned().chain(fusion.diagnostics()).collect();
        let mut twin = fusion.twin().clone();
        let nodes = twin.nodes().into_iter().filter(|n| self.strangers.contains(&n.name));
        let strangers: Vec<EntityKey> = nodes.map(|n| n.key.clone()).collect();
        external::mark(&mut twin, &strangers);
        Snapshot { twin, diagnostics, ..Snapshot::default() }
    }

    /// The tables of the network: speakers that are none of the recorded nodes are external there too, and go by the name
    /// that they say elsewhere, if nobody else does.
    pub fn tables(&self, fusion: &Fusion) -> Tables {
        let mut tables = fusion.tables();
        let mut taken: BTreeMap<String, u32> = BTreeMap::new();
        tables
            .nodes
            .iter()
            .flat_map(|r| [&r.id, &r.name])
            .for_each(|n| *taken.entry(n.clone()).or_default() += 1);
        let mut names = BTreeMap::new();
        for row in tables.nodes.iter_mut().filter(|r| r.kind != "segment" && self.strangers.contains(&r.id)) {
            row.kind = "external";
            if taken.get(&row.name) == Some(&1) {
                names.insert(std::mem::replace(&mut row.id, row.name.clone()), row.name.clone());
            }
        }
        let cables = tables.cables.iter_mut().flat_map(|r| [&mut r.a_node, &mut r.b_node]);
        let segments = tables.segments.iter_mut().map(|r| &mut r.node);
        for node in cables.chain(segments).chain(tables.unmatched.iter_mut().map(|r| &mut r.node)) {
            if let Some(name) = names.get(node) {
                node.clone_from(name);
            }
        }
        tables
    }
}

fn folder(path: &Path) -> Result<Folder, InputError> {
    let outputs = files::outputs(path)?;
    Ok(if outputs.is_empty() { Folder::Nodes } else { Folder::Outputs(outputs) })
}
