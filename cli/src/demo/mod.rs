//! The demo: the whole loop once around, on a network in the binary and with a fault that nobody has announced.

pub(crate) mod abnormal;
pub(crate) mod answer;
pub(crate) mod fault;
pub(crate) mod library;
pub(crate) mod page;
pub(crate) mod pipeline;
pub(crate) mod screen;
pub(crate) mod tables;
