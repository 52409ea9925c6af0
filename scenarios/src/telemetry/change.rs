//! Where a series leaves what is usual there.

use twin::stats::{log_poisson_tail, mad_sigma, median};

use super::recording::{Nanos, Session, seconds};
use super::series::Step;
use super::watch::{ENOUGH, Share, Watch};

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The carrier went or came.
    Carrier,
    /// A BFD session left the state up, or is no longer reported.
    SessionDown,
    /// A BFD session came up.
    SessionUp,
    /// A port that received packets receives none.
    TrafficStops,
    /// A port that received none receives packets.
    TrafficStarts,
    /// Packets are received with errors.
    Errors,
    /// Packets are dropped before they are sent.
    OutputDrops,
    /// A port sends nearly what it can.
    Full,
    /// The other end of a link receives less than is sent to it.
    LinkLoss,
    /// A router puts out less than it takes in.
    Deficit,
}

/// A change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// What.
    pub kind: Kind,
    /// The port; for a deficit the device.
    pub at: u32,
    /// The session of the port, of a change of a session.
    pub session: usize,
    /// The last sample without it.
    pub from: Nanos,
    /// The first sample with it.
    pub to: Nanos,
    /// How much: transitions, packets, or a share.
    pub amount: f64,
    /// The standard error of a share.
    pub error: f64,
    /// How far a share went at least, in robust standard deviations.
    pub sigmas: f64,
    /// When within that time, where the traffic of the step tells it.
    pub when: Option<Nanos>,
}

impl Change {
    fn new(kind: Kind, at: u32, (from, to): (Nanos, Nanos), amount: f64) -> Self {
        Self { kind, at, session: 0, from, to, amount, error: 0.0, sigmas: 0.0, when: None }
    }
}

/// Traffic below this share of what it was has stopped.
const STOPPED: f64 = 0.1;
/// Steps that say what traffic was.
const BEFORE: usize = 3;
/// A step of a count is a change where so many, or more, come by chance less often than this.
const RARE: f64 = 0.05;
/// Samples that are missing before a session is said to be reported no longer.
const SILENT: f64 = 3.0;
/// A shift of a share: steps that say what it was, steps that it must last, and how far it must go, in robust standard
/// deviations and at least.
pub const SHIFT: (usize, usize, f64, f64) = (20, 3, 5.0, 1e-3);
/// A router whose ports are all seen puts out what it takes in, but for so much. If it does not, some ports are not seen, and
/// traffic that moves between them and others looks like loss.
const BALANCED: f64 = 0.01;
/// The least standard deviation of a share: stamps are not exact.
const JITTER: f64 = 2e-4;

/// All changes of a recording, by time.
pub fn changes(watch: &Watch<'_>) -> Vec<Change> {
    let mut list = Vec::new();
    for (i, port) in (0u32..).zip(&watch.ports) {
        let counts = [
            (Kind::Carrier, &port.carrier),
            (Kind::Errors, &port.errors),
            (Kind::OutputDrops, &port.output_drops),
        ];
        counts.iter().for_each(|(kind, steps)| list.extend(counted(*kind, i, steps)));
        list.extend(traffic(i, &port.received));
        list.extend(shifts(Kind::LinkLoss, i, &port.loss));
        for session in 0..watch.recording.ports[i as usize].sessions.len() {
            list.extend(states(watch, i, session));
        }
    }
    for (i, device) in (0u32..).zip(&watch.devices) {
        list.extend(shifts(Kind::Deficit, i, &device.deficit));
    }
    list.sort_by(|a, b| {
        (a.from, a.to, a.kind, a.at, a.session).cmp(&(b.from, b.to, b.kind, b.at, b.session))
    });
    list
}

