//! Fabrics of any size: fat trees, leaf-spine, and a wide-area ring with chords.
//!
//! Nodes are numbered as in the shared case files: switches from 0 by level, hosts from 10,000 in the order of their racks.

use engine::{Purpose, Seeds};
use rand::RngExt;
use twin::EntityKey;

use crate::fabric::telemetry::HOSTS;
use crate::fabric::topology::Fabric;

/// Which fabric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A fat tree of pods (Al-Fares et al., SIGCOMM 2008) with this even number of ports a switch. k/2 hosts a rack are
    /// as many as its uplinks; more are oversubscribed.
    FatTree {
        /// Ports of a switch, even.
        k: u32,
        /// Hosts of a rack.
        hosts: u32,
    },
    /// Every rack on every spine.
    LeafSpine {
        /// Racks.
        racks: u32,
        /// Spines.
        spines: u32,
        /// Hosts of a rack.
        hosts: u32,
    },
    /// Routers in a ring with half as many chords between others, drawn by the seed.
    Ring {
        /// Routers.
        routers: u32,
        /// Hosts at each router.
        hosts: u32,
    },
}

/// A fabric with what is known of its nodes.
#[derive(Clone, Debug)]
pub struct Net {
    /// The fabric.
    pub fabric: Fabric,
    /// Its directed links in the order of files, with what kind of link each is.
    pub links: Vec<(u32, u32, &'static str)>,
    /// The number of hosts.
    pub hosts: u32,
    /// Hosts of a rack.
    pub hosts_per_rack: u32,
    /// The switches that hosts send probes to: the highest level, or all routers.
    pub targets: Vec<u32>,
    /// Line cards: some links of a switch, in both directions.
    pub cards: Vec<Vec<(u32, u32)>>,
}

impl Net {
    /// The switch of a host by index.
    pub fn rack(&self, host: u32) -> u32 {
        host / self.hosts_per_rack.max(1)
    }

    /// The number of racks.
    pub fn racks(&self) -> u32 {
        self.hosts / self.hosts_per_rack.max(1)
    }

    /// The number of switches: nodes that are no hosts.
    pub fn switches(&self) -> u32 {
        self.fabric.node_count() as u32 - self.hosts
    }
}

impl Shape {
    /// The number of racks.
    pub fn racks(self) -> u32 {
        match self {
            Self::FatTree { k, .. } => k / 2 * k,
            Self::LeafSpine { racks, .. } => racks,
            Self::Ring { routers, .. } => routers,
        }
    }

