//! `umbra generate incidents` and `umbra isolate twin` from outside.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use report::{ParquetFile, Summary, Table, TableSpec, schema};

fn abilene() -> [PathBuf; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/topologies");
    [folder.join("Abilene.graph"), folder.join("Abilene.0000.demands")]
}

fn umbra(words: &[&str], net: &[PathBuf], more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umbra")).args(words).args(net).args(more).output().unwrap()
}

fn generate(seed: &str, count: &str, out: &Path) {
    let out = out.to_str().unwrap();
    let output =
        umbra(&["generate", "incidents"], &abilene(), &["--seed", seed, "--count", count, "--out", out]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn isolate(net: &[PathBuf], observed: &Path, out: &Path, more: &[&str]) -> Output {
    let folders = ["--observed", observed.to_str().unwrap(), "--out", out.to_str().unwrap()];
    umbra(&["isolate", "twin"], net, &[&folders, more].concat())
}

fn table(folder: &Path, spec: &'static TableSpec) -> Table {
    ParquetFile::open(&folder.join(format!("{}.parquet", spec.name))).unwrap().table(spec).unwrap()
}

fn summary(folder: &Path) -> Summary {
    serde_json::from_slice(&std::fs::read(folder.join("summary.json")).unwrap()).unwrap()
}

#[test]
fn incidents_are_generated_and_explained_whatever_the_threads() {
    let [made, one, four] = [0; 3].map(|_| tempfile::tempdir().unwrap());
    generate("3", "3", made.path());
    let truth: serde_json::Value =
        serde_json::from_slice(&std::fs::read(made.path().join("truth.json")).unwrap()).unwrap();
    assert_eq!(truth["cases"].as_array().unwrap().len(), 3);

    let answers = made.path().join("truth.json");
    let judged = ["--calibrate", "--truth", answers.to_str().unwrap()];
    let run = |out: &Path, more: &[&str]| isolate(&abilene(), made.path(), out, &[&judged, more].concat());
    let output = run(one.path(), &["--threads", "1", "--output", "table"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("case 0: ") && text.contains("case 2: "), "{text}");
    assert!(text.contains("against the answers to 3 cases"), "{text}");
    assert!(run(four.path(), &["--threads", "4"]).status.success());
    assert_eq!(summary(one.path()).result_digest, summary(four.path()).result_digest);

    let faulty =
        truth["cases"].as_array().unwrap().iter().filter(|c| !c["causes"].as_array().unwrap().is_empty());
    let calibration = &summary(one.path()).extra["calibration"];
    assert_eq!(
        (&calibration["cases"], &calibration["cases_with_faults"]),
        (&3.into(), &faulty.count().into())
    );
    assert!(!table(one.path(), &schema::CALIBRATION).is_empty());
    let page = std::fs::read_to_string(one.path().join("report.html")).unwrap();
    assert!(page.contains("incidents") && page.contains("other things would have been seen at"), "{page}");

    let (causes, evidence) = (table(one.path(), &schema::CAUSES), table(one.path(), &schema::EVIDENCE));
    let name = |t: &Table, i: usize| {
        (t.u32("case")[i], t.str("class")[i].clone(), t.str("a")[i].clone(), t.str("b")[i].clone())
    };
    for i in 0..causes.len() {
        let of = |k: &usize| name(&evidence, *k) == name(&causes, i);
        let sum: f64 = (0..evidence.len()).filter(of).filter_map(|k| evidence.f64("log_bayes")[k]).sum();
        let log_bayes = causes.f64("log_bayes")[i].unwrap();
        assert!((sum - log_bayes).abs() < 1e-9 * log_bayes.abs().max(1.0), "{:?}", name(&causes, i));
    }
    for case in 0..3 {
        let classes: Vec<_> = (0..causes.len())
            .filter(|i| causes.u32("case")[*i] == Some(case))
            .filter_map(|i| causes.str("class")[i].as_deref())
            .collect();
        assert!(classes.contains(&"none") && classes.contains(&"unknown"), "{classes:?}");
        assert!(summary(one.path()).extra["predictive_p_value"][case.to_string()].is_number());
    }
}

#[test]
fn what_does_not_belong_together_is_an_input_error() {
    let [made, out, empty] = [0; 3].map(|_| tempfile::tempdir().unwrap());
    generate("3", "1", made.path());
    let check = |net: &[PathBuf], observed: &Path, words: &[&str]| {
        let target = out.path().join("result");
        let output = isolate(net, observed, &target, &[]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(words.iter().all(|w| error.contains(w)), "{error}");
        assert!(!target.exists(), "nothing is left");
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/topologies");
    let other = [folder.join("AttMpls.graph"), folder.join("AttMpls.0000.demands")];
    check(&other, made.path(), &["polls.parquet", "a node of the network"]);
    check(&abilene(), empty.path(), &["polls.parquet"]);
}

#[test]
fn answers_that_do_not_belong_to_the_incidents_are_an_input_error() {
    let [made, out] = [0; 2].map(|_| tempfile::tempdir().unwrap());
    generate("3", "1", made.path());
    let file = out.path().join("truth.json");
    let check = |text: &str, words: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let target = out.path().join("result");
        let more = ["--no-simulation", "--calibrate", "--truth", file.to_str().unwrap()];
        let output = isolate(&abilene(), made.path(), &target, &more);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(error.contains("truth.json") && words.iter().all(|w| error.contains(w)), "{error}");
        assert!(!target.exists(), "nothing is left");
    };
    let of = |cause: &str| format!(r#"{{"cases": [{{"case": 0, "causes": [{cause}]}}]}}"#);
    check("{\"cases\": 3}", &["causes"]);
    check(r#"{"cases": [{"case": 9, "causes": []}]}"#, &["no answer to any incident"]);
    check(&of(r#"{"class": "link_lost", "a": "x"}"#), &["link_lost", "link_loss"]);
    check(&of(r#"{"class": "link_down", "a": "nowhere", "b": "x"}"#), &["nowhere"]);
}
