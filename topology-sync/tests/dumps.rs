//! What tools and daemons printed, read: the facts of each recording as one line each.

use std::path::Path;

use expect_test::expect;
use twin::WallTime;
use umbra_topology_sync::dump;
use umbra_topology_sync::observation::{
    Fact, IgpLink, Link, LinkEnd, LinkState, Observation, Observer, RouteHop, RouteKind, Said, Topic,
};
use umbra_topology_sync::store::Store;

fn text(name: &str) -> String {
    std::fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata")).join(name))
        .unwrap()
}

fn read(name: &str) -> Vec<Observation> {
    let mut diagnostics = Vec::new();
    let said =
        dump::read(&Observer::node("n"), WallTime::default(), name, text(name).as_bytes(), &mut diagnostics);
    assert_eq!(diagnostics, [], "{name}");
    said.unwrap_or_else(|| panic!("{name} is of no known form"))
}

/// One line per observation, in their order.
fn lines(said: &[Observation]) -> String {
    let line = |o: &Observation| match &o.said {
        Said::Is(fact, lifetime) => {
            let lives = lifetime.map(|l| format!(" for {} s", l.as_secs())).unwrap_or_default();
            format!("{}{lives}\n", fact_line(fact))
        }
        Said::Not(key) => format!("not {:?} {}\n", key.topic, key.subject),
        Said::Read(topic) => format!("read {topic:?}\n"),
        Said::Lost => "lost\n".to_owned(),
    };
    said.iter().map(line).collect()
}

fn fact_line(fact: &Fact) -> String {
    match fact {
        Fact::LinkState(l) => link_state(l),
        Fact::IgpNeighbor(n) => {
            let address = n.address.map(|a| format!(" {a}")).unwrap_or_default();
            let mac = n.mac.map(|m| format!(" {m}")).unwrap_or_default();
            let role = n.role.as_ref().map(|r| format!(" {r}")).unwrap_or_default();
            format!("{} neighbor {} on {} {}{role}{address}{mac}", n.protocol.word(), n.id, n.on, n.state)
        }
        Fact::IgpInterface(i) => {
            format!("{} port {} cost {:?} area {:?}", i.protocol.word(), i.port, i.cost, i.area)
        }
        Fact::Neighbor(n) => {
            let c = &n.chassis;
            let (name, more) = (c.name.as_deref().unwrap_or("-"), n.description.as_deref().unwrap_or("-"));
            format!("{} hears [{}] [{}] {name} {more} {:?}", n.on, c.id, n.port, c.management)
        }
        Fact::Node(n) => format!(
            "node {:?} router-id {:?} system-id {:?} as {:?}{}",
            n.hostname,
            n.router_id,
            n.system_id,
            n.asn,
            if n.routing { " routes" } else { "" },
        ),
        Fact::BgpPeer(p) => format!("bgp {} {} as {} {}", p.vrf, p.address, p.asn, p.state),
        Fact::Link(l) => link(l),
        Fact::Address(a) => format!("address {} on {} /{:?}", a.ip, a.port, a.len),
        Fact::IpNeighbor(n) => format!("{} on {} is at {:?}", n.ip, n.port, n.mac),
        Fact::Route(r) => {
            let hop = |h: &RouteHop| {
                let gateway = h.gateway.map(|g| format!("{g} ")).unwrap_or_default();
                format!("{gateway}{}", h.port.as_deref().unwrap_or_default())
            };
            let kind = match &r.kind {
                RouteKind::Forward(hops) => hops.iter().map(hop).collect::<Vec<_>>().join(", "),
                other => format!("{other:?}").to_lowercase(),
            };
            format!("route {} {} metric {}: {kind}", r.table, r.prefix, r.metric)
        }
        other => format!("{other:?}"),
    }
}

/// What is told of an interface.
fn link(l: &Link) -> String {
    let mut told = vec![format!("port {}", l.name)];
    told.extend(l.ifindex.map(|i| format!("#{i}")));
    told.extend(l.mac.map(|m| m.to_string()));
    told.extend(l.permanent_mac.map(|m| format!("permanent {m}")));
    told.extend(l.mtu.map(|m| format!("mtu {m}")));
    told.extend(l.speed.map(|s| format!("{} bit/s", s.get())));
    told.extend(l.kind.as_ref().map(|k| format!("{k:?}").to_lowercase()));
    told.extend(l.alias.as_ref().map(|a| format!("'{a}'")));
    told.extend(l.master.as_ref().map(|m| format!("of {m}")));
    told.extend(l.lower.as_ref().map(|m| format!("over {m}")));
    told.extend(l.peer_index.map(|i| format!("to #{i} elsewhere")));
    told.extend(l.vlan.map(|v| format!("vlan {v}")));
    told.extend(l.admin_up.map(|up| if up { "up" } else { "down" }.to_owned()));
    told.extend(l.carrier.map(|up| if up { "carrier" } else { "no carrier" }.to_owned()));
    told.join(" ")
}

