//! Routing against the slow oracle of `testkit`, which shares no code with it: every load and every lost volume, on
//! random networks with every difficulty and on recorded ones, under no failure, each single link and node failure, and
//! random pairs.

use testkit::{Down, PlainDemand, PlainNet, SplitMix64, random_demands, random_network, recorded, route};
use twin::{Csr, Layer, LinkId, NodeId};
use umbra_models::{Change, Failures, Gone, Loads, NodeDemand, Routing, UNREACHABLE, WhatIf, node_demands};

/// The same network for both sides.
struct Case {
    name: String,
    csr: Csr,
    net: PlainNet,
    demands: Vec<NodeDemand>,
    base: Routing,
}

impl Case {
    fn random(seed: u64) -> Self {
        let twin = random_network(seed);
        let csr = Csr::compile(&twin, Layer::Igp);
        let demands = node_demands(&csr, &random_demands(&twin, seed));
        Self::new(format!("random {seed}"), csr, PlainNet::of(&twin), demands)
    }

    fn recorded(name: &str) -> Self {
        let (net, demands) = recorded(name);
        let node = |n: usize| NodeId::new(n);
        let demands =
            demands.into_iter().map(|(src, dst, bps)| NodeDemand { src: node(src), dst: node(dst), bps });
        Self::new(name.to_owned(), Csr::compile(&net.to_twin(), Layer::Igp), net, demands.collect())
    }

    fn new(name: String, csr: Csr, net: PlainNet, demands: Vec<NodeDemand>) -> Self {
        let base = Routing::compute(&csr, &Failures::none(&csr));
        Self { name, csr, net, demands, base }
    }

    /// Compares both sides under this failure: from scratch, from the base routing, and by difference.
    fn check(&self, links: &[usize], nodes: &[usize], what_if: &WhatIf<'_>, change: &mut Change) {
        let mut failures = Failures::none(&self.csr);
        for link in links {
            failures = failures.with_link(LinkId::new(*link));
        }
        for node in nodes {
            failures = failures.with_node(NodeId::new(*node));
        }
        let plain: Vec<PlainDemand> =
            self.demands.iter().map(|d| (d.src.index(), d.dst.index(), d.bps)).collect();
        let expected = route(&self.net, &plain, &Down { links: links.to_vec(), nodes: nodes.to_vec() });
        for routing in [Routing::compute(&self.csr, &failures), self.base.after(&self.csr, &failures)] {
            let got = Loads::compute(&self.csr, &routing, &failures, &self.demands);
            let pairs = got.arc.iter().zip(&expected.arcs);
            let sums = [(&got.lost, &expected.lost), (&got.lost_own, &expected.lost_own)];
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * b.abs();
            assert!(
                pairs.chain(sums).all(close) && got.disconnected_pairs == expected.disconnected,
                "{}, links {links:?} and nodes {nodes:?} down: {got:?}, expected {expected:?}",
                self.name
            );
        }
        self.check_change(&failures, links, nodes, what_if, change);
    }

    /// The change says the same as loads and routing from scratch.
    fn check_change(
        &self,
        failures: &Failures,
        links: &[usize],
        nodes: &[usize],
        what_if: &WhatIf<'_>,
        change: &mut Change,
    ) {
        let gone: Vec<Gone> = (links.iter().map(|l| Gone::Link(LinkId::new(*l))))
            .chain(nodes.iter().map(|n| Gone::Node(NodeId::new(*n))))
            .collect();
        let routing = Routing::compute(&self.csr, failures);
        let loads = Loads::compute(&self.csr, &routing, failures, &self.demands);
        let mut seen = vec![false; self.csr.node_count()];
        what_if.evaluate(&gone, change, |after| {
            seen[after.dst().index()] = true;
            let spf = routing.to(after.dst());
            for node in (0..self.csr.node_count()).map(NodeId::new) {
                assert_eq!(after.distance(node), spf.distance(node), "{} {gone:?}", self.name);
                assert_eq!(after.next_arcs(node), spf.next_arcs(node), "{} {gone:?}", self.name);
            }
            let far = |v: &NodeId| std::cmp::Reverse(after.distance(*v));
            assert!(after.order().is_sorted_by_key(far), "{} {gone:?}", self.name);
            let reached = (0..self.csr.node_count()).filter(|v| spf.distance(NodeId::new(*v)) != UNREACHABLE);
            assert_eq!(after.order().len(), reached.count(), "{} {gone:?}", self.name);
        });
        for dst in (0..seen.len()).filter(|d| !seen[*d]).map(NodeId::new) {
            assert_eq!(
                routing.to(dst),
                self.base.to(dst),
                "{} {gone:?}: a destination was missed",
                self.name
            );
        }
        let mut arcs = what_if.base().arc.clone();
        change.moved().for_each(|(arc, bps)| arcs[arc.index()] += bps);
        let total: f64 = self.demands.iter().map(|d| d.bps).sum();
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * total;
        assert!(
            arcs.iter().zip(&loads.arc).all(|(a, b)| close(*a, *b))
                && close(what_if.base().lost + change.lost(), loads.lost)
                && close(what_if.base().lost_own + change.lost_own(), loads.lost_own)
                && i64::from(what_if.base().disconnected_pairs) + change.disconnected_pairs()
                    == i64::from(loads.disconnected_pairs),
            "{} {gone:?}: {arcs:?} {change:?}, expected {loads:?}",
            self.name
        );
    }

    fn check_all_singles_and_some_pairs(&self, pairs: usize) {
        let (links, nodes) = (self.net.links(), self.net.nodes);
        let what_if = WhatIf::new(&self.csr, &self.base, &self.demands);
        let mut change = what_if.scratch();
        let mut check = |links: &[usize], nodes: &[usize]| self.check(links, nodes, &what_if, &mut change);
        check(&[], &[]);
        (0..links).for_each(|l| check(&[l], &[]));
        (0..nodes).for_each(|n| check(&[], &[n]));
        let mut random = SplitMix64::new(1);
        for _ in 0..if links > 0 { pairs } else { 0 } {
            check(&[random.below(links), random.below(links)], &[]);
            check(&[random.below(links)], &[random.below(nodes)]);
        }
    }
}

#[test]
fn random_networks() {
    (0..150).for_each(|seed| Case::random(seed).check_all_singles_and_some_pairs(5));
}

#[test]
fn recorded_networks() {
    for name in ["Abilene", "AttMpls", "Geant2012"] {
        Case::recorded(name).check_all_singles_and_some_pairs(20);
    }
}
