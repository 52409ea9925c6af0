//! Random networks with everything that shortest paths find hard: parallel links, ties, one-way arcs, self-loops,
//! partitions, metrics of zero.

use twin::{BitsPerSec, Demand, DemandMatrix, EntityKey, LinkSpec, NodeKind, SimDuration, Twin, TwinBuilder};

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014): a generator that fits
/// in three lines and will give the same numbers for ever. For making test data, never for the product's chance.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of a place, which depends on nothing else.
    pub fn at(a: u64, b: u64) -> Self {
        Self::new(Self::new(a).next_u64() ^ b)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to 1.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A nearly normal number of mean 0 and standard deviation 1: twelve from 0 to 1, less six.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// A number in `0..n`, as good as uniform for small `n`.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next_u64() % n as u64) as usize
    }
}

/// A small random network (2 to 24 nodes), often unconnected; the seed decides everything. Metrics are drawn from few
/// values, so that ties are common.
pub fn random_network(seed: u64) -> Twin {
    let mut random = SplitMix64::new(seed);
    let mut net = TwinBuilder::new("random");
    let nodes = named_nodes(&mut net, 2 + random.below(23));
    let islands = if random.below(4) == 0 { 2 } else { 1 };
    let metrics = [1, 3, 10][random.below(3)];
    let mut last = (0, 0);
    for link in 0..random.below(3 * nodes.len()) {
        let (a, mut b) = (random.below(nodes.len()), random.below(nodes.len()));
        if a == b && random.below(4) > 0 {
            b = (b + islands) % nodes.len();
        }
        let parallel = link > 0 && random.below(8) == 0;
        let (a, b) = if parallel { last } else { (a, b) };
        if a % islands == b % islands {
            let one_way = random.below(6) == 0;
            let forward = random_half(&mut random, metrics);
            let backward = (!one_way).then(|| random_half(&mut random, metrics));
            net.link(&format!("l{link}"), &nodes[a], &nodes[b], LinkSpec { forward, backward });
            last = (a, b);
        }
    }
    net.finish()
}

/// A connected network of any size with a mean degree of 4, the shape of a large backbone: a ring, and as many chords
/// between random nodes. Metrics 1 to 10, 100 Gbit/s, 1 ms.
pub fn ring_with_chords(size: usize, seed: u64) -> Twin {
    let mut random = SplitMix64::new(seed);
    let mut net = TwinBuilder::new("ring with chords");
    let nodes = named_nodes(&mut net, size);
    for from in 0..size {
        for (name, to) in [("ring", (from + 1) % size), ("chord", random.below(size))] {
            let metric = 1 + random.below(10) as u32;
            let spec = LinkSpec::symmetric(metric, BitsPerSec::gbps(100), SimDuration::millis(1));
            if from != to {
                net.link(&format!("{name}{from}"), &nodes[from], &nodes[to], spec);
            }
        }
    }
    net.finish()
}

/// Demands between half of all ordered pairs of a twin's nodes, of 1 to 1,000 Mbit/s each.
pub fn random_demands(twin: &Twin, seed: u64) -> DemandMatrix {
    let mut random = SplitMix64::new(seed);
    let nodes = twin.nodes();
    let mut demands = Vec::new();
    for src in &nodes {
        for dst in &nodes {
            let bps = 1e6 * (1 + random.below(1_000)) as f64;
            if random.below(2) == 0 {
                demands.push(Demand { src: src.key.clone(), dst: dst.key.clone(), bps });
            }
        }
    }
    DemandMatrix::new(demands)
}

fn named_nodes(net: &mut TwinBuilder, count: usize) -> Vec<EntityKey> {
    (0..count).map(|n| net.node(&format!("n{n}"), NodeKind::Router, None)).collect()
}

fn random_half(random: &mut SplitMix64, metrics: usize) -> (u32, BitsPerSec, SimDuration) {
    let metric = if random.below(20) == 0 { 0 } else { 1 + random.below(metrics) as u32 };
    (metric, BitsPerSec::gbps(1 + random.below(10) as u64), SimDuration::micros(random.below(1_000) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Down, PlainNet, distances_to};

    #[test]
    fn the_generator_is_the_published_one() {
        // The first outputs for seed 1234567, as Rosetta Code and Java's SplittableRandom give them.
        let mut random = SplitMix64::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn random_networks_have_every_difficulty() {
        let nets: Vec<_> = (0..100).map(|seed| PlainNet::of(&random_network(seed))).collect();
        let some = |has: &dyn Fn(&PlainNet) -> bool| nets.iter().filter(|n| has(n)).count();
        let parallel = |n: &PlainNet| {
            let pairs = n.arcs.iter().map(|a| (a.from, a.to));
            pairs.clone().collect::<std::collections::BTreeSet<_>>().len() < pairs.count()
        };
        let one_way =
            |n: &PlainNet| (0..n.links()).any(|l| n.arcs.iter().filter(|a| a.link == l).count() == 1);
        let self_loop = |n: &PlainNet| n.arcs.iter().any(|a| a.from == a.to);
        let zero = |n: &PlainNet| n.arcs.iter().any(|a| a.weight == 0);
        let reaches_all = |n: &PlainNet| distances_to(n, &Down::default(), 0).iter().all(Option::is_some);
        assert!(some(&parallel) > 20 && some(&one_way) > 20 && some(&self_loop) > 10 && some(&zero) > 10);
        assert!((20..=80).contains(&some(&reaches_all)));
    }

    #[test]
    fn a_ring_with_chords_is_connected_and_repeats() {
        let twin = ring_with_chords(100, 7);
        let net = PlainNet::of(&twin);
        assert!(distances_to(&net, &Down::default(), 0).iter().all(Option::is_some));
        assert_eq!(PlainNet::of(&ring_with_chords(100, 7)), net);
        assert!((190..=200).contains(&net.links()));
    }

    #[test]
    fn demands_are_between_different_nodes() {
        let demands = random_demands(&random_network(3), 3);
        assert!(demands.demands().iter().all(|d| d.src != d.dst && d.bps >= 1e6));
    }
}
