//! What routers tell by BMP against the tables of their kernels, which the follower is not shown.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::process::Command;

use ipnet::IpNet;
use serde_json::Value;
use twin::{Change, RouteAction};
use umbra_topology_sync::follow::Follower;

use crate::lab::{Netns, Watch, lines, replayed, sh};
use crate::routing::{Frr, LONG, can_route, measure};

/// Each prefix with its ports and gateways.
type Rows = BTreeMap<IpNet, BTreeSet<(String, Option<IpAddr>)>>;

/// What a kernel sends where: what it delivers to itself, and what is of one link alone, left out.
fn kernel(netns: &Netns) -> Rows {
    let mut rows = Rows::new();
    for family in ["-4", "-6"] {
        let output =
            Command::new("ip").args(["-n", &netns.0, "-j", family, "route"]).output().expect("ip runs");
        let list: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        for row in &list {
            let text = row["dst"].as_str().expect("a destination");
            let net = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).expect("a block");
            let hop = |v: &Value| {
                let gateway =
                    v.get("gateway").map(|g| g.as_str().expect("text").parse().expect("an address"));
                (v["dev"].as_str().expect("a port").to_owned(), gateway)
            };
            let hops: BTreeSet<_> = match row["nexthops"].as_array() {
                Some(hops) => hops.iter().map(hop).collect(),
                None => [hop(row)].into(),
            };
            rows.entry(net).or_default().extend(hops);
        }
    }
    rows.retain(|net, _| !matches!(net, IpNet::V6(net) if net.addr().is_unicast_link_local()));
    // A loopback's address, which IPv6 lists as a route too.
    rows.retain(|net, hops| {
        net.prefix_len() < net.max_prefix_len() || hops.iter().all(|(port, _)| port != "lo")
    });
    rows
}

/// What a node of the twin sends where.
fn table(follower: &Follower, name: &str) -> Rows {
    let twin = follower.twin();
    let fib = twin.node_named(name).and_then(|node| twin.fib(&node.key));
    let mut rows = Rows::new();
    for route in fib.into_iter().flat_map(|fib| fib.routes()) {
        if let RouteAction::Forward(hops) = route.action {
            let port = |key: &twin::EntityKey| twin.entity(key).expect("a port of the twin").name.clone();
            rows.insert(route.prefix, hops.iter().map(|h| (port(&h.port), h.gateway)).collect());
        }
    }
    rows
}

/// Files with what `ip -j addr` prints: names and addresses of interfaces, no routes.
struct Addresses(tempfile::TempDir);

impl Addresses {
    fn of(nodes: &[(&str, &Netns)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, netns) in nodes {
            sh(&format!("ip -n {} -j addr > {}/{name}.json", netns.0, folder.path().display()));
        }
        Self(folder)
    }

    fn source(&self, name: &str) -> String {
        format!("files: {{paths: [{}/{name}.json], every_s: 1}}", self.0.path().display())
    }
}

fn bmp(netns: &Netns) -> String {
    format!("bmp: {{listen: '127.0.0.1:5000', netns: {}}}", netns.0)
}

/// Two routers of two AS on one cable, with addresses of both families; each tells by BMP what passed its policy.
fn neighbors() -> ([Netns; 2], [Frr; 2]) {
    let (a, b) = (Netns::new("na"), Netns::new("nb"));
    crate::wires::cable(&a, &b);
    let frr = [(&a, 1, 2), (&b, 2, 1)].map(|(netns, number, peer)| {
        netns.ip(&format!("addr add 2001:db8:12::{number}/64 dev eth1 nodad"));
        Frr::start_bgp(netns, number, peer)
    });
    ([a, b], frr)
}

const FAR: &str = "router bgp 65002";

/// Waits until a kernel has a route.
fn installed(netns: &Netns, net: &str) {
    let net: IpNet = net.parse().expect("a block");
    let mut watch = Watch::start(&format!("nodes: {{near: {{netlink: {{netns: {}}}}}}}", netns.0));
    assert!(watch.until(LONG, |f| table(f, "near").contains_key(&net)), "{net} is installed");
}

#[test]
fn a_router_that_speaks_bmp_alone_forwards_by_what_it_tells() {
    if !can_route() {
        return;
    }
    let ([a, b], frr) = neighbors();
    // FRR 8.4 tells a route as withdrawn while it has not seen to its next hop, and does not tell it again then.
    frr[1].set_v6(FAR, "network 2001:db8:1::/48");
    installed(&a, "2001:db8:1::/48");
    let told = Addresses::of(&[("near", &a)]);
    let config =
        format!("nodes:\n  near: {{{}, {}}}\n  far: {{{}}}\n", bmp(&a), told.source("near"), bmp(&b));
    let mut watch = Watch::start(&config);
    let has = |net: &str, yes: bool| {
        let net: IpNet = net.parse().expect("a block");
        move |f: &Follower| table(f, "near").contains_key(&net) == yes
    };
    frr[1].set(FAR, "network 192.0.2.0/24");
    frr[1].set_v6(FAR, "network 2001:db8:2::/48");
    assert!(watch.until(LONG, has("192.0.2.0/24", true)), "{:?}", table(watch.follower(), "near"));
    assert!(watch.until(LONG, has("2001:db8:2::/48", true)), "{:?}", table(watch.follower(), "near"));
    let same = |f: &Follower| table(f, "near") == kernel(&a);
    assert!(watch.until(LONG, same), "{:?} is not {:?}", table(watch.follower(), "near"), kernel(&a));

    frr[1].set_v6(FAR, "no network 2001:db8:2::/48");
    assert!(watch.until(LONG, has("2001:db8:2::/48", false)), "withdrawn");
    frr[1].set(FAR, "neighbor 10.1.0.1 shutdown");
    assert!(watch.until(LONG, has("192.0.2.0/24", false)), "the session is down");
    frr[1].set(FAR, "no neighbor 10.1.0.1 shutdown");
    assert!(watch.until(LONG, has("192.0.2.0/24", true)), "and up again");
    let (journal, deltas) = watch.end();
    assert_eq!(lines(&replayed(&journal)), lines(&deltas));
}

