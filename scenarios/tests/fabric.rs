//! `fabric` on generated cases: other fabrics, drop rates and seeds than any file has.

use engine::{Purpose, Seeds, Stream};
use twin::EntityKey;
use umbra_scenarios::fabric::congestion::Counter;
use umbra_scenarios::fabric::flows::Report;
use umbra_scenarios::fabric::topology::{Fabric, Link, Paths};
use umbra_scenarios::fabric::verdict::{Case, Cause, Class, Verdict, What, judge};

/// A leaf-spine fabric: racks from 0, spines from 100, hosts from 1,000.
struct LeafSpine {
    racks: u32,
    spines: u32,
    hosts: u32,
}

impl LeafSpine {
    fn fabric(&self) -> Fabric {
        let up = (0..self.racks).flat_map(|r| (0..self.spines).map(move |s| (r, 100 + s)));
        let hosts = (0..self.racks * self.hosts).map(|h| (1_000 + h, h / self.hosts));
        let links: Vec<_> = up.chain(hosts).flat_map(|(a, b)| [(a, b), (b, a)]).collect();
        Fabric::new(&links)
    }
}

/// What is wrong in a generated case.
#[derive(Default)]
struct Wrong {
    /// Directed links by name of their ends, with their loss.
    links: Vec<(u32, u32, f64)>,
    /// A device that swallows what is for a rack.
    hole: Option<(u32, u32)>,
}

fn below(n: u32, stream: &mut Stream) -> u32 {
    ((stream.f64_open() * f64::from(n)) as u32).min(n - 1)
}

/// Flows between random hosts with heavy-tailed sizes; healthy links lose up to 1e-4.
fn flows(net: &LeafSpine, count: u32, wrong: &Wrong, seed: u64) -> Vec<Report> {
    let fabric = net.fabric();
    let mut paths = Paths::new(&fabric);
    let mut stream = Seeds::new(seed).trial(0).stream(Purpose::ARRIVALS, &EntityKey::new("flows"));
    let mut loss: Vec<f64> = (0..fabric.link_count()).map(|_| stream.f64_open() * 1e-4).collect();
    for (a, b, rate) in &wrong.links {
        let link = fabric.link(fabric.node(*a).unwrap(), fabric.node(*b).unwrap()).unwrap();
        loss[link as usize] = *rate;
    }
    let hosts = net.racks * net.hosts;
    let mut reports = Vec::new();
    while reports.len() < count as usize {
        let (src, dst) = (1_000 + below(hosts, &mut stream), 1_000 + below(hosts, &mut stream));
        if src == dst {
            continue;
        }
        let routes = paths.between(fabric.node(src).unwrap(), fabric.node(dst).unwrap());
        let path = below(routes.len() as u32, &mut stream);
        let sent = (20.0 / stream.f64_open()).min(5_000.0) as u32;
        let mut lost = 0;
        for link in routes.path(path as usize) {
            let rate = loss[link as usize];
            let mut left = sent - lost;
            // Packets until the next loss are geometric.
            loop {
                let gap = (libm::log(stream.f64_open()) / libm::log1p(-rate)) as u32;
                if gap >= left {
                    break;
                }
                left -= gap + 1;
                lost += 1;
            }
        }
        let rack = (dst - 1_000) / net.hosts;
        let via = routes.path(path as usize).skip(1).map(|l| fabric.name(fabric.ends(l).0));
        if let Some((device, target)) = wrong.hole
            && target == rack
            && via.into_iter().any(|d| d == device)
        {
            reports.push(Report { src, dst, path: Some(path), sent: 3, lost: 3 });
            continue;
        }
        reports.push(Report { src, dst, path: Some(path), sent, lost });
    }
    reports
}

fn case<'a>(fabric: &'a Fabric, reports: &'a [Report]) -> Case<'a> {
    Case { fabric, reports, lossy_only: false, counters: &[], groups: &[], without: &[], number: 0 }
}

