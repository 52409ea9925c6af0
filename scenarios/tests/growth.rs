//! First dates of a limit against stepping through the days.

use models::{Failures, NodeDemand, Routing, node_demands};
use testkit::{random_demands, random_network};
use twin::{Csr, Layer, NodeId};
use umbra_scenarios::planning::{DAYS_A_YEAR, FailureList, Growth, Plan, first_exceeded, sweep};

/// The largest utilisation of each arc over the list, with every demand grown to that day.
fn worst_on(csr: &Csr, demands: &[NodeDemand], rates: &[f64], list: &FailureList, day: u32) -> Vec<f64> {
    let grow = |(d, rate): (&NodeDemand, &f64)| {
        let bps = d.bps * (1.0 + rate).powf(f64::from(day) / DAYS_A_YEAR);
        NodeDemand { bps, ..*d }
    };
    let grown: Vec<_> = demands.iter().zip(rates).map(grow).collect();
    let routing = Routing::compute(csr, &Failures::none(csr));
    let plan = Plan::new(csr, &routing, &grown);
    let worst = sweep(&plan, list, 0..list.len(), |_| Ok::<_, std::convert::Infallible>(())).unwrap();
    let of = |i| {
        let arc = twin::ArcId::new(i);
        worst.of(arc).first().map_or(0.0, |c| c.util).max(plan.base_util(arc))
    };
    (0..csr.arc_count()).map(of).collect()
}

#[test]
fn the_day_is_the_first_on_which_a_sweep_finds_the_limit_exceeded() {
    for (seed, groups) in (0..24).zip([[0.3, 0.3], [0.1, 0.6], [0.5, -0.2]].into_iter().cycle()) {
        let twin = random_network(seed);
        let csr = Csr::compile(&twin, Layer::Igp);
        let demands = node_demands(&csr, &random_demands(&twin, seed));
        let rates: Vec<_> = demands.iter().map(|d| groups[d.src.index() % 2]).collect();
        let list = FailureList::links(&csr, 1);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        let today = worst_on(&csr, &demands, &rates, &list, 0);
        let limit = 1.5 * today.iter().copied().fold(0.0, f64::max);
        let growth = Growth::new(&demands, &rates);
        for found in first_exceeded(&csr, &routing, &growth, &list, limit) {
            let on = |day| worst_on(&csr, &demands, &rates, &list, day)[found.arc.index()];
            assert!((found.worst_util - today[found.arc.index()]).abs() <= 1e-9 * limit);
            match found.day {
                // A day may be decided by the last bits of a sum.
                Some(day) => {
                    assert!(on(day) > limit * (1.0 - 1e-9), "seed {seed}, {found:?}: {} of {limit}", on(day));
                    assert!(on(day - 1) <= limit * (1.0 + 1e-9), "seed {seed}, {found:?}");
                }
                None => assert!(on(36_525) <= limit * (1.0 + 1e-9), "seed {seed}, {found:?}"),
            }
        }
    }
}

#[test]
fn one_group_is_a_logarithm() {
    let csr = Csr::compile(&testkit::topology("a -10G,1us- b -10G,1us- c -10G,1us- a"), Layer::Igp);
    let demands = [NodeDemand { src: NodeId(0), dst: NodeId(1), bps: 4e9 }];
    let routing = Routing::compute(&csr, &Failures::none(&csr));
    let growth = Growth::new(&demands, &[0.4]);
    let found = first_exceeded(&csr, &routing, &growth, &FailureList::links(&csr, 1), 0.8);
    // 0.4 today, twice as much after ln 2 / ln 1.4 = 2.0600 years = 752.42 days.
    let days: Vec<_> = found.iter().map(|f| (f.day, f.scenario)).collect();
    assert_eq!(days[0], (Some(753), 0), "the way in use, with nothing down");
    assert_eq!(days.iter().filter(|d| **d == (Some(753), 1)).count(), 2, "the other way, when it fails");
    assert_eq!(days.iter().filter(|d| d.0.is_none()).count(), 3, "nothing flows the other way round");
}