    /// Builds it. Only a ring depends on the seed.
    pub fn build(self, seeds: Seeds) -> Net {
        let (cables, racks, hosts_per_rack, targets) = match self {
            Self::FatTree { k, hosts } => fat_tree(k.max(2) / 2, hosts),
            Self::LeafSpine { racks, spines, hosts } => {
                let up = (0..racks).flat_map(|r| (0..spines).map(move |s| (r, racks + s, "tor-spine")));
                (up.collect(), racks, hosts, (racks..racks + spines).collect())
            }
            Self::Ring { routers, hosts } => {
                (ring(routers, seeds), routers, hosts, (0..routers).collect::<Vec<_>>())
            }
        };
        let own = (0..racks * hosts_per_rack).map(|h| (h / hosts_per_rack, HOSTS + h, "host-tor"));
        let cards = cards(&cables);
        let both = |(a, b, kind): (u32, u32, &'static str)| [(a, b, kind), (b, a, kind)];
        let links: Vec<_> = cables.into_iter().chain(own).flat_map(both).collect();
        let ends: Vec<_> = links.iter().map(|(a, b, _)| (*a, *b)).collect();
        let fabric = Fabric::new(&ends);
        Net { fabric, links, hosts: racks * hosts_per_rack, hosts_per_rack, targets, cards }
    }
}

type Cables = Vec<(u32, u32, &'static str)>;

fn fat_tree(half: u32, hosts: u32) -> (Cables, u32, u32, Vec<u32>) {
    let racks = 2 * half * half;
    let mut cables = Vec::new();
    for rack in 0..racks {
        let pod = rack / half;
        cables.extend((0..half).map(|i| (rack, racks + pod * half + i, "tor-agg")));
    }
    for agg in 0..racks {
        let i = agg % half;
        cables.extend((0..half).map(|j| (racks + agg, 2 * racks + i * half + j, "agg-core")));
    }
    (cables, racks, hosts, (2 * racks..2 * racks + half * half).collect())
}

fn ring(routers: u32, seeds: Seeds) -> Cables {
    let mut stream = seeds.trial(0).stream(Purpose::WORLD, &EntityKey::new("ring"));
    let mut pairs: std::collections::BTreeSet<(u32, u32)> =
        (0..routers).map(|r| (r.min((r + 1) % routers), r.max((r + 1) % routers))).collect();
    pairs.retain(|(a, b)| a != b);
    for _ in 0..routers / 2 {
        let (a, b) = (stream.random_range(0..routers), stream.random_range(0..routers));
        if a != b {
            pairs.insert((a.min(b), a.max(b)));
        }
    }
    pairs.into_iter().map(|(a, b)| (a, b, "router-router")).collect()
}

/// Of a switch between others what goes up is a card and what goes down another; of one at the top each half of its ports.
/// Both directions of a link are on its card.
fn cards(cables: &Cables) -> Vec<Vec<(u32, u32)>> {
    let mut sides = std::collections::BTreeMap::<u32, [Vec<u32>; 2]>::new();
    for (a, b, _) in cables {
        sides.entry(*a).or_default()[0].push(*b);
        sides.entry(*b).or_default()[1].push(*a);
    }
    let mut cards = Vec::new();
    for (node, [up, down]) in sides {
        let card = |far: &[u32]| far.iter().flat_map(|f| [(node, *f), (*f, node)]).collect::<Vec<_>>();
        match (up.is_empty(), down.is_empty()) {
            (false, false) => cards.extend([card(&down), card(&up)]),
            (true, false) if down.len() > 1 => {
                let (first, second) = down.split_at(down.len() / 2);
                cards.extend([card(first), card(second)]);
            }
            _ => {}
        }
    }
    cards
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_have_the_sizes_of_their_formulas() {
        let build = |shape: Shape| {
            let net = shape.build(Seeds::new(1));
            (net.fabric.node_count(), net.fabric.link_count(), net.cards.len())
        };
        // 5k²/4 switches, k³/4 cables at each of two levels; three hosts for one uplink.
        assert_eq!(build(Shape::FatTree { k: 10, hosts: 15 }), (125 + 750, 2_500, 2 * 50 + 2 * 25));
        assert_eq!(build(Shape::FatTree { k: 4, hosts: 2 }), (20 + 16, 2 * (16 + 16 + 16), 2 * 8 + 2 * 4));
        assert_eq!(
            build(Shape::LeafSpine { racks: 6, spines: 4, hosts: 3 }),
            (10 + 18, 2 * (24 + 18), 2 * 4)
        );
        let ring = Shape::Ring { routers: 20, hosts: 2 };
        assert!(build(ring).1 > 2 * (20 + 40) && build(ring).1 <= 2 * (30 + 40));
    }

    #[test]
    fn numbers_are_those_of_the_shared_files() {
        let net = Shape::FatTree { k: 10, hosts: 15 }.build(Seeds::new(1));
        assert_eq!(net.links[0], (0, 50, "tor-agg"));
        let path = |a: u32, b: u32| {
            let node = |n| net.fabric.node(n).unwrap();
            let mut paths = crate::fabric::topology::Paths::new(&net.fabric);
            let routes = paths.between(node(a), node(b));
            let at = |i: usize| routes.path(i).map(|l| net.fabric.name(net.fabric.ends(l).1)).collect();
            (0..routes.len()).map(at).collect::<Vec<Vec<u32>>>()
        };
        // Host 0 is in pod 0, host 749 in pod 9; path 7 is by aggregation 1 and core (1, 2).
        assert_eq!(path(10_000, 10_749)[7], [0, 51, 107, 96, 49, 10_749]);
        assert_eq!(net.targets.first(), Some(&100));
    }
}