fn named(fabric: &Fabric, verdict: &Verdict) -> Vec<(u32, u32)> {
    let name = |link: Link| (fabric.name(fabric.ends(link).0), fabric.name(fabric.ends(link).1));
    let sure = verdict.causes.iter().filter(|c| c.probability > 0.5);
    let mut named: Vec<_> = sure
        .filter_map(|c| match c.what {
            What::LinkLoss(link) => Some(name(link)),
            _ => None,
        })
        .collect();
    named.sort_unstable();
    named
}

/// Hides paths as passive telemetry does.
fn hidden(reports: &[Report], but_lossy: bool) -> Vec<Report> {
    let hide = |r: &Report| Report { path: r.path.filter(|_| but_lossy && r.lost > 0), ..*r };
    reports.iter().map(hide).collect()
}

#[test]
fn links_of_any_rate_are_found_in_fabrics_of_any_size() {
    let (mut faults, mut right, mut wrong) = (0, 0, 0);
    for seed in 0..12 {
        let net = LeafSpine { racks: 4 + seed % 5, spines: 2 + seed % 4, hosts: 3 + seed % 3 };
        let fabric = net.fabric();
        let rate = [0.005, 0.02, 0.1][seed as usize % 3];
        let (a, b) = (1 % net.racks, 100 + seed % net.spines);
        let mut truth = vec![(a, b, rate), (100 + seed % net.spines, 3, rate * 1.5)];
        truth.truncate(1 + seed as usize % 2);
        let reports = flows(&net, 3_000, &Wrong { links: truth.clone(), hole: None }, u64::from(seed));
        let verdict = judge(&case(&fabric, &reports), Seeds::new(1));
        let named = named(&fabric, &verdict);
        faults += truth.len();
        let hit = truth.iter().filter(|(a, b, _)| named.contains(&(*a, *b))).count();
        (right, wrong) = (right + hit, wrong + named.len() - hit);
        for cause in verdict.causes.iter().filter(|c| c.probability > 0.9) {
            let Some((_, low, high)) = cause.severity else { continue };
            assert!(low < rate * 1.5 && high > rate, "seed {seed}: {low} to {high} for {rate}");
        }
    }
    assert!(right * 10 >= faults * 9, "{right} of {faults}");
    assert!(wrong <= 1, "{wrong} wrong");
}

#[test]
fn where_nothing_is_wrong_nothing_is_named_and_the_data_are_explained() {
    let net = LeafSpine { racks: 6, spines: 3, hosts: 4 };
    let fabric = net.fabric();
    for seed in 0..6 {
        let reports = flows(&net, 2_000, &Wrong::default(), seed);
        let verdict = judge(&case(&fabric, &reports), Seeds::new(1));
        let none = verdict.causes.iter().find(|c| c.what == What::None).unwrap();
        assert!(none.probability > 0.5, "seed {seed}: {none:?}");
        let unknown = verdict.causes.iter().find(|c| c.what == What::Unknown).unwrap();
        assert!(unknown.probability < 0.2);
        assert!(verdict.p_value > 0.01, "seed {seed}: {}", verdict.p_value);
    }
}

#[test]
fn hidden_paths_cost_little_where_lossy_flows_are_traced() {
    let net = LeafSpine { racks: 6, spines: 3, hosts: 4 };
    let fabric = net.fabric();
    let wrong = Wrong { links: vec![(2, 101, 0.02), (102, 4, 0.03)], hole: None };
    let reports = flows(&net, 4_000, &wrong, 3);
    let traced = hidden(&reports, true);
    let verdict = judge(&case(&fabric, &traced), Seeds::new(1));
    assert_eq!(named(&fabric, &verdict), [(2, 101), (102, 4)]);
    // Lossy flows alone, with their paths.
    let lossy: Vec<_> = reports.iter().filter(|r| r.lost > 0).copied().collect();
    let verdict = judge(&Case { lossy_only: true, ..case(&fabric, &lossy) }, Seeds::new(1));
    assert_eq!(named(&fabric, &verdict), [(2, 101), (102, 4)]);
    // No path at all: equal paths cannot be told apart, a host's own link can.
    let wrong = Wrong { links: vec![(1_005, 1, 0.05)], hole: None };
    let passive = hidden(&flows(&net, 4_000, &wrong, 3), false);
    let verdict = judge(&case(&fabric, &passive), Seeds::new(1));
    assert_eq!(named(&fabric, &verdict), [(1_005, 1)]);
}

