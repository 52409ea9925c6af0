//! Differences of the recorded lab after edits that are known.

use std::path::Path;
use std::sync::Arc;

use expect_test::{Expect, expect};
use twin::{EntityKind, Fib, HalfLinkKey, Layer, Route, RouteAction, Snapshot};

use super::*;
use crate::overrides::{self, Overrides};
use crate::source::files;

fn lab() -> Twin {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/lab-a/full");
    files::open(&folder, &files::Options::default()).unwrap().twin
}

fn edited(twin: Twin, overrides: &str) -> Twin {
    let overrides = Overrides::parse("o", &format!("format: umbra-overrides/1\n{overrides}")).unwrap();
    overrides::apply(&overrides, Snapshot { twin, ..Snapshot::default() }).0.twin
}

fn check(before: &Twin, after: &Twin, expected: Expect) {
    let line = |d: &Difference| {
        let (before, after) = (d.before.as_deref().unwrap_or("-"), d.after.as_deref().unwrap_or("-"));
        format!("{} {} {}: {before} => {after}\n", d.subject.word(), d.change.word(), d.element)
    };
    expected.assert_eq(&compare(before, after).iter().map(line).collect::<String>());
}

/// Changes an entity in place.
fn edit(twin: &mut Twin, key: &EntityKey, change: impl FnOnce(&mut Entity)) {
    let mut entity = twin.entity(key).unwrap().clone();
    change(&mut entity);
    twin.set(&Change::Entity { key: key.clone(), before: None, after: Some(Arc::new(entity)) });
}

fn port(twin: &Twin, node: &str, port: &str) -> EntityKey {
    EntityKey::port(&twin.node_named(node).unwrap().key, port)
}

#[test]
fn nothing_differs_from_itself_and_evidence_is_no_difference() {
    let twin = lab();
    assert_eq!(compare(&twin, &twin), []);
    let mut later = twin.clone();
    for layer in Layer::ALL {
        for (key, half) in twin.half_links(layer) {
            let mut half = half.clone();
            half.evidence.clear();
            later.set(&Change::HalfLink { key: key.clone(), before: None, after: Some(Arc::new(half)) });
        }
    }
    assert_eq!(compare(&twin, &later), []);
}

