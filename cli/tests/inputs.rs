//! What planners write: risk groups, edits and scenario files, from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use report::{ParquetFile, Table, TableSpec, schema};
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn testdata(file: &str) -> String {
    format!("{ROOT}/testdata/topologies/{file}")
}

fn umbra(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umbra")).args(args).env_remove("UMBRA_LOG").output().unwrap()
}

/// The row that a command prints, and its exit code.
fn row(args: &[&str]) -> (Value, i32) {
    let output = umbra(&[args, &["--output", "json"]].concat());
    let code = output.status.code().unwrap();
    assert!(code < 2, "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    (serde_json::from_slice::<Value>(&output.stdout).unwrap()[0].take(), code)
}

/// What a command that must end with 3 says.
fn refused(args: &[&str]) -> String {
    let output = umbra(args);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{args:?}: {error}");
    error
}

fn table(folder: &Path, spec: &'static TableSpec) -> Table {
    ParquetFile::open(&folder.join(format!("{}.parquet", spec.name))).unwrap().table(spec).unwrap()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn text(path: PathBuf) -> String {
    path.display().to_string()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs()
}

/// File, exit code, scenarios, base, worst, most volume lost, scenarios over the threshold: made by a slow
/// implementation of its own in another language, readers included.
const LIBRARY: [(&str, i32, u32, f64, f64, f64, u32); 12] = [
    ("backbone-single-links", 0, 16, 0.5316237980769231, 0.7202908653846155, 964.23, 0),
    ("maintenance-at-night", 1, 19, 0.33987138263665595, 0.6459807073954985, 307.8, 0),
    ("shared-conduit", 0, 5, 0.5054662379421222, 0.9581189710610933, 530.7, 0),
    ("growth-to-80-percent", 1, 16, 0.6922184870793269, 0.9378787309695513, 1255.5078125, 8),
    ("link-upgrade", 0, 16, 0.6025069711538462, 0.7625623798076924, 1092.794, 0),
    ("metric-change", 0, 16, 0.5824356971153846, 0.7202908653846155, 964.23, 0),
    ("fat-tree-double-failures", 1, 497, 0.49999999, 1.28571426, 199999996.0, 32),
    ("new-site", 0, 18, 0.5316237980769231, 0.7743774038461539, 964.23, 0),
    ("region-lost", 0, 16, 0.5192390536723164, 0.6746774839743591, 10363.5375, 0),
    ("priority-classes", 0, 16, 0.7974356971153846, 1.080436298076923, 1446.345, 5),
    ("bundle-members", 1, 19, 0.5316237980769231, 0.7202908653846155, 964.23, 6),
    ("latency-under-failures", 1, 23, 0.38990699999999995, 0.67395975, 36380.88, 0),
];

fn library(name: &str) -> String {
    format!("{ROOT}/scenarios/library/{name}.yaml")
}

#[test]
fn the_library_gives_the_figures_of_a_slow_implementation() {
    for (name, code, scenarios, base, worst, lost, over) in LIBRARY {
        let out = tempfile::tempdir().unwrap();
        let (row, ended) = row(&["whatif", &library(name), "--out", &text(out.path().join("out"))]);
        assert_eq!((ended, &row["scenarios"]), (code, &scenarios.into()), "{name}: {row}");
        for (column, wanted) in [("base_max_util", base), ("worst_max_util", worst), ("most_lost", lost)] {
            assert!(near(row[column].as_f64().unwrap(), wanted), "{name}: {column} {row}");
        }
        assert_eq!(row["over_threshold"].as_u64().unwrap_or(0), u64::from(over), "{name}");
        let inspected = umbra(&["inspect", &library(name), "--output", "csv"]);
        let rows = String::from_utf8(inspected.stdout).unwrap();
        assert!(rows.contains(&format!("\nscenarios,{scenarios},")), "{name}: {rows}");
    }
    let files = fs::read_dir(format!("{ROOT}/scenarios/library")).unwrap();
    let names = files.map(|e| e.unwrap().file_name().into_string().unwrap());
    // Two more have measured traffic, and tests of their own.
    assert_eq!(names.filter(|n| n.ends_with(".yaml") && !n.contains(".groups.")).count(), LIBRARY.len() + 2);
}

#[test]
fn breaches_name_the_demand_and_the_failure() {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("out");
    let (row, _) = row(&["whatif", &library("latency-under-failures"), "--out", &text(folder.clone())]);
    assert_eq!((&row["base_breaches"], &row["most_breaches"]), (&0.into(), &2.into()), "{row}");
    assert_eq!(row["most_breaches_failure"], "uk1.uk");
    let breaches = table(&folder, &schema::BREACHES);
    assert!(breaches.len() >= 2);
    assert!(breaches.f64("latency_ms").iter().flatten().all(|ms| *ms > 50.0));
    assert!(breaches.f64("base_latency_ms").iter().flatten().all(|ms| *ms <= 50.0));
}

#[test]
fn groups_fail_by_name_in_the_order_of_their_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| text(dir.path().join(name));
    let net = testdata("polska.xml");
    let groups =
        write(dir.path(), "g.txt", "# two ducts\nz: Link_7_9, 16\na: Gdansk - Warsaw\nagain: 16, 15\n");
    let (row, _) = row(&["whatif", &net, "--fail", &format!("groups:{groups}"), "--out", &path("named")]);
    assert_eq!((&row["scenarios"], &row["worst_failure"]), (&3.into(), &"z, again".into()));
    let named = table(&dir.path().join("named"), &schema::GROUPS);
    assert_eq!(named.u32("scenario"), &[Some(1), Some(2), Some(1)]);
    let patterns = write(dir.path(), "p.txt", "15,16\n0\n15,16\n");
    umbra(&["whatif", &net, "--fail", &format!("patterns:{patterns}"), "--out", &path("numbered")]);
    for name in ["scenarios", "arcs", "worst"] {
        let read = |folder: &str| fs::read(dir.path().join(folder).join(format!("{name}.parquet"))).unwrap();
        assert!(read("named") == read("numbered"), "{name}");
    }
    let error = refused(&["whatif", &net, "--fail", "groups", "--out", &path("none")]);
    assert!(error.contains("polska.xml: a network without risk groups"), "{error}");
    let bad = write(dir.path(), "bad.txt", "z: Link_7_9, Posnan\n");
    let error = refused(&["whatif", &net, "--fail", &format!("groups:{bad}"), "--out", &path("none")]);
    assert!(error.contains("bad.txt:1:14: unknown element 'Posnan'"), "{error}");
    assert!(error.contains("did you mean 'Poznan'?"), "{error}");
    assert!(!dir.path().join("none").exists());
}

#[test]
fn an_edit_is_held_against_the_network_as_it_was_also_in_shards() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| text(dir.path().join(name));
    let net = testdata("polska.xml");
    let edit = write(
        dir.path(),
        "e.yaml",
        "format: umbra-edit/1\nedits:\n  - remove: Gdansk - Warsaw\n  - set: {link: Link_7_11, capacity: 1244}\n",
    );
    umbra(&["whatif", &net, "--fail", "nodes", "--out", &path("before")]);
    let (_, code) = row(&["whatif", &net, "--fail", "nodes", "--edit", &edit, "--out", &path("after")]);
    assert_eq!(code, 0);
    let arcs = |name: &str| table(&dir.path().join(name), &schema::ARCS);
    let (before, after) = (arcs("before"), arcs("after"));
    let differences = table(&dir.path().join("after"), &schema::DIFFERENCES);
    assert_eq!((before.len(), after.len(), differences.len()), (36, 34, 34), "the removed link has no arcs");
    let of = |table: &Table, column: &str, arc: Option<u32>| table.f64(column)[arc.unwrap() as usize];
    for i in 0..differences.len() {
        let (now, was) = (differences.u32("arc")[i], differences.u32("arc_before")[i]);
        assert_eq!(before.u32("link")[was.unwrap() as usize], differences.u32("link")[i]);
        for (column, source) in
            [("worst", "worst_util"), ("util", "base_util"), ("load", "base_load"), ("capacity", "capacity")]
        {
            let compared = |side: &str| differences.f64(&format!("{column}_{side}"))[i];
            assert_eq!(compared("before"), of(&before, source, was), "{column} {i}");
            assert_eq!(compared("after"), of(&after, source, now), "{column} {i}");
        }
    }
    umbra(&["sweep", "plan", &net, "--fail", "nodes", "--edit", &edit, "--out", &path("sweep")]);
    umbra(&["sweep", "run", &path("sweep"), "--shard", "0/1"]);
    umbra(&["sweep", "merge", &path("sweep"), "--out", &path("merged")]);
    for name in ["scenarios", "arcs", "worst", "entities", "differences"] {
        let read = |folder: &str| fs::read(dir.path().join(folder).join(format!("{name}.parquet"))).unwrap();
        assert!(read("after") == read("merged"), "{name}");
    }
}

