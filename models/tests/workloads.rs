//! Published counts of W1, W2 and W3, and a slow simulator with two events a hop that must agree packet by packet, while
//! nothing changes and while links flap and rates change.

use engine::Seeds;
use testkit::workloads::{
    Counts, PacketWorkload, Spec, W1_COUNTS, W2_COUNTS, W2_K4_COUNTS, W3_COUNTS, W3_DIGEST, delivered_digest,
    w1, w2, w3, w4,
};
use testkit::{Change, NextHops, TimedChange, Wires, send_packets};
use twin::{Csr, Layer, SimTime};
use umbra_models::packet::{Buffer, Fault, PacketConfig, PacketNet, PacketResult, TimedFault, Workload};
use umbra_models::{Failures, Routing};

fn run(workload: &PacketWorkload, faults: &[TimedFault]) -> PacketResult {
    let csr = Csr::compile(&workload.twin, Layer::Igp);
    let routing = Routing::compute(&csr, &Failures::none(&csr));
    let config = PacketConfig { buffer: Buffer::Bytes(workload.buffer), ..PacketConfig::default() };
    let net = PacketNet::build(&csr, routing, config);
    let ready = Workload::compile(&csr, &workload.schedule()).expect("endpoints are nodes");
    let ready = ready.with_paths(&csr, &workload.paths());
    let result = net.run(&ready, faults, SimTime::MAX, Seeds::new(0).trial(0));
    assert_eq!(result.in_flight, 0);
    result
}

#[test]
fn w1_every_packet_takes_17_6_microseconds() {
    let n = 20_000;
    let result = run(&w1(&Spec { packets: n, ..Spec::w1() }), &[]);
    let flow = &result.flows[0];
    assert_eq!((result.delivered, result.dropped, result.packet_hops), (n, 0, 8 * n));
    // The first packet and the slowest of all take 8 · (1.2 + 1) µs to the picosecond; the sum says that all do.
    assert_eq!((flow.first.unwrap().as_ps(), flow.delay_max.as_ps()), (17_600_000, 17_600_000));
    assert_eq!(flow.delay_sum_ps, u128::from(n) * 17_600_000);
    assert_eq!(result.last_delivery.as_ps(), (n - 1) * 1_500_000 + 17_600_000);
    // N = 500,000 by the same formula is the published end.
    assert_eq!((500_000 - 1) * 1_500_000 + 17_600_000, W1_COUNTS.end_ps);
}

#[test]
fn w2_every_packet_takes_13_2_microseconds() {
    for (k, hosts, n) in [(4, 16, 500), (8, 128, 100)] {
        let result = run(&w2(&Spec { k, packets: n, ..Spec::w2() }), &[]);
        let delivered = hosts * n;
        assert_eq!((result.delivered, result.dropped, result.packet_hops), (delivered, 0, 6 * delivered));
        assert!(result.flows.iter().all(|f| f.delay_sum_ps == u128::from(n) * 13_200_000));
        assert_eq!(result.last_delivery.as_ps(), (hosts - 1) * 1_000 + (n - 1) * 1_500_000 + 13_200_000);
    }
    assert_eq!(15_000 + 59_999 * 1_500_000 + 13_200_000, W2_K4_COUNTS.end_ps);
    assert_eq!(127_000 + 7_999 * 1_500_000 + 13_200_000, W2_COUNTS.end_ps);
}

#[test]
fn w3_counts_are_the_published_ones_flow_by_flow() {
    let result = run(&w3(&Spec::w3()), &[]);
    let counts = (result.delivered, result.dropped, result.packet_hops, result.last_delivery.as_ps());
    let Counts { delivered, dropped, packet_hops, end_ps } = W3_COUNTS;
    assert_eq!(counts, (delivered, dropped, packet_hops, end_ps));
    assert_eq!(result.sent, 1_024_000);
    let delivered: Vec<u64> = result.flows.iter().map(|f| f.delivered).collect();
    assert_eq!(delivered[..8], [5454, 4513, 8000, 5511, 4248, 8000, 7938, 5472]);
    assert_eq!((delivered[32], delivered[45]), (5483, 4383), "flows whose ties decide");
    assert_eq!(result.flows.iter().filter(|f| f.dropped() > 0).count(), 99);
    assert_eq!(delivered_digest(delivered), W3_DIGEST);
}

