//! Differences against the slow oracle of `testkit`, which shares no code with them, on all recorded networks and on random
//! ones: under no failure, each single link and node failure, and random pairs and worse, every load is within 1e-9 of what
//! it must be, however little is left, and nothing is left where nothing must be.

use proptest::prelude::*;
use testkit::{
    Down, PlainArc, PlainDemand, PlainNet, REPETITA, SNDLIB, SplitMix64, recorded, route, switch_fabric,
};
use twin::{Csr, Layer, LinkId, NodeId};
use umbra_models::{Change, Failures, Gone, NodeDemand, Routing, WhatIf};

/// A network for both sides.
struct Case {
    net: PlainNet,
    demands: Vec<PlainDemand>,
    csr: Csr,
    routing: Routing,
}

impl Case {
    fn new((net, demands): (PlainNet, Vec<PlainDemand>)) -> Self {
        let csr = Csr::compile(&net.to_twin(), Layer::Igp);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        Self { net, demands, csr, routing }
    }

    fn what_if(&self) -> WhatIf<'_> {
        let demand =
            |&(s, d, bps): &PlainDemand| NodeDemand { src: NodeId::new(s), dst: NodeId::new(d), bps };
        WhatIf::new(&self.csr, &self.routing, &self.demands.iter().map(demand).collect::<Vec<_>>())
    }

    /// What is wrong under this failure, if anything is.
    fn compare(&self, what_if: &WhatIf<'_>, change: &mut Change, down: &Down) -> Result<(), String> {
        let base = what_if.base();
        what_if.evaluate_loads(&gone(down), change);
        let mut loads = base.arc.clone();
        for ((arc, load), (moved, bps)) in change.loads().zip(change.moved()) {
            assert!(arc == moved && load - base.arc[arc.index()] == bps, "a load and its difference");
            loads[arc.index()] = load;
        }
        let expected = route(&self.net, &self.demands, down);
        let close = |got: f64, right: f64| (got - right).abs() <= 1e-9 * right;
        if let Some(arc) = (0..loads.len()).find(|arc| !close(loads[*arc], expected.arcs[*arc])) {
            return Err(format!("{down:?}: arc {arc} has {}, not {}", loads[arc], expected.arcs[arc]));
        }
        let got = (
            base.lost + change.lost(),
            base.lost_own + change.lost_own(),
            i64::from(base.disconnected_pairs) + change.disconnected_pairs(),
        );
        let right = (expected.lost, expected.lost_own, i64::from(expected.disconnected));
        let lost = (got.0 - right.0).abs() <= 1e-9 * right.0 + 1e-12 * base.lost;
        let same = lost && close(got.1, right.1) && got.2 == right.2;
        if same { Ok(()) } else { Err(format!("{down:?}: lost {got:?}, not {right:?}")) }
    }

    /// Nothing, all single links and nodes (or every `step`-th), and random failures of two to four links and nodes.
    fn check(&self, name: &str, step: usize, random_failures: usize) {
        let (what_if, links) = (self.what_if(), self.net.links());
        let mut change = what_if.scratch();
        let mut random = SplitMix64::new(1);
        let mut some = |of: usize, most: usize| {
            let count = random.below(most + 1);
            (0..count).map(|_| random.below(of)).collect::<Vec<_>>()
        };
        let singles = (0..links).step_by(step).map(|l| Down { links: vec![l], nodes: vec![] });
        let nodes = (0..self.net.nodes).step_by(step).map(|n| Down { links: vec![], nodes: vec![n] });
        let pairs: Vec<_> = (0..random_failures)
            .map(|i| match i % 4 {
                0..3 => Down { links: some(links, 3), nodes: vec![] },
                _ => Down { links: some(links, 2), nodes: some(self.net.nodes, 2) },
            })
            .collect();
        for down in std::iter::once(Down::default()).chain(singles).chain(nodes).chain(pairs) {
            if let Err(wrong) = self.compare(&what_if, &mut change, &down) {
                panic!("{name}, {wrong}");
            }
        }
    }
}

fn gone(down: &Down) -> Vec<Gone> {
    let links = down.links.iter().map(|l| Gone::Link(LinkId::new(*l)));
    links.chain(down.nodes.iter().map(|n| Gone::Node(NodeId::new(*n)))).collect()
}

#[test]
fn zoo_networks() {
    REPETITA[..5].iter().for_each(|name| Case::new(recorded(name)).check(name, 1, 60));
}

#[test]
fn large_zoo_networks() {
    REPETITA[5..8].iter().for_each(|name| Case::new(recorded(name)).check(name, 1, 40));
}

#[test]
fn the_largest_network() {
    REPETITA[8..].iter().for_each(|name| Case::new(recorded(name)).check(name, 1, 40));
}

#[test]
fn sndlib_networks() {
    SNDLIB.iter().for_each(|name| Case::new(recorded(name)).check(name, 1, 60));
}

#[test]
fn fat_trees() {
    Case::new(switch_fabric(4)).check("fat-tree 4", 1, 60);
    Case::new(switch_fabric(8)).check("fat-tree 8", 7, 30);
    Case::new(switch_fabric(16)).check("fat-tree 16", 500, 4);
}

