//! Series, what is known about them, and what detectors say of them.

pub(crate) mod counters;
pub(crate) mod deltas;
pub(crate) mod ends;
pub(crate) mod found;
pub(crate) mod labels;
pub(crate) mod logs;
pub(crate) mod marks;
pub(crate) mod meta;
pub(crate) mod page;
pub(crate) mod run;
pub(crate) mod scored;
pub(crate) mod series;
pub(crate) mod stamped;
pub(crate) mod write;
