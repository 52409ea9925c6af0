//! Recorded labs against what was really cabled: every table row, also after every event of a recorded time line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use twin::{Csr, Layer, NodeId, Twin, WallTime};
use umbra_topology_sync::dump::{self, NodeRecording};
use umbra_topology_sync::fuse::Fusion;
use umbra_topology_sync::fuse::tables::{CableRow, Tables};
use umbra_topology_sync::store::Store;
use umbra_topology_sync::{lab, rfc8345};

fn data(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata")).join(name)
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(data(name)).unwrap()).unwrap()
}

/// The nodes of a recorded folder.
fn recordings(folder: &str) -> Vec<NodeRecording> {
    let list = |p: &Path| {
        let mut all: Vec<_> = std::fs::read_dir(p).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        all
    };
    let name = |p: &Path| p.file_name().unwrap().to_str().unwrap().to_owned();
    let node = |sub: &PathBuf| {
        let files = list(sub).iter().map(|f| (name(f), std::fs::read(f).unwrap())).collect();
        NodeRecording { name: name(sub), files }
    };
    list(&data(folder)).iter().map(node).collect()
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

/// A cable in a form that does not depend on which end comes first:
/// `n:p > n:p  carrier heard cost`, both directions, then the IGP's word.
fn printed(row: &CableRow) -> String {
    let (a, b) = (format!("{}:{}", row.a_node, row.a_port), format!("{}:{}", row.b_node, row.b_port));
    let cost = |c: Option<u32>| c.map(|c| c.to_string()).unwrap_or_else(|| "-".into());
    let mut halves = [
        format!("{a} > {b} heard {} cost {}", heard(row.lldp_ab), cost(row.cost_ab)),
        format!("{b} > {a} heard {} cost {}", heard(row.lldp_ba), cost(row.cost_ba)),
    ];
    halves.sort();
    format!("{}; carrier {:?} igp {}", halves.join("; "), row.carrier, row.igp)
}

fn heard(heard: impl Into<Option<bool>>) -> &'static str {
    match heard.into() {
        Some(true) => "true",
        Some(false) => "false",
        None => "unknown",
    }
}

fn cables(tables: &Tables) -> BTreeSet<String> {
    tables.cables.iter().map(printed).collect()
}

/// What differs, to be read.
fn check(what: &str, found: &BTreeSet<String>, truth: &BTreeSet<String>) {
    let list = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
        a.difference(b).cloned().collect::<Vec<_>>().join("\n  ")
    };
    assert!(found == truth, "{what}\nmissing:\n  {}\nfalse:\n  {}", list(truth, found), list(found, truth));
}

/// One direction's state in a truth that events change.
#[derive(Clone, Debug)]
struct TrueCable {
    ends: [String; 2],
    heard: [bool; 2],
    cost: [Option<u32>; 2],
    igp: &'static str,
    carrier: bool,
}

fn end(value: &Value) -> String {
    format!("{}:{}", value[0].as_str().unwrap(), value[1].as_str().unwrap())
}

fn true_cables(truth: &Value) -> Vec<TrueCable> {
    let cost = |l: &Value, name: &str| l[name].as_u64().map(|c| c as u32);
    let cable = |l: &Value| TrueCable {
        ends: [end(&l["a"]), end(&l["b"])],
        heard: [l["lldp_b_sees_a"] == true, l["lldp_a_sees_b"] == true],
        cost: [cost(l, "cost_a_to_b"), cost(l, "cost_b_to_a")],
        igp: if l["igp"].is_string() { "full" } else { "none" },
        carrier: true,
    };
    truth["links"].as_array().unwrap().iter().map(cable).collect()
}

fn true_rows(cables: &[TrueCable]) -> BTreeSet<String> {
    let row = |c: &TrueCable| {
        let split = |e: &str| e.split_once(':').map(|(n, p)| (n.to_owned(), p.to_owned())).unwrap();
        let ((a_node, a_port), (b_node, b_port)) = (split(&c.ends[0]), split(&c.ends[1]));
        printed(&CableRow {
            a_node,
            a_port,
            b_node,
            b_port,
            carrier: Some(c.carrier),
            lldp_ab: c.heard[0].into(),
            lldp_ba: c.heard[1].into(),
            igp: c.igp,
            cost_ab: c.cost[0],
            cost_ba: c.cost[1],
            confidence: 0.0,
        })
    };
    cables.iter().map(row).collect()
}

