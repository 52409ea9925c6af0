use twin::{BitsPerSec, LinkId, SimDuration, SimTime};

use super::fat_tree::FatTree;
use super::w3::{Route, flows};
use super::{PacketWorkload, Spec};
use crate::{Change, NextHop, NextHops, SplitMix64, TimedChange};

/// W4: W3 while its network changes.
///
/// **Next hops.** The network, the packets and the paths at the start are those of [`w3`](super::w3), but switches forward
/// by tables, a next hop for each flow: up to the flow's aggregation position at its edge, up to its core at each
/// aggregation of its pod, and from the top down to its destination. A source sends into its one link, and what the network
/// brings to a host is delivered.
///
/// **Changes.** One generator ([`SplitMix64`]) from state seed + 22,324 (0x5734, "W4"), r standing for the next 64 bits.
/// First the instants: r mod (packets · gap) picoseconds, the mean time for which a source sends, as often as there are
/// changes (200), sorted. Then for each of them in turn four numbers, drawn always: kind = r mod 3, then a, b, c. With n
/// hosts and h = k/2:
///
/// | kind | change |
/// |---|---|
/// | 0, a flap | link n + a mod 2n (between edge and aggregation or aggregation and core) goes down, and comes up after 10 µs + b mod 490,000,001 ps |
/// | 1, a rate | arc a mod 6n (any half-link) sends at a quarter, half or all of the nominal rate, for b mod 3 of 0, 1, 2 |
/// | 2, a next hop | for the (a mod m)-th of the m flows that leave their edge; at its edge if b is even or it stays in its pod, else at the aggregation to which its edge sends it at that time: uplink (old + 1 + c mod (h − 1)) mod h instead of uplink old |
///
/// All are put in order of time; of equal times, in the order of drawing, a link's way up right after its way down. Flaps
/// of one link may overlap: the first way up ends them all. What a change does stands at [`Change`], and that it comes
/// before the packets of its instant at [`TimedChange`]. Paths stay free of loops: up to two choices, then down.
///
/// # Panics
/// If k is odd or below 4, or nothing is sent.
pub fn w4(spec: &Spec) -> PacketWorkload {
    assert!(spec.k >= 4, "a switch with {} ports has no second uplink", spec.k);
    let tree = FatTree::new(spec.k, spec.link());
    let routes = Route::all(&tree);
    let flows = flows(&tree, &routes, spec);
    let next_hops = tables(&tree, &routes);
    let changes = Draw::new(&tree, &routes, spec, next_hops.clone()).changes();
    let without = PacketWorkload::along_paths(tree.into_twin(), flows, spec);
    PacketWorkload { next_hops, changes, ..without }
}

fn tables(tree: &FatTree, routes: &[Route]) -> NextHops {
    let mut hops = NextHops::new(tree.twin().nodes().len(), routes.len());
    for (src, route) in routes.iter().enumerate() {
        tree.install(&mut hops, src, src, route.dst, route.agg, route.core);
    }
    hops
}

/// The changes in the making.
struct Draw<'a> {
    tree: &'a FatTree,
    routes: &'a [Route],
    rate: BitsPerSec,
    random: SplitMix64,
    at: Vec<u64>,
    /// As the changes so far leave them.
    hops: NextHops,
    /// Flows that leave their edge.
    movable: Vec<usize>,
    changes: Vec<TimedChange>,
}

impl<'a> Draw<'a> {
    fn new(tree: &'a FatTree, routes: &'a [Route], spec: &Spec, hops: NextHops) -> Self {
        let mut random = SplitMix64::new(spec.seed.wrapping_add(22_324));
        let span = spec.packets * spec.gap.as_ps();
        let mut at: Vec<u64> = (0..spec.changes).map(|_| random.next_u64() % span).collect();
        at.sort_unstable();
        let leaves = |s: &usize| tree.edge_of(*s) != tree.edge_of(routes[*s].dst);
        let movable = (0..routes.len()).filter(leaves).collect();
        Self { tree, routes, rate: spec.rate, random, at, hops, movable, changes: Vec::new() }
    }

    fn changes(mut self) -> Vec<TimedChange> {
        for at in std::mem::take(&mut self.at) {
            let at = SimTime::from_ps(at);
            let [kind, a, b, c] = std::array::from_fn(|_| self.random.next_u64());
            match kind % 3 {
                0 => self.flap(at, a, b),
                1 => self.change_rate(at, a, b),
                _ => self.move_flow(at, a, b, c),
            }
        }
        self.changes.sort_by_key(|c| c.at); // stable
        self.changes
    }

    fn push(&mut self, at: SimTime, change: Change) {
        self.changes.push(TimedChange { at, change });
    }