#[test]
fn without_an_interface_table_the_other_end_of_a_session_is_where_it_is_sent_to() {
    if !can_route() {
        return;
    }
    let ([a, _b], frr) = neighbors();
    let mut watch = Watch::start(&format!("nodes:\n  near: {{{}}}\n", bmp(&a)));
    frr[1].set(FAR, "network 192.0.2.0/24");
    let net: IpNet = "192.0.2.0/24".parse().expect("a block");
    assert!(
        watch.until(LONG, |f| table(f, "near").contains_key(&net)),
        "{:?}",
        table(watch.follower(), "near")
    );
    let hop = ("10.1.0.1".to_owned(), "10.1.0.2".parse().ok());
    assert_eq!(table(watch.follower(), "near")[&net], [hop].into());
}

#[test]
fn the_table_of_a_kernel_is_what_forwards() {
    if !can_route() {
        return;
    }
    let ([a, _b], frr) = neighbors();
    let netlink = format!("netlink: {{netns: {}}}", a.0);
    let mut watch = Watch::start(&format!("nodes:\n  near: {{{}, {netlink}}}\n", bmp(&a)));
    frr[1].set(FAR, "network 192.0.2.0/24");
    let net: IpNet = "192.0.2.0/24".parse().expect("a block");
    assert!(watch.until(LONG, |f| table(f, "near").contains_key(&net)));
    // BGP still has it.
    a.ip("route del 192.0.2.0/24");
    assert!(
        watch.until(LONG, |f| !table(f, "near").contains_key(&net)),
        "the kernel does not send it any more"
    );
}

/// Two routers of one AS with two links, OSPF on both, and a session between their loopbacks.
#[test]
fn next_hops_are_reached_by_all_shortest_paths_of_the_igp() {
    if !can_route() {
        return;
    }
    let (a, b) = (Netns::new("ia"), Netns::new("ib"));
    for link in [1, 2] {
        sh(&format!("ip link add eth{link} netns {} type veth peer name eth{link} netns {}", a.0, b.0));
    }
    for (netns, number) in [(&a, 1), (&b, 2)] {
        netns.ip(&format!("addr add 10.0.0.{number}/32 dev lo"));
        for link in [1, 2] {
            netns.ip(&format!("addr add 10.{link}.0.{number}/24 dev eth{link}"));
            netns.ip(&format!("link set eth{link} up"));
        }
    }
    let told = Addresses::of(&[("near", &a), ("far", &b)]);
    let wires = format!("wires: {{w: {{netns: {}, interfaces: [eth1, eth2]}}}}", a.0);
    let nodes = format!("near: {{{}, {}}}, far: {{{}}}", bmp(&a), told.source("near"), told.source("far"));
    let mut watch = Watch::start(&format!("nodes: {{{nodes}}}\n{wires}\n"));
    watch.settle(std::time::Duration::from_secs(1));
    let frr = [(&a, 1, 2), (&b, 2, 1)].map(|(netns, number, peer)| Frr::start_inside(netns, number, peer));
    frr[1].set("router bgp 65000", "network 192.0.2.0/24");
    let net: IpNet = "192.0.2.0/24".parse().expect("a block");
    let same = |f: &Follower| {
        table(f, "near") == kernel(&a) && table(f, "near").get(&net).is_some_and(|h| h.len() == 2)
    };
    assert!(watch.until(LONG * 2, same), "{:?} is not {:?}", table(watch.follower(), "near"), kernel(&a));

    // One link is dearer now: all goes over the other.
    frr[0].set("interface eth2", "ip ospf cost 100");
    let same = |f: &Follower| {
        table(f, "near") == kernel(&a) && table(f, "near").get(&net).is_some_and(|h| h.len() == 1)
    };
    assert!(watch.until(LONG, same), "{:?} is not {:?}", table(watch.follower(), "near"), kernel(&a));
    let (journal, deltas) = watch.end();
    assert_eq!(lines(&replayed(&journal)), lines(&deltas));
}

/// Medians of 20 changes: from the arrival of the message, and from the command, to the delta.
#[test]
#[ignore = "a measurement of a minute"]
fn how_long_routes_take() {
    if !can_route() {
        return;
    }
    let ([a, _b], frr) = neighbors();
    let told = Addresses::of(&[("near", &a)]);
    let mut watch = Watch::start(&format!("nodes:\n  near: {{{}, {}}}\n", bmp(&a), told.source("near")));
    frr[1].set(FAR, "network 198.51.100.0/24");
    let net: IpNet = "198.51.100.0/24".parse().expect("a block");
    assert!(watch.until(LONG, |f| table(f, "near").contains_key(&net)));
    measure(
        "BMP: route announced/withdrawn -> forwarding entry",
        &mut watch,
        |i| {
            let no = if i % 2 == 0 { "" } else { "no " };
            frr[1].set(FAR, &format!("{no}network 192.0.2.0/24"));
        },
        |change| matches!(change, Change::Route { .. }),
    );
}
