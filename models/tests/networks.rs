//! Small networks: what faults do to packets, that every run is the same run, and that the obvious simulator agrees.

mod lab;

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Seeds;
use lab::{Lab, lab};
use proptest::prelude::*;
use testkit::{NextHops, Wires, send_packets};
use twin::{ArcId, BitsPerSec, Bytes, LinkId, NodeId, PacketSchedule, ScheduledPacket, SimDuration, SimTime};
use umbra_models::packet::{
    BackgroundLoad, BackgroundTraffic, Bins, Buffer, Disposition, Fault, FlowHash, PacketConfig, PacketNet,
    PacketResult, PacketRun, TimedFault, Workload,
};
use umbra_models::{Failures, NodeDemand, Routing};

fn us(us: u64) -> SimTime {
    SimTime::from_ps(us * 1_000_000)
}

fn at(micros: u64, fault: Fault) -> TimedFault {
    TimedFault { at: us(micros), fault }
}

fn run(lab: &Lab, packets: &[(u64, &str, &str)], faults: &[TimedFault]) -> PacketResult {
    lab.net.run(&lab.workload(packets), faults, SimTime::MAX, Seeds::new(0).trial(0))
}

/// `n` packets from a to c, one every 2 µs; flow 0. A packet is 1.2 µs in service and 1 µs on each wire.
fn steady(n: u64) -> Vec<(u64, &'static str, &'static str)> {
    (0..n).map(|i| (2 * i, "a", "c")).collect()
}

#[test]
fn what_is_on_a_link_that_goes_down_is_lost_even_if_it_comes_up_again() {
    let lab = lab("a-b b-c");
    // Packet i is sent at 2i µs, leaves a at 2i + 1.2, and would reach b at 2i + 2.2. Down at 5 and up at 5.5 µs in
    // steps of whole µs: 5 to 6. On the link at 5: packet 2 (sent at 4). Sent while down: none but those at [5, 6).
    let faults = [at(5, Fault::LinkDown(LinkId(0))), at(6, Fault::LinkUp(LinkId(0)))];
    let result = run(&lab, &steady(10), &faults);
    assert_eq!((result.delivered, result.dropped_by(Disposition::LinkDown)), (9, 1));
    // Down at exactly the instant of packet 3's sending, which then finds the link down.
    let faults = [at(6, Fault::LinkDown(LinkId(0))), at(7, Fault::LinkUp(LinkId(0)))];
    let result = run(&lab, &steady(10), &faults);
    assert_eq!((result.delivered, result.dropped_by(Disposition::LinkDown)), (8, 2));
}

#[test]
fn traffic_is_lost_until_routing_converges() {
    let lab = lab("a-b b-c a-d d-e e-c");
    let cut = Failures::none(&lab.csr).with_link(LinkId(1));
    let routing = Arc::new(Routing::compute(&lab.csr, &cut));
    let faults = [
        at(50, Fault::LinkDown(LinkId(1))),
        at(90, Fault::Reroute { node: Some(NodeId(0)), routing: routing.clone() }),
        at(95, Fault::Reroute { node: None, routing }),
    ];
    let result = run(&lab, &steady(100), &faults);
    // From packet 23, sent at 46 µs and on the wire of b-c from 49.4 to 50.4 µs, to packet 44, sent at 88 µs.
    let lost = result.dropped_by(Disposition::LinkDown);
    assert_eq!((result.delivered, lost, result.sent), (78, 22, 100));
    let detour: Vec<u64> = [4, 6, 8].iter().map(|arc| result.links[*arc].queue.packets).collect();
    assert_eq!(detour, [55, 55, 55]);
}

