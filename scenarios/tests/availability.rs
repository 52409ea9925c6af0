//! Availability against an oracle that goes through all states and shares no code with the product.

use engine::Seeds;
use models::{Failures, NodeDemand, Routing, node_demands};
use testkit::{Down, PlainDemand, PlainNet, random_demands, random_network, route};
use twin::{Csr, Layer, LinkId, NodeId};
use umbra_scenarios::planning::availability::{
    Bias, Component, Effects, Estimate, FailureModel, Limits, Phase, Planned, Preset, RiskGroup, When,
    YEAR_H, exact, mission, phases, sample,
};
use umbra_scenarios::planning::{FailureSet, Plan};

const THRESHOLD: f64 = 0.05;

/// Components of a random network that some tests can go through: a few links, a node, a group, with all sorts of
/// probabilities.
fn components(csr: &Csr, seed: u64) -> Vec<Component> {
    let (links, nodes) = (csr.link_count() as u64, csr.node_count() as u64);
    let at = |k: u64, of: u64| ((seed * 7 + k * 3) % of) as u32;
    let mut sets: Vec<_> =
        (0..links.min(5)).map(|k| FailureSet::new(vec![LinkId(at(k, links))], Vec::new())).collect();
    sets.push(FailureSet::new(Vec::new(), vec![NodeId(at(5, nodes))]));
    if links > 2 {
        sets.push(FailureSet::new(vec![LinkId(0), LinkId(at(1, links))], vec![NodeId(at(9, nodes))]));
    }
    let down = [0.02, 0.3, 0.5, 0.9, 1.0, 0.1, 0.004];
    let component = |(i, set): (usize, FailureSet)| Component {
        key: twin::EntityKey::new(format!("component:{i}")),
        set,
        down: down[(i + seed as usize) % down.len()],
        repair_h: 10.0,
    };
    sets.into_iter().enumerate().map(component).collect()
}

/// Parts of the year in which something is out: a link; that link, another and a node.
fn maintenance(csr: &Csr) -> Option<Vec<Phase>> {
    let last = csr.link_count().checked_sub(1)?;
    let one = FailureSet::new(vec![LinkId::new(last)], Vec::new());
    let more = one.union(&FailureSet::new(vec![LinkId(0)], vec![NodeId(0)]));
    let planned = [(one, 0.1), (more, 1.0 / 3.0)]
        .map(|(out, share)| Planned { out, when: When::Hours(share * YEAR_H) });
    Some(phases(&planned).unwrap())
}

/// The three measures and each demand's availability, from the definition.
fn by_definition(net: &PlainNet, demands: &[PlainDemand], model: &FailureModel) -> (Vec<f64>, Vec<f64>) {
    let total: f64 = demands.iter().map(|d| d.2).sum();
    let mut measures = vec![0.0; 3];
    let mut available = vec![0.0; demands.len()];
    let components = &model.components;
    let masks = 0u32..1 << components.len();
    for (mask, phase) in masks.flat_map(|mask| model.phases.iter().map(move |phase| (mask, phase))) {
        let (mut probability, mut down) = (phase.share, Down::default());
        let mut take = |set: &FailureSet| {
            down.links.extend(set.links().iter().map(|l| l.index()));
            down.nodes.extend(set.nodes().iter().map(|n| n.index()));
        };
        take(&phase.out);
        for (i, component) in components.iter().enumerate() {
            let is_down = mask >> i & 1 == 1;
            probability *= if is_down { component.down } else { 1.0 - component.down };
            if is_down {
                take(&component.set);
            }
        }
        if probability == 0.0 {
            continue;
        }
        let loads = route(net, demands, &down);
        let lost = loads.lost + loads.lost_own;
        measures[0] += if lost == 0.0 { probability } else { 0.0 };
        measures[1] += if total > 0.0 { probability * lost / total } else { 0.0 };
        measures[2] += if loads.max_utilization(net) > THRESHOLD { probability } else { 0.0 };
        for (sum, demand) in available.iter_mut().zip(demands) {
            let alone = route(net, std::slice::from_ref(demand), &down);
            *sum += if alone.lost + alone.lost_own == 0.0 { probability } else { 0.0 };
        }
    }
    (measures, available)
}

