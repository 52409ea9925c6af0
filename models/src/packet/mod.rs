//! The packet rungs: every packet as events, or watched packets as events over a background load.
//!
//! [`PacketNet`] is a network made ready, [`Workload`] a schedule made ready for it; [`PacketNet::run`] sends one through
//! the other and gives a [`PacketResult`]. All three can be used any number of times, and a [`PacketRun`] can be forked
//! in mid-run by `clone`.
//!
//! A hop is one event: a queue computes the departure when a packet arrives. (Behind a [`discipline`] it is two.) What is queued on a half-link or under way on
//! its wire comes out in order, so it lies in one ring, and only its oldest packet is among the pending events: their
//! number is that of busy half-links and sources, whatever the number of packets. Nodes and half-links lie in flat arrays;
//! after warm-up an event allocates nothing.

mod background;
mod background_load;
mod barrier;
mod choice;
mod count;
mod dependence;
pub mod discipline;
mod ecmp;
mod egress;
mod explicit;
mod fault;
mod feed;
mod feed_before;
mod fifo;
mod flight;
mod forwarding;
mod frame;
mod half_link;
mod host;
mod ip;
mod lost;
mod lpm;
mod net;
mod network;
mod partition;
mod patience;
mod poisson;
mod queue_stats;
mod recorder;
mod replay;
mod result;
mod ring;
mod router;
mod run;
mod shards;
mod stages;
mod streams;
pub mod tcp;
mod unseen;
mod unseen_packets;
mod windows;
mod workload;

pub use background_load::{BackgroundLoad, Feed, RoutedLoad};
pub use choice::{Computed, Engine};
pub use ecmp::FlowHash;
pub use egress::Disciplines;
pub use fault::{Fault, TimedFault};
pub use fifo::{Fifo, Held};
pub use frame::{IpHeader, ip_header, with_ttl};
pub use ip::IpForwarding;
pub(crate) use ip::meant;
pub use lost::LostPacket;
pub use lpm::Lpm;
pub use net::{Buffer, PacketConfig, PacketNet};
pub use poisson::poisson_schedule;
pub use queue_stats::{QueueStats, WaitHistogram};
pub use recorder::{Bins, DeliveredFrame, Disposition, DropCounts, DropPlace, FlowStats};
pub use replay::{ReplayOptions, replay};
pub use result::{ClassRow, DropRow, LinkStats, PacketResult};
pub use run::PacketRun;
pub use unseen::BackgroundTraffic;
pub use workload::{ExplicitRoute, TimedFlow, Workload};
