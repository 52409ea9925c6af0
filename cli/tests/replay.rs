//! `umbra replay` from outside: what is sent, what arrives where, and what is left behind on errors.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use report::{ParquetFile, Summary, Table, TableSpec, schema};

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata");

fn testdata(name: &str) -> String {
    format!("{TESTDATA}/{name}")
}

fn umbra(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umbra")).args(args).env_remove("UMBRA_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A finished replay.
struct Replay {
    out: PathBuf,
    stdout: String,
}

impl Replay {
    /// Replays `traffic` through `net` into the new folder `out`, which must succeed.
    fn run(net: &str, traffic: &str, out: &Path, options: &[&str]) -> Self {
        let mut args = vec!["replay", net, "--traffic", traffic, "--out", out.to_str().unwrap()];
        args.extend(options);
        let output = umbra(&args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        Self { out: out.to_owned(), stdout: text(&output.stdout) }
    }

    fn table(&self, spec: &'static TableSpec) -> Table {
        ParquetFile::open(&self.out.join(format!("{}.parquet", spec.name))).unwrap().table(spec).unwrap()
    }

    fn summary(&self) -> Summary {
        serde_json::from_slice(&fs::read(self.out.join("summary.json")).unwrap()).unwrap()
    }

    fn sum(&self, column: &str) -> u64 {
        self.table(&schema::FLOWS).u64(column).iter().flatten().sum()
    }

    /// How many packets a note touches.
    fn note(&self, code: &str) -> Option<u64> {
        self.summary().fidelity.notes.iter().find(|n| n.code == code).and_then(|n| n.touches)
    }

    /// The node names of each link that carried packets.
    fn used(&self) -> Vec<String> {
        let links = self.table(&schema::LINKS);
        let busy = (0..links.len()).filter(|&i| links.u64("packets")[i] > Some(0));
        let name = |column: &str, i: usize| links.str(column)[i].clone().unwrap();
        busy.map(|i| format!("{}>{}", name("src", i), name("dst", i))).collect()
    }
}

/// A pcap (microseconds, Ethernet) of UDP datagrams, one each millisecond.
fn pcap(folder: &Path, name: &str, packets: &[([u8; 4], [u8; 4])]) -> String {
    let mut file = Vec::from(b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0");
    for (i, (src, dst)) in (0u32..).zip(packets) {
        for field in [1_700_000_000, i * 1_000, 42, 42] {
            file.extend(u32::to_le_bytes(field));
        }
        file.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        file.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
        file.extend(src.iter().chain(dst));
        file.extend([0x13, 0x88, 0, 53, 0, 8, 0, 0]);
    }
    let path = folder.join(name);
    fs::write(&path, file).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The same of one TCP connection: a SYN, and a segment with 100 bytes.
fn tcp_pcap(folder: &Path, name: &str, src: [u8; 4], dst: [u8; 4]) -> String {
    let mut file = Vec::from(b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0");
    for (i, (sequence, flags, data)) in (0u32..).zip([(7u32, 0x02, 0u8), (8, 0x10, 100)]) {
        let len = 54 + u32::from(data);
        for field in [1_700_000_000, i * 1_000, len, len] {
            file.extend(u32::to_le_bytes(field));
        }
        file.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        file.extend([0x45, 0, 0, 40 + data, 0, 0, 0, 0, 64, 6, 0, 0]);
        file.extend(src.iter().chain(&dst));
        file.extend([0x13, 0x88, 0, 80]);
        file.extend(sequence.to_be_bytes());
        file.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        file.extend(vec![0; usize::from(data)]);
    }
    let path = folder.join(name);
    fs::write(&path, file).unwrap();
    path.to_str().unwrap().to_owned()
}

const R1: [u8; 4] = [10, 0, 0, 1];
const H6: [u8; 4] = [10, 3, 0, 6];

#[test]
fn a_real_capture_goes_through_a_recorded_lab() {
    let dir = tempfile::tempdir().unwrap();
    let lab = dir.path().join("lab.json");
    let lab = lab.to_str().unwrap();
    assert_eq!(umbra(&["import", &testdata("lab-a/full"), "--out", lab]).status.code(), Some(0));
    let capture = testdata("pcap/captures/zeek__tcp_reassembly.pcap");
    let replay = Replay::run(lab, &capture, &dir.path().join("out"), &[]);
    assert!(replay.stdout.starts_with("sent,delivered,dropped,in_flight,end_s,digest\n117,117,0,0,14.3"));
    assert_eq!((replay.sum("sent"), replay.sum("delivered")), (117, 117));
    assert_eq!(replay.note("address-hashed"), Some(117), "Internet addresses are strangers in the lab");
    let mut files: Vec<_> =
        fs::read_dir(&replay.out).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let expected = ["drops.parquet", "entities.parquet", "flows.parquet", "links.parquet", "summary.json"];
    assert_eq!(files, expected);
    assert_eq!(replay.summary().tables["links"], 14);
}

#[test]
fn in_a_closed_loop_a_capture_says_how_much_and_not_when() {
    let dir = tempfile::tempdir().unwrap();
    let capture = testdata("pcap/captures/zeek__vlan-qinqinq.pcap");
    let run = |name: &str, control| {
        Replay::run(&testdata("lab-a/full"), &capture, &dir.path().join(name), &["--closed-loop", control])
    };
    let (reno, again, cubic) = (run("reno", "reno"), run("again", "reno"), run("cubic", "cubic"));
    assert_eq!(reno.stdout, again.stdout);
    for replay in [&reno, &cubic] {
        let table = replay.table(&schema::CONNECTIONS);
        // The request and the answer as the capture has them: 136 bytes, then 3 x 1,448 and 663.
        assert_eq!((table.u64("forward"), table.u64("backward")), (&[Some(136)][..], &[Some(5_007)][..]));
        let (forward, backward) = (table.f64("forward_s")[0].unwrap(), table.f64("backward_s")[0].unwrap());
        assert!(0.0 < forward && forward < backward && backward < 0.2, "{forward} {backward}");
        assert_eq!(table.u64("retransmitted"), &[Some(0)]);
        assert_eq!((replay.note("tcp"), replay.note("open-loop")), (Some(1), None));
        assert_eq!(replay.sum("sent"), replay.sum("delivered"));
        assert_eq!(replay.table(&schema::FLOWS).len(), 2);
    }
}

#[test]
fn connections_follow_the_forwarding_tables_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str, src, dst| {
        let capture = tcp_pcap(dir.path(), &format!("{name}.pcap"), src, dst);
        Replay::run(&testdata("lab-a/full"), &capture, &dir.path().join(name), &["--closed-loop", "reno"])
    };
    // The host reaches its own subnet: it has a connection with r4's address there.
    let near = run("near", H6, [10, 3, 0, 1]);
    let table = near.table(&schema::CONNECTIONS);
    assert_eq!((table.u64("forward"), near.sum("dropped")), (&[Some(100)][..], 0));
    assert!(table.f64("forward_s")[0].is_some_and(|s| s < 0.1));
    assert_eq!(near.note("connection-hashed"), None);
    // It has no way back to r1, whose SYN it answers again and again, and r1 gives up after 3 minutes.
    let far = run("far", R1, H6);
    let table = far.table(&schema::CONNECTIONS);
    assert_eq!((table.u64("forward"), table.f64("connected_s")), (&[Some(0)][..], &[None][..]));
    assert!(far.table(&schema::DROPS).str("reason").iter().all(|r| r.as_deref() == Some("no_route")));
    assert!(far.sum("dropped") >= 7, "{}", far.sum("dropped"));
}

#[test]
fn what_is_not_known_to_be_tcp_stays_out_of_the_loop() {
    let dir = tempfile::tempdir().unwrap();
    let capture = pcap(dir.path(), "udp.pcap", &[(R1, H6), (R1, H6)]);
    let replay =
        Replay::run(&testdata("lab-a/full"), &capture, &dir.path().join("udp"), &["--closed-loop", "cubic"]);
    assert_eq!((replay.sum("delivered"), replay.table(&schema::CONNECTIONS).len()), (2, 0));
    let table = dir.path().join("flows.csv");
    fs::write(&table, "src,dst,packets,bytes\nr1,r2,1,100\n").unwrap();
    let (net, out) = (testdata("lab-a/full"), dir.path().join("none"));
    let (table, out) = (table.to_str().unwrap(), out.to_str().unwrap());
    let output = umbra(&["replay", &net, "--traffic", table, "--out", out, "--closed-loop", "reno"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("--closed-loop needs a capture"));
}

#[test]
fn packets_of_the_labs_own_addresses_follow_its_forwarding_tables() {
    let dir = tempfile::tempdir().unwrap();
    let out = |name: &str| dir.path().join(name);
    let lab = testdata("lab-a/full");
    // r1 routes 10.3.0.0/24 by r4, which has the host on a cable.
    let capture = pcap(dir.path(), "down.pcap", &[(R1, H6), (R1, H6)]);
    let replay = Replay::run(&lab, &capture, &out("down"), &[]);
    assert_eq!((replay.sum("sent"), replay.sum("delivered")), (2, 2));
    assert_eq!(replay.used(), ["r1>r4", "r4>h6"]);
    assert_eq!((replay.note("address-owned"), replay.note("address-hashed")), (Some(2), None));
    // The host has a route to its own subnet alone: its packets to r4 arrive, those to r1 end in its own table.
    let capture = pcap(dir.path(), "up.pcap", &[(H6, [10, 3, 0, 1]), (H6, R1), (H6, R1)]);
    let replay = Replay::run(&lab, &capture, &out("up"), &[]);
    assert_eq!((replay.sum("delivered"), replay.sum("dropped")), (1, 2));
    let drops = replay.table(&schema::DROPS);
    assert_eq!(drops.str("reason"), &[Some("no_route".to_owned()), Some("no_route".to_owned())]);
    assert_eq!(drops.u64("at_ps"), &[Some(1_000_000_000), Some(2_000_000_000)]);
    let entities = replay.table(&schema::ENTITIES);
    let node = drops.u32("node")[0].unwrap() as usize;
    assert_eq!(entities.str("name")[node].as_deref(), Some("h6"));
    // e5 announces a block that it discards itself: r1 knows the way there.
    let capture = pcap(dir.path(), "out.pcap", &[(R1, [203, 0, 113, 9]), (R1, [198, 51, 100, 1])]);
    let replay = Replay::run(&lab, &capture, &out("out"), &[]);
    let hashed = replay.note("address-hashed");
    assert_eq!((replay.note("address-owned"), hashed), (Some(1), Some(1)), "the second is a stranger");
    assert!(replay.used().contains(&"r2>e5".to_owned()), "{:?}", replay.used());
    let drops = replay.table(&schema::DROPS);
    assert_eq!(drops.str("reason"), &[Some("null_route".to_owned())]);
    let node = drops.u32("node")[0].unwrap() as usize;
    assert_eq!(entities.str("name")[node].as_deref(), Some("e5"));
}

#[test]
fn an_address_map_says_who_sends() {
    let dir = tempfile::tempdir().unwrap();
    let map = dir.path().join("map.csv");
    fs::write(&map, "prefix,node\n63.0.0.0/8,NYCMng\n128.3.0.0/16,LOSAng\n").unwrap();
    let net = testdata("topologies/abilene.xml");
    let capture = testdata("pcap/captures/zeek__tcp_reassembly.pcap");
    let options = ["--map", map.to_str().unwrap()];
    let replay = Replay::run(&net, &capture, &dir.path().join("out"), &options);
    let flows = replay.table(&schema::FLOWS);
    let ends: Vec<_> = flows.str("src").iter().zip(flows.str("dst")).collect();
    let (new_york, los_angeles) = (Some("NYCMng".to_owned()), Some("LOSAng".to_owned()));
    assert_eq!(ends, [(&new_york, &los_angeles), (&los_angeles, &new_york)]);
    assert_eq!((replay.sum("delivered"), replay.note("address-map")), (117, Some(117)));
    assert!(flows.f64("delay_mean_us")[0] > Some(15_000.0), "across a continent");

    // The same with one node misspelt.
    fs::write(&map, "prefix,node\n63.0.0.0/8,NYCMnf\n").unwrap();
    let out = dir.path().join("bad");
    refused(
        &[&net, "--traffic", &capture, "--map", options[1]],
        &out,
        &[":2: unknown node 'NYCMnf'", "did you mean 'NYCMng'?"],
    );
}

#[test]
fn flow_tables_are_spread_over_their_times() {
    let dir = tempfile::tempdir().unwrap();
    let net = testdata("topologies/abilene.xml");
    let table = dir.path().join("flows.csv");
    let rows = "ATLAng,NYCMng,11,15000,100.0,101.0\nnode:name:CHINng,192.0.2.1,5,500,100.5,100.5\n";
    fs::write(&table, format!("src,dst,packets,bytes,first_s,last_s\n{rows}")).unwrap();
    let replay = Replay::run(&net, table.to_str().unwrap(), &dir.path().join("out"), &[]);
    assert_eq!((replay.sum("sent"), replay.sum("delivered"), replay.sum("bytes")), (16, 16, 15_500));
    assert_eq!(replay.note("flow-table"), Some(16));
    let flows = replay.table(&schema::FLOWS);
    let between = flows.f64("last_s")[0].unwrap() - flows.f64("first_s")[0].unwrap();
    assert!((between - 1.0).abs() < 1e-6, "eleven packets in steps of 0.1 s: {between}");

    // What `umbra flows` prints is a flow table.
    let capture = testdata("pcap/captures/zeek__tls_tls1.2.pcap");
    fs::write(&table, umbra(&["flows", &capture]).stdout).unwrap();
    let replay = Replay::run(&net, table.to_str().unwrap(), &dir.path().join("again"), &[]);
    assert!(replay.sum("sent") > 10);
    assert_eq!(replay.sum("sent"), replay.sum("delivered"));

    let out = dir.path().join("bad");
    for (row, says) in [
        (
            "CHINg,NYCMng,1,100,0,1",
            "row 1: unknown node 'CHINg'; expected an address, or a node of the network; did you mean 'CHINng'?",
        ),
        ("ATLAng,NYCMng,-1,100,0,1", ":2: '-1' in column 'packets'; expected an integer of at least 0"),
        ("ATLAng,NYCMng,1,100,nan,1", ":2: 'nan' in column 'first_s'"),
        ("ATLAng,NYCMng,1,100,2,1", "row 1: last_s before first_s"),
        ("ATLAng,NYCMng,5,18446744073709551615,0,1", "row 1: packets larger than 4 GB"),
        ("ATLAng,NYCMng,5,500,-1e300,1e300", "row 1: 2.000e300 s after the first flow"),
        ("ATLAng,NYCMng,5,500,0,1e18", "row 1: 1.000e18 s after the first flow"),
        ("ATLAng,NYCMng,1,100", ":2: broken CSV"),
    ] {
        fs::write(&table, format!("src,dst,packets,bytes,first_s,last_s\n{row}\n")).unwrap();
        refused(&[&net, "--traffic", table.to_str().unwrap()], &out, &[says]);
    }
    fs::write(&table, "src,dst,packet,bytes\n").unwrap();
    refused(
        &[&net, "--traffic", table.to_str().unwrap()],
        &out,
        &[":1: no column 'packets'", "did you mean 'packet'?"],
    );
}

#[test]
fn a_matrix_is_sent_as_poisson_packets() {
    let dir = tempfile::tempdir().unwrap();
    let (net, demands) = (testdata("topologies/Abilene.graph"), testdata("topologies/Abilene.0000.demands"));
    let replay = Replay::run(&net, &demands, &dir.path().join("out"), &["--until", "5ms"]);
    assert_eq!(replay.summary().tables["flows"], 110);
    let sent = replay.sum("sent");
    // 5 ms of the matrix's sum in packets of 12,000 bits.
    let text = fs::read_to_string(&demands).unwrap();
    let kbps: f64 = text.lines().filter_map(|l| l.split_whitespace().nth(3)?.parse::<f64>().ok()).sum();
    let mean = kbps * 1e3 * 5e-3 / 12_000.0;
    assert!((sent as f64 - mean).abs() < 5.0 * mean.sqrt(), "{sent} packets, {mean} expected");
    let ends = replay.summary().extra["packets"].clone();
    assert_eq!(ends["end_ps"], 5_000_000_000_u64);
    let arrived = replay.sum("delivered") + replay.sum("dropped");
    assert_eq!(sent, arrived + ends["in_flight"].as_u64().unwrap());
    assert_eq!(replay.table(&schema::DROPS).len() as u64, replay.sum("dropped"));

    let options = ["--until", "5ms", "--rung", "foreground"];
    let few = Replay::run(&net, &demands, &dir.path().join("few"), &options);
    assert!((few.sum("sent") as f64 - mean / 100.0).abs() < 5.0 * (mean / 100.0).sqrt());
    assert_eq!(few.summary().extra["rung"], "foreground");
}

#[test]
fn on_the_fluid_rung_demands_get_their_fair_shares() {
    let dir = tempfile::tempdir().unwrap();
    let (net, demands) = (testdata("topologies/Abilene.graph"), testdata("topologies/Abilene.0000.demands"));
    let run = |name: &str| Replay::run(&net, &demands, &dir.path().join(name), &["--rung", "fluid"]);
    let replay = run("out");
    assert_eq!(replay.summary().extra["rung"], "fluid");
    assert_eq!((replay.summary().tables["flows"], replay.summary().tables["drops"]), (110, 0));
    assert!(replay.table(&schema::LINKS).f64("utilisation").iter().flatten().all(|u| *u <= 1.0 + 1e-12));
    let volumes = replay.summary().extra["volumes"].clone();
    let (offered, served) =
        (volumes["offered_bps"].as_f64().unwrap(), volumes["served_bps"].as_f64().unwrap());
    assert!(served <= offered * (1.0 + 1e-12) && volumes["lost_bps"] == 0.0);
    // A second in packets of 12,000 bits, each of 110 demands rounded.
    assert!((replay.sum("sent") as f64 - offered / 12_000.0).abs() <= 110.0);
    assert!((replay.sum("delivered") as f64 - served / 12_000.0).abs() <= 110.0);
    assert!(replay.note("max-min").is_some());
    assert_eq!(run("again").summary().result_digest, replay.summary().result_digest);
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let (net, demands) = (testdata("topologies/Abilene.graph"), testdata("topologies/Abilene.0000.demands"));
    let run = |name: &str, options: &[&str]| {
        let options = [&["--until", "2ms", "--drops", "7"], options].concat();
        Replay::run(&net, &demands, &dir.path().join(name), &options)
    };
    let first = run("1", &["--threads", "1"]);
    for (name, threads) in [("1b", "1"), ("2", "2"), ("4", "4")] {
        let again = run(name, &["--threads", threads]);
        for table in ["links", "flows", "drops", "entities"] {
            let read = |r: &Replay| fs::read(r.out.join(format!("{table}.parquet"))).unwrap();
            assert_eq!(read(&first), read(&again), "{table} on {threads} threads");
        }
        assert_eq!(first.stdout, again.stdout);
        assert_eq!(first.summary().result_digest, again.summary().result_digest);
    }
    let other = run("seed", &["--seed", "1"]);
    assert_ne!(first.summary().result_digest, other.summary().result_digest);
    assert!(first.table(&schema::DROPS).len() <= 7);
}

/// Replays with these arguments, which must fail with 3, say all of `parts`, and leave nothing at `out`.
fn refused(args: &[&str], out: &Path, parts: &[&str]) {
    let output = umbra(&[&["replay", "--out", out.to_str().unwrap()], args].concat());
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    parts.iter().for_each(|part| assert!(error.contains(part), "'{part}' is not in: {error}"));
    assert!(!out.exists() && output.stdout.is_empty());
}

#[test]
fn bad_traffic_is_refused_with_its_place_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let net = testdata("topologies/abilene.xml");
    let damaged = testdata("pcap/captures/corrupt/cut-mid-record.pcap");
    let place = format!("error: {damaged}: byte 159: the file ends within a packet (10 of 66 bytes)");
    refused(&[&net, "--traffic", &damaged], &out, &[&place]);
    refused(&[&net, "--traffic", "no-such.pcap"], &out, &["no-such.pcap"]);
    refused(&[&net, "--traffic", "no-such.txt"], &out, &["no known suffix", ".pcapng"]);
    refused(&[&net, "--traffic", &testdata("topologies/Abilene.graph")], &out, &["no known suffix"]);
    refused(&[&net, "--traffic", &testdata("topologies/geant.xml")], &out, &["which is not in the network"]);
    refused(&[&net, "--traffic", &testdata("rfc8345/sample.json")], &out, &["a network without demands"]);
    let lab = testdata("lab-a/full");
    let capture = testdata("pcap/captures/zeek__tcp_reassembly.pcap");
    refused(&[&lab, "--traffic", &capture, "--rung", "foreground"], &out, &["a network without demands"]);
}

#[test]
fn usage_errors_are_2_and_targets_that_cannot_be_written_5() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let net = testdata("topologies/abilene.xml");
    let capture = testdata("pcap/captures/zeek__tcp_reassembly.pcap");
    let code = |options: &[&str], out: &Path| {
        let args =
            [&["replay", &net, "--traffic", &capture, "--out", out.to_str().unwrap()], options].concat();
        umbra(&args).status.code()
    };
    assert_eq!(code(&["--rung", "exact"], &out), Some(2));
    assert_eq!(code(&["--rung", "fluid"], &out), Some(2), "a capture is packets");
    assert_eq!(code(&["--until", "10"], &out), Some(2));
    assert_eq!(code(&["--foreground", "0.1"], &out), Some(2));
    assert_eq!(code(&["--rung", "foreground", "--foreground", "0.1"], &out), Some(2));
    assert!(!out.exists());
    assert_eq!(code(&["--dry-run"], &out), Some(0));
    assert!(!out.exists());
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert_eq!(code(&[], &file), Some(5));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(code(&[], &file.join("below")), Some(5));
    #[cfg(target_os = "linux")]
    assert_eq!(code(&[], Path::new("/proc/no-folder-can-be-made-here")), Some(5));
}
