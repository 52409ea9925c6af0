use super::fat_tree::FatTree;
use super::{PacketFlow, PacketWorkload, Spec};
use crate::SplitMix64;

/// W3 `ft-poisson`: Poisson flows between the hosts of a fat-tree, paired at random, on random paths; queues overflow.
///
/// Host s sends flow s. All numbers are drawn by [`SplitMix64`], r standing for the next 64 bits:
///
/// 1. Destinations: `perm` is 0, 1, …, n − 1; from state 42, for a = n − 1 down to 1, swap `perm[a]` and
///    `perm[r mod (a + 1)]`. Host s sends to `perm[s]`, which may be itself.
/// 2. Path of s: from state 1,000 + s, aggregation position r mod h, then core r mod h, both always drawn. Within an edge
///    the path is up and down (2 links), within a pod over the aggregation (4), else over the core (6).
/// 3. Gaps of s: from state s + 1 + seed; a gap is ⌊−ln(u) · gap⌋ + 1 ps with u = ((r >> 11) + 1) / 9007199254740993. The
///    first packet is sent after one gap.
///
/// # Panics
/// If k is odd or zero.
pub fn w3(spec: &Spec) -> PacketWorkload {
    let tree = FatTree::new(spec.k, spec.link());
    let routes = Route::all(&tree);
    let flows = flows(&tree, &routes, spec);
    PacketWorkload::along_paths(tree.into_twin(), flows, spec)
}

/// Where a host sends, and over which aggregation position and core of that position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) dst: usize,
    pub(super) agg: usize,
    pub(super) core: usize,
}

impl Route {
    /// By host.
    pub(super) fn all(tree: &FatTree) -> Vec<Self> {
        let mut dst: Vec<usize> = (0..tree.hosts()).collect();
        let mut shuffle = SplitMix64::new(42);
        for a in (1..dst.len()).rev() {
            dst.swap(a, shuffle.below(a + 1));
        }
        let route = |(src, dst): (usize, usize)| {
            let mut random = SplitMix64::new(1_000 + src as u64);
            let (agg, core) = (random.below(tree.half()), random.below(tree.half()));
            Self { dst, agg, core }
        };
        dst.into_iter().enumerate().map(route).collect()
    }
}

/// The flow of each host.
pub(super) fn flows(tree: &FatTree, routes: &[Route], spec: &Spec) -> Vec<PacketFlow> {
    let flow = |(src, route): (usize, &Route)| PacketFlow {
        src: tree.host(src),
        dst: tree.host(route.dst),
        path: tree.path(src, route.dst, route.agg, route.core),
        sends_ps: poisson(spec.seed.wrapping_add(src as u64 + 1), spec),
    };
    routes.iter().enumerate().map(flow).collect()
}

fn poisson(state: u64, spec: &Spec) -> Vec<u64> {
    let (mut random, mean, mut at) = (SplitMix64::new(state), spec.gap.as_ps() as f64, 0);
    let send = |_| {
        at += (-libm::log(unit(&mut random)) * mean) as u64 + 1;
        at
    };
    (0..spec.packets).map(send).collect()
}

/// In (0, 1]: the divisor is 2^53 as a float.
fn unit(random: &mut SplitMix64) -> f64 {
    ((random.next_u64() >> 11) + 1) as f64 / 9_007_199_254_740_993.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_paths_and_gaps_are_the_published_ones() {
        let w3 = w3(&Spec { packets: 2, ..Spec::w3() });
        let dst: Vec<_> = w3.flows[..8].iter().map(|f| f.dst.0).collect();
        assert_eq!(dst, [91, 81, 33, 102, 125, 48, 12, 92]);
        let of_length = |n| w3.flows.iter().filter(|f| f.path.len() == n).count();
        assert_eq!((of_length(2), of_length(4), of_length(6)), (6, 12, 110));
        let mut links: Vec<_> = w3.flows.iter().flat_map(|f| f.path.clone()).collect();
        links.sort();
        links.dedup();
        assert_eq!(links.len(), 574);
        assert_eq!((w3.flows[54].dst.0, w3.flows[54].path.len()), (54, 2), "to itself, over its own link");
        assert_eq!(w3.flows[0].sends_ps[0], 1_363_607);
    }

    #[test]
    fn every_seed_has_its_own_gaps_and_the_same_pairs() {
        let of = |seed| w3(&Spec { seed, packets: 3, ..Spec::w3() });
        let (a, b) = (of(1), of(u64::MAX));
        assert!(a.flows.iter().zip(&b.flows).all(|(a, b)| a.path == b.path));
        assert_eq!(a.flows[0].sends_ps, of(0).flows[1].sends_ps, "the states are seed + s + 1");
        assert_eq!(b.flows[1].sends_ps, of(0).flows[0].sends_ps, "they wrap");
    }
}
