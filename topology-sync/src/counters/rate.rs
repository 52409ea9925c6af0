//! From readings to mean rates.

use std::collections::BTreeMap;

use twin::Diagnostic;

use super::{Direction, Interface, Reading, Sample};

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

/// A 32-bit counter that went back has wrapped if it then ran no faster than this, in bit/s: 32 bits of octets pass in 3.4 s
/// at 10 Gbit/s, so they are not polled above. Otherwise it was set back.
const WRAP_RATE_MAX: f64 = 11e9;

/// Mean rates by interface and direction, in their order. A counter that went back has wrapped (32 bits) or was reset
/// (64 bits, a shorter uptime, or faster than any 32-bit counter is read): a wrap is added, an interval with a reset is
/// left out. Both are counted, and so is an interface with a single reading of a counter.
pub fn rates(samples: Vec<Sample>) -> (Vec<Rate>, Vec<Diagnostic>) {
    let mut series: BTreeMap<(Interface, Direction), Vec<Sample>> = BTreeMap::new();
    for sample in samples {
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
            Reading::Octets { .. } => None,
        })
        .collect();
    if !gauges.is_empty() {
        let span = samples.last()?.at.as_ns().saturating_sub(samples.first()?.at.as_ns());
        return Some((gauges.iter().sum::<f64>() / gauges.len() as f64, span as f64 / 1e9));
    }
    let (mut octets, mut seconds) = (0.0, 0.0);
    for pair in samples.windows(2) {
        let span = pair[1].at.as_ns().saturating_sub(pair[0].at.as_ns()) as f64 / 1e9;
        if span <= 0.0 {
            continue; // the same reading, told twice
        }
        match increase(&pair[0], &pair[1], span) {
            Increase::By(by) => (octets, seconds) = (octets + by, seconds + span),
            Increase::Wrapped(by) => {
                (octets, seconds) = (octets + by, seconds + span);
                Diagnostic::count(diagnostics, "counter-wrap", || {
                    format!("{interface}: a 32-bit counter wrapped")
                });
            }
            Increase::Reset => {
                let why = || format!("{interface}: a counter was set back; the interval is left out");
                Diagnostic::count(diagnostics, "counter-reset", why);
            }
        }
    }
    (seconds > 0.0).then(|| (octets * 8.0 / seconds, seconds))
}

enum Increase {
    By(f64),
    Wrapped(f64),
    Reset,
}

fn increase(old: &Sample, new: &Sample, span: f64) -> Increase {
    let (Reading::Octets { value: before, .. }, Reading::Octets { value: after, bits }) =
        (old.reading, new.reading)
    else {
        return Increase::Reset;
    };
    // sysUpTime itself wraps after 497 days, at 2^32: then both counters and it are as before, and nothing is lost but
    // one interval.
    if matches!((old.uptime, new.uptime), (Some(old), Some(new)) if new < old) {
        return Increase::Reset;
    }
    if after >= before {
        return Increase::By((after - before) as f64);
    }
    let wrapped = (after as f64 + 2_f64.powi(32)) - before as f64;
    let possible = bits == 32 && before < 1 << 32 && wrapped * 8.0 / span <= WRAP_RATE_MAX;
    if possible { Increase::Wrapped(wrapped) } else { Increase::Reset }
}
