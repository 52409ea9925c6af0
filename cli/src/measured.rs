//! Measured loads, by the arcs of a network.

use std::collections::BTreeMap;
use std::path::Path;

use topology_sync::counters::{self, place, rate};
use topology_sync::source::files;
use twin::{Csr, HalfLinkKey, InputError, Layer, Place};

/// Mean rates of the counters in a file; oddities go to the log.
pub(crate) fn rates(path: &Path) -> Result<Vec<rate::Rate>, InputError> {
    let file = path.display().to_string();
    let bytes = files::read(path)?;
    let (rates, diagnostics) = rate::rates(counters::read(&file, &bytes)?);
    for d in &diagnostics {
        tracing::warn!("{}: {} ({}x)", d.code, d.message, d.count);
    }
    Ok(rates)
}

/// The error for counters that tell the load of no link.
pub(crate) fn nothing_to_compare(path: &Path) -> InputError {
    let what = "no counter is of a port of a link of the network";
    let expected = "counters with the names of its nodes and ports";
    InputError::new(&path.display().to_string(), Place::Whole, what, expected)
}

/// The load of each arc in bit/s, NaN where nothing was measured.
pub(crate) fn by_arc(csr: &Csr, layer: Layer, measured: &BTreeMap<HalfLinkKey, place::Measured>) -> Vec<f64> {
    let key = |(from, to): &(_, _)| HalfLinkKey { layer, from: Clone::clone(from), to: Clone::clone(to) };
    csr.ports
        .iter()
        .map(|ends| measured.get(&key(ends)).and_then(place::Measured::bps).unwrap_or(f64::NAN))
        .collect()
}