#[test]
fn a_node_that_stops_takes_its_links_and_its_own_packets_with_it() {
    let lab = lab("a-b b-c");
    let packets = [(0, "a", "c"), (10, "a", "c"), (10, "b", "c"), (30, "b", "c")];
    let faults = [at(10, Fault::NodeDown(NodeId(1))), at(20, Fault::NodeUp(NodeId(1)))];
    let result = run(&lab, &packets, &faults);
    assert_eq!(result.delivered, 2);
    assert_eq!(result.dropped_by(Disposition::LinkDown), 1, "a finds its link to b down");
    assert_eq!(result.dropped_by(Disposition::NodeDown), 1, "b itself sends nothing");
}

#[test]
fn a_link_stays_down_while_any_of_its_causes_lasts() {
    let lab = lab("a-b");
    let packets: Vec<_> = (0..6).map(|i| (10 * i, "a", "b")).collect();
    let faults = [
        at(5, Fault::NodeDown(NodeId(1))),
        at(15, Fault::LinkDown(LinkId(0))),
        at(25, Fault::NodeUp(NodeId(1))),
        at(45, Fault::LinkUp(LinkId(0))),
    ];
    assert_eq!(run(&lab, &packets, &faults).delivered, 2, "only the first and the last");
}

#[test]
fn a_slower_link_serves_later_packets_slower() {
    let lab = lab("a-b");
    let slow = Fault::Capacity { arc: ArcId(0), rate: BitsPerSec::gbps(1) };
    let result = run(&lab, &[(0, "a", "b"), (10, "a", "b")], &[at(5, slow)]);
    assert_eq!(result.flows[0].delay_max, SimDuration::from_ps(13_000_000));
    assert_eq!(result.flows[0].first, Some(SimTime::from_ps(2_200_000)));
}

#[test]
fn the_highest_rate_without_loss_is_that_of_the_line() {
    // RFC 2544 §26.1: rate / (8 · (L + 20)) packets a second, with Ethernet's 20 bytes between frames.
    let lab = lab("a-b");
    let config =
        PacketConfig { buffer: Buffer::Bytes(Bytes::new(6_000)), framing: Bytes::new(20), ..lab.config };
    let net = PacketNet::build(&lab.csr, lab.routing(), config);
    for size in [64, 128, 256, 512, 1024, 1280, 1518] {
        let line_gap = (size + 20) * 800; // picoseconds at 10 Gbit/s
        let lost = |gap: u64| {
            let size = Bytes::new(size);
            let packet = |i| ScheduledPacket {
                at: SimTime::from_ps(i * gap),
                src: 0,
                dst: 1,
                flow: 0,
                size,
                frame: None,
            };
            let schedule = PacketSchedule::new(lab.csr.node_keys.clone(), (0..100_000).map(packet).collect());
            let workload = Workload::compile(&lab.csr, &schedule).unwrap();
            net.run(&workload, &[], SimTime::MAX, Seeds::new(0).trial(0)).dropped
        };
        assert_eq!(lost(line_gap), 0, "{size} bytes at line rate");
        assert!(lost(line_gap * 999 / 1000) > 0, "{size} bytes a thousandth faster");
    }
}

#[test]
fn a_lossier_wire_loses_what_a_better_one_loses_and_more() {
    let lab = lab("a-b b-c");
    let packets = steady(4_000);
    let lost = |probability| {
        let loss = Fault::Loss { arc: ArcId(0), probability };
        let config =
            PacketConfig { bins: Some(Bins { width: SimDuration::micros(2), count: 4_000 }), ..lab.config };
        let net = PacketNet::build(&lab.csr, lab.routing(), config);
        let result = net.run(&lab.workload(&packets), &[at(0, loss)], SimTime::MAX, Seeds::new(9).trial(0));
        result.observables.flows.iter().filter(|r| r.lost > 0).map(|r| r.bin).collect::<Vec<_>>()
    };
    let (some, more) = (lost(0.05), lost(0.2));
    assert!((150..250).contains(&some.len()), "5 % of 4,000 ± 4 standard errors: {}", some.len());
    assert!((700..900).contains(&more.len()), "20 % of 4,000 ± 4 standard errors: {}", more.len());
    assert!(some.iter().all(|bin| more.contains(bin)), "common random numbers");
    assert_eq!(lost(1.0).len(), 4_000);
}

