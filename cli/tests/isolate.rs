//! `umbra isolate` from outside: cases with known answers, in every telemetry mode.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use report::{ParquetFile, Summary, Table, TableSpec, schema};

fn testdata(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/rca").join(file)
}

fn isolate(flows: &Path, telemetry: &str, out: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    command.args(["isolate", "fabric", "--telemetry", telemetry]).args(more);
    command.arg("--topology").arg(testdata("topology.csv")).arg("--flows").arg(flows).arg("--out").arg(out);
    command.output().unwrap()
}

fn table(folder: &Path, spec: &'static TableSpec) -> Table {
    ParquetFile::open(&folder.join(format!("{}.parquet", spec.name))).unwrap().table(spec).unwrap()
}

fn summary(folder: &Path) -> Summary {
    serde_json::from_slice(&std::fs::read(folder.join("summary.json")).unwrap()).unwrap()
}

/// The links that are broken in the case.
const BROKEN: [(&str, &str); 3] = [("10166", "11"), ("10121", "8"), ("10554", "36")];

#[test]
fn a_broken_link_comes_first_and_none_is_named_wrongly_whatever_the_threads() {
    let (one, four) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let flows = testdata("silent_mixed.flows.parquet");
    let output = isolate(&flows, "INT", one.path(), &["--threads", "1", "--output", "table"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("case 4: ") && text.contains("link loss 10166 → 11"), "{text}");
    assert!(isolate(&flows, "INT", four.path(), &["--threads", "4"]).status.success());
    assert_eq!(summary(one.path()).result_digest, summary(four.path()).result_digest);

    let causes = table(one.path(), &schema::CAUSES);
    let at = |i: usize| (causes.str("a")[i].as_deref().unwrap(), causes.str("b")[i].as_deref().unwrap_or(""));
    assert_eq!(at(0), BROKEN[0]);
    for i in (0..causes.len()).filter(|i| causes.f64("probability")[*i].unwrap() > 0.5) {
        assert!(BROKEN.contains(&at(i)), "{:?}", at(i));
    }
    let classes: Vec<_> = causes.str("class").iter().flatten().collect();
    assert!(["none", "unknown"].iter().all(|c| classes.iter().any(|k| k == c)));
    let (severity, low, high) =
        (causes.f64("severity")[0], causes.f64("severity_lo")[0], causes.f64("severity_hi")[0]);
    assert!(low < Some(0.016) && high > Some(0.016), "{severity:?}, {low:?} to {high:?}");

    let evidence = table(one.path(), &schema::EVIDENCE);
    let mine = |i: &usize| evidence.str("a")[*i].as_deref() == Some("10166");
    let sum: f64 = (0..evidence.len()).filter(mine).filter_map(|i| evidence.f64("log_bayes")[i]).sum();
    assert!((sum - causes.f64("log_bayes")[0].unwrap()).abs() < 1e-9);
    assert!(!table(one.path(), &schema::SETS).is_empty() && !table(one.path(), &schema::ENTITIES).is_empty());
    let p = summary(one.path()).extra["predictive_p_value"]["4"].as_f64().unwrap();
    assert!((0.01..=1.0).contains(&p), "{p}");
}

#[test]
fn a_mode_uses_no_path_that_it_does_not_grant() {
    let flows = testdata("silent_mixed.flows.parquet");
    let out = tempfile::tempdir().unwrap();
    for mode in ["A1", "A2", "A2+P", "A1+A2+P"] {
        let output = isolate(&flows, mode, out.path(), &[]);
        assert!(output.status.success(), "{mode}: {}", String::from_utf8_lossy(&output.stderr));
        let summary = summary(out.path());
        assert_eq!(summary.extra["telemetry"], mode);
        let reports = summary.extra["reports"]["4"].as_u64().unwrap();
        let expected = match mode {
            "A1" => 7_500..=7_500,
            "A2" => 1..=999,
            "A2+P" => 20_000..=20_000,
            _ => 27_500..=27_500,
        };
        assert!(expected.contains(&reports), "{mode}: {reports}");
        if mode == "A1+A2+P" {
            let causes = table(out.path(), &schema::CAUSES);
            assert_eq!(causes.str("a")[0].as_deref(), Some(BROKEN[0].0));
        }
    }
}

#[test]
fn files_that_are_none_are_named() {
    let out = tempfile::tempdir().unwrap();
    let output = isolate(&testdata("topology.csv"), "INT", &out.path().join("result"), &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("topology.csv"));
    assert!(!out.path().join("result").exists());
}

fn alarms(model: &Path, obs: &Path, out: &Path, threads: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    command.args(["isolate", "alarms", "--threads", threads]);
    command.arg("--model").arg(model).arg("--obs").arg(obs).arg("--out").arg(out);
    command.output().unwrap()
}

type Links = std::collections::BTreeSet<u64>;

fn json(file: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(testdata(file)).unwrap()).unwrap()
}

