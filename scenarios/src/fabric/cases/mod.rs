//! Cases with known answers, drawn by seed: fabrics, faults and traffic that no judge has seen.
//!
//! The world here is not the model that judges it: healthy links may lose by another law, traffic may be skewed, hosts may
//! keep silent, links of the topology may be absent. A case is a function of seed, plan and number alone.

mod faults;
pub mod shape;
mod traffic;
pub mod truth;

use engine::{Purpose, Seeds};
use twin::EntityKey;

use self::shape::Net;
use self::traffic::Traffic;
use self::truth::Answer;
use super::congestion::Counter;
use super::telemetry::Row;
use super::topology::Paths;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One to eight links that lose packets.
    SilentMixed,
    /// One link between switches.
    Softness,
    /// Nothing.
    None,
    /// One or two devices, with a quarter, half, three quarters or all of their links.
    Device,
    /// One or two black holes: a device and a rack.
    Acl,
    /// Up to three links that lose packets, and three to ten that are congested.
    Congestion,
    /// One to four links that lose packets; six links of the topology are not there.
    Incomplete,
    /// One or two line cards.
    Srlg,
}

impl Kind {
    /// All by name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("silent_mixed", Self::SilentMixed),
        ("softness", Self::Softness),
        ("none", Self::None),
        ("device", Self::Device),
        ("acl", Self::Acl),
        ("congestion", Self::Congestion),
        ("incomplete", Self::Incomplete),
        ("srlg", Self::Srlg),
    ];
}

/// What healthy links lose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Noise {
    /// Uniform from 0 to this.
    Uniform(f64),
    /// Beta with first shape ½ and this mean: most lose next to nothing, few a good deal.
    Beta(f64),
}

/// How cases are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// What is wrong.
    pub kind: Kind,
    /// What a failed link loses: uniform between these.
    pub drop: (f64, f64),
    /// What a healthy link loses.
    pub noise: Noise,
    /// Application flows of a case.
    pub flows: u32,
    /// Mean size of a flow, before the cut, in bytes.
    pub flow_bytes: f64,
    /// Shape of the Pareto law of sizes; above 1.
    pub flow_shape: f64,
    /// Sizes are cut off here, in bytes.
    pub flow_most_bytes: f64,
    /// Probes of each host in each direction.
    pub probes: u32,
    /// Packets of a probe.
    pub probe_packets: u32,
    /// The share of hosts that report nothing.
    pub silent: f64,
    /// Whether traffic is skewed; none: in every other case.
    pub skewed: Option<bool>,
    /// The share of failed links whose losses are counted as input errors.
    pub counted: f64,
}

impl Plan {
    /// The habits of the shared files (those of the experiments with Flock, CoNEXT 2023).
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            drop: if kind == Kind::Softness { (0.002, 0.018) } else { (0.0025, 0.025) },
            noise: Noise::Uniform(1e-4),
            flows: if matches!(kind, Kind::SilentMixed | Kind::Softness) { 20_000 } else { 16_000 },
            flow_bytes: 200e3,
            flow_shape: 1.05,
            flow_most_bytes: 100e6,
            probes: 5,
            probe_packets: 40,
            silent: if kind == Kind::Incomplete { 0.3 } else { 0.0 },
            skewed: None,
            counted: 0.0,
        }
    }
}

/// A case with its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// Flows, then probes.
    pub rows: Vec<Row>,
    /// Counters of all links in their order, for congestion and where errors are counted.
    pub counters: Vec<Counter>,
    /// What is wrong.
    pub answer: Answer,
}