#[test]
fn a_loop_ends_by_time_to_live() {
    let lab = lab("a-b b-c");
    // Without b-c, b's shortest path to c is over a; with all links up, a's is over b.
    let mut wrong = lab::lab_csr("a-b b-c a-c");
    wrong.metric[4] = 100;
    let routing = Routing::compute(&wrong, &Failures::none(&wrong).with_link(LinkId(1)));
    let backwards = Fault::Reroute { node: Some(NodeId(1)), routing: Arc::new(routing) };
    let result = run(&lab, &[(5, "a", "c")], &[at(1, backwards)]);
    assert_eq!(result.dropped_by(Disposition::TtlExpired), 1);
    assert_eq!(result.links[0].queue.packets + result.links[1].queue.packets, 255);
}

#[test]
fn no_route_is_said_where_it_is_missing() {
    let mut lab = lab("a-b b-c");
    let cut = Failures::none(&lab.csr).with_link(LinkId(1));
    lab.net = PacketNet::build(&lab.csr, Routing::compute(&lab.csr, &cut), lab.config);
    let result = run(&lab, &[(0, "a", "c"), (0, "a", "b")], &[]);
    assert_eq!((result.delivered, result.dropped_by(Disposition::NoRoute)), (1, 1));
}

#[test]
fn the_path_that_is_foretold_is_the_path_that_is_taken() {
    let lab = lab("a-b a-c a-d b-e c-e d-e e-f e-g f-h g-h");
    let (a, h) = (lab.csr.node_named("a").unwrap(), lab.csr.node_named("h").unwrap());
    let packet = |flow| ScheduledPacket {
        at: us(2 * u64::from(flow)),
        src: a.0,
        dst: h.0,
        flow,
        size: Bytes::new(125),
        frame: None,
    };
    let schedule = PacketSchedule::new(lab.csr.node_keys.clone(), (0..600).map(packet).collect());
    let chance = Seeds::new(0).trial(0);
    let workload = Workload::compile(&lab.csr, &schedule).unwrap();
    let result = lab.net.run(&workload, &[], SimTime::MAX, chance);
    let taken: Vec<f64> = result.links.iter().map(|l| l.queue.packets as f64).collect();
    let flows: Vec<_> = (0..600).map(|flow| (flow, NodeDemand { src: a, dst: h, bps: 1.0 })).collect();
    assert_eq!(FlowHash::new(&lab.csr, chance).loads(&lab.csr, &lab.routing(), &flows), taken);
    // Thirds at a (200 ± 4 standard errors) and halves at e, and the two choices are independent.
    assert!([0, 2, 4].iter().all(|arc| (taken[*arc] - 200.0).abs() < 47.0), "{taken:?}");
    assert!((taken[12] - 300.0).abs() < 49.0, "{taken:?}");
}

/// A busy ring with losses, a flap, queue drops and, if asked, a background.
fn busy(background: bool) -> (Lab, Vec<TimedFault>) {
    let mut lab = lab("a-b b-c c-d d-e e-f f-a b-e");
    let config = PacketConfig { buffer: Buffer::Bytes(Bytes::new(15_000)), ..lab.config };
    lab.net = PacketNet::build(&lab.csr, lab.routing(), config);
    if background {
        let load = Arc::new(BackgroundLoad::constant(vec![6e9; lab.csr.arc_count()]));
        lab.net = lab.net.with_background(load, BackgroundTraffic::default());
    }
    let faults = vec![
        at(0, Fault::Loss { arc: ArcId(2), probability: 0.05 }),
        at(300, Fault::LinkDown(LinkId(0))),
        at(500, Fault::LinkUp(LinkId(0))),
    ];
    (lab, faults)
}

