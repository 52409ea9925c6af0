//! Real headers: forwarded by address, kept byte for byte, hashed by 5-tuple.

use std::net::Ipv4Addr;
use std::sync::Arc;

use engine::Seeds;
use twin::{
    ArcId, BitsPerSec, Bytes, Change, Csr, Entity, EntityKey, EntityKind, Fib, Layer, LinkSpec, NextHop,
    NodeId, NodeKind, PacketSchedule, Port, PortAddress, Route, RouteAction, ScheduledPacket, SimDuration,
    SimTime, Twin, TwinBuilder,
};
use umbra_models::packet::{
    Disposition, DropPlace, IpForwarding, PacketConfig, PacketNet, PacketResult, Workload, ip_header,
};
use umbra_models::{Failures, Routing};

/// a - b - d and a - c - d, all of one metric; d has 10.0.4.1/24 on its port to b.
fn diamond() -> (Twin, Csr) {
    let mut net = TwinBuilder::new("diamond");
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| net.node(name, NodeKind::Router, None));
    for (name, x, y) in [("ab", &a, &b), ("ac", &a, &c), ("bd", &b, &d), ("cd", &c, &d)] {
        net.link(name, x, y, LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::micros(1)));
    }
    let mut twin = net.finish();
    address(&mut twin, &EntityKey::port(&d, "bd"), "10.0.4.1");
    let csr = Csr::compile(&twin, Layer::Igp);
    (twin, csr)
}

fn address(twin: &mut Twin, port: &EntityKey, ip: &str) {
    let before = twin.entity(port).expect("a port of the diamond").clone();
    let addresses = vec![PortAddress { ip: ip.parse().unwrap(), len: 24 }];
    let kind = EntityKind::Port(Port { addresses, ..Port::default() });
    let after = Entity { kind, ..before.clone() };
    let (before, after) = (Some(Arc::new(before)), Some(Arc::new(after)));
    twin.set(&Change::Entity { key: port.clone(), before, after });
}

fn fib(twin: &mut Twin, node: &str, routes: &[(&str, RouteAction)]) {
    let route = |(prefix, action): &(&str, RouteAction)| Route {
        prefix: prefix.parse().unwrap(),
        action: action.clone(),
    };
    let table: Fib = routes.iter().map(route).collect();
    twin.set(&Change::Fib { node: EntityKey::node(node), before: None, after: Some(Arc::new(table)) });
}

fn via(node: &str, link: &str) -> RouteAction {
    let port = EntityKey::port(&EntityKey::node(node), link);
    RouteAction::Forward(vec![NextHop { port, gateway: None }])
}

/// An Ethernet frame with VLAN tag, IPv4, UDP and 14 bytes of payload.
fn frame(dst: Ipv4Addr, port: u16, ttl: u8) -> Arc<[u8]> {
    let mut ip = vec![0x45, 0, 0, 42, 0, 1, 0, 0, ttl, 17, 0, 0, 192, 0, 2, 1];
    ip.extend(dst.octets());
    let sum = ip_checksum(&ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 9, 8, 0];
    frame.extend(ip);
    frame.extend(port.to_be_bytes());
    frame.extend([0, 53, 0, 22, 0, 0]);
    frame.extend(*b"umbra follows.");
    frame.into()
}

