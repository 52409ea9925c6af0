//! A second fabric of fourteen nodes, with BGP on unnumbered ports: what is read equals what jq and awk make of the same
//! recordings (`ORIGIN.md`). SuzieQ counts as many: 138 interfaces, 44 LLDP neighbours, 36 sessions.

use std::collections::BTreeSet;
use std::path::Path;

use twin::Layer;
use umbra_topology_sync::observation::{Address, Fact};
use umbra_topology_sync::source::files;

use super::{addresses, cables, facts_of, links, name, pair};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/suzieq/unnumbered");

const OUTPUTS: [&str; 5] = ["bgp", "device", "interfaces", "lldp", "mlag"];

/// Rows of `expected-NAME.csv`.
fn expected(name: &str) -> BTreeSet<Vec<String>> {
    let text = std::fs::read_to_string(Path::new(FOLDER).join(format!("expected-{name}.csv"))).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn check(name: &str, found: &BTreeSet<Vec<String>>) {
    let expected = expected(name);
    let missing: Vec<_> = expected.difference(found).collect();
    let extra: Vec<_> = found.difference(&expected).collect();
    assert!(missing.is_empty() && extra.is_empty(), "{name}: missing {missing:#?}, extra {extra:#?}");
}

#[test]
fn neighbours_and_interfaces() {
    let (mut heard, mut interfaces) = (BTreeSet::new(), BTreeSet::new());
    for (node, facts) in facts_of(FOLDER, &OUTPUTS) {
        for fact in &facts {
            let Fact::Neighbor(n) = fact else { continue };
            heard.insert(vec![
                node.clone(),
                n.on.clone(),
                n.chassis.name.clone().unwrap(),
                n.port.value.clone(),
            ]);
        }
        for (port, link) in links(&facts) {
            let up = if link.carrier == Some(true) { "up" } else { "" };
            let (mtu, vlan) = (link.mtu.unwrap().to_string(), link.vlan.unwrap_or(0).to_string());
            let master = link.master.clone().unwrap_or_default();
            let [v4, v6] = [false, true].map(|v6| addresses(&facts, &port, v6));
            interfaces.insert(vec![node.clone(), port, up.to_owned(), mtu, vlan, master, v4, v6]);
        }
    }
    check("lldp", &heard);
    check("interfaces", &interfaces);
}

/// The fabric as a twin: the cables that LLDP shows, of which two plug an exit into itself; and each session from the port
/// that the daemon names to one of the node that it names.
#[test]
fn cables_and_sessions() {
    let net = files::open(Path::new(FOLDER), &files::Options::default()).unwrap();
    let end = |row: &[String]| (row[0].clone(), row[1].clone());
    let heard: BTreeSet<_> = expected("lldp").iter().map(|r| pair(end(r), end(&r[2..]))).collect();
    assert_eq!(cables(&net.twin), heard);
    assert_eq!(heard.iter().filter(|(a, b)| a.0 == b.0).count(), 2);

    let mut sessions = BTreeSet::new();
    for (key, half) in net.twin.half_links(Layer::Bgp) {
        let ((node, port), (far, _)) = (name(&net.twin, &key.from), name(&net.twin, &key.to));
        sessions.insert(vec![node, port, far, half.state.to_string()]);
    }
    let wanted = |r: &Vec<String>| vec![r[0].clone(), r[2].clone(), r[3].clone(), r[4].to_lowercase()];
    assert_eq!(sessions, expected("bgp").iter().map(wanted).collect());
}

#[test]
fn sessions_as_the_daemons_say() {
    let mut sessions = BTreeSet::new();
    for (node, facts) in facts_of(FOLDER, &OUTPUTS) {
        let asn = facts.iter().find_map(|f| if let Fact::Node(n) = f { n.asn } else { None });
        for fact in &facts {
            let Fact::BgpPeer(peer) = fact else { continue };
            let on = |f: &Fact| match f {
                Fact::Address(Address { port, ip, .. }) if Some(*ip) == peer.local => Some(port.clone()),
                _ => None,
            };
            let port = facts.iter().find_map(on).unwrap();
            let row = [&node, &peer.vrf, &port, &peer.state];
            let mut row: Vec<_> = row.into_iter().cloned().collect();
            row.extend([asn.unwrap().to_string(), peer.asn.to_string(), peer.address.to_string()]);
            sessions.insert(row);
        }
    }
    let without_name = |mut row: Vec<String>| {
        row.remove(3);
        row
    };
    assert_eq!(sessions, expected("bgp").into_iter().map(without_name).collect());
}
