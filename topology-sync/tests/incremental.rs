//! Fusion that follows its store step by step is fusion from nothing, whatever comes in whatever order.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use twin::{Twin, WallTime};
use umbra_topology_sync::dump;
use umbra_topology_sync::fuse::Fusion;
use umbra_topology_sync::observation::{
    Fact, InventoryCable, InventoryNode, InventoryPort, Observation, Observer, Said, Source,
};
use umbra_topology_sync::source::recorded::Recorded;
use umbra_topology_sync::store::Store;

/// All words of a recorded lab, but for its routes.
fn words(folder: &str) -> Vec<Observation> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata")).join(folder);
    let mut words = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = |p: &Path| p.file_name().unwrap().to_str().unwrap().to_owned();
        let files = std::fs::read_dir(&path).unwrap().map(|f| f.unwrap().path());
        let files = files.map(|f| (name(&f), std::fs::read(&f).unwrap())).collect();
        let node = dump::NodeRecording { name: name(&path), files };
        words.extend(dump::read_node(&node, WallTime::default(), &mut Vec::new()).0);
    }
    words.retain(|w| matches!(&w.said, Said::Is(fact, _) if !matches!(**fact, Fact::Route(_))));
    words.extend(inventory());
    words.sort_by_key(|w| format!("{w:?}"));
    words
}

/// An inventory of which some is seen, some is not, and some is elsewhere.
fn inventory() -> Vec<Observation> {
    let list = Observer::list("netbox");
    let end = |text: &str| {
        let (node, port) = text.split_once(':').unwrap();
        (node.to_owned(), port.to_owned())
    };
    let cable = |(a, b)| Fact::InventoryCable(InventoryCable { a: end(a), b: end(b) });
    let cables = [
        ("r1:eth1", "r2:eth1"),
        ("r3:eth2", "r1:eth3"),
        ("r4:eth3", "far:1"),
        ("far:2", "farther:1"),
        ("r2:eth3", "e5:eth9"),
        ("i1:eth1", "i2:eth1"),
        ("d1:eth1", "d2:eth1"),
    ];
    let node = |name: &str| {
        let (site, none) = (Some(format!("site of {name}")), None);
        Fact::InventoryNode(InventoryNode {
            name: name.into(),
            role: none,
            site,
            serial: None,
            management: None,
        })
    };
    let speed = Some(twin::BitsPerSec::gbps(25));
    let port =
        |(node, port): (String, String)| Fact::InventoryPort(InventoryPort { node, port, mac: None, speed });
    let facts = cables.into_iter().map(cable);
    let facts = facts.chain(["r1", "far", "i1", "nobody"].map(node));
    let facts = facts.chain(["r1:eth1", "far:1", "r9:eth1"].map(|e| port(end(e))));
    facts.map(|fact| Observation::is(&list, Source::Inventory, WallTime::default(), fact)).collect()
}

fn at(seconds: u32) -> WallTime {
    WallTime::from_ns(i64::from(seconds) * 1_000_000_000)
}

fn fused(store: &Store, now: WallTime) -> Fusion {
    let mut fusion = Fusion::default();
    fusion.rebuild(store, now);
    fusion
}

/// Compares a fusion with one from nothing, and with the twin that its changes made.
fn check(fusion: &Fusion, store: &Store, twin: &Twin) {
    let anew = fused(store, fusion.now());
    if let Some(change) = fusion.twin().changes_to(anew.twin()).first() {
        panic!("{change:#?}");
    }
    assert!(twin == fusion.twin(), "the changes do not add up");
    assert_eq!(fusion.findings(), anew.findings());
    assert_eq!(fusion.tables(), anew.tables());
}

/// What happens to a word: it is said (for ever, or for some seconds), withdrawn, said by another node, or its source is
/// lost.
#[derive(Clone, Debug)]
enum Event {
    Said(usize, Option<u8>),
    Withdrawn(usize),
    Moved(usize, usize),
    Lost(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (any::<usize>(), prop::option::of(0u8..9)).prop_map(|(w, life)| Event::Said(w, life)),
        any::<usize>().prop_map(Event::Withdrawn),
        (any::<usize>(), any::<usize>()).prop_map(|(w, from)| Event::Moved(w, from)),
        any::<usize>().prop_map(Event::Lost),
    ]
}

