//! Events and windows give the same result, to the last row: on random networks, with ties, circles among half-links, and
//! changes in mid-run.

#[allow(dead_code, reason = "each test uses a part of it")]
mod lab;

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Seeds;
use lab::lab;
use proptest::prelude::*;
use twin::{
    ArcId, BitsPerSec, Bytes, Csr, LinkId, NodeId, PacketSchedule, ScheduledPacket, SimDuration, SimTime,
};
use umbra_models::packet::{
    BackgroundLoad, BackgroundTraffic, Bins, Buffer, Computed, Engine, Fault, PacketConfig, PacketNet,
    PacketResult, TimedFault, Workload,
};
use umbra_models::{Failures, Routing};

/// Runs by both engines and says what differs first, and how windows were used.
fn both(
    net: &PacketNet,
    workload: &Workload,
    faults: &[TimedFault],
    until: SimTime,
) -> (Result<(), String>, Computed) {
    let run = |engine| net.run_by(engine, workload, faults, until, Seeds::new(3).trial(0));
    let (events, windows) = (run(Engine::Events), run(Engine::Windows));
    assert_eq!(events.engine.engine, Engine::Events);
    (first_difference(&events, &windows), windows.engine)
}

fn first_difference(a: &PacketResult, b: &PacketResult) -> Result<(), String> {
    let totals = |r: &PacketResult| [r.sent, r.delivered, r.dropped, r.in_flight];
    let ends = |r: &PacketResult| [r.last_delivery, r.last_event];
    differ("totals", &totals(a), &totals(b))?;
    differ("flows", &a.flows, &b.flows)?;
    let hops = |r: &PacketResult| r.flows.iter().map(|f| f.packet_hops).sum::<u64>();
    differ("events", &[a.events, hops(a)], &[b.events, hops(b)])?;
    differ("links", &a.links, &b.links)?;
    differ("ends", &ends(a), &ends(b))?;
    differ("drops", &a.drops, &b.drops)?;
    differ("lost packets", &a.lost_packets, &b.lost_packets)?;
    differ("delays", &a.delays, &b.delays)?;
    differ("counters", &a.observables.counters, &b.observables.counters)?;
    differ("digest", &[a.digest()], &[b.digest()]) // flow rows too, whose NaNs are not equal
}

fn differ<T: PartialEq + std::fmt::Debug>(what: &str, a: &[T], b: &[T]) -> Result<(), String> {
    let at = a.iter().zip(b).position(|(a, b)| a != b);
    match at {
        Some(i) => Err(format!("{what} {i}: {:?} by events, {:?} by windows", a[i], b[i])),
        None if a.len() != b.len() => Err(format!("{what}: {} by events, {} by windows", a.len(), b.len())),
        None => Ok(()),
    }
}

const TOPOLOGIES: [&str; 5] = [
    "a-b b-c c-d d-e e-f f-a",
    "a-b b-c c-d d-e e-f f-a a-d b-e c-f",
    "a-b b-c c-d d-e e-f",
    "a-b a-c a-d a-e a-f",
    "a-b a-b b-c b-c c-d d-a d-e e-f f-a",
];

/// A packet: gap to the one before, source, destination, size in units of 60 bytes. Gaps and sizes are multiples of one
/// time, so that ties are frequent.
type Drawn = (u64, u32, u32, u64);

fn schedule(csr: &Csr, drawn: &[Drawn], flow: impl Fn(u32, u32) -> u32) -> PacketSchedule {
    let mut now = 0;
    let packets = drawn.iter().map(|&(gap, src, dst, size)| {
        now += gap / 8 * 48_000;
        let (at, size) = (SimTime::from_ps(now), Bytes::new(size * 60));
        ScheduledPacket { at, src, dst, flow: flow(src, dst), size, frame: None }
    });
    PacketSchedule::new(csr.node_keys.clone(), packets.collect())
}

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    prop::collection::vec((0u64..40, 0u32..6, 0u32..6, 1u64..25), 1..500)
}

/// A change: instant in units of 500 ns, kind, and which link, node or arc.
fn changes() -> impl Strategy<Value = Vec<(u64, u8, u32)>> {
    prop::collection::vec((0u64..500, 0u8..8, 0u32..64), 0..25)
}

