//! What tests of the other crates have in common: networks written as a line of text, random networks, the packet workloads
//! that engines are measured on, and slow, obvious computations to hold fast ones against.
//!
//! **Knows:** the twin, and how to say it briefly; plain textbook algorithms on plain vectors.
//!
//! **Never knows:** how the product computes or reads anything. An oracle that shares code with what it judges agrees
//! with its mistakes, so nothing here calls `Csr`, a router, a reader or a random stream of the product.
//!
//! ```
//! use umbra_testkit::{Down, PlainNet, route, topology};
//!
//! let twin = topology("a -10G,5us- s1 -10G,5us- b ; s1 -1G,5us- c");
//! assert_eq!(twin.nodes().len(), 4);
//!
//! let net = PlainNet::of(&twin);
//! let loads = route(&net, &[(0, 2, 4e9)], &Down::default()); // 4 Gbit/s from a to b
//! assert_eq!(loads.max_utilization(&net), 0.4);
//! ```

mod capture;
mod chance;
mod fabric;
mod fair;
mod gauges;
mod next_hops;
mod oracle;
mod packets;
mod paths;
mod plain;
mod random;
mod recorded;
mod repetita;
mod sndlib;
mod topology;
mod wear;
pub mod workloads;

pub use capture::tcp_capture;
pub use fabric::switch_fabric;
pub use fair::{PlainFlow, max_min_completions, max_min_rates};
pub use gauges::{GAUGE_NOISES, GaugeNoise, GaugeSet, gauge_series};
pub use next_hops::{Change, NextHop, NextHops, TimedChange};
pub use oracle::{Down, PlainLoads, distances_to, route};
pub use packets::{SlowFlow, SlowOutcome, SlowQueue, Wire, Wires, send_packets};
pub use paths::{PATH_NOISES, PathFault, PathNoise, PathSeries, PathSet, path_series};
pub use plain::{PlainArc, PlainDemand, PlainNet};
pub use random::{SplitMix64, random_demands, random_network, ring_with_chords};
pub use recorded::{REPETITA, SNDLIB, recorded, recorded_failures};
pub use repetita::{repetita_demands, repetita_graph};
pub use sndlib::sndlib;
pub use topology::{parse_topology, topology};
pub use wear::{WEAR_FORMS, WearForm, WearSeries, wear_series};
