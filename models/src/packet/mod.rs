//! The packet rungs: every packet as events, or watched packets as events over a background load.
//!
//! [`PacketNet`] is a network made ready, [`Workload`] a schedule made ready for it; [`PacketNet::run`] sends one through
//! the other and gives a [`PacketResult`]. All three can be used any number of times, and a [`PacketRun`] can be forked
//! in mid-run by `clone`.
//!
//! A hop is one event: a queue computes the departure when a packet arrives, and schedules only the arrival at the next
//! node. Nodes and half-links lie in flat arrays; after warm-up an event allocates nothing.

mod background;
mod ecmp;
mod fault;
mod fifo;
mod frame;
mod half_link;
mod host;
mod ip;
mod net;
mod network;
mod poisson;
mod recorder;
mod replay;
mod result;
mod router;
pub mod tcp;
mod workload;

pub use background::{BackgroundLoad, BackgroundTraffic};
pub use ecmp::FlowHash;
pub use fault::{Fault, TimedFault};
pub use fifo::{Fifo, QueueStats};
pub use frame::{IpHeader, ip_header, with_ttl};
pub use ip::IpForwarding;
pub use net::{Buffer, PacketConfig, PacketNet, PacketRun};
pub use poisson::poisson_schedule;
pub use recorder::{Bins, DeliveredFrame, Disposition, DropCounts, DropPlace, FlowStats, LostPacket};
pub use replay::{ReplayOptions, replay};
pub use result::{DropRow, LinkStats, PacketResult};
pub use workload::Workload;
