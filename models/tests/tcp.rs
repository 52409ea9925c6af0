//! TCP against formulas, and its forks against runs in one piece.

use engine::Seeds;
use proptest::prelude::*;
use twin::{BitsPerSec, Bytes, SimDuration, SimTime};
use umbra_models::packet::tcp::{
    Bottleneck, Congestion, Loss, TcpConfig, TcpFlow, Transfer, fidelity, formulas,
};

const MSS: u64 = 1_460;

fn flow(i: u8, forward: u64, congestion: Congestion) -> TcpFlow {
    TcpFlow {
        client: ([10, 0, 0, i], 40_000).into(),
        server: ([10, 0, 1, i], 80).into(),
        forward: Bytes::new(forward),
        backward: Bytes::new(0),
        start: SimTime::ZERO,
        congestion,
    }
}

fn line(mbps: u64, delay: SimDuration, queue: u64, loss: Loss) -> Bottleneck {
    Bottleneck { rate: BitsPerSec::mbps(mbps), delay, queue: Bytes::new(queue), loss }
}

fn at_once() -> TcpConfig {
    TcpConfig { delayed_ack: None, ..TcpConfig::default() }
}

fn run(line: &Bottleneck, flow: TcpFlow, config: &TcpConfig) -> Transfer {
    line.run(&[flow], config, SimTime::MAX, Seeds::new(1).trial(0)).unwrap()[0]
}

fn secs(at: Option<SimTime>) -> f64 {
    at.expect("it happened").as_secs_f64()
}

/// Handshake; slow start, doubling from one segment (smoltcp's first window is 2,048 bytes) until a round's segments last
/// a round trip; the rest at the line's rate; the way of the last segment.
fn lossless_secs(segments: u64, line: &Bottleneck) -> f64 {
    let rtt = 2.0 * line.delay.as_secs_f64();
    let each = 1_500.0 * 8.0 / line.rate.get() as f64;
    let (mut time, mut window, mut left) = (rtt, 1, segments);
    while window as f64 * each < rtt + each && left > window {
        time += rtt + each;
        left -= window;
        window *= 2;
    }
    time + left as f64 * each + rtt / 2.0
}

#[test]
fn a_transfer_without_loss_takes_handshake_slow_start_and_the_rate_of_the_line() {
    for (mbps, delay_ms, segments) in
        [(10, 10, 1), (10, 10, 7), (10, 10, 2_000), (100, 25, 5_000), (1_000, 5, 20_000)]
    {
        let line = line(mbps, SimDuration::millis(delay_ms), 1 << 30, Loss::None);
        let transfer = run(&line, flow(1, segments * MSS, Congestion::Reno), &at_once());
        let (took, expected) = (secs(transfer.server.received_all), lossless_secs(segments, &line));
        assert!(
            (took / expected - 1.0).abs() < 0.02,
            "{mbps} Mbit/s, {segments} segments: {took} for {expected}"
        );
        assert_eq!((transfer.client.retransmitted, transfer.lost), (0, 0));
        let knows = secs(transfer.client.acknowledged_all) - took;
        assert!(
            (knows - delay_ms as f64 / 1e3).abs() < 1e-3,
            "the sender knows half a round trip later, not {knows}"
        );
    }
}

#[test]
fn a_window_smaller_than_the_path_is_what_limits() {
    let line = line(1_000, SimDuration::millis(50), 1 << 30, Loss::None);
    let config = TcpConfig { window: Bytes::new(100 * MSS), ..at_once() };
    let transfer = run(&line, flow(1, 20_000 * MSS, Congestion::Reno), &config);
    // 100 segments in each round trip of 100 ms.
    let rate = 20_000.0 / secs(transfer.server.received_all);
    assert!((rate / 1_000.0 - 1.0).abs() < 0.06, "{rate} segments/s");
}

#[test]
fn the_last_piece_does_not_wait_for_nagle() {
    let line = line(1_000, SimDuration::millis(50), 1 << 30, Loss::None);
    // One segment, then a whole and a tenth: the tenth goes out with the whole one.
    let transfer = run(&line, flow(1, 2 * MSS + MSS / 10, Congestion::Reno), &at_once());
    assert!((secs(transfer.server.received_all) - 0.25).abs() < 1e-3);
}

#[test]
fn the_server_answers_when_it_has_read_the_request() {
    let line = line(1_000, SimDuration::millis(10), 1 << 30, Loss::None);
    for (forward, backward) in [(300, 100 * MSS), (0, 5_000), (0, 0)] {
        let flow = TcpFlow { backward: Bytes::new(backward), ..flow(1, forward, Congestion::Cubic) };
        let Transfer { client, server, .. } = run(&line, flow, &at_once());
        assert_eq!((server.received, client.received), (forward, backward));
        assert_eq!((client.acknowledged, server.acknowledged), (forward, backward));
        assert!(client.received_all >= server.received_all || backward == 0);
        assert!(client.closed.is_some() && server.closed.is_some(), "{client:?} {server:?}");
    }
}

