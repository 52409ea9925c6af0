//! BGP-LS as another daemon decodes it: gobgpd takes what the other tests feed to our reader, and shows the same nodes,
//! links and prefixes.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::iana::BgpLsProtocolId::OspfV2;
use netgauze_bgp_pkt::nlri::BgpLsLinkDescriptor as End;
use netgauze_bgp_pkt::path_attribute::BgpLsAttributeValue as Said;
use netgauze_iana::address_family::AddressType;
use netgauze_parse_utils::WritablePdu;

use super::build::*;

/// A daemon that ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn configuration(port: u16) -> String {
    format!(
        "[global.config]\nas = 65000\nrouter-id = \"10.0.0.9\"\nport = -1\n\
         [[neighbors]]\n[neighbors.config]\nneighbor-address = \"127.0.0.1\"\npeer-as = 65001\n\
         [neighbors.transport.config]\nremote-port = {port}\n\
         [neighbors.timers.config]\nconnect-retry = 1\n\
         [[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ls\"\n"
    )
}

fn send(stream: &mut TcpStream, message: &BgpMessage) {
    let mut bytes = Vec::new();
    message.write(&mut bytes).unwrap();
    stream.write_all(&bytes).unwrap();
}

/// The type of the next message from the daemon.
fn receive(stream: &mut TcpStream) -> u8 {
    let mut header = [0; 19];
    stream.read_exact(&mut header).unwrap();
    let mut body = vec![0; usize::from(u16::from_be_bytes([header[16], header[17]])) - header.len()];
    stream.read_exact(&mut body).unwrap();
    header[18]
}

#[test]
fn another_daemon_reads_the_same_link_states() {
    if !is_there("gobgpd") || !is_there("gobgp") {
        eprintln!("SKIPPED: gobgpd and gobgp are not installed");
        return;
    }
    let (listener, api) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let (port, api_port) = (listener.local_addr().unwrap().port(), api.local_addr().unwrap().port());
    drop(api); // the daemon takes its place
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gobgpd.toml");
    std::fs::write(&file, configuration(port)).unwrap();
    let hosts = format!("127.0.0.1:{api_port}");
    let quiet = Command::new("gobgpd")
        .arg("-f")
        .arg(&file)
        .args(["--api-hosts", &hosts])
        .args(["--pprof-disable"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _daemon = Daemon(quiet.unwrap());

    let show = || {
        let args = ["-p", &api_port.to_string(), "-j", "global", "rib", "-a", "ls"];
        let output = Command::new("gobgp").args(args).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    listener.set_nonblocking(true).unwrap();
    // Between two looks the daemon is asked for what it has: that takes a while, and it may not be there at all.
    let accepted = (0..2_000).find_map(|_| {
        let accepted = listener.accept().ok();
        if accepted.is_none() {
            show();
        }
        accepted
    });
    let (mut stream, _) = accepted.expect("the daemon connects");
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    send(&mut stream, &open(65_001, Ipv4Addr::new(10, 0, 0, 2), &[AddressType::BgpLs], None));
    assert_eq!(receive(&mut stream), 1, "its OPEN");
    send(&mut stream, &BgpMessage::KeepAlive);
    assert_eq!(receive(&mut stream), 4, "its KEEPALIVE");

    let (r1, r2) = (LsNode(OspfV2, 0, vec![10, 0, 0, 1]), LsNode(OspfV2, 0, vec![10, 0, 0, 2]));
    let ends = vec![
        End::IPv4InterfaceAddress(Ipv4Addr::new(10, 1, 1, 1)),
        End::IPv4NeighborAddress(Ipv4Addr::new(10, 1, 1, 2)),
    ];
    let updates = [
        announce_ls(r1.node(), vec![Said::NodeNameTlv("r1".into())]),
        announce_ls(r1.link(&r2, ends), vec![Said::IgpMetric([0, 20].into())]),
        announce_ls(r1.prefix("10.9.0.0/16"), vec![Said::PrefixMetric(30)]),
    ];
    updates.into_iter().for_each(|update| send(&mut stream, &BgpMessage::Update(update)));

    // Only the names: gobgp 3.10 prints no more of these routes, and its table without `-j` crashes on them.
    let names = || -> Vec<String> {
        let shown: BTreeMap<String, serde_json::Value> = serde_json::from_str(&show()).unwrap_or_default();
        shown.into_keys().collect()
    };
    let names = (0..200).map(|_| names()).find(|n| n.len() >= 3).unwrap_or_else(|| panic!("{}", show()));
    assert_eq!(
        names,
        [
            "NLRI { LINK { LOCAL_NODE: 10.0.0.1 REMOTE_NODE: 10.0.0.2 LINK: 10.1.1.1->10.1.1.2} }",
            "NLRI { NODE { AS:65001 BGP-LS ID:0 10.0.0.1 OSPFv2:0 } }",
            "NLRI { PREFIXv4 { LOCAL_NODE: 10.0.0.1 PREFIX: [10.9.0.0/16] } }",
        ]
    );
}
