//! The paths that a demand's flows take where each hop splits equally.

use twin::{ArcId, Csr, NodeId};

use crate::Routing;

/// Up to so many paths are followed one by one.
pub(super) const PATHS_MAX: usize = 64;

/// A path and the share of the demand that takes it.
pub(super) type Path = (Vec<ArcId>, f64);

/// The equal-cost paths between two nodes, each with the probability that a hash at every hop chooses it; none without a
/// connection. The flag says whether these are all paths as they are. Where there are more than [`PATHS_MAX`], there are
/// fewer: as many as it takes to load each arc as all of them would, at most one for each arc (a flow on a graph without
/// cycles is a sum of that many paths; Ahuja, Magnanti, Orlin, *Network Flows*, 1993, theorem 3.5).
pub(super) fn equal_cost_paths(csr: &Csr, routing: &Routing, src: NodeId, dst: NodeId) -> (Vec<Path>, bool) {
    match all_paths(csr, routing, src, dst) {
        Some(paths) => (paths, true),
        None => (fewer_paths(csr, routing, src, dst), false),
    }
}

/// Every path, by the arcs in order; `None` if there are more than [`PATHS_MAX`].
fn all_paths(csr: &Csr, routing: &Routing, src: NodeId, dst: NodeId) -> Option<Vec<Path>> {
    let mut paths = Vec::new();
    let mut open = vec![(src, Vec::new(), 1.0)];
    while let Some((node, path, share)) = open.pop() {
        if node == dst {
            if paths.len() == PATHS_MAX {
                return None;
            }
            paths.push((path, share));
            continue;
        }
        let next = routing.next_arcs(node, dst);
        for &arc in next.iter().rev() {
            let longer = path.iter().copied().chain([arc]).collect();
            open.push((csr.dst[arc.index()], longer, share / next.len() as f64));
        }
    }
    Some(paths)
}

/// Takes the path along the largest remaining shares, as much of it as its least share, until nothing remains.
fn fewer_paths(csr: &Csr, routing: &Routing, src: NodeId, dst: NodeId) -> Vec<Path> {
    let shares = routing.shares(csr, src, dst);
    let mut left = vec![0.0; csr.arc_count()];
    shares.iter().for_each(|(arc, share)| left[arc.index()] = *share);
    let mut paths: Vec<Path> = Vec::new();
    for _ in 0..shares.len() {
        let mut path = Vec::new();
        let (mut node, mut width) = (src, 1.0_f64);
        while node != dst {
            let next = routing.next_arcs(node, dst);
            // The first of the widest.
            let widest =
                |best: ArcId, arc: &ArcId| if left[arc.index()] > left[best.index()] { *arc } else { best };
            let arc = next.iter().fold(next[0], widest);
            width = width.min(left[arc.index()]);
            path.push(arc);
            node = csr.dst[arc.index()];
        }
        // What remains then is rounding.
        if width < 1e-12 {
            break;
        }
        path.iter().for_each(|arc| left[arc.index()] -= width);
        paths.push((path, width));
    }
    let total: f64 = paths.iter().map(|(_, share)| share).sum();
    paths.iter_mut().for_each(|(_, share)| *share /= total);
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failures;
    use testkit::{random_network, topology};
    use twin::Layer;

    /// Checks that the paths are paths and load each arc by its share.
    fn check(csr: &Csr, routing: &Routing, src: NodeId, dst: NodeId, paths: &[Path]) {
        let mut loads = vec![0.0; csr.arc_count()];
        for (path, share) in paths {
            let ends = path
                .iter()
                .try_fold(src, |at, arc| (at == csr.src[arc.index()]).then_some(csr.dst[arc.index()]));
            assert_eq!(ends, Some(dst), "a walk from end to end");
            path.iter().for_each(|arc| loads[arc.index()] += share);
        }
        for (arc, share) in routing.shares(csr, src, dst) {
            loads[arc.index()] -= share;
        }
        assert!(loads.iter().all(|l| l.abs() < 1e-9), "{loads:?}");
    }

    #[test]
    fn both_ways_of_splitting_load_every_arc_by_its_share() {
        let mut split = 0;
        for seed in 0..60 {
            let csr = Csr::compile(&random_network(seed), Layer::Igp);
            let routing = Routing::compute(&csr, &Failures::none(&csr));
            let nodes = || (0..csr.node_count()).map(NodeId::new);
            for (src, dst) in nodes().flat_map(|s| nodes().map(move |d| (s, d))).filter(|(s, d)| s != d) {
                if routing.reaches(src, dst) {
                    let all = all_paths(&csr, &routing, src, dst).unwrap();
                    let fewer = fewer_paths(&csr, &routing, src, dst);
                    check(&csr, &routing, src, dst, &all);
                    check(&csr, &routing, src, dst, &fewer);
                    split += usize::from(all.len() > 1);
                } else {
                    assert_eq!(equal_cost_paths(&csr, &routing, src, dst), (vec![], true));
                }
            }
        }
        assert!(split > 100, "{split} pairs have several paths");
    }

    #[test]
    fn a_ladder_of_many_paths_is_cut_down() {
        // Seven diamonds in a row: 2^7 paths, two of which load every arc as they do.
        let diamond =
            |i: usize| format!("n{i} -10G- a{i} -10G- n{} ; n{i} -10G- b{i} -10G- n{}", i + 1, i + 1);
        let text = (0..7).map(diamond).collect::<Vec<_>>().join(" ; ");
        let csr = Csr::compile(&topology(&text), Layer::Igp);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        let at = |name: &str| csr.node_named(name).unwrap();
        let (paths, all) = equal_cost_paths(&csr, &routing, at("n0"), at("n7"));
        assert!(!all && paths.len() == 2);
        check(&csr, &routing, at("n0"), at("n7"), &paths);
        let (paths, all) = equal_cost_paths(&csr, &routing, at("n1"), at("n7"));
        assert!(all && paths.len() == 64);
        check(&csr, &routing, at("n1"), at("n7"), &paths);
    }
}