#[test]
fn every_demand_of_every_scenario_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let read = |threads: &str| {
        let out = dir.path().join(threads);
        let net = testdata("polska.xml");
        let args = ["whatif", &net, "--fail", "nodes", "--demands-table", "--threads", threads, "--out"];
        assert_eq!(row(&[&args[..], &[&text(out.clone())]].concat()).1, 0);
        (table(&out, &schema::DEMANDS), table(&out, &schema::SCENARIOS))
    };
    let (demands, scenarios) = read("1");
    assert_eq!(demands.len(), 13 * 132);
    assert_eq!(read("3").0, demands, "for any number of threads");
    let rows = |scenario: u32| (0..demands.len()).filter(move |i| i / 132 == scenario as usize);
    for scenario in 0..13 {
        assert!(rows(scenario).all(|i| demands.u32("scenario")[i] == Some(scenario)));
        let status = |word: &str| {
            rows(scenario).filter(|i| demands.str("status")[*i].as_deref() == Some(word)).count()
        };
        assert_eq!(status("lost_own"), if scenario == 0 { 0 } else { 22 });
        assert_eq!(Some(status("lost") as u32), scenarios.u32("disconnected_pairs")[scenario as usize]);
        assert_eq!(status("ok") == 132, scenario == 0);
    }
    assert!(demands.f64("stretch").iter().flatten().all(|s| *s > 0.0));
}

