//! A queue with the wrong limit: it drops bursts that it should hold.

use super::{Class, arcs, at_arc, log_grid};
use crate::causes::state::Change;

/// Limits from a tenth of what they should be to a few packets.
pub(super) static QUEUE: Class = Class {
    name: "queue",
    words: "a queue is too short at",
    severity: "of the length it should have",
    places: arcs,
    forms: |_, place| at_arc(place, log_grid(1e-4, 0.1, 7), Change::Buffer),
    between: Some(Change::Buffer),
    finer: None,
    per_h: 3e-5,
    wears: false,
};
