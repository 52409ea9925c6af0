//! Where bytes come from: the only place of this crate that touches files.

pub mod files;
pub mod recorded;
