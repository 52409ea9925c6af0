//! Classes of service and bundles, by formula and against an oracle that shares no code with the product.

use std::convert::Infallible;

use engine::Seeds;
use models::{Failures, NodeDemand, Routing};
use testkit::{Down, PlainDemand, PlainNet, SplitMix64, random_demands, random_network, recorded, route};
use twin::{ArcId, BitsPerSec, Csr, Layer, LinkId, LinkSpec, NodeId, NodeKind, SimDuration, TwinBuilder};
use umbra_scenarios::planning::availability::{Effects, FailureModel, Limits, Preset, exact};
use umbra_scenarios::planning::{
    ClassPlan, DAYS_A_YEAR, FailureList, FailureSet, Growth, Module, Plan, cheapest_upgrades, first_exceeded,
    optimal_max_util, sweep, upgrade_bound,
};

fn near(a: f64, b: f64, scale: f64) -> bool {
    (a - b).abs() <= 1e-9 * scale.abs().max(1e-300) || a == b
}

fn demands(plain: &[PlainDemand]) -> Vec<NodeDemand> {
    plain.iter().map(|d| NodeDemand { src: NodeId::new(d.0), dst: NodeId::new(d.1), bps: d.2 }).collect()
}

fn down(set: &FailureSet) -> Down {
    Down {
        links: set.links().iter().map(|link| link.index()).collect(),
        nodes: set.nodes().iter().map(|node| node.index()).collect(),
    }
}

// ---- classes --------------------------------------------------------------------------------------------------------

/// Loads of 4, 5 and 3 on 10: the third class gets 1 of 3 through. On 8: 4, 4 of 5, nothing. On 3: 3 of 4.
#[test]
fn strict_priority_serves_what_is_left() {
    for (capacity, utils, served) in [
        (12, [4.0 / 12.0, 9.0 / 12.0, 1.0], [1.0, 1.0, 1.0]),
        (10, [0.4, 0.9, 1.2], [1.0, 1.0, 1.0 / 3.0]),
        (8, [0.5, 1.125, 1.5], [1.0, 0.8, 0.0]),
        (3, [4.0 / 3.0, 3.0, 4.0], [0.75, 0.0, 0.0]),
    ] {
        let mut net = TwinBuilder::new("t");
        let [a, b] = ["a", "b"].map(|name| net.node(name, NodeKind::Router, None));
        net.link("ab", &a, &b, LinkSpec::symmetric(1, BitsPerSec::gbps(capacity), SimDuration::ZERO));
        let csr = Csr::compile(&net.finish(), Layer::Igp);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        let classes = [4e9, 5e9, 3e9].map(|bps| vec![NodeDemand { src: NodeId(0), dst: NodeId(1), bps }]);
        let plan = ClassPlan::new(&csr, &routing, &classes);
        let mut evaluator = plan.evaluator();
        let outcomes = evaluator.evaluate(&FailureSet::default());
        let loads: Vec<_> = evaluator.loads(ArcId(0)).collect();
        for class in 0..3 {
            assert!(near(loads[class].util, utils[class], 1.0), "{capacity}: {loads:?}");
            assert!(near(loads[class].served, served[class], 1.0), "{capacity}: {loads:?}");
            assert_eq!(outcomes[class].max_util, loads[class].util);
            assert_eq!(outcomes[class].max_arc, Some(ArcId(0)));
            assert_eq!(outcomes[class].squeezed_arcs, u32::from(served[class] < 1.0));
        }
        assert!(evaluator.loads(ArcId(1)).all(|l| (l.load, l.util, l.served) == (0.0, 0.0, 1.0)));
        let cut = evaluator.evaluate(&FailureSet::new(vec![LinkId(0)], vec![]));
        assert_eq!(cut.iter().map(|o| o.lost).collect::<Vec<_>>(), [4e9, 5e9, 3e9]);
        assert!(cut.iter().all(|o| (o.max_util, o.max_arc, o.squeezed_arcs) == (0.0, None, 0)));
    }
}

/// Three classes by uneven shares; the second has no part in some pairs.
fn classes(demands: &[NodeDemand]) -> Vec<Vec<NodeDemand>> {
    let shares = |d: &NodeDemand| match (d.src.0 + 2 * d.dst.0) % 3 {
        0 => [0.125, 0.5, 0.375],
        1 => [0.25, 0.0, 0.75],
        _ => [0.0625, 0.9375, 0.0],
    };
    let part = |class: usize| {
        let parts = demands.iter().map(|d| NodeDemand { bps: d.bps * shares(d)[class], ..*d });
        parts.filter(|d| d.bps > 0.0).collect()
    };
    (0..3).map(part).collect()
}