#[test]
fn a_black_hole_is_found_and_without_its_class_something_unknown() {
    let net = LeafSpine { racks: 6, spines: 3, hosts: 4 };
    let fabric = net.fabric();
    let wrong = Wrong { links: vec![], hole: Some((2, 4)) };
    let reports = flows(&net, 2_000, &wrong, 5);
    let verdict = judge(&case(&fabric, &reports), Seeds::new(1));
    let node = |n| fabric.node(n).unwrap();
    assert_eq!(verdict.causes[0].what, What::BlackHole(node(2), node(4)));
    assert!(verdict.causes[0].probability > 0.9);
    let without = [Class::BlackHole];
    let verdict = judge(&Case { without: &without, ..case(&fabric, &reports) }, Seeds::new(1));
    let unknown = verdict.causes.iter().find(|c| c.what == What::Unknown).unwrap();
    assert!(unknown.probability > 0.5, "{unknown:?}");
}

#[test]
fn probes_that_pass_do_not_speak_against_a_black_hole() {
    let net = LeafSpine { racks: 6, spines: 3, hosts: 4 };
    let fabric = net.fabric();
    // The rack's own switch drops what hosts send; probes of the spines arrive.
    let mut reports = flows(&net, 2_000, &Wrong { links: vec![], hole: Some((4, 4)) }, 5);
    let probe = |i: u32| Report { src: 100 + i % 3, dst: 1_016 + i % 4, path: Some(0), sent: 40, lost: 0 };
    reports.extend((0..60).map(probe));
    let verdict = judge(&case(&fabric, &reports), Seeds::new(1));
    let node = fabric.node(4).unwrap();
    assert_eq!(verdict.causes[0].what, What::BlackHole(node, node), "{:?}", &verdict.causes[..2]);
    assert!(verdict.causes[0].probability > 0.9);
}

#[test]
fn a_link_that_nothing_takes_is_stale_and_not_failed() {
    let net = LeafSpine { racks: 5, spines: 4, hosts: 3 };
    let fabric = net.fabric();
    let (a, b) = (fabric.node(2).unwrap(), fabric.node(103).unwrap());
    let stale = [fabric.link(a, b).unwrap(), fabric.link(b, a).unwrap()];
    let mut paths = Paths::new(&fabric);
    let mut reports = flows(&net, 2_000, &Wrong::default(), 9);
    reports.retain(|r| {
        let routes = paths.between(fabric.node(r.src).unwrap(), fabric.node(r.dst).unwrap());
        !routes.path(r.path.unwrap() as usize).any(|l| stale.contains(&l))
    });
    let verdict = judge(&case(&fabric, &reports), Seeds::new(1));
    let of_one_link = |link: Link| -> f64 {
        let of = |c: &&Cause| matches!(c.what, What::LinkLoss(l) | What::StaleLink(l) if l == link);
        verdict.causes.iter().filter(of).map(|c| c.probability).sum()
    };
    (0..fabric.link_count() as Link).for_each(|l| assert!(of_one_link(l) <= 1.0, "{}", of_one_link(l)));
    let sure: Vec<_> = verdict.causes.iter().filter(|c| c.probability > 0.5).map(|c| c.what).collect();
    assert_eq!(sure, stale.map(What::StaleLink));
}

