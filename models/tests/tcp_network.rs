//! TCP connections among the packets of a network.

use engine::Seeds;
use twin::{
    BitsPerSec, Bytes, Csr, Layer, LinkId, LinkSpec, NodeId, NodeKind, PacketSchedule, ScheduledPacket,
    SimDuration, SimTime, TwinBuilder,
};
use umbra_models::packet::tcp::{
    Bottleneck, Congestion, Loss, TcpConfig, TcpConnection, TcpError, TcpFlow, TcpHeader,
};
use umbra_models::packet::{
    Buffer, Disposition, Engine, Fault, PacketConfig, PacketNet, PacketResult, TimedFault, Workload,
    ip_header,
};
use umbra_models::{Failures, Routing};

const MSS: u64 = 1_460;
/// Of the narrow link, in one direction.
const DELAY: SimDuration = SimDuration::millis(10);

/// `c1`, `c2` – `left` – `right` – `s1`, `s2`, numbered in this order; the middle link is narrow.
fn dumbbell(mbps: u64) -> Csr {
    let mut net = TwinBuilder::new("dumbbell");
    let [c1, c2, left, right, s1, s2] =
        ["c1", "c2", "left", "right", "s1", "s2"].map(|name| net.node(name, NodeKind::Router, None));
    let fast = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::micros(1));
    net.link("middle", &left, &right, LinkSpec::symmetric(1, BitsPerSec::mbps(mbps), DELAY));
    for (name, a, b) in [("c1", &c1, &left), ("c2", &c2, &left), ("s1", &right, &s1), ("s2", &right, &s2)] {
        net.link(name, a, b, fast);
    }
    let csr = Csr::compile(&net.finish(), Layer::Igp);
    let across = csr.link_arcs[MIDDLE.index()][0];
    assert_eq!((csr.src[across.index()], csr.dst[across.index()]), (NodeId(2), NodeId(3)), "left to right");
    csr
}

const MIDDLE: LinkId = LinkId(0);
const CLIENTS: [NodeId; 2] = [NodeId(0), NodeId(1)];
const SERVERS: [NodeId; 2] = [NodeId(4), NodeId(5)];

fn connection(i: u8, forward: u64, congestion: Congestion) -> TcpConnection {
    let at = usize::from(i % 2);
    TcpConnection {
        flows: [u32::from(i) * 2 + 10, u32::from(i) * 2 + 11],
        nodes: [CLIENTS[at], SERVERS[at]],
        flow: TcpFlow {
            client: ([10, 0, 0, i + 1], 40_000).into(),
            server: ([10, 0, 1, i + 1], 80).into(),
            forward: Bytes::new(forward),
            backward: Bytes::new(0),
            start: SimTime::ZERO,
            congestion,
        },
        config: TcpConfig { delayed_ack: None, ..TcpConfig::default() },
        by_address: false,
    }
}

fn net(csr: &Csr, queue: u64) -> PacketNet {
    let config = PacketConfig { buffer: Buffer::Bytes(Bytes::new(queue)), ..PacketConfig::default() };
    PacketNet::build(csr, Routing::compute(csr, &Failures::none(csr)), config)
}

fn no_packets(csr: &Csr) -> Workload {
    Workload::compile(csr, &PacketSchedule::default()).unwrap()
}

/// One packet of 1,500 bytes each `gap` from `c1` to `s1`, for `span`.
fn stream(csr: &Csr, gap: SimDuration, span: SimDuration) -> Workload {
    let packet = |i| ScheduledPacket {
        at: SimTime::from_ps(i * gap.as_ps()),
        src: 0,
        dst: 1,
        flow: 12, // between the numbers of connections
        size: Bytes::new(1_500),
        frame: None,
    };
    let ends = [CLIENTS[0], SERVERS[0]].map(|n| csr.node_keys[n.index()].clone()).to_vec();
    let packets = (0..span.as_ps() / gap.as_ps()).map(packet).collect();
    Workload::compile(csr, &PacketSchedule::new(ends, packets)).unwrap()
}

fn run(net: &PacketNet, workload: &Workload, faults: &[TimedFault]) -> PacketResult {
    net.run(workload, faults, SimTime::MAX, Seeds::new(1).trial(0))
}

fn secs(at: Option<SimTime>) -> f64 {
    at.expect("it happened").as_secs_f64()
}