fn each_network(seeds: std::ops::Range<u64>, check: impl Fn(u64, &Plan<'_>, &FailureModel, &PlainNet)) {
    for seed in seeds {
        let twin = random_network(seed);
        let csr = Csr::compile(&twin, Layer::Igp);
        if csr.link_count() == 0 {
            continue;
        }
        let demands = node_demands(&csr, &random_demands(&twin, seed));
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        let plan = Plan::new(&csr, &routing, &demands);
        let model = FailureModel::of(Preset::WanCenic, components(&csr, seed));
        // Every other network is also maintained: one link in a tenth of the time, more in a third.
        let phases = maintenance(&csr).unwrap_or_else(|| model.phases.clone());
        let model = if seed % 2 == 0 { model } else { model.with_phases(phases) };
        check(seed, &plan, &model, &PlainNet::of(&twin));
    }
}

fn plain(demands: &[NodeDemand]) -> Vec<PlainDemand> {
    demands.iter().map(|d| (d.src.index(), d.dst.index(), d.bps)).collect()
}

fn values(measures: &umbra_scenarios::planning::availability::Measures) -> [Estimate; 3] {
    measures.named().map(|(_, estimate, _)| estimate)
}

#[test]
fn all_states_give_the_definition_and_bounds_hold_it() {
    each_network(0..16, |seed, plan, model, net| {
        let (measures, demands) = by_definition(net, &plain(plan.demands()), model);
        for gap in [0.0, 0.01, 0.3] {
            let found =
                exact(&mut Effects::new(plan, THRESHOLD), model, Limits { gap, states: u64::MAX }).answer;
            let pairs =
                values(&found.measures).into_iter().chain(found.demands).zip(measures.iter().chain(&demands));
            for (found, wanted) in pairs {
                assert!(
                    found.lo - 1e-12 <= *wanted && *wanted <= found.hi + 1e-12,
                    "seed {seed}: {found:?} {wanted}"
                );
                assert!(found.lo <= found.value && found.value <= found.hi, "seed {seed}: {found:?}");
                assert!(found.hi - found.lo <= gap + 1e-12, "seed {seed}: {found:?}");
            }
        }
    });
}

#[test]
fn samples_come_to_the_definition() {
    each_network(0..8, |seed, plan, model, net| {
        let (measures, demands) = by_definition(net, &plain(plan.demands()), model);
        for bias in [Bias::None, Bias::Towards(5.0)] {
            let mut effects = Effects::new(plan, THRESHOLD);
            let found = sample(&mut effects, model, 200_000, bias, Seeds::new(seed));
            assert!(found.effective > 0.0 && found.effective <= 200_000.0);
            let found = found.answer;
            let pairs =
                values(&found.measures).into_iter().chain(found.demands).zip(measures.iter().chain(&demands));
            for (found, wanted) in pairs {
                // Five standard errors.
                let room = 2.6 * (found.hi - found.lo) + 1e-12;
                assert!((found.value - wanted).abs() < room, "seed {seed} {bias:?}: {found:?} {wanted}");
            }
        }
    });
}

#[test]
fn threads_and_order_change_no_bit() {
    each_network(3..6, |seed, plan, model, _| {
        let answer = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut effects = Effects::new(plan, THRESHOLD);
                let drawn = sample(&mut effects, model, 5_000, Bias::Towards(2.0), Seeds::new(seed));
                (drawn, exact(&mut effects, model, Limits { gap: 1e-3, states: u64::MAX }))
            })
        };
        let one = answer(1);
        assert_eq!(one, answer(2), "seed {seed}");
        assert_eq!(one, answer(4), "seed {seed}");
    });
}

#[test]
fn a_cap_on_states_leaves_wide_but_true_bounds() {
    each_network(0..8, |seed, plan, model, net| {
        let (measures, _) = by_definition(net, &plain(plan.demands()), model);
        let found = exact(&mut Effects::new(plan, THRESHOLD), model, Limits { gap: 0.0, states: 3 });
        assert!(found.states <= 3 && (found.complete || found.unexplored > 0.0));
        for (found, wanted) in values(&found.answer.measures).iter().zip(&measures) {
            assert!(
                found.lo <= *wanted + 1e-12 && *wanted <= found.hi + 1e-12,
                "seed {seed}: {found:?} {wanted}"
            );
        }
    });
}

