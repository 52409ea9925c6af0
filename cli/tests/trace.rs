//! `umbra trace` on the recorded lab: against the kernel's own routes followed by hand, and against packet runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use ipnet::IpNet;
use models::packet::{IpForwarding, ReplayOptions, ip_header, replay};
use models::trace::{Disposition, Question, Start, Target, Trace, Tracer};
use serde_json::Value;
use topology_sync::source::files;
use twin::{Bytes, Csr, EntityKey, Layer, PacketSchedule, ScheduledPacket, SimTime, Snapshot};

const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/lab-a");

fn net() -> Snapshot {
    files::open(&Path::new(LAB).join("full"), &files::Options::default()).unwrap()
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(Path::new(LAB).join(path)).unwrap()).unwrap()
}

/// Global addresses by the node that has them, as the builder of the lab wrote them down.
fn true_addresses() -> BTreeMap<IpAddr, String> {
    let mut all = BTreeMap::new();
    for (node, data) in json("truth.json")["nodes"].as_object().unwrap() {
        for interface in data["interfaces"].as_object().unwrap().values() {
            for address in interface["addresses"].as_array().unwrap() {
                let net: IpNet = address.as_str().unwrap().parse().unwrap();
                all.insert(net.addr(), node.clone());
            }
        }
    }
    all.retain(|ip, _| !ip.is_loopback());
    all
}

/// What `ip route get` would answer: of the printed routes the longest that holds the address, the local table first.
fn next_hops(node: &str, ip: IpAddr) -> Option<Vec<String>> {
    let rows = json(&format!("full/{node}/ip-route.json"));
    let holds = |row: &&Value| {
        let text = row["dst"].as_str().unwrap();
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let usable = matches!(row["type"].as_str(), Some("unicast" | "local" | "blackhole"));
        net.is_ok_and(|net| net.contains(&ip)) && usable
    };
    let rank = |row: &&Value| {
        let text = row["dst"].as_str().unwrap();
        let len: u8 = text.split_once('/').map_or(32, |(_, len)| len.parse().unwrap());
        (row["table"] == "local", len)
    };
    let row = rows.as_array().unwrap().iter().filter(holds).max_by_key(rank)?;
    if row["type"] != "unicast" {
        return Some(vec![row["type"].as_str().unwrap().to_owned()]);
    }
    let to = |hop: &Value| hop["gateway"].as_str().map_or(ip.to_string(), str::to_owned);
    Some(match row["nexthops"].as_array() {
        Some(hops) => hops.iter().map(to).collect(),
        None => vec![to(row)],
    })
}

/// All ways from a node to an address, as node names and a last word.
fn true_ways(owners: &BTreeMap<IpAddr, String>, node: &str, ip: IpAddr) -> BTreeSet<Vec<String>> {
    let one = |word: &str| BTreeSet::from([vec![node.to_owned(), word.to_owned()]]);
    let Some(hops) = next_hops(node, ip) else { return one("NO_ROUTE") };
    match hops[0].as_str() {
        "local" => return one("ACCEPTED"),
        "blackhole" => return one("NULL_ROUTED"),
        _ => {}
    }
    let mut ways = BTreeSet::new();
    for hop in hops {
        match owners.get(&hop.parse::<IpAddr>().unwrap()) {
            None => ways.extend(one("DELIVERED_TO_SUBNET")),
            Some(next) => ways.extend(true_ways(owners, next, ip).into_iter().map(|mut way| {
                way.insert(0, node.to_owned());
                way
            })),
        }
    }
    ways
}

fn question(tracer: &Tracer<'_>, from: &EntityKey, ip: IpAddr) -> Question {
    let target = Target { address: Some(ip), node: tracer.links().node_for(ip).cloned() };
    Question { start: Start::At(from.clone()), target, flow: None }
}

