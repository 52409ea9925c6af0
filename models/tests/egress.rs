//! Disciplines in a network: the plain queue's twin, classes along a chain, marks, shared memory, links that fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{Purpose, Seeds};
use twin::{
    ArcId, BitsPerSec, Bytes, Csr, EntityKey, Layer, LinkId, LinkSpec, NodeId, NodeKind, SimDuration,
    SimTime, TwinBuilder,
};
use umbra_models::packet::discipline::*;
use umbra_models::packet::{
    BackgroundLoad, BackgroundTraffic, Buffer, Disciplines, Disposition, Fault, PacketConfig, PacketNet,
    PacketResult, TimedFault, TimedFlow, Workload, ip_header,
};
use umbra_models::{Failures, Routing};

/// `a-b b-c` is two links of 10 Gbit/s and 1 µs; nodes are numbered by name.
fn network(links: &str) -> Csr {
    let mut net = TwinBuilder::new("lab");
    let pairs: Vec<(&str, &str)> = links.split(' ').filter_map(|l| l.split_once('-')).collect();
    let names: std::collections::BTreeSet<&str> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
    let keys: BTreeMap<&str, EntityKey> =
        names.into_iter().map(|name| (name, net.node(name, NodeKind::Router, None))).collect();
    for (a, b) in pairs {
        let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::micros(1));
        net.link(&format!("{a}-{b}"), &keys[a], &keys[b], spec);
    }
    Csr::compile(&net.finish(), Layer::Igp)
}

fn packet_net(csr: &Csr, buffer: u64) -> PacketNet {
    let config = PacketConfig {
        buffer: Buffer::Bytes(Bytes::new(buffer)),
        keep_frames: true,
        ..PacketConfig::default()
    };
    PacketNet::build(csr, Routing::compute(csr, &Failures::none(csr)), config)
}

fn node(csr: &Csr, name: &str) -> NodeId {
    csr.node_named(name).expect("a node of the network")
}

fn arc(csr: &Csr, from: &str, to: &str) -> ArcId {
    let (from, to) = (node(csr, from), node(csr, to));
    *csr.arcs_out(from).iter().find(|arc| csr.dst[arc.index()] == to).expect("an arc of the network")
}

/// `count` packets of one size, a gap apart.
fn flow(csr: &Csr, id: u32, ends: (&str, &str), size: u64, gap: SimDuration, count: u64) -> TimedFlow {
    let at = (0..count).map(|i| SimTime::from_ps(i * gap.as_ps())).collect();
    let (src, dst) = (node(csr, ends.0), node(csr, ends.1));
    TimedFlow { id, src, dst, size: Bytes::new(size), at, frames: Vec::new() }
}

fn run(net: &PacketNet, workload: &Workload, faults: &[TimedFault]) -> PacketResult {
    net.run(workload, faults, SimTime::MAX, Seeds::new(3).trial(0))
}

/// Flows between random nodes with packets of random sizes at whole multiples of 100 ns, so that ties are frequent.
fn random_workload(csr: &Csr, seed: u64) -> Workload {
    let mut draws = Seeds::new(seed).trial(0).stream(Purpose::ARRIVALS, &EntityKey::new("flows"));
    let mut below = |n: u64| (draws.f64_open() * n as f64) as u64;
    let nodes = csr.node_count() as u64;
    let flows = (0..12).map(|id| {
        let src = below(nodes);
        let dst = (src + 1 + below(nodes - 1)) % nodes;
        let mut now = 0;
        let at = (0..300).map(|_| {
            now += below(12) * 100_000;
            SimTime::from_ps(now)
        });
        let at = at.collect();
        let size = Bytes::new(125 * (1 + below(12)));
        TimedFlow { id, src: NodeId(src as u32), dst: NodeId(dst as u32), size, at, frames: Vec::new() }
    });
    let flows = flows.collect();
    Workload::of_flows(csr, flows).unwrap()
}