/// The observation of an event at an instant.
fn observation(words: &[Observation], event: &Event, now: WallTime) -> Observation {
    let word = |i: usize| &words[i % words.len()];
    let fact = |w: &Observation| match &w.said {
        Said::Is(fact, _) => (**fact).clone(),
        other => panic!("{other:?}"),
    };
    match event {
        Event::Said(i, None) => Observation { at: now, ..word(*i).clone() },
        Event::Said(i, Some(life)) => {
            let (w, life) = (word(*i), Duration::from_secs(u64::from(*life)));
            Observation::lives(&w.observer, w.source, now, fact(w), life)
        }
        Event::Withdrawn(i) => {
            let w = word(*i);
            Observation::not(&w.observer, w.source, now, fact(w).key())
        }
        Event::Lost(i) => Observation::lost(&word(*i).observer, word(*i).source, now),
        Event::Moved(i, from) => {
            let w = word(*i);
            Observation::is(&word(*from).observer, w.source, now, fact(w))
        }
    }
}

/// Copies of a lab that know nothing of each other: other node names, hardware addresses and chassis.
fn copies(words: &[Observation], count: u32) -> Vec<Vec<Observation>> {
    let text = serde_json::to_string(words).unwrap();
    let nodes: BTreeSet<&str> = words.iter().map(|w| w.observer.id()).collect();
    let copy = |n: u32| {
        let mut text = text.clone();
        for node in &nodes {
            text = text.replace(&format!("\"{node}\""), &format!("\"{node}-{n}\""));
        }
        // lab-d's hardware addresses begin so; IP addresses stay as they are, for each lab is an island by its own.
        text.replace("02:00:00:", &format!("02:{n:02x}:00:"))
    };
    (0..count).map(|n| serde_json::from_str(&copy(n)).unwrap()).collect()
}

/// Many nodes at once are computed side by side, a few one after another: the twin is the same.
#[test]
fn many_at_once_are_as_a_few_at_a_time() {
    let labs = copies(&words("lab-d/full"), 20);
    let (mut whole, mut slow) = (Store::default(), Store::default());
    whole.extend(labs.iter().flatten().cloned());
    let at_once = fused(&whole, at(0));
    let mut few = Fusion::default();
    for lab in labs {
        slow.extend(lab);
        few.update(&mut slow, at(0));
    }
    assert!(at_once.twin().nodes().len() > 300, "{} nodes", at_once.twin().nodes().len());
    assert!(at_once.twin().cables().len() > 200, "{} cables", at_once.twin().cables().len());
    assert_eq!(few.twin().changes_to(at_once.twin()), []);
    assert_eq!((few.findings(), few.tables()), (at_once.findings(), at_once.tables()));
}

fn apply(twin: &mut Twin, changes: Vec<twin::Change>) {
    let delta = twin::TwinDelta { valid_at: at(0), learned_at: at(0), source: "test".into(), changes };
    twin.apply(&delta).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn step_by_step_is_from_nothing(
        lab in prop::sample::select(vec!["lab-a/full", "lab-c/full", "lab-d/full"]),
        first in 0usize..4000,
        steps in prop::collection::vec((0u32..4, prop::collection::vec(event(), 0..6)), 1..8),
    ) {
        let words = words(lab);
        let (mut store, mut fusion, mut twin) = (Store::default(), Fusion::default(), Twin::default());
        store.extend(words.iter().take(first).cloned());
        apply(&mut twin, fusion.update(&mut store, at(0)));
        store.extend(words.iter().skip(first).cloned());
        apply(&mut twin, fusion.update(&mut store, at(0)));
        check(&fusion, &store, &twin);
        let mut now = 0;
        for (pause, events) in steps {
            now += pause;
            store.extend(events.iter().map(|e| observation(&words, e, at(now))));
            apply(&mut twin, fusion.update(&mut store, at(now)));
            check(&fusion, &store, &twin);
        }
    }
}

#[test]
fn a_word_of_a_clock_that_runs_ahead_stands_when_its_instant_has_come() {
    let words = words("lab-c/full");
    let (mut store, mut fusion, mut twin) = (Store::default(), Fusion::default(), Twin::default());
    let seen = words.into_iter().filter(|w| w.source != Source::Inventory);
    store.extend(seen.map(|w| Observation { at: at(5), ..w }));
    apply(&mut twin, fusion.update(&mut store, at(3)));
    assert_eq!(twin.cables().len(), 0);
    apply(&mut twin, fusion.update(&mut store, at(6)));
    assert_eq!(twin.cables().len(), 4);
    check(&fusion, &store, &twin);
}

#[test]
fn a_store_on_disk_gives_the_same_twin() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/lab-d/full"));
    let recorded = Recorded::read(&[folder]).unwrap();
    let saved = serde_json::to_string(&recorded.store).unwrap();
    let loaded: Store = serde_json::from_str(&saved).unwrap();
    assert!(fused(&loaded, recorded.until).twin() == recorded.fuse().twin());
}
