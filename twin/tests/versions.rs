//! Deltas, history and forks against their definitions.

use std::sync::Arc;

use umbra_twin::{
    BitsPerSec, Change, Csr, Entity, HalfLink, Layer, LinkSpec, NodeKind, SimDuration, Snapshot, Timeline,
    Twin, TwinBuilder, TwinDelta, WallTime,
};

fn triangle() -> Twin {
    let mut net = TwinBuilder::new("test");
    let keys: Vec<_> = ["a", "b", "c"].iter().map(|n| net.node(n, NodeKind::Router, None)).collect();
    for (i, j) in [(0, 1), (1, 2), (2, 0)] {
        let spec = LinkSpec::symmetric(10, BitsPerSec::gbps(10), SimDuration::micros(5));
        net.link(&format!("l{i}{j}"), &keys[i], &keys[j], spec);
    }
    net.finish()
}

fn rename(twin: &Twin, node: &str, to: &str) -> Change {
    let before = twin.node_named(node).unwrap();
    let after = Entity { name: to.into(), ..before.clone() };
    Change::Entity {
        key: before.key.clone(),
        before: Some(Arc::new(before.clone())),
        after: Some(Arc::new(after)),
    }
}

fn delta(valid: i64, learned: i64, changes: Vec<Change>) -> TwinDelta {
    TwinDelta {
        valid_at: WallTime::from_secs(valid),
        learned_at: WallTime::from_secs(learned),
        source: "test".into(),
        changes,
    }
}

#[test]
fn a_delta_and_its_inverse_cancel() {
    let base = triangle();
    let first = rename(&base, "a", "x");
    let mut twin = base.clone();
    twin.set(&first);
    let d = delta(1, 1, vec![first, rename(&twin, "x", "y")]);
    let mut twin = base.clone();
    twin.apply(&d).unwrap();
    assert!(twin.node_named("y").is_some());
    twin.apply(&d.inverse()).unwrap();
    assert_eq!(twin, base);
}

#[test]
fn a_delta_that_does_not_fit_changes_nothing() {
    let base = triangle();
    let good = rename(&base, "b", "z");
    let mut other = base.clone();
    other.set(&rename(&base, "a", "x"));
    let bad = rename(&other, "x", "y");
    let mut twin = base.clone();
    assert!(twin.apply(&delta(1, 1, vec![good, bad])).is_err());
    assert_eq!(twin, base);
}

#[test]
fn the_changes_between_two_versions_lead_from_one_to_the_other() {
    let base = triangle();
    let mut next = base.clone();
    next.set(&rename(&base, "a", "x"));
    let (key, half) = base.half_links(Layer::Igp)[3];
    let cheaper = HalfLink { metric: 1, ..half.clone() };
    next.set(&Change::HalfLink { key: key.clone(), before: None, after: Some(Arc::new(cheaper)) });
    let changes = base.changes_to(&next);
    assert_eq!(changes.len(), 2);
    let mut twin = base.clone();
    twin.apply(&delta(1, 1, changes)).unwrap();
    assert_eq!(twin, next);
}

#[test]
fn history_tells_what_was_so_from_what_was_known() {
    let base = triangle();
    let mut history = Timeline::new(base.clone());
    // At 20 we hear that 'a' has been called 'late' since 20; at 30, that it was called 'early' since 10.
    let late = rename(&base, "a", "late");
    history.push(delta(20, 20, vec![late])).unwrap();
    let early = rename(history.head(), "late", "early");
    history.push(delta(10, 30, vec![early])).unwrap();
    let name = |valid, learned| {
        let twin = history.as_of(WallTime::from_secs(valid), WallTime::from_secs(learned));
        twin.nodes()[0].name.clone()
    };
    assert_eq!(name(15, 25), "a", "nobody knew yet");
    assert_eq!(name(15, 30), "early");
    assert_eq!(name(25, 30), "late", "the last valid word wins, not the last heard");
    assert_eq!(name(25, 25), "late");
}

#[test]
fn a_fork_shares_what_it_does_not_write() {
    let base = triangle();
    let mut fork = base.clone();
    fork.set(&rename(&base, "a", "x"));
    assert!(base.node_named("a").is_some() && base.node_named("x").is_none());
    let (key, _) = base.half_links(Layer::Igp)[0];
    assert!(std::ptr::eq(base.half_link(key).unwrap(), fork.half_link(key).unwrap()));
}

#[test]
fn a_snapshot_survives_its_file() {
    let snapshot = Snapshot { twin: triangle(), ..Snapshot::default() };
    let text = snapshot.to_json();
    let again = Snapshot::from_json("t.json", &text).unwrap();
    assert_eq!(again, snapshot);
    assert_eq!(again.to_json(), text);
}

#[test]
fn a_broken_snapshot_names_the_place() {
    let e = Snapshot::from_json("t.json", "{\n  \"format\": 3").unwrap_err().to_string();
    assert!(e.starts_with("t.json:2:"), "{e}");
    let e = Snapshot::from_json("t.json", r#"{"format":"x","entities":[],"half_links":[]}"#).unwrap_err();
    assert_eq!(e.to_string(), "t.json: format 'x'; expected format 'umbra-twin/1'");
    let text = Snapshot { twin: triangle(), ..Snapshot::default() }.to_json();
    let e = Snapshot::from_json(
        "t.json",
        &text.replacen("\"from\": \"port:node:name:a/", "\"from\": \"port:node:name:q/", 1),
    )
    .unwrap_err()
    .to_string();
    assert!(e.contains("unknown 'port:node:name:q/l01'") && e.contains("did you mean"), "{e}");
}

#[test]
fn the_dense_view_keeps_the_order_of_the_source() {
    let csr = Csr::compile(&triangle(), Layer::Igp);
    assert_eq!(csr.node_names, ["a", "b", "c"]);
    assert_eq!(csr.link_names, ["l01", "l12", "l20"]);
    assert_eq!(
        (0..6).map(|i| csr.arc_name(umbra_twin::ArcId(i))).collect::<Vec<_>>(),
        ["a -> b", "b -> a", "b -> c", "c -> b", "c -> a", "a -> c"]
    );
    let a = csr.node_named("a").unwrap();
    assert_eq!(csr.arcs_out(a).iter().map(|x| x.0).collect::<Vec<_>>(), [0, 5]);
    assert_eq!(csr.arcs_in(a).iter().map(|x| x.0).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(csr.reverse(umbra_twin::ArcId(5)), Some(umbra_twin::ArcId(4)));
}

#[test]
fn a_name_that_two_nodes_have_is_nobodys() {
    let mut twin = triangle();
    let (b, key) = (twin.node_named("b").unwrap().key.clone(), twin.node_named("c").unwrap().key.clone());
    let change = rename(&twin, "c", "a");
    twin.set(&change);
    let csr = Csr::compile(&twin, Layer::Igp);
    assert_eq!((twin.node_named("a"), csr.node_named("a")), (None, None));
    assert_eq!(twin.node_named("b").map(|e| &e.key), Some(&b));
    assert_eq!(csr.node_named(key.as_str()), Some(umbra_twin::NodeId(2)), "it still has its key");
}

#[test]
fn a_layer_is_a_petgraph_graph() {
    let graph = triangle().layer(Layer::Igp);
    assert_eq!((graph.node_count(), graph.edge_count()), (3, 6));
    assert_eq!(triangle().layer(Layer::Lldp).edge_count(), 0);
}