fn busy_packets() -> Vec<(u64, &'static str, &'static str)> {
    let pairs =
        [("a", "d"), ("b", "f"), ("c", "a"), ("d", "b"), ("e", "c"), ("f", "d"), ("a", "e"), ("a", "c")];
    (0..8_000)
        .map(|i| (i / 9, pairs[i as usize % 8].0, pairs[(i * i) as usize % 8].1))
        .filter(|p| p.1 != p.2)
        .collect()
}

#[test]
fn the_same_seed_forks_and_threads_give_the_same_digest() {
    for background in [false, true] {
        let (lab, faults) = busy(background);
        let workload = lab.workload(&busy_packets());
        let digest =
            |trial| lab.net.run(&workload, &faults, SimTime::MAX, Seeds::new(1).trial(trial)).digest();
        let expected: Vec<_> = (0..4).map(digest).collect();
        assert_eq!(digest(0), expected[0]);
        assert_ne!(expected[0], expected[1]);

        let mut run = lab.net.start(&workload, &faults, Seeds::new(1).trial(0));
        run.run_until(us(400));
        let mut fork = run.clone();
        run.inject(at(450, Fault::NodeDown(NodeId(0))));
        run.run_until(SimTime::MAX);
        fork.run_until(us(401));
        fork.run_until(SimTime::MAX);
        assert_eq!(fork.finish().digest(), expected[0], "a fork in mid-run");
        assert_ne!(run.finish().digest(), expected[0], "another future");

        for threads in [1, 2, 4] {
            let mut digests = vec![String::new(); 4];
            std::thread::scope(|scope| {
                for (part, chunk) in digests.chunks_mut(4 / threads).enumerate() {
                    let digest = &digest;
                    scope.spawn(move || {
                        for (i, slot) in chunk.iter_mut().enumerate() {
                            *slot = digest((part * (4 / threads) + i) as u64);
                        }
                    });
                }
            });
            assert_eq!(digests, expected, "{threads} threads");
        }
    }
}

#[test]
fn another_flow_elsewhere_changes_nobodys_luck() {
    let lab = lab("a-b c-d");
    let faults = [at(0, Fault::Loss { arc: ArcId(0), probability: 0.3 })];
    let alone: Vec<_> = (0..500).map(|i| (i * 5, "a", "b")).collect();
    let both: Vec<_> = alone.iter().copied().chain((0..500).map(|i| (i * 5 + 1, "c", "d"))).collect();
    let (one, two) = (run(&lab, &alone, &faults), run(&lab, &both, &faults));
    assert_eq!(one.flows[0], two.flows[0]);
}

#[test]
fn a_warm_run_allocates_nothing() {
    for background in [false, true] {
        let (lab, faults) = busy(background);
        let mut run = lab.net.start(&lab.workload(&busy_packets()), &faults, Seeds::new(1).trial(0));
        run.run_until(us(520));
        let counted = allocation_counter::measure(|| run.run_until(us(850)));
        assert_eq!(counted.count_total, 0, "background: {background}");
        run.run_until(SimTime::MAX);
        assert!(run.finish().events > 9_000);
    }
}

