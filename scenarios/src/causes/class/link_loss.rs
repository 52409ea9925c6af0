//! Gray loss: one direction of a link loses packets silently.

use super::{Class, arcs, at_arc, log_grid};
use crate::causes::state::Change;

/// Loss rates from what counters could hardly show to what nobody overlooks.
pub(super) static LINK_LOSS: Class = Class {
    name: "link_loss",
    words: "packet loss on",
    severity: "lost",
    places: arcs,
    forms: |_, place| at_arc(place, log_grid(1e-3, 0.3, 9), Change::Loss),
    between: Some(Change::Loss),
    finer: None,
    per_h: 1e-4,
    wears: true,
};