#[test]
fn one_drop_tail_class_everywhere_is_the_plain_network() {
    let csr = network("a-b b-c c-d b-d d-e");
    let plain = packet_net(&csr, 6_000);
    let queue = DisciplineConfig::drop_tail(Limit::Bytes(Bytes::new(6_000)));
    let all = (0..csr.arc_count()).map(ArcId::new);
    let with = plain.clone().with_disciplines(Disciplines::on(all, &queue)).unwrap();
    let at = |us: u64| SimTime::from_ps(us * 1_000_000);
    let faults: Vec<_> = [(50, Fault::LinkDown(LinkId(1))), (90, Fault::LinkUp(LinkId(1)))]
        .map(|(us, fault)| TimedFault { at: at(us), fault })
        .into();
    let (mut lost, mut down) = (0, 0);
    for seed in 0..20 {
        let workload = random_workload(&csr, seed);
        let (a, b) = (run(&plain, &workload, &[]), run(&with, &workload, &[]));
        assert_eq!((&a.flows, &a.drops, &a.links), (&b.flows, &b.drops, &b.links), "seed {seed}");
        lost += a.dropped_by(Disposition::QueueFull);
        let (a, b) = (run(&plain, &workload, &faults), run(&with, &workload, &faults));
        assert_eq!((&a.flows, &a.drops), (&b.flows, &b.drops), "seed {seed} with faults");
        down += a.dropped_by(Disposition::LinkDown);
    }
    assert!(lost > 100 && down > 100, "queues are full and links down at times: {lost}, {down}");
}

#[test]
fn a_strict_class_waits_for_one_packet_at_most_on_every_hop_of_a_chain() {
    let csr = network("a-b b-c c-d");
    // Voice of 200 bytes each 10 µs, under a bulk flow at twice the rate of the links.
    let flows = vec![
        flow(&csr, 0, ("a", "d"), 200, SimDuration::nanos(10_007), 500),
        flow(&csr, 1, ("a", "d"), 1_500, SimDuration::nanos(600), 8_000),
    ];
    let expedited = Dscp::EXPEDITED.get() << 2;
    let workload = Workload::of_flows(&csr, flows).unwrap();
    let workload = workload.with_traffic_classes(&BTreeMap::from([(0, expedited)]));
    let plain = packet_net(&csr, 150_000);
    let room = Limit::Bytes(Bytes::new(150_000));
    let mut queue = DisciplineConfig::of_classes(vec![ClassConfig::strict(room); 2]);
    queue.dscp = queue.dscp.with(Dscp::EXPEDITED, 0);
    let all = (0..csr.arc_count()).map(ArcId::new);
    let with = plain.clone().with_disciplines(Disciplines::on(all, &queue)).unwrap();
    let result = run(&with, &workload, &[]);

    // Each hop: 1 µs of wire, 160 ns for itself, and less than the 1,200 ns of a bulk packet that is being sent.
    let (voice, unloaded) = (&result.flows[0], 3 * 1_160_000);
    assert_eq!((voice.sent, voice.delivered), (500, 500));
    assert!(voice.delay_max.as_ps() < unloaded + 3 * 1_200_000, "{}", voice.delay_max);
    assert!(voice.delay_mean_s() * 1e12 > unloaded as f64 + 400_000.0, "but it does wait");
    let plain = run(&plain, &workload, &[]).flows[0].clone();
    let (lost, longest) = (plain.dropped(), plain.delay_max);
    assert!(lost > 0 && longest > SimDuration::micros(100), "unlike in a plain queue: {lost}, {longest}");

    // The books: what the first queue's classes say is what the flows met.
    let first = arc(&csr, "a", "b");
    let rows: Vec<_> = result.classes.iter().filter(|row| row.arc == first).collect();
    assert_eq!((rows[0].stats.packets, rows[0].stats.drops()), (500, 0));
    assert_eq!(rows[1].stats.drops(), result.flows[1].drops[Disposition::QueueFull as usize]);
    assert!(rows[0].stats.wait_max < SimDuration::nanos(1_200));
    assert_eq!(result.links[first.index()].queue.packets, rows.iter().map(|r| r.stats.packets).sum::<u64>());
}

/// Ethernet and an IPv4 header with this type of service, 64 bytes in all.
fn frame(tos: u8) -> Arc<[u8]> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    let mut ip = vec![0x45, tos, 0, 50, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    let sum: u32 = ip.chunks(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]]))).sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    frame.extend(ip);
    frame.resize(64, 0);
    frame.into()
}

