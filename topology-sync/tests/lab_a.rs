//! The recorded lab against what was really cabled.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use serde_json::Value;
use twin::{EntityKind, Layer, NodeKind, Port, RouteAction, Snapshot, Twin};
use umbra_topology_sync::lab::{self, NodeRecording};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/lab-a");

fn truth() -> Value {
    serde_json::from_slice(&std::fs::read(Path::new(FOLDER).join("truth.json")).unwrap()).unwrap()
}

/// The recordings whose file names satisfy `keep`.
fn recordings(keep: impl Fn(&str, &str) -> bool) -> Vec<NodeRecording> {
    let list = |p: &Path| {
        let mut all: Vec<_> = std::fs::read_dir(p).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        all
    };
    let name = |p: &Path| p.file_name().unwrap().to_str().unwrap().to_owned();
    let node = |folder: &Path| {
        let mut recording = NodeRecording { name: name(folder), files: Vec::new() };
        for file in list(folder).iter().filter(|f| keep(&recording.name, &name(f))) {
            recording.files.push((name(file), std::fs::read(file).unwrap()));
        }
        recording
    };
    list(&Path::new(FOLDER).join("full")).iter().map(|p| node(p)).collect()
}

fn read(nodes: &[NodeRecording]) -> Snapshot {
    lab::read("lab-a", nodes).unwrap()
}

/// `node:port` of a port.
fn end(twin: &Twin, port: &twin::EntityKey) -> String {
    format!("{}:{}", twin.node_of(port).unwrap().name, twin.entity(port).unwrap().name)
}

/// From, to, metric of the half-links of a layer.
fn halves(twin: &Twin, layer: Layer) -> BTreeSet<(String, String, u32)> {
    let halves = twin.half_links(layer);
    halves.iter().map(|(k, h)| (end(twin, &k.from), end(twin, &k.to), h.metric)).collect()
}

fn cables(twin: &Twin) -> BTreeSet<(String, String)> {
    let ends = |e: &&twin::Entity| match &e.kind {
        EntityKind::Cable { a, b } => {
            let (a, b) = (end(twin, a), end(twin, b));
            if a <= b { (a, b) } else { (b, a) }
        }
        other => panic!("{other:?}"),
    };
    twin.cables().iter().map(ends).collect()
}

fn true_end(end: &Value) -> String {
    format!("{}:{}", end[0].as_str().unwrap(), end[1].as_str().unwrap())
}

fn true_cables() -> BTreeSet<(String, String)> {
    let ordered = |l: &Value| {
        let (a, b) = (true_end(&l["a"]), true_end(&l["b"]));
        if a <= b { (a, b) } else { (b, a) }
    };
    truth()["links"].as_array().unwrap().iter().map(ordered).collect()
}

#[test]
fn nodes_have_their_roles_keys_and_ports() {
    let net = read(&recordings(|_, _| true));
    let truth = truth();
    let roles: BTreeMap<_, _> = net
        .twin
        .nodes()
        .into_iter()
        .map(|n| match n.kind {
            EntityKind::Node { role, .. } => (n.name.clone(), role),
            ref other => panic!("{other:?}"),
        })
        .collect();
    for name in ["r1", "r2", "r3", "r4", "e5"] {
        assert_eq!(roles[name], NodeKind::Router, "{name}");
    }
    assert_eq!((roles["h6"], roles.len()), (NodeKind::Host, 6));
    for (name, node) in truth["nodes"].as_object().unwrap() {
        let entity = net.twin.node_named(name).unwrap();
        assert!(entity.key.as_str().starts_with("node:chassis:"), "{}", entity.key);
        for (port, expected) in node["interfaces"].as_object().unwrap() {
            let key = twin::EntityKey::port(&entity.key, port);
            let EntityKind::Port(found) = &net.twin.entity(&key).unwrap().kind else { panic!("{key}") };
            check_port(found, expected);
        }
    }
}

