//! W2 with real headers and forwarding tables.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use models::packet::{IpForwarding, Workload};
use models::{Failures, Routing};
use testkit::workloads::PacketWorkload;
use twin::{ArcId, Change, Csr, Fib, Layer, NextHop, NodeId, Route, RouteAction};

use super::{Case, net, timed};

/// Ethernet, IPv4 and UDP.
const HEADERS: usize = 14 + 20 + 8;

pub(super) fn case(defined: &PacketWorkload) -> Case {
    let csr = Csr::compile(&defined.twin, Layer::Igp);
    let mut twin = defined.twin.clone();
    let routing = Routing::compute(&csr, &Failures::none(&csr));
    for node in (0..csr.node_count()).map(NodeId::new) {
        let (key, fib) = (csr.node_keys[node.index()].clone(), table(&csr, &routing, defined, node));
        twin.set(&Change::Fib { node: key, before: None, after: Some(Arc::new(fib)) });
    }
    let mut flows = Vec::new();
    for (id, flow) in (0u32..).zip(&defined.flows) {
        let frame =
            |sequence| frame(address(flow.src), address(flow.dst), id, sequence, defined.size.get() as u16);
        let frames = (0..flow.sends_ps.len()).map(|i| frame(i as u16)).collect();
        flows.push(twinned(timed(defined, id, flow.src, flow.dst, &flow.sends_ps), frames));
    }
    let workload = Workload::of_flows(&csr, flows).expect("packets are small");
    let net = net(&csr, defined).with_ip(IpForwarding::from_twin(&twin, &csr));
    Case { net, workload, faults: Vec::new() }
}

fn twinned(flow: models::packet::TimedFlow, frames: Vec<Arc<[u8]>>) -> models::packet::TimedFlow {
    models::packet::TimedFlow { frames, ..flow }
}

/// Hosts are the first nodes of a fat-tree: 10.0.0.0/16 holds them in order.
fn address(host: NodeId) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + host.0)
}

/// A node's table: a /32 for each destination, along the flow's way where the node is on it and by a shortest path
/// elsewhere.
fn table(csr: &Csr, routing: &Routing, defined: &PacketWorkload, node: NodeId) -> Fib {
    let mut fib = Fib::default();
    for flow in &defined.flows {
        let on_way = flow.path.iter().find(|arc| csr.src[arc.index()] == node).copied();
        let arc = on_way.or_else(|| routing.next_arcs(node, flow.dst).first().copied());
        let action = match arc {
            _ if node == flow.dst => RouteAction::Local,
            Some(arc) => via(csr, arc),
            None => RouteAction::Unreachable,
        };
        let prefix = IpNet::V4(Ipv4Net::from(address(flow.dst)));
        assert!(fib.lookup(address(flow.dst).into()).is_none(), "two flows to node {}", flow.dst.0);
        fib.insert(Route { prefix, action });
    }
    fib
}

fn via(csr: &Csr, arc: ArcId) -> RouteAction {
    RouteAction::Forward(vec![NextHop { port: csr.ports[arc.index()].0.clone(), gateway: None }])
}

/// The headers of a packet of `size` bytes on the wire; its payload is left out, as a capture with a short snap length
/// does.
fn frame(src: Ipv4Addr, dst: Ipv4Addr, flow: u32, sequence: u16, size: u16) -> Arc<[u8]> {
    let mut frame = [0u8; HEADERS];
    frame[..12].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    frame[12..14].copy_from_slice(&[8, 0]);
    let ip = &mut frame[14..34];
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&(size - 14).to_be_bytes());
    ip[4..6].copy_from_slice(&sequence.to_be_bytes());
    (ip[8], ip[9]) = (64, 17);
    ip[12..16].copy_from_slice(&src.octets());
    ip[16..20].copy_from_slice(&dst.octets());
    let sum = checksum(ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    frame[34..36].copy_from_slice(&(1_024 + flow as u16).to_be_bytes());
    frame[36..38].copy_from_slice(&9u16.to_be_bytes());
    frame[38..40].copy_from_slice(&(size - 34).to_be_bytes());
    frame.into()
}

/// RFC 1071.
fn checksum(header: &[u8]) -> u16 {
    let mut sum: u32 = header.chunks(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
