//! Captures of BMP and BGP against an independent program's decode, field by field.
#![cfg(feature = "bgp")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use umbra_topology_sync::bgp::frame::segment;
use umbra_topology_sync::bgp::listener::{Heard, Listener, What};
use umbra_topology_sync::wire::capture::{self, Record};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/bmp");

/// The messages of a capture, BMP and BGP apart, as JSON; and what could not be read.
#[derive(Default)]
struct Decoded {
    bmp: Vec<Value>,
    bgp: Vec<Value>,
    unexpected: usize,
    faults: Vec<String>,
}

fn decode(capture: &Path) -> Decoded {
    let bytes = std::fs::read(capture).unwrap();
    let (mut listener, mut decoded) = (Listener::default(), Decoded::default());
    let lost = RefCell::new(BTreeSet::new());
    let mut tell = |heard: Heard<'_>| match heard.what {
        What::Bmp(message) => decoded.bmp.push(serde_json::to_value(message).unwrap()),
        // The expected files hold what is sent to port 179.
        What::Bgp(..) if heard.to.port() != 179 || lost.borrow().contains(&(heard.from, heard.to)) => {
            decoded.unexpected += 1;
        }
        What::Bgp(message, _) => decoded.bgp.push(serde_json::to_value(message).unwrap()),
        What::Damage(_, e) => decoded.faults.push(format!("{} {e}", heard.from)),
        What::Gap(_, bytes) => decoded.faults.push(format!("{} gap of {bytes}", heard.from)),
        What::End(_) => {}
    };
    capture::read("capture", &bytes, |f| {
        if let Some(segment) = segment(f.link_type, f.data).filter(|_| padded(f)) {
            lost.borrow_mut().insert((segment.src, segment.dst));
        }
        listener.frame(f.at, f.link_type, f.data, &mut tell);
    })
    .unwrap();
    listener.finish(&mut tell);
    decoded
}

/// Whether Ethernet pads the frame. The program that wrote the expected files takes padding for data, loses its place in
/// that direction of that conversation, and reads nothing of it from there on.
fn padded(frame: Record<'_>) -> bool {
    let ipv4 = frame.link_type == 1 && frame.data.get(12..14) == Some(&[8, 0]);
    ipv4 && frame.data.len() > 14 + usize::from(u16::from_be_bytes([frame.data[16], frame.data[17]]))
}

fn expected(capture: &Path, suffix: &str) -> Vec<Value> {
    let name = capture.file_stem().unwrap().to_str().unwrap();
    let text =
        std::fs::read_to_string(capture.with_file_name(format!("{name}-{suffix}.json"))).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The program that wrote the expected files sees one direction of a session, and takes AS numbers to be of four bytes.
/// We know what both ends agreed to. The only AS paths on which that shows are empty: of either width.
fn with_empty_as_paths_of_four_bytes(value: &Value) -> Value {
    match value {
        Value::Object(map) if map.len() == 1 && map.get("As2PathSegments") == Some(&json!([])) => {
            json!({ "As4PathSegments": [] })
        }
        Value::Object(map) => {
            map.iter().map(|(k, v)| (k.clone(), with_empty_as_paths_of_four_bytes(v))).collect()
        }
        Value::Array(list) => list.iter().map(with_empty_as_paths_of_four_bytes).collect(),
        other => other.clone(),
    }
}

/// The first message that differs, in full.
fn compare(capture: &Path, what: &str, got: &[Value], expected: &[Value]) {
    for (n, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert_eq!(got, expected, "{}: {what} message {}", capture.display(), n + 1);
    }
    assert_eq!(got.len(), expected.len(), "{}: {what} messages", capture.display());
}

fn captures() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(FOLDER).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir());
    let files = folders.flat_map(|f| std::fs::read_dir(f).unwrap().map(|e| e.unwrap().path()));
    let mut list: Vec<_> = files.filter(|p| p.extension().is_some_and(|e| e == "pcap")).collect();
    list.sort();
    list
}

#[test]
fn every_message_is_decoded_as_expected() {
    let captures = captures();
    assert_eq!(captures.len(), 10);
    for capture in captures {
        let decoded = decode(&capture);
        assert_eq!(decoded.faults, [""; 0], "{}", capture.display());
        compare(&capture, "BMP", &decoded.bmp, &expected(&capture, "bmp"));
        let bgp: Vec<_> = decoded.bgp.iter().map(with_empty_as_paths_of_four_bytes).collect();
        compare(&capture, "BGP", &bgp, &expected(&capture, "bgp"));
        if capture.ends_with("bgp_multiple-sessions/traffic.pcap") {
            // As tcpdump 4.99.3 counts: `tcpdump -v -r traffic.pcap | grep -c 'Message ('`.
            assert_eq!(decoded.bgp.len() + decoded.unexpected, 291);
        }
    }
}