fn check_classes(name: &str, net: &PlainNet, all: &[NodeDemand], csr: &Csr, list: &FailureList) {
    let routing = Routing::compute(csr, &Failures::none(csr));
    let classes = classes(all);
    let (plan, total) = (ClassPlan::new(csr, &routing, &classes), Plan::new(csr, &routing, all));
    let (mut evaluator, mut whole) = (plan.evaluator(), total.evaluator());
    let plain: Vec<Vec<PlainDemand>> =
        classes.iter().map(|c| c.iter().map(|d| (d.src.index(), d.dst.index(), d.bps)).collect()).collect();
    // By class and arc: the largest utilisation and the smallest share over the failures.
    let mut worst = vec![vec![(0.0_f64, 1.0_f64); csr.arc_count()]; 3];
    let mut outcomes = Vec::new();
    for scenario in 0..list.len() {
        let set = list.get(scenario).0;
        let found = evaluator.evaluate(&set);
        let all = whole.evaluate(&set);
        let slow: Vec<_> = plain.iter().map(|class| route(net, class, &down(&set))).collect();
        for class in 0..3 {
            assert!(near(found[class].lost, slow[class].lost, plan.total(class)), "{name} {scenario}");
            assert!(
                near(found[class].lost_own, slow[class].lost_own, plan.total(class)),
                "{name} {scenario}"
            );
        }
        let sum = |of: fn(&umbra_scenarios::planning::ClassOutcome) -> f64| found.iter().map(of).sum::<f64>();
        assert!(
            near(sum(|o| o.lost), all.lost, total.total())
                && near(sum(|o| o.lost_own), all.lost_own, total.total())
        );
        assert!(near(found.iter().map(|o| o.max_util).fold(0.0, f64::max), all.max_util, all.max_util));
        let mut squeezed = [0; 3];
        for arc in (0..csr.arc_count()).map(ArcId::new) {
            let loads: Vec<_> = evaluator.loads(arc).collect();
            let sum: f64 = loads.iter().map(|l| l.load).sum();
            assert!(near(sum, whole.load(arc), sum), "{name} {scenario}: {sum} and {}", whole.load(arc));
            let (mut above, mut served_above) = (0.0, 0.0);
            for class in 0..3 {
                let (load, capacity) = (slow[class].arcs[arc.index()], net.arcs[arc.index()].capacity);
                above += load;
                // What gets through, as a queue that always serves the higher class first would do it.
                let served = (capacity - served_above).min(load);
                served_above += served;
                let share = if load > 0.0 { served / load } else { 1.0 };
                let here = loads[class];
                assert!(near(here.load, load, load.max(1e-9 * capacity)), "{name} {scenario}");
                assert!(near(here.util, above / capacity, here.util), "{name} {scenario}");
                // What is left is a difference: its error is that of the whole, over the load of the class.
                let room = if load > 0.0 { 1e-9 * above / load } else { 0.0 };
                assert!((here.served - share).abs() <= room, "{name} {scenario}: {here:?}, {share}");
                squeezed[class] += u32::from(here.served < 1.0);
                if scenario > 0 {
                    let worst = &mut worst[class][arc.index()];
                    *worst = (worst.0.max(here.util), worst.1.min(here.served));
                }
            }
        }
        assert_eq!(found.iter().map(|o| o.squeezed_arcs).collect::<Vec<_>>(), squeezed);
        outcomes.push(found);
    }
    let mut next = 0;
    let found = plan
        .sweep(list, 0..list.len(), |scenario, row| {
            assert_eq!((scenario, row), (next, outcomes[next as usize].as_slice()));
            next += 1;
            Ok::<_, Infallible>(())
        })
        .unwrap();
    assert_eq!(next, list.len());
    for (class, (found, worst)) in found.iter().zip(&worst).enumerate() {
        for (arc, (found, (util, served))) in found.iter().zip(worst).enumerate() {
            let mut at = |scenario: u32| {
                evaluator.evaluate(&list.get(scenario).0);
                evaluator.loads(ArcId::new(arc)).nth(class).unwrap()
            };
            let (fullest, scenario) = found.fullest.unwrap();
            assert_eq!((fullest.util, fullest), (*util, at(scenario)));
            match found.squeezed {
                Some((least, scenario)) => assert_eq!((least, at(scenario).served), (*served, *served)),
                None => assert_eq!(*served, 1.0),
            }
        }
    }
}

#[test]
fn classes_of_recorded_networks_match_the_oracle() {
    for name in ["Abilene", "polska", "nobel-us", "AttMpls", "Geant2012"] {
        let (net, plain) = recorded(name);
        let csr = Csr::compile(&net.to_twin(), Layer::Igp);
        for list in [FailureList::links(&csr, 1), FailureList::nodes(&csr)] {
            check_classes(name, &net, &demands(&plain), &csr, &list);
        }
    }
}