/// Counts that are rare at the pace of the same series at other times.
fn counted(kind: Kind, at: u32, steps: &[Step]) -> impl Iterator<Item = Change> {
    let (all, time) =
        (steps.iter().map(|s| s.amount).sum::<f64>(), steps.iter().map(Step::length).sum::<f64>());
    steps.iter().filter(|s| s.amount > 0.0).filter_map(move |s| {
        // A carrier that went has also come, or will.
        let others = (all - s.amount - f64::from(u8::from(kind == Kind::Carrier))).max(0.0);
        let expected = others / (time - s.length()).max(s.length()) * s.length();
        let chance = libm::exp(log_poisson_tail(s.amount as u64, expected.max(1e-12)));
        (chance < RARE).then(|| Change::new(kind, at, (s.from, s.to), s.amount))
    })
}

/// Traffic that stops or starts.
fn traffic(at: u32, steps: &[Step]) -> Vec<Change> {
    let mut list = Vec::new();
    for k in BEFORE..steps.len().saturating_sub(1) {
        let usual = median(steps[k - BEFORE..k].iter().map(Step::rate));
        let (last, now, next) = (steps[k - 1].rate(), steps[k], steps[k + 1]);
        let flows = |rate: f64, step: &Step| rate * step.length() >= ENOUGH;
        let step = (now.from, now.to);
        if flows(usual, &now)
            && last > 0.5 * usual
            && now.rate() < 0.9 * usual
            && next.rate() < STOPPED * usual
        {
            let share = (now.rate() / usual).clamp(0.0, 1.0);
            let when = now.from + (share * (now.to - now.from) as f64) as Nanos;
            list.push(Change { when: Some(when), ..Change::new(Kind::TrafficStops, at, step, usual) });
        }
        let most = steps[k - BEFORE..k].iter().map(Step::rate).fold(0.0, f64::max);
        if flows(next.rate(), &next) && most < STOPPED * next.rate() && now.rate() > most {
            list.push(Change::new(Kind::TrafficStarts, at, step, next.rate()));
        }
    }
    list
}

/// A share that rises and stays.
fn shifts(kind: Kind, at: u32, shares: &[Share]) -> Vec<Change> {
    let (before, lasting, sigmas, least) = SHIFT;
    let (mut list, mut k) = (Vec::new(), before / 2);
    while k + lasting <= shares.len() {
        let past: Vec<f64> = shares[k.saturating_sub(before)..k].iter().map(|s| s.value).collect();
        let usual = median(past.iter().copied());
        let after = &shares[k..k + lasting];
        // Packets come in bursts, and a burst is on one side of a sample or on the other.
        let fewest = after.iter().map(|s| s.of).fold(f64::INFINITY, f64::min);
        let sigma = mad_sigma(&past, usual).max(JITTER).max(libm::sqrt(2.0 / fewest));
        let lowest = after.iter().map(|s| s.value - usual).fold(f64::INFINITY, f64::min);
        let is_whole = kind != Kind::Deficit || usual.abs() < BALANCED;
        if is_whole && lowest > (sigmas * sigma).max(least) {
            let mean = after[1..].iter().map(|s| s.value - usual).sum::<f64>() / (lasting - 1) as f64;
            let error = sigma / libm::sqrt((lasting - 1) as f64);
            list.push(Change {
                error,
                sigmas: lowest / sigma,
                // It may have begun in the step before, too late to show.
                ..Change::new(kind, at, (shares[k - 1].from, shares[k].to), mean.min(1.0))
            });
            k += before;
        } else {
            k += 1;
        }
    }
    list
}

/// Whether a session was up at an instant, by the last report until then.
pub fn state_at(session: &Session, at: Nanos) -> Option<bool> {
    let next = session.states.partition_point(|s| s.0 <= at);
    session.states.get(next.checked_sub(1)?).map(|s| s.1)
}

