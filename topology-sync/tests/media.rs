//! What shares a medium, and what is said when sources disagree: small networks, written as what each node says.

use std::sync::Arc;

use std::net::IpAddr;

use expect_test::{Expect, expect};
use twin::{MacAddr, WallTime};
use umbra_topology_sync::fuse::Fusion;
use umbra_topology_sync::observation::{
    Chassis, Fact, FdbEntry, Id, IgpNeighbor, IgpProtocol, IpNeighbor, Link, LinkKind, LldpNeighbor,
    NodeInfo, Observation, Observer, Source,
};
use umbra_topology_sync::store::Store;

/// Every word is `NODE VERB …` with ports as `node:n`; the port's hardware address is `02:00:00:00:NODE:n`.
fn fact(words: &[&str]) -> Fact {
    let split = |end: &str| end.split_once(':').map(|(n, p)| (n.to_owned(), p.to_owned())).unwrap();
    match words {
        ["port", name] | ["port", name, _] => Fact::Link(Arc::new(Link {
            name: (*name).into(),
            mac: None,
            carrier: Some(true),
            kind: Some(LinkKind::Physical),
            master: words.get(2).map(|m| (*m).to_owned()),
            ..Link::default()
        })),
        ["router", id] => Fact::Node(NodeInfo { router_id: Some((*id).into()), ..NodeInfo::default() }),
        ["hears", end, "on", on] => Fact::Neighbor(Arc::new(LldpNeighbor {
            on: (*on).into(),
            chassis: Chassis {
                id: Id { kind: "local".into(), value: split(end).0 },
                name: Some(split(end).0),
                description: None,
                management: Vec::new(),
                router: false,
                bridge: false,
            },
            port: Id { kind: "ifname".into(), value: split(end).1 },
            description: None,
            aggregate: None,
            mac: None,
            max_frame: None,
        })),
        ["ospf", id, state, end, "on", on] => Fact::IgpNeighbor(IgpNeighbor {
            protocol: IgpProtocol::Ospf2,
            on: (*on).into(),
            id: (*id).into(),
            address: None,
            mac: Some(mac(end)),
            state: (*state).into(),
            role: None,
        }),
        ["arp", end, "on", on] => {
            let ip = IpAddr::from([10, 0, 0, mac(end).0[4]]);
            Fact::IpNeighbor(IpNeighbor { port: (*on).into(), ip, mac: Some(mac(end)) })
        }
        ["learnt", end, "on", on] => {
            Fact::Fdb(FdbEntry { port: (*on).into(), mac: mac(end), vlan: None, own: false })
        }
        other => panic!("{other:?}"),
    }
}

fn mac(end: &str) -> MacAddr {
    let (node, port) = end.split_once(':').unwrap();
    MacAddr([2, 0, 0, 0, node.as_bytes()[0], port.as_bytes()[port.len() - 1]])
}

/// Fuses the lines and compares cables, segments and findings.
fn check(lines: &str, expected: Expect) {
    let mut store = Store::default();
    for line in lines.split(';').map(str::trim) {
        let words: Vec<_> = line.split_whitespace().collect();
        let (node, said) = words.split_first().unwrap();
        let mut fact = fact(said);
        if let Fact::Link(link) = &mut fact {
            let mac = mac(&format!("{node}:{}", link.name));
            Arc::make_mut(link).mac = Some(mac);
        }
        store.take(Observation::is(&Observer::node(node), Source::Show, WallTime::default(), fact));
    }
    let mut fusion = Fusion::default();
    fusion.update(&mut store, WallTime::default());
    let tables = fusion.tables();
    let cable = |c: &umbra_topology_sync::fuse::tables::CableRow| {
        format!("cable {}:{} {}:{} {} {}\n", c.a_node, c.a_port, c.b_node, c.b_port, c.igp, c.confidence)
    };
    let mut text: String = tables.cables.iter().map(cable).collect();
    text.extend(tables.segments.iter().map(|s| format!("on {}: {}:{}\n", s.segment, s.node, s.port)));
    text.extend(fusion.findings().iter().map(|f| format!("{} {}:{} {}\n", f.code, f.node, f.port, f.why)));
    expected.assert_eq(&text);
}

