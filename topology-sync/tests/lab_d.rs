//! The recorded lab with every trick against its truth: every row of every table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use twin::WallTime;
use umbra_topology_sync::dump::{self, NodeRecording};
use umbra_topology_sync::fuse::Fusion;
use umbra_topology_sync::fuse::tables::{CableRow, Tables};
use umbra_topology_sync::store::Store;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/lab-d");

type Rows = BTreeSet<String>;

fn list(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// The recorded nodes, with the files that satisfy `keep`.
fn recordings(keep: impl Fn(&str, &str) -> bool) -> Vec<NodeRecording> {
    let node = |folder: &PathBuf| {
        let files = list(folder).into_iter().filter(|f| keep(&name(folder), &name(f)));
        NodeRecording {
            name: name(folder),
            files: files.map(|f| (name(&f), std::fs::read(f).unwrap())).collect(),
        }
    };
    list(&Path::new(FOLDER).join("full")).iter().map(node).collect()
}

fn tables(nodes: &[NodeRecording]) -> Tables {
    let mut store = Store::default();
    for node in nodes {
        store.extend(dump::read_node(node, WallTime::default(), &mut Vec::new()).0);
    }
    let mut fusion = Fusion::default();
    fusion.rebuild(&store, WallTime::default());
    fusion.tables()
}

/// Lines of a table of the truth, as cells, without the header.
fn truth(table: &str) -> Vec<Vec<String>> {
    let path = Path::new(FOLDER).join("truth").join(table);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// A cable in a form that does not depend on which end comes first.
fn cable([a, b]: [String; 2], carrier: &str, heard: [&str; 2], igp: &str, cost: [&str; 2]) -> String {
    let half = |from: &str, to: &str, i: usize| format!("{from} > {to} heard {} cost {}", heard[i], cost[i]);
    let mut halves = [half(&a, &b, 0), half(&b, &a, 1)];
    halves.sort();
    format!("{}; carrier {carrier}; igp {igp}", halves.join("; "))
}

fn true_cables() -> Rows {
    let row = |c: Vec<String>| {
        let ends = [format!("{}:{}", c[0], c[1]), format!("{}:{}", c[2], c[3])];
        cable(ends, &c[4], [&c[5], &c[6]], &c[7], [&c[8], &c[9]])
    };
    truth("cables.csv").into_iter().map(row).collect()
}

fn cables(tables: &Tables) -> Rows {
    let row = |c: &CableRow| {
        let ends = [format!("{}:{}", c.a_node, c.a_port), format!("{}:{}", c.b_node, c.b_port)];
        let [carrier, ab, ba] = [c.carrier, c.lldp_ab, c.lldp_ba].map(word::<bool>);
        let costs = [c.cost_ab, c.cost_ba].map(word::<u32>);
        cable(ends, &carrier, [&ab, &ba], c.igp, [&costs[0], &costs[1]])
    };
    tables.cables.iter().map(row).collect()
}

fn word<T: ToString>(value: Option<T>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

/// The members of each segment.
fn segments(rows: impl Iterator<Item = (String, String, String)>) -> Rows {
    let mut members = BTreeMap::<String, BTreeSet<String>>::new();
    for (segment, node, port) in rows {
        members.entry(segment).or_default().insert(format!("{node}:{port}"));
    }
    members.into_values().map(|m| m.into_iter().collect::<Vec<_>>().join(" ")).collect()
}

fn check(what: &str, found: &Rows, truth: &Rows) {
    let list = |a: &Rows, b: &Rows| a.difference(b).cloned().collect::<Vec<_>>().join("\n  ");
    assert!(found == truth, "{what}\nmissing:\n  {}\nfalse:\n  {}", list(truth, found), list(found, truth));
}

#[test]
fn every_cable_is_exact() {
    check("cables", &cables(&tables(&recordings(|_, _| true))), &true_cables());
}

#[test]
fn segments_have_their_members() {
    let found = tables(&recordings(|_, _| true)).segments;
    let found = segments(found.into_iter().map(|s| (s.segment, s.node, s.port)));
    let cells = |c: Vec<String>| (c[0].clone(), c[1].clone(), c[2].clone());
    check("segments", &found, &segments(truth("segments.csv").into_iter().map(cells)));
}

#[test]
fn nodes_have_their_names_and_kinds_and_nobody_is_merged_or_doubled() {
    let found = tables(&recordings(|_, _| true)).nodes;
    let rows =
        found.iter().filter(|n| n.kind != "segment").map(|n| format!("{} {} {}", n.id, n.name, n.kind));
    let expected = truth("nodes.csv");
    let true_rows = expected.iter().filter(|c| c[2] != "segment").map(|c| c.join(" "));
    check("nodes", &rows.collect(), &true_rows.collect());
    assert_eq!(found.len(), expected.len(), "segments have a name each, whichever it is");
}

#[test]
fn what_nobody_knows_is_said() {
    let found = tables(&recordings(|_, _| true)).unmatched;
    let ports = found.iter().map(|u| format!("{}:{}", u.node, u.port)).collect();
    let expected = truth("unmatched.csv");
    check("unmatched", &ports, &expected.iter().map(|c| format!("{}:{}", c[0], c[1])).collect());
    assert_eq!(found.len(), expected.len(), "one reason each: {found:?}");
}

/// Without a source, no cable may be there that is not there with all of them, but for the two hosts behind a bridge that
/// says nothing: as far as anybody else can know, they are one cable apart.
#[test]
fn with_less_said_no_false_cable_appears() {
    let ends = |tables: &Tables| -> Rows {
        let row = |c: &CableRow| {
            let mut ends = [format!("{}:{}", c.a_node, c.a_port), format!("{}:{}", c.b_node, c.b_port)];
            ends.sort();
            ends.join(" ")
        };
        tables.cables.iter().map(row).collect()
    };
    let whole = ends(&tables(&recordings(|_, _| true)));
    for prefix in ["lldp-", "frr-", "frr-ospf", "frr-isis", "ip-neigh", "ip-addr", "bridge-"] {
        let less = ends(&tables(&recordings(|_, file| !file.starts_with(prefix))));
        let behind_bridge = |c: &&String| prefix == "bridge-" && *c == "h12:eth1 h13:eth1";
        let false_ones: Vec<_> = less.difference(&whole).filter(|c| !behind_bridge(c)).collect();
        assert!(false_ones.is_empty(), "without {prefix}: {false_ones:?}");
        assert!(less.len() >= whole.len() / 2, "without {prefix}: {} of {} cables", less.len(), whole.len());
    }
}
