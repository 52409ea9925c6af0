//! The twin of captures alone, against what was really cabled.

use std::collections::BTreeSet;

use serde_json::Value;
use twin::WallTime;
use umbra_topology_sync::dump::{self, NodeRecording};
use umbra_topology_sync::fuse::Fusion;
use umbra_topology_sync::fuse::tables::{CableRow, Tables};
use umbra_topology_sync::observation::{Fact, Observation, Said};
use umbra_topology_sync::store::Store;
use umbra_topology_sync::wire;

use crate::{captures, folder, read};

/// What all captures of a lab say until an instant, in seconds.
fn heard(lab: &str, until: f64) -> Vec<Observation> {
    let until = WallTime::from_ns((until * 1e9) as i64);
    let captures = captures().into_iter().filter(|name| name.starts_with(lab));
    captures.flat_map(|name| read(&name).observations).filter(|o| o.at <= until).collect()
}

fn fused(words: impl IntoIterator<Item = Observation>, now: WallTime) -> Fusion {
    let (mut store, mut fusion) = (Store::default(), Fusion::default());
    store.extend(words);
    fusion.update(&mut store, now);
    fusion
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder().join(name)).unwrap()).unwrap()
}

/// `a:port b:port hears(a by b, b by a) igp cost cost`, by system names.
fn rows(tables: &Tables) -> BTreeSet<String> {
    let name = |id: &str| {
        let node = tables.nodes.iter().find(|n| n.id == id).unwrap_or_else(|| panic!("{id} is no node"));
        assert_eq!(node.kind, "external");
        node.name.clone()
    };
    let row = |c: &CableRow| {
        let ends = [format!("{}:{}", name(&c.a_node), c.a_port), format!("{}:{}", name(&c.b_node), c.b_port)];
        line(ends, [c.lldp_ab == Some(true), c.lldp_ba == Some(true)], c.igp, [c.cost_ab, c.cost_ba])
    };
    tables.cables.iter().map(row).collect()
}

fn line(
    [a, b]: [String; 2],
    heard: [Option<bool>; 2],
    igp: &str,
    [cost_ab, cost_ba]: [Option<u32>; 2],
) -> String {
    // Nobody can know what a port hears that was not asked, nor seen sending: that counts as silence here.
    let [ab, ba] = heard.map(|h| h.unwrap_or(false));
    if a <= b {
        format!("{a} {b} {ab} {ba} {igp} {cost_ab:?} {cost_ba:?}")
    } else {
        format!("{b} {a} {ba} {ab} {igp} {cost_ba:?} {cost_ab:?}")
    }
}

/// The links of a lab's truth, as [`rows`] has cables; `change` is told which link it is about to give out.
fn truth(file: &str, change: impl Fn(&str, &mut True)) -> BTreeSet<String> {
    let truth = json(file);
    let end = |v: &Value| format!("{}:{}", v[0].as_str().unwrap(), v[1].as_str().unwrap());
    let mut rows = BTreeSet::new();
    for link in truth["links"].as_array().unwrap() {
        let cost = |key: &str| link[key].as_u64().map(|c| c as u32);
        let mut is = True {
            shown: true,
            heard: [link["lldp_b_sees_a"] == true, link["lldp_a_sees_b"] == true],
            igp: if link["igp"].is_string() { "full" } else { "none" },
            costs: [cost("cost_a_to_b"), cost("cost_b_to_a")],
        };
        change(link["id"].as_str().unwrap(), &mut is);
        if is.shown {
            rows.insert(line([end(&link["a"]), end(&link["b"])], is.heard.map(Some), is.igp, is.costs));
        }
    }
    rows
}

struct True {
    /// Whether wires can know of it.
    shown: bool,
    /// Whether b hears a, and a hears b.
    heard: [bool; 2],
    igp: &'static str,
    costs: [Option<u32>; 2],
}