#[test]
fn alarms_tell_which_groups_failed_together() {
    let (one, four) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (model, obs) = (testdata("srlg_alarms.model.json"), testdata("srlg_alarms.obs.csv"));
    let output = alarms(&model, &obs, one.path(), "1");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(alarms(&model, &obs, four.path(), "4").status.success());
    assert_eq!(summary(one.path()).result_digest, summary(four.path()).result_digest);

    // Groups with the same links are one.
    let model = json("srlg_alarms.model.json");
    let links_of = |g: &serde_json::Value| -> Links {
        g["links"].as_array().unwrap().iter().map(|l| l.as_u64().unwrap()).collect()
    };
    let groups = model["groups"].as_array().unwrap();
    let sets = table(one.path(), &schema::SETS);
    let mut right = 0;
    for case in json("srlg_alarms.truth.json").as_array().unwrap() {
        let number = u32::try_from(case["case"].as_u64().unwrap()).ok();
        let same =
            |t: &serde_json::Value, g: &serde_json::Value| g["type"] == t["type"] && g["name"] == t["name"];
        let failed = case["groups"].as_array().unwrap().iter();
        let truth: Vec<Links> =
            failed.map(|t| links_of(groups.iter().find(|g| same(t, g)).unwrap())).collect();
        let first =
            (0..sets.len()).find(|i| sets.u32("case")[*i] == number && sets.u32("rank")[*i] == Some(1));
        let members = sets.members("members")[first.unwrap()].clone().unwrap();
        let found: Vec<Links> =
            members.iter().map(|m| links_of(&groups[m.a.parse::<usize>().unwrap()])).collect();
        right += u32::from(truth.len() == found.len() && truth.iter().all(|t| found.contains(t)));
    }
    assert!(right >= 42, "{right} of 48 sets are exact");

    let (causes, evidence) = (table(one.path(), &schema::CAUSES), table(one.path(), &schema::EVIDENCE));
    let of = |t: &Table, i: usize| (t.u32("case")[i], t.str("class")[i].clone(), t.str("a")[i].clone());
    let mut sums = std::collections::BTreeMap::new();
    for i in 0..evidence.len() {
        *sums.entry(of(&evidence, i)).or_insert(0.0) += evidence.f64("log_bayes")[i].unwrap();
    }
    for i in 0..causes.len() {
        let sum = sums.get(&of(&causes, i)).copied().unwrap_or(0.0);
        assert!((sum - causes.f64("log_bayes")[i].unwrap()).abs() < 1e-9);
    }
}

#[test]
fn alarms_that_fit_no_link_are_counted_and_bad_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let group = |link: u32| {
        let links = r#""links":[{"id":0,"a":0,"b":1},{"id":1,"a":1,"b":2}]"#;
        format!(r#"{{{links},"groups":[{{"type":"port","name":"p","links":[{link}],"prior":0.01}}]}}"#)
    };
    let model = file("model.json", &group(0));
    let out = folder.path().join("out");
    let obs =
        file("obs.csv", "case,t_s,router,link,source\n7,1,0,0,syslog\n7,1,2,0,syslog\n7,1,0,9,syslog\n");
    let output = alarms(&model, &obs, &out, "1");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let left_out = &summary(&out).extra["left_out"]["7"];
    assert_eq!((&left_out[0]["code"], &left_out[1]["code"]), (&"not-an-end".into(), &"unknown-link".into()));
    assert_eq!(summary(&out).extra["reports"]["7"], 1);

    let outside = file("outside.json", &group(2));
    let empty = file("empty.csv", "case,t_s,router,link,source\n");
    for (model, obs, said) in [(&outside, &obs, "group `p` has link 2"), (&model, &empty, "no alarms")] {
        let output = alarms(model, obs, &folder.path().join("none"), "1");
        assert_eq!(output.status.code(), Some(3));
        assert!(String::from_utf8_lossy(&output.stderr).contains(said));
        assert!(!folder.path().join("none").exists());
    }
}

fn telemetry(kinds: &[&str], out: &Path) -> Output {
    let file = |name: &str| testdata("cisco-clos").join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    command.args(["isolate", "telemetry", "--output", "table"]).arg("--topology").arg(file("cdp_map.json"));
    for kind in kinds {
        let name = if *kind == "rates" { "rate" } else { kind };
        command.arg(format!("--{kind}")).arg(file(&format!("{name}.parquet")));
    }
    command.arg("--out").arg(out).output().unwrap()
}

/// When the port was shut, by `events.csv`.
const SHUT_NS: i64 = 1_580_681_226_305_863_000;
const SHUT: &str = "HundredGigE0/0/0/13";

