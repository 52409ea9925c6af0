//! Mirrored traffic in.

pub mod capture;
pub mod decode;
pub mod flows;
pub mod source;
