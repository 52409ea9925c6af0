//! `umbra drain` from outside: yes, no, and what is wrong with the question.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn testdata(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(file).display().to_string()
}

fn drain(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    command.args(["drain", "--output", "json"]).args(args).output().unwrap()
}

fn rows(output: &Output) -> Vec<Value> {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_answer_is_the_exit_code() {
    let net = testdata("topologies/polska.xml");
    // Base 3.37 times the capacities of the file: always too full, so the limit decides.
    let yes = drain(&[&net, "--element", "Gdansk - Warsaw", "--limit", "20"]);
    assert_eq!(yes.status.code(), Some(0));
    let all = rows(&yes);
    assert_eq!(all[0]["item"], "yes");
    let worst = all.iter().filter(|r| r["item"] == "one_more").count();
    assert_eq!(worst, 10);
    // The worst single failure of the whole network is 6.387459807: two failures are not better than one of them.
    assert!(all[0]["max_util"].as_f64().unwrap() >= all[1]["max_util"].as_f64().unwrap());
    let no = drain(&[&net, "--element", "Gdansk - Warsaw", "--limit", "1"]);
    assert_eq!(no.status.code(), Some(1));
    assert_eq!(rows(&no)[0]["item"], "no");
}

#[test]
fn the_traffic_of_a_window_counts() {
    let net = testdata("topologies/abilene.xml");
    let at = |from: &str| {
        let series = testdata("series/abilene_5min_3h.parquet");
        let output =
            drain(&[&net, "--element", "CHINng", "--series", &series, "--from", from, "--until", "+10m"]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        rows(&output)[0]["note"].as_str().unwrap().to_owned()
    };
    assert!(at("2004-03-01T00:00").starts_with("worst of 3 matrices, measured 2004-03-01T00:"));
    assert!(
        at("2026-03-01T00:00").starts_with("worst of 3 matrices, measured 2004-03-01T00:"),
        "that time of the day"
    );
}

#[test]
fn what_is_not_there_is_said() {
    let net = testdata("topologies/polska.xml");
    let error = |args: &[&str], code: i32| {
        let output = drain(&[&[net.as_str()], args].concat());
        assert_eq!(output.status.code(), Some(code));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(error(&["--element", "Gdanks"], 2).contains("did you mean 'Gdansk'?"));
    assert!(error(&["--element", "Gdansk", "--limit", "-1"], 2).contains("a utilisation above 0"));
    assert!(error(&["--element", "Gdansk", "--until", "2004-03-01"], 2).contains("before now"));
    assert!(error(&["--element", "Gdansk", "--from", "soon"], 2).contains("2004-03-02T02:00"));
    assert!(
        error(&["--element", "Gdansk", "--from", "2004-03-02", "--until", "2004-03-01"], 2)
            .contains("before")
    );
}

#[test]
fn groups_that_may_fail_besides_are_called_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let groups = folder.path().join("groups.txt");
    std::fs::write(&groups, "west-trunk: Link_7_9, Link_7_11\n").unwrap();
    let fail = format!("groups:{}", groups.display());
    let net = testdata("topologies/polska.xml");
    let all = rows(&drain(&[&net, "--element", "Gdansk", "--fail", &fail]));
    let more: Vec<_> =
        all.iter().filter(|row| row["item"] == "one_more").map(|row| &row["element"]).collect();
    assert_eq!(more, ["west-trunk"]);
}
