//! `umbra flows` as a user meets it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn capture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/pcap/captures")).join(name)
}

fn flows(captures: &[PathBuf], options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umbra")).arg("flows").args(captures).args(options).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const HEADER: &str = "proto,src,src_port,dst,dst_port,packets,bytes,retransmissions,out_of_order,lost,\
    rtt_initial_ms,rtt_median_ms,first_s,last_s\n";

#[test]
fn a_capture_gives_one_row_a_flow_in_order_of_the_first_packet() {
    let run = flows(&[capture("zeek__tcp_reassembly.pcap")], &[]);
    let row = "tcp,63.193.213.194,2564,128.3.97.175,80,117,41352,20,0,8,39.993,0.206,\
        1078895630.194466000,1078895644.564378000\n";
    assert_eq!(text(&run.stdout), format!("{HEADER}{row}"));
    assert_eq!(run.status.code(), Some(0));
    let run = flows(&[capture("zeek__icmp_5-pings.pcap")], &["--output", "ndjson"]);
    assert!(text(&run.stdout).contains(r#""proto":"1""#), "{}", text(&run.stdout));
    assert!(text(&run.stdout).contains(r#""src_port":null"#));
}

#[test]
fn tunnels_are_opened_on_request() {
    let path = [capture("zeek__tunnels_vxlan-encapsulated-http.pcap")];
    assert!(text(&flows(&path, &[]).stdout).contains("\nudp,10.1.200.131,50000,10.1.1.172,4789,"));
    let inner = text(&flows(&path, &["--decapsulate"]).stdout);
    assert!(
        inner.contains("tcp,172.16.11.201,40354,54.86.237.188,80,12,10707,0,0,0,217.217,0.067,"),
        "{inner}"
    );
}

#[test]
fn what_stands_before_a_damage_is_printed_before_the_error() {
    let damaged = capture("corrupt/cut-mid-record.pcap");
    let run = flows(&[capture("zeek__tcp_reassembly.pcap"), damaged.clone()], &[]);
    assert_eq!(run.status.code(), Some(3));
    assert_eq!(
        text(&run.stdout).lines().count(),
        3,
        "the header, the first file's flow, the damaged file's flow"
    );
    assert_eq!(
        text(&run.stderr),
        format!(
            "error: {}: byte 159: the file ends within a packet (10 of 66 bytes); expected a whole record\n",
            damaged.display()
        )
    );
}

#[test]
fn frames_of_a_link_type_that_is_not_decoded_are_no_silent_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.pcap");
    let mut bytes = std::fs::read(capture("zeek__tcp_reassembly.pcap")).unwrap();
    assert_eq!(
        bytes[..4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        "little-endian: the link type is the last word of its header"
    );
    bytes[20..24].copy_from_slice(&127_u32.to_le_bytes()); // IEEE 802.11 with radiotap headers
    std::fs::write(&path, bytes).unwrap();
    let run = flows(&[path], &[]);
    assert_eq!((run.status.code(), text(&run.stdout).as_str()), (Some(0), HEADER));
    assert!(
        text(&run.stderr).contains("frames of a link type that is not decoded are in no flow (117 times)")
    );
}

#[test]
fn an_unreadable_capture_prints_nothing_and_names_itself() {
    let run = flows(&[capture("no-such.pcap")], &[]);
    assert_eq!((run.status.code(), text(&run.stdout).as_str()), (Some(3), ""));
    assert!(text(&run.stderr).contains("no-such.pcap"));
    let run = flows(&[capture("captures.csv")], &[]);
    assert_eq!((run.status.code(), text(&run.stdout).as_str()), (Some(3), ""));
    let run = flows(&[], &[]);
    assert_eq!(run.status.code(), Some(2));
}
