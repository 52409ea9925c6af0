//! A link is down both ways and its traffic moves.

use super::{Class, Form, Place, links};
use crate::causes::state::Change;

/// Downtime of .5 % and repairs of ten hours: Turner et al., SIGCOMM 2010 (CENIC).
pub(super) static LINK_DOWN: Class = Class {
    name: "link_down",
    words: "a link is down:",
    severity: "",
    places: links,
    forms: |_, place| match place {
        Place::Link(link) => vec![Form { change: Change::Down(link), severity: None }],
        _ => Vec::new(),
    },
    between: None,
    finer: None,
    per_h: 5e-4,
    wears: true,
};