/// More next hops than a word has bits: 70 links side by side, and a hub with 140 arcs.
#[test]
fn nodes_with_many_arcs() {
    let links = (0..70).map(|_| (0, 1, 1, Some(1))).chain((2..72).map(|n| (0, n, 1, Some(1))));
    let rim = (2..72).map(|n| (n, 2 + (n - 1) % 70, 1, Some(1)));
    let all: Vec<_> = links.chain(rim).map(|(a, b, there, back)| (a, b, there, back, 1)).collect();
    let demands = (0..72).flat_map(|a| (0..72).map(move |b| (a, b, (1 + a + 72 * b) as f64)));
    let case = Case::new((network(72, &all), demands.filter(|d| d.0 != d.1).collect()));
    case.check("hub", 5, 12);
}

/// What was evaluated before leaves no trace, and neither has who looks at the paths an effect.
#[test]
fn results_do_not_depend_on_what_was_before() {
    let case = Case::new(recorded("Geant2012"));
    let what_if = case.what_if();
    let (mut used, mut seen) = (what_if.scratch(), what_if.scratch());
    let all = |change: &Change| -> (Vec<_>, Vec<_>, [u64; 2], i64) {
        let loads = change.loads().map(|(arc, load)| (arc, load.to_bits())).collect();
        let moved = change.moved().map(|(arc, bps)| (arc, bps.to_bits())).collect();
        let lost = [change.lost(), change.lost_own()].map(f64::to_bits);
        (loads, moved, lost, change.disconnected_pairs())
    };
    for first in 0..case.net.links() {
        let down = Down { links: vec![first, (7 * first + 3) % case.net.links()], nodes: vec![first % 40] };
        let mut fresh = what_if.scratch();
        what_if.evaluate_loads(&gone(&down), &mut fresh);
        what_if.evaluate_loads(&gone(&down), &mut used);
        what_if.evaluate(&gone(&down), &mut seen, |_| {});
        assert_eq!(all(&fresh), all(&used), "{down:?}");
        assert_eq!(all(&fresh), all(&seen), "{down:?}");
    }
}

#[test]
fn nothing_is_allocated_once_the_room_has_grown() {
    let case = Case::new(recorded("Geant2012"));
    let what_if = case.what_if();
    let mut change = what_if.scratch();
    let failures: Vec<_> = (0..40).map(|node| [Gone::Node(NodeId(node)), Gone::Link(LinkId(node))]).collect();
    let mut all = || failures.iter().for_each(|gone| what_if.evaluate_loads(gone, &mut change));
    all();
    assert_eq!(allocation_counter::measure(all).count_total, 0);
}

/// A link of a network to be made: ends, metric there and back if it leads back, capacity.
type Link = (usize, usize, u64, Option<u64>, u64);

fn network(nodes: usize, links: &[Link]) -> PlainNet {
    let mut arcs = Vec::new();
    for (link, &(from, to, there, back, capacity)) in links.iter().enumerate() {
        let arc = |from, to, weight| PlainArc { from, to, link, weight, capacity: capacity as f64 };
        arcs.push(arc(from, to, there));
        arcs.extend(back.map(|weight| arc(to, from, weight)));
    }
    PlainNet { nodes, arcs }
}

/// Few metrics, so that ties are common; some of 0, some so large that a path's does not fit into 32 bits.
fn metric() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 1..4u64, 1 => Just(0u64), 1 => Just(u64::from(u32::MAX))]
}

/// Links side by side, from a node to itself, one way, with the least capacity; islands where links are few. Volumes of
/// very different size, so that little is left where much was.
fn any_case() -> impl Strategy<Value = (PlainNet, Vec<PlainDemand>, Vec<Down>)> {
    (2..10usize, 0..22usize).prop_flat_map(|(nodes, links)| {
        let capacity = prop_oneof![Just(1u64), Just(10_000_000_000)];
        let link = (0..nodes, 0..nodes, metric(), prop::option::weighted(0.8, metric()), capacity);
        let volume = (-6..12i32, 1..10u32).prop_map(|(tens, digit)| f64::from(digit) * 10f64.powi(tens));
        let demands = prop::collection::btree_map((0..nodes, 0..nodes), volume, 0..30);
        let some = move |of: usize| prop::collection::vec(0..of.max(1), 0..if of > 0 { 4 } else { 1 });
        let down = (some(links), prop::collection::vec(0..nodes, 0..2));
        let downs = prop::collection::vec(down.prop_map(|(links, nodes)| Down { links, nodes }), 1..6);
        (prop::collection::vec(link, links), demands, downs).prop_map(move |(links, demands, downs)| {
            let demands = demands.into_iter().filter(|((a, b), _)| a != b).map(|((a, b), v)| (a, b, v));
            (network(nodes, &links), demands.collect(), downs)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_networks((net, demands, downs) in any_case()) {
        let case = Case::new((net, demands));
        let what_if = case.what_if();
        let mut change = what_if.scratch();
        for down in downs {
            case.compare(&what_if, &mut change, &down).map_err(TestCaseError::fail)?;
        }
    }
}