fn link_state(l: &LinkState) -> String {
    let end = |e: Option<LinkEnd>| match e {
        Some(LinkEnd::Address(a)) => format!(" at {a}"),
        Some(LinkEnd::Index(i)) => format!(" at #{i}"),
        None => String::new(),
    };
    let link = |k: &IgpLink| format!("{:?} {} {}{}", k.kind, k.to, k.metric, end(k.near));
    let links: Vec<_> = l.links.iter().map(link).collect();
    let prefixes: Vec<_> = l.prefixes.iter().map(|(net, metric)| format!("{net} {metric}")).collect();
    let id = &l.id;
    format!(
        "{} {} {:?} {} {} #{:x}{}{}: {}; {}",
        id.protocol.word(),
        id.area,
        id.kind,
        id.router,
        id.number,
        l.sequence,
        l.name.as_ref().map(|n| format!(" ({n})")).unwrap_or_default(),
        if l.overload { " overload" } else { "" },
        links.join(", "),
        prefixes.join(", "),
    )
}

#[test]
fn frr_isis_database() {
    expect![[r#"
        isis 2 Router c1 00-00 #3 (c1): PointToPoint 0000.0000.0002 10, PointToPoint 0000.0000.0003 10; 10.21.0.0/31 10, 10.21.2.0/31 10, 10.20.0.1/32 10 for 1132 s
        isis 2 Router c2 00-00 #3 (c2): PointToPoint 0000.0000.0001 10, PointToPoint 0000.0000.0003 20; 10.21.0.0/31 10, 10.21.1.0/31 20, 10.20.0.2/32 10 for 1154 s
        node Some("c3") router-id None system-id None as None routes
        isis 2 Router c3 00-00 #3 (c3): PointToPoint 0000.0000.0002 25, PointToPoint 0000.0000.0001 10, Transit 0000.0000.0003.04 5; 10.21.1.0/31 25, 10.21.2.0/31 10, 10.21.3.0/31 5, 10.20.0.3/32 10 for 1130 s
        isis 2 Network c3 04-00 #1: PointToPoint 0000.0000.0003 0, PointToPoint 0000.0000.0004 0;  for 1092 s
        isis 2 Router c4 00-00 #3 (c4): Transit 0000.0000.0003.04 5; 10.21.3.0/31 5, 10.20.0.4/32 10 for 1144 s
        read LinkStates of isis
    "#]].assert_eq(&lines(&read("lab-c/full/c3/frr-isis-database.txt")));
}

#[test]
fn frr_isis_database_json_of_8_4_holds_one() {
    expect![[r#"
        isis 2 Router c4 00-00 #3 (c4): Transit 0000.0000.0003.04 5; 10.20.0.4/32 10 for 1144 s
    "#]]
    .assert_eq(&lines(&read("lab-c/full/c3/frr-isis-database.json")));
}

#[test]
fn frr_isis_neighbors() {
    expect![[r#"
        isis neighbor c2 on eth1 Up 10.21.1.0
        isis neighbor c1 on eth2 Up 10.21.2.1
        isis neighbor c4 on eth3 Up 10.21.3.1 7a:91:04:9f:e4:a7
        read IgpNeighbors of isis
    "#]]
    .assert_eq(&lines(&read("lab-c/full/c3/frr-isis-neighbor.json")));
}

#[test]
fn frr_configurations() {
    expect![[r#"
        isis port eth2 cost Some(20) area None
        node None router-id None system-id Some("0000.0000.0002") as None routes
    "#]]
    .assert_eq(&lines(&read("lab-c/full/c2/frr-running-config.txt")));
    expect![[r#"
        ospf port eth1 cost Some(10) area None
        ospf port eth2 cost Some(20) area None
        ospf port eth3 cost Some(50) area None
        node None router-id Some("10.0.0.1") system-id None as Some(65000) routes
    "#]]
    .assert_eq(&lines(&read("lab-a/full/r1/frr-running-config.txt")));
}

#[test]
fn frr_router_advertisements_as_text() {
    let said = lines(&read("lab-a/full/r1/frr-ospf-database-router.txt"));
    expect![[r#"
        node None router-id Some("10.0.0.1") system-id None as None routes
        ospf 0.0.0.0 Router 10.0.0.1 10.0.0.1 #7: PointToPoint 10.0.0.2 10 at 10.1.0.0, PointToPoint 10.0.0.4 20 at 10.1.3.1, PointToPoint 10.0.0.3 50 at 10.1.4.0; 10.1.0.0/31 10, 10.1.3.0/31 20, 10.1.4.0/31 50, 10.0.0.1/32 0 for 3498 s
        ospf 0.0.0.0 Router 10.0.0.2 10.0.0.2 #5: PointToPoint 10.0.0.1 10 at 10.1.0.1, PointToPoint 10.0.0.3 10 at 10.1.1.0; 10.1.0.0/31 10, 10.1.1.0/31 10, 10.0.0.2/32 0 for 3492 s
        ospf 0.0.0.0 Router 10.0.0.3 10.0.0.3 #7: PointToPoint 10.0.0.2 10 at 10.1.1.1, PointToPoint 10.0.0.4 10 at 10.1.2.0, PointToPoint 10.0.0.1 50 at 10.1.4.1; 10.1.1.0/31 10, 10.1.2.0/31 10, 10.1.4.0/31 50, 10.0.0.3/32 0 for 3496 s
        ospf 0.0.0.0 Router 10.0.0.4 10.0.0.4 #7: PointToPoint 10.0.0.3 10 at 10.1.2.1, PointToPoint 10.0.0.1 20 at 10.1.3.0; 10.1.2.0/31 10, 10.1.3.0/31 20, 10.3.0.0/24 10, 10.0.0.4/32 0 for 3532 s
    "#]].assert_eq(&said);
}

#[test]
fn frr_bgp_summary() {
    expect![[r#"
        node None router-id Some("10.0.0.1") system-id None as Some(65000) routes
        bgp default 10.0.0.2 as 65000 Established
        bgp default 10.0.0.3 as 65000 Established
        bgp default 10.0.0.4 as 65000 Established
        read BgpPeers
    "#]]
    .assert_eq(&lines(&read("lab-a/full/r1/frr-bgp-summary.json")));
}

#[test]
fn junos() {
    let all = ["junos-lldp", "junos-isis-database", "junos-isis-adjacency"];
    let all: Vec<_> = all.iter().map(|n| lines(&read(&format!("vendor/{n}.txt")))).collect();
    expect![[r#"
        ge-0/0/0 hears [mac 2c:6b:f5:aa:01:00] [ifname ge-0/0/1] p1.example - []
        ge-0/0/1 hears [mac 2c:6b:f5:aa:02:00] [local 513] p2.example - []
        xe-0/1/0 hears [mac 2c:6b:f5:aa:03:00] [ifalias to core <cr1> [x]] cr1 - []
        et-0/0/9 hears [mac 00:1c:73:00:00:07] [ifname Ethernet7] - - []
        read Neighbors

        isis 2 Router p1 00-00 #1a (p1) overload: Transit p1.02 10, PointToPoint p3 100; 192.0.2.1/32 0, 198.51.100.0/31 100, 2001:db8:0:1::/64 10 for 871 s
        isis 2 Network p1 02-00 #4 (p1): PointToPoint p1 0, PointToPoint p2 0;  for 902 s
        read LinkStates of isis

        isis neighbor p2 on ge-0/0/0.0 Up 2c:6b:f5:aa:02:01
        isis neighbor p3 on xe-0/1/0.0 Up
        isis neighbor p4 on xe-0/1/1.0 Initializing
        read IgpNeighbors of isis
    "#]].assert_eq(&all.join("\n"));
}

#[test]
fn ios_xr() {
    let all = ["xr-lldp", "xr-lldp-detail", "xr-isis-database", "xr-isis-neighbors"];
    let all: Vec<_> = all.iter().map(|n| lines(&read(&format!("vendor/{n}.txt")))).collect();
    expect![[r#"
        GigabitEthernet0/0/0/0 hears [local pe2.example] [ifname GigabitEthernet0/0/0/3] pe2.example - []
        TenGigE0/1/0/0 hears [local a-router-with-a-long-name.example] [ifname Ethernet49/1] a-router-with-a-long-name.example - []
        MgmtEth0/RP0/CPU0/0 hears [local host7] [mac 52:54:00:12:34:56] host7 - []
        read Neighbors

        HundredGigE0/0/0/1 hears [mac 00:11:22:33:44:00] [ifname HundredGigE0/0/0/7] pe2.example to pe1 [192.0.2.2, 2001:db8::2]
        HundredGigE0/0/0/2 hears [mac 00:50:56:00:00:01] [mac 00:50:56:00:0a:01] - - []
        read Neighbors

        node Some("pe1") router-id None system-id None as None routes
        isis 2 Router pe1 00-00 #1f (pe1): PointToPoint pe2 10, Transit pe1.03 20; 198.51.100.0/31 10, 192.0.2.1/32 0, 2001:db8:1::/64 10 for 1011 s
        isis 2 Network pe1 03-00 #3 (pe1): PointToPoint pe1 0, PointToPoint pe3 0;  for 1187 s
        isis 2 Router pe2 00-00 #11 (pe2) overload: PointToPoint pe1 15;  for 801 s
        read LinkStates of isis

        isis neighbor pe2 on HundredGigE0/0/0/1 Up
        isis neighbor pe3 on Bundle-Ether12.100 Up 00:11:22:33:44:03
        isis neighbor pe4 on GigabitEthernet0/0/0/9 Initializing 00:11:22:33:44:04
        read IgpNeighbors of isis
    "#]].assert_eq(&all.join("\n"));
}

#[test]
fn recorded_eos_and_junos_json() {
    let mut printed = String::new();
    for (file, key) in [("lldp", "eos"), ("lldp", "junos-qfx"), ("ospfIf", "eos"), ("ospfNbr", "eos")] {
        let file: serde_json::Value =
            serde_saphyr::from_str(&text(&format!("suzieq/parsing/{file}.yml"))).unwrap();
        let json = file["input"][key].as_str().unwrap();
        let said =
            dump::read(&Observer::node("n"), WallTime::default(), key, json.as_bytes(), &mut Vec::new())
                .unwrap();
        printed += &lines(&said);
    }
    expect![[r#"
        Ethernet1 hears [mac 52:54:00:3b:5f:14] [ifname swp1] vx swp1 [10.254.0.2, fe80::5054:ff:fe3b:5f14]
        Ethernet2 hears [mac 52:54:00:3b:5f:14] [ifname swp2] vx swp2 [10.254.0.2, fe80::5054:ff:fe3b:5f14]
        read Neighbors
        et-0/0/26 hears [mac 84:b5:9c:c4:51:40] [ifalias L2 Core: <ar01.jfk00> [40Gbps]] CSW03.JFK00 L2 Core: <ar01.jfk00> [40Gbps] []
        et-0/0/27 hears [mac 84:b5:9c:c4:51:40] [ifalias L3 Core: <ar01.jfk00> [40Gbps]] CSW03.JFK00 L3 Core: <ar01.jfk00> [40Gbps] []
        et-0/0/61 hears [mac c8:e7:f0:03:bb:f6] [ifalias Core: <ar01.jfk00>[100GbpsMPO12}]] ar02.jfk00 Core: <ar01.jfk00>[100GbpsMPO12}] []
        et-0/0/65 hears [mac c8:e7:f0:03:bb:f6] [ifalias Core: <ar01.jfk00>[100GbpsMPO12}]] ar02.jfk00 Core: <ar01.jfk00>[100GbpsMPO12}] []
        et-0/0/31 hears [mac d0:07:ca:1c:ad:00] [ifalias Core: <ar01.jfk00> [Mux-1310nm] (003.02.00.04 Ports 23+24)] cr01.jfk05 Core: <ar01.jfk00> [Mux-1310nm] (003.02.00.04 Ports 23+24) []
        et-0/0/38 hears [mac d0:07:ca:23:19:00] [ifalias L2 Core: <ar01.jfk00> [40Gbps]] CSW06.JFK00.pilotfiber.com L2 Core: <ar01.jfk00> [40Gbps] []
        et-0/0/39 hears [mac d0:07:ca:23:19:00] [ifalias L3 Core: <ar01.jfk00> [40Gbps]] CSW06.JFK00.pilotfiber.com L3 Core: <ar01.jfk00> [40Gbps] []
        et-0/0/7 hears [mac d0:07:ca:23:c3:00] [ifalias L3 Core: <csw08.jfk00> [40Gbps] ar01.jfk00] CSW08.JFK00 L3 Core: <csw08.jfk00> [40Gbps] ar01.jfk00 []
        et-0/0/6 hears [mac d0:07:ca:23:c3:00] [ifalias L2 Core: <csw08.jfk00> [40Gbps] ar01.jfk00] CSW08.JFK00 L2 Core: <csw08.jfk00> [40Gbps] ar01.jfk00 []
        et-0/0/58 hears [mac d0:07:ca:43:a0:c0] [ifalias LAG: <ar01.jfk00> (member of ae0)] csw01.jfk03 LAG: <ar01.jfk00> (member of ae0) []
        et-0/0/45 hears [mac d0:07:ca:53:4a:a0] [ifalias LAG: member of ae1 <ar01.jfk00>] csw07.jfk00.pilotfiber.net LAG: member of ae1 <ar01.jfk00> []
        et-0/0/44 hears [mac d0:07:ca:53:4a:a0] [ifalias LAG: member of ae1 <ar01.jfk00>] csw07.jfk00.pilotfiber.net LAG: member of ae1 <ar01.jfk00> []
        et-0/0/20 hears [mac dc:38:e1:5a:58:80] [ifalias L2 Core: <ar01.jfk00> [40Gbps]] CSW04.JFK00 L2 Core: <ar01.jfk00> [40Gbps] []
        et-0/0/21 hears [mac dc:38:e1:5a:58:80] [ifalias L3 Core: <ar01.jfk00> [40Gbps]] CSW04.JFK00 L3 Core: <ar01.jfk00> [40Gbps] []
        et-0/0/14 hears [mac dc:38:e1:5a:68:c0] [ifalias L2 Core: <ar01.jfk00> [40Gbps]] CSW05.JFK00 L2 Core: <ar01.jfk00> [40Gbps] []
        et-0/0/15 hears [mac dc:38:e1:5a:68:c0] [ifalias L3 Core: <ar01.jfk00> [40Gbps]] CSW05.JFK00 L3 Core: <ar01.jfk00> [40Gbps] []
        et-0/0/9 hears [mac f4:b5:2f:4a:fd:80] [ifalias L2 Core: <ar01.jfk00> [40Gbps]] CSW02.JFK00 L2 Core: <ar01.jfk00> [40Gbps] []
        et-0/0/8 hears [mac f4:b5:2f:4a:fd:80] [ifalias LAG: member of ae1 <AR01.JFK00>] CSW02.JFK00 LAG: member of ae1 <AR01.JFK00> []
        read Neighbors
        ospf port Ethernet1 cost Some(10) area Some("0.0.0.0")
        ospf port Ethernet2 cost Some(10) area Some("0.0.0.0")
        ospf port Loopback0 cost Some(10) area Some("0.0.0.0")
        ospf port Vlan10 cost Some(10) area Some("0.0.0.0")
        read IgpInterfaces of ospf
        ospf neighbor 10.254.0.2 on Ethernet1 Full Backup 10.127.0.0
        ospf neighbor 10.254.0.2 on Ethernet2 Full Backup 10.127.0.2
        read IgpNeighbors of ospf
    "#]].assert_eq(&printed);
}

#[test]
fn a_stream_of_the_kernel() {
    let mut said = read("lab-a/events/r1/ip-monitor.txt");
    said.retain(|o| !matches!(&o.said, Said::Is(f, _) if matches!(**f, Fact::Route(_))));
    said.sort_by_key(|o| o.at);
    let stamped =
        |o: &Observation| format!("{} {}", o.at.as_ns() / 1_000_000, lines(std::slice::from_ref(o)));
    expect![[r#"
        1795330438097 port eth1 #2 82:cc:93:62:d0:6d mtu 1500 veth to #2 elsewhere down no carrier
        1795330438097 not IpNeighbors eth1 10.1.0.1
        1795330438097 not IpNeighbors eth1 224.0.0.22
        1795330438097 not IpNeighbors eth1 224.0.0.5
        1795330438097 not IpNeighbors eth1 ff02::1:ff62:d06d
        1795330438097 not IpNeighbors eth1 ff02::16
        1795330438097 not Addresses eth1 fe80::80cc:93ff:fe62:d06d
        1795330448526 port eth1 #2 82:cc:93:62:d0:6d mtu 1500 veth to #2 elsewhere up no carrier
        1795330448527 port eth1 #2 82:cc:93:62:d0:6d mtu 1500 veth to #2 elsewhere up carrier
        1795330448531 10.1.0.1 on eth1 is at Some(32:ac:53:af:04:aa)
        1795330449892 address fe80::80cc:93ff:fe62:d06d on eth1 /Some(64)
        1795330454756 10.1.0.1 on eth1 is at Some(32:ac:53:af:04:aa)
        1795330454756 10.1.0.1 on eth1 is at Some(32:ac:53:af:04:aa)
        1795330465510 10.1.3.0 on eth2 is at Some(56:35:43:49:ec:31)
        1795330488808 10.1.3.0 on eth2 is at Some(56:35:43:49:ec:31)
        1795330521251 not Routes main 203.0.115.0/24 20
        1795330522852 10.1.3.0 on eth2 is at Some(56:35:43:49:ec:31)
    "#]]
    .assert_eq(&said.iter().map(stamped).collect::<String>());
}

#[test]
fn a_stream_of_lldpd() {
    let said = read("lab-a/events/r3/lldp-watch.txt");
    let stamped =
        |o: &Observation| format!("{} {}", o.at.as_ns() / 1_000_000, lines(std::slice::from_ref(o)));
    expect![[r#"
        1795330439418 eth3 hears [mac 82:cc:93:62:d0:6d] [ifname eth3] r1 to r3 [10.0.0.1, fe80::f8df:d9ff:fe93:2e3f]
        1795330481445 not Neighbors eth1 mac 32:ac:53:af:04:aa ifname eth2
        1795330489449 eth1 hears [mac 32:ac:53:af:04:aa] [ifname eth2] r2 to r3 [10.0.0.2, fe80::30ac:53ff:feaf:4aa]
    "#]].assert_eq(&said.iter().map(stamped).collect::<String>());
}

#[test]
fn frr_ospf_text() {
    let all = [
        "ospf-neighbor.txt",
        "ospf-neighbor-detail.txt",
        "ospf-interface.txt",
        "ospf-database.txt",
        "ospf-database-router.txt",
        "ospf-database-network.txt",
        "ospf-database-external.txt",
    ];
    let all: Vec<_> = all.iter().map(|n| lines(&read(&format!("frr/{n}")))).collect();
    expect![[r#"
        ospf neighbor 10.9.0.2 on eth1 Full DR 10.9.1.2
        ospf neighbor 10.9.0.2 on eth2 Full 10.9.0.2
        read IgpNeighbors of ospf

        ospf neighbor 10.9.0.2 on eth1 Full DR 10.9.1.2
        ospf neighbor 10.9.0.2 on eth2 Full 10.9.0.2
        read IgpNeighbors of ospf

        node None router-id Some("10.9.0.1") system-id None as None routes
        ospf port eth1 cost Some(10) area Some("0.0.0.0")
        ospf port eth2 cost Some(7) area Some("0.0.0.0")
        ospf port lo cost Some(0) area Some("0.0.0.0")
        read IgpInterfaces of ospf

        node None router-id Some("10.9.0.1") system-id None as None routes

        node None router-id Some("10.9.0.1") system-id None as None routes
        ospf 0.0.0.0 Router 10.9.0.1 10.9.0.1 #7 overload: Transit 10.9.1.2 65535 at 10.9.1.1, PointToPoint 10.9.0.2 65535 at #3; 10.9.0.1/32 0 for 3565 s
        ospf 0.0.0.0 Router 10.9.0.2 10.9.0.2 #6: Transit 10.9.1.2 10 at 10.9.1.2, PointToPoint 10.9.0.1 7 at #3; 10.9.0.2/32 0 for 3564 s

        node None router-id Some("10.9.0.1") system-id None as None routes
        ospf 0.0.0.0 Network 10.9.0.2 10.9.1.2 #1: PointToPoint 10.9.0.1 0, PointToPoint 10.9.0.2 0; 10.9.1.0/24 0 for 3564 s

        node None router-id Some("10.9.0.1") system-id None as None routes
        ospf  Other 10.9.0.1 198.51.100.0 #1: ; 198.51.100.0/24 20 for 3560 s
        ospf  Other 10.9.0.2 198.51.100.0 #1: ; 198.51.100.0/24 20 for 3560 s
    "#]].assert_eq(&all.join("\n"));
}

#[test]
fn frr_ospf3() {
    let all: Vec<_> = ["ospf6-neighbor.json", "ospf6-database.json"]
        .iter()
        .map(|n| lines(&read(&format!("frr/{n}"))))
        .collect();
    expect![[r#"
        ospf3 neighbor 10.9.0.2 on eth1 Full DR
        ospf3 neighbor 10.9.0.2 on eth2 Full
        read IgpNeighbors of ospf3

        ospf3 0.0.0.0 Router 10.9.0.1 0.0.0.0 #3: Transit 10.9.0.2#2 10 at #2, PointToPoint 10.9.0.2 10 at #3;  for 3565 s
        ospf3 0.0.0.0 Router 10.9.0.2 0.0.0.0 #3: Transit 10.9.0.2#2 10 at #2, PointToPoint 10.9.0.1 10 at #3;  for 3564 s
        ospf3 0.0.0.0 Network 10.9.0.2 0.0.0.2 #1: PointToPoint 10.9.0.2 0, PointToPoint 10.9.0.1 0;  for 3564 s
        not LinkStates ospf3 0.0.0.0 prefixes 10.9.0.1 0.0.0.0
        not LinkStates ospf3 0.0.0.0 prefixes 10.9.0.2 0.0.0.0
        ospf3 0.0.0.0 Prefixes 10.9.0.2 0.0.0.2 #1: ; 2001:db8:1::/64 0 for 3564 s
        ospf3 0.0.0.0 Link 10.9.0.1 0.0.0.2 #1: ; 2001:db8:1::/64 0 for 3561 s
        ospf3 0.0.0.0 Link 10.9.0.2 0.0.0.2 #1: ; 2001:db8:1::/64 0 for 3560 s
        ospf3 0.0.0.0 Link 10.9.0.1 0.0.0.3 #1: ;  for 3560 s
        ospf3 0.0.0.0 Link 10.9.0.2 0.0.0.3 #1: ;  for 3560 s
        read LinkStates of ospf3
    "#]].assert_eq(&all.join("\n"));
}

#[test]
fn frr_isis_of_two_levels() {
    let all = [
        "isis-neighbor.txt",
        "isis-neighbor-detail.txt",
        "isis-neighbor.json",
        "isis-hostname.txt",
        "isis-database.txt",
        "isis-database-detail.txt",
    ];
    let all: Vec<_> = all.iter().map(|n| lines(&read(&format!("frr/{n}")))).collect();
    expect![[r#"
        isis neighbor rb on eth1 Up fe:84:0e:35:a9:a9
        isis neighbor rb on eth1 Up fe:84:0e:35:a9:a9
        isis neighbor rb on eth2 Up
        read IgpNeighbors of isis

        isis neighbor rb on eth1 Up 10.9.1.2 fe:84:0e:35:a9:a9
        isis neighbor rb on eth1 Up 10.9.1.2 fe:84:0e:35:a9:a9
        isis neighbor rb on eth2 Up 10.9.0.2
        read IgpNeighbors of isis

        isis neighbor rb on eth1 Up fe:84:0e:35:a9:a9
        isis neighbor rb on eth2 Up
        read IgpNeighbors of isis

        node Some("ra") router-id None system-id Some("0000.0000.0001") as None routes


        node Some("ra") router-id None system-id None as None routes
        isis 1 Router ra 00-00 #2 (ra): Transit 0000.0000.0002.02 10, PointToPoint 0000.0000.0002 33; 10.9.1.0/24 10, 10.9.0.1/32 33, 2001:db8:1::/64 10 for 1162 s
        isis 1 Router rb 00-00 #2 (rb): Transit 0000.0000.0002.02 10, PointToPoint 0000.0000.0001 33; 10.9.1.0/24 10, 10.9.0.2/32 33, 2001:db8:1::/64 10 for 1148 s
        isis 1 Network rb 02-00 #1: PointToPoint 0000.0000.0002 0, PointToPoint 0000.0000.0001 0;  for 1106 s
        node Some("ra") router-id None system-id None as None routes
        isis 2 Router ra 00-00 #2 (ra): Transit 0000.0000.0002.02 10, PointToPoint 0000.0000.0002 33; 10.9.1.0/24 10, 10.9.0.1/32 33, 2001:db8:1::/64 10 for 1167 s
        isis 2 Router rb 00-00 #2 (rb): Transit 0000.0000.0002.02 10, PointToPoint 0000.0000.0001 33; 10.9.1.0/24 10, 10.9.0.2/32 33, 2001:db8:1::/64 10 for 1131 s
        isis 2 Network rb 02-00 #1: PointToPoint 0000.0000.0002 0, PointToPoint 0000.0000.0001 0;  for 1126 s
        read LinkStates of isis
    "#]].assert_eq(&all.join("\n"));
}

#[test]
fn interfaces_by_two_tools() {
    let all: Vec<_> = ["interface.txt", "ip-address.txt", "ip-neigh.txt", "ip-route.txt"]
        .iter()
        .map(|n| lines(&read(&format!("frr/{n}"))))
        .collect();
    expect![[r#"
        address 10.9.1.1 on eth1 /Some(24)
        address 2001:db8:1::1 on eth1 /Some(64)
        address fe80::d07b:f2ff:feb2:79b on eth1 /Some(64)
        address 10.9.0.1 on eth2 /Some(32)
        address fe80::100e:32ff:fe43:ba6a on eth2 /Some(64)
        address 10.9.0.1 on lo /Some(32)
        address 2001:db8::1 on lo /Some(128)
        port eth1 #2 d2:7b:f2:b2:07:9b mtu 1500 veth up carrier
        port eth2 #3 12:0e:32:43:ba:6a mtu 1500 veth up carrier
        port lo #1 mtu 65536 loopback up carrier
        read Links
        read Addresses

        port lo #1 mtu 65536 loopback up carrier
        address 127.0.0.1 on lo /Some(8)
        address 10.9.0.1 on lo /Some(32)
        address 2001:db8::1 on lo /Some(128)
        address ::1 on lo /Some(128)
        port eth1 #2 d2:7b:f2:b2:07:9b mtu 1500 veth to #2 elsewhere up carrier
        address 10.9.1.1 on eth1 /Some(24)
        address 2001:db8:1::1 on eth1 /Some(64)
        address fe80::d07b:f2ff:feb2:79b on eth1 /Some(64)
        port eth2 #3 12:0e:32:43:ba:6a mtu 1500 veth to #3 elsewhere up carrier
        address 10.9.0.1 on eth2 /Some(32)
        address fe80::100e:32ff:fe43:ba6a on eth2 /Some(64)
        read Links
        read Addresses

        10.9.1.2 on eth1 is at Some(fe:84:0e:35:a9:a9)
        10.9.0.2 on eth2 is at Some(b2:af:cd:c7:39:68)
        fe80::fc84:eff:fe35:a9a9 on eth1 is at Some(fe:84:0e:35:a9:a9)
        fe80::b0af:cdff:fec7:3968 on eth2 is at Some(b2:af:cd:c7:39:68)
        read IpNeighbors

        route local 10.9.0.1/32 metric 0: local
        route local 10.9.1.1/32 metric 0: local
        route local 127.0.0.0/8 metric 0: local
        route local 127.0.0.1/32 metric 0: local
        route local 2001:db8:1::/128 metric 0: local
        route local 2001:db8:1::1/128 metric 0: local
        route local 2001:db8::1/128 metric 0: local
        route local ::1/128 metric 0: local
        route main 10.9.0.2/32 metric 20: 10.9.0.2 eth2, 10.9.1.2 eth1
        route main 10.9.1.0/24 metric 0: eth1
        route main 198.51.100.0/24 metric 20: blackhole
        route main 2001:db8:1::/64 metric 256: eth1
        route main 2001:db8::1/128 metric 256: lo
        read Routes of Ipv4
        read Routes of Ipv6
    "#]]
    .assert_eq(&all.join("\n"));
}

/// The prefixes of the routes that stand after readings, one after the other.
fn routes_after(readings: &[(&str, &str)]) -> Vec<String> {
    let (observer, mut store) = (Observer::node("r1"), Store::default());
    for (second, (file, content)) in (1..).zip(readings) {
        let words =
            dump::read(&observer, WallTime::from_secs(second), file, content.as_bytes(), &mut Vec::new());
        store.extend(words.expect("a known form"));
    }
    let standing = store.standing_on(&observer, Topic::Routes, WallTime::from_secs(99));
    let prefix = |fact: &Fact| match fact {
        Fact::Route(route) => Some(route.prefix.to_string()),
        _ => None,
    };
    standing.filter_map(|s| prefix(s.fact)).collect()
}

#[test]
fn routes_of_one_family_do_not_end_those_of_the_other() {
    let frr = |prefix: &str| {
        format!(
            r#"{{"{prefix}": [{{"prefix": "{prefix}", "protocol": "ospf", "installed": true, "metric": 20,
            "nexthops": [{{"fib": true, "interfaceName": "eth1"}}]}}]}}"#
        )
    };
    let (v4, v6, none) = (frr("10.1.0.0/24"), frr("2001:db8:1::/64"), frr("10.2.0.0/24"));
    let readings = [("ip-route.json", v4.as_str()), ("ipv6-route.json", &v6), ("ip-route.json", &none)];
    assert_eq!(routes_after(&readings), ["10.2.0.0/24", "2001:db8:1::/64"]);

    let v4 = r#"[{"dst": "default", "gateway": "10.1.0.1", "dev": "eth1"}, {"dst": "10.1.0.0/24", "dev": "eth1"}]"#;
    let v6 = r#"[{"dst": "default", "gateway": "fe80::1", "dev": "eth1", "metric": 1024, "pref": "medium"}]"#;
    let less = r#"[{"dst": "10.1.0.0/24", "dev": "eth1"}]"#;
    let readings = [("a.json", v4), ("b.json", v6), ("a.json", less)];
    assert_eq!(routes_after(&readings), ["10.1.0.0/24", "::/0"]);

    let v4 = "default via 10.1.0.1 dev eth1\n10.1.0.0/24 dev eth1 proto kernel scope link src 10.1.0.9\n";
    let v6 = "default via fe80::1 dev eth1 proto ra metric 1024 pref medium\n";
    let less = "10.1.0.0/24 dev eth1 proto kernel scope link src 10.1.0.9\n";
    assert_eq!(routes_after(&[("a", v4), ("b", v6), ("a", less)]), ["10.1.0.0/24", "::/0"]);
}
