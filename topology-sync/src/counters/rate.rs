//! From readings to mean rates.

use std::collections::BTreeMap;

use twin::Diagnostic;

use super::interval::{Interval, intervals};
use super::{Direction, Interface, Quantity, Reading, Sample};

/// The mean rate of an interface in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// Of which interface.
    pub interface: Interface,
    /// In which direction.
    pub direction: Direction,
    /// Mean over all intervals without a break, in bit/s.
    pub bps: f64,
    /// Over how many seconds; 0 where the source gave a single rate.
    pub seconds: f64,
}

/// Mean rates of octets by interface and direction, in their order: wraps are added, intervals with a reset are left out.
/// Both are counted, and so is an interface with a single reading of a counter.
pub fn rates(samples: Vec<Sample>) -> (Vec<Rate>, Vec<Diagnostic>) {
    let mut series: BTreeMap<(Interface, Direction), Vec<Sample>> = BTreeMap::new();
    for sample in samples.into_iter().filter(|s| s.quantity == Quantity::Octets) {
        series.entry((sample.interface.clone(), sample.direction)).or_default().push(sample);
    }
    let (mut rates, mut diagnostics) = (Vec::new(), Vec::new());
    for ((interface, direction), mut samples) in series {
        samples.sort_by_key(|s| s.at);
        match mean(&interface, &samples, &mut diagnostics) {
            Some((bps, seconds)) => rates.push(Rate { interface, direction, bps, seconds }),
            None => Diagnostic::count(&mut diagnostics, "counter-read-once", || {
                format!("{interface}: a counter needs two readings without a reset between them")
            }),
        }
    }
    (rates, diagnostics)
}

fn mean(interface: &Interface, samples: &[Sample], diagnostics: &mut Vec<Diagnostic>) -> Option<(f64, f64)> {
    let gauges: Vec<_> = samples
        .iter()
        .filter_map(|s| match s.reading {
            Reading::Rate(bps) => Some(bps),
            Reading::Count { .. } => None,
        })
        .collect();
    if !gauges.is_empty() {
        let span = samples.last()?.at.as_ns().saturating_sub(samples.first()?.at.as_ns());
        return Some((gauges.iter().sum::<f64>() / gauges.len() as f64, span as f64 / 1e9));
    }
    let intervals = intervals(&interface.to_string(), samples, diagnostics);
    let octets: f64 = intervals.iter().map(|i| i.by).sum();
    let seconds: f64 = intervals.iter().map(Interval::seconds).sum();
    (seconds > 0.0).then(|| (octets * 8.0 / seconds, seconds))
}
