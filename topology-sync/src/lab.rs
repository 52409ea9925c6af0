//! Recorded labs: a folder whose direct sub-folders are nodes, each with what the node's tools printed.
//!
//! The recordings become observations ([`crate::dump`]), the observations a store, the store a twin ([`crate::fuse`]).
//! The sub-folder's name is the node's id. A recording bears no time: all is said at the epoch.

use twin::{InputError, Place, Snapshot, WallTime};

pub use crate::dump::NodeRecording;
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
    Ok(Snapshot { twin: fused.twin, demands: None, diagnostics })
}
