//! Planning: the network as planners see it, lists of failures, and the tables of what they do.

pub(crate) mod availability;
pub(crate) mod failures;
pub(crate) mod study;
pub(crate) mod tables;