#[test]
fn the_recorded_lab_from_its_captures_alone_at_the_end_of_every_event() {
    let timeline = json("../wire/lab-a/timeline.json");
    let ended: Vec<(String, f64)> = timeline
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["snapshot"].as_str().unwrap().to_owned(), e["ended"].as_f64().unwrap()))
        .collect();
    assert_eq!(ended.len(), 8);
    for (snapshot, at) in ended {
        let fusion = fused(heard("lab-a", at), WallTime::from_ns((at * 1e9) as i64));
        let tables = fusion.tables();
        let later = |n: &str| snapshot.as_str() >= n;
        let expected = truth("../lab-a/truth.json", |id, is| match id {
            "L1" if snapshot == "01-link-down" => is.shown = false,
            "L4" if later("03") => is.costs[1] = Some(5),
            // Nothing of r2 reaches r3, and what r2 sends is lost before it can be tapped.
            "L2" if snapshot == "04-one-way-loss" => is.shown = false,
            // The agent of h6 is dead: nobody knows any longer who is there.
            "L7" if later("06") => is.shown = false,
            _ => {}
        });
        assert_eq!(rows(&tables), expected, "{snapshot}");
        assert_eq!((tables.segments.len(), tables.unmatched.len()), (0, 0), "{snapshot}: {tables:?}");
    }
}

#[test]
fn four_isis_routers_from_a_capture_on_each_wire() {
    let words = heard("lab-c", f64::MAX);
    let latest = words.iter().map(|o| o.at).max().unwrap();
    let tables = fused(words, latest).tables();
    assert_eq!(rows(&tables), truth("lab-c/truth.json", |_, _| {}));
    assert_eq!((tables.nodes.len(), tables.segments.len()), (4, 0));
}

#[test]
fn one_capture_shows_what_its_node_sees() {
    let words = read("lab-a/r1.pcap").observations;
    let until = WallTime::from_ns(1_795_330_438_000_000_000);
    let tables = fused(words.into_iter().filter(|o| o.at <= until), until).tables();
    let expected = truth("../lab-a/truth.json", |id, is| match id {
        // What the others hear is not known from here.
        "L1" | "L5" => is.heard = [false, true],
        "L4" => is.heard = [true, false],
        _ => is.shown = false,
    });
    assert_eq!(rows(&tables), expected);
}

/// The words of the recorded nodes of a lab.
fn asked(folder: &std::path::Path) -> Vec<Observation> {
    let list = |p: &std::path::Path| {
        let mut all: Vec<_> = std::fs::read_dir(p).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        all
    };
    let name = |p: &std::path::Path| p.file_name().unwrap().to_str().unwrap().to_owned();
    let mut words = Vec::new();
    for node in list(folder) {
        let files = list(&node).iter().map(|f| (name(f), std::fs::read(f).unwrap())).collect();
        let recording = NodeRecording { name: name(&node), files };
        words.extend(dump::read_node(&recording, WallTime::default(), &mut Vec::new()).0);
    }
    words
}

#[test]
fn what_nodes_say_and_what_wires_carry_is_one_network() {
    let steady = 1_795_330_438.0;
    let (own, wires) = (asked(&folder().join("../lab-a/full")), heard("lab-a", steady));
    let now = WallTime::from_ns((steady * 1e9) as i64);
    let alone = fused(own.clone(), now).tables();
    assert_eq!((alone.nodes.len(), alone.cables.len()), (6, 7));
    assert_eq!(fused([own.clone(), wires.clone()].concat(), now).tables(), alone);

    // Three nodes were asked; wires know the others, and what they are called there.
    let some = |o: &&Observation| matches!(o.observer.id(), "r1" | "r2" | "h6");
    let own: Vec<_> = own.iter().filter(some).cloned().collect();
    let tables = fused([own, wires].concat(), now).tables();
    let mut kinds: Vec<_> = tables.nodes.iter().map(|n| (n.name.as_str(), n.kind)).collect();
    kinds.sort();
    let external = "external";
    assert_eq!(
        kinds,
        [
            ("e5", external),
            ("h6", "host"),
            ("r1", "router"),
            ("r2", "router"),
            ("r3", external),
            ("r4", external)
        ]
    );
    let brief = |t: &Tables| {
        let name = |id: &str| t.nodes.iter().find(|n| n.id == id).map(|n| n.name.clone()).unwrap();
        let rows = t.cables.iter().map(|c| {
            let ends =
                [format!("{}:{}", name(&c.a_node), c.a_port), format!("{}:{}", name(&c.b_node), c.b_port)];
            line(ends, [c.lldp_ab == Some(true), c.lldp_ba == Some(true)], c.igp, [c.cost_ab, c.cost_ba])
        });
        rows.collect::<BTreeSet<_>>()
    };
    assert_eq!(brief(&tables), brief(&alone));
}

