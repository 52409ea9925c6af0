//! Foreground on background against the full packet run of the same network and load.

use std::sync::Arc;

use engine::Seeds;
use twin::{
    BitsPerSec, Bytes, Csr, Demand, DemandMatrix, Layer, LinkSpec, NodeKind, PacketSchedule, SimDuration,
    SimTime, TwinBuilder,
};
use umbra_models::packet::{
    BackgroundLoad, BackgroundTraffic, Bins, Buffer, FlowStats, PacketConfig, PacketNet, PacketResult,
    RoutedLoad, Workload, poisson_schedule,
};
use umbra_models::{Failures, Loads, NodeDemand, Routing, node_demands};

/// `n` sources around a router that share its one link of 1 Gbit/s to the sink; their own links are fast.
fn funnel(n: usize) -> (Csr, Vec<twin::EntityKey>) {
    let mut net = TwinBuilder::new("funnel");
    let sources: Vec<_> = (0..n).map(|i| net.node(&format!("s{i}"), NodeKind::Router, None)).collect();
    let [hub, sink] = ["hub", "sink"].map(|name| net.node(name, NodeKind::Router, None));
    for (i, source) in sources.iter().enumerate() {
        let fast = LinkSpec::symmetric(1, BitsPerSec::gbps(400), SimDuration::micros(1));
        net.link(&format!("l{i}"), source, &hub, fast);
    }
    net.link("out", &hub, &sink, LinkSpec::symmetric(1, BitsPerSec::gbps(1), SimDuration::micros(1)));
    let csr = Csr::compile(&net.finish(), Layer::Igp);
    (csr, sources.into_iter().chain([sink]).collect())
}

/// What the watched packets met.
#[derive(Debug)]
struct Summary {
    sent: u64,
    /// Mean, median and 99th percentile of their delays in seconds.
    delay: [f64; 3],
    loss: f64,
}

/// The quantile `q` of the one-way delays of some flows' packets, in seconds.
fn delay_quantile(result: &PacketResult, flows: std::ops::Range<u32>, q: f64) -> f64 {
    let mut delays: Vec<_> =
        result.delays.iter().filter(|(flow, _)| flows.contains(flow)).map(|(_, d)| d.as_secs_f64()).collect();
    delays.sort_unstable_by(f64::total_cmp);
    delays[(q * (delays.len() - 1) as f64).round() as usize]
}

impl Summary {
    /// Of the first flows of a result.
    fn of(result: &PacketResult, watched: usize) -> Self {
        let flows = &result.flows[..watched];
        let sum = |of: fn(&FlowStats) -> u64| flows.iter().map(of).sum::<u64>();
        let delay_sum: u128 = flows.iter().map(|f| f.delay_sum_ps).sum();
        let mean = delay_sum as f64 / sum(|f| f.delivered) as f64 * 1e-12;
        let quantile = |q| delay_quantile(result, 0..watched as u32, q);
        let sent = sum(|f| f.sent);
        Self {
            sent,
            delay: [mean, quantile(0.5), quantile(0.99)],
            loss: sum(|f| f.dropped()) as f64 / sent as f64,
        }
    }
}

/// Runs the first `share` of a funnel's sources as packets: over a background of the others, and together with them. The
/// two summaries are of the same packets; then how many times fewer the events are, and the loss of all packets.
fn compare(utilization: f64, share: f64, seconds: u64, buffer: u64) -> (Summary, Summary, f64, f64) {
    let n = 100;
    let watched = (n as f64 * share) as usize;
    let (csr, keys) = funnel(n);
    let bps = utilization * 1e9 / n as f64;
    let demand = |s: usize| Demand { src: keys[s].clone(), dst: keys[n].clone(), bps };
    let chance = Seeds::new(3).trial(0);
    let seconds = SimDuration::secs(seconds);
    let all = poisson_schedule(&DemandMatrix::new((0..n).map(demand)), seconds, chance);
    let few = poisson_schedule(&DemandMatrix::new((0..watched).map(demand)), seconds, chance);
    let up = Failures::none(&csr);
    let routing = Routing::compute(&csr, &up);
    let rest: Vec<NodeDemand> = node_demands(&csr, &DemandMatrix::new((watched..n).map(demand)));
    let load = Arc::new(BackgroundLoad::constant(Loads::compute(&csr, &routing, &up, &rest).arc));
    let bins = Some(Bins { width: seconds, count: 1 });
    let config = PacketConfig { buffer: Buffer::Bytes(Bytes::new(buffer)), bins, ..PacketConfig::default() };
    let net = PacketNet::build(&csr, routing, config);
    let over = net.clone().with_background(load, BackgroundTraffic::default());
    let run = |net: &PacketNet, s: &PacketSchedule| {
        net.run(&Workload::compile(&csr, s).unwrap(), &[], SimTime::MAX, chance)
    };
    let (full, foreground) = (run(&net, &all), run(&over, &few));
    let fewer = full.events as f64 / foreground.events as f64;
    let loss = full.dropped as f64 / full.sent as f64;
    let (full, foreground) = (Summary::of(&full, watched), Summary::of(&foreground, watched));
    assert_eq!(full.sent, foreground.sent, "the same packets");
    (full, foreground, fewer, loss)
}

