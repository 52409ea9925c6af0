//! The networks that the benches run on, so that figures of two benches, or of two commits, speak of the same network; and
//! the table of [`fidelity`].
//!
//! A bench is named `<crate>/<operation>/<size>`. `cargo xtask bench` runs all of them; to compare two commits, run
//! `cargo xtask bench --save-baseline before` on the first and `cargo xtask bench --baseline before` on the second.
//! Measured figures stand in `benches/RESULTS.md` with the machine and the command.
//!
//! **Knows:** sizes and seeds; what formulas, published counts and slow references say.
//!
//! **Never knows:** what is fast enough. No test asserts a time; each bench runs once in `cargo xtask ci`, so that none
//! rots.
//!
//! ```
//! let twin = umbra_benches::backbone(1_000);
//! assert_eq!(twin.nodes().len(), 1_000);
//! ```

pub mod fidelity;

use testkit::{random_demands, ring_with_chords};
use twin::{DemandMatrix, Twin};

/// The seed of every generated network.
const SEED: u64 = 20_240_101;

/// A connected backbone of this many nodes and nearly twice as many links.
pub fn backbone(nodes: usize) -> Twin {
    ring_with_chords(nodes, SEED)
}

/// Demands between half of all ordered pairs of its nodes.
pub fn demands(twin: &Twin) -> DemandMatrix {
    random_demands(twin, SEED)
}
