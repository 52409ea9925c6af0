//! Shortest-path routing with equal splits, the slow and obvious way.
//!
//! Distances by Bellman-Ford: relax every arc until nothing changes. Traffic by pouring: as long as some node holds
//! traffic that is not at home, it pours it in equal parts over all its outgoing arcs that lie on a shortest path (each
//! parallel arc is a next hop). No heap, no order of nodes, no reuse between destinations or failures.

use crate::{PlainArc, PlainDemand, PlainNet};

/// What is down, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Down {
    /// Links; both directions are down.
    pub links: Vec<usize>,
    /// Nodes; their links are down too, and their own traffic is lost.
    pub nodes: Vec<usize>,
}

impl Down {
    fn node(&self, node: usize) -> bool {
        self.nodes.contains(&node)
    }

    /// A self-loop is never of use.
    fn arc(&self, arc: &PlainArc) -> bool {
        arc.from == arc.to || self.links.contains(&arc.link) || self.node(arc.from) || self.node(arc.to)
    }
}

/// Where the traffic went.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainLoads {
    /// bit/s on each arc, whatever its capacity.
    pub arcs: Vec<f64>,
    /// bit/s without a path between two nodes that are up.
    pub lost: f64,
    /// bit/s from or to nodes that are down.
    pub lost_own: f64,
    /// Demands without a path between two nodes that are up.
    pub disconnected: u32,
}

impl PlainLoads {
    /// The largest load divided by capacity; 0 without arcs.
    pub fn max_utilization(&self, net: &PlainNet) -> f64 {
        self.arcs.iter().zip(&net.arcs).map(|(load, arc)| load / arc.capacity).fold(0.0, f64::max)
    }
}

/// The distance of each node to `dst`, `None` without a path. O(nodes · arcs).
pub fn distances_to(net: &PlainNet, down: &Down, dst: usize) -> Vec<Option<u64>> {
    let mut distance = vec![None; net.nodes];
    if down.node(dst) {
        return distance;
    }
    distance[dst] = Some(0);
    let mut changed = true;
    while changed {
        changed = false;
        for arc in net.arcs.iter().filter(|a| !down.arc(a)) {
            let Some(there) = distance[arc.to] else { continue };
            let via = there + arc.weight.max(1);
            if distance[arc.from].is_none_or(|here| via < here) {
                distance[arc.from] = Some(via);
                changed = true;
            }
        }
    }
    distance
}

/// Routes demands on shortest paths with equal splits per hop.
pub fn route(net: &PlainNet, demands: &[PlainDemand], down: &Down) -> PlainLoads {
    let mut loads = PlainLoads { arcs: vec![0.0; net.arcs.len()], lost: 0.0, lost_own: 0.0, disconnected: 0 };
    for dst in 0..net.nodes {
        let distance = distances_to(net, down, dst);
        let mut holds = vec![0.0; net.nodes];
        for &(from, _, volume) in demands.iter().filter(|d| d.1 == dst) {
            if down.node(from) || down.node(dst) {
                loads.lost_own += volume;
            } else if distance[from].is_none() {
                loads.lost += volume;
                loads.disconnected += 1;
            } else {
                holds[from] += volume;
            }
        }
        pour(net, down, dst, &distance, holds, &mut loads.arcs);
    }
    loads
}

/// Pours until everything is at `dst`. Each round brings all traffic at least one hop nearer, so it ends.
fn pour(
    net: &PlainNet,
    down: &Down,
    dst: usize,
    distance: &[Option<u64>],
    mut holds: Vec<f64>,
    loads: &mut [f64],
) {
    let next_arcs = next_arcs(net, down, distance);
    while let Some(node) = (0..net.nodes).find(|&n| n != dst && holds[n] > 0.0) {
        let volume = std::mem::take(&mut holds[node]);
        for &arc in &next_arcs[node] {
            let part = volume / next_arcs[node].len() as f64;
            loads[arc] += part;
            holds[net.arcs[arc].to] += part;
        }
    }
}