/// Draws a case. `paths` are those of the net's fabric, and are kept from case to case.
pub fn draw(plan: &Plan, net: &Net, paths: &mut Paths<'_>, number: u32, seeds: Seeds) -> Labelled {
    let trial = seeds.trial(u64::from(number));
    let stream = |purpose| trial.stream(purpose, &EntityKey::new("fabric-case"));
    let mut world = faults::draw(plan, net, u64::from(number), &mut stream(Purpose::FAULT));
    let skewed = plan.skewed.unwrap_or(number % 2 == 1);
    let discards = vec![0; net.fabric.link_count()];
    let mut traffic = Traffic { plan, net, paths, world: &mut world, discards };
    let rows = traffic.send(skewed, &mut stream(Purpose::ARRIVALS));
    let discards = traffic.discards;
    let counters = counters(plan, net, &world, &discards, &mut stream(Purpose::SENSOR));
    let traffic = if skewed { "skewed" } else { "uniform" }.to_owned();
    Labelled { rows, counters, answer: Answer { case: number, traffic, ..world.answer } }
}

/// What interfaces counted: use, discards at full queues, and errors on some links that lose packets.
fn counters(
    plan: &Plan,
    net: &Net,
    world: &faults::World,
    discards: &[u32],
    stream: &mut engine::Stream,
) -> Vec<Counter> {
    if plan.kind != Kind::Congestion && plan.counted == 0.0 {
        return Vec::new();
    }
    let full = |a: u32, b: u32| world.answer.congested_links.iter().find(|l| (l.a, l.b) == (a, b));
    let failed = |a: u32, b: u32| world.answer.failed_links.iter().find(|l| (l.a, l.b) == (a, b));
    let mut count = |(link, (a, b, _)): (u32, &(u32, u32, &str))| {
        // The product of two uniform numbers: a quarter on average, now and then nearly full without harm.
        let usual = stream.f64_open() * stream.f64_open();
        let counts = stream.f64_open() < plan.counted;
        let dropped = discards[link as usize];
        // What is watched is a sample of what crosses a full link: it drops something at any rate.
        let discards = if full(*a, *b).is_some() { dropped.max(1) } else { dropped };
        Counter {
            link,
            utilization: full(*a, *b).map_or(usual, |l| l.util),
            discards: f64::from(discards),
            errors: failed(*a, *b).filter(|_| counts).map_or(0.0, |l| libm::ceil(l.drop * 1e4)),
        }
    };
    (0u32..).zip(&net.links).map(&mut count).collect()
}

#[cfg(test)]
mod tests {
    use super::shape::Shape;
    use super::*;

    fn net() -> Net {
        Shape::FatTree { k: 4, hosts: 4 }.build(Seeds::new(1))
    }

    fn cases(plan: Plan, n: u32) -> Vec<Labelled> {
        let net = net();
        let mut paths = Paths::new(&net.fabric);
        (0..n).map(|i| draw(&plan, &net, &mut paths, i, Seeds::new(7))).collect()
    }

    #[test]
    fn a_case_depends_on_its_number_alone() {
        let net = net();
        let plan = Plan { flows: 300, ..Plan::new(Kind::SilentMixed) };
        let alone = draw(&plan, &net, &mut Paths::new(&net.fabric), 3, Seeds::new(7));
        assert_eq!(cases(plan, 4)[3], alone);
        assert_ne!(cases(plan, 4)[2].rows, alone.rows);
    }

    #[test]
    fn every_kind_has_what_its_name_says() {
        for (name, kind) in Kind::ALL {
            let plan = Plan { flows: 2_000, ..Plan::new(kind) };
            for (i, case) in cases(plan, 6).iter().enumerate() {
                let answer = &case.answer;
                let found = [
                    answer.failed_links.len(),
                    answer.failed_devices.len(),
                    answer.srlg.len(),
                    answer.acl.len(),
                    answer.congested_links.len(),
                    answer.stale_links.len(),
                ];
                let expected: [fn(usize) -> bool; 6] = match kind {
                    Kind::SilentMixed => [|n| (1..=8).contains(&n), none, none, none, none, none],
                    Kind::Softness => [one, none, none, none, none, none],
                    Kind::None => [none; 6],
                    Kind::Device => [some, some, none, none, none, none],
                    Kind::Srlg => [some, none, some, none, none, none],
                    Kind::Acl => [none, none, none, some, none, none],
                    Kind::Congestion => [|n| n <= 3, none, none, none, |n| (3..=10).contains(&n), none],
                    Kind::Incomplete => [some, none, none, none, none, |n| n == 6],
                };
                assert!(found.iter().zip(expected).all(|(n, fits)| fits(*n)), "{name} {i}: {found:?}");
                assert!(case.rows.iter().all(|r| r.lost <= r.sent && r.sent > 0 && r.path.is_some()));
                assert_eq!(case.counters.is_empty(), kind != Kind::Congestion);
                assert_eq!(answer.silent_hosts > 0, kind == Kind::Incomplete);
            }
        }
    }

