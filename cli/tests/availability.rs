//! `umbra availability`: published networks against full enumeration, and the command from outside.

use std::path::Path;
use std::process::Command;

use engine::Seeds;
use models::{Failures, NodeDemand, Routing, node_demands};
use report::{ParquetFile, schema};
use scenarios::planning::Plan;
use scenarios::planning::availability::{Effects, FailureModel, Limits, Preset, exact};
use serde_json::Value;
use topology_sync::source::files;
use twin::{Csr, Layer};

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/topologies");

/// A network with its demands.
struct Net {
    csr: Csr,
    routing: Routing,
    demands: Vec<NodeDemand>,
}

impl Net {
    fn open(files: &[&str]) -> Self {
        let paths: Vec<_> = files.iter().map(|f| Path::new(TESTDATA).join(f)).collect();
        let net = files::open_all(&paths, &files::Options::default()).unwrap();
        let csr = Csr::compile(&net.twin, Layer::Igp);
        let demands = node_demands(&csr, net.demands.as_ref().unwrap());
        Self { routing: Routing::compute(&csr, &Failures::none(&csr)), csr, demands }
    }

    fn plan(&self) -> Plan<'_> {
        Plan::new(&self.csr, &self.routing, &self.demands)
    }
}

fn links(plan: &Plan<'_>, p: f64) -> FailureModel {
    FailureModel::new(Preset::Links(p), plan, &[], Seeds::new(0)).unwrap()
}

/// Networks small enough to go through all their states, with a threshold that some failures pass.
const SMALL: [(&[&str], f64); 2] =
    [(&["Abilene.graph", "Abilene.0000.demands"], 1.4), (&["abilene.xml"], 20.0)];

const ALL: Limits = Limits { gap: 0.0, states: u64::MAX };

fn close(found: f64, wanted: f64) {
    assert!((found / wanted - 1.0).abs() < 1e-9, "{found} is not {wanted}");
}

#[test]
fn full_enumeration_gives_the_published_values() {
    let wanted =
        [(0.9988908701, 3.227265891e-4, 0.05800959749), (0.9889019614, 5.331524964e-4, 0.07609281865)];
    for ((files, threshold), wanted) in SMALL.into_iter().zip(wanted) {
        let net = Net::open(files);
        let plan = net.plan();
        let found = exact(&mut Effects::new(&plan, threshold), &links(&plan, 0.01), ALL);
        let measures = found.answer.measures;
        assert!(found.complete);
        assert_eq!(found.states, 1 << net.csr.link_count());
        close(measures.p_all_connected.value, wanted.0);
        close(measures.expected_lost_share.value, wanted.1);
        close(measures.p_util_over.value, wanted.2);
    }
}

struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

fn umbra(out: &Path, args: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_umbra"))
        .current_dir(TESTDATA)
        .arg("availability")
        .args(args)
        .args(["--output", "json", "--out"])
        .arg(out)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

const ATT: [&str; 2] = ["AttMpls.graph", "AttMpls.0000.demands"];

#[test]
fn the_command_proves_bounds_to_the_gap_and_says_what_it_cites() {
    let folder = tempfile::tempdir().unwrap();
    let run = umbra(
        folder.path(),
        &[&ATT[..], &["--failures", "p=0.001", "--exact", "--threshold", "2.0"]].concat(),
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    let summary: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("summary.json")).unwrap()).unwrap();
    for name in ["p_all_connected", "expected_lost_share", "p_util_over"] {
        let of = |what: &str| summary["measures"][name][what].as_f64().unwrap();
        assert!(of("lo") <= of("value") && of("value") <= of("hi"), "{name}");
        assert!(of("hi") - of("lo") <= 1e-6 + 1e-12, "{name}");
        assert!(summary["second_preset"]["measures"][name]["value"].is_f64());
    }
    assert_eq!(summary["second_preset"]["preset"], "wan-cenic");
    assert!(summary["second_preset"]["source"].as_str().unwrap().contains("Turner"));
    let rows: Vec<Value> = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().any(|r| r["note"] == "sensitive to preset"), "{}", run.stdout);

    let table = ParquetFile::open(&folder.path().join("availability.parquet")).unwrap();
    let table = table.table(&schema::AVAILABILITY).unwrap();
    assert_eq!(table.len(), 3);
    let nines = ParquetFile::open(&folder.path().join("nines.parquet")).unwrap();
    assert_eq!(nines.table(&schema::NINES).unwrap().len(), 600);
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let of = |threads: &str, how: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let args = [
            &ATT[..],
            &["--failures", "uniform-netdice", "--seed", "7", "--threads", threads, "--mission", "20"],
            how,
        ]
        .concat();
        let run = umbra(folder.path(), &args);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        (run.stdout, read("availability.parquet"), read("nines.parquet"), read("outages.parquet"))
    };
    for how in [&["--samples", "20000"][..], &["--exact", "--gap", "1e-4"]] {
        let one = of("1", how);
        assert!(one == of("2", how) && one == of("4", how), "{how:?}");
    }
}

#[test]
fn a_limit_makes_a_finding_and_a_cap_is_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |more: &[&str]| umbra(folder.path(), &[&ATT[..], &["--failures", "p=0.01"], more].concat());
    assert_eq!(ask(&["--samples", "1000", "--threshold", "1.0", "--fail-on", "overload=0.5"]).code, 1);
    assert_eq!(ask(&["--samples", "1000", "--threshold", "9.0", "--fail-on", "overload=0.5"]).code, 0);
    // Without more words as in `umbra whatif`: any overload at all.
    assert_eq!(ask(&["--samples", "1000", "--threshold", "1.0", "--fail-on"]).code, 1);
    assert_eq!(ask(&["--samples", "1000", "--threshold", "9.0", "--fail-on"]).code, 0);
    assert_eq!(ask(&["--samples", "1000", "--fail-on", "lost"]).code, 1);
    assert_eq!(ask(&["--samples", "1000", "--fail-on", "lost=0.9,overload=1"]).code, 0);
    assert_eq!(ask(&["--samples", "1000", "--fail-on", "lsot"]).code, 2);
    let capped = ask(&["--exact", "--max-states", "100"]);
    assert_eq!(capped.code, 0);
    assert!(capped.stderr.contains("--max-states"), "{}", capped.stderr);
}

#[test]
fn wrong_requests_say_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |args: &[&str]| umbra(folder.path(), args);
    let typo = ask(&[&ATT[..], &["--failures", "wan-cenik", "--samples", "9"]].concat());
    assert_eq!(typo.code, 2);
    assert!(typo.stderr.contains("did you mean 'wan-cenic'?"), "{}", typo.stderr);
    let neither = ask(&[&ATT[..], &["--failures", "p=0.1"]].concat());
    assert_eq!(neither.code, 2, "one of --samples and --exact is needed");
    let no_demands = ask(&["AttMpls.graph", "--failures", "p=0.1", "--samples", "9"]);
    assert_eq!(no_demands.code, 3, "{}", no_demands.stderr);
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is left");
}