#[test]
fn transfers_take_as_long_as_through_a_bottleneck_alone() {
    let csr = dumbbell(20);
    let middle = csr.link_arcs[MIDDLE.index()][0];
    for (queue, p, congestion, sizes) in [
        (1 << 30, 0.0, Congestion::Reno, vec![1, 40, 3_000]),
        (60_000, 0.0, Congestion::Cubic, vec![3_000]),
        (60_000, 0.0, Congestion::Reno, vec![3_000]),
        (1 << 30, 0.005, Congestion::Reno, vec![40_000]),
        (1 << 30, 0.005, Congestion::Cubic, vec![40_000]),
    ] {
        for segments in sizes {
            let c = connection(0, segments * MSS, congestion);
            let workload = no_packets(&csr).with_tcp(vec![c]).unwrap();
            let loss = TimedFault { at: SimTime::ZERO, fault: Fault::Loss { arc: middle, probability: p } };
            let result = run(&net(&csr, queue), &workload, &[loss]);
            let loss = if p > 0.0 { Loss::Random(p) } else { Loss::None };
            let line =
                Bottleneck { rate: BitsPerSec::mbps(20), delay: DELAY, queue: Bytes::new(queue), loss };
            let alone = line.run(&[c.flow], &c.config, SimTime::MAX, Seeds::new(1).trial(0)).unwrap()[0];
            let (here, there) = (secs(result.tcp[0].completed()), secs(alone.server.received_all));
            assert!(
                (here / there - 1.0).abs() < 0.1,
                "{segments} segments by {congestion:?} with {queue} bytes and {p}: {here} for {there}"
            );
        }
    }
}

#[test]
fn connections_leave_to_packets_that_do_not_react_what_these_take() {
    let csr = dumbbell(20);
    // 12 Mbit/s of 20 for the 10 s; the two connections share the other 8.
    let packets = stream(&csr, SimDuration::millis(1), SimDuration::secs(10));
    let both = [0, 2].map(|i| connection(i, 1 << 40, Congestion::Reno));
    let workload = packets.with_tcp(both.to_vec()).unwrap();
    let end = SimTime::ZERO + SimDuration::secs(10);
    let result = net(&csr, 60_000).run(&workload, &[], end, Seeds::new(1).trial(0));
    assert_eq!(result.flow_ids, [10, 11, 12, 14, 15]);
    assert_eq!((result.flows[2].sent, result.tcp[1].flows), (10_000, [14, 15]));
    let bps = result.tcp.iter().map(|c| c.server.received as f64 * 8.0 / 10.0).sum::<f64>();
    assert!((6e6..8.5e6).contains(&bps), "{bps}");
    let notes: Vec<_> = result.fidelity.notes.iter().map(|n| (n.code.as_str(), n.touches)).collect();
    assert!(notes.contains(&("open-loop", Some(10_000))) && notes.contains(&("tcp", Some(2))), "{notes:?}");
}

#[test]
fn without_open_loop_packets_nobody_says_that_sources_do_not_react() {
    let csr = dumbbell(20);
    let workload = no_packets(&csr).with_tcp(vec![connection(0, 5_000, Congestion::Reno)]).unwrap();
    let net = net(&csr, 60_000);
    let result = net.run_by(Engine::Windows, &workload, &[], SimTime::MAX, Seeds::new(1).trial(0));
    assert_eq!(result.engine.engine, Engine::Events, "feedback is nothing for windows");
    assert!(result.fidelity.notes.iter().all(|n| n.code != "open-loop"));
    assert!(workload.is_closed_loop() && !no_packets(&csr).is_closed_loop());
}

#[test]
fn a_link_that_comes_back_lets_the_connection_go_on() {
    let csr = dumbbell(20);
    let workload = no_packets(&csr).with_tcp(vec![connection(0, 2_000 * MSS, Congestion::Cubic)]).unwrap();
    let at = |ms, fault| TimedFault { at: SimTime::ZERO + SimDuration::millis(ms), fault };
    let flap = [at(300, Fault::LinkDown(MIDDLE)), at(800, Fault::LinkUp(MIDDLE))];
    let net = net(&csr, 1 << 30);
    let (calm, result) = (run(&net, &workload, &[]), run(&net, &workload, &flap));
    assert!(result.dropped_by(Disposition::LinkDown) > 0 && result.tcp[0].client.retransmitted > 0);
    assert_eq!(result.tcp[0].server.received, 2_000 * MSS);
    // The timer that was set before the break runs out a second after it.
    let later = secs(result.tcp[0].completed()) - secs(calm.tcp[0].completed());
    assert!((0.9..2.5).contains(&later), "{later}");
    assert_eq!((result.in_flight, result.sent), (0, result.delivered + result.dropped));
}

