//! Errors that are planted, in small networks.

use twin::{BitsPerSec, Layer};

use super::*;

/// A ladder: a-b-c above, d-e-f below, rungs between; every node sends to every other.
fn ladder(metric_be: u32) -> (Csr, Vec<NodeDemand>) {
    let text = format!(
        "a -10G@10- b -10G@10- c ; d -10G@10- e -10G@10- f ; a -10G@10- d ; b -10G@{metric_be}- e ; c -10G@10- f"
    );
    let csr = Csr::compile(&testkit::topology(&text), Layer::Igp);
    let mut demands = Vec::new();
    for (i, src) in (0..6).map(twin::NodeId).enumerate() {
        for (j, dst) in (0..6).map(twin::NodeId).enumerate().filter(|(j, _)| *j != i) {
            demands.push(NodeDemand { src, dst, bps: 1e8 * (1.0 + ((7 * i + 3 * j) % 5) as f64) });
        }
    }
    (csr, demands)
}

fn loads(csr: &Csr, demands: &[NodeDemand]) -> Vec<f64> {
    let up = Failures::none(csr);
    Loads::compute(csr, &Routing::compute(csr, &up), &up, demands).arc
}

#[test]
fn a_right_twin_has_no_deviation_and_no_suspect() {
    let (csr, demands) = ladder(10);
    let validation = validate(&csr, &demands, &loads(&csr, &demands), Tolerance::default());
    assert!(validation.arcs.iter().all(|a| !a.deviates));
    assert_eq!(validation.suspects, []);
    assert!((validation.coverage.demand_scale.unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn a_wrong_metric_is_found_with_the_value_that_routes_alike() {
    let (truth, demands) = ladder(40);
    let (believed, _) = ladder(10);
    let validation = validate(&believed, &demands, &loads(&truth, &demands), Tolerance::default());
    assert!(validation.arcs.iter().any(|a| a.deviates));
    let TwinError::Metric { link, arc: None, fits } = validation.suspects[0].error else {
        panic!("{:?}", validation.suspects)
    };
    assert_eq!(believed.link_names[link.index()], "b-e");
    assert_eq!(fits, 40, "the nearest of those beyond the detour of 30");
    assert!(validation.suspects[0].explained > 0.999);
    let absent = validation.suspects.iter().position(|s| s.error == TwinError::Absent(link)).unwrap();
    assert_eq!(absent, 1, "a link that nobody uses may as well be absent");
    assert_eq!(validation.suspects[1].same_as, Some(0));
}

#[test]
fn a_metric_that_is_wrong_in_one_direction_alone_is_told_from_one_in_both() {
    let (mut truth, demands) = ladder(10);
    let arc = truth.link_arcs[5][0];
    truth.metric[arc.index()] = 100;
    let (believed, _) = ladder(10);
    let suspects = suspects(&believed, &demands, &loads(&truth, &demands));
    assert!(matches!(suspects[0].error, TwinError::Metric { arc: Some(a), .. } if a == arc), "{suspects:?}");
}

#[test]
fn a_link_that_the_twin_does_not_hold_is_found_between_its_nodes() {
    let (believed, demands) = ladder(10);
    let (a, f) = (twin::NodeId(0), twin::NodeId(5));
    let truth = believed.with_links(&[(a, f, 10, BitsPerSec::gbps(10))]);
    let measured = &loads(&truth, &demands)[..believed.arc_count()];
    let suspects = suspects(&believed, &demands, measured);
    assert_eq!(suspects[0].error, TwinError::Missing { a, b: f, metric: 10 }, "{suspects:?}");
}

#[test]
fn more_than_the_capacity_is_a_wrong_capacity_also_without_demands() {
    let (csr, _) = ladder(10);
    let mut measured = vec![f64::NAN; csr.arc_count()];
    (measured[3], measured[4]) = (25e9, 9e9);
    let validation = validate(&csr, &[], &measured, Tolerance::default());
    assert_eq!(
        validation.suspects.iter().map(|s| s.error).collect::<Vec<_>>(),
        [TwinError::Capacity(ArcId(3))]
    );
    assert!(validation.arcs.iter().all(|a| !a.deviates), "nothing is predicted without demands");
}

#[test]
fn errors_are_scored_as_a_full_computation_would() {
    let (csr, demands) = ladder(10);
    let (truth, _) = ladder(40);
    let measured = loads(&truth, &demands);
    let fit = crate::load_fit::LoadFit::new(&loads(&csr, &demands), &measured);
    let now = fit.log_likelihood(&loads(&csr, &demands));
    let all = errors::scored(&csr, &demands, &measured);
    assert!(all.len() > 150, "{}", all.len());
    for errors::Scored { error, gain, .. } in all {
        let mut fork = csr.clone();
        let mut down = Failures::none(&csr);
        match error {
            TwinError::Metric { link, arc, fits } => {
                let arcs = arc.map_or(csr.link_arcs[link.index()].clone(), |a| vec![a]);
                arcs.iter().for_each(|a| fork.metric[a.index()] = fits);
            }
            TwinError::Absent(link) => down = down.with_link(link),
            TwinError::Missing { a, b, metric } => {
                fork = csr.with_links(&[(a, b, metric, BitsPerSec::gbps(10))]);
                down = Failures::none(&fork);
            }
            TwinError::Capacity(_) => continue,
        }
        let slow = Loads::compute(&fork, &Routing::compute(&fork, &down), &down, &demands).arc;
        let expected = fit.log_likelihood(&slow[..csr.arc_count()]) - now;
        assert!((gain - expected).abs() < 1e-6, "{error:?}: {gain}, not {expected}");
    }
}
