//! A recorded fabric of fourteen nodes: what is read equals what SuzieQ answered on the same recordings, row by row.

mod unnumbered;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use expect_test::expect;
use serde_json::Value;
use twin::{Entity, EntityKey, EntityKind, Twin, WallTime};
use umbra_topology_sync::dump::{self, suzieq};
use umbra_topology_sync::observation::{Address, Fact, IgpInterface, Link, LinkKind, Observer};
use umbra_topology_sync::source::files;
use umbra_topology_sync::store::Store;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/suzieq/fabric");

fn facts() -> BTreeMap<String, Vec<Fact>> {
    let names =
        ["arpnd", "device", "interfaces", "lldp", "macs", "mlag", "ospfIf", "ospfNbr", "routes", "vlan"];
    facts_of(FOLDER, &names)
}

/// All that stands in the end, by node, without a second source's word on the same subject.
fn facts_of(folder: &str, names: &[&str]) -> BTreeMap<String, Vec<Fact>> {
    let text = |n: &&str| std::fs::read_to_string(Path::new(folder).join(format!("{n}.output"))).unwrap();
    let texts: Vec<_> = names.iter().map(text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert!(texts.iter().all(|t| suzieq::looks_like(t)));
    let mut store = Store::default();
    let mut diagnostics = Vec::new();
    for recording in suzieq::read(&texts).unwrap() {
        let observer = Observer::node(&recording.node);
        for output in &recording.outputs {
            let said =
                dump::read(&observer, recording.at, &recording.command, output.as_bytes(), &mut diagnostics);
            match said {
                Some(said) => store.extend(said),
                None => panic!("{}: {}: {output:.200}", recording.node, recording.command),
            }
        }
    }
    assert_eq!(diagnostics, []);
    let now = WallTime::from_ns(i64::MAX);
    let of = |o: &Observer| (o.id().to_owned(), store.standing(o, now).map(|s| s.fact.clone()).collect());
    store.observers().map(of).collect()
}

/// The rows that SuzieQ answered to `show`.
fn expected(name: &str) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(Path::new(FOLDER).join(format!("expected-{name}.yml"))).unwrap();
    let file: Value = serde_saphyr::from_str(&text).unwrap();
    let rows: Vec<BTreeMap<String, Value>> =
        serde_json::from_str(file["tests"][0]["output"].as_str().unwrap()).unwrap();
    let cell = |v: Value| match v {
        Value::String(s) => s,
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            items.sort();
            items.join(" ")
        }
        other => other.to_string(),
    };
    rows.into_iter().map(|row| row.into_iter().map(|(k, v)| (k, cell(v))).collect()).collect()
}

fn check(name: &str, columns: &[&str], found: BTreeSet<Vec<String>>) {
    let row = |r: &BTreeMap<String, String>| columns.iter().map(|c| r[*c].clone()).collect::<Vec<_>>();
    let expected: BTreeSet<Vec<String>> = expected(name).iter().map(row).collect();
    let missing: Vec<_> = expected.difference(&found).collect();
    let extra: Vec<_> = found.difference(&expected).collect();
    assert!(missing.is_empty() && extra.is_empty(), "{name}: missing {missing:#?}, extra {extra:#?}");
}

/// An interface's facts of all sources, the gaps of the kernel's filled from FRR's.
fn links(facts: &[Fact]) -> BTreeMap<String, Link> {
    let mut links: BTreeMap<String, Link> = BTreeMap::new();
    for fact in facts {
        let Fact::Link(link) = fact else { continue };
        match links.get_mut(&link.name) {
            None => drop(links.insert(link.name.clone(), Link::clone(link))),
            Some(known) => known.vlan = known.vlan.or(link.vlan),
        }
    }
    links
}

fn addresses(facts: &[Fact], port: &str, v6: bool) -> String {
    let of = |f: &Fact| match f {
        Fact::Address(Address { port: p, ip, len }) if p == port && ip.is_ipv6() == v6 => {
            Some(format!("{ip}/{}", len.unwrap()))
        }
        _ => None,
    };
    facts.iter().filter_map(of).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}

