//! A shaper that should not be there, or with the wrong rate: deep queue, low rate.

use twin::ArcId;

use super::{Class, arcs, at_arc, log_grid};
use crate::causes::state::Change;

/// The buffer of a shaper against that of a port: it holds back what a port would drop.
const DEEP: f64 = 6.0;

/// Rates from a tenth of the line rate.
pub(super) static SHAPER: Class = Class {
    name: "shaper",
    words: "a shaper holds back",
    severity: "of the line rate",
    places: arcs,
    forms: |_, place| at_arc(place, log_grid(0.1, 0.85, 9), shaped),
    between: Some(shaped),
    finer: None,
    per_h: 3e-5,
    wears: false,
};

fn shaped(arc: ArcId, share: f64) -> Change {
    Change::Rate(arc, share, DEEP)
}
