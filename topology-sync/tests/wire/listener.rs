//! A listener never originates.

use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Names of what can send: without any of them code takes bytes and returns values, nothing else.
const DOORS: [&str; 17] = [
    "Socket",
    "socket",
    "TcpStream",
    "UnixStream",
    ".send",
    "sendto",
    "write",
    "std::io",
    "std::fs",
    "std::process",
    "std::os",
    "std::env",
    "std::thread",
    "nix::",
    "tokio",
    "netlink",
    "extern",
];

#[test]
fn the_decoders_have_no_way_to_send() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire");
    let files = sources(&folder);
    assert!(files.len() >= 15, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
        for line in code {
            let door = DOORS.iter().find(|door| line.contains(**door));
            assert_eq!(door, None, "{}: {line}", file.display());
        }
    }
}

#[test]
fn the_test_sees_a_door() {
    let line = "let s = std::net::UdpSocket::bind(\"0.0.0.0:0\")?; s.send(&frame)?;";
    assert!(DOORS.iter().any(|door| line.contains(door)));
}
