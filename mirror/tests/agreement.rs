//! Every recorded capture against what tshark saw in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use twin::InputError;
use umbra_mirror::flows::{Flow, FlowOptions, FlowTracker, Flows};
use umbra_mirror::source;

/// tshark's streams are those of the inner header here, under outer addresses.
const TUNNELS: [&str; 3] =
    ["zeek__tunnels_vxlan-encapsulated-http.pcap", "zeek__tunnels_gre-sample.pcap", "zeek__erspan.pcap"];
/// tshark counts an ICMP error in the stream of the packet that it quotes; for us it is ICMP.
const QUOTES: [&str; 2] = ["tcpreplay__test_test.pcap", "tcpdump__mpls-traceroute.pcap"];
/// tshark strips the pseudo-header of ATM, refuses multilink frame relay, and shows custom blocks as packets.
const COUNTED_OTHERWISE: [&str; 5] = [
    "tcpdump__atm-heapoverflow.pcap",
    "tcpdump__atm-oam-heapoverflow.pcap",
    "tcpdump__frf16_magic_ie-oobr.pcap",
    "pcapng__output_be_basic_test017.pcapng",
    "pcapng__output_le_basic_test017.pcapng",
];

fn folder() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/pcap/captures")).to_owned()
}

/// A CSV file as rows of named cells. None of ours quotes.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|l| names.iter().zip(l.split(',')).map(|(n, c)| (n.to_string(), c.to_string())).collect())
        .collect()
}

#[derive(Debug, Default, PartialEq)]
struct Totals {
    packets: u64,
    wire_bytes: u64,
    captured_bytes: u64,
    first_ns: Option<i64>,
    last_ns: Option<i64>,
}

fn read(path: &Path, decapsulate: bool) -> (Totals, Flows, Result<(), InputError>) {
    let mut totals = Totals::default();
    let mut tracker = FlowTracker::new(FlowOptions { decapsulate });
    let end = source::open(path).and_then(|mut capture| {
        capture.for_each(|frame| {
            if totals.packets == 0 {
                totals.first_ns = frame.at.map(|at| at.as_ns());
            }
            totals.packets += 1;
            totals.wire_bytes += u64::from(frame.wire_len);
            totals.captured_bytes += frame.data.len() as u64;
            totals.last_ns = frame.at.map(|at| at.as_ns());
            tracker.observe(&frame);
        })
    });
    (totals, tracker.finish(), end)
}

/// `1413745931.455999000` in nanoseconds.
fn ns(seconds: &str) -> Option<i64> {
    let (whole, fraction) = seconds.split_once('.')?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    Some(whole.parse::<i64>().ok()? * 1_000_000_000 + digits.parse::<i64>().ok()?)
}

#[test]
fn counts_lengths_and_times_are_tshark_s() {
    let mut files = 0;
    for row in rows(&folder().join("captures.csv")) {
        let name = row["file"].as_str();
        let (totals, _, end) = read(&folder().join(name), false);
        assert_eq!(end, Ok(()), "{name}");
        if COUNTED_OTHERWISE.contains(&name) {
            continue;
        }
        let number = |column: &str| row[column].parse::<u64>().unwrap();
        let expected = Totals {
            packets: number("packets"),
            wire_bytes: number("wire_bytes"),
            captured_bytes: number("captured_bytes"),
            first_ns: ns(&row["first_ts"]),
            last_ns: ns(&row["last_ts"]),
        };
        assert_eq!(totals, expected, "{name}");
        files += 1;
    }
    assert_eq!(files, 120);
}