#[test]
fn a_packet_under_way_takes_24_bytes() {
    let lab = lab("a-b b-c");
    let config = PacketConfig { buffer: Buffer::Bytes(Bytes::new(u64::MAX / 2)), ..lab.config };
    let net = PacketNet::build(&lab.csr, lab.routing(), config);
    // All are sent within 50 µs, in which the link takes 41 of them.
    let packets: Vec<_> = (0..20_000).map(|i| (i / 400, "a", "c")).collect();
    let mut run = net.start(&lab.workload(&packets), &[], Seeds::new(0).trial(0));
    let bytes = |run: &PacketRun| {
        let mut fork = None;
        let counted = allocation_counter::measure(|| fork = Some(run.clone()));
        drop(fork);
        counted.bytes_current as f64
    };
    let before = bytes(&run);
    run.run_until(us(50));
    let each = (bytes(&run) - before) / 20_000.0;
    assert!((23.9..24.5).contains(&each), "{each} bytes for each packet, its event included");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn no_packet_is_lost_from_the_books(
        flaps in prop::collection::vec((0u64..900, 0u32..7, any::<bool>(), 0u32..6, any::<bool>()), 0..12),
        until in 1u64..1_500,
        buffer in 1_500u64..20_000,
    ) {
        let (mut lab, mut faults) = busy(false);
        let config = PacketConfig { buffer: Buffer::Bytes(Bytes::new(buffer)), ..lab.config };
        lab.net = PacketNet::build(&lab.csr, lab.routing(), config);
        for (when, link, down, node, node_down) in flaps {
            let fault = if down { Fault::LinkDown(LinkId(link)) } else { Fault::LinkUp(LinkId(link)) };
            faults.push(at(when, fault));
            let fault = if node_down { Fault::NodeDown(NodeId(node)) } else { Fault::NodeUp(NodeId(node)) };
            faults.push(at(when + 7, fault));
        }
        let result = lab.net.run(&lab.workload(&busy_packets()), &faults, us(until), Seeds::new(0).trial(0));
        prop_assert_eq!(result.sent, result.delivered + result.dropped + result.in_flight);
        let by_place: u64 = result.drops.iter().map(|d| d.packets).sum();
        prop_assert_eq!(by_place, result.dropped);
        let refused: u64 = result.links.iter().map(|l| l.queue.drops).sum();
        prop_assert_eq!(refused, result.dropped_by(Disposition::QueueFull));
    }

    #[test]
    fn mixed_sizes_and_crossing_paths_agree_with_two_events_a_hop(
        packets in prop::collection::vec((0u64..40, 0u32..12, 1u64..25), 1..600),
        limit in 1_440u64..20_000,
    ) {
        // Flow f walks from node f mod 6, half of them clockwise, f/6 + 2 hops round a ring of six.
        let ring = lab("a-b b-c c-d d-e e-f f-a");
        let walk = |f: u32| (0..f / 6 + 2).map(|hop| ArcId((f + hop) % 6 * 2)).collect::<Vec<_>>();
        let paths: BTreeMap<u32, _> = (0..12).map(|f| (f, walk(f))).collect();
        let mut now = 0;
        let list = packets.iter().map(|&(gap, flow, size)| {
            now += gap / 8 * 48_000; // multiples of the time of 60 bytes: ties are frequent
            let (at, size) = (SimTime::from_ps(now), Bytes::new(size * 60));
            ScheduledPacket { at, src: flow % 6, dst: (flow + 1) % 6, flow, size, frame: None }
        });
        let schedule = PacketSchedule::new(ring.csr.node_keys.clone(), list.collect());
        let workload = Workload::compile(&ring.csr, &schedule).unwrap().with_paths(&ring.csr, &paths);
        let config = PacketConfig { buffer: Buffer::Bytes(Bytes::new(limit)), ..ring.config };
        let net = PacketNet::build(&ring.csr, ring.routing(), config);
        let result = net.run(&workload, &[], SimTime::MAX, Seeds::new(0).trial(0));
        let (wires, hops) = (Wires::of(&ring.twin), NextHops::along(&ring.twin, &paths));
        let slow = send_packets(&wires, &schedule, Bytes::new(limit), &hops, &[], SimTime::MAX);
        for (flow, id) in result.flows.iter().zip(&result.flow_ids) {
            let slow = &slow.flows[*id as usize];
            let fast = (flow.delivered, flow.dropped(), flow.last, flow.delay_sum_ps);
            prop_assert_eq!(fast, (slow.delivered, slow.dropped, slow.last, slow.delay_sum_ps), "flow {}", id);
        }
    }
}
