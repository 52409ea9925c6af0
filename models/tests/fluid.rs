//! Flows to completion against a slow twin, and the fluid rung against formulas, loads and packets.

use engine::Seeds;
use proptest::prelude::*;
use testkit::{PlainFlow, max_min_completions, random_demands, random_network, topology};
use twin::{ArcId, Bytes, Csr, Demand, DemandMatrix, Layer, LinkId, NodeId, Rung, SimDuration, SimTime};
use umbra_models::fluid::{Fairness, FluidConfig, FluidFlow, completions, share_demands};
use umbra_models::packet::{BackgroundTraffic, ReplayOptions, poisson_schedule, replay};
use umbra_models::{Failures, Loads, NodeDemand, Routing, node_demands};

fn flow(path: &[usize], size: u64, start_ps: u64, weight: u64, cap: f64) -> FluidFlow {
    let path = path.iter().map(|l| ArcId::new(*l)).collect();
    FluidFlow { path, size: Bytes::new(size), start: SimTime::from_ps(start_ps), weight, cap }
}

/// Ends by flow in seconds, infinite for flows that never end; checks that the list is in order.
fn ends(capacities: &[f64], flows: &[FluidFlow]) -> Vec<f64> {
    let list = completions(capacities, flows);
    assert!(list.windows(2).all(|w| w[0] < w[1]), "by time, then flow, each once");
    let mut ends = vec![f64::INFINITY; flows.len()];
    list.iter().for_each(|c| ends[c.flow as usize] = c.at.as_secs_f64());
    ends
}

fn slow_ends(capacities: &[f64], flows: &[FluidFlow]) -> Vec<f64> {
    let plain = |f: &FluidFlow| PlainFlow {
        path: f.path.iter().map(|a| a.index()).collect(),
        weight: f.weight as f64,
        cap: f.cap,
    };
    let starts: Vec<_> = flows.iter().map(|f| f.start.as_secs_f64()).collect();
    let bits: Vec<_> = flows.iter().map(|f| f.size.get() as f64 * 8.0).collect();
    max_min_completions(capacities, &flows.iter().map(plain).collect::<Vec<_>>(), &starts, &bits)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn flows_end_when_the_slow_twin_says(
        capacities in prop::collection::vec(0u32..20, 1..7),
        flows in prop::collection::vec(
            (prop::collection::vec(0usize..6, 0..4), 0u64..2_000_000, 0u64..6, 1u64..4, proptest::option::of(0u32..9)),
            1..25,
        ),
    ) {
        let capacities: Vec<_> = capacities.iter().map(|c| f64::from(*c) * 1e8).collect();
        let flows: Vec<_> = flows.into_iter().map(|(path, size, start, weight, cap)| {
            let mut path: Vec<_> = path.iter().map(|l| l % capacities.len()).collect();
            path.dedup();
            // Few instants, so that flows begin together and while others run.
            flow(&path, size, start * 1_000_000_000, weight, cap.map_or(f64::INFINITY, |c| f64::from(c) * 1e8))
        }).collect();
        for (got, expected) in ends(&capacities, &flows).iter().zip(slow_ends(&capacities, &flows)) {
            // An end is rounded up to a picosecond, and so is each one before it.
            let same = *got == expected || (got - expected).abs() <= 1e-9 * expected + 1e-12 * flows.len() as f64;
            prop_assert!(same, "{got} for {expected}");
        }
    }
}

#[test]
fn processor_sharing_of_equal_flows_is_exact() {
    // n flows of one link, flow i of size i: the k-th to end has waited for Σ min(size, size_k).
    let n = 40_u64;
    let flows: Vec<_> = (1..=n).map(|i| flow(&[0], i * 1_000_000, 0, 1, f64::INFINITY)).collect();
    for (k, end) in (1..=n).zip(ends(&[8e9], &flows)) {
        let sent: u64 = (1..=n).map(|i| i.min(k)).sum();
        assert!((end - sent as f64 * 1e-3).abs() < 1e-10, "flow {k} ends at {end}");
    }
}

#[test]
fn a_flow_that_starts_late_or_never_moves_is_no_trouble() {
    let flows = [
        flow(&[0], 1_000, 0, 1, 0.0),
        flow(&[1], 1_000, 0, 1, f64::INFINITY),
        flow(&[], 1_000, 7, 1, f64::INFINITY),
        flow(&[2], 0, 5, 1, f64::INFINITY),
        flow(&[2], 1, u64::MAX - 1, 1, f64::INFINITY),
    ];
    let list = completions(&[1e9, 0.0, 1e9], &flows);
    assert_eq!(list.iter().map(|c| (c.at.as_ps(), c.flow)).collect::<Vec<_>>(), [(5, 3), (7, 2)]);
    assert!(completions(&[], &[]).is_empty());
}

/// A network with its routing.
struct Lab {
    csr: Csr,
    routing: Routing,
    up: Failures,
}

