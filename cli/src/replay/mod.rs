//! What `umbra replay` does beside the engine: traffic in, tables out.

pub(crate) mod addresses;
pub(crate) mod flow_table;
pub(crate) mod fluid;
pub(crate) mod tables;
pub(crate) mod traffic;