#[test]
fn delays_are_within_ten_percent_and_events_shrink_with_the_share() {
    // Both samples are uncertain: in 20 s at half load and a share of 1 % some 83 packets lie beyond the 99th percentile, so
    // each has a standard error of 2.5 % of the delay (θ/√83, θ = 12 µs). A queue forgets slowly where the load is high.
    for (utilization, seconds) in [(0.3, 20), (0.5, 20), (0.8, 20), (0.95, 20)] {
        for (share, seconds) in [(0.01, seconds), (0.1, seconds.min((25.0 * utilization) as u64))] {
            let (full, foreground, fewer, _) = compare(utilization, share, seconds, 3_000_000);
            for (what, i) in [("mean", 0), ("p50", 1), ("p99", 2)] {
                let error = foreground.delay[i] / full.delay[i] - 1.0;
                assert!(error.abs() < 0.1, "{what} at {utilization}, {share}: {full:?} {foreground:?}");
            }
            assert!(fewer > 0.9 / share, "{fewer} times fewer events at a share of {share}");
        }
    }
}

#[test]
fn loss_at_a_full_queue_is_within_a_fifth() {
    // Poisson packets see what all packets see, so the loss of all is the reference: losses come in clusters, and a hundredth
    // of the packets meets few of these.
    for (utilization, share, seconds) in [(0.95, 0.1, 10), (0.95, 0.01, 40), (1.1, 0.1, 10), (1.1, 0.01, 40)]
    {
        let (_, foreground, _, loss) = compare(utilization, share, seconds, 15_000);
        let error = foreground.loss / loss - 1.0;
        assert!(error.abs() < 0.2, "{utilization}, {share}: {loss} {foreground:?}");
    }
}

/// Routers in a row of 1 Gbit/s; a part of each link's traffic goes all the way and is watched, the rest enters and leaves
/// at every router. Where the background does not know where it comes from, the median is a tenth too
/// long here.
#[test]
fn a_background_that_knows_its_way_is_closer_along_a_path() {
    let hops = 4;
    let mut net = TwinBuilder::new("row");
    let row: Vec<_> = (0..=hops).map(|i| net.node(&format!("r{i}"), NodeKind::Router, None)).collect();
    let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(1), SimDuration::ZERO);
    for i in 0..hops {
        net.link(&format!("l{i}"), &row[i], &row[i + 1], spec);
    }
    let csr = Csr::compile(&net.finish(), Layer::Igp);
    let demand = |from: usize, to: usize, bps| Demand { src: row[from].clone(), dst: row[to].clone(), bps };
    let watched = [demand(0, hops, 0.07e9)];
    let mut unseen = vec![demand(0, hops - 1, 0.35e9), demand(hops - 1, hops, 0.35e9)];
    unseen.extend((0..hops).map(|i| demand(i, i + 1, 0.28e9)));
    let (seconds, chance) = (SimDuration::secs(4), Seeds::new(3).trial(0));
    let all = DemandMatrix::new(watched.iter().chain(&unseen).cloned());
    let up = Failures::none(&csr);
    let routing = Routing::compute(&csr, &up);
    let rest = node_demands(&csr, &DemandMatrix::new(unseen));
    let load = RoutedLoad::of_demands(&csr, &routing, &up, &rest);
    let bins = Some(Bins { width: seconds, count: 1 });
    let net = PacketNet::build(&csr, routing, PacketConfig { bins, ..PacketConfig::default() });
    let run = |net: &PacketNet, demands: &DemandMatrix| {
        let schedule = poisson_schedule(demands, seconds, chance);
        net.run(&Workload::compile(&csr, &schedule).unwrap(), &[], SimTime::MAX, chance)
    };
    let background = |load| Arc::new(BackgroundLoad::routed(vec![(SimTime::ZERO, load)]));
    let over = |load| net.clone().with_background(background(load), BackgroundTraffic::default());
    let few = DemandMatrix::new(watched);
    let full = run(&net, &all);
    // The watched flow is not the first of all: flows stand in the order of the matrix.
    let mine = all.demands().iter().position(|d| *d == few.demands()[0]).unwrap() as u32;
    let median = |r: &PacketResult, f: u32| delay_quantile(r, f..f + 1, 0.5);
    let known = median(&run(&over(load.clone()), &few), 0) / median(&full, mine) - 1.0;
    let unknown =
        median(&run(&over(RoutedLoad::from(load.arcs().to_vec())), &few), 0) / median(&full, mine) - 1.0;
    assert!(known.abs() < 0.06 && unknown > 0.08, "known {known}, unknown {unknown}");
}
