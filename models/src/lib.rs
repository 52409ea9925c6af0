//! How things behave: one file for each device, queue, link, protocol, sensor and failure model.
//!
//! **Knows:** routing with ECMP, fair shares, queues, routers, hosts, sensors, published failure rates; how to evaluate
//! one scenario on a rung of the fidelity ladder.
//!
//! **Never knows:** files, clocks, sockets; threads, but for the parts of one packet run (`packet::shards`); what a hypothesis is or how likely one is; where a topology or a
//! capture came from.
//!
//! ```
//! use twin::{BitsPerSec, Csr, Layer, LinkSpec, NodeId, NodeKind, SimDuration, TwinBuilder};
//! use umbra_models::{Failures, Loads, NodeDemand, Routing};
//!
//! let mut net = TwinBuilder::new("lab");
//! let a = net.node("a", NodeKind::Router, None);
//! let b = net.node("b", NodeKind::Router, None);
//! net.link("a-b", &a, &b, LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::micros(5)));
//! let csr = Csr::compile(&net.finish(), Layer::Igp);
//! let up = Failures::none(&csr);
//! let demand = NodeDemand { src: NodeId(0), dst: NodeId(1), bps: 4e9 };
//! let loads = Loads::compute(&csr, &Routing::compute(&csr, &up), &up, &[demand]);
//! assert_eq!(loads.max_utilization(&csr).unwrap().1, 0.4);
//! ```

pub mod failure;
pub mod fluid;
pub mod packet;
pub mod routing;
pub mod sensor;
pub mod trace;

pub use packet::{poisson_schedule, replay};
pub use routing::{
    After, Change, Failures, Gone, Loads, NodeDemand, Routing, Spf, UNREACHABLE, WhatIf, node_demands,
};
