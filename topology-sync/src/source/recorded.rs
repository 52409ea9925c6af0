//! Recorded sources by their paths: folders of dumps and captures, as one store of observations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[cfg(feature = "bgp")]
use twin::Change;
use twin::{Diagnostic, EntityKey, InputError, Place, Snapshot, Twin, WallTime};

use super::overheard::{Adopted, Told};
use super::{files, overheard};
#[cfg(feature = "bgp")]
use crate::bgp::forwarding;
use crate::dump::suzieq;
use crate::external;
use crate::fuse::Fusion;
use crate::fuse::tables::Tables;
use crate::inventory::netbox;
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
    /// The routers that reported by BMP, by the names of their nodes.
    #[cfg(feature = "bgp")]
    routers: BTreeMap<String, std::sync::Arc<crate::bgp::router::Router>>,
}

/// What a folder holds.
enum Folder {
    /// Sub-folders, each with what one node's tools printed.
    Nodes,
    /// Outputs as SuzieQ records them, which name node and instant.
    Outputs(Vec<(String, String)>),
    /// Files of an inventory.
    Inventory(Vec<PathBuf>),
}

impl Recorded {
    /// Reads folders whose direct sub-folders are nodes, folders of outputs as SuzieQ records them, captures (`.pcap`,
    /// `.pcapng`), and what NetBox lists (`.json` files, or folders of them: one inventory). Dumps and inventories bear no time: they are taken to be of the last instant of all that does. A source given twice
    /// counts once.
    ///
    /// # Errors
    /// [`InputError`] for a source that is missing or unreadable, a folder without any recording of a node, a file that
    /// is no capture, and a damage that ends a capture.
    pub fn read<P: AsRef<Path>>(sources: &[P]) -> Result<Self, InputError> {
        let mut recorded = Self::default();
        // Neither their order nor repetition says anything.
        let sources: BTreeSet<&Path> = sources.iter().map(AsRef::as_ref).collect();
        let (mut nodes, mut told, mut inventory) = (Vec::new(), Vec::new(), Vec::new());
        for path in sources {
            if path.is_file() && files::suffix(path) == "json" {
                inventory.push(path.to_owned());
                continue;
            }
            if !path.is_dir() {
                told.push(recorded.add_capture(path)?);
                continue;
            }
            match folder(path)? {
                Folder::Nodes => nodes.push(path),
                Folder::Outputs(outputs) => recorded.add_outputs(path, &outputs)?,
                Folder::Inventory(files) => inventory.extend(files),
            }
        }
        let spoken = || told.iter().flat_map(|t| &t.words);
        recorded.until = spoken().map(|w: &Observation| w.at).fold(recorded.store.latest(), Ord::max);
        let mut names = BTreeSet::new();
        for path in nodes {
            recorded.add_nodes(path, &mut names)?;
        }
        recorded.add_inventory(&inventory)?;
        let spoken = spoken().cloned().collect();
        let Adopted { words, strangers, nodes, .. } =
            overheard::adopt(&recorded.store, recorded.until, spoken);
        recorded.store.extend(words);
        recorded.strangers = strangers;
        recorded.take_routers(told, &nodes);
        Ok(recorded)
    }

    /// Takes what passes on wires; what BMP and BGP say there is returned, for it is not known yet who the speakers are.
    fn add_capture(&mut self, path: &Path) -> Result<Told, InputError> {
        let file = files::name(path);
        if !matches!(files::suffix(path).as_str(), "pcap" | "pcapng" | "cap") {
            let expected = "a folder of recorded nodes, a capture (.pcap, .pcapng), or an inventory (.json)";
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
            let unread = self.diagnostics.iter().find(|d| d.code.ends_with("-recording"));
            let why = unread.map(|d| format!(" ({})", d.message)).unwrap_or_default();
            let what = format!("no recording of a node{why}");
            return Err(InputError::new(&files::name(path), Place::Whole, what, expected));
        }
        Ok(())
    }

