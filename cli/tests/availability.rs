//! `umbra availability`: published networks against full enumeration, how often intervals hold the truth, and the command
//! from outside.

use std::path::Path;
use std::process::Command;

use engine::Seeds;
use models::{Failures, NodeDemand, Routing, node_demands};
use report::{ParquetFile, schema};
use scenarios::planning::Plan;
use scenarios::planning::availability::{
    Bias, Effects, Estimate, FailureModel, Limits, Measures, Preset, exact, sample,
};
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
const SMALL: [(&[&str], f64); 4] = [
    (&["Abilene.graph", "Abilene.0000.demands"], 1.4),
    (&["abilene.xml"], 20.0),
    (&["polska.xml"], 5.0),
    (&["nobel-us.xml"], 2.2),
];

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

/// How many of so many seeds give intervals that hold the truth, by measure, and their mean width.
fn coverage(files: &[&str], threshold: f64, trials: u64, bias: Bias, seeds: u64) -> [(f64, f64, f64); 3] {
    let net = Net::open(files);
    let plan = net.plan();
    let (model, mut effects) = (links(&plan, 0.01), Effects::new(&plan, threshold));
    let tight = Limits { gap: 1e-12, states: u64::MAX };
    let truth = exact(&mut effects, &model, tight).answer.measures.named().map(|(_, e, _)| e.value);
    let mut sums = [(0.0, 0.0, 0.0); 3];
    for seed in 0..seeds {
        let found = sample(&mut effects, &model, trials, bias, Seeds::new(seed)).answer.measures;
        let found: [Estimate; 3] = Measures::named(&found).map(|(_, e, _)| e);
        for ((sum, e), truth) in sums.iter_mut().zip(found).zip(truth) {
            sum.0 += f64::from(u8::from(e.lo <= truth && truth <= e.hi));
            sum.1 += f64::from(u8::from(truth > e.hi));
            sum.2 += e.hi - e.lo;
        }
    }
    sums.map(|(held, above, width)| (held / seeds as f64, above / seeds as f64, width / seeds as f64))
}

#[test]
fn intervals_hold_the_truth_about_as_often_as_they_say() {
    // Of 200 seeds 95 % give or take four standard errors; too wide an interval fails as well as too narrow a one.
    for (files, threshold) in SMALL {
        let found = coverage(files, threshold, 2_000, Bias::Towards(2.0), 200);
        for (held, above, _) in found {
            assert!((0.89..=0.995).contains(&held), "{files:?}: {found:?}");
            assert!(above < 0.08, "{files:?}: {found:?}");
        }
    }
}

#[test]
#[ignore = "the measurement behind the figures in docs/planning.md: 1,000 seeds, some minutes"]
fn measure_coverage() {
    for (files, threshold) in SMALL {
        for trials in [300, 1_000, 3_000, 10_000] {
            let found = coverage(files, threshold, trials, Bias::Towards(2.0), 1_000);
            println!("{files:?} {trials}: {found:.4?}");
        }
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
    assert_eq!(ask(&["--samples", "1000", "--threshold", "1.0", "--fail-on", "0.5"]).code, 1);
    assert_eq!(ask(&["--samples", "1000", "--threshold", "9.0", "--fail-on", "0.5"]).code, 0);
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
