//! Small networks with addresses and tables: every disposition, and what lies between routers.

use std::sync::Arc;

use expect_test::{Expect, expect};
use twin::{
    BitsPerSec, Change, Entity, EntityKey, EntityKind, Fib, HalfLink, HalfLinkKey, Layer, NextHop, NodeKind,
    Port, PortAddress, Route, RouteAction, SimDuration, Twin,
};

use super::*;

/// A twin from words, one statement a line:
/// `router r1`, `port r1 e1 10.0.0.1/24 …`, `cable r1:e1 r2:e1 [down]`, `segment r1:e1 r2:e1 r3:e1`,
/// `route r1 10.0.0.0/8 via 10.0.0.2 dev e1 [via … dev …]`, `route r1 10.0.0.0/8 dev e1`, `route r1 ::/0 blackhole`.
fn net(text: &str) -> Twin {
    let mut twin = Twin::default();
    let mut routes: Vec<(EntityKey, Route)> = Vec::new();
    for (line, words) in text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).enumerate() {
        match words.as_slice() {
            [] => {}
            ["port", node, name, addresses @ ..] => {
                let addresses = addresses.iter().map(|a| a.parse::<IpNet>().unwrap());
                let addresses =
                    addresses.map(|a| PortAddress { ip: a.addr(), len: a.prefix_len() }).collect();
                let kind = EntityKind::Port(Port { addresses, ..Port::default() });
                put(&mut twin, port_key(&format!("{node}:{name}")), name, Some(node), line, kind);
            }
            ["cable", a, b, state @ ..] => {
                let state = state.first().unwrap_or(&"up");
                for (from, to) in [(a, b), (b, a)] {
                    let key = HalfLinkKey { layer: Layer::Cable, from: port_key(from), to: port_key(to) };
                    let half = HalfLink {
                        ordinal: line as u32,
                        cable: None,
                        metric: 1,
                        capacity: BitsPerSec::gbps(1),
                        delay: SimDuration::ZERO,
                        state: (*state).to_owned().into(),
                        evidence: Vec::new(),
                        freshness: None,
                    };
                    twin.set(&Change::HalfLink { key, before: None, after: Some(Arc::new(half)) });
                }
            }
            ["segment", ports @ ..] => {
                let kind = EntityKind::Segment { ports: ports.iter().map(|p| port_key(p)).collect() };
                put(&mut twin, EntityKey::new("segment"), "segment", None, line, kind);
            }
            ["route", node, prefix, action @ ..] => {
                let prefix = prefix.parse().unwrap();
                routes.push((EntityKey::node(node), Route { prefix, action: route_action(node, action) }));
            }
            [role, name] => {
                let role = match *role {
                    "switch" => NodeKind::Switch,
                    "host" => NodeKind::Host,
                    _ => NodeKind::Router,
                };
                let kind = match words[0] {
                    "external" => EntityKind::External { role },
                    _ => EntityKind::Node { role, location: None },
                };
                put(&mut twin, EntityKey::node(name), name, None, line, kind);
            }
            other => panic!("{other:?}"),
        }
    }
    for (node, _) in routes.clone() {
        let own = routes.iter().filter(|(n, _)| *n == node).map(|(_, route)| route.clone());
        let fib: Fib = own.collect();
        twin.set(&Change::Fib { node, before: None, after: Some(Arc::new(fib)) });
    }
    twin
}

fn route_action(node: &str, words: &[&str]) -> RouteAction {
    match words {
        ["blackhole"] => RouteAction::Blackhole,
        ["unreachable"] => RouteAction::Unreachable,
        ["local"] => RouteAction::Local,
        ["dev", port] => {
            RouteAction::Forward(vec![NextHop { port: port_key(&format!("{node}:{port}")), gateway: None }])
        }
        hops => {
            let hop = |words: &[&str]| NextHop {
                gateway: Some(words[1].parse().unwrap()),
                port: port_key(&format!("{node}:{}", words[3])),
            };
            RouteAction::Forward(hops.chunks(4).map(hop).collect())
        }
    }
}

fn port_key(text: &str) -> EntityKey {
    let (node, port) = text.split_once(':').unwrap();
    EntityKey::port(&EntityKey::node(node), port)
}

fn put(twin: &mut Twin, key: EntityKey, name: &str, node: Option<&str>, line: usize, kind: EntityKind) {
    let parent = node.map(EntityKey::node);
    let entity = Entity {
        key: key.clone(),
        name: name.to_owned(),
        ordinal: line as u32,
        parent,
        aliases: Vec::new(),
        kind,
    };
    twin.set(&Change::Entity { key, before: None, after: Some(Arc::new(entity)) });
}