fn check_port(found: &Port, expected: &Value) {
    assert_eq!(found.ifindex.map(u64::from), expected["ifindex"].as_u64());
    assert_eq!(found.mtu.map(twin::Bytes::get), expected["mtu"].as_u64());
    assert_eq!(found.alias.as_deref(), expected["alias"].as_str());
    assert_eq!(found.carrier, Some(true));
    let mac = expected["mac"].as_str().filter(|m| *m != "00:00:00:00:00:00");
    assert_eq!(found.mac.map(|m| m.to_string()).as_deref(), mac);
    let addresses: BTreeSet<_> = found.addresses.iter().map(|a| format!("{}/{}", a.ip, a.len)).collect();
    for address in expected["addresses"].as_array().unwrap() {
        assert!(addresses.contains(address.as_str().unwrap()), "{address} not in {addresses:?}");
    }
}

#[test]
fn cables_hearings_and_costs_are_those_of_the_truth() {
    let net = read(&recordings(|_, _| true));
    assert_eq!(cables(&net.twin), true_cables());
    assert_eq!(net.twin.half_links(Layer::Cable).len(), 14);
    let (mut lldp, mut igp) = (BTreeSet::new(), BTreeSet::new());
    for link in truth()["links"].as_array().unwrap() {
        let (a, b) = (true_end(&link["a"]), true_end(&link["b"]));
        if link["lldp_a_sees_b"] == true {
            lldp.insert((b.clone(), a.clone(), 1));
        }
        if link["lldp_b_sees_a"] == true {
            lldp.insert((a.clone(), b.clone(), 1));
        }
        if link["igp_adjacency"] == "full" {
            igp.insert((a.clone(), b.clone(), link["cost_a_to_b"].as_u64().unwrap() as u32));
            igp.insert((b.clone(), a.clone(), link["cost_b_to_a"].as_u64().unwrap() as u32));
        }
    }
    assert_eq!(halves(&net.twin, Layer::Lldp), lldp);
    assert_eq!(halves(&net.twin, Layer::Igp), igp);
    let unexplained = ["unmatched-neighbour", "no-known-peer", "igp-not-full", "broken-recording"];
    assert!(net.diagnostics.iter().all(|d| !unexplained.contains(&d.code.as_str())), "{:?}", net.diagnostics);
}

#[test]
fn the_same_without_what_nodes_say_of_themselves_in_lldp() {
    let all = read(&recordings(|_, _| true));
    let less = read(&recordings(|_, f| !matches!(f, "lldp-chassis.json" | "lldp-interfaces.json")));
    assert_eq!(cables(&less.twin), true_cables());
    let keys = |net: &Snapshot| net.twin.nodes().iter().map(|n| n.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&less), keys(&all), "the neighbours tell the chassis id");
    let by_mac = less
        .twin
        .half_links(Layer::Lldp)
        .iter()
        .filter(|(_, h)| h.evidence[0].detail.ends_with("by MAC"))
        .count();
    assert_eq!(by_mac, 4, "the ports whose LLDP id is a hardware address");
}

#[test]
fn five_recordings_of_each_node_are_enough() {
    let few =
        ["ip-link", "ip-route", "lldp-neighbors", "frr-ospf-neighbor-detail", "frr-ospf-database-router"];
    let less = read(&recordings(|_, f| few.iter().any(|name| f == format!("{name}.json"))));
    let all = read(&recordings(|_, _| true));
    assert_eq!(cables(&less.twin), true_cables());
    assert_eq!(halves(&less.twin, Layer::Igp), halves(&all.twin, Layer::Igp));
}