#[test]
fn w3_agrees_with_two_events_a_hop_for_several_seeds() {
    for seed in [0, 7, u64::MAX] {
        agree_with_two_events_a_hop(&w3(&Spec { seed, packets: 300, ..Spec::w3() }));
    }
}

/// W4 without its new next hops: flows keep to their paths while links flap and rates change.
#[test]
fn flaps_and_new_rates_agree_with_two_events_a_hop_for_several_seeds() {
    for (seed, k) in [(0, 8), (7, 8), (u64::MAX, 4)] {
        let mut w4 = w4(&Spec { seed, k, packets: 300, ..Spec::w4() });
        w4.changes.retain(|c| !matches!(c.change, Change::NextHop { .. }));
        w4.next_hops = NextHops::along(&w4.twin, &w4.paths());
        let lost = agree_with_two_events_a_hop(&w4).sum(|f| f.dropped);
        w4.changes.clear();
        let unchanged = agree_with_two_events_a_hop(&w4).sum(|f| f.dropped);
        assert!(lost > unchanged + 500, "changes cost packets: {lost} of {unchanged} without");
    }
}

/// Packets that meet changes at the very instants at which they are sent, depart and arrive.
#[test]
fn changes_at_the_instants_of_packets_agree_with_two_events_a_hop() {
    // Whole multiples of 0.1 µs: sends every 1.5 µs, departures 1.2 µs later, arrivals 1 µs after those.
    let mut w1 = w1(&Spec { packets: 1_000, ..Spec::w1() });
    let link = |i: u64| twin::LinkId((i % 8) as u32);
    w1.changes = (0..400)
        .map(|i| {
            let (at, change) = match i % 3 {
                0 => (36 * i, Change::LinkDown(link(i / 3))),
                1 => (36 * i, Change::LinkUp(link(i / 3))),
                _ => {
                    let rate = twin::BitsPerSec::gbps([5, 10, 20][i as usize / 3 % 3]);
                    (36 * i, Change::Rate { arc: twin::ArcId((i % 8) as u32 * 2), rate })
                }
            };
            TimedChange { at: SimTime::from_ps(at * 100_000), change }
        })
        .collect();
    assert!(agree_with_two_events_a_hop(&w1).sum(|f| f.dropped) > 100);
}

/// Runs both and compares them flow by flow and queue by queue; gives the slow one's outcome.
fn agree_with_two_events_a_hop(workload: &PacketWorkload) -> testkit::SlowOutcome {
    let faults: Vec<_> = workload.changes.iter().map(fault).collect();
    let result = run(workload, &faults);
    let (wires, schedule) = (Wires::of(&workload.twin), workload.schedule());
    let (hops, changes) = (&workload.next_hops, &workload.changes);
    let slow = send_packets(&wires, &schedule, workload.buffer, hops, changes, SimTime::MAX);
    for (number, (fast, slow)) in result.flows.iter().zip(&slow.flows).enumerate() {
        let fast = testkit::SlowFlow {
            sent: fast.sent,
            delivered: fast.delivered,
            dropped: fast.dropped(),
            first: fast.first,
            last: fast.last,
            delay_sum_ps: fast.delay_sum_ps,
            packet_hops: fast.packet_hops,
        };
        assert_eq!(&fast, slow, "flow {number}");
    }
    for (arc, (fast, slow)) in result.links.iter().zip(&slow.queues).enumerate() {
        assert_eq!((fast.queue.packets, fast.queue.drops), (slow.accepted, slow.refused), "arc {arc}");
    }
    slow
}

fn fault(change: &TimedChange) -> TimedFault {
    let fault = match change.change {
        Change::LinkDown(link) => Fault::LinkDown(link),
        Change::LinkUp(link) => Fault::LinkUp(link),
        Change::Rate { arc, rate } => Fault::Capacity { arc, rate },
        Change::NextHop { .. } => unreachable!("flows keep to their paths"),
    };
    TimedFault { at: change.at, fault }
}
