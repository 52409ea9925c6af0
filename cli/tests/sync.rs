//! `umbra sync read` and `umbra sync explain` as processes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn data(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata")).join(name)
}

fn umbra(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umbra")).args(args).output().unwrap()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Reads sources into a new folder; the folder.
fn read(sources: &[&Path]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (net, tables) = (folder.path().join("net.json"), folder.path().join("tables"));
    let mut args = vec!["sync", "read"];
    args.extend(sources.iter().map(|p| p.to_str().unwrap()));
    args.extend(["--out", net.to_str().unwrap(), "--tables", tables.to_str().unwrap()]);
    let output = umbra(&args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty());
    folder
}

#[test]
fn the_tables_are_as_the_contract_says() {
    let folder = read(&[&data("lab-a/full")]);
    let table = |name: &str| text(&folder.path().join("tables").join(name));
    let cables = table("cables.csv");
    let lines: Vec<_> = cables.lines().collect();
    assert_eq!(
        lines[0],
        "a_node,a_port,b_node,b_port,carrier,lldp_ab,lldp_ba,igp,cost_ab,cost_ba,confidence"
    );
    assert_eq!(lines.len(), 8);
    assert!(lines.contains(&"e5,eth1,r2,eth3,true,true,true,none,,,1.0"), "{cables}");
    assert!(lines.contains(&"r1,eth2,r4,eth2,true,true,true,full,20,20,1.0"), "{cables}");
    assert_eq!(table("segments.csv"), "segment,node,port\n");
    assert_eq!(table("unmatched.csv"), "node,port,why\n");
    assert!(table("nodes.csv").starts_with("id,name,kind\ne5,e5,router\nh6,h6,host\nr1,r1,router\n"));
}

#[test]
fn two_folders_are_one_network_and_the_same_input_gives_the_same_bytes() {
    let (a, c) = (data("lab-a/full"), data("lab-c/full"));
    let (first, second) = (read(&[&a, &c]), read(&[&c, &a]));
    for name in ["net.json", "tables/nodes.csv", "tables/cables.csv"] {
        assert!(text(&first.path().join(name)) == text(&second.path().join(name)), "{name}");
    }
    assert_eq!(text(&first.path().join("tables/cables.csv")).lines().count(), 1 + 7 + 4);
}

#[test]
fn a_capture_without_topology_gives_an_empty_network() {
    // A pcap header (Ethernet) and no frame.
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("empty.pcap");
    let header = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1].map(u32::to_le_bytes).concat();
    std::fs::write(&capture, header).unwrap();
    let out = read(&[&capture]);
    assert!(text(&out.path().join("net.json")).contains("\"entities\": []"));
    assert_eq!(text(&out.path().join("tables/nodes.csv")), "id,name,kind\n");
}

#[test]
fn what_cannot_be_read_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let net = folder.path().join("net.json");
    let source = folder.path().join("source");
    std::fs::create_dir(&source).unwrap();
    let missing = folder.path().join("no.pcap");
    for (source, expected) in [(&source, "no recording of a node"), (&missing, "no such file")] {
        let output = umbra(&["sync", "read", source.to_str().unwrap(), "--out", net.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(3));
        assert!(String::from_utf8_lossy(&output.stderr).contains(expected));
        assert!(!net.exists());
    }
}

#[test]
fn the_evidence_for_a_link_names_directions_sources_and_means() {
    let folder = read(&[&data("lab-d/full")]);
    let net = folder.path().join("net.json");
    let explain = |a: &str, b: &str| {
        let output = umbra(&["sync", "explain", a, b, "--net", net.to_str().unwrap(), "--output", "csv"]);
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, rows, _) = explain("d1:eth3", "d5");
    assert_eq!(code, Some(0));
    assert!(rows.contains("lldp,d1:eth3,d5:eth2,up,,lldp,"), "{rows}");
    assert!(!rows.contains("lldp,d5:eth2,d1:eth3"), "d1 hears nothing: {rows}");
    assert!(rows.contains("finding,d1:eth3") || rows.contains("finding,d5:eth2"), "{rows}");
    assert!(rows.contains("igp-not-full"), "{rows}");
    let is = |begin: &str, end: &str| rows.lines().any(|r| r.starts_with(begin) && r.ends_with(end));
    assert!(is("cable,d1:eth3,d5:eth2,", ",fresh") && is("cable,d5:eth2,d1:eth3,", ",unheard"), "{rows}");
    let (code, rows, log) = explain("d1", "s4");
    assert_eq!(code, Some(0));
    assert!(!rows.contains("cable,") && log.contains("nothing is known to be between d1 and s4"));
    let (code, _, log) = explain("d1:eth33", "d5");
    assert!(
        code == Some(2) && log.contains("no port 'eth33' of d1") && log.contains("did you mean 'eth3'"),
        "{log}"
    );
}

/// The inventory has nodes of the lab's names with ports that the lab's do not have.
#[test]
fn an_inventory_beside_a_lab_gives_sites_and_findings_and_no_cable() {
    let (alone, both) = (read(&[&data("lab-a/full")]), read(&[&data("lab-a/full"), &data("netbox")]));
    let tables = |f: &tempfile::TempDir, name: &str| text(&f.path().join("tables").join(name));
    for name in ["nodes.csv", "cables.csv", "segments.csv", "unmatched.csv"] {
        assert_eq!(tables(&both, name), tables(&alone, name));
    }
    let net = text(&both.path().join("net.json"));
    assert!(net.contains("inventory-unknown-port") && net.contains("site:ams1"));
}

