//! What the network *is*.
//!
//! The twin is a set of [`Entity`]s with stable keys (sites, nodes, ports, cables, …) and, per [`Layer`], directed
//! [`HalfLink`]s between ports. It changes only by [`TwinDelta`]s, which are pairs of before and after: applicable,
//! invertible, serialisable and bitemporal. A [`Timeline`] of deltas answers what was true at an instant, and what
//! could have been known then. For hot algorithms a twin compiles to a dense [`Csr`] view.
//!
//! **Knows:** units, identities, entities, layers, forwarding tables, demands, packet schedules, what observations and
//! anomalies look like, and its own JSON (`umbra-twin/1`).
//!
//! **Never knows:** files, clocks, sockets, threads, chance; how a device behaves; how a topology is discovered; any
//! other format than its own JSON.
//!
//! ```
//! use umbra_twin::{BitsPerSec, Csr, Layer, LinkSpec, NodeKind, SimDuration, TwinBuilder};
//!
//! let mut net = TwinBuilder::new("lab");
//! let a = net.node("a", NodeKind::Router, None);
//! let b = net.node("b", NodeKind::Router, None);
//! net.link("a-b", &a, &b, LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::micros(5)));
//! let twin = net.finish();
//! let csr = Csr::compile(&twin, Layer::Igp);
//! assert_eq!((csr.node_count(), csr.arc_count()), (2, 2));
//! ```

mod anomaly;
mod builder;
mod bundle;
mod csr;
mod delta;
mod demand;
mod diagnostic;
mod entity;
mod fib;
mod freshness;
mod json;
mod key;
mod layer;
mod observables;
mod schedule;
pub mod stats;
mod store;
mod timeline;
mod units;

pub use anomaly::{Anomaly, Residual, Subject};
pub use builder::{LinkSpec, TwinBuilder};
pub use csr::{ArcId, Bundle, Csr, LinkId, NodeId};
pub use delta::{ApplyError, Change, TwinDelta};
pub use demand::{Demand, DemandMatrix, DemandSeries};
pub use diagnostic::{Diagnostic, InputError, Place, nearest, no_such_node};
pub use entity::{Entity, EntityKind, Location, MacAddr, NodeKind, Port, PortAddress};
pub use fib::{Fib, NextHop, Route, RouteAction};
pub use freshness::{Freshness, FreshnessState};
pub use json::{FORMAT, Snapshot};
pub use key::{EntityKey, stable_hash};
pub use layer::{Evidence, HalfLink, HalfLinkKey, Layer, LayerGraph};
pub use observables::{
    AlarmKind, AlarmRow, CounterRow, Fidelity, FidelityNote, FlowInfo, FlowRow, Observables, Rung,
};
pub use schedule::{PacketSchedule, ScheduledPacket};
pub use store::Twin;
pub use timeline::Timeline;
pub use units::{BitsPerSec, Bytes, SimDuration, SimTime, WallTime};