#[test]
fn input_errors_tell_a_link_that_flows_hardly_tell() {
    let net = LeafSpine { racks: 6, spines: 3, hosts: 4 };
    let fabric = net.fabric();
    let wrong = Wrong { links: vec![(2, 101, 0.0015)], hole: None };
    let reports = flows(&net, 300, &wrong, 8);
    let link = fabric.link(fabric.node(2).unwrap(), fabric.node(101).unwrap()).unwrap();
    let counter = |l: Link, errors: f64| Counter { link: l, utilization: 0.2, discards: 0.0, errors };
    let with = |errors: f64| -> Vec<Counter> {
        let of = |l: Link| counter(l, if l == link { errors } else { 0.0 });
        (0..fabric.link_count() as Link).map(of).collect()
    };
    let probability = |counters: &[Counter]| {
        let verdict = judge(&Case { counters, ..case(&fabric, &reports) }, Seeds::new(1));
        let cause = verdict.causes.into_iter().find(|c| c.what == What::LinkLoss(link));
        cause.map_or((0.0, 0.0), |c| {
            let counted = c.ledger.items.iter().filter(|i| i.source == "counters");
            (c.probability, counted.map(|i| i.log_bayes).sum::<f64>())
        })
    };
    let (without, clean, errors) = (probability(&[]), probability(&with(0.0)), probability(&with(40.0)));
    assert!(without.0 < 0.5 && (without.0 - clean.0).abs() < 0.1, "{without:?} {clean:?}");
    assert!(errors.0 > 0.9 && errors.1 > 5.0, "{errors:?}");
    assert_eq!((without.1, clean.1), (0.0, 0.0));
}

#[test]
fn a_fault_whose_class_is_left_out_has_no_name() {
    let net = LeafSpine { racks: 8, spines: 4, hosts: 4 };
    let fabric = net.fabric();
    let all = |racks: std::ops::Range<u32>| -> Vec<(u32, u32, f64)> {
        racks.flat_map(|r| [(r, 101, 0.02), (101, r, 0.02)]).collect()
    };
    for (links, without) in [
        (vec![(1_005, 1, 0.05)], vec![Class::LinkLoss]),
        (vec![(2, 101, 0.03), (102, 3, 0.03)], vec![Class::LinkLoss]),
        (all(0..8), vec![Class::Device]),
        (all(4..8), vec![Class::Device, Class::Group]),
    ] {
        let reports = flows(&net, 6_000, &Wrong { links: links.clone(), hole: None }, 6);
        let verdict = judge(&Case { without: &without, ..case(&fabric, &reports) }, Seeds::new(1));
        let unknown = verdict.causes.iter().find(|c| c.what == What::Unknown).unwrap();
        assert!(unknown.probability > 0.5, "{links:?} without {without:?}: {:?}", &verdict.causes[..3]);
    }
}

#[test]
fn a_group_is_a_group_and_a_device_a_device() {
    let net = LeafSpine { racks: 8, spines: 4, hosts: 4 };
    let fabric = net.fabric();
    let card =
        |from: u32, to: u32| -> Vec<(u32, u32)> { (from..to).flat_map(|r| [(r, 101), (101, r)]).collect() };
    let link = |(a, b): &(u32, u32)| fabric.link(fabric.node(*a).unwrap(), fabric.node(*b).unwrap()).unwrap();
    let groups: Vec<Vec<Link>> = [card(0, 4), card(4, 8)].map(|c| c.iter().map(link).collect()).into();
    let broken = |links: Vec<(u32, u32)>| Wrong {
        links: links.iter().map(|l| (l.0, l.1, 0.01)).collect(),
        hole: None,
    };
    for (links, what) in [
        (card(4, 8), What::Group(1)),
        ([card(1, 3), card(5, 7)].concat(), What::Device(fabric.node(101).unwrap())),
    ] {
        let reports = flows(&net, 6_000, &broken(links), 2);
        let verdict = judge(&Case { groups: &groups, ..case(&fabric, &reports) }, Seeds::new(1));
        assert_eq!(verdict.causes[0].what, what, "{:?}", &verdict.causes[..3]);
        assert!(verdict.causes[0].probability > 0.5);
    }
}

