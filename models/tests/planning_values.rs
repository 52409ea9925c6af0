//! Known utilisations under failures of recorded networks and of fat-trees, to the last printed digit.
//!
//! The single link failures were computed by two separate slow implementations, the lists of pairs by one or two.

use testkit::{PlainDemand, PlainNet, REPETITA, SNDLIB, recorded, recorded_failures, switch_fabric};
use twin::{Csr, Layer, LinkId, NodeId};
use umbra_models::{Failures, Gone, NodeDemand, Routing, WhatIf};

/// The maximum utilisation with nothing down, and under each failure whether traffic is lost and the maximum utilisation.
fn sweep(net: &PlainNet, demands: &[PlainDemand], failures: &[Vec<usize>]) -> (f64, Vec<(bool, f64)>) {
    let csr = Csr::compile(&net.to_twin(), Layer::Igp);
    let demands: Vec<_> = demands
        .iter()
        .map(|&(s, d, bps)| NodeDemand { src: NodeId::new(s), dst: NodeId::new(d), bps })
        .collect();
    let routing = Routing::compute(&csr, &Failures::none(&csr));
    let what_if = WhatIf::new(&csr, &routing, &demands);
    let mut change = what_if.scratch();
    let max = |loads: &[f64]| loads.iter().zip(&net.arcs).map(|(l, a)| l / a.capacity).fold(0.0, f64::max);
    let base = max(&what_if.base().arc);
    let all = failures.iter().map(|links| {
        let gone: Vec<_> = links.iter().map(|l| Gone::Link(LinkId::new(*l))).collect();
        what_if.evaluate_loads(&gone, &mut change);
        let mut loads = what_if.base().arc.clone();
        change.loads().for_each(|(arc, load)| loads[arc.index()] = load);
        (change.disconnected_pairs() > 0, max(&loads))
    });
    (base, all.collect())
}

fn singles(name: &str) -> (f64, Vec<(bool, f64)>) {
    let (net, demands) = recorded(name);
    let each: Vec<_> = (0..net.links()).map(|link| vec![link]).collect();
    sweep(&net, &demands, &each)
}

fn worst(all: &[(bool, f64)]) -> f64 {
    all.iter().map(|(_, util)| *util).fold(0.0, f64::max)
}

fn mean(all: &[(bool, f64)]) -> f64 {
    all.iter().map(|(_, util)| util).sum::<f64>() / all.len() as f64
}

/// To 1e-9 of the value, or to the digits that are printed.
#[track_caller]
fn close(what: &str, got: f64, expected: f64) {
    assert!((got - expected).abs() <= 1e-9 * expected.max(0.5), "{what}: {got}, expected {expected}");
}

#[test]
fn single_links_of_repetita() {
    let known = [
        (1.277013482, 1.799998493, 1.431322523, 0),
        (1.814353994, 2.109119021, 1.830383185, 0),
        (1.900177646, 2.310157225, 1.923491868, 0),
        (2.101663150, 2.603330196, 2.102944996, 8),
        (1.383463000, 1.983534083, 1.433780123, 12),
        (1.423285417, 3.059447708, 1.501189554, 12),
        (2.187958125, 2.955763542, 2.198733661, 6),
        (1.395679833, 1.797294000, 1.404776357, 48),
        (1.178481408, 1.376367717, 1.175841039, 46),
    ];
    for (name, (base, most, average, cut)) in REPETITA.into_iter().zip(known) {
        let (got, all) = singles(name);
        close(name, got, base);
        close(name, worst(&all), most);
        close(name, mean(&all), average);
        assert_eq!(all.iter().filter(|(lost, _)| *lost).count(), cut, "{name}");
    }
}

#[test]
fn single_links_of_sndlib() {
    let known = [
        (17.720793269, 24.009695513),
        (0.631498016, 0.699520503),
        (12.996900000, 23.534525000),
        (6.775, 9.75),
        (0.893333333, 1.158333333),
        (51.21875, 102.4375),
        (0.2075, 0.2925),
        (1.755, 2.7075),
        (0.11425, 0.16425),
        (3.369774920, 6.387459807),
    ];
    for (name, (base, most)) in SNDLIB.into_iter().zip(known) {
        let (got, all) = singles(name);
        close(name, got, base);
        close(name, worst(&all), most);
    }
}

#[test]
fn lists_of_pairs() {
    let networks = [
        ("AttMpls.fail2.all", recorded("AttMpls"), 2.637363771, 1.855474399),
        ("rf1755_real_hard.fail2.500", recorded("rf1755_real_hard"), 3.059447708, 1.569493882),
        ("Colt.fail2.500", recorded("Colt"), 1.797294000, 1.406748828),
        ("rf3257_real_hard.fail2.500", recorded("rf3257_real_hard"), 3.918264729, 1.176288810),
        ("fattree8.fail2.1000", switch_fabric(8), 1.000000000, 0.657139785),
        ("fattree16.fail2.500", switch_fabric(16), 0.666666667, 0.564688414),
    ];
    for (list, (net, demands), most, average) in networks {
        let (_, all) = sweep(&net, &demands, &recorded_failures(list));
        close(list, worst(&all), most);
        close(list, mean(&all), average);
    }
}