#[test]
fn one_that_never_comes_back_ends_the_connection_and_the_run() {
    let csr = dumbbell(20);
    let workload = no_packets(&csr).with_tcp(vec![connection(0, 2_000 * MSS, Congestion::Reno)]).unwrap();
    let down = TimedFault { at: SimTime::from_ps(300_000_000_000), fault: Fault::LinkDown(MIDDLE) };
    let result = run(&net(&csr, 60_000), &workload, &[down]);
    assert_eq!(result.tcp[0].completed(), None);
    assert!((180.0..200.0).contains(&secs(result.tcp[0].client.closed)));
}

#[test]
fn segments_are_real_frames() {
    let csr = dumbbell(20);
    let config = PacketConfig { keep_frames: true, ..PacketConfig::default() };
    let net = PacketNet::build(&csr, Routing::compute(&csr, &Failures::none(&csr)), config);
    let workload = no_packets(&csr).with_tcp(vec![connection(0, 3 * MSS, Congestion::Reno)]).unwrap();
    let result = run(&net, &workload, &[]);
    let mut data = 0;
    for delivered in &result.frames {
        let ip = ip_header(&delivered.frame).expect("an IP packet in an Ethernet frame");
        assert_eq!((ip.protocol, ip.ttl), (6, 62), "64, less the two routers on the way");
        assert!(ones_complement_sum(&delivered.frame[14..34]) == 0xffff, "the checksum is up to date");
        data += TcpHeader::read(&delivered.frame[14..]).expect("a segment").payload_len;
    }
    assert_eq!((result.frames.len() as u64, data as u64), (result.delivered, 3 * MSS));
    assert_eq!(result.frames.len() as u64, result.sent);
}

/// RFC 1071 §1: 0xffff over a header whose checksum is right.
fn ones_complement_sum(header: &[u8]) -> u32 {
    let sum: u32 = header.chunks(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]]))).sum();
    (sum & 0xffff) + (sum >> 16)
}

#[test]
fn the_same_run_twice_and_in_pieces_and_forked() {
    let csr = dumbbell(10);
    let packets = stream(&csr, SimDuration::millis(2), SimDuration::secs(2));
    let connections = [
        connection(0, 800 * MSS, Congestion::Reno),
        TcpConnection {
            flow: TcpFlow { backward: Bytes::new(300 * MSS), ..connection(2, 500, Congestion::Cubic).flow },
            config: TcpConfig::default(),
            ..connection(2, 0, Congestion::Cubic)
        },
        connection(3, 700 * MSS + 13, Congestion::Cubic),
    ];
    let workload = packets.with_tcp(connections.to_vec()).unwrap();
    let loss = Fault::Loss { arc: csr.link_arcs[MIDDLE.index()][0], probability: 0.01 };
    let faults = [TimedFault { at: SimTime::ZERO, fault: loss }];
    let net = net(&csr, 30_000);
    let whole = run(&net, &workload, &faults);
    assert!(
        whole.tcp.iter().all(|c| c.completed().is_some() && c.client.closed.is_some()),
        "{:?}",
        whole.tcp
    );
    assert_eq!(run(&net, &workload, &faults), whole);
    // What follows says that it is by events so that it can be forked; for the rest it is the same.
    let engine = net.start(&workload, &faults, Seeds::new(1).trial(0)).finish().engine;
    let whole = PacketResult { engine, ..whole };
    let mut run = net.start(&workload, &faults, Seeds::new(1).trial(0));
    for ms in [0, 15, 700, 1_100, 2_500] {
        run.run_until(SimTime::ZERO + SimDuration::millis(ms));
        let mut fork = run.clone();
        fork.run_until(SimTime::MAX);
        let fork = fork.finish();
        assert_eq!((fork.digest(), &fork), (whole.digest(), &whole), "forked at {ms} ms");
        // A fork with another fate does not touch the run it came from.
        let mut broken = run.clone();
        let at = run.now() + SimDuration::millis(1);
        broken.inject(TimedFault { at, fault: Fault::NodeDown(NodeId(2)) });
        broken.run_until(SimTime::MAX);
        assert!(ms > 1_100 || broken.finish().tcp.iter().any(|c| c.completed().is_none()));
    }
    run.run_until(SimTime::MAX);
    assert_eq!(run.finish(), whole);
}

#[test]
fn a_connection_that_cannot_be_is_refused() {
    let csr = dumbbell(10);
    let refuse = |c| no_packets(&csr).with_tcp(vec![c]).unwrap_err();
    let at_home = TcpConnection { nodes: [NodeId(3); 2], ..connection(0, 1, Congestion::Reno) };
    assert_eq!(refuse(at_home), TcpError::OneNode(NodeId(3)));
    let mut portless = connection(0, 1, Congestion::Reno);
    portless.flow.server.set_port(0);
    assert_eq!(refuse(portless), TcpError::NoEndpoint(portless.flow.server));
}