// ---- bundles --------------------------------------------------------------------------------------------------------

/// The network with some links made of members: by link, how many and how many of them it needs.
fn bundled(net: &PlainNet, members: &[(u32, u32)]) -> Csr {
    let mut twin = net.to_twin();
    let csr = Csr::compile(&twin, Layer::Igp);
    for (link, (count, least)) in members.iter().enumerate().filter(|(_, m)| m.0 > 1) {
        let (a, b) = &csr.ports[csr.link_arcs[link][0].index()];
        let changes = twin.split_into_members(&format!("l{link}"), [a, b], *count, *least);
        changes.iter().for_each(|change| twin.set(change));
    }
    Csr::compile(&twin, Layer::Igp)
}

/// What the oracle is to see of a failure set: links of which too few members are left are down, others thinner.
fn plainly(net: &PlainNet, csr: &Csr, set: &FailureSet) -> (PlainNet, Down) {
    let (mut net, mut down) = (net.clone(), Down::default());
    down.nodes = set.nodes().iter().map(|node| node.index()).collect();
    down.links = set.links().iter().map(|l| l.index()).filter(|l| *l < net.links()).collect();
    for bundle in &csr.bundles {
        let up = bundle.members.iter().filter(|member| !set.links().contains(member)).count();
        if up < bundle.min_links as usize {
            down.links.push(bundle.link.index());
        } else {
            let arcs = net.arcs.iter_mut().filter(|arc| arc.link == bundle.link.index());
            arcs.for_each(|arc| arc.capacity *= up as f64 / bundle.members.len() as f64);
        }
    }
    (net, down)
}

#[test]
fn members_that_fail_take_capacity_and_too_many_the_bundle() {
    for seed in 0..40 {
        let twin = random_network(seed);
        let net = PlainNet::of(&twin);
        let mut random = SplitMix64::new(seed);
        let members: Vec<_> = (0..net.links())
            .map(|_| {
                let count = random.below(5) as u32;
                (count, 1 + random.below(count.max(1) as usize) as u32)
            })
            .collect();
        let csr = bundled(&net, &members);
        if csr.link_count() == 0 {
            continue;
        }
        assert_eq!(csr.bundles.len(), members.iter().filter(|m| m.0 > 1).count());
        let drawn = models::node_demands(&Csr::compile(&twin, Layer::Igp), &random_demands(&twin, seed));
        let plain: Vec<PlainDemand> = drawn.iter().map(|d| (d.src.index(), d.dst.index(), d.bps)).collect();
        let all = demands(&plain);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        let plan = Plan::new(&csr, &routing, &all);
        let mut sets: Vec<_> = (0..60)
            .map(|_| {
                let links = (0..random.below(6)).map(|_| LinkId::new(random.below(csr.link_count())));
                let links = links.collect();
                let nodes =
                    if random.below(4) == 0 { vec![NodeId::new(random.below(net.nodes))] } else { vec![] };
                FailureSet::new(links, nodes)
            })
            .collect();
        sets.extend((0..csr.link_count()).map(|l| FailureSet::new(vec![LinkId::new(l)], vec![])));
        let list = FailureList::listed(sets);
        let mut worst = vec![0.0_f64; csr.arc_count()];
        let mut evaluator = plan.evaluator();
        let found = sweep(&plan, &list, 0..list.len(), |rows| {
            for row in rows {
                let (net, down) = plainly(&net, &csr, &row.set);
                let slow = route(&net, &plain, &down);
                let most = slow.max_utilization(&net);
                assert!(near(row.outcome.max_util, most, most), "seed {seed}: {row:?}, {most}");
                assert!(near(row.outcome.lost, slow.lost, plan.total()), "seed {seed}: {row:?}");
                assert!(near(row.outcome.lost_own, slow.lost_own, plan.total()), "seed {seed}: {row:?}");
                assert_eq!(row.outcome.disconnected_pairs, slow.disconnected);
                assert_eq!(evaluator.evaluate(&row.set), row.outcome);
                for (i, (load, arc)) in slow.arcs.iter().zip(&net.arcs).enumerate() {
                    let util = evaluator.util(ArcId::new(i));
                    assert!(near(util, load / arc.capacity, most), "seed {seed}: {row:?}, arc {i}");
                    if !down.links.contains(&arc.link) {
                        assert!(near(evaluator.capacity(ArcId::new(i)), arc.capacity, arc.capacity));
                    }
                    if row.number > 0 {
                        worst[i] = worst[i].max(util);
                    }
                }
            }
            Ok::<_, Infallible>(())
        })
        .unwrap();
        for (i, util) in worst.iter().enumerate() {
            assert_eq!(found.of(ArcId::new(i)).first().map_or(0.0, |cause| cause.util), *util, "seed {seed}");
        }
    }
}

