//! Textbook truths about one queue. Times are in mean services; arrivals are Poisson.

use engine::{Purpose, Seeds, Stream};
use twin::{Bytes, EntityKey, SimDuration, SimTime};
use umbra_models::packet::Fifo;

/// Mean service in picoseconds: large, so that rounding to integers is of order 10⁻⁷.
const SERVICE_PS: f64 = 1e7;

/// What a run of a queue gives: mean sojourn in services, and the share of arrivals that were lost.
struct Run {
    sojourn: f64,
    loss: f64,
}

/// Sends `n` packets of size 1 through a queue of `room` packets at load `rho`; `service` draws a service of mean 1.
fn run(rho: f64, room: u64, n: u64, mut service: impl FnMut(&mut Stream) -> f64) -> Run {
    let chance = Seeds::new(11).trial(0);
    let key = EntityKey::new("queue");
    let (mut arrivals, mut sizes) =
        (chance.stream(Purpose::ARRIVALS, &key), chance.stream(Purpose::SIZES, &key));
    let mut queue = Fifo::new(Bytes::new(room));
    let (mut now, mut sojourn) = (SimTime::ZERO, 0u128);
    for _ in 0..n {
        now += SimDuration::from_ps((arrivals.exp() * SERVICE_PS / rho) as u64);
        let service = SimDuration::from_ps((service(&mut sizes) * SERVICE_PS) as u64);
        if let Some(departure) = queue.offer(now, Bytes::new(1), service) {
            sojourn += u128::from(departure.since(now).as_ps());
        }
    }
    let stats = queue.stats();
    assert_eq!(stats.packets + stats.drops, n);
    assert_eq!(stats.wait_sum_ps + u128::from(stats.busy.as_ps()), sojourn, "sojourn = wait + service");
    Run { sojourn: sojourn as f64 / stats.packets as f64 / SERVICE_PS, loss: stats.drops as f64 / n as f64 }
}

fn close(got: f64, expected: f64, tolerance: f64, what: &str) {
    let error = got / expected - 1.0;
    assert!(error.abs() < tolerance, "{what}: {got} for {expected} ({:+.2} %)", error * 100.0);
}

#[test]
fn mm1_sojourn_is_s_over_one_minus_rho() {
    close(run(0.5, u64::MAX / 2, 4_000_000, |s| s.exp()).sojourn, 2.0, 0.01, "M/M/1 at 0.5");
    close(run(0.8, u64::MAX / 2, 10_000_000, |s| s.exp()).sojourn, 5.0, 0.01, "M/M/1 at 0.8");
}

#[test]
fn md1_sojourn_is_half_the_wait() {
    close(run(0.5, u64::MAX / 2, 2_000_000, |_| 1.0).sojourn, 1.5, 0.01, "M/D/1 at 0.5");
    close(run(0.8, u64::MAX / 2, 8_000_000, |_| 1.0).sojourn, 3.0, 0.01, "M/D/1 at 0.8");
}

#[test]
fn mg1_sojourn_is_that_of_pollaczek_and_khinchine() {
    // 64 or 1,500 bytes, half of each.
    let (small, large) = (64.0 / 782.0, 1500.0 / 782.0);
    let second_moment = (small * small + large * large) / 2.0;
    let rho = 0.7;
    let expected = 1.0 + rho * second_moment / (2.0 * (1.0 - rho));
    let got = run(rho, u64::MAX / 2, 6_000_000, |s| if s.f64_open() < 0.5 { small } else { large });
    close(got.sojourn, expected, 0.01, "bimodal M/G/1");
}

#[test]
fn mm1k_loses_what_the_formula_says() {
    for (rho, k) in [(0.8f64, 5), (0.95, 10), (1.2, 4)] {
        let expected = (1.0 - rho) * rho.powi(k) / (1.0 - rho.powi(k + 1));
        close(run(rho, k as u64, 2_000_000, |s| s.exp()).loss, expected, 0.02, "M/M/1/K loss");
    }
}

/// Mean wait in the second of two equal queues in series, in services; the second service is drawn anew, or that of the
/// first.
fn second_wait(rho: f64, redrawn: bool) -> f64 {
    let chance = Seeds::new(7).trial(0);
    let mut stream = chance.stream(Purpose::ARRIVALS, &EntityKey::new("tandem"));
    let (mut first, mut second) = (Fifo::new(Bytes::new(u64::MAX / 2)), Fifo::new(Bytes::new(u64::MAX / 2)));
    let mut now = SimTime::ZERO;
    for _ in 0..4_000_000 {
        now += SimDuration::from_ps((stream.exp() * SERVICE_PS / rho) as u64);
        let (a, b) = (stream.exp(), stream.exp());
        let service = |s: f64| SimDuration::from_ps((s * SERVICE_PS) as u64);
        let middle = first.offer(now, Bytes::new(1), service(a)).expect("room");
        second.offer(middle, Bytes::new(1), service(if redrawn { b } else { a })).expect("room");
    }
    second.stats().wait_mean_s() * 1e12 / SERVICE_PS
}

#[test]
fn queues_in_series_are_independent_only_if_services_are_drawn_anew() {
    for rho in [0.3, 0.6] {
        let expected = rho / (1.0 - rho); // Jackson (1957)
        close(second_wait(rho, true), expected, 0.01, "redrawn");
    }
    let kept = second_wait(0.3, false);
    assert!((kept / (0.3 / 0.7) - 1.0).abs() > 0.1, "real packets keep their size: {kept}");
}

#[test]
fn littles_law_holds_from_empty_to_empty() {
    let chance = Seeds::new(5).trial(0);
    let mut stream = chance.stream(Purpose::ARRIVALS, &EntityKey::new("little"));
    let mut queue = Fifo::new(Bytes::new(9_000));
    let (mut now, mut in_system, mut boundaries) = (SimTime::ZERO, 0u128, Vec::new());
    for _ in 0..100_000 {
        now += SimDuration::from_ps((stream.exp() * 1e6) as u64);
        let size = 64 + (stream.f64_open() * 1_437.0) as u64;
        if let Some(departure) = queue.offer(now, Bytes::new(size), SimDuration::from_ps(size * 1_200)) {
            boundaries.extend([(now.as_ps(), 1i64), (departure.as_ps(), -1)]);
        }
    }
    // The area under the number in the system, from its steps alone.
    boundaries.sort();
    let mut number = 0i64;
    for pair in boundaries.windows(2) {
        number += pair[0].1;
        in_system += u128::from(pair[1].0 - pair[0].0) * number as u128;
    }
    let stats = queue.stats();
    assert!(stats.drops > 100, "the queue is full at times: {}", stats.drops);
    // L·T = λ·T·W, both sides exact in picoseconds.
    assert_eq!(in_system, stats.wait_sum_ps + u128::from(stats.busy.as_ps()));
}
