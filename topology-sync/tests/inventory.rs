//! An inventory beside what is seen: planned cables, sites and speeds, and a finding for each disagreement.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use twin::{EntityKind, Layer, Twin, WallTime};
use umbra_topology_sync::fuse::Fusion;
use umbra_topology_sync::inventory::netbox;
use umbra_topology_sync::observation::{Fact, Observation, Observer, Said};
use umbra_topology_sync::source::recorded::Recorded;
use umbra_topology_sync::store::Store;

fn testdata(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata")).join(name)
}

fn fused(store: &Store) -> Fusion {
    let mut fusion = Fusion::default();
    fusion.rebuild(store, WallTime::default());
    fusion
}

/// Cables with their state, capacity in Gbit/s, and evidence.
fn cables(twin: &Twin) -> Vec<String> {
    let end = |port: &twin::EntityKey| {
        format!("{}:{}", twin.node_of(port).unwrap().name, twin.entity(port).unwrap().name)
    };
    let half = |key: &twin::HalfLinkKey, half: &twin::HalfLink| {
        let sources: Vec<_> = half.evidence.iter().map(|e| &*e.source).collect();
        let giga = half.capacity.get() / 1_000_000_000;
        format!("{} > {} {} {giga}G {}", end(&key.from), end(&key.to), half.state, sources.join(" "))
    };
    twin.half_links(Layer::Cable).into_iter().map(|(k, h)| half(k, h)).collect()
}

/// What differs, without all that inventories have no part in.
fn differences(fusion: &Fusion) -> Vec<String> {
    let findings = fusion.findings().into_iter().filter(|f| f.code.starts_with("inventory"));
    findings.map(|f| format!("{} {}:{}: {}", f.code, f.node, f.port, f.why)).collect()
}

/// The site of each node.
fn sites(twin: &Twin) -> Vec<String> {
    let site = |n: &&twin::Entity| {
        let site = twin.entity(n.parent.as_ref()?)?;
        assert!(matches!(site.kind, EntityKind::Site { .. }));
        Some(format!("{} at {}", n.name, site.name))
    };
    twin.nodes().iter().filter_map(site).collect()
}

