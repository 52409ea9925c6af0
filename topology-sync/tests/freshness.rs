//! How fresh each half-link is, along the recorded lab's timeline and where sources are lost.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use twin::{Freshness, FreshnessState, Layer, Snapshot, Twin, WallTime};
use umbra_topology_sync::dump::{self, NodeRecording};
use umbra_topology_sync::fuse::fuse;
use umbra_topology_sync::observation::{Fact, Observation, Observer, Said, Source};
use umbra_topology_sync::store::Store;

fn json(name: &str) -> Value {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/lab-a"));
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

/// The readings of each moment of the timeline, and when each began and ended.
fn moments() -> Vec<(String, WallTime, WallTime, Vec<Observation>)> {
    let timeline = json("timeline.json");
    let seconds = |v: &Value| WallTime::from_ns((v.as_f64().unwrap() * 1e9) as i64);
    let moment = |m: &Value| {
        let name = m["snapshot"].as_str().unwrap().to_owned();
        let (started, ended) = (seconds(&m["started"]), seconds(&m["ended"]));
        let mut words = Vec::new();
        let nodes: BTreeMap<String, BTreeMap<String, Value>> =
            serde_json::from_value(json(&format!("timeline/{name}.json"))).unwrap();
        for (name, files) in nodes {
            let file = |(file, content): (String, Value)| (file, serde_json::to_vec(&content).unwrap());
            let node = NodeRecording { name, files: files.into_iter().map(file).collect() };
            words.extend(dump::read_node(&node, started, &mut Vec::new()).0);
        }
        (name, started, ended, words)
    };
    timeline.as_array().unwrap().iter().map(moment).collect()
}

/// The half-links of a layer as `node:port > node:port`.
fn freshness(twin: &Twin, layer: Layer) -> BTreeMap<String, Freshness> {
    let end = |port| format!("{}:{}", twin.node_of(port).unwrap().name, twin.entity(port).unwrap().name);
    let halves = twin.half_links(layer).into_iter();
    halves.map(|(k, h)| (format!("{} > {}", end(&k.from), end(&k.to)), h.freshness.unwrap())).collect()
}

#[test]
fn each_direction_has_its_own_along_the_recorded_timeline() {
    let mut store = Store::default();
    let mut before: BTreeMap<String, WallTime> = BTreeMap::new();
    for (name, started, ended, words) in moments() {
        store.extend(words);
        let twin = fuse(&store, ended).twin;
        // Who is not heard any more: by the timeline's own words (`truth`).
        let silent: &[&str] = match name.as_str() {
            "01-link-down" => &["r1:eth1 > r2:eth1", "r2:eth1 > r1:eth1"],
            "04-one-way-loss" => &["r2:eth2 > r3:eth1"],
            "06-lldp-agent-dies" | "07-bgp-withdraw" => &["h6:eth1 > r4:eth3"],
            _ => &[],
        };
        // The dead agent cannot say whom it hears; what it said last stands.
        let unread: &[&str] = match name.as_str() {
            "06-lldp-agent-dies" | "07-bgp-withdraw" => &["r4:eth3 > h6:eth1"],
            _ => &[],
        };
        let cables = freshness(&twin, Layer::Cable);
        assert_eq!(cables.len(), 14, "{name}");
        for (half, found) in &cables {
            let (state, heard_at) = match half.as_str() {
                h if silent.contains(&h) => (FreshnessState::Expired, before[h]),
                h if unread.contains(&h) => (FreshnessState::Fresh, before[h]),
                _ => (FreshnessState::Fresh, started),
            };
            assert_eq!((found.state, found.heard_at), (state, Some(heard_at)), "{name} {half}");
            before.insert(half.clone(), heard_at);
        }
        let lldp = freshness(&twin, Layer::Lldp);
        assert!(lldp.values().all(|f| f.state == FreshnessState::Fresh), "{name}: what expires is gone");
    }
}

#[test]
fn what_a_lost_source_alone_supports_is_stale_and_another_source_keeps_it_fresh() {
    let (_, started, ended, words) = moments().remove(0);
    let seconds = |n: i64| WallTime::from_ns(ended.as_ns() + n * 1_000_000_000);
    let mut store = Store::default();
    store.extend(words.iter().cloned());
    store.take(Observation::lost(&Observer::node("r4"), Source::Lldpd, seconds(1)));
    let states = |store: &Store, now, layer| {
        let all = freshness(&fuse(store, now).twin, layer).into_iter();
        all.filter(|(_, f)| f.state != FreshnessState::Fresh).collect::<BTreeMap<_, _>>()
    };
    assert!(states(&store, ended, Layer::Lldp).is_empty(), "it was not lost yet");
    let stale = states(&store, seconds(2), Layer::Lldp);
    let heard_by_r4 = ["h6:eth1 > r4:eth3", "r1:eth2 > r4:eth2", "r3:eth2 > r4:eth1"];
    assert_eq!(stale.keys().collect::<Vec<_>>(), heard_by_r4);
    let expected = Freshness { state: FreshnessState::Stale, heard_at: Some(started), until: None };
    assert!(stale.values().all(|f| *f == expected), "{stale:?}");
    // r1's and r3's routing daemons, and r4's own, hear each other still; h6 has none.
    let cables = states(&store, seconds(2), Layer::Cable);
    assert_eq!(cables.keys().collect::<Vec<_>>(), ["h6:eth1 > r4:eth3"]);
    let again = words.into_iter().filter(|w| w.observer.id() == "r4" && w.source == Source::Lldpd);
    store.extend(again.map(|w| Observation { at: seconds(3), ..w }));
    assert!(states(&store, seconds(4), Layer::Lldp).is_empty(), "it is heard again");
}

#[test]
fn a_lifetime_says_until_when_and_ends_it() {
    let (_, started, ended, words) = moments().remove(0);
    let mut store = Store::default();
    for word in words {
        let on_eth3 = |fact: &Fact| matches!(fact, Fact::Neighbor(n) if n.on == "eth3");
        match &word.said {
            Said::Is(fact, None) if word.observer.id() == "r4" && on_eth3(fact) => {
                let ttl = Duration::from_secs(8);
                store.take(Observation::lives(&word.observer, word.source, word.at, (**fact).clone(), ttl));
            }
            _ => store.take(word),
        }
    }
    let until = WallTime::from_ns(started.as_ns() + 8_000_000_000);
    let at = |now| freshness(&fuse(&store, now).twin, Layer::Cable)["h6:eth1 > r4:eth3"];
    let fresh = Freshness { state: FreshnessState::Fresh, heard_at: Some(started), until: Some(until) };
    assert_eq!(at(ended), fresh);
    assert_eq!(at(until), Freshness { state: FreshnessState::Expired, ..fresh });
}

#[test]
fn it_is_in_the_file_and_files_without_it_are_read() {
    let (_, _, ended, words) = moments().remove(0);
    let mut store = Store::default();
    store.extend(words);
    let net = Snapshot { twin: fuse(&store, ended).twin, ..Snapshot::default() };
    let text = net.to_json();
    assert!(Snapshot::from_json("net.json", &text).unwrap().twin == net.twin);
    let mut old: Value = serde_json::from_str(&text).unwrap();
    for half in old["half_links"].as_array_mut().unwrap() {
        assert_eq!(half.as_object_mut().unwrap().remove("freshness").unwrap()["state"], "fresh");
    }
    let old = Snapshot::from_json("old.json", &old.to_string()).unwrap();
    assert!(old.twin.half_links(Layer::Lldp).iter().all(|(_, h)| h.freshness.is_none()));
}
