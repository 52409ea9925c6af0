//! Incidents with known causes, made in the world and explained by the twin.

use std::collections::BTreeMap;

use models::{Failures, NodeDemand, Routing};
use twin::{BitsPerSec, Csr, Layer, LinkId, LinkSpec, NodeId, NodeKind, SimDuration, TwinBuilder};
use umbra_scenarios::causes::class::{Cause, Place};
use umbra_scenarios::causes::rank::{Settings, Verdict, What, rank};
use umbra_scenarios::causes::world::{Incident, incident};

/// Two rows of four nodes: equal paths between most of them, lengths that differ.
fn ladder() -> (Csr, Routing, Vec<NodeDemand>) {
    let mut net = TwinBuilder::new("ladder");
    let keys: Vec<_> = "abcdefgh".chars().map(|c| net.node(&c.to_string(), NodeKind::Router, None)).collect();
    let links = [
        (0, 1, 3),
        (1, 2, 5),
        (2, 3, 2),
        (4, 5, 4),
        (5, 6, 3),
        (6, 7, 6),
        (0, 4, 1),
        (1, 5, 2),
        (2, 6, 1),
        (3, 7, 4),
    ];
    for (a, b, ms) in links {
        let spec = LinkSpec::symmetric(10, BitsPerSec::gbps(1), SimDuration::millis(ms));
        net.link(&format!("{a}-{b}"), &keys[a], &keys[b], spec);
    }
    let csr = Csr::compile(&net.finish(), Layer::Igp);
    let routing = Routing::compute(&csr, &Failures::none(&csr));
    let pairs = (0..8).flat_map(|s| (0..8).map(move |d| (s, d))).filter(|(s, d)| s != d);
    let demand = |(s, d): (u32, u32)| NodeDemand {
        src: NodeId(s),
        dst: NodeId(d),
        bps: 2e6 * f64::from(1 + (3 * s + 5 * d) % 7),
    };
    let demands = pairs.map(demand).collect();
    (csr, routing, demands)
}

fn explained(number: u32) -> (Incident, Verdict) {
    let (csr, routing, demands) = ladder();
    let made = incident(&csr, &routing, &demands, 5, number);
    let settings = Settings { replicas: 20, ..Settings::default() };
    let verdict = rank(&csr, &routing, &demands, &made.observed, &settings);
    (made, verdict)
}

#[test]
fn the_same_seed_and_number_make_the_same_incident_and_others_do_not() {
    let (csr, routing, demands) = ladder();
    let make = |number| incident(&csr, &routing, &demands, 5, number).observed;
    let (one, again, other) = (make(1), make(1), make(2));
    // Missing values are NaN, which equals nothing: compare what is printed.
    assert_eq!(format!("{one:?}"), format!("{again:?}"));
    assert_ne!(format!("{one:?}"), format!("{other:?}"));
}

#[test]
fn the_answer_does_not_depend_on_threads() {
    let answer = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (_, verdict) = pool.install(|| explained(3));
        verdict.ranked.iter().map(|r| (r.probability.to_bits(), r.log_bayes.to_bits())).collect::<Vec<_>>()
    };
    let one = answer(1);
    assert_eq!(answer(2), one);
    assert_eq!(answer(4), one);
}

#[test]
fn the_ledger_sums_to_the_bayes_factor_and_probabilities_to_one() {
    for number in 0..3 {
        let (_, verdict) = explained(number);
        for ranked in &verdict.ranked {
            let sum: f64 = ranked.ledger.iter().map(|(_, l)| l).sum();
            assert!((sum - ranked.log_bayes).abs() < 1e-9 * ranked.log_bayes.abs().max(1.0), "{ranked:?}");
        }
        let listed: f64 = verdict.ranked.iter().map(|r| r.probability).sum();
        assert!(listed <= 1.0 + 1e-9 && listed > 0.9, "{listed}");
        let has = |what| verdict.ranked.iter().any(|r| r.what == what);
        assert!(has(What::None) && has(What::Unknown));
    }
}

/// A smoke test of the whole: the example `incidents` measures on hundreds.
#[test]
fn most_incidents_are_explained_and_the_onset_is_found() {
    let (mut first, mut third, mut near, cases) = (0, 0, 0, 12);
    for number in 0..cases {
        let (made, verdict) = explained(number);
        let truth = made.truth.cause.map_or(What::None, |(cause, _)| What::Cause(cause));
        let place = verdict.ranked.iter().position(|r| r.what == truth);
        first += u32::from(place == Some(0));
        third += u32::from(place.is_some_and(|p| p < 3));
        let off = (verdict.summary.onset.mean() - made.truth.onset_s / 60.0).abs();
        near += u32::from(made.truth.cause.is_none() || off < 3.0);
    }
    assert!(first >= 8 && third >= 10, "{first} and {third} of {cases}");
    assert!(near >= 10, "{near} of {cases}");
}