#[test]
fn over_ipv6_segments_are_twenty_bytes_smaller() {
    let line = line(10, SimDuration::millis(10), 1 << 30, Loss::None);
    let six = TcpFlow {
        client: "[2001:db8::1]:40000".parse().unwrap(),
        server: "[2001:db8::2]:80".parse().unwrap(),
        ..flow(1, 1_440 * 50, Congestion::Reno)
    };
    let transfer = run(&line, six, &at_once());
    assert_eq!((transfer.client.segments, transfer.server.received), (50, 1_440 * 50));
}

#[test]
fn whoever_hears_nothing_gives_up_and_the_run_ends() {
    let dead = line(10, SimDuration::millis(10), 1 << 30, Loss::Random(1.0));
    let transfer = run(&dead, flow(1, 10_000, Congestion::Reno), &at_once());
    assert_eq!((transfer.server.received, transfer.client.acknowledged_all), (0, None));
    assert!((180.0..200.0).contains(&secs(transfer.client.closed)));
    // Timeouts of 1, 2, 4, …, 60 s (RFC 6298 §5.5): 1 + 2 + 4 + 8 + 16 + 32 + 60 = 123, and 60 more are beyond 180.
    assert_eq!(transfer.client.retransmitted, 7);
}

#[test]
fn mathis_within_fifteen_percent() {
    for (p, losses) in [(1e-4, 40), (1e-3, 100), (1e-2, 400)] {
        let check = fidelity::mathis(p, losses, Seeds::new(1).trial(0));
        assert!((check.ratio() - 1.0).abs() < 0.15, "{check:?}: {}", check.ratio());
    }
}

#[test]
fn pftk_within_twenty_percent() {
    for delayed_ack in [false, true] {
        for (p, losses) in [(5e-3, 300), (1e-2, 500), (2e-2, 500), (5e-2, 1_000)] {
            let check = fidelity::pftk(p, delayed_ack, losses, Seeds::new(1).trial(0));
            assert!((check.ratio() - 1.0).abs() < 0.2, "{check:?}: {}", check.ratio());
        }
    }
}

#[test]
fn cubic_follows_its_response_function_and_leaves_reno_behind() {
    for rtt_s in [0.2, 0.4] {
        let check = fidelity::cubic(1e-3, rtt_s, 100, Seeds::new(1).trial(0));
        assert!((check.ratio() - 1.0).abs() < 0.2, "{check:?}: {}", check.ratio());
        assert!(check.measured > 1.2 * formulas::mathis(rtt_s, check.p), "{check:?}");
    }
}

#[test]
fn two_flows_share_a_bottleneck() {
    for congestion in [Congestion::Reno, Congestion::Cubic] {
        // A queue of one bandwidth-delay product.
        let line = line(10, SimDuration::millis(20), 50_000, Loss::None);
        let flows = [1, 2].map(|i| flow(i, 1 << 40, congestion));
        let until = SimTime::ZERO + SimDuration::secs(120);
        let transfers = line.run(&flows, &at_once(), until, Seeds::new(1).trial(0)).unwrap();
        let shares: Vec<f64> = transfers.iter().map(|t| t.server.received as f64).collect();
        assert!(formulas::jain(&shares) > 0.9, "{congestion:?}: {shares:?}");
        let used = shares.iter().sum::<f64>() * 8.0 / 120.0 / 10e6;
        assert!(used > 0.85, "{congestion:?}: {used} of the line");
        assert!(transfers.iter().all(|t| t.lost > 0), "both met the queue's end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_fork_is_like_a_run_in_one_piece(
        seed: u64,
        loss in 0.0..0.1f64,
        cuts in prop::collection::vec(0u64..6_000, 1..4),
        delayed: bool,
    ) {
        let line = line(5, SimDuration::millis(15), 30_000, Loss::Random(loss));
        let flows = [
            flow(1, 200 * MSS + 7, Congestion::Reno),
            TcpFlow { backward: Bytes::new(90 * MSS), ..flow(2, 500, Congestion::Cubic) },
            TcpFlow { start: SimTime::ZERO + SimDuration::millis(900), ..flow(3, 40 * MSS, Congestion::Reno) },
        ];
        let config = if delayed { TcpConfig::default() } else { at_once() };
        let chance = Seeds::new(seed).trial(0);
        let whole = line.run(&flows, &config, SimTime::MAX, chance).unwrap();
        let again = line.run(&flows, &config, SimTime::MAX, chance).unwrap();
        prop_assert_eq!(&whole, &again);
        let mut cuts = cuts;
        cuts.sort_unstable();
        let mut run = line.start(&flows, &config, chance).unwrap();
        for ms in cuts {
            run.run_until(SimTime::ZERO + SimDuration::millis(ms));
            let mut fork = run.clone();
            fork.run_until(SimTime::MAX);
            prop_assert_eq!(&fork.transfers(), &whole);
            run = run.clone(); // go on from a copy
        }
        run.run_until(SimTime::MAX);
        prop_assert_eq!(&run.transfers(), &whole);
    }
}
