//! From what stands in a store to the twin.
//!
//! Fusion is a pure function of a store and an instant. It goes in steps, each a file:
//!
//! 1. [`device`]: the words of one node, put together by the trust in their sources.
//!    What is heard on wires is put together into the nodes that sent it ([`wire`], [`party`]) and becomes words of theirs
//!    ([`testimony`]).
//! 2. [`resolve`]: each word about a neighbour is matched to a node and a port through that node's own words
//!    ([`directory`]): [`lldp`], [`igp`], [`layer2`]. What comes out are claims that two ports are next to each other, and
//!    a finding for every neighbour that could not be matched, with the reason.
//! 3. [`medium`]: claims that touch form an area; within it they are weighed against each other, and cables, segments and
//!    conflicts come out.
//! 4. [`emit`]: entities, half-links and findings; [`bundles`]: what lies over the cables; [`bgp`]: sessions, which need
//!    no common medium; [`beyond`]: what the link-state database ([`lsdb`], [`graph`]) alone knows.
//!
//! What an inventory lists ([`inventory`]) is compared with that, and is no more than planned ([`planned`]).
//!
//! [`Fusion`] keeps all of it, so that a change costs what it touches: a node whose words changed is resolved again, so
//! are those who asked for what changed there, and the areas of the ports that this touches are judged again. What comes
//! out is always what a fusion from nothing gives.

mod beyond;
mod bgp;
mod bundles;
mod cable;
mod claim;
mod device;
mod directory;
mod emit;
pub mod explain;
mod fib;
mod graph;
mod ground;
mod igp;
mod inventory;
mod layer2;
mod lldp;
mod lsdb;
mod medium;
mod pairs;
mod party;
mod planned;
mod port;
mod resolve;
mod stamp;
pub mod tables;
mod testimony;
mod update;
#[cfg(feature = "bgp")]
pub(crate) mod ways;
mod wire;

use twin::{Diagnostic, Twin, WallTime};

pub use self::claim::Finding;
pub use self::update::Fusion;
use crate::store::Store;

/// A fused network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fused {
    /// The network.
    pub twin: Twin,
    /// The findings, and what had to be assumed.
    pub diagnostics: Vec<Diagnostic>,
}

/// The twin of what stands in a store at an instant.
pub fn fuse(store: &Store, now: WallTime) -> Fused {
    let mut fusion = Fusion::default();
    fusion.rebuild(store, now);
    Fused { twin: fusion.twin().clone(), diagnostics: fusion.diagnostics() }
}
