//! Where bytes come from: the only place of this crate that touches files, sockets, processes and the clock.

pub mod files;
#[cfg(feature = "live")]
pub mod live;
mod overheard;
pub mod recorded;