#[test]
fn early_detection_marks_those_who_understand_and_drops_the_others() {
    let csr = network("a-b b-c");
    // 1.25 times the rate of a-b, from three flows: one without ECN, one with, one of frames with it.
    let gap = SimDuration::nanos(2_880);
    let mut flows: Vec<_> = (0..3).map(|id| flow(&csr, id, ("a", "c"), 1_500, gap, 3_000)).collect();
    flows[2].frames = vec![frame(2); 3_000];
    let workload = Workload::of_flows(&csr, flows).unwrap();
    let workload = workload.with_traffic_classes(&BTreeMap::from([(1, 1), (2, 0)]));
    let mut class = ClassConfig::strict(Limit::Bytes(Bytes::new(1_000_000)));
    class.red = Some(RedConfig { weight: 0.02, ..RedConfig::floyd(Bytes::new(1_500)) });
    let queue = DisciplineConfig::of_classes(vec![class]);
    let first = arc(&csr, "a", "b");
    let net = packet_net(&csr, 150_000).with_disciplines(Disciplines::on([first], &queue)).unwrap();
    let result = run(&net, &workload, &[]);

    let early = |flow: usize| result.flows[flow].drops[Disposition::EarlyDrop as usize];
    let [drop, mark, frames] = [0, 1, 2].map(|flow| &result.flows[flow]);
    assert_eq!((drop.marked, early(1), early(2)), (0, 0, 0));
    assert!(early(0) > 300 && mark.marked > 300 && frames.marked > 300, "{drop:?} {mark:?} {frames:?}");
    let stats = result.classes[0].stats;
    assert_eq!(result.classes.len(), 1);
    assert_eq!((stats.marks, stats.refused(Refusal::Early)), (mark.marked + frames.marked, early(0)));
    // Frames say it themselves.
    let congested =
        |f: &&umbra_models::packet::DeliveredFrame| ip_header(&f.frame).unwrap().traffic_class == 3;
    assert_eq!(result.frames.iter().filter(congested).count() as u64, frames.marked);
    assert_ne!(result.digest(), run(&packet_net(&csr, 150_000), &workload, &[]).digest());
}

#[test]
fn two_full_ports_of_a_node_divide_its_memory() {
    let csr = network("a-s b-s c-s d-s s-p s-q");
    // Two senders for each of p and q, at the rate of their links: a port gets twice what it can send.
    const N: u64 = 2_000;
    let pairs = [("a", "p"), ("b", "p"), ("c", "q"), ("d", "q")];
    let flows = (0..).zip(pairs).map(|(id, ends)| flow(&csr, id, ends, 1_500, SimDuration::nanos(1_200), N));
    let workload = Workload::of_flows(&csr, flows.collect()).unwrap();
    let (total, alpha) = (900_000.0, 0.5);
    let mut class = ClassConfig::strict(Limit::Packets(u32::MAX));
    class.share = Some(Share { reserve: Bytes::new(0), alpha: Alpha::new(1, 2).unwrap() });
    let queue = DisciplineConfig::of_classes(vec![class]);
    let ports = [arc(&csr, "s", "p"), arc(&csr, "s", "q")];
    let mut disciplines = Disciplines::on(ports, &queue);
    disciplines.buffers.insert(node(&csr, "s"), Bytes::new(total as u64));
    let net = packet_net(&csr, 150_000).with_disciplines(disciplines).unwrap();
    let result = run(&net, &workload, &[]);
    // 2N packets come to a port while it sends N; α·B/(1 + 2α) of it stays and goes out later.
    let held = alpha * total / (1.0 + 2.0 * alpha) / 1_500.0;
    for port in ports {
        let got = result.links[port.index()].queue.packets as f64;
        assert!((got - (N as f64 + held)).abs() < 3.0, "{got} for {}", N as f64 + held);
    }
    assert_eq!(result.in_flight, 0);
}