/// `from > to cost` of the IGP's half-links, by node names.
fn igp(fusion: &Fusion) -> Vec<String> {
    let twin = fusion.twin();
    let node = |port| twin.node_of(port).unwrap().name.clone();
    let halves = twin.half_links(twin::Layer::Igp);
    let mut rows: Vec<_> =
        halves.iter().map(|(k, h)| format!("{} > {} {}", node(&k.from), node(&k.to), h.metric)).collect();
    rows.sort();
    rows
}

#[test]
fn routers_beyond_the_wires_are_known_from_the_database() {
    let database = |o: &Observation| matches!(&o.said, Said::Is(f, _) if matches!(**f, Fact::LinkState(_)));
    let (words, now) = (heard("lab-a", 1_795_330_438.0), WallTime::from_ns(1_795_330_438_000_000_000));
    let fusion = fused(words.iter().filter(|o| database(o)).cloned(), now);
    let tables = fusion.tables();
    assert!(tables.cables.is_empty() && tables.nodes.iter().all(|n| n.kind == "external"), "{tables:?}");
    let [r1, r2, r3, r4] = [1, 2, 3, 4].map(|n| format!("10.0.0.{n}"));
    let mut expected = Vec::new();
    for (a, b, cost) in [(&r1, &r2, 10), (&r2, &r3, 10), (&r3, &r4, 10), (&r4, &r1, 20), (&r1, &r3, 50)] {
        expected.extend([format!("{a} > {b} {cost}"), format!("{b} > {a} {cost}")]);
    }
    expected.sort();
    assert_eq!(igp(&fusion), expected);

    // One wire of four: its two routers by their frames, the others by what they advertise.
    let words = read("lab-c/c1-eth1.pcap").observations;
    let now = words.iter().map(|o| o.at).max().unwrap();
    let fusion = fused(words, now);
    let tables = fusion.tables();
    assert_eq!((tables.nodes.len(), tables.cables.len()), (4, 1));
    assert_eq!(
        igp(&fusion),
        [
            "c1 > c2 10",
            "c1 > c3 10",
            "c2 > c1 10",
            "c2 > c3 20",
            "c3 > c1 10",
            "c3 > c2 25",
            "c3 > c4 5",
            "c4 > c3 5",
        ]
    );
}

#[test]
fn captures_add_to_what_nodes_say_and_contradict_none_of_it() {
    let lab = folder().join("../lab-d");
    let mut wires = Vec::new();
    for entry in std::fs::read_dir(lab.join("capture")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let reading = wire::read_capture(name, &std::fs::read(&path).unwrap(), &mut Vec::new()).unwrap();
        wires.extend(reading.observations);
    }
    let (own, now) = (asked(&lab.join("full")), wires.iter().map(|o| o.at).max().unwrap());
    let alone = fused(own.clone(), now).tables();
    let both = fused([own, wires].concat(), now).tables();
    let ends = |c: &CableRow| [&c.a_node, &c.a_port, &c.b_node, &c.b_port].map(Clone::clone);
    for cable in &alone.cables {
        let same = both.cables.iter().find(|c| ends(c) == ends(cable)).unwrap_or_else(|| panic!("{cable:?}"));
        assert_eq!(
            (same.igp, same.lldp_ab, same.lldp_ba),
            (cable.igp, cable.lldp_ab, cable.lldp_ba),
            "{cable:?}"
        );
        for (now, before) in [(same.cost_ab, cable.cost_ab), (same.cost_ba, cable.cost_ba)] {
            assert_eq!(before.or(now), now, "{cable:?}");
        }
    }
    assert_eq!(both.segments.len(), alone.segments.len());
    // x16 was not asked, but its frames passed a wire.
    let x16 = both.cables.iter().find(|c| (&*c.a_node, &*c.a_port) == ("d5", "eth4")).unwrap();
    assert_eq!((&*x16.b_port, x16.igp, x16.cost_ab, x16.cost_ba), ("eth1", "full", Some(21), Some(22)));
}

#[test]
fn what_is_heard_step_by_step_is_what_is_heard_at_once() {
    let mut words = heard("lab-a", f64::MAX);
    words.sort_by_key(|o| o.at);
    let (mut store, mut fusion) = (Store::default(), Fusion::default());
    for (i, word) in words.iter().enumerate() {
        let now = word.at;
        store.take(word.clone());
        if i % 97 == 0 || i + 1 == words.len() {
            fusion.update(&mut store, now);
            let at_once = fused(words[..=i].iter().cloned(), now);
            assert!(fusion.tables() == at_once.tables(), "after {i} words");
            assert!(fusion.twin() == at_once.twin(), "after {i} words");
        }
    }
}
