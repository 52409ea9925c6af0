//! Foreground on background against the full packet run, over a matrix of experiments.
//!
//! ```text
//! cargo run --release -p umbra-benches --bin foreground -- [--packets N] [--trials T] [--seed S] [--only WORD] [--ignorant]
//! ```
//!
//! One line per experiment: where, what traffic is like, utilisation of the fullest arc, share that is watched; then for
//! the same watched packets the median and the 99th percentile of the delay in µs and the share lost, each of the full run
//! and of the foreground rung and their ratio; then how many times fewer the events are. Arcs have no propagation delay,
//! so that delays are waits and transmissions alone. Loss is compared where the full run lost 200 watched packets.
//!
//! `--packets` is the number of packets of a full run (2,000,000), `--trials` how many runs of each kind are taken together (1),
//! `--seed` the one of all chance (11), `--only` keeps the lines that contain a word, `--ignorant` withholds from the background which arc its traffic comes from.

use std::sync::Arc;

use engine::{Purpose, Seeds, Trial};
use models::packet::{
    BackgroundLoad, BackgroundTraffic, Bins, Buffer, FlowHash, PacketConfig, PacketNet, PacketResult,
    RoutedLoad, Workload,
};
use models::{Failures, Loads, NodeDemand, Routing};
use rand::RngExt;
use testkit::{repetita_demands, repetita_graph};
use twin::{
    ArcId, BitsPerSec, Bytes, Csr, EntityKey, Layer, LinkSpec, NodeId, NodeKind, PacketSchedule,
    ScheduledPacket, SimDuration, SimTime, TwinBuilder,
};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| words.iter().position(|w| w == name).and_then(|i| words.get(i + 1));
    let packets: f64 = value("--packets").map_or(2e6, |w| w.parse().expect("--packets takes a number"));
    let only = value("--only").map_or("", |w| w.as_str());
    let seed = value("--seed").map_or(11, |w| w.parse().expect("--seed takes a number"));
    let trials = value("--trials").map_or(1, |w| w.parse().expect("--trials takes a number"));
    let options = Options { packets, trials, seed, ignorant: words.iter().any(|w| w == "--ignorant") };
    println!(
        "{:<11} {:<8} {:>7} {:>4} {:>5} | {:>8} {:>8} {:>6} | {:>8} {:>8} {:>6} | {:>8} {:>8} {:>6} | {:>6} | {:>20}",
        "where",
        "traffic",
        "buffer",
        "util",
        "share",
        "p50",
        "ours",
        "",
        "p99",
        "ours",
        "",
        "loss",
        "ours",
        "",
        "fewer",
        "another full run"
    );
    let mut worst = Worst::default();
    for place in Place::all() {
        for habit in HABITS {
            for utilization in [0.3, 0.5, 0.7, 0.85, 0.95] {
                for buffer in [150_000, 15_000_000] {
                    let label =
                        format!("{:<11} {:<8} {:>7} {utilization:>4}", place.name, habit.name, buffer);
                    // A larger buffer makes no difference where the smaller one never fills.
                    if label.contains(only) && (buffer == 150_000 || utilization > 0.9) {
                        experiment(&label, &place, habit, utilization, buffer, options, &mut worst);
                    }
                }
            }
        }
    }
    println!("{worst:?}");
}

/// What holds for all experiments.
#[derive(Clone, Copy)]
struct Options {
    packets: f64,
    trials: u64,
    seed: u64,
    ignorant: bool,
}

/// What packets are like.
#[derive(Clone, Copy)]
struct Habit {
    name: &'static str,
    /// Sizes, equally likely.
    sizes: [u64; 2],
    /// Mean number of packets sent at one instant, geometric.
    burst: f64,
}

/// 1,500 bytes alone; half of the packets full and half of them bare headers, c² = 0.84; bursts of four.
const HABITS: [Habit; 3] = [
    Habit { name: "poisson", sizes: [1_500, 1_500], burst: 1.0 },
    Habit { name: "mix", sizes: [64, 1_500], burst: 1.0 },
    Habit { name: "bursts", sizes: [1_500, 1_500], burst: 4.0 },
];

impl Habit {
    fn mean(self) -> f64 {
        (self.sizes[0] + self.sizes[1]) as f64 / 2.0
    }

    fn traffic(self) -> BackgroundTraffic {
        let square = self.sizes.iter().map(|s| (s * s) as f64 / 2.0).sum::<f64>();
        BackgroundTraffic {
            mean_packet: Bytes::new(self.mean() as u64),
            size_scv: square / (self.mean() * self.mean()) - 1.0,
            burst: self.burst,
        }
    }
}

