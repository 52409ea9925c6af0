//! `umbra import` and `umbra inspect` from outside: the built binary, its streams, files and exit codes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata");

fn umbra(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umbra")).args(args).env_remove("UMBRA_LOG").output().unwrap()
}

fn testdata(name: &str) -> String {
    format!("{TESTDATA}/{name}")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The value of an item in the CSV of `inspect`.
fn value(csv: &str, item: &str) -> Option<String> {
    csv.lines().find_map(|l| Some(l.strip_prefix(item)?.strip_prefix(',')?.split(',').next()?.to_owned()))
}

/// Imports `sources`, which must fail with 3, name the file and say all of `parts`, and leave nothing behind.
fn refused(folder: &Path, sources: &[&str], parts: &[&str]) {
    let out = folder.join("out");
    fs::create_dir_all(&out).unwrap();
    let target = out.join("net.json");
    let mut args = vec!["import", "--out", target.to_str().unwrap()];
    args.extend(sources);
    let output = umbra(&args);
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{error}");
    let named = sources.iter().any(|s| error.starts_with(&format!("error: {s}")));
    assert!(named, "{error}");
    for part in parts {
        assert!(error.contains(part), "'{part}' is not in: {error}");
    }
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "something was left behind");
    assert!(output.stdout.is_empty());
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path: PathBuf = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_recorded_lab_becomes_a_twin_of_six_nodes_and_seven_cables() {
    let folder = tempfile::tempdir().unwrap();
    let net = folder.path().join("net.json");
    let net = net.to_str().unwrap();
    let output = umbra(&["import", &testdata("lab-a/full"), "--out", net]);
    assert_eq!(
        (output.status.code(), stdout(&output), stderr(&output)),
        (Some(0), String::new(), String::new())
    );
    for source in [net, &testdata("lab-a/full")] {
        let csv = stdout(&umbra(&["inspect", source]));
        assert_eq!(value(&csv, "nodes").as_deref(), Some("6"), "{csv}");
        assert_eq!(value(&csv, "cables").as_deref(), Some("7"), "{csv}");
        assert_eq!(value(&csv, "half-links lldp").as_deref(), Some("14"), "{csv}");
        assert_eq!(value(&csv, "half-links igp").as_deref(), Some("10"), "{csv}");
    }
    let again = folder.path().join("again.json");
    umbra(&["import", net, "--out", again.to_str().unwrap()]);
    assert_eq!(fs::read(net).unwrap(), fs::read(again).unwrap(), "an import of an import changes nothing");
}

#[test]
fn every_network_format_is_read_and_demands_are_attached() {
    let sources: [(&[&str], &str, &str); 5] = [
        (&["topologies/abilene.xml"], "12", "132"),
        (&["topologies/Abilene.graph", "topologies/Abilene.0000.demands"], "11", "110"),
        (&["topologies/Abilene.0000.demands", "topologies/Abilene.graph"], "11", "110"),
        (&["graphml/sample.graphml"], "3", ""),
        (&["rfc8345/sample.json"], "3", ""),
    ];
    for (files, nodes, demands) in sources {
        let files: Vec<_> = files.iter().map(|f| testdata(f)).collect();
        let args: Vec<_> = ["inspect"].into_iter().chain(files.iter().map(String::as_str)).collect();
        let output = umbra(&args);
        let csv = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(value(&csv, "nodes").as_deref(), Some(nodes), "{files:?}");
        assert_eq!(value(&csv, "demands").unwrap_or_default(), demands, "{files:?}");
    }
    let csv = stdout(&umbra(&["inspect", &testdata("topologies/Abilene.0000.demands")]));
    assert_eq!(value(&csv, "demands").as_deref(), Some("110"), "demands alone can be checked too");
}

#[test]
fn flow_tables_are_inspected_too_and_a_device_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let table = write(folder.path(), "f.csv", "src,dst,packets,bytes\na,b,3,300\nb,a,4,1000\n");
    let csv = stdout(&umbra(&["inspect", &table]));
    let expected = "form,flow table,\nflows,2,\npackets,7,\nbytes,1300,on the wire\n";
    assert_eq!(csv, format!("item,value,note\n{expected}"));
    for (text, says) in [("", "the file is empty"), ("PAR1", "looks like Parquet"), ("\x1f\u{8b}", "src")] {
        let table = write(folder.path(), "f.csv", text);
        let output = umbra(&["inspect", &table]);
        assert_eq!(output.status.code(), Some(3));
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
    let output = umbra(&["inspect", "/dev/zero"]);
    assert_eq!((output.status.code(), stderr(&output).contains("no suffix")), (Some(3), true));
}

#[test]
fn captures_are_inspected_too() {
    let csv = stdout(&umbra(&["inspect", &testdata("pcap/captures/zeek__tcp_reassembly.pcap")]));
    assert_eq!(value(&csv, "form").as_deref(), Some("pcap capture"), "{csv}");
    assert!(value(&csv, "frames").unwrap().parse::<u64>().unwrap() > 0);
    let output = umbra(&["inspect", &testdata("topologies/no.pcap")]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
}

#[test]
fn one_table_in_the_form_that_was_asked_for() {
    let file = testdata("topologies/abilene.xml");
    let json = stdout(&umbra(&["inspect", &file, "--output", "json"]));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!((&rows[0]["item"], &rows[0]["value"]), (&"form".into(), &"SNDlib XML".into()));
    let lines = stdout(&umbra(&["--output", "ndjson", "inspect", &file]));
    assert_eq!(lines.lines().count(), rows.len());
    assert!(stdout(&umbra(&["inspect", &file])).starts_with("item,value,note\n"), "csv where no terminal is");
}

#[test]
fn bad_inputs_are_refused_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let good = fs::read_to_string(testdata("topologies/abilene.xml")).unwrap();
    let graph = testdata("topologies/Abilene.graph");
    let abilene = fs::read_to_string(&graph).unwrap();

    let file = write(folder, "d.demands", "DEMANDS 1\nlabel src dest bw\nd 0 11 5\n");
    refused(folder, &[&graph, &file], &[":3:5: found '11'", "a node index from 0 to 10"]);

    let file =
        write(folder, "n.xml", &good.replacen("<target>ATLAM5</target>", "<target>ATLAM6</target>", 1));
    refused(
        folder,
        &[&file],
        &[":87:5: unknown node 'ATLAM6'", "a node of this file", "did you mean 'ATLAM5'?"],
    );

    let file = write(folder, "c.xml", &good.replacen("9920.0", "-1", 1));
    refused(folder, &[&file], &[":89:6: <capacity> is '-1'", "a number of at least 0"]);
    let file = write(folder, "c.graph", &abilene.replacen("9953280", "-9953280", 1));
    refused(folder, &[&file], &[":17:15: found '-9953280'", "a finite bandwidth"]);

    let file = write(folder, "m.xml", &good.replacen("</node>", "</nod>", 1));
    refused(folder, &[&file], &[":16:4: malformed XML", "expected well-formed XML"]);

    for name in ["e.xml", "e.graph", "e.graphml", "e.json", "e.demands"] {
        let file = write(folder, name, "");
        refused(
            folder,
            &[graph.as_str(), &file][usize::from(name != "e.demands")..],
            &["the file is empty", "as its suffix says"],
        );
    }

    let file = write(folder, "s.graph", &good);
    refused(folder, &[&file], &["the content looks like SNDlib XML", "REPETITA graph, as its suffix says"]);
    let file = write(folder, "s.xml", &abilene);
    refused(folder, &[&file], &["the content looks like REPETITA graph", "SNDlib XML, as its suffix says"]);
    let file =
        write(folder, "s.json", "{\"format\": \"umbra-twin/9\", \"entities\": [], \"half_links\": []}");
    refused(folder, &[&file], &["format 'umbra-twin/9'", "format 'umbra-twin/1'"]);

    let file = write(folder, "s.txt", "hello");
    refused(folder, &[&file], &["suffix '.txt'", ".graphml"]);
    refused(folder, &["no/such/net.xml"], &["no such file"]);
    refused(folder, &[folder.to_str().unwrap()], &["no recording of a node"]);
    refused(folder, &[&graph, &testdata("topologies/abilene.xml")], &["a second network beside"]);
}

#[test]
fn a_dry_run_writes_nothing_and_a_failed_write_is_no_input_error() {
    let folder = tempfile::tempdir().unwrap();
    let net = folder.path().join("net.json");
    let file = testdata("topologies/abilene.xml");
    let output = umbra(&["import", &file, "--dry-run", "--out", net.to_str().unwrap()]);
    assert_eq!((output.status.code(), net.exists()), (Some(0), false));
    let missing = folder.path().join("no/folder/net.json");
    let output = umbra(&["import", &file, "--out", missing.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    let output = umbra(&["import", &file, "--out", "/dev/stdout"]);
    assert!(stdout(&output).starts_with("{\n  \"format\": \"umbra-twin/1\""), "{}", stderr(&output));
}

#[test]
fn an_existing_target_stays_when_the_input_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let net = write(folder.path(), "net.json", "old");
    let bad = write(folder.path(), "bad.xml", "<network>");
    assert_eq!(umbra(&["import", &bad, "--out", &net]).status.code(), Some(3));
    assert_eq!(fs::read_to_string(&net).unwrap(), "old");
    let file = testdata("topologies/abilene.xml");
    assert_eq!(umbra(&["import", &file, "--out", &net]).status.code(), Some(0));
    assert!(fs::read_to_string(&net).unwrap().starts_with("{\n"));
}

#[test]
fn usage_errors_are_2_and_a_closed_pipe_is_no_error() {
    assert_eq!(umbra(&["import", "x.xml"]).status.code(), Some(2), "--out is missing");
    assert_eq!(umbra(&["nonsense"]).status.code(), Some(2));
    assert_eq!(umbra(&["--help"]).status.code(), Some(0));
    let mut child = Command::new(env!("CARGO_BIN_EXE_umbra"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}

#[test]
fn the_manual_and_the_completions_know_every_command() {
    let page = stdout(&umbra(&["man"]));
    let script = stdout(&umbra(&["completions", "bash"]));
    for command in ["import", "inspect", "completions", "man"] {
        assert!(page.contains(command) && script.contains(command), "{command}");
    }
    assert!(stdout(&umbra(&["man", "import"])).contains("SNDlib"));
    let output = umbra(&["man", "imprt"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean 'import'?"));
}
