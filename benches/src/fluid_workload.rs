//! Flows that share a fat-tree until the last has ended: the workload by which flow-level simulators are compared.
//!
//! A 3-level fat-tree of k = 8 with 128 hosts and links of 10 Gbit/s; N flows between uniformly random pairs of different
//! hosts, all beginning at once, of 10 MB · (Exp(1) + 0.01). Routes are D-mod-k (Zahavi, "D-Mod-K routing providing
//! non-blocking traffic for shift permutations on real life fat trees", 2010): on the way up, the digits of the
//! destination choose. SimGrid 3.32 (CM02) takes 0.37, 1.69 and 10.4 ms of CPU time per completion for N = 1,000, 3,000
//! and 10,000.

use engine::Digest;
use models::fluid::{Completion, CompletionRun, FluidFlow};
use testkit::SplitMix64;
use twin::{ArcId, Bytes, SimTime};

/// Ports of a switch.
const K: usize = 8;
const HALF: usize = K / 2;
const HOSTS: usize = K * HALF * HALF;
/// Links of each of the three levels in each direction.
const LEVEL: usize = HOSTS;

/// What one run gives.
#[derive(Clone, Debug, PartialEq)]
pub struct FluidRun {
    /// Flows that were started.
    pub flows: usize,
    /// Time on the caller's clock from the first re-share to the last completion.
    pub cpu_s: f64,
    /// Flows that ended.
    pub completions: usize,
    /// When the last ended.
    pub end: SimTime,
    /// Over each flow's number and end, by time.
    pub digest: String,
}

/// Runs `flows` flows to their ends. `cpu_seconds` reads a clock, such as the process's CPU time; routes and groups are
/// made before it starts.
pub fn fluid_workload(flows: usize, seed: u64, cpu_seconds: impl Fn() -> f64) -> FluidRun {
    let flows = fat_tree_flows(flows, seed);
    let capacities = fat_tree_capacities();
    let mut run = CompletionRun::new(&capacities, &flows);
    let began = cpu_seconds();
    while run.step() {}
    let cpu_s = cpu_seconds() - began;
    let ends = run.finish();
    let digest = |d: Digest, c: &Completion| d.u64(u64::from(c.flow)).u64(c.at.as_ps());
    FluidRun {
        flows: flows.len(),
        cpu_s,
        completions: ends.len(),
        end: ends.last().map_or(SimTime::ZERO, |c| c.at),
        digest: ends.iter().fold(Digest::new("fluid-workload/1"), digest).hex(),
    }
}

/// The links of the tree, all of 10 Gbit/s: up from hosts, edges and aggregations, then down to them.
pub fn fat_tree_capacities() -> Vec<f64> {
    vec![10e9; 6 * LEVEL]
}

/// The flows of the workload.
pub fn fat_tree_flows(flows: usize, seed: u64) -> Vec<FluidFlow> {
    let mut random = SplitMix64::new(seed);
    let mut flow = |_| {
        let src = random.below(HOSTS);
        let dst = (src + 1 + random.below(HOSTS - 1)) % HOSTS;
        let u = ((random.next_u64() >> 11) + 1) as f64 / 9_007_199_254_740_993_f64;
        let size = Bytes::new((10e6 * (0.01 - libm::log(u))) as u64);
        FluidFlow { path: route(src, dst), size, start: SimTime::ZERO, weight: 1, cap: f64::INFINITY }
    };
    (0..flows).map(&mut flow).collect()
}

/// The links from host to host. Host h is the (h mod 4)-th at its edge switch h / 4; four edges make a pod of 16 hosts.
fn route(src: usize, dst: usize) -> Vec<ArcId> {
    let edge = |host: usize| host / HALF;
    let pod = |host: usize| host / (HALF * HALF);
    let (agg, core) = (dst % HALF, dst / HALF % HALF);
    // A link is named by level, direction, and its place among those of the level.
    let up = |level: usize, place: usize| ArcId::new(level * LEVEL + place);
    let down = |level: usize, place: usize| ArcId::new((3 + level) * LEVEL + place);
    let mut path = vec![up(0, src)];
    if edge(src) != edge(dst) {
        path.push(up(1, edge(src) * HALF + agg));
        if pod(src) != pod(dst) {
            path.push(up(2, (pod(src) * HALF + agg) * HALF + core));
            path.push(down(2, (pod(dst) * HALF + agg) * HALF + core));
        }
        path.push(down(1, edge(dst) * HALF + agg));
    }
    path.push(down(0, dst));
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_have_the_lengths_of_a_fat_tree_and_use_every_link() {
        let mut used = vec![false; 6 * LEVEL];
        for (src, dst) in (0..HOSTS).flat_map(|s| (0..HOSTS).map(move |d| (s, d))).filter(|(s, d)| s != d) {
            let path = route(src, dst);
            let expected = [(4, 2), (16, 4), (HOSTS, 6)].into_iter().find(|(n, _)| src / n == dst / n);
            assert_eq!(path.len(), expected.unwrap().1);
            path.iter().for_each(|arc| used[arc.index()] = true);
        }
        assert!(used.iter().all(|u| *u));
    }

    #[test]
    fn every_flow_ends_not_before_its_own_link_lets_it_and_twice_alike() {
        let run = || fluid_workload(300, 1, || 0.0);
        assert_eq!(run(), run());
        assert_eq!((run().completions, run().cpu_s), (300, 0.0));
        // The busiest host link is busy to the end of its last flow.
        let flows = fat_tree_flows(300, 1);
        let mut bits = vec![0.0; 6 * LEVEL];
        for flow in &flows {
            flow.path.iter().for_each(|arc| bits[arc.index()] += flow.size.get() as f64 * 8.0);
        }
        let least = bits.iter().fold(0.0_f64, |a, b| a.max(*b)) / 10e9;
        let end = run().end.as_secs_f64();
        assert!(end >= least * (1.0 - 1e-12) && end < 2.0 * least, "{end} s for at least {least} s");
    }
}