#[test]
fn a_window_of_measured_traffic_is_as_hard_as_its_hardest_matrix() {
    let dir = tempfile::tempdir().unwrap();
    let base = fs::read_to_string(library("maintenance-window")).unwrap();
    let series = format!("{ROOT}/testdata/series/abilene_5min_3h.parquet");
    let base = base.replace("../../testdata/series/abilene_5min_3h.parquet", &series);
    let base = base.replace("../../testdata/topologies/abilene.xml", &testdata("abilene.xml"));
    let out = text(dir.path().join("out"));
    let worst = |window: &str, rest: &str| {
        let (from, until) = window.split_once(' ').unwrap();
        let line = format!("from: {from}, until: {until}}}");
        let at = base.find("from:").unwrap();
        let end = at + base[at..].find('}').unwrap() + 1;
        let file = write(dir.path(), "s.yaml", &format!("{}{line}{}{rest}", &base[..at], &base[end..]));
        let (row, _) = row(&["whatif", &file, "--out", &out]);
        assert_eq!(table(Path::new(&out), &schema::DIFFERENCES).len(), 26, "the arcs of the other links");
        (row["worst_max_util"].as_f64().unwrap(), row["measured"].as_str().unwrap().to_owned())
    };
    let single: Vec<_> = (0..4).map(|i| worst(&format!("2004-03-01T01:{:02} +1m", 5 * i), "")).collect();
    let hardest = single.iter().cloned().reduce(|a, b| if b.0 > a.0 { b } else { a }).unwrap();
    assert_eq!(worst("2004-03-01T01:00 +15m", ""), hardest);
    assert!(single.iter().any(|s| s.0 < hardest.0));
    // Double the demands fill twice as much.
    assert!(near(worst("2004-03-01T01:00 +15m", "scale: 2\n").0, 2.0 * hardest.0));
    // So do twice the demands of an edit, pair by pair and matrix by matrix; a pair that sent nothing is no error.
    let edits = |list: &str| base.replace("- down: CHINng", list);
    let of = |text: &str| {
        let (row, _) = row(&["whatif", &write(dir.path(), "s.yaml", text), "--out", &out]);
        row["base_max_util"].as_f64().unwrap()
    };
    let removed = "- remove: CHINng\n  - remove_demand: {from: ATLAM5, to: NYCMng}";
    let (once, twice) = (of(&edits(removed)), of(&edits(&format!("{removed}\n  - scale: {{factor: 2}}"))));
    assert!(near(twice, 2.0 * once), "{once} {twice}");
}