#[test]
fn what_an_inventory_alone_knows_is_planned() {
    let recorded = Recorded::read(&[testdata("netbox")]).unwrap();
    let fusion = recorded.fuse();
    expect_test::expect![[r#"
        r1:et-0/0/0 > r2:et-0/0/0 planned 100G inventory
        r1:et-0/0/1 > sw1:Ethernet1/1 planned 100G inventory
        r1:et-0/0/1 > sw1:Ethernet1/2 planned 100G inventory
        r2:et-0/0/0 > r1:et-0/0/0 planned 100G inventory
        sw1:Ethernet1/1 > r1:et-0/0/1 planned 100G inventory
        sw1:Ethernet1/2 > r1:et-0/0/1 planned 100G inventory"#]]
    .assert_eq(&{
        let mut lines = cables(fusion.twin());
        lines.sort();
        lines.join("\n")
    });
    assert_eq!(sites(fusion.twin()), ["r1 at ams1", "r2 at fra2", "sw1 at ams1"]);
    let tables = fusion.tables();
    assert!(tables.cables.iter().all(|c| (c.carrier, c.confidence) == (None, 0.3)), "{:?}", tables.cables);
    assert!(tables.nodes.iter().all(|n| n.kind == "external"));
    assert_eq!(differences(&fusion), [""; 0]);
}

/// An export of NetBox with the cables of the recorded lab, after `edit`.
fn export(edit: impl Fn(&mut Vec<[(String, String); 2]>)) -> Vec<Observation> {
    let truth: Value = serde_json::from_slice(&std::fs::read(testdata("lab-a/truth.json")).unwrap()).unwrap();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let end = |e: &Value| (text(&e[0]), text(&e[1]));
    let links = truth["links"].as_array().unwrap().iter();
    let mut cables: Vec<_> = links.map(|l| [end(&l["a"]), end(&l["b"])]).collect();
    edit(&mut cables);
    let ends: BTreeSet<_> = cables.iter().flatten().cloned().collect();
    let nodes: BTreeSet<_> = ends.iter().map(|(node, _)| node.clone()).collect();
    let id = |end: &(String, String)| ends.iter().position(|e| e == end).unwrap();
    let object = |end: &(String, String)| {
        json!([{"object_type": "dcim.interface", "object_id": id(end),
                "object": {"name": end.1, "device": {"name": end.0}}}])
    };
    let devices: Vec<_> = nodes
        .iter()
        .map(|n| json!({"id": 1, "name": n, "device_type": {}, "role": {"name": "Core switch"}, "site": {"name": "lab"}}))
        .collect();
    let interfaces: Vec<_> = ends
        .iter()
        .map(|e| json!({"id": id(e), "device": {"name": e.0}, "name": e.1, "mtu": null, "type": {"value": "25gbase-x-sfp28"}}))
        .collect();
    let cables: Vec<_> = cables
        .iter()
        .map(|[a, b]| json!({"a_terminations": object(a), "b_terminations": object(b), "status": {"value": "connected"}}))
        .collect();
    let files = [json!(devices), json!(interfaces), json!({"count": cables.len(), "results": cables})];
    netbox::read(&Observer::list("netbox"), WallTime::default(), &files, &mut Vec::new()).unwrap()
}

fn lab() -> Store {
    Recorded::read(&[testdata("lab-a/full")]).unwrap().store
}

/// The lab, but nothing shows that r4:eth3 and h6:eth1 are next to each other.
fn severed() -> Store {
    let lab = lab();
    let mut store = Store::default();
    for observer in lab.observers() {
        for standing in lab.standing(observer, WallTime::default()) {
            let mut fact = standing.fact.clone();
            let here = |port: &str| matches!((observer.id(), port), ("h6", _) | ("r4", "eth3"));
            match &mut fact {
                Fact::Neighbor(n) if here(&n.on) => continue,
                Fact::IpNeighbor(n) if here(&n.port) => continue,
                Fact::Link(l) if here(&l.name) => std::sync::Arc::make_mut(l).peer_index = None,
                _ => {}
            }
            store.take(Observation::is(observer, standing.source, standing.at, fact));
        }
    }
    store
}

fn with(mut store: Store, words: Vec<Observation>) -> Fusion {
    store.extend(words);
    fused(&store)
}

fn ends(a: (&str, &str), b: (&str, &str)) -> [(String, String); 2] {
    [a, b].map(|(node, port)| (node.to_owned(), port.to_owned()))
}

#[test]
fn an_inventory_that_agrees_adds_evidence_sites_and_speeds_and_no_finding() {
    let (seen, both) = (fused(&lab()), with(lab(), export(|_| ())));
    assert_eq!(differences(&both), [""; 0]);
    assert_eq!(both.tables(), seen.tables());
    assert_eq!(sites(both.twin()), ["e5", "h6", "r1", "r2", "r3", "r4"].map(|n| format!("{n} at lab")));
    let (seen, both) = (cables(seen.twin()), cables(both.twin()));
    assert_eq!(both.len(), 14);
    for (without, with) in seen.iter().zip(&both) {
        assert!(without.contains(" up 10G ") && !without.contains("inventory"), "{without}");
        assert!(with.contains(" up 25G ") && with.contains("inventory"), "{with}");
    }
}

#[test]
fn each_disagreement_is_a_finding_and_what_is_seen_stands() {
    let seen = fused(&lab());
    let both = with(
        lab(),
        export(|cables| {
            cables.retain(|[a, _]| a.0 != "r1"); // L1 and L5 are cabled and in no list.
            cables.retain(|[a, _]| (a.0.as_str(), a.1.as_str()) != ("r3", "eth2"));
            cables.push(ends(("r3", "eth2"), ("h6", "eth1"))); // L3 leads elsewhere.
            cables.retain(|[a, _]| (a.0.as_str(), a.1.as_str()) != ("r4", "eth3"));
            cables.push(ends(("r1", "eth9"), ("r4", "eth9"))); // ports that are not there
        }),
    );
    expect_test::expect![[r#"
        inventory-missing-cable r1:eth1: it is cabled to r2:eth1, which is in no inventory
        inventory-missing-cable r1:eth3: it is cabled to r3:eth3, which is in no inventory
        inventory-other-neighbour h6:eth1: an inventory has r3:eth2 there, seen is r4:eth3
        inventory-other-neighbour r3:eth2: an inventory has h6:eth1 there, seen is r4:eth1
        inventory-unknown-port r1:: netbox has a cable at its port eth9, which it does not have
        inventory-unknown-port r4:: netbox has a cable at its port eth9, which it does not have"#]]
    .assert_eq(&differences(&both).join("\n"));
    assert_eq!(both.tables(), seen.tables(), "what is seen stands");
}

#[test]
fn a_cable_that_nothing_shows_is_a_finding_where_both_ends_were_asked_and_planned_elsewhere() {
    let alone = fused(&severed());
    assert_eq!(alone.twin().cables().len(), 6, "nothing shows the seventh");
    let both = with(severed(), export(|_| ()));
    expect_test::expect![
        "inventory-cable-not-seen h6:eth1: an inventory has a cable to r4:eth3, which nothing shows"
    ]
    .assert_eq(&differences(&both).join("\n"));
    assert_eq!(both.twin().cables().len(), 6, "no inventory brings a cable up");

    let beyond = with(
        severed(),
        export(|cables| {
            cables.retain(|[_, b]| b.0 != "h6");
            cables.push(ends(("h6", "eth1"), ("sw7", "3")));
            cables.push(ends(("sw7", "4"), ("sw8", "4")));
        }),
    );
    assert_eq!(differences(&beyond), [""; 0]);
    let planned: Vec<_> = cables(beyond.twin()).into_iter().filter(|c| c.contains("planned")).collect();
    assert_eq!(
        planned.iter().cloned().collect::<BTreeSet<_>>(),
        BTreeSet::from(
            ["h6:eth1 > sw7:3", "sw7:3 > h6:eth1", "sw7:4 > sw8:4", "sw8:4 > sw7:4"]
                .map(|c| format!("{c} planned 25G inventory"))
        )
    );
    let tables = beyond.tables();
    let row = tables.cables.iter().find(|c| c.b_node == "sw8").unwrap();
    assert_eq!((row.confidence, row.carrier, row.igp), (0.3, None, "none"));
    let row = tables.cables.iter().find(|c| c.a_node == "h6").unwrap();
    assert_eq!((row.confidence, row.carrier), (0.3, Some(true)), "its own word on its line");
    let lonely = tables.unmatched.iter().find(|u| u.node == "h6").unwrap();
    assert_eq!(lonely.why, "carrier is up, no known peer; an inventory has sw7:3 there");
    assert_eq!(tables.nodes.iter().filter(|n| n.kind == "external").count(), 2);
}

#[test]
fn a_device_of_another_name_is_found_by_its_management_address_or_not_at_all() {
    let rename = |to: &str| {
        let mut words = export(|_| ());
        for word in &mut words {
            let Said::Is(fact, _) = &mut word.said else { continue };
            match &mut **fact {
                Fact::InventoryNode(n) if n.name == "r1" => {
                    (n.name, n.management) = (to.to_owned(), Some("10.0.0.1".parse().unwrap()));
                }
                Fact::InventoryPort(p) if p.node == "r1" => p.node = to.to_owned(),
                Fact::InventoryCable(c) => {
                    [&mut c.a, &mut c.b]
                        .into_iter()
                        .filter(|e| e.0 == "r1")
                        .for_each(|e| e.0 = to.to_owned());
                }
                _ => {}
            }
        }
        words
    };
    let both = with(lab(), rename("ams-core-1"));
    assert_eq!(differences(&both), [""; 0]);
    assert_eq!(both.tables(), fused(&lab()).tables());
    // Without the address it is somebody else, whose cables contradict what is seen at the far ends.
    let mut words = rename("ams-core-1");
    for word in &mut words {
        if let Said::Is(fact, _) = &mut word.said
            && let Fact::InventoryNode(n) = &mut **fact
        {
            n.management = None;
        }
    }
    let both = with(lab(), words);
    let codes: Vec<_> = differences(&both).iter().map(|d| d.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(codes, ["inventory-other-neighbour"; 3]);
    assert_eq!(both.tables(), fused(&lab()).tables());
}

#[test]
fn what_is_no_inventory_is_refused_with_its_name() {
    let error = |name: &str| Recorded::read(&[testdata(name)]).unwrap_err().to_string();
    let refused = error("lab-a/truth.json");
    assert!(refused.contains("truth.json: JSON of another kind; expected lists of devices"), "{refused}");
}
