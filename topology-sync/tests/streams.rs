//! A recorded lab replayed from its streams: one reading of the steady state, then only what the kernel and lldpd said
//! while links failed and healed. After each event what stands is what a new reading showed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use twin::WallTime;
use umbra_topology_sync::dump::{self, NodeRecording};
use umbra_topology_sync::observation::{Fact, Observation, Observer, RouteKind, Source};
use umbra_topology_sync::store::Store;

fn text(name: &str) -> String {
    std::fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/lab-a")).join(name))
        .unwrap()
}

fn json(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

fn seconds(value: &Value) -> WallTime {
    WallTime::from_ns((value.as_f64().unwrap() * 1e9) as i64)
}

/// The readings of one moment, by node.
fn readings(name: &str, at: WallTime) -> Store {
    let nodes: BTreeMap<String, BTreeMap<String, Value>> =
        serde_json::from_value(json(&format!("timeline/{name}.json"))).unwrap();
    let mut store = Store::default();
    for (name, files) in nodes {
        let file = |(file, content): (String, Value)| (file, serde_json::to_vec(&content).unwrap());
        let node = NodeRecording { name, files: files.into_iter().map(file).collect() };
        store.extend(dump::read_node(&node, at, &mut Vec::new()).0);
    }
    store
}

fn streams() -> Vec<Observation> {
    let mut all = Vec::new();
    for node in ["r1", "r2", "r3", "r4", "e5", "h6"] {
        for file in ["ip-monitor.txt", "lldp-watch.txt"] {
            let stream = text(&format!("events/{node}/{file}"));
            if stream.is_empty() {
                continue; // e5 and h6 have seen nothing.
            }
            let mut diagnostics = Vec::new();
            let observer = Observer::node(node);
            let said = dump::read(&observer, WallTime::default(), file, stream.as_bytes(), &mut diagnostics);
            all.extend(said.unwrap());
            assert_eq!(diagnostics, [], "{node} {file}");
        }
    }
    all
}

/// What the two sources can know: state of interfaces, LLDP neighbours, routes of the kernel.
fn known(store: &Store, now: WallTime) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for observer in store.observers() {
        let down: BTreeSet<String> = store
            .standing(observer, now)
            .filter_map(|s| match s.fact {
                Fact::Link(l) if l.carrier == Some(false) => Some(l.name.clone()),
                _ => None,
            })
            .collect();
        for standing in store.standing(observer, now) {
            let line = match standing.fact {
                Fact::Link(l) => format!("{} {:?} {:?} {:?}", l.name, l.mac, l.admin_up, l.carrier),
                Fact::Neighbor(n) => {
                    format!("{} hears {} {} {:?}", n.on, n.chassis.id, n.port, n.chassis.name)
                }
                Fact::Route(r) if standing.source == Source::Kernel && r.table == "main" => {
                    let RouteKind::Forward(hops) = &r.kind else { continue };
                    // The kernel drops the IPv4 routes of an interface that is taken down without a word, and marks those of
                    // one without carrier in readings alone.
                    if hops.iter().all(|h| h.port.as_ref().is_some_and(|p| down.contains(p))) {
                        continue;
                    }
                    let mut hops: Vec<_> =
                        hops.iter().map(|h| format!("{:?} {:?}", h.gateway, h.port)).collect();
                    hops.sort();
                    format!("{} metric {} {}", r.prefix, r.metric, hops.join(", "))
                }
                _ => continue,
            };
            known.insert(format!("{observer}: {line}"));
        }
    }
    known
}

#[test]
fn after_every_event_the_streams_know_what_a_new_reading_shows() {
    let timeline = json("timeline.json");
    let moments = timeline.as_array().unwrap();
    let first = readings("00-steady", seconds(&moments[0]["started"]));
    let steady = known(&first, seconds(&moments[0]["ended"]));
    let streams = streams();
    let mut states = BTreeSet::new();
    let mut dead = BTreeSet::new();
    for moment in moments {
        // A dead agent says neither that it is dead nor what it heard.
        dead.extend(moment["truth"]["lldp_agent_dead"].as_str().map(|node| format!("{node}: ")));
        let alive = |line: &String| !dead.iter().any(|d| line.starts_with(d)) || !line.contains(" hears ");
        let name = moment["snapshot"].as_str().unwrap();
        let ended = seconds(&moment["ended"]);
        let mut read = known(&readings(name, seconds(&moment["started"])), ended);
        read.retain(alive);
        let mut replayed = first.clone();
        replayed.extend(streams.iter().filter(|o| o.at <= ended).cloned());
        let mut followed = known(&replayed, ended);
        followed.retain(alive);
        let missing: Vec<_> = read.difference(&followed).collect();
        let extra: Vec<_> = followed.difference(&read).collect();
        assert!(missing.is_empty() && extra.is_empty(), "{name}: missing {missing:#?}, extra {extra:#?}");
        states.insert(followed);
    }
    assert!(states.contains(&steady) && states.len() > 4, "the events changed {} times", states.len());
}