#[test]
fn ledgers_sum_and_sets_are_probabilities() {
    let net = LeafSpine { racks: 6, spines: 3, hosts: 4 };
    let fabric = net.fabric();
    let wrong = Wrong { links: vec![(2, 101, 0.02)], hole: Some((100, 1)) };
    let reports = flows(&net, 3_000, &wrong, 4);
    let verdict = judge(&case(&fabric, &reports), Seeds::new(1));
    for cause in &verdict.causes {
        let sum: f64 = cause.ledger.items.iter().map(|i| i.log_bayes).sum();
        assert!((sum - cause.ledger.log_bayes).abs() < 1e-9, "{cause:?}");
        assert!(cause.ledger.log_bayes.is_finite() && (0.0..=1.0).contains(&cause.probability));
    }
    let first = &verdict.causes[0].ledger;
    assert!(first.log_bayes > 10.0 && first.items.len() > 2);
    let total: f64 = verdict.sets.iter().map(|s| s.1).sum();
    assert!(total <= 1.0 + 1e-12 && verdict.sets[0].1 >= verdict.sets[1].1);
}

#[test]
fn a_case_without_flows_is_no_reason_to_guess() {
    let fabric = LeafSpine { racks: 3, spines: 2, hosts: 2 }.fabric();
    let verdict = judge(&case(&fabric, &[]), Seeds::new(1));
    assert_eq!(verdict.causes[0].what, What::None);
    assert_eq!(verdict.reports, 0);
    // Nothing was seen of any link, so all are alike.
    let links = verdict.causes.iter().filter(|c| matches!(c.what, What::LinkLoss(_)));
    let same: Vec<_> = links.map(|c| c.same_as).collect();
    assert_eq!(same.len(), fabric.link_count());
    assert_eq!(same[0], None);
    assert!(same[1..].iter().all(|s| s.is_some() && *s == same[1]));
}

/// What must hold of every answer.
fn assert_consistent(verdict: &Verdict) {
    let probability =
        |what: What| verdict.causes.iter().find(|c| c.what == what).map_or(0.0, |c| c.probability);
    let (none, unknown) = (probability(What::None), probability(What::Unknown));
    assert!(none + unknown <= 1.0 + 1e-12, "{none} {unknown}");
    for (set, p) in &verdict.sets {
        let listed = |what: &What| verdict.causes.iter().any(|c| c.what == *what);
        assert!(set.iter().all(listed), "{p}: {set:?}");
    }
}

#[test]
fn nothing_and_something_unknown_exclude_each_other_and_members_of_sets_are_listed() {
    let net = LeafSpine { racks: 6, spines: 3, hosts: 4 };
    let fabric = net.fabric();
    let wrong = Wrong { links: vec![(2, 101, 0.01), (3, 100, 0.002)], hole: None };
    for seed in 0..4 {
        for wrong in [&Wrong::default(), &wrong] {
            let reports = flows(&net, 1_500, wrong, seed);
            assert_consistent(&judge(&case(&fabric, &reports), Seeds::new(1)));
            let passive = hidden(&reports, false);
            assert_consistent(&judge(&case(&fabric, &passive), Seeds::new(1)));
        }
    }
}

#[test]
fn nothing_is_said_of_a_group_whose_links_are_not_there() {
    let net = LeafSpine { racks: 4, spines: 2, hosts: 2 };
    let fabric = net.fabric();
    let reports = flows(&net, 500, &Wrong::default(), 1);
    let verdict = judge(&Case { groups: &[Vec::new()], ..case(&fabric, &reports) }, Seeds::new(1));
    assert!(verdict.causes.iter().all(|c| c.what != What::Group(0)), "{:?}", &verdict.causes[..3]);
}
