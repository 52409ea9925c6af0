//! Textbook truths. Arrivals are Poisson unless a test says otherwise.

use twin::{Bytes, SimDuration, SimTime};
use umbra_models::packet::discipline::*;

use crate::station::{Station, close, stream};

const UNBOUNDED: Limit = Limit::Bytes(Bytes::new(u64::MAX / 4));

/// Picoseconds of a mean service: large, so that rounding to integers is of order 10⁻⁶.
const SERVICE_PS: f64 = 1e6;

fn ps(x: f64) -> SimDuration {
    SimDuration::from_ps(x as u64)
}

#[test]
fn waits_of_priorities_are_those_of_cobham() {
    // Non-preemptive priorities, M/G/1: W_i = R / ((1 − σ_{i−1})(1 − σ_i)), R = Σ λE[S²]/2, σ_i = ρ_1 + … + ρ_i
    // (Cobham, Priority Assignment in Waiting Line Problems, Operations Research 2(1), 1954). Sizes: fixed, one of two,
    // and exponential; shares of the load 0.2, 0.2 and 0.3.
    let loads = [0.2, 0.2, 0.3];
    let means = [100_000.0, 400_000.0, 1_000_000.0];
    let second = [1e10, (1e5f64 * 1e5 + 7e5 * 7e5) / 2.0, 2e12];
    let rates: Vec<f64> = (0..3).map(|i| loads[i] / means[i]).collect();
    let residual: f64 = (0..3).map(|i| rates[i] * second[i] / 2.0).sum();
    let total: f64 = rates.iter().sum();

    let config = DisciplineConfig::of_classes(vec![ClassConfig::strict(UNBOUNDED); 3]);
    let mut station = Station::with_service(&config, None, |size| SimDuration::from_ps(size.get()));
    let (mut gaps, mut kinds, mut sizes) = (stream("gaps"), stream("kinds"), stream("sizes"));
    let mut now = SimTime::ZERO;
    for _ in 0..3_000_000 {
        now += ps(gaps.exp() / total);
        let kind = kinds.f64_open() * total;
        let class = if kind < rates[0] {
            0
        } else if kind < rates[0] + rates[1] {
            1
        } else {
            2
        };
        let size = match class {
            0 => means[0],
            1 => [1e5, 7e5][usize::from(sizes.f64_open() < 0.5)],
            _ => sizes.exp() * means[2],
        };
        let arrival = Arrival::new((), Bytes::new(size as u64), class);
        assert_eq!(station.offer(now, arrival, None, || unreachable!("no RED"), |_, _, _| {}), Offer::Queued);
    }
    let mut before = 0.0;
    for class in 0..3 {
        let sigma = before + loads[class];
        let expected = residual / ((1.0 - before) * (1.0 - sigma));
        let got = station.queue.stats(class).wait_mean_s() * 1e12;
        close(got, expected, 0.02, &format!("wait of class {class}"));
        before = sigma;
    }
}

#[test]
fn mm1k_loses_what_the_formula_says() {
    for (rho, k) in [(0.8f64, 5), (0.95, 10), (1.2, 4)] {
        let mut services = stream("services");
        let config = DisciplineConfig::drop_tail(Limit::Packets(k));
        let mut station = Station::with_service(&config, None, move |_| ps(services.exp() * SERVICE_PS));
        let (mut gaps, mut now, n) = (stream("gaps"), SimTime::ZERO, 1_000_000);
        for _ in 0..n {
            now += ps(gaps.exp() * SERVICE_PS / rho);
            station.offer(now, Arrival::new((), Bytes::new(1_500), 0), None, || 0.5, |_, _, _| {});
        }
        let lost = station.queue.stats(0).refused(Refusal::QueueFull) as f64 / f64::from(n);
        let expected = (1.0 - rho) * rho.powi(k as i32) / (1.0 - rho.powi(k as i32 + 1));
        close(lost, expected, 0.02, &format!("M/M/1/{k} loss at {rho}"));
    }
}

#[test]
fn a_step_marks_as_often_as_the_queue_is_that_long() {
    // M/M/1: an arrival finds at least k packets with probability ρ^k. Packets of one byte make bytes packets.
    let (rho, k, n) = (0.8f64, 4, 1_000_000);
    let mut class = ClassConfig::strict(UNBOUNDED);
    class.red = Some(RedConfig::step(Bytes::new(k)));
    let mut services = stream("services");
    let config = DisciplineConfig::of_classes(vec![class]);
    let mut station = Station::with_service(&config, None, move |_| ps(services.exp() * SERVICE_PS));
    let (mut gaps, mut now) = (stream("gaps"), SimTime::ZERO);
    for _ in 0..n {
        now += ps(gaps.exp() * SERVICE_PS / rho);
        let arrival = Arrival { ecn_capable: true, ..Arrival::new((), Bytes::new(1), 0) };
        station.offer(now, arrival, None, || 0.5, |_, _, _| {});
    }
    let stats = station.queue.stats(0);
    assert_eq!((stats.packets, stats.drops()), (n, 0));
    close(stats.marks as f64 / n as f64, rho.powi(k as i32), 0.02, "marks");
}

