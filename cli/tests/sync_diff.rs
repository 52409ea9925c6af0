//! `umbra import --overrides` and `umbra sync diff` from outside.

use std::path::Path;
use std::process::{Command, Output};

const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/lab-a/full");

const OVERRIDES: &str = "format: umbra-overrides/1
names: [{ node: r1, name: core-1 }]
capacities:
  - { link: [r2, r3], capacity: 40G }
  - { link: [r2, r9], capacity: 40G }
";

fn umbra(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    command.current_dir(folder).args(args).env_remove("UMBRA_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn overrides_change_the_twin_and_the_difference_says_how() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("o.yaml"), OVERRIDES).unwrap();
    assert_eq!(umbra(at, &["import", LAB, "--out", "a.json"]).status.code(), Some(0));
    let output = umbra(at, &["import", LAB, "--overrides", "o.yaml", "--out", "b.json"]);
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stderr);
    assert!(
        told.contains("o.yaml:5:") && told.contains("matches-nothing") && told.contains("'r9'"),
        "{told}"
    );

    let output = umbra(at, &["sync", "diff", "a.json", "b.json", "--output", "table"]);
    assert_eq!(
        text(&output.stdout),
        "a.json -> b.json\n\
         1 node renamed, 3 capacities changed\n\
         \nNodes\n  renamed  core-1, was r1\n\
         \nCapacities and delays\n\
         \x20 changed  r2:eth2 - r3:eth1 (cable): 10000000000 bit/s -> 40000000000 bit/s\n\
         \x20 changed  r2:eth2 - r3:eth1 (igp): 10000000000 bit/s -> 40000000000 bit/s\n\
         \x20 changed  r2:eth2 - r3:eth1 (lldp): 10000000000 bit/s -> 40000000000 bit/s\n"
    );
    let output = umbra(at, &["sync", "diff", "a.json", "b.json"]);
    assert_eq!(output.status.code(), Some(0), "a difference is no failure");
    assert!(
        text(&output.stdout)
            .starts_with("subject,change,element,before,after\nnode,renamed,core-1,r1,core-1\n")
    );
    let output = umbra(at, &["sync", "diff", "a.json", "a.json", "--output", "table"]);
    assert_eq!(text(&output.stdout), "a.json -> a.json\nno difference\n");
}

#[test]
fn a_mistake_in_the_overrides_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("o.yaml"), "format: umbra-overrides/1\ncapacites: []\n").unwrap();
    let output = umbra(folder.path(), &["import", LAB, "--overrides", "o.yaml", "--out", "b.json"]);
    assert_eq!(output.status.code(), Some(3));
    let told = text(&output.stderr);
    assert!(told.contains("o.yaml:2:1") && told.contains("did you mean 'capacities'"), "{told}");
    assert!(!folder.path().join("b.json").exists());
}