    fn flap(&mut self, at: SimTime, a: u64, b: u64) {
        let hosts = self.tree.hosts();
        let link = LinkId::new(hosts + (a % (2 * hosts as u64)) as usize);
        self.push(at, Change::LinkDown(link));
        let down = SimDuration::micros(10) + SimDuration::from_ps(b % 490_000_001);
        self.push(at + down, Change::LinkUp(link));
    }

    fn change_rate(&mut self, at: SimTime, a: u64, b: u64) {
        let arc = twin::ArcId::new((a % (6 * self.tree.hosts() as u64)) as usize);
        let divisor = [4, 2, 1][(b % 3) as usize];
        let rate = BitsPerSec::new(self.rate.get() / divisor).unwrap_or(self.rate);
        self.push(at, Change::Rate { arc, rate });
    }

    fn move_flow(&mut self, at: SimTime, a: u64, b: u64, c: u64) {
        let tree = self.tree;
        let src = self.movable[(a % self.movable.len() as u64) as usize];
        let stays = tree.pod(src) == tree.pod(self.routes[src].dst);
        let (edge, h) = (tree.edge_of(src), tree.half());
        let agg = self.uplink(edge, src);
        let other = |old: usize| (old + 1 + (c % (h as u64 - 1)) as usize) % h;
        let (node, arc) = if stays || b.is_multiple_of(2) {
            (edge, tree.edge_up(src, other(agg)))
        } else {
            let node = tree.agg_of(src, agg);
            (node, tree.agg_up(src, agg, other(self.uplink(node, src))))
        };
        self.hops.set(node, src, NextHop::Via(arc));
        self.push(at, Change::NextHop { node, flow: src as u32, arc });
    }

    /// Which of its uplinks a switch sends a flow into at this time.
    fn uplink(&self, node: twin::NodeId, flow: usize) -> usize {
        match self.hops.get(node, flow) {
            NextHop::Via(up) => self.tree.position(up),
            other => unreachable!("flow {flow} goes up at node {}, not {other:?}", node.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::{delivered_digest, w3};
    use crate::{Wires, send_packets};

    #[test]
    fn every_kind_of_change_occurs_in_order_and_no_path_ever_breaks() {
        for (k, seed) in [(4, 0), (4, u64::MAX), (6, 1), (8, 0)] {
            let spec = Spec { k, seed, packets: 1, ..Spec::w4() };
            let w4 = w4(&spec);
            let wires = Wires::of(&w4.twin);
            assert!(w4.changes.is_sorted_by_key(|c| c.at));
            let mut hops = w4.next_hops.clone();
            let mut kinds = [0; 4];
            for change in &w4.changes {
                match change.change {
                    Change::LinkDown(_) => kinds[0] += 1,
                    Change::LinkUp(_) => kinds[1] += 1,
                    Change::Rate { .. } => kinds[2] += 1,
                    Change::NextHop { node, flow, arc } => {
                        kinds[3] += 1;
                        let before = hops.path(&wires, flow as usize).expect("a way before");
                        hops.set(node, flow as usize, NextHop::Via(arc));
                        let after = hops.path(&wires, flow as usize).expect("a way after");
                        let dst = w4.flows[flow as usize].dst.index();
                        assert_eq!(wires.wires[after[after.len() - 1].index()].to, dst);
                        assert!(after.len() == before.len() && after != before && after.contains(&arc));
                    }
                }
            }
            assert_eq!((kinds[0], kinds[0] + kinds[2] + kinds[3]), (kinds[1], 200));
            assert!(kinds.iter().all(|n| (40..=95).contains(n)), "{kinds:?} of 67 ± 4 standard errors each");
        }
    }

    #[test]
    fn before_the_first_change_it_is_w3() {
        let (w3, w4) = (w3(&Spec { packets: 3, ..Spec::w3() }), w4(&Spec { packets: 3, ..Spec::w4() }));
        assert_eq!(w3.flows, w4.flows);
        let wires = Wires::of(&w4.twin);
        for (number, flow) in w4.flows.iter().enumerate() {
            assert_eq!(w4.next_hops.path(&wires, number).as_ref(), Some(&flow.path));
        }
    }

    /// A change of this definition would make old figures incomparable.
    #[test]
    fn the_slow_reference_is_pinned() {
        let w4 = w4(&Spec { packets: 300, ..Spec::w4() });
        let (wires, schedule) = (Wires::of(&w4.twin), w4.schedule());
        let outcome = send_packets(&wires, &schedule, w4.buffer, &w4.next_hops, &w4.changes, SimTime::MAX);
        let digest = delivered_digest(outcome.flows.iter().map(|f| f.delivered));
        assert_eq!((outcome.sum(|f| f.delivered), outcome.sum(|f| f.dropped)), (26_155, 12_245));
        assert_eq!((outcome.sum(|f| f.packet_hops), outcome.end().as_ps()), (143_468, 1_098_500_632));
        assert_eq!(digest, 0x0ca6_53da_0c06_08d4);
    }
}