/// Offers classes of fixed packet size their load (in shares of the link) for a while; gives the share of the link that
/// each got.
fn shares(config: &DisciplineConfig, sizes: &[u64], loads: &[f64]) -> Vec<f64> {
    let mut station = Station::new(config, None);
    // Bytes take 8 ps; arrivals of a class are evenly spaced, with an offset of its own.
    let gap = |class: usize| (sizes[class] as f64 * 8.0 / loads[class]) as u64;
    let mut due: Vec<u64> = (0..sizes.len()).map(|class| gap(class) / (class as u64 + 2)).collect();
    let end = 400_000_000;
    let mut sent = vec![0u64; sizes.len()];
    loop {
        let class = (0..sizes.len()).min_by_key(|class| due[*class]).expect("there are classes");
        if due[class] > end {
            break;
        }
        let arrival = Arrival::new((), Bytes::new(sizes[class]), class as u8);
        station.offer(
            SimTime::from_ps(due[class]),
            arrival,
            None,
            || 0.5,
            |_, _, s| {
                sent[usize::from(s.class)] += s.size.get();
            },
        );
        due[class] += gap(class);
    }
    sent.iter().map(|bytes| *bytes as f64 * 8.0 / end as f64).collect()
}

#[test]
fn what_strict_classes_leave_is_shared_by_quanta() {
    let room = Limit::Bytes(Bytes::new(30_000));
    let config = DisciplineConfig::of_classes(vec![
        ClassConfig::strict(room),
        ClassConfig::shared(Bytes::new(6_000), room),
        ClassConfig::shared(Bytes::new(3_000), room),
        ClassConfig::shared(Bytes::new(1_500), room),
    ]);
    // All that share are overloaded, with packets of different sizes: 4 to 2 to 1 of what is left.
    let got = shares(&config, &[200, 64, 1_500, 700], &[0.3, 1.0, 1.0, 1.0]);
    for (share, expected) in got.iter().zip([0.3, 0.4, 0.2, 0.1]) {
        close(*share, expected, 0.005, "share");
    }
    // A class that asks for less gets it; the others divide the rest as their quanta say (max-min).
    let got = shares(&config, &[200, 64, 1_500, 700], &[0.3, 0.1, 1.0, 1.0]);
    for (share, expected) in got.iter().zip([0.3, 0.1, 0.4, 0.2]) {
        close(*share, expected, 0.005, "share with an idle class");
    }
}

#[test]
fn early_detection_holds_the_average_where_its_curve_says() {
    // A load of 1.25 that does not slow down: a fifth has to go. Chosen one in uniform(1, 1/p), a share 2p/(1 + p) is
    // dropped; 0.2 needs p = 1/9, which is the average min + (max − min)/9 of a curve up to 1.
    let mut class = ClassConfig::strict(UNBOUNDED);
    let curve =
        RedCurve { min: Bytes::new(20_000), max: Bytes::new(200_000), max_probability: 1.0, gentle: false };
    class.red = Some(RedConfig {
        weight: 0.02,
        curves: [curve; 3],
        ecn: false,
        ..RedConfig::floyd(Bytes::new(1_000))
    });
    let mut station = Station::new(&DisciplineConfig::of_classes(vec![class]), None);
    let (mut gaps, mut luck, mut now) = (stream("gaps"), stream("luck"), SimTime::ZERO);
    let (mut held, n) = (0, 200_000u64);
    for i in 0..2 * n {
        now += ps(gaps.exp() * 8_000.0 / 1.25);
        let arrival = Arrival::new((), Bytes::new(1_000), 0);
        station.offer(now, arrival, None, || luck.f64_open(), |_, _, _| {});
        held += if i >= n { station.queue.held(0).get() } else { 0 };
    }
    let stats = station.queue.stats(0);
    close(stats.refused(Refusal::Early) as f64 / (2 * n) as f64, 0.2, 0.02, "drops");
    close(held as f64 / n as f64, 40_000.0, 0.03, "the queue around its average");
}

#[test]
fn overloaded_ports_settle_where_choudhury_and_hahne_say() {
    const SIZE: u64 = 500;
    const POOL: f64 = 1_000_000.0;
    for (alpha, n) in [((1, 2), 4), ((1, 1), 3), ((4, 1), 8)] {
        let mut buffer = SharedBuffer::new(Bytes::new(POOL as u64));
        let mut class = ClassConfig::strict(UNBOUNDED);
        class.share = Some(Share { reserve: Bytes::new(0), alpha: Alpha::new(alpha.0, alpha.1).unwrap() });
        let config = DisciplineConfig::of_classes(vec![class]);
        let mut ports: Vec<_> = (0..n).map(|_| Station::new(&config, Some(&mut buffer))).collect();
        // Each port gets twice what it can send, for long enough to fill the memory and then some.
        for i in 0..20_000u64 {
            for (p, port) in ports.iter_mut().enumerate() {
                let now = SimTime::from_ps(i * SIZE * 8 / 2 + p as u64 * 100);
                port.offer(
                    now,
                    Arrival::new((), Bytes::new(SIZE), 0),
                    Some(&mut buffer),
                    || 0.5,
                    |_, _, _| {},
                );
            }
        }
        let a = f64::from(alpha.0) / f64::from(alpha.1);
        let each = a * POOL / (1.0 + a * f64::from(n));
        for port in &ports {
            // Within a packet of its own threshold, which moves by α for each packet of any port.
            let held = port.queue.held(0).get() as f64;
            assert!(
                (held - each).abs() <= SIZE as f64 * (1.0 + 2.0 * a),
                "α {a}, {n} ports: {held} for {each}"
            );
        }
        let taken = POOL - buffer.free().get() as f64;
        close(taken, POOL * a * f64::from(n) / (1.0 + a * f64::from(n)), 0.01, "occupancy");
    }
}