    /// Takes the files of one inventory.
    fn add_inventory(&mut self, paths: &[PathBuf]) -> Result<(), InputError> {
        let mut lists = Vec::new();
        for path in paths {
            lists.push(listed(path)?.ok_or_else(|| {
                let expected = "lists of devices, interfaces and cables as NetBox's REST API gives them";
                InputError::new(&files::name(path), Place::Whole, "JSON of another kind", expected)
            })?);
        }
        let list = Observer::list("netbox");
        let words = netbox::read(&list, self.until, &lists, &mut self.diagnostics);
        self.store.extend(words.into_iter().flatten());
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
        let mut diagnostics: Vec<_> = self.diagnostics.iter().cloned().chain(fusion.diagnostics()).collect();
        let mut twin = fusion.twin().clone();
        self.route(fusion, &mut twin, &mut diagnostics);
        let nodes = twin.nodes().into_iter().filter(|n| self.strangers.contains(&n.name));
        let strangers: Vec<EntityKey> = nodes.map(|n| n.key.clone()).collect();
        external::mark(&mut twin, &strangers);
        Snapshot { twin, diagnostics, ..Snapshot::default() }
    }

    /// Keeps the routers that report; of several reports of one node the one that was heard last.
    #[cfg(feature = "bgp")]
    fn take_routers(&mut self, told: Vec<Told>, nodes: &BTreeMap<Observer, Observer>) {
        for router in told.into_iter().flat_map(|t| t.routers).filter(|r| r.tells_choice()) {
            let node = nodes.get(router.observer()).unwrap_or(router.observer()).id().to_owned();
            if self.routers.get(&node).is_none_or(|known| known.heard() < router.heard()) {
                self.routers.insert(node, router);
            }
        }
    }

    #[cfg(not(feature = "bgp"))]
    fn take_routers(&mut self, _: Vec<Told>, _: &BTreeMap<Observer, Observer>) {}

    /// Gives the routers that report by BMP the tables that follow from what they have chosen, where nobody tells them.
    #[cfg(feature = "bgp")]
    fn route(&self, fusion: &Fusion, twin: &mut Twin, diagnostics: &mut Vec<Diagnostic>) {
        let ways = crate::fuse::ways::Ways::of(fusion, &self.store);
        for (name, router) in &self.routers {
            let (Some(node), Some(other)) = (fusion.node_key(name), ways.routes(name)) else { continue };
            let (fib, unresolved) = forwarding::table(&router.choice(), other);
            let after = Some(fib).filter(|fib| !fib.is_empty()).map(std::sync::Arc::new);
            twin.set(&Change::Fib { node: node.clone(), before: twin.fib(node).cloned(), after });
            if unresolved > 0 {
                let code = "bgp-next-hop".to_owned();
                let message = format!("nothing leads to the next hops of routes that {name} tells");
                diagnostics.push(Diagnostic { code, message, count: unresolved });
            }
        }
    }

    #[cfg(not(feature = "bgp"))]
    fn route(&self, _: &Fusion, _: &mut Twin, _: &mut Vec<Diagnostic>) {}

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
    if !outputs.is_empty() {
        return Ok(Folder::Outputs(outputs));
    }
    let entries = files::entries(path)?;
    if entries.iter().any(|e| e.is_dir()) {
        return Ok(Folder::Nodes);
    }
    let mut lists = Vec::new();
    for file in entries.into_iter().filter(|f| files::suffix(f) == "json") {
        // Beside the lists may lie what is none of them.
        if listed(&file).is_ok_and(|list| list.is_some()) {
            lists.push(file);
        }
    }
    Ok(if lists.is_empty() { Folder::Nodes } else { Folder::Inventory(lists) })
}

/// The content of a file of NetBox's; `None` if it is something else.
///
/// # Errors
/// [`InputError`] for a file that cannot be read, and for text that is no JSON.
fn listed(path: &Path) -> Result<Option<serde_json::Value>, InputError> {
    let (file, bytes) = (files::name(path), files::read(path)?);
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| {
        let place = Place::LineColumn(e.line() as u64, e.column() as u64);
        InputError::new(&file, place, format!("no JSON: {e}"), "lists as NetBox's REST API gives them")
    })?;
    let one = std::slice::from_ref(&value);
    let is_list = netbox::read(&Observer::list(""), WallTime::default(), one, &mut Vec::new()).is_some();
    Ok(is_list.then_some(value))
}