#[test]
fn presets_say_what_they_cite() {
    let net = testkit::topology("a -10G,500us- b ; b -10G,1000us- c");
    let csr = Csr::compile(&net, Layer::Igp);
    let routing = Routing::compute(&csr, &Failures::none(&csr));
    let demands = [NodeDemand { src: NodeId(0), dst: NodeId(2), bps: 1e9 }];
    let plan = Plan::new(&csr, &routing, &demands);
    let down = |preset, groups: &[RiskGroup]| -> Vec<f64> {
        let model = FailureModel::new(preset, &plan, groups, Seeds::new(1)).unwrap();
        model.components.iter().map(|c| c.down).collect()
    };
    assert_eq!(down(Preset::WanCenic, &[]), [0.005, 0.005]);
    assert_eq!(down(Preset::UniformNetdice, &[]), [0.001, 0.001, 0.0001, 0.0001, 0.0001]);
    // 100 km and 200 km of fibre: 0.0061 of the time for 1,000 km.
    let fibre = down(Preset::WanFibreKm, &[]);
    assert!((fibre[0] - 0.00061).abs() < 1e-5 && (fibre[1] - 0.00122).abs() < 1e-5, "{fibre:?}");
    // The top of the rack is where traffic ends: a and c. In 10 h of 5 % failures a year.
    let gill = down(Preset::DcGill, &[]);
    assert_eq!(gill.len(), 5);
    assert!((gill[2] - 0.0513 * 10.0 / 8766.0).abs() < 1e-7 && gill[2] == gill[4] && gill[3] > 2.0 * gill[2]);
    let teavar = down(Preset::WanTeavar, &[]);
    assert!(teavar[0] != teavar[1] && teavar.iter().all(|p| *p > 0.0 && *p < 0.01), "{teavar:?}");
    assert_eq!(down(Preset::Repaired { mtbf_h: 90.0, mttr_h: 10.0 }, &[]), [0.1, 0.1]);
    // Three events in ten on groups.
    let conduit = RiskGroup {
        key: twin::EntityKey::new("group:conduit"),
        set: FailureSet::new(vec![LinkId(0), LinkId(1)], Vec::new()),
        failures: None,
    };
    let grouped = down(Preset::WanCenic, std::slice::from_ref(&conduit));
    assert!((grouped[2] / (grouped[0] + grouped[1] + grouped[2]) - 0.3).abs() < 1e-12);
    // A number of its own, or that of a link: the longest of them where it goes by length.
    let own = |failures| RiskGroup { failures: Some(failures), ..conduit.clone() };
    assert_eq!(down(Preset::Links(0.5), &[own(Preset::Links(0.25))]), [0.5, 0.5, 0.25]);
    let groups = [own(Preset::UniformNetdice), own(Preset::Repaired { mtbf_h: 90.0, mttr_h: 10.0 })];
    assert_eq!(down(Preset::WanCenic, &groups), [0.005, 0.005, 0.001, 0.1]);
    assert_eq!(down(Preset::Links(0.0), &[own(Preset::WanFibreKm)]), fibre[1..]);
}

#[test]
fn years_spend_their_time_as_the_probabilities_say() {
    let net = testkit::topology("a -10G,1ms- b ; b -10G,1ms- c ; a -10G,1ms- c ; c -10G,1ms- d");
    let csr = Csr::compile(&net, Layer::Igp);
    let routing = Routing::compute(&csr, &Failures::none(&csr));
    let demands = [(0, 1, 3e9), (0, 3, 1e9)].map(|(src, dst, bps)| NodeDemand {
        src: NodeId(src),
        dst: NodeId(dst),
        bps,
    });
    let plan = Plan::new(&csr, &routing, &demands);
    let model =
        FailureModel::new(Preset::Repaired { mtbf_h: 480.0, mttr_h: 20.0 }, &plan, &[], Seeds::new(0))
            .unwrap();
    let mut effects = Effects::new(&plan, 1.0);
    let truth = exact(&mut effects, &model, Limits { gap: 0.0, states: u64::MAX }).answer.measures;
    let years = 2_000;
    let found = mission(&mut effects, &model, years, Seeds::new(4));
    let wanted_h = 8766.0 * (1.0 - truth.p_all_connected.value);
    // Twice the 95 % interval: four standard errors.
    let near = |e: Estimate, wanted: f64| (e.value - wanted).abs() < e.hi - e.lo;
    assert!(near(found.outage_h, wanted_h), "{:?} {wanted_h}", found.outage_h);
    assert!(near(found.lost_share, truth.expected_lost_share.value), "{:?}", found.lost_share);
    assert!(found.outage_h.hi - found.outage_h.lo < 0.1 * wanted_h, "the test would see a difference");

    // The same over a year in which the stub is taken down for a tenth of it, and a - b for a fifth.
    let planned = [(LinkId(3), 0.1), (LinkId(0), 0.2)].map(|(link, share)| Planned {
        out: FailureSet::new(vec![link], Vec::new()),
        when: When::Hours(share * YEAR_H),
    });
    let maintained = model.clone().with_phases(phases(&planned).unwrap());
    let truth = exact(&mut effects, &maintained, Limits { gap: 0.0, states: u64::MAX }).answer.measures;
    let year = mission(&mut effects, &maintained, 500, Seeds::new(4));
    let wanted_h = 8766.0 * (1.0 - truth.p_all_connected.value);
    assert!(near(year.outage_h, wanted_h), "{:?} {wanted_h}", year.outage_h);
    assert!(near(year.lost_share, truth.expected_lost_share.value), "{:?}", year.lost_share);
    assert!(year.outage_h.value > 2.0 * found.outage_h.value);
    // Nothing that fails is a year without an outage.
    let never = FailureModel::of(Preset::Links(0.0), Vec::new());
    assert!(mission(&mut effects, &never, 1, Seeds::new(4)).outages.is_empty());

    // Outages of the stub c - d alone are its repairs: log-normal with mean 20 h, that is a median of 6.2 h.
    let mut hours: Vec<_> = found.outages.iter().map(|o| o.hours).collect();
    hours.sort_by(f64::total_cmp);
    let median = hours[hours.len() / 2];
    assert!((4.0..8.0).contains(&median), "{median}");
    assert!(found.outages.windows(2).all(|w| (w[0].year, w[0].start_h) < (w[1].year, w[1].start_h)));
    assert!(found.outages.iter().all(|o| o.lost_share > 0.0 && o.lost_share <= 1.0));
}