#[test]
fn folders_of_outputs_are_sources() {
    let folder = read(&[&data("suzieq/fabric")]);
    let nodes = text(&folder.path().join("tables/nodes.csv"));
    assert!(nodes.lines().count() > 10, "{nodes}");
}

/// Two routers with folders of their own, and captures in which they speak BGP.
#[cfg(feature = "live")]
#[test]
fn speakers_on_a_wire_are_external_unless_they_have_a_folder() {
    let capture = data("bmp/bgp_multiple-sessions/traffic.pcap");
    let kinds = |sources: &[&Path]| text(&read(sources).path().join("tables/nodes.csv"));
    let alone = kinds(&[&capture]);
    assert!(alone.contains("192.168.255.14,192.168.255.14,external\n"), "{alone}");
    let lab = tempfile::tempdir().unwrap();
    std::fs::create_dir(lab.path().join("leaf")).unwrap();
    let addresses = r#"[{"ifindex":1,"ifname":"lo","addr_info":[{"family":"inet","local":"192.168.255.14","prefixlen":32}]}]"#;
    std::fs::write(lab.path().join("leaf/ip-address.json"), addresses).unwrap();
    let both = kinds(&[lab.path(), &capture]);
    assert!(both.contains("\nleaf,") && !both.contains("192.168.255.14"), "{both}");
    assert_eq!(both.lines().count(), alone.lines().count());
}

#[test]
fn a_source_given_twice_counts_once_and_overrides_must_be_readable() {
    let lab = data("lab-a/full");
    let (once, twice) = (read(&[&lab]), read(&[&lab, &lab]));
    assert!(text(&once.path().join("net.json")) == text(&twice.path().join("net.json")));
    let folder = tempfile::tempdir().unwrap();
    let (net, tables) = (folder.path().join("net.json"), folder.path().join("tables"));
    let missing = folder.path().join("no.yaml");
    let [lab, net, tables, missing] = [&lab, &net, &tables, &missing].map(|p| p.to_str().unwrap());
    let output = umbra(&["sync", "read", lab, "--out", net, "--tables", tables, "--overrides", missing]);
    assert_eq!(output.status.code(), Some(3));
    assert!(!Path::new(net).exists() && !Path::new(tables).exists());
}

/// Everything is checked before anything is written: what cannot be written leaves neither the twin nor tables.
#[test]
fn twin_and_tables_appear_together_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (net, tables) = (folder.path().join("net.json"), folder.path().join("new/tables"));
    let source = data("lab-c/full");
    let read = |net: &Path, tables: &Path| {
        let [source, net, tables] = [&source, net, tables].map(|p| p.to_str().unwrap());
        umbra(&["sync", "read", source, "--out", net, "--tables", tables]).status.code()
    };
    assert_eq!(read(&folder.path().join("no/such/net.json"), &tables), Some(5));
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert_eq!(read(&net, &folder.path().join("file/tables")), Some(5));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["file"]);
    assert_eq!(read(&net, &tables), Some(0));
    assert!(net.is_file() && tables.join("nodes.csv").is_file());
}

/// A watch that ends by itself, and its journal.
#[cfg(feature = "live")]
#[test]
fn a_watch_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let dump = data("lab-a/full/r1/ip-link.json");
    let config = format!("nodes: {{r1: {{files: {{paths: ['{}'], every_s: 1}}}}}}\n", dump.display());
    std::fs::write(path("watch.yaml"), config).unwrap();
    let (yaml, net, journal) = (path("watch.yaml"), path("net.json"), path("journal"));
    let watch = umbra(&["sync", "watch", &yaml, "--until", "1s", "--out", &net, "--journal", &journal]);
    assert!(watch.status.success(), "{}", String::from_utf8_lossy(&watch.stderr));
    assert!(text(Path::new(&net)).contains("umbra-twin/1"));
    let again = umbra(&["sync", "replay", &journal]);
    assert!(again.status.success() && again.stdout == watch.stdout);
}

/// What is wrong with a configuration, a journal or a target is said with what would be right.
#[cfg(feature = "live")]
#[test]
fn a_watch_refuses_what_it_cannot_use_and_says_what_it_cannot_reach() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let refused = |args: &[&str], code: i32, expected: &str| {
        let output = umbra(&[&["sync"], args].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
        assert!(error.contains(expected), "{args:?}: {error}");
    };
    let config = |text: &str| {
        std::fs::write(path("c.yaml"), text).unwrap();
        path("c.yaml")
    };
    let good = "nodes: {r1: {files: {paths: [/no/such/file]}}}\n";
    refused(&["watch", &path("missing.yaml")], 3, "no such file");
    refused(&["watch", &path(".")], 3, "it is a folder");
    let address = config("nodes: {r1: {snmp: {agent: localhost}}}\n");
    refused(&["watch", &address], 3, "c.yaml:1:28: 'localhost'; expected an address and port");
    refused(&["watch", &config(good), "--out", &path(".")], 2, "is a folder; expected a file");
    refused(&["watch", &config(good), "--journal", &path("no/such/j")], 5, "cannot write the journal");
    refused(&["replay", &path("missing")], 3, "no such file");
    let output = umbra(&["sync", "watch", &config(good), "--until", "2s"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("files:r1 is stale"), "it cannot be reached");
}
