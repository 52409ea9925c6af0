//! No damaged file makes a reader panic, and what a reader accepts is a snapshot that its own file can hold.

use std::path::Path;

use proptest::prelude::*;
use twin::{InputError, Snapshot, WallTime};
use umbra_topology_sync::dump::{self, suzieq};
use umbra_topology_sync::inventory::netbox;
use umbra_topology_sync::lab::{self, NodeRecording};
use umbra_topology_sync::observation::{Observation, Observer};
use umbra_topology_sync::sndlib::SndlibOptions;
use umbra_topology_sync::store::Store;
use umbra_topology_sync::{encoding, form, graphml, repetita, rfc8345, sndlib};

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata")).join(name)).unwrap()
}

/// A way to damage a file; positions are shares of its length in 1/65536.
#[derive(Clone, Debug)]
enum Damage {
    Truncate(u16),
    Flip(u16, u8),
    Duplicate(u16, u8),
    Remove(u16, u8),
    Insert(u16, &'static str),
}

fn damage() -> impl Strategy<Value = Damage> {
    let texts = ["-1", "nan", "1e999", "99999999999999999999", "\"", "<", "]", "\u{0}", "ö", " ", "\n"];
    prop_oneof![
        any::<u16>().prop_map(Damage::Truncate),
        (any::<u16>(), any::<u8>()).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (any::<u16>(), any::<u8>()).prop_map(|(at, len)| Damage::Duplicate(at, len)),
        (any::<u16>(), any::<u8>()).prop_map(|(at, len)| Damage::Remove(at, len)),
        (any::<u16>(), prop::sample::select(texts.to_vec())).prop_map(|(at, text)| Damage::Insert(at, text)),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    let position = |at: u16| usize::from(at) * bytes.len() / 65_536;
    match *damage {
        Damage::Truncate(at) => bytes.truncate(position(at)),
        Damage::Flip(at, bits) => {
            let at = position(at);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bits;
            }
        }
        Damage::Duplicate(at, len) => {
            let at = position(at);
            let part = bytes[at..(at + usize::from(len)).min(bytes.len())].to_vec();
            bytes.splice(at..at, part);
        }
        Damage::Remove(at, len) => {
            let at = position(at);
            bytes.drain(at..(at + usize::from(len)).min(bytes.len()));
        }
        Damage::Insert(at, text) => {
            let at = position(at);
            bytes.splice(at..at, text.bytes());
        }
    }
}

/// Reads damaged bytes; an error must name the file, a snapshot must survive its own file.
fn check(name: &str, damages: &[Damage], read: impl Fn(&[u8]) -> Result<Snapshot, InputError>) {
    let mut bytes = bytes(name);
    damages.iter().for_each(|d| apply(&mut bytes, d));
    form::looks_like(&bytes);
    match read(&bytes) {
        Err(e) => assert!(e.to_string().starts_with("file"), "{e}"),
        Ok(net) => {
            let again = Snapshot::from_json("again", &net.to_json()).unwrap();
            assert!(again == net, "a snapshot did not survive its file");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sndlib_files(damages in prop::collection::vec(damage(), 1..4)) {
        check("topologies/abilene.xml", &damages, |b| {
            sndlib::read("file", &encoding::xml("file", b)?, &SndlibOptions::default())
        });
    }

    #[test]
    fn repetita_graphs(damages in prop::collection::vec(damage(), 1..4)) {
        check("topologies/Abilene.graph", &damages, |b| repetita::read_graph("file", encoding::utf8("file", b)?));
    }

    #[test]
    fn repetita_demands(damages in prop::collection::vec(damage(), 1..4)) {
        let graph = bytes("topologies/Abilene.graph");
        let net = repetita::read_graph("g", encoding::utf8("g", &graph).unwrap()).unwrap();
        check("topologies/Abilene.0000.demands", &damages, move |b| {
            let (demands, _) = repetita::read_demands("file", encoding::utf8("file", b)?, &net.twin)?;
            Ok(Snapshot { demands: Some(demands), twin: net.twin.clone(), ..Snapshot::default() })
        });
    }

    #[test]
    fn graphml_files(damages in prop::collection::vec(damage(), 1..4)) {
        check("graphml/sample.graphml", &damages, |b| graphml::read("file", &encoding::xml("file", b)?));
    }

    #[test]
    fn rfc8345_documents(damages in prop::collection::vec(damage(), 1..4)) {
        check("rfc8345/sample.json", &damages, |b| rfc8345::read("file", encoding::utf8("file", b)?));
    }

    #[test]
    fn dumps(which in 0..DUMPS.len(), damages in prop::collection::vec(damage(), 1..6)) {
        let mut bytes = bytes(DUMPS[which]);
        damages.iter().for_each(|d| apply(&mut bytes, d));
        let (observer, at) = (Observer::node("n"), WallTime::from_ns(1));
        let read = |bytes: &[u8]| dump::read(&observer, at, DUMPS[which], bytes, &mut Vec::new());
        // What was said must survive the journal.
        if let Some(said) = read(&bytes) {
            let again: Vec<Observation> = serde_json::from_str(&serde_json::to_string(&said).unwrap()).unwrap();
            prop_assert_eq!(&again, &said);
            let mut store = Store::default();
            store.extend(said);
        }
    }

    #[test]
    fn suzieq_outputs(which in 0..SUZIEQ.len(), damages in prop::collection::vec(damage(), 1..4)) {
        let mut bytes = bytes(&format!("suzieq/fabric/{}.output", SUZIEQ[which]));
        damages.iter().for_each(|d| apply(&mut bytes, d));
        let text = String::from_utf8_lossy(&bytes);
        suzieq::looks_like(&text);
        for recording in suzieq::read(&[&text]).unwrap_or_default() {
            for output in &recording.outputs {
                dump::read(&Observer::node("n"), recording.at, "f", output.as_bytes(), &mut Vec::new());
            }
        }
    }

    #[test]
    fn inventories(which in 0..NETBOX.len(), damages in prop::collection::vec(damage(), 1..3)) {
        let mut files: Vec<_> = NETBOX.iter().map(|n| bytes(&format!("netbox/{n}.json"))).collect();
        damages.iter().for_each(|d| apply(&mut files[which], d));
        let files: Vec<_> = files.iter().filter_map(|f| serde_json::from_slice(f).ok()).collect();
        netbox::read(&Observer::list("l"), WallTime::default(), &files, &mut Vec::new());
    }

    #[test]
    fn recordings(which in 0..LAB.len(), damages in prop::collection::vec(damage(), 1..4)) {
        let all = lab_files();
        check(&format!("lab-a/full/r2/{}", LAB[which]), &damages, |damaged| {
            let mut nodes = all.clone();
            let r2 = nodes.iter_mut().find(|n| n.name == "r2").unwrap();
            r2.files.iter_mut().filter(|(f, _)| f == LAB[which]).for_each(|(_, b)| *b = damaged.to_vec());
            lab::read("file", &nodes)
        });
    }
}

const DUMPS: [&str; 34] = [
    "frr/interface.txt",
    "frr/ip-address.txt",
    "frr/ip-neigh.txt",
    "frr/ip-route.txt",
    "frr/isis-database-detail.txt",
    "frr/isis-database.txt",
    "frr/isis-hostname.txt",
    "frr/isis-neighbor-detail.txt",
    "frr/isis-neighbor.json",
    "frr/isis-neighbor.txt",
    "frr/ospf-database-external.txt",
    "frr/ospf-database-network.txt",
    "frr/ospf-database-router.txt",
    "frr/ospf-interface.txt",
    "frr/ospf-neighbor-detail.txt",
    "frr/ospf-neighbor.txt",
    "frr/ospf6-database.json",
    "frr/ospf6-neighbor.json",
    "lab-a/events/r1/ip-monitor.txt",
    "lab-a/events/r4/lldp-watch.txt",
    "lab-a/full/r1/frr-bgp-summary.json",
    "lab-a/full/r1/frr-ospf-database-router.txt",
    "lab-a/full/r1/frr-running-config.txt",
    "lab-a/full/r1/ip-neigh.json",
    "lab-c/full/c3/frr-isis-database.json",
    "lab-c/full/c3/frr-isis-database.txt",
    "lab-c/full/c3/frr-isis-neighbor.json",
    "vendor/junos-isis-adjacency.txt",
    "vendor/junos-isis-database.txt",
    "vendor/junos-lldp.txt",
    "vendor/xr-isis-database.txt",
    "vendor/xr-isis-neighbors.txt",
    "vendor/xr-lldp-detail.txt",
    "vendor/xr-lldp.txt",
];

const SUZIEQ: [&str; 10] =
    ["arpnd", "device", "interfaces", "lldp", "macs", "mlag", "ospfIf", "ospfNbr", "routes", "vlan"];

const NETBOX: [&str; 4] = ["devices", "interfaces", "front-ports", "cables"];

const LAB: [&str; 8] = [
    "ip-link.json",
    "ip-addr.json",
    "ip-route.json",
    "lldp-neighbors.json",
    "lldp-chassis.json",
    "frr-ospf-neighbor-detail.json",
    "frr-ospf-database-router.json",
    "frr-interface.json",
];

fn lab_files() -> Vec<NodeRecording> {
    let node = |name: &str| NodeRecording {
        name: name.to_owned(),
        files: LAB.iter().map(|f| ((*f).to_owned(), bytes(&format!("lab-a/full/{name}/{f}")))).collect(),
    };
    ["r1", "r2", "r3"].map(node).to_vec()
}
