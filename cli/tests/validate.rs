//! `umbra validate`: planted errors in published networks, and the command from outside.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use models::{Failures, Loads, NodeDemand, Routing, node_demands};
use scenarios::validation::{TwinError, suspects};
use serde_json::Value;
use topology_sync::source::files;
use twin::{Csr, Layer, LinkId, Snapshot, stable_hash};

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata");

fn net(files: &[&str]) -> Snapshot {
    let paths: Vec<_> = files.iter().map(|f| Path::new(TESTDATA).join("topologies").join(f)).collect();
    files::open_all(&paths, &files::Options::default()).unwrap()
}

fn loads(csr: &Csr, demands: &[NodeDemand]) -> Vec<f64> {
    let up = Failures::none(csr);
    Loads::compute(csr, &Routing::compute(csr, &up), &up, demands).arc
}

/// Numbers between 0 and 1 by address.
fn uniform(words: &[u64]) -> f64 {
    let bytes: Vec<_> = words.iter().map(|w| w.to_le_bytes()).collect();
    stable_hash(&bytes.iter().map(<[u8; 8]>::as_slice).collect::<Vec<_>>()) as f64 / u64::MAX as f64
}

/// Nearly normal with mean 0 and variance 1: twelve uniform numbers.
fn normal(words: &[u64]) -> f64 {
    (0..12).map(|i| uniform(&[words, &[i]].concat())).sum::<f64>() - 6.0
}

/// Demands as they really are, where they are known to 10 %.
fn noisy(demands: &[NodeDemand], seed: u64) -> Vec<NodeDemand> {
    let off = |i: u64| (1.0 + 0.1 * normal(&[seed, 3, i])).max(0.0);
    (0..).zip(demands).map(|(i, d)| NodeDemand { bps: d.bps * off(i), ..*d }).collect()
}

/// The inverse of most of them is not among the factors that are tried.
const WRONG: [(u32, u32); 6] = [(1, 7), (2, 5), (1, 2), (2, 1), (7, 2), (6, 1)];

/// Of `seeds` networks, each with one metric that is wrong in the twin: in how many that link is the first suspect, and in
/// how many it or one that the loads cannot tell from it is. Only errors that move at least 2 % of all load count. Demands
/// are known to 10 %, counters to 2 %.
fn found(files: &[&str], seeds: u64) -> (usize, usize, usize) {
    let net = net(files);
    let truth = Csr::compile(&net.twin, Layer::Igp);
    let demands = node_demands(&truth, net.demands.as_ref().unwrap());
    let (mut planted, mut first, mut alike, mut draw) = (0, 0, 0, 0);
    while planted < seeds as usize {
        draw += 1;
        let link = LinkId::new((uniform(&[draw, 1]) * truth.link_count() as f64) as usize);
        let (up, down) = WRONG[(uniform(&[draw, 2]) * WRONG.len() as f64) as usize];
        let mut believed = truth.clone();
        for arc in &truth.link_arcs[link.index()] {
            believed.metric[arc.index()] = (truth.metric[arc.index()] * up / down).max(1);
        }
        let real = noisy(&demands, draw);
        let flows = loads(&truth, &real);
        let shifted: f64 = flows.iter().zip(loads(&believed, &real)).map(|(a, b)| (a - b).abs()).sum();
        if shifted < 0.02 * flows.iter().sum::<f64>() {
            continue;
        }
        let measured: Vec<_> =
            (0..).zip(&flows).map(|(i, l)| l * (1.0 + 0.02 * normal(&[draw, 4, i]))).collect();
        let ranked = suspects(&believed, &demands, &measured);
        let is_it = |e: &TwinError| matches!(e, TwinError::Metric { link: l, .. } if *l == link);
        let rank = ranked.iter().position(|s| is_it(&s.error));
        planted += 1;
        first += usize::from(rank == Some(0));
        alike += usize::from(rank.is_some_and(|r| r == 0 || ranked[r].same_as == Some(0)));
    }
    (first, alike, planted)
}

#[test]
fn a_wrong_metric_is_the_first_suspect_nearly_always() {
    for files in NETS {
        let (first, alike, planted) = found(files, SEEDS);
        println!("{files:?}: first {first}, or the same loads as the first {alike}, of {planted}");
        assert!(first * 10 >= planted * 6, "{files:?}: {first} of {planted}");
        assert!(alike * 10 >= planted * 8, "{files:?}: {alike} of {planted}");
    }
}

/// Of 60 the shares are the same within chance; more take long for nothing.
const SEEDS: u64 = 20;

const NETS: [&[&str]; 4] = [
    &["abilene.xml"],
    &["geant.xml"],
    &["Abilene.graph", "Abilene.0000.demands"],
    &["Geant2012.graph", "Geant2012.0000.demands"],
];