/// Two nodes and a bundle of four, 3 Gbit/s on 4: 0.75 with all, 1 with three, down with two.
fn trunk() -> Csr {
    let mut net = TwinBuilder::new("t");
    let [a, b] = ["a", "b"].map(|name| net.node(name, NodeKind::Router, None));
    net.link("trunk", &a, &b, LinkSpec::symmetric(1, BitsPerSec::gbps(4), SimDuration::ZERO));
    let mut twin = net.finish();
    let csr = Csr::compile(&twin, Layer::Igp);
    let (from, to) = &csr.ports[0];
    twin.split_into_members("trunk", [from, to], 4, 3).iter().for_each(|change| twin.set(change));
    Csr::compile(&twin, Layer::Igp)
}

#[test]
fn three_of_four_members_are_a_bundle_and_two_are_none() {
    let csr = trunk();
    let routing = Routing::compute(&csr, &Failures::none(&csr));
    let all = [NodeDemand { src: NodeId(0), dst: NodeId(1), bps: 3e9 }];
    let plan = Plan::new(&csr, &routing, &all);
    let mut evaluator = plan.evaluator();
    let without = |members: &[u32]| {
        let links = members.iter().map(|m| LinkId(*m)).collect();
        let outcome = evaluator.evaluate(&FailureSet::new(links, vec![]));
        (outcome.max_util, outcome.lost)
    };
    assert_eq!(
        [&[][..], &[2], &[1, 4], &[0], &[0, 3]].map(without),
        [(0.75, 0.0), (1.0, 0.0), (0.0, 3e9), (0.0, 3e9), (0.0, 3e9)]
    );
    // By 30 % a year 3 of 4 grow beyond 1.1 of 3 in a third of a year, and of 4 in more than a year.
    let growth = Growth::new(&all, &[0.3]);
    for (list, capacity) in [(FailureList::members(&csr), 3.0_f64), (FailureList::none(), 4.0)] {
        assert!(list.len() == 5 || list.len() == 1);
        let found = first_exceeded(&csr, &routing, &growth, &list, 1.1)[0];
        let days = (1.1 * capacity / 3.0_f64).ln() / 1.3_f64.ln() * DAYS_A_YEAR;
        assert_eq!(found.day, Some(days.floor() as u32 + 1));
    }
    // There is one way only, so the best routing is the one there is.
    for (members, util) in [(&[][..], 0.75), (&[2], 1.0), (&[1, 4], 0.0)] {
        let set = FailureSet::new(members.iter().map(|m| LinkId(*m)).collect(), vec![]);
        let best = optimal_max_util(&csr, &set, &all).unwrap();
        assert!(near(best.at_least, util, 1.0) && near(best.at_most, util, 1.0), "{members:?}: {best:?}");
    }
    // At most 0.8 with three of four members: 3 / 0.8 = 3.75 of three quarters, so 5 in all, 1 more at 7 a Gbit/s.
    let modules = vec![vec![Module { capacity: BitsPerSec::gbps(2), cost: 14.0 }]; csr.link_count()];
    let advice = cheapest_upgrades(&plan, &FailureList::members(&csr), &modules, 0.8);
    assert!(near(advice.any_amount, 7.0, 1.0) && advice.cost() == 14.0 && advice.at_least == 14.0);
    let sets: Vec<_> = (0..5).map(|i| FailureList::members(&csr).get(i).0).collect();
    let bound = upgrade_bound(&plan, &sets, &modules, 0.8).unwrap();
    assert!(bound.reached && (bound.cost - 7.0).abs() < 1e-5, "{bound:?}");
}

/// A bundle that needs three of four is up with probability `(1-p)^4 + 4 p (1-p)^3`, and full beyond 0.9 with four up never.
#[test]
fn a_bundle_is_as_available_as_k_out_of_n() {
    let csr = trunk();
    let routing = Routing::compute(&csr, &Failures::none(&csr));
    let all = [NodeDemand { src: NodeId(0), dst: NodeId(1), bps: 3e9 }];
    let plan = Plan::new(&csr, &routing, &all);
    let p = 0.01_f64;
    let model = FailureModel::new(Preset::Links(p), &plan, &[], Seeds::new(1)).unwrap();
    assert_eq!(model.components.len(), 4, "members fail, the bundle by them");
    let answer = exact(&mut Effects::new(&plan, 0.9), &model, Limits { gap: 0.0, states: 1 << 10 }).answer;
    let (four, three) = ((1.0 - p).powi(4), 4.0 * p * (1.0 - p).powi(3));
    for ((_, found, _), truth) in
        answer.measures.named().iter().zip([four + three, 1.0 - four - three, three])
    {
        assert!((found.value - truth).abs() < 1e-12, "{found:?} and {truth}");
    }
}
