//! What a counter did between two readings: it counted on, it wrapped, or it was set back.

use twin::{Diagnostic, WallTime};

use super::{Quantity, Reading, Sample};

/// By how much a counter rose between two readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) from: WallTime,
    pub(super) to: WallTime,
    pub(super) by: f64,
}

impl Interval {
    pub(super) fn seconds(&self) -> f64 {
        self.to.as_ns().saturating_sub(self.from.as_ns()) as f64 / 1e9
    }
}

/// A 32-bit counter of octets that went back has wrapped if it then ran no faster than this, in bit/s: 32 bits of octets pass
/// in 3.4 s at 10 Gbit/s, so they are not polled above. Otherwise it was set back.
const WRAP_RATE_MAX: f64 = 11e9;
/// No interface is faster, in bit/s (IEEE 802.3dj): a counter that jumped further was written anew.
const LINE_RATE_MAX: f64 = 1.6e12;
/// A wrap that no uptime confirms makes an interface at most so many times as busy as it ever was before.
const WRAP_GROWTH_MAX: f64 = 2.0;
/// Bits of the smallest frame on the wire, with preamble and gap (IEEE 802.3 §4.2.3): what a counter of packets cannot pass.
const FRAME_BITS: f64 = 84.0 * 8.0;

/// Intervals without a break between the readings of one counter, which are in the order of time. A counter that went back
/// has wrapped (32 bits) or was set back (64 bits, a shorter uptime, faster than any 32-bit counter is read, or busier than
/// the interface ever was): a wrap is added, an interval with a reset is left out. A single reading of 64 bits that is lower
/// than those on both sides is an agent's slip. All are counted; `name` is who is meant.
pub(super) fn intervals(name: &str, readings: &[Sample], diagnostics: &mut Vec<Diagnostic>) -> Vec<Interval> {
    let readings = without_slips(name, readings, diagnostics);
    let (mut found, mut busiest) = (Vec::new(), None);
    for pair in readings.windows(2) {
        let (old, new) = (pair[0], pair[1]);
        let seconds = Interval { from: old.at, to: new.at, by: 0.0 }.seconds();
        if seconds <= 0.0 {
            continue; // the same reading, told twice
        }
        let increase = increase(old, new, seconds, busiest);
        let by = match increase {
            Increase::By(by) => by,
            Increase::Wrapped(by) => {
                Diagnostic::count(diagnostics, "counter-wrap", || {
                    format!("{name}: a 32-bit counter wrapped")
                });
                by
            }
            Increase::Reset => {
                let why = || format!("{name}: a counter was set back; the interval is left out");
                Diagnostic::count(diagnostics, "counter-reset", why);
                continue;
            }
        };
        busiest = Some(busiest.unwrap_or(0.0_f64).max(by / seconds));
        found.push(Interval { from: old.at, to: new.at, by });
    }
    found
}

fn without_slips<'a>(name: &str, all: &'a [Sample], diagnostics: &mut Vec<Diagnostic>) -> Vec<&'a Sample> {
    let mut kept: Vec<&Sample> = Vec::with_capacity(all.len());
    for (i, sample) in all.iter().enumerate() {
        let (before, after) = (kept.last().copied(), all.get(i + 1));
        if before.zip(after).is_some_and(|(before, after)| is_slip(before, sample, after)) {
            Diagnostic::count(diagnostics, "counter-slip", || {
                format!("{name}: a reading lower than those on both sides is left out")
            });
        } else {
            kept.push(sample);
        }
    }
    kept
}

/// A counter that was set back would have had to overtake its old value in one interval, and its node to restart.
fn is_slip(before: &Sample, it: &Sample, after: &Sample) -> bool {
    let wide = |s: &Sample| match s.reading {
        Reading::Count { value, bits: 64 } => Some(value),
        _ => None,
    };
    let (Some(a), Some(b), Some(c)) = (wide(before), wide(it), wide(after)) else { return false };
    b < a && a <= c && !restarted(before, after)
}

/// sysUpTime itself wraps after 497 days, at 2^32: then both counters and it are as before, and nothing is lost but one
/// interval.
fn restarted(old: &Sample, new: &Sample) -> bool {
    matches!((old.uptime, new.uptime), (Some(old), Some(new)) if new < old)
}

enum Increase {
    By(f64),
    Wrapped(f64),
    Reset,
}

/// `busiest` is the highest rate of this counter so far.
fn increase(old: &Sample, new: &Sample, seconds: f64, busiest: Option<f64>) -> Increase {
    let (Reading::Count { value: before, .. }, Reading::Count { value: after, bits }) =
        (old.reading, new.reading)
    else {
        return Increase::Reset;
    };
    let unit = if new.quantity == Quantity::Octets { 8.0 } else { FRAME_BITS };
    if restarted(old, new) {
        return Increase::Reset;
    }
    if after >= before {
        let by = (after - before) as f64;
        return if by * unit / seconds <= LINE_RATE_MAX { Increase::By(by) } else { Increase::Reset };
    }
    let wrapped = (after as f64 + 2_f64.powi(32)) - before as f64;
    let confirmed = old.uptime.is_some() && new.uptime.is_some();
    let usual = confirmed || busiest.is_none_or(|most| wrapped / seconds <= WRAP_GROWTH_MAX * most);
    let possible = bits == 32 && before < 1 << 32 && wrapped * unit / seconds <= WRAP_RATE_MAX;
    if possible && usual { Increase::Wrapped(wrapped) } else { Increase::Reset }
}