impl Lab {
    fn new(text: &str) -> Self {
        Self::of(Csr::compile(&topology(text), Layer::Igp))
    }

    fn of(csr: Csr) -> Self {
        let up = Failures::none(&csr);
        Self { routing: Routing::compute(&csr, &up), up, csr }
    }

    fn demand(&self, src: &str, dst: &str, bps: f64) -> NodeDemand {
        let at = |name| self.csr.node_named(name).unwrap();
        NodeDemand { src: at(src), dst: at(dst), bps }
    }

    fn served(&self, demands: &[NodeDemand], fairness: Fairness) -> Vec<f64> {
        let config = FluidConfig { fairness, ..FluidConfig::default() };
        let result = share_demands(&self.csr, &self.routing, &self.up, demands, &config);
        result.demands.iter().map(|d| d.served).collect()
    }
}

fn all_close(got: &[f64], expected: &[f64]) -> bool {
    got.len() == expected.len()
        && got.iter().zip(expected).all(|(g, e)| (g - e).abs() <= 1e-9 * e.abs().max(1.0))
}

#[test]
fn the_small_link_is_shared_by_volume_or_equally() {
    let lab = Lab::new("a -100G- m ; b -100G- m ; m -10G- z");
    let demands = [lab.demand("a", "z", 15e9), lab.demand("b", "z", 5e9), lab.demand("b", "m", 1e9)];
    assert!(all_close(&lab.served(&demands, Fairness::ByVolume), &[7.5e9, 2.5e9, 1e9]));
    assert!(all_close(&lab.served(&demands, Fairness::Equal), &[5e9, 5e9, 1e9]));
}

#[test]
fn only_the_hashed_half_behind_a_small_link_is_held_back() {
    // Two equal-cost paths, one of them with a link of 1 Gbit/s.
    let lab = Lab::new("a -10G- u -1G- z ; a -10G- v -10G- z");
    let demands = [lab.demand("a", "z", 6e9)];
    let result = share_demands(&lab.csr, &lab.routing, &lab.up, &demands, &FluidConfig::default());
    let demand = result.demands[0];
    assert!(all_close(&[demand.served, demand.held_back()], &[4e9, 2e9]));
    assert_eq!(demand.bottleneck.map(|arc| lab.csr.arc_name(arc)).as_deref(), Some("u -> z"));
    assert_eq!(result.fidelity.notes[0].touches, Some(1));
}

#[test]
fn below_capacity_loads_are_those_of_the_algebra() {
    let mut checked = 0;
    for seed in 0..40 {
        let twin = random_network(seed);
        let lab = Lab::of(Csr::compile(&twin, Layer::Igp));
        // Small enough to fit everywhere: at most 24 · 23 demands of 1 Mbit/s on links of 1 Gbit/s.
        let demands: Vec<_> = node_demands(&lab.csr, &random_demands(&twin, seed))
            .into_iter()
            .map(|d| NodeDemand { bps: d.bps / 1e3, ..d })
            .collect();
        let loads = Loads::compute(&lab.csr, &lab.routing, &lab.up, &demands);
        let result = share_demands(&lab.csr, &lab.routing, &lab.up, &demands, &FluidConfig::default());
        let shares: Vec<_> = result.arcs.iter().map(|a| a.load).collect();
        assert!(all_close(&shares, &loads.arc), "seed {seed}");
        let (offered, served, lost) = result.totals();
        assert!(all_close(&[offered - served, lost], &[loads.lost, loads.lost]));
        assert!(result.demands.iter().all(|d| d.bottleneck.is_none() && d.held_back() == 0.0));
        assert_eq!(result.rung, Rung::Fluid);
        checked += demands.len();
    }
    assert!(checked > 1_000);
}

#[test]
fn no_arc_carries_more_than_it_can_and_nothing_disappears() {
    for seed in 0..40 {
        let twin = random_network(seed);
        let lab = Lab::of(Csr::compile(&twin, Layer::Igp));
        let demands: Vec<_> = node_demands(&lab.csr, &random_demands(&twin, seed))
            .into_iter()
            .map(|d| NodeDemand { bps: d.bps * 20.0, ..d })
            .collect();
        for fairness in [Fairness::ByVolume, Fairness::Equal] {
            let config = FluidConfig { fairness, ..FluidConfig::default() };
            let result = share_demands(&lab.csr, &lab.routing, &lab.up, &demands, &config);
            for (arc, capacity) in result.arcs.iter().zip(&lab.csr.capacity) {
                assert!(arc.load <= capacity.as_f64() * (1.0 + 1e-12));
                let most = config.buffer.get() as f64 * 8.0 / capacity.as_f64();
                assert!((0.0..=most).contains(&arc.waiting.mean()));
            }
            for d in &result.demands {
                let sum = d.served + d.lost + d.held_back();
                assert!((sum - d.offered).abs() <= 1e-9 * d.offered, "{d:?}");
                let full =
                    |arc: ArcId| result.arcs[arc.index()].load / lab.csr.capacity[arc.index()].as_f64();
                assert!(d.bottleneck.is_none_or(|arc| (full(arc) - 1.0).abs() < 1e-9));
            }
            assert_eq!(
                result.digest(),
                share_demands(&lab.csr, &lab.routing, &lab.up, &demands, &config).digest()
            );
        }
    }
}