/// A network with its demands in bit/s, of which each has some flows watched.
struct Place {
    name: &'static str,
    csr: Csr,
    demands: Vec<NodeDemand>,
    /// Whether the demand's flows can be watched.
    watched: Vec<bool>,
    /// Shares of a watched demand that are watched at 1 % and, besides, at 10 %: so much that they are 1 % and 10 % of
    /// the traffic of each arc on their way.
    parts: [f64; 2],
}

impl Place {
    fn all() -> Vec<Self> {
        let mut all = vec![Self::chain("queue", 1, false)];
        all.extend([("chain 3", 3), ("chain 6", 6)].map(|(name, hops)| Self::chain(name, hops, false)));
        all.extend([("joined 3", 3), ("joined 6", 6)].map(|(name, hops)| Self::chain(name, hops, true)));
        all.extend([("Abilene", "Abilene"), ("Geant", "Geant2012")].map(|(n, f)| Self::recorded(n, f)));
        all
    }

    /// Routers in a row. Of the traffic of each link, four tenths go all the way and are watched, the rest leaves after one
    /// link or two. `joined`: what enters comes over two links of the same rate.
    fn chain(name: &'static str, hops: usize, joined: bool) -> Self {
        let mut net = TwinBuilder::new(name);
        let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(1), SimDuration::ZERO);
        let row: Vec<_> = (0..=hops).map(|i| net.node(&format!("r{i}"), NodeKind::Router, None)).collect();
        for i in 0..hops {
            net.link(&format!("l{i}"), &row[i], &row[i + 1], spec);
        }
        let sides = if joined { 2 } else { 0 };
        for i in 0..hops {
            for side in 0..sides {
                let node = net.node(&format!("s{i}{side}"), NodeKind::Router, None);
                net.link(&format!("a{i}{side}"), &node, &row[i], spec);
            }
        }
        let csr = Csr::compile(&net.finish(), Layer::Igp);
        let side = |i: usize, s: usize| NodeId::new(if joined { hops + 1 + 2 * i + s } else { i });
        let demand = |src: NodeId, to: usize, bps: f64| NodeDemand { src, dst: NodeId::new(to), bps };
        let mut demands: Vec<NodeDemand> = (0..2).map(|s| demand(side(0, s), hops, 0.2)).collect();
        let mut watched = vec![true; 2];
        for i in 0..hops {
            for s in 0..2 {
                demands.push(demand(side(i, s), i + 1, if i == 0 { 0.2 } else { 0.1 }));
                demands.push(demand(side(i, s), (i + 2).min(hops), 0.1));
                watched.extend([false, false]);
            }
        }
        Self { name, csr, demands, watched, parts: [0.025, 0.225] }
    }

    fn recorded(name: &'static str, file: &str) -> Self {
        let read = |suffix: &str| {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/topologies");
            std::fs::read_to_string(format!("{folder}/{file}.{suffix}")).expect("recorded networks are here")
        };
        let csr = Csr::compile(&repetita_graph(&read("graph")).to_twin(), Layer::Igp);
        let demands = repetita_demands(&read("0000.demands")).into_iter();
        let demands: Vec<_> =
            demands.map(|(s, d, bps)| NodeDemand { src: NodeId::new(s), dst: NodeId::new(d), bps }).collect();
        let watched = vec![true; demands.len()];
        Self { name, csr, demands, watched, parts: [0.01, 0.09] }
    }

    /// The flows of every demand, scaled to this utilisation of the fullest arc: two watched parts and the rest. Flow numbers
    /// are thrice the demand's plus the part's.
    fn flows(&self, hash: &FlowHash, routing: &Routing, utilization: f64) -> Vec<Flow> {
        let up = Failures::none(&self.csr);
        let even = Loads::compute(&self.csr, routing, &up, &self.demands);
        let scale = |by: f64| utilization / by;
        let [first, second] = self.parts;
        let parts = |scale: f64| -> Vec<Flow> {
            let mut flows = Vec::new();
            for (i, d) in self.demands.iter().enumerate().filter(|(_, d)| d.bps > 0.0) {
                for (part, share) in [first, second, 1.0 - first - second].into_iter().enumerate() {
                    let number = (3 * i + part) as u32;
                    let path = hash.path(&self.csr, routing, d.src, d.dst, u64::from(number));
                    let watched = if self.watched[i] { part } else { 2 };
                    let demand = NodeDemand { bps: d.bps * share * scale, ..*d };
                    flows.push(Flow { number, demand, part: watched, path: path.expect("a way there") });
                }
            }
            flows
        };
        let rough = parts(scale(even.max_utilization(&self.csr).expect("there are arcs").1));
        let most = max_utilization(&self.csr, &rough);
        let mut flows = rough;
        flows.iter_mut().for_each(|f| f.demand.bps *= utilization / most);
        flows
    }
}

