//! `umbra demo`, end to end.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use report::{ParquetFile, schema};

fn demo(args: &[&str]) -> Output {
    let umbra = Command::new(env!("CARGO_BIN_EXE_umbra")).arg("demo").args(args).output();
    umbra.expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every file of a folder but the two that hold wall time.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let name = |p: &Path| p.file_name().unwrap().to_string_lossy().into_owned();
    entries
        .filter(|p| !matches!(name(p).as_str(), "demo.json" | "summary.json"))
        .map(|p| (name(&p), std::fs::read(&p).unwrap()))
        .collect()
}

/// One run serves several tests: it is the whole product.
#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let scratch = tempfile::tempdir().unwrap();
    let run = |threads: &str| {
        let out = scratch.path().join(threads);
        let output = demo(&["--seed", "7", "--threads", threads, "--out", out.to_str().unwrap()]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        (files(&out), text(&output.stdout))
    };
    let ((one, screen), (two, _), (four, _)) = (run("1"), run("2"), run("4"));
    assert_eq!(one.len(), 9, "{:?}", one.keys());
    assert!(one == two, "2 threads differ");
    assert!(one == four, "4 threads differ");
    assert!(screen.lines().all(|l| l.chars().count() <= 80), "{screen}");
    let order = ["What the management system sees", "Production minus shadow", "Ranked causes", "The truth"];
    let at: Vec<_> = order.iter().map(|t| screen.find(t).expect("every part is there")).collect();
    assert!(at.is_sorted(), "the truth comes last");
    ledgers_sum(&scratch.path().join("1"));
    anomalies_are_of_the_hour_that_is_judged(&scratch.path().join("1"));
}

/// The first hour teaches. Windows may reach back into it; what was abnormal in it alone is no anomaly.
fn anomalies_are_of_the_hour_that_is_judged(folder: &Path) {
    let open = |name: &str| ParquetFile::open(&folder.join(name)).unwrap();
    let anomalies = open("anomalies.parquet").table(&schema::ANOMALIES).unwrap();
    for row in 0..anomalies.len() {
        let bin = |column: &str| anomalies.u32(column)[row].unwrap();
        assert!(bin("first_bin") <= bin("last_bin") && (60..120).contains(&bin("last_bin")), "{row}");
        let log_p = anomalies.f64("log_p")[row].unwrap();
        assert!(log_p.is_finite() && log_p < 0.0, "{log_p}");
    }
    let residuals = open("residuals.parquet").table(&schema::RESIDUALS).unwrap();
    assert!(residuals.f64("sigma").iter().flatten().all(|sigma| *sigma > 0.0));
}

/// The blocks of a cause sum to its log Bayes factor, and probabilities are probabilities.
fn ledgers_sum(folder: &Path) {
    let open = |name: &str| ParquetFile::open(&folder.join(name)).unwrap();
    let causes = open("causes.parquet").table(&schema::CAUSES).unwrap();
    let evidence = open("evidence.parquet").table(&schema::EVIDENCE).unwrap();
    let key = |t: &report::Table, row: usize| {
        let of = |c: &str| t.str(c)[row].clone();
        (of("class"), of("a"), of("b"))
    };
    let mut sums: BTreeMap<_, f64> = BTreeMap::new();
    for row in 0..evidence.len() {
        *sums.entry(key(&evidence, row)).or_default() += evidence.f64("log_bayes")[row].unwrap();
    }
    let classes: Vec<String> = causes.str("class").iter().flatten().cloned().collect();
    assert!(classes.contains(&"none".to_owned()) && classes.contains(&"unknown".to_owned()));
    for row in 0..causes.len() {
        let p = causes.f64("probability")[row].unwrap();
        assert!((0.0..=1.0).contains(&p), "{p}");
        if matches!(classes[row].as_str(), "none" | "unknown") {
            continue;
        }
        let (sum, stated) = (sums[&key(&causes, row)], causes.f64("log_bayes")[row].unwrap());
        assert!((sum - stated).abs() <= 1e-9 * stated.abs().max(1.0), "{sum} {stated}");
    }
}

#[test]
fn a_fault_of_the_readers_own_is_found_where_he_put_it() {
    let output = demo(&["--break", "KSCYng-DNVRng:1.5%", "--guess", "CHINng-NYCMng", "--output", "json"]);
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict["truth"], "KSCYng -> DNVRng");
    assert_eq!(verdict["rank"], 1, "{verdict}");
}

#[test]
fn nothing_wrong_is_an_answer() {
    let output = demo(&["--fault", "none", "--seed", "3", "--output", "ndjson"]);
    assert_eq!(text(&output.stdout).lines().count(), 1, "one line for one object");
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((verdict["truth"].as_str(), verdict["rank"].as_u64()), (Some("none"), Some(1)));
    assert!(verdict["probability"].as_f64().unwrap() > 0.5, "{verdict}");
}

#[test]
fn a_target_that_cannot_be_written_is_refused_before_the_work() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    for out in [file.clone(), file.join("below"), "/dev/null".into()] {
        let output = demo(&["--out", out.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(5), "{}", out.display());
        let says = format!("error: cannot write {}: ", out.display());
        assert!(text(&output.stderr).starts_with(&says), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "nothing was found out");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn what_cannot_be_broken_is_a_usage_error_and_leaves_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    for (element, says) in [
        (
            "NYCMnf-CHINng:1%",
            "unknown node 'NYCMnf'; expected a node of the network by name or number (0 to 11); did you mean 'NYCMng'?",
        ),
        (
            "NYCMng-LOSAng:1%",
            "no link 'NYCMng-LOSAng'; expected a neighbour of 'NYCMng', such as CHINng, WASHng",
        ),
        ("NYCMng-CHINng:300%", "a rate is above 0 and at most 1"),
        ("NYCMng-CHINng", "has no rate"),
        ("NYCMng-CHINng:NaN", "a rate is above 0 and at most 1"),
        ("NYCMng_CHINg:1%", "unknown link 'NYCMng_CHINg'; expected a link by name, as 'a - b', or by number"),
        ("CHINng:down", "unknown link 'CHINng'"),
    ] {
        let output = demo(&["--break", element, "--out", out.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{element}");
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
        assert!(!out.exists(), "{element}");
    }
}
