//! LLDP as an SNMP agent tells it (LLDP-MIB), judged by what the same lldpd tells its own client.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use twin::{EntityKind, Twin, WallTime};
use umbra_topology_sync::dump;
use umbra_topology_sync::follow::Follower;
use umbra_topology_sync::follow::snmp::{self, Walk};
use umbra_topology_sync::journal::{Kind, Reader};
use umbra_topology_sync::observation::{Fact, LldpNeighbor, Observation, Observer, Said, Topic};

use crate::agents::Snmpd;
use crate::lab::{Netns, Watch, can_run};
use crate::wires::{Lldpd, heard};

const NODES: [&str; 2] = ["leaf", "spine"];
const LONG: Duration = Duration::from_secs(45);

/// Two nodes with two cables, an alias on one port, several addresses; the second forwards.
struct Pair {
    netns: [Netns; 2],
    lldpd: Vec<Lldpd>,
    _snmpd: [Snmpd; 2],
}

impl Pair {
    fn start() -> Option<Self> {
        if !can_run(&["ip", "unshare", "sysctl", "lldpd", "lldpcli", "snmpd"]) {
            return None;
        }
        let netns = NODES.map(Netns::new);
        let [leaf, spine] = &netns;
        for port in ["eth1", "eth2"] {
            leaf.ip(&format!("link add {port} type veth peer name {port} netns {}", spine.0));
            leaf.ip(&format!("link set {port} up"));
            spine.ip(&format!("link set {port} up"));
        }
        // A name that is another port's, too.
        leaf.ip("link set eth1 alias eth2");
        leaf.ip("addr add 192.0.2.1/24 dev eth1");
        spine.ip("addr add 192.0.2.2/24 dev eth1");
        spine.ip("addr add 2001:db8::2/64 dev eth2");
        spine.exec("sysctl -qw net.ipv4.ip_forward=1");
        let snmpd = [Snmpd::start(leaf), Snmpd::start(spine)];
        let start = |i: usize| Lldpd::start_subagent(&netns[i], NODES[i], 1, &snmpd[i].agentx());
        Some(Self { lldpd: vec![start(0), start(1)], _snmpd: snmpd, netns })
    }

    /// Asks both agents again and again.
    fn watch(&self) -> Watch {
        let node = |i: usize| {
            let netns = &self.netns[i].0;
            format!(
                "{}: {{snmp: {{agent: '127.0.0.1:1161', netns: {netns}, community: umbra, every_s: 1}}}}",
                NODES[i]
            )
        };
        Watch::start(&format!("nodes: {{{}, {}}}", node(0), node(1)))
    }

    /// What lldpd tells its own client.
    fn tell(&self, i: usize) -> Vec<u8> {
        let socket = self.lldpd[i].socket();
        let words = ["-u", &socket, "-f", "json0", "show", "neighbors", "details"];
        Command::new("lldpcli").args(words).output().expect("lldpcli runs").stdout
    }
}

/// Cables by the names of their ends.
fn cables(twin: &Twin) -> BTreeSet<String> {
    let name = |key| {
        let (node, port) = (twin.node_of(key).expect("a node"), twin.entity(key).expect("a port"));
        format!("{}:{}", node.name, port.name)
    };
    let mut all = BTreeSet::new();
    for cable in twin.cables() {
        if let EntityKind::Cable { a, b } = &cable.kind {
            let mut ends = [name(a), name(b)];
            ends.sort();
            all.insert(ends.join(" "));
        }
    }
    all
}

/// How many half-links of LLDP a twin has.
fn halves(follower: &Follower) -> usize {
    follower.twin().half_links(twin::Layer::Lldp).len()
}

#[test]
fn two_agents_know_each_other_by_snmp_alone() {
    let Some(mut pair) = Pair::start() else { return };
    let mut watch = pair.watch();
    assert!(watch.until(LONG, |f| halves(f) == 4), "{:?}", watch.follower().diagnostics());
    let expected = ["leaf:eth1 spine:eth1", "leaf:eth2 spine:eth2"].map(str::to_owned);
    assert_eq!(cables(watch.follower().twin()), expected.clone().into());
    // Killed: no frame says goodbye.
    drop(pair.lldpd.pop());
    assert!(
        watch.until(LONG, |f| !heard(f).contains(&"spine".to_owned())),
        "its TTL has passed at the other end"
    );
    assert!(heard(watch.follower()).contains(&"leaf".to_owned()), "tables that nobody serves were not read");
    assert_eq!(cables(watch.follower().twin()), expected.into(), "one direction is enough");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/snmp")
}

/// Neighbours, without what no object of the MIB says.
fn neighbors(said: Vec<Observation>) -> BTreeSet<Fact> {
    let fact = |o: Observation| match o.said {
        Said::Is(fact, _) => match *fact {
            Fact::Neighbor(n) => {
                let mut n = LldpNeighbor::clone(&n);
                n.chassis.management.sort();
                (n.aggregate, n.mac, n.max_frame) = (None, None, None);
                Some(Fact::Neighbor(n.into()))
            }
            _ => None,
        },
        _ => None,
    };
    said.into_iter().filter_map(fact).collect()
}

#[test]
fn the_mib_says_what_the_agents_own_client_says() {
    for node in NODES {
        let observer = Observer::node(node);
        let file = |what: &str| std::fs::read(folder().join(format!("{node}.{what}.json"))).expect("a file");
        let walk: Walk = serde_json::from_slice(&file("walk")).expect("a walk");
        let mut diagnostics = Vec::new();
        let told = dump::read(&observer, WallTime::default(), "lldp", &file("lldpcli"), &mut diagnostics)
            .expect("lldpd's");
        let (heard, told) = (neighbors(snmp::read(&observer, &walk)), neighbors(told));
        assert_eq!(told.len(), 2);
        assert_eq!(heard, told, "{node}");
        let read = |walk: &Walk| {
            let said = snmp::read(&observer, walk);
            said.iter().any(|o| matches!(o.said, Said::Read(s) if s.topic == Topic::Neighbors))
        };
        assert!(read(&walk), "it was finished");
        let mut without = walk.clone();
        without.rows.retain(|(oid, _)| oid.get(1) != Some(&0));
        assert!(!read(&without), "nobody served the tables");
    }
}

#[test]
#[ignore = "makes testdata/snmp from agents of this machine"]
fn make_the_walks() {
    let pair = Pair::start().expect("a machine that has all");
    let mut watch = pair.watch();
    assert!(watch.until(LONG, |f| halves(f) == 4));
    let told = [0, 1].map(|i| pair.tell(i));
    let (journal, _) = watch.end();
    let records = Reader::open("journal", journal.as_slice()).expect("a journal").map(|r| r.expect("whole"));
    let data: Vec<_> = records.filter(|r| r.kind == Kind::Data).collect();
    for (source, (node, told)) in (0..).zip(NODES.into_iter().zip(told)) {
        let last = data.iter().rfind(|r| r.source == source).expect("a walk");
        std::fs::write(folder().join(format!("{node}.walk.json")), &last.bytes).expect("a file");
        std::fs::write(folder().join(format!("{node}.lldpcli.json")), told).expect("a file");
    }
}