#[test]
fn lab_a_is_exact() {
    let found = tables(&recordings("lab-a/full"));
    check("lab-a", &cables(&found), &true_rows(&true_cables(&json("lab-a/truth.json"))));
    assert_eq!((found.unmatched, found.segments), (vec![], vec![]));
    assert!(found.cables.iter().all(|c| c.confidence == 1.0));
}

#[test]
fn lab_c_is_exact() {
    let found = tables(&recordings("lab-c/full"));
    check("lab-c", &cables(&found), &true_rows(&true_cables(&json("lab-c/truth.json"))));
    assert_eq!((found.unmatched, found.segments), (vec![], vec![]));
    assert!(found.nodes.iter().all(|n| n.kind == "router") && found.nodes.len() == 4);
}

/// What an event makes of the truth.
fn happen(event: &Value, cables: &mut [TrueCable], dead: &mut BTreeSet<String>) {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let truth = &event["truth"];
    let ports =
        |name: &str| -> Vec<String> { truth[name].as_array().into_iter().flatten().map(text).collect() };
    let (down, up) = (ports("link_down"), ports("link_up"));
    for c in cables.iter_mut() {
        if c.ends.iter().any(|e| down.contains(e)) {
            // A line that is down has no adjacency, and no router tells its cost.
            (c.carrier, c.heard, c.igp, c.cost) = (false, [false; 2], "none", [None; 2]);
        }
        if c.ends.iter().any(|e| up.contains(e)) {
            (c.carrier, c.heard, c.igp, c.cost) = (true, [true; 2], "full", [Some(10); 2]);
        }
        for i in [0, 1] {
            if let Some(cost) = truth["cost"][&c.ends[i]].as_u64() {
                c.cost[i] = Some(cost as u32);
            }
            if text(&truth["one_way_loss"]["from"]) == c.ends[i] {
                (c.heard[i], c.igp) = (false, "init");
            }
            if text(&truth["healed"]["from"]) == c.ends[i] {
                (c.heard[i], c.igp) = (true, "full");
            }
        }
    }
    dead.extend(truth["lldp_agent_dead"].as_str().map(str::to_owned));
}

#[test]
fn lab_a_is_exact_after_every_event() {
    let mut truth = true_cables(&json("lab-a/truth.json"));
    let mut dead = BTreeSet::new();
    for event in json("lab-a/timeline.json").as_array().unwrap() {
        happen(event, &mut truth, &mut dead);
        let mut now = truth.clone();
        for c in &mut now {
            if c.ends.iter().any(|e| dead.contains(e.split(':').next().unwrap())) {
                c.heard = [false; 2];
            }
        }
        let name = event["snapshot"].as_str().unwrap();
        let found = tables(&unpacked(&format!("lab-a/timeline/{name}.json")));
        check(name, &cables(&found), &true_rows(&now));
        assert_eq!(found.segments, vec![], "{name}");
        assert_eq!(found.unmatched, vec![], "{name}");
    }
}

/// Recordings in one file: node, file name, content.
fn unpacked(name: &str) -> Vec<NodeRecording> {
    let nodes: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_value(json(name)).unwrap();
    let file = |(file, content): (String, Value)| (file, serde_json::to_vec(&content).unwrap());
    let node = |(name, files): (String, BTreeMap<String, Value>)| NodeRecording {
        name,
        files: files.into_iter().map(file).collect(),
    };
    nodes.into_iter().map(node).collect()
}

/// What is exported of a recorded lab and read again has the same adjacencies at the same costs.
#[test]
fn a_lab_survives_its_rfc_8345_document() {
    for folder in ["lab-a/full", "lab-c/full"] {
        let net = lab::read(folder, &recordings(folder)).unwrap();
        let again = rfc8345::read("export.json", &rfc8345::write(&net.twin)).unwrap();
        let adjacencies = |twin: &Twin| -> BTreeSet<(String, String, u32)> {
            let csr = Csr::compile(twin, Layer::Igp);
            let port = |key| twin.entity(key).unwrap().name.clone();
            let end = |node: NodeId, key| format!("{}:{}", csr.node_names[node.index()], port(key));
            let ends = csr.src.iter().zip(&csr.dst).zip(&csr.ports).zip(&csr.metric);
            ends.map(|(((a, b), (from, to)), m)| (end(*a, from), end(*b, to), *m)).collect()
        };
        let found = adjacencies(&again.twin);
        assert!(found.len() > 5);
        assert_eq!(found, adjacencies(&net.twin), "{folder}");
    }
}