#[test]
fn one_direction_is_enough_and_less_sure() {
    check(
        "a port 1; b port 1; a hears b:1 on 1",
        expect![[r#"
        cable a:1 b:1 none 0.6
    "#]],
    );
    check(
        "a port 1; b port 1; a hears b:1 on 1; b hears a:1 on 1",
        expect![[r#"
        cable a:1 b:1 none 1
    "#]],
    );
}

#[test]
fn where_lldp_and_the_igp_disagree_both_are_listed() {
    check(
        "a port 1; b port 1; c port 1; a router 1.1.1.1; b router 2.2.2.2; c router 3.3.3.3;
         a hears b:1 on 1; b hears a:1 on 1; a ospf 3.3.3.3 Full c:1 on 1; c ospf 1.1.1.1 Full a:1 on 1",
        expect![[r#"
            cable a:1 b:1 none 0.5
            conflict a:1 LLDP says b:1, the IGP says c:1
            no-known-peer c:1 carrier is up, no known peer
            unknown-cost a:1 no advertisement and no interface says its ospf cost, taken as 1
            unknown-cost c:1 no advertisement and no interface says its ospf cost, taken as 1
        "#]],
    );
}

#[test]
fn three_who_resolve_each_other_are_a_segment_and_two_a_cable() {
    check(
        "a port 1; b port 1; a arp b:1 on 1; b arp a:1 on 1",
        expect![[r#"
        cable a:1 b:1 none 1
    "#]],
    );
    check(
        "a port 1; b port 1; c port 1; a arp b:1 on 1; a arp c:1 on 1",
        expect![[r#"
        on a:1, b:1, c:1: a:1
        on a:1, b:1, c:1: b:1
        on a:1, b:1, c:1: c:1
    "#]],
    );
}

#[test]
fn a_bridge_is_cabled_to_whom_it_alone_learnt_on_a_port() {
    check(
        "x port 1 br0; x port 2 br0; x port 3 br0; a port 1; b port 1; c port 1; d port 1;
         x learnt a:1 on 1; x learnt b:1 on 2; x learnt c:1 on 3; x learnt d:1 on 3;
         a hears b:1 on 1; b hears a:1 on 1",
        expect![[r#"
            cable a:1 x:1 none 0.6
            cable b:1 x:2 none 0.6
            no-known-peer c:1 carrier is up, no known peer
            no-known-peer d:1 carrier is up, no known peer
            no-known-peer x:3 carrier is up; the bridge learnt 2 stations there, no known peer
        "#]],
    );
}

#[test]
fn an_adjacency_that_one_end_alone_has_is_one_way() {
    check(
        "a port 1; b port 1; a router 1.1.1.1; b router 2.2.2.2; a ospf 2.2.2.2 Full b:1 on 1",
        expect![[r#"
            cable a:1 b:1 one_way 1
            igp-one-way a:1 it has an adjacency of which b does not know
            unknown-cost a:1 no advertisement and no interface says its ospf cost, taken as 1
        "#]],
    );
    check(
        "a port 1; b port 1; a router 1.1.1.1; b router 2.2.2.2;
         a ospf 2.2.2.2 ExStart b:1 on 1; b ospf 1.1.1.1 Exchange a:1 on 1",
        expect![[r#"
            cable a:1 b:1 stuck 1
            igp-not-full a:1 ospf neighbour 2.2.2.2 (b:1) is between 2-Way and Full
            igp-not-full b:1 ospf neighbour 1.1.1.1 (a:1) is between 2-Way and Full
        "#]],
    );
}

#[test]
fn who_is_not_known_is_a_stranger_with_a_reason() {
    check(
        "a port 1; a port 2; a hears z:1 on 1; a arp y:1 on 2",
        expect![[r#"
        cable a:1 z:1 none 0.6
        unmatched-neighbour a:2 arp neighbour 02:00:00:00:79:31: 10.0.0.121 is at 02:00:00:00:79:31
    "#]],
    );
}