    fn none(n: usize) -> bool {
        n == 0
    }

    fn one(n: usize) -> bool {
        n == 1
    }

    fn some(n: usize) -> bool {
        n > 0
    }

    #[test]
    fn what_is_lost_follows_the_rates() {
        let plan = Plan { noise: Noise::Uniform(0.0), flows: 8_000, ..Plan::new(Kind::Softness) };
        let net = net();
        let mut paths = Paths::new(&net.fabric);
        for number in 0..4 {
            let case = draw(&plan, &net, &mut paths, number, Seeds::new(3));
            let failed = case.answer.failed_links[0];
            let node = |n| net.fabric.node(n).unwrap();
            let link = net.fabric.link(node(failed.a), node(failed.b)).unwrap();
            let (mut sent, mut lost, mut elsewhere) = (0.0, 0.0, 0);
            for row in &case.rows {
                let report = super::super::telemetry::Telemetry::MODES[0].1.report(row).unwrap();
                let routes = paths.between(node(report.src), node(report.dst));
                if routes.path(report.path.unwrap() as usize).any(|l| l == link) {
                    (sent, lost) = (sent + f64::from(row.sent), lost + f64::from(row.lost));
                } else {
                    elsewhere += row.lost;
                }
            }
            assert_eq!(elsewhere, 0);
            let spread = 5.0 * libm::sqrt(sent * failed.drop);
            assert!((lost - sent * failed.drop).abs() < spread, "{lost} of {sent} at {}", failed.drop);
        }
    }

    #[test]
    fn a_link_that_is_not_there_carries_nothing_and_a_hole_lets_nothing_through() {
        let net = net();
        let mut paths = Paths::new(&net.fabric);
        let node = |n| net.fabric.node(n).unwrap();
        for kind in [Kind::Incomplete, Kind::Acl] {
            let plan = Plan { flows: 4_000, ..Plan::new(kind) };
            let case = draw(&plan, &net, &mut paths, 2, Seeds::new(4));
            let mut swallowed = 0;
            for row in &case.rows {
                let report = super::super::telemetry::Telemetry::MODES[0].1.report(row).unwrap();
                let routes = paths.between(node(report.src), node(report.dst));
                let ends: Vec<(u32, u32)> = routes
                    .path(report.path.unwrap() as usize)
                    .map(|l| net.fabric.ends(l))
                    .map(|(a, b)| (net.fabric.name(a), net.fabric.name(b)))
                    .collect();
                let absent = |l: &truth::StaleLink| ends.contains(&(l.a, l.b)) || ends.contains(&(l.b, l.a));
                assert!(!case.answer.stale_links.iter().any(absent));
                let rack = net.rack(report.dst.saturating_sub(10_000));
                let passes =
                    |h: &truth::BlackHole| h.dst_rack == rack && ends[1..].iter().any(|e| e.0 == h.device);
                if row.probe == 0 && case.answer.acl.iter().any(passes) {
                    assert_eq!((row.sent, row.lost), (3, 3));
                    swallowed += 1;
                }
            }
            assert_eq!(swallowed, case.answer.acl.iter().map(|h| h.affected_flows).sum::<u32>());
        }
    }
}