/// When a session was reported last, if its device goes on to report others.
pub fn vanishes(watch: &Watch<'_>, port: u32, session: &Session) -> Option<(Nanos, Nanos)> {
    let last = session.states.last().filter(|s| s.1)?.0;
    let device = &watch.devices[watch.device_of[port as usize] as usize];
    let others = device.ports.iter().flat_map(|p| &watch.recording.ports[*p as usize].sessions);
    let end = others.filter_map(|s| s.states.last()).map(|s| s.0).max()?;
    let gaps = session.states.windows(2).map(|w| seconds(w[0].0, w[1].0));
    let period = median(gaps).max(device.period_s);
    let due = last + (period * 1e9) as Nanos;
    (period.is_finite() && seconds(last, end) > SILENT * period).then_some((last, due))
}

fn states(watch: &Watch<'_>, at: u32, index: usize) -> Vec<Change> {
    let session = &watch.recording.ports[at as usize].sessions[index];
    let change = |kind, span| Change { session: index, ..Change::new(kind, at, span, 1.0) };
    let turns = session.states.windows(2).filter(|w| w[0].1 != w[1].1);
    let kind = |up: bool| if up { Kind::SessionUp } else { Kind::SessionDown };
    let mut list: Vec<Change> = turns.map(|w| change(kind(w[1].1), (w[0].0, w[1].0))).collect();
    list.extend(vanishes(watch, at, session).map(|span| change(Kind::SessionDown, span)));
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(rates: &[f64]) -> Vec<Step> {
        let step = |(i, r): (i64, &f64)| Step { from: i * 10, to: (i + 1) * 10, amount: *r * 1e-8 };
        (0..)
            .zip(rates)
            .map(step)
            .map(|s| Step { from: s.from * 1_000_000_000, to: s.to * 1_000_000_000, amount: s.amount * 1e9 })
            .collect()
    }

    #[test]
    fn traffic_that_stops_within_a_step_says_when() {
        let found = traffic(0, &steps(&[500.0, 500.0, 510.0, 490.0, 125.0, 0.0, 0.0]));
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].kind, found[0].from, found[0].when),
            (Kind::TrafficStops, 40_000_000_000, Some(42_500_000_000))
        );
        let found = traffic(0, &steps(&[0.0, 0.0, 0.0, 0.0, 300.0, 500.0, 500.0]));
        assert_eq!(
            found.iter().map(|c| (c.kind, c.from)).collect::<Vec<_>>(),
            [(Kind::TrafficStarts, 40_000_000_000)]
        );
        assert!(traffic(0, &steps(&[500.0, 500.0, 500.0, 500.0, 250.0, 200.0, 240.0])).is_empty());
    }

    #[test]
    fn a_carrier_that_flaps_all_the_time_is_no_news_and_a_single_change_is() {
        let flapping: Vec<f64> = (0..100).map(|i| f64::from(u8::from(i % 8 == 0))).collect();
        let count = |rates: &[f64]| {
            let steps: Vec<Step> =
                steps(rates).iter().map(|s| Step { amount: s.amount / 10.0, ..*s }).collect();
            counted(Kind::Carrier, 0, &steps).count()
        };
        assert_eq!(count(&flapping), 0);
        let once: Vec<f64> = (0..100).map(|i| f64::from(u8::from(i == 40 || i == 80))).collect();
        assert_eq!(count(&once), 2);
    }

    #[test]
    fn a_share_that_rises_and_stays_is_a_shift_and_one_that_returns_is_not() {
        let share = |(i, v): (i64, f64)| Share { from: i, to: i + 1, value: v, of: 1e6 };
        let noise = |i: i64| [1e-4, -2e-4, 0.0, 3e-4][i as usize % 4];
        let series =
            |of: fn(i64) -> f64| -> Vec<Share> { (0..40).map(|i| share((i, noise(i) + of(i)))).collect() };
        let found = shifts(Kind::LinkLoss, 3, &series(|i| if i >= 25 { 0.02 } else { 0.0 }));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].from, found[0].to, found[0].at), (24, 26, 3));
        assert!((found[0].amount - 0.02).abs() < 1e-3);
        assert!(shifts(Kind::LinkLoss, 3, &series(|i| if i == 25 { 0.5 } else { 0.0 })).is_empty());
    }
}