#[test]
fn a_right_twin_is_not_accused() {
    for files in NETS {
        let net = net(files);
        let csr = Csr::compile(&net.twin, Layer::Igp);
        let demands = node_demands(&csr, net.demands.as_ref().unwrap());
        let accused = (0..8_u64).filter(|seed| {
            let real = noisy(&demands, *seed);
            let ranked = suspects(&csr, &demands, &loads(&csr, &real));
            // These instances do fill some links beyond their capacity.
            let errors = ranked.iter().filter(|s| !matches!(s.error, TwinError::Capacity(_)));
            errors.into_iter().any(|s| s.log_bayes > 3.0)
        });
        assert_eq!(accused.count(), 0, "{files:?}");
    }
}

fn umbra(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umbra")).args(args).env_remove("UMBRA_LOG").output().unwrap()
}

/// GEANT with a hundredth of its demands, which no link is too small for, in a folder.
fn quiet(folder: &Path) -> (Snapshot, PathBuf) {
    let mut net = net(&["geant.xml"]);
    let demands = net.demands.take().unwrap();
    let fewer = demands.demands().iter().map(|d| twin::Demand { bps: d.bps / 100.0, ..d.clone() });
    net.demands = Some(twin::DemandMatrix::new(fewer));
    let path = folder.join("net.json");
    std::fs::write(&path, net.to_json()).unwrap();
    (net, path)
}

/// Counters of every port of a network, as its own demands would make them, with what `edit` changes.
fn counters(folder: &Path, net: &Snapshot, edit: impl Fn(&str, f64) -> f64) -> PathBuf {
    let csr = Csr::compile(&net.twin, Layer::Igp);
    let flows = loads(&csr, &node_demands(&csr, net.demands.as_ref().unwrap()));
    let mut text = "node,port,out_bps\n".to_owned();
    for ((from, _), bps) in csr.ports.iter().zip(flows) {
        let (node, port) = (&net.twin.node_of(from).unwrap().name, &net.twin.entity(from).unwrap().name);
        text += &format!("{node},{port},{}\n", edit(port, bps));
    }
    text += "elsewhere,eth0,5e6\n";
    let path = folder.join("counters.csv");
    std::fs::write(&path, text).unwrap();
    path
}

fn rows(output: &Output, section: &str) -> Vec<Value> {
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    rows.into_iter().filter(|r| r["section"] == section).collect()
}

#[test]
fn the_command_ends_with_1_where_a_link_deviates() {
    let folder = tempfile::tempdir().unwrap();
    let (net, file) = quiet(folder.path());
    let path = counters(folder.path(), &net, |_, bps| bps);
    let args = ["validate", file.to_str().unwrap(), "--counters", path.to_str().unwrap(), "--output", "json"];
    let output = umbra(&args);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(rows(&output, "link").len(), 72);
    assert!(rows(&output, "link").iter().all(|r| r["finding"] == false));
    assert_eq!(rows(&output, "suspect").len(), 0);
    let unmatched = rows(&output, "unmatched");
    assert_eq!((unmatched.len(), unmatched[0]["measured"].as_f64()), (1, Some(5e6)));
    assert!(unmatched[0]["note"].as_str().unwrap().contains("no node 'elsewhere'"));

    counters(folder.path(), &net, |port, bps| if port == "at1.at_ch1.ch" { bps + 1e12 } else { bps });
    let output = umbra(&args);
    assert_eq!(output.status.code(), Some(1));
    assert!(rows(&output, "link").iter().filter(|r| r["finding"] == true).count() == 2);
    assert!(rows(&output, "suspect").iter().any(|r| r["finding"] == true), "more than the capacity");
}

#[test]
fn counters_of_another_network_compare_nothing_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    std::fs::write(&path, "node,port,out_bps\nelsewhere,eth0,5e6\n").unwrap();
    let (_, file) = quiet(folder.path());
    let args = ["validate", file.to_str().unwrap(), "--counters", path.to_str().unwrap(), "--output"];
    let output = umbra(&[&args[..], &["json"]].concat());
    assert_eq!(output.status.code(), Some(3), "what was not looked at is not in order");
    assert!(String::from_utf8_lossy(&output.stderr).contains("c.csv: no counter is of a port of a link"));
    assert_eq!(rows(&output, "coverage")[1]["note"], "nothing was measured: nothing is compared");

    let told = umbra(&[&args[..], &["table"]].concat()).stdout;
    let told = String::from_utf8_lossy(&told);
    let headings: Vec<_> = told.lines().filter(|l| !l.is_empty() && !l.starts_with([' ', '─'])).collect();
    assert_eq!(headings, ["coverage", "link", "unmatched"], "a table for each section: {told}");
}

#[test]
fn damaged_counters_are_an_input_error_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    std::fs::write(&path, "node,port,out_bps\na,b,many\n").unwrap();
    let output =
        umbra(&["validate", &format!("{TESTDATA}/lab-a/full"), "--counters", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("c.csv:2: 'many'"));
}