#[test]
fn every_pair_goes_as_the_kernels_routes_say() {
    let net = net();
    let tracer = Tracer::new(&net.twin, Layer::Cable, 0);
    let owners = true_addresses();
    let more = ["203.0.113.1", "203.0.117.200", "8.8.8.8", "10.3.0.77"].map(|a| a.parse().unwrap());
    let (mut asked, mut words) = (0, BTreeSet::new());
    for node in net.twin.nodes() {
        for ip in owners.keys().copied().chain(more) {
            let answer = tracer.trace(&question(&tracer, &node.key, ip));
            let way = |way: &Trace| {
                let names = way.hops.iter().map(|hop| net.twin.entity(&hop.node).unwrap().name.clone());
                names.chain([way.disposition.word().to_owned()]).collect::<Vec<_>>()
            };
            let ways: BTreeSet<_> = answer.ways.iter().map(way).collect();
            assert_eq!(ways, true_ways(&owners, &node.name, ip), "{} -> {ip}", node.name);
            asked += 1;
            words.extend(answer.ways.iter().map(|w| w.disposition));
        }
    }
    assert_eq!(asked, 6 * (owners.len() + more.len()));
    let all = [
        Disposition::Accepted,
        Disposition::DeliveredToSubnet,
        Disposition::NoRoute,
        Disposition::NullRouted,
    ];
    assert_eq!(words.into_iter().collect::<Vec<_>>(), all);
}

/// Ethernet, IPv4, UDP to port 9.
fn frame(src: Ipv4Addr, dst: Ipv4Addr, port: u16) -> Arc<[u8]> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0];
    frame.extend(src.octets());
    frame.extend(dst.octets());
    frame.extend(port.to_be_bytes());
    frame.extend([0, 9, 0, 8, 0, 0]);
    frame.into()
}

#[test]
fn a_packet_run_takes_the_way_of_its_flow() {
    let net = net();
    let csr = Csr::compile(&net.twin, Layer::Cable);
    let tracer = Tracer::new(&net.twin, Layer::Cable, 7);
    let ip = IpForwarding::from_twin(&net.twin, &csr);
    let (mut delivered, mut by_port) = (0, BTreeSet::new());
    for (dst, _) in true_addresses() {
        let IpAddr::V4(dst) = dst else { continue };
        for (number, key) in csr.node_keys.iter().enumerate() {
            for port in [1000, 1001, 1002, 1003, 1004] {
                let frame = frame(Ipv4Addr::new(192, 0, 2, 1), dst, port);
                let flow = ip_header(&frame);
                let way = tracer.trace(&Question { flow, ..question(&tracer, key, dst.into()) }).ways;
                assert_eq!(way.len(), 1, "one flow, one way");
                if way[0].disposition != Disposition::Accepted {
                    continue;
                }
                let packet = ScheduledPacket {
                    at: SimTime::ZERO,
                    src: number as u32,
                    dst: number as u32,
                    flow: 0,
                    size: Bytes::new(42),
                    frame: Some(frame),
                };
                let schedule = PacketSchedule::new(csr.node_keys.clone(), vec![packet]);
                let options = ReplayOptions { seed: 7, ip: Some(ip.clone()), ..ReplayOptions::default() };
                let run = replay(&csr, &schedule, options).unwrap();
                let busy = (0..csr.arc_count()).filter(|a| run.links[*a].queue.packets > 0);
                let busy: BTreeSet<_> = busy.map(|a| csr.ports[a].0.clone()).collect();
                let sent: BTreeSet<_> = way[0].hops.iter().filter_map(|h| h.sent_on.clone()).collect();
                assert_eq!((run.delivered, &busy), (1, &sent), "{key} -> {dst}, port {port}");
                delivered += 1;
                by_port.insert((number, dst, sent));
            }
        }
    }
    let ends: BTreeSet<_> = by_port.iter().map(|(number, dst, _)| (number, dst)).collect();
    assert!(by_port.len() > ends.len(), "some flows differ in their ways by their port alone");
    assert!(delivered > 200, "{delivered}");
}

fn umbra(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umbra")).args(args).env_remove("UMBRA_LOG").output().unwrap()
}

