//! Series, what is known about them, and what detectors say of them.

pub(crate) mod meta;
pub(crate) mod series;
