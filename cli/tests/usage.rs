//! Words of the command line that mean nothing are a matter of usage (2) in every command; in a file they are one of input (3).

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn umbra(line: &str) -> Output {
    let words = line.split(' ').map(|word| word.replace('~', " "));
    Command::new(env!("CARGO_BIN_EXE_umbra")).current_dir(ROOT).args(words).output().unwrap()
}

/// The line ends with that code, and says that.
#[track_caller]
fn refused(line: &str, code: i32, says: &str) {
    let output = umbra(line);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{line}: {said}");
    assert!(said.contains(says), "{line}: {said}");
    assert!(output.stdout.is_empty(), "{line} prints nothing");
}

const NET: &str = "testdata/topologies/polska.xml";
const LAB: &str = "testdata/lab-a/full";

#[test]
fn an_unknown_name_on_the_command_line_is_usage_everywhere() {
    let near = "did you mean 'Warsaw'?";
    for (line, says) in [
        (format!("drain {NET} --element Warsow"), near),
        (format!("drain {NET} --element Warsaw~-~Poznan"), "a neighbour of 'Warsaw'"),
        (format!("drain {NET} --element Warsow~-~Poznan"), near),
        (format!("drain {NET} --element node:99"), "unknown element 'node:99'"),
        (format!("whatif {NET} --maintenance Warsow@2026-01-01..+2h --out never"), near),
        (format!("availability {NET} --failures p=0.1 --exact --maintenance Warsow@8h --out never"), near),
        (format!("growth {NET} --growth Warsow=30% --limit 0.8"), near),
        (format!("growth {NET} --growth Warsow>*=30% --limit 0.8"), near),
        (format!("trace {NET} Warsow Poznan"), near),
        (format!("trace {NET} Poznan Warsow"), near),
        (format!("trace {LAB} r9 h6"), "unknown node 'r9'"),
        (format!("trace {LAB} r1:eth9 h6"), "did you mean 'eth1'"),
        (format!("trace {LAB} 203.0.113.9 h6"), "no node has the address 203.0.113.9"),
        (format!("sync explain r1 r99 --net {LAB}"), "did you mean 'r1'"),
        (format!("sync explain r1:eth99 r2 --net {LAB}"), "no port 'eth99' of r1"),
        ("demo --break NYCMnf-CHINng:1% --out never".into(), "did you mean 'NYCMng'?"),
        ("demo --break NYCMng-CHINng:300% --out never".into(), "a rate is above 0 and at most 1"),
        ("demo --guess NYCMng-LOSAng --out never".into(), "no link 'NYCMng-LOSAng'"),
        ("man whatiff".into(), "no command 'whatiff'"),
        ("schema umbra-twn/1".into(), "did you mean 'umbra-twin/1'"),
        ("whatif --fial links".into(), "'--fail'"),
    ] {
        refused(&line, 2, says);
    }
    assert!(!Path::new(ROOT).join("never").exists());
}

#[test]
fn an_unknown_name_in_a_file_is_input() {
    let folder = tempfile::tempdir().unwrap();
    for (option, text) in [
        ("--edit", "format: umbra-edit/1\nedits: [{down: Warsow}]\n"),
        ("--maintenance", "format: umbra-maintenance/1\nmaintenance: [{down: Warsow, hours_per_year: 8}]\n"),
        ("--classes", "format: umbra-classes/1\nclasses: [{name: a, share: 0.5, from: Warsow}]\n"),
    ] {
        let file = folder.path().join("words.yaml");
        fs::write(&file, text).unwrap();
        let file = file.display();
        refused(&format!("whatif {NET} {option} {file} --out never"), 3, "did you mean 'Warsaw'?");
    }
    assert!(!Path::new(ROOT).join("never").exists());
}

#[test]
fn a_file_in_the_place_of_a_folder_cannot_be_written_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("taken");
    fs::write(&file, "mine").unwrap();
    let taken = file.display();
    let alarms =
        "isolate alarms --model testdata/rca/srlg_alarms.model.json --obs testdata/rca/srlg_alarms.obs.csv";
    for line in [
        format!("whatif {NET} --out {taken}"),
        format!("availability {NET} --failures p=0.1 --exact --out {taken}"),
        format!("sweep plan {NET} --shards 2 --out {taken}"),
        format!("sync read {LAB} --out {taken}.json --tables {taken}"),
        format!("generate incidents {NET} --count 1 --out {taken}"),
        format!("generate faults --fabric fat-tree:4 --cases 1 --out {taken}"),
        format!("{alarms} --out {taken}"),
        format!("demo --out {taken}"),
    ] {
        refused(&line, 5, "taken: it is a file; expected a folder");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
