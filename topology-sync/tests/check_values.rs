//! Known base utilisations of public networks, by a load oracle that shares nothing with the product.

use std::path::Path;

use twin::{Csr, Layer, NodeId, Snapshot};
use umbra_topology_sync::source::files::{Options, open_all};

/// Every arc's load in bit/s: traffic for a destination splits equally, at each node, over all outgoing arcs on a
/// shortest path. Slow and plain: distances by relaxing until nothing changes, loads in order of falling distance.
fn loads(csr: &Csr, demand: &[Vec<f64>]) -> Vec<f64> {
    let mut load = vec![0.0; csr.arc_count()];
    for to in 0..csr.node_count() {
        let distance = distances_to(csr, to);
        let mut waiting: Vec<f64> = demand.iter().map(|row| row[to]).collect();
        let mut order: Vec<usize> =
            (0..csr.node_count()).filter(|n| distance[*n] < u64::MAX && *n != to).collect();
        order.sort_by_key(|n| std::cmp::Reverse(distance[*n]));
        for node in order {
            let next: Vec<usize> = (0..csr.arc_count())
                .filter(|a| csr.src[*a].index() == node && distance[csr.dst[*a].index()] < u64::MAX)
                .filter(|a| distance[csr.dst[*a].index()] + u64::from(csr.metric[*a]) == distance[node])
                .collect();
            let share = waiting[node] / next.len() as f64;
            for arc in next {
                load[arc] += share;
                waiting[csr.dst[arc].index()] += share;
            }
        }
    }
    load
}

fn distances_to(csr: &Csr, to: usize) -> Vec<u64> {
    let mut distance = vec![u64::MAX; csr.node_count()];
    distance[to] = 0;
    loop {
        let mut changed = false;
        for arc in 0..csr.arc_count() {
            let (u, v) = (csr.src[arc].index(), csr.dst[arc].index());
            let through = distance[v].saturating_add(u64::from(csr.metric[arc]));
            if through < distance[u] {
                distance[u] = through;
                changed = true;
            }
        }
        if !changed {
            return distance;
        }
    }
}

fn max_utilisation(net: &Snapshot) -> f64 {
    let csr = Csr::compile(&net.twin, Layer::Igp);
    let id = |key| csr.node_keys.iter().position(|k| k == key).map(NodeId::new).unwrap().index();
    let mut demand = vec![vec![0.0; csr.node_count()]; csr.node_count()];
    for d in net.demands.as_ref().unwrap().demands() {
        demand[id(&d.src)][id(&d.dst)] = d.bps;
    }
    let load = loads(&csr, &demand);
    (0..csr.arc_count()).map(|a| load[a] / csr.capacity[a].as_f64()).fold(0.0, f64::max)
}

/// Reads the files and compares nodes, links, demands and the largest base utilisation (1e-9, or the printed digits).
fn check(files: &[&str], (nodes, links, demands): (usize, usize, usize), expected: f64) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/topologies"));
    let paths: Vec<_> = files.iter().map(|f| folder.join(f)).collect();
    let net = open_all(&paths, &Options::default()).unwrap();
    let csr = Csr::compile(&net.twin, Layer::Igp);
    let counts = (csr.node_count(), csr.link_count(), net.demands.as_ref().unwrap().len());
    assert_eq!(counts, (nodes, links, demands), "{files:?}");
    let found = max_utilisation(&net);
    assert!((found - expected).abs() <= 5.1e-10, "{files:?}: {found} is not {expected}");
}

#[test]
fn abilene_sndlib() {
    check(&["abilene.xml"], (12, 15, 132), 17.720_793_269);
}

#[test]
fn geant_sndlib() {
    check(&["geant.xml"], (22, 36, 462), 12.996_9);
}

#[test]
fn polska_sndlib_is_undirected() {
    check(&["polska.xml"], (12, 18, 132), 3.369_774_920);
}

#[test]
fn abilene_repetita() {
    check(&["Abilene.graph", "Abilene.0000.demands"], (11, 14, 110), 1.277_013_482);
}

#[test]
fn geant2012_repetita() {
    check(&["Geant2012.graph", "Geant2012.0000.demands"], (40, 61, 1_556), 2.101_663_150);
}

#[test]
fn colt_repetita() {
    check(&["Colt.graph", "Colt.0000.demands"], (153, 191, 23_168), 1.395_679_833);
}