fn faults(csr: &Csr, changes: &[(u64, u8, u32)]) -> Vec<TimedFault> {
    let fault = |&(at, kind, which): &(u64, u8, u32)| {
        let (link, node) = (LinkId(which % csr.link_count() as u32), NodeId(which % 6));
        let arc = ArcId(which % csr.arc_count() as u32);
        let rerouted = || Arc::new(Routing::compute(csr, &Failures::none(csr).with_link(link)));
        let fault = match kind {
            0 => Fault::LinkDown(link),
            1 => Fault::LinkUp(link),
            2 => Fault::NodeDown(node),
            3 => Fault::NodeUp(node),
            4 => Fault::Loss { arc, probability: f64::from(which % 5) / 5.0 },
            5 => Fault::Capacity { arc, rate: BitsPerSec::mbps(1_000 + 3_001 * u64::from(which % 7)) },
            6 => Fault::Reroute { node: None, routing: rerouted() },
            _ => Fault::Reroute { node: Some(node), routing: rerouted() },
        };
        TimedFault { at: SimTime::from_ps(at * 500_000), fault }
    };
    changes.iter().map(fault).collect()
}

fn config(limit: u64) -> PacketConfig {
    PacketConfig {
        buffer: Buffer::Bytes(Bytes::new(limit)),
        bins: Some(Bins { width: SimDuration::micros(20), count: 12 }),
        keep_drops: 7,
        ..PacketConfig::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn routed_traffic_under_change(
        topology in 0usize..TOPOLOGIES.len(),
        drawn in drawn(),
        changes in changes(),
        limit in 1_440u64..20_000,
        until in prop_oneof![Just(u64::MAX), 0u64..400_000_000],
        background in any::<bool>(),
    ) {
        let lab = lab(TOPOLOGIES[topology]);
        let mut net = PacketNet::build(&lab.csr, lab.routing(), config(limit));
        if background {
            let load = Arc::new(BackgroundLoad::constant(vec![4e9; lab.csr.arc_count()]));
            net = net.with_background(load, BackgroundTraffic::default());
        }
        let schedule = schedule(&lab.csr, &drawn, |src, dst| src * 6 + dst);
        let workload = Workload::compile(&lab.csr, &schedule).unwrap();
        let faults = faults(&lab.csr, &changes);
        let (same, _) = both(&net, &workload, &faults, SimTime::from_ps(until));
        prop_assert_eq!(same, Ok(()));
    }

    #[test]
    fn stages_of_windows(
        tree in 2usize..4,
        drawn in drawn(),
        changes in changes(),
        limit in 1_440u64..20_000,
        until in prop_oneof![Just(u64::MAX), 0u64..400_000_000],
        stages in 2usize..6,
    ) {
        let lab = lab(TOPOLOGIES[tree]);
        let net = PacketNet::build(&lab.csr, lab.routing(), config(limit));
        let workload = Workload::compile(&lab.csr, &schedule(&lab.csr, &drawn, |src, dst| src * 6 + dst)).unwrap();
        let (faults, until, chance) = (faults(&lab.csr, &changes), SimTime::from_ps(until), Seeds::new(3).trial(0));
        let events = net.run_by(Engine::Events, &workload, &faults, until, chance);
        let staged = net.run_sharded(Engine::Windows, stages, stages, &workload, &faults, until, chance);
        prop_assert_eq!(staged.engine.engine, Engine::Windows);
        prop_assert_eq!(first_difference(&events, &staged), Ok(()));
    }

    #[test]
    fn pinned_flows_round_a_ring_whose_next_hops_change(
        drawn in drawn(),
        moves in prop::collection::vec((0u64..500, 0u32..12, 0u32..6, any::<bool>()), 0..20),
        limit in 1_440u64..20_000,
    ) {
        // Flow f walks from node f mod 6, f/6 + 2 hops clockwise: arcs feed each other in a circle. A move sends a flow the
        // other way from some node on, where it is lost or walks on.
        let ring = lab("a-b b-c c-d d-e e-f f-a");
        let walk = |f: u32| (0..f / 6 + 2).map(|hop| ArcId((f + hop) % 6 * 2)).collect::<Vec<_>>();
        let paths: BTreeMap<u32, _> = (0..12).map(|f| (f, walk(f))).collect();
        let schedule = schedule(&ring.csr, &drawn, |src, dst| src + 6 * (dst % 2));
        let workload = Workload::compile(&ring.csr, &schedule).unwrap().with_paths(&ring.csr, &paths);
        let faults: Vec<_> = moves
            .iter()
            .map(|&(at, flow, node, back)| {
                let arc = if back { ArcId((node + 5) % 6 * 2 + 1) } else { ArcId(node * 2) };
                let fault = Fault::NextHop { node: NodeId(node), flow, arc };
                TimedFault { at: SimTime::from_ps(at * 500_000), fault }
            })
            .collect();
        let net = PacketNet::build(&ring.csr, ring.routing(), config(limit));
        let (same, _) = both(&net, &workload, &faults, SimTime::MAX);
        prop_assert_eq!(same, Ok(()));
    }
}

#[test]
fn a_tree_is_computed_by_windows_and_says_so() {
    let star = lab("a-b a-c a-d");
    let drawn: Vec<_> = (0..3_000).map(|i| (i % 24, 1 + i as u32 % 3, 1 + (i as u32 + 1) % 3, 20)).collect();
    let workload =
        Workload::compile(&star.csr, &schedule(&star.csr, &drawn, |src, dst| src * 6 + dst)).unwrap();
    let result = star.net.run(&workload, &[], SimTime::MAX, Seeds::new(3).trial(0));
    assert_eq!((result.engine.engine, result.engine.because), (Engine::Windows, "traffic without feedback"));
    assert!(result.delivered > 0 && result.in_flight == 0);
}

#[test]
fn half_links_that_feed_each_other_in_no_time_are_left_to_events() {
    let mut csr = lab::lab_csr("a-b b-c c-a");
    csr.delay.fill(SimDuration::ZERO);
    let schedule = schedule(&csr, &[(0, 0, 1, 0), (0, 1, 2, 0), (0, 2, 0, 0)], |src, _| src);
    let round = |f: u32| (0..2).map(|hop| ArcId((f + hop) % 3 * 2)).collect::<Vec<_>>();
    let paths = (0..3).map(|f| (f, round(f))).collect();
    let workload = Workload::compile(&csr, &schedule).unwrap().with_paths(&csr, &paths);
    let net = PacketNet::build(&csr, Routing::compute(&csr, &Failures::none(&csr)), PacketConfig::default());
    let (same, computed) = both(&net, &workload, &[], SimTime::MAX);
    assert_eq!(computed.because, "half-links feed each other in no time");
    assert_eq!(same, Ok(()));
}

#[test]
fn parts_of_a_network_that_go_on_together_give_what_one_loop_gives() {
    for (topology, seed) in TOPOLOGIES.iter().zip(1u64..) {
        let lab = lab(topology);
        let random = |i: u64, n: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(seed) >> 33) % n;
        let drawn: Vec<Drawn> = (0..1_000)
            .map(|i| (random(i, 40), random(3 * i, 6) as u32, random(7 * i, 6) as u32, 1 + random(5 * i, 24)))
            .collect();
        let changes: Vec<_> = (0..20).map(|i| (random(i, 500), random(2 * i, 8) as u8, i as u32)).collect();
        let workload =
            Workload::compile(&lab.csr, &schedule(&lab.csr, &drawn, |src, dst| src * 6 + dst)).unwrap();
        let net = PacketNet::build(&lab.csr, lab.routing(), config(6_000));
        let (faults, chance) = (faults(&lab.csr, &changes), Seeds::new(3).trial(0));
        for until in [SimTime::MAX, SimTime::from_ps(100_000_000)] {
            let one = net.run_by(Engine::Events, &workload, &faults, until, chance);
            assert!(until < SimTime::MAX || one.dropped > 100 && one.delivered > 100);
            for (shards, threads) in [(1, 1), (2, 1), (2, 2), (4, 3), (8, 2)] {
                let parts =
                    net.run_sharded(Engine::Events, shards, threads, &workload, &faults, until, chance);
                assert_eq!(
                    first_difference(&one, &parts),
                    Ok(()),
                    "{topology}: {shards} parts, {threads} threads"
                );
            }
        }
    }
}
