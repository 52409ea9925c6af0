//! A link has silently lost half of its capacity in one direction: one member of a bundle of two.

use super::{Class, arcs, at_arc};
use crate::causes::state::Change;

/// What is left of the rate when one member of two, three or four is gone. The buffers of the members that are left stay.
pub(super) static CAPACITY: Class = Class {
    name: "capacity",
    words: "capacity was lost on",
    severity: "of its rate left",
    places: arcs,
    forms: |_, place| {
        at_arc(place, [0.5, 0.667, 0.75].into_iter(), |arc, left| Change::Rate(arc, left, left))
    },
    between: None,
    per_h: 3e-5,
};