#[test]
fn a_port_that_was_shut_is_named_with_its_time_and_nothing_before_it() {
    let out = tempfile::tempdir().unwrap();
    for kinds in [&["rates", "counters", "bfd"][..], &["counters"], &["rates", "bfd"]] {
        let output = telemetry(kinds, out.path());
        assert!(output.status.success(), "{kinds:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let causes = table(out.path(), &schema::CAUSES);
        let classes: Vec<_> = (0..2).map(|i| causes.str("class")[i].clone().unwrap()).collect();
        assert_eq!(classes, ["link_down", "link_down"], "{kinds:?}: {text}");
        let port = |i: usize| (causes.str("a")[i].clone().unwrap(), causes.str("b")[i].clone().unwrap());
        assert_eq!(
            [port(0), port(1)],
            ["leaf4", "spine3"].map(|d| (d.to_owned(), SHUT.to_owned())),
            "{kinds:?}"
        );
        assert_eq!(causes.u32("same_as")[1], Some(0));
        let (at, low, high) =
            (causes.i64("onset_ns")[0], causes.i64("onset_lo")[0], causes.i64("onset_hi")[0]);
        assert!(low < Some(SHUT_NS) && Some(SHUT_NS) < high, "{kinds:?}: {low:?} to {high:?}");
        assert!((at.unwrap() - SHUT_NS).abs() < 6_000_000_000, "{kinds:?}: {at:?}");
        assert!(causes.i64("onset_ns").iter().flatten().all(|t| *t > SHUT_NS - 10_000_000_000), "{text}");
        assert!(text.contains("otherwise: its carrier would have stayed"), "{text}");
        let evidence = table(out.path(), &schema::EVIDENCE);
        let mine = |i: &usize| {
            evidence.str("class")[*i].as_deref() == Some("link_down")
                && evidence.str("a")[*i].as_deref() == Some("leaf4")
        };
        let sum: f64 = (0..evidence.len()).filter(mine).filter_map(|i| evidence.f64("log_bayes")[i]).sum();
        assert!((sum - causes.f64("log_bayes")[0].unwrap()).abs() < 1e-9);
        let page = std::fs::read_to_string(out.path().join("report.html")).unwrap();
        assert!(page.contains("leaf4 HundredGigE0/0/0/13") && page.contains("otherwise"));
    }
}

#[test]
fn telemetry_that_is_none_is_refused() {
    let out = tempfile::tempdir().unwrap();
    let output = telemetry(&[], &out.path().join("none"));
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("at least one of --rates, --counters, --bfd"));
}

fn generate(folder: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    command.args(["generate", "faults", "--seed", "5", "--fabric", "leaf-spine:5x3", "--hosts", "4"]);
    command.args(["--flows", "2000"]).args(more).arg("--out").arg(folder).output().unwrap()
}

#[test]
fn generated_cases_are_judged_against_their_answers() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let output = generate(folder.path(), &["--cases", "4"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = |name: &str| folder.path().join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    command.args([
        "isolate",
        "fabric",
        "--telemetry",
        "INT",
        "--calibrate",
        "--output",
        "table",
        "--topology",
    ]);
    command.arg(file("topology.csv")).arg("--flows").arg(file("silent_mixed.flows.parquet"));
    command.arg("--groups").arg(file("srlg_groups.json")).arg("--truth").arg(file("silent_mixed.truth.json"));
    let output = command.arg("--out").arg(out.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("against the answers to 4 cases") && text.contains("calibration error"), "{text}");

    let calibration = &summary(out.path()).extra["calibration"];
    // One, one, two and two links.
    assert_eq!((&calibration["faults"], &calibration["cases_with_faults"]), (&6.into(), &4.into()));
    assert!(
        calibration["recall"].as_f64().unwrap() > 0.7 && calibration["precision"].as_f64().unwrap() > 0.7
    );
    assert_eq!(calibration["classes"]["link_loss"]["faults"], 6);
    let bars = table(out.path(), &schema::CALIBRATION);
    let all = |i: &usize| bars.str("class")[*i].is_none();
    let causes: u32 = (0..bars.len()).filter(all).filter_map(|i| bars.u32("causes")[i]).sum();
    assert_eq!(calibration["ece"][0]["causes"], causes);
}

#[test]
fn cases_are_the_same_for_the_same_seed_and_bad_wishes_are_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [&one, &two] {
        assert!(generate(folder.path(), &["--cases", "2", "--class", "congestion"]).status.success());
    }
    let bytes = |folder: &tempfile::TempDir, name: &str| std::fs::read(folder.path().join(name)).unwrap();
    for name in ["congestion.flows.parquet", "congestion.counters.parquet", "congestion.truth.json"] {
        assert_eq!(bytes(&one, name), bytes(&two, name), "{name}");
    }
    for (option, value) in [("--fabric", "fat-tree:5"), ("--drop", "0.2,0.1"), ("--noise", "normal:1")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
        let output =
            command.args(["generate", "faults", option, value, "--out"]).arg(one.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(option));
    }
}

#[test]
fn alarms_are_judged_against_their_answers() {
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    command.args(["isolate", "alarms", "--calibrate", "--truth"]).arg(testdata("srlg_alarms.truth.json"));
    command.arg("--model").arg(testdata("srlg_alarms.model.json"));
    command.arg("--obs").arg(testdata("srlg_alarms.obs.csv"));
    let output = command.arg("--out").arg(out.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calibration = &summary(out.path()).extra["calibration"];
    let number = |name: &str| calibration[name].as_f64().unwrap();
    assert_eq!(calibration["cases"], 48);
    assert!(number("precision") > 0.95 && number("recall") > 0.9, "{calibration}");
    assert!(calibration["ece"][0]["ece"].as_f64().unwrap() < 0.04);
}
