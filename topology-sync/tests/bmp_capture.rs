//! A capture with BMP: what its router forwards by, against what the router's own tool printed.
#![cfg(feature = "bgp")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use testkit::tcp_capture;
use twin::RouteAction;
use umbra_topology_sync::source::recorded::Recorded;

/// The next hop of each best path that leads away, as FRR prints it.
fn printed(text: &str) -> BTreeMap<String, String> {
    let table: Value = serde_json::from_str(text).unwrap();
    let best = |paths: &Value| paths.as_array()?.iter().find(|p| p["bestpath"] == true).cloned();
    let hop =
        |path: Value| path["nexthops"][0]["ip"].as_str().map(str::to_owned).filter(|ip| ip != "0.0.0.0");
    let routes = table["routes"].as_object().unwrap().iter();
    routes.filter_map(|(prefix, paths)| Some((prefix.clone(), hop(best(paths)?)?))).collect()
}

#[test]
fn a_capture_with_bmp_gives_its_router_a_table_unless_it_printed_one() {
    let streams = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/bmp/streams"));
    let folder = tempfile::tempdir().unwrap();
    let (lab, file) = (folder.path().join("lab"), folder.path().join("bmp.pcap"));
    std::fs::write(
        &file,
        tcp_capture([10, 0, 0, 1].into(), &std::fs::read(streams.join("r1-bmp.bin")).unwrap()),
    )
    .unwrap();
    std::fs::create_dir_all(lab.join("r1")).unwrap();
    // All routers are on one link, as far as this list tells.
    let addresses =
        r#"[{"ifindex": 2, "ifname": "eth1", "addr_info": [{"local": "10.0.0.1", "prefixlen": 8}]}]"#;
    std::fs::write(lab.join("r1/addr.json"), addresses).unwrap();
    let table = || {
        let recorded = Recorded::read(&[&lab, &file]).unwrap();
        let snapshot = recorded.snapshot(&recorded.fuse());
        let node = snapshot.twin.node_named("r1").unwrap();
        let routes = snapshot.twin.fib(&node.key).unwrap().routes();
        let hop = |action: RouteAction| match action {
            RouteAction::Forward(hops) => Some(hops[0].gateway?.to_string()),
            _ => None,
        };
        let rows = routes.into_iter().filter_map(|r| Some((r.prefix.to_string(), hop(r.action)?)));
        rows.collect::<BTreeMap<_, _>>()
    };
    let expected = printed(&std::fs::read_to_string(streams.join("r1-bgp-ipv4.json")).unwrap());
    assert!(!expected.is_empty());
    assert_eq!(table(), expected);

    let own = r#"[{"dst": "198.51.100.0/24", "gateway": "10.9.9.9", "dev": "eth1"}]"#;
    std::fs::write(lab.join("r1/routes.json"), own).unwrap();
    assert_eq!(table(), BTreeMap::from([("198.51.100.0/24".to_owned(), "10.9.9.9".to_owned())]));
}