struct Flow {
    number: u32,
    demand: NodeDemand,
    /// 0: watched at 1 % and at 10 %; 1: watched at 10 %; 2: never.
    part: usize,
    path: Vec<ArcId>,
}

fn load(csr: &Csr, flows: &[Flow], from_part: usize) -> RoutedLoad {
    let unseen = flows.iter().filter(|f| f.part >= from_part);
    RoutedLoad::along(csr, unseen.map(|f| (&f.path[..], f.demand.bps)))
}

fn max_utilization(csr: &Csr, flows: &[Flow]) -> f64 {
    let load = load(csr, flows, 0);
    let of = |i: usize| load.bps(ArcId::new(i)) / csr.capacity[i].as_f64();
    (0..csr.arc_count()).map(of).fold(0.0, f64::max)
}

fn experiment(
    label: &str,
    place: &Place,
    habit: Habit,
    utilization: f64,
    buffer: u64,
    options: Options,
    worst: &mut Worst,
) {
    let setting = Setting { place, habit, utilization, buffer, options };
    let mut kinds: [[Summary; 3]; 2] = Default::default();
    for trial in 0..options.trials {
        setting.trial(trial, &mut kinds);
    }
    for (mut runs, share) in kinds.into_iter().zip(["1 %", "10 %"]) {
        runs.iter_mut().for_each(Summary::sort);
        worst.row(label, share, &runs);
    }
}

/// One line of the matrix.
struct Setting<'a> {
    place: &'a Place,
    habit: Habit,
    utilization: f64,
    buffer: u64,
    options: Options,
}

impl Setting<'_> {
    /// One full run, one over the background and another full run, for each share.
    fn trial(&self, trial: u64, kinds: &mut [[Summary; 3]; 2]) {
        let (csr, habit) = (&self.place.csr, self.habit);
        let seeds = Seeds::new(self.options.seed);
        let (chance, other) = (seeds.trial(2 * trial), seeds.trial(2 * trial + 1));
        let routing = Routing::compute(csr, &Failures::none(csr));
        let flows = self.place.flows(&FlowHash::new(csr, chance), &routing, self.utilization);
        let total: f64 = flows.iter().map(|f| f.demand.bps).sum();
        let seconds = self.options.packets * habit.mean() * 8.0 / total;
        let bins = Some(Bins { width: SimDuration::from_secs_f64(seconds * 1.1), count: 1 });
        let buffer = Buffer::Bytes(Bytes::new(self.buffer));
        let net = PacketNet::build(csr, routing, PacketConfig { buffer, bins, ..PacketConfig::default() });
        let run = |net: &PacketNet, parts: usize, draw: &dyn Fn(&Flow) -> Trial| {
            let sent: Vec<(&Flow, Trial)> =
                flows.iter().filter(|f| f.part < parts).map(|f| (f, draw(f))).collect();
            let schedule = schedule(csr, &sent, habit, seconds);
            net.run(&Workload::compile(csr, &schedule).expect("it fits"), &[], SimTime::MAX, chance)
        };
        let full = run(&net, 3, &|_| chance);
        for (parts, runs) in [1, 2].into_iter().zip(kinds) {
            let unseen = load(csr, &flows, parts);
            let unseen =
                if self.options.ignorant { RoutedLoad::from(unseen.arcs().to_vec()) } else { unseen };
            let background = Arc::new(BackgroundLoad::routed(vec![(SimTime::ZERO, unseen)]));
            let few = run(&net.clone().with_background(background, habit.traffic()), parts, &|_| chance);
            let again = run(&net, 3, &|f| if f.part < parts { chance } else { other });
            let watched = |number: u32| flows.iter().any(|f| f.number == number && f.part < parts);
            for (summary, result) in runs.iter_mut().zip([&full, &few, &again]) {
                summary.add(result, watched);
            }
            assert!(runs.iter().all(|r| r.sent == runs[0].sent), "the same packets");
        }
    }
}

