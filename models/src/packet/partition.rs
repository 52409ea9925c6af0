//! A network cut into parts that carry equal shares of the traffic and have little of it in common.

use std::collections::BinaryHeap;

use twin::{ArcId, NodeId};

use super::forwarding::{Forwarding, Verdict};

/// Passes over all nodes in which each may change its part.
const PASSES: usize = 8;

/// How much more than its share a part may carry, in parts of a hundred.
const TOLERANCE_PERCENT: u64 = 3;

/// The part of each node, below `parts`: regions are grown one after the other by the node that cuts least, until each has
/// its share of the arrivals; then nodes change sides as long as that cuts less (after Fiduccia and Mattheyses, DAC 1982,
/// without their way back). Cost: the way of each packet's flow, and n log n in the arcs.
pub(crate) fn partition(forwarding: &Forwarding, parts: usize) -> Vec<u32> {
    let traffic = Traffic::of(forwarding);
    let mut part_of = traffic.grow(parts);
    for _ in 0..PASSES {
        if !traffic.improve(&mut part_of, parts) {
            break;
        }
    }
    part_of
}

/// Who has how many packets in common with whom.
struct Traffic {
    /// Packets that come to each node.
    weight: Vec<u64>,
    /// By node: its neighbours, with the packets on the arcs between both.
    neighbours: Vec<Vec<(NodeId, u64)>>,
}

impl Traffic {
    fn of(forwarding: &Forwarding) -> Self {
        let csr = &forwarding.csr;
        let (weight, arc_weight) = weights(forwarding);
        let mut neighbours = vec![Vec::new(); csr.node_count()];
        for (arc, packets) in arc_weight.iter().enumerate() {
            let (src, dst) = (csr.src[arc], csr.dst[arc]);
            // One more than there are, so that regions without traffic stay in one piece.
            neighbours[src.index()].push((dst, packets + 1));
            neighbours[dst.index()].push((src, packets + 1));
        }
        Self { weight, neighbours }
    }

    fn grow(&self, parts: usize) -> Vec<u32> {
        let nodes = self.weight.len();
        let total: u128 = self.weight.iter().map(|w| u128::from(*w)).sum();
        let around: Vec<u64> = self.neighbours.iter().map(|n| n.iter().map(|(_, w)| w).sum()).collect();
        let mut part_of = vec![u32::MAX; nodes];
        let mut inside = vec![0u64; nodes];
        let mut edge: BinaryHeap<(i64, std::cmp::Reverse<u32>)> = BinaryHeap::new();
        let (mut seeds, mut part, mut done) = (0..nodes as u32, 0u32, 0u128);
        loop {
            let next = edge.pop().map(|(_, node)| node.0).or_else(|| seeds.next());
            let Some(node) = next else { return part_of };
            if part_of[node as usize] != u32::MAX {
                continue;
            }
            part_of[node as usize] = part;
            done += u128::from(self.weight[node as usize]);
            // A part ends where its share is reached; the last takes what is left.
            if part + 1 < parts as u32 && done * parts as u128 >= total * u128::from(part + 1) {
                part += 1;
                edge.clear();
                inside.fill(0);
                continue;
            }
            for (other, packets) in &self.neighbours[node as usize] {
                let i = other.index();
                inside[i] += packets;
                // What the cut loses by taking the node in; older entries of a node promise less and come later.
                edge.push((2 * inside[i] as i64 - around[i] as i64, std::cmp::Reverse(other.0)));
            }
        }
    }

    /// Lets each node in turn go where most of its traffic is, if there is room. Whether any did.
    fn improve(&self, part_of: &mut [u32], parts: usize) -> bool {
        let mut carried = vec![0u64; parts];
        part_of.iter().zip(&self.weight).for_each(|(part, w)| carried[*part as usize] += w);
        let room = carried.iter().sum::<u64>() / parts as u64 * (100 + TOLERANCE_PERCENT) / 100;
        let mut changed = false;
        for node in 0..part_of.len() {
            let mut common = vec![0u64; parts];
            for (other, packets) in &self.neighbours[node] {
                common[part_of[other.index()] as usize] += packets;
            }
            let (here, weight) = (part_of[node] as usize, self.weight[node]);
            let best =
                (0..parts).filter(|p| *p != here && carried[*p] + weight <= room).max_by_key(|p| common[*p]);
            if let Some(there) = best.filter(|there| common[*there] > common[here]) {
                part_of[node] = there as u32;
                carried[here] -= weight;
                carried[there] += weight;
                changed = true;
            }
        }
        changed
    }
}

/// Packets that come to each node and that cross each arc, if every flow keeps to the way that its first packet takes now.
pub(crate) fn weights(forwarding: &Forwarding) -> (Vec<u64>, Vec<u64>) {
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