/// SuzieQ takes one of a neighbour's management addresses, and none from lldpctl's text.
#[test]
fn lldp() {
    let mut rows = BTreeSet::new();
    for (node, facts) in facts() {
        for fact in &facts {
            let Fact::Neighbor(n) = fact else { continue };
            let peer = n.chassis.name.clone().unwrap();
            let v4 = n.chassis.management.iter().find(|m| m.is_ipv4()).map(ToString::to_string);
            let v4 = if node == "edge01" { String::new() } else { v4.unwrap_or_default() };
            let description = n.chassis.description.clone().unwrap();
            rows.insert(vec![node.clone(), n.on.clone(), peer, n.port.value.clone(), description, v4]);
        }
    }
    check("lldp", &["hostname", "ifname", "peerHostname", "peerIfname", "description", "mgmtIP"], rows);
}

#[test]
fn ospf() {
    let mut rows = BTreeSet::new();
    for (node, facts) in facts() {
        let links = links(&facts);
        for fact in &facts {
            let Fact::IgpInterface(IgpInterface { port, area, .. }) = fact else { continue };
            let neighbors: Vec<_> = facts
                .iter()
                .filter_map(|f| {
                    if let Fact::IgpNeighbor(n) = f { Some(n).filter(|n| n.on == *port) } else { None }
                })
                .collect();
            let (state, peer) = match neighbors.first() {
                Some(n) => (n.state.to_lowercase(), n.address.unwrap().to_string()),
                None => ("passive".to_owned(), "-".to_owned()),
            };
            let up = if links[port].carrier == Some(true) { "up" } else { "down" };
            let (area, count) = (area.clone().unwrap(), neighbors.len().to_string());
            rows.insert(vec![node.clone(), port.clone(), area, up.to_owned(), count, state, peer]);
        }
    }
    check("ospf", &["hostname", "ifname", "area", "ifState", "nbrCount", "adjState", "peerIP"], rows);
}

#[test]
fn interfaces() {
    let mut rows = BTreeSet::new();
    for (node, facts) in facts() {
        // SuzieQ calls the ports of a server `ether` and those of a switch `ethernet`.
        let server = node.starts_with("server") || node.starts_with("edge");
        for (name, link) in links(&facts) {
            let member =
                link.master.as_ref().is_some_and(|m| links(&facts)[m].kind == Some(LinkKind::Bundle));
            let kind = match link.kind.as_ref().unwrap() {
                LinkKind::Physical if member => "bond_slave",
                LinkKind::Physical if server => "ether",
                LinkKind::Physical => "ethernet",
                LinkKind::Loopback => "loopback",
                LinkKind::Bridge => "bridge",
                LinkKind::Bundle => "bond",
                LinkKind::Vlan => "vlan",
                LinkKind::Vrf => "vrf",
                LinkKind::Tunnel => "vxlan",
                LinkKind::Virtual(word) => word.as_str(),
                LinkKind::Veth => "veth",
            }
            .to_owned();
            // SuzieQ leaves out the loopback's 127.0.0.1.
            let v4 = addresses(&facts, &name, false);
            let own = |a: &&str| kind != "loopback" || !a.starts_with("127.");
            let v4 = v4.split(' ').filter(own).collect::<Vec<_>>().join(" ");
            let v6 = addresses(&facts, &name, true);
            let state = if link.carrier == Some(true) { "up" } else { "" }.to_owned();
            let (mtu, vlan) = (link.mtu.unwrap().to_string(), link.vlan.unwrap_or(0).to_string());
            let master = link.master.clone().unwrap_or_default();
            rows.insert(vec![node.clone(), name, state, kind, mtu, vlan, master, v4, v6]);
        }
    }
    let columns =
        ["hostname", "ifname", "state", "type", "mtu", "vlan", "master", "ipAddressList", "ip6AddressList"];
    check("interface", &columns, rows);
}

/// Ends of cables as (node, port), the lesser first.
fn pair<T: Ord>(a: T, b: T) -> (T, T) {
    if a <= b { (a, b) } else { (b, a) }
}