#[test]
fn a_rename_is_one_row_and_a_moved_cable_another() {
    let before = lab();
    check(
        &before,
        &edited(before.clone(), "names: [{node: r1, name: core}]"),
        expect![[r#"
        node renamed core: r1 => core
    "#]],
    );
    let mut after = before.clone();
    let spare = port(&after, "r2", "eth9");
    let like = after.entity(&port(&after, "r2", "eth1")).unwrap().clone();
    let spare_port =
        Entity { key: spare.clone(), name: "eth9".into(), kind: EntityKind::Port(Port::default()), ..like };
    after.set(&Change::Entity { key: spare, before: None, after: Some(Arc::new(spare_port)) });
    let after = edited(after, "links: [{between: ['r1:eth1', 'r2:eth9'], metric: 10}]");
    check(
        &before,
        &after,
        expect![[r#"
        cable moved r1:eth1 - r2:eth9: r1:eth1 - r2:eth1 => r1:eth1 - r2:eth9
        port added r2:eth9: - => -
        adjacency added r1:eth1 - r2:eth9 (igp): - => up, cost 10
        adjacency removed r1:eth1 - r2:eth1 (igp): full, cost 10 => -
        adjacency removed r1:eth1 - r2:eth1 (lldp): up => -
    "#]],
    );
}

#[test]
fn costs_addresses_states_ports_and_routes() {
    let before = lab();
    let mut after = before.clone();
    let (a, b) = (port(&after, "r1", "eth1"), port(&after, "r2", "eth1"));
    for (from, to, layer, metric, state) in [
        (&a, &b, Layer::Igp, 70, "full"),
        (&a, &b, Layer::Cable, 1, "down"),
        (&b, &a, Layer::Cable, 1, "down"),
    ] {
        let key = HalfLinkKey { layer, from: from.clone(), to: to.clone() };
        let mut half = after.half_link(&key).unwrap().clone();
        (half.metric, half.state) = (metric, state.to_owned().into());
        after.set(&Change::HalfLink { key, before: None, after: Some(Arc::new(half)) });
    }
    edit(&mut after, &a, |e| {
        let EntityKind::Port(port) = &mut e.kind else { panic!("a port") };
        port.carrier = Some(false);
        port.addresses.retain(|a| a.ip.is_ipv6());
    });
    let node = after.node_named("r1").unwrap().key.clone();
    let mut fib = Fib::clone(after.fib(&node).unwrap());
    for i in 0..7_u8 {
        let prefix = format!("198.51.{i}.0/24").parse().unwrap();
        fib.insert(Route { prefix, action: RouteAction::Unreachable });
    }
    fib.insert(Route { prefix: "10.3.0.0/24".parse().unwrap(), action: RouteAction::Blackhole });
    after.set(&Change::Fib { node, before: None, after: Some(Arc::new(fib)) });
    check(
        &before,
        &after,
        expect![[r#"
        port changed r1:eth1: carrier up => carrier down
        address removed r1:eth1: 10.1.0.0/31 => -
        adjacency changed r1:eth1 - r2:eth1 (cable): up => down
        cost changed r1:eth1 -> r2:eth1 (igp): 10 => 70
        routes added r1: - => 7 routes
        routes changed r1: - => 1 routes
        route added r1 198.51.0.0/24: - => unreachable
        route added r1 198.51.1.0/24: - => unreachable
        route added r1 198.51.2.0/24: - => unreachable
        route added r1 198.51.3.0/24: - => unreachable
        route added r1 198.51.4.0/24: - => unreachable
        route changed r1 10.3.0.0/24: via 10.1.3.0 on eth2 => blackhole
    "#]],
    );
}

#[test]
fn a_node_under_another_key_is_the_same_if_an_alias_says_so() {
    let before = lab();
    let keys = BTreeMap::from_iter(before.nodes().iter().map(|n| {
        let by_name = n.aliases.iter().find(|a| a.as_str().starts_with("node:name:")).unwrap();
        (n.key.clone(), by_name.clone())
    }));
    let mut named = before.clone();
    for (key, alias) in &keys {
        edit(&mut named, key, |e| e.aliases = vec![alias.clone()]);
    }
    // What was keyed by its name alone is found again under its chassis id.
    let mut plain = Twin::default();
    for entity in before.entities().filter(|e| keys.contains_key(&e.key)) {
        let key = keys[&entity.key].clone();
        let entity = Entity { key: key.clone(), aliases: Vec::new(), ..entity.clone() };
        plain.set(&Change::Entity { key, before: None, after: Some(Arc::new(entity)) });
    }
    let differences = compare(&plain, &named);
    assert!(differences.iter().all(|d| d.subject != Subject::Node), "{differences:?}");
    assert!(differences.iter().any(|d| d.subject == Subject::Port && d.change == Kind::Added));
}

#[test]
fn segments_with_a_member_in_common_are_one() {
    let before = lab();
    let with = |names: &[(&str, &str)]| {
        let ports: Vec<_> = names.iter().map(|(n, p)| port(&before, n, p)).collect();
        let key = EntityKey::new(format!("segment:{names:?}"));
        let entity = Entity {
            key: key.clone(),
            name: "lan".into(),
            ordinal: 0,
            parent: None,
            aliases: Vec::new(),
            kind: EntityKind::Segment { ports },
        };
        let mut twin = before.clone();
        twin.set(&Change::Entity { key, before: None, after: Some(Arc::new(entity)) });
        twin
    };
    let (three, four) = (
        with(&[("r1", "eth1"), ("r2", "eth1"), ("r3", "eth1")]),
        with(&[("r1", "eth1"), ("r2", "eth1"), ("r3", "eth1"), ("r4", "eth1")]),
    );
    check(
        &three,
        &four,
        expect![[r#"
        segment changed r1:eth1, r2:eth1, r3:eth1, r4:eth1: r1:eth1, r2:eth1, r3:eth1 => r1:eth1, r2:eth1, r3:eth1, r4:eth1
    "#]],
    );
    check(
        &before,
        &three,
        expect![[r#"
        segment added r1:eth1, r2:eth1, r3:eth1: - => -
    "#]],
    );
}