#[test]
fn what_has_no_path_is_lost_and_what_stays_at_home_arrives() {
    let lab = Lab::new("a -10G- b ; c -10G- d");
    let demands = [lab.demand("a", "c", 1e9), lab.demand("a", "a", 2e9), lab.demand("c", "d", 3e9)];
    let down = Failures::none(&lab.csr).with_link(LinkId(1));
    let routing = lab.routing.after(&lab.csr, &down);
    let result = share_demands(&lab.csr, &routing, &down, &demands, &FluidConfig::default());
    assert_eq!(result.totals(), (6e9, 2e9, 4e9));
    let rows: Vec<_> = result.observables.flows.iter().map(|f| (f.sent, f.lost)).collect();
    assert_eq!(rows, [(83_333, 83_333), (166_667, 0), (250_000, 250_000)]);
    assert!(result.observables.flows[0].rtt_ms.is_nan());
    let dead = Failures::none(&lab.csr).with_node(NodeId(1));
    let demands = [lab.demand("a", "b", 1e9)];
    let result = share_demands(
        &lab.csr,
        &lab.routing.after(&lab.csr, &dead),
        &dead,
        &demands,
        &FluidConfig::default(),
    );
    assert_eq!(result.totals(), (1e9, 0.0, 1e9));
}

#[test]
fn delays_are_waits_sending_and_propagation() {
    let lab = Lab::new("a -10G,1ms- b -10G,2ms- c");
    let demands = [lab.demand("a", "c", 8e9)];
    let config = FluidConfig { buffer: Bytes::new(1_500_000_000), ..FluidConfig::default() };
    let result = share_demands(&lab.csr, &lab.routing, &lab.up, &demands, &config);
    // M/D/1 at 0.8 waits for two services; 1,500 bytes take 1.2 µs.
    let expected = 2.0 * (2.0 * 1.2e-6 + 1.2e-6) + 3e-3;
    assert!((result.demands[0].delay_s - expected).abs() < 1e-12);
    assert!((result.observables.flows[0].rtt_ms - (expected + 3e-3) * 1e3).abs() < 1e-9);
    assert_eq!(result.observables.counters[0].rate_bps, 8e9);
}

/// On one link that is too small, or nearly full, both rungs say the same: what arrives, how full it is, how long it waits.
#[test]
fn one_link_is_as_packets_have_it() {
    let twin = topology("a -1G,10us- b");
    let lab = Lab::of(Csr::compile(&twin, Layer::Igp));
    let [a, b] = [0, 1].map(|i| lab.csr.node_keys[i].clone());
    for (utilization, tolerance) in [(0.5, 0.03), (0.8, 0.05), (0.9, 0.08), (1.4, 0.02)] {
        let duration = SimDuration::secs(3);
        let matrix = DemandMatrix::new([Demand { src: a.clone(), dst: b.clone(), bps: utilization * 1e9 }]);
        let schedule = poisson_schedule(&matrix, duration, Seeds::new(3).trial(0));
        let packets = replay(&lab.csr, &schedule, ReplayOptions::default()).unwrap();
        let config = FluidConfig { duration, ..FluidConfig::default() };
        let fluid = share_demands(&lab.csr, &lab.routing, &lab.up, &node_demands(&lab.csr, &matrix), &config);
        let demand = fluid.demands[0];
        let near = |got: f64, expected: f64, what: &str| {
            let error = got / expected - 1.0;
            assert!(error.abs() < tolerance, "{what} at {utilization}: {got} for {expected}");
        };
        near(config.packets(demand.served) as f64, packets.delivered as f64, "delivered");
        if utilization < 1.0 {
            near(demand.delay_s, packets.flows[0].delay_mean_s(), "delay");
            let queue = &packets.links[0].queue;
            let wait = queue.wait_sum_ps as f64 / queue.packets as f64 * 1e-12;
            near(fluid.arcs[0].waiting.mean(), wait, "wait");
        }
    }
}

#[test]
fn traffic_that_comes_in_bursts_waits_longer() {
    let lab = Lab::new("a -10G- b");
    let wait = |traffic: BackgroundTraffic| {
        let config = FluidConfig { traffic, ..FluidConfig::default() };
        let demands = [lab.demand("a", "b", 5e9)];
        share_demands(&lab.csr, &lab.routing, &lab.up, &demands, &config).arcs[0].waiting.mean()
    };
    let poisson = wait(BackgroundTraffic::default());
    let bursts = wait(BackgroundTraffic { burst: 2.0, ..BackgroundTraffic::default() });
    assert!((bursts / poisson - 3.0).abs() < 1e-6, "an index of dispersion of 3");
}
