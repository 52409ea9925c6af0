//! Somebody changed a metric: traffic moves and nothing is lost.

use super::{Class, Form, Place, links};
use crate::causes::state::Change;

/// The usual steps of traffic engineering, and *costed out*. As frequent as failures of links: in a large network most
/// changes of routing are planned (Markopoulou et al., INFOCOM 2004: 20 % of failures are maintenance alone).
pub(in crate::causes) static METRIC: Class = Class {
    name: "metric",
    words: "the metric was changed of",
    severity: "of the metric it had",
    places: links,
    forms: |csr, place| {
        let Place::Link(link) = place else { return Vec::new() };
        let Some(arc) = csr.link_arcs[link.index()].first() else { return Vec::new() };
        let believed = csr.metric[arc.index()].max(1);
        let form = |(up, down): (u32, u32)| {
            let metric = (believed.saturating_mul(up) / down).max(1);
            Form {
                change: Change::Metric(link, metric),
                severity: Some(f64::from(metric) / f64::from(believed)),
            }
        };
        [(1, 8), (1, 4), (1, 2), (3, 2), (2, 1), (4, 1), (100, 1)].map(form).to_vec()
    },
    between: None,
    per_h: 1e-4,
    wears: false,
};