/// Every flow's packets depend on its number and its trial alone.
fn schedule(csr: &Csr, flows: &[(&Flow, Trial)], habit: Habit, seconds: f64) -> PacketSchedule {
    let mut packets = Vec::new();
    for (f, chance) in flows {
        let key = EntityKey::new(format!("flow {}", f.number));
        let mut at_s = 0.0;
        let mut arrivals = chance.stream(Purpose::ARRIVALS, &key);
        let mut sizes = chance.stream(Purpose::SIZES, &key);
        let gap_s = habit.mean() * 8.0 * habit.burst / f.demand.bps;
        loop {
            at_s += arrivals.exp() * gap_s;
            if at_s >= seconds {
                break;
            }
            loop {
                packets.push(ScheduledPacket {
                    at: SimTime::ZERO + SimDuration::from_secs_f64(at_s),
                    src: f.demand.src.0,
                    dst: f.demand.dst.0,
                    flow: f.number,
                    size: Bytes::new(habit.sizes[sizes.random_range(0..2)]),
                    frame: None,
                });
                if sizes.f64_open() * habit.burst <= 1.0 {
                    break;
                }
            }
        }
    }
    PacketSchedule::new(csr.node_keys.clone(), packets)
}

/// What the watched packets met in all runs of a kind.
#[derive(Default)]
struct Summary {
    sent: u64,
    lost: u64,
    events: u64,
    delays_us: Vec<f64>,
}

impl Summary {
    fn add(&mut self, result: &PacketResult, watched: impl Fn(u32) -> bool) {
        let mine: Vec<bool> = result.flow_ids.iter().map(|id| watched(*id)).collect();
        let flows = || result.flows.iter().zip(&mine).filter(|(_, m)| **m).map(|(f, _)| f);
        self.sent += flows().map(|f| f.sent).sum::<u64>();
        self.lost += flows().map(|f| f.dropped()).sum::<u64>();
        self.events += result.events;
        let delays = result.delays.iter().filter(|(flow, _)| mine[*flow as usize]);
        self.delays_us.extend(delays.map(|(_, d)| d.as_secs_f64() * 1e6));
    }

    fn sort(&mut self) {
        self.delays_us.sort_unstable_by(f64::total_cmp);
    }

    /// Of sorted delays.
    fn quantile(&self, q: f64) -> f64 {
        self.delays_us[(q * (self.delays_us.len() - 1) as f64).round() as usize]
    }

    /// Median and 99th percentile of the delay in µs, and the share lost.
    fn figures(&self) -> [f64; 3] {
        [self.quantile(0.5), self.quantile(0.99), self.lost as f64 / self.sent as f64]
    }
}

/// The largest deviations over all lines, as ratios less one.
#[derive(Debug, Default)]
struct Worst {
    lines: usize,
    p50: f64,
    p99: f64,
    loss: f64,
    /// Lines with p50 and p99 within 10 % and loss, where compared, within 20 %; and those of the other full run.
    within: usize,
    full_within: usize,
    fewest_events_at_1_percent: Option<f64>,
}

impl Worst {
    fn row(&mut self, label: &str, share: &str, [full, few, again]: &[Summary; 3]) {
        let counts = full.lost >= 200;
        let (a, b) = (full.figures(), few.figures());
        let fewer = full.events as f64 / few.events as f64;
        let ratios = |of: [f64; 3]| [of[0] / a[0], of[1] / a[1], if counts { of[2] / a[2] } else { 1.0 }];
        let (ours, chance) = (ratios(b), ratios(again.figures()));
        let loss = |ratio: f64| if counts { format!("{ratio:.3}") } else { "-".to_owned() };
        println!(
            "{label} {share:>5} | {:8.2} {:8.2} {:6.3} | {:8.2} {:8.2} {:6.3} | {:8.1e} {:8.1e} {:>6} | {fewer:6.1} | {:6.3} {:6.3} {:>6}",
            a[0],
            b[0],
            ours[0],
            a[1],
            b[1],
            ours[1],
            a[2],
            b[2],
            loss(ours[2]),
            chance[0],
            chance[1],
            loss(chance[2])
        );
        let off = ours.map(|r| (r - 1.0).abs());
        self.lines += 1;
        self.p50 = self.p50.max(off[0]);
        self.p99 = self.p99.max(off[1]);
        self.loss = self.loss.max(off[2]);
        let near =
            |r: [f64; 3]| (r[0] - 1.0).abs() < 0.1 && (r[1] - 1.0).abs() < 0.1 && (r[2] - 1.0).abs() < 0.2;
        self.within += usize::from(near(ours));
        self.full_within += usize::from(near(chance));
        if share == "1 %" {
            self.fewest_events_at_1_percent =
                Some(self.fewest_events_at_1_percent.map_or(fewer, |f| f.min(fewer)));
        }
    }
}