/// A port as (node, port).
fn name(twin: &Twin, key: &EntityKey) -> (String, String) {
    (twin.node_of(key).unwrap().name.clone(), twin.entity(key).unwrap().name.clone())
}

type Cable = ((String, String), (String, String));

fn cables(twin: &Twin) -> BTreeSet<Cable> {
    let ends = |c: &&Entity| match &c.kind {
        EntityKind::Cable { a, b } => pair(name(twin, a), name(twin, b)),
        _ => unreachable!("cables() has cables"),
    };
    twin.cables().iter().map(ends).collect()
}

/// The fabric as a twin: every cable that LLDP shows, both ways, by SuzieQ's own answer.
#[test]
fn cables_are_those_that_lldp_shows() {
    let net = files::open(Path::new(FOLDER), &files::Options::default()).unwrap();
    let heard = |r: &BTreeMap<String, String>| {
        let column = |c: &str| r[c].clone();
        pair((column("hostname"), column("ifname")), (column("peerHostname"), column("peerIfname")))
    };
    let heard: BTreeSet<_> = expected("lldp").iter().map(heard).collect();
    assert_eq!(
        cables(&net.twin),
        heard,
        "no server has a cable: nothing tells which of a bundle's members it is plugged into"
    );
}

/// The fabric's bundles: the peer links of the two pairs of leaves with their cables; and the servers', each one bundle
/// with two leaves by LACP, without cables, for nothing tells which member is plugged into which leaf.
#[test]
fn members_are_mapped_to_bundles() {
    let net = files::open(Path::new(FOLDER), &files::Options::default()).unwrap();
    let mut bundles = BTreeMap::new();
    let (mut vlans, mut vrfs) = (BTreeSet::new(), BTreeSet::new());
    for entity in net.twin.entities() {
        let node = entity.parent.as_ref().and_then(|p| net.twin.entity(p)).map(|n| n.name.clone());
        match &entity.kind {
            EntityKind::Bundle { members, .. } => {
                let members: Vec<_> =
                    members.iter().map(|m| net.twin.entity(m).unwrap().name.clone()).collect();
                bundles.insert(entity.name.clone(), members.join(", "));
            }
            EntityKind::Vlan { id } => drop(vlans.insert((node.unwrap(), *id))),
            EntityKind::Vrf => drop(vrfs.insert((node.unwrap(), entity.name.clone()))),
            _ => {}
        }
    }
    let printed: Vec<_> = bundles.iter().map(|(name, members)| format!("{name}: {members}")).collect();
    expect![[r#"
        leaf01:bond01 - leaf02:bond01 - server101:bond0: 
        leaf01:bond02 - leaf02:bond02 - server102:bond0: 
        leaf01:peerlink - leaf02:peerlink: leaf01:swp3 - leaf02:swp3, leaf01:swp4 - leaf02:swp4
        leaf03:bond01 - leaf04:bond01 - server103:bond0: 
        leaf03:bond02 - leaf04:bond02 - server104:bond0: 
        leaf03:peerlink - leaf04:peerlink: leaf03:swp3 - leaf04:swp3, leaf03:swp4 - leaf04:swp4"#]]
    .assert_eq(&printed.join("\n"));
    let of =
        |node: &str| -> Vec<u16> { vlans.iter().filter(|(n, _)| n == node).map(|(_, id)| *id).collect() };
    assert_eq!(of("leaf01"), [1, 13, 24, 4001, 4094]);
    assert!(of("server101").is_empty());
    // As many as SuzieQ counts interfaces of the kind, which are one for each instance.
    assert_eq!(vrfs.len(), expected("interface").iter().filter(|r| r["type"] == "vrf").count());
    // Every port that SuzieQ calls a member is part of the bundle that it names.
    for row in expected("interface").iter().filter(|r| r["type"] == "bond_slave") {
        let node = net.twin.node_named(&row["hostname"]).unwrap();
        let port = net.twin.entity(&EntityKey::port(&node.key, &row["ifname"])).unwrap();
        assert_eq!(port.parent, Some(EntityKey::port(&node.key, &row["master"])));
        assert_eq!(net.twin.node_of(&port.key).unwrap().key, node.key);
    }
}
