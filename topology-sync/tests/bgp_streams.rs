//! BMP streams of a recorded lab against what its routers' own tools printed when the streams ended.
#![cfg(feature = "bgp")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use twin::WallTime;
use umbra_topology_sync::bgp::rib::{PeerKey, RibView};
use umbra_topology_sync::bgp::router::Router;
use umbra_topology_sync::observation::{BgpPeer, Fact, Observer, Topic};
use umbra_topology_sync::store::Store;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/bmp/streams");

fn at(seconds: i64) -> WallTime {
    WallTime::from_secs(seconds)
}

/// A router after its stream, cut anyhow, and what it told.
fn follow(name: &str, step: usize) -> (Router, Store) {
    let bytes = std::fs::read(Path::new(FOLDER).join(format!("{name}-bmp.bin"))).unwrap();
    let (mut router, mut store) = (Router::new(Observer::node(name)), Store::default());
    for (second, part) in bytes.chunks(step).enumerate() {
        router.bytes(at(second as i64), part, &mut |o| store.take(o));
    }
    (router, store)
}

fn printed(file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(Path::new(FOLDER).join(file)).unwrap()).unwrap()
}

/// Peer, prefix and next hop of each route after policy. FRR's local routes come from peer 0.0.0.0.
fn routes(router: &Router) -> BTreeSet<(String, String, String)> {
    let post_policy = |key: &PeerKey| key.view == RibView::AdjRibIn { post_policy: true };
    let mut set = BTreeSet::new();
    for (key, rib) in router.rib().peers().filter(|(key, _)| post_policy(key)) {
        for route in rib.routes() {
            let hop = rib.attributes(&route).next_hop.map(|ip| ip.to_string()).unwrap_or_default();
            set.insert((key.address.to_string(), route.prefix.to_string(), hop));
        }
    }
    set
}

/// The same from what FRR printed; its BMP tells valid paths only.
fn printed_routes(name: &str) -> BTreeSet<(String, String, String)> {
    let table = printed(&format!("{name}-bgp-ipv4.json"));
    let mut set = BTreeSet::new();
    for (prefix, paths) in table["routes"].as_object().unwrap() {
        for path in paths.as_array().unwrap().iter().filter(|p| p["valid"] == true) {
            let peer = path["peerId"].as_str().unwrap().replace("(unspec)", "0.0.0.0");
            set.insert((peer, prefix.clone(), path["nexthops"][0]["ip"].as_str().unwrap().to_owned()));
        }
    }
    set
}

fn sessions(store: &Store, name: &str, now: WallTime) -> BTreeMap<String, BgpPeer> {
    let observer = Observer::node(name);
    let peers = store.standing(&observer, now).filter_map(|s| match s.fact {
        Fact::BgpPeer(peer) => Some((peer.address.to_string(), peer.clone())),
        _ => None,
    });
    peers.collect()
}

#[test]
fn routes_are_those_that_the_router_has_however_the_stream_is_cut() {
    for name in ["r1", "r2"] {
        for step in [1, 100, 1_000_000] {
            assert_eq!(routes(&follow(name, step).0), printed_routes(name), "{name} in steps of {step}");
        }
    }
    let withdrawn = |(_, prefix, _): &(String, String, String)| prefix == "203.0.115.0/24";
    assert!(!printed_routes("r1").iter().any(withdrawn), "the recording ends after the withdrawal of it");
}

#[test]
fn sessions_are_those_that_the_router_has() {
    for name in ["r1", "r2"] {
        let (router, store) = follow(name, 500);
        let got = sessions(&store, name, at(1_000));
        let summary = printed(&format!("{name}-bgp-summary.json"));
        let expected = summary["ipv4Unicast"]["peers"].as_object().unwrap();
        assert_eq!(got.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (address, peer) in expected {
            let got = &got[address];
            // When the recording ended, r1 was stopped before the stream of r2: its last message is a Peer Down.
            let stopped = name == "r2" && address == "10.0.0.1";
            let state = if stopped { "Idle" } else { peer["state"].as_str().unwrap() };
            assert_eq!(
                (&*got.state, u64::from(got.asn)),
                (state, peer["remoteAs"].as_u64().unwrap()),
                "{name} {address}"
            );
            assert!(got.local.is_some() && got.router_id.is_some());
        }
        // FRR's own: peers down that were never up, and no message that cannot be read.
        let codes: Vec<_> = router.diagnostics().iter().map(|d| &*d.code).collect();
        assert_eq!(codes, ["bmp-down-before-up"]);
    }
}

#[test]
fn a_router_says_who_it_is() {
    let (router, store) = follow("r1", 500);
    // Its name by the initiation, and all of it by the OPENs that it sent.
    let observer = Observer::node("r1");
    let said = store.standing(&observer, at(1_000)).filter_map(|s| match s.fact {
        Fact::Node(node) => Some((node.hostname.as_deref(), node.router_id.as_deref(), node.asn)),
        _ => None,
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        [(Some("r1"), None, None), (Some("r1"), Some("10.0.0.1"), Some(65_000))]
    );
    assert_eq!(router.messages(), 233);
}

#[test]
fn another_daemons_stream_is_read_too() {
    let (router, _) = follow("gobgp-3.10", 77);
    assert!(router.diagnostics().is_empty());
    let (_, rib) = router.rib().peers().next().unwrap();
    let route = rib.routes().next().unwrap();
    assert_eq!(
        (route.prefix.to_string(), &rib.attributes(&route).as_path[..]),
        ("192.0.2.0/24".to_owned(), &[65_001][..])
    );
}

#[test]
fn a_lost_session_keeps_its_routes_as_stale() {
    let (mut router, store) = follow("r1", 500);
    let before = (routes(&router), sessions(&store, "r1", at(1_000)));
    router.lost();
    assert_eq!(routes(&router), before.0);
    assert!(router.rib().peers().all(|(_, rib)| rib.stale() == rib.len()));
    // The same stream again: nothing is stale that was told again, and what follows is the same.
    let mut again = Store::default();
    let bytes = std::fs::read(Path::new(FOLDER).join("r1-bmp.bin")).unwrap();
    router.bytes(at(2_000), &bytes, &mut |o| again.take(o));
    assert_eq!(routes(&router), before.0);
    assert!(router.rib().peers().all(|(_, rib)| rib.stale() == 0));
    assert_eq!(sessions(&again, "r1", at(3_000)), before.1);
    let read =
        |o: &Observer| again.standing(o, at(3_000)).filter(|s| s.fact.key().topic == Topic::BgpPeers).count();
    assert_eq!(read(&Observer::node("r1")), 3);
}