fn ways(twin: &Twin, from: &str, to: &str) -> String {
    let tracer = Tracer::new(twin, Layer::Cable, 0);
    let address: IpAddr = to.parse().unwrap();
    let target = Target { address: Some(address), node: tracer.links().node_for(address).cloned() };
    let question = Question { start: Start::At(EntityKey::node(from)), target, flow: None };
    let name = |key: &EntityKey| twin.entity(key).unwrap().name.clone();
    let line = |way: &Trace| {
        let hops = way.hops.iter().map(|hop| {
            let through: String = hop.through.iter().map(|n| format!(" ({})", name(n))).collect();
            format!("{}{through}", name(&hop.node))
        });
        let hops: Vec<_> = hops.collect();
        format!("{:.2} {} {} {}", way.share, hops.join(" > "), way.disposition.word(), way.why)
            .trim_end()
            .to_owned()
    };
    tracer.trace(&question).ways.iter().map(|w| line(w) + "\n").collect()
}

fn check(twin: &Twin, questions: &[(&str, &str)], expected: Expect) {
    let answers = questions.iter().map(|(from, to)| format!("{from} -> {to}\n{}", ways(twin, from, to)));
    expected.assert_eq(&answers.collect::<String>());
}

const LINE: &str = "
    router r1
    router r2
    router r3
    port r1 e1 10.0.12.1/30
    port r2 e1 10.0.12.2/30
    port r2 e2 10.0.23.1/29
    port r3 e1 10.0.23.2/29
    port r3 e2 192.0.2.1/24
    port r3 e3 198.51.100.1/31
    cable r1:e1 r2:e1
    cable r2:e2 r3:e1
    route r1 0.0.0.0/0 via 10.0.12.2 dev e1
    route r2 10.0.12.0/30 dev e1
    route r2 10.0.23.0/29 dev e2
    route r2 192.0.2.0/24 via 10.0.23.2 dev e2
    route r2 198.51.100.0/24 via 10.0.23.2 dev e2
    route r2 203.0.113.0/24 via 10.0.23.6 dev e2
    route r2 203.0.114.0/24 via 10.0.12.9 dev e2
    route r2 203.0.115.0/24 via 198.51.100.1 dev e2
    route r2 10.9.0.0/16 blackhole
    route r2 10.9.9.0/24 unreachable
    route r2 10.8.0.0/16 via 10.0.12.1 dev e1
    route r3 192.0.2.0/24 dev e2
    route r3 198.51.100.0/31 dev e3
    route r3 198.51.100.128/25 via 198.51.100.0 dev e3
    route r3 10.0.0.0/16 via 10.0.23.1 dev e1
";

