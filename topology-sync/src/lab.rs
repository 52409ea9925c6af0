//! Recorded labs: a folder whose direct sub-folders are nodes, each with what the node's tools printed.
//!
//! The recordings become observations ([`crate::dump`]), the observations a store, the store a twin ([`crate::fuse`]).
//! The sub-folder's name is the node's id. A recording bears no time: all is said at the epoch.
//!
//! A folder without sub-folders may hold outputs as SuzieQ records them ([`read_outputs`]), which name node and instant.

use twin::{InputError, Place, Snapshot, WallTime};

pub use crate::dump::NodeRecording;
use crate::dump::suzieq;
use crate::observation::Observer;
use crate::store::Store;
use crate::{dump, fuse};

/// Reads a recorded lab; `folder` is what errors call it.
///
/// A recording that cannot be read (cut short, or an error message instead of JSON) is a counted diagnostic: what the
/// other recordings say still stands.
///
/// # Errors
/// [`InputError`] if no recording of any node can be read.
pub fn read(folder: &str, nodes: &[NodeRecording]) -> Result<Snapshot, InputError> {
    let mut diagnostics = Vec::new();
    let (mut store, mut understood) = (Store::default(), 0);
    for node in nodes {
        let (words, count) = dump::read_node(node, WallTime::default(), &mut diagnostics);
        store.add_observer(&Observer::node(&node.name));
        store.extend(words);
        understood += count;
    }
    if understood == 0 {
        let expected = "sub-folders with recordings of lldpcli -f json0, ip -j or FRR's JSON";
        return Err(InputError::new(folder, Place::Whole, "no recording of a node", expected));
    }
    let fused = fuse::fuse(&store, WallTime::default());
    diagnostics.extend(fused.diagnostics);
    Ok(Snapshot { twin: fused.twin, diagnostics, ..Snapshot::default() })
}

/// Reads outputs as SuzieQ records them, the files of one folder; `folder` is what errors call it. The twin is that of
/// the latest recording's instant.
///
/// # Errors
/// [`InputError`] if a file is something else, or nothing in them can be read.
pub fn read_outputs(folder: &str, files: &[(String, String)]) -> Result<Snapshot, InputError> {
    let mut diagnostics = Vec::new();
    let texts: Vec<&str> = files.iter().map(|(_, text)| text.as_str()).collect();
    let expected = "recorded outputs: JSON arrays of entries with hostname, timestamp, cmd and data";
    let Some((words, understood)) = suzieq::observe(&texts, &mut diagnostics) else {
        return Err(InputError::new(folder, Place::Whole, "files of several forms", expected));
    };
    if understood == 0 {
        return Err(InputError::new(folder, Place::Whole, "no output of a node", expected));
    }
    let mut store = Store::default();
    store.extend(words);
    let fused = fuse::fuse(&store, store.latest());
    diagnostics.extend(fused.diagnostics);
    Ok(Snapshot { twin: fused.twin, diagnostics, ..Snapshot::default() })
}