/// For each node, the arcs out of it that lie on a shortest path.
fn next_arcs(net: &PlainNet, down: &Down, distance: &[Option<u64>]) -> Vec<Vec<usize>> {
    let mut next = vec![Vec::new(); net.nodes];
    for (number, arc) in net.arcs.iter().enumerate().filter(|(_, a)| !down.arc(a)) {
        let (Some(here), Some(there)) = (distance[arc.from], distance[arc.to]) else { continue };
        if here == there + arc.weight.max(1) {
            next[arc.from].push(number);
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SplitMix64, random_network, recorded, topology};

    #[test]
    fn each_hop_splits_equally_over_its_arcs() {
        // Two arcs to b and one to c: thirds. Equal over the three end-to-end paths would be thirds as well, but the
        // fourth, b over e, halves b's share and not a's.
        let twin = topology("a -9G- b -9G- d ; a -9G- b ; a -9G- c -9G- d ; b -9G- e -9G- f ; d -9G- f");
        let net = PlainNet::of(&twin);
        let loads = route(&net, &[(0, 5, 12e9)], &Down::default());
        // a, b, d, c, e, f. b reaches f over d or e, c over d only.
        let to = |from: usize, to: usize| -> f64 {
            let arcs = net.arcs.iter().zip(&loads.arcs).filter(|(a, _)| (a.from, a.to) == (from, to));
            arcs.map(|(_, load)| load / 1e9).sum()
        };
        assert_eq!(
            [to(0, 1), to(0, 3), to(1, 2), to(1, 4), to(2, 5), to(4, 5)],
            [8.0, 4.0, 4.0, 4.0, 8.0, 4.0]
        );
    }

    #[test]
    fn lost_traffic_is_told_apart() {
        let net = PlainNet::of(&topology("a -1G- b -1G- c"));
        let demands = [(0, 2, 1.0), (2, 0, 2.0), (0, 1, 4.0), (1, 2, 8.0)];
        let cut = route(&net, &demands, &Down { links: vec![1], nodes: vec![] });
        assert_eq!((cut.lost, cut.lost_own, cut.disconnected), (11.0, 0.0, 3));
        let dead = route(&net, &demands, &Down { links: vec![], nodes: vec![1] });
        assert_eq!((dead.lost, dead.lost_own, dead.disconnected), (3.0, 12.0, 2));
    }

    #[test]
    fn a_metric_of_zero_counts_as_one_and_a_self_loop_is_of_no_use() {
        let net = PlainNet::of(&topology("a -1G@0- a -1G@0- b -1G@0- c ; a -1G@2- c"));
        assert_eq!(distances_to(&net, &Down::default(), 2), [Some(2), Some(1), Some(0)]);
        let loads = route(&net, &[(0, 2, 2.0)], &Down::default());
        assert_eq!(loads.arcs, [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    }

    /// All distances by Floyd and Warshall: a second algorithm, since an oracle needs one too.
    fn floyd_warshall(net: &PlainNet, down: &Down) -> Vec<Vec<Option<u64>>> {
        let up = |n: usize| !down.nodes.contains(&n);
        let mut d: Vec<Vec<Option<u64>>> = vec![vec![None; net.nodes]; net.nodes];
        for (n, row) in d.iter_mut().enumerate().filter(|(n, _)| up(*n)) {
            row[n] = Some(0);
        }
        for arc in net.arcs.iter().filter(|a| up(a.from) && up(a.to) && !down.links.contains(&a.link)) {
            let best = d[arc.from][arc.to].unwrap_or(u64::MAX).min(arc.weight.max(1));
            d[arc.from][arc.to] = Some(best);
        }
        for k in 0..net.nodes {
            for i in 0..net.nodes {
                for j in 0..net.nodes {
                    let (Some(a), Some(b)) = (d[i][k], d[k][j]) else { continue };
                    d[i][j] = Some(d[i][j].unwrap_or(u64::MAX).min(a + b));
                }
            }
        }
        d
    }

    #[test]
    fn distances_agree_with_floyd_and_warshall() {
        for seed in 0..300 {
            let net = PlainNet::of(&random_network(seed));
            let mut random = SplitMix64::new(seed);
            let mut some = |of: usize| (0..of).filter(|_| random.below(8) == 0).collect::<Vec<_>>();
            let down = Down { links: some(net.links()), nodes: some(net.nodes) };
            let all = floyd_warshall(&net, &down);
            for dst in (0..net.nodes).filter(|n| !down.node(*n)) {
                let column: Vec<_> =
                    (0..net.nodes).map(|from| if from == dst { Some(0) } else { all[from][dst] }).collect();
                assert_eq!(distances_to(&net, &down, dst), column, "seed {seed}, to {dst}");
            }
        }
    }

    /// Of a recorded network: base, worst and mean of the maximum utilisation over all single link failures, and how
    /// many of them lose traffic.
    fn singles(name: &str) -> (f64, f64, f64, usize) {
        let (net, demands) = recorded(name);
        let links = net.links();
        let all: Vec<_> =
            (0..links).map(|l| route(&net, &demands, &Down { links: vec![l], nodes: vec![] })).collect();
        let utils: Vec<f64> = all.iter().map(|loads| loads.max_utilization(&net)).collect();
        let cut = all.iter().filter(|loads| loads.lost > 0.0).count();
        let base = route(&net, &demands, &Down::default()).max_utilization(&net);
        (base, utils.iter().copied().fold(0.0, f64::max), utils.iter().sum::<f64>() / links as f64, cut)
    }

    #[track_caller]
    fn close(got: f64, expected: f64) {
        assert!((got / expected - 1.0).abs() < 1e-9, "{got}, expected {expected}");
    }

    #[test]
    fn recorded_networks_give_the_known_utilisations() {
        for (name, base, worst, mean, cut) in [
            ("Abilene", 1.277013482, 1.799998493, 1.431322523, 0),
            ("AttMpls", 1.814353994, 2.109119021, 1.830383185, 0),
            ("Geant2012", 2.101663150, 2.603330196, 2.102944996, 8),
            ("Uninett2011", 1.383463000, 1.983534083, 1.433780123, 12),
        ] {
            let got = singles(name);
            close(got.0, base);
            close(got.1, worst);
            close(got.2, mean);
            assert_eq!(got.3, cut, "{name}");
        }
    }

    #[test]
    fn networks_by_distance_give_the_known_utilisations() {
        for (name, base, worst) in [
            ("abilene", 17.720793269, 24.009695513),
            ("janos-us", 51.21875, 102.4375),
            ("nobel-germany", 0.2075, 0.2925),
            ("norway", 0.11425, 0.16425),
        ] {
            let got = singles(name);
            close(got.0, base);
            close(got.1, worst);
        }
    }

    #[test]
    fn all_pairs_of_failures_give_the_known_utilisations() {
        let (net, demands) = recorded("AttMpls");
        let (mut worst, mut sum, mut count) = (0.0f64, 0.0, 0);
        for a in 0..net.links() {
            for b in a + 1..net.links() {
                let util =
                    route(&net, &demands, &Down { links: vec![a, b], nodes: vec![] }).max_utilization(&net);
                (worst, sum, count) = (worst.max(util), sum + util, count + 1);
            }
        }
        assert_eq!(count, 1_596);
        close(worst, 2.637363771);
        close(sum / f64::from(count), 1.855474399);
    }
}
