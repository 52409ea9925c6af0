//! A fat-tree of switches with even demands between its edges, as planners are measured on.

use crate::{PlainArc, PlainDemand, PlainNet};

/// bit/s of every link, each way.
const CAPACITY: f64 = 100e9;

/// A three-tier fat-tree of k pods without hosts (Al-Fares, Loukissas and Vahdat, SIGCOMM 2008): k/2 edges and k/2
/// aggregations in each pod, (k/2)² cores. Links: for pod p, for aggregation g, first its k/2 links to edges, then its
/// k/2 links to cores g·k/2 + c; metric 1, 100 Gbit/s. Arc 2l of link l leads up.
///
/// Each ordered pair of edges demands an equal part of half of what an edge's uplinks carry.
///
/// # Panics
/// If k is odd or below 4.
pub fn switch_fabric(k: usize) -> (PlainNet, Vec<PlainDemand>) {
    assert!(k >= 4 && k.is_multiple_of(2), "a fat-tree has an even number of pods, 4 or more, not {k}");
    let (h, edges) = (k / 2, k * k / 2);
    let mut net = PlainNet { nodes: 2 * edges + h * h, arcs: Vec::new() };
    let mut link = |low: usize, high: usize| {
        let number = net.arcs.len() / 2;
        let arc = |from, to| PlainArc { from, to, link: number, weight: 1, capacity: CAPACITY };
        net.arcs.extend([arc(low, high), arc(high, low)]);
    };
    for pod in 0..k {
        for g in 0..h {
            let agg = edges + pod * h + g;
            (0..h).for_each(|e| link(pod * h + e, agg));
            (0..h).for_each(|c| link(agg, 2 * edges + g * h + c));
        }
    }
    let volume = 0.5 * CAPACITY * h as f64 / (edges - 1) as f64;
    let pairs = (0..edges * edges).map(|pair| (pair / edges, pair % edges));
    (net, pairs.filter(|(a, b)| a != b).map(|(a, b)| (a, b, volume)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_paper() {
        for (k, nodes, links, demands) in [(4, 20, 32, 56), (8, 80, 256, 992), (16, 320, 2_048, 16_256)] {
            let (net, list) = switch_fabric(k);
            assert_eq!((net.nodes, net.links(), list.len()), (nodes, links, demands));
            let degree = |n: usize| net.arcs.iter().filter(|a| a.from == n).count();
            assert!((0..k * k / 2).all(|edge| degree(edge) == k / 2));
            assert!((k * k / 2..nodes).all(|n| degree(n) == k));
        }
    }
}