/// Of these incidents the probabilities have standard errors of .04 to .5 after 20 replicas.
#[test]
fn causes_that_are_level_are_run_until_their_probabilities_are_known() {
    for number in [27, 31, 39, 42] {
        let (_, verdict) = explained(number);
        let error = verdict.ranked.iter().map(|r| r.std_error).fold(0.0, f64::max);
        assert!(error <= 0.02, "number {number}: {error}");
        assert!(verdict.diagnostics.iter().all(|d| d.code != "nearly-level"));
    }
}

#[test]
fn a_class_that_is_left_out_is_not_named() {
    let (csr, routing, demands) = ladder();
    let made = incident(&csr, &routing, &demands, 5, 0);
    let without = vec!["link_loss".to_owned(), "capacity".to_owned()];
    let settings = Settings { replicas: 20, without, ..Settings::default() };
    let verdict = rank(&csr, &routing, &demands, &made.observed, &settings);
    let named = verdict.ranked.iter().filter_map(|r| match r.what {
        What::Cause(cause) => Some((cause.class.name, cause.place)),
        _ => None,
    });
    let left_out = |(class, place): &(&str, Place)| {
        ["link_loss", "capacity"].contains(class) && matches!(place, Place::Arc(_))
    };
    assert_eq!(named.filter(left_out).count(), 0);
}

#[test]
fn a_link_that_wears_goes_down_or_loses_more_often_than_its_class() {
    let (csr, routing, _) = ladder();
    let worn = BTreeMap::from([(LinkId(3), 0.02)]);
    let mut raised = Vec::new();
    for cause in Cause::all(&csr, &routing, &[]) {
        assert_eq!(cause.per_h(&csr, &BTreeMap::new()), cause.class.per_h);
        let more = cause.per_h(&csr, &worn) - cause.class.per_h;
        if more > 0.0 {
            assert!((more - 0.02).abs() < 1e-12, "{cause:?} {more}");
            raised.push((cause.class.name, cause.place));
        }
    }
    let arcs: Vec<Place> = csr.link_arcs[3].iter().map(|arc| Place::Arc(*arc)).collect();
    assert_eq!(
        raised,
        [("link_loss", arcs[0]), ("link_loss", arcs[1]), ("link_down", Place::Link(LinkId(3)))]
    );
}

#[test]
fn a_metric_that_the_twin_has_wrong_is_set_right_and_a_right_one_is_left_alone() {
    let (believed, routing, demands) = ladder();
    let none = Failures::none(&believed);
    let with = |link: usize, metric: u32| {
        let mut csr = believed.clone();
        csr.link_arcs[link].clone().iter().for_each(|a| csr.metric[a.index()] = metric);
        let routing = Routing::compute(&csr, &none);
        (csr, routing)
    };
    let settings = Settings { replicas: 10, top: 2, ..Settings::default() };
    // Incidents in whose worlds nothing else is stale.
    let (mut told, mut cases) = (0, 0);
    for (link, metric) in [(1, 10), (1, 20), (4, 5), (7, 20), (9, 40)] {
        let (csr, there) = with(link, metric);
        let made = (0..).map(|n| incident(&csr, &there, &demands, 8, n)).find(|m| m.truth.stale.is_none());
        let verdict = rank(&believed, &routing, &demands, &made.unwrap().observed, &settings);
        let (mut csr, mut found) = (believed.clone(), routing.clone());
        for s in &verdict.stale {
            csr.link_arcs[s.link.index()].clone().iter().for_each(|a| csr.metric[a.index()] = s.metric);
            found = Routing::compute(&csr, &none);
        }
        if metric == 10 {
            assert_eq!(verdict.stale, [], "nothing is wrong with the twin");
            assert!(verdict.diagnostics.iter().all(|d| d.code != "stale-metric"));
            continue;
        }
        cases += 1;
        told += u32::from((0..8).all(|d| found.same_paths(&there, NodeId(d))));
    }
    assert!(told + 1 >= cases, "{told} of {cases} have the paths of the world");
}
