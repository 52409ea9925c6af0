//! A network cut into parts that carry equal shares of the traffic.

use std::collections::BinaryHeap;

use twin::{ArcId, NodeId};

use super::forwarding::{Forwarding, Verdict};

/// The part of each node, below `parts`: regions that are grown one after the other along the arcs with the most packets
/// until each has its share of the arrivals. Cost: the way of each packet's flow, and n log n in the arcs.
pub(crate) fn partition(forwarding: &Forwarding, parts: usize) -> Vec<u32> {
    let csr = &forwarding.csr;
    let (node_weight, arc_weight) = weights(forwarding);
    let total: u64 = node_weight.iter().sum();
    let mut part_of = vec![u32::MAX; csr.node_count()];
    let mut seeds = (0..csr.node_count()).map(NodeId::new);
    let (mut part, mut done) = (0u32, 0u64);
    let mut edge: BinaryHeap<(u64, std::cmp::Reverse<u32>)> = BinaryHeap::new();
    loop {
        let next = edge.pop().map(|(_, node)| NodeId(node.0)).or_else(|| seeds.next());
        let Some(node) = next else { return part_of };
        if part_of[node.index()] != u32::MAX {
            continue;
        }
        part_of[node.index()] = part;
        done += node_weight[node.index()];
        for arc in csr.arcs_out(node).iter().chain(csr.arcs_in(node)) {
            let (src, dst) = (csr.src[arc.index()], csr.dst[arc.index()]);
            let other = if src == node { dst } else { src };
            edge.push((arc_weight[arc.index()], std::cmp::Reverse(other.0)));
        }
        // A part ends where its share is reached; the last takes what is left.
        let share = |part: u32| u128::from(total) * u128::from(part + 1) / parts as u128;
        if (part as usize) + 1 < parts && u128::from(done) >= share(part) {
            part += 1;
        }
    }
}

/// Packets that come to each node and that cross each arc, if every flow keeps to the way that its first packet takes now.
fn weights(forwarding: &Forwarding) -> (Vec<u64>, Vec<u64>) {
    let (csr, workload) = (&forwarding.csr, &forwarding.workload);
    let mut nodes = vec![0u64; csr.node_count()];
    let mut arcs = vec![0u64; csr.arc_count()];
    let mut packets = vec![0u64; workload.flow_count()];
    let mut first: Vec<Option<(NodeId, u32)>> = vec![None; workload.flow_count()];
    for node in (0..csr.node_count()).map(NodeId::new) {
        for packet in workload.source(node) {
            let flow = workload.packets()[packet as usize].flow as usize;
            packets[flow] += 1;
            first[flow].get_or_insert((node, packet));
        }
    }
    for (flow, first) in first.into_iter().enumerate() {
        let Some((mut node, packet)) = first else { continue };
        let mut flight = workload.flight(packet);
        nodes[node.index()] += packets[flow];
        while let Verdict::Via(arc) = forwarding.decide(node, flight) {
            flight = flight.crossed();
            node = csr.dst[arc.index()];
            nodes[node.index()] += packets[flow];
            arcs[arc.index()] += packets[flow];
            if flight.hops() == u8::MAX {
                break; // a circle
            }
        }
    }
    (nodes, arcs)
}

/// Arcs that lead from one part to another.
pub(crate) fn cut(forwarding: &Forwarding, part_of: &[u32]) -> Vec<ArcId> {
    let csr = &forwarding.csr;
    let crosses =
        |arc: &ArcId| part_of[csr.src[arc.index()].index()] != part_of[csr.dst[arc.index()].index()];
    (0..csr.arc_count()).map(ArcId::new).filter(crosses).collect()
}