#[test]
fn a_shaper_sets_the_pace_of_a_chain_and_an_mtu_its_sizes() {
    let csr = network("a-b b-c");
    let flows = vec![
        flow(&csr, 0, ("a", "c"), 1_500, SimDuration::nanos(1_200), 1_000),
        flow(&csr, 1, ("a", "c"), 1_501, SimDuration::micros(100), 5),
    ];
    let workload = Workload::of_flows(&csr, flows).unwrap();
    let mut queue = DisciplineConfig::drop_tail(Limit::Packets(2_000));
    queue.shaper = Some(BucketConfig { rate: BitsPerSec::gbps(1), burst: Bytes::new(1_500) });
    queue.mtu = Some(Mtu::new(Bytes::new(1_500)));
    let net = packet_net(&csr, 150_000);
    let net = net.with_disciplines(Disciplines::on([arc(&csr, "a", "b")], &queue)).unwrap();
    let mut first_half = net.start(&workload, &[], Seeds::new(3).trial(0));
    first_half.run_until(SimTime::from_ps(5_000_000_000));
    let fork = first_half.clone();
    let result = run(&net, &workload, &[]);
    assert_eq!(result.dropped_by(Disposition::TooBig), 5);
    // 12 µs for each packet; two links of 1.2 µs and 1 µs for the last one.
    let (shaped, links) = (999 * 12_000_000, 2 * 2_200_000);
    assert_eq!(result.flows[0].last, Some(SimTime::from_ps(shaped + links)));
    assert_eq!(result.flows[0].delivered, 1_000);
    for mut half in [first_half, fork] {
        half.run_until(SimTime::MAX);
        assert_eq!(half.finish().digest(), result.digest(), "a fork in mid-run");
    }
}

#[test]
fn what_waits_in_a_class_is_lost_when_its_link_goes_down() {
    let csr = network("a-b b-c");
    let workload =
        Workload::of_flows(&csr, vec![flow(&csr, 0, ("a", "c"), 1_500, SimDuration::ZERO, 50)]).unwrap();
    let mut queue = DisciplineConfig::drop_tail(Limit::Packets(100));
    queue.shaper = Some(BucketConfig { rate: BitsPerSec::gbps(1), burst: Bytes::new(1_500) });
    let net = packet_net(&csr, 150_000);
    let net = net.with_disciplines(Disciplines::on([arc(&csr, "a", "b")], &queue)).unwrap();
    let at = |us: u64| SimTime::from_ps(us * 1_000_000);
    let faults = [
        TimedFault { at: at(61), fault: Fault::LinkDown(LinkId(0)) },
        TimedFault { at: at(70), fault: Fault::LinkUp(LinkId(0)) },
    ];
    // One packet each 12 µs, from 0 on: the sixth is in service at 61 µs, and 44 wait.
    let result = run(&net, &workload, &faults);
    assert_eq!((result.delivered, result.dropped_by(Disposition::LinkDown)), (5, 45));
    assert_eq!(result.classes[0].stats.cleared, 44);
    // Before that, what waits is in flight.
    let halfway = net.run(&workload, &faults, at(61), Seeds::new(3).trial(0));
    assert_eq!(halfway.in_flight, 0);
    let halfway = net.run(&workload, &faults, at(60), Seeds::new(3).trial(0));
    assert_eq!((halfway.delivered, halfway.in_flight), (5, 45));
}

#[test]
fn what_cannot_be_built_is_an_error() {
    let csr = network("a-b");
    let queue = DisciplineConfig::drop_tail(Limit::Packets(10));
    let mut sharing = queue.clone();
    sharing.classes[0].share = Some(Share { reserve: Bytes::new(2_000), alpha: Alpha::ONE });
    let both = |total: u64, node: u32| Disciplines {
        queues: BTreeMap::from([(ArcId(0), sharing.clone()), (ArcId(1), sharing.clone())]),
        buffers: BTreeMap::from([(NodeId(0), Bytes::new(total)), (NodeId(node), Bytes::new(1_000))]),
    };
    let error = |net: PacketNet, d: Disciplines| net.with_disciplines(d).unwrap_err().to_string();
    let net = packet_net(&csr, 150_000);
    let background = net.clone().with_background(
        Arc::new(BackgroundLoad::constant(vec![0.0; csr.arc_count()])),
        BackgroundTraffic::default(),
    );
    let errors = [
        error(net.clone(), Disciplines::on([ArcId(7)], &queue)),
        error(net.clone(), both(10_000, 9)),
        error(net.clone(), both(10_000, 1)),
        error(net.clone(), Disciplines::on([ArcId(0)], &sharing)),
        error(background, Disciplines::on([ArcId(0)], &queue)),
    ];
    expect_test::expect![[r#"
        queue disciplines: a queue on arc 7; expected an arc below 2
        queue disciplines: a buffer in node 9; expected a node below 2
        shared buffer: reserves of 2000 bytes in a memory of 1000; expected reserves that fit into it
        queue discipline: a class with a share of a buffer that is not there; expected a shared buffer
        queue disciplines: disciplines over a background load, whose packets have no class; expected one or the other"#]].assert_eq(&errors.join("\n"));
}
