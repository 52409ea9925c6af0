//! Planning: the network as planners see it, lists of failures, and the tables of what they do.

pub(crate) mod availability;
pub(crate) mod degrading;
pub(crate) mod differences;
pub(crate) mod edit;
pub(crate) mod failures;
pub(crate) mod groups;
pub(crate) mod instant;
pub(crate) mod latency;
pub(crate) mod limit;
pub(crate) mod limits;
pub(crate) mod manifest;
pub(crate) mod market;
pub(crate) mod measured;
pub(crate) mod names;
pub(crate) mod page;
pub(crate) mod parts;
pub(crate) mod question;
pub(crate) mod rates;
pub(crate) mod scenario;
pub(crate) mod shard;
pub(crate) mod study;
pub(crate) mod tables;
pub(crate) mod window;
pub(crate) mod words;