#[test]
fn every_disposition() {
    let asked = "10.0.23.2 10.0.12.1 192.0.2.9 198.51.100.200 198.51.100.0 8.8.8.8 10.9.1.1 10.9.9.1 10.8.0.1 \
                 10.0.12.3 198.51.100.9";
    let questions: Vec<_> = asked.split(' ').map(|to| ("r1", to)).collect();
    check(
        &net(LINE),
        &questions,
        expect![[r#"
        r1 -> 10.0.23.2
        1.00 r1 > r2 > r3 ACCEPTED
        r1 -> 10.0.12.1
        1.00 r1 ACCEPTED
        r1 -> 192.0.2.9
        1.00 r1 > r2 > r3 DELIVERED_TO_SUBNET 192.0.2.9 lies in 192.0.2.0/24 at r3:e2
        r1 -> 198.51.100.200
        1.00 r1 > r2 > r3 EXITS_NETWORK nothing is known behind r3:e3
        r1 -> 198.51.100.0
        1.00 r1 > r2 > r3 DELIVERED_TO_SUBNET 198.51.100.0 lies in 198.51.100.0/31 at r3:e3
        r1 -> 8.8.8.8
        1.00 r1 > r2 NO_ROUTE no route to 8.8.8.8
        r1 -> 10.9.1.1
        1.00 r1 > r2 NULL_ROUTED a black hole
        r1 -> 10.9.9.1
        1.00 r1 > r2 NULL_ROUTED an unreachable route: dropped with ICMP
        r1 -> 10.8.0.1
        1.00 r1 > r2 > r1 LOOP r1 was passed before
        r1 -> 10.0.12.3
        1.00 r1 > r2 NEIGHBOR_UNREACHABLE nobody in 10.0.12.0/30 has 10.0.12.3
        r1 -> 198.51.100.9
        1.00 r1 > r2 > r3 NO_ROUTE no route to 198.51.100.9
    "#]],
    );
}

#[test]
fn a_gateway_that_is_not_behind_the_port_is_a_neighbour_that_cannot_be_reached() {
    let questions = [("r1", "203.0.113.1"), ("r1", "203.0.114.1"), ("r1", "203.0.115.1")];
    check(
        &net(LINE),
        &questions,
        expect![[r#"
        r1 -> 203.0.113.1
        1.00 r1 > r2 NEIGHBOR_UNREACHABLE nobody behind r2:e2 has 10.0.23.6
        r1 -> 203.0.114.1
        1.00 r1 > r2 NEIGHBOR_UNREACHABLE nobody behind r2:e2 has 10.0.12.9
        r1 -> 203.0.115.1
        1.00 r1 > r2 > r3 NO_ROUTE no route to 203.0.115.1
    "#]],
    );
}

#[test]
fn a_cable_that_is_down_ends_the_way_though_the_route_still_stands() {
    let down = LINE.replace("cable r2:e2 r3:e1", "cable r2:e2 r3:e1 down");
    check(
        &net(&down),
        &[("r1", "192.0.2.1"), ("r1", "10.0.12.2")],
        expect![[r#"
        r1 -> 192.0.2.1
        1.00 r1 > r2 NEIGHBOR_UNREACHABLE the cable at r2:e2 is down
        r1 -> 10.0.12.2
        1.00 r1 > r2 ACCEPTED
    "#]],
    );
}

#[test]
fn equal_next_hops_are_ways_of_their_own_in_their_order_and_a_broken_one_is_one_of_them() {
    let text = "
        router a
        router b
        router c
        router d
        port a e1 10.0.1.1/31
        port a e2 10.0.2.1/31
        port a e3 10.0.3.1/31
        port b e1 10.0.1.0/31
        port b e2 10.0.4.0/31
        port c e1 10.0.2.0/31
        port c e2 10.0.5.0/31
        port d e1 10.0.4.1/31
        port d e2 10.0.5.1/31
        port d lo 10.255.0.4/32
        cable a:e1 b:e1
        cable a:e2 c:e1
        cable b:e2 d:e1
        cable c:e2 d:e2
        route a 10.255.0.4/32 via 10.0.1.0 dev e1 via 10.0.3.0 dev e3 via 10.0.2.0 dev e2
        route b 10.255.0.4/32 via 10.0.4.1 dev e2
        route c 10.255.0.0/16 via 10.0.5.1 dev e2
    ";
    check(
        &net(text),
        &[("a", "10.255.0.4")],
        expect![[r#"
        a -> 10.255.0.4
        0.33 a > b > d ACCEPTED
        0.33 a EXITS_NETWORK nothing is known behind a:e3
        0.33 a > c > d ACCEPTED
    "#]],
    );
}

#[test]
fn on_a_shared_medium_and_through_switches_the_gateway_gets_it() {
    let segment = "
        router a
        router b
        router c
        host h
        port a e1 10.0.0.1/24
        port b e1 10.0.0.2/24
        port c e1 10.0.0.3/24
        port h e1
        port c lo 10.1.0.3/32 2001:db8::3/128
        port c e1b fe80::3/64
        segment a:e1 b:e1 c:e1 h:e1
        route a 10.1.0.0/16 via 10.0.0.3 dev e1
        route a 10.2.0.0/16 via 10.0.0.99 dev e1
        route a 10.0.0.0/24 dev e1
    ";
    check(
        &net(segment),
        &[("a", "10.1.0.3"), ("a", "10.0.0.2"), ("a", "10.0.0.9"), ("a", "10.2.0.1")],
        expect![[r#"
            a -> 10.1.0.3
            1.00 a > c ACCEPTED
            a -> 10.0.0.2
            1.00 a > b ACCEPTED
            a -> 10.0.0.9
            1.00 a DELIVERED_TO_SUBNET 10.0.0.9 lies in 10.0.0.0/24 at a:e1
            a -> 10.2.0.1
            1.00 a > h INSUFFICIENT_INFO h has no forwarding table, and no known node has the destination
        "#]],
    );
    let switched = "
        router a
        switch s1
        switch s2
        router b
        port a e1 10.0.0.1/24
        port s1 p1
        port s1 p2
        port s2 p1
        port s2 p2
        port b e1 10.0.0.2/24
        cable a:e1 s1:p1
        cable s1:p2 s2:p1
        cable s2:p2 b:e1
        route a 10.0.0.0/24 dev e1
        route a 0.0.0.0/0 via 10.0.0.2 dev e1
        route b 192.0.2.0/24 local
    ";
    check(
        &net(switched),
        &[("a", "10.0.0.2"), ("a", "192.0.2.7"), ("a", "10.0.0.77")],
        expect![[r#"
        a -> 10.0.0.2
        1.00 a (s1) (s2) > b ACCEPTED
        a -> 192.0.2.7
        1.00 a (s1) (s2) > b ACCEPTED
        a -> 10.0.0.77
        1.00 a DELIVERED_TO_SUBNET 10.0.0.77 lies in 10.0.0.0/24 at a:e1
    "#]],
    );
}

#[test]
fn ipv6_by_link_local_gateways_which_every_link_may_have() {
    let text = "
        router a
        router b
        router c
        port a e1 fe80::1/64
        port a e2 fe80::1/64
        port b e1 fe80::2/64
        port c e1 fe80::2/64
        port c lo 2001:db8::c/128
        cable a:e1 b:e1
        cable a:e2 c:e1
        route a 2001:db8::c/128 via fe80::2 dev e2
        route a 2001:db8::/32 via fe80::9 dev e1
        route a ::/0 unreachable
    ";
    check(
        &net(text),
        &[("a", "2001:db8::c"), ("a", "2001:db8::1"), ("a", "2001:db9::1")],
        expect![[r#"
            a -> 2001:db8::c
            1.00 a > c ACCEPTED
            a -> 2001:db8::1
            1.00 a NEIGHBOR_UNREACHABLE nobody behind a:e1 has fe80::9
            a -> 2001:db9::1
            1.00 a NULL_ROUTED an unreachable route: dropped with ICMP
        "#]],
    );
}

#[test]
fn the_boundary_and_what_is_not_known() {
    let text = "
        router a
        external isp
        port a e1 192.0.2.1/31
        port a e2 192.0.2.3/31
        port isp xe-0
        cable a:e1 isp:xe-0
        route a 0.0.0.0/0 via 192.0.2.0 dev e1
        route a 10.0.0.0/8 via 192.0.2.2 dev e2
    ";
    check(
        &net(text),
        &[("a", "8.8.8.8"), ("a", "10.0.0.1"), ("a", "192.0.2.0")],
        expect![[r#"
        a -> 8.8.8.8
        1.00 a > isp EXITS_NETWORK isp is beyond what the twin holds
        a -> 10.0.0.1
        1.00 a EXITS_NETWORK nothing is known behind a:e2
        a -> 192.0.2.0
        1.00 a > isp EXITS_NETWORK isp is beyond what the twin holds
    "#]],
    );
    let no_tables = "
        router a
        router b
        port a e1 192.0.2.1/31
        port b e1 192.0.2.0/31
        cable a:e1 b:e1
    ";
    check(
        &net(no_tables),
        &[("a", "192.0.2.0"), ("a", "8.8.8.8")],
        expect![[r#"
        a -> 192.0.2.0
        1.00 a INSUFFICIENT_INFO a has no forwarding table, and the twin no IGP
        a -> 8.8.8.8
        1.00 a INSUFFICIENT_INFO a has no forwarding table, and no known node has the destination
    "#]],
    );
}

#[test]
fn without_tables_the_igp_leads_and_says_so() {
    let twin = testkit::topology("a -1G@5- b -1G@5- d ; a -1G@5- c -1G@5- d ; e -1G- f");
    let tracer = Tracer::new(&twin, Layer::Igp, 0);
    let ask = |from: &str, to: &str| {
        let target = Target { address: None, node: Some(EntityKey::node(to)) };
        tracer.trace(&Question { start: Start::At(EntityKey::node(from)), target, flow: None })
    };
    let answer = ask("a", "d");
    assert!(answer.by_igp);
    let lookups: Vec<_> = answer.ways[0].hops.iter().map(|h| h.lookup.clone().unwrap()).collect();
    assert_eq!(lookups, [Lookup::Igp(10), Lookup::Igp(5), Lookup::NoTable]);
    assert_eq!(
        answer.ways.iter().map(|w| (w.disposition, w.share)).collect::<Vec<_>>(),
        [(Disposition::Accepted, 0.5), (Disposition::Accepted, 0.5)]
    );
    assert_eq!(ask("a", "e").ways[0].disposition, Disposition::NoRoute);
}

#[test]
fn more_ways_than_are_listed_are_summed_up() {
    let text: String = (0..11).map(|i| format!("n{i} -1G- n{0} ; n{i} -1G- n{0} ; ", i + 1)).collect();
    let twin = testkit::topology(text.trim_end_matches("; "));
    let target = Target { address: None, node: Some(EntityKey::node("n11")) };
    let question = Question { start: Start::At(EntityKey::node("n0")), target, flow: None };
    let answer = Tracer::new(&twin, Layer::Igp, 0).trace(&question);
    assert_eq!(answer.ways.len(), Tracer::WAYS_MAX);
    assert!((answer.left_out - 1048.0 / 2048.0).abs() < 1e-12, "{}", answer.left_out);
}