#[test]
fn the_command_line_wins_over_the_file() {
    let out = tempfile::tempdir().unwrap();
    let file = library("growth-to-80-percent");
    let args = ["whatif", &file, "--dry-run", "--out", out.path().to_str().unwrap()];
    assert_eq!(row(&args).1, 1);
    let (other, code) = row(&[&args[..], &["--threshold", "0.95"]].concat());
    assert_eq!((code, &other["over_threshold"]), (0, &0.into()));
    let (none, _) = row(&[&args[..], &["--fail", "none"]].concat());
    assert_eq!(none["scenarios"], 1);
    let (double, _) = row(&[&args[..], &["--scale", "0.04"]].concat());
    assert!(
        near(double["base_max_util"].as_f64().unwrap(), 2.0 * 0.6922184870793269),
        "growth stays: {double}"
    );
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    let limit = umbra(&["whatif", &testdata("polska.xml"), "--fail-on", "overload", "--out", "x"]);
    assert_eq!(limit.status.code(), Some(2), "a finding without its limit");
    let conduit = library("shared-conduit"); // has a threshold, which no failure breaks
    assert_eq!(row(&["whatif", &conduit, "--fail-on", "overload", "--dry-run", "--out", "x"]).1, 0);
}

#[test]
fn a_wrong_scenario_says_where_and_what_would_be_right() {
    let dir = tempfile::tempdir().unwrap();
    let net = testdata("polska.xml");
    let check = |rest: &str, message: &str| {
        let file = write(dir.path(), "s.yaml", &format!("format: umbra-scenario/1\nnetwork: {net}\n{rest}"));
        for command in [&["whatif", &file, "--out", "never"][..], &["inspect", &file]] {
            let error = refused(command);
            assert!(error.contains(message), "{rest}: {error}");
        }
        assert!(!Path::new("never").exists());
    };
    check("fial: links\n", "s.yaml:3:1: unknown member 'fial'; expected one of format, description, network");
    check("fail: lniks\n", "s.yaml:3:7: found 'lniks'; expected one of none|links");
    check("fail: groups:no.yaml\n", "no.yaml: no such file");
    check("scale: 0\n", "s.yaml:3:8: found 0; expected a factor above 0");
    check("growth: {percent_per_year: 10}\n", "missing field `years`");
    check("threshold: -1\n", "s.yaml:3:12: found -1; expected a threshold above 0");
    check(
        "fail_on: [overlaod]\nthreshold: 1\n",
        "s.yaml:3:11: found 'overlaod'; expected one of overload, lost, latency",
    );
    check("fail_on: latency\n", "s.yaml:3:10: fail_on without its limit");
    check("edits:\n  - down: Warsow\n", "s.yaml:4:11: unknown element 'Warsow'");
    check("window: {series: x.parquet, from: soon}\n", "s.yaml:3:35: found 'soon'; expected a time in UTC");
    check("window: {series: no.parquet, from: 2004-03-01}\n", "no.parquet: ");
    check("edit: e.yaml\nedits:\n  - down: Warsaw\n", "s.yaml:3:7: edits in two places");
}

#[test]
fn planning_files_are_inspected() {
    let dir = tempfile::tempdir().unwrap();
    let lines = |file: &str| {
        let output = umbra(&["inspect", file, "--output", "csv"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let groups = lines(&format!("{ROOT}/scenarios/library/shared-conduit.groups.yaml"));
    assert!(groups.contains("form,risk groups,umbra-groups/1\ngroups,4,\nmembers,8,"), "{groups}");
    let json = write(dir.path(), "g.json", "{\"format\": \"umbra-groups/1\", \"groups\": {\"a\": [1]}}");
    assert!(lines(&json).contains("groups,1,"));
    let patterns = lines(&write(dir.path(), "p.txt", "1,2\n# nothing\n17\n"));
    assert!(patterns.contains("patterns,2,of at most 2 links\nhighest link,17,"), "{patterns}");
    let edit = lines(&write(
        dir.path(),
        "e.yml",
        "# mine\nformat: umbra-edit/1\ndescription: less\nedits: [{remove: a}]\n",
    ));
    assert!(edit.contains("edits,1,less"), "{edit}");
    let error = refused(&["inspect", &write(dir.path(), "x.txt", "hello\n")]);
    assert!(error.contains("x.txt:1:1: found 'hello'; expected a link number"), "{error}");
}
