//! Observations and network files turned into twin snapshots.
//!
//! Each reader is a pure function from the text of a file (or of a folder of recordings) to a [`twin::Snapshot`]:
//! [`sndlib`], [`repetita`], [`graphml`] (Internet Topology Zoo), [`rfc8345`] and [`lab`], a folder of recorded LLDP,
//! kernel and FRR output. [`source::files`] opens a path and picks the reader by the file's suffix.
//!
//! **Knows:** the formats of network files and of recorded device output; how a neighbour's word is matched to a node
//! and a port.
//!
//! **Never knows:** how traffic is routed or simulated; clocks, sockets and files outside [`source`]; any table or
//! report.
//!
//! ```
//! use umbra_topology_sync::repetita;
//! use twin::{Csr, Layer};
//!
//! let text = "NODES 2\nlabel x y\nA 0 0\nB 1 1\n\nEDGES 2\nlabel src dest weight bw delay\n\
//!             ab 0 1 10 1000 5\nba 1 0 10 1000 5\n";
//! let net = repetita::read_graph("pair.graph", text)?;
//! let csr = Csr::compile(&net.twin, Layer::Igp);
//! assert_eq!((csr.node_count(), csr.link_count(), csr.arc_count()), (2, 1, 2));
//! # Ok::<(), twin::InputError>(())
//! ```

mod external;
mod lines;
mod xml;

#[cfg(feature = "bgp")]
pub mod bgp;
#[cfg(feature = "bgp")]
pub mod changed;
pub mod compare;
pub mod counters;
pub mod dump;
pub mod encoding;
#[cfg(feature = "live")]
pub mod follow;
pub mod form;
pub mod fuse;
pub mod graphml;
pub mod inventory;
#[cfg(feature = "live")]
pub mod journal;
pub mod lab;
pub mod observation;
pub mod overrides;
pub mod repetita;
pub mod rfc8345;
pub mod sndlib;
pub mod source;
pub mod store;
pub mod syslog;
pub mod wire;
pub mod yaml;
