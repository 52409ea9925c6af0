//! A queue with the wrong limit: it drops bursts that it should hold.

use super::{Class, arcs, at_arc};
use crate::causes::state::Change;

/// Limits of a tenth to a thousandth of what they should be.
pub(super) static QUEUE: Class = Class {
    name: "queue",
    words: "a queue is too short at",
    severity: "of the length it should have",
    places: arcs,
    forms: |_, place| at_arc(place, [0.1, 0.03, 0.01, 0.003].into_iter(), Change::Buffer),
    per_h: 3e-5,
};