#[test]
fn damaged_captures_give_what_stands_before_the_damage() {
    let corrupt = folder().join("corrupt");
    let mut report = String::new();
    for row in rows(&corrupt.join("verdicts.csv")) {
        let (totals, _, end) = read(&corrupt.join(&row["file"]), false);
        assert_eq!(totals.packets.to_string(), row["tshark_packets"], "{}", row["file"]);
        let error = end.unwrap_err();
        assert!(error.file.ends_with(&row["file"]));
        report += &format!("{} {:?} {}; {}\n", row["file"], error.place, error.what, error.expected);
    }
    expect_test::expect![[r#"
        cut-mid-record.pcap Offset(159) the file ends within a packet (10 of 66 bytes); a whole record
        cut-mid-header.pcap Offset(140) the file ends within a record header (7 of 16 bytes); a whole record
        caplen-4g.pcap Offset(32) a record of 4294967295 bytes; at most 262144 bytes
        bad-magic.pcap Offset(0) unknown magic number deadbeef; a pcap or pcapng capture
        garbage-between-records.pcap Offset(141) a record of 119671116 bytes; at most 262144 bytes
    "#]]
    .assert_eq(&report);
}

/// A flow's number of each metric; RTTs in nanoseconds.
type Metrics = [f64; 7];
const METRICS: [&str; 7] =
    ["packets", "bytes", "retransmissions", "out_of_order", "lost", "rtt_initial_ms", "rtt_median_ms"];
type Key = (String, [(String, String); 2]);

fn key(proto: &str, src: (String, String), dst: (String, String)) -> Key {
    let mut ends = [src, dst];
    ends.sort();
    (proto.to_owned(), ends)
}

/// tshark's streams, those of one 5-tuple together.
fn streams(name: &str) -> BTreeMap<Key, Metrics> {
    let path = folder().join(format!("{name}.flows.csv"));
    let mut flows: BTreeMap<Key, Metrics> = BTreeMap::new();
    for row in if path.exists() { rows(&path) } else { Vec::new() } {
        let end = |address: &str, port: &str| (row[address].clone(), row[port].clone());
        let number = |column: &str| row[column].parse::<f64>().unwrap_or(0.0);
        let nanos = |column: &str| (number(column) * 1e9).round();
        let metrics = [
            number("packets"),
            number("wire_bytes"),
            number("retransmissions"),
            number("out_of_order"),
            number("lost_segment"),
            nanos("initial_rtt"),
            nanos("ack_rtt_median"),
        ];
        flows
            .entry(key(&row["proto"], end("src", "sport"), end("dst", "dport")))
            .and_modify(|sum| (0..5).for_each(|i| sum[i] += metrics[i]))
            .or_insert(metrics);
    }
    flows
}

fn metrics(flow: &Flow) -> Metrics {
    [
        flow.packets as f64,
        flow.bytes as f64,
        flow.retransmissions as f64,
        flow.out_of_order as f64,
        flow.lost as f64,
        flow.rtt_initial_ns.unwrap_or(0) as f64,
        flow.rtt_median_ns.unwrap_or(0.0).round(),
    ]
}

fn ours(flows: &Flows) -> BTreeMap<Key, Metrics> {
    let with_ports = flows.flows.iter().filter(|f| matches!(f.proto().as_str(), "tcp" | "udp"));
    with_ports
        .map(|f| {
            let port = |port: Option<u16>| port.unwrap().to_string();
            let ends = ((f.src.to_string(), port(f.src_port)), (f.dst.to_string(), port(f.dst_port)));
            (key(&f.proto(), ends.0, ends.1), metrics(f))
        })
        .collect()
}

#[test]
fn flows_and_all_their_metrics_are_tshark_s() {
    let mut agree = [0_u32; 7];
    let (mut flows, mut files) = (0, 0);
    let mut differences = String::new();
    for row in rows(&folder().join("captures.csv")) {
        let name = row["file"].as_str();
        if TUNNELS.contains(&name) {
            continue;
        }
        let (theirs, ours) = (streams(name), ours(&read(&folder().join(name), false).1));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{name}");
        if QUOTES.contains(&name) && theirs != ours {
            continue;
        }
        files += usize::from(!theirs.is_empty());
        for (key, expected) in &theirs {
            flows += 1;
            for (i, metric) in METRICS.iter().enumerate() {
                let found = ours[key][i];
                agree[i] += u32::from(found == expected[i]);
                if found != expected[i] {
                    differences += &format!("{name} {key:?} {metric}: {found}, tshark {}\n", expected[i]);
                }
            }
        }
    }
    println!("{files} captures, {flows} flows");
    for (metric, agree) in METRICS.iter().zip(agree) {
        println!("{metric:>16} {agree} of {flows}");
    }
    assert_eq!(differences, "");
    assert!(files >= 65 && flows >= 480, "{files} captures, {flows} flows");
}

#[test]
fn an_icmp_error_is_no_packet_of_the_flow_it_quotes() {
    for name in QUOTES {
        let flows = read(&folder().join(name), false).1;
        let icmp: f64 = flows.flows.iter().filter(|f| f.protocol == 1).map(|f| f.packets as f64).sum();
        let (theirs, ours) = (streams(name), ours(&flows));
        let mut quoted = 0.0;
        for (key, expected) in theirs {
            quoted += expected[0] - ours[&key][0];
            assert!(key.0 == "udp" || ours[&key] == expected, "{name} {key:?}");
        }
        assert!(quoted > 0.0 && quoted <= icmp, "{name}: {quoted} errors, {icmp} ICMP packets");
    }
}

#[test]
fn decapsulated_flows_have_the_inner_streams_metrics() {
    for name in TUNNELS {
        let flows = read(&folder().join(name), true).1;
        let tcp = |metrics: BTreeMap<Key, Metrics>| -> BTreeMap<Vec<String>, [f64; 5]> {
            // tshark's rows carry outer addresses: compare by ports.
            let by_ports = |k: Key| {
                let mut ports = k.1.map(|(_, port)| port).to_vec();
                ports.sort();
                ports
            };
            let tcp = metrics.into_iter().filter(|(k, _)| k.0 == "tcp");
            tcp.map(|(k, m)| (by_ports(k), [m[0], m[2], m[3], m[4], m[5]])).collect()
        };
        assert_eq!(tcp(ours(&flows)), tcp(streams(name)), "{name}");
        let outer = read(&folder().join(name), false).1;
        assert!(ours(&outer).keys().all(|k| k.0 != "tcp"), "{name}: the outermost header is not TCP");
    }
}

#[test]
fn all_ip_frames_are_in_some_row() {
    let (totals, flows, _) = read(&folder().join("ppp__ip4_fragments.pcap"), false);
    let sum: u64 = flows.flows.iter().map(|f| f.bytes).sum();
    assert!(flows.diagnostics.is_empty());
    assert_eq!(sum, totals.wire_bytes);
}
