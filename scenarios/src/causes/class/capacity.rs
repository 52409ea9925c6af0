//! A link has silently lost a part of its capacity in one direction: members of a bundle.

use twin::ArcId;

use super::{Class, arcs, at_arc, log_grid};
use crate::causes::state::Change;

/// From two members of five to four of five. Hashes fill the members that are left unevenly, so that what is left may seem to
/// be less than their share. Their buffers stay.
pub(super) static CAPACITY: Class = Class {
    name: "capacity",
    words: "capacity was lost on",
    severity: "of its rate left",
    places: arcs,
    forms: |_, place| at_arc(place, log_grid(0.4, 0.8, 4), left),
    between: Some(left),
    finer: None,
    per_h: 3e-5,
    wears: false,
};

fn left(arc: ArcId, share: f64) -> Change {
    Change::Rate(arc, share, share)
}