#[test]
fn where_lldp_is_silent_at_both_ends_the_igp_makes_the_cable() {
    // r3 neither hears nor is heard.
    let mut nodes = recordings(|n, f| !(n == "r3" && f.starts_with("lldp")));
    for node in &mut nodes {
        for (file, bytes) in node.files.iter_mut().filter(|(f, _)| f == "lldp-neighbors.json") {
            let mut value: Value = serde_json::from_slice(bytes).unwrap();
            let interfaces = value["lldp"][0]["interface"].as_array_mut().unwrap();
            interfaces.retain(|i| i["chassis"][0]["name"][0]["value"] != "r3");
            *bytes = serde_json::to_vec(&value).unwrap();
            assert!(!file.is_empty());
        }
    }
    let net = read(&nodes);
    assert_eq!(cables(&net.twin), true_cables());
    let r3 = net.twin.node_named("r3").unwrap();
    assert_eq!(r3.key.as_str(), "node:router-id:10.0.0.3", "the next best identity");
}

#[test]
fn a_node_without_recordings_is_an_external() {
    let mut nodes = recordings(|_, _| true);
    nodes.retain(|n| n.name != "h6");
    let net = read(&nodes);
    let external = net.twin.node_named("h6").unwrap();
    assert!(matches!(external.kind, EntityKind::External { .. }));
    assert_eq!(external.key, read(&recordings(|_, _| true)).twin.node_named("h6").unwrap().key);
    assert_eq!(net.twin.cables().len(), 6, "no cable to a port that nobody's table confirms");
    assert_eq!(net.twin.half_links(Layer::Lldp).len(), 13);
}

#[test]
fn a_recording_cut_short_costs_a_diagnostic_and_nothing_else() {
    let mut nodes = recordings(|_, _| true);
    let r1 = nodes.iter_mut().find(|n| n.name == "r1").unwrap();
    for (file, bytes) in r1.files.iter_mut().filter(|(f, _)| f == "lldp-neighbors.json") {
        assert!(!file.is_empty());
        bytes.truncate(1_000);
    }
    let net = read(&nodes);
    assert_eq!(cables(&net.twin), true_cables(), "one direction is enough");
    assert_eq!(net.twin.half_links(Layer::Lldp).len(), 11);
    let broken = net.diagnostics.iter().find(|d| d.code == "broken-recording").unwrap();
    assert!(broken.message.starts_with("lldp-neighbors.json:"), "{}", broken.message);
}

#[test]
fn packets_reach_their_address_by_the_recorded_tables() {
    let net = read(&recordings(|_, _| true));
    assert_eq!(trace(&net.twin, "r1", "10.0.0.3"), ["r1", "r2", "r3"]);
    assert_eq!(trace(&net.twin, "r3", "10.3.0.6"), ["r3", "r4", "h6"]);
    assert_eq!(trace(&net.twin, "r4", "10.0.0.1"), ["r4", "r1"]);
    let far = trace(&net.twin, "r4", "203.0.113.1");
    assert_eq!(far.last().unwrap(), "e5", "{far:?}");
}

/// The nodes on the way of an address, first next hop first, over the cables of the twin.
fn trace(twin: &Twin, from: &str, to: &str) -> Vec<String> {
    let ip: IpAddr = to.parse().unwrap();
    let mut node = twin.node_named(from).unwrap();
    let mut way = vec![node.name.clone()];
    while way.len() < 10 {
        let Some(RouteAction::Forward(hops)) = twin.fib(&node.key).and_then(|f| f.lookup(ip)) else { break };
        let halves = twin.half_links(Layer::Cable);
        let Some((key, _)) = halves.iter().find(|(k, _)| k.from == hops[0].port) else { break };
        node = twin.node_of(&key.to).unwrap();
        way.push(node.name.clone());
    }
    way
}

#[test]
fn the_order_of_folders_and_files_does_not_matter() {
    let forward = recordings(|_, _| true);
    let mut backward = recordings(|_, _| true);
    backward.reverse();
    for node in &mut backward {
        node.files.reverse();
    }
    assert!(read(&forward).to_json() == read(&backward).to_json());
}

#[test]
fn a_folder_without_recordings_is_an_error() {
    let e = lab::read("some/folder", &[NodeRecording::default()]).unwrap_err().to_string();
    assert!(e.starts_with("some/folder: no recording of a node; expected sub-folders"), "{e}");
}
