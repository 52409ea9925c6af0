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

pub mod contest;
pub mod fidelity;
pub mod flock;
mod fluid_workload;
pub mod hypotheses;
pub mod kernel;
pub mod lsdb;
pub mod packets;
pub mod planning;
pub mod queues;

pub use fluid_workload::{FluidRun, fat_tree_capacities, fat_tree_flows, fluid_workload};

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
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

/// A stream of numbers (splitmix64), the same on every machine: which addresses a bench looks up is no chance of the
/// model.
pub struct Mix(pub u64);

impl Mix {
    /// The next 64 bits.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

/// Distinct IPv4 prefixes with the lengths of a global table: 60 % /24, 12 % /22, 10 % /23, 17 % /12 to /21, 1 % longer;
/// in order.
pub fn global_table(routes: usize) -> Vec<Ipv4Net> {
    let mut mix = Mix(SEED);
    let mut table = BTreeSet::new();
    while table.len() < routes {
        let len = match mix.next() % 100 {
            0..60 => 24,
            60..72 => 22,
            72..82 => 23,
            82..99 => 12 + mix.next() % 10,
            _ => 25 + mix.next() % 8,
        };
        let bits = (mix.next() >> 32) as u32;
        if (1..224).contains(&(bits >> 24)) {
            let net = Ipv4Net::new(bits.into(), len as u8).expect("at most 32 bits");
            table.insert(net.trunc());
        }
    }
    table.into_iter().collect()
}