#[test]
fn the_command_prints_hops_with_their_steps() {
    let lab = format!("{LAB}/full");
    let output = umbra(&["trace", &lab, "r1", "h6", "--output", "csv"]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "way,share,hop,node,received_on,lookup,route,gateway,sent_on,through,disposition,why\n\
         0,1.0,0,r1,,forward,10.3.0.0/24,10.1.3.0,eth2,,,\n\
         0,1.0,1,r4,eth2,forward,10.3.0.0/24,,eth3,,,\n\
         0,1.0,2,h6,eth1,own,,,,,ACCEPTED,\n"
    );
    let output = umbra(&["trace", &lab, "r1:eth9", "h6"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("no port 'eth9'") && text.contains("did you mean 'eth1'"), "{text}");
    let output = umbra(&["trace", &lab, "r1", "203.0.113.7", "--output", "ndjson"]);
    assert_eq!(output.status.code(), Some(0), "a dropped packet is an answer");
    let last: Value = String::from_utf8(output.stdout).unwrap().lines().last().unwrap().parse().unwrap();
    assert_eq!((last["node"].as_str(), last["disposition"].as_str()), (Some("e5"), Some("NULL_ROUTED")));
}

#[test]
fn a_name_that_two_nodes_have_is_called_ambiguous_with_a_port_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let net = folder.path().join("net.graph");
    let text =
        "NODES 3\nlabel x y\nx 0 0\nx 1 1\ny 2 2\n\nEDGES 1\nlabel src dest weight bw delay\ne 0 2 1 1 1\n";
    std::fs::write(&net, text).unwrap();
    for from in ["x", "x:e"] {
        let output = umbra(&["trace", net.to_str().unwrap(), from, "y"]);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("2 nodes are called 'x'; expected the number of one: 0, 1"), "{text}");
    }
    let demands = folder.path().join("net.demands");
    std::fs::write(&demands, "DEMANDS 1\nlabel src dest bw\nd 0 2 1\n").unwrap();
    let growth =
        ["growth", net.to_str().unwrap(), demands.to_str().unwrap(), "--growth", "x=10%", "--limit", "1"];
    let text = String::from_utf8(umbra(&growth).stderr).unwrap();
    assert!(text.contains("--growth: 2 nodes are called 'x'"), "{text}");
}

/// The recorded lab without what r1 printed of its routes, and what r1 told a BMP station instead.
#[cfg(feature = "live")]
#[test]
fn a_table_by_bmp_leads_where_the_kernels_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for node in std::fs::read_dir(format!("{LAB}/full")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = node.file_name().unwrap().to_str().unwrap().to_owned();
        let to = folder.path().join("lab").join(&name);
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(&node).unwrap().map(|entry| entry.unwrap()) {
            let of_routes =
                ["ip-route.json", "ip-route6.json", "frr-ip-route.json"].map(|n| file.file_name() == n);
            if name != "r1" || !of_routes.contains(&true) {
                std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
    }
    let stream = std::fs::read(format!("{LAB}/../bmp/streams/r1-bmp.bin")).unwrap();
    std::fs::write(path("bmp.pcap"), testkit::tcp_capture("10.0.0.1".parse().unwrap(), &stream)).unwrap();
    let read = |sources: &[&str], out: &str| {
        let output = umbra(&[&["sync", "read"], sources, &["--out", out]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    read(&[&path("lab")], &path("without.json"));
    read(&[&path("lab"), &path("bmp.pcap")], &path("told.json"));
    let way = |net: &str, to: &str| {
        let output = umbra(&["trace", net, "r1", to, "--output", "ndjson"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let rows = String::from_utf8(output.stdout).unwrap();
        let row = |line: &str| line.parse::<Value>().unwrap();
        let column = |row: Value| ["node", "sent_on", "disposition"].map(|c| row[c].to_string());
        rows.lines().map(row).map(column).collect::<Vec<_>>()
    };
    // What BGP has alone, what the IGP has, and what nobody has.
    for to in ["203.0.113.7", "203.0.117.1", "10.0.0.3", "h6", "10.0.0.1", "8.8.8.8"] {
        assert_eq!(way(&path("told.json"), to), way(&format!("{LAB}/full"), to), "to {to}");
    }
    assert_ne!(way(&path("without.json"), "203.0.113.7"), way(&path("told.json"), "203.0.113.7"));
}