/// RFC 1071 over a whole header; zero where the checksum in it is right.
fn ip_checksum(header: &[u8]) -> u16 {
    let mut sum: u32 = header.chunks(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Sends frames from a; the schedule says that they are for `endpoint`.
fn send(twin: &Twin, csr: &Csr, frames: Vec<Arc<[u8]>>, endpoint: u32) -> PacketResult {
    let packet = |(i, frame): (usize, Arc<[u8]>)| ScheduledPacket {
        at: SimTime::from_ps(i as u64 * 1_000_000),
        src: 0,
        dst: endpoint,
        flow: 0,
        size: Bytes::new(frame.len() as u64 + 4),
        frame: Some(frame),
    };
    let packets = frames.into_iter().enumerate().map(packet).collect();
    let workload = Workload::compile(csr, &PacketSchedule::new(csr.node_keys.clone(), packets)).unwrap();
    let config = PacketConfig { keep_frames: true, keep_drops: 2, ..PacketConfig::default() };
    let net = PacketNet::build(csr, Routing::compute(csr, &Failures::none(csr)), config);
    let net = net.with_ip(IpForwarding::from_twin(twin, csr));
    net.run(&workload, &[], SimTime::MAX, Seeds::new(0).trial(0))
}

const D: Ipv4Addr = Ipv4Addr::new(10, 0, 4, 1);

#[test]
fn a_frame_arrives_as_it_was_sent_but_for_ttl_and_checksum() {
    let (twin, csr) = diamond();
    let sent = frame(D, 4_000, 64);
    let result = send(&twin, &csr, vec![sent.clone()], 1);
    let [arrived] = &result.frames[..] else { panic!("one frame, not {}", result.frames.len()) };
    assert_eq!(arrived.node, NodeId(3), "its address decides, not the scheduled endpoint");
    assert_eq!(ip_header(&arrived.frame).unwrap().ttl, 63, "one router forwarded it");
    assert_eq!(arrived.frame[..], frame(D, 4_000, 63)[..]);
    assert_eq!(ip_checksum(&arrived.frame[18..38]), 0);
}

#[test]
fn a_subnet_leads_to_the_node_on_it_and_unknown_addresses_to_the_endpoint() {
    let (twin, csr) = diamond();
    let (known, unknown) = (Ipv4Addr::new(10, 0, 4, 99), Ipv4Addr::new(203, 0, 113, 1));
    let result = send(&twin, &csr, vec![frame(known, 1, 64), frame(unknown, 1, 64)], 2);
    let nodes: Vec<_> = result.frames.iter().map(|f| f.node).collect();
    assert_eq!(nodes, [NodeId(2), NodeId(3)], "the endpoint c is a hop nearer than d");
    let note = result.fidelity.notes.iter().find(|n| n.code == "unknown-address").unwrap();
    assert_eq!(note.touches, Some(1));
}

#[test]
fn the_five_tuple_chooses_among_equal_paths() {
    let (twin, csr) = diamond();
    let frames = (0..400).flat_map(|port| [frame(D, port, 64), frame(D, port, 64)]).collect();
    let result = send(&twin, &csr, frames, 3);
    let over_b = result.links[0].queue.packets;
    assert_eq!(result.delivered, 800);
    assert_eq!(over_b % 2, 0, "both frames of a 5-tuple go the same way");
    assert!((320..480).contains(&over_b), "800 ± 4 standard errors of pairs: {over_b}");
}

#[test]
fn a_nodes_own_table_wins_over_shortest_paths() {
    let (mut twin, csr) = diamond();
    fib(&mut twin, "a", &[("10.0.4.0/24", via("a", "ac")), ("10.9.0.0/16", RouteAction::Blackhole)]);
    let nowhere = Ipv4Addr::new(172, 16, 0, 1);
    let frames = vec![frame(D, 1, 64), frame(Ipv4Addr::new(10, 9, 1, 1), 1, 64), frame(nowhere, 1, 64)];
    let result = send(&twin, &csr, frames, 3);
    assert_eq!((result.delivered, result.links[2].queue.packets), (1, 1), "over c by a's table");
    assert_eq!(result.dropped_by(Disposition::NullRoute), 1);
    assert_eq!(result.dropped_by(Disposition::NoRoute), 1);
}

#[test]
fn a_loop_of_tables_ends_by_time_to_live() {
    let (mut twin, csr) = diamond();
    fib(&mut twin, "a", &[("0.0.0.0/0", via("a", "ab"))]);
    fib(&mut twin, "b", &[("0.0.0.0/0", via("b", "ab"))]);
    let result = send(&twin, &csr, vec![frame(D, 1, 7)], 3);
    assert_eq!(result.dropped_by(Disposition::TtlExpired), 1);
    let crossed: u64 = [ArcId(0), ArcId(1)].iter().map(|a| result.links[a.index()].queue.packets).sum();
    assert_eq!(crossed, 7, "a time to live of 7 lasts for 7 links");
}

#[test]
fn the_first_lost_packets_are_kept_one_by_one() {
    let (mut twin, csr) = diamond();
    fib(&mut twin, "b", &[("10.0.4.0/24", RouteAction::Blackhole)]);
    fib(&mut twin, "a", &[("10.0.4.0/24", via("a", "ab"))]);
    let result = send(&twin, &csr, vec![frame(D, 1, 64), frame(D, 1, 64), frame(D, 1, 64)], 3);
    let kept: Vec<_> = result.lost_packets.iter().map(|l| (l.flow, l.sequence, l.place, l.why)).collect();
    let at_b = |sequence| (0, sequence, DropPlace::Node(NodeId(1)), Disposition::NullRoute);
    assert_eq!((kept, result.dropped), (vec![at_b(0), at_b(1)], 3), "as many as were asked for");
    assert_eq!(result.lost_packets[1].at.since(result.lost_packets[0].at), SimDuration::micros(1));
    assert!(result.last_event > result.lost_packets[1].at && result.last_delivery == SimTime::ZERO);
}
