//! Sensors: the true state turned into what a collector would see. Likelihoods and detectors compare sensor output only.

mod flow_meter;
mod load_interval;
mod sampling;

pub use flow_meter::{FlowMeter, Retransmissions};
pub use load_interval::LoadInterval;
pub use sampling::{PacketSampling, sampled_count};
